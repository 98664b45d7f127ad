//! S2 and S17 to S20 where somebody can be asked: a client of the server answers.

use std::fs;

use codex_protocol::{ApprovalDecision, ApprovalPolicy, ServerRequest, ThreadStartParams};
use serde_json::{Value, json};

use crate::{
    session::{Session, answer, command, no, terms, yes},
    support::Place,
};

/// Each kind of action once: what only reads, an edit, a command, and one that wants to leave the sandbox.
fn each_kind() -> Value {
    let patch = "*** Begin Patch\n*** Add File: edited\n+x\n*** End Patch\n";
    let leave = json!({ "cmd": "touch ../outside", "sandbox_permissions": "require_escalated", "justification": "so" });
    json!([
        { "tool": "list_dir", "arguments": {} },
        { "custom": "apply_patch", "input": patch },
        { "tool": "exec_command", "arguments": { "cmd": "touch made" } },
        { "tool": "exec_command", "arguments": leave },
        { "text": "ok" },
    ])
}

/// What was asked about, a word each.
fn asked(requests: &[ServerRequest]) -> Vec<&str> {
    let word = |request| match request {
        &ServerRequest::FileChangeApproval(_) => "edit",
        &ServerRequest::ProjectTrust(_) => "trust",
        &ServerRequest::Elicitation(_) => "elicitation",
        request => command(request).command.as_str(),
    };
    requests.iter().map(word).collect()
}

/// What there is afterwards.
fn there(place: &Place) -> Vec<&'static str> {
    let names = ["edited", "made", "../outside"];
    names.into_iter().filter(|name| place.workspace.join(name).exists()).collect()
}

#[tokio::test]
async fn s02_edits_and_commands_are_approved_or_denied_one_by_one() {
    let place = Place::new(each_kind());
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes(), no(), no()]).await;
    assert_eq!(asked(&seen.asked), ["edit", "touch made", "touch ../outside"]);
    assert_eq!(there(&place), ["edited"]);
    // Each says why it asks and what will hold.
    for request in &seen.asked {
        let reason = match request {
            ServerRequest::CommandApproval(params) => &params.reason,
            ServerRequest::FileChangeApproval(params) => &params.reason,
            ServerRequest::ProjectTrust(params) => panic!("{params:?}"),
            ServerRequest::Elicitation(params) => panic!("{params:?}"),
        };
        assert!(reason.as_ref().is_some_and(|reason| !reason.is_empty()), "{request:?}");
        assert!(terms(request).confinement.contains("sandbox"), "{request:?}");
    }
}

#[tokio::test]
async fn s17_when_is_asked_follows_the_flag_or_the_key() {
    let table = [
        (None, Some(ApprovalPolicy::Never), 0),
        (None, Some(ApprovalPolicy::OnRequest), 1),
        (None, Some(ApprovalPolicy::Untrusted), 3),
        (Some("never"), None, 0),
        (Some("on-request"), None, 1),
        // The default.
        (None, None, 3),
        // The flag wins over the key.
        (Some("untrusted"), Some(ApprovalPolicy::Never), 0),
    ];
    for (key, approval_policy, questions) in table {
        let place = Place::new(each_kind());
        if let Some(key) = key {
            super::configure(&place, &format!("ask_for_approval = \"{key}\""));
        }
        let params = ThreadStartParams { approval_policy, ..Default::default() };
        let mut session = Session::with(&place, params).await;
        let seen = session.turn(&vec![no(); questions]).await;
        assert_eq!(seen.asked.len(), questions, "{key:?} {approval_policy:?}");
    }
}

#[tokio::test]
async fn s18_untrusted_asks_for_edits_and_for_commands_that_are_not_pre_approved() {
    let place = Place::new(each_kind());
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes(), yes(), yes()]).await;
    assert_eq!(asked(&seen.asked), ["edit", "touch made", "touch ../outside"]);
    assert_eq!(there(&place), ["edited", "made", "../outside"]);
}

#[tokio::test]
async fn s18_what_is_pre_approved_runs_without_a_question() {
    let commands = ["ls", "cat file | head -n 1 && pwd", "git status", "make all", "cat file > copy", "find . -delete"];
    let place = super::place_with(&commands);
    super::configure(&place, "permissions.allow = [\"make all\"]");
    std::fs::write(place.workspace.join("file"), "line-one\nline-two\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[no(), no()]).await;
    assert_eq!(asked(&seen.asked), ["cat file > copy", "find . -delete"]);
    let request = super::last_request(&place).to_string();
    assert!(request.contains("line-one\\n") && !request.contains("line-two"), "{request}");
}

#[tokio::test]
async fn s19_on_request_asks_only_for_more_than_the_sandbox_gives() {
    for (reply, made) in [(no(), &["edited", "made"][..]), (yes(), &["edited", "made", "../outside"])] {
        let place = Place::new(each_kind());
        let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
        let seen = session.turn(&[reply]).await;
        assert_eq!(asked(&seen.asked), ["touch ../outside"]);
        assert!(terms(&seen.asked[0]).confinement.starts_with("no sandbox"), "{:?}", seen.asked);
        assert_eq!(there(&place), made);
    }
}

#[tokio::test]
async fn s20_never_asks_nobody_even_if_somebody_could_answer() {
    for full_auto in [None, Some(true)] {
        let place = Place::new(each_kind());
        let approval_policy = Some(ApprovalPolicy::Never).filter(|_| full_auto.is_none());
        let params = ThreadStartParams { approval_policy, full_auto, ..Default::default() };
        let mut session = Session::with(&place, params).await;
        session.turn(&[]).await;
        assert_eq!(there(&place), ["edited", "made"]);
        assert!(super::last_request(&place).to_string().contains("leaving the sandbox was not allowed"));
    }
}

#[tokio::test]
async fn s02_a_stop_ends_everything() {
    let place = Place::new(each_kind());
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.turn(&[answer(ApprovalDecision::Cancel)]).await;
    assert_eq!(there(&place), [""; 0]);
    assert_eq!(fs::read_dir(&place.workspace).unwrap().count(), 0);
}
