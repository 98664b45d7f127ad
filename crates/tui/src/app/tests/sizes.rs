//! Screens of a few columns or rows, and none at all.

use serde_json::json;

use super::stage::{Plan, Stage, command_question};
use crate::{app::AppEvent, text::Row};

#[test]
fn what_is_typed_is_seen_on_any_screen() {
    for size in [(1, 24), (1, 1), (2, 3), (80, 1), (80, 2), (3, 80)] {
        let mut stage = Stage::opened(size);
        stage.works("x").types("abc");
        let shown = stage.shown();
        assert!(shown.contains('c'), "{size:?}: what was typed last\n{shown}");
        assert!(!shown.contains("no cursor"), "{size:?}: {shown}");
    }
}

#[test]
fn help_has_one_column_on_a_narrow_screen() {
    let mut stage = Stage::opened((40, 12));
    let shown = stage.says("/help").shown();
    assert!(shown.contains("\n    /agents\n      Sub-agents: how they stand, what\n"), "{shown}");
}

/// What is written where nothing can be drawn.
fn written(stage: &mut Stage) -> (String, bool) {
    let (rows, is_read) = stage.app.overlay_rows();
    (rows.iter().map(|row: &Row| row.text() + "\n").collect(), is_read)
}

#[test]
fn a_page_is_written_whole_where_nothing_can_be_drawn() {
    let mut stage = Stage::opened((80, 24));
    stage.event(AppEvent::Line("/help".into()));
    let (text, is_read) = written(&mut stage);
    for part in ["Help", "/agent", "/vim", "Questions of the agent", "Take the answer that is chosen"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(is_read && !stage.app.is_page(), "it is left by itself");
    assert_eq!(written(&mut stage), (String::new(), false));
}

#[test]
fn a_question_is_written_whole_where_nothing_can_be_drawn() {
    let mut stage = Stage::opened((80, 24));
    stage.works("x");
    let mut question = command_question();
    let lines: Vec<String> = (1..=60).map(|number| format!("echo line {number}")).collect();
    question["command"] = json!(lines.join(" && "));
    stage.is_asked(7, "item/commandExecution/requestApproval", question).waits(600);
    let (text, is_read) = written(&mut stage);
    assert!(!is_read && text.contains("echo line 1 ") && text.contains("echo line 60"), "{text}");
    assert!(text.contains("yes, this once"), "{text}");
    // A key that no line holds has its name.
    stage.event(AppEvent::Line("esc".into()));
    assert_eq!(written(&mut stage), (String::new(), false));
}

#[test]
fn a_list_can_be_left_where_nothing_can_be_drawn() {
    let mut stage = Stage::new(Plan::usual((80, 24)));
    stage.open();
    stage.event(AppEvent::Line("/theme".into()));
    assert!(written(&mut stage).0.contains("high-contrast"));
    stage.event(AppEvent::Line("esc".into()));
    assert_eq!(written(&mut stage), (String::new(), false));
}
