//! What is done to sessions from the screen, and sessions that another process has open.

use codex_protocol::{ClientRequest, ClientResponse, ErrorKind, ThreadResumeParams};
use serde_json::json;

use super::stage::{Plan, Stage, thread};
use crate::app::Opening;

const SIZE: (usize, usize) = (80, 24);

#[test]
fn a_session_gets_a_name_and_loses_it() {
    let mut stage = Stage::opened(SIZE);
    stage.says("/rename The parser");
    let Some((ClientRequest::ThreadSetName(params), _)) = stage.asked.front() else { panic!("{:?}", stage.asked) };
    assert_eq!((params.thread_id.as_str(), params.name.as_str()), ("t", "The parser"));
    stage.done(ClientResponse::ThreadSetName);
    stage.told("thread/name/updated", json!({ "threadId": "other", "threadName": "Another" }));
    stage.told("thread/name/updated", json!({ "threadId": "t", "threadName": "The parser" }));
    let shown = stage.shown();
    assert!(shown.contains("the session is called The parser") && !shown.contains("Another"), "{shown}");
    assert_eq!(stage.app.session.as_ref().unwrap().opened.thread.name.as_deref(), Some("The parser"));
    stage.told("thread/name/updated", json!({ "threadId": "t", "threadName": null }));
    assert!(stage.shown().contains("the session has no name any more"), "{}", stage.shown());
}

#[test]
fn what_another_process_has_open_can_be_taken_over() {
    let opening = Opening::Resume(ThreadResumeParams { thread_id: "t".into(), ..ThreadResumeParams::default() });
    let mut stage = Stage::new(Plan { opening, ..Plan::usual(SIZE) });
    // What it said last cannot be read either.
    stage.refused("").refused_as(ErrorKind::OpenElsewhere, "session t is open in process 7, since 12:00");
    let shown = stage.shown();
    assert!(shown.contains("open in process 7") && shown.contains("take it over"), "{shown}");
    stage.keys("down enter");
    let Some((ClientRequest::ThreadResume(params), _)) = stage.asked.front() else { panic!("{:?}", stage.asked) };
    assert_eq!((params.thread_id.as_str(), params.take_over), ("t", Some(true)));
    stage.answered(ClientResponse::ThreadResume(thread("fix it")));
    assert!(stage.app.session.is_some());
}

#[test]
fn a_session_that_is_taken_away_is_closed_and_nothing_that_waits_is_lost() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").types("then this").keys("tab");
    stage.told("warning", json!({ "threadId": "t", "message": "process 7 goes on with this session" }));
    stage.ends("1", "interrupted").told("thread/closed", json!({ "threadId": "t" }));
    assert!(stage.app.session.is_none());
    let shown = stage.shown();
    assert!(
        shown.contains("process 7 goes on") && shown.contains("then this") && shown.contains("no session"),
        "{shown}"
    );
}
