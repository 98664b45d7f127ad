//! A file that is one line of 200 MB, met by every tool that could: it is not held in memory, and the model is told.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use codex_testkit::run_to_end;
use serde_json::{Value, json};

use super::{answers, every_call_has_its_answer};
use crate::support::Place;

const LENGTH: usize = 200_000_000;

/// What the program and each command may have of address space, in KiB: less than four times the file.
const MEMORY: usize = 768 << 10;

fn write_line(path: &Path) {
    let mut file = File::create(path).unwrap();
    let piece = vec![b'x'; 1_000_000];
    for _ in 0..LENGTH / piece.len() {
        file.write_all(&piece).unwrap();
    }
    file.write_all(b"needle\n").unwrap();
}

#[test]
fn a_line_of_200_megabytes_is_told_of_and_never_held() {
    let patch = |hunk: &str| format!("*** Begin Patch\n*** Update File: long\n{hunk}*** End Patch\n");
    // A call, and what the model must be told.
    let table: [(Value, &[&str]); 8] = [
        (json!({ "tool": "read_file", "arguments": { "path": "long" } }), &["1\txxx", "more bytes in this line"]),
        (json!({ "tool": "read_file", "arguments": { "path": "long", "offset": 2 } }), &["the file has only 1 lines"]),
        (
            json!({ "tool": "search_files", "arguments": { "pattern": "needle" } }),
            &["other:1:needle", "could not be searched"],
        ),
        (
            json!({ "tool": "search_files", "arguments": { "pattern": "x", "path": "long" } }),
            &["could not be searched"],
        ),
        (json!({ "custom": "apply_patch", "input": patch("@@\n-x\n+y\n") }), &["long", "16 MiB"]),
        (json!({ "tool": "exec_command", "arguments": { "cmd": "cat long" } }), &["Exit code: 0", "xxx", "needle"]),
        (
            json!({ "tool": "exec_command", "arguments": { "cmd": "cat long; exit 3" } }),
            &["Exit code: 3", "xxx", "needle"],
        ),
        (json!({ "tool": "list_dir", "arguments": { "path": "." } }), &["long", "other"]),
    ];
    let calls: Vec<Value> = table.iter().map(|(call, _)| call.clone()).chain([json!({ "text": "Done." })]).collect();
    let place = Place::new(Value::Array(calls));
    write_line(&place.workspace.join("long"));
    fs::write(place.workspace.join("other"), "needle\n").unwrap();
    let finished = run_to_end(&mut limited(&place), "").unwrap();
    assert_eq!((finished.exit, finished.stdout.as_str()), (0, "Done.\n"), "{}", finished.stderr);
    assert!(finished.stderr.len() < 100_000, "the user is shown {} bytes", finished.stderr.len());
    assert_eq!(place.workspace.join("long").metadata().unwrap().len(), LENGTH as u64 + 7);
    let request = place.server.requests().pop().unwrap();
    assert!(request.raw.len() < 500_000, "the model is sent {} bytes", request.raw.len());
    every_call_has_its_answer(&request.body);
    let answers = answers(&request.body);
    assert_eq!(answers.len(), table.len());
    for ((call, words), answer) in table.iter().zip(&answers) {
        for word in *words {
            assert!(answer.contains(word), "{call}: {word} is missing: {answer:.1000}");
        }
    }
}

/// The program with less memory than the file would take to be handled carelessly.
#[allow(clippy::disallowed_methods, reason = "a shell is what limits a program's memory")]
fn limited(place: &Place) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    let limit = format!("ulimit -v {MEMORY} && exec \"$0\" \"$@\"");
    command.args(["-c", &limit, env!("CARGO_BIN_EXE_codex"), "exec", "go"]);
    command.current_dir(&place.workspace).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", &place.home).env("CODEX_HOME", &place.home);
    command
}
