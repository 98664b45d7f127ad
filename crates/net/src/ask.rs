//! One question to a server, and its whole answer.

use std::time::Duration;

use url::Url;

use crate::{Cut, HttpClients, causes, whole};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Where.
    pub url: Url,
    /// Headers by name. Values may be secrets.
    pub headers: Vec<(&'static str, String)>,
    /// What is posted, if something is.
    pub body: Option<String>,
    /// Most bytes that the answer may have, after they were unpacked.
    pub most: usize,
    /// How long all of it may take.
    pub limit: Duration,
    /// The clients to ask with.
    pub clients: &'a HttpClients,
}

impl Question<'_> {
    /// The HTTP status of the answer, and its body. No redirect is followed.
    ///
    /// # Errors
    /// Why there is no answer, in words that follow the server's name.
    pub async fn ask(self) -> Result<(u16, Vec<u8>), String> {
        let Self { url, headers, body, most, limit, clients } = self;
        let client = clients.client_for(&url).map_err(|error| format!("cannot be reached: {error}"))?;
        let mut request = match body {
            Some(body) => client.post(url).body(body),
            None => client.get(url),
        };
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let asked = async {
            let sent = request.send().await;
            let answer = sent.map_err(|error| format!("cannot be reached: {}", causes(&error)))?;
            let status = answer.status().as_u16();
            match whole(answer, most).await {
                Ok(body) => Ok((status, body)),
                Err(Cut::Broke(error)) => Err(format!("broke off: {}", causes(&error))),
                Err(Cut::TooLong) => Err(format!("said more than {most} bytes")),
            }
        };
        let late = |_| format!("did not answer within {} s", limit.as_secs());
        tokio::time::timeout(limit, asked).await.map_err(late)?
    }
}
