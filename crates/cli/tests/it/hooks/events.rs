//! Each event once, and what its hooks read, field by field.

use std::{collections::BTreeMap, fs};

use codex_protocol::{
    ApprovalPolicy, HookEventName, HookRunStatus, HooksListParams, ServerMessage, ServerNotification,
    ThreadCompactStartParams, ThreadUnsubscribeParams,
};
use serde_json::{Value, json};

use super::{hook, hooked};
use crate::{
    approvals::run,
    session::{Session, yes},
    support::Place,
};

const EVENTS: [&str; 10] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "Notification",
    "PostToolUse",
    "Stop",
    "SubagentStop",
    "PreCompact",
    "SessionEnd",
];

/// Hooks that keep what they read, each in a file of its own: named by its event, and what it is about.
fn keeping() -> String {
    let keep = |event: &&str| {
        let line = format!("cat > \"$(mktemp \"$CODEX_PROJECT_DIR/seen-{event}-XXXXXX\")\"");
        hook(event, "", &line)
    };
    EVENTS.iter().map(keep).collect()
}

/// What was kept, by event.
fn seen(place: &Place) -> BTreeMap<String, Vec<Value>> {
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in fs::read_dir(&place.workspace).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(event) = name.strip_prefix("seen-").and_then(|rest| rest.split('-').next()) {
            let read = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            seen.entry(event.to_owned()).or_default().push(read);
        }
    }
    seen
}

#[tokio::test]
async fn each_event_is_told_once_with_its_fields() {
    let script = json!([run("touch made"), { "text": "all done" }, { "text": "a summary" }]);
    let place = hooked(script, &keeping());
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (question, _) = session.question().await;
    // Nobody waits for this one.
    let is_done = |told: &ServerNotification| match told {
        ServerNotification::HookCompleted(it) => (it.run.event_name == HookEventName::Notification).then_some(()),
        _ => None,
    };
    session.next(is_done).await;
    session.answer(question, yes()).await.unwrap();
    session.rest_of_turn(&[]).await;
    let thread_id = session.thread_id.clone();
    let params = ThreadCompactStartParams { thread_id: thread_id.clone(), focus: Some("the plot".into()) };
    session.connection.client.thread_compact_start(params).await.unwrap();
    session.rest_of_turn(&[]).await;
    let params = ThreadUnsubscribeParams { thread_id: thread_id.clone() };
    session.connection.client.thread_unsubscribe(params).await.unwrap();
    let seen = seen(&place);
    let transcript = seen["Stop"][0]["transcript_path"].as_str().unwrap();
    assert!(fs::read_to_string(transcript).unwrap().contains(&thread_id));
    let cwd = place.workspace.to_str().unwrap();
    let call = seen["PreToolUse"][0]["tool_use_id"].clone();
    assert!(call.is_string());
    let of_call = json!({
        "tool_name": "Bash", "tool_input": { "command": "touch made" }, "tool_use_id": call, "codex_tool_name": "exec_command",
    });
    let with = |more: Value| {
        let mut all = of_call.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let reason = seen["PermissionRequest"][0]["reason"].clone();
    let response = json!({
        "stdout": "", "stderr": "", "exit_code": 0, "interrupted": false, "isImage": false, "success": true,
    });
    let message = format!("Codex needs your permission to use Bash: {}", reason.as_str().unwrap());
    let expected = [
        ("SessionStart", Some("turn_0"), json!({ "source": "startup" })),
        ("UserPromptSubmit", Some("turn_0"), json!({ "prompt": "go" })),
        ("PreToolUse", Some("turn_0"), of_call.clone()),
        ("PermissionRequest", Some("turn_0"), with(json!({ "reason": reason }))),
        (
            "Notification",
            Some("turn_0"),
            json!({ "message": message, "title": "Permission needed", "notification_type": "permission_prompt" }),
        ),
        ("PostToolUse", Some("turn_0"), with(json!({ "tool_response": response }))),
        (
            "Stop",
            Some("turn_0"),
            json!({ "stop_hook_active": false, "last_assistant_message": "all done", "agent_id": null, "agent_type": null }),
        ),
        ("PreCompact", Some("turn_1"), json!({ "trigger": "manual", "custom_instructions": "the plot" })),
        ("SessionEnd", None, json!({ "reason": "other" })),
    ];
    for (event, turn, own) in expected {
        let mut all = json!({
            "session_id": thread_id, "transcript_path": transcript, "cwd": cwd, "permission_mode": "default",
            "model": "mock", "hook_event_name": event,
        });
        let fields = all.as_object_mut().unwrap();
        fields.extend(turn.map(|turn| ("turn_id".to_owned(), turn.into())));
        fields.extend(own.as_object().unwrap().clone());
        let read = seen.get(event).unwrap_or_else(|| panic!("{event} was not told: {seen:?}"));
        // After the summary the session starts again.
        let of_turn: Vec<&Value> = read.iter().filter(|read| read["source"] != "compact").collect();
        assert_eq!(of_turn, [&all], "{event}");
    }
    assert_eq!(seen["SessionStart"].len(), 2, "{:?}", seen["SessionStart"]);
    assert!(!seen.contains_key("SubagentStop"));
}

#[test]
fn a_sub_agents_calls_are_guarded_and_its_end_is_told() {
    let spawn = json!({ "tool": "spawn_agent", "arguments": { "task": "make it" } });
    let script = json!({
        "steps": [spawn, { "tool": "wait_agent", "arguments": {} }, { "text": "ok" }],
        "sessions": { "make it": [run("touch made"), { "text": "I could not" }] },
    });
    let guard = hook("PreToolUse", "Bash", "echo 'not even for others' >&2; exit 2");
    let place = hooked(script, &format!("{guard}{}", keeping()));
    place.codex(&["exec", "go"]).output().unwrap();
    let seen = seen(&place);
    assert!(!place.workspace.join("made").exists());
    let calls: Vec<_> = seen["PreToolUse"].iter().map(|read| read["tool_name"].as_str().unwrap()).collect();
    assert!(calls.contains(&"Bash") && calls.contains(&"Task"), "{calls:?}");
    let [end] = &seen["SubagentStop"][..] else { panic!("{seen:?}") };
    assert_eq!((&end["last_assistant_message"], &end["agent_id"]), (&json!("I could not"), &end["session_id"]));
    assert_eq!(end["agent_type"], "agent");
    // The session is left when exec ends, by the parent alone.
    let [left] = &seen["SessionEnd"][..] else { panic!("{seen:?}") };
    assert_eq!((&left["reason"], &left["session_id"]), (&json!("other"), &seen["Stop"][0]["session_id"]));
    // What its parent says to it is no prompt of the user's.
    assert_eq!((seen["UserPromptSubmit"].len(), seen["SessionStart"].len(), seen["Stop"].len()), (1, 1, 1));
}

#[tokio::test]
async fn runs_are_told_and_hooks_are_listed() {
    let script = json!([{ "text": "ok" }]);
    let settings =
        "[[hooks.UserPromptSubmit]]\nhooks = [{ command = \"true\", statusMessage = \"looks at it\", timeout = 7 }]\n";
    let place = hooked(script, settings);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let mut runs = Vec::new();
    loop {
        let ServerMessage::Event(event) = session.message().await else { continue };
        match event.notification {
            ServerNotification::HookStarted(hook) | ServerNotification::HookCompleted(hook) => runs.push(hook),
            ServerNotification::TurnCompleted(_) => break,
            _ => {}
        }
    }
    let statuses: Vec<_> = runs.iter().map(|hook| hook.run.status).collect();
    assert_eq!(statuses, [HookRunStatus::Running, HookRunStatus::Completed]);
    assert_eq!((runs[0].turn_id.as_deref(), runs[0].run.event_name), (Some("turn_0"), HookEventName::UserPromptSubmit));
    assert_eq!(runs[0].run.status_message.as_deref(), Some("looks at it"));
    assert_eq!(runs[0].run.id, runs[1].run.id);
    let config = place.home.join("config.toml").display().to_string();
    assert_eq!(runs[0].run.source_path, config);
    for params in [
        HooksListParams { thread_id: Some(session.thread_id.clone()), ..HooksListParams::default() },
        HooksListParams { cwds: vec![place.workspace.display().to_string()], thread_id: None },
    ] {
        let mut listed = session.connection.client.hooks_list(params).await.unwrap().data;
        let entry = listed.remove(0);
        assert_eq!((entry.cwd.as_str(), listed.len()), (place.workspace.to_str().unwrap(), 0));
        let hook = &entry.hooks[0];
        assert_eq!((hook.command.as_str(), hook.timeout_sec, hook.source_path.as_str()), ("true", 7, config.as_str()));
        assert!(hook.enabled && hook.sandbox && entry.warnings.is_empty() && entry.errors.is_empty());
    }
}

#[tokio::test]
async fn after_a_turn_it_is_told_that_the_user_is_waited_for() {
    let hooks = hook("Notification", "idle_prompt", "cat > \"$(mktemp \"$CODEX_PROJECT_DIR/idle-XXXXXX\")\"");
    let place = hooked(json!([{ "text": "one" }, { "text": "two" }]), &format!("{hooks}[hooks]\nidle_ms = 0\n"));
    let idle = |place: &Place| {
        let entries = fs::read_dir(&place.workspace).unwrap().map(|entry| entry.unwrap().path());
        let of_hook = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("idle-");
        entries.filter(of_hook).map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>()
    };
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    for turns in [1, 2] {
        session.say("go").await;
        session.turn_ended().await;
        let is_done = |told: &ServerNotification| matches!(told, ServerNotification::HookCompleted(_)).then_some(());
        session.next(is_done).await;
        assert_eq!(idle(&place).len(), turns);
    }
    let read: Value = serde_json::from_str(&idle(&place)[0]).unwrap();
    assert_eq!(
        (&read["notification_type"], &read["message"]),
        (&json!("idle_prompt"), &json!("Codex is waiting for your input"))
    );
    // Where something is said sooner, and at the end of `exec`, nobody is waited for.
    let config = fs::read_to_string(place.home.join("config.toml")).unwrap();
    fs::write(place.home.join("config.toml"), config.replace("idle_ms = 0", "idle_ms = 60000")).unwrap();
    assert!(place.codex(&["exec", "go"]).output().unwrap().status.success());
    assert_eq!(idle(&place).len(), 2);
}
