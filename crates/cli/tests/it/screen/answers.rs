//! Questions and their answers, by keys.

use std::fs;

use serde_json::json;

use super::terminal::Terminal;
use crate::{
    approvals::{last_request, run},
    support::Place,
};

fn place() -> Place {
    Place::new(
        json!([run("touch made"), { "text": "The first is over." }, run("touch made"), { "text": "The second is over." }]),
    )
}

#[test]
fn a_no_can_say_why() {
    let place = place();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.answer("message: no");
    terminal.press("use the name that", "Tell it: use the name that");
    terminal.press(" I said\r", "The first is over.");
    assert!(!place.workspace.join("made").exists());
    assert!(last_request(&place).contains("use the name that I said"), "{}", last_request(&place));
    let all = terminal.all();
    assert!(all.contains("use the name that I said"), "what was said is seen:\n{all}");
}

#[test]
fn a_rule_is_shown_before_it_is_saved_and_then_holds() {
    let place = place();
    let before = fs::read_to_string(place.home.join("config.toml")).unwrap();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.answer("always: by a rule");
    terminal.until("Save this rule, and run the command?").until("exactly this command").until("=touch made");
    assert_eq!(fs::read_to_string(place.home.join("config.toml")).unwrap(), before, "nothing is saved yet");
    terminal.press("\r", "The first is over.").rest();
    let saved: String = fs::read_dir(&place.home)
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .filter(|text| text.contains("=touch made"))
        .collect();
    assert!(!saved.is_empty(), "it is in the user's own files");
    // It holds at once, and in the next session.
    terminal.press("again\r", "The second is over.").rest();
    assert!(!terminal.all().contains("Run this command?"), "{}", terminal.all());
}

#[test]
fn a_rule_can_be_left_unsaved() {
    let place = place();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.answer("always: by a rule");
    terminal.until("Save this rule");
    terminal.press("\x1b", "Run this command?");
    terminal.answer("no, and it goes on without");
    terminal.until("The first is over.");
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn a_yes_for_the_session_is_not_asked_for_twice() {
    let place = place();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.answer("session: yes");
    terminal.until("The first is over.").rest();
    fs::remove_file(place.workspace.join("made")).unwrap();
    terminal.press("again\r", "The second is over.").rest();
    assert!(place.workspace.join("made").exists());
    let mut other = Terminal::start(&place, &["go"], 24, 80);
    other.until("Done.");
}

#[test]
fn esc_says_no_and_ends_the_turn() {
    let place = place();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("stop: no, and the turn ends");
    terminal.send("\x1b");
    terminal.rest();
    assert_eq!(place.server.requests().len(), 1);
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn a_change_of_files_is_seen_before_it_is_made() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";
    let place = Place::new(json!([{ "custom": "apply_patch", "input": patch }, { "text": "It is changed." }]));
    fs::write(place.workspace.join("a.txt"), "one\n").unwrap();
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("Make these changes?").until("a.txt").until("-one").until("+two");
    terminal.answer("yes, this once");
    terminal.until("It is changed.");
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "two\n");
}

#[test]
fn the_settings_of_a_project_are_asked_about() {
    for (words, outside) in [("yes, as long as these files stay", true), ("no, go on without these settings", false)] {
        let place = Place::new(json!([run("touch ../outside"), { "text": "It is over." }]));
        fs::create_dir(place.workspace.join(".codex")).unwrap();
        let settings = "sandbox = \"danger-full-access\"\nask_for_approval = \"never\"\n";
        fs::write(place.workspace.join(".codex/config.toml"), settings).unwrap();
        let mut terminal = Terminal::start(&place, &["-a", "never"], 24, 80);
        terminal.until("Trust the settings of this project?").until("danger-full-access");
        terminal.answer(words);
        terminal.press("go\r", "It is over.");
        assert_eq!(place.workspace.join("../outside").exists(), outside, "{words}:\n{}", terminal.all());
    }
}
