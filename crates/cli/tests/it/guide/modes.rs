//! S5 to S12 and S63: what `codex exec` is.

use std::fs;

use serde_json::json;

use super::{configure, exec, last_request, place_with, run};
use crate::support::{Place, codex, events};

#[test]
fn s05_a_session_is_saved_as_it_goes() {
    let place = place_with(&["echo from-the-command"]);
    let ran = exec(&place, &[]);
    let [journal] = place.journals().try_into().unwrap();
    for said in ["go", "from-the-command", "ok"] {
        assert!(journal.contains(said), "{said} is missing: {journal}");
    }
    let (_, hint) = ran.stderr.split_once("go on: codex exec resume ").unwrap();
    let id = hint.split_whitespace().next().unwrap();
    assert!(journal.contains(&format!("\"{id}\"")), "{id}: {journal}");
}

#[test]
fn s06_a_session_is_resumed_by_id_by_its_beginning_and_as_the_last() {
    let place = Place::new(json!([]));
    let first = run(&place, &["exec", "--json", "the first prompt"]);
    let id = events(first.stdout.as_bytes())[0]["thread_id"].as_str().unwrap().to_owned();
    for way in [id.as_str(), &id[..13], "--last"] {
        let ran = run(&place, &["exec", "--json", "resume", way, "more"]);
        assert_eq!(ran.code, Some(0), "{way}: {}", ran.stderr);
        assert_eq!(events(ran.stdout.as_bytes())[0]["thread_id"], id.as_str(), "{way}");
        assert!(last_request(&place).to_string().contains("the first prompt"), "{way}");
    }
    // `--last` means this directory, unless all are meant.
    let elsewhere = place.workspace.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let last = |flags: &[&str]| {
        let arguments = [&["exec", "resume", "--last"], flags, &["more"]].concat();
        codex(&place.home).args(arguments).current_dir(&elsewhere).output().unwrap().status.code()
    };
    assert_eq!((last(&[]), last(&["--all"])), (Some(2), Some(0)));
}

#[test]
fn s07_exec_runs_to_completion() {
    let place = Place::new(json!([
        { "text": "I look.", "tool": "exec_command", "arguments": { "cmd": "touch made" } },
        { "text": "It is done." },
        { "http": 400, "body": "{\"error\":{\"message\":\"no such thing\"}}" },
    ]));
    for name in ["exec", "e"] {
        let ran = run(&place, &[name, "do it"]);
        let expected = if name == "exec" { (Some(0), "It is done.\n") } else { (Some(1), "") };
        assert_eq!((ran.code, ran.stdout.as_str()), expected, "{}", ran.stderr);
    }
    assert!(place.workspace.join("made").exists());
}

#[test]
fn s08_every_flag_stands_before_and_after_exec() {
    let place = Place::new(json!([]));
    let flags = |arguments: &[&str]| -> Vec<String> {
        let help = run(&place, arguments).stdout;
        let help = help.split("Examples:").next().unwrap_or_default();
        let words = help.split(|c: char| c.is_whitespace() || ",:".contains(c));
        let mut flags: Vec<_> =
            words.filter(|word| word.starts_with("--") && word.len() > 2).map(String::from).collect();
        flags.sort();
        flags.dedup();
        // Which session is drawn, and how, has no meaning where nothing is drawn: there is `exec resume`.
        let drawn = ["--version", "--resume", "--last", "--all", "--take-over", "--alt-screen"];
        // Where a session is stands before the command.
        let place = ["--serve", "--remote", "--remote-token-file", "--insecure-plaintext"];
        flags.retain(|flag| !drawn.contains(&flag.as_str()) && !place.contains(&flag.as_str()));
        flags
    };
    let interactive = flags(&["--help"]);
    assert!(interactive.len() > 15, "{interactive:?}");
    let exec = flags(&["exec", "--help"]);
    assert_eq!(exec, interactive);
    let resumed = flags(&["exec", "resume", "--help"]);
    let missing: Vec<_> = exec.iter().filter(|flag| !resumed.contains(flag)).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let seen = |arguments: &[&str]| {
        let ran = run(&place, arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        let request = last_request(&place);
        (
            request["model"].clone(),
            request["reasoning"]["effort"].clone(),
            ran.stderr.contains("(mock) · sandbox read-only"),
        )
    };
    let typed = ["-m", "other", "-c", "model_reasoning_effort=low", "--sandbox", "read-only"];
    let before = seen(&[&typed[..], &["exec", "go"]].concat());
    assert_eq!(before, (json!("other"), json!("low"), true));
    assert_eq!(seen(&[&["exec"], &typed[..], &["go"]].concat()), before);
    assert_eq!(seen(&[&["exec", "go"], &typed[..]].concat()), before);
    // The nearer to the prompt, the stronger.
    assert_eq!(seen(&[&["-m", "one", "-s", "danger-full-access", "exec"], &typed[..], &["go"]].concat()), before);
}

#[test]
fn s08_exec_heeds_the_configuration() {
    let place = place_with(&["touch made"]);
    configure(&place, "sandbox = \"read-only\"\nmodel_reasoning_effort = \"high\"");
    exec(&place, &[]);
    assert_eq!(last_request(&place)["reasoning"]["effort"], "high");
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn s09_exec_asks_nobody_and_writes_only_in_the_workspace() {
    for approval in ["untrusted", "on-request", "never"] {
        let place = place_with(&["touch inside", "touch ../outside", "touch ~/outside"]);
        configure(&place, &format!("ask_for_approval = \"{approval}\""));
        exec(&place, &[]);
        let there = |path: &str| place.workspace.join(path).exists();
        assert!(there("inside"), "{approval}");
        assert!(!there("../outside") && !place.home.join("outside").exists(), "{approval}");
    }
}

#[test]
fn s09_a_wish_to_leave_the_sandbox_is_refused_with_the_reason() {
    let arguments = json!({ "cmd": "touch ran", "sandbox_permissions": "require_escalated", "justification": "so" });
    let place = Place::new(json!([{ "tool": "exec_command", "arguments": arguments }]));
    exec(&place, &["-a", "on-request"]);
    let request = last_request(&place).to_string();
    assert!(request.contains("leaving the sandbox was not allowed: nobody can be asked"), "{request}");
    assert!(!place.workspace.join("ran").exists());
}

#[test]
fn s09_what_would_ask_all_the_same_is_refused_with_the_reason() {
    for approval in ["untrusted", "on-request", "never"] {
        let place = place_with(&["mkdir kept", "rm -rf kept", "touch made", "bash -c 'touch made'"]);
        configure(&place, &format!("ask_for_approval = \"{approval}\"\npermissions.deny = [\"touch\"]"));
        exec(&place, &[]);
        assert!(place.workspace.join("kept").exists() && !place.workspace.join("made").exists(), "{approval}");
        let request = last_request(&place).to_string();
        assert!(request.contains("Refused: `rm -rf kept` always asks"), "{request}");
        assert_eq!(request.matches("Refused: `touch made` is denied by the rule `touch`").count(), 2, "{request}");
    }
}

#[test]
fn s09_who_is_refused_the_same_again_and_again_is_stopped() {
    let arguments = json!({ "cmd": "touch ran", "sandbox_permissions": "require_escalated", "justification": "so" });
    let step = json!({ "tool": "exec_command", "arguments": arguments });
    let place = Place::new(json!([step, step, step, step, { "text": "on and on" }]));
    let ran = run(&place, &["exec", "go"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("goes in circles: exec_command was refused 4 times"), "{}", ran.stderr);
    assert!(last_request(&place).to_string().contains("refused 2 times, and it will be again"));
    assert_eq!(place.server.requests().len(), 4);
}

#[test]
fn s10_more_is_given_only_when_it_is_asked_for() {
    let warned = "warning: --full-auto without a sandbox";
    let table: [(&[&str], bool, bool); 4] = [
        // flags, writes outside, warns
        (&[], false, false),
        (&["--full-auto"], false, false),
        (&["--sandbox", "danger-full-access"], true, false),
        (&["--full-auto", "--sandbox", "danger-full-access"], true, true),
    ];
    for (flags, outside, warns) in table {
        let place = place_with(&["touch ../outside"]);
        let ran = exec(&place, flags);
        assert_eq!(place.workspace.join("../outside").exists(), outside, "{flags:?}");
        assert_eq!(ran.stderr.matches(warned).count(), usize::from(warns), "{flags:?}: {}", ran.stderr);
    }
}

#[test]
fn s11_full_auto_approves_everything_the_sandbox_holds() {
    let arguments = json!({ "cmd": "touch ran", "sandbox_permissions": "require_escalated", "justification": "so" });
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "touch inside" } },
        { "tool": "exec_command", "arguments": arguments },
    ]));
    configure(&place, "ask_for_approval = \"untrusted\"");
    exec(&place, &["--full-auto"]);
    assert!(place.workspace.join("inside").exists());
    assert!(!place.workspace.join("ran").exists(), "the level of the sandbox is the user's decision");
    for contradiction in ["untrusted", "on-request"] {
        let ran = run(&place, &["exec", "--full-auto", "-a", contradiction, "go"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("--full-auto never asks"), "{}", ran.stderr);
    }
    exec(&place, &["--full-auto", "-a", "never"]);
}

#[test]
fn s11_full_auto_runs_what_destroys_unless_a_rule_denies_it() {
    let commands = ["mkdir -p one two", "rm -rf one", "rm -rf two", "$(echo rm) -rf two"];
    let place = place_with(&commands);
    exec(&place, &["--full-auto"]);
    assert!(!place.workspace.join("one").exists() && !place.workspace.join("two").exists());
    let place = place_with(&commands);
    exec(&place, &["--full-auto", "-c", "permissions.deny=[\"rm -rf two\"]"]);
    assert!(!place.workspace.join("one").exists() && place.workspace.join("two").exists());
    let request = last_request(&place).to_string();
    assert!(request.contains("is denied by the rule `rm -rf two`"), "{request}");
    assert_eq!(request.matches("\"Refused: ").count(), 2, "also what cannot be resolved: {request}");
}

#[test]
fn s12_danger_full_access_is_told_to_the_model_and_the_user() {
    let place = place_with(&["touch ../outside"]);
    let ran = exec(&place, &["-s", "danger-full-access"]);
    assert!(ran.stderr.contains("sandbox danger-full-access"), "{}", ran.stderr);
    assert!(place.workspace.join("../outside").exists());
}

#[test]
fn s63_slash_commands_are_no_prompts_of_exec() {
    let place = Place::new(json!([]));
    let table = [
        ("/diff", "codex diff"),
        ("/fork", "codex exec fork"),
        ("/init", "codex init"),
        ("/mcp", "codex mcp list"),
        ("/model gpt-4.1", "--model"),
        ("/permissions", "codex permissions list"),
        ("/plan", "codex exec --plan"),
        ("/plugins", "codex plugin list"),
        ("/resume", "codex exec resume"),
        ("/review", "codex review"),
        ("/rewind", "codex rewind"),
        ("/compact", ""),
    ];
    for (prompt, instead) in table {
        let ran = run(&place, &["exec", prompt]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{prompt}: {}", ran.stderr);
        assert!(ran.stderr.contains("interactive screen") && ran.stderr.contains(instead), "{prompt}: {}", ran.stderr);
    }
    assert_eq!(place.server.requests().len(), 0);
    assert_eq!(run(&place, &["exec", "/etc/hosts looks odd"]).code, Some(0));
}

#[test]
fn s48_a_plan_is_made_without_changing_anything_and_carried_out_afterwards() {
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "ls; touch early" } },
        { "tool": "propose_plan", "arguments": { "plan": "1. Make `late`." } },
        { "tool": "exec_command", "arguments": { "cmd": "touch late" } },
        { "text": "It is done." },
    ]));
    let ran = run(&place, &["exec", "--plan", "what would you do?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1. Make `late`.\n"), "{}", ran.stderr);
    assert!(!place.workspace.join("early").exists());
    let ran = run(&place, &["exec", "resume", "--last", "do it"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "It is done.\n"), "{}", ran.stderr);
    assert!(place.workspace.join("late").exists() && !place.workspace.join("early").exists());
}
