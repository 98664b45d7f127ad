//! Which addresses of pages are asked for at all, whatever their hosts.

use url::Url;

/// Longest address that is asked for, in bytes.
const LONGEST: usize = 2048;

/// Reads the address of a page; what follows `#` is cut off, since servers never see it.
///
/// # Errors
/// In a few words, why it cannot be asked for.
pub fn web_address(text: &str) -> Result<Url, String> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it holds a space or a control character: write it as `%20`".into());
    }
    let mut url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "it does not begin with `https://`".to_owned(),
        other => other.to_string(),
    })?;
    url.set_fragment(None);
    check(&url)?;
    Ok(url)
}

/// # Errors
/// In a few words, why `url` cannot be asked for.
pub(super) fn check(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not `http` or `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or a password".into());
    }
    if url.as_str().len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_pages_are_read() {
        let long = format!("https://a.example/{}", "x".repeat(LONGEST));
        for (text, expected) in [
            ("https://docs.rs/htmd#top", Ok("https://docs.rs/htmd")),
            (" http://DOCS.rs ", Ok("http://docs.rs/")),
            ("http://2130706433/", Ok("http://127.0.0.1/")),
            ("docs.rs/htmd", Err("https://")),
            ("file:///etc/passwd", Err("`file`")),
            ("ftp://a.example/", Err("`ftp`")),
            ("javascript:alert(1)", Err("`javascript`")),
            ("data:text/html,x", Err("`data`")),
            ("https://user@a.example/", Err("user name")),
            ("https://:secret@a.example/", Err("password")),
            ("https://a.example/a b", Err("space")),
            ("https://a.example/a\nb", Err("control")),
            ("https://", Err("host")),
            (&long, Err("longer")),
        ] {
            match (web_address(text), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{text}: {reason}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
