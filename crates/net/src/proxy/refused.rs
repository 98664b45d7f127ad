//! What was refused, kept for whoever asks: a command's own words seldom say why it could not connect.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
};

use super::target::Target;

/// Most refusals that are kept: a command may make any number.
const MOST_KEPT: usize = 50;

/// Longest text of a client's that is repeated, in characters.
const LONGEST_QUOTE: usize = 100;

/// A connection that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where to: a name or an address, in its one spelling; if it has none, what was asked for, escaped.
    pub host: String,
    /// The port of it; 0 if none was named.
    pub port: u16,
    /// A sentence for people and models, without a full stop: why, and which setting would allow it.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Refused {
    pub(super) fn not_listed(target: &Target) -> Self {
        let entry = target.entry();
        Self::of(
            target,
            format!("{target} is not among the allowed domains; `{entry}` in sandbox.allow_domains would allow it"),
        )
    }

    /// `leads_to` is an address of `target`, and `what` speaks against it.
    pub(super) fn not_public(target: &Target, leads_to: &Target, what: &str) -> Self {
        let (address, entry) = (&leads_to.host, leads_to.entry());
        Self::of(
            target,
            format!("{target} leads to {address}, {what}; `{entry}` in sandbox.allow_domains would allow that address"),
        )
    }

    /// `host` names nothing, because of `what`.
    pub(super) fn no_host(host: &[u8], port: u16, what: &str) -> Self {
        let quoted: String = String::from_utf8_lossy(host).chars().take(LONGEST_QUOTE).collect();
        let host = quoted.escape_debug().to_string();
        Self { reason: format!("`{host}` cannot be reached: {what}"), host, port }
    }

    fn of(target: &Target, reason: String) -> Self {
        Self { host: target.host.to_string(), port: target.port, reason }
    }
}

/// The last refusals, each once.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<VecDeque<Refused>>);

impl Log {
    pub(super) fn note(&self, refused: Refused) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(&refused) {
            return;
        }
        if kept.len() == MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    pub(super) fn take(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_entry_would_allow_it() {
        let target = Target::new("Example.org", 8443).unwrap();
        let listed = Refused::not_listed(&target);
        assert_eq!((listed.host.as_str(), listed.port), ("example.org", 8443));
        assert_eq!(
            listed.to_string(),
            "example.org:8443 is not among the allowed domains; `example.org:8443` in sandbox.allow_domains would allow it"
        );
        let address = Target::new("127.0.0.1", 443).unwrap();
        assert_eq!(
            Refused::not_public(&target, &address, "a loopback address").reason,
            "example.org:8443 leads to 127.0.0.1, a loopback address; `127.0.0.1` in sandbox.allow_domains would allow \
             that address"
        );
        let odd = Refused::no_host(b"evil\0\xff\x1b[2J", 0, "no");
        assert_eq!(odd.reason, "`evil\\0\u{fffd}\\u{1b}[2J` cannot be reached: no");
        assert!(Refused::no_host(&[b'a'; 5000], 0, "no").host.len() < 200);
    }

    #[test]
    fn the_log_is_short_and_says_nothing_twice() {
        let log = Log::default();
        let refused = |port| Refused::no_host(b"x", port, "no");
        log.note(refused(1));
        log.note(refused(1));
        assert_eq!(log.take(), [refused(1)]);
        assert_eq!(log.take(), []);
        for port in 0..100 {
            log.note(refused(port));
        }
        let kept = log.take();
        assert_eq!((kept.len(), kept.last()), (MOST_KEPT, Some(&refused(99))));
    }
}
