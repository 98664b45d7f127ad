//! Sub-agents: they work beside the session that has started them, may do no more than it, and what they come to reaches
//! it once.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use codex_protocol::{
    AgentListParams, AgentStartParams, ApprovalPolicy, CollabAgentState, CollabAgentStatus, ServerMessage,
    ServerNotification, ServerRequest, ThreadItem, TurnStatus,
};
use serde_json::{Value, json};

use crate::{
    approvals::run,
    session::{Session, no, terms, yes},
    support::{Place, events, wait_for},
};

fn spawn(task: &str) -> Value {
    json!({ "tool": "spawn_agent", "arguments": { "task": task } })
}

fn wait() -> Value {
    json!({ "tool": "wait_agent", "arguments": {} })
}

/// A sub-agent's name, how it stands, and what it said.
type AgentState = (String, CollabAgentStatus, String);

/// What a session was told while its turn ran, its sub-agents' part apart.
#[derive(Default)]
struct Told {
    /// Finished items of the session itself.
    items: Vec<ThreadItem>,
    /// Questions, with the names of those that had them.
    asked: Vec<(Option<String>, ServerRequest)>,
    status: Option<TurnStatus>,
}

impl Told {
    /// How the sub-agents stood, item by item.
    fn agents(&self) -> Vec<AgentState> {
        let states = |item: &ThreadItem| match item {
            ThreadItem::CollabAgentToolCall { agents_states, .. } => agents_states.values().cloned().collect(),
            _ => Vec::new(),
        };
        let state = |it: CollabAgentState| (it.name, it.status, it.message.unwrap_or_default());
        self.items.iter().flat_map(states).map(state).collect()
    }
}

/// Follows the session's own turn to its end; `answer` is given to each question.
async fn follow(session: &mut Session, answer: impl Fn() -> codex_protocol::ApprovalAnswer) -> Told {
    let mut told = Told::default();
    loop {
        let event = match session.message().await {
            ServerMessage::Event(event) => event,
            ServerMessage::Request { id, request } => {
                told.asked.push((terms(&request).agent.clone(), request));
                session.answer(id, answer()).await.unwrap();
                continue;
            }
        };
        match event.notification {
            ServerNotification::ItemCompleted(done) if done.thread_id == session.thread_id => {
                told.items.push(done.item);
            }
            ServerNotification::TurnCompleted(changed) if changed.thread_id == session.thread_id => {
                told.status = Some(changed.turn.status);
                return told;
            }
            _ => {}
        }
    }
}

/// The results of calls in the last request that was made by the session that was told `task`.
fn results(place: &Place, task: &str) -> Vec<String> {
    let said = |body: &Value| body["input"].to_string().contains(&format!("\"text\":\"{task}\""));
    let last = place.server.requests().into_iter().rev().find(|request| said(&request.body)).unwrap();
    let items = last.body["input"].as_array().unwrap().clone();
    items.iter().filter_map(|item| item["output"].as_str().map(str::to_owned)).collect()
}

fn tools(body: &Value) -> Vec<String> {
    body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn exec_shows_what_they_do_and_what_they_come_to() {
    let place = Place::new(json!({
        "steps": [spawn("look around"), wait(), { "text": "All is well." }],
        "sessions": { "look around": [run("echo seen > made"), { "text": "There is one file." }] },
    }));
    let output = place.codex(&["exec", "--json", "go"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(place.workspace.join("made")).unwrap(), "seen\n");
    let events = events(&output.stdout);
    let done = events.iter().filter(|event| event["type"] == "item.completed").map(|event| &event["item"]);
    let told: Vec<String> = done
        .map(|item| match item["type"].as_str().unwrap() {
            "collab_tool_call" => {
                let states = item["agents_states"].as_object().unwrap().values();
                let states: Vec<String> = states.map(|it| format!("{} {}", it["status"], it["message"])).collect();
                format!("{} {}", item["tool"], states.join(", "))
            }
            kind => format!("{kind} {}", item["text"]),
        })
        .collect();
    let expected = [
        r#""spawn_agent" "running" null"#,
        r#""wait" "completed" "There is one file.""#,
        r#"agent_message "All is well.""#,
    ];
    assert_eq!(told, expected);
    assert!(results(&place, "go").iter().any(|result| result.contains("There is one file.")));
    // Its tokens are the session's too: three answers of the session, two of its sub-agent.
    let usage = |body: &Value| body["usage"]["output_tokens"].as_u64();
    let total = events.iter().find_map(usage).unwrap();
    let journals = place.journals();
    let parent = journals.iter().find(|journal| !journal.contains("\"parent\":")).unwrap();
    let recorded: u64 = parent
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["type"] == "usage")
        .filter_map(|line| line["usage"]["outputTokens"].as_u64())
        .sum();
    assert_eq!((recorded, journals.len()), (total, 2));
    // Of itself it knows that it may have none.
    let requests = place.server.requests();
    let of_child = requests.iter().filter(|it| it.body["input"].to_string().contains("\"text\":\"look around\""));
    let of_child: Vec<_> = of_child.map(|request| tools(&request.body)).collect();
    assert_eq!(of_child.len(), 2);
    assert!(of_child.iter().flatten().all(|tool| !tool.ends_with("_agent")), "{of_child:?}");
    assert!(tools(&requests[0].body).contains(&"spawn_agent".to_owned()));
    // In the text, too.
    let place = Place::new(json!({
        "steps": [spawn("look around"), wait(), { "text": "All is well." }],
        "sessions": { "look around": [{ "text": "There is one file." }] },
    }));
    let output = place.codex(&["exec", "go"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("• Started agent-1\n    look around\n"), "{text}");
    assert!(text.contains("• agent-1 is done\n    There is one file.\n"), "{text}");
    // Going on with the last session is going on with this one.
    let output = place.codex(&["exec", "resume", "--last", "and?"]).output().unwrap();
    assert!(output.status.success());
    assert!(results(&place, "and?").iter().any(|result| result.contains("There is one file.")));
}

#[tokio::test]
async fn a_turn_does_not_end_before_those_that_it_has_started() {
    let place = Place::new(json!({
        "steps": [{ "calls": [spawn("one"), spawn("two")] }, { "text": "I wait." }, { "text": "and" }, { "text": "so" }],
        "sessions": { "one": [run("true"), { "text": "1 is done" }], "two": [{ "text": "2 is done" }] },
    }));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    assert_eq!(told.status, Some(TurnStatus::Completed));
    let mut ended: Vec<String> = told.agents().into_iter().map(|it| it.2).collect();
    ended.retain(|message| !message.is_empty());
    ended.sort();
    assert_eq!(ended, ["1 is done", "2 is done"]);
    let last = place.server.requests().into_iter().rev().find(|it| it.body["input"].to_string().contains("\"go\""));
    let input = last.unwrap().body["input"].to_string();
    assert_eq!(input.matches("is done\\n</agent_report>").count(), 2, "{input}");
}

#[tokio::test]
async fn a_question_says_whose_it_is_and_its_answer_reaches_it() {
    for (answer, made) in [(yes as fn() -> _, true), (no, false)] {
        let place = Place::new(json!({
            "steps": [spawn("make it"), wait(), { "text": "ok" }],
            "sessions": { "make it": [run("touch made"), { "text": "tried" }] },
        }));
        let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
        session.say("go").await;
        let told = follow(&mut session, answer).await;
        let names: Vec<_> = told.asked.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!(names, [Some("agent-1")]);
        assert_eq!(place.workspace.join("made").exists(), made);
    }
}

#[tokio::test]
async fn interrupting_a_turn_stops_what_works_for_it() {
    let place = Place::new(json!({
        "steps": [spawn("take long"), wait()],
        "sessions": { "take long": [run("echo $$ > pid; sleep 1000")] },
    }));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let thread_id = session.thread_id.clone();
    session
        .next(|told| match told {
            ServerNotification::ItemStarted(started) if started.thread_id != thread_id => {
                matches!(started.item, ThreadItem::CommandExecution { .. }).then_some(())
            }
            _ => None,
        })
        .await;
    session.interrupt().await;
    let told = follow(&mut session, yes).await;
    assert_eq!(told.status, Some(TurnStatus::Interrupted));
    let state = told.agents().pop().unwrap();
    assert_eq!(state, ("agent-1".into(), CollabAgentStatus::Interrupted, String::new()));
    let journals = place.journals();
    let child = journals.iter().find(|journal| journal.contains("\"parent\":")).unwrap();
    assert!(child.contains(r#""type":"turnEnded","turnId":"turn_0","outcome":{"outcome":"interrupted"}"#), "{child}");
}

/// A repository with one commit in the workspace.
pub fn repository(place: &Place) {
    let git = |arguments: &[&str]| {
        let done = git(&place.workspace, arguments);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    fs::write(place.workspace.join("a.txt"), "one\n").unwrap();
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "one"]);
}

#[allow(clippy::disallowed_methods, reason = "git makes what the program under test works in")]
fn git(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", directory).output().unwrap()
}

fn worktrees(place: &Place) -> usize {
    fs::read_dir(place.home.join("worktrees")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn two_edit_the_same_file_at_once_in_worktrees_and_what_is_taken_over_is_chosen() {
    not_inside_another_sandbox!();
    let own = |task: &str| json!({ "tool": "spawn_agent", "arguments": { "task": task, "worktree": true } });
    let place = Place::new(json!({
        "steps": [
            { "calls": [own("make it two"), own("make it three"), own("look")] }, wait(), wait(), wait(),
            run("git apply \"$(grep -l +two /tmp/*.patch)\""),
            { "text": "ok" },
        ],
        "sessions": {
            "make it two": [run("echo two > a.txt; echo new > new.txt"), { "text": "two" }],
            "make it three": [run("echo three > a.txt"), { "text": "three" }],
            "look": [run("cat a.txt"), { "text": "one" }],
        },
    }));
    repository(&place);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    assert_eq!(told.status, Some(TurnStatus::Completed));
    let results = results(&place, "go");
    let changed =
        |files: &str| results.iter().any(|it| it.contains(&format!("not here: {files}\n`git apply /tmp/agent-")));
    assert!(changed("a.txt, new.txt") && changed("a.txt"), "{results:?}");
    assert!(results.iter().any(|it| it.contains("It changed nothing in its worktree.")), "{results:?}");
    // Whoever looks on sees what it would be here, and what takes it over.
    let lines: Vec<_> = told.items.iter().flat_map(codex_client::agent_lines).collect();
    let of = |text: &str| lines.iter().find(|line| line.changes.iter().any(|change| change.diff.contains(text)));
    let three = of("+three").unwrap();
    assert_eq!(three.changes[0].path, place.workspace.join("a.txt").display().to_string());
    assert_eq!((three.changes.len(), of("+two").unwrap().changes.len()), (1, 2), "{lines:?}");
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "two\n");
    assert_eq!(fs::read_to_string(place.workspace.join("new.txt")).unwrap(), "new\n");
    // Only the one whose changes nobody took is still there, and git knows of it.
    assert_eq!(worktrees(&place), 1);
    let listed = git(&place.workspace, &["worktree", "list", "--porcelain"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("worktree ").count(), 2, "{listed}");
    let kept = fs::read_dir(place.home.join("worktrees")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(kept.join("a.txt")).unwrap(), "three\n");
    drop(session);
    // The user takes over what the model did not, when the session is over.
    fs::write(place.workspace.join("a.txt"), "one\n").unwrap();
    let command: Vec<&str> = three.takes_over.split(' ').skip(1).collect();
    let output = place.codex(&command).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "three\n");
}

#[tokio::test]
async fn one_in_a_worktree_writes_nowhere_else() {
    let own = json!({ "tool": "spawn_agent", "arguments": { "task": "try", "worktree": true } });
    let there = "../../../workspace";
    let tries = format!("echo x > {there}/outside; echo x >> {there}/.git/config; echo x > inside; ls {there}");
    let place = Place::new(json!({
        "steps": [own, wait(), { "text": "ok" }],
        "sessions": { "try": [run(&tries), { "text": "tried" }] },
    }));
    repository(&place);
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.say("go").await;
    follow(&mut session, yes).await;
    assert!(!place.workspace.join("outside").exists());
    let config = fs::read_to_string(place.workspace.join(".git/config")).unwrap();
    assert!(!config.contains('x'), "{config}");
    let results = results(&place, "go");
    assert!(results.iter().any(|it| it.contains("not here: inside\n")), "{results:?}");
}

#[tokio::test]
async fn an_agent_file_says_what_it_is_told_and_what_it_may() {
    let spawn = json!({ "tool": "spawn_agent", "arguments": { "task": "look", "kind": "finder" } });
    let none = json!({ "tool": "spawn_agent", "arguments": { "task": "look", "kind": "none" } });
    let place = Place::new(json!({
        "steps": [none, spawn, wait(), { "text": "ok" }],
        "sessions": { "look": [run("touch made"), { "text": "found" }] },
    }));
    let text = "---\ndescription: Finds bugs\nmodel: other\ntools: read_file, exec_command\nsandbox: read-only\n---\nBe kind.\n";
    fs::create_dir_all(place.home.join("agents")).unwrap();
    fs::write(place.home.join("agents/finder.md"), text).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    let names: Vec<_> = told.agents().into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["finder-1", "finder-1"]);
    assert!(results(&place, "go")[0].contains("there is no kind of sub-agent `none`; there is finder"));
    let requests = place.server.requests();
    assert!(requests[0].body["tools"].to_string().contains("- finder: Finds bugs"));
    let child = requests.iter().find(|it| it.body["input"].to_string().contains("\"text\":\"look\"")).unwrap();
    assert_eq!((child.body["model"].as_str(), tools(&child.body)), (Some("other"), vec!["read_file".to_owned()]));
    assert!(child.body["input"].to_string().contains("Be kind."));
    assert!(!place.workspace.join("made").exists());
}

#[tokio::test]
async fn one_that_uses_more_than_it_may_is_stopped_and_says_so() {
    let spawn = json!({ "tool": "spawn_agent", "arguments": { "task": "count", "kind": "small" } });
    let usage = json!({ "input_tokens": 900, "output_tokens": 200, "total_tokens": 1100 });
    let step = json!({ "tool": "exec_command", "arguments": { "cmd": "true" }, "usage": usage });
    let place = Place::new(json!({
        "steps": [spawn, wait(), { "text": "ok" }],
        "sessions": { "count": [step, { "text": "never said" }] },
    }));
    fs::create_dir_all(place.home.join("agents")).unwrap();
    fs::write(place.home.join("agents/small.md"), "---\ndescription: x\nbudget: 1000\n---\nx\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    assert_eq!(told.status, Some(TurnStatus::Completed));
    let (_, status, message) = told.agents().pop().unwrap();
    assert_eq!(status, CollabAgentStatus::Errored);
    assert!(message.contains("its limit of 1000 tokens") && message.contains("1100 are used"), "{message}");
}

/// What they have used is told where the turn ends at a limit too.
#[test]
fn what_they_used_is_in_the_last_line_of_a_turn_that_ends_at_a_limit() {
    let usage = json!({ "input_tokens": 900, "output_tokens": 200, "total_tokens": 1100 });
    let step = json!({ "tool": "exec_command", "arguments": { "cmd": "true" }, "usage": usage });
    let place = Place::new(json!({
        "steps": [spawn("count"), wait(), { "text": "ok" }],
        "sessions": { "count": [step, { "text": "never said" }] },
    }));
    let output = place.codex(&["exec", "--max-tokens", "1200", "go"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("1320 are used") && said.contains("tokens: 1100 in (0 cached), 220 out"), "{said}");
}

#[tokio::test]
async fn no_more_work_at_once_than_is_allowed_and_none_where_they_are_switched_off() {
    let place = Place::new(json!({
        "steps": [{ "calls": [spawn("one"), spawn("two")] }, { "text": "ok" }, { "text": "ok" }],
        "sessions": { "one": [run("true"), { "text": "1" }], "two": [run("true"), { "text": "2" }] },
    }));
    let config = place.home.join("config.toml");
    let with = |more: &str| fs::write(&config, fs::read_to_string(&config).unwrap() + more).unwrap();
    with("\n[agents]\nmax_parallel = 1\n");
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    follow(&mut session, yes).await;
    let refused = "1 sub-agents work already, and no more may at once";
    assert_eq!(results(&place, "go").iter().filter(|it| it.contains(refused)).count(), 1);
    with("enabled = false\n");
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("again").await;
    follow(&mut session, yes).await;
    let last = place.server.requests().pop().unwrap();
    assert!(tools(&last.body).iter().all(|tool| !tool.ends_with("_agent")));
    let params = AgentStartParams { thread_id: session.thread_id.clone(), task: "x".into(), worktree: None };
    let error = session.connection.client.agents_start(params).await.unwrap_err();
    assert!(error.message.contains("there are no sub-agents here"), "{error:?}");
}

#[tokio::test]
async fn one_that_the_user_starts_works_beside_and_its_report_is_read_with_the_next_turn() {
    let place = Place::new(json!({
        "steps": [{ "text": "ok" }],
        "sessions": { "look": [run("touch made"), { "text": "seen" }] },
    }));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let thread_id = session.thread_id.clone();
    let params = AgentStartParams { thread_id: thread_id.clone(), task: "look".into(), worktree: None };
    let started = session.connection.client.agents_start(params).await.unwrap().agent;
    assert_eq!((started.name.as_str(), started.status), ("agent-1", CollabAgentStatus::Running));
    let mut told = Vec::new();
    while told.len() < 2 {
        let item = session.next(|told| match told {
            ServerNotification::ItemCompleted(done) if done.thread_id == thread_id => Some(done.item.clone()),
            _ => None,
        });
        told.extend(
            codex_client::agent_lines(&item.await).into_iter().map(|line| format!("{}: {}", line.said, line.more)),
        );
    }
    assert_eq!(told, ["Started agent-1: look", "agent-1 is done: seen"]);
    assert!(place.workspace.join("made").exists());
    let list = session.connection.client.agents_list(AgentListParams { thread_id }).await.unwrap().data;
    assert_eq!((list.len(), list[0].message.as_deref()), (1, Some("seen")));
    session.say("and?").await;
    follow(&mut session, yes).await;
    let input = place.server.requests().pop().unwrap().body["input"].to_string();
    assert!(input.contains("The user gave it this task: look") && input.contains("seen"), "{input}");
    // Going on with the session, it is there once.
    let mut session = session.resumed(&place).await;
    session.say("and now?").await;
    follow(&mut session, yes).await;
    let input = place.server.requests().pop().unwrap().body["input"].to_string();
    assert_eq!(input.matches("<agent_report").count(), 1);
}

/// What a killed program left is told when the session goes on, to the model and the user, and once.
#[test]
fn of_those_that_were_killed_the_session_that_goes_on_is_told() {
    let place = Place::new(json!({
        "steps": [spawn("take long"), wait(), { "text": "I see." }, { "text": "And again." }],
        "sessions": { "take long": [run("echo > begun; sleep 1000")] },
    }));
    let pipe = place.pipe("begun");
    let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
    wait_for(&pipe, &child);
    child.kill().unwrap();
    child.wait().unwrap();
    for (prompt, told) in [("so?", 1), ("and?", 1)] {
        assert!(place.codex(&["exec", "resume", "--last", prompt]).output().unwrap().status.success());
        let input = place.server.requests().pop().unwrap().body["input"].to_string();
        assert_eq!(
            input.matches("The program ended before these sub-agents had: `agent-1` (session ").count(),
            told,
            "{input}"
        );
    }
    let journal = place.journals().into_iter().find(|journal| !journal.contains("\"parent\":")).unwrap();
    assert_eq!(journal.matches("the program ended before it was done").count(), 1);
}

#[tokio::test]
async fn one_takes_more_to_do_afterwards_and_another_is_stopped() {
    let tool = |tool: &str, arguments: Value| json!({ "tool": tool, "arguments": arguments });
    let place = Place::new(json!({
        "steps": [
            spawn("first"), wait(), tool("message_agent", json!({ "agent": "agent-1", "message": "more" })), wait(),
            spawn("take long"), tool("stop_agent", json!({ "agent": "agent-2" })), { "text": "ok" },
        ],
        "sessions": { "first": [{ "text": "one" }, { "text": "two" }], "take long": [run("sleep 1000")] },
    }));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    let said: Vec<String> =
        told.agents().into_iter().map(|(name, status, said)| format!("{name} {status:?} {said}")).collect();
    let expected = [
        "agent-1 Running ",
        "agent-1 Completed one",
        "agent-1 Running ",
        "agent-1 Completed two",
        "agent-2 Running ",
        "agent-2 Interrupted ",
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn where_they_may_go_deeper_a_question_names_the_way_to_who_asks() {
    let place = Place::new(json!({
        "steps": [spawn("outer"), wait(), { "text": "ok" }],
        "sessions": {
            "outer": [spawn("inner"), wait(), { "text": "outer done" }],
            "inner": [spawn("too deep"), run("touch made"), { "text": "inner done" }],
        },
    }));
    let config = place.home.join("config.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + "\n[agents]\nmax_depth = 2\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let told = follow(&mut session, yes).await;
    let names: Vec<_> = told.asked.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!(names, [Some("agent-1/agent-1")]);
    assert_eq!(told.agents().pop().unwrap().2, "outer done");
    assert!(results(&place, "inner")[0].contains("There is no tool `spawn_agent`"));
    assert!(place.workspace.join("made").exists());
}
