//! The proxies that requests go through, as variables name them. The environment itself is not read here.

use reqwest::{NoProxy, Proxy};

use crate::NetError;

/// What no proxy ever gets to see: a server on this machine is not where a proxy would look for it.
const OWN: &str = "localhost,127.0.0.0/8,::1";
/// What a proxy may speak.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
/// How those are written that are told names, and how the same are that are told addresses.
const BY_NAME: [(&str, &str); 2] = [("socks4a://", "socks4://"), ("socks5h://", "socks5://")];

/// Proxies of requests. The name of a variable is for messages: values may hold a password.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `http` addresses: name of the variable, and its value.
    pub http: Option<(&'static str, String)>,
    /// For `https` addresses.
    pub https: Option<(&'static str, String)>,
    /// Hosts that are reached without one: `NO_PROXY`, names and networks with commas between them; `*`: all.
    pub except: Option<String>,
}

/// Names of variables only: a value may hold a password.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |proxy: &Option<(&'static str, String)>| proxy.as_ref().map(|(name, _)| *name);
        f.debug_struct("Proxies")
            .field("http", &name(&self.http))
            .field("https", &name(&self.https))
            .finish_non_exhaustive()
    }
}

impl Proxies {
    /// The proxy for addresses of `scheme`, if there is one.
    ///
    /// # Errors
    /// What the variable holds is no address of a proxy.
    pub(crate) fn of(&self, scheme: &str) -> Result<Option<Proxy>, NetError> {
        let make: fn(&str) -> reqwest::Result<Proxy> = match scheme {
            "https" => |url| Proxy::https(url),
            _ => |url| Proxy::http(url),
        };
        let Some((variable, address)) = self.named(scheme) else { return Ok(None) };
        let address = with_scheme(address.trim());
        let wrong = || NetError::Proxy { variable };
        let scheme = url::Url::parse(&address).map_err(|_| wrong())?;
        if !SCHEMES.contains(&scheme.scheme()) || scheme.host().is_none() {
            return Err(wrong());
        }
        let except = self.except.as_deref().map_or_else(|| OWN.to_owned(), |except| format!("{OWN},{except}"));
        let proxy = make(&address).map_err(|_| wrong())?.no_proxy(NoProxy::from_string(&except));
        Ok(Some(proxy))
    }

    /// The same, where those that take addresses as well as names (SOCKS) are told addresses.
    pub(crate) fn told_addresses(&self) -> Self {
        let told = |proxy: &Option<(&'static str, String)>| {
            let (variable, address) = proxy.as_ref()?;
            let address = address.trim();
            let by_name = BY_NAME.iter().find(|(by_name, _)| {
                address.get(..by_name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(by_name))
            });
            let told = by_name.map(|(by_name, by_address)| format!("{by_address}{}", &address[by_name.len()..]));
            Some((*variable, told.unwrap_or_else(|| address.to_owned())))
        };
        Self { http: told(&self.http), https: told(&self.https), except: self.except.clone() }
    }

    /// The variable for addresses of `scheme`, and what it holds.
    fn named(&self, scheme: &str) -> Option<&(&'static str, String)> {
        if scheme == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }

    /// The host of the proxy for addresses of `scheme`, as a resolver is asked for it.
    pub(crate) fn host_for(&self, scheme: &str) -> Option<String> {
        let (_, address) = self.named(scheme)?;
        url::Url::parse(&with_scheme(address.trim())).ok()?.host_str().map(str::to_owned)
    }

    /// Whether the proxy for plain addresses is itself spoken to over TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        self.http.as_ref().is_some_and(|(_, address)| address.trim().to_ascii_lowercase().starts_with("https:"))
    }
}

/// `proxy:3128` is what many write.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proxy_is_refused_by_the_name_of_its_variable() {
        for (address, is_proxy) in [
            ("http://proxy.example:3128", true),
            ("proxy.example:3128", true),
            ("https://me:secret@proxy.example", true),
            ("socks5h://127.0.0.1:1080", true),
            ("ftp://proxy.example", false),
            ("http://", false),
            ("http://me:secret@:3128", false),
        ] {
            let proxies = Proxies { https: Some(("HTTPS_PROXY", address.into())), ..Proxies::default() };
            assert!(proxies.of("http").unwrap().is_none());
            match proxies.of("https") {
                Ok(Some(_)) => assert!(is_proxy, "{address}"),
                Ok(None) => panic!("{address}"),
                Err(error) => {
                    assert!(!is_proxy, "{address}");
                    assert_eq!(error.to_string(), "HTTPS_PROXY does not hold the address of a proxy");
                }
            }
            assert!(!format!("{proxies:?}").contains("secret"));
        }
    }
}
