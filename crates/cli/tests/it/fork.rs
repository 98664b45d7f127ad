//! Sessions that are branched: what a fork shares, and that its parent stays as it is.

use std::{fs, path::PathBuf};

use codex_protocol::{
    ApprovalPolicy, RpcError, ThreadForkParams, ThreadItem, ThreadItemsListParams, ThreadOpened, ThreadResumeParams,
};
use serde_json::json;

use crate::{
    approvals::{last_request, run},
    session::Session,
    support::Place,
};

async fn fork(session: &Session, id: &str, last_turn: Option<&str>) -> Result<ThreadOpened, RpcError> {
    let from = ThreadResumeParams { thread_id: id.into(), ..ThreadResumeParams::default() };
    let params = ThreadForkParams { from, last_turn_id: last_turn.map(str::to_owned), ..ThreadForkParams::default() };
    session.connection.client.thread_fork(params).await
}

/// What was said, by whomever, as the thread's items say it.
async fn said(session: &Session, id: &str) -> Vec<String> {
    let params = ThreadItemsListParams { thread_id: id.into(), ..ThreadItemsListParams::default() };
    let items = session.connection.client.thread_items_list(params).await.unwrap();
    let text = |item: &ThreadItem| match item {
        ThreadItem::AgentMessage { text, .. } => Some(text.clone()),
        _ => None,
    };
    items.data.iter().filter_map(|entry| text(&entry.item)).collect()
}

/// The journal of a thread.
async fn journal(session: &Session, id: &str) -> PathBuf {
    let params = codex_protocol::ThreadReadParams { thread_id: id.into() };
    session.connection.client.thread_read(params).await.unwrap().thread.path.unwrap().into()
}

#[tokio::test]
async fn a_fork_goes_its_own_way_and_its_parent_stays_byte_for_byte() {
    let place = Place::new(json!([
        run("echo at first"), { "text": "answer one" }, { "text": "answer two" }, { "text": "answer three" }, { "text": "answer four" },
        { "text": "answer five" }
    ]));
    let mut parent = Session::start(&place, ApprovalPolicy::Never).await;
    parent.turn(&[]).await;
    parent.turn(&[]).await;
    let id = parent.thread_id.clone();
    let path = journal(&parent, &id).await;
    let before = fs::read(&path).unwrap();

    // The parent is open on another server all the while.
    let mut other = Session::start(&place, ApprovalPolicy::Never).await;
    let opened = fork(&other, &id, Some("turn_0")).await.unwrap();
    assert_eq!(opened.thread.forked_from_id.as_ref(), Some(&id));
    other.thread_id = opened.thread.id.clone();
    let turn = other.turn(&[]).await.turn;
    assert_eq!(turn.id, "turn_1", "turns count on");
    let request = last_request(&place);
    assert!(
        request.contains("at first") && request.contains("answer one") && !request.contains("answer two"),
        "{request}"
    );
    assert!(request.contains("branch of another one"), "{request}");
    assert_eq!(said(&other, &opened.thread.id).await, ["answer one", "answer three"]);
    assert_eq!(said(&other, &id).await, ["answer one", "answer two"]);
    assert!(fs::read(&path).unwrap() == before, "the parent has changed");
    let own = fs::read_to_string(journal(&other, &opened.thread.id).await).unwrap();
    assert!(!own.contains("at first"), "what is shared is copied: {own}");

    // The parent goes on, and so does the fork, on a server that has heard of neither.
    parent.turn(&[]).await;
    let mut resumed = Session::resume(&place, {
        drop(other.connection);
        opened.thread.id.clone()
    })
    .await;
    resumed.turn(&[]).await;
    let request = last_request(&place);
    assert!(
        request.contains("at first") && request.contains("answer three") && !request.contains("answer four"),
        "{request}"
    );
    assert_eq!(said(&resumed, &opened.thread.id).await, ["answer one", "answer three", "answer five"]);
    assert_eq!(said(&resumed, &id).await, ["answer one", "answer two", "answer four"]);
}

#[tokio::test]
async fn what_cannot_be_forked_says_why() {
    let place = Place::new(json!([{ "text": "answer one" }, { "text": "answer two" }]));
    let mut parent = Session::start(&place, ApprovalPolicy::Never).await;
    parent.turn(&[]).await;
    let id = parent.thread_id.clone();
    let error = fork(&parent, &id, Some("turn_9")).await.unwrap_err();
    assert!(error.message.contains("no turn `turn_9`"), "{error}");
    let error = fork(&parent, &"0".repeat(36), None).await.unwrap_err();
    assert!(error.message.contains("no session"), "{error}");
    // Nothing is left of what was not made.
    assert_eq!(place.journals().len(), 1);

    let child = fork(&parent, &id, None).await.unwrap().thread.id;
    let mut again = Session::resume(&place, {
        drop(parent.connection);
        child.clone()
    })
    .await;
    fs::remove_file(journal(&again, &id).await).unwrap();
    let error = fork(&again, &child, None).await.unwrap_err();
    assert!(error.message.contains(&format!("goes on from session `{id}`, which is gone")), "{error}");
    // The one that is open knows what was said.
    again.turn(&[]).await;
    assert!(last_request(&place).contains("answer one"));
}

/// Of a fork of which nothing is kept, nothing is kept.
#[tokio::test]
async fn an_ephemeral_fork_leaves_nothing() {
    let place = Place::new(json!([{ "text": "answer one" }, { "text": "answer two" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let from = ThreadResumeParams { thread_id: session.thread_id.clone(), ..ThreadResumeParams::default() };
    let params = ThreadForkParams { from, ephemeral: Some(true), ..ThreadForkParams::default() };
    session.thread_id = session.connection.client.thread_fork(params).await.unwrap().thread.id;
    session.turn(&[]).await;
    assert!(last_request(&place).contains("answer one"));
    assert_eq!(place.journals().len(), 1);
}

#[test]
fn exec_runs_a_branch_of_a_session() {
    let place = Place::new(json!([
        { "text": "answer one" }, { "text": "answer two" }, { "text": "answer three" }, { "text": "answer four" }
    ]));
    let run = |arguments: &[&str]| {
        let output = place.codex(arguments).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (_, _, said) = run(&["exec", "first"]);
    let (_, id) = said.rsplit_once("codex exec resume ").unwrap_or_else(|| panic!("{said}"));
    let id = id.split_whitespace().next().unwrap();
    assert_eq!(run(&["exec", "resume", id, "second"]).0, 0);
    let before = place.journals();
    let (status, answer, said) = run(&["exec", "fork", "--at", "turn_0", id, "third"]);
    assert_eq!((status, answer.as_str()), (0, "answer three\n"), "{said}");
    assert!(!said.contains(id), "the branch has an id of its own: {said}");
    let request = last_request(&place);
    assert!(request.contains("answer one") && !request.contains("answer two"), "{request}");
    assert!(place.journals().contains(&before[0]), "the session has changed");
    // The newest is the branch.
    assert_eq!(run(&["exec", "fork", "--last", "fourth"]).0, 0);
    assert!(last_request(&place).contains("answer three"));
    assert_eq!(place.journals().len(), 3);
    for (arguments, expected) in [
        (&["exec", "fork"][..], "which session? Give its id, or --last"),
        (&["exec", "fork", "00000000", "x"], "no session has the id 00000000"),
        (&["exec", "fork", id, "--at", "turn_9", "x"], "has no turn `turn_9`"),
        (&["fork", id], "the screen needs a terminal"),
    ] {
        let (status, _, said) = run(arguments);
        assert_eq!(status, 2, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
