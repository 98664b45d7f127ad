//! Reviews: `[review]`.

use serde::Deserialize;
use toml::Value;

/// What runs the project's tests in a review.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TestCommand {
    /// What the files of the project say.
    #[default]
    Found,
    /// This command line.
    Is(String),
    /// Nothing: they are not run.
    Off,
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawReview {
    /// Checked: a string, or `false`.
    test_command: Option<Value>,
}

impl RawReview {
    pub(crate) fn test_command(self) -> TestCommand {
        match self.test_command {
            None => TestCommand::Found,
            Some(Value::String(command)) => TestCommand::Is(command),
            Some(_) => TestCommand::Off,
        }
    }
}
