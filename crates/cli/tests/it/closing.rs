//! A client lets go of a thread and goes on with others in the same process: nothing of the old one stays.

use std::{fs, path::Path};

use codex_protocol::{
    ApprovalPolicy, ServerNotification, ThreadItem, ThreadResumeParams, ThreadStartParams, ThreadUnsubscribeParams,
    TurnStartParams, TurnStatus, UnsubscribeStatus, UserInput,
};
use serde_json::json;

use crate::{
    approvals::{last_request, run},
    session::Session,
    support::{Place, wait_for_end},
};

async fn unsubscribe(session: &Session) -> UnsubscribeStatus {
    let params = ThreadUnsubscribeParams { thread_id: session.thread_id.clone() };
    session.connection.client.thread_unsubscribe(params).await.unwrap().status
}

/// The private temporary directories of sessions.
fn temporary(place: &Place) -> usize {
    fs::read_dir(place.home.join("tmp")).unwrap().count()
}

async fn closed(session: &mut Session) {
    session.next(|told| matches!(told, ServerNotification::ThreadClosed(_)).then_some(())).await;
}

#[tokio::test]
async fn what_runs_on_ends_and_the_session_can_be_opened_again() {
    let runs_on = "touch /tmp/file; exec > alive; sleep 1000";
    let runs_on = json!({ "tool": "exec_command", "arguments": { "cmd": runs_on, "yield_time_ms": 1 } });
    let place = Place::new(json!([runs_on, { "text": "said before" }, { "text": "more" }, { "text": "new" }]));
    let alive = place.pipe("alive");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    assert_eq!(temporary(&place), 1);
    assert_eq!(unsubscribe(&session).await, UnsubscribeStatus::Unsubscribed);
    wait_for_end(alive);
    assert_eq!(temporary(&place), 0);
    let ended = |told: &ServerNotification| match told {
        ServerNotification::ItemCompleted(done) => {
            matches!(done.item, ThreadItem::CommandExecution { .. }).then_some(())
        }
        _ => None,
    };
    session.next(ended).await;
    closed(&mut session).await;
    // It is not there any more, however often that is said.
    assert_eq!(unsubscribe(&session).await, UnsubscribeStatus::NotLoaded);
    let params = TurnStartParams {
        thread_id: session.thread_id.clone(),
        input: vec![UserInput::Text { text: "go".into() }],
        ..Default::default()
    };
    let error = session.connection.client.turn_start(params).await.unwrap_err();
    assert!(error.message.contains("thread not found"), "{error}");
    // The same process opens it once more, and a new one beside it.
    let params = ThreadResumeParams { thread_id: session.thread_id.clone(), ..Default::default() };
    session.connection.client.thread_resume(params).await.unwrap();
    session.turn(&[]).await;
    assert!(last_request(&place).contains("said before"));
    let params = ThreadResumeParams { thread_id: session.thread_id.clone(), ..Default::default() };
    let error = session.connection.client.thread_resume(params).await.unwrap_err();
    assert!(error.message.contains("open here already"), "{error}");
    let old = std::mem::take(&mut session.thread_id);
    let cwd = place.workspace.to_str().map(str::to_owned);
    let params = ThreadStartParams { cwd, ..Default::default() };
    session.thread_id = session.connection.client.thread_start(params).await.unwrap().thread.id;
    session.turn(&[]).await;
    assert!(!last_request(&place).contains("said before"));
    assert_eq!((place.journals().len(), temporary(&place)), (2, 2));
    session.thread_id = old;
    assert_eq!(unsubscribe(&session).await, UnsubscribeStatus::Unsubscribed);
    assert_eq!(temporary(&place), 1);
}

#[tokio::test]
async fn a_turn_that_runs_is_interrupted_first() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    session.question().await;
    assert_eq!(unsubscribe(&session).await, UnsubscribeStatus::Unsubscribed);
    closed(&mut session).await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    assert!(session.view.questions.is_empty());
    let journal = place.journals().concat();
    let last = journal.lines().last().unwrap();
    assert!(last.contains("turnEnded") && last.contains("interrupted"), "{last}");
    assert!(!Path::new(&place.workspace.join("made")).exists());
}
