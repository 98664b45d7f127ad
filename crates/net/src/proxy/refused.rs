//! What was refused, in sentences for people and models: a command's own words seldom say why it could not connect.
//!
//! Each names the setting that would allow it, and ends without a full stop.

use std::sync::{Mutex, PoisonError};

use super::target::Target;

/// Most refusals that are kept for whoever asks: a command may make any number. The first ones say most.
const MOST_KEPT: usize = 50;

/// Longest text of a client's that is repeated, in characters.
const LONGEST_QUOTE: usize = 100;

/// No entry names `target`.
pub(super) fn not_listed(target: &Target) -> String {
    let entry = target.entry();
    format!("{target} is not among the allowed domains; `{entry}` in sandbox.allow_domains would allow it")
}

/// `address` is one of `target`'s, and `what` speaks against it.
pub(super) fn not_public(target: &Target, address: &Target, what: &str) -> String {
    let (host, entry) = (&address.host, address.entry());
    format!("{target} leads to {host}, {what}; `{entry}` in sandbox.allow_domains would allow that address")
}

/// `host` names nothing, because of `what`.
pub(super) fn no_host(host: &[u8], what: &str) -> String {
    let quoted: String = String::from_utf8_lossy(host).chars().take(LONGEST_QUOTE).collect();
    format!("`{}` cannot be reached: {what}", quoted.escape_debug())
}

/// Keeps a refusal, if it is not there already.
pub(super) fn keep(kept: &Mutex<Vec<String>>, sentence: &str) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < MOST_KEPT && !kept.iter().any(|known| known == sentence) {
        kept.push(sentence.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_entry_would_allow_it() {
        let target = Target::new("Example.org", 8443).unwrap();
        assert_eq!(
            not_listed(&target),
            "example.org:8443 is not among the allowed domains; `example.org:8443` in sandbox.allow_domains would \
             allow it"
        );
        let address = Target::new("127.0.0.1", 443).unwrap();
        assert_eq!(
            not_public(&target, &address, "a loopback address"),
            "example.org:8443 leads to 127.0.0.1, a loopback address; `127.0.0.1` in sandbox.allow_domains would allow \
             that address"
        );
        let odd = no_host(b"evil\0\xff\x1b[2J", "no");
        assert_eq!(odd, "`evil\\0\u{fffd}\\u{1b}[2J` cannot be reached: no");
        assert!(no_host(&[b'a'; 5000], "no").len() < 200);
    }

    #[test]
    fn what_is_kept_is_short_and_says_nothing_twice() {
        let kept = Mutex::default();
        for number in (0..100).chain([0]) {
            keep(&kept, &number.to_string());
        }
        let kept = kept.into_inner().unwrap();
        assert_eq!((kept.len(), kept[0].as_str()), (MOST_KEPT, "0"));
    }
}
