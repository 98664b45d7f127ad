//! Settings that change while a thread is open: what is asked next, and what the next command may do.

use std::fs;

use codex_protocol::{
    ApprovalPolicy, BackgroundTerminalsParams, RpcError, SandboxMode, ServerNotification, SettingsChange,
    ThreadSettings, ThreadSettingsUpdateParams, ThreadStartParams, TurnStartParams, UserInput,
};
use serde_json::{Value, json};

use crate::{
    approvals::{last_request, run},
    session::{Session, no, yes},
    support::Place,
};

impl Session {
    async fn change(&self, change: SettingsChange) -> Result<(), RpcError> {
        let params = ThreadSettingsUpdateParams { thread_id: self.thread_id.clone(), change };
        self.connection.client.thread_settings_update(params).await.map(drop)
    }

    /// The settings as they are told next.
    async fn settings(&mut self) -> ThreadSettings {
        let settings = |told: &ServerNotification| match told {
            ServerNotification::ThreadSettingsUpdated(updated) => Some(updated.thread_settings.clone()),
            _ => None,
        };
        self.next(settings).await
    }
}

fn model(model: &str) -> SettingsChange {
    SettingsChange { model: Some(model.into()), ..Default::default() }
}

fn sandbox(mode: SandboxMode) -> SettingsChange {
    SettingsChange { sandbox: Some(mode), ..Default::default() }
}

fn approval(policy: ApprovalPolicy) -> SettingsChange {
    SettingsChange { approval_policy: Some(policy), ..Default::default() }
}

/// Of each request the model, the effort, and the provider by a header of its own.
fn asked(place: &Place) -> Vec<String> {
    let word = |request: codex_testkit::RecordedRequest| {
        let effort = request.body.pointer("/reasoning/effort").and_then(Value::as_str).unwrap_or("-").to_owned();
        format!("{} {effort} {}", request.body["model"].as_str().unwrap(), request.header("x-provider"))
    };
    place.server.requests().into_iter().map(word).collect()
}

/// The epochs of the session's journal.
fn epochs(place: &Place) -> Vec<Value> {
    let lines = place.journals().concat();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "epoch").collect()
}

/// A place with a second provider.
fn two_providers(script: Value) -> Place {
    let place = Place::new(script);
    let file = place.home.join("config.toml");
    let other = format!(
        "[model_providers.other]\nbase_url = \"{}\"\nwire_api = \"responses\"\nhttp_headers = {{ x-provider = \"other\" }}\n",
        place.server.base_url()
    );
    fs::write(&file, fs::read_to_string(&file).unwrap() + &other).unwrap();
    place
}

#[tokio::test]
async fn another_model_is_asked_from_the_next_turn_on() {
    let place = two_providers(json!([]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let effort = SettingsChange { effort: Some("high".into()), ..model("big") };
    let steps = [effort, model("other/small"), model("plain"), model("acme/plain"), model("mock/back")];
    let mut told = Vec::new();
    for change in steps {
        session.change(change).await.unwrap();
        let settings = session.settings().await;
        told.push(format!("{} {}", settings.model_provider, settings.model));
        session.turn(&[]).await;
    }
    assert_eq!(told, ["mock big", "other small", "other plain", "other acme/plain", "mock back"]);
    let expected =
        ["mock - ", "big high ", "small high other", "plain high other", "acme/plain high other", "back high "];
    assert_eq!(asked(&place), expected);
    // The name of a provider alone is no model of the one that is asked.
    let refused = session.change(model("openai/")).await.unwrap_err().message;
    assert!(refused.contains("`openai/` names no model: write `openai/MODEL`"), "{refused}");
    // A session that goes on does so under the last of them.
    session.resumed(&place).await.turn(&[]).await;
    assert_eq!(asked(&place).pop().unwrap(), "back high ");
    let epochs = epochs(&place);
    assert_eq!(epochs.iter().filter(|epoch| epoch["midway"] == true).count(), 5, "{epochs:?}");
}

#[tokio::test]
async fn what_a_turn_starts_with_holds_for_it_and_those_after_it() {
    let place = Place::new(json!([{ "text": "ok" }, run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let change = SettingsChange {
        effort: Some("low".into()),
        sandbox_policy: Some(
            json!({ "type": "workspaceWrite", "writableRoots": [place.workspace], "networkAccess": false }),
        ),
        ..approval(ApprovalPolicy::Untrusted)
    };
    let start = |change| TurnStartParams {
        thread_id: session.thread_id.clone(),
        input: vec![UserInput::Text { text: "go".into() }],
        change,
        ..Default::default()
    };
    session.connection.client.turn_start(start(change.clone())).await.unwrap();
    session.turn_ended().await;
    session.turn(&[no()]).await;
    assert_eq!(asked(&place), ["mock low ", "mock low ", "mock low "]);
    let before = epochs(&place).len();
    // What is in force already changes nothing.
    session.change(change).await.unwrap();
    session
        .change(SettingsChange { model: Some("mock".into()), ..sandbox(SandboxMode::WorkspaceWrite) })
        .await
        .unwrap();
    assert_eq!((before, epochs(&place).len()), (2, 2));
}

#[tokio::test]
async fn what_cannot_be_changes_nothing() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let policy = |policy: Value| SettingsChange { sandbox_policy: Some(policy), ..Default::default() };
    let table = [
        (SettingsChange { model_provider: Some("none".into()), ..model("x") }, "none"),
        (SettingsChange { model_provider: Some("none".into()), ..sandbox(SandboxMode::ReadOnly) }, "none"),
        (policy(json!({ "type": "workspaceWrite", "writableRoots": ["/etc"] })), "\"/etc\" is not writable"),
        (policy(json!({ "type": "readOnly", "networkAccess": true })), "no network"),
        (policy(json!({ "type": "externalSandbox" })), "`type` is"),
    ];
    for (change, expected) in table {
        let error = session.change(change.clone()).await.unwrap_err();
        assert!(error.message.contains(expected), "{change:?}: {error}");
    }
    session.turn(&[]).await;
    assert_eq!(asked(&place), ["mock - "]);
    assert!(last_request(&place).contains("exec_command"));
    assert_eq!(epochs(&place).len(), 1);
}

#[tokio::test]
async fn the_next_command_has_the_walls_that_were_chosen_last() {
    use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};
    let levels = [WorkspaceWrite, DangerFullAccess, ReadOnly, WorkspaceWrite];
    let steps = (0..levels.len()).flat_map(|n| [run(&format!("touch in{n} ../out{n}")), json!({ "text": "ok" })]);
    let place = Place::new(steps.collect());
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let mut told = Vec::new();
    for (number, level) in levels.into_iter().enumerate() {
        session.change(sandbox(level)).await.unwrap();
        session.turn(&[]).await;
        let made = |path: String| place.workspace.join(path).exists();
        told.push((made(format!("in{number}")), made(format!("../out{number}"))));
    }
    assert_eq!(told, [(true, false), (true, true), (false, false), (true, false)]);
    // The model is told of each, and offered what it may use.
    let requests = place.server.requests();
    let says = |request: &Value| request["input"].to_string().matches("<environment>").count();
    let tools = |request: &Value| request["tools"].to_string().contains("apply_patch");
    let seen: Vec<_> = requests.iter().map(|request| (says(&request.body), tools(&request.body))).step_by(2).collect();
    assert_eq!(seen, [(1, true), (2, true), (3, false), (4, true)]);
}

#[tokio::test]
async fn walls_change_between_turns_and_models_from_the_next_one_on() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (question, _) = session.question().await;
    for change in [sandbox(SandboxMode::DangerFullAccess), approval(ApprovalPolicy::Never)] {
        let error = session.change(change).await.unwrap_err();
        assert!(error.message.contains("a turn is running"), "{error}");
    }
    session.change(model("next")).await.unwrap();
    assert_eq!(session.settings().await.model, "next");
    session.answer(question, yes()).await.unwrap();
    session.turn_ended().await;
    session.turn(&[]).await;
    assert_eq!(asked(&place), ["mock - ", "mock - ", "next - "]);
}

#[tokio::test]
async fn commands_that_run_on_keep_their_walls_so_these_do_not_change() {
    let runs_on = json!({ "tool": "exec_command", "arguments": { "cmd": "sleep 1000", "yield_time_ms": 1 } });
    let place = Place::new(json!([runs_on, { "text": "ok" }, run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let error = session.change(sandbox(SandboxMode::ReadOnly)).await.unwrap_err();
    assert!(error.message.contains("commands still run in this thread (1)"), "{error}");
    // Whom to ask is no wall.
    session.change(approval(ApprovalPolicy::Untrusted)).await.unwrap();
    session.turn(&[no()]).await;
    let params = BackgroundTerminalsParams { thread_id: session.thread_id.clone() };
    session.connection.client.terminals_clean(params).await.unwrap();
    session.change(sandbox(SandboxMode::ReadOnly)).await.unwrap();
}

#[tokio::test]
async fn whoever_is_asked_again_is_not_passed_over_by_full_auto() {
    let remove = run("rm -rf gone");
    let place = Place::new(json!([remove, { "text": "ok" }, remove, { "text": "ok" }]));
    let params = ThreadStartParams { full_auto: Some(true), ..Default::default() };
    let mut session = Session::with(&place, params).await;
    session.turn(&[]).await;
    session.change(approval(ApprovalPolicy::OnRequest)).await.unwrap();
    session.turn(&[no()]).await;
}

/// As where a thread is opened: what the project has made stricter since holds.
#[tokio::test]
async fn a_project_that_has_become_stricter_is() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let params = ThreadStartParams { approval_policy: Some(ApprovalPolicy::Never), ..Default::default() };
    let mut session = Session::with(&place, params).await;
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), "sandbox = \"read-only\"\n").unwrap();
    session.change(approval(ApprovalPolicy::OnRequest)).await.unwrap();
    assert_eq!(session.settings().await.sandbox_policy["type"], "readOnly");
    session.turn(&[]).await;
    assert!(!place.workspace.join("made").exists());
}

/// What a command made after its turn is not taken for what was there before.
#[tokio::test]
async fn repositories_of_commands_stay_theirs_when_walls_change() {
    let makes = "cat go > /dev/null; git init -q new; printf '#!/bin/sh\\n' > new/.git/hooks/post-commit";
    let runs_on = json!({ "tool": "exec_command", "arguments": { "cmd": makes, "yield_time_ms": 1 } });
    let place = Place::new(json!([runs_on, { "text": "ok" }]));
    let go = place.unopened_pipe("go");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    fs::write(go, "go").unwrap();
    let ended = |told: &ServerNotification| matches!(told, ServerNotification::ItemCompleted(_)).then_some(());
    session.next(ended).await;
    let hook = place.workspace.join("new/.git/hooks/post-commit");
    assert!(hook.exists());
    session.change(sandbox(SandboxMode::ReadOnly)).await.unwrap();
    assert!(!hook.exists());
}
