//! Skills: offered in few words, read when they are needed, named with `$`, in force after a summary.

use std::{fs, path::Path};

use codex_protocol::{ApprovalPolicy, SkillScope, SkillsConfigWriteParams, SkillsListParams, TurnStatus};
use serde_json::{Value, json};

use crate::{session::Session, support::Place};

fn skill(base: &Path, name: &str, body: &str) {
    let directory = base.join("skills").join(name);
    fs::create_dir_all(&directory).unwrap();
    let text = format!("---\ndescription: Use it for {name}\n---\n{body}\n");
    fs::write(directory.join("SKILL.md"), text).unwrap();
}

fn requests(place: &Place) -> Vec<String> {
    place.server.requests().iter().map(|request| request.body.to_string()).collect()
}

fn call(name: &str) -> Value {
    json!({ "calls": [{ "tool": "skill", "arguments": { "name": name } }] })
}

#[tokio::test]
async fn the_model_is_told_of_them_and_reads_one() {
    let place = Place::new(json!([call("deploy"), call("none"), { "text": "ok" }]));
    skill(&place.workspace.join(".codex"), "deploy", "Press the big button.");
    skill(&place.home, "mine", "Mine.");
    fs::write(place.workspace.join(".codex/skills/deploy/run.sh"), "").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let seen = session.turn(&[]).await;
    assert_eq!(seen.turn.status, TurnStatus::Completed);
    let asked = requests(&place);
    assert!(
        asked[0].contains("- deploy: Use it for deploy") && asked[0].contains("- mine: Use it for mine"),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("\"name\":\"skill\"") && !asked[0].contains("big button"), "{}", asked[0]);
    assert!(asked[1].contains("Press the big button.") && asked[1].contains("Its files: run.sh"), "{}", asked[1]);
    assert!(asked[2].contains("there is no skill `none`"), "{}", asked[2]);
}

/// The user's lie below `/var/tmp` here, of which commands see their own.
#[test]
fn scripts_of_the_users_are_run_wherever_they_lie() {
    let run = json!({ "tool": "exec_command", "arguments": { "cmd": "sh ~/skills/mine/run.sh" } });
    let place = Place::new(json!([run, { "text": "ok" }]));
    skill(&place.home, "mine", "Mine.");
    let script = place.home.join("skills/mine/run.sh");
    fs::write(&script, "echo ran-$((40 + 2)); echo x > \"$0.written\"\n").unwrap();
    let output = place.codex(&["exec", "--full-auto", "go"]).output().unwrap();
    let asked = requests(&place);
    assert!(asked[1].contains("ran-42"), "{} {}", asked[1], String::from_utf8_lossy(&output.stderr));
    assert!(!script.with_file_name("run.sh.written").exists());
}

#[tokio::test]
async fn where_there_are_none_nothing_is_said_of_them() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    assert!(!requests(&place)[0].contains("skill"), "{}", requests(&place)[0]);
}

#[tokio::test]
async fn one_that_is_named_is_read_at_once_and_in_force_after_a_summary() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "what was" }, { "text": "ok" }]));
    skill(&place.workspace.join(".claude"), "deploy", "Press the big button.");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.say("please $deploy, for $5").await;
    session.turn_ended().await;
    let asked = requests(&place);
    assert!(asked[0].contains("please $deploy, for $5") && asked[0].contains("Press the big button."), "{}", asked[0]);
    let thread_id = session.thread_id.clone();
    let compact = codex_protocol::ThreadCompactStartParams { thread_id, ..Default::default() };
    session.connection.client.thread_compact_start(compact).await.unwrap();
    session.turn_ended().await;
    session.turn(&[]).await;
    let last = requests(&place).pop().unwrap();
    assert!(last.contains("<skills_read>\\ndeploy: read it again"), "{last}");
    assert!(last.contains("- deploy: Use it for deploy"), "{last}");
}

#[tokio::test]
async fn one_is_taken_out_of_use_and_back_into_it() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    skill(&place.workspace.join(".agents"), "deploy", "x");
    skill(&place.home, "mine", "x");
    let session = Session::start(&place, ApprovalPolicy::Never).await;
    let client = &session.connection.client;
    let cwds = vec![place.workspace.display().to_string()];
    let list = SkillsListParams { cwds, ..SkillsListParams::default() };
    for enabled in [false, true] {
        let write = SkillsConfigWriteParams { enabled, name: Some("deploy".into()), path: None };
        assert_eq!(client.skills_config_write(write).await.unwrap().effective_enabled, enabled);
        let found = client.skills_list(list.clone()).await.unwrap().data.remove(0);
        let shown: Vec<_> = found.skills.iter().map(|it| (it.name.as_str(), it.scope, it.enabled)).collect();
        assert_eq!(shown, [("deploy", SkillScope::Repo, enabled), ("mine", SkillScope::User, true)]);
    }
}
