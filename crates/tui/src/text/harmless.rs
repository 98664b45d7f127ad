//! Text of others, made fit to be shown: nothing in it drives the terminal or deceives the eye.

use unicode_width::UnicodeWidthChar;

/// Joins pictures to one, as families and flags are written; elsewhere it hides.
const JOINER: char = '\u{200d}';

/// `text` without what a terminal would obey: control characters other than newline and tab are shown escaped, and so
/// are characters that reorder or hide text.
pub fn harmless(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    push_clean(&text, &mut clean, |c| c == '\n' || c == '\t');
    clean
}

/// As [`harmless`], for a piece of one row: tabs become spaces, line breaks are shown.
pub fn of_a_row(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control()) {
        clean.push_str(text);
        return clean;
    }
    push_clean(&text.replace('\t', "    ").replace('\n', "\u{21b5}"), &mut clean, |_| false);
    clean
}

fn push_clean(text: &str, clean: &mut String, kept: fn(char) -> bool) {
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = c == JOINER && before.is_some_and(is_picture) && rest.peek().copied().is_some_and(is_picture);
        if (c.is_control() && !kept(c)) || (is_hidden(c) && !joins) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
        before = Some(c);
    }
}

/// Characters that take no room: they reorder, join, hide or tag what stands around them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Roughly what is drawn as a picture: wide characters beyond the first plane, symbols, and the selector of a picture.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{fe0f}' | '\u{2600}'..='\u{27bf}') || (c >= '\u{1f000}' && c.width() == Some(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_the_terminal() {
        let table = [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\r\nb", "a\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}]52;c;aGk=\u{7}", "\\u{1b}]52;c;aGk=\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("x\u{202e}y", "x\\u{202e}y"),
            ("a\u{61c}\u{ad}", "a\\u{61c}\\u{ad}"),
            ("über 日本", "über 日本"),
            ("👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥", "👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥"),
            ("a\u{200d}b", "a\\u{200d}b"),
        ];
        for (text, expected) in table {
            assert_eq!(harmless(text), expected);
        }
    }

    #[test]
    fn a_row_is_one_row() {
        let table =
            [("a\tb", "a    b"), ("a\nb", "a↵b"), ("a\rb", "a\\u{d}b"), ("日\u{7}", "日\\u{7}"), ("\u{7f}", "\\u{7f}")];
        for (text, expected) in table {
            assert_eq!(of_a_row(text), expected);
        }
    }
}
