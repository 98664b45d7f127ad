//! Plays a scenario: lays it out, runs the binary, compares.
//!
//! The binary gets an environment of a few variables, a home and a workspace of its own, and no network but the
//! scripted server.
#![allow(clippy::disallowed_methods, reason = "the test kit starts git and the binary under test")]

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use toml::{Table, Value as TomlValue};

use crate::{
    Script,
    compare::{diff, events_in_order},
    process::{Finished, run_to_end},
    scenario::{Expected, Output, Run, Scenario},
    server::ModelServer,
    wires::Wire,
};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where runs are laid out: outside `/tmp`, which the sandbox replaces, and outside any repository.
const PREFERRED_ROOT: &str = "/var/tmp";

/// Plays `scenario` with the program at `binary` and a model that is spoken to over `wire`.
///
/// # Errors
///
/// A report of everything that is not as expected, with the outputs of the run.
pub fn run(scenario: &Scenario, wire: Wire, binary: &Path) -> Result<(), String> {
    let name = &format!("{} ({})", scenario.name, wire.name());
    let stage = Stage::set(scenario, wire).map_err(|error| format!("{name}: cannot set the stage: {error}"))?;
    for (number, run) in scenario.runs().enumerate() {
        let number = number + 1;
        let finished = stage.play(&run, scenario, binary).map_err(|error| format!("{name}: run {number}: {error}"))?;
        let problems = stage.problems(&run.expect, &finished);
        if !problems.is_empty() {
            return Err(report(name, number, &problems, &finished));
        }
    }
    Ok(())
}

fn report(name: &str, number: usize, problems: &[String], finished: &Finished) -> String {
    let mut report = format!("{name}: run {number} is not as expected\n");
    for problem in problems {
        // Writing into a string does not fail.
        let _ = writeln!(report, "- {}", problem.trim_end());
    }
    let Finished { exit, stdout, stderr } = finished;
    let _ = write!(report, "exit {exit}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---");
    report
}

/// Everything around the binary.
struct Stage {
    // Held for its end, which removes it.
    _root: TempDir,
    home: PathBuf,
    workspace: PathBuf,
    server: ModelServer,
    wire: Wire,
}

impl Stage {
    fn set(scenario: &Scenario, wire: Wire) -> Result<Self, String> {
        let root = tempfile::Builder::new().prefix("codex-scenario-").tempdir_in(PREFERRED_ROOT);
        let root = root.or_else(|_| TempDir::new()).map_err(text)?;
        let place = root.path().canonicalize().map_err(text)?;
        let (home, workspace) = (place.join("home"), place.join("workspace"));
        let script = each_text(&scenario.model, &|text| with_places(text, &home, &workspace));
        let server = ModelServer::start(Script::from_value(script).map_err(|error| format!("model: {error}"))?);
        let stage = Self { _root: root, home, workspace, server, wire };
        fs::create_dir_all(stage.codex_home()).map_err(text)?;
        fs::create_dir_all(&stage.workspace).map_err(text)?;
        write(&stage.codex_home().join("config.toml"), &stage.config(&scenario.config)?)?;
        for (path, content) in &scenario.home_files {
            write(&stage.home.join(path), &stage.filled(content))?;
        }
        for (path, content) in &scenario.files {
            write(&stage.workspace.join(path), &stage.filled(content))?;
        }
        for (path, target) in &scenario.symlinks {
            let path = stage.workspace.join(path);
            make_parent(&path)?;
            symlink(stage.filled(target), path).map_err(text)?;
        }
        if scenario.git {
            stage.make_repository()?;
        }
        Ok(stage)
    }

    fn codex_home(&self) -> PathBuf {
        self.home.join(".codex")
    }

    /// The scenario's settings, with the scripted provider added where they say nothing about it.
    fn config(&self, given: &str) -> Result<String, String> {
        let mut config: Table = self.filled(given).parse().map_err(|error| format!("config: {error}"))?;
        for key in ["model", "model_provider"] {
            config.entry(key).or_insert_with(|| "mock".into());
        }
        let providers = config.entry("model_providers").or_insert_with(|| Table::new().into());
        let providers = providers.as_table_mut().ok_or("config: `model_providers` is not a table")?;
        let mock = providers.entry("mock").or_insert_with(|| Table::new().into());
        let mock = mock.as_table_mut().ok_or("config: `model_providers.mock` is not a table")?;
        let base_url = self.server.base_url();
        for (key, value) in [("name", "mock"), ("base_url", &base_url), ("wire_api", self.wire.name())] {
            mock.entry(key).or_insert_with(|| TomlValue::from(value));
        }
        toml::to_string(&config).map_err(text)
    }

    fn make_repository(&self) -> Result<(), String> {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"];
        let commit = [&identity[..], &["commit", "-q", "--allow-empty", "-m", "start"]].concat();
        for args in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &commit] {
            let mut git = Command::new("git");
            git.args(args).current_dir(&self.workspace).env_clear().env("PATH", PATH).env("HOME", &self.home);
            let finished = run_to_end(&mut git, "")?;
            if finished.exit != 0 {
                return Err(format!("git {args:?}: {}", finished.stderr));
            }
        }
        Ok(())
    }

    fn play(&self, run: &Run, scenario: &Scenario, binary: &Path) -> Result<Finished, String> {
        let mut command = Command::new(binary);
        command
            .args(run.args.iter().map(|arg| self.filled(arg)))
            .current_dir(&self.workspace)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.home)
            .env("CODEX_HOME", self.codex_home())
            .env("LANG", "C.UTF-8")
            .envs(scenario.env.iter().map(|(name, value)| (name, self.filled(value))));
        run_to_end(&mut command, &self.filled(&run.stdin))
    }

    /// `text` with this run's places put in.
    fn filled(&self, text: &str) -> String {
        with_places(text, &self.home, &self.workspace).replace("{base_url}", &self.server.base_url())
    }

    /// Everything that is not as expected.
    fn problems(&self, expected: &Expected, finished: &Finished) -> Vec<String> {
        let mut problems = Vec::new();
        if finished.exit != expected.exit {
            problems.push(format!("the exit code is {}, not {}", finished.exit, expected.exit));
        }
        match &expected.stdout {
            Some(Output::Exact(text)) if *finished.stdout != self.filled(text) => {
                problems.push(format!("stdout differs\n{}", diff(&self.filled(text), &finished.stdout)));
            }
            Some(Output::Contains(parts)) => problems.extend(self.lacking("stdout", parts, &finished.stdout)),
            _ => {}
        }
        problems.extend(self.lacking("stderr", &expected.stderr_contains, &finished.stderr));
        for text in expected.never.iter().map(|text| self.filled(text)) {
            if finished.stdout.contains(&text) || finished.stderr.contains(&text) {
                problems.push(format!("the output contains {text:?}"));
            }
        }
        let patterns: Vec<Value> =
            expected.events.iter().map(|pattern| each_text(pattern, &|text| self.filled(text))).collect();
        problems.extend(events_in_order(&patterns, &finished.stdout).err());
        let absent = expected.absent.iter().map(|path| (path, None));
        let files = expected.files.iter().map(|(path, content)| (path, content.as_deref()));
        problems.extend(files.chain(absent).filter_map(|(path, content)| self.file_problem(path, content)));
        problems.extend(self.request_problems(expected));
        problems
    }

    fn lacking(&self, what: &str, parts: &[String], whole: &str) -> Vec<String> {
        let parts = parts.iter().map(|part| self.filled(part)).filter(|part| !whole.contains(part.as_str()));
        parts.map(|part| format!("{what} does not contain {part:?}")).collect()
    }

    fn file_problem(&self, path: &str, content: Option<&str>) -> Option<String> {
        let actual = fs::read(self.workspace.join(path));
        match (content, actual) {
            (None, Ok(_)) => Some(format!("{path} is there")),
            (None, Err(_)) => None,
            (Some(_), Err(error)) => Some(format!("{path} cannot be read: {error}")),
            (Some(expected), Ok(actual)) => {
                let (expected, actual) = (self.filled(expected), String::from_utf8_lossy(&actual).into_owned());
                (expected != actual).then(|| format!("{path} differs\n{}", diff(&expected, &actual)))
            }
        }
    }

    fn request_problems(&self, expected: &Expected) -> Vec<String> {
        let requests = self.server.requests();
        let mut problems = Vec::new();
        if let Some(count) = expected.requests
            && requests.len() != count
        {
            problems.push(format!("the model got {} requests, not {count}", requests.len()));
        }
        let bodies: Vec<_> = requests.iter().map(|request| String::from_utf8_lossy(&request.raw)).collect();
        for text in expected.requests_contain.iter().map(|text| self.filled(text)) {
            // Within JSON the text stands with its quotes and newlines escaped.
            let escaped = Value::from(text.as_str()).to_string();
            let inside = &escaped[1..escaped.len() - 1];
            if !bodies.iter().any(|body| body.contains(&text) || body.contains(inside)) {
                problems.push(format!("no request contains {text:?}"));
            }
        }
        problems
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn make_parent(path: &Path) -> Result<(), String> {
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(text)
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    make_parent(path)?;
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;

fn with_places(text: &str, home: &Path, workspace: &Path) -> String {
    text.replace("{workspace}", &workspace.to_string_lossy()).replace("{home}", &home.to_string_lossy())
}

/// `value` with `change` made to every text in it.
fn each_text(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| each_text(item, change)).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), each_text(value, change))).collect(),
        other => other.clone(),
    }
}
