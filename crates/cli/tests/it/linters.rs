//! Linters and formatters: what the model is told of files that were changed, how often, and what is none of its business.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use codex_protocol::{ApprovalPolicy, SettingsChange, ThreadSettingsUpdateParams};
use serde_json::{Value, json};

use crate::{sdk_python::python, session::Session, support::Place};

/// Finds `BAD` in the files that it is given, and says so of one that it is not given. It notes each run.
const LINT: &str = r#"#!/bin/sh
echo "$#" >> runs
for file; do grep -n BAD "$file" | sed "s|^\([0-9]*\):|$file:\1:1: error: |"; done
echo other.txt:1: error: never changed
exit 1
"#;

pub fn edit(hunks: &str) -> Value {
    json!({ "custom": "apply_patch", "input": format!("*** Begin Patch\n{hunks}*** End Patch\n") })
}

fn add(name: &str, text: &str) -> Value {
    edit(&format!("*** Add File: {name}\n+{text}\n"))
}

fn command(line: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": line } })
}

/// A place with an executable `lint` and these settings.
fn place(script: Value, settings: &str) -> Place {
    let place = Place::new(script);
    executable(&place.workspace.join("lint"), LINT);
    configure(&place, settings);
    place
}

pub fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Adds to the user's settings.
pub fn configure(place: &Place, settings: &str) {
    let path = place.home.join("config.toml");
    let before = fs::read_to_string(&path).unwrap();
    // What is no table goes before the first.
    fs::write(path, format!("{settings}\n{before}")).unwrap();
}

pub fn run(place: &Place) -> Output {
    let output = place.codex(&["exec", "--json", "go"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}\n{}", String::from_utf8_lossy(&output.stdout));
    output
}

/// What the model was told of its calls in the request of this number, the last answer first.
pub fn told(place: &Place, request: usize) -> Vec<String> {
    let requests = place.server.requests();
    let input = requests[request].body["input"].as_array().unwrap().clone();
    let outputs =
        input.iter().rev().filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("call_output")));
    outputs.map(|item| item["output"].as_str().map_or_else(|| item["output"].to_string(), str::to_owned)).collect()
}

fn runs(place: &Place) -> Vec<String> {
    fs::read_to_string(place.workspace.join("runs")).unwrap_or_default().lines().map(str::to_owned).collect()
}

const TABLE: &str = "linters.mine = { command = [\"./lint\", \"{files}\"], files = [\"*.txt\"] }\n";
const HEAD: &str = "Found in the files that were changed";

#[test]
fn what_is_wrong_with_a_file_is_told_once_with_the_answer() {
    let change = "*** Update File: a.txt\n-BAD one\n+fine\n+BAD one\n+BAD two\n";
    let script = json!([add("a.txt", "BAD one"), edit(change), add("b.rs", "BAD"), { "text": "done" }]);
    let place = place(script, TABLE);
    let output = run(&place);
    let first = &told(&place, 1)[0];
    assert!(first.contains(HEAD) && first.ends_with("a.txt:1:1: error: BAD one (mine)\n"), "{first}");
    let second = &told(&place, 2)[0];
    assert!(second.ends_with("instructions):\na.txt:3:1: error: BAD two (mine)\n"), "{second}");
    let third = &told(&place, 3)[0];
    assert!(!third.contains(HEAD) && runs(&place) == ["1", "1"], "{third}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("BAD two (mine)") && !stdout.contains("never changed"), "{stdout}");
}

#[test]
fn a_person_sees_what_was_found() {
    let place = place(json!([add("a.txt", "BAD one"), { "text": "done" }]), TABLE);
    let output = place.codex(&["exec", "go"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains("• diagnostics a.txt\n    a.txt:1:1: error: BAD one (mine)\n"), "{shown}");
}

#[test]
fn the_files_of_a_step_are_looked_at_together_whoever_changed_them() {
    let step = json!({ "calls": [add("a.txt", "BAD a"), command("echo BAD b > 'b $(c).txt'; echo > d.rs"), add("e.txt", "ok")] });
    let place =
        place(json!([step, command("echo BAD more >> a.txt"), command("cat a.txt"), { "text": "done" }]), TABLE);
    run(&place);
    let answers = told(&place, 1);
    assert!(
        answers[0].contains("a.txt:1:1: error: BAD a (mine)\nb $(c).txt:1:1: error: BAD b (mine)\n"),
        "{answers:?}"
    );
    assert!(!answers[1].contains(HEAD) && !answers[2].contains(HEAD), "{answers:?}");
    let more = &told(&place, 2)[0];
    assert!(more.contains("a.txt:2:1: error: BAD more (mine)") && !more.contains("BAD a"), "{more}");
    // A command that changes nothing has nothing looked at.
    assert_eq!((runs(&place), told(&place, 3)[0].contains(HEAD)), (vec!["3".to_owned(), "1".to_owned()], false));
}

#[test]
fn a_formatter_is_a_part_of_the_edit() {
    let settings = "formatters.upper = { command = \"for file; do tr a-z A-Z < \\\"$file\\\" > x && cat x > \\\"$file\\\"; done; rm x\", files = [\"*.txt\"] }\n";
    let script = json!([add("a.txt", "bad"), command("echo bad > c.txt"), { "text": "done" }]);
    let place = place(script, &format!("{settings}{TABLE}"));
    let output = run(&place);
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "BAD\n");
    let answer = &told(&place, 1)[0];
    assert!(
        answer.contains("\nFormatted afterwards: a.txt (upper)\n") && answer.contains("a.txt:1:1: error: BAD"),
        "{answer}"
    );
    // What commands write is theirs.
    assert_eq!(fs::read_to_string(place.workspace.join("c.txt")).unwrap(), "bad\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("formatted: a.txt (upper)"));
    // The state after the edit is the formatted one: nothing was changed by somebody else since.
    let journal = place.journals().concat();
    let states = journal.lines().filter(|line| line.contains("\"snapshot\"")).count();
    assert_eq!(states, 3, "{journal}");
}

#[test]
fn what_does_not_work_is_told_to_the_user_once_and_not_to_the_model() {
    let table = [
        ("command = [\"./nothing-here\", \"{files}\"]", "the linter `mine` does not work: it"),
        ("command = \"echo broken inside >&2; exit 2\"", "failed with status 2: broken inside"),
        ("command = \"sleep 1000\", timeout = 1", "it took too long"),
        ("command = \"lint {files}\"", "the linter `mine` is not used"),
    ];
    for (command, expected) in table {
        let settings = format!("linters.mine = {{ {command}, files = [\"*.txt\"] }}\n");
        let place = place(json!([add("a.txt", "BAD"), add("b.txt", "BAD"), { "text": "done" }]), &settings);
        let output = run(&place);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(shown.matches(expected).count(), 1, "{command}: {shown}");
        let requests = place.server.requests();
        assert!(requests.iter().all(|request| !request.body.to_string().contains("mine")), "{command}");
    }
}

#[test]
fn nothing_runs_that_is_not_wanted() {
    let table = [
        ("diagnostics = false\n", TABLE),
        ("", "linters.mine = { command = [\"./lint\"], files = [\"*.txt\"], enabled = false }\n"),
        ("", "linters.mine = { command = [\"./lint\"], files = [\"src/*.txt\"] }\n"),
        ("sandbox = \"read-only\"\n", TABLE),
    ];
    for (before, settings) in table {
        let place = place(json!([add("a.txt", "BAD"), { "text": "done" }]), &format!("{before}{settings}"));
        run(&place);
        assert_eq!(runs(&place).len(), 0, "{before}{settings}");
    }
}

#[test]
fn a_project_that_is_not_trusted_brings_no_linter() {
    for (arguments, expected) in [(&["exec", "--json", "go"][..], 0), (&["exec", "--json", "--trust", "go"], 1)] {
        let place = place(json!([add("a.txt", "BAD"), { "text": "done" }]), "");
        fs::create_dir(place.workspace.join(".codex")).unwrap();
        fs::create_dir(place.workspace.join(".git")).unwrap();
        fs::write(place.workspace.join(".codex/config.toml"), TABLE).unwrap();
        let output = place.codex(arguments).output().unwrap();
        assert_eq!(runs(&place).len(), expected, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn what_an_ignore_file_names_is_no_business_of_theirs() {
    let step = command("echo BAD kept > a.txt; echo BAD hidden > b.secret.txt");
    let place = place(json!([step, { "text": "done" }]), TABLE);
    fs::write(place.workspace.join(".codexignore"), "*.secret.txt\n").unwrap();
    run(&place);
    let answer = &told(&place, 1)[0];
    assert!(answer.contains("a.txt:1:1: error: BAD kept (mine)") && !answer.contains("hidden"), "{answer}");
    assert_eq!(runs(&place), ["1"]);
}

/// Ruff, from the package index, installed once for all runs; `None` where there is no Python with venv, which is said.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn ruff() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ruff");
    let ruff = directory.join("bin/ruff");
    if python(Path::new("python3"), &["-c", "import venv, ensurepip"]).is_err() {
        eprintln!("skipped: there is no Python with venv");
        return None;
    }
    if !ruff.exists() {
        python(Path::new("python3"), &["-m", "venv", "--clear", directory.to_str().unwrap()]).unwrap();
        let pip = ["-m", "pip", "--disable-pip-version-check", "--timeout=20", "--retries=2", "install", "--quiet"];
        python(&directory.join("bin/python"), &[&pip[..], &["ruff==0.17.6"]].concat()).unwrap();
    }
    Some(ruff)
}

#[test]
fn ruff_formats_what_was_edited_and_says_what_is_wrong_in_each_of_its_formats() {
    not_inside_another_sandbox!();
    let Some(ruff) = ruff() else { return };
    for format in ["concise", "json", "full"] {
        let expected = if format == "full" { None } else { Some("a.py:1:8: ") };
        let settings = format!(
            "linters.ruff = {{ command = [{ruff:?}, \"check\", \"--no-cache\", \"--output-format={format}\", \"{{files}}\"], files = [\"*.py\"] }}\n\
             formatters.ruff = {{ command = [{ruff:?}, \"format\", \"--no-cache\", \"{{files}}\"], files = [\"*.py\"] }}\n"
        );
        let place = place(json!([add("a.py", "import   os"), { "text": "done" }]), &settings);
        let output = run(&place);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let answer = &told(&place, 1)[0];
        assert!(answer.contains("Formatted afterwards: a.py (ruff)"), "{answer}");
        assert_eq!(fs::read_to_string(place.workspace.join("a.py")).unwrap(), "import os\n");
        match expected {
            Some(expected) => assert!(answer.contains(expected) && answer.contains("F401"), "{format}: {answer}"),
            // What is not understood is said to the user.
            None => {
                assert!(shown.contains("the linter `ruff` does not work"), "{answer}")
            }
        }
    }
}

#[tokio::test]
async fn they_are_switched_off_and_on_for_a_session() {
    let script = json!([add("a.txt", "BAD one"), { "text": "1" }, add("b.txt", "BAD two"), { "text": "2" }]);
    let place = place(script, TABLE);
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    for (on, number, is_told) in [(false, 1, false), (true, 3, true)] {
        let change = SettingsChange { diagnostics: Some(on), ..SettingsChange::default() };
        let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
        session.connection.client.thread_settings_update(params).await.unwrap();
        session.turn(&[]).await;
        let answer = &told(&place, number)[0];
        assert_eq!(answer.contains(HEAD), is_told, "{answer}");
    }
}
