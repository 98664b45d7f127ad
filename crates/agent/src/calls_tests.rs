//! Which calls of an answer run together, what a tool that breaks does to the rest, and what becomes of a question that
//! nobody hears.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use codex_history::{Arguments, Content, Message, ToolInput, ToolSpec};
use codex_model::{Cassette, Model, Prices, Surroundings};
use codex_permissions::{Access, Approval, Policy, SandboxLevel};
use codex_protocol::{Event, PatchApplyStatus, ServerMessage, ServerNotification, ThreadItem, TurnStatus, UserInput};
use codex_sandbox::Sandbox;
use codex_store::{Journal, TempDirectory};
use codex_tools::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError};
use codex_workspace::Roots;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify, mpsc};

use crate::{
    Budget, KnownRepositories, ModelChoice, Thread, ThreadParts, ThreadSettings, TurnOptions, Users, Workplace,
};

type Log = Arc<Mutex<Vec<String>>>;

/// What a pretended tool does when it runs.
#[derive(Debug, Clone)]
enum Deed {
    /// Waits until so many calls have come to this point.
    Meet(Arc<Barrier>),
    /// Lets everything else run that can.
    GiveWay,
    Panic,
    /// Takes until it is interrupted to read its arguments; tells when it has begun.
    ReadUntilInterrupted(Arc<Notify>),
    /// Changes a file, as far as it says.
    Change,
}

#[derive(Debug)]
struct Pretended {
    name: &'static str,
    effect: Effect,
    deed: Deed,
    log: Log,
}

impl Tool for Pretended {
    fn name(&self) -> &str {
        self.name
    }

    fn spec(&self) -> ToolSpec {
        let schema = serde_json::json!({ "type": "object" });
        ToolSpec { name: self.name.into(), description: "-".into(), input: ToolInput::Json { schema } }
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let which = arguments.text().to_owned();
        let (name, deed, log) = (self.name, self.deed.clone(), Arc::clone(&self.log));
        let note = move |what: &str| log.lock().unwrap().push(format!("{name} {what}"));
        if let Deed::ReadUntilInterrupted(begun) = &deed {
            begun.notify_one();
            while !context.cancel.is_cancelled() {
                std::thread::yield_now();
            }
            return Err(ToolError("interrupted".into()));
        }
        let (mut access, mut started) = (Access::default(), None);
        if let Deed::Change = &deed {
            access.writes.push(context.roots.workspace.join("file"));
            let (id, status) = (context.item_id.clone(), PatchApplyStatus::InProgress);
            started = Some(ThreadItem::FileChange { id, changes: Vec::new(), status });
        }
        let work = async move {
            note("begins");
            match deed {
                Deed::Meet(barrier) => {
                    barrier.wait().await;
                }
                Deed::GiveWay => tokio::task::yield_now().await,
                Deed::Change => {}
                Deed::Panic | Deed::ReadUntilInterrupted(_) => panic!("a tool that breaks down"),
            }
            note("ends");
            Outcome::text(which, ForUser::Plan { explanation: None, steps: vec![] })
        };
        Ok(Prepared { access, started, run: Box::new(move |_| Box::pin(work) as _) })
    }
}

/// Runs one turn of a model that asks for `calls` at once, each with its place as argument. Gives what the tools noted,
/// the results the model got, and how the turn ended.
async fn turn(tools: impl Fn(&Log) -> Vec<Pretended>, calls: &[&str]) -> (Vec<String>, Vec<String>, TurnStatus) {
    let home = tempfile::tempdir().unwrap();
    let log = Log::default();
    let (thread, mut told) = begin(home.path(), Approval::Never, tools(&log), calls).await;
    let status = end(&mut told).await;
    let log = log.lock().unwrap().clone();
    (log, thread.results().await, status)
}

/// Waits for the end of the turn.
async fn end(told: &mut mpsc::Receiver<ServerMessage>) -> TurnStatus {
    loop {
        if let ServerMessage::Event(Event { notification: ServerNotification::TurnCompleted(changed), .. }) =
            told.recv().await.unwrap()
        {
            return changed.turn.status;
        }
    }
}

/// Begins such a turn in a new thread.
async fn begin(
    home: &Path,
    approval: Approval,
    tools: Vec<Pretended>,
    calls: &[&str],
) -> (Thread, mpsc::Receiver<ServerMessage>) {
    let temp = TempDirectory::create(home, "t").unwrap();
    let workspace = home.to_owned();
    let policy = Policy {
        level: SandboxLevel::WorkspaceWrite,
        approval,
        writable: vec![workspace.clone()],
        temp: temp.path().to_owned(),
        ..Policy::default()
    };
    let settings = ThreadSettings {
        model: ModelChoice {
            client: asks_for(calls),
            provider: "played".into(),
            id: "played".into(),
            reasoning_effort: None,
            options: Default::default(),
            context_window: None,
            is_small: false,
            others_differ: false,
            compact_at: None,
            prices: Prices::default(),
        },
        workplace: Workplace {
            roots: Arc::new(Roots {
                workspace: workspace.clone(),
                writable: vec![workspace],
                hidden: vec![],
                ignored: codex_workspace::Ignored::default(),
                temp: None,
            }),
            policy: Arc::new(policy),
            sandbox: Arc::new(Sandbox::new("/nowhere".into())),
            repositories: KnownRepositories::default(),
            ignore_files: Arc::default(),
            environment: Arc::default(),
            users: Users::default(),
        },
        tools: tools.into_iter().map(|tool| Arc::new(tool) as _).collect(),
        tests: crate::ProjectTests::default(),
        agent_kind: None,
        own_words: crate::OwnWords::default(),
        titles: false,
        instructions: vec![],
        agents: None,
        plugged: crate::Plugged::default(),
        after_planning: None,
    };
    let (events, told) = mpsc::channel::<ServerMessage>(1000);
    let parts = ThreadParts {
        live: false,
        keeping: None,
        id: "t".into(),
        settings,
        journal: Journal::ephemeral(),
        temp,
        events,
        questions: Arc::default(),
        budget: Budget::default(),
    };
    let thread = Thread::start(parts).unwrap();
    thread.start_turn(vec![UserInput::Text { text: "go".into() }], TurnOptions::default()).await.unwrap();
    (thread, told)
}

/// A model that asks for `calls` at once, each with its place as argument, and is done then.
fn asks_for(calls: &[&str]) -> Arc<dyn Model> {
    let call = |(place, tool): (usize, &&str)| {
        let arguments = json!({ "form": "json", "text": json!({ "n": place }).to_string() });
        json!({ "type": "call", "callId": format!("call_{place}"), "name": tool, "arguments": arguments })
    };
    let whole = |content: Value| json!({ "completed": { "content": content } });
    let any = "⟨any⟩";
    let objects = [
        json!({ "cassette": 1, "program": "a test", "ask": { "provider": "played", "model": "played" } }),
        json!({ "request": 1, "messages": [any] }),
        json!({ "answer": 1, "end": whole(calls.iter().enumerate().map(call).collect()) }),
        json!({ "request": 2, "after": 1, "messages": [any] }),
        json!({ "answer": 2, "end": whole(json!([{ "type": "text", "text": "done" }])) }),
    ];
    let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let Cassette::Playing(player) = Cassette::of_text(&text).unwrap() else { panic!("{text}") };
    player.model(Surroundings::default())
}

impl Thread {
    /// What the calls so far came to, as the model is told.
    async fn results(&self) -> Vec<String> {
        let state = self.state.lock().await;
        let text = |content: &Content| match content {
            Content::Text { text } => text.clone(),
            Content::Image { .. } => String::new(),
        };
        let results = state.history.messages().filter_map(|message| match message {
            Message::ToolResult { content, .. } => Some(content.iter().map(text).collect()),
            _ => None,
        });
        results.collect()
    }
}

fn tool(name: &'static str, effect: Effect, deed: Deed, log: &Log) -> Pretended {
    Pretended { name, effect, deed, log: Arc::clone(log) }
}

#[tokio::test]
async fn what_reads_runs_together_and_the_rest_in_order() {
    // Would one of them wait for another to end, none would ever end.
    let barrier = Arc::new(Barrier::new(3));
    let tools = |log: &Log| {
        vec![
            tool("look", Effect::Reads, Deed::Meet(Arc::clone(&barrier)), log),
            tool("change", Effect::Writes, Deed::GiveWay, log),
            tool("run", Effect::Runs, Deed::GiveWay, log),
        ]
    };
    let calls = ["look", "look", "look", "change", "run", "change", "look", "look", "look"];
    let (log, results, status) = turn(tools, &calls).await;
    let [begin, end] = ["look begins", "look ends"].map(|what| [what; 3]);
    let in_order = ["change begins", "change ends", "run begins", "run ends", "change begins", "change ends"];
    assert_eq!(log, [&begin[..], &end, &in_order, &begin, &end].concat());
    let places: Vec<String> = (0..calls.len()).map(|place| format!(r#"{{"n":{place}}}"#)).collect();
    assert_eq!(results, places, "the answers come in the order of the calls");
    assert_eq!(status, TurnStatus::Completed);
}

#[tokio::test]
async fn a_tool_that_breaks_down_takes_nothing_with_it() {
    let tools = |log: &Log| {
        vec![
            tool("break", Effect::Reads, Deed::Panic, log),
            tool("look", Effect::Reads, Deed::GiveWay, log),
            tool("change", Effect::Writes, Deed::GiveWay, log),
        ]
    };
    let (_, results, status) = turn(tools, &["break", "look", "break", "change"]).await;
    let broken = "No answer: it failed inside this program. What it did is not known.";
    assert_eq!(results, [broken, r#"{"n":1}"#, broken, r#"{"n":3}"#]);
    assert_eq!(status, TurnStatus::Completed);
}

#[tokio::test]
async fn an_interrupt_reaches_a_call_whose_arguments_take_long_to_read() {
    let home = tempfile::tempdir().unwrap();
    let begun = Arc::new(Notify::new());
    let deed = Deed::ReadUntilInterrupted(Arc::clone(&begun));
    let tools = vec![tool("change", Effect::Writes, deed, &Log::default())];
    let (thread, mut told) = begin(home.path(), Approval::Never, tools, &["change", "change"]).await;
    begun.notified().await;
    thread.interrupt("").unwrap();
    assert_eq!(end(&mut told).await, TurnStatus::Interrupted);
    let never = "The user interrupted the turn before this call ran. It did nothing.";
    assert_eq!(thread.results().await, ["interrupted", never]);
}

#[tokio::test]
async fn a_question_that_nobody_hears_is_a_no() {
    for heard in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let log = Log::default();
        let tools = vec![tool("change", Effect::Writes, Deed::Change, &log)];
        let (thread, mut told) = begin(home.path(), Approval::Untrusted, tools, &["change"]).await;
        while heard && !matches!(told.recv().await.unwrap(), ServerMessage::Request { .. }) {}
        // The client goes away, with the question or before it.
        drop(told);
        let results = thread.results().await;
        assert!(matches!(&results[..], [one] if one.contains("nobody is there to be asked")), "{results:?}");
        assert!(log.lock().unwrap().is_empty());
    }
}
