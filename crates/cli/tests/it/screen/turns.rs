//! While a turn runs: it is stopped, told more, and what is to come waits its turn.

use serde_json::{Value, json};

use super::terminal::Terminal;
use crate::{
    approvals::{last_request, run},
    support::Place,
};

/// A model that has said this and then says nothing more, and answers what comes next.
fn hangs() -> Value {
    json!([{ "text": "I have **begun**.", "hang": true }, { "text": "The next answer." }])
}

/// A terminal in which that model was asked.
fn working(place: &Place) -> Terminal {
    let mut terminal = Terminal::start(place, &["go"], 24, 80);
    terminal.until("I have begun.").until("Working");
    terminal
}

#[test]
fn esc_stops_the_turn_and_keeps_what_is_typed() {
    let place = Place::new(hangs());
    let mut terminal = working(&place);
    terminal.press("half a sent", "› half a sent");
    terminal.send("\x1b");
    terminal.until_it("the end of the turn", |screen| !screen.contains("Working") && !screen.contains("Stopping"));
    terminal.until("› half a sent").until("nterrupted");
    terminal.press("ence\r", "The next answer.");
    let request = last_request(&place);
    assert!(request.contains("half a sentence") && request.contains("I have **begun**."), "{request}");
}

#[test]
fn enter_tells_the_turn_that_runs() {
    let place = Place::new(json!([run("cat pipe"), { "text": "Both are done." }]));
    place.unopened_pipe("pipe");
    let mut terminal = Terminal::start(&place, &["-a", "on-request", "go"], 24, 80);
    terminal.until("cat pipe").until("Working");
    terminal.press("and that too\r", "⤷ and that too  read with the next step");
    // It is shown before the server has it.
    terminal.until_it("what was said", |_| place.journals().iter().any(|journal| journal.contains("and that too")));
    assert_eq!(place.server.requests().len(), 1);
    std::fs::write(place.workspace.join("pipe"), "x").unwrap();
    terminal.until("Both are done.").rest();
    let requests = place.server.requests();
    assert_eq!(requests.len(), 2, "it is told with the next request of the same turn");
    assert!(requests[1].body.to_string().contains("and that too"));
    let all = terminal.all();
    assert_eq!(all.matches("and that too").count(), 1, "{all}");
}

#[test]
fn tab_keeps_it_for_after_the_turn() {
    let place = Place::new(json!([run("cat pipe"), { "text": "First." }, { "text": "Second." }, { "text": "Third." }]));
    place.unopened_pipe("pipe");
    let mut terminal = Terminal::start(&place, &["-a", "on-request", "go"], 24, 80);
    terminal.until("cat pipe").until("Working");
    terminal.press("number two\t", "↳ number two");
    terminal.press("number three\x1b\r", "↳ number three");
    std::fs::write(place.workspace.join("pipe"), "x").unwrap();
    terminal.until("Third.").rest();
    let all = terminal.all();
    let order = ["First.", "› number two", "Second.", "› number three", "Third."].map(|text| all.find(text));
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}\n{all}");
}

#[test]
fn what_waits_survives_an_interrupt_and_can_be_changed() {
    let place = Place::new(hangs());
    let mut terminal = working(&place);
    terminal.press("the-first\t", "↳ the-first");
    terminal.press("the-last\t", "↳ the-last");
    terminal.press("\x1b", "held · enter sends · alt+up edits");
    terminal.rest();
    assert_eq!(place.server.requests().len(), 1);
    // Alt+Up takes the last one back.
    terminal.press("\x1b[1;3A", "› the-last");
    terminal.press(" changed", "› the-last changed");
    terminal.press("\x03", "Ask, or /help");
    terminal.press("\r", "The next answer.");
    assert!(last_request(&place).contains("the-first"));
    assert!(!last_request(&place).contains("the-last"));
}

#[test]
fn ctrl_c_clears_then_stops_then_leaves() {
    let place = Place::new(hangs());
    let mut terminal = working(&place);
    terminal.press("typed", "› typed");
    terminal.press("\x03", "cleared; up brings it back");
    terminal.until("Working");
    terminal.send("\x03");
    terminal.rest();
    terminal.press("\x03", "ctrl+c again leaves");
    terminal.send("\x03");
    let (status, all) = terminal.end();
    assert!(status.success() && all.contains("codex --resume 0"), "{all}");
}

#[test]
fn ctrl_d_leaves_if_nothing_is_typed() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("ab", "› ab");
    // It deletes what is behind the cursor, of which there is nothing, and then what is.
    terminal.press("\x04\x01\x04", "› b");
    terminal.press("\x04", "Ask, or /help");
    terminal.send("\x04");
    let (status, all) = terminal.end();
    assert!(status.success() && !all.contains("--resume"), "nothing was said: {all}");
}

#[test]
fn an_answer_streams_as_it_comes_and_is_there_once() {
    let rows: Vec<String> = (1..=60).map(|number| format!("- row {number} of **many**")).collect();
    let text = format!("# Title\n\n{}\n\n| a | b |\n|---|---|\n| `c` | d |\n", rows.join("\n"));
    let place = Place::new(json!([{ "text": text, "delta": 5, "chunk": 700 }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("row 60 of many").rest();
    let all = terminal.all();
    for number in 1..=60 {
        assert_eq!(all.matches(&format!("row {number} of many\n")).count(), 1, "{number}:\n{all}");
    }
    assert!(!all.contains('*') && !all.contains('#') && !all.contains('`'), "{all}");
}
