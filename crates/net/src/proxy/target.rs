//! Where a client wants to go: a host and a port, brought into one spelling once.
//!
//! Nothing after this may look at what the client wrote. A name that two programs could read differently (a NUL, a user
//! name, an escape) is refused, never repaired.

use std::{fmt, net::IpAddr};

use url::Host;

/// Longest host that is looked at, in bytes: that of a domain name (RFC 1035, 2.3.4), with a final dot and some air.
const LONGEST_HOST: usize = 260;

/// The ports that a host is reached at unless others are named.
pub(super) const USUAL_PORTS: [u16; 2] = [80, 443];

/// A destination in its one spelling: lower case, no final dot, IDNA's ASCII form, addresses as addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Target {
    /// # Errors
    /// In a few words, why `host` names no host.
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, &'static str> {
        if port == 0 {
            return Err("port 0 is none");
        }
        Ok(Self { host: parse_host(host)?, port })
    }

    /// The entry of `sandbox.allow_domains` that would name this.
    pub(super) fn entry(&self) -> String {
        if USUAL_PORTS.contains(&self.port) { self.host.to_string() } else { self.to_string() }
    }

    /// As a value of HTTP's `Host`: without the port that `http` means anyway.
    pub(super) fn http_host(&self) -> String {
        if self.port == 80 { self.host.to_string() } else { self.to_string() }
    }
}

/// The target whose host is an address.
impl From<(IpAddr, u16)> for Target {
    fn from((address, port): (IpAddr, u16)) -> Self {
        let host = match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        Self { host, port }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The host that `text` names. An IPv6 address stands in brackets; one with an IPv4 address in it stays what it is.
///
/// Numbers are addresses however they are written (`0x7f.1`, `2130706433`), as in URLs: a C library would read them so.
///
/// # Errors
/// In a few words, what is wrong.
pub(super) fn parse_host(text: &str) -> Result<Host, &'static str> {
    if text.len() > LONGEST_HOST {
        return Err("it is too long");
    }
    // The parser would undo `%` escapes, and skip tabs and line breaks.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "@%/\\?#*".contains(c)) {
        return Err("it holds a character that no host name has");
    }
    // The final dot of a complete name; the parser keeps it, and two dots as well.
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.split('.').any(str::is_empty) {
        return Err("a part of its name is empty");
    }
    Host::parse(name).map_err(|_| "it is no host name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_host_becomes_one() {
        for (text, expected) in [
            ("example.org", "example.org"),
            ("EXAMPLE.org", "example.org"),
            ("example.org.", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("ｅxample。org", "example.org"),
            ("_dmarc.example.org", "_dmarc.example.org"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("①②⑦.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        ] {
            assert_eq!(parse_host(text).map(|host| host.to_string()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_host() {
        let long = "a".repeat(300);
        for text in [
            "",
            ".",
            "..",
            "example.org..",
            ".example.org",
            "example..org",
            "evil.com\0.example.org",
            "evil.com\n.example.org",
            "evil.com\t",
            " example.org",
            "user@example.org",
            "example.org@evil.com",
            "evil.com%00.example.org",
            "%65vil.com",
            "evil.com/.example.org",
            "evil.com\\.example.org",
            "evil.com#.example.org",
            "*.example.org",
            "::1",
            "[::1",
            "[fe80::1%eth0]",
            "example.org:80",
            "1.2.3.4.5",
            "256.0.0.1",
            "exa\u{ad}mple.o\u{200d}rg\u{7f}",
            &long,
        ] {
            assert!(parse_host(text).is_err(), "{text:?}: {:?}", parse_host(text));
        }
        assert!(Target::new("example.org", 0).is_err());
    }

    #[test]
    fn the_entry_for_a_target_names_its_port_only_if_it_must() {
        for (host, port, entry, http) in [
            ("example.org", 443, "example.org", "example.org:443"),
            ("example.org", 80, "example.org", "example.org"),
            ("example.org", 8443, "example.org:8443", "example.org:8443"),
            ("[2001:db8::1]", 8443, "[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            let target = Target::new(host, port).unwrap();
            assert_eq!((target.entry().as_str(), target.http_host().as_str()), (entry, http));
        }
    }
}
