//! Writing to stdout and stderr: closed pipes, colours, and text that must not drive the terminal.

use std::io::{self, IsTerminal, Write};

use crate::args::ColorChoice;

/// A colour, or a weight, of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// The terminal's error stream: where progress goes.
#[derive(Debug)]
pub struct Progress {
    colored: bool,
}

impl Progress {
    /// `no_color`: the user's environment asks for none (no-color.org).
    pub fn new(choice: ColorChoice, no_color: bool) -> Self {
        let colored = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_color && io::stderr().is_terminal(),
        };
        Self { colored }
    }

    /// A line. A reader that has gone is not an error: the work goes on.
    pub fn line(&self, style: Style, text: &str) {
        let text = harmless(text);
        let code = match style {
            Style::Plain => "",
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Red => "31",
            Style::Green => "32",
            Style::Yellow => "33",
            Style::Cyan => "36",
        };
        let _ = if self.colored && !code.is_empty() {
            writeln!(io::stderr(), "\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            writeln!(io::stderr(), "{text}")
        };
    }
}

/// Writes to stdout and flushes.
///
/// # Errors
/// When stdout is closed or full.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says why the program stops, on stderr.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "codex: {}", harmless(message));
}

/// `text` without what a terminal would obey: control characters other than newline and tab are shown escaped, and so
/// are characters that reorder or hide text.
pub fn harmless(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if (c.is_control() && c != '\n' && c != '\t') || hidden {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
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
            ("über 日本", "über 日本"),
        ];
        for (text, expected) in table {
            assert_eq!(harmless(text), expected);
        }
    }
}
