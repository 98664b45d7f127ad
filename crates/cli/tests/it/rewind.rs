//! A session goes back to an earlier turn, and goes on from there.

use codex_protocol::{
    ApprovalPolicy, ServerNotification, ThreadItem, ThreadItemsListParams, ThreadRevertParams, ThreadStatus,
};
use serde_json::json;

use crate::{approvals::last_request, session::Session, support::Place};

async fn revert(session: &Session, before_turn_id: &str) -> Result<ThreadStatus, String> {
    let params = ThreadRevertParams { thread_id: session.thread_id.clone(), before_turn_id: before_turn_id.into() };
    let done = session.connection.client.thread_revert(params).await;
    done.map(|done| done.thread.status).map_err(|error| error.message)
}

/// What the model has said, as it is listed.
async fn said(session: &Session) -> Vec<String> {
    let params = ThreadItemsListParams { thread_id: session.thread_id.clone(), ..Default::default() };
    let entries = session.connection.client.thread_items_list(params).await.unwrap().data;
    let texts = entries.into_iter().filter_map(|entry| match entry.item {
        ThreadItem::AgentMessage { text, .. } => Some(text),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn a_conversation_goes_back_to_a_turn_and_on_from_there() {
    let place = Place::new(json!([
        { "text": "answer 1" }, { "text": "answer 2" }, { "text": "answer 3" }, { "text": "answer 4" }, { "text": "answer 5" }
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    for _ in 0..3 {
        session.turn(&[]).await;
    }
    assert_eq!(revert(&session, "turn_9").await.unwrap_err(), "the conversation has no turn `turn_9` to go back to");
    assert_eq!(revert(&session, "turn_1").await, Ok(ThreadStatus::Idle));
    session.next(|told| matches!(told, ServerNotification::ThreadReverted(_)).then_some(())).await;
    assert_eq!(said(&session).await, ["answer 1"]);
    assert_eq!(session.view.last_message, None);

    assert_eq!(session.turn(&[]).await.turn.id, "turn_3", "ids of turns are not used again");
    let request = last_request(&place);
    assert!(
        request.contains("answer 1") && !request.contains("answer 2") && !request.contains("answer 3"),
        "{request}"
    );
    assert_eq!(said(&session).await, ["answer 1", "answer 4"]);

    let mut session = session.resumed(&place).await;
    assert_eq!(said(&session).await, ["answer 1", "answer 4"]);
    assert!(revert(&session, "turn_2").await.is_err(), "it is none of the conversation any more");
    assert_eq!(revert(&session, "turn_0").await, Ok(ThreadStatus::Idle));
    session.turn(&[]).await;
    let request = last_request(&place);
    assert!(!request.contains("answer 1") && !request.contains("answer 4"), "{request}");
    let told = request.contains("the user is asked before every edit");
    assert!(told, "what the model was told of its walls in a turn that is gone is told again: {request}");
}

#[tokio::test]
async fn nothing_goes_back_while_a_turn_runs() {
    let place = Place::new(json!([crate::approvals::run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    session.question().await;
    let refused = revert(&session, "turn_0").await.unwrap_err();
    assert!(refused.contains("interrupt it first"), "{refused}");
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(revert(&session, "turn_0").await, Ok(ThreadStatus::Idle));
}
