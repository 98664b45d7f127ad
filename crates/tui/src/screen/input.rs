//! What comes from the terminal: keys, pastes, a new size, its end.

use std::{collections::VecDeque, io, time::Duration};

use futures_util::{Stream, stream};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::BorrowedFd,
    stdio::stdin,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

use super::{output, parse::Parser};
use crate::{key::Key, text::Size};

/// What comes from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted; its lines end in `\n`.
    Paste(String),
    /// The terminal has another size.
    Resize(Size),
    /// The terminal has the keyboard, or lost it.
    Focus(bool),
    /// The mouse wheel was turned by so many rows, upwards if negative. Only in the alternate buffer.
    Scroll(i32),
    /// The terminal's background: red, green and blue.
    Background(u8, u8, u8),
    /// The terminal has answered all that it was asked.
    Answered,
    /// There is no terminal any more. Nothing comes after it.
    Gone,
}

/// How long the rest of a sequence may take to come. A lone Esc is one after that time.
const REST: Duration = Duration::from_millis(25);
/// Most that is read at once.
const CHUNK: usize = 1 << 16;

/// All input from now on. Has to be called within a runtime. A process that is not polled for it takes none.
///
/// The terminal is read here and not by a library: one that has hung up has to end the stream, and no thread may wait
/// for it. It is never read without something being there, so it need not be made one that does not wait: that would
/// be so for the shell as well.
pub fn inputs() -> impl Stream<Item = Input> + Unpin {
    let reader = Reader::new().ok();
    Box::pin(stream::unfold(reader, |reader| async {
        let mut reader = reader?;
        let input = reader.next().await;
        let rest = (input != Input::Gone).then_some(reader);
        Some((input, rest))
    }))
}

struct Reader {
    terminal: AsyncFd<BorrowedFd<'static>>,
    resized: Signal,
    /// The last one that is known.
    size: Size,
    parser: Parser,
    ready: VecDeque<Input>,
}

impl Reader {
    #[allow(deprecated, reason = "sound here: standard input is not closed as long as the program runs")]
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminal: AsyncFd::with_interest(stdin(), Interest::READABLE)?,
            resized: signal(SignalKind::window_change())?,
            size: output::size(),
            parser: Parser::default(),
            ready: VecDeque::new(),
        })
    }

    async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return input;
            }
            let waits = self.parser.waits();
            tokio::select! {
                biased;
                Some(()) = self.resized.recv() => {
                    self.size = output::size();
                    return Input::Resize(self.size);
                }
                guard = self.terminal.readable() => {
                    let Ok(mut guard) = guard else { return Input::Gone };
                    match guard.try_io(|_| read()) {
                        Ok(Ok(bytes)) if bytes.is_empty() => return Input::Gone,
                        Ok(Ok(bytes)) => {
                            // The signal may be handled after keys that came after it.
                            let size = output::size();
                            if size != std::mem::replace(&mut self.size, size) {
                                self.ready.push_back(Input::Resize(size));
                            }
                            self.parser.feed(&bytes, &mut self.ready);
                        }
                        Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                        Ok(Err(_)) => return Input::Gone,
                        // Nothing was there.
                        Err(_) => {}
                    }
                }
                () = sleep(REST), if waits => self.parser.flush(&mut self.ready),
            }
        }
    }
}

/// What is there to read; nothing at the end.
fn read() -> io::Result<Vec<u8>> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], Some(&now))? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let mut bytes = vec![0; CHUNK];
    let read = rustix::io::read(stdin(), &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
