//! Messages over HTTP: rmcp's transport over a client of `net`, with the token that holds at the time of each request.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use codex_net::HttpClient;
use futures_util::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::{
            AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpClientTransportConfig,
            StreamableHttpError, StreamableHttpPostResponse,
        },
    },
};
use sse_stream::Sse;

use crate::{Ground, ServerSpec, TokenWanted, Tokens, Transport, limits};

type Cause = <HttpClient as StreamableHttpClient>::Error;
/// What may be wrong with a request.
pub(crate) type Failed = StreamableHttpError<Cause>;

/// The client of one connection.
#[derive(Clone)]
pub(crate) struct Client {
    client: HttpClient,
    server: String,
    url: String,
    tokens: Option<Tokens>,
    shown: Shown,
}

/// Whether a token was shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Arc<AtomicBool>);

impl Shown {
    pub(crate) fn is_shown(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The transport to `spec`'s address.
///
/// # Errors
/// What is wrong with it, in words that follow the server's name.
pub(crate) fn connect(
    ground: &Ground,
    spec: &ServerSpec,
    shown: Shown,
) -> Result<StreamableHttpClientTransport<Client>, String> {
    let Transport::Http { url, headers } = &spec.transport else { return Err("has no address".to_owned()) };
    let address = url::Url::parse(url).map_err(|error| format!("has an address that is none: {error}"))?;
    let client = ground.http.client_that_follows(&address).map_err(|error| format!("cannot be reached: {error}"))?;
    let mut custom = HashMap::new();
    for (name, value) in headers {
        let (Ok(key), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return Err(format!("has a header that is none: {name}"));
        };
        value.set_sensitive(true);
        custom.insert(key, value);
    }
    let config = StreamableHttpClientTransportConfig::with_uri(address.as_str())
        .custom_headers(custom)
        .max_sse_event_size(limits::MESSAGE);
    let client = Client { client, server: spec.name.clone(), url: url.clone(), tokens: ground.tokens.clone(), shown };
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

impl Client {
    async fn token(&self, refused: Option<String>) -> Option<String> {
        let wanted = TokenWanted { server: self.server.clone(), url: self.url.clone(), refused };
        let token = (self.tokens.as_ref()?)(wanted).await;
        self.shown.0.store(token.is_some(), Ordering::Relaxed);
        token
    }

    /// Another token than the one that was refused, if there is one.
    async fn another(&self, is_refused: bool, token: Option<String>) -> Option<String> {
        let refused = token.filter(|_| is_refused)?;
        self.token(Some(refused.clone())).await.filter(|other| *other != refused)
    }
}

fn is_refused<T>(result: &Result<T, Failed>) -> bool {
    matches!(result, Err(StreamableHttpError::AuthRequired(_)))
}

/// A refusal that does not say how to log in is one too.
fn as_refused(error: Failed) -> Failed {
    match error {
        StreamableHttpError::UnexpectedServerResponse(said) if said.starts_with("HTTP 401") => {
            StreamableHttpError::AuthRequired(AuthRequiredError::new(String::new()))
        }
        other => other,
    }
}

impl StreamableHttpClient for Client {
    type Error = Cause;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let most = limits::MESSAGE;
        self.post_message_with_max_sse_event_size(uri, message, session_id, auth_header, custom_headers, most).await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        most: usize,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let post = |token| {
            let (uri, message) = (Arc::clone(&uri), message.clone());
            let (session, headers) = (session_id.clone(), headers.clone());
            self.client.post_message_with_max_sse_event_size(uri, message, session, token, headers, most)
        };
        let token = self.token(None).await;
        let first = post(token.clone()).await.map_err(as_refused);
        match self.another(is_refused(&first), token).await {
            Some(other) => post(Some(other)).await.map_err(as_refused),
            None => first,
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let token = self.token(None).await;
        self.client.delete_session(uri, session_id, token, custom_headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failed> {
        let most = limits::MESSAGE;
        self.get_stream_with_max_sse_event_size(uri, session_id, last_event_id, auth_header, headers, most).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        most: usize,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failed> {
        let token = self.token(None).await;
        let stream =
            self.client.get_stream_with_max_sse_event_size(uri, session_id, last_event_id, token, headers, most);
        stream.await.map_err(as_refused)
    }
}
