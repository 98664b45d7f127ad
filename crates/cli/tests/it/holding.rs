//! Two processes that want one session: the second is told who has it, and may have it let go.

use std::fs;

use codex_protocol::{ApprovalPolicy, ServerNotification, ThreadResumeParams, ThreadUnsubscribeParams, TurnStatus};
use serde_json::{Value, json};

use crate::{approvals::run, session::Session, support::Place};

fn seqs(journal: &str) -> Vec<u64> {
    journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_second_is_told_who_has_it() {
    let place = Place::new(json!([{ "text": "one" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let before = place.journals();
    let id = session.thread_id.clone();
    let output = place.codex(&["exec", "resume", &id, "go on"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let holder = format!("is open in process {}, since ", std::process::id());
    assert!(output.status.code() == Some(2) && said.contains(&holder) && said.contains("--take-over"), "{said}");
    for command in ["archive", "delete"] {
        let output = place.codex(&["sessions", command, &id]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(command == "delete" || said.contains(&holder), "{said}");
        assert!(!output.status.success());
    }
    assert_eq!(place.journals(), before);
    assert_eq!(place.server.requests().len(), 1);
}

#[tokio::test]
async fn it_is_taken_over_from_one_that_works() {
    let script = json!([run("exec > alive; sleep 1000"), { "text": "The second." }, { "text": "The third." }]);
    let place = Place::new(script);
    let alive = place.pipe("alive");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let id = session.thread_id.clone();
    session.say("begin").await;
    session.next(|told| matches!(told, ServerNotification::ItemStarted(_)).then_some(())).await;
    let taken = place.codex(&["exec", "resume", "--take-over", &id, "go on"]).spawn().unwrap();
    let warning = session
        .next(|told| match told {
            ServerNotification::Warning(warning) => Some(warning.message.clone()),
            _ => None,
        })
        .await;
    assert_eq!(warning, format!("process {} goes on with this session; it is closed here", taken.id()));
    let status = session
        .next(|told| match told {
            ServerNotification::TurnCompleted(changed) => Some(changed.turn.status),
            _ => None,
        })
        .await;
    assert_eq!(status, TurnStatus::Interrupted);
    session.next(|told| matches!(told, ServerNotification::ThreadClosed(_)).then_some(())).await;
    let output = taken.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(0), b"The second.\n".to_vec()));
    crate::support::wait_for_end(alive);

    // And back again: the other has ended.
    let params = ThreadResumeParams { thread_id: id, take_over: Some(true), ..Default::default() };
    session.connection.client.thread_resume(params).await.unwrap();
    session.turn(&[]).await;
    let journals = place.journals();
    let seqs = seqs(&journals[0]);
    assert_eq!((journals.len(), &seqs), (1, &(0..seqs.len() as u64).collect()), "no line is lost or written twice");
    assert!(journals[0].contains("The third."));
    let params = ThreadUnsubscribeParams { thread_id: session.thread_id.clone() };
    session.connection.client.thread_unsubscribe(params).await.unwrap();
    assert_eq!(fs::read_dir(place.home.join("open")).map_or(0, |open| open.count()), 0);
}
