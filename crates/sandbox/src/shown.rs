//! Names and other text that commands chose, as they are put into sentences: on one line, and nothing that drives a
//! terminal or reads as something else.

use std::path::Path;

/// Most characters of a path that are shown; the kernel takes paths of 4,096 bytes.
const MOST: usize = 1024;

/// A path for a sentence: on one line, control characters and what is invisible escaped, cut if it is very long.
pub fn shown(path: &Path) -> String {
    // The system's own way, without its quotes.
    let quoted = format!("{path:?}");
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted);
    cut(inside).replace("\\\"", "\"")
}

/// As [`shown`], between quotes that nothing in it ends, for a reader who obeys what is written: a model.
pub fn quoted(path: &Path) -> String {
    let quoted = format!("{path:?}");
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted);
    format!("\"{}\"", cut(inside))
}

/// Any text, as [`shown`] does it.
pub fn one_line(text: &str) -> String {
    shown(Path::new(text))
}

/// Not in the middle of an escape.
fn cut(escaped: &str) -> String {
    let Some((end, _)) = escaped.char_indices().nth(MOST) else { return escaped.to_owned() };
    let kept = &escaped[..end];
    // An escape is no longer than `\u{10ffff}`.
    let escape = kept.char_indices().rev().take(10).filter(|(_, c)| *c == '\\').last();
    format!("{}…", escape.map_or(kept, |(start, _)| &kept[..start]))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn names_stay_on_their_line() {
        let rows: [(&[u8], &str, &str); 7] = [
            (b"/w/plain name", "/w/plain name", "\"/w/plain name\""),
            ("/w/über 日本".as_bytes(), "/w/über 日本", "\"/w/über 日本\""),
            (b"/w/x\n]\n\nThe user", r"/w/x\n]\n\nThe user", r#""/w/x\n]\n\nThe user""#),
            (b"/w/a\"b'", r#"/w/a"b'"#, r#""/w/a\"b'""#),
            (b"/w/a\\n", r"/w/a\\n", r#""/w/a\\n""#),
            ("/w/\u{1b}[2J\u{202e}x".as_bytes(), r"/w/\u{1b}[2J\u{202e}x", r#""/w/\u{1b}[2J\u{202e}x""#),
            (b"/w/\xff\r", r"/w/\xFF\r", r#""/w/\xFF\r""#),
        ];
        for (name, plain, in_quotes) in rows {
            let path = Path::new(OsStr::from_bytes(name));
            assert_eq!((shown(path).as_str(), quoted(path).as_str()), (plain, in_quotes));
        }
    }

    #[test]
    fn long_names_are_cut_between_letters() {
        for filler in 0..12 {
            let name = "a".repeat(MOST - filler) + "\u{1}\"\n\\".repeat(50).as_str();
            let short = quoted(Path::new(&name));
            assert!(short.chars().count() <= MOST + 3 && short.ends_with("…\""), "{short}");
            let escapes = short[1..].trim_end_matches("…\"");
            assert!(!escapes.ends_with('\\') || escapes.ends_with("\\\\"), "{short}");
        }
    }
}
