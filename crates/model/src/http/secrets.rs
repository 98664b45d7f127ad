//! What must not be read in a message: keys, wherever the settings hold them.
//!
//! Vendors repeat what they were sent. All words of theirs go through [`Secrets::line`] on their way to a message, and
//! all addresses through [`shown`].

use url::Url;

/// What stands in a secret's place.
const HIDDEN: &str = "[key]";

/// Characters of the shortest key that is hidden. What is shorter is a placeholder, and part of many words.
const SHORTEST_KEY: usize = 4;

/// Characters of the shortest other value that is hidden.
const SHORTEST_VALUE: usize = 8;

/// Bytes of a text that are passed on.
const LONGEST_LINE: usize = 2048;

/// Words in names of query parameters that hold secrets. Others, such as a version, are worth reading.
const TELLING_NAMES: &[&str] = &["key", "token", "secret", "sig", "password", "auth"];

/// The secrets of one endpoint, the longest first. No `Debug`, on purpose.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Takes note of the key, of the values of `headers` (an HTTP client's own are not among them) and of what `url`
    /// holds.
    pub(crate) fn new(key: Option<&str>, headers: &[(String, String)], url: &Url) -> Self {
        let mut secrets: Vec<String> =
            key.filter(|key| key.len() >= SHORTEST_KEY).map(str::to_owned).into_iter().collect();
        let mut add = |value: &str| {
            if value.len() >= SHORTEST_VALUE {
                secrets.push(value.to_owned());
            }
        };
        for (_, value) in headers {
            add(value.trim());
            // `Bearer x` is repeated without the first word.
            value.split_whitespace().for_each(&mut add);
        }
        for value in [url.username(), url.password().unwrap_or_default()] {
            add(value);
        }
        for (name, value) in url.query_pairs() {
            let name = name.to_lowercase();
            if TELLING_NAMES.iter().any(|telling| name.contains(telling)) {
                add(&value);
            }
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// `text` without secrets, on one line without control characters, cut at [`LONGEST_LINE`].
    pub(crate) fn line(&self, text: &str) -> String {
        // Hidden first: a secret that is cut in two would not be found any more.
        one_line(&self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN)))
    }
}

/// `text` on one line without control characters, cut at [`LONGEST_LINE`].
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LONGEST_LINE {
            line.truncate(line.floor_char_boundary(LONGEST_LINE));
            line.push('…');
            break;
        }
    }
    line
}

/// An address as messages show it: without user, password, query and fragment. Works on what is no URL, too.
pub(super) fn shown(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let start = address.find("//").map_or(0, |slashes| slashes + 2);
    let (scheme, rest) = address.split_at(start);
    // Up to the path; but what is no URL may have a slash in its password.
    let end = rest.find('/').unwrap_or(rest.len());
    let user = match Url::parse(address) {
        Ok(_) => rest[..end].rfind('@'),
        Err(_) => rest.rfind('@'),
    };
    one_line(&format!("{scheme}{}", user.map_or(rest, |at| &rest[at + 1..])))
}

/// The name of a variable, if `name` looks like one. Else it may be a key that was put into the wrong place.
pub(super) fn variable(name: &str) -> Option<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (name.chars().all(word) && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_may_be_a_key() {
        for (address, expected) in [
            ("https://h:1/v1/responses", "https://h:1/v1/responses"),
            ("https://user:pass@h/v1?api_key=x#y", "https://h/v1"),
            ("https://h/v1/@me?x", "https://h/v1/@me"),
            ("//user:p@h/v1?k", "//h/v1"),
            ("https://us:p/w@h h/v1", "https://h h/v1"),
            ("nonsense?key=x", "nonsense"),
            ("user:p@h", "h"),
        ] {
            assert_eq!(shown(address), expected, "{address}");
        }
    }

    #[test]
    fn secrets_are_hidden_wherever_the_settings_hold_them() {
        let url = Url::parse("https://user-name:pass-word@h/?api_key=query-key&api-version=2026-01-01").unwrap();
        let headers = [("authorization".into(), "Bearer header-key".into()), ("x-team".into(), "blue".into())];
        let secrets = Secrets::new(Some("sk-1"), &headers, &url);
        for (said, expected) in [
            ("Incorrect key: sk-1.", "Incorrect key: [key]."),
            ("got header-key and\nBearer header-key", "got [key] and [key]"),
            ("user-name, pass-word, query-key", "[key], [key], [key]"),
            ("team blue, version 2026-01-01", "team blue, version 2026-01-01"),
        ] {
            assert_eq!(secrets.line(said), expected);
        }
        let at_the_cut = format!("{} sk-1", "x".repeat(LONGEST_LINE - 3));
        assert!(!secrets.line(&at_the_cut).contains("sk"), "no half of a key");
        assert_eq!(Secrets::new(Some("x"), &[], &url).line("x marks"), "x marks");
    }

    #[test]
    fn names_of_variables() {
        for (name, looks) in
            [("MY_KEY", true), ("_a1", true), ("sk-abc", false), ("", false), ("1A", false), ("A B", false)]
        {
            assert_eq!(variable(name).is_some(), looks, "{name}");
        }
    }
}
