//! Addresses of pages that a stranger names, as the person's browser is asked to open them.

use url::{Position, Url};

/// The address of a page of the web. What is shown of it and what is opened are of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page(Url);

impl Page {
    /// Reads the address: `http` or `https`, with a host and no user name. Names in other alphabets come in the letters of the
    /// wire, so that none looks like another.
    ///
    /// # Errors
    /// A few words: why no browser is asked to open it.
    pub fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("it is no address of a page ({error})"))?;
        match url.scheme() {
            "http" | "https" => {}
            other => return Err(format!("`{other}:` is no page of the web")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a user name in it, as those have that look like another host's".into());
        }
        // The kinds of addresses that are pages always have one.
        if url.host().is_none() {
            return Err("it has no host".into());
        }
        Ok(Self(url))
    }

    /// The whole address.
    pub fn address(&self) -> &str {
        self.0.as_str()
    }

    /// Host, and port where one is named.
    pub fn host(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_opened() {
        for (text, expected) in [
            ("https://a.example/x?y=1#z", Ok(("a.example", "https://a.example/x?y=1#z"))),
            ("HTTP://A.example:81", Ok(("a.example:81", "http://a.example:81/"))),
            ("https://\u{0430}pple.example/", Ok(("xn--pple-43d.example", "https://xn--pple-43d.example/"))),
            ("https://good.example\\@bad.example/", Ok(("good.example", "https://good.example/@bad.example/"))),
            ("https:a.example", Ok(("a.example", "https://a.example/"))),
            ("https://good.example@bad.example/", Err("user name")),
            ("https://:x@bad.example/", Err("user name")),
            ("file:///etc/passwd", Err("`file:`")),
            ("javascript:alert(1)", Err("`javascript:`")),
            ("vscode://x/y", Err("`vscode:`")),
            ("--help", Err("no address")),
            ("/etc/passwd", Err("no address")),
            ("https://", Err("no address")),
        ] {
            let page = Page::read(text);
            match (&page, expected) {
                (Ok(page), Ok(expected)) => assert_eq!((page.host(), page.address()), expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
