//! Pages of the public web, for whoever must not be led elsewhere by an address.
//!
//! A name is looked up once for each request, each of its addresses is judged, and those that were judged are what is
//! connected to. Where the variables name a proxy, that is asked instead: one of SOCKS for an address that was judged, one of HTTP
//! for the name, which it looks up again, so that where it goes is its own to say. A name that is not known here is left to a proxy
//! only if the user's word stands for it. Redirects are followed here, within one site, and each is judged again. It must never send
//! anything but the address, and must never hold more of a page than it was asked for.

mod address;
mod body;
mod private;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Response, StatusCode, header};
use url::{Host, Url};

use crate::{
    NetError, Proxies, causes, clients,
    proxy::{Domains, Resolver, address::objection, target::Target},
};

pub use address::web_address;

/// How long a name server may take.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(15);

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// What is asked for: text, in whichever form there is.
const ACCEPT: &str = "text/markdown, text/html;q=0.9, text/plain;q=0.8, application/json;q=0.8, */*;q=0.1";

/// Which hosts may be asked for pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebHosts {
    /// All of them, whatever [`WebHosts::allow`] has.
    pub allow_all: bool,
    /// If there are some, only these and what lies below them.
    pub allow: Domains,
    /// Never these, nor what lies below them.
    pub deny: Domains,
    /// These though their addresses are not public; at the ports of `http` and `https` unless others are named.
    pub private: Domains,
    /// Never these: with `oss`, the servers of models that are not open.
    pub closed: Domains,
}

/// Who named the host of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// The user, in a message.
    User,
    /// A page that links to it, a search or the model.
    Other,
}

/// Gets pages.
#[derive(Debug)]
pub struct Web {
    hosts: WebHosts,
    resolver: Resolver,
    proxies: Proxies,
    /// How this program calls itself.
    agent: String,
}

/// How much of a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebLimits {
    /// Most bytes of it, after they were unpacked.
    pub bytes: usize,
    /// How long all of it may take.
    pub time: Duration,
}

/// A page as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it was in the end.
    pub url: Url,
    /// HTTP status.
    pub status: u16,
    /// As the server says.
    pub content_type: Option<String>,
    /// Its bytes, or the first of them.
    pub body: Vec<u8>,
    /// Whether these are all.
    pub is_whole: bool,
}

/// What an address led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A page.
    Page(Page),
    /// A redirect to another site, which was not followed: where it leads.
    Elsewhere(Url),
}

/// Why there is no page. No address is repeated in it that the caller does not know.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It may not be asked for.
    #[error("{0}")]
    Refused(String),
    /// It could not be had.
    #[error("{0}")]
    Failed(String),
    /// There is no client.
    #[error(transparent)]
    Client(#[from] NetError),
}

impl Web {
    /// Gets pages from `hosts`; `agent` is what servers are told of who asks.
    pub fn new(hosts: WebHosts, resolver: Resolver, agent: &str) -> Self {
        Self { hosts, resolver, proxies: Proxies::default(), agent: agent.to_owned() }
    }

    /// Gets them through `proxies`.
    #[must_use]
    pub fn through(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Whether the list of what is allowed names the host of `url`; `false` where there is no such list.
    pub fn is_listed(&self, url: &Url) -> bool {
        self.hosts.allow_all || target(url).is_ok_and(|target| self.hosts.allow.cover(&target))
    }

    /// Whether the host of `url` may be asked at all, as far as that can be said without looking it up.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        let target = target(url)?;
        if self.hosts.closed.cover(&target) {
            return Err(FetchError::Refused(format!(
                "{} is a server of models that are not open, and with `oss` nothing is sent to it",
                target.host
            )));
        }
        if self.hosts.deny.cover(&target) {
            return Err(FetchError::Refused(format!("{} is in `search.deny_domains`", target.host)));
        }
        if !self.hosts.allow_all && !self.hosts.allow.is_empty() && !self.hosts.allow.cover(&target) {
            return Err(FetchError::Refused(format!("{} is not in `search.allow_domains`", target.host)));
        }
        match &target.host {
            Host::Domain(_) => Ok(()),
            Host::Ipv4(address) => self.judge(&target, (*address).into()),
            Host::Ipv6(address) => self.judge(&target, (*address).into()),
        }
    }

    /// The page at `url`, whose host was named by `by`.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn get(&self, url: &Url, by: NamedBy, limits: WebLimits) -> Result<Found, FetchError> {
        let late = |_| FetchError::Failed(format!("it did not come within {} s", limits.time.as_secs()));
        tokio::time::timeout(limits.time, self.follow(url, by, limits.bytes)).await.map_err(late)?
    }

    async fn follow(&self, url: &Url, by: NamedBy, bytes: usize) -> Result<Found, FetchError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(&url, by).await?;
            let Some(next) = redirect(&url, &answer)? else {
                return body::page(url, answer, bytes).await.map(Found::Page);
            };
            // Judged before it is named: nobody is to be sent there either.
            self.check(&next)?;
            if !is_same_site(&url, &next) {
                return Ok(Found::Elsewhere(next));
            }
            url = next;
        }
        Err(FetchError::Failed(format!("it was redirected more than {MOST_REDIRECTS} times")))
    }

    /// One request, to addresses that were judged.
    async fn ask(&self, url: &Url, by: NamedBy) -> Result<Response, FetchError> {
        self.check(url)?;
        let client = match url.host() {
            Some(Host::Domain(name)) => match self.look_up(url).await {
                Ok(addresses) => clients::pinned(url, name, &addresses, &self.proxies)?,
                // The name may be known where the proxy is. Where the variables except it from the proxy, this client knows no
                // address, and asks nobody.
                Err(FetchError::Failed(why)) if self.proxies.host_for(url.scheme()).is_some() => {
                    self.judge_name(&target(url)?, by, &why)?;
                    clients::pinned(url, "", &[], &self.proxies)?
                }
                Err(error) => return Err(error),
            },
            _ => clients::pinned(url, "", &[], &self.proxies)?,
        };
        self.send(&client, url).await
    }

    /// Whether a proxy may be asked for a name that cannot be looked up here, which `why` says: nobody can judge where that leads.
    fn judge_name(&self, target: &Target, by: NamedBy, why: &str) -> Result<(), FetchError> {
        let name = target.host.to_string();
        if self.hosts.private.name(target) {
            return Ok(());
        }
        if private::looks_private(&name) {
            return Err(FetchError::Refused(format!(
                "{why}. It looks like a name of a private network: a proxy is asked for such a host only if \
                 `search.private_hosts` names it"
            )));
        }
        if by == NamedBy::User || self.hosts.allow.cover(target) {
            return Ok(());
        }
        Err(FetchError::Refused(format!(
            "{why}. Nobody here can judge where a proxy would go for it, so a proxy is asked for it only if the user writes an \
             address at {name}, or `search.allow_domains` or `search.private_hosts` names it"
        )))
    }

    async fn send(&self, client: &Client, url: &Url) -> Result<Response, FetchError> {
        let request = client.get(url.clone()).header(header::USER_AGENT, &self.agent).header(header::ACCEPT, ACCEPT);
        request.send().await.map_err(|error| FetchError::Failed(format!("it cannot be reached: {}", causes(&error))))
    }

    /// The addresses of the host of `url`. One that is not public spoils it: who answers so has an aim.
    async fn look_up(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let target = target(url)?;
        let name = &*target.host.to_string();
        let failed = |reason: String| FetchError::Failed(format!("{name} cannot be looked up: {reason}"));
        let looked_up = tokio::time::timeout(LONGEST_LOOK_UP, self.resolver.look_up(name)).await;
        let addresses = looked_up.map_err(|_| failed("no answer".into()))?;
        let addresses = addresses.map_err(|error| failed(error.to_string()))?;
        if addresses.is_empty() {
            return Err(failed("it has no address".into()));
        }
        addresses.iter().try_for_each(|address| self.judge(&target, *address))?;
        Ok(addresses.into_iter().map(|address| (address, target.port).into()).collect())
    }

    fn judge(&self, target: &Target, address: std::net::IpAddr) -> Result<(), FetchError> {
        match objection(address) {
            Some(what) if !self.hosts.private.name(target) => Err(FetchError::Refused(format!(
                "{} leads to {address}, which is {what}: only `search.private_hosts` opens such hosts",
                target.host
            ))),
            _ => Ok(()),
        }
    }
}

/// The host and port of `url`, in their one spelling.
fn target(url: &Url) -> Result<Target, FetchError> {
    let refused = |reason: &str| FetchError::Refused(format!("the address cannot be asked for: {reason}"));
    address::check(url).map_err(|reason| refused(&reason))?;
    let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| refused("it has no port"))?;
    Target::new(host, port).map_err(refused)
}

/// Where `answer` sends whoever asked for `url`, if it does.
fn redirect(url: &Url, answer: &Response) -> Result<Option<Url>, FetchError> {
    let moved = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !moved.contains(&answer.status()) {
        return Ok(None);
    }
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let Some(location) = location else { return Ok(None) };
    let next =
        url.join(location).map_err(|error| FetchError::Failed(format!("it redirects to no address: {error}")))?;
    address::check(&next)
        .map_err(|reason| FetchError::Refused(format!("it redirects to what cannot be asked for: {reason}")))?;
    Ok(Some(next))
}

/// Whether a redirect stays where it was: the same host, with or without `www.`, and never from `https` to `http`.
fn is_same_site(from: &Url, to: &Url) -> bool {
    let plain = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
    let upgrades = from.scheme() == "http" && to.scheme() == "https" && from.port().is_none() && to.port().is_none();
    let same_door = from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    plain(from) == plain(to) && (same_door || upgrades)
}
