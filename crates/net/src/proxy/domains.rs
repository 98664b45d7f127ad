//! The entries of `sandbox.allow_domains`: what they mean, and which of them names a target.
//!
//! An entry that cannot be understood is an error, never one that is not there; nothing here resolves a name.

use std::net::IpAddr;

use url::Host;

use super::target::{Target, USUAL_PORTS, parse_host};

/// What commands may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// `None`: those of `http` and `https`.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// One name or address.
    One(Host),
    /// Every name below this one, at any depth, and not the name itself.
    Below(String),
}

/// An entry that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` names no domain: {reason}")]
pub struct DomainError {
    /// The entry as it was written.
    pub entry: String,
    /// What is wrong, or what to write instead.
    pub reason: &'static str,
}

impl Domains {
    /// Reads entries: `host`, `*.suffix`, either with `:port`; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Result<Self, DomainError> {
        let read = |text: &S| {
            let text = text.as_ref();
            Entry::parse(text).map_err(|reason| DomainError { entry: text.to_owned(), reason })
        };
        entries.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an entry names `target`.
    pub(crate) fn name(&self, target: &Target) -> bool {
        self.0.iter().any(|entry| entry.names(target))
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an entry names `target` or a name above it, at whatever port unless the entry says one.
    pub(crate) fn cover(&self, target: &Target) -> bool {
        self.0.iter().any(|entry| entry.covers(target))
    }

    /// Whether an entry names this very address, which then needs not be a public one.
    pub(super) fn name_address(&self, address: IpAddr, port: u16) -> bool {
        self.name(&(address, port).into())
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Err("for the whole network say `sandbox_workspace_write.network_access = true`");
        }
        if text.contains("://") || text.contains('/') {
            return Err("write the host alone, without `https://` and without a path");
        }
        let (host, port) = split_port(text)?;
        let hosts = match host.strip_prefix("*.") {
            None => Hosts::One(parse_host(host)?),
            Some(suffix) => match parse_host(suffix)? {
                Host::Domain(suffix) => Hosts::Below(suffix),
                _ => return Err("`*.` stands before a name, not before an address"),
            },
        };
        Ok(Self { hosts, port })
    }

    fn names(&self, target: &Target) -> bool {
        let port = self.port.map_or(USUAL_PORTS.contains(&target.port), |port| port == target.port);
        port && match (&self.hosts, &target.host) {
            (Hosts::One(host), wanted) => host == wanted,
            (Hosts::Below(suffix), Host::Domain(wanted)) => is_below(wanted, suffix),
            (Hosts::Below(_), _) => false,
        }
    }

    fn covers(&self, target: &Target) -> bool {
        self.port.is_none_or(|port| port == target.port)
            && match (&self.hosts, &target.host) {
                (Hosts::One(Host::Domain(host)), Host::Domain(wanted)) => host == wanted || is_below(wanted, host),
                (Hosts::One(host), wanted) => host == wanted,
                (Hosts::Below(suffix), Host::Domain(wanted)) => is_below(wanted, suffix),
                (Hosts::Below(_), _) => false,
            }
    }
}

/// Whether the name `wanted` lies below `suffix`: what is left without it ends in the dot between them.
fn is_below(wanted: &str, suffix: &str) -> bool {
    wanted.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// Cuts off `:port`.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let Some((host, port)) = text.rsplit_once(':').filter(|_| !text.ends_with(']')) else {
        return Ok((text, None));
    };
    if host.contains(':') && !host.ends_with(']') {
        return Err("an IPv6 address stands in brackets");
    }
    let number = port.parse().ok().filter(|number| *number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(|number| (host, Some(number))).ok_or("its port is no number from 1 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_hosts_and_ports() {
        let domains = Domains::new(&[
            "crates.io",
            "*.npmjs.org",
            "api.example.com:8443",
            "Bücher.example.",
            "10.0.0.5:8080",
            "[::1]:9000",
            "docs.python.org",
            "*.deep.example:81",
        ])
        .unwrap();
        for (host, port, expected) in [
            ("crates.io", 443, true),
            ("crates.io", 80, true),
            ("CRATES.IO.", 443, true),
            ("crates.io", 8443, false),
            ("static.crates.io", 443, false),
            ("evilcrates.io", 443, false),
            ("crates.io.evil.com", 443, false),
            ("registry.npmjs.org", 443, true),
            ("a.b.npmjs.org", 443, true),
            ("npmjs.org", 443, false),
            ("evilnpmjs.org", 443, false),
            ("x.npmjs.org.evil.com", 443, false),
            ("api.example.com", 8443, true),
            ("api.example.com", 443, false),
            ("xn--bcher-kva.example", 443, true),
            ("10.0.0.5", 8080, true),
            ("10.0.0.5", 80, false),
            ("167772165", 8080, true),
            ("[::ffff:10.0.0.5]", 8080, false),
            ("[::1]", 9000, true),
            ("127.0.0.1", 9000, false),
            ("docs.python.org.evil.com", 443, false),
            ("docs.python.org", 443, true),
            ("x.deep.example", 81, true),
            ("x.deep.example", 443, false),
        ] {
            let target = Target::new(host, port).unwrap();
            assert_eq!(domains.name(&target), expected, "{target}");
        }
        assert!(domains.name_address([10, 0, 0, 5].into(), 8080));
        assert!(!domains.name_address([10, 0, 0, 5].into(), 443));
    }

    #[test]
    fn entries_of_the_web_cover_what_lies_below_a_dot() {
        let domains = Domains::new(&["python.org", "*.npmjs.org", "api.example.com:8443", "10.0.0.5"]).unwrap();
        for (host, port, expected) in [
            ("python.org", 443, true),
            ("docs.python.org", 8080, true),
            ("DOCS.Python.org.", 80, true),
            ("docs.python.org.evil.com", 443, false),
            ("evilpython.org", 443, false),
            ("npmjs.org", 443, false),
            ("registry.npmjs.org", 443, true),
            ("v1.api.example.com", 8443, true),
            ("api.example.com", 443, false),
            ("10.0.0.5", 80, true),
            ("110.0.0.5", 80, false),
            ("167772165", 80, true),
        ] {
            let target = Target::new(host, port).unwrap();
            assert_eq!(domains.cover(&target), expected, "{target}");
        }
    }

    #[test]
    fn an_entry_that_is_none_is_an_error_that_says_what_to_write() {
        for (entry, part) in [
            ("", "empty"),
            ("*", "network_access = true"),
            ("*.", "empty"),
            ("*.*.org", "character"),
            ("a*.org", "character"),
            ("*.10.0.0.1", "address"),
            ("https://crates.io", "without `https://`"),
            ("crates.io/path", "without `https://`"),
            ("user@crates.io", "character"),
            ("crates.io:0", "port"),
            ("crates.io:", "port"),
            ("crates.io:+80", "port"),
            ("crates.io:70000", "port"),
            ("::1", "brackets"),
            ("::1:80", "brackets"),
            ("10.0.0.0/8", "without"),
            ("a b", "character"),
        ] {
            let error = Domains::new(&["crates.io", entry]).unwrap_err();
            assert_eq!(error.entry, entry);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
