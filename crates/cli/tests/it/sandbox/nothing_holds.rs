//! Where the kernel holds no walls at all: no command runs, and it is said why and what helps.

use serde_json::json;

use crate::{
    older_kernel::{Missing, without},
    support::Place,
};

/// Exit status and standard error.
fn run(place: &Place, missing: &[Missing], arguments: &[&str]) -> (i32, String) {
    let mut command = place.codex(arguments);
    let output = without(missing, move || command.output().unwrap());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

const ALL: [Missing; 2] = [Missing::Namespaces, Missing::Landlock];

/// What the sentence must name: what is missing, and the ways out.
const TOLD: [&str; 7] = [
    "no sandbox can be set up here, so no command runs",
    "unshare(2)",
    "Landlock alone, which takes its ABI 3 (Linux 6.2; this kernel has none), failed: Function not implemented",
    "CONFIG_SECURITY_LANDLOCK",
    "user.max_user_namespaces",
    "make one of the two available",
    "inside a container or virtual machine that isolates commands already and say so by `--sandbox danger-full-access`",
];

#[test]
fn one_of_the_two_is_enough() {
    not_inside_another_sandbox!();
    let place = Place::new(json!([]));
    let sandbox = ["sandbox", "-s", "read-only", "--", "true"];
    let (code, told) = run(&place, &[Missing::Namespaces], &sandbox);
    assert!(code == 0 && told.contains("sandbox: Landlock + seccomp only"), "{code} {told}");
    assert_eq!(run(&place, &[Missing::Landlock], &sandbox), (0, String::new()));
    let (_, header) = run(&place, &[Missing::Landlock], &["exec", "--skip-git-repo-check", "go"]);
    assert!(header.contains("namespaces + seccomp (this kernel has no Landlock)"), "{header}");
}

#[test]
fn where_nothing_holds_no_command_runs() {
    not_inside_another_sandbox!();
    let place = Place::new(json!([]));
    let weak = ["-c", "sandbox.allow_weak=true"];
    for flags in [&["-s", "read-only"][..], &["-s", "workspace-write"], &weak] {
        let (code, told) = run(&place, &ALL, &[&["sandbox"], flags, &["--", "touch", "made"]].concat());
        assert_eq!(code, 2, "{told}");
        assert!(TOLD.iter().all(|part| told.contains(part)), "{flags:?}: {told}");
    }
    assert!(!place.workspace.join("made").exists());
    let free = ["sandbox", "-s", "danger-full-access", "--", "touch", "made"];
    assert_eq!(run(&place, &ALL, &free), (0, String::new()));
    assert!(place.workspace.join("made").exists());
}

#[test]
fn where_nothing_holds_the_agent_runs_no_command() {
    not_inside_another_sandbox!();
    for level in ["read-only", "workspace-write"] {
        let call = json!({ "tool": "exec_command", "arguments": { "cmd": "touch made" } });
        let place = Place::new(json!([call, { "text": "Done." }]));
        let (_, header) = run(&place, &ALL, &["exec", "--skip-git-repo-check", "-s", level, "go"]);
        let nothing = format!("sandbox {level} (nothing, so commands are refused)");
        assert!(header.contains(&nothing) && TOLD.iter().all(|part| header.contains(part)), "{header}");
        assert!(!place.workspace.join("made").exists());
        let answer = place.server.requests().pop().unwrap().body.to_string();
        let expected = if level == "read-only" { "read-only" } else { TOLD[0] };
        assert!(answer.contains(expected), "{answer}");
    }
}
