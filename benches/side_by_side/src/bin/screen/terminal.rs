//! A pseudo-terminal of 80×24 and what is seen on it. What a program asks of its terminal is answered as terminals do.

use std::{io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    process::{Pid, ioctl_tiocsctty},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetpgrp, tcsetwinsize},
};
use vt100::{Callbacks, Parser, Screen};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// What the composer's row begins with.
const MARK: char = '›';

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Our end of the terminal, and what is on it.
pub(crate) struct Terminal {
    pub(crate) end: OwnedFd,
    parser: Parser<Answers>,
    buffer: Vec<u8>,
}

impl Terminal {
    /// A terminal that belongs to this process, which is the first of its session; and the end for the program.
    pub(crate) fn open() -> io::Result<(Self, OwnedFd)> {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&end)?;
        unlockpt(&end)?;
        let theirs = ioctl_tiocgptpeer(&end, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        tcsetwinsize(&end, Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 })?;
        ioctl_tiocsctty(&theirs)?;
        let parser = Parser::new_with_callbacks(ROWS, COLUMNS, 0, Answers::default());
        Ok((Self { end, parser, buffer: vec![0; PIECE] }, theirs))
    }

    /// Gives the keyboard to the processes of `group`.
    pub(crate) fn give_to(theirs: &OwnedFd, group: Pid) -> io::Result<()> {
        Ok(tcsetpgrp(theirs, group)?)
    }

    /// Shows what the program has written, and answers what it has asked. Whether there was something: there is nothing
    /// more once the program has gone.
    pub(crate) fn read(&mut self) -> io::Result<bool> {
        let count = match rustix::io::read(&self.end, &mut self.buffer) {
            // The last process that had the other end open has gone.
            Err(Errno::IO) => 0,
            other => other?,
        };
        self.parser.process(&self.buffer[..count]);
        let answers = std::mem::take(&mut self.parser.callbacks_mut().said);
        self.write(&answers)?;
        Ok(count > 0)
    }

    /// Types.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = rustix::io::write(&self.end, bytes)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Whether a frame is complete: between the marks of a synchronized update a terminal shows what was before.
    pub(crate) fn is_complete(&self) -> bool {
        !self.parser.callbacks().is_updating
    }

    /// Everything on the screen.
    pub(crate) fn contents(&self) -> String {
        self.parser.screen().contents()
    }

    /// What stands in the composer, if there is one: in the last row that begins with its mark. (So do messages of the
    /// user, above it.)
    pub(crate) fn composer(&self) -> Option<String> {
        let rows: Vec<String> = self.parser.screen().rows(0, COLUMNS).collect();
        let text = |row: &String| Some(row.trim_start().strip_prefix(MARK)?.trim().to_owned());
        rows.iter().rev().find_map(text)
    }
}

/// What is asked of a terminal and cannot be seen on it.
#[derive(Default)]
struct Answers {
    said: Vec<u8>,
    is_updating: bool,
}

impl Callbacks for Answers {
    fn unhandled_csi(&mut self, screen: &mut Screen, first: Option<u8>, _: Option<u8>, params: &[&[u16]], last: char) {
        let number = params.first().and_then(|param| param.first()).copied().unwrap_or_default();
        match (first, number, last) {
            (Some(b'?'), 2026, 'h') => self.is_updating = true,
            (Some(b'?'), 2026, 'l') => self.is_updating = false,
            (Some(b'?'), mode, 'p') => {
                let state = if mode == 2026 { 2 } else { 0 };
                self.said.extend(format!("\x1b[?{mode};{state}$y").bytes());
            }
            (Some(b'?'), _, 'u') => self.said.extend(b"\x1b[?0u"),
            (None, 5, 'n') => self.said.extend(b"\x1b[0n"),
            (None, 6, 'n') => {
                let (row, column) = screen.cursor_position();
                self.said.extend(format!("\x1b[{};{}R", row + 1, column + 1).bytes());
            }
            (None, 0, 'c') => self.said.extend(b"\x1b[?62;22c"),
            (Some(b'>'), 0, 'c') => self.said.extend(b"\x1b[>1;10;0c"),
            (Some(b'>'), 0, 'q') => self.said.extend(b"\x1bP>|side-by-side\x1b\\"),
            (None, 18, 't') => self.said.extend(format!("\x1b[8;{ROWS};{COLUMNS}t").bytes()),
            _ => {}
        }
    }

    fn unhandled_osc(&mut self, _: &mut Screen, params: &[&[u8]]) {
        match params {
            [b"10", b"?", ..] => self.said.extend(b"\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\"),
            [b"11", b"?", ..] => self.said.extend(b"\x1b]11;rgb:1010/1010/1010\x1b\\"),
            _ => {}
        }
    }
}
