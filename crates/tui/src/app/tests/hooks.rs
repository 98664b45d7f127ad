//! Hooks that run.

use serde_json::{Value, json};

use super::stage::Stage;

const SIZE: (usize, usize) = (80, 24);

fn run(id: &str, status: &str, message: Option<&str>) -> Value {
    let run = json!({
        "id": id, "eventName": "preToolUse", "handlerType": "command", "executionMode": "sync", "scope": "turn",
        "sourcePath": "", "source": "user", "displayOrder": 0, "status": status, "statusMessage": message,
        "startedAt": 0, "completedAt": null, "durationMs": null, "entries": [], "command": "check.sh",
    });
    json!({ "threadId": "t", "turnId": "1", "run": run })
}

/// The row that says what the turn does.
fn row(stage: &Stage) -> String {
    let shown = stage.shown();
    shown.lines().find(|row| row.starts_with("• ")).unwrap_or_default().to_owned()
}

#[test]
fn one_that_takes_long_is_said_while_it_runs() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").told("hook/started", run("a", "running", Some("Looks for secrets")));
    assert_eq!(row(&stage), "• Working 0s · esc stops it", "it may be over soon");
    assert_eq!(stage.wakes_in(), Some(200));
    stage.told("hook/started", run("b", "running", None)).waits(200);
    assert_eq!(row(&stage), "• Looks for secrets 0s · esc stops it");
    stage.told("hook/completed", run("a", "completed", Some("Looks for secrets")));
    assert_eq!(row(&stage), "• A hook runs: check.sh 0s · esc stops it");
    stage.told("hook/completed", run("b", "completed", None));
    assert_eq!(row(&stage), "• Working 0s · esc stops it");
}
