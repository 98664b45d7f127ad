//! What the user says while a turn runs: the model reads it with its next request, and nothing of it is lost.

use codex_protocol::{ApprovalPolicy, Position, ServerMessage, ServerNotification, ThreadItem, TurnStatus, UserInput};
use serde_json::{Value, json};

use crate::{
    approvals::run,
    session::{Session, yes},
    support::Place,
};

/// Who said what in the request, from the first `go` on: the beginning of each message.
fn said(request: &Value) -> Vec<String> {
    let word = |item: &Value| {
        let kind = item["type"].as_str().unwrap_or_default();
        let content = &item["content"][0]["text"];
        match item["role"].as_str() {
            Some(role) => format!("{role}: {:.24}", content.as_str().unwrap_or_default()),
            None => kind.to_owned(),
        }
    };
    let all = request["input"].as_array().unwrap().iter().map(word);
    all.skip_while(|word| word != "user: go").collect()
}

fn requests(place: &Place) -> Vec<Vec<String>> {
    place.server.requests().iter().map(|request| said(&request.body)).collect()
}

/// What the user said, as it is shown.
fn shown(items: impl IntoIterator<Item = ThreadItem>) -> Vec<String> {
    let text = |item| match item {
        ThreadItem::UserMessage { content, .. } => match content.into_iter().next() {
            Some(UserInput::Text { text }) => Some(text),
            _ => None,
        },
        _ => None,
    };
    items.into_iter().filter_map(text).collect()
}

/// Begins a turn whose first command waits for an answer.
async fn asked(session: &mut Session) -> u64 {
    session.say("go").await;
    session.question().await.0
}

#[tokio::test]
async fn what_is_said_meanwhile_is_read_with_the_next_request() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }, { "text": "more" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let question = asked(&mut session).await;
    for text in ["first", "second"] {
        let steered = session.steer("turn_0", text).await.unwrap();
        assert_eq!(steered.turn_id, "turn_0");
    }
    session.answer(question, yes()).await.unwrap();
    let mut told = Vec::new();
    loop {
        let ServerMessage::Event(event) = session.message().await else { continue };
        let recorded = matches!(event.position, Position::Recorded { .. });
        match event.notification {
            ServerNotification::ItemStarted(started) => {
                told.extend(shown([started.item]).pop().map(|it| it + " begins"))
            }
            ServerNotification::ItemCompleted(done) if matches!(done.item, ThreadItem::UserMessage { .. }) => {
                assert!(recorded && done.turn_id == "turn_0", "{done:?}");
                told.extend(shown([done.item]));
            }
            ServerNotification::ItemCompleted(_) => told.push("item".into()),
            ServerNotification::TurnCompleted(_) => break,
            _ => {}
        }
    }
    assert_eq!(told, ["item", "first begins", "first", "second begins", "second", "item"]);
    let first = ["user: go"].map(str::to_owned).to_vec();
    let second = ["user: go", "function_call", "function_call_output", "user: first", "user: second"];
    assert_eq!(requests(&place), [first, second.map(str::to_owned).to_vec()]);
    // A session that goes on has it in the same place.
    let mut session = session.resumed(&place).await;
    session.turn(&[]).await;
    let third = requests(&place).pop().unwrap();
    assert_eq!(third[..6], [&second[..], &["assistant: ok"]].concat());
    assert_eq!(third.last().unwrap(), "user: go");
}

#[tokio::test]
async fn a_turn_that_the_model_is_done_with_goes_on_for_it() {
    let makes = "git init -q new; printf '#!/bin/sh\\n' > new/.git/hooks/post-commit";
    let place = Place::new(json!([run(makes), { "text": "done" }, { "text": "more" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    // The last question of a turn comes after the model's last answer.
    let question = asked(&mut session).await;
    session.steer("turn_0", "and then?").await.unwrap();
    session.answer(question, yes()).await.unwrap();
    session.turn_ended().await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Completed));
    assert_eq!(session.view.last_message.as_deref(), Some("more"));
    let last = requests(&place).pop().unwrap();
    assert_eq!(requests(&place).len(), 3);
    assert_eq!(last.last().unwrap(), "user: and then?");
}

#[tokio::test]
async fn what_an_interrupted_turn_did_not_read_is_kept_for_the_next() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }, { "text": "more" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    asked(&mut session).await;
    session.steer("turn_0", "not that").await.unwrap();
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    assert_eq!(shown(session.view.items.iter().cloned()), ["go", "not that"]);
    let mut session = session.resumed(&place).await;
    session.turn(&[]).await;
    let last = requests(&place).pop().unwrap();
    let begins = ["user: go", "function_call", "function_call_output", "user: not that"];
    assert_eq!(last[..4], begins, "{last:?}");
    assert!(last[4].starts_with("developer: The user interrupted"), "{last:?}");
}

#[tokio::test]
async fn only_the_turn_that_is_meant_takes_it() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    assert_eq!(session.steer("turn_0", "x").await.unwrap_err().message, "no active turn to steer");
    let question = asked(&mut session).await;
    let error = session.steer("turn_1", "x").await.unwrap_err();
    assert_eq!(error.message, "expected active turn id `turn_1` but found `turn_0`");
    assert!(session.steer("turn_0", " ").await.unwrap_err().message.contains("empty"));
    session.answer(question, yes()).await.unwrap();
    session.turn_ended().await;
    assert_eq!(session.steer("turn_0", "x").await.unwrap_err().message, "no active turn to steer");
    assert_eq!(requests(&place).len(), 2);
}

/// The program ends without a word before the model has read it.
#[test]
fn what_nobody_read_outlives_the_program() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let thread_id = first.block_on(async {
        let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
        asked(&mut session).await;
        session.steer("turn_0", "not that").await.unwrap();
        session.thread_id
    });
    drop(first);
    assert!(!place.journals().concat().contains("turnEnded"));
    runtime().block_on(async { Session::resume(&place, thread_id).await.turn(&[]).await });
    let journal = place.journals().concat();
    let items = journal.lines().filter(|line| line.contains(r#""type":"item""#) && line.contains("not that"));
    assert_eq!(items.count(), 1, "{journal}");
    let last = requests(&place).pop().unwrap();
    let expected = ["user: go", "function_call", "function_call_output", "user: not that"];
    assert_eq!((&last[..4], last.last().unwrap().as_str()), (&expected.map(str::to_owned)[..], "user: go"));
}
