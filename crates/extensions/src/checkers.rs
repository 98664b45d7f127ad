//! Programs that are run on files after they were changed: what linters and formatters have in common.
//!
//! Names of files are words of their own, never text of a line for a shell.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codex_sandbox::{Confinement, Sandbox, SandboxError};
use codex_tools::Tool;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    formatters::Formatter,
    linters::Linter,
    lsp::LanguageServers,
    program::{Program, Ran, run},
};

/// Most files that a program is run on at once.
const MOST_FILES: usize = 100;
/// Most runs of a program that takes one file.
const MOST_RUNS: usize = 10;
/// Most bytes that are read of what a program writes.
const MOST_OUTPUT: usize = 1 << 20;
/// How long a program may take that nobody says more of.
const TIMEOUT: Duration = Duration::from_secs(10);

const FILES: &str = "{files}";
const FILE: &str = "{file}";

/// A linter or formatter, as settings and manifests of plugins describe it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckerSpec {
    /// What is run.
    pub command: CheckerCommand,
    /// Patterns of the files that it is for: of the name, or with a `/` in them of the path below the workspace.
    pub files: Vec<String>,
    /// Seconds that it may take; 10 if not set.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// Of a linter: regular expression for the lines of its output.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum CheckerCommand {
    /// A line for the shell, to which the files are `"$@"`.
    Shell(String),
    /// Program and arguments; `{files}` stands for all files, `{file}` for one at a time.
    Words(Vec<String>),
}

/// All that looks at files after they were changed.
#[derive(Debug, Default)]
pub struct Checkers {
    /// What brings them into shape.
    pub formatters: Vec<Formatter>,
    /// What says what is wrong with them. None, if the model is not to be told.
    pub linters: Vec<Linter>,
    /// What says so too.
    pub servers: Option<Arc<LanguageServers>>,
    /// Whether the model is told what these find without asking.
    pub tells_servers: bool,
    /// The tools that ask language servers; none where the project has no files for them.
    pub tools: Vec<Arc<dyn Tool>>,
}

/// The tables of linters and formatters of one place, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Tables {
    /// The plugin that they are from; `None`: from the settings.
    #[serde(skip)]
    pub plugin: Option<String>,
    /// Linters.
    pub linters: BTreeMap<String, CheckerSpec>,
    /// Formatters.
    pub formatters: BTreeMap<String, CheckerSpec>,
}

/// All linters and formatters of `tables`, and what is wrong with those that are not used, in words for the user. Of two
/// with one name, that of the first table is used.
pub fn load(tables: &[Tables]) -> (Checkers, Vec<String>) {
    let (mut checkers, mut warnings) = (Checkers::default(), Vec::new());
    let (mut linters, mut formatters) = (BTreeSet::new(), BTreeSet::new());
    for table in tables {
        let mut unusable = |kind: &str, name: &str, why: String| {
            let of = table.plugin.as_ref().map(|plugin| format!(" of the plugin {plugin}")).unwrap_or_default();
            warnings.push(format!("the {kind} `{name}`{of} is not used: {why}"));
        };
        for (name, spec) in table.linters.iter().filter(|(name, _)| linters.insert((*name).clone())) {
            match Linter::new(name, spec) {
                Ok(linter) => checkers.linters.push(linter),
                Err(why) => unusable("linter", name, why),
            }
        }
        for (name, spec) in table.formatters.iter().filter(|(name, _)| formatters.insert((*name).clone())) {
            match Formatter::new(name, spec) {
                Ok(formatter) => checkers.formatters.push(formatter),
                Err(why) => unusable("formatter", name, why),
            }
        }
    }
    (checkers, warnings)
}

/// Where programs run, and inside which walls.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// Starts them.
    pub sandbox: &'a Sandbox,
    /// Their walls.
    pub walls: &'a Confinement,
    /// Where they start.
    pub workspace: &'a Path,
    /// Their environment.
    pub environment: &'a BTreeMap<OsString, OsString>,
    /// Ends them.
    pub cancel: &'a CancellationToken,
}

/// A program that is run on files.
#[derive(Debug, Clone)]
pub(crate) struct Checker {
    pub(crate) name: String,
    command: CheckerCommand,
    files: Files,
    timeout: Duration,
}

/// Which files something is for.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    by_name: GlobSet,
    by_path: GlobSet,
}

impl Files {
    /// # Errors
    /// One is no pattern, in words for the user.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let (mut by_name, mut by_path) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let text = pattern.strip_prefix("./").unwrap_or(pattern);
            let is_path = text.contains('/');
            // A name has no separators. Where nothing is said of them, `*.py` is looked up and not made an automaton of,
            // which takes longer than all else at a start.
            let glob = GlobBuilder::new(text).literal_separator(is_path).build();
            let glob = glob.map_err(|error| format!("`{pattern}` is no pattern of files: {}", error.kind()))?;
            if is_path {
                by_path.add(glob)
            } else {
                by_name.add(glob)
            };
        }
        let built = |set: GlobSetBuilder| set.build().map_err(|error| error.to_string());
        Ok(Self { by_name: built(by_name)?, by_path: built(by_path)? })
    }

    /// Whether `path`, which is absolute, is one of them.
    pub(crate) fn hold(&self, path: &Path, workspace: &Path) -> bool {
        path.file_name().is_some_and(|name| self.by_name.is_match(name))
            || path.strip_prefix(workspace).is_ok_and(|path| self.by_path.is_match(path))
    }
}

impl Checker {
    /// # Errors
    /// What is wrong with `spec`, in words for the user.
    pub(crate) fn new(name: &str, spec: &CheckerSpec) -> Result<Self, String> {
        let files = Files::new(&spec.files)?;
        match &spec.command {
            CheckerCommand::Words(words) => {
                let program = words.first().filter(|word| !word.is_empty()).ok_or("its command is empty")?;
                if let Some(word) = words.iter().find(|word| word.contains(FILES) && *word != FILES) {
                    return Err(format!("`{word}`: `{FILES}` stands for words of its own, so it stands alone"));
                }
                if program.contains(FILES) || program.contains(FILE) {
                    return Err("a file that was changed is not run as a program".into());
                }
            }
            CheckerCommand::Shell(line) if line.contains(FILES) || line.contains(FILE) => {
                return Err("in a line for the shell the files are \"$@\"".into());
            }
            CheckerCommand::Shell(_) => {}
        }
        let timeout = spec.timeout.map_or(TIMEOUT, Duration::from_secs);
        Ok(Self { name: name.to_owned(), command: spec.command.clone(), files, timeout })
    }

    /// Those of `files` that it is for.
    pub(crate) fn of<'f>(&self, files: impl IntoIterator<Item = &'f PathBuf>, workspace: &Path) -> Vec<PathBuf> {
        files.into_iter().filter(|file| self.files.hold(file, workspace)).take(MOST_FILES).cloned().collect()
    }

    /// Runs it on `files`, one after the other if it takes one: what came of each run.
    pub(crate) async fn run(&self, files: &[PathBuf], ground: Ground<'_>) -> Result<Vec<Ran>, SandboxError> {
        let mut all = Vec::new();
        for argv in self.commands(files) {
            let program = Program {
                argv,
                directory: ground.workspace.to_owned(),
                environment: ground.environment.clone(),
                input: Vec::new(),
                timeout: self.timeout,
                most_output: MOST_OUTPUT,
            };
            all.push(run(ground.sandbox, ground.walls, program, ground.cancel).await?);
        }
        Ok(all)
    }

    /// What is run for `files`.
    fn commands(&self, files: &[PathBuf]) -> Vec<Vec<OsString>> {
        let words = match &self.command {
            CheckerCommand::Shell(line) => {
                let shell = ["/bin/sh", "-c", line, "sh"].map(OsString::from);
                return vec![shell.into_iter().chain(files.iter().map(OsString::from)).collect()];
            }
            CheckerCommand::Words(words) => words,
        };
        let filled = |files: &[PathBuf]| -> Vec<OsString> {
            let filled = words.iter().flat_map(|word| match (word.as_str(), files) {
                (FILES, files) => files.iter().map(OsString::from).collect(),
                (word, [file]) => match word.split_once(FILE) {
                    Some((before, after)) => {
                        let mut word = OsString::from(before);
                        word.push(file);
                        word.push(after);
                        vec![word]
                    }
                    None => vec![word.into()],
                },
                (word, _) => vec![word.into()],
            });
            filled.collect()
        };
        match words.iter().any(|word| word.contains(FILE)) {
            true => files.chunks(1).take(MOST_RUNS).map(filled).collect(),
            false => vec![filled(files)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checker(command: &str, files: &[&str]) -> Result<Checker, String> {
        let files = serde_json::to_string(files).unwrap();
        let spec = format!("{{\"command\": {command}, \"files\": {files}}}");
        Checker::new("x", &serde_json::from_str(&spec).unwrap())
    }

    #[test]
    fn files_are_words_whatever_their_names() {
        let files = ["/w/a b.py", "/w/-rf;$(x).py"].map(PathBuf::from);
        let table: [(&str, &[&[&str]]); 4] = [
            (r#"["ruff", "{files}", "-q"]"#, &[&["ruff", "/w/a b.py", "/w/-rf;$(x).py", "-q"]]),
            (r#"["p", "--in={file}"]"#, &[&["p", "--in=/w/a b.py"], &["p", "--in=/w/-rf;$(x).py"]]),
            (r#"["make", "lint"]"#, &[&["make", "lint"]]),
            (
                r#""lint \"$@\" | sort""#,
                &[&["/bin/sh", "-c", "lint \"$@\" | sort", "sh", "/w/a b.py", "/w/-rf;$(x).py"]],
            ),
        ];
        for (command, expected) in table {
            let expected: Vec<Vec<OsString>> =
                expected.iter().map(|argv| argv.iter().map(Into::into).collect()).collect();
            assert_eq!(checker(command, &["*"]).unwrap().commands(&files), expected, "{command}");
        }
    }

    #[test]
    fn what_would_do_nothing_or_harm_is_refused() {
        let table = [
            (r#"["x", "--files={files}"]"#, "*", "stands alone"),
            (r#"["{file}"]"#, "*", "not run as a program"),
            (r#"[]"#, "*", "empty"),
            (r#""lint {files}""#, "*", "\"$@\""),
            (r#"["x"]"#, "[", "no pattern of files"),
        ];
        for (command, pattern, expected) in table {
            let error = checker(command, &[pattern]).unwrap_err();
            assert!(error.contains(expected), "{command}: {error}");
        }
    }

    #[test]
    fn patterns_are_of_names_or_of_paths_below_the_workspace() {
        let table = [
            ("*.py", "/w/a/b.py", true),
            ("*.py", "/elsewhere/b.py", true),
            ("*.py", "/w/a/b.pyc", false),
            ("src/**/*.ts", "/w/src/a/b.ts", true),
            ("src/**/*.ts", "/w/src/b.ts", true),
            ("src/**/*.ts", "/w/lib/b.ts", false),
            ("./src/*.ts", "/w/src/a/b.ts", false),
            ("*.{js,ts}", "/w/b.js", true),
            ("Makefile", "/w/x/Makefile", true),
        ];
        for (pattern, path, expected) in table {
            let files = Files::new(&[pattern.to_owned()]).unwrap();
            assert_eq!(files.hold(Path::new(path), Path::new("/w")), expected, "{pattern} {path}");
        }
    }
}
