//! What a client reads of a thread that it did not hear: its items, from either end, while it is open and from the disk.

use codex_protocol::{
    ApprovalPolicy, SortDirection, ThreadItem, ThreadItemsListParams, ThreadItemsListResult, ThreadStartParams,
};
use serde_json::json;

use crate::{approvals::run, session::Session, support::Place};

async fn list(session: &Session, params: ThreadItemsListParams) -> ThreadItemsListResult {
    let params = ThreadItemsListParams { thread_id: session.thread_id.clone(), ..params };
    session.connection.client.thread_items_list(params).await.unwrap()
}

fn kinds(result: &ThreadItemsListResult) -> Vec<&'static str> {
    let kind = |item: &ThreadItem| match item {
        ThreadItem::UserMessage { .. } => "user",
        ThreadItem::AgentMessage { .. } => "agent",
        ThreadItem::CommandExecution { .. } => "command",
        _ => "other",
    };
    result.data.iter().map(|entry| kind(&entry.item)).collect()
}

#[tokio::test]
async fn the_items_of_a_thread_are_read_while_it_is_open_and_from_the_disk() {
    let place = Place::new(json!([run("echo hi"), { "text": "one" }, { "text": "two" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let first = session.turn(&[]).await;
    let second = session.turn(&[]).await;
    let told: Vec<ThreadItem> = first.items.into_iter().chain(second.items).collect();

    let all = list(&session, ThreadItemsListParams::default()).await;
    let read: Vec<ThreadItem> = all.data.iter().map(|entry| entry.item.clone()).collect();
    assert_eq!(read, told, "what was told is what is read");
    assert_eq!(kinds(&all), ["user", "command", "agent", "user", "agent"]);
    assert!(all.data.iter().all(|entry| entry.completed_at_ms.is_some_and(|at| at > 0)));
    let turns: Vec<&str> = all.data.iter().map(|entry| entry.turn_id.as_str()).collect();
    assert_eq!(turns, ["turn_0", "turn_0", "turn_0", "turn_1", "turn_1"]);

    let newest = ThreadItemsListParams {
        limit: Some(2),
        sort_direction: Some(SortDirection::Desc),
        ..ThreadItemsListParams::default()
    };
    let page = list(&session, newest.clone()).await;
    assert_eq!(kinds(&page), ["agent", "user"]);
    let older = list(&session, ThreadItemsListParams { cursor: page.next_cursor.clone(), ..newest.clone() }).await;
    assert_eq!(kinds(&older), ["agent", "command"]);
    let newer = ThreadItemsListParams { cursor: older.backwards_cursor, ..ThreadItemsListParams::default() };
    assert_eq!(kinds(&list(&session, newer).await), ["user", "agent"]);
    let of_turn = ThreadItemsListParams { turn_id: Some("turn_1".into()), ..ThreadItemsListParams::default() };
    assert_eq!(kinds(&list(&session, of_turn).await), ["user", "agent"]);
    for cursor in ["1", "-1", "x"] {
        let thread_id = session.thread_id.clone();
        let params = ThreadItemsListParams { thread_id, cursor: Some(cursor.into()), ..newest.clone() };
        assert!(session.connection.client.thread_items_list(params).await.is_err(), "{cursor}");
    }

    // Another server, which has not opened the thread.
    let other = Session::start(&place, ApprovalPolicy::Never).await;
    let params = ThreadItemsListParams { thread_id: session.thread_id.clone(), ..ThreadItemsListParams::default() };
    assert_eq!(other.connection.client.thread_items_list(params).await.unwrap(), all);
    let unknown = ThreadItemsListParams { thread_id: "0".repeat(36), ..ThreadItemsListParams::default() };
    assert!(other.connection.client.thread_items_list(unknown).await.unwrap_err().message.contains("no session"));
}

/// A client pages through the past while a turn waits for an answer.
#[tokio::test]
async fn reading_waits_for_no_turn_and_an_ephemeral_thread_has_nothing_to_read() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    session.question().await;
    assert_eq!(kinds(&list(&session, ThreadItemsListParams::default()).await), ["user"]);
    session.interrupt().await;
    session.turn_ended().await;

    let params = ThreadStartParams { ephemeral: Some(true), ..ThreadStartParams::default() };
    let ephemeral = Session::with(&place, params).await;
    let params = ThreadItemsListParams { thread_id: ephemeral.thread_id.clone(), ..ThreadItemsListParams::default() };
    let error = ephemeral.connection.client.thread_items_list(params).await.unwrap_err();
    assert!(error.message.contains("ephemeral"), "{error}");
}
