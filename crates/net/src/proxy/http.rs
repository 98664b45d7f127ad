//! HTTP/1 on the proxy: `CONNECT host:port`, and requests for `http://` addresses, which are passed on.
//!
//! hyper reads and writes the heads and bodies; here is only where they go. A tunnel is never looked into.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode, Uri, Version,
    body::Incoming,
    client, header,
    header::{HeaderMap, HeaderName, HeaderValue},
    server,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes},
    net::TcpStream,
    task::JoinSet,
};

use super::{CellProxy, LONGEST_HEAD, connect::NoConnection, refused, target::Target};

/// Longest head of a request, in bytes, and what is kept of a body that cannot be passed on yet.
const REQUEST_BUFFER: usize = 16 << 10;

/// The same for answers, in bytes: servers set many and long cookies.
const ANSWER_BUFFER: usize = 64 << 10;

/// What a tunnel keeps for each direction, in bytes.
const TUNNEL_BUFFER: usize = 32 << 10;

/// Headers that are for the next hop only (RFC 9110, 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Text of ours, or what a server answers.
type Body = Either<Full<Bytes>, Incoming>;

/// Serves one client to the end.
pub(super) async fn serve<S>(proxy: &Arc<CellProxy>, client: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let session = Arc::new(Session { proxy: Arc::clone(proxy), tunnel: Mutex::default(), servers: Mutex::default() });
    let service = service_fn(|request| {
        let session = Arc::clone(&session);
        async move { Ok::<_, Infallible>(session.answer(request).await) }
    });
    let mut settings = server::conn::http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD).max_buf_size(REQUEST_BUFFER).half_close(true);
    let served = settings.serve_connection(TokioIo::new(client), service).with_upgrades().await;
    if served.is_err_and(|error| error.is_parse()) {
        proxy.refuse("the proxy was sent something that is no HTTP request".to_owned());
    }
    let tunnel = locked(&session.tunnel).take();
    match tunnel {
        Some((client, server)) => carry(TokioIo::new(client.await.map_err(io::Error::other)?), server).await,
        None => Ok(()),
    }
}

/// Carries bytes both ways until both sides have ended; the end of one is passed on to the other.
pub(super) async fn carry(mut client: impl AsyncRead + AsyncWrite + Unpin, mut server: TcpStream) -> io::Result<()> {
    copy_bidirectional_with_sizes(&mut client, &mut server, TUNNEL_BUFFER, TUNNEL_BUFFER).await.map(drop)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One client's connection.
struct Session {
    proxy: Arc<CellProxy>,
    /// Both ends of the tunnel that the connection is to become.
    tunnel: Mutex<Option<(OnUpgrade, TcpStream)>>,
    /// What drives the connections to servers; they end with this.
    servers: Mutex<JoinSet<()>>,
}

/// An answer of ours in place of a server's: a status and a sentence.
struct Failure(StatusCode, String);

impl From<NoConnection> for Failure {
    fn from(error: NoConnection) -> Self {
        let status = match error {
            NoConnection::Refused(_) => StatusCode::FORBIDDEN,
            NoConnection::Failed { .. } => StatusCode::BAD_GATEWAY,
        };
        Self(status, error.to_string())
    }
}

impl Session {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let answered = match *request.method() {
            Method::CONNECT => self.tunnel(request).await,
            _ => self.pass_on(request).await,
        };
        answered.unwrap_or_else(|Failure(status, sentence)| {
            let mut response = Response::new(Either::Left(format!("codex: {sentence}\n").into()));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            response
        })
    }

    async fn tunnel(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let target = self.target(request.uri(), None)?;
        let server = self.proxy.connect(&target).await?;
        *locked(&self.tunnel) = Some((hyper::upgrade::on(&mut request), server));
        Ok(Response::new(Either::Left(Full::default())))
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        if request.uri().scheme_str() != Some("http") {
            let sentence = "this is a proxy: it takes CONNECT, and requests for http:// addresses";
            return Err(Failure(StatusCode::BAD_REQUEST, sentence.to_owned()));
        }
        let target = self.target(request.uri(), Some(80))?;
        let server = self.proxy.connect(&target).await?;
        let failed = |source| NoConnection::Failed { target: target.clone(), source: io::Error::other(source) };
        let mut settings = client::conn::http1::Builder::new();
        settings.max_buf_size(ANSWER_BUFFER);
        let (mut sender, connection) = settings.handshake(TokioIo::new(server)).await.map_err(failed)?;
        self.drive(async {
            // The client sees what comes of it in its answer.
            let _ = connection.await;
        });
        let request = for_server(request, &target)?;
        let mut response = sender.send_request(request).await.map_err(failed)?;
        remove_hop_by_hop(response.headers_mut());
        Ok(response.map(Either::Right))
    }

    fn target(&self, uri: &Uri, usual_port: Option<u16>) -> Result<Target, Failure> {
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let port = uri.port_u16().or(usual_port);
        let target = match (uri.host(), port) {
            // hyper takes a user's name off; it would be sent to nobody, and is most often a trick.
            _ if authority.contains('@') => Err("a user's name does not belong there"),
            (Some(host), Some(port)) => Target::new(host, port),
            _ => Err("it needs a port"),
        };
        let refuse = |what| self.proxy.refuse(refused::no_host(authority.as_bytes(), what));
        target.map_err(|what| refuse(what).into())
    }

    fn drive(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let mut servers = locked(&self.servers);
        while servers.try_join_next().is_some() {}
        servers.spawn(connection);
    }
}

/// The request as a server expects it. One connection carries one request: the next may be for another server.
fn for_server(request: Request<Incoming>, target: &Target) -> Result<Request<Incoming>, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure(StatusCode::BAD_REQUEST, error.to_string());
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|error: hyper::http::uri::InvalidUri| bad(&error))?;
    parts.version = Version::HTTP_11;
    remove_hop_by_hop(&mut parts.headers);
    let host = HeaderValue::try_from(target.http_host()).map_err(|error| bad(&error))?;
    parts.headers.insert(header::HOST, host);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(Request::from_parts(parts, body))
}

/// The length of a body is written anew by hyper, as it read it.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(','));
    let named: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}
