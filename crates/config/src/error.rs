//! What the user is told when a setting cannot be used, or is not used as it stands.
//!
//! Files may come with a stranger's project: no text of theirs reaches the terminal with control characters in it.

use std::fmt;

use crate::Origin;

/// Why settings could not be loaded.
///
/// Shown as `path:line:column: message`, the line with the offending part underlined, and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// What is wrong; one sentence, without the place.
    pub message: String,
    /// The line of the file and, below it, the underline. Only for errors in files.
    pub snippet: Option<String>,
    /// What to do, where that can be told.
    pub hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(origin: Origin, message: impl AsRef<str>) -> Self {
        Self { origin, message: plain(message.as_ref()), snippet: None, hint: None }
    }

    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(|hint| plain(&hint));
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", plain(&self.origin.to_string()), self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Something that does not stop loading, but that the user should know. Shown as `place: message`, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub origin: Origin,
    /// What; one sentence, without the place.
    pub message: String,
}

impl Warning {
    pub(crate) fn new(origin: Origin, message: impl AsRef<str>) -> Self {
        Self { origin, message: plain(message.as_ref()) }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", plain(&self.origin.to_string()), self.message)
    }
}

/// Text that cannot move the cursor, recolour the screen or turn the writing direction.
pub(crate) fn plain(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}
