//! Messages over the standard streams of a program: one on each line. What is no message is kept as if it had been written
//! to standard error, and the connection goes on.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    RoleClient,
    model::{ErrorData, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::limits;

/// The last bytes of what a program says beside its messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&bytes[bytes.len().saturating_sub(limits::STDERR)..]);
        let over = kept.len().saturating_sub(limits::STDERR);
        kept.drain(..over);
    }

    /// The text, whatever it was; the first line may be a part of one.
    pub(crate) fn text(&self) -> String {
        let kept: Vec<u8> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        limits::words(&String::from_utf8_lossy(&kept), 2 * limits::STDERR)
    }

    /// Keeps all that comes, until its end.
    pub(crate) async fn fill(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 4 << 10];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..read]);
        }
    }
}

/// A program's streams, as messages come and go over them.
pub(crate) struct Pipes<R, W> {
    read: BufReader<R>,
    /// The beginning of a line. Receiving may be given up in the midst of one.
    line: Vec<u8>,
    write: Arc<tokio::sync::Mutex<Option<W>>>,
    tail: Tail,
    /// Why the end came, if not by itself.
    broken: Broken,
}

/// Why a connection was ended from here, in words that follow the server's name.
pub(crate) type Broken = Arc<Mutex<Option<String>>>;

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pipes<R, W> {
    pub(crate) fn new(read: R, write: W, tail: Tail, broken: Broken) -> Self {
        let write = Arc::new(tokio::sync::Mutex::new(Some(write)));
        Self { read: BufReader::with_capacity(64 << 10, read), line: Vec::new(), write, tail, broken }
    }

    /// The next line, without its end; `None`: there is no more.
    async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            let there = self.read.fill_buf().await.ok().filter(|there| !there.is_empty())?;
            let end = there.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(there.len());
            self.line.extend_from_slice(&there[..taken]);
            self.read.consume(taken + usize::from(end.is_some()));
            if self.line.len() > limits::MESSAGE {
                let why = format!("sent a message of more than {} MiB", limits::MESSAGE >> 20);
                *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                return None;
            }
            if end.is_some() {
                return Some(std::mem::take(&mut self.line));
            }
        }
    }
}

/// The message on a line. An answer that cannot be read fails what it answers: nobody waits for it in vain.
fn message(line: &[u8]) -> Option<RxJsonRpcMessage<RoleClient>> {
    let error = match serde_json::from_slice(line) {
        Ok(message) => return Some(message),
        Err(error) => error,
    };
    let said: Value = serde_json::from_slice(line).ok()?;
    let is_answer = said.get("result").is_some() || said.get("error").is_some();
    let id: RequestId = serde_json::from_value(said.get("id").filter(|_| is_answer)?.clone()).ok()?;
    let why = format!("its answer cannot be read: {error}");
    Some(RxJsonRpcMessage::<RoleClient>::error(ErrorData::internal_error(why, None), Some(id)))
}

impl<R, W> Transport<RoleClient> for Pipes<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let write = Arc::clone(&self.write);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let write = write.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            write.write_all(&line).await?;
            write.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = self.next_line().await?;
            match message(&line) {
                Some(message) => return Some(message),
                None if line.trim_ascii().is_empty() => {}
                None => {
                    self.tail.push(&line);
                    self.tail.push(b"\n");
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // A program that does not read holds the lock.
        if let Ok(mut write) = self.write.try_lock() {
            *write = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonRpcMessage;

    use super::*;

    async fn received(text: &'static [u8]) -> (Vec<String>, String, Option<String>) {
        let (tail, broken) = (Tail::default(), Broken::default());
        let mut pipes = Pipes::new(text, tokio::io::sink(), tail.clone(), Arc::clone(&broken));
        let mut seen = Vec::new();
        while let Some(message) = pipes.receive().await {
            seen.push(match message {
                JsonRpcMessage::Notification(_) => "notification".to_owned(),
                JsonRpcMessage::Response(_) => "response".to_owned(),
                JsonRpcMessage::Request(_) => "request".to_owned(),
                JsonRpcMessage::Error(error) => format!("error: {}", error.error.message),
            });
        }
        let broken = broken.lock().unwrap().clone();
        (seen, tail.text(), broken)
    }

    #[tokio::test]
    async fn what_is_no_message_is_noise() {
        let text =
            b"Starting up...\n\n{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n{\"half\": \n[1]\n\xff\xfe\r\n\
            {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\nno end";
        let (seen, noise, broken) = received(text).await;
        assert_eq!(seen, ["notification", "response"]);
        assert_eq!(noise, "Starting up...\n{\"half\": \n[1]\n\u{fffd}\u{fffd}\n");
        assert_eq!(broken, None);
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_fails_what_it_answers() {
        let (seen, noise, _) = received(b"{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":{}}\n").await;
        assert!(seen[0].starts_with("error: its answer cannot be read"), "{seen:?}");
        assert_eq!(noise, "");
    }

    #[tokio::test]
    async fn a_line_without_end_ends_it() {
        let (seen, _, broken) = received(vec![b'x'; limits::MESSAGE + 1].leak()).await;
        assert_eq!((seen.len(), broken.as_deref()), (0, Some("sent a message of more than 4 MiB")));
    }

    #[test]
    fn the_end_of_what_is_said_is_kept() {
        let tail = Tail::default();
        tail.push(&[b'a'; 10_000]);
        tail.push(b"end");
        assert_eq!((tail.text().len(), tail.text().ends_with("aend")), (limits::STDERR, true));
    }
}
