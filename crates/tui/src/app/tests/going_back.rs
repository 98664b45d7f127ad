//! `/rewind`, `/undo`, `/redo`, and Esc twice: what is asked for, and what is seen of it.

use codex_protocol::{ClientRequest, ClientResponse, RewindWhat};
use serde_json::{Value, json};

use super::stage::Stage;

fn list(undo: Value) -> ClientResponse {
    let turn = json!({ "turnId": "turn_1", "at": 0, "prompt": "mend it", "filesChanged": 1 });
    let list = json!({ "turns": [turn], "undoTurnId": undo, "redo": null });
    ClientResponse::ThreadRewindList(serde_json::from_value(list).unwrap())
}

fn rewound(what: &str) -> Value {
    let file = json!({ "path": "/home/u/work/project/b", "kind": { "type": "delete" }, "added": 0, "removed": 1 });
    json!({
        "what": what, "restored": ["/home/u/work/project/a"], "conflicts": [file],
        "failed": [{ "path": "/big", "reason": "too large" }], "input": [{ "type": "text", "text": "mend it\nall" }],
    })
}

fn went(stage: &mut Stage) -> (RewindWhat, String) {
    match stage.asked.front() {
        Some((ClientRequest::ThreadRewind(params), _)) => (params.what, params.before_turn_id.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn escape_twice_goes_back_to_a_prompt_which_is_there_to_be_said_again() {
    let mut stage = Stage::opened((80, 30));
    stage.keys("esc");
    assert!(stage.methods().is_empty() && stage.shown().contains("esc again goes back"), "{}", stage.shown());
    // Another key between them, something typed, or a turn that runs, and it is none.
    stage.types("x").keys("esc esc backspace esc left esc");
    assert!(stage.methods().is_empty());
    stage.keys("esc");
    assert_eq!(stage.methods(), ["thread/rewind/list"]);
    stage.answered(list(json!(null)));
    assert!(stage.shown().contains("mend it"), "{}", stage.shown());
    stage.keys("enter");
    assert_eq!(stage.methods(), ["thread/rewind/preview"]);
    let preview = json!({ "files": [], "conflicts": [], "notRestorable": [] });
    stage.answered(ClientResponse::ThreadRewindPreview(serde_json::from_value(preview).unwrap()));
    assert!(stage.shown().contains("no file would change"), "{}", stage.shown());
    stage.keys("b");
    assert_eq!(went(&mut stage), (RewindWhat::Both, "turn_1".into()));
    stage.answered(ClientResponse::ThreadRewind(serde_json::from_value(rewound("both")).unwrap()));
    let shown = stage.shown();
    for said in ["taken back: a", "from before that prompt", "/redo", "too: b; /rewind", "/big too large", "mend it"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(stage.app.composer.draft().text, "mend it\nall");
}

#[test]
fn undo_takes_back_the_files_of_the_last_turn_and_leaves_the_composer() {
    let mut stage = Stage::opened((80, 30));
    stage.says("/undo").answered(list(json!(null)));
    assert!(stage.methods().is_empty() && stage.shown().contains("nothing to undo"), "{}", stage.shown());
    stage.says("/undo").answered(list(json!("turn_7")));
    assert_eq!(went(&mut stage), (RewindWhat::Files, "turn_7".into()));
    stage.answered(ClientResponse::ThreadRewind(serde_json::from_value(rewound("files")).unwrap()));
    assert!(stage.app.composer.is_empty());
    stage.says("/redo");
    assert_eq!(stage.methods(), ["thread/rewind/redo"]);
    stage.answered(ClientResponse::ThreadRewindRedo(serde_json::from_value(rewound("files")).unwrap()));
    assert!(stage.shown().contains("brought forth again: a"), "{}", stage.shown());
}
