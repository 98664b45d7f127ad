//! The screen, in a terminal: what a person sees, types and gets.

mod answers;
mod bad_input;
mod commands;
mod keys;
mod pictures;
mod real;
mod reflow;
mod resuming;
pub mod terminal;
mod tmux;
mod turns;

use rustix::{
    process::Signal,
    termios::{LocalModes, tcgetattr},
};
use serde_json::json;

use crate::{approvals::run, support::Place};
use terminal::Terminal;

#[test]
fn it_answers_once_and_says_how_to_go_on() {
    let place = Place::new(json!([{ "text": "## Title\n\nThe **answer**.\n" }]));
    let mut terminal = Terminal::start(&place, &[], 24, 80);
    terminal.until("Ask, or /help");
    terminal.send("what?\r");
    terminal.until("The answer.").rest();
    terminal.send("/quit\r");
    let (status, all) = terminal.end();
    assert!(status.success(), "{all}");
    for text in ["› what?", "• Title", "  The answer.", "codex --resume 0"] {
        assert_eq!(all.matches(text).count(), 1, "{text}:\n{all}");
    }
    assert!(!all.contains("Ask, or"), "the live area is gone:\n{all}");
}

#[test]
fn a_command_is_asked_about_and_runs_after_a_yes() {
    let place = Place::new(json!([run("echo made > made; cat made"), { "text": "Finished." }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("Run this command?").until("yes, this once");
    assert!(!place.workspace.join("made").exists());
    terminal.answer("yes, this once");
    terminal.until("Finished.");
    assert_eq!(std::fs::read_to_string(place.workspace.join("made")).unwrap(), "made\n");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let place = Place::new(json!([]));
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = Terminal::start(&place, &[], 24, 80);
        terminal.until("Ask, or /help");
        let modes = |terminal: &Terminal| tcgetattr(terminal).unwrap().local_modes;
        assert!(!modes(&terminal).contains(LocalModes::ICANON));
        terminal.signal(signal);
        terminal.until_gone();
        assert!(modes(&terminal).contains(LocalModes::ICANON | LocalModes::ECHO), "{signal:?}");
        assert!(!terminal.screen().contains("Ask, or"), "{}", terminal.screen());
        // Where something was said, it is said how to go on.
        let mut terminal = Terminal::open(&place, &["go"]);
        terminal.until("Done.").rest();
        terminal.signal(signal);
        let (_, all) = terminal.end();
        assert!(all.contains("codex --resume 0"), "{signal:?}: {all}");
    }
}

#[test]
fn another_size_leaves_no_copy_behind() {
    let place = Place::new(json!([{ "text": "A line of some length that is wrapped where the terminal is narrow." }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("is narrow.").rest();
    for (rows, columns) in [(12, 40), (24, 80), (60, 200), (24, 80)] {
        terminal.resize(rows, columns);
        terminal.send("x");
        terminal.until_it("what was typed", |screen| screen.contains("› x"));
        terminal.send("\x7f");
        terminal.until("Ask, or /help");
    }
    let all = terminal.all();
    assert_eq!(all.matches("Ask, or /help").count(), 1, "{all}");
}

#[test]
fn it_may_begin_in_plan_mode() {
    let place = Place::new(json!([{ "tool": "propose_plan", "arguments": { "plan": "1. Do it." } }, { "text": "ok" }]));
    let mut terminal = Terminal::start(&place, &["--plan", "look"], 24, 80);
    terminal.until("plan mode").until("Proposed plan").until("1. Do it.");
    assert!(place.server.requests()[0].body["tools"].to_string().contains("propose_plan"));
}

/// The terminal's title says which session it is and whether it works, and is what it was before at the end.
#[test]
fn the_title_is_the_sessions_and_comes_back() {
    let place = Place::new(json!([{ "text": "The answer." }]));
    let mut terminal = Terminal::start(&place, &[], 24, 80);
    terminal.until("Ask, or /help");
    terminal.send("what?\r");
    terminal.until("The answer.").rest();
    terminal.send("/quit\r");
    terminal.until_gone();
    let written = terminal.written();
    let title = |text: &str| format!("\x1b]2;{text}\x07");
    let steps = [
        "\x1b[22;2t",
        &title("codex: workspace"),
        &title("… codex: workspace"),
        &title("codex: workspace"),
        "\x1b[23;2t",
    ];
    let mut rest = written.as_str();
    for step in steps {
        rest = rest.split_once(step).unwrap_or_else(|| panic!("{step:?} is missing in {written:?}")).1;
    }
    assert!(!rest.contains("\x1b]2;"), "nothing is said after it was given back: {rest:?}");
    let place = Place::new(json!([]));
    let mut terminal = Terminal::start(&place, &["-c", "tui.terminal_title=false"], 24, 80);
    terminal.until("Ask, or /help");
    terminal.send("/quit\r");
    terminal.until_gone();
    let written = terminal.written();
    assert!(!written.contains("\x1b]2;") && !written.contains(";2t"), "{written:?}");
}
