//! kill -9 at any moment: nothing that was shown is missing from the journal, and the session goes on.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
};

use codex_protocol::ThreadRewound;
use serde_json::{Value, json};

use crate::{
    faults::every_call_has_its_answer,
    rewind::{tree, write},
    support::{Place, events},
};

/// Lines of JSON that the script below leads to.
const LINES: usize = 13;

fn script() -> Value {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    json!({ "pick": "results", "steps": [
        { "text": "Text one.", "tool": "exec_command", "arguments": { "cmd": "echo output-one" } },
        { "calls": [
            { "tool": "exec_command", "arguments": { "cmd": "echo output-two" } },
            { "custom": "apply_patch", "input": patch },
        ]},
        { "reasoning": "Thought.", "text": "Text two.", "tool": "exec_command", "arguments": { "cmd": "echo output-three" } },
        { "text": "Text three." },
    ]})
}

/// What a shown event says that must be on disk.
fn said(event: &Value) -> Option<&str> {
    let item = &event["item"];
    (event["type"] == "item.completed").then(|| {
        ["text", "aggregated_output"].iter().find_map(|key| item[key].as_str()).or(item["changes"][0]["path"].as_str())
    })?
}

#[test]
fn what_was_shown_is_in_the_journal_and_the_session_goes_on() {
    for lines in 1..=LINES {
        let place = Place::new(script());
        let mut child = place.codex(&["exec", "--json", "go"]).spawn().unwrap();
        let shown: Vec<u8> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .take(lines)
            .flat_map(|line| (line.unwrap() + "\n").into_bytes())
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = events(&shown);
        assert_eq!(shown.len(), lines, "the script leads to fewer lines: {shown:?}");
        let journals = place.journals();
        assert_eq!(journals.len(), 1);
        for said in shown.iter().filter_map(said) {
            let quoted = serde_json::to_string(said).unwrap();
            assert!(journals[0].contains(&quoted), "shown, not written, killed after {lines}: {said}\n{}", journals[0]);
        }
        let id = shown[0]["thread_id"].as_str().unwrap();
        let output = place.codex(&["exec", "--json", "resume", id, "go on"]).output().unwrap();
        let resumed = events(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "killed after {lines}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(resumed.last().unwrap()["type"], "turn.completed");
        every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    }
}

/// What is done, killed and looked at: the program ends in the middle of the write of this number. `false`: it came to its end.
fn is_killed_at(write_of: &str, number: usize) -> bool {
    let patch = "*** Begin Patch\n*** Update File: kept\n@@\n-1\n+2\n*** Add File: new\n+made\n*** End Patch\n";
    let tool = |cmd: &str| json!({ "tool": "exec_command", "arguments": { "cmd": cmd } });
    let place = Place::new(json!({ "pick": "results", "steps": [
        tool("echo a > made; echo 0 >> kept"),
        { "custom": "apply_patch", "input": patch },
        tool("rm kept; mkdir d; echo b > d/b"),
        { "text": "ok" },
    ]}));
    write(&place, "kept", "1\n");
    let first = tree(&place.workspace);
    let at = format!("{write_of}:{number}");
    let output = place.codex(&["exec", "--json", "go"]).env("CODEX_END_AT_WRITE", &at).output().unwrap();
    let is_killed = output.status.signal() == Some(9);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(is_killed || output.status.success(), "{at}: {said}");
    let journal = place.journals().pop().unwrap_or_default();
    for shown in events(&output.stdout).iter().filter_map(self::said) {
        assert!(
            journal.contains(&serde_json::to_string(shown).unwrap()),
            "{at}: shown, not written: {shown}\n{journal}"
        );
    }
    if !journal.contains("turnStarted") {
        assert_eq!(tree(&place.workspace), first, "{at}");
        return is_killed;
    }
    let output = place.codex(&["exec", "--json", "resume", "--last", "go on"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{at}: {}", String::from_utf8_lossy(&output.stderr));
    every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    let rewind = |overwrite: &[&str]| {
        let all = [&["rewind", "--to", "1", "--files", "--json"], overwrite].concat();
        let output = place.codex(&all).output().unwrap();
        serde_json::from_slice::<ThreadRewound>(&output.stdout)
            .unwrap_or_else(|_| panic!("{at}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let rewound = rewind(&[]);
    let conflicts: Vec<&str> = rewound.conflicts.iter().flat_map(|file| ["--overwrite", &file.path]).collect();
    rewind(&conflicts);
    assert_eq!(tree(&place.workspace), first, "{at}: {journal}");
    is_killed
}

/// The built program, killed in the middle of each write to the journal and to the states of files in turn: what was shown is
/// there, the session goes on with a history that a model takes, and the files go back to what they were.
#[test]
fn a_kill_in_the_middle_of_any_write_loses_nothing() {
    let writes = |write_of| (0..).find(|number| !is_killed_at(write_of, *number)).unwrap();
    let (of_journal, of_states) = std::thread::scope(|scope| {
        let journal = scope.spawn(|| writes("journal"));
        let states = writes("states");
        (journal.join().unwrap(), states)
    });
    assert!(of_journal > 20 && of_states > 5, "{of_journal} {of_states}");
}
