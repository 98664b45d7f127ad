//! Commands that the user types: behind the same walls as the model's, without a question for what was asked for.

use std::fs;

use codex_protocol::{
    ApprovalPolicy, CommandExecutionSource, CommandExecutionStatus, RpcError, SandboxMode, ServerNotification,
    ThreadItem, ThreadShellCommandParams, ThreadStartParams, TurnStatus,
};
use serde_json::{Map, json};

use crate::{
    approvals::last_request,
    session::{Session, command, no},
    support::Place,
};

async fn type_in(session: &Session, command: &str) -> Result<(), RpcError> {
    let thread_id = session.thread_id.clone();
    let params = ThreadShellCommandParams { thread_id, command: command.into(), timeout_ms: None };
    session.connection.client.thread_shell_command(params).await.map(drop)
}

/// The item that the command came to.
async fn run(session: &mut Session, command: &str) -> (CommandExecutionStatus, String) {
    type_in(session, command).await.unwrap();
    session.turn_ended().await;
    let items: Vec<&ThreadItem> = session.view.items.iter().collect();
    let [ThreadItem::CommandExecution { command: shown, source, status, aggregated_output, .. }] = items[..] else {
        panic!("{items:#?}")
    };
    assert_eq!((shown.as_str(), *source), (command, CommandExecutionSource::UserShell));
    (*status, aggregated_output.clone().unwrap_or_default())
}

#[tokio::test]
async fn it_runs_without_a_question_and_the_model_is_told_with_the_next_turn() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let (status, output) = run(&mut session, "echo from the user; touch made; pwd").await;
    assert_eq!(status, CommandExecutionStatus::Completed);
    assert_eq!(output, format!("from the user\n{}\n", place.workspace.display()));
    assert!(place.workspace.join("made").exists());
    assert_eq!(place.server.requests().len(), 0, "the model is not asked");
    assert_eq!(session.view.ended(), Some(TurnStatus::Completed));
    let seen = session.turn(&[]).await;
    assert_eq!(seen.turn.id, "turn_1");
    let request = last_request(&place);
    for told in ["The user ran this command", "echo from the user; touch made", "Exit code: 0"] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
    // What a session is called by is what the user said.
    let list = session.connection.client.thread_list(Default::default()).await.unwrap();
    assert_eq!(list.data[0].preview, "go");
}

#[tokio::test]
async fn it_runs_behind_the_same_walls() {
    let place = Place::new(json!([]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let outside = place.workspace.parent().unwrap().join("outside");
    // It may be in the session's own `/tmp`.
    run(&mut session, &format!("touch inside; touch {}", outside.display())).await;
    assert!(!outside.exists() && place.workspace.join("inside").exists());
}

#[tokio::test]
async fn what_rules_say_counts_for_the_user_too() {
    let place = Place::new(json!([]));
    let mut config = Map::new();
    config.insert("permissions".into(), json!({ "deny": ["touch"] }));
    let approval_policy = Some(ApprovalPolicy::Untrusted);
    let params = ThreadStartParams { config: Some(config), approval_policy, ..Default::default() };
    let mut session = Session::with(&place, params).await;
    let (status, output) = run(&mut session, "touch made").await;
    assert_eq!(status, CommandExecutionStatus::Declined);
    assert!(output.contains("denied by the rule `touch`"), "{output}");
    // What asks because of its class asks the user as well.
    fs::create_dir(place.workspace.join("kept")).unwrap();
    type_in(&session, "rm -rf kept").await.unwrap();
    let (id, request) = session.question().await;
    assert_eq!(command(&request).command, "rm -rf kept");
    session.answer(id, no()).await.unwrap();
    session.turn_ended().await;
    assert!(place.workspace.join("kept").exists() && !place.workspace.join("made").exists());
}

#[tokio::test]
async fn what_cannot_run_is_refused_in_a_sentence() {
    let place = Place::new(json!([{ "text": "ok", "hang": true }]));
    let sandbox = Some(SandboxMode::ReadOnly);
    let session = Session::with(&place, ThreadStartParams { sandbox, ..Default::default() }).await;
    let error = type_in(&session, "ls").await.unwrap_err();
    assert!(error.message.contains("read-only mode: switch to workspace-write"), "{error}");

    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    assert!(type_in(&session, " \n").await.unwrap_err().message.contains("no command"));
    session.say("go").await;
    let error = type_in(&session, "ls").await.unwrap_err();
    assert!(error.message.contains("a turn is running"), "{error}");
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(run(&mut session, "echo again").await, (CommandExecutionStatus::Completed, "again\n".into()));
}

#[tokio::test]
async fn an_interrupt_ends_it_and_what_it_printed_is_kept() {
    let place = Place::new(json!([]));
    let params = ThreadStartParams { live_output: Some(true), ..Default::default() };
    let params = ThreadStartParams { approval_policy: Some(ApprovalPolicy::Never), ..params };
    let mut session = Session::with(&place, params).await;
    type_in(&session, "echo begun; cat /dev/zero > /dev/null").await.unwrap();
    session.next(|told| matches!(told, ServerNotification::CommandOutputDelta(_)).then_some(())).await;
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    let items = session.view.items.make_contiguous();
    let [ThreadItem::CommandExecution { aggregated_output: Some(output), status, .. }] = items else {
        panic!("{items:#?}")
    };
    assert!(output.starts_with("begun\n") && *status == CommandExecutionStatus::Failed, "{output}");
}
