//! Plan mode over the wire: it is entered and left, outlives the process, and ends in a plan that is approved.

use codex_protocol::{
    ApprovalPolicy, CollaborationMode, ModeKind, ServerNotification, SettingsChange, ThreadItem, ThreadResumeParams,
    ThreadSettingsUpdateParams, ThreadShellCommandParams, TurnStartParams, UserInput,
};
use serde_json::{Value, json};

use crate::{
    approvals::{last_request, run},
    session::Session,
    support::Place,
};

fn change(mode: ModeKind) -> SettingsChange {
    SettingsChange { collaboration_mode: Some(CollaborationMode::only(mode)), ..SettingsChange::default() }
}

impl Session {
    pub async fn mode(&mut self, mode: ModeKind) {
        let params = ThreadSettingsUpdateParams { thread_id: self.thread_id.clone(), change: change(mode) };
        self.connection.client.thread_settings_update(params).await.unwrap();
        let told = self
            .next(|told| match told {
                ServerNotification::ThreadSettingsUpdated(it) => Some(it.thread_settings.clone()),
                _ => None,
            })
            .await;
        assert_eq!(told.collaboration_mode.mode, mode);
        assert_eq!(told.sandbox_policy["type"], "workspaceWrite", "what holds after it is kept");
    }
}

/// The names of the tools that the model was offered last.
fn offered(place: &Place) -> Vec<String> {
    let body = place.server.requests().pop().unwrap().body;
    body["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_plan_is_proposed_thought_over_after_a_restart_and_carried_out() {
    let place = Place::new(json!([
        run("touch never.txt"),
        { "tool": "propose_plan", "arguments": { "plan": "# First plan" } },
        { "text": "A thought." },
        run("echo made > made.txt"),
        { "text": "done" },
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.mode(ModeKind::Plan).await;
    // Nobody is asked: what is not allowed is refused.
    let seen = session.turn(&[]).await;
    let plans: Vec<&str> = seen.items.iter().filter_map(plan).collect();
    assert_eq!(plans, ["# First plan"], "{:?}", seen.items);
    assert_eq!(place.server.requests().len(), 2, "the turn ends with the plan");
    let tools = offered(&place);
    let has = |name: &str| tools.iter().any(|tool| tool == name);
    assert!(has("propose_plan") && has("exec_command") && has("read_file"), "{tools:?}");
    assert!(!has("apply_patch") && !has("write_stdin"), "{tools:?}");
    let shell =
        ThreadShellCommandParams { thread_id: session.thread_id.clone(), command: "ls".into(), timeout_ms: None };
    let refused = session.connection.client.thread_shell_command(shell).await.unwrap_err();
    assert!(refused.message.contains("plan mode"), "{}", refused.message);

    let thread_id = session.thread_id.clone();
    drop(session);
    let mut session = Session { connection: crate::session::connection(&place), thread_id, view: Default::default() };
    let approval_policy = Some(ApprovalPolicy::OnRequest);
    let params = ThreadResumeParams { thread_id: session.thread_id.clone(), approval_policy, ..Default::default() };
    let opened = session.connection.client.thread_resume(params).await.unwrap();
    assert_eq!((opened.mode, &opened.sandbox["type"]), (ModeKind::Plan, &json!("workspaceWrite")));
    session.turn(&[]).await;
    assert!(offered(&place).contains(&"propose_plan".to_owned()));
    assert!(!place.workspace.join("never.txt").exists());

    let start = TurnStartParams {
        thread_id: session.thread_id.clone(),
        input: vec![UserInput::Text { text: "Carry it out.".into() }],
        change: change(ModeKind::Default),
        approved_plan: Some("# The plan, {changed}".into()),
        ..TurnStartParams::default()
    };
    session.connection.client.turn_start(start).await.unwrap();
    session.turn_ended().await;
    assert_eq!(std::fs::read_to_string(place.workspace.join("made.txt")).unwrap(), "made\n");
    let request = last_request(&place);
    for said in ["<approved_plan>", "# The plan, {changed}", "Plan mode is over", "Carry it out."] {
        assert!(request.contains(said), "{said} is missing: {request}");
    }
    let journal = place.journals().concat();
    let epochs = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let modes: Vec<Value> =
        epochs.filter(|line| line["type"] == "epoch").map(|epoch| json!([epoch["mode"], epoch["sandbox"]])).collect();
    let level = "workspace-write";
    assert_eq!(json!(modes), json!([[null, level], ["plan", level], ["plan", level], [null, level]]));
}

fn plan(item: &ThreadItem) -> Option<&str> {
    match item {
        ThreadItem::Plan { text, .. } => Some(text),
        _ => None,
    }
}
