//! What listens: HTTP over TCP or a local socket, of which nothing is wanted but to become a WebSocket.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use codex_client::remote::{LARGEST, RECEIVED, SESSION};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
        WWW_AUTHENTICATE,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    bound::Bound,
    carry::{Carriage, carry},
    gate::{Gate, Holder, Refusal},
    session::Session,
    tls::Certificate,
    waiting::{Peer, Waiting, peer},
};
use crate::{Facts, Hub};

/// How long a connection may take to become a WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(3);
/// Sessions at once, carried or not.
const SESSIONS: usize = 1024;
/// How often it is looked for sessions that nobody takes up any more.
const ROUND: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEAD: usize = 16 * 1024;

/// A session's name, and whose it is: nobody takes up what another one began.
type Name = (Holder, String);

/// A server that can be reached from elsewhere.
#[derive(Debug)]
pub struct Listening {
    hub: Arc<Hub>,
    facts: Facts,
    gate: Gate,
    certificate: Option<Certificate>,
    sessions: Mutex<HashMap<Name, Arc<Session>>>,
    waiting: Mutex<Waiting>,
    connections: Arc<Semaphore>,
}

impl Listening {
    /// A server on `hub`, for those whom `gate` lets in. With a certificate, TCP is TLS.
    pub fn new(hub: Arc<Hub>, facts: Facts, gate: Gate, certificate: Option<Certificate>) -> Arc<Self> {
        let (sessions, waiting) = Default::default();
        let connections = Semaphore::new(SESSIONS).into();
        let listening = Arc::new(Self { hub, facts, gate, certificate, sessions, waiting, connections });
        tokio::spawn(sweep(Arc::downgrade(&listening)));
        listening
    }

    /// Lets clients in, until it is dropped.
    pub async fn serve(self: &Arc<Self>, bound: &Bound) {
        loop {
            let accepted = match bound {
                Bound::Tcp(listener) => listener.accept().await.map(|(stream, from)| {
                    // Keys and answers are small, and waited for.
                    let _ = stream.set_nodelay(true);
                    let (at, from) = (stream.local_addr().ok(), peer(from.ip()));
                    match &self.certificate {
                        Some(Certificate { acceptor, .. }) => self.attend(at, from, acceptor.accept(stream)),
                        None => self.attend(at, from, ready(Ok(stream))),
                    }
                }),
                Bound::Unix(local) => local.listener.accept().await.map(|(stream, _)| {
                    let own = rustix::process::geteuid().as_raw();
                    if stream.peer_cred().is_ok_and(|peer| peer.uid() == own) {
                        self.attend(None, None, ready(Ok(stream)));
                    }
                }),
            };
            if accepted.is_err() {
                // There are no descriptors left, perhaps.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until all connections have ended, or for so long.
    pub async fn quiet(&self, most: Duration) {
        let _ = timeout(most, self.connections.acquire_many(SESSIONS as u32)).await;
    }

    /// Lets somebody in who was accepted `at` this address, if it is one, and comes `from` there.
    fn attend<S>(
        self: &Arc<Self>,
        at: Option<SocketAddr>,
        from: Peer,
        stream: impl Future<Output = io::Result<S>> + Send + 'static,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let listening = Arc::clone(self);
        let task = tokio::spawn(async move {
            let attended = async {
                let Ok(stream) = stream.await else { return };
                let service = service_fn(move |request| {
                    let answer = listening.answer(at, request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .half_close(true)
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIME)
                    .max_buf_size(HEAD)
                    .serve_connection(TokioIo::new(stream), service);
                let _ = connection.with_upgrades().await;
            };
            let _ = timeout(HANDSHAKE, attended).await;
        });
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).join(from, task.abort_handle());
    }

    fn answer(self: &Arc<Self>, at: Option<SocketAddr>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Err(refusal) = self.gate.admits(request.headers()) {
            return refused(&refusal);
        }
        let path = request.uri().path();
        if request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET");
        }
        match path {
            "/healthz" => return plain(StatusCode::OK, "ok"),
            "/readyz" if self.hub.is_closing() => return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            "/readyz" => return plain(StatusCode::OK, "ok"),
            "/" => {}
            _ => return plain(StatusCode::NOT_FOUND, "there is /, a WebSocket, /healthz and /readyz"),
        }
        let holder = match self.gate.opens(request.headers(), at) {
            Ok(holder) => holder,
            Err(refusal) => return refused(&refusal),
        };
        let Some(key) = key(request.headers()) else {
            return plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
        };
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "there are too many connections");
        };
        self.upgrade(request, &key, holder, permit)
    }

    fn upgrade(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        key: &str,
        holder: Holder,
        permit: OwnedSemaphorePermit,
    ) -> Response<Full<Bytes>> {
        let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        let named = text(request.headers(), SESSION).filter(|name| name.len() <= 64);
        let named = named.map(|name| (holder.clone(), name.to_owned()));
        let received = text(request.headers(), RECEIVED).and_then(|count| count.parse().ok()).unwrap_or_default();
        let (session, how) = match &named {
            Some(name) => {
                let (session, carrier, of_client) = self.session(name, received);
                let first = match of_client {
                    Some(count) => {
                        headers.insert(SESSION, HeaderValue::from_static("known"));
                        headers.insert(RECEIVED, count.into());
                        received
                    }
                    None => 0,
                };
                (session, Carriage { carrier, first, confirms: true })
            }
            None => {
                let session = Session::begin(&self.hub, self.facts.clone());
                let carrier = session.take_over(0).map_or(0, |(carrier, _)| carrier);
                (session, Carriage { carrier, first: 0, confirms: false })
            }
        };
        let listening = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            let comes_back = match hyper::upgrade::on(&mut request).await {
                Ok(upgraded) => {
                    let config =
                        WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
                    let stream = TokioIo::new(upgraded);
                    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
                    carry(&session, socket, how, || listening.gate.still_opens(&holder)).await
                }
                Err(_) => how.confirms,
            };
            session.leave(how.carrier);
            if !comes_back {
                session.end();
                if let Some(name) = named {
                    listening.forget(&name, &session);
                }
            }
        });
        response
    }

    /// The session of this name, carried by a new connection, with how many texts of the client came if it was known.
    fn session(&self, name: &Name, received: u64) -> (Arc<Session>, u64, Option<u64>) {
        self.sweep();
        let mut sessions = self.lock();
        if let Some(known) = sessions.get(name)
            && let Some((carrier, of_client)) = known.take_over(received)
        {
            return (Arc::clone(known), carrier, Some(of_client));
        }
        let session = Session::begin(&self.hub, self.facts.clone());
        let carrier = session.take_over(0).map_or(0, |(carrier, _)| carrier);
        if sessions.len() < SESSIONS
            && let Some(before) = sessions.insert(name.clone(), Arc::clone(&session))
        {
            before.end();
        }
        (session, carrier, None)
    }

    /// Ends the sessions that nobody takes up any more, or may.
    fn sweep(&self) {
        self.lock().retain(|(holder, _), session| {
            let is_over = session.is_over() || (holder.is_some() && !self.gate.still_opens(holder));
            if is_over {
                session.end();
            }
            !is_over
        });
    }

    fn forget(&self, name: &Name, session: &Arc<Session>) {
        let mut sessions = self.lock();
        if sessions.get(name).is_some_and(|known| Arc::ptr_eq(known, session)) {
            sessions.remove(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has what nobody takes up ended, as long as there is a server.
async fn sweep(listening: Weak<Listening>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(listening) = listening.upgrade() else { return };
        listening.sweep();
    }
}

/// The key of a request that wants to become a WebSocket.
fn key(headers: &HeaderMap) -> Option<String> {
    let has = |name: HeaderName, word: &str| {
        let words = text(headers, name.as_str()).unwrap_or_default().split(',');
        words.map(str::trim).any(|found| found.eq_ignore_ascii_case(word))
    };
    let upgrades = has(UPGRADE, "websocket") && has(CONNECTION, "upgrade") && has(SEC_WEBSOCKET_VERSION, "13");
    text(headers, SEC_WEBSOCKET_KEY.as_str()).filter(|_| upgrades).map(str::to_owned)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let mut response = plain(refusal.status, refusal.says);
    if refusal.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some((name, proof)) = refusal.proof_header() {
        response.headers_mut().insert(name, proof.clone());
    }
    response
}

fn plain(status: StatusCode, says: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(says.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use codex_config::Environment;
    use codex_protocol::{SessionSource, ThreadStartParams};

    use super::*;
    use crate::transports::{Origins, session::KEPT};

    fn listening() -> Arc<Listening> {
        let environment = Environment::from_pairs::<String, String>([]);
        let hub = Hub::start(environment, "codex".into(), SessionSource::AppServer, None, None);
        let facts = Facts { codex_home: "/".into(), defaults: ThreadStartParams::default() };
        let gate = Gate { tokens: None, origins: Origins::default(), is_local: true };
        Listening::new(hub, facts, gate, None)
    }

    #[tokio::test]
    async fn nobody_takes_up_a_session_with_another_token() {
        let listening = listening();
        let name = |holder: &str| (Some(holder.to_owned()), "name".to_owned());
        let (first, ..) = listening.session(&name("one"), 0);
        let (other, _, of_client) = listening.session(&name("other"), 0);
        assert!(of_client.is_none() && !Arc::ptr_eq(&first, &other) && !first.is_over());
        let (again, _, of_client) = listening.session(&name("one"), 0);
        assert!(of_client.is_some() && Arc::ptr_eq(&first, &again));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_takes_up_ends_by_itself() {
        let listening = listening();
        let (session, carrier, _) = listening.session(&(None, "name".into()), 0);
        session.leave(carrier);
        tokio::time::advance(KEPT - ROUND).await;
        tokio::task::yield_now().await;
        assert_eq!(listening.lock().len(), 1);
        for _ in 0..4 {
            tokio::time::advance(ROUND).await;
            tokio::task::yield_now().await;
        }
        assert!(listening.lock().is_empty() && session.is_over());
    }
}
