//! Linters, formatters and language servers: `[linters]`, `[formatters]`, `[lsp]`.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{Warning, merge::Merged, origin::dotted};

/// How long one of them may take, in seconds.
const SECONDS: u64 = 10;

/// A program that is run on files after they were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckerSettings {
    /// What is run.
    pub command: CheckerCommand,
    /// Patterns of the files that it is for.
    pub files: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Regular expression for the lines of its output; `None`: the usual forms.
    pub pattern: Option<String>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum CheckerCommand {
    /// A line for the shell.
    Shell(String),
    /// Program and arguments.
    Words(Vec<String>),
}

/// What is said of a language server; of a known one, the rest is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageServerSettings {
    /// Program and arguments.
    pub command: Option<Vec<String>>,
    /// Patterns of the files that it is for.
    pub files: Option<Vec<String>>,
    /// Names of files that mark the root that it is started in.
    pub root_markers: Option<Vec<String>>,
    /// Whether it is used.
    pub enabled: Option<bool>,
}

/// All that looks at files after they were changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSettings {
    /// Whether the model is told what is found.
    pub diagnostics: bool,
    /// Linters by name.
    pub linters: BTreeMap<String, CheckerSettings>,
    /// Formatters by name.
    pub formatters: BTreeMap<String, CheckerSettings>,
    /// Whether language servers are started.
    pub lsp: bool,
    /// How long a language server that is ready may take to look at what was edited.
    pub lsp_wait: Duration,
    /// What is said of language servers, by name.
    pub language_servers: BTreeMap<String, LanguageServerSettings>,
}

/// A linter or formatter as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawChecker {
    command: Option<CheckerCommand>,
    files: Vec<String>,
    timeout: Option<u64>,
    pattern: Option<String>,
    enabled: Option<bool>,
}

/// `[lsp]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLsp {
    enabled: bool,
    wait: u64,
    #[serde(default)]
    servers: BTreeMap<String, LanguageServerSettings>,
}

/// Those of a table that are used, and a warning for each that lacks something.
fn used(
    table: &str,
    raw: BTreeMap<String, RawChecker>,
    merged: &Merged,
    warnings: &mut Vec<Warning>,
) -> BTreeMap<String, CheckerSettings> {
    let mut all = BTreeMap::new();
    for (name, raw) in raw.into_iter().filter(|(_, raw)| raw.enabled != Some(false)) {
        let RawChecker { command, files, timeout, pattern, .. } = raw;
        let command = command.filter(|command| *command != CheckerCommand::Words(Vec::new()));
        let missing = match &command {
            None => "`command`, as in `command = [\"program\", \"{files}\"]`",
            Some(_) if files.is_empty() => "`files`, as in `files = [\"*.py\"]`",
            Some(_) => "",
        };
        if let Some(command) = command.filter(|_| missing.is_empty()) {
            let timeout = Duration::from_secs(timeout.unwrap_or(SECONDS));
            all.insert(name, CheckerSettings { command, files, timeout, pattern });
            continue;
        }
        let keys = ["command", "files", "timeout", "pattern", "enabled"];
        let written = keys.map(|key| dotted(&[table.into(), name.clone(), key.into()]));
        let site = written.iter().find_map(|path| merged.get(path)?.site.as_ref());
        let table = dotted(&[table.into(), name]);
        warnings.extend(site.map(|site| site.warning(format!("`[{table}]` is not used, for it has no {missing}"))));
    }
    all
}

/// What is written at the top level.
#[derive(Debug)]
pub(crate) struct RawChecks {
    pub(crate) diagnostics: bool,
    pub(crate) linters: BTreeMap<String, RawChecker>,
    pub(crate) formatters: BTreeMap<String, RawChecker>,
    pub(crate) lsp: RawLsp,
}

impl RawChecks {
    /// All of it; a warning for each linter and formatter that is not complete.
    pub(crate) fn resolve(self, merged: &Merged, warnings: &mut Vec<Warning>) -> CheckSettings {
        CheckSettings {
            diagnostics: self.diagnostics,
            linters: used("linters", self.linters, merged, warnings),
            formatters: used("formatters", self.formatters, merged, warnings),
            lsp: self.lsp.enabled,
            lsp_wait: Duration::from_secs(self.lsp.wait),
            language_servers: self.lsp.servers,
        }
    }
}
