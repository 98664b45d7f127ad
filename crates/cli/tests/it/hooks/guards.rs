//! Where a hook guards, whatever does not go as it should refuses; where it looks on, it does not.

use codex_protocol::{ApprovalPolicy, HookRunStatus, ModeKind, ServerNotification};
use serde_json::{Value, json};

use super::{answered, exec, hook, hooked, says};
use crate::{
    approvals::{patch, run},
    session::{Session, command, no, yes},
    support::Place,
};

fn touch(settings: &str) -> Place {
    hooked(json!([run("touch made"), { "text": "ok" }]), settings)
}

fn made(place: &Place) -> bool {
    place.workspace.join("made").exists()
}

/// What a guard does, and whether the call runs.
#[test]
fn a_guard_that_fails_is_closed() {
    let group = |handler: &str| format!("[[hooks.PreToolUse]]\nhooks = [{{ {handler} }}]\n");
    let table = [
        ("command = \"exit 0\"", true, ""),
        ("command = \"exit 1\"", true, "failed: it ended with status 1"),
        ("command = \"exit 1\", fail = \"closed\"", false, "failed: it ended with status 1"),
        ("command = \"exit 2\"", false, "gave no reason"),
        ("command = \"sleep 1000\", timeout = 0.2", false, "it took too long"),
        ("command = \"/no/such/program\"", false, "status 127"),
        ("command = \"/dev/null\"", false, "status 126"),
        ("command = \"kill -9 $$\"", false, "signal 9"),
        ("command = \"head -c 300000 /dev/zero | tr '\\\\0' '{'\"", false, "more than 64 KiB"),
        ("command = \"head -c 300000 /dev/zero | tr '\\\\0' 'x'\"", true, ""),
        ("command = \"printf '{\\\"decision\\\": \\\"perhaps\\\"}'\"", false, "means nothing here"),
    ];
    for (handler, runs, said) in table {
        let place = touch(&group(handler));
        let (stderr, _) = exec(&place, &[]);
        assert_eq!(made(&place), runs, "{handler}: {stderr}");
        assert!(stderr.contains(said), "{handler}: {stderr}");
        assert_eq!(answered(&place).contains("a hook does not let it run"), !runs, "{handler}");
    }
}

#[test]
fn one_that_looks_on_is_open() {
    for event in ["SessionStart", "PostToolUse", "Stop"] {
        let settings = format!("[[hooks.{event}]]\nhooks = [{{ command = \"sleep 1000\", timeout = 0.2 }}]\n");
        let place = touch(&settings);
        let (stderr, status) = exec(&place, &[]);
        assert!(made(&place) && status == Some(0), "{event}: {stderr}");
        assert!(stderr.contains("it took too long"), "{event}: {stderr}");
    }
}

#[test]
fn hooks_run_inside_the_walls_unless_they_are_the_users_and_say_so() {
    let outside = |sandbox: &str| {
        let handler = format!("command = \"touch ../outside\"{sandbox}");
        let place = touch(&format!("[[hooks.PreToolUse]]\nhooks = [{{ {handler} }}]\n"));
        exec(&place, &[]);
        place.workspace.join("../outside").exists()
    };
    assert!(!outside("") && !outside(", sandbox = true") && outside(", sandbox = false"));
}

#[test]
fn edits_are_asked_about_file_by_file() {
    let line = r#"grep -q '"file_path":"[^"]*/.env"' && { echo 'not that file' >&2; exit 2; }; exit 0"#;
    let edit = patch("*** Add File: a\n+x\n*** Add File: sub/.env\n+y\n");
    for matcher in ["Edit|Write", "apply_patch", "Write", ""] {
        let place = hooked(json!([edit, { "text": "ok" }]), &hook("PreToolUse", matcher, line));
        let (stderr, _) = exec(&place, &[]);
        assert!(!place.workspace.join("a").exists() && stderr.contains("not that file"), "{matcher}: {stderr}");
    }
    let place = hooked(json!([edit, { "text": "ok" }]), &hook("PreToolUse", "Bash", line));
    exec(&place, &[]);
    assert!(place.workspace.join("a").exists());
}

/// In plan mode too, where nothing is written and much is read.
#[tokio::test]
async fn plans_are_guarded() {
    let read = json!({ "tool": "read_file", "arguments": { "path": "own" } });
    let script = json!([read, run("cat own"), { "text": "ok" }]);
    let line = r#"grep -q '"permission_mode":"plan"' && { echo 'not in a plan' >&2; exit 2; }; exit 0"#;
    for (mode, is_seen) in [(ModeKind::Plan, false), (ModeKind::Default, true)] {
        let place = hooked(script.clone(), &hook("PreToolUse", "Read|Bash", line));
        std::fs::write(place.workspace.join("own"), "s3cret\n").unwrap();
        let mut session = Session::start(&place, ApprovalPolicy::Never).await;
        if mode == ModeKind::Plan {
            session.mode(mode).await;
        }
        session.turn(&[]).await;
        let sent = place.server.requests().pop().unwrap().body.to_string();
        assert_eq!(sent.contains("s3cret"), is_seen, "{mode:?}: {sent}");
        assert_eq!(sent.matches("not in a plan").count(), if is_seen { 0 } else { 2 }, "{sent}");
    }
}

fn decision(word: &str) -> String {
    says(&json!({ "hookSpecificOutput": { "permissionDecision": word, "permissionDecisionReason": "because" } }))
}

#[tokio::test]
async fn a_hook_answers_in_a_persons_place_inside_the_walls_only() {
    let allow = hook("PreToolUse", "Bash", &decision("allow"));
    let mut session = Session::start(&touch(&allow), ApprovalPolicy::Untrusted).await;
    session.turn(&[]).await;
    // A rule that asks, and leaving the walls, are for a person.
    let rule = format!("[permissions]\nask = [\"touch\"]\n{allow}");
    let place = touch(&rule);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.turn(&[no()]).await;
    assert!(!made(&place));
    let arguments = json!({ "cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "x" });
    let leaves = json!([{ "tool": "exec_command", "arguments": arguments }, { "text": "ok" }]);
    let place = hooked(leaves, &allow);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[no()]).await;
    assert!(!made(&place));
    // Of several, the strictest counts.
    let both = format!("{allow}{}", hook("PreToolUse", "", &decision("ask")));
    let place = touch(&both);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes()]).await;
    let reason = command(&seen.asked[0]).reason.clone().unwrap();
    assert!(reason.contains("a hook wants you to be asked: because"), "{reason}");
    assert!(made(&place));
}

#[tokio::test]
async fn a_question_is_answered_before_it_is_put() {
    let answers = |value: Value| {
        let output = json!({ "hookSpecificOutput": { "hookEventName": "PermissionRequest", "decision": value } });
        touch(&hook("PermissionRequest", "Bash", &says(&output)))
    };
    let place = answers(json!({ "behavior": "allow" }));
    Session::start(&place, ApprovalPolicy::Untrusted).await.turn(&[]).await;
    assert!(made(&place));
    let place = answers(json!({ "behavior": "deny", "message": "not today" }));
    Session::start(&place, ApprovalPolicy::Untrusted).await.turn(&[]).await;
    assert!(!made(&place) && answered(&place).contains("not today"), "{}", answered(&place));
}

#[tokio::test]
async fn what_is_said_meanwhile_is_guarded_too() {
    let line = r#"grep -q '"prompt":"secret"' && { echo 'no secrets' >&2; exit 2; }; exit 0"#;
    let place = touch(&hook("UserPromptSubmit", "", line));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (question, _) = session.question().await;
    let error = session.steer("turn_0", "secret").await.unwrap_err().message;
    assert!(error.contains("no secrets"), "{error}");
    session.steer("turn_0", "fine").await.unwrap();
    session.answer(question, yes()).await.unwrap();
    session.turn_ended().await;
    let last = place.server.requests().pop().unwrap().body.to_string();
    assert!(last.contains("fine") && !last.contains("secret\""), "{last}");
}

#[tokio::test]
async fn a_hook_that_waits_is_ended_with_the_turn() {
    let place = touch(&hook("PreToolUse", "", "sleep 1000"));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    session.next(|told| matches!(told, ServerNotification::HookStarted(_)).then_some(())).await;
    session.interrupt().await;
    let status = |told: &ServerNotification| match told {
        ServerNotification::HookCompleted(it) => Some(it.run.status),
        _ => None,
    };
    assert_eq!(session.next(status).await, HookRunStatus::Failed);
    session.turn_ended().await;
    assert!(!made(&place));
}
