//! Requests of a login, through `net`'s clients: no redirect is followed, and an answer has an end.

use std::{sync::Arc, time::Duration};

use codex_net::{HttpClients, causes};
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest};
use url::Url;

/// Most bytes of an answer.
const MOST: usize = 1 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What parameters are sent as.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// How requests go out.
pub(super) struct Requests {
    /// The clients.
    pub(super) clients: Arc<HttpClients>,
    /// What tokens are to be for (RFC 8707), if somebody says.
    pub(super) resource: Option<String>,
}

impl OAuthHttpClient for Requests {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let (parts, mut body) = request.request.into_parts();
            let url = Url::parse(&parts.uri.to_string())?;
            let is_form =
                parts.headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
            if let (Some(resource), true) = (&self.resource, is_form) {
                body = form_with(&body, "resource", resource).into_bytes();
            }
            let client = self.clients.client_for(&url)?;
            let asked = async {
                let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().await;
                let mut answer = sent.map_err(|error| causes(&error))?;
                let mut read = Vec::new();
                while let Some(piece) = answer.chunk().await.map_err(|error| causes(&error))? {
                    read.extend(&piece);
                    if read.len() > MOST {
                        return Err(format!("the answer has more than {MOST} bytes"));
                    }
                }
                let mut made = http::Response::new(read);
                *made.status_mut() = answer.status();
                *made.headers_mut() = answer.headers().clone();
                Ok(made)
            };
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(answer) => Ok(answer?),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs()).into()),
            }
        })
    }
}

/// Parameters with one of them replaced, if it is there.
fn form_with(body: &[u8], name: &str, value: &str) -> String {
    let mut made = url::form_urlencoded::Serializer::new(String::new());
    for (key, old) in url::form_urlencoded::parse(body) {
        let value = if key == name { value } else { &old };
        made.append_pair(&key, value);
    }
    made.finish()
}

/// Replaces a parameter of an address, if it is there.
pub(super) fn replace(url: &mut Url, name: &str, value: &str) {
    let query = form_with(url.query().unwrap_or_default().as_bytes(), name, value);
    url.set_query(Some(&query));
}
