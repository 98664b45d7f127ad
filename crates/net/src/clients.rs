//! The two clients, each built when the first URL asks for it.
//!
//! Building never panics: a machine without root certificates gets an error for `https` and still speaks plain `http`.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, ClientBuilder, redirect};
use rustls::{ClientConfig, RootCertStore, crypto};
use url::Url;

/// How long to wait for a connection, TLS included. There is no limit on the whole exchange: an answer may stream for
/// an hour.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How often an idle connection is probed, so that a peer that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The URL is neither `http` nor `https`.
    #[error("`{scheme}` URLs are not supported, only http and https")]
    Scheme {
        /// The scheme that was asked for.
        scheme: String,
    },
    /// The client could not be set up; for `https`, most often because no root certificates were found.
    #[error("cannot set up {what}: {}", crate::causes(source))]
    Build {
        /// `HTTP` or `HTTPS`.
        what: &'static str,
        /// What the HTTP library says.
        source: reqwest::Error,
    },
    /// The TLS library refused its settings.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// HTTP clients that share their connections: one without TLS, one with.
///
/// Two, because loading the system's root certificates takes milliseconds that a local model server never needs.
#[derive(Debug, Default)]
pub struct HttpClients {
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

impl HttpClients {
    /// No clients yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The client for `url`, built if this is the first URL of its scheme. Cloning a client shares its connections.
    ///
    /// # Errors
    ///
    /// [`NetError`]; a failed build is tried again by the next call.
    pub fn client_for(&self, url: &Url) -> Result<Client, NetError> {
        match url.scheme() {
            "http" => kept(&self.plain, build_plain),
            "https" => kept(&self.secure, build_secure),
            scheme => Err(NetError::Scheme { scheme: scheme.to_owned() }),
        }
    }
}

/// What `slot` holds, made by `build` if it holds nothing. Two threads may both build; one result is kept.
fn kept(slot: &OnceLock<Client>, build: fn() -> Result<Client, NetError>) -> Result<Client, NetError> {
    if let Some(client) = slot.get() {
        return Ok(client.clone());
    }
    let built = build()?;
    Ok(slot.get_or_init(|| built).clone())
}

fn common() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_nodelay(true)
        .gzip(true)
}

/// The library builds its TLS half whatever the URLs are, so it is given one that trusts nobody and costs nothing.
fn build_plain() -> Result<Client, NetError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    common().tls_backend_preconfigured(tls).build().map_err(|source| NetError::Build { what: "HTTP", source })
}

fn build_secure() -> Result<Client, NetError> {
    // Without a process-wide provider the HTTP library panics. Another part may have installed one before: also fine.
    let _ = crypto::ring::default_provider().install_default();
    common().https_only(true).build().map_err(|source| NetError::Build { what: "HTTPS", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn each_client_is_built_by_the_first_url_of_its_scheme() {
        let clients = HttpClients::new();
        assert!(clients.plain.get().is_none() && clients.secure.get().is_none());
        clients.client_for(&url("http://127.0.0.1:1/v1")).unwrap();
        assert!(clients.plain.get().is_some() && clients.secure.get().is_none());
        // A machine without root certificates is allowed to fail here, but not to panic.
        match clients.client_for(&url("https://example.invalid/")) {
            Ok(_) => assert!(clients.secure.get().is_some()),
            Err(error) => assert!(error.to_string().starts_with("cannot set up HTTPS"), "{error}"),
        }
    }

    #[test]
    fn other_schemes_are_refused_by_name() {
        let error = HttpClients::new().client_for(&url("ftp://example.invalid/")).unwrap_err();
        assert_eq!(error.to_string(), "`ftp` URLs are not supported, only http and https");
    }
}
