//! Terminals of commands (pty(7)): made inside the cell, held by the parent.
//!
//! It must never wait for a command: reading and typing take what is there and what there is room for.

use std::{io, os::fd::OwnedFd};

use rustix::{
    io::{Errno, ioctl_fionbio},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{Process, cell::register};

/// Size of a terminal in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// A running command in a terminal of its own. Dropping `process` kills it, dropping `terminal` hangs up.
pub struct TerminalChild {
    /// What it shows and what is typed to it.
    pub terminal: Terminal,
    /// Its life.
    pub process: Process,
}

/// Our end of a command's terminal.
pub struct Terminal(AsyncFd<OwnedFd>);

impl Terminal {
    pub(crate) fn new(ours: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&ours, true)?;
        Ok(Self(register(ours, Interest::READABLE | Interest::WRITABLE)?))
    }

    /// Waits for what the command shows and reads it; 0 when nobody has the other end open any more. May be dropped
    /// while it waits; nothing is lost.
    ///
    /// # Errors
    /// Those of read(2).
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.async_io(Interest::READABLE, |terminal| read(terminal, buffer)).await
    }

    /// As [`Terminal::read`], without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is nothing, those of read(2).
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        read(self.0.get_ref(), buffer)
    }

    /// Waits until there is room, types what fits of `bytes` and returns how much that was. May be dropped while it
    /// waits; nothing was typed then.
    ///
    /// # Errors
    /// Those of write(2).
    pub async fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.async_io(Interest::WRITABLE, |terminal| Ok(rustix::io::write(terminal, bytes)?)).await
    }

    /// Changes the size; the command is told (`SIGWINCH`).
    ///
    /// # Errors
    /// Those of ioctl_tty(2).
    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        Ok(tcsetwinsize(self.0.get_ref(), window(size))?)
    }
}

/// Linux says `EIO` where a pipe would say that it has ended.
fn read(terminal: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(terminal, buffer) {
        Err(Errno::IO) => Ok(0),
        outcome => Ok(outcome?),
    }
}

/// A new terminal: our end and the command's. Called in the cell, so that it is one of the cell's.
pub(crate) fn open(size: TerminalSize) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    tcsetwinsize(&ours, window(size))?;
    Ok((ours, theirs))
}

fn window(size: TerminalSize) -> Winsize {
    Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 }
}
