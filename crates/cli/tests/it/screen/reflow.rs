//! The program on a terminal that wraps rows anew: what is in the scrollback and on the screen together is what was said and done.

use serde_json::json;

use super::terminal::Terminal;
use crate::{approvals::run, support::Place};

/// What stays of the live area while a question is asked, or a turn runs: nothing, when that is over.
const PASSING: &[&str] = &["Run this command?", "Working", "yes, this once", "stops it"];

#[test]
fn a_session_is_whole_on_a_terminal_that_wraps_rows_anew() {
    let words: Vec<String> = (1..=240).map(|number| format!("word{number}")).collect();
    let answer = words.join(" ") + "\n\nThat is all.";
    // It comes in parts: the terminal changes between two of them.
    let streams = json!({ "text": answer, "delta": 50, "chunk": 2000, "pause_ms": 500 });
    let place = Place::new(json!([run("touch made"), streams, { "text": "The second answer." }]));
    let mut terminal = Terminal::start(&place, &[], 30, 100);
    terminal.until_lines("the composer", |lines| lines.iter().any(|line| line.contains(" · approval ")));
    terminal.send("make it");
    terminal.until_lines("what is typed", |lines| lines.iter().any(|line| line == "› make it"));
    terminal.send("\r");
    let holds = |text: &'static str| move |lines: &[String]| lines.iter().any(|line| line.contains(text));
    terminal.until_lines("the question", holds("yes, this once"));
    for (rows, columns) in [(24, 60), (30, 140), (30, 100)] {
        terminal.resize(rows, columns);
        terminal.send("\x1b[B\x1b[A");
        let is_chosen = |line: &String| line.starts_with('›') && line.ends_with("yes, this once");
        terminal.until_lines("the question again", |lines| lines.iter().any(is_chosen));
    }
    terminal.send("\r");
    for (word, rows, columns) in [("word30 ", 30, 60), ("word60 ", 40, 150), ("word100 ", 8, 34), ("word160 ", 30, 100)]
    {
        terminal.until_lines(word, |lines| lines.iter().any(|line| line.contains(word)));
        terminal.resize(rows, columns);
    }
    terminal.until_lines("the end of the answer", holds("That is all."));
    terminal.until_lines("the end of the turn", |lines| !holds("Working")(lines) && holds("Ask, or /help")(lines));
    for (rows, columns) in [(10, 40), (30, 100)] {
        terminal.resize(rows, columns);
        terminal.send("x");
        terminal.until_lines("what is typed", |lines| lines.iter().any(|line| line == "› x"));
        terminal.send("\x7f");
        terminal.until_lines("the composer", holds("Ask, or /help"));
    }
    terminal.send("more\r");
    terminal.until_lines("the second answer", holds("The second answer."));
    terminal.until_lines("the end of the turn", |lines| !holds("Working")(lines) && holds("Ask, or /help")(lines));
    terminal.send("/quit\r");
    terminal.until_gone();
    let lines = terminal.lines();
    let all = lines.join("\n");
    let shown: String = all.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(shown.contains(&words.concat()), "each word once, in its order:\n{all}");
    for text in ["› make it", "$ touch made", "That is all.", "› more", "The second answer.", "codex --resume 0"] {
        assert_eq!(all.matches(text).count(), 1, "{text}:\n{all}");
    }
    for text in PASSING.iter().chain(&["Ask, or /help"]) {
        assert!(!all.contains(text), "{text}:\n{all}");
    }
    assert!(place.workspace.join("made").exists());
}
