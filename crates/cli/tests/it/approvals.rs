//! Questions and their answers: what is asked is what runs, and nothing runs that nobody has said yes to.

mod hunks;
mod rules;
mod uncovers;
mod weaker_walls;
mod writes;

use std::fs;

use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalPolicy, CommandExecutionStatus, PatchApplyStatus, ServerRequest,
    ThreadItem, TurnStatus,
};
use serde_json::{Value, json};

use crate::{
    session::{Session, answer, command, no, terms, yes},
    support::Place,
};

pub fn run(command: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": command } })
}

pub fn escalated(command: &str, why: &str) -> Value {
    let arguments = json!({ "cmd": command, "sandbox_permissions": "require_escalated", "justification": why });
    json!({ "tool": "exec_command", "arguments": arguments })
}

pub fn patch(hunks: &str) -> Value {
    json!({ "custom": "apply_patch", "input": format!("*** Begin Patch\n{hunks}*** End Patch\n") })
}

/// The text of the last request.
pub fn last_request(place: &Place) -> String {
    place.server.requests().pop().unwrap().body.to_string()
}

fn command_status(items: &[ThreadItem]) -> Vec<CommandExecutionStatus> {
    let status = |item: &ThreadItem| match item {
        ThreadItem::CommandExecution { status, .. } => Some(*status),
        _ => None,
    };
    items.iter().filter_map(status).collect()
}

#[tokio::test]
async fn a_question_comes_after_its_item_and_is_resolved_before_anything_else() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes()]).await;
    let expected = [
        "active []",
        "item completed",
        "item started",
        r#"active ["waitingOnApproval"]"#,
        "asked",
        "resolved",
        "active []",
        "item completed",
        "item started",
        "item completed",
        "idle",
    ];
    assert_eq!(seen.told, expected);
    let asked = command(&seen.asked[0]);
    assert_eq!((asked.command.as_str(), asked.cwd.as_str()), ("touch made", place.workspace.to_str().unwrap()));
    let walls = &asked.terms.confinement;
    let writes = format!("writes {} and a private /tmp", place.workspace.display());
    assert!(walls.contains(&writes) && walls.contains("no network"), "{walls}");
    assert!(place.workspace.join("made").exists());
    assert_eq!(command_status(&seen.items), [CommandExecutionStatus::Completed]);
}

#[tokio::test]
async fn a_no_is_told_to_the_model_with_what_the_user_says_and_the_turn_goes_on() {
    let place = Place::new(json!([run("touch made"), patch("*** Add File: new\n+x\n"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let message = Some("use the Makefile".to_owned());
    let with_message = ApprovalAnswer { decision: ApprovalDecision::Decline, message };
    let seen = session.turn(&[with_message, no()]).await;
    assert_eq!(seen.turn.status, TurnStatus::Completed);
    assert!(!place.workspace.join("made").exists() && !place.workspace.join("new").exists());
    let request = last_request(&place);
    for told in
        ["The user declined this call and says: use the Makefile", "The user declined this call. It did nothing."]
    {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
    assert_eq!(command_status(&seen.items), [CommandExecutionStatus::Declined]);
    let told = |item: &ThreadItem| matches!(item, ThreadItem::CommandExecution { aggregated_output: Some(text), .. } if text == "declined by the user: use the Makefile");
    assert!(seen.items.iter().any(told), "{:?}", seen.items);
    let declined =
        |item: &ThreadItem| matches!(item, ThreadItem::FileChange { status: PatchApplyStatus::Declined, .. });
    assert!(seen.items.iter().any(declined), "{:?}", seen.items);
}

#[tokio::test]
async fn a_stop_ends_the_turn_and_no_further_call_runs() {
    let calls = json!({ "calls": [run("touch one"), run("touch two")] });
    let place = Place::new(json!([calls, { "text": "more" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(ApprovalDecision::Cancel)]).await;
    assert_eq!(seen.turn.status, TurnStatus::Interrupted);
    assert_eq!(command_status(&seen.items), [CommandExecutionStatus::Declined]);
    assert!(!place.workspace.join("one").exists() && !place.workspace.join("two").exists());
    session.turn(&[]).await;
    let request = last_request(&place);
    for told in ["declined this call and stopped the turn", "interrupted the turn before this call ran"] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
}

#[tokio::test]
async fn an_interrupt_takes_the_question_back() {
    let place = Place::new(json!([run("touch made"), { "text": "more" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    session.interrupt().await;
    session.turn_ended().await;
    assert!(session.view.questions.is_empty());
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    assert_eq!(command_status(session.view.items.make_contiguous()), [CommandExecutionStatus::Declined]);
    assert_eq!(recorded(&place), ["touch made: nothing by nobody"]);
    let late = session.answer(id, yes()).await.unwrap_err();
    assert!(late.message.contains("no open question"), "{late}");
    assert!(!place.workspace.join("made").exists());
}

/// Each answer of a session's journal: the command, the answer, and whose it is.
fn recorded(place: &Place) -> Vec<String> {
    let lines = place.journals().concat();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let asked = lines.filter(|line| line["type"] == "asked");
    let word = |line: Value| {
        assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
        let [command, answer, by] = ["/access/command", "/answer", "/by"].map(|at| line.pointer(at).unwrap().clone());
        format!("{}: {} by {}", command.as_str().unwrap(), answer.as_str().unwrap(), by.as_str().unwrap())
    };
    asked.map(word).collect()
}

#[tokio::test]
async fn every_answer_is_recorded_with_whose_it_is() {
    let model = json!([run("touch one"), run("touch one"), run("touch two"), run("touch three"), { "text": "ok" }]);
    let place = Place::new(model);
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.turn(&[answer(ApprovalDecision::AcceptForSession), no(), answer(ApprovalDecision::Cancel)]).await;
    let expected = [
        "touch one: acceptForSession by user",
        "touch one: accept by session",
        "touch two: decline by user",
        "touch three: cancel by user",
    ];
    assert_eq!(recorded(&place), expected);
}

#[tokio::test]
async fn what_full_auto_allows_is_recorded_as_its_answer() {
    let place = Place::new(json!([run("rm -rf gone"), run("echo"), { "text": "ok" }]));
    let params = codex_protocol::ThreadStartParams { full_auto: Some(true), ..Default::default() };
    Session::with(&place, params).await.turn(&[]).await;
    assert_eq!(recorded(&place), ["rm -rf gone: accept by fullAuto"]);
}

/// D41: two clients answer, or an answer comes for another question.
#[tokio::test]
async fn the_first_answer_counts() {
    let place = Place::new(json!([run("touch one"), run("touch two"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (first, request) = session.question().await;
    assert_eq!(command(&request).command, "touch one");
    let other = session.connection.client.clone();
    session.answer(first, no()).await.unwrap();
    let params = codex_protocol::ServerRequestAnswerParams { request_id: first, answer: yes() };
    assert!(other.answer(params).await.unwrap_err().message.contains("no open question"));
    let (second, request) = session.question().await;
    assert_eq!(command(&request).command, "touch two");
    assert_ne!(first, second);
    // What was said yes to is this question and no other.
    assert!(session.answer(first, yes()).await.is_err());
    assert!(session.answer(second + 1, yes()).await.is_err());
    session.answer(second, yes()).await.unwrap();
    session.turn_ended().await;
    assert!(!place.workspace.join("one").exists() && place.workspace.join("two").exists());
}

/// D14: what was shown is what is written, or nothing is.
#[tokio::test]
async fn a_file_that_changed_after_it_was_shown_is_not_written() {
    let update = patch("*** Update File: a\n@@\n-one\n+two\n");
    let place = Place::new(json!([update, { "text": "ok" }]));
    let file = place.workspace.join("a");
    fs::write(&file, "one\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    fs::write(&file, "one\nmore\n").unwrap();
    session.answer(id, yes()).await.unwrap();
    session.turn_ended().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\nmore\n");
    assert!(last_request(&place).contains("changed since"), "{}", last_request(&place));
}

/// D14: the file becomes a link to another while the question is open.
#[cfg(unix)]
#[tokio::test]
async fn a_link_that_came_after_the_question_is_not_followed() {
    let update = patch("*** Update File: a\n@@\n-one\n+two\n");
    let place = Place::new(json!([update, { "text": "ok" }]));
    let (file, outside) = (place.workspace.join("a"), place.home.join("outside"));
    for path in [&file, &outside] {
        fs::write(path, "one\n").unwrap();
    }
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&outside, &file).unwrap();
    session.answer(id, yes()).await.unwrap();
    session.turn_ended().await;
    assert_eq!(fs::read_to_string(&outside).unwrap(), "one\n");
    assert!(last_request(&place).contains("The patch was not applied"), "{}", last_request(&place));
}

#[tokio::test]
async fn yes_for_the_session_means_the_same_command_in_the_same_directory() {
    let call =
        |cmd: &str, workdir: &str| json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "workdir": workdir } });
    let steps =
        [call("echo x >> log", ""), call("echo x >> log", ""), call("echo y >> log", ""), call("echo x >> log", "sub")];
    let place = Place::new(json!([steps[0], steps[1], steps[2], steps[3], { "text": "ok" }]));
    fs::create_dir(place.workspace.join("sub")).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(ApprovalDecision::AcceptForSession), no(), no()]).await;
    let asked: Vec<_> =
        seen.asked.iter().map(|asked| (command(asked).command.as_str(), command(asked).cwd.as_str())).collect();
    let (here, sub) = (place.workspace.to_str().unwrap(), place.workspace.join("sub"));
    assert_eq!(asked, [("echo x >> log", here), ("echo y >> log", here), ("echo x >> log", sub.to_str().unwrap())]);
    assert_eq!(fs::read_to_string(place.workspace.join("log")).unwrap(), "x\nx\n");
}

#[tokio::test]
async fn yes_for_the_session_to_a_patch_means_the_same_files() {
    let steps = [
        "*** Add File: a\n+x\n",
        "*** Update File: a\n@@\n-x\n+y\n",
        "*** Update File: a\n@@\n-y\n+z\n*** Add File: b\n+x\n",
    ];
    let place = Place::new(json!([patch(steps[0]), patch(steps[1]), patch(steps[2]), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[answer(ApprovalDecision::AcceptForSession), no()]).await;
    assert!(matches!(seen.asked[..], [ServerRequest::FileChangeApproval(_), ServerRequest::FileChangeApproval(_)]));
    assert_eq!(fs::read_to_string(place.workspace.join("a")).unwrap(), "y\n");
    assert!(!place.workspace.join("b").exists());
}

/// D47: the model's words are marked as the model's, and what is lost is said.
#[tokio::test]
async fn leaving_the_sandbox_is_asked_once_for_each_time_in_plain_words() {
    let why = "It is only a look. The user has agreed already.";
    let step = escalated("echo x >> ../outside", why);
    let place = Place::new(json!([step, step, { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[answer(ApprovalDecision::AcceptForSession), no()]).await;
    let asked = command(&seen.asked[0]);
    assert_eq!(asked.command, "echo x >> ../outside");
    let reason = asked.reason.as_deref().unwrap();
    assert!(reason.contains("leave the sandbox") && reason.contains(&format!("the model says: “{why}”")), "{reason}");
    let terms = terms(&seen.asked[0]);
    assert!(terms.confinement.contains("no sandbox") && terms.remember.is_none(), "{terms:?}");
    assert_eq!(terms.justification.as_deref(), Some(why));
    assert!(!asked.available_decisions.contains(&ApprovalDecision::AcceptForSession));
    // One yes, one run, whatever else the answer says.
    assert_eq!(fs::read_to_string(place.workspace.join("../outside")).unwrap(), "x\n");
}

/// D10: the directory that a command starts in is no root.
#[tokio::test]
async fn a_working_directory_opens_nothing() {
    let touch = "touch made-here";
    let call = |workdir: &str| json!({ "tool": "exec_command", "arguments": { "cmd": touch, "workdir": workdir } });
    let place = Place::new(json!([call("/"), call("/usr"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    let seen = session.turn(&[yes(), yes()]).await;
    for asked in &seen.asked {
        let writes = format!("writes {} and a private /tmp", place.workspace.display());
        assert!(terms(asked).confinement.contains(&writes), "{asked:?}");
    }
    assert_eq!(command(&seen.asked[0]).cwd, "/");
    assert_eq!(command_status(&seen.items), [CommandExecutionStatus::Failed; 2]);
    assert!(!["/made-here", "/usr/made-here"].iter().any(|path| fs::exists(path).unwrap()));
}

/// A server that nobody has to answer, and a command that reaches it if it has the network; if not, it tries another way.
fn reaching() -> (std::net::TcpListener, String) {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let command = format!(
        "echo run >> runs; (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 0; exec 3<>/dev/tcp/198.51.100.1/9"
    );
    (server, command)
}

#[tokio::test]
async fn a_command_that_missed_the_network_may_run_once_more_with_it() {
    not_inside_another_sandbox!();
    let (_server, reach) = reaching();
    let place = Place::new(json!([run(&reach), run(&reach), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes(), no()]).await;
    let asked = command(&seen.asked[0]);
    assert_eq!(asked.command, reach);
    let (reason, walls) = (asked.reason.as_deref().unwrap(), &asked.terms.confinement);
    assert!(reason.contains("kept something in it from the network"), "{reason}");
    assert!(walls.contains("in the sandbox") && walls.contains("the whole network"), "{walls}");
    use CommandExecutionStatus::{Completed, Declined, Failed};
    assert_eq!(command_status(&seen.items), [Failed, Completed, Failed, Declined]);
    assert_eq!(fs::read_to_string(place.workspace.join("runs")).unwrap(), "run\n".repeat(3));
    let request = last_request(&place);
    for told in ["let it run once more with the network", "blocked an attempt to reach the network", "and did not"] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
}

#[tokio::test]
async fn where_nobody_is_asked_the_model_is_told_of_the_network() {
    not_inside_another_sandbox!();
    let (_server, reach) = reaching();
    let place = Place::new(json!([run(&reach), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    assert_eq!(fs::read_to_string(place.workspace.join("runs")).unwrap(), "run\n");
    assert!(
        last_request(&place).contains("The sandbox blocked an attempt to reach the network: it is off for commands")
    );
}
