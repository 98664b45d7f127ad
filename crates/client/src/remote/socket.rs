//! One connection: dialled, opened with a token, upgraded to a WebSocket.

use std::{fmt, io, time::Duration};

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
    /// The token of a server on this machine: it is given to no server that cannot prove that it knows it.
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
        let token = match &endpoint.secret {
            None => None,
            Some(Secret::Token(token)) => Some(token.as_str()),
            Some(Secret::Own(token)) => knows(endpoint, token).await?.then_some(token.as_str()),
        };
        let mut headers = HeaderMap::new();
        headers.insert(SESSION, header(session)?);
        headers.insert(RECEIVED, received.into());
        if let Some(token) = token {
            let mut value = header(&format!("Bearer {token}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let (socket, answered) = upgrade(endpoint, headers).await.map_err(|(refused, _)| refused)?;
        let number = |name: &str| answered.get(name)?.to_str().ok()?.parse().ok();
        let received = answered.get(SESSION).and_then(|_| number(RECEIVED));
        Ok(Dialled { socket, received })
    };
    let in_time = tokio::time::timeout(PATIENCE, attempt).await;
    in_time.unwrap_or_else(|_| Err(Refused::Unreachable(format!("{} does not answer", endpoint.address))))
}

/// Whether the server proves that it knows `token`, which it is not told.
async fn knows(endpoint: &Endpoint, token: &str) -> Result<bool, Refused> {
    let nonce = uuid::Uuid::now_v7().simple().to_string();
    let mut headers = HeaderMap::new();
    headers.insert(NONCE, header(&nonce)?);
    match upgrade(endpoint, headers).await {
        // It wants none.
        Ok(_) => Ok(false),
        Err((Refused::Unauthorized, answered)) => {
            let proof = answered.get(PROOF).and_then(|proof| proof.to_str().ok());
            Ok(proof.is_some_and(|given| given == self::proof(token, &nonce)))
        }
        Err((refused, _)) => Err(refused),
    }
}

/// What only who knows `token` can say to `nonce`, in hexadecimal.
pub fn proof(token: &str, nonce: &str) -> String {
    let inner = Sha256::new().chain_update([0]).chain_update(token).chain_update([0]).chain_update(nonce).finalize();
    let outer = Sha256::new().chain_update([1]).chain_update(token).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Opened = Result<(Socket, HeaderMap), (Refused, HeaderMap)>;

async fn upgrade(endpoint: &Endpoint, headers: HeaderMap) -> Opened {
    let address = &endpoint.address;
    let unreachable = |why: &dyn fmt::Display| (Refused::Unreachable(format!("{address}: {why}")), HeaderMap::new());
    let carrier = reach(address).await.map_err(|error| unreachable(&error))?;
    let mut request = format!("ws://{}/", address.host()).into_client_request().map_err(|error| unreachable(&error))?;
    let own = request.headers_mut();
    own.insert(HOST, header(&address.host()).map_err(|refused| (refused, HeaderMap::new()))?);
    own.extend(headers);
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    match client_async_with_config(request, carrier, Some(config)).await {
        Ok((socket, response)) => Ok((socket, response.into_parts().0.headers)),
        Err(Error::Http(response)) => Err(refused(address, *response)),
        Err(error) => Err(unreachable(&error)),
    }
}

fn refused(address: &Address, response: Response<Option<Vec<u8>>>) -> (Refused, HeaderMap) {
    let (parts, body) = response.into_parts();
    let refused = match parts.status {
        StatusCode::UNAUTHORIZED => Refused::Unauthorized,
        status => {
            let said = body.and_then(|body| String::from_utf8(body).ok()).unwrap_or_default();
            let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
            Refused::Forbidden(format!("{address} refuses ({status}) {said}").trim_end().to_owned())
        }
    };
    (refused, parts.headers)
}

async fn reach(address: &Address) -> io::Result<Carrier> {
    Ok(match address {
        Address::Unix(path) => carrier(UnixStream::connect(path).await?),
        Address::Tcp { host, port, trust } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Keys and answers are small, and waited for.
            stream.set_nodelay(true)?;
            match trust {
                Some(trust) => carrier(secure(stream, host, *trust).await?),
                None => carrier(stream),
            }
        }
    })
}

fn header(text: &str) -> Result<HeaderValue, Refused> {
    HeaderValue::from_str(text)
        .map_err(|_| Refused::Forbidden("the token has characters that no header can have".into()))
}
