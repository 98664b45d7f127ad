//! The clients, each built when the first URL asks for it.
//!
//! Building never panics: a machine without root certificates gets an error for `https` and still speaks plain `http`.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Proxy,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto};
use url::Url;

use crate::{Proxies, Servers};

/// How long to wait for a connection, TLS included. There is no limit on the whole exchange: an answer may stream for
/// an hour.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How often an idle connection is probed, so that a peer that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What [`HttpClients`] gives out, for libraries that speak over it.
pub type HttpClient = Client;

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
    /// A variable that is to name a proxy does not.
    #[error("{variable} does not hold the address of a proxy")]
    Proxy {
        /// Its name.
        variable: &'static str,
    },
    /// The server is none of those that may be reached.
    #[error("nothing is sent to `{host}`: with `oss`, only providers with `open_weights = true` are asked")]
    Elsewhere {
        /// The host that was to be asked.
        host: String,
    },
    /// The TLS library refused its settings.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// HTTP clients that share their connections: one without TLS and one with, for each time that connecting may take.
///
/// Two, because loading the system's root certificates takes milliseconds that a local model server never needs.
#[derive(Debug, Default)]
pub struct HttpClients {
    proxies: Proxies,
    /// `None`: all servers may be reached.
    only: Option<Servers>,
    built: Mutex<HashMap<(Scheme, Duration, Redirects), Client>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

/// What is done where a server says that something is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Redirects {
    /// Its answer is given out as it is.
    Never,
    /// The same is sent there if that is the same server.
    SameOrigin,
}

impl HttpClients {
    /// No clients yet, and no proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// No clients yet; their requests go through `proxies`, but for those to this machine.
    pub fn through(proxies: Proxies) -> Self {
        Self { proxies, ..Self::default() }
    }

    /// Clients of their own that reach `servers` and nothing else.
    #[must_use]
    pub fn only(&self, servers: Servers) -> Self {
        Self { only: Some(servers), proxies: self.proxies.clone(), ..Self::default() }
    }

    /// The proxies that requests go through.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Whether there are servers that may not be reached.
    pub fn are_restricted(&self) -> bool {
        self.only.is_some()
    }

    /// The client for `url`, built if this is the first URL of its scheme. Cloning a client shares its connections.
    ///
    /// # Errors
    ///
    /// [`NetError`]; a failed build is tried again by the next call.
    pub fn client_for(&self, url: &Url) -> Result<Client, NetError> {
        self.client_within(url, CONNECT_TIMEOUT)
    }

    /// As [`Self::client_for`], where connecting may take as long as `limit`.
    ///
    /// # Errors
    ///
    /// [`NetError`].
    pub fn client_within(&self, url: &Url, limit: Duration) -> Result<Client, NetError> {
        self.client(url, limit, Redirects::Never)
    }

    /// As [`Self::client_for`], for one that sends the same again to where a server says that it is now (307 and 308), if
    /// scheme, host and port stay.
    ///
    /// # Errors
    ///
    /// [`NetError`].
    pub fn client_that_follows(&self, url: &Url) -> Result<Client, NetError> {
        self.client(url, CONNECT_TIMEOUT, Redirects::SameOrigin)
    }

    fn client(&self, url: &Url, limit: Duration, redirects: Redirects) -> Result<Client, NetError> {
        if self.only.as_ref().is_some_and(|servers| !servers.have(url)) {
            return Err(NetError::Elsewhere { host: url.host_str().unwrap_or_default().to_owned() });
        }
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            scheme => return Err(NetError::Scheme { scheme: scheme.to_owned() }),
        };
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&(scheme, limit, redirects)) {
            return Ok(client.clone());
        }
        let client = self.build(scheme, limit, redirects)?;
        built.insert((scheme, limit, redirects), client.clone());
        Ok(client)
    }

    fn build(&self, scheme: Scheme, limit: Duration, redirects: Redirects) -> Result<Client, NetError> {
        let builder = common().connect_timeout(limit);
        let builder = match redirects {
            Redirects::Never => builder,
            Redirects::SameOrigin => builder.redirect(redirect::Policy::custom(same_origin)),
        };
        match scheme {
            Scheme::Http => {
                let proxy = self.proxies.of("http")?;
                let needs_tls = proxy.is_some() && self.proxies.needs_tls();
                let builder = with(builder, proxy);
                if needs_tls { secure(builder, "HTTP") } else { plain(builder) }
            }
            Scheme::Https => secure(with(builder, self.proxies.of("https")?).https_only(true), "HTTPS"),
        }
    }
}

fn common() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .tcp_keepalive(KEEPALIVE)
        .tcp_nodelay(true)
        .gzip(true)
}

/// Follows once, to the same server, where the same is to be sent again.
fn same_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let is_same_request = matches!(attempt.status().as_u16(), 307 | 308);
    let is_same_server = matches!(attempt.previous(), [first] if first.origin() == attempt.url().origin());
    if is_same_request && is_same_server { attempt.follow() } else { attempt.stop() }
}

fn with(builder: ClientBuilder, proxy: Option<Proxy>) -> ClientBuilder {
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

/// The library builds its TLS half whatever the URLs are, so it is given one that trusts nobody and costs nothing.
fn plain(builder: ClientBuilder) -> Result<Client, NetError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    builder.tls_backend_preconfigured(tls).build().map_err(|source| NetError::Build { what: "HTTP", source })
}

/// HTTP/2 is spoken where the server offers it. Whom to trust is the system's list, or what `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name in its place: the library reads them.
fn secure(builder: ClientBuilder, what: &'static str) -> Result<Client, NetError> {
    // Without a process-wide provider the HTTP library panics. Another part may have installed one before: also fine.
    let _ = crypto::ring::default_provider().install_default();
    builder.build().map_err(|source| NetError::Build { what, source })
}

/// A client for one request: `host` is at `addresses`, and no name is looked up but that of the proxy of `proxies`, if the
/// request goes through one. A proxy of SOCKS is told one of `addresses`, if there are some; one of HTTP is told `host`, looks it
/// up itself, and may go where nobody here has judged.
///
/// # Errors
/// As [`HttpClients::client_for`].
pub(crate) fn pinned(url: &Url, host: &str, addresses: &[SocketAddr], proxies: &Proxies) -> Result<Client, NetError> {
    let names = Arc::new(NoNamesBut(proxies.host_for(url.scheme())));
    let builder = common().connect_timeout(CONNECT_TIMEOUT).pool_max_idle_per_host(0).dns_resolver(names);
    let (builder, proxy) = if addresses.is_empty() {
        (builder, proxies.of(url.scheme())?)
    } else {
        let mut addresses = addresses.to_vec();
        if proxies.host_for(url.scheme()).is_some() {
            // A proxy of SOCKS is told the first. SOCKS 4 knows none of IPv6, and its host may have none.
            addresses.sort_by_key(SocketAddr::is_ipv6);
        }
        (builder.resolve_to_addrs(host, &addresses), proxies.told_addresses().of(url.scheme())?)
    };
    let builder = with(builder, proxy);
    match url.scheme() {
        "http" if proxies.needs_tls() => secure(builder, "HTTP"),
        "http" => plain(builder),
        "https" => secure(builder.https_only(true), "HTTPS"),
        scheme => Err(NetError::Scheme { scheme: scheme.to_owned() }),
    }
}

/// Knows no name but this one.
#[derive(Debug)]
struct NoNamesBut(Option<String>);

impl Resolve for NoNamesBut {
    fn resolve(&self, name: Name) -> Resolving {
        if self.0.as_deref().is_some_and(|proxy| proxy.eq_ignore_ascii_case(name.as_str())) {
            return Box::pin(async move {
                let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
                Ok(Box::new(found.into_iter()) as Addrs)
            });
        }
        let error = format!("{} was not looked up before", name.as_str());
        Box::pin(std::future::ready(Err(error.into())))
    }
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
        let built = || clients.built.lock().unwrap().keys().map(|(scheme, ..)| *scheme).collect::<Vec<_>>();
        assert_eq!(built(), []);
        clients.client_for(&url("http://127.0.0.1:1/v1")).unwrap();
        clients.client_for(&url("http://127.0.0.1:2/")).unwrap();
        assert_eq!(built(), [Scheme::Http]);
        // A machine without root certificates is allowed to fail here, but not to panic.
        match clients.client_for(&url("https://example.invalid/")) {
            Ok(_) => assert!(built().contains(&Scheme::Https)),
            Err(error) => assert!(error.to_string().starts_with("cannot set up HTTPS"), "{error}"),
        }
    }

    #[test]
    fn nothing_but_certain_servers_is_reached() {
        let open = url("http://127.0.0.1:8080/v1");
        let clients = HttpClients::new().only([&open].into_iter().collect());
        assert!(clients.are_restricted() && !HttpClients::new().are_restricted());
        clients.client_for(&url("http://127.0.0.1:8080/v1/chat/completions")).unwrap();
        let error = clients.client_for(&url("https://api.example/v1")).unwrap_err().to_string();
        assert!(error.starts_with("nothing is sent to `api.example`"), "{error}");
    }

    #[test]
    fn other_schemes_are_refused_by_name() {
        let error = HttpClients::new().client_for(&url("ftp://example.invalid/")).unwrap_err();
        assert_eq!(error.to_string(), "`ftp` URLs are not supported, only http and https");
    }
}
