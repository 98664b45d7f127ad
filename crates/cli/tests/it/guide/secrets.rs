//! S15 again: what neither commands nor tools look into, unless the user says otherwise.

use std::{fs, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Ran;
use crate::{sandbox::visible_directory, support::Place};

/// What no request may hold; it stands in each of these files.
const SECRET: &str = "s3cret";

/// A repository with a secret in each kind of place, and a home that commands can see. `config/.env` is in a commit, so
/// it is none; `staged/.env` is in the index alone, with another content.
#[allow(clippy::disallowed_methods, reason = "a test makes a repository")]
fn place(calls: Vec<Value>) -> (Place, TempDir) {
    let home = tempfile::tempdir_in(visible_directory()).unwrap();
    let place = Place::new(
        json!({ "pick": "results", "steps": calls.into_iter().chain([json!({ "text": "ok" })]).collect::<Vec<_>>() }),
    );
    fs::create_dir_all(place.workspace.join("config")).unwrap();
    fs::create_dir_all(place.workspace.join("keys")).unwrap();
    fs::create_dir_all(home.path().join(".ssh")).unwrap();
    fs::create_dir_all(place.workspace.join("staged")).unwrap();
    fs::write(place.workspace.join("config/.env"), "tracked\n").unwrap();
    fs::write(place.workspace.join("staged/.env"), "other\n").unwrap();
    let commit = ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"];
    for arguments in [&["init", "-q", "."][..], &["add", "config/.env"], &commit, &["add", "staged/.env"]] {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(&place.workspace).env("HOME", &place.home);
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }
    for name in [".env", "config/.env.local", "keys/key", "staged/.env"] {
        fs::write(place.workspace.join(name), format!("{SECRET}\n")).unwrap();
    }
    fs::write(place.workspace.join(".env.example"), "template\n").unwrap();
    fs::write(home.path().join(".ssh/id"), format!("{SECRET}\n")).unwrap();
    std::os::unix::fs::symlink(home.path().join(".ssh"), place.workspace.join("link")).unwrap();
    (place, home)
}

fn exec((place, home): &(Place, TempDir), flags: &[&str]) -> Ran {
    let arguments = [&["exec"], flags, &["go"]].concat();
    place.codex(&arguments).env("HOME", home.path()).output().unwrap().into()
}

/// Each way to look, at each place.
fn looks() -> Vec<Value> {
    let files = [".env", "config/.env", "config/.env.local", "keys/key", "staged/.env", ".env.example", "link/id"];
    let read = |path: &&str| json!({ "tool": "read_file", "arguments": { "path": path } });
    let cat = format!("cat {} ~/.ssh/id; true", files.join(" "));
    let patch = "*** Begin Patch\n*** Update File: .env\n@@\n-guess\n+x\n*** End Patch\n";
    let delete = "*** Begin Patch\n*** Delete File: .env\n*** End Patch\n";
    let git = "git add -A && git status --short && git diff --cached";
    files
        .iter()
        .map(read)
        .chain([
            json!({ "tool": "search_files", "arguments": { "pattern": "s3cr" } }),
            json!({ "tool": "list_dir", "arguments": { "path": "link" } }),
            json!({ "tool": "view_image", "arguments": { "path": "keys/key" } }),
            json!({ "custom": "apply_patch", "input": patch }),
            json!({ "custom": "apply_patch", "input": delete }),
            json!({ "tool": "exec_command", "arguments": { "cmd": cat } }),
            json!({ "tool": "exec_command", "arguments": { "cmd": git } }),
        ])
        .collect()
}

/// All that the model was sent.
fn sent(place: &(Place, TempDir)) -> String {
    place.0.server.requests().iter().map(|request| request.body.to_string()).collect()
}

#[test]
fn s15_secrets_are_hidden_from_commands_and_tools() {
    not_inside_another_sandbox!();
    for level in ["read-only", "workspace-write"] {
        let place = place(looks());
        let ran = exec(&place, &["-s", level, "-c", "sandbox.hide=[\"keys\"]"]);
        assert!(!ran.stderr.contains(SECRET), "{level}: {}", ran.stderr);
        let sent = sent(&place);
        assert!(!sent.contains(SECRET), "{level}: {sent}");
        assert!(sent.contains("tracked") && sent.contains("template"), "{level}: {sent}");
        if level == "workspace-write" {
            assert!(sent.contains("A  .env.example") && !sent.contains("A  .env\\"), "{sent}");
            assert!(!sent.contains("A  config/.env.local"), "{sent}");
        }
        assert!(sent.contains("it is hidden, for it may hold secrets"), "{level}: {sent}");
        assert_eq!(fs::read_to_string(place.0.workspace.join(".env")).unwrap(), format!("{SECRET}\n"));
    }
}

#[test]
fn s15_what_is_hidden_can_be_shown_and_more_can_be_hidden() {
    not_inside_another_sandbox!();
    let table: [(&[&str], &str, bool); 7] = [
        (&[], "link/id", false),
        (&[], ".env", false),
        (&["-c", "sandbox.show=[\".env\"]"], ".env", true),
        (&["-c", "sandbox.show=[\".env\"]"], "config/.env.local", false),
        (&["-c", "sandbox.show=[\"~/.ssh\"]"], "link/id", true),
        (&["-c", "sandbox.show=[\"~/.ssh/id\"]"], "link/id", true),
        (&["-c", "sandbox.show=[\"keys\"]", "-c", "sandbox.hide=[\"keys\"]"], "keys/key", false),
    ];
    for (flags, path, shown) in table {
        let place = place(vec![
            json!({ "tool": "read_file", "arguments": { "path": path } }),
            json!({ "tool": "exec_command", "arguments": { "cmd": format!("cat {path}") } }),
        ]);
        exec(&place, flags);
        assert_eq!(sent(&place).matches(SECRET).count() > 1, shown, "{flags:?} {path}: {}", sent(&place));
        assert_eq!(sent(&place).contains(SECRET), shown, "{flags:?} {path}");
    }
    // A project that nobody trusts can hide and not show; nothing hides the workspace itself.
    let place = place(vec![json!({ "tool": "exec_command", "arguments": { "cmd": "cat .env keys/key" } })]);
    fs::create_dir(place.0.workspace.join(".codex")).unwrap();
    let project = "sandbox.show = [\".env\"]\nsandbox.hide = [\"keys\"]\n";
    fs::write(place.0.workspace.join(".codex/config.toml"), project).unwrap();
    exec(&place, &[]);
    assert!(!sent(&place).contains(SECRET));
    let ran = exec(&place, &["-c", "sandbox.hide=[\"/\"]"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("cannot be hidden"), "{}", ran.stderr);
}

#[test]
fn s15_where_a_session_starts_opens_nothing_around_it() {
    not_inside_another_sandbox!();
    // In a part of the repository, and in a place below hidden ones.
    for (start, look, ours) in [("config", "../.env", false), (".kube/proj", "../config", true)] {
        let command = format!("cat {look}; touch new && echo made-$((40 + 2))");
        let place = place(vec![
            json!({ "tool": "exec_command", "arguments": { "cmd": command } }),
            json!({ "tool": "read_file", "arguments": { "path": look } }),
        ]);
        fs::create_dir_all(place.1.path().join(".kube/proj")).unwrap();
        fs::write(place.1.path().join(".kube/config"), SECRET).unwrap();
        let start = if ours { place.1.path().join(start) } else { place.0.workspace.join(start) };
        let mut codex = place.0.codex(&["exec", "--skip-git-repo-check", "go"]);
        let ran: Ran = codex.env("HOME", place.1.path()).current_dir(&start).output().unwrap().into();
        let sent = sent(&place);
        assert!(!sent.contains(SECRET) && sent.contains("made-42"), "{start:?}: {sent} {}", ran.stderr);
    }
}

#[test]
fn s15_a_link_named_as_a_secret_hides_nothing_else() {
    let place = place(vec![json!({ "tool": "exec_command", "arguments": { "cmd": "echo ran-$((40 + 2))" } })]);
    fs::remove_file(place.0.workspace.join(".env")).unwrap();
    std::os::unix::fs::symlink("/bin/bash", place.0.workspace.join(".env")).unwrap();
    exec(&place, &[]);
    assert!(sent(&place).contains("ran-42"), "{}", sent(&place));
}

#[test]
fn s15_before_the_first_commit_everything_is_hidden() {
    not_inside_another_sandbox!();
    let place =
        place(vec![json!({ "tool": "exec_command", "arguments": { "cmd": "cat config/.env; echo ran-$((40 + 2))" } })]);
    fs::write(place.0.workspace.join("config/.env"), SECRET).unwrap();
    fs::remove_dir_all(place.0.workspace.join(".git/refs/heads")).unwrap();
    fs::create_dir(place.0.workspace.join(".git/refs/heads")).unwrap();
    exec(&place, &[]);
    assert!(sent(&place).contains("ran-42") && !sent(&place).contains(SECRET), "{}", sent(&place));
}
