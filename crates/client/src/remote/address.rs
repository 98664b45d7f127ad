//! Where a server is: `ws://HOST:PORT`, `wss://HOST:PORT`, `unix://PATH`.

use std::{fmt, path::PathBuf};

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp {
        /// A name, or an address; IPv6 without its brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether what is said is secret, and by what the server is known then.
        trust: Option<Trust>,
    },
    /// A socket of this machine.
    Unix(PathBuf),
}

/// By what a server is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// By an authority that this machine trusts.
    Authorities,
    /// By the SHA-256 of its certificate.
    Fingerprint([u8; 32]),
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// Reads an address as it is typed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, AddressError> {
        let wrong = |why: &str| {
            AddressError(format!("`{typed}`: {why}; give `ws://HOST:PORT`, `wss://HOST:PORT` or `unix://PATH`"))
        };
        if let Some(path) = typed.strip_prefix("unix://") {
            return if path.is_empty() { Err(wrong("the path is missing")) } else { Ok(Self::Unix(path.into())) };
        }
        let (rest, trust) = match (typed.strip_prefix("wss://"), typed.strip_prefix("ws://")) {
            (Some(rest), _) => match rest.split_once('#') {
                None => (rest, Some(Trust::Authorities)),
                Some((rest, named)) => {
                    let hash = named.strip_prefix("sha256=").and_then(fingerprint);
                    let hash = hash.ok_or_else(|| wrong("what stands behind `#` is not `sha256=` and 64 digits"))?;
                    (rest, Some(Trust::Fingerprint(hash)))
                }
            },
            (None, Some(rest)) => (rest, None),
            (None, None) => return Err(wrong("the scheme is not `ws`")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("there is more than a host and a port; a token never belongs into an address"));
        }
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
        let port = port.parse().map_err(|_| wrong("the port is no number from 1 to 65535"))?;
        let bare = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(|| wrong("a bracket is missing"))?,
            None if host.contains(':') => return Err(wrong("an IPv6 address stands in brackets")),
            None => host,
        };
        if bare.is_empty() || port == 0 {
            return Err(wrong("the host or the port is missing"));
        }
        Ok(Self::Tcp { host: bare.to_owned(), port, trust })
    }

    /// Whether nobody else than this machine can hear what is said.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Whether others on the way can hear what is said.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp { trust: None, .. }) && !self.is_local()
    }

    /// As it stands in the `Host` header.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".into(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { trust: None, .. } => write!(f, "ws://{}", self.host()),
            Self::Tcp { .. } => write!(f, "wss://{}", self.host()),
        }
    }
}

/// 64 hexadecimal digits.
fn fingerprint(typed: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = typed.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_typed() {
        let known = |host: &str, port, trust| Some(Address::Tcp { host: host.into(), port, trust });
        let tcp = |host: &str, port| known(host, port, None);
        let hash = "0f".repeat(32);
        let pinned = format!("wss://box:1#sha256={hash}");
        let short = &pinned[..pinned.len() - 1];
        let table = [
            ("ws://localhost:8080", tcp("localhost", 8080)),
            ("ws://10.0.0.1:1/", tcp("10.0.0.1", 1)),
            ("ws://[::1]:80", tcp("::1", 80)),
            ("unix:///run/x", Some(Address::Unix("/run/x".into()))),
            ("wss://box:1", known("box", 1, Some(Trust::Authorities))),
            (&pinned, known("box", 1, Some(Trust::Fingerprint([15; 32])))),
            (short, None),
            ("wss://box:1#sha1=00", None),
            ("ws://box:1#sha256=00", None),
            ("unix://", None),
            ("ws://localhost", None),
            ("ws://localhost:0", None),
            ("ws://localhost:65536", None),
            ("ws://:80", None),
            ("ws://::1:80", None),
            ("ws://[::1:80", None),
            ("ws://me:secret@localhost:80", None),
            ("ws://localhost:80/?token=secret", None),
            ("http://localhost:80", None),
            ("localhost:80", None),
            ("", None),
        ];
        for (typed, expected) in table {
            assert_eq!(Address::parse(typed).ok(), expected, "{typed}");
        }
    }
}
