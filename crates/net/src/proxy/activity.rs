//! Notices when nothing has moved on a connection for a while.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

/// When something was last read or written.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits until nothing has moved for `limit`.
    pub(super) async fn ceased(&self, limit: Duration) {
        loop {
            let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A stream that notes its activity. All that a client of the proxy sends and gets passes through its one stream.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Activity,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Activity) -> Self {
        Self { stream, activity }
    }

    fn noted<T>(&self, outcome: Poll<T>) -> Poll<T> {
        if outcome.is_ready() {
            self.activity.note();
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.noted(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::advance,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_silence_ends_a_connection() {
        let limit = Duration::from_secs(10);
        let nearly = limit - Duration::from_secs(1);
        let activity = Activity::now();
        let (near, mut far) = duplex(64);
        let mut near = Watched::new(near, activity.clone());
        let ceased = tokio::spawn(async move { activity.ceased(limit).await });
        for _ in 0..3 {
            advance(nearly).await;
            near.write_all(b"x").await.unwrap();
            advance(nearly).await;
            far.write_all(b"y").await.unwrap();
            near.read_u8().await.unwrap();
        }
        assert!(!ceased.is_finished());
        let last = Instant::now();
        ceased.await.unwrap();
        assert_eq!(Instant::now() - last, limit);
    }
}
