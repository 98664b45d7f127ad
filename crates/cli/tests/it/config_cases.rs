//! What a configuration comes to: a folder per case in `tests/config`, and what the program says of it.
//!
//! `case.toml` says what is done. `files` is copied to where it is done: `files/home` is the user's home,
//! `files/project` the project, in which the program is started (`dot-` in a name stands for a leading dot). What the
//! program is to say stands in `expected.txt`; with `UPDATE=1` it is written anew, to be read before it is
//! committed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
};

use codex_testkit::diff;
use serde::Deserialize;

use crate::support::codex;

/// Where the folders are.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config");
/// Writes what came instead of comparing it.
const UPDATE: &str = "UPDATE";
/// A user who is nobody's on most machines.
const STRANGER: u32 = 54_321;

/// A case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows, in a sentence.
    #[serde(rename = "about")]
    _about: String,
    /// What is run, in order.
    step: Vec<Step>,
    /// Environment besides `PATH` and `HOME`.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Whether the project is a git repository.
    #[serde(default)]
    git: bool,
    /// Directories to make.
    #[serde(default)]
    directories: Vec<PathBuf>,
    /// Files that nobody may read.
    #[serde(default)]
    unreadable: Vec<PathBuf>,
    /// Files of so many lines, each a comment but the last, which is the file's text.
    #[serde(default)]
    lines: BTreeMap<PathBuf, usize>,
}

/// A run of the program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Its arguments.
    args: Vec<String>,
    /// Files that are written before.
    #[serde(default)]
    write: BTreeMap<PathBuf, String>,
    /// Where it is started, below the place.
    #[serde(default = "project")]
    cwd: PathBuf,
}

fn project() -> PathBuf {
    "project".into()
}

#[test]
fn configurations_come_to_what_is_written_beside_them() {
    let mut folders: Vec<PathBuf> = fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let came = run(&folder);
        let expected = folder.join("expected.txt");
        if updating() {
            fs::write(expected, came).unwrap();
            continue;
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if came != expected {
            wrong.push(format!("{}:\n{}", folder.file_name().unwrap().display(), diff(&expected, &came)));
        }
    }
    assert!(wrong.is_empty(), "run with {UPDATE}=1 to accept what came\n\n{}", wrong.join("\n"));
}

#[allow(clippy::disallowed_methods, reason = "a switch of the test itself, not of the program")]
fn updating() -> bool {
    std::env::var_os(UPDATE).is_some()
}

/// What the program says in a case: each command line, what it prints, how it ends.
fn run(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("case.toml")).unwrap();
    let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let place = tempfile::Builder::new().prefix("codex-config-").tempdir_in("/var/tmp").unwrap();
    let base = place.path().canonicalize().unwrap();
    lay_out(&case, folder, &base);
    let mut came = String::new();
    for step in &case.step {
        for (path, text) in &step.write {
            fs::write(base.join(path), text).unwrap();
        }
        let mut command = codex(&base.join("home"));
        command.env_remove("CODEX_HOME").envs(&case.env).args(&step.args).current_dir(base.join(&step.cwd));
        // Root may read everything, but not inside a sandbox, where there is no other user either.
        if case.unreadable.iter().any(|path| fs::File::open(base.join(path)).is_ok()) {
            command.uid(STRANGER);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = without_times(&String::from_utf8(said).unwrap().replace(base.to_str().unwrap(), ""));
        let words: Vec<_> = step.args.iter().map(|word| shlex::try_quote(word).unwrap()).collect();
        came += &format!("$ codex {}\n{said}[{}]\n", words.join(" "), output.status.code().unwrap());
    }
    came
}

/// A text with `TIME` in place of each date and time.
fn without_times(text: &str) -> String {
    let ends = [' ', '\n', ',', '(', ')'];
    let shape = |word: &str| word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    let word = |piece: &str| {
        let word = piece.trim_end_matches(ends);
        let is_time = ["0000-00-00", "0000-00-00T00:00:00Z"].contains(&shape(word).as_str());
        (if is_time { "TIME" } else { word }).to_owned() + &piece[word.len()..]
    };
    text.split_inclusive(ends).map(word).collect()
}

fn lay_out(case: &Case, folder: &Path, base: &Path) {
    fs::set_permissions(base, fs::Permissions::from_mode(0o755)).unwrap();
    for directory in ["home", "project"].into_iter().map(Path::new).chain(case.directories.iter().map(|it| &**it)) {
        fs::create_dir_all(base.join(directory)).unwrap();
    }
    if case.git {
        fs::create_dir_all(base.join("project/.git")).unwrap();
    }
    copy(&folder.join("files"), base);
    for (path, count) in &case.lines {
        let path = base.join(path);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, "# a line\n".repeat(count - text.lines().count()) + &text).unwrap();
    }
    for path in &case.unreadable {
        fs::set_permissions(base.join(path), fs::Permissions::from_mode(0o000)).unwrap();
    }
}

/// Copies a folder; `dot-name` becomes `.name`.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let to = to.join(name.strip_prefix("dot-").map_or(name.clone(), |rest| format!(".{rest}")));
        if entry.path().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}
