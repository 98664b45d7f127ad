//! One connection: dialled, opened with a token, upgraded to a WebSocket.

use std::{fmt, io, net::SocketAddr, time::Duration};

use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite, Join, join, split},
    net::{TcpStream, UnixStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error,
        client::IntoClientRequest,
        http::{HeaderMap, HeaderValue, Response, StatusCode, header::AUTHORIZATION, header::HOST},
        protocol::WebSocketConfig,
    },
};

use super::{Address, Endpoint, LARGEST, NONCE, PROOF, RECEIVED, SESSION, tls::secure};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What carries a connection.
type Carrier = Join<Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>>;

pub(crate) type Socket = WebSocketStream<Carrier>;

fn carrier(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Carrier {
    let (read, write) = split(stream);
    join(Box::new(read), Box::new(write))
}

/// What opens a server.
#[derive(Clone)]
pub enum Secret {
    /// A token that is meant for it.
    Token(String),
    /// The token of a server on this machine: it is given to no server that cannot prove that it knows it, and listens
    /// where it is reached.
    Own(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Refused {
    /// Nobody is there, or what is there is no server.
    Unreachable(String),
    /// The server knows no such token, or wants one.
    Unauthorized,
    /// It refuses for another reason.
    Forbidden(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Forbidden(why) => f.write_str(why),
            Self::Unauthorized => f.write_str("the server does not accept the token, or wants one"),
        }
    }
}

impl std::error::Error for Refused {}

/// A connection that has begun.
pub(crate) struct Dialled {
    pub(crate) socket: Socket,
    /// How many texts the server has of this session, if it knows the session.
    pub(crate) received: Option<u64>,
}

/// Connects for the session, of which `received` texts have come.
pub(crate) async fn dial(endpoint: &Endpoint, session: &str, received: u64) -> Result<Dialled, Refused> {
    let attempt = async {
        let mut at = None;
        let token = match &endpoint.secret {
            None => None,
            Some(Secret::Token(token)) => Some(token.as_str()),
            Some(Secret::Own(token)) => {
                at = knows(endpoint, token).await?;
                at.map(|_| token.as_str())
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(SESSION, header(session)?);
        headers.insert(RECEIVED, received.into());
        if let Some(token) = token {
            let mut value = header(&format!("Bearer {token}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let (socket, answered) = upgrade(endpoint, at, headers).await.map_err(|failed| failed.refused)?;
        let number = |name: &str| answered.get(name)?.to_str().ok()?.parse().ok();
        let received = answered.get(SESSION).and_then(|_| number(RECEIVED));
        Ok(Dialled { socket, received })
    };
    let in_time = tokio::time::timeout(PATIENCE, attempt).await;
    in_time.unwrap_or_else(|_| Err(Refused::Unreachable(format!("{} does not answer", endpoint.address))))
}

/// Where the server is that proves that it knows `token`, which it is not told.
async fn knows(endpoint: &Endpoint, token: &str) -> Result<Option<SocketAddr>, Refused> {
    let nonce = uuid::Uuid::now_v7().simple().to_string();
    let mut headers = HeaderMap::new();
    headers.insert(NONCE, header(&nonce)?);
    match upgrade(endpoint, None, headers).await {
        // It wants none.
        Ok(_) => Ok(None),
        Err(Failed { refused: Refused::Unauthorized, answered, peer: Some(peer) }) => {
            let given = answered.get(PROOF).and_then(|proof| proof.to_str().ok());
            Ok(given.filter(|given| *given == proof(token, &nonce, peer)).map(|_| peer))
        }
        Err(failed) => Err(failed.refused),
    }
}

/// What only who knows `token` can say to `nonce`, in hexadecimal: a server that was reached `at` this address. Whoever
/// passes the question on was reached at another one, and so is of no use as a relay.
pub fn proof(token: &str, nonce: &str, at: SocketAddr) -> String {
    let place = format!("{}|{}", at.ip().to_canonical(), at.port());
    let inner = Sha256::new().chain_update([0]).chain_update(token).chain_update([0]).chain_update(place);
    let inner = inner.chain_update([0]).chain_update(nonce).finalize();
    let outer = Sha256::new().chain_update([1]).chain_update(token).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A connection that was not opened.
struct Failed {
    refused: Refused,
    /// What the server said, if it said something.
    answered: HeaderMap,
    /// Where it was reached.
    peer: Option<SocketAddr>,
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self { refused, answered: HeaderMap::new(), peer: None }
    }
}

/// Opens a connection, to `at` if that is known already.
async fn upgrade(
    endpoint: &Endpoint,
    at: Option<SocketAddr>,
    headers: HeaderMap,
) -> Result<(Socket, HeaderMap), Failed> {
    let address = &endpoint.address;
    let unreachable = |why: &dyn fmt::Display| Failed::from(Refused::Unreachable(format!("{address}: {why}")));
    let (carrier, peer) = reach(address, at).await?;
    let mut request = format!("ws://{}/", address.host()).into_client_request().map_err(|error| unreachable(&error))?;
    let own = request.headers_mut();
    own.insert(HOST, header(&address.host())?);
    own.extend(headers);
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    match client_async_with_config(request, carrier, Some(config)).await {
        Ok((socket, response)) => Ok((socket, response.into_parts().0.headers)),
        Err(Error::Http(response)) => Err(refused(address, peer, *response)),
        Err(error) => Err(unreachable(&error)),
    }
}

fn refused(address: &Address, peer: Option<SocketAddr>, response: Response<Option<Vec<u8>>>) -> Failed {
    let (parts, body) = response.into_parts();
    let refused = match parts.status {
        StatusCode::UNAUTHORIZED => Refused::Unauthorized,
        status => {
            let said = body.and_then(|body| String::from_utf8(body).ok()).unwrap_or_default();
            let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
            Refused::Forbidden(format!("{address} refuses ({status}) {said}").trim_end().to_owned())
        }
    };
    Failed { refused, answered: parts.headers, peer }
}

/// What carries a connection, and where it leads. Nothing is said to a local socket of another user.
async fn reach(address: &Address, at: Option<SocketAddr>) -> Result<(Carrier, Option<SocketAddr>), Refused> {
    let failed = |error: io::Error| Refused::Unreachable(format!("{address}: {error}"));
    match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(failed)?;
            let owner = stream.peer_cred().map_err(failed)?.uid();
            if !may_hear(owner, rustix::process::geteuid().as_raw()) {
                return Err(Refused::Forbidden(format!("{address}: the server there is another user's ({owner})")));
            }
            Ok((carrier(stream), None))
        }
        Address::Tcp { host, port, trust } => {
            let stream = match at {
                Some(at) => TcpStream::connect(at).await,
                None => TcpStream::connect((host.as_str(), *port)).await,
            };
            let stream = stream.map_err(failed)?;
            // Keys and answers are small, and waited for.
            stream.set_nodelay(true).map_err(failed)?;
            let peer = stream.peer_addr().map_err(failed)?;
            let carrier = match trust {
                Some(trust) => carrier(secure(stream, host, *trust).await.map_err(failed)?),
                None => carrier(stream),
            };
            Ok((carrier, Some(peer)))
        }
    }
}

/// Whether what `own` types may be heard by a server of `owner`: its own one, or that of who hears everything anyway.
fn may_hear(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

fn header(text: &str) -> Result<HeaderValue, Refused> {
    HeaderValue::from_str(text)
        .map_err(|_| Refused::Forbidden("the token has characters that no header can have".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_one_address() {
        let proof = |at: &str| proof("token", "nonce", at.parse().unwrap());
        assert_eq!(
            proof("127.0.0.1:80"),
            proof("[::ffff:127.0.0.1]:80"),
            "the same one, as the kernel writes it elsewhere"
        );
        for other in ["127.0.0.1:81", "127.0.0.2:80", "[::1]:80"] {
            assert_ne!(proof("127.0.0.1:80"), proof(other), "{other}");
        }
    }

    #[test]
    fn local_sockets_of_others_hear_nothing() {
        for (owner, own, expected) in [(1000, 1000, true), (0, 1000, true), (1001, 1000, false), (1000, 0, false)] {
            assert_eq!(may_hear(owner, own), expected, "{owner} {own}");
        }
    }
}
