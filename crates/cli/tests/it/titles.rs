//! Titles of sessions: what was said first, or, where the settings say so, what the model calls it, which is asked once.

use std::{fs, time::Duration};

use codex_protocol::{ThreadReadParams, ThreadResumeParams, TurnStatus};
use codex_testkit::ModelServer;
use serde_json::{Value, json};

use crate::{
    session::{Session, connection},
    support::Place,
};

/// A place whose settings have the model asked.
fn place(script: Value) -> Place {
    let place = Place::new(script);
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, config + "\n[sessions]\ntitles = \"model\"\n").unwrap();
    place
}

/// Says something, to the end of its turn.
async fn said(session: &mut Session, text: &str) {
    session.say(text).await;
    assert_eq!(session.rest_of_turn(&[]).await.turn.status, TurnStatus::Completed);
}

/// What the session is called in lists.
async fn called(session: &Session) -> String {
    let params = ThreadReadParams { thread_id: session.thread_id.clone() };
    codex_client::called(&session.connection.client.thread_read(params).await.unwrap().thread)
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), held).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Waits until so many requests have come.
pub async fn until_asked(server: &ModelServer, times: usize) {
    until("it is not asked", async || server.requests().len() == times).await;
}

#[tokio::test]
async fn the_model_is_asked_once_in_a_small_request_of_its_own() {
    let usage = json!({ "input_tokens": 70, "output_tokens": 7 });
    let steps = json!([
        { "text": "It was the lexer." },
        { "text": "**\"Mend the lexer.\"**\n", "usage": usage },
        { "text": "Done." },
        { "text": "Again." },
    ]);
    let place = place(json!({ "steps": steps }));
    let mut session = Session::start(&place, codex_protocol::ApprovalPolicy::Never).await;
    said(&mut session, "Why does the parser fail? Look.").await;
    until("it has no title", async || called(&session).await == "Mend the lexer").await;
    said(&mut session, "Go on.").await;
    let asked = place.server.requests();
    let [first, title, second] = asked.as_slice() else { panic!("{}", asked.len()) };
    let body = String::from_utf8_lossy(&title.raw);
    assert!(body.contains("Why does the parser fail? Look.") && body.contains("It was the lexer."), "{body}");
    let tools = &title.body["tools"];
    assert!(body.len() < first.raw.len() / 4 && (tools.is_null() || *tools == json!([])), "{body}");
    assert!(!String::from_utf8_lossy(&second.raw).contains("Mend the lexer"), "it is no part of the conversation");

    // It counts, and is not asked for again.
    let session = session.resumed(&place).await;
    assert_eq!(called(&session).await, "Mend the lexer");
    let journal = place.journals().pop().unwrap();
    assert!(journal.contains(r#""type":"titled","title":"Mend the lexer","usage":{"inputTokens":70"#), "{journal}");
    let mut session = session;
    said(&mut session, "And now?").await;
    assert_eq!(place.server.requests().len(), 4);
}

#[tokio::test]
async fn what_was_said_first_is_the_title_where_none_comes() {
    let steps = json!([{ "text": "ok" }, { "http": 400, "body": "no" }, { "text": "ok" }]);
    let place = place(json!({ "steps": steps }));
    let mut session = Session::start(&place, codex_protocol::ApprovalPolicy::Never).await;
    said(&mut session, "Mend the parser. Please.").await;
    until_asked(&place.server, 2).await;
    session.say("Go on.").await;
    let seen = session.rest_of_turn(&[]).await;
    assert!(seen.warnings.is_empty() && seen.turn.status == TurnStatus::Completed, "{:?}", seen.warnings);
    assert_eq!((called(&session).await.as_str(), place.server.requests().len()), ("Mend the parser", 3));
}

#[tokio::test]
async fn a_name_of_the_users_own_wins_and_nobody_is_asked_unless_told_to() {
    let place = Place::new(json!([]));
    let mut session = Session::start(&place, codex_protocol::ApprovalPolicy::Never).await;
    said(&mut session, "Mend the parser.").await;
    said(&mut session, "Go on.").await;
    assert_eq!(place.server.requests().len(), 2);
    // `exec` has ended before one could come.
    let place = self::place(json!([]));
    let ran = place.codex(&["exec", "Mend the parser."]).output().unwrap();
    assert_eq!((ran.status.code(), place.server.requests().len()), (Some(0), 1));
    // Nor is one that was gone on with: it has one, or has had its chance.
    let id = place.journals().pop().unwrap();
    let id =
        serde_json::from_str::<Value>(id.lines().next().unwrap()).unwrap()["threadId"].as_str().unwrap().to_owned();
    let connection = connection(&place);
    let params = ThreadResumeParams { thread_id: id.clone(), ..ThreadResumeParams::default() };
    connection.client.thread_resume(params).await.unwrap();
    let mut session = Session { connection, thread_id: id, view: codex_client::View::default() };
    said(&mut session, "Go on.").await;
    assert_eq!((place.server.requests().len(), called(&session).await.as_str()), (2, "Mend the parser"));
}
