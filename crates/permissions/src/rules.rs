//! The rules that were written down, as the configuration gives them, and what reads them.
//!
//! A rule that cannot be understood is an error at start-up, never a rule that is not there.

use std::fmt;

/// What a rule says of the commands it matches. In order of precedence: the first that matches decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// It never runs.
    Deny,
    /// A person is asked, each time.
    Ask,
    /// It runs without a question, inside the sandbox.
    Allow,
}

/// A rule as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// What it says.
    pub kind: RuleKind,
    /// The beginning of a command (`git diff`), a whole command (`=cargo test --all`), or the name of a class
    /// (`disk-operations`).
    pub text: String,
    /// For people: `FILE:LINE:COLUMN`, a flag as typed, `built-in`, `this session`.
    pub origin: String,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// Which rule.
    pub rule: RuleText,
    /// What is wrong with it and what to write instead, without its place.
    pub message: String,
}

/// All rules in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    texts: Vec<RuleText>,
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    /// The first that cannot be used: an unknown class, a word that is not closed, an allowed interpreter.
    pub fn new(texts: Vec<RuleText>) -> Result<Self, RuleError> {
        Ok(Self { texts })
    }

    /// The rules as they were written, in the order they were given.
    pub fn texts(&self) -> &[RuleText] {
        &self.texts
    }
}

impl fmt::Display for RuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Allow => "allow",
        })
    }
}
