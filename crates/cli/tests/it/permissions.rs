//! What a client shows of a thread's permissions: what holds now, and what was decided by which rule.

use std::fs;

use codex_protocol::{
    ApprovalDecision, ApprovalPolicy, Empty, NetworkReach, PermissionsForgetParams, PermissionsReadParams, RpcError,
    SandboxMode, SettingsChange, ThreadPermissions, ThreadSettingsUpdateParams, ThreadStartParams,
};
use serde_json::json;

use crate::{
    approvals::{last_request, run},
    session::{Session, answer, no, yes},
    support::Place,
};

impl Session {
    async fn permissions(&self) -> ThreadPermissions {
        let params = PermissionsReadParams { thread_id: self.thread_id.clone() };
        self.connection.client.permissions_read(params).await.unwrap()
    }

    async fn forget(&self, rule: &str) -> Result<Empty, RpcError> {
        let params = PermissionsForgetParams { thread_id: self.thread_id.clone(), rule: rule.into() };
        self.connection.client.permissions_forget(params).await
    }
}

fn always(words: &[&str]) -> ApprovalDecision {
    let execpolicy_amendment = words.iter().map(|word| (*word).to_owned()).collect();
    ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment }
}

/// The rules that are not built in.
fn rules(permissions: &ThreadPermissions) -> Vec<String> {
    let written = permissions.rules.iter().filter(|listed| listed.rule.origin != "built-in");
    written.map(|listed| format!("{} {} {}", listed.rule.kind, listed.rule.text, listed.remembered)).collect()
}

/// The decisions, the oldest first, a line each.
fn decisions(permissions: &ThreadPermissions) -> Vec<String> {
    let line = |decision: &codex_protocol::PermissionDecision| {
        assert!(decision.at_ms > 0 && !decision.reason.is_empty(), "{decision:?}");
        let how = if decision.allowed { "runs" } else { "does not" };
        let answer = decision.answer.iter().zip(&decision.by).map(|(answer, by)| format!(", {answer} by {by}"));
        let rule = decision.rule.iter().map(|rule| format!(" [{} {}]", rule.kind, rule.text));
        format!("{}: {how}{}", decision.action, answer.chain(rule).collect::<String>())
    };
    permissions.decisions.iter().rev().map(line).collect()
}

#[tokio::test]
async fn what_was_decided_is_shown_with_the_rule_and_the_answer() {
    let commands = ["ls", "touch a", "touch a", "mkdir b", "rm -rf b", "dd if=/dev/null of=c", "touch always"];
    let steps = commands.iter().map(|command| run(command)).chain([json!({ "text": "ok" })]);
    let place = Place::new(steps.collect());
    let file = place.home.join("config.toml");
    let saved = fs::read_to_string(&file).unwrap() + "[permissions]\nallow = [\"mkdir\"]\ndeny = [\"dd\"]\n";
    fs::write(&file, saved).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let answers = [answer(ApprovalDecision::AcceptForSession), no(), answer(always(&["touch", "always"]))];
    session.turn(&answers).await;
    let permissions = session.permissions().await;
    let expected = [
        "ls: runs [allow ls]",
        "touch a: runs, acceptForSession by user",
        "touch a: runs, accept by session",
        "mkdir b: runs [allow mkdir]",
        "rm -rf b: does not, decline by user [ask destructive-commands]",
        "dd if=/dev/null of=c: does not [deny dd]",
        "touch always: runs, acceptAlways by user",
    ];
    assert_eq!(decisions(&permissions), expected);
    assert_eq!(permissions.granted, ["touch a"]);
    assert_eq!(rules(&permissions), ["deny dd false", "allow mkdir true", "allow =touch always true"]);
    let built_in = |rule: &&codex_protocol::PermissionRule| rule.rule.text == "destructive-commands";
    assert_eq!(permissions.rules.iter().find(built_in).unwrap().rule.origin, "built-in");
}

#[tokio::test]
async fn what_holds_is_shown_as_it_is_while_a_turn_runs_too() {
    let place = Place::new(json!([run("touch a"), { "text": "ok" }]));
    let added = place.home.with_file_name("added");
    fs::create_dir(&added).unwrap();
    let flag = codex_protocol::TypedFlag { typed: "--add-dir".into(), key: "add_dir".into(), value: json!([added]) };
    let domains = [("sandbox.allow_domains".to_owned(), json!(["example.org"]))].into_iter().collect();
    let params = ThreadStartParams {
        approval_policy: Some(ApprovalPolicy::Untrusted),
        flags: vec![flag],
        config: Some(domains),
        ..Default::default()
    };
    let mut session = Session::with(&place, params).await;
    session.say("go").await;
    let (question, _) = session.question().await;
    let found = session.permissions().await;
    assert_eq!((found.sandbox, found.approval_policy), (SandboxMode::WorkspaceWrite, ApprovalPolicy::Untrusted));
    assert_eq!(found.writable, [&place.workspace, &added].map(|path| path.to_str().unwrap()));
    assert!(found.temp.is_some_and(|temp| temp.starts_with(place.home.to_str().unwrap())));
    assert_eq!(found.network, NetworkReach::Domains { domains: vec!["example.org".into()] });
    assert!(!found.held_by.is_empty() && !found.full_auto);
    session.answer(question, yes()).await.unwrap();
    session.turn_ended().await;
    let change = SettingsChange { sandbox: Some(SandboxMode::ReadOnly), ..Default::default() };
    let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
    session.connection.client.thread_settings_update(params).await.unwrap();
    let found = session.permissions().await;
    assert_eq!((found.sandbox, found.network), (SandboxMode::ReadOnly, NetworkReach::Off));
    assert_eq!(found.writable, [""; 0]);
}

#[tokio::test]
async fn a_remembered_rule_is_forgotten_here_and_on_disk() {
    let place = Place::new(json!([
        run("touch a"), run("touch a"), { "text": "ok" }, run("touch a"), { "text": "ok" },
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (question, _) = session.question().await;
    session.answer(question, answer(always(&["touch"]))).await.unwrap();
    session.turn_ended().await;
    assert_eq!(rules(&session.permissions().await), ["allow touch true"]);
    assert!(session.forget("mkdir").await.unwrap_err().message.contains("`mkdir` is not remembered"));
    session.forget("touch").await.unwrap();
    assert_eq!(rules(&session.permissions().await), [""; 0]);
    assert!(!fs::read_to_string(place.home.join("config.toml")).unwrap().contains("touch"));
    // While a turn runs it would hold on.
    session.say("go").await;
    let (question, _) = session.question().await;
    assert!(session.forget("touch").await.unwrap_err().message.contains("a turn is running"));
    session.answer(question, no()).await.unwrap();
    session.turn_ended().await;
    assert!(last_request(&place).contains("declined"));
}
