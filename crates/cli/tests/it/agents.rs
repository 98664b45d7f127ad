//! Sub-agents: they work beside the session that has started them, may do no more than it, and what they come to reaches
//! it once.

use codex_protocol::{
    ApprovalPolicy, CollabAgentState, CollabAgentStatus, ServerMessage, ServerNotification, ServerRequest, ThreadItem,
    TurnStatus,
};
use serde_json::{Value, json};

use crate::{
    approvals::run,
    session::{Session, no, terms, yes},
    support::{Place, events},
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
    assert_eq!(std::fs::read_to_string(place.workspace.join("made")).unwrap(), "seen\n");
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
