//! What messages must not show: the values of settings whose names look like secrets. An error ends up in logs and in
//! bug reports, so it hides too much rather than too little.

use std::ops::Range;

use crate::shell_environment::has_secret_part;

/// Tables of texts that servers get; any of them may be a secret.
const SECRET_TABLES: &[&str] = &["HTTP_HEADERS", "QUERY_PARAMS"];

/// Whether a key, a path of keys or a header looks as if its values were secrets.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    has_secret_part(&name)
        || SECRET_TABLES.iter().any(|table| name.contains(table))
        // `[shell_environment_policy] set`, `[mcp_servers.NAME] env`: variables for programs.
        || words.any(|word| word == "SET" || word == "ENV")
}

/// Whether a text is an address with what may be a secret: a user's name and password, or parameters.
pub(crate) fn has_secret_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains(['@', '?']))
}

/// An address with `…` for what may be a secret in it: who reads it must still see where it leads.
pub(crate) fn url_without_secrets(text: &str) -> String {
    let Ok(url) = url::Url::parse(text) else { return "…".into() };
    let Some(host) = url.host_str() else { return "…".into() };
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "…@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() || url.fragment().is_some() { "?…" } else { "" };
    format!("{}://{user}{host}{port}{}{query}", url.scheme(), url.path())
}

/// The parts of a line that must not be shown, in order, as ranges of bytes within the line. `before` is the text above
/// it: a value may have begun there.
pub(crate) fn secret_parts(before: &str, line: &str) -> Vec<Range<usize>> {
    let header = before.lines().rev().find(|line| is_header(line)).unwrap_or_default();
    let all = !is_header(line) && (looks_secret(header) || is_inside(before));
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(equals) = next_equals(line, from) {
        let secret = all || looks_secret(&line[from..equals]);
        let rest = &line[equals + 1..];
        let start = line.len() - rest.trim_start().len();
        let inner = quoted(line, start);
        let value = inner.clone().unwrap_or(start..line.len());
        let hide = secret || has_secret_url(&line[value.clone()]);
        from = inner.map_or(if hide { line.len() } else { start }, |inner| inner.end + 1);
        if hide {
            parts.push(value);
        }
        if from >= line.len() {
            return parts;
        }
    }
    if all && parts.is_empty() {
        let text = line.trim();
        let start = line.len() - line.trim_start().len();
        parts.push(start..start + text.len());
    }
    parts
}

/// The inside of the single quotes (not three) that open at a byte and close on the same line.
fn quoted(line: &str, start: usize) -> Option<Range<usize>> {
    if is_long(&line[start..]) {
        return None;
    }
    let quote = line[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = &line[start + 1..];
    let mut escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && quote == '"' && !escaped;
        closes
    });
    end.map(|(at, _)| start + 1..start + 1 + at)
}

/// Whether a text over several lines begins here, or ends.
fn is_long(text: &str) -> bool {
    text.starts_with("\"\"\"") || text.starts_with("'''")
}

/// The first `=` from a byte on that is not within quotes; quotes that do not close are none.
fn next_equals(line: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(c) = line.get(at..)?.chars().next() {
        match c {
            '=' => return Some(at),
            '"' | '\'' if is_long(&line[at..]) => at += 3,
            '"' | '\'' => at = quoted(line, at).map_or(at + 1, |inner| inner.end + 1),
            _ => at += c.len_utf8(),
        }
    }
    None
}

fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    line.starts_with('[') && line.ends_with(']') && !line.contains(',')
}

/// Whether a secret value that began above goes on. It may have ended since: then too much is hidden.
fn is_inside(before: &str) -> bool {
    for line in before.lines().rev() {
        if is_header(line) || line.trim_start().starts_with(['}', ']']) {
            return false;
        }
        let Some((key, value)) = line.split_once('=').filter(|(key, _)| looks_secret(key)) else { continue };
        let value = value.trim();
        let open = |from: &str, to: char| value.starts_with(from) && !value.contains(to);
        let long = |quotes: &str| value.matches(quotes).count() == 1;
        if open("{", '}') || open("[", ']') || long("\"\"\"") || long("'''") || value.is_empty() {
            return !key.is_empty();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_show_where_they_lead() {
        let table = [
            ("https://me:sk-1@evil.example:8443/v1", "https://…@evil.example:8443/v1"),
            ("https://me@evil.example", "https://…@evil.example/"),
            ("https://good.example@evil.example/", "https://…@evil.example/"),
            ("https://good.example\\@evil.example/", "https://good.example/@evil.example/"),
            ("http://host/v1?key=sk-1", "http://host/v1?…"),
            ("http://host/v1#sk-1?", "http://host/v1?…"),
            ("https://:@", "…"),
            ("mailto://me@", "…"),
        ];
        for (text, expected) in table {
            assert_eq!(url_without_secrets(text), expected);
        }
    }

    #[test]
    fn values_that_look_secret_are_hidden() {
        let table = [
            ("", "model = \"o4-mini\"", "model = \"o4-mini\""),
            ("", "env_key = \"sk-1\" # mine", "env_key = \"…\" # mine"),
            ("", "env_key = \"sk-1\" token = \"sk-2\"", "env_key = \"…\" token = \"…\""),
            ("", "name = \"\" env_key = \"sk-1\"", "name = \"\" env_key = \"…\""),
            ("", "name = '''a''' env_key = \"sk-1\"", "name = '''a''' env_key = \"…\""),
            ("", "env_key = \"sk\\\"-1\"", "env_key = \"…\""),
            ("", "env_key = sk-1", "env_key = …"),
            ("", "env_key = \"sk-1", "env_key = …"),
            ("", "a.experimental_bearer_token = '''sk-1'''", "a.experimental_bearer_token = …"),
            ("", "http_headers = { A = \"sk-1\", B = 2 }", "http_headers = …"),
            ("", "http-headers.X = \"sk-1\"", "http-headers.X = \"…\""),
            ("", "set = { A = \"sk-1\", B = 2 }", "set = …"),
            ("", "shell_environment_policy.set.A = \"sk-1\"", "shell_environment_policy.set.A = \"…\""),
            ("[shell_environment_policy.set]\n", "A = \"sk-1\"", "A = \"…\""),
            ("[mcp_servers.docs.env]\n", "A = \"sk-1\"", "A = \"…\""),
            ("[mcp_servers.docs]\n", "env = { A = \"sk-1\" }", "env = …"),
            ("[mcp_servers.docs]\n", "env_vars = [\"A\"]", "env_vars = [\"A\"]"),
            ("[preset]\n", "off_set = \"a\"", "off_set = \"a\""),
            (
                "",
                "x = { base_url = \"http://x\", env_key = \"sk-1\" }",
                "x = { base_url = \"http://x\", env_key = \"…\" }",
            ),
            ("", "model = \"a\" env_key = \"sk-1\" [tui]", "model = \"a\" env_key = \"…\" [tui]"),
            ("", "base_url = \"https://me:sk-1@host\"", "base_url = \"…\""),
            ("", "base_url = https://me:sk-1@host", "base_url = …"),
            ("", "base_url = \"https://host/v1?k=sk-1\"", "base_url = \"…\""),
            ("", "base_url = \"https://host/v1\"", "base_url = \"https://host/v1\""),
            ("[a.http_headers]\nb = 1\n", "X-Org = \"sk-1\"", "X-Org = \"…\""),
            ("[a.http_headers]\nb = 1\n[tui]\n", "x = \"é\"", "x = \"é\""),
            ("[a.http_headers]\n", "[tui]", "[tui]"),
            ("token = \"\"\"\n", "  sk-1", "  …"),
            ("http_headers = {\n", "  A = \"sk-1\"", "  A = \"…\""),
            ("http_headers = {\n A = 1\n}\n", "model = 4", "model = 4"),
            ("add_dir = [\n", "  \"/a\",", "  \"/a\","),
        ];
        for (before, line, expected) in table {
            let mut shown = String::from(line);
            for part in secret_parts(before, line).into_iter().rev() {
                shown.replace_range(part, "…");
            }
            assert_eq!(shown, expected, "{before}");
        }
    }
}
