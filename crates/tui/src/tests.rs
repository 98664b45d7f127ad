//! What the tests of rows share: rows as text with their styles, and expected texts in files.

use std::{fs, path::Path};

use crate::text::{Color, Row, Span, Style};

/// Rows as text. What is styled stands as `{style:text}`: `b`old, `d`im, `i`talic, `u`nderlined, `s`truck, `r`eversed,
/// the number of a colour, and `@target` of a link.
pub fn styled(rows: &[Row]) -> String {
    rows.iter().map(|row| row.spans.iter().map(span).collect::<String>() + "\n").collect()
}

/// Rows as text alone.
pub fn plain(rows: &[Row]) -> String {
    rows.iter().map(|row| row.text() + "\n").collect()
}

fn span(span: &Span) -> String {
    let Style { foreground, bold, dim, italic, underline, strike, reverse, .. } = span.style;
    let flags = [(bold, 'b'), (dim, 'd'), (italic, 'i'), (underline, 'u'), (strike, 's'), (reverse, 'r')];
    let mut style: String = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
    if let Some(Color::Ansi(color)) = foreground {
        style.push_str(&color.to_string());
    }
    if let Some(link) = span.link() {
        style.push_str(&format!("@{link}"));
    }
    if style.is_empty() { span.text().to_owned() } else { format!("{{{style}:{}}}", span.text()) }
}

/// Holds `actual` to the file at `path` in this crate; writes it there instead where `UPDATE` is set.
pub fn golden(path: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    #[allow(clippy::disallowed_methods, reason = "a word of whoever runs the tests")]
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, actual).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path}: `UPDATE=1 cargo test -p codex-tui` accepts what came:\n{actual}");
}
