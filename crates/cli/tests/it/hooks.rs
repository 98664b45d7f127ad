//! Hooks: programs of the user that are asked at steps of a session. What they refuse does not happen, and what they are told
//! is what happens.

mod events;
mod guards;
mod notify;

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::{approvals::run, support::Place};

/// A place whose user has these lines of settings.
pub fn hooked(script: Value, settings: &str) -> Place {
    let place = Place::new(script);
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{config}{settings}")).unwrap();
    place
}

/// The settings of a hook that runs `line`, about `matcher`.
pub fn hook(event: &str, matcher: &str, line: &str) -> String {
    let line = toml::Value::from(line);
    format!("[[hooks.{event}]]\nmatcher = \"{matcher}\"\nhooks = [{{ type = \"command\", command = {line} }}]\n")
}

/// What a hook puts out.
pub fn says(value: &Value) -> String {
    format!("cat > /dev/null; printf '%s' '{value}'")
}

/// A run of exec: what it says on stderr, and its status.
fn exec(place: &Place, flags: &[&str]) -> (String, Option<i32>) {
    let Output { status, stderr, .. } = place.codex(&[&["exec"], flags, &["go"]].concat()).output().unwrap();
    (String::from_utf8_lossy(&stderr).into_owned(), status.code())
}

/// The outcome of the last call, as the model read it.
fn answered(place: &Place) -> String {
    let body = place.server.requests().pop().unwrap().body;
    let items = body["input"].as_array().unwrap().clone();
    let outcome = items.into_iter().rev().find(|item| item["type"] == "function_call_output").unwrap();
    outcome["output"].to_string()
}

/// A script as its users have it, and where they say so.
const BLOCKS_RM: &str = r#"#!/bin/sh
input=$(cat)
case "$input" in
  *'"tool_name":"Bash"'*'"command":"rm '*) echo "rm is not used here" >&2; exit 2 ;;
esac
exit 0
"#;

fn project_that_blocks_rm() -> Place {
    let place = Place::new(json!([run("rm victim"), { "text": "ok" }]));
    let hooks = place.workspace.join(".claude/hooks");
    fs::create_dir_all(&hooks).unwrap();
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(hooks.join("check.sh"), BLOCKS_RM).unwrap();
    let command = "sh \"$CLAUDE_PROJECT_DIR\"/.claude/hooks/check.sh";
    let hooks = json!({ "permissions": {}, "hooks": { "PreToolUse": [
        { "matcher": "Bash", "hooks": [{ "type": "command", "command": command }] },
    ] } });
    fs::write(place.workspace.join(".claude/settings.json"), hooks.to_string()).unwrap();
    fs::write(place.workspace.join("victim"), "").unwrap();
    place
}

#[test]
fn a_script_of_a_trusted_project_blocks_rm() {
    let place = project_that_blocks_rm();
    let (stderr, status) = exec(&place, &["--trust"]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(place.workspace.join("victim").exists());
    assert!(answered(&place).contains("a hook does not let it run: rm is not used here"), "{}", answered(&place));
    assert!(stderr.contains("says no: rm is not used here") && stderr.contains("declined"), "{stderr}");
}

#[test]
fn a_script_of_a_project_that_nobody_trusts_does_not_run() {
    let place = project_that_blocks_rm();
    let (stderr, status) = exec(&place, &[]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(!place.workspace.join("victim").exists());
    assert!(stderr.contains("its hooks are held back: PreToolUse"), "{stderr}");
    // Trusted as it was shown: what is changed after that is not.
    let (stderr, _) = exec(&place, &["--trust"]);
    assert!(!stderr.contains("held back"), "{stderr}");
    let path = place.workspace.join(".claude/settings.json");
    let changed = fs::read_to_string(&path).unwrap().replace("check.sh", "other.sh");
    fs::write(&path, changed).unwrap();
    assert!(exec(&place, &[]).0.contains("held back"));
    // What is no hook may change.
    let back = fs::read_to_string(&path).unwrap().replace("other.sh", "check.sh").replace("{},", "{\"allow\":[]},");
    fs::write(&path, back).unwrap();
    assert!(!exec(&place, &[]).0.contains("held back"));
}

#[test]
fn a_command_is_rewritten_judged_anew_and_the_model_is_told() {
    let output = json!({ "hookSpecificOutput": {
        "hookEventName": "PreToolUse", "permissionDecision": "allow", "updatedInput": { "command": "touch rewritten" },
    } });
    let place = hooked(json!([run("touch asked"), { "text": "ok" }]), &hook("PreToolUse", "Bash", &says(&output)));
    let (stderr, _) = exec(&place, &["--verbose"]);
    assert!(place.workspace.join("rewritten").exists() && !place.workspace.join("asked").exists());
    assert!(stderr.contains("$ touch rewritten") && !stderr.contains("$ touch asked"), "{stderr}");
    assert!(answered(&place).contains("A hook changed this call"), "{}", answered(&place));
    assert!(stderr.contains("hook PreToolUse `cat > /dev/null;"), "{stderr}");
    // A rule that denies is held against what it was rewritten to.
    let denied = "[permissions]\ndeny = [\"touch\"]\n";
    let hook = hook("PreToolUse", "Bash", &says(&output));
    let place = hooked(json!([run("ls"), { "text": "ok" }]), &format!("{denied}{hook}"));
    exec(&place, &[]);
    assert!(!place.workspace.join("rewritten").exists());
    assert!(answered(&place).contains("denied by the rule"), "{}", answered(&place));
}

#[test]
fn what_hooks_add_is_read_by_the_model() {
    let start = hook("SessionStart", "startup", "echo 'the branch is green'");
    let other = hook("SessionStart", "resume", "echo 'not this'");
    let prompt = hook("UserPromptSubmit", "", "grep -q '\"prompt\":\"go\"' && echo 'it is Monday'");
    let output = json!({ "hookSpecificOutput": { "hookEventName": "PostToolUse", "additionalContext": "and tidy" } });
    let post = hook("PostToolUse", "Bash", &says(&output));
    let place = hooked(json!([run("true"), { "text": "ok" }]), &[start, other, prompt, post].concat());
    exec(&place, &[]);
    let request = place.server.requests().remove(0).body.to_string();
    assert!(request.contains("the branch is green") && request.contains("it is Monday"), "{request}");
    assert!(!request.contains("not this"));
    assert!(answered(&place).contains("and tidy"), "{}", answered(&place));
}

#[test]
fn a_prompt_is_refused_before_the_model_has_read_it() {
    let guard = hook("UserPromptSubmit", "", "echo 'no secrets here' >&2; exit 2");
    let place = hooked(json!([{ "text": "ok" }]), &guard);
    let (stderr, status) = exec(&place, &[]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains("a hook refused the prompt") && stderr.contains("no secrets here"), "{stderr}");
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_turn_goes_on_until_the_hook_is_content_and_not_for_ever() {
    let line = "grep -q '\"stop_hook_active\":false' && printf '{\"decision\":\"block\",\"reason\":\"the tests are red\"}'; true";
    let place = hooked(json!([{ "text": "done" }, { "text": "really done" }]), &hook("Stop", "", line));
    let (stderr, status) = exec(&place, &[]);
    assert_eq!((status, place.server.requests().len()), (Some(0), 2), "{stderr}");
    let last = place.server.requests().pop().unwrap().body.to_string();
    assert!(last.contains("the tests are red"), "{last}");
    let always = hook("Stop", "", "echo again >&2; exit 2");
    let answers: Vec<Value> = (0..20).map(|n| json!({ "text": format!("done {n}") })).collect();
    let place = hooked(answers.into(), &always);
    let (stderr, status) = exec(&place, &[]);
    assert_eq!((status, place.server.requests().len()), (Some(0), 9), "{stderr}");
    assert!(stderr.contains("8 times in a row"), "{stderr}");
}
