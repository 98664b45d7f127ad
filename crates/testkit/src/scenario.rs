//! Scenarios: stories about the binary, as data files.
//!
//! A scenario lays out a workspace, scripts the model, runs the binary once or several times, and says what must come
//! of it. In all texts `{workspace}`, `{home}` and `{base_url}` stand for the places of this run.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::{Script, Wire};

/// A story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, for reports.
    pub name: String,
    /// The wires that it is about, if it is not about what all have in common. Say beside it why.
    #[serde(default = "all_wires")]
    pub wires: Vec<Wire>,
    /// Files of the workspace: path and content.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Files of the home directory.
    #[serde(default)]
    pub home_files: BTreeMap<String, String>,
    /// Symbolic links of the workspace: path and target.
    #[serde(default)]
    pub symlinks: BTreeMap<String, String>,
    /// Whether the workspace is a git repository, with all files committed.
    #[serde(default)]
    pub git: bool,
    /// Text of `config.toml`. The scripted provider `mock` is added, and chosen unless this chooses.
    #[serde(default)]
    pub config: String,
    /// Environment variables beside the few that every run gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the model says: a [`Script`], or only its steps. (`{base_url}` is not known yet there.)
    #[serde(default = "no_steps")]
    pub model: Value,
    /// Arguments of the first run.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its standard input.
    #[serde(default)]
    pub stdin: String,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expected,
    /// Further runs with the same home, workspace and model server.
    #[serde(default)]
    pub then: Vec<Run>,
}

/// A run of the binary.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Arguments.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: String,
    /// What must come of it.
    pub expect: Expected,
}

/// What must come of a run. What is not said is not looked at, except for the exit code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// Exit code; for a signal 128 and its number.
    pub exit: i32,
    /// Standard output.
    pub stdout: Option<Output>,
    /// Texts that standard error must contain.
    pub stderr_contains: Vec<String>,
    /// Texts that neither output may contain.
    pub never: Vec<String>,
    /// Patterns that the JSON lines of standard output must match, in order; see [`crate::is_subset`].
    pub events: Vec<Value>,
    /// Files of the workspace: path and content, or null for a file that must not be there.
    pub files: BTreeMap<String, Option<String>>,
    /// Files that must not be there, for formats without null.
    pub absent: Vec<String>,
    /// Texts that some request to the model must contain, counting from the first run.
    pub requests_contain: Vec<String>,
    /// How many requests the model got, counting from the first run.
    pub requests: Option<usize>,
}

/// Expected output.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// All of it.
    Exact(String),
    /// Texts that it must contain.
    Contains(Vec<String>),
}

fn all_wires() -> Vec<Wire> {
    Wire::ALL.to_vec()
}

fn no_steps() -> Value {
    Value::Array(Vec::new())
}

impl Scenario {
    /// A scenario from the text of a TOML file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, unknown keys included.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string()).and_then(Self::checked)
    }

    /// A scenario from the text of a JSON file.
    ///
    /// # Errors
    ///
    /// As [`Scenario::from_toml`].
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string()).and_then(Self::checked)
    }

    /// A scenario from a file, by its extension: `.json`, else TOML.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is wrong; the message names it.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let scenario = if is_json { Self::from_json(&text) } else { Self::from_toml(&text) };
        scenario.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn checked(self) -> Result<Self, String> {
        Script::from_value(self.model.clone()).map(|_| self).map_err(|error| format!("model: {error}"))
    }

    /// All runs, the first one included.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        let first = Run { args: self.args.clone(), stdin: self.stdin.clone(), expect: self.expect.clone() };
        std::iter::once(first).chain(self.then.iter().cloned())
    }
}
