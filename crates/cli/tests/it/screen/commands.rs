//! Commands of the screen that the guide does not name, and `!`.

use std::fs;

use serde_json::json;

use super::terminal::Terminal;
use crate::{
    approvals::{last_request, run},
    support::Place,
};

#[test]
fn each_says_what_it_is_for() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    // Typed, and what is shown then; the last key closes what was opened.
    let table = [
        ("/help\r", "/compact", "\x1b"),
        ("/help vim\r", "Keys of vi in the composer", ""),
        ("/ps\r", "there are none", "\x1b"),
        ("/theme\r", "high-contrast", "\x1b"),
        ("/nothing\r", "/nothing is no command", "\x03"),
        ("/mcp\r", "there are none", "\x1b"),
        ("/vim maybe\r", "`maybe` is no choice; there is on, off", "\x03"),
        ("/copy\r", "there is no answer to copy yet", "\x03"),
    ];
    for (typed, shown, close) in table {
        terminal.press(typed, shown);
        terminal.send(close);
        terminal.until("Ask, or /help");
    }
    assert_eq!(place.server.requests().len(), 0, "none of them is something to say");
}

#[test]
fn names_are_completed() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/perm", "What the agent may do");
    terminal.press("\t", "› /permissions");
    terminal.press("re", "read-only");
    terminal.press("\t\r", "sandbox read-only");
}

#[test]
fn a_theme_and_the_keys_of_vi_are_kept() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/theme light\r", "kept: tui.theme = \"light\"");
    terminal.press("/vim\r", "kept: tui.vim = true");
    let saved = fs::read_to_string(place.home.join("config.toml")).unwrap();
    assert!(saved.contains("theme = \"light\"") && saved.contains("vim = true"), "{saved}");
    terminal.send("/quit\r");
    terminal.end();
    let mut terminal = Terminal::start(&place, &[], 24, 80);
    terminal.until("INSERT").until(" · approval ");
    terminal.press("alpha beta", "› alpha beta");
    terminal.press("\x1b", "NORMAL");
    terminal.press("bdw", "› alpha");
    terminal.until_it("a word less", |screen| !screen.contains("beta"));
}

#[test]
fn the_last_answer_is_copied_by_the_terminal() {
    let place = Place::new(json!([{ "text": "Use this:\n\n```sh\nls\n```\n" }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("Use this:").rest();
    terminal.press("/copy code\r", "copied, if the terminal lets programs copy");
    // "ls\n" in base64.
    assert!(terminal.written().contains("\x1b]52;c;bHMK"), "{:?}", terminal.written());
}

#[test]
fn the_transcript_is_written_to_a_file_and_replaces_none() {
    let place = Place::new(json!([{ "text": "The **answer**." }]));
    let mut terminal = Terminal::start(&place, &["the question"], 24, 80);
    terminal.until("The answer.").rest();
    terminal.press("/export out.md\r", "written to ");
    let text = fs::read_to_string(place.workspace.join("out.md")).unwrap();
    assert!(text.contains("the question") && text.contains("The **answer**."), "{text}");
    terminal.press("/export out.md\r", "exists");
}

#[test]
fn commands_that_run_on_are_listed_and_ended() {
    let arguments = json!({ "cmd": "echo begun; cat pipe", "yield_time_ms": 250 });
    let place = Place::new(json!([{ "tool": "exec_command", "arguments": arguments }, { "text": "It runs on." }]));
    place.unopened_pipe("pipe");
    let mut terminal = Terminal::start(&place, &["-a", "on-request", "go"], 24, 80);
    terminal.until("It runs on.").rest();
    terminal.press("/ps\r", "echo begun; cat pipe");
    terminal.press("\x1b", "Ask, or /help");
    terminal.send("/stop\r");
    terminal.rest();
    terminal.press("/ps\r", "there are none");
}

#[test]
fn a_command_of_the_persons_own_is_run_and_told() {
    let place = Place::new(json!([{ "text": "I see it." }]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("!echo of-my-own; exit 3\r", "of-my-own");
    terminal.until_it("how it ended", |screen| screen.contains("exit 3") || screen.contains("code 3")).rest();
    assert_eq!(place.server.requests().len(), 0);
    terminal.press("what was that?\r", "I see it.");
    assert!(last_request(&place).contains("of-my-own"), "{}", last_request(&place));
}

#[test]
fn settings_for_a_project_are_made() {
    let place = Place::new(json!([run("true")]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/init\r", ".codex/config.toml");
    assert!(place.workspace.join(".codex/config.toml").exists());
    fs::write(place.workspace.join(".codex/config.toml"), "# mine\n").unwrap();
    terminal.press("/init\r", "Ask, or /help").rest();
    assert_eq!(fs::read_to_string(place.workspace.join(".codex/config.toml")).unwrap(), "# mine\n");
}
