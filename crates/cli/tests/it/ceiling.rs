//! Clients of a server that was started with a most: no request and no answer gets more.

use std::{fs, os::unix::fs::symlink, sync::Arc};

use codex_client::{Connection, View};
use codex_config::LimitSettings;
use codex_protocol::{
    ApprovalDecision, ApprovalPolicy, ClientRequest, ClientResponse, ErrorKind, PermissionsForgetParams, RpcError,
    SandboxMode, ServerNotification, SessionSource, ThreadResumeParams, ThreadStartParams,
};
use codex_server::{Ceiling, Hub};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    approvals::{escalated, last_request, run},
    sandbox::visible_directory,
    session::{Session, answer, command, environment, no, yes},
    support::Place,
};

/// A server that lets others work in the place's workspace.
pub fn hub(place: &Place) -> Arc<Hub> {
    let cwd = place.workspace.to_str().map(str::to_owned);
    let defaults = ThreadStartParams { cwd, ..ThreadStartParams::default() };
    let (roots, limits) = (vec![place.workspace.clone()], LimitSettings::default());
    let ceiling = Ceiling { roots, sandbox: SandboxMode::WorkspaceWrite, limits, defaults };
    Hub::start(environment(place), env!("CARGO_BIN_EXE_codex").into(), SessionSource::AppServer, Some(ceiling), None)
}

fn connect(hub: &Arc<Hub>) -> Connection {
    let (calls, events) = hub.connect();
    Connection::new(calls, events)
}

pub async fn started(hub: &Arc<Hub>, policy: ApprovalPolicy) -> Session {
    let connection = connect(hub);
    let params = ThreadStartParams { approval_policy: Some(policy), ..ThreadStartParams::default() };
    let opened = connection.client.thread_start(params).await.unwrap();
    Session { connection, thread_id: opened.thread.id, view: View::default() }
}

/// What is answered to a request of somebody who follows no thread.
async fn asked_of(hub: &Arc<Hub>, method: &str, params: Value) -> Result<ClientResponse, RpcError> {
    let request: ClientRequest = serde_json::from_value(json!({ "method": method, "params": params })).unwrap();
    let (calls, _events) = hub.connect();
    let (answer, answered) = oneshot::channel();
    calls.send((request, answer)).await.unwrap();
    answered.await.unwrap()
}

#[tokio::test]
async fn no_yes_leaves_the_sandbox_or_writes_into_the_servers_configuration() {
    let elsewhere = tempfile::tempdir_in(visible_directory()).unwrap();
    let missed = elsewhere.path().join("deep/missed");
    fs::create_dir(elsewhere.path().join("deep")).unwrap();
    let missing = format!("touch {}", missed.display());
    let steps = json!([
        escalated("touch ../outside", "so"),
        run("touch made"),
        run("touch made"),
        run(&missing),
        { "text": "ok" },
    ]);
    let place = Place::below(&visible_directory(), json!({ "pick": "results", "steps": steps }));
    fs::create_dir(place.workspace.join(".git")).unwrap();
    let config = fs::read_to_string(place.home.join("config.toml")).unwrap();
    let mut session = started(&hub(&place), ApprovalPolicy::Untrusted).await;
    let execpolicy_amendment = vec!["touch".into(), "made".into()];
    let always = ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment };
    let seen = session.turn(&[answer(always), yes()]).await;
    let asked: Vec<&str> = seen.asked.iter().map(|asked| command(asked).command.as_str()).collect();
    assert_eq!(asked, ["touch made", &missing]);
    assert!(place.workspace.join("made").exists() && !missed.exists());
    assert!(!place.workspace.parent().unwrap().join("outside").exists());
    assert!(last_request(&place).contains("leaving the sandbox is not possible in this session"));
    assert_eq!(fs::read_to_string(place.home.join("config.toml")).unwrap(), config);
    let (thread_id, rule) = (session.thread_id.clone(), "=touch made".to_owned());
    let forgotten = PermissionsForgetParams { thread_id, rule };
    session.connection.client.permissions_forget(forgotten.clone()).await.unwrap();
    session.connection.client.permissions_forget(forgotten).await.unwrap_err();
    // Another session is asked again.
    let mut next = started(&hub(&place), ApprovalPolicy::Untrusted).await;
    let seen = next.turn(&[no(), no(), no()]).await;
    assert_eq!(command(&seen.asked[0]).command, "touch made");
}

#[tokio::test]
async fn who_follows_no_thread_answers_none_of_its_questions() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let hub = hub(&place);
    let mut one = started(&hub, ApprovalPolicy::Untrusted).await;
    let other = started(&hub, ApprovalPolicy::Untrusted).await;
    one.say("go").await;
    let (id, _) = one.question().await;
    let refused = other.answer(id, yes()).await.unwrap_err();
    assert_eq!(refused.data, Some(ErrorKind::NotFound), "{refused}");
    one.answer(id, no()).await.unwrap();
    one.next(|told| matches!(told, ServerNotification::TurnCompleted(_)).then_some(())).await;
    assert!(!place.workspace.join("made").exists());
}

#[tokio::test]
async fn sessions_of_other_directories_are_as_if_they_were_not_there() {
    let place = Place::new(json!([{ "text": "a secret" }, { "text": "mine" }]));
    let other = place.workspace.parent().unwrap().join("other");
    fs::create_dir(&other).unwrap();
    let params = ThreadStartParams { cwd: other.to_str().map(str::to_owned), ..ThreadStartParams::default() };
    let mut session = Session::with(&place, params).await;
    session.turn(&[]).await;
    let theirs = session.thread_id.clone();
    drop(session);
    let hub = hub(&place);
    let mut own = started(&hub, ApprovalPolicy::Never).await;
    own.turn(&[]).await;
    let mine = own.thread_id.clone();
    for (method, params) in [("thread/list", json!({})), ("thread/search", json!({ "searchTerm": "e" }))] {
        let answer = asked_of(&hub, method, params).await;
        let answer = serde_json::to_string(&answer.unwrap()).unwrap();
        assert!(answer.contains(&mine) && !answer.contains(&theirs), "{method}: {answer}");
    }
    let journals = place.journals();
    for method in [
        "thread/read",
        "thread/items/list",
        "thread/turns/list",
        "thread/diff",
        "thread/resume",
        "thread/fork",
        "thread/name/set",
        "thread/archive",
        "thread/unarchive",
        "thread/delete",
    ] {
        // Another directory to go on in is no way around.
        let about = |id: &str| {
            let cwd = (method != "thread/diff").then_some(&place.workspace);
            json!({ "threadId": id, "name": "n", "cwd": cwd, "takeOver": true, "turnId": "" })
        };
        let refused = asked_of(&hub, method, about(&theirs)).await.unwrap_err();
        assert!(refused.message.contains("--allow-cwd"), "{method}: {refused}");
        if matches!(method, "thread/read" | "thread/items/list" | "thread/turns/list") {
            asked_of(&hub, method, about(&mine)).await.unwrap();
        }
    }
    assert_eq!(place.journals(), journals);
}

#[tokio::test]
async fn a_session_that_went_elsewhere_is_not_gone_on_with_there() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let other = place.workspace.parent().unwrap().join("other");
    fs::create_dir(&other).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let id = session.thread_id.clone();
    drop(session);
    let connection = crate::session::connection(&place);
    let params = ThreadResumeParams {
        thread_id: id.clone(),
        cwd: other.to_str().map(str::to_owned),
        ..ThreadResumeParams::default()
    };
    connection.client.thread_resume(params).await.unwrap();
    let mut session = Session { connection, thread_id: id.clone(), view: View::default() };
    session.turn(&[]).await;
    drop(session);
    let refused = asked_of(&hub(&place), "thread/resume", json!({ "threadId": id })).await.unwrap_err();
    assert!(refused.message.contains("--allow-cwd"), "{refused}");
}

#[tokio::test]
async fn a_workspace_that_became_a_link_is_worked_in_no_more() {
    let place = Place::below(&visible_directory(), json!([run("touch made"), { "text": "ok" }]));
    let (sub, other) = (place.workspace.join("sub"), place.workspace.parent().unwrap().join("other"));
    fs::create_dir(&sub).unwrap();
    fs::create_dir(&other).unwrap();
    let hub = hub(&place);
    let connection = connect(&hub);
    let params = ThreadStartParams { cwd: sub.to_str().map(str::to_owned), ..ThreadStartParams::default() };
    let opened = connection.client.thread_start(params).await.unwrap();
    // As a command of another thread could.
    fs::rename(&sub, place.workspace.join("moved")).unwrap();
    symlink(&other, &sub).unwrap();
    let about = json!({ "threadId": opened.thread.id, "input": [{ "type": "text", "text": "go" }] });
    let refused = asked_of(&hub, "turn/start", about).await.unwrap_err();
    assert!(refused.message.contains("--allow-cwd"), "{refused}");
}

#[tokio::test]
async fn a_workspace_that_became_a_link_is_not_written_through() {
    let place = Place::below(&visible_directory(), json!([run("touch made"), { "text": "ok" }]));
    let (sub, other) = (place.workspace.join("sub"), place.workspace.parent().unwrap().join("other"));
    fs::create_dir(&sub).unwrap();
    fs::create_dir(&other).unwrap();
    let cwd = sub.to_str().map(str::to_owned);
    let policy = Some(ApprovalPolicy::Never);
    let params = ThreadStartParams { cwd, approval_policy: policy, ..ThreadStartParams::default() };
    let mut session = Session::with(&place, params).await;
    fs::rename(&sub, place.workspace.join("moved")).unwrap();
    symlink(&other, &sub).unwrap();
    session.turn(&[]).await;
    assert!(!other.join("made").exists());
    assert!(last_request(&place).contains("which leads to"), "{}", last_request(&place));
}
