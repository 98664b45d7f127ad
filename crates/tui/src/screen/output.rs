//! The terminal as a file: what is written goes out at once, in one piece.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    stdio::{stdin, stdout},
    termios::tcgetwinsize,
};

use crate::text::Size;

/// Standard output without a buffer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output;

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(stdout(), bytes) {
                // Another program may have made the terminal one that does not wait.
                Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], None)?),
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The size of the terminal; the usual one if it does not know.
pub fn size() -> Size {
    let known = tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin()));
    known.map_or(Size::new(0, 0), |size| Size::new(size.ws_col, size.ws_row))
}
