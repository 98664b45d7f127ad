//! A line that is typed on the terminal and not shown there.

use std::io;

use rustix::{
    stdio::{stderr, stdin},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::stdin::pieces;

/// Most bytes that are taken: a terminal may paste for ever.
const LONGEST: usize = 64 * 1024;

/// What became of the question.
pub enum Typed {
    /// The line, without its end.
    Line(Vec<u8>),
    /// Ctrl-C, or SIGINT.
    Interrupted,
    /// Another signal that ends programs, or the terminal is gone.
    Terminated,
}

/// The terminal while it shows nothing. Dropped, at whatever end, it is as before.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut modes = before.clone();
        // Keys come one by one and mean nothing to the terminal: no signal comes from it before it is as it was, and a
        // line may be longer than the 4096 bytes of its own editing (termios(3)).
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question was shown is no answer.
        tcsetattr(stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Where this fails the terminal is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        let _ = rustix::io::write(stderr(), b"\n");
    }
}

/// Shows `question` on the terminal and takes a line of it. Standard input must be one.
///
/// # Errors
/// When the terminal cannot be set or read.
pub async fn line(question: &str) -> io::Result<Typed> {
    // Before the terminal is changed: from then on whatever ends this program restores it first.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::quit())?];
    let [terminate, hangup, quit] = &mut ends;
    let _hidden = Hidden::new()?;
    let _ = rustix::io::write(stderr(), question.as_bytes());
    let mut pieces = pieces(rustix::io::dup(stdin())?)?;
    let mut typed = Vec::new();
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece.transpose()?,
            _ = interrupts.recv() => return Ok(Typed::Interrupted),
            _ = terminate.recv() => return Ok(Typed::Terminated),
            _ = hangup.recv() => return Ok(Typed::Terminated),
            _ = quit.recv() => return Ok(Typed::Terminated),
        };
        let Some(piece) = piece else { return Ok(Typed::Terminated) };
        for byte in piece {
            match key(&mut typed, byte) {
                Key::More => {}
                Key::End => return Ok(Typed::Line(typed)),
                Key::Interrupt => return Ok(Typed::Interrupted),
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Key {
    More,
    End,
    Interrupt,
}

/// What a key does to the line, as in the terminal's own editing.
fn key(line: &mut Vec<u8>, byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' | 0x04 => return Key::End,
        0x03 | 0x1c => return Key::Interrupt,
        0x08 | 0x7f => drop(line.pop()),
        0x15 => line.clear(),
        _ if line.len() < LONGEST => line.push(byte),
        _ => {}
    }
    Key::More
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_the_line() {
        for (typed, expected, end) in [
            (&b"ab\r"[..], &b"ab"[..], Key::End),
            (b"ab\n", b"ab", Key::End),
            (b"\x04", b"", Key::End),
            (b"abx\x7f\x7fc\x08d\r", b"ad", Key::End),
            (b"\x7fab\x15cd\r", b"cd", Key::End),
            (b"ab\x03", b"ab", Key::Interrupt),
            (b"ab", b"ab", Key::More),
        ] {
            let mut line = Vec::new();
            let last = typed.iter().map(|byte| key(&mut line, *byte)).last();
            assert_eq!((line.as_slice(), last), (expected, Some(end)), "{typed:?}");
        }
    }
}
