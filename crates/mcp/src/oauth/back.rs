//! What a person was led back with: in the address of a request, or pasted.

use url::Url;

/// Most bytes that are looked at.
const MOST: usize = 16 << 10;

/// An answer to a login.
#[derive(Clone, PartialEq, Eq)]
pub struct Back {
    code: Result<String, String>,
    state: Option<String>,
    issuer: Option<String>,
}

impl Back {
    /// Reads a whole address, its part after the `?`, or a code alone.
    ///
    /// # Errors
    /// It is none of these.
    pub fn read(pasted: &str) -> Result<Self, String> {
        let pasted = pasted.trim();
        if pasted.is_empty() || pasted.len() > MOST {
            return Err("was not answered: this is neither a code nor an address".into());
        }
        if let Ok(url) = Url::parse(pasted)
            && url.has_host()
        {
            return Self::of_query(url.query().unwrap_or_default());
        }
        if pasted.starts_with('?') || pasted.contains("code=") || pasted.contains("error=") {
            return Self::of_query(pasted.trim_start_matches('?'));
        }
        match pasted.contains(char::is_whitespace) {
            true => Err("was not answered: this is neither a code nor an address".into()),
            false => Ok(Self { code: Ok(pasted.to_owned()), state: None, issuer: None }),
        }
    }

    /// Reads the parameters of an address (RFC 6749, section 4.1.2; RFC 9207).
    ///
    /// # Errors
    /// There is neither a code nor an error among them.
    pub(crate) fn of_query(query: &str) -> Result<Self, String> {
        let of = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let code = match (of("code"), of("error")) {
            (_, Some(error)) => Err(match of("error_description") {
                Some(more) => format!("{error}: {more}"),
                None => error,
            }),
            (Some(code), None) if !code.is_empty() => Ok(code),
            _ => return Err("was not answered: there is no `code` in this address".into()),
        };
        Ok(Self { code, state: of("state"), issuer: of("iss") })
    }

    /// The code.
    ///
    /// # Errors
    /// What was said in its place.
    pub(crate) fn code(&self) -> Result<&str, String> {
        self.code.as_deref().map_err(|said| {
            let harmless = |c: char| if c.is_control() { ' ' } else { c };
            format!("has refused the login: {}", said.chars().take(super::SAID).map(harmless).collect::<String>())
        })
    }

    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_codes_are_told_apart() {
        type Told = (Result<&'static str, &'static str>, Option<&'static str>);
        let table: &[(&str, Option<Told>)] = &[
            ("http://127.0.0.1:9/callback?code=c1&state=s1&iss=https%3A%2F%2Fas", Some((Ok("c1"), Some("s1")))),
            ("?code=c%2F1&state=s", Some((Ok("c/1"), Some("s")))),
            ("code=c1", Some((Ok("c1"), None))),
            (" c1:x-_~ \n", Some((Ok("c1:x-_~"), None))),
            (
                "https://x/?error=access_denied&error_description=no%0Away&state=s",
                Some((Err("has refused the login: access_denied: no way"), Some("s"))),
            ),
            ("http://127.0.0.1:9/callback?state=s1", None),
            ("two words", None),
            ("", None),
        ];
        for (pasted, expected) in table {
            let got = Back::read(pasted).ok();
            let got = got.as_ref().map(|back| (back.code().map_err(|error| error.to_string()), back.state()));
            let expected = expected.map(|(code, state)| (code.map_err(str::to_owned), state));
            assert_eq!(got, expected, "{pasted}");
        }
    }
}
