//! Writing to stdout and stderr: closed pipes, colours, and text that must not drive the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use codex_config::{Environment, variables};
pub use codex_tui::harmless;
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

/// Whether the person at the terminal says yes to `question`.
///
/// # Errors
/// When nobody is there: a sentence that says to do `before` and to give `--yes`.
pub fn confirmed(question: &str, before: &str) -> Result<bool, String> {
    if !io::stdin().is_terminal() {
        return Err(format!("nobody can be asked here: {before}, then give `--yes`"));
    }
    let _ = write!(io::stderr(), "{} [y/N] ", harmless(question));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| format!("standard input: {error}"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
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
