//! What ignore files name is kept from the model: from its tools, from its commands, and from what it is sent.

use std::{fs, process::Command};

use codex_protocol::{ApprovalPolicy, PermissionsReadParams};
use serde_json::{Value, json};

use crate::{session::Session, support::Place};

/// What no request may hold; it stands in each file that is named.
const SECRET: &str = "s3cret";

/// A workspace with these files, and a model that makes these calls.
fn place(files: &[(&str, &str)], calls: &[Value]) -> Place {
    let steps: Vec<Value> = calls.iter().cloned().chain([json!({ "text": "ok" })]).collect();
    let place = Place::new(json!({ "pick": "results", "steps": steps }));
    for (name, text) in files {
        let path = place.workspace.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    place
}

#[allow(clippy::disallowed_methods, reason = "a test makes a repository")]
fn git(place: &Place, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=n", "-c", "user.email=e"]).args(arguments);
    let output = git.current_dir(&place.workspace).env("HOME", &place.home).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All that the model was sent.
fn sent(place: &Place) -> String {
    place.server.requests().iter().map(|request| request.body.to_string()).collect()
}

fn exec(place: &Place, flags: &[&str]) -> (Option<i32>, String) {
    let output = place.codex(&[&["exec"], flags, &["go"]].concat()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn shell(command: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": command } })
}

/// Each way to look at what is named.
fn looks() -> Vec<Value> {
    let patch =
        |text: &str| json!({ "custom": "apply_patch", "input": format!("*** Begin Patch\n{text}*** End Patch\n") });
    let read = |path: &str| json!({ "tool": "read_file", "arguments": { "path": path } });
    vec![
        read("a.pem"),
        read("vault/deep/key"),
        read("link"),
        json!({ "tool": "search_files", "arguments": { "pattern": "s3cr" } }),
        json!({ "tool": "list_dir", "arguments": { "path": "vault" } }),
        json!({ "tool": "list_dir", "arguments": { "path": "." } }),
        json!({ "tool": "view_image", "arguments": { "path": "a.pem" } }),
        patch("*** Update File: a.pem\n@@\n-guess\n+x\n"),
        patch("*** Delete File: vault/deep/key\n"),
        patch("*** Add File: new.pem\n+x\n"),
        patch("*** Update File: .codexignore\n@@\n-*.pem\n+*.none\n"),
        shell(
            "cat a.pem vault/deep/key link; ls vault; cat < a.pem; tar cf /tmp/tar .; grep -a s3cr /tmp/tar; cp -r . /tmp/copy; cat /tmp/copy/a.pem",
        ),
        shell(
            "echo > .codexignore; unlink .codexignore; mv .codexignore x; mv vault v2; ln a.pem hard; cat v2/deep/key hard",
        ),
    ]
}

#[test]
fn what_an_ignore_file_names_is_kept_from_tools_and_commands() {
    not_inside_another_sandbox!();
    let secret = format!("{SECRET}\n");
    let files =
        [(".codexignore", "*.pem\nvault/\n"), ("a.pem", &secret), ("vault/deep/key", &secret), ("open", "seen-1\n")];
    for level in ["read-only", "workspace-write"] {
        let place = place(&files, &[looks(), vec![shell("cat open; echo ran-$((40 + 2))")]].concat());
        std::os::unix::fs::symlink("a.pem", place.workspace.join("link")).unwrap();
        let (code, stderr) = exec(&place, &["-s", level]);
        let sent = sent(&place);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(!sent.contains(SECRET), "{level}: {sent}");
        assert!(sent.contains("keeps it from you by an ignore file"), "{level}: {sent}");
        assert!(!sent.contains("it is hidden, for it may hold secrets"), "{level}: that is not why: {sent}");
        assert!(!sent.contains("vault/\\n"), "a directory that is named is not listed: {sent}");
        if level == "workspace-write" {
            assert!(sent.contains("seen-1") && sent.contains("ran-42"), "{sent}");
        }
        for (name, text) in &files {
            assert_eq!(fs::read_to_string(place.workspace.join(name)).unwrap(), *text, "{level}: {name}");
        }
        assert!(!place.workspace.join("new.pem").exists());
    }
}

/// There are no walls, so that commands see everything; tools do not.
#[test]
fn without_walls_the_tools_still_keep_to_it() {
    let secret = format!("{SECRET}\n");
    let read = json!({ "tool": "read_file", "arguments": { "path": "a.pem" } });
    let place = place(&[(".codexignore", "*.pem\n"), ("a.pem", &secret)], &[read]);
    exec(&place, &["-s", "danger-full-access"]);
    assert!(!sent(&place).contains(SECRET) && sent(&place).contains("ignore file"), "{}", sent(&place));
}

#[test]
fn other_names_are_heeded_where_the_configuration_says_so_and_a_project_may() {
    not_inside_another_sandbox!();
    let secret = format!("{SECRET}\n");
    let files = [
        ("sub/.aiexclude", "key\n"),
        ("sub/key", &*secret),
        ("nested/.codexignore", "key\n"),
        ("nested/key", &*secret),
    ];
    let calls = [shell("cat sub/key"), shell("cat nested/key"), shell("echo ran-$((40 + 2))")];
    for (settings, expected) in [("", 1), ("ignore_files = [\".aiexclude\"]\n", 0)] {
        let place = place(&files, &calls);
        fs::create_dir(place.workspace.join(".codex")).unwrap();
        fs::write(place.workspace.join(".codex/config.toml"), settings).unwrap();
        exec(&place, &[]);
        let last = place.server.requests().last().unwrap().body.to_string();
        assert_eq!(last.matches(SECRET).count(), expected, "{settings}: {last}");
        assert!(last.contains("ran-42"), "{last}");
    }
    let place = place(&[], &[]);
    let (code, stderr) = exec(&place, &["-c", "ignore_files=[\"a/b\"]"]);
    assert!(code == Some(2) && stderr.contains("`a/b` is no name of a file"), "{stderr}");
}

#[test]
fn one_that_cannot_be_held_to_lets_nothing_begin() {
    let place = place(&[(".codexignore", "ok\n[z-a]\n")], &[]);
    let (code, stderr) = exec(&place, &[]);
    assert!(code == Some(2) && stderr.contains(".codexignore: line 2"), "{stderr}");
    assert_eq!(place.server.requests().len(), 0);
}

/// git takes what is hidden neither for changed nor for new.
#[test]
fn git_overlooks_what_is_untracked_and_named() {
    not_inside_another_sandbox!();
    let calls = [shell("git add -A && git status --short && git stash -u && git stash pop -q && git status --short")];
    let place = place(&[(".codexignore", "*.pem\n"), ("a.pem", SECRET), ("b", "x\n")], &calls);
    git(&place, &["init", "-q"]);
    git(&place, &["config", "user.name", "n"]);
    git(&place, &["config", "user.email", "e"]);
    git(&place, &["add", ".codexignore"]);
    git(&place, &["commit", "-qm", "m"]);
    exec(&place, &[]);
    let sent = sent(&place);
    assert!(sent.contains("A  b") && !sent.contains("A  a.pem"), "{sent}");
    assert_eq!(git(&place, &["status", "--short", "a.pem"]), "?? a.pem\n");
}

/// Tracked files that are named look unchanged to git, in commands and to the tool that asks it.
#[test]
fn git_takes_what_is_tracked_and_named_for_unchanged() {
    not_inside_another_sandbox!();
    let read = |operation: &str, args: &[&str]| json!({ "tool": "git_read", "arguments": { "operation": operation, "args": args } });
    let calls = [
        shell(
            "cat a.pem vault/key; echo more >> b; git add -A && git commit -qm second && git show --format= --name-only",
        ),
        read("diff", &["HEAD~1"]),
        read("log", &["-p"]),
        read("show", &["HEAD~1"]),
        read("show", &["HEAD:a.pem"]),
        read("blame", &["a.pem"]),
        read("log", &["-p", "b", "a.pem"]),
        read("diff", &["HEAD~1", "--", "vault"]),
        read("log", &["-L1,1:a.pem"]),
        read("log", &["--oneline", "b"]),
    ];
    let secret = format!("{SECRET}\n");
    let files = [(".codexignore", "*.pem\nvault/\n"), ("a.pem", &*secret), ("vault/key", &secret), ("b", "x\n")];
    let place = place(&files, &calls);
    git(&place, &["init", "-q"]);
    git(&place, &["config", "user.name", "n"]);
    git(&place, &["config", "user.email", "e"]);
    git(&place, &["add", "-A"]);
    git(&place, &["commit", "-qm", "first"]);
    exec(&place, &[]);
    let last = place.server.requests().last().unwrap().body.to_string();
    assert!(!last.contains(SECRET), "{last}");
    assert!(last.contains("+more") && last.contains("Output:\\nThis fi"), "{last}");
    assert_eq!(git(&place, &["show", "--format=", "--name-only"]), "b\n");
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
}

/// What is named has no path in these: an object by its id, or a directory's by that of its tree.
#[test]
fn git_shows_no_object_whose_path_it_is_not_told() {
    not_inside_another_sandbox!();
    let secret = format!("{SECRET}\n");
    let files = [(".codexignore", "*.pem\nvault/\n"), ("a.pem", &*secret), ("vault/key", &secret), ("b", "OPEN\n")];
    let made = |calls: &[Value]| {
        let place = place(&files, calls);
        git(&place, &["init", "-q"]);
        git(&place, &["add", "-A"]);
        git(&place, &["commit", "-qm", "x: first"]);
        git(&place, &["tag", "-am", "kept", "kept", "HEAD:a.pem"]);
        // Two that have a name: the tag is what is meant.
        git(&place, &["tag", "both", "HEAD:a.pem"]);
        git(&place, &["branch", "both"]);
        git(&place, &["tag", "-am", "said of it", "v1"]);
        place
    };
    // Ids are hashes of what is in the objects: those of another repository with the same files.
    let other = made(&[]);
    let [file, directory, open] =
        ["HEAD:a.pem", "HEAD:vault", "HEAD:b"].map(|name| git(&other, &["rev-parse", name]).trim().to_owned());
    let read = |operation: &str, args: &[&str]| json!({ "tool": "git_read", "arguments": { "operation": operation, "args": args } });
    let place = made(&[
        read("show", &[&file]),
        read("show", &[&format!("{directory}:key")]),
        read("show", &[&directory]),
        read("show", &["kept"]),
        read("diff", &[&directory, "HEAD^{tree}"]),
        read("diff", &[&open, &file]),
        read("show", &["both"]),
        // Read as what `git describe` prints.
        read("show", &[&format!("x:y-g{file}")]),
        read("show", &[&format!("HEAD:y-g{file}^{{}}")]),
        read("show", &["--tags"]),
        read("show", &["--all"]),
        read("show", &["HEAD^{/x:}^{tree}"]),
        read("show", &["HEAD:"]),
        read("show", &["-M", &file]),
        read("show", &["-S", "-S", &file]),
        read("log", &["-p", "--", ".", "-L1"]),
        read("show", &["--format=%s", "HEAD^{/x:}:b", ":b"]),
        read("show", &["--no-patch", "v1"]),
        read("show", &["--stat", "HEAD^!"]),
    ]);
    exec(&place, &[]);
    let last = place.server.requests().last().unwrap().body.to_string();
    assert!(!last.contains(SECRET), "{last}");
    assert!(!last.contains("a.pem\\nb\\n"), "no directory is listed with what is named in it: {last}");
    assert_eq!(last.matches("is no commit, and ").count(), 9, "{last}");
    assert_eq!(last.matches("for the id of another object").count(), 2, "{last}");
    assert!(last.contains("OPEN\\nOPEN") && last.contains("said of it") && last.contains(" | 1 +"), "{last}");
}

/// Neither in the difference that a review is given, nor in its list of what is new; with a commit too.
#[test]
fn a_review_leaves_out_what_is_named() {
    not_inside_another_sandbox!();
    for (flags, is_seen) in [(&["--uncommitted"][..], "OPEN-2"), (&["--commit", "HEAD"], "OPEN-1")] {
        let place = Place::new(json!([{ "text": r#"{"summary": "Fine.", "findings": []}"# }]));
        let write = |name: &str, text: &str| fs::write(place.workspace.join(name), text).unwrap();
        write(".codexignore", "*.pem\n");
        write("a.pem", &format!("{SECRET}-1\n"));
        write("b", "OPEN-1\n");
        git(&place, &["init", "-q"]);
        git(&place, &["add", "-A"]);
        git(&place, &["commit", "-qm", "first"]);
        write("a.pem", &format!("{SECRET}-2\n"));
        write("new.pem", &format!("{SECRET}-3\n"));
        write("b", "OPEN-2\n");
        let output = place.codex(&[&["review"], flags].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let sent = sent(&place);
        assert!(sent.contains(is_seen), "{flags:?}: {sent}");
        assert!(!sent.contains(SECRET) && !sent.contains("new.pem"), "{flags:?}: {sent}");
    }
}

/// That no commit has: what it names is in the commit that the worktree is made of.
#[test]
fn a_sub_agent_in_a_worktree_is_held_to_the_ignore_file_of_its_parent() {
    not_inside_another_sandbox!();
    let spawn = json!({ "tool": "spawn_agent", "arguments": { "task": "look", "worktree": true } });
    let place = Place::new(json!({
        "steps": [spawn, { "tool": "wait_agent", "arguments": {} }, { "text": "ok" }],
        "sessions": { "look": [looks()[0], shell("cat a.pem; cat b; echo own > made"), { "text": "done" }] },
    }));
    let write = |name: &str, text: &str| fs::write(place.workspace.join(name), text).unwrap();
    write("a.pem", &format!("{SECRET}\n"));
    write("b", "OPEN\n");
    git(&place, &["init", "-q"]);
    git(&place, &["add", "-A"]);
    git(&place, &["commit", "-qm", "first"]);
    write(".codexignore", "*.pem\n");
    let (code, stderr) = exec(&place, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let sent = sent(&place);
    assert!(sent.contains("OPEN") && !sent.contains(SECRET), "{sent}");
    assert!(sent.contains("made") && !sent.contains("b/.codexignore"), "{sent}");
}

/// A picture that the user shows, too.
#[test]
fn a_picture_that_is_named_is_not_shown() {
    let place = place(&[(".codexignore", "own.gif\n"), ("own.gif", "GIF89a"), ("b.gif", "GIF89a")], &[]);
    let (code, stderr) = exec(&place, &["-i", "own.gif"]);
    assert!(code != Some(0) && stderr.contains("own.gif`: an ignore file"), "{stderr}");
    assert_eq!(place.server.requests().len(), 0);
    let (code, stderr) = exec(&place, &["-i", "b.gif"]);
    assert_eq!(code, Some(0), "{stderr}");
}

/// What the user changes counts from the next turn on.
#[tokio::test]
async fn it_is_looked_at_anew_in_each_turn() {
    not_inside_another_sandbox!();
    let ok = json!({ "text": "ok" });
    let look = [shell("cat a.pem"), json!({ "tool": "read_file", "arguments": { "path": "a.pem" } }), ok];
    let place = Place::new(look.iter().cycle().take(9).cloned().collect());
    fs::write(place.workspace.join("a.pem"), format!("{SECRET}\n")).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let own = place.workspace.join(".codexignore");
    for (patterns, seen) in [("", 2), ("*.pem\n", 2), ("*.none\n", 4)] {
        fs::write(&own, patterns).unwrap();
        session.turn(&[]).await;
        let last = place.server.requests().last().unwrap().body.to_string();
        assert_eq!(last.matches(SECRET).count(), seen, "{patterns}: {last}");
    }
    let params = PermissionsReadParams { thread_id: session.thread_id.clone() };
    let permissions = session.connection.client.permissions_read(params).await.unwrap();
    assert_eq!(permissions.ignore_files, [own.canonicalize().unwrap().display().to_string()]);
}
