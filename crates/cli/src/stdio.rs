//! A server for the program that has started this one, over standard input and output, a message a line. It ends when its
//! input does.

use std::{io, os::fd::AsFd, time::Duration};

use codex_config::Environment;
use codex_protocol::{RpcError, ServerMessage, SessionSource};
use codex_server::{Calls, Cassette, Hub};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};

use crate::{commands::exec::OWN_PROGRAM, exec::ExitStatus, open_files, stdin, terminal};

/// The longest line that is read, in bytes: a message may hold pictures.
const LONGEST: usize = 64 << 20;
/// How long the program may take to read what was said last.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Messages that wait for the program at either end.
const WAITING: usize = 64;

/// Has `face` speak for a connection to a server in this process, until it ends or somebody says to stop. Then what runs is
/// interrupted, and sessions are closed.
///
/// # Errors
/// A sentence for the user when nothing can be read.
pub async fn serve<F: Future<Output = ()>>(
    environment: Environment,
    cassette: Option<Cassette>,
    face: impl FnOnce((Calls, mpsc::Receiver<ServerMessage>), mpsc::Receiver<String>, mpsc::Sender<String>) -> F,
) -> Result<ExitStatus, String> {
    let failed = |error: io::Error| format!("cannot listen: {error}");
    let mut stop = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    open_files::as_many_as_allowed();
    let hub = Hub::start(environment, OWN_PROGRAM.into(), SessionSource::AppServer, None, cassette);
    let (outgoing, written) = writer().map_err(failed)?;
    let incoming = reader(outgoing.downgrade()).map_err(failed)?;
    tokio::select! {
        () = face(hub.connect(), incoming, outgoing) => {}
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
    hub.drain(Duration::ZERO).await;
    // What was said last is still being written; perhaps nobody reads it.
    let _ = tokio::time::timeout(LAST_WORDS, written).await;
    Ok(ExitStatus::Done)
}

/// The lines of standard input. One that is too long is refused, and left out.
fn reader(outgoing: mpsc::WeakSender<String>) -> io::Result<mpsc::Receiver<String>> {
    let mut pieces = stdin::pieces(rustix::stdio::stdin().as_fd().try_clone_to_owned()?)?;
    let (send, lines) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut lines = Lines::default();
        while let Some(Ok(piece)) = pieces.recv().await {
            for line in lines.of(&piece) {
                let sent = match line {
                    Some(line) => send.send(line).await.is_ok(),
                    None => match outgoing.upgrade() {
                        Some(outgoing) => outgoing.send(too_long()).await.is_ok(),
                        None => false,
                    },
                };
                if !sent {
                    return;
                }
            }
        }
        // A last line without its end.
        if let Some(line) = lines.of(b"\n").into_iter().flatten().next() {
            let _ = send.send(line).await;
        }
    });
    Ok(lines)
}

fn too_long() -> String {
    let message = format!("Invalid request: the line is longer than {} MiB", LONGEST >> 20);
    serde_json::json!({ "id": null, "error": RpcError { code: -32600, message, data: None } }).to_string()
}

/// Pieces put together to lines.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    /// Whether the line that has begun is too long already.
    overlong: bool,
}

impl Lines {
    /// The lines that end in `piece`, without empty ones; `None` for one that is too long. What is not UTF-8 is replaced:
    /// such a line is not JSON.
    fn of(&mut self, piece: &[u8]) -> Vec<Option<String>> {
        let mut ended = Vec::new();
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.begun.len() + part.len() > LONGEST {
                self.overlong = true;
                self.begun = Vec::new();
            }
            if !self.overlong {
                self.begun.extend_from_slice(part);
            }
            if parts.peek().is_some() {
                let line = std::mem::take(&mut self.begun);
                match std::mem::take(&mut self.overlong) {
                    true => ended.push(None),
                    false if line.iter().all(u8::is_ascii_whitespace) => {}
                    false => ended.push(Some(String::from_utf8_lossy(&line).into_owned())),
                }
            }
        }
        ended
    }
}

/// Where messages go to be written to standard output, and a receiver that ends when no more are written.
fn writer() -> io::Result<(mpsc::Sender<String>, oneshot::Receiver<()>)> {
    let (outgoing, mut messages) = mpsc::channel::<String>(WAITING);
    let (done, written) = oneshot::channel();
    // On a thread of its own: nothing interrupts a write, and nobody may be reading.
    let write = move || {
        while let Some(mut message) = messages.blocking_recv() {
            message.push('\n');
            if terminal::print(&message).is_err() {
                break;
            }
        }
        let _ = done.send(());
    };
    std::thread::Builder::new().name("stdout".into()).spawn(write)?;
    Ok((outgoing, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_one_that_is_too_long_costs_only_itself() {
        let mut lines = Lines::default();
        assert!(lines.of(b"{\"a\":").is_empty());
        assert_eq!(lines.of(b"1}\r\n\n{}\n{"), [Some("{\"a\":1}\r".to_owned()), Some("{}".to_owned())]);
        let half = vec![b'x'; LONGEST / 2];
        assert!(lines.of(&half).is_empty() && lines.of(&half).is_empty());
        assert!(lines.begun.is_empty(), "it is not held");
        assert_eq!(lines.of(b"\nnext\n"), [None, Some("next".to_owned())]);
    }
}
