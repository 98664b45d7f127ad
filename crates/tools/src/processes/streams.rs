//! The streams of a command under way: a pipe that is read, or a terminal that is also typed to.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
};

use anstream::adapter::StripBytes;
use codex_sandbox::{Terminal, TerminalSize};
use tokio::net::unix::pipe;

/// Most that is read after the command has ended, in bytes: the capacity of its pipe. What survives an unconfined
/// command may go on writing for ever.
const LEFT: usize = 1 << 20;

/// Our ends of a command's streams.
pub(super) enum Streams {
    Pipe(pipe::Receiver),
    Terminal(Terminal, Plain),
}

impl Streams {
    pub(super) fn pipe(output: pipe::Receiver) -> Self {
        Self::Pipe(output)
    }

    pub(super) fn terminal(terminal: Terminal) -> Self {
        Self::Terminal(terminal, Plain::default())
    }

    /// The next bytes; 0 at the end. May be dropped while it waits.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(terminal, _) => terminal.read(buffer).await,
            Self::Pipe(pipe) => loop {
                pipe.readable().await?;
                match pipe.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return outcome,
                }
            },
        }
    }

    /// Types what there is room for; returns how much that was. May be dropped while it waits.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(terminal, _) => terminal.write_some(bytes).await,
            Self::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        if let Self::Terminal(terminal, _) = self {
            // It fails only if the terminal is gone.
            let _ = terminal.resize(size);
        }
    }

    /// `piece` as it is kept: what a terminal would act on is taken out.
    pub(super) fn plain<'piece>(&mut self, piece: &'piece [u8]) -> Cow<'piece, [u8]> {
        match self {
            Self::Pipe(_) => Cow::Borrowed(piece),
            Self::Terminal(_, plain) => Cow::Owned(plain.next(piece)),
        }
    }

    /// Reads what is there without waiting for more. Past tokio, which may not know yet that there is something.
    pub(super) fn drain(mut self, buffer: &mut [u8], mut keep: impl FnMut(Cow<[u8]>)) {
        let mut left = LEFT;
        while left > 0 {
            let most = left.min(buffer.len());
            match self.read_now(&mut buffer[..most]) {
                Ok(count) if count > 0 => {
                    keep(self.plain(&buffer[..count]));
                    left -= count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(terminal, _) => terminal.try_read(buffer),
            // A second descriptor of the same pipe: reading it does not wait either.
            Self::Pipe(pipe) => File::from(pipe.as_fd().try_clone_to_owned()?).read(buffer),
        }
    }
}

/// Makes plain text of what a program writes to a terminal: no escape sequences, lines that end in `\n` alone.
#[derive(Default)]
pub(super) struct Plain {
    escapes: StripBytes,
    /// A carriage return that may be the first half of a line end.
    held: bool,
}

impl Plain {
    fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(piece.len() + 1);
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            for byte in self.escapes.strip_next(body).flatten().copied() {
                if std::mem::replace(&mut self.held, byte == b'\r') && byte != b'\r' {
                    plain.push(b'\r');
                }
                if byte != b'\r' {
                    plain.push(byte);
                }
            }
            if body.len() < line.len() {
                plain.push(b'\n');
                self.held = false;
                // A sequence that never ends (ECMA-48 has such strings) must not swallow what follows.
                self.escapes = StripBytes::default();
            }
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn what_is_in_the_pipe_is_read_and_no_more_is_waited_for() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut kept_open = writer.try_clone().unwrap();
        kept_open.write_all(b"last words").unwrap();
        let streams = Streams::pipe(pipe::Receiver::from_owned_fd(reader.into()).unwrap());
        let mut output = Vec::new();
        streams.drain(&mut [0; 4], |piece| output.extend_from_slice(&piece));
        assert_eq!(output, b"last words");
    }

    #[test]
    fn terminal_output_becomes_plain_wherever_it_is_cut() {
        let table: &[(&[u8], &[u8])] = &[
            (b"one\r\ntwo\r\n", b"one\ntwo\n"),
            (b"\x1b[31mred\x1b[0m \x1b]0;title\x07end", b"red end"),
            (b"10%\r20%\r\r\n", b"10%\r20%\n"),
            ("é\r\nü".as_bytes(), "é\nü".as_bytes()),
            (b"a\x1b]never ends\nb\x1bPnor this\r\nc", b"a\nb\nc"),
        ];
        for (written, expected) in table {
            for cut in 0..=written.len() {
                let mut plain = Plain::default();
                let kept = [plain.next(&written[..cut]), plain.next(&written[cut..])].concat();
                assert_eq!(kept, *expected, "{written:?} cut at {cut}");
            }
        }
    }
}
