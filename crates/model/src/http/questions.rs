//! Short questions to a server about itself: JSON comes back.

use std::time::Duration;

use codex_net::{Cut, HttpClients, causes, whole};
use reqwest::{
    Client, Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{HttpConfig, endpoint::Endpoint};

/// Most bytes of an answer.
const MOST: usize = 4 << 20;

/// What most servers have before the paths of their API.
const VERSION: &str = "/v1";

/// A server that is asked about itself.
pub(crate) struct Questions {
    endpoint: Endpoint,
    client: Client,
    base: Url,
    limit: Duration,
}

impl Questions {
    /// To the server of `config`; each must be answered within `limit`.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn new(config: &HttpConfig, clients: &HttpClients, limit: Duration) -> Result<Self, String> {
        let endpoint = Endpoint::new(config).map_err(|failure| failure.message)?;
        if let Some(missing) = endpoint.key.missing() {
            return Err(missing.message);
        }
        let base = Url::parse(config.base_url.trim()).map_err(|error| error.to_string())?;
        let client = clients.client_for(&base).map_err(|error| error.to_string())?;
        Ok(Self { endpoint, client, base, limit })
    }

    /// What the server says at `path`: below the base URL, or, if it begins with a slash, below the server's root.
    ///
    /// # Errors
    /// Why there is no JSON, briefly.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.ask(self.client.get(self.url(path))).await
    }

    /// As [`Self::get`], with something to say.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post(&self, path: &str, said: &Value) -> Result<Value, String> {
        let request = self.client.post(self.url(path)).header(CONTENT_TYPE, "application/json");
        self.ask(request.body(said.to_string())).await
    }

    /// As [`Self::get`]; `None`: the server has nothing there.
    ///
    /// # Errors
    /// It may have, but does not say it.
    pub(crate) async fn get_if_there(&self, path: &str) -> Result<Option<Value>, String> {
        match self.answer(self.client.get(self.url(path))).await? {
            Ok(said) => Ok(Some(said)),
            Err(400 | 404 | 405 | 410 | 501) => Ok(None),
            Err(status) => Err(of_status(status)),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&match path.strip_prefix('/') {
            Some(rest) => format!("{}/{rest}", base.strip_suffix(VERSION).unwrap_or(&base)),
            None => format!("{base}/{path}"),
        });
        url.set_query(self.endpoint.url.query());
        url
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        self.answer(request).await?.map_err(of_status)
    }

    /// What the server says, or the HTTP status that it has instead.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Result<Value, u16>, String> {
        let mut headers = self.endpoint.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = async {
            let response = request.headers(headers).send().await.map_err(|error| why(&error))?;
            match response.status().as_u16() {
                200 => read(response).await.map(Ok),
                status => Ok(Err(status)),
            }
        };
        let late = || Err(format!("no answer within {} s", self.limit.as_secs_f32()));
        tokio::time::timeout(self.limit, answer).await.unwrap_or_else(|_| late())
    }
}

fn of_status(status: u16) -> String {
    format!("HTTP {status}")
}

fn why(error: &reqwest::Error) -> String {
    let all = causes(error);
    if all.to_lowercase().contains("connection refused") { "nothing listens there".to_owned() } else { all }
}

async fn read(response: Response) -> Result<Value, String> {
    let body = whole(response, MOST).await.map_err(|cut| match cut {
        Cut::Broke(error) => why(&error),
        Cut::TooLong => "the answer is too long".to_owned(),
    })?;
    serde_json::from_slice(&body).map_err(|_| "the answer is not JSON".to_owned())
}
