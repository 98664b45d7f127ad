//! What the user is told when a setting cannot be used, or is not used as it stands.
//!
//! Files may come with a stranger's project: no text of theirs reaches the terminal with control characters in it.

use std::fmt;

use crate::{Origin, source::Site};

/// Why settings could not be loaded.
///
/// Shown as `path:line:column: message`, the line with the offending part underlined, a hint, and the warnings.
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
    /// What was noticed before, in the order of layers: often the reason, such as a misspelt table.
    pub warnings: Box<[Warning]>,
}

/// Most warnings that are shown below an error: a project's file may cause any number.
const SHOWN_WARNINGS: usize = 10;

impl ConfigError {
    pub(crate) fn new(origin: Origin, message: impl AsRef<str>) -> Self {
        Self { origin, message: plain(message.as_ref()), snippet: None, hint: None, warnings: Box::default() }
    }

    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(|hint| plain(&hint));
        self
    }

    /// With warnings that came before those it has.
    pub(crate) fn after(mut self, mut warnings: Vec<Warning>) -> Self {
        warnings.extend(self.warnings);
        self.warnings = warnings.into();
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
        for warning in self.warnings.iter().take(SHOWN_WARNINGS) {
            write!(f, "\n  warning: {warning}")?;
        }
        if let Some(more @ 1..) = self.warnings.len().checked_sub(SHOWN_WARNINGS) {
            write!(f, "\n  and {more} more warnings")?;
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
    /// What is shown of the text where the warning is made an error.
    pub(crate) site: Option<Site>,
}

impl Warning {
    pub(crate) fn new(origin: Origin, message: impl AsRef<str>) -> Self {
        Self { origin, message: plain(message.as_ref()), site: None }
    }

    /// The same as an error.
    pub(crate) fn into_error(self) -> ConfigError {
        match self.site {
            Some(site) => site.error(self.message),
            None => ConfigError::new(self.origin, self.message),
        }
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
