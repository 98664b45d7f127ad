//! An earlier session is gone on with: what it said last, and what waits for it.

use codex_protocol::{ClientRequest, ClientResponse, ErrorKind, ThreadItemsListResult, ThreadResumeParams};
use serde_json::json;

use super::stage::{Plan, Stage, thread};
use crate::app::Opening;

fn resuming() -> Stage {
    let opening = Opening::Resume(ThreadResumeParams { thread_id: "t".into(), ..ThreadResumeParams::default() });
    Stage::new(Plan { opening, ..Plan::usual((80, 24)) })
}

fn said(text: &str) -> ClientResponse {
    let entry = json!({ "turnId": "1", "startedAtMs": null, "completedAtMs": null,
        "item": { "type": "agentMessage", "id": "m", "text": text } });
    let list = json!({ "data": [entry], "nextCursor": null, "backwardsCursor": null });
    ClientResponse::ThreadItemsList(serde_json::from_value::<ThreadItemsListResult>(list).unwrap())
}

fn opened() -> ClientResponse {
    ClientResponse::ThreadResume(thread("fix it"))
}

/// Where each of these stands on the screen: in this order.
fn in_order(stage: &Stage, texts: &[&str]) {
    let shown = stage.shown();
    let places: Vec<_> = texts.iter().map(|text| shown.find(text)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}: {shown}");
}

#[test]
fn what_it_said_last_is_there_before_it_is_open_and_what_is_sent_waits() {
    let mut stage = resuming();
    assert_eq!(stage.methods(), ["thread/items/list", "thread/resume"]);
    stage.answered(said("The last answer."));
    in_order(&stage, &["The last answer.", "opening the session · what you send waits for it"]);
    stage.says("go on").types("hal");
    assert_eq!(stage.methods(), ["thread/resume"]);
    in_order(&stage, &["The last answer.", "go on", "› hal"]);
    stage.answered(opened());
    assert_eq!(stage.methods(), ["turn/start"]);
    in_order(&stage, &["The last answer.", "going on with: fix it", "› hal"]);
    assert_eq!(stage.shown().matches("The last answer.").count(), 1, "{}", stage.shown());
}

#[test]
fn what_is_sent_waits_for_what_was_said_before_it() {
    let mut stage = resuming();
    stage.says("go on").asked.swap(0, 1);
    stage.answered(opened());
    assert_eq!(stage.methods(), ["thread/items/list"]);
    assert!(!stage.shown().contains("going on with"), "{}", stage.shown());
    stage.answered(said("The last answer."));
    assert_eq!(stage.methods(), ["turn/start"]);
    in_order(&stage, &["The last answer.", "going on with: fix it"]);
}

#[test]
fn a_session_whose_end_cannot_be_read_is_opened_all_the_same() {
    for is_open_first in [false, true] {
        let mut stage = resuming();
        stage.says("go on");
        if is_open_first {
            stage.asked.swap(0, 1);
            stage.answered(opened()).refused("cannot read it");
        } else {
            stage.refused("cannot read it").answered(opened());
        }
        assert_eq!(stage.methods(), ["turn/start"]);
        let shown = stage.shown();
        assert!(shown.contains("going on with: fix it"), "{shown}");
        assert_eq!(shown.contains("cannot read it"), is_open_first, "if it is not open, that says why: {shown}");
    }
}

#[test]
fn it_is_shown_once_however_it_is_opened_in_the_end() {
    for (keys, response) in [("down enter", opened()), ("enter", ClientResponse::ThreadFork(thread("fix it")))] {
        let mut stage = resuming();
        stage.answered(said("The last answer."));
        stage.refused_as(ErrorKind::OpenElsewhere, "session t is open in process 7, since 12:00");
        stage.keys(keys);
        assert!(!stage.asked.iter().any(|(request, _)| matches!(request, ClientRequest::ThreadItemsList(_))));
        stage.answered(response);
        assert!(stage.app.session.is_some() && stage.asked.is_empty(), "{:?}", stage.asked);
        assert_eq!(stage.shown().matches("The last answer.").count(), 1, "{}", stage.shown());
    }
    // Another one that is opened then has its own.
    let mut stage = resuming();
    stage.answered(said("The last answer.")).refused("it is broken");
    stage.says("/resume other");
    assert_eq!(stage.methods(), ["thread/items/list", "thread/resume"]);
    stage.answered(said("Another answer.")).answered(opened());
    in_order(&stage, &["The last answer.", "it is broken", "Another answer.", "going on with"]);
}
