//! Attacks on the agent itself: by what lies in a repository, what the model asks for, and what the environment holds.
//!
//! The tests carry the names of the rows in `docs/security.md`. Where a trap can only be seen by what it prints, the
//! trap is shown to work first.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use codex_protocol::{ApprovalPolicy, ThreadItem};
use serde_json::{Value, json};

use crate::{
    sandbox::visible_directory,
    session::{Session, yes},
    support::{Place, codex},
};

/// What a trap prints when it is sprung.
const SPRUNG: &str = "SPRUNG";

fn run(command: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": command } })
}

fn git(operation: &str, args: &[&str]) -> Value {
    json!({ "tool": "git_read", "arguments": { "operation": operation, "args": args } })
}

fn patch(hunks: &str) -> Value {
    json!({ "custom": "apply_patch", "input": format!("*** Begin Patch\n{hunks}*** End Patch\n") })
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs `exec` to its end; gives what it says on the way.
fn exec(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    stderr
}

/// The results of all calls, as the model was told.
fn results(place: &Place) -> String {
    let request = place.server.requests().pop().unwrap().body;
    let input = request["input"].as_array().unwrap();
    let outputs = input.iter().filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("_output")));
    outputs.map(|item| item["output"].to_string()).collect()
}

/// A repository in the workspace with one commit.
#[allow(clippy::disallowed_methods, reason = "a test makes a repository")]
fn repository(place: &Place) {
    let commit = ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "commit", "-q", "-m", "one"];
    fs::write(place.workspace.join("a.txt"), "one\n").unwrap();
    for arguments in [&["init", "-q", "-b", "main", "."][..], &["add", "."], &commit] {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(&place.workspace).env("HOME", &place.home);
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }
}

#[test]
fn d06_a_project_file_made_by_a_command_loosens_nothing_at_the_next_start() {
    let plant = "mkdir -p .codex && printf 'sandbox = \"danger-full-access\"\\n' > .codex/config.toml; true";
    let place = Place::new(json!([run(plant), { "text": "ok" }, run("touch ../outside; true"), { "text": "ok" }]));
    exec(&mut place.codex(&["exec", "go"]));
    let shown = exec(&mut place.codex(&["exec", "go"]));
    assert!(shown.contains("sandbox workspace-write"), "{shown}");
    assert!(!place.workspace.join("../outside").exists());
}

#[tokio::test]
async fn d07_d11_d12_d13_a_patch_that_leads_outside_is_refused_and_not_asked_about() {
    let hunks = [
        "*** Update File: link\n@@\n-one\n+two\n",
        "*** Update File: ../outside/a\n@@\n-one\n+two\n",
        "*** Update File: ../workspace-evil/a\n@@\n-one\n+two\n",
        "*** Update File: a\n*** Move to: ../outside/b\n@@\n-one\n+two\n",
        "*** Add File: directory/new\n+x\n",
        "*** Add File: .Codex/Config.toml\n+sandbox = \"danger-full-access\"\n",
    ];
    let mut steps: Vec<Value> = hunks.iter().map(|hunks| patch(hunks)).collect();
    steps.push(json!({ "text": "ok" }));
    let place = Place::below(&visible_directory(), json!(steps));
    let base = place.workspace.parent().unwrap();
    for name in ["outside", "workspace-evil"] {
        fs::create_dir(base.join(name)).unwrap();
        fs::write(base.join(name).join("a"), "one\n").unwrap();
    }
    fs::write(place.workspace.join("a"), "one\n").unwrap();
    symlink("../outside/a", place.workspace.join("link")).unwrap();
    symlink("../outside", place.workspace.join("directory")).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.turn(&[]).await;
    for name in ["outside", "workspace-evil"] {
        assert_eq!(fs::read_to_string(base.join(name).join("a")).unwrap(), "one\n");
        assert_eq!(fs::read_dir(base.join(name)).unwrap().count(), 1);
    }
    assert_eq!(fs::read_dir(&place.workspace).unwrap().count(), 3, "nothing was made");
}

#[test]
fn d21_names_are_never_read_as_commands() {
    let names =
        ["$(touch sprung1)", ";touch sprung2;", "`touch sprung3`", "a\u{3000}touch sprung4", "-rf", "| touch sprung5"];
    let mut steps = vec![
        git("status", &[]),
        git("log", &["--oneline", "$(touch${IFS}sprung6)"]),
        git("diff", &["--", names[0], names[1]]),
        json!({ "tool": "list_dir", "arguments": {} }),
        json!({ "tool": "search_files", "arguments": { "pattern": "x" } }),
    ];
    steps.extend(names.iter().map(|name| json!({ "tool": "read_file", "arguments": { "path": name } })));
    steps.push(json!({ "text": "ok" }));
    let place = Place::new(json!(steps));
    names.iter().for_each(|name| fs::write(place.workspace.join(name), "x\n").unwrap());
    repository(&place);
    let head = place.workspace.join(".git/refs/heads");
    fs::copy(head.join("main"), head.join("$(touch${IFS}sprung6)")).unwrap();
    exec(&mut place.codex(&["exec", "go"]));
    let mut made = fs::read_dir(&place.workspace).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!made.any(|name| name.to_string_lossy().starts_with("sprung")));
    let told = results(&place);
    assert!(told.contains("one") && told.contains("1\\tx"), "git and the tools have worked: {told}");
}

#[tokio::test]
async fn d48_settings_are_written_neither_by_command_nor_by_patch() {
    not_inside_another_sandbox!();
    let (settings, loosen) = ("home/config.toml", "sandbox = \"danger-full-access\"");
    let mut place = Place::new(json!([
        run(&format!("echo '{loosen}' >> {settings}; echo '{loosen}' > {settings}.new; mv {settings}.new {settings}")),
        run("echo '[projects]' > home/trust.toml; mv home elsewhere; rm -rf home"),
        patch(&format!("*** Update File: {settings}\n@@\n-model = \"mock\"\n+{loosen}\n")),
        patch(&format!("*** Add File: .codex/config.toml\n+{loosen}\n")),
        run(&format!("echo '{loosen}' > .codex/config.toml")),
        { "text": "ok" },
    ]));
    // Both lie in the workspace here, where a command could write if nothing held it.
    let home = place.workspace.join("home");
    fs::create_dir(&home).unwrap();
    fs::copy(place.home.join("config.toml"), home.join("config.toml")).unwrap();
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    let before = fs::read_to_string(home.join("config.toml")).unwrap();
    place.home.clone_from(&home);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes(), yes(), yes()]).await;
    assert_eq!(fs::read_to_string(home.join("config.toml")).unwrap(), before);
    assert!(!home.join("trust.toml").exists());
    assert_eq!(fs::read_dir(place.workspace.join(".codex")).unwrap().count(), 0);
    assert!(!seen.items.iter().any(|item| matches!(item, ThreadItem::FileChange { .. })), "{:?}", seen.items);
}

#[test]
fn d49_our_own_git_runs_nothing_that_a_repository_names() {
    let operations = [
        git("status", &[]),
        git("diff", &["-p"]),
        git("diff", &["--stat"]),
        git("log", &["-p"]),
        git("show", &["HEAD"]),
        git("blame", &["a.txt"]),
    ];
    let place = Place::new(json!([
        run("git diff; git --paginate log -1; git status"),
        operations[0],
        operations[1],
        operations[2],
        operations[3],
        operations[4],
        operations[5],
        { "text": "ok" },
    ]));
    fs::write(place.workspace.join(".gitattributes"), "*.txt diff=evil filter=evil\n").unwrap();
    repository(&place);
    let trap = place.workspace.join("trap");
    script(&trap, &format!("echo {SPRUNG}; exec cat \"$@\""));
    let trap = trap.display();
    let config = format!(
        "[core]\n\tfsmonitor = {trap}\n\tpager = {trap}\n\thooksPath = {}\n\tsshCommand = {trap}\n[diff]\n\texternal = {trap}\n\
         [diff \"evil\"]\n\ttextconv = {trap}\n\tcommand = {trap}\n[filter \"evil\"]\n\tclean = {trap}\n\tsmudge = {trap}\n\
         [gpg]\n\tprogram = {trap}\n[log]\n\tshowSignature = true\n[alias]\n\tstatus = !{trap}\n",
        place.workspace.display()
    );
    let file = place.workspace.join(".git/config");
    let own = fs::read_to_string(&file).unwrap();
    fs::write(&file, own + &config).unwrap();
    fs::write(place.workspace.join("a.txt"), "two\n").unwrap();
    exec(&mut place.codex(&["exec", "go"]));
    let request = place.server.requests().pop().unwrap().body;
    let input = request["input"].as_array().unwrap();
    let outputs = input.iter().filter(|item| item["type"] == "function_call_output");
    let outputs: Vec<String> = outputs.map(|item| item["output"].to_string()).collect();
    assert_eq!(outputs.len(), 7);
    assert!(outputs[0].contains(SPRUNG), "the trap does not work: {}", outputs[0]);
    for (output, operation) in outputs[1..].iter().zip(&operations) {
        assert!(
            !output.contains(SPRUNG) && !output.contains("fatal:") && !output.contains("Exit code"),
            "{operation}: {output}"
        );
    }
    assert!(outputs[2].contains("+two"), "{}", outputs[2]);
}

#[test]
fn d50_helpers_are_not_taken_from_the_workspace() {
    let place = Place::new(json!([
        run("echo from-the-shell"),
        git("status", &[]),
        json!({ "tool": "search_files", "arguments": { "pattern": "one" } }),
        { "text": "ok" },
    ]));
    repository(&place);
    for name in ["git", "rg", "bash", "sh", "grep", "bwrap", "codex", "cat"] {
        script(&place.workspace.join("bin").join(name), &format!("echo {SPRUNG}"));
        script(&place.workspace.join(name), &format!("echo {SPRUNG}"));
    }
    let path = format!("{}:.:bin::/usr/bin:/bin", place.workspace.join("bin").display());
    exec(place.codex(&["exec", "go"]).env("PATH", path));
    let told = results(&place);
    assert!(!told.contains(SPRUNG), "{told}");
    assert!(told.contains("from-the-shell") && told.contains("a.txt:1:one"), "{told}");
}

#[test]
fn d51_no_start_up_file_of_a_shell_is_read() {
    let call = |tty: bool| json!({ "tool": "exec_command", "arguments": { "cmd": "echo plain", "tty": tty } });
    let place = Place::new(json!([call(false), call(true), { "text": "ok" }]));
    let trap = format!("echo {SPRUNG}\n");
    for name in [".bashrc", ".bash_profile", ".profile", ".bash_login", ".zshrc", ".zshenv", ".envrc"] {
        fs::write(place.home.join(name), &trap).unwrap();
        fs::write(place.workspace.join(name), &trap).unwrap();
    }
    let startup = place.workspace.join(".bashrc");
    let mut command = place.codex(&["exec", "go"]);
    command
        .env("BASH_ENV", &startup)
        .env("ENV", &startup)
        .env("BASH_FUNC_echo%%", format!("() {{ printf {SPRUNG}; }}"));
    exec(&mut command);
    let told = results(&place);
    assert!(!told.contains(SPRUNG) && told.contains("plain"), "{told}");
}

#[test]
fn d52_no_key_is_in_the_environment_of_a_command() {
    let secrets =
        ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "SSH_AUTH_SOCK", "OWN_NAME"];
    let place = Place::new(json!([run("env; cat /proc/*/environ | tr '\\0' '\\n'"), { "text": "ok" }]));
    let mut command = codex(&place.home);
    command.args(["exec", "-c", "model_providers.mock.env_key=OWN_NAME", "go"]).current_dir(&place.workspace);
    command.envs(secrets.map(|name| (name, "s3cret-value"))).env("KEPT", "kept-value");
    exec(&mut command);
    let told = results(&place);
    assert!(told.contains("kept-value") && !told.contains("s3cret-value"), "{told}");
}
