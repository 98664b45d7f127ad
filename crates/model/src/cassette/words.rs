//! What a cassette has in the stead of places and secrets of the machine that it was recorded on.

use std::path::Path;

/// What stands in a secret's place.
pub(super) const SECRET: &str = "⟨secret⟩";
/// Bytes of the shortest value that is taken for a secret because somebody said so. What is shorter is a placeholder, and part of
/// many words.
const SHORTEST: usize = 6;
/// Beginnings of keys that services give out.
const KEYS: &[&str] = &[
    "sk-",
    "rk-",
    "pk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "hf_",
    "gsk_",
    "xai-",
    "npm_",
    "pypi-",
    "eyJ",
];
/// Bytes of the shortest such key.
const SHORTEST_KEY: usize = 20;
/// Words after which a secret comes.
const BEFORE_SECRETS: &[&str] = &["Bearer ", "bearer "];
/// How a private key begins and ends, how both lines end, and what they say.
const PRIVATE_KEY: (&str, &str, &str, &str) = ("-----BEGIN ", "-----END ", "-----", "PRIVATE KEY");

/// Places of a thread, and what must not be written.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Path and what stands for it, the longest path first.
    places: Vec<(String, String)>,
    secrets: Vec<String>,
}

/// Without the secrets.
impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.places).finish()
    }
}

impl Surroundings {
    /// `places` are absolute paths with a name each, of two for the same path the first; `secrets` are values that stand in no
    /// cassette.
    pub fn new<'a>(
        places: impl IntoIterator<Item = (&'a str, &'a Path)>,
        secrets: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut known: Vec<(String, String)> = Vec::new();
        for (name, path) in places {
            let path = path.display().to_string();
            if path.len() > 1 && known.iter().all(|(other, _)| *other != path) {
                known.push((path, format!("⟨{name}⟩")));
            }
        }
        known.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { places: known, secrets }
    }

    /// `text` as a cassette has it.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(next) = text[at..].chars().next() {
            let rest = &text[at..];
            if let Some((length, stead)) = self.stead(rest, &text[..at]) {
                hidden.push_str(stead);
                at += length;
            } else {
                hidden.push(next);
                at += next.len_utf8();
            }
        }
        hidden
    }

    /// `text` with the places of this machine.
    pub(super) fn show(&self, text: &str) -> String {
        let places = self.places.iter();
        places.fold(
            text.to_owned(),
            |text, (path, name)| if text.contains(name) { text.replace(name, path) } else { text },
        )
    }

    /// How much of the beginning of `rest` something stands for, and what.
    fn stead(&self, rest: &str, before: &str) -> Option<(usize, &str)> {
        if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(*secret)) {
            return Some((secret.len(), SECRET));
        }
        if let Some(length) = key(rest, before) {
            return Some((length, SECRET));
        }
        let place = self.places.iter().find(|(path, _)| rest.strip_prefix(path).is_some_and(ends_name));
        place.map(|(path, name)| (path.len(), name.as_str()))
    }
}

/// Whether a name of a file ends before `rest`.
fn ends_name(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '-')
}

/// Bytes of the key that `rest` begins with, by what it looks like.
fn key(rest: &str, before: &str) -> Option<usize> {
    if let Some(length) = private_key(rest) {
        return Some(length);
    }
    let is_of_key = |next: char| next.is_ascii_alphanumeric() || "-_.~+/=".contains(next);
    let length = || rest.find(|next| !is_of_key(next)).unwrap_or(rest.len());
    if BEFORE_SECRETS.iter().any(|word| before.ends_with(word)) {
        return Some(length()).filter(|length| *length >= SHORTEST);
    }
    let begins_word = !before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_' || last == '-');
    let looks = begins_word && KEYS.iter().any(|beginning| rest.starts_with(beginning));
    if looks {
        return Some(length()).filter(|length| *length >= SHORTEST_KEY);
    }
    password(rest, before)
}

/// Bytes of the private key that `rest` begins with. One that does not end goes on to the end of the text.
fn private_key(rest: &str) -> Option<usize> {
    let (begin, end, dashes, what) = PRIVATE_KEY;
    let (kind, _) = rest.strip_prefix(begin)?.split_once('-')?;
    if !kind.contains(what) || kind.contains('\n') {
        return None;
    }
    let length = rest.find(end).and_then(|at| {
        let name = at + end.len();
        Some(name + rest[name..].find(dashes)? + dashes.len())
    });
    Some(length.unwrap_or(rest.len()))
}

/// Bytes of the password that `rest` begins with, in an address such as `https://user:password@host`. It looks no further than
/// to the next colon before, and only behind the name of a user to the next slash.
fn password(rest: &str, before: &str) -> Option<usize> {
    let ends_user = |next: char| "/@:".contains(next) || next.is_whitespace();
    let user = before.strip_suffix(':')?;
    if !user.trim_end_matches(|next: char| !ends_user(next)).ends_with("://") {
        return None;
    }
    let end = rest.find(|next: char| next == '@' || next == '/' || next.is_whitespace())?;
    (rest[end..].starts_with('@') && end > 0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        let places = [("workspace", "/home/me/work"), ("home", "/home/me"), ("temp", "/home/me"), ("root", "/")];
        let secrets = ["hunter2!", "hunter2!hunter2!", "short"].map(str::to_owned);
        Surroundings::new(places.map(|(name, path)| (name, Path::new(path))), secrets)
    }

    #[test]
    fn places_have_names_and_come_back() {
        for (text, expected) in [
            ("/home/me/work/a.rs and /home/me/b", "⟨workspace⟩/a.rs and ⟨home⟩/b"),
            ("cd /home/me/work", "cd ⟨workspace⟩"),
            ("-I/home/me/work:/home/me.", "-I⟨workspace⟩:⟨home⟩."),
            ("/home/mean /home/me-2 /home/me_x", "/home/mean /home/me-2 /home/me_x"),
            ("/ is no place", "/ is no place"),
            ("ä/home/me", "ä⟨home⟩"),
        ] {
            let hidden = surroundings().hide(text);
            assert_eq!(hidden, expected);
            assert_eq!(surroundings().show(&hidden), text);
        }
    }

    #[test]
    fn secrets_stand_nowhere() {
        let key = format!("sk-{}", "x".repeat(30));
        let block = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----";
        let table = [
            ("is hunter2! or hunter2!hunter2!".to_owned(), "is ⟨secret⟩ or ⟨secret⟩"),
            ("short stays".to_owned(), "short stays"),
            (format!("KEY={key}\n"), "KEY=⟨secret⟩\n"),
            ("sk-short task-".to_owned() + &"x".repeat(40), "sk-short task-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("Authorization: Bearer abcdef12".to_owned(), "Authorization: Bearer ⟨secret⟩"),
            (format!("a {block} b"), "a ⟨secret⟩ b"),
            ("a -----BEGIN RSA PRIVATE KEY-----\nabc".to_owned(), "a ⟨secret⟩"),
            (format!("a {}", block.replace('\n', "\\n")), "a ⟨secret⟩"),
            ("-----BEGIN PGP PRIVATE KEY BLOCK-----\na\n-----END PGP PRIVATE KEY BLOCK-----.".to_owned(), "⟨secret⟩."),
            ("https://:word@host ://:".to_owned(), "https://:⟨secret⟩@host ://:"),
            ("-----BEGIN CERTIFICATE-----".to_owned(), "-----BEGIN CERTIFICATE-----"),
            ("redis://me:pass:word@host:1/x".to_owned(), "redis://me:⟨secret⟩@host:1/x"),
            ("http://host:80/a@b".to_owned(), "http://host:80/a@b"),
        ];
        for (text, expected) in table {
            assert_eq!(surroundings().hide(&text), expected, "{text}");
        }
        assert!(!format!("{:?}", surroundings()).contains("hunter"));
    }

    /// None of these lines comes to its end in useful time if each character looks at the rest of it.
    #[test]
    fn a_long_line_is_read_once() {
        for piece in ["x", ":", "://a:b", "-----BEGIN A", "Bearer a "] {
            let line = piece.repeat((1 << 20) / piece.len());
            assert!(surroundings().hide(&line) == line, "{piece}");
        }
    }
}
