//! Reviews: what the model is given, what becomes of its answer, and that everything stays as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use codex_protocol::{
    ApprovalPolicy, ReviewResult, ReviewSeverity, ReviewStartParams, ReviewTarget, ReviewTestStatus, RpcError,
    SandboxMode, ServerNotification, ThreadItem, ThreadStartParams, TurnStatus,
};
use serde_json::{Value, json};

use crate::{
    approvals::run,
    compaction::large_cache,
    sandbox::{
        rungs::{NO_NAMESPACES, surrounded},
        thrown_away::state,
    },
    session::Session,
    support::Place,
};

/// Runs git in the workspace, as the user would.
#[allow(clippy::disallowed_methods, reason = "the repository is made by the test")]
pub fn git(place: &Place, line: &str) -> String {
    let mut command = std::process::Command::new("git");
    command.args(line.split(' ')).current_dir(&place.workspace).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs([("HOME", "/nowhere"), ("GIT_CONFIG_NOSYSTEM", "1")]);
    command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "t")));
    command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "t@t")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Tests that fail, having written whatever they can.
const FAILING: &str = "test:\n\t@echo built > built; echo x >> staged.txt; rm -f new.txt; git add -A; \
    echo 'FAILED test_of_sums: 2 + 2 is 5'; exit 3\n";

/// A repository with a commit, a staged, an unstaged and a new change, and tests that fail.
pub fn project(script: Value) -> Place {
    let place = Place::new(script);
    let write = |name: &str, text: &str| fs::write(place.workspace.join(name), text).unwrap();
    git(&place, "init -q -b main");
    write("staged.txt", "one\n");
    write("changed.txt", "one\n");
    write("Makefile", FAILING);
    git(&place, "add -A");
    git(&place, "commit -q -m first");
    write("staged.txt", "one\nSTAGED-CHANGE\n");
    git(&place, "add staged.txt");
    write("changed.txt", "one\nUNSTAGED-CHANGE\n");
    write("new.txt", "NEW-FILE\n");
    place
}

pub fn answer(findings: &Value) -> Value {
    json!({ "text": json!({ "summary": "Not yet.", "findings": findings }).to_string() })
}

pub fn finding(severity: &str, file: &str, line: u32) -> Value {
    json!({ "severity": severity, "file": file, "line": line, "endLine": null, "title": format!("{file} is wrong"),
        "why": "It says so.", "suggestion": "Do not." })
}

pub fn both(output: &Output) -> (String, String) {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).into()
}

/// What was said in a request, all of it.
pub fn said(place: &Place, number: usize) -> String {
    place.server.requests()[number].body["input"].to_string()
}

/// Everything of the project, and git's own state.
pub fn whole(place: &Place) -> Vec<(PathBuf, [i64; 7], Vec<u8>)> {
    state(&place.workspace)
}

#[test]
fn findings_are_data_where_that_is_wanted() {
    let place = project(json!([answer(&json!([finding("medium", "changed.txt", 2)]))]));
    let output = place.codex(&["review", "--json", "-o", "found.json", "--uncommitted"]).output().unwrap();
    let (stdout, stderr) = both(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let found: ReviewResult = serde_json::from_str(&stdout).unwrap();
    assert_eq!((found.findings[0].severity, found.findings[0].line), (ReviewSeverity::Medium, Some(2)));
    assert_eq!(fs::read_to_string(place.workspace.join("found.json")).unwrap(), stdout.trim_end());
    let format = &place.server.requests()[0].body["text"]["format"];
    assert_eq!(format["type"], "json_schema", "the vendor holds the model to the shape");
}

/// What is typed, and what of the repository the model is given.
#[test]
fn what_is_looked_at_is_what_was_named() {
    let nothing = || answer(&json!([]));
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["--base", "main"],
            &["+SECOND", "second_commit", "+STAGED-CHANGE", "+UNSTAGED-CHANGE", "NEW-FILE"],
            &["+one"],
        ),
        (&["--commit", "HEAD"], &["+SECOND", "second_commit"], &["UNSTAGED-CHANGE", "NEW-FILE"]),
        (&["is it fast?"], &["is it fast?", "+UNSTAGED-CHANGE"], &["+SECOND"]),
    ];
    for (typed, there, absent) in table {
        let place = project(json!([nothing()]));
        git(&place, "checkout -q -b work");
        fs::write(place.workspace.join("second.txt"), "SECOND\n").unwrap();
        git(&place, "add second.txt");
        git(&place, "commit -q -m second_commit second.txt");
        let output = place.codex(&[&["review", "-s", "read-only"][..], typed].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{typed:?}: {}", both(&output).1);
        let request = said(&place, 0);
        for part in *there {
            assert!(request.contains(part), "{typed:?}: {part}: {request}");
        }
        assert!(absent.iter().all(|part| !request.contains(part)), "{typed:?}: {request}");
    }
}

#[test]
fn in_read_only_mode_tests_are_reported_as_not_run() {
    let place = project(json!([answer(&json!([]))]));
    let before = whole(&place);
    let output = place.codex(&["review", "-s", "read-only", "--json"]).output().unwrap();
    let (stdout, stderr) = both(&output);
    let found: ReviewResult = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!((found.tests.status, found.tests.command.as_deref()), (ReviewTestStatus::NotRun, Some("make test")));
    assert_eq!(found.tests.detail.as_deref(), Some("the sandbox is read-only"));
    assert!(said(&place, 0).contains("Tests (`make test`): not run: the sandbox is read-only"));
    assert_eq!(whole(&place), before);
}

/// Without walls there are walls all the same.
#[test]
fn without_walls_a_review_still_leaves_everything_as_it_is() {
    not_inside_another_sandbox!();
    let outside = "echo x > ../outside; echo y > changed.txt; cat changed.txt";
    let place = project(json!([{ "tool": "exec_command", "arguments": { "cmd": outside } }, answer(&json!([]))]));
    let before = whole(&place);
    let output = place.codex(&["review", "-s", "danger-full-access"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", both(&output).1);
    assert_eq!(whole(&place), before);
    assert!(!place.workspace.with_file_name("outside").exists());
    assert!(said(&place, 1).contains("y\\n"), "{}", said(&place, 1));
}

/// The program where there are no namespaces, and with them no overlays.
fn without_namespaces(place: &Place, arguments: &[&str]) -> std::process::Command {
    let inner = place.codex(arguments);
    let argv: Vec<&str> =
        [inner.get_program()].into_iter().chain(inner.get_args()).map(|it| it.to_str().unwrap()).collect();
    let mut command = surrounded(NO_NAMESPACES, &argv);
    let environment = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(environment).current_dir(&place.workspace);
    command
}

/// Where nothing can be thrown away, the tests run in the project, and what they changed is put back; unless something could
/// not be.
#[test]
fn where_nothing_can_be_thrown_away_what_the_tests_changed_is_put_back() {
    not_inside_another_sandbox!();
    let script = "test:\n\t@echo built > built; echo x >> staged.txt; rm new.txt; mkdir d; echo x > d/x; chmod +x changed.txt; \
        echo 'FAILED test_of_sums'; exit 3\n";
    for large in [false, true] {
        let place = project(json!([answer(&json!([finding("low", "new.txt", 1)]))]));
        fs::write(place.workspace.join("Makefile"), script).unwrap();
        fs::write(place.workspace.join(".gitignore"), "out/\n").unwrap();
        fs::create_dir(place.workspace.join("out")).unwrap();
        let files = if large { 2_100 } else { 3 };
        (0..files).for_each(|number| fs::write(place.workspace.join(format!("out/{number}")), "x").unwrap());
        let contents =
            || -> Vec<_> { whole(&place).into_iter().map(|(path, of, bytes)| (path, of[1], bytes)).collect() };
        let before = contents();
        let arguments = ["-c", "sandbox.allow_weak=true", "review", "--json"];
        let output = without_namespaces(&place, &arguments).output().unwrap();
        let (stdout, stderr) = both(&output);
        let found: ReviewResult = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        assert_eq!(contents(), before, "{stderr}");
        let detail = found.tests.detail.unwrap();
        if large {
            assert_eq!(found.tests.status, ReviewTestStatus::NotRun);
            assert!(detail.contains("no namespaces") && detail.contains("out is not kept"), "{detail}");
            continue;
        }
        assert_eq!((found.tests.status, detail.as_str()), (ReviewTestStatus::Failed, "exit code 2"), "{stderr}");
        assert!(said(&place, 0).contains("FAILED test_of_sums"));
        assert!(stderr.contains("what they changed was put back: ") && stderr.contains("built"), "{stderr}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let table: &[(&[&str], i32, &str)] = &[
        (&["--base", "nowhere"], 1, "git knows no branch or commit `nowhere` here"),
        (&["--commit", "-x"], 2, "unexpected argument"),
        (&["--base", "main", "--commit", "HEAD"], 2, "cannot be used with"),
        (&["--base", " "], 2, "the review has nothing to look at"),
        (&["-o", "/nowhere/x"], 2, "--output: /nowhere/x"),
    ];
    let place = project(json!([]));
    for (typed, code, expected) in table {
        let output = place.codex(&[&["review"][..], typed].concat()).output().unwrap();
        let (stdout, stderr) = both(&output);
        assert_eq!((output.status.code(), stdout.as_str()), (Some(*code), ""), "{typed:?}: {stderr}");
        assert!(stderr.contains(expected), "{typed:?}: {stderr}");
    }
    assert!(place.server.requests().is_empty());
}

/// What runs the tests can be said, and that none are to run; a project that is not trusted says neither.
#[test]
fn the_settings_say_what_runs_the_tests() {
    not_inside_another_sandbox!();
    let table: &[(&str, &str, &str)] = &[
        ("", "review.test_command=\"echo OTHER; exit 9\"", "Tests (`echo OTHER; exit 9`): failed: exit code 9"),
        ("", "review.test_command=false", "Tests: not run: `review.test_command` is false"),
        ("[review]\ntest_command = false\n", "model=\"mock\"", "Tests (`make test`): failed: exit code 2"),
    ];
    for (of_project, typed, expected) in table {
        let place = project(json!([answer(&json!([]))]));
        fs::create_dir(place.workspace.join(".codex")).unwrap();
        fs::write(place.workspace.join(".codex/config.toml"), of_project).unwrap();
        let output = place.codex(&["-c", typed, "review"]).output().unwrap();
        let (stdout, stderr) = both(&output);
        assert!(stdout.contains(expected), "{typed}: {stdout}{stderr}");
    }
    let place = project(json!([]));
    let output = place.codex(&["-c", "review.test_command=true", "review"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(both(&output).1.contains("`test_command` must be a string or `false`"), "{}", both(&output).1);
}

/// An answer that is none is asked for once more; then it is shown as it is.
#[test]
fn an_answer_that_is_no_review_is_asked_for_once_more() {
    let place = project(json!([{ "text": "Looks good." }, answer(&json!([finding("low", "new.txt", 1)]))]));
    let output = place.codex(&["review", "-s", "read-only"]).output().unwrap();
    assert!(both(&output).0.contains("**low** `new.txt:1`"), "{}", both(&output).1);
    assert!(said(&place, 1).contains("cannot be read as a review: it is not JSON"));

    let place =
        project(json!([{ "text": "Looks good." }, { "text": "As I said: good." }, { "text": "x" }, { "text": "No." }]));
    let output = place.codex(&["review", "-s", "read-only"]).output().unwrap();
    assert_eq!((output.status.code(), both(&output).0.as_str()), (Some(0), "As I said: good.\n"));
    let output = place.codex(&["review", "-s", "read-only", "--json"]).output().unwrap();
    let (stdout, stderr) = both(&output);
    assert_eq!((output.status.code(), stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("the model's answer is no review; it said:\nNo."), "{stderr}");
}

#[test]
fn where_nothing_differs_the_model_is_not_asked() {
    let place = Place::new(json!([]));
    git(&place, "init -q");
    let output = place.codex(&["review"]).output().unwrap();
    let (stdout, stderr) = both(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("nothing found**\n\nNothing differs.\n\nTests: not run: no command for them"), "{stdout}");
    let bare = Place::new(json!([]));
    let output = bare.codex(&["review"]).output().unwrap();
    assert!(both(&output).0.contains("There is no git here to say what has changed"), "{}", both(&output).0);
    assert!(place.server.requests().is_empty() && bare.server.requests().is_empty());
}

/// Without git, what the session has changed is what its commands did too, and not what the user did.
#[tokio::test]
async fn without_git_the_changes_of_the_session_are_looked_at() {
    const PATCH: &str =
        "*** Begin Patch\n*** Add File: large/patched\n+PATCHED\n*** Add File: small\n+SMALL\n*** End Patch\n";
    let place = Place::new(json!([
        { "custom": "apply_patch", "input": PATCH },
        run("echo AGENTS >> both; echo MADE > made; rm gone"), { "text": "ok" }, answer(&json!([])), { "text": "ok" }
    ]));
    large_cache(&place, "large");
    fs::write(place.workspace.join("both"), "before\n").unwrap();
    fs::write(place.workspace.join("gone"), "GONE\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    fs::write(place.workspace.join("mine"), "THE-USERS\n").unwrap();
    review(&session, ReviewTarget::UncommittedChanges).await.unwrap();
    session.rest_of_turn(&[]).await;
    let asked = said(&place, 3);
    for part in ["+AGENTS", "+MADE", "-GONE", "+SMALL", "+PATCHED", "what this session has changed"] {
        assert_eq!(asked.matches(part).count(), 1, "{part}: {asked}");
    }
    assert!(!asked.contains("THE-USERS"), "{asked}");
}

async fn review(session: &Session, target: ReviewTarget) -> Result<String, RpcError> {
    let thread_id = session.thread_id.clone();
    let params = ReviewStartParams { thread_id, target, delivery: None };
    session.connection.client.review_start(params).await.map(|started| started.turn.id)
}

/// The conversation of a review is its own; what was found comes back as one message, also after a resume.
#[tokio::test]
async fn the_conversation_of_a_review_is_apart() {
    let script =
        [json!({ "text": "ok" }), answer(&json!([finding("high", "new.txt", 1)])), json!({ "text": "I see." })];
    let place = project(
        json!([script[0], { "tool": "read_file", "arguments": { "path": "new.txt" } }, script[1], script[2], script[2]]),
    );
    let sandbox = Some(SandboxMode::ReadOnly);
    let mut session = Session::with(&place, ThreadStartParams { sandbox, ..Default::default() }).await;
    session.turn(&[]).await;
    assert_eq!(review(&session, ReviewTarget::UncommittedChanges).await.unwrap(), "turn_1");
    session.turn_ended().await;
    let kinds: Vec<&str> = session.view.items.iter().map(kind).collect();
    assert_eq!(kinds, ["entered", "call", "exited", "message"]);
    assert_eq!(session.view.ended(), Some(TurnStatus::Completed));
    let (of_review, before) = (said(&place, 1), said(&place, 0));
    assert!(!of_review.contains("\"go\"") && before.contains("\"go\""), "{of_review}");
    session.turn(&[]).await;
    let after = said(&place, 3);
    assert!(
        after.contains("new.txt is wrong") && !after.contains("read_file") && !after.contains("<changes>"),
        "{after}"
    );
    let mut session = session.resumed(&place).await;
    session.turn(&[]).await;
    let resumed = place.server.requests()[4].body["input"].as_array().unwrap().clone();
    let open = place.server.requests()[3].body["input"].as_array().unwrap().clone();
    assert_eq!(resumed[..open.len()], open[..]);
    let list = session.connection.client.thread_list(Default::default()).await.unwrap();
    assert_eq!(list.data[0].preview, "go");
}

fn kind(item: &ThreadItem) -> &'static str {
    match item {
        ThreadItem::EnteredReviewMode { .. } => "entered",
        ThreadItem::ExitedReviewMode { .. } => "exited",
        ThreadItem::AgentMessage { .. } => "message",
        ThreadItem::DynamicToolCall { .. } => "call",
        ThreadItem::CommandExecution { .. } => "command",
        _ => "other",
    }
}

#[tokio::test]
async fn an_interrupt_ends_it_and_the_thread_goes_on() {
    not_inside_another_sandbox!();
    let place = project(json!([{ "text": "ok" }]));
    let before = {
        fs::write(place.workspace.join("Makefile"), "test:\n\t@echo up; exec sleep 100000\n").unwrap();
        whole(&place)
    };
    let params = ThreadStartParams {
        approval_policy: Some(ApprovalPolicy::Never),
        live_output: Some(true),
        ..Default::default()
    };
    let mut session = Session::with(&place, params).await;
    review(&session, ReviewTarget::UncommittedChanges).await.unwrap();
    session.next(|told| matches!(told, ServerNotification::CommandOutputDelta(_)).then_some(())).await;
    let busy = review(&session, ReviewTarget::UncommittedChanges).await.unwrap_err();
    assert!(busy.message.contains("already running"), "{busy}");
    let steered = session.steer("turn_0", "and this").await.unwrap_err();
    assert!(steered.message.contains("no active turn to steer"), "{steered}");
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    let kinds: Vec<&str> = session.view.items.iter().map(kind).collect();
    assert_eq!(kinds, ["entered", "command", "exited"]);
    assert_eq!(whole(&place), before);
    session.turn(&[]).await;
    assert!(!said(&place, 0).contains("<changes>"));
}

/// What a review leaves in the journal when its program is killed is nothing of the conversation.
#[test]
fn a_killed_review_leaves_the_conversation_whole() {
    let place = project(json!([{ "text": "ok" }, { "text": "again" }]));
    assert!(place.codex(&["exec", "first"]).output().unwrap().status.success());
    let journal = place.journals().pop().unwrap();
    let id: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let id = id["threadId"].as_str().unwrap();
    // The records of a review that was cut off behind a call.
    let path = find(&place.home.join("sessions")).unwrap();
    let cut = [
        json!({ "type": "turnStarted", "turnId": "turn_1" }),
        json!({ "type": "aside", "message": { "role": "developer", "text": "You review." } }),
        json!({ "type": "aside", "message": { "role": "assistant", "content": [
            { "type": "call", "callId": "c", "name": "read_file", "arguments": { "form": "json", "text": "{}" } }] } }),
        json!({ "type": "started", "callId": "c", "itemId": "turn_1_item_2", "access": {}, "checkpoint": null }),
    ];
    let mut text = fs::read_to_string(&path).unwrap();
    let next = text.lines().count();
    for (at, record) in cut.iter().enumerate() {
        let mut line = json!({ "seq": next + at, "at": 0 });
        line.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        text.push_str(&format!("{line}\n"));
    }
    fs::write(&path, text).unwrap();
    let output = place.codex(&["exec", "resume", id, "second"]).output().unwrap();
    assert!(output.status.success(), "{}", both(&output).1);
    let request = said(&place, 1);
    assert!(request.contains("second") && !request.contains("You review"), "{request}");
}

fn find(directory: &Path) -> Option<PathBuf> {
    fs::read_dir(directory).ok()?.flatten().find_map(|entry| match entry.path() {
        path if path.is_dir() => find(&path),
        path => Some(path),
    })
}
