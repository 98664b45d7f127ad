//! Which servers may be reached, where not all may be.

use std::collections::BTreeSet;

use url::{Origin, Url};

/// Servers, each by its scheme, host and port (the origin of RFC 6454): what lies at one is behind one program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Servers(BTreeSet<String>);

impl Servers {
    /// Whether `url` is at one of them.
    pub fn have(&self, url: &Url) -> bool {
        self.0.contains(&origin(url))
    }
}

impl<'a> FromIterator<&'a Url> for Servers {
    fn from_iter<T: IntoIterator<Item = &'a Url>>(urls: T) -> Self {
        Self(urls.into_iter().filter(|url| matches!(url.origin(), Origin::Tuple(..))).map(origin).collect())
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_server_and_no_other() {
        let url = |text: &str| Url::parse(text).unwrap();
        let known = [url("http://127.0.0.1:8080/v1"), url("https://Models.example/v1"), url("data:,x")];
        let servers: Servers = known.iter().collect();
        for (text, expected) in [
            ("http://127.0.0.1:8080/props", true),
            ("https://models.example:443/other?x=1", true),
            ("http://user@127.0.0.1:8080/", true),
            ("http://127.0.0.1:8081/v1", false),
            ("http://localhost:8080/v1", false),
            ("https://127.0.0.1:8080/v1", false),
            ("http://models.example/v1", false),
            ("https://models.example.org/v1", false),
            ("https://x.models.example/v1", false),
            ("data:,x", false),
        ] {
            assert_eq!(servers.have(&url(text)), expected, "{text}");
        }
    }
}
