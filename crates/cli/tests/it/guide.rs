//! The guide, statement by statement: for each numbered statement a test named after it, at least one.
//!
//! A test may show a part of its statement only; what is missing then stands in [`PARTLY`], with its reason.

mod asking;
mod configuration;
mod destructive;
mod flags;
mod modes;
mod permissions;
mod remote;
mod reviews;
mod screen;
mod secrets;
mod stdin;

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use serde_json::{Value, json};

use crate::support::Place;

/// What the guide says, by the number of the statement.
const STATEMENTS: [(u8, &str); 64] = [
    (1, "`codex` alone is the interactive screen"),
    (2, "edits and commands are proposed, and approved or denied one by one"),
    (3, "nothing destructive happens in silence"),
    (4, "slash commands steer the session"),
    (5, "the session is saved"),
    (6, "a saved session is resumed"),
    (7, "`codex exec \"…\"` runs to completion without approvals"),
    (8, "exec takes the same flags and configuration"),
    (9, "exec does not ask, and cannot write outside the workspace"),
    (10, "`--full-auto` opts in to more"),
    (11, "`--full-auto` approves every action"),
    (12, "`--sandbox danger-full-access` opts in to everything"),
    (13, "`--sandbox LEVEL`, three levels"),
    (14, "`read-only`: files are read; nothing is written and no command runs"),
    (15, "`workspace-write`, the default: writes stay in the project"),
    (16, "`danger-full-access`: no restrictions"),
    (17, "`--ask-for-approval WHEN`"),
    (18, "`untrusted`: asks unless pre-approved"),
    (19, "`on-request`: asks when more is needed than the sandbox gives"),
    (20, "`never`: does not ask"),
    (21, "`--model ID`, any id"),
    (22, "`--profile NAME`"),
    (23, "`--cd DIR`"),
    (24, "`--add-dir DIR`, repeatable"),
    (25, "`--search`: the model may search the web"),
    (26, "`--oss`: open-weight models only"),
    (27, "`--remote ws://HOST:PORT`"),
    (28, "the user's `~/.codex/config.toml`"),
    (29, "the project's `.codex/config.toml`"),
    (30, "the project wins over the user"),
    (31, "key `model`, default `o4-mini`"),
    (32, "key `sandbox`, default `workspace-write`"),
    (33, "key `ask_for_approval`, default `untrusted`"),
    (34, "key `api_key_env`, default `OPENAI_API_KEY`"),
    (35, "key `add_dir`, default none"),
    (36, "key `search`, default false"),
    (37, "key `oss`, default false"),
    (38, "tables `[profiles.NAME]`"),
    (39, "key `default_profile`"),
    (40, "`[permissions] allow`: matching commands are not asked about"),
    (41, "`[permissions] deny`: matching commands are blocked in every mode"),
    (42, "classes of commands to deny: destructive, privileged, on disks"),
    (43, "the example configuration loads"),
    (44, "`/init`"),
    (45, "`/compact`"),
    (46, "`/clear`"),
    (47, "`/model`"),
    (48, "`/plan`"),
    (49, "`/review`"),
    (50, "`/diff`"),
    (51, "`/permissions`"),
    (52, "`/status`"),
    (53, "`/mcp`"),
    (54, "`/plugins`"),
    (55, "`/agent`"),
    (56, "`/fork`"),
    (57, "`/resume`"),
    (58, "`/experimental`"),
    (59, "`codex --serve ADDRESS` opens a WebSocket"),
    (60, "`codex --remote URL` works there as here"),
    (61, "remote sessions are encrypted, or warned about"),
    (62, "`codex --remote URL exec` runs there and streams back"),
    (63, "slash commands belong to the interactive screen"),
    (64, "the table of commands holds"),
];

/// Statements of which the tests show a part, and what is missing.
const PARTLY: &[(u8, &str)] = &[
    (15, "the hooks of a repository until the turn ends in which a command made it"),
    (19, "a command whose writes the sandbox refused, where namespaces are missing"),
    (53, "to log in from there: it names the command that does"),
    (58, "a feature that is being tried: there is none yet"),
];

/// A run of the program, for assertions.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Runs the program in `place`.
fn run(place: &Place, arguments: &[&str]) -> Ran {
    place.codex(arguments).output().unwrap().into()
}

/// Runs `exec` with `flags` and the prompt `go`; the turn must complete.
fn exec(place: &Place, flags: &[&str]) -> Ran {
    let ran = run(place, &[&["exec"], flags, &["go"]].concat());
    assert_eq!(ran.code, Some(0), "{flags:?}: {}", ran.stderr);
    ran
}

/// A place whose model, in each turn, runs `commands` one by one and then says `ok`.
fn place_with(commands: &[&str]) -> Place {
    let calls = commands.iter().map(|cmd| json!({ "tool": "exec_command", "arguments": { "cmd": cmd } }));
    let steps: Vec<Value> = calls.chain([json!({ "text": "ok" })]).collect();
    Place::new(json!({ "pick": "results", "steps": steps }))
}

/// Puts `settings` into the user's file, above the tables of the scripted provider, which stays selected.
fn configure(place: &Place, settings: &str) {
    let path = place.home.join("config.toml");
    let provider = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{settings}\n{provider}")).unwrap();
}

/// The body of the last request.
fn last_request(place: &Place) -> Value {
    place.server.requests().pop().unwrap().body
}

/// The numbers of the statements that have tests, by what stands in the sources of this module.
fn tested(sources: &str) -> BTreeSet<u8> {
    let lines = sources.lines().map(str::trim);
    let names = lines.filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn s"));
    let numbers = names.filter_map(|name| name.split_once('_')?.0.parse().ok());
    numbers.collect()
}

/// What is wrong with the statements that are tested, and those that are said to be so in part.
fn problems(tested: &BTreeSet<u8>, partly: &[(u8, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut said = BTreeSet::new();
    for (number, missing) in partly {
        if !said.insert(number) {
            problems.push(format!("S{number} is listed twice"));
        }
        if missing.trim().is_empty() {
            problems.push(format!("S{number} is listed, and nothing is missing"));
        }
    }
    let untested = (1..=64).filter(|number| !tested.contains(number));
    problems.extend(untested.map(|number| format!("S{number} has no test `fn s{number:02}_…`")));
    let known = |number: &&u8| (1..=64).contains(*number);
    problems.extend(tested.iter().filter(|number| !known(number)).map(|number| format!("there is no S{number}")));
    let untested = partly.iter().filter(|(number, _)| !tested.contains(number));
    problems.extend(untested.map(|(number, _)| format!("S{number} is said to be partly tested, and is not")));
    problems
}

#[test]
fn s64_every_statement_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guide");
    let mut sources = include_str!("guide.rs").to_owned();
    for entry in fs::read_dir(folder).unwrap() {
        sources.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let numbers: Vec<u8> = STATEMENTS.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=64).collect::<Vec<u8>>());
    let title = |number: u8| STATEMENTS[usize::from(number) - 1].1;
    println!("Tested in part:");
    PARTLY.iter().for_each(|(number, missing)| println!("  S{number}, {}; missing: {missing}", title(*number)));
    let problems = problems(&tested(&sources), PARTLY);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_statement_that_is_forgotten_or_listed_wrongly_is_found() {
    let all: BTreeSet<u8> = (1..=64).collect();
    let but_seven: BTreeSet<u8> = all.iter().copied().filter(|number| *number != 7).collect();
    let more: BTreeSet<u8> = all.iter().copied().chain([65]).collect();
    type List = &'static [(u8, &'static str)];
    let table: [(&BTreeSet<u8>, List, &str); 7] = [
        (&all, &[], ""),
        (&all, &[(7, "what")], ""),
        (&but_seven, &[], "S7 has no test"),
        (&all, &[(7, " ")], "nothing is missing"),
        (&all, &[(7, "one"), (7, "two")], "listed twice"),
        (&but_seven, &[(7, "what")], "partly tested, and is not"),
        (&more, &[], "there is no S65"),
    ];
    for (tested, partly, expected) in table {
        let found = problems(tested, partly).join("\n");
        assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
        assert!(found.contains(expected), "{found}");
    }
    let sources = "#[test]\nfn s07_one() {}\n    fn s08_two() {}\n// fn s09_three\nfn size_of() {}\n";
    assert_eq!(tested(sources), [7, 8].into());
}
