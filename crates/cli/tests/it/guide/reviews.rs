//! `/review` and `codex review`.

use std::fs;

use serde_json::json;

use crate::{
    review::{answer, both, finding, project, said, whole},
    screen::terminal::Terminal,
};

#[test]
fn s49_changes_and_failing_tests_are_looked_at_and_everything_stays_as_it_is() {
    not_inside_another_sandbox!();
    let look = json!({ "tool": "exec_command", "arguments": { "cmd": "cat built; ls new.txt; echo y > more; git status --short | wc -l" } });
    let place =
        project(json!([look, answer(&json!([finding("low", "new.txt", 1), finding("high", "staged.txt", 2)]))]));
    let before = whole(&place);
    let output = place.codex(&["review"]).output().unwrap();
    let (stdout, stderr) = both(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(whole(&place), before);
    let request = said(&place, 0);
    for part in ["+STAGED-CHANGE", "+UNSTAGED-CHANGE", "NEW-FILE", "FAILED test_of_sums: 2 + 2 is 5", "exit code 2"] {
        assert!(request.contains(part), "{part} is missing: {request}");
    }
    // What commands write they see, the tests' own among it.
    let seen = said(&place, 1);
    assert!(seen.contains("built\\n") && seen.contains("No such file or directory"), "{seen}");
    let tools = place.server.requests()[0].body["tools"].as_array().unwrap().clone();
    let tools: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let expected =
        ["exec_command", "git_read", "list_dir", "manage_processes", "read_file", "search_files", "write_stdin"];
    assert_eq!(tools, expected);
    let expected = "**Review of the uncommitted changes: 2 findings**\n\nNot yet.\n\n\
        1. **high** `staged.txt:2` staged.txt is wrong\n   It says so.\n   *Suggestion:* Do not.\n\
        2. **low** `new.txt:1` new.txt is wrong\n   It says so.\n   *Suggestion:* Do not.\n\n\
        Tests (`make test`): failed: exit code 2\n";
    assert_eq!(stdout, expected);
    assert!(stderr.contains("review of the uncommitted changes") && stderr.contains("$ make test"), "{stderr}");
    assert_eq!(fs::read_dir(place.home.join("tmp")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn s49_the_screen_offers_what_can_be_reviewed_and_shows_what_was_found() {
    let found = answer(&json!([finding("high", "new.txt", 1)]));
    let place = project(json!([found, found]));
    let before = whole(&place);
    let mut terminal = Terminal::open(&place, &["-s", "read-only"]);
    terminal.press("/review\r", "What to review").until("what has changed since a branch was left");
    terminal.press("\r", "Review of the uncommitted changes").until("new.txt:1").until("Suggestion:").rest();
    terminal.press("/review base nowhere\r", "git knows no branch or commit").rest();
    terminal.press("/review is it fast?\r", "Review of “is it fast?”: 1 finding").rest();
    assert!(said(&place, 1).contains("is it fast?"));
    assert_eq!(whole(&place), before);
}
