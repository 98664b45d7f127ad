//! Who is let in: by a token, by the kernel's word (a local socket), and never a web page.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use codex_client::remote::{NONCE, PROOF, proof};
use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN},
};

use crate::auth::{Tokens, hash};

/// What the `Origin` and `Host` headers may be.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Web pages that may connect, by their origin, such as `https://example.org`.
    pub origins: BTreeSet<String>,
    /// Names that `Host` may have; any, if there is none and others than this machine can connect.
    pub hosts: BTreeSet<String>,
}

/// Who is let in.
#[derive(Debug, Clone)]
pub struct Gate {
    /// `None`: everybody who can connect.
    pub tokens: Option<Arc<Tokens>>,
    /// What may stand in headers.
    pub origins: Origins,
    /// Whether only this machine can connect.
    pub is_local: bool,
}

/// The hash of the token that somebody has; `None` where none is needed.
pub(crate) type Holder = Option<String>;

/// Who is refused, and what is said.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) says: &'static str,
    /// Proof that this server knows its own token, for who asked for it.
    pub(crate) proof: Option<HeaderValue>,
}

impl Gate {
    /// Whether the headers are of somebody who may ask anything at all.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let refuse = |says| Err(Refusal { status: StatusCode::FORBIDDEN, says, proof: None });
        for origin in headers.get_all(ORIGIN) {
            if !origin.to_str().is_ok_and(|origin| self.origins.origins.contains(origin)) {
                return refuse("web pages may not connect (there is an Origin header)");
            }
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !self.knows_host(host) {
            return refuse("the Host header is not a name of this server");
        }
        Ok(())
    }

    fn knows_host(&self, host: &str) -> bool {
        let name = without_port(host);
        if self.origins.hosts.contains(name) {
            return true;
        }
        match self.is_local {
            true => is_loopback(name),
            false => self.origins.hosts.is_empty(),
        }
    }

    /// Whether the headers have a token that opens the server. `at`: where it was reached, if that is an address. Who
    /// has none gets proof that this server knows its own token, on the machine itself and if nobody can guess it.
    pub(crate) fn opens(&self, headers: &HeaderMap, at: Option<SocketAddr>) -> Result<Holder, Refusal> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let holder = given.map(hash).filter(|hash| tokens.knows_hash(hash));
        if holder.is_some() {
            return Ok(holder);
        }
        let nonce = headers.get(NONCE).and_then(|nonce| nonce.to_str().ok());
        let at = at.filter(|at| at.ip().to_canonical().is_loopback());
        let proof = || HeaderValue::from_str(&proof(tokens.own_of_chance()?, nonce?, at?)).ok();
        let proof = proof();
        let says = "a token is needed: Authorization: Bearer TOKEN";
        Err(Refusal { status: StatusCode::UNAUTHORIZED, says, proof })
    }
}

impl Gate {
    /// Whether what opened the server opens it still.
    pub(crate) fn still_opens(&self, holder: &Holder) -> bool {
        match (&self.tokens, holder) {
            (None, _) => true,
            (Some(tokens), Some(hash)) => tokens.knows_hash(hash),
            (Some(_), None) => false,
        }
    }
}

impl Refusal {
    /// The header with the proof.
    pub(crate) fn proof_header(&self) -> Option<(&'static str, &HeaderValue)> {
        self.proof.as_ref().map(|proof| (PROOF, proof))
    }
}

fn without_port(host: &str) -> &str {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(is_local: bool, hosts: &[&str]) -> Gate {
        let origins = ["https://trusted.example".to_owned()].into();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Gate { tokens: None, origins: Origins { origins, hosts }, is_local }
    }

    #[test]
    fn web_pages_and_names_of_others_are_refused() {
        let table = [
            (gate(true, &[]), None, "localhost:8080", true),
            (gate(true, &[]), None, "127.0.0.1:8080", true),
            (gate(true, &[]), None, "127.9.9.9", true),
            (gate(true, &[]), None, "[::1]:8080", true),
            (gate(true, &[]), None, "LOCALHOST", true),
            (gate(true, &[]), None, "evil.example:8080", false),
            (gate(true, &[]), None, "localhost.evil.example", false),
            (gate(true, &[]), None, "127.0.0.1.evil.example", false),
            (gate(true, &[]), None, "192.168.0.1", false),
            (gate(true, &[]), None, "", false),
            (gate(true, &["box.lan"]), None, "box.lan:8080", true),
            (gate(false, &[]), None, "anything:8080", true),
            (gate(false, &["box.lan"]), None, "box.lan", true),
            (gate(false, &["box.lan"]), None, "evil.example", false),
            (gate(true, &[]), Some("http://evil.example"), "localhost", false),
            (gate(true, &[]), Some("null"), "localhost", false),
            (gate(true, &[]), Some("http://localhost:8080"), "localhost:8080", false),
            (gate(true, &[]), Some("https://trusted.example"), "localhost", true),
            (gate(false, &[]), Some("https://trusted.example.evil"), "x", false),
        ];
        for (gate, origin, host, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(gate.admits(&headers).is_ok(), expected, "{origin:?} {host}");
        }
    }

    #[test]
    fn a_second_origin_hides_behind_no_first() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost".parse().unwrap());
        headers.append(ORIGIN, "https://trusted.example".parse().unwrap());
        headers.append(ORIGIN, "https://evil.example".parse().unwrap());
        assert!(gate(true, &[]).admits(&headers).is_err());
    }

    #[test]
    fn proof_is_given_on_the_machine_itself_and_of_no_token_that_could_be_guessed() {
        let home = tempfile::tempdir().unwrap();
        let (made, typed) = (Tokens::of(home.path()).unwrap(), Tokens::only("correct horse battery".replace(' ', "-")));
        let expected = proof(made.own(), "n", "127.0.0.1:80".parse().unwrap());
        let table = [
            (Arc::new(made), vec![("127.0.0.1:80", true), ("10.0.0.1:80", false), ("[::ffff:127.0.0.1]:80", true)]),
            (Arc::new(typed.unwrap()), vec![("127.0.0.1:80", false)]),
        ];
        let headers = HeaderMap::from_iter([(NONCE.parse().unwrap(), HeaderValue::from_static("n"))]);
        for (tokens, rows) in table {
            let gate = Gate { tokens: Some(tokens), ..gate(false, &[]) };
            for (at, given) in rows {
                let refusal = gate.opens(&headers, Some(at.parse().unwrap())).unwrap_err();
                assert_eq!(refusal.proof, given.then(|| expected.parse().unwrap()), "{at}");
            }
            assert!(gate.opens(&headers, None).unwrap_err().proof.is_none());
        }
    }
}
