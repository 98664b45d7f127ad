//! What linters write: lines `file:line:column: message`, lines of a pattern of the user's, and JSON of well-known ones.

use std::path::{Component, Path, PathBuf};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, Severity},
    program::Ran,
};

/// Most bytes that a pattern may take in memory.
const PATTERN_SIZE: usize = 1 << 20;

/// A regular expression of the user's for one line of output.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// # Errors
    /// It is none, or has not the groups that are needed; in words for the user.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(PATTERN_SIZE).build();
        let regex = built.map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            format!("`pattern` is no regular expression: {}", last.trim_start_matches("error: "))
        })?;
        for group in ["file", "line", "message"] {
            if !regex.capture_names().flatten().any(|name| name == group) {
                return Err(format!("`pattern` has no group `(?<{group}>…)`"));
            }
        }
        Ok(Self(regex))
    }

    fn read(&self, line: &str, workspace: &Path) -> Option<Diagnostic> {
        let found = self.0.captures(line)?;
        let group = |name: &str| found.name(name).map(|group| group.as_str());
        let place = (group("line")?.parse().ok()?, group("column").and_then(|column| column.parse().ok()));
        let message = group("message")?;
        let severity = group("severity").map_or_else(|| severity_of(message), Severity::named);
        Diagnostic::new(absolute(group("file")?, workspace), place, severity, message)
    }
}

/// All that a linter found, of whatever files; names are relative to `workspace`, where it ran.
pub(crate) fn read(ran: &Ran, pattern: Option<&Pattern>, workspace: &Path) -> Vec<Diagnostic> {
    let by_lines = |read: &dyn Fn(&str) -> Option<Diagnostic>| {
        ran.stdout.lines().chain(ran.stderr.lines()).filter_map(read).collect::<Vec<_>>()
    };
    if let Some(pattern) = pattern {
        return by_lines(&|line| pattern.read(line, workspace));
    }
    if ran.stdout.trim_start().starts_with(['{', '[']) {
        let found = json(&ran.stdout, workspace);
        if !found.is_empty() {
            return found;
        }
    }
    by_lines(&|line| plain(line, workspace))
}

/// `file:line: message` or `file:line:column: message`.
fn plain(line: &str, workspace: &Path) -> Option<Diagnostic> {
    // Names with a colon in them are rare, and windows are not here.
    let (file, rest) = line.split_once(':')?;
    let (number, rest) = rest.split_once(':')?;
    let number = number.parse().ok()?;
    let (column, message) = match rest.split_once([':', ' ']) {
        Some((column, message)) if column.parse::<u32>().is_ok() => (column.parse().ok(), message),
        _ => (None, rest),
    };
    let message = message.trim_start_matches([':', ' ']);
    if file.is_empty() || file.starts_with(char::is_whitespace) {
        return None;
    }
    let severity = severity_of(message);
    let word = message.split([':', '[', ' ']).next().unwrap_or_default();
    let is_word = matches!(word.to_ascii_lowercase().as_str(), "error" | "warning" | "note" | "info");
    // The word is said once.
    let message = match message.split_once(": ") {
        Some((before, after)) if is_word && before.len() < 40 => {
            let code = before.trim_start_matches(word);
            if code.is_empty() { after.to_owned() } else { format!("{after} {code}") }
        }
        _ => message.to_owned(),
    };
    Diagnostic::new(absolute(file.trim(), workspace), (number, column), severity, &message)
}

/// The severity that a message begins with; without one it is a warning.
fn severity_of(message: &str) -> Severity {
    Severity::named(message.split([':', '[', ' ']).next().unwrap_or_default())
}

/// JSON of eslint, ruff, pyright and cargo, or what looks like it.
fn json(text: &str, workspace: &Path) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
        let entries = match &value {
            Value::Array(entries) => entries.iter().collect(),
            one => vec![one],
        };
        for entry in entries {
            match (entry["messages"].as_array(), entry["generalDiagnostics"].as_array()) {
                (Some(messages), _) => {
                    let file = entry["filePath"].as_str().unwrap_or_default();
                    found.extend(messages.iter().filter_map(|message| one(message, Some(file), workspace)));
                }
                (_, Some(all)) => found.extend(all.iter().filter_map(|entry| one(entry, None, workspace))),
                _ if entry["reason"] == "compiler-message" => found.extend(of_cargo(&entry["message"], workspace)),
                _ => found.extend(one(entry, None, workspace)),
            }
        }
    }
    found
}

/// One finding; `file` if it stands elsewhere. Lines in the form of language servers (pyright) count from 0.
fn one(entry: &Value, file: Option<&str>, workspace: &Path) -> Option<Diagnostic> {
    let file = file.or_else(|| ["filename", "file", "path", "filePath"].iter().find_map(|key| entry[key].as_str()))?;
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let start = &entry["range"]["start"];
    let (line, column) = match number(&start["line"]) {
        Some(line) => (line + 1, number(&start["character"]).map(|column| column + 1)),
        None => {
            let places = [&entry["location"], entry];
            let line = places.iter().find_map(|at| number(&at["row"]).or_else(|| number(&at["line"])))?;
            (line, places.iter().find_map(|at| number(&at["column"])))
        }
    };
    let severity = match &entry["severity"] {
        Value::String(name) => Severity::named(name),
        // eslint: 1 warns, 2 is an error.
        Value::Number(number) if number.as_u64() == Some(2) => Severity::Error,
        _ => Severity::Warning,
    };
    let code = ["code", "ruleId", "rule"].iter().find_map(|key| entry[key].as_str());
    let message = entry["message"].as_str()?;
    let first = message.lines().next().unwrap_or_default();
    let message = code.map_or_else(|| first.to_owned(), |code| format!("{first} [{code}]"));
    Diagnostic::new(absolute(file, workspace), (line, column), severity, &message)
}

/// A message of cargo's, at its primary place.
fn of_cargo(message: &Value, workspace: &Path) -> Option<Diagnostic> {
    let span = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let number = |key: &str| span[key].as_u64().and_then(|number| u32::try_from(number).ok());
    let code = message["code"]["code"].as_str().map(|code| format!(" [{code}]")).unwrap_or_default();
    let text = format!("{}{code}", message["message"].as_str()?.lines().next()?);
    let severity = Severity::named(message["level"].as_str().unwrap_or_default());
    let path = absolute(span["file_name"].as_str()?, workspace);
    Diagnostic::new(path, (number("line_start")?, number("column_start")), severity, &text)
}

/// The path that a program which ran in `workspace` calls `name`.
fn absolute(name: &str, workspace: &Path) -> PathBuf {
    let mut path = PathBuf::new();
    for component in workspace.join(name).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(path.pop()),
            component => path.push(component),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Exit;

    use super::*;
    use crate::{diagnostics::line, program::End};

    fn lines(stdout: &str, stderr: &str, pattern: Option<&str>) -> Vec<String> {
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        let ran = Ran { end: End::Exited(Exit::Code(1)), stdout, stderr, is_cut: false };
        let pattern = pattern.map(|pattern| Pattern::new(pattern).unwrap());
        let workspace = Path::new("/w");
        read(&ran, pattern.as_ref(), workspace).iter().map(|found| line(found, workspace)).collect()
    }

    #[test]
    fn what_well_known_linters_write_is_understood() {
        let eslint = r#"[{"filePath":"/w/a.js","messages":[{"ruleId":"no-undef","severity":2,"message":"'x' is not defined.","line":1,"column":3}]}]"#;
        let ruff = r#"[{"code":"F401","filename":"/w/a.py","location":{"row":1,"column":8},"message":"`os` imported but unused"}]"#;
        let pyright = r#"{"version":"1","generalDiagnostics":[{"file":"/w/a.py","severity":"error","message":"no\n  more","rule":"reportX","range":{"start":{"line":0,"character":4}}}]}"#;
        let cargo = r#"{"reason":"compiler-artifact"}
{"reason":"compiler-message","message":{"level":"error","message":"mismatched types","code":{"code":"E0308"},"spans":[{"file_name":"src/a.rs","line_start":2,"column_start":5,"is_primary":true}]}}
{"reason":"build-finished","success":false}"#;
        let table: [(&str, &str, Option<&str>, &[&str]); 10] = [
            (eslint, "", None, &["a.js:1:3: error: 'x' is not defined. [no-undef]"]),
            (ruff, "", None, &["a.py:1:8: warning: `os` imported but unused [F401]"]),
            (pyright, "", None, &["a.py:1:5: error: no [reportX]"]),
            (cargo, "", None, &["src/a.rs:2:5: error: mismatched types [E0308]"]),
            ("./a.py:1:8: F401 unused\nFound 1 error.\n", "", None, &["a.py:1:8: warning: F401 unused"]),
            ("", "a.c:3: error: no `;`\nsh: x: not found", None, &["a.c:3: error: no `;`"]),
            (
                "src/a.rs:2:5: error[E0308]: mismatched types",
                "",
                None,
                &["src/a.rs:2:5: error: mismatched types [E0308]"],
            ),
            ("x/../b.go:2:5 warning: shadowed", "", None, &["b.go:2:5: warning: shadowed"]),
            ("[{\"broken\nb.py:1:1: still read", "", None, &["b.py:1:1: warning: still read"]),
            (
                "E b.x(7) bad",
                "",
                Some(r"^(?<severity>.) (?<file>\S+)\((?<line>\d+)\) (?<message>.+)"),
                &["b.x:7: error: bad"],
            ),
        ];
        for (stdout, stderr, pattern, expected) in table {
            assert_eq!(lines(stdout, stderr, pattern), expected, "{stdout}{stderr}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_tell_where_is_refused() {
        for (pattern, expected) in
            [("(", "no regular expression"), ("(?<file>.)", "(?<line>"), ("(?<x>.){99999999}", "")]
        {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
