//! What is pasted: text, long text, the path of a picture as terminals write it when one is dropped on them.

use std::path::Path;

/// Longer texts are not shown.
const LINES: usize = 10;
const CHARACTERS: usize = 1000;

const PICTURES: &[&str] = &["png", "jpg", "jpeg", "gif", "webp"];

/// Whether `text` is too long to be shown.
pub fn is_long(text: &str) -> bool {
    text.len() > CHARACTERS && (text.len() > 4 * CHARACTERS || text.chars().nth(CHARACTERS).is_some())
        || text.bytes().filter(|byte| *byte == b'\n').nth(LINES - 1).is_some_and(|_| text.lines().count() > LINES)
}

/// `text` with line breaks as `\n`, which terminals send as `\r`.
pub fn with_line_breaks(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// The absolute path of the picture that `text` names, if it names one that exists and nothing else.
pub fn picture(text: &str) -> Option<String> {
    let text = text.trim();
    // A path is no longer than this, and no file is looked for in a text.
    if text.len() > 3 * 4096 || text.contains('\n') {
        return None;
    }
    let path = unquoted(text)?;
    let known = Path::new(&path).extension().and_then(|extension| extension.to_str());
    let known = known.is_some_and(|known| PICTURES.iter().any(|picture| picture.eq_ignore_ascii_case(known)));
    (known && Path::new(&path).is_absolute() && Path::new(&path).is_file()).then_some(path)
}

/// A path without the marks that terminals put around it or into it.
fn unquoted(text: &str) -> Option<String> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            // As a shell would write a quotation mark within.
            return Some(if quote == '\'' { inner.replace(r"'\''", "'") } else { inner.to_owned() });
        }
    }
    if let Some(rest) = text.strip_prefix("file://") {
        let path = &rest[rest.find('/')?..];
        return percent_decoded(path);
    }
    if Path::new(text).is_file() {
        return Some(text.to_owned());
    }
    let (mut path, mut escaped) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        escaped = c == '\\' && !escaped;
        if !escaped {
            path.push(c);
        }
    }
    Some(path)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &more[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn paths_of_pictures_are_read_as_terminals_write_them() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        for name in ["a.png", "b c.JPG", "it's.webp", "ü.gif", "back\\slash.png", "notes.txt"] {
            fs::write(at(name), "x").unwrap();
        }
        let table = [
            (at("a.png"), Some("a.png")),
            (format!("  {}\n", at("a.png")), Some("a.png")),
            (format!("'{}'", at("b c.JPG")), Some("b c.JPG")),
            (format!("\"{}\"", at("b c.JPG")), Some("b c.JPG")),
            (at("b\\ c.JPG"), Some("b c.JPG")),
            (at("b c.JPG"), Some("b c.JPG")),
            (format!("'{}'", at("it'\\''s.webp")), Some("it's.webp")),
            (at("it\\'s.webp"), Some("it's.webp")),
            (at("back\\slash.png"), Some("back\\slash.png")),
            (at("back\\\\slash.png"), Some("back\\slash.png")),
            (format!("file://{}", at("%C3%BC.gif")), Some("ü.gif")),
            (format!("file://localhost{}", at("b%20c.JPG")), Some("b c.JPG")),
            (format!("file://{}", at("%zz.gif")), None),
            (at("notes.txt"), None),
            (at("missing.png"), None),
            ("a.png".into(), None),
            (format!("look at {}", at("a.png")), None),
            (format!("{0}\n{0}", at("a.png")), None),
            (String::new(), None),
            ("'".into(), None),
        ];
        for (text, expected) in table {
            assert_eq!(picture(&text), expected.map(at), "{text}");
        }
    }

    #[test]
    fn long_is_more_than_ten_lines_or_a_thousand_characters() {
        let table = [
            ("x\n".repeat(10), false),
            ("x\n".repeat(11), true),
            (format!("{}x", "x\n".repeat(10)), true),
            ("x".repeat(1000), false),
            ("x".repeat(1001), true),
            ("日".repeat(1000), false),
            ("日".repeat(1001), true),
            ("👩\u{200d}👩\u{200d}👧".repeat(300), true),
            (String::new(), false),
        ];
        for (text, expected) in table {
            assert_eq!(is_long(&text), expected, "{} bytes", text.len());
        }
    }
}
