//! One WebSocket that carries a session, until it is lost, closed, or another one carries it.

use std::{sync::Arc, time::Duration};

use codex_client::remote::CONFIRM_EVERY;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::session::Session;

/// How often the client is asked whether it is there, and told what came.
const PULSE: Duration = Duration::from_secs(5);
/// How long nothing may be heard of a client: it answers each pulse.
const SILENCE: Duration = Duration::from_secs(30);
/// Messages of a client that are read at once, and how many a second after that.
const BURST: f64 = 1000.0;
const PACE: f64 = 200.0;

/// How a session is carried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carriage {
    /// Number of the connection, as the session counts them.
    pub(crate) carrier: u64,
    /// Number of the first text to send.
    pub(crate) first: u64,
    /// Whether the client confirms what it has; else, what was sent is what it has.
    pub(crate) confirms: bool,
}

/// Carries the session. Returns whether the client may come back.
pub(crate) async fn carry<S>(session: &Arc<Session>, socket: WebSocketStream<S>, how: Carriage) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sink, mut stream) = socket.split();
    let due = Notify::new();
    let read = async {
        let (mut pace, mut unconfirmed) = (Pace::new(), 0);
        loop {
            let Ok(Some(Ok(message))) = timeout(SILENCE, stream.next()).await else { return true };
            match message {
                Message::Text(text) => {
                    sleep(pace.wait()).await;
                    if !session.say(how.carrier, text.as_str().to_owned()).await {
                        return true;
                    }
                    unconfirmed += 1;
                    if unconfirmed == CONFIRM_EVERY {
                        unconfirmed = 0;
                        due.notify_one();
                    }
                }
                Message::Ping(payload) if how.confirms => {
                    if let Ok(count) = payload.as_ref().try_into().map(u64::from_be_bytes) {
                        session.confirm(count);
                    }
                }
                Message::Close(_) => return false,
                _ => {}
            }
        }
    };
    let comes_back = tokio::select! {
        comes_back = read => comes_back,
        () = write(session, &mut sink, how, &due) => true,
    };
    let _ = timeout(Duration::from_secs(1), sink.close()).await;
    comes_back && how.confirms
}

async fn write<S>(session: &Session, sink: &mut SplitSink<WebSocketStream<S>, Message>, how: Carriage, due: &Notify)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut next = how.first;
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            text = session.text(how.carrier, next) => match text {
                Some(text) => Message::Text(text),
                None => return,
            },
            _ = pulse.tick() => Message::Ping(session.received().to_be_bytes().to_vec().into()),
            () = due.notified() => Message::Ping(session.received().to_be_bytes().to_vec().into()),
        };
        let is_text = matches!(message, Message::Text(_));
        if sink.send(message).await.is_err() {
            return;
        }
        if is_text {
            next += 1;
            if !how.confirms {
                session.confirm(next);
            }
        }
    }
}

/// How fast a client may speak. What comes faster is read later.
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { left: BURST, at: Instant::now() }
    }

    /// How long to wait before the next message is taken.
    fn wait(&mut self) -> Duration {
        let now = Instant::now();
        self.left = (self.left + (now - self.at).as_secs_f64() * PACE).min(BURST) - 1.0;
        self.at = now;
        Duration::from_secs_f64((-self.left / PACE).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_read_at_once_and_a_flood_at_its_pace() {
        let mut pace = Pace::new();
        let mut waited = Duration::ZERO;
        for _ in 0..1400 {
            let wait = pace.wait();
            waited += wait;
            tokio::time::advance(wait).await;
        }
        assert_eq!(waited.as_secs_f64().round() as u64, 2, "400 messages, 200 a second");
    }
}
