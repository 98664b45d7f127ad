//! One WebSocket that carries a session, until it is lost, closed, or another one carries it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use codex_client::remote::CONFIRM_EVERY;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, Utf8Bytes},
};

use super::session::Session;

/// How often the client is asked whether it is there, and told what came.
const PULSE: Duration = Duration::from_secs(5);
/// How long nothing may be heard of a client: it answers each pulse.
const SILENCE: Duration = Duration::from_secs(30);
/// Messages of a client that are read at once, and how many a second after that.
const BURST: f64 = 1000.0;
const PACE: f64 = 200.0;
/// Texts of a client, and bytes of them, that are read while nobody takes them: what confirms stands behind them. No
/// client of this program sends more than so many before it hears that they came.
const AHEAD: (usize, usize) = (256, 64 * 1024 * 1024);

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

/// Carries the session, as long as the client `may` be here. Returns whether it may come back.
pub(crate) async fn carry<S>(
    session: &Arc<Session>,
    socket: WebSocketStream<S>,
    how: Carriage,
    may: impl Fn() -> bool,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sink, mut stream) = socket.split();
    let due = Notify::new();
    let read = async {
        let (mut pace, mut unconfirmed, mut heard) = (Pace::new(), 0, Instant::now());
        let mut ahead = Ahead::default();
        loop {
            let message = tokio::select! {
                biased;
                room = session.room(), if !ahead.texts.is_empty() => {
                    let Some((room, text)) = room.zip(ahead.next()) else { return true };
                    if !session.say(how.carrier, room, text.as_str().to_owned()) {
                        return true;
                    }
                    unconfirmed += 1;
                    if unconfirmed == CONFIRM_EVERY {
                        unconfirmed = 0;
                        due.notify_one();
                    }
                    continue;
                }
                message = stream.next(), if !ahead.is_full() => message,
                () = sleep_until(heard + SILENCE) => return true,
            };
            heard = Instant::now();
            let Some(Ok(message)) = message else { return true };
            match message {
                Message::Text(text) => {
                    sleep(pace.wait()).await;
                    ahead.push(text);
                }
                Message::Ping(payload) if how.confirms => {
                    if let Ok(count) = payload.as_ref().try_into().map(u64::from_be_bytes) {
                        session.confirm(count);
                    }
                }
                Message::Close(_) => {
                    // What it said before is done, if anything still is.
                    let rest = async {
                        while let Some(text) = ahead.next()
                            && let Some(room) = session.room().await
                        {
                            session.say(how.carrier, room, text.as_str().to_owned());
                        }
                    };
                    let _ = timeout(SILENCE, rest).await;
                    return false;
                }
                _ => {}
            }
        }
    };
    let comes_back = tokio::select! {
        comes_back = read => comes_back,
        () = write(session, &mut sink, how, &due) => true,
        () = until_not(may) => false,
    };
    let _ = timeout(Duration::from_secs(1), sink.close()).await;
    comes_back && how.confirms
}

/// Waits until it is not so any more.
async fn until_not(may: impl Fn() -> bool) {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while may() {
        pulse.tick().await;
    }
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

/// Texts that were read and not taken yet.
#[derive(Default)]
struct Ahead {
    texts: VecDeque<Utf8Bytes>,
    bytes: usize,
}

impl Ahead {
    fn push(&mut self, text: Utf8Bytes) {
        self.bytes += text.len();
        self.texts.push_back(text);
    }

    fn next(&mut self) -> Option<Utf8Bytes> {
        let text = self.texts.pop_front()?;
        self.bytes -= text.len();
        Some(text)
    }

    fn is_full(&self) -> bool {
        self.texts.len() >= AHEAD.0 || self.bytes >= AHEAD.1
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::duplex;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_client_confirms_is_heard_while_nobody_takes_what_it_says() {
        let (session, mut said) = Session::bare();
        let (near, far) = duplex(1 << 16);
        let near = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let mut client = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let (carrier, _) = session.take_over(0).unwrap();
        session.tell("an answer");
        let how = Carriage { carrier, first: 0, confirms: true };
        let carried = Arc::clone(&session);
        let carrying = tokio::spawn(async move { carry(&carried, near, how, || true).await });
        let texts: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        for text in &texts {
            client.send(Message::text(text)).await.unwrap();
        }
        client.send(Message::Ping(1_u64.to_be_bytes().to_vec().into())).await.unwrap();
        // Time stands still unless all wait: a connection that does not read on is given up.
        timeout(SILENCE, session.all_confirmed()).await.expect("it was not heard");
        for text in texts {
            assert_eq!(said.recv().await, Some(text));
        }
        client.close(None).await.unwrap();
        assert!(!carrying.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_be_here_any_more_is_sent_away() {
        let (session, _said) = Session::bare();
        let (near, _far) = duplex(1 << 16);
        let near = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let (carrier, _) = session.take_over(0).unwrap();
        let may = Arc::new(AtomicBool::new(true));
        let may_be = Arc::clone(&may);
        let how = Carriage { carrier, first: 0, confirms: true };
        let mut carrying =
            tokio::spawn(async move { carry(&session, near, how, || may_be.load(Ordering::Relaxed)).await });
        assert!(timeout(2 * PULSE, &mut carrying).await.is_err(), "it may");
        may.store(false, Ordering::Relaxed);
        let comes_back = timeout(2 * PULSE, carrying).await.expect("it is still there");
        assert!(!comes_back.unwrap());
    }

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
