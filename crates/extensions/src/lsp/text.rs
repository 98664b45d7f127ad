//! Files as language servers name them, and places in them as they count: lines from 0, columns in UTF-16 from 0.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;

use crate::diagnostics::{Diagnostic, Severity};

/// The address of a file.
pub(super) fn address(path: &Path) -> String {
    Url::from_file_path(path).map(String::from).unwrap_or_default()
}

/// The file of an address; `None` if it is of none here.
pub(super) fn file(address: &str) -> Option<PathBuf> {
    Url::parse(address).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}

/// What the protocol calls the language of a file.
pub(super) fn language(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "rs" => "rust",
        "py" | "pyi" => "python",
        "ts" | "mts" | "cts" => "typescript",
        "tsx" => "typescriptreact",
        "js" | "mjs" | "cjs" => "javascript",
        "jsx" => "javascriptreact",
        "go" => "go",
        "c" => "c",
        "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" => "cpp",
        _ => "plaintext",
    }
}

/// The character of `line` (from 1) that stands at `units` of UTF-16 (from 0). Behind the end it is the one after the last.
pub(super) fn column(line: &str, units: u64) -> u32 {
    let mut before = 0;
    let mut column = 1;
    for character in line.chars() {
        if before >= units {
            break;
        }
        before += character.len_utf16() as u64;
        column += 1;
    }
    column
}

/// Where in UTF-16 the byte `at` of `line` stands.
pub(super) fn units(line: &str, at: usize) -> usize {
    line.get(..at).unwrap_or(line).encode_utf16().count()
}

/// Where `symbol` stands in `line` as a word of its own, or else at all: a byte.
pub(super) fn find(line: &str, symbol: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let is_word =
        |at: &usize| !part(line[..*at].chars().next_back()) && !part(line[at + symbol.len()..].chars().next());
    let mut all = line.match_indices(symbol).map(|(at, _)| at);
    all.clone().find(is_word).or_else(|| all.next()).filter(|_| !symbol.is_empty())
}

/// A range's beginning: its line and its column in UTF-16, both from 0.
pub(super) fn start(range: &Value) -> Option<(u32, u64)> {
    let start = &range["start"];
    Some((u32::try_from(start["line"].as_u64()?).ok()?, start["character"].as_u64().unwrap_or_default()))
}

/// A place as a request names it.
pub(super) fn position(line: u32, units: usize) -> Value {
    json!({ "line": line, "character": units })
}

/// One of the diagnostics of a file that has this text.
pub(super) fn diagnostic(path: &Path, text: &str, found: &Value) -> Option<Diagnostic> {
    let (line, units) = start(&found["range"])?;
    let column = text.lines().nth(line as usize).map(|line| column(line, units));
    let severity = match found["severity"].as_u64() {
        Some(1) | None => Severity::Error,
        Some(2) => Severity::Warning,
        Some(_) => Severity::Note,
    };
    let message = found["message"].as_str()?;
    let first = message.lines().find(|line| !line.trim().is_empty())?;
    let code = match &found["code"] {
        Value::String(code) => format!(" [{code}]"),
        Value::Number(code) => format!(" [{code}]"),
        _ => String::new(),
    };
    Diagnostic::new(path.to_owned(), (line.saturating_add(1), column), severity, &format!("{first}{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_utf_16_by_servers_and_in_characters_here() {
        let line = "a😀bü";
        for (units, expected) in [(0, 1), (1, 2), (3, 3), (4, 4), (99, 5)] {
            assert_eq!(column(line, units), expected, "{units}");
        }
        assert_eq!([0, 1, 5, 6, 99].map(|at| super::units(line, at)), [0, 1, 3, 4, 5]);
    }

    #[test]
    fn a_symbol_is_a_word_if_it_can_be() {
        let table = [("foobar(foo)", "foo", Some(7)), ("foobar", "foo", Some(0)), ("x", "y", None), ("x", "", None)];
        for (line, symbol, expected) in table {
            assert_eq!(find(line, symbol), expected, "{line} {symbol}");
        }
    }

    #[test]
    fn names_of_files_go_there_and_back() {
        for path in ["/w/a b.rs", "/w/ü%41#?.rs"] {
            assert_eq!(file(&address(Path::new(path))).as_deref(), Some(Path::new(path)));
        }
        assert_eq!((file("https://x/y"), file("untitled:x"), file("")), (None, None, None));
    }
}
