//! Own commands, used over the protocol and with `codex exec`: what the model reads, and what only a trusted project may have.

use std::{fs, path::Path};

use codex_protocol::{
    ApprovalPolicy, CommandListParams, RpcError, ThreadItem, ThreadStartParams, TurnStartParams, UserInput,
};
use serde_json::json;

use crate::{approvals::last_request, session::Session, support::Place};

fn write(base: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

async fn use_command(session: &Session, name: &str, arguments: &str) -> Result<(), RpcError> {
    let input = vec![UserInput::Command { name: name.into(), arguments: arguments.into() }];
    let start = TurnStartParams { thread_id: session.thread_id.clone(), input, ..TurnStartParams::default() };
    session.connection.client.turn_start(start).await.map(drop)
}

/// What the user said last, as the model reads it.
fn read(place: &Place) -> String {
    let request: serde_json::Value = serde_json::from_str(&last_request(place)).unwrap();
    let said = request["input"].as_array().unwrap().iter().rev().find(|message| message["role"] == "user").unwrap();
    said["content"].as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect()
}

#[tokio::test]
async fn a_command_says_what_its_file_says() {
    let place = Place::new(json!([{ "text": "ok" }]));
    write(
        &place.workspace,
        &[
            (
                ".codex/commands/fix.md",
                "---\ndescription: Fix an issue\nargument-hint: [issue]\n---\nFix $1 in @src/a.txt; mail @you.",
            ),
            (".codex/commands/broken.md", "---\ndescription: x"),
            ("src/a.txt", "what is in it\n"),
        ],
    );
    write(&place.home, &[("commands/mine.md", "Do mine")]);
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let list = CommandListParams { thread_id: session.thread_id.clone(), no_wait: false };
    let found = session.connection.client.command_list(list).await.unwrap();
    let names: Vec<String> =
        found.data.iter().map(|it| format!("{} {} {}", it.name, it.source, it.description)).collect();
    assert_eq!(names, ["fix project Fix an issue", "mine user Do mine"]);
    assert!(found.warnings.len() == 1 && found.warnings[0].contains("broken.md: line 1"), "{:?}", found.warnings);

    use_command(&session, "fix", "'number 7' $1 !`touch made`").await.unwrap();
    session.turn_ended().await;
    assert_eq!(read(&place), "Fix number 7 in `src/a.txt`; mail @you.\n\nWhat is in `src/a.txt`:\n\nwhat is in it");
    assert!(!place.workspace.join("made").exists());
    // What was typed is what is shown.
    let items: Vec<&ThreadItem> = session.view.items.iter().collect();
    let [ThreadItem::UserMessage { content, .. }, ..] = items[..] else { panic!("{items:?}") };
    assert_eq!(content[0].typed().unwrap(), "/fix 'number 7' $1 !`touch made`");
    let error = use_command(&session, "none", "").await.unwrap_err();
    assert!(error.message.contains("no command `/none`"), "{}", error.message);
}

#[tokio::test]
async fn commands_in_it_run_as_those_that_the_user_types() {
    let place = Place::new(json!([{ "text": "ok" }]));
    write(&place.home, &[("commands/look.md", "Now: !`echo one; pwd` and !`false`.\n!`touch ../outside`")]);
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    use_command(&session, "look", "").await.unwrap();
    session.turn_ended().await;
    let said = read(&place);
    assert!(said.starts_with(&format!("Now: one\n{} and ", place.workspace.display())), "{said}");
    assert!(said.contains("Exit code: 1"), "{said}");
    assert!(!place.workspace.parent().unwrap().join("outside").exists());
    let kinds: Vec<&str> = session
        .view
        .items
        .iter()
        .map(|item| match item {
            ThreadItem::UserMessage { .. } => "said",
            ThreadItem::CommandExecution { command, .. } => command,
            ThreadItem::AgentMessage { .. } => "answered",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["said", "echo one; pwd", "false", "touch ../outside", "answered"]);
}

#[tokio::test]
async fn what_an_untrusted_project_wants_run_is_held_back() {
    for trusted in [false, true] {
        let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
        write(
            &place.workspace,
            &[(".git/HEAD", ""), (".codex/commands/go.md", "---\nmodel: other\n---\nSee !`echo ran; touch made`")],
        );
        let params = ThreadStartParams {
            trust_project: Some(trusted),
            approval_policy: Some(ApprovalPolicy::Never),
            ..ThreadStartParams::default()
        };
        let mut session = Session::with(&place, params).await;
        use_command(&session, "go", "").await.unwrap();
        session.turn_ended().await;
        let said = read(&place);
        assert_eq!(place.workspace.join("made").exists(), trusted);
        let asked = |place: &Place| -> String {
            let request: serde_json::Value = serde_json::from_str(&last_request(place)).unwrap();
            request["model"].as_str().unwrap().to_owned()
        };
        if !trusted {
            assert!(said.contains("was not run: this project is not trusted"), "{said}");
            assert_ne!(asked(&place), "other");
            continue;
        }
        assert_eq!((said.as_str(), asked(&place).as_str()), ("See ran", "other"));
        // The model was for that turn.
        session.turn(&[]).await;
        assert_ne!(asked(&place), "other");
        // Trusted is what it was.
        write(&place.workspace, &[(".codex/commands/go.md", "See !`touch later`")]);
        use_command(&session, "go", "").await.unwrap();
        session.turn_ended().await;
        assert!(!place.workspace.join("later").exists());
    }
}

#[tokio::test]
async fn a_command_may_have_its_turn_plan() {
    let place = Place::new(json!([{ "text": "ok" }]));
    write(&place.home, &[("commands/think.md", "---\nmode: plan\n---\nThink about $ARGUMENTS")]);
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    use_command(&session, "think", "it").await.unwrap();
    session.turn_ended().await;
    assert!(last_request(&place).contains("propose_plan"));
}

#[tokio::test]
async fn an_untrusted_project_neither_leaves_plan_mode_nor_takes_the_place_of_the_users_command() {
    for trusted in [false, true] {
        let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
        write(
            &place.workspace,
            &[
                (".git/HEAD", ""),
                (".codex/commands/out.md", "---\nmode: default\n---\nOut"),
                (".codex/commands/plan.d.md", "---\nmode: plan\n---\nIn"),
                (".codex/commands/fix.md", "Theirs"),
            ],
        );
        write(&place.home, &[("commands/fix.md", "Mine")]);
        let params = ThreadStartParams {
            trust_project: Some(trusted),
            approval_policy: Some(ApprovalPolicy::Never),
            ..ThreadStartParams::default()
        };
        let mut session = Session::with(&place, params).await;
        use_command(&session, "plan.d", "").await.unwrap();
        session.turn_ended().await;
        assert!(last_request(&place).contains("propose_plan"));
        let input = ["out", "fix"].map(|name| UserInput::Command { name: name.into(), arguments: String::new() });
        let input = input.to_vec();
        let start = TurnStartParams { thread_id: session.thread_id.clone(), input, ..TurnStartParams::default() };
        session.connection.client.turn_start(start).await.unwrap();
        session.turn_ended().await;
        // What was said in plan mode names the tool as well.
        let tools = place.server.requests().last().unwrap().body["tools"].to_string();
        assert_eq!(tools.contains("\"propose_plan\""), !trusted, "{tools}");
        let said = read(&place);
        assert!(said.contains(if trusted { "Theirs" } else { "Mine" }), "{trusted}: {said}");
    }
}

#[test]
fn exec_uses_a_command_and_leaves_other_text_alone() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    write(&place.workspace, &[(".claude/commands/git/say.md", "Say $ARGUMENTS!")]);
    for (prompt, expected) in [("/git:say hello you", "Say hello you!"), ("/nothing at all", "/nothing at all")] {
        let output = place.codex(&["exec", prompt]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(read(&place), expected);
    }
}
