//! Writing to stdout and stderr: closed pipes, colours, and text that must not drive the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use codex_config::{Environment, variables};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

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
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    colored: bool,
}

impl Progress {
    /// Without a choice, the environment may ask for no colours (no-color.org), or the terminal may have none.
    pub fn new(choice: ColorChoice, environment: &Environment) -> Self {
        let no_color =
            environment.get(variables::NO_COLOR).is_some() || environment.get(variables::TERM) == Some("dumb");
        let colored = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_color && io::stderr().is_terminal(),
        };
        Self { colored }
    }

    /// Lines. A reader that has gone is not an error: the work goes on.
    pub fn line(&self, style: Style, text: &str) {
        let code = match style {
            Style::Plain => "",
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Red => "31",
            Style::Green => "32",
            Style::Yellow => "33",
            Style::Cyan => "36",
        };
        for line in harmless(text).split('\n') {
            let _ = if self.colored && !code.is_empty() && !line.is_empty() {
                writeln!(io::stderr(), "\u{1b}[{code}m{line}\u{1b}[0m")
            } else {
                writeln!(io::stderr(), "{line}")
            };
        }
    }
}

/// Writes to stdout, unbuffered. A pipe that does not block is waited for.
///
/// # Errors
/// When stdout is closed or full.
pub fn print(text: &str) -> io::Result<()> {
    write(text.as_bytes())
}

/// As [`print`], for bytes.
///
/// # Errors
/// When stdout is closed or full.
pub fn write(mut bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(&stdout, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Says why the program stops, on stderr.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "codex: {}", harmless(message));
}

/// Most warnings that are shown at once: a project's file may cause any number.
const WARNINGS: usize = 20;

/// Says what there is to say about the settings, on stderr.
pub fn warn(warnings: &[impl Display]) {
    warnings.iter().take(WARNINGS).for_each(|warning| complain(&format!("warning: {warning}")));
    if let Some(more @ 1..) = warnings.len().checked_sub(WARNINGS) {
        complain(&format!("and {more} more warnings"));
    }
}

/// `text` without what a terminal would obey: control characters other than newline and tab are shown escaped, and so
/// are characters that reorder or hide text.
pub fn harmless(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || is_hidden(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Characters that take no room: they reorder, join, hide or tag what stands around them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
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
        ];
        for (text, expected) in table {
            assert_eq!(harmless(text), expected);
        }
    }
}
