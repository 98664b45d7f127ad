//! What is told of a turn while it runs, to a client that wants it: the output of commands and the model's thinking.

use std::fs;

use codex_protocol::{
    ApprovalPolicy, CollaborationMode, Event, ModeKind, Position, ReasoningDelta, ServerMessage, ServerNotification,
    SettingsChange, ThreadItem, ThreadSettingsUpdateParams, ThreadStartParams, TurnStatus,
};
use serde_json::{Value, json};

use crate::{approvals::run, session::Session, support::Place};

async fn session(place: &Place, live: bool) -> Session {
    let approval_policy = Some(ApprovalPolicy::Never);
    let live_output = live.then_some(true);
    Session::with(place, ThreadStartParams { approval_policy, live_output, ..ThreadStartParams::default() }).await
}

/// A command that goes on when the file `go` is there, and is killed if that never happens.
fn waiting(tty: bool) -> Value {
    let cmd = "echo one; until [ -e go ]; do read -t 0.01 x < /dev/tty || :; done 2> /dev/null; echo two";
    json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": 20_000, "tty": tty } })
}

/// All events of a turn.
async fn turn(session: &mut Session) -> Vec<Event> {
    session.say("go").await;
    let mut events = Vec::new();
    loop {
        let ServerMessage::Event(event) = session.message().await else { panic!("a question") };
        let ended = matches!(event.notification, ServerNotification::TurnCompleted(_));
        events.push(event);
        if ended {
            return events;
        }
    }
}

#[tokio::test]
async fn output_is_told_while_its_command_runs() {
    for tty in [false, true] {
        let place = Place::new(json!([waiting(tty), { "text": "ok" }]));
        let mut session = session(&place, true).await;
        session.say("go").await;
        let begun = session
            .next(|told| match told {
                ServerNotification::ItemStarted(started) => match &started.item {
                    ThreadItem::CommandExecution { id, .. } => Some(id.clone()),
                    _ => None,
                },
                _ => None,
            })
            .await;
        // It cannot have ended: it waits for the file.
        let (id, text) = session
            .next(|told| match told {
                ServerNotification::CommandOutputDelta(delta) => Some((delta.item_id.clone(), delta.delta.clone())),
                ServerNotification::ItemCompleted(completed) => match &completed.item {
                    ThreadItem::CommandExecution { .. } => panic!("it was told of at its end only"),
                    _ => None,
                },
                _ => None,
            })
            .await;
        assert_eq!((id, text.as_str()), (begun, "one\n"));
        fs::write(place.workspace.join("go"), "").unwrap();
        let output = session
            .next(|told| match told {
                ServerNotification::ItemCompleted(completed) => match &completed.item {
                    ThreadItem::CommandExecution { aggregated_output, .. } => aggregated_output.clone(),
                    _ => None,
                },
                _ => None,
            })
            .await;
        assert_eq!(output, "one\ntwo\n", "the item has all of it");
        session.turn_ended().await;
    }
}

#[tokio::test]
async fn who_does_not_ask_for_it_is_told_of_neither() {
    // Enough to be under way when something would be told.
    let arguments = json!({ "cmd": "yes | head -c 30000000; touch made" });
    let step = json!({ "reasoning": "Think.", "tool": "exec_command", "arguments": arguments });
    let place = Place::new(json!([step, { "text": "ok" }]));
    for event in turn(&mut session(&place, false).await).await {
        let is_live = match &event.notification {
            ServerNotification::CommandOutputDelta(_)
            | ServerNotification::ReasoningDelta(_)
            | ServerNotification::ReasoningPartAdded(_)
            | ServerNotification::TurnDiffUpdated(_) => true,
            ServerNotification::ItemStarted(started) => matches!(started.item, ThreadItem::Reasoning { .. }),
            _ => false,
        };
        assert!(!is_live, "{event:?}");
    }
}

/// What was told of thinking: the items that began, a line for each paragraph, and those that were completed.
fn thinking(events: &[Event]) -> (Vec<&str>, Vec<String>, Vec<&ThreadItem>) {
    let (mut begun, mut told, mut completed) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match &event.notification {
            ServerNotification::ItemStarted(started) if matches!(started.item, ThreadItem::Reasoning { .. }) => {
                begun.push(started.item.id());
            }
            ServerNotification::ReasoningPartAdded(part) => {
                told.push(format!("{} {}: ", part.item_id, part.summary_index));
            }
            ServerNotification::ReasoningDelta(ReasoningDelta { item_id, summary_index, delta, .. }) => {
                let line = told.last_mut().unwrap();
                let head = format!("{item_id} {summary_index}: ");
                let Position::Delta { offset, after_seq } = event.position else { panic!("{event:?}") };
                assert!(after_seq > 0 && line.starts_with(&head) && offset as usize == line.len() - head.len());
                line.push_str(delta);
            }
            ServerNotification::ItemCompleted(item) if matches!(item.item, ThreadItem::Reasoning { .. }) => {
                completed.push(&item.item);
            }
            _ => {}
        }
    }
    (begun, told, completed)
}

#[tokio::test]
async fn thinking_is_told_as_it_comes_and_its_item_has_all_of_it() {
    let long = "And a paragraph of more than one piece, as the model streams it. ".repeat(4);
    let place = Place::new(json!([{ "reasoning": { "summary": ["First.", long], "encrypted": "x" }, "text": "ok" }]));
    let events = turn(&mut session(&place, true).await).await;
    let (begun, told, completed) = thinking(&events);
    let [id] = begun[..] else { panic!("{begun:?}") };
    assert_eq!(told, [format!("{id} 0: First."), format!("{id} 1: {long}")]);
    assert_eq!(completed, [&ThreadItem::Reasoning { id: id.into(), summary: vec!["First.".into(), long] }]);
    // The journal has the item, and nothing before it that a reader would not know.
    assert_eq!(place.journals().concat().matches("First.").count(), 2, "in the message and in the item");
}

#[tokio::test]
async fn thinking_of_an_answer_that_does_not_count_is_taken_over() {
    let cut = json!({ "reasoning": "One way.", "text": "x", "drop": { "after_events": 4 } });
    let place = Place::new(json!([cut, { "reasoning": "Other.", "text": "ok" }]));
    let events = turn(&mut session(&place, true).await).await;
    let (begun, told, completed) = thinking(&events);
    let [id] = begun[..] else { panic!("{begun:?}") };
    assert_eq!(told.last(), Some(&format!("{id} 0: Other.")), "{told:?}");
    assert_eq!(completed, [&ThreadItem::Reasoning { id: id.into(), summary: vec!["Other.".into()] }]);
}

#[tokio::test]
async fn thinking_that_is_interrupted_is_kept() {
    let place = Place::new(json!([{ "reasoning": "Long thoughts.", "hang": true }]));
    let mut session = session(&place, true).await;
    session.say("go").await;
    session.next(|told| matches!(told, ServerNotification::ReasoningDelta(_)).then_some(())).await;
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(session.view.ended(), Some(TurnStatus::Interrupted));
    let kept = session.view.items.iter().find(|item| matches!(item, ThreadItem::Reasoning { .. }));
    let Some(ThreadItem::Reasoning { summary, .. }) = kept else { panic!("{:?}", session.view.items) };
    assert_eq!(summary, &["Long thoughts."]);
}

/// The diffs that a turn told.
fn diffs<'told>(events: &'told [Event]) -> Vec<&'told str> {
    let diff = |event: &'told Event| match &event.notification {
        ServerNotification::TurnDiffUpdated(updated) => Some(updated.diff.as_str()),
        _ => None,
    };
    events.iter().filter_map(diff).collect()
}

#[tokio::test]
async fn what_a_turn_has_changed_is_told_after_each_action_that_changed_something() {
    let place = Place::new(json!([
        run("echo two >> text; printf '\\000' > binary"), run("true"), run("rm binary; mkdir d; echo new > d/new"),
        { "text": "ok" },
        run("rm d/new"), run("echo new > d/new"), { "text": "ok" },
    ]));
    fs::write(place.workspace.join("text"), "one\n").unwrap();
    let mut session = session(&place, true).await;
    let events = turn(&mut session).await;
    let text = "diff --git a/text b/text\n--- a/text\n+++ b/text\n@@ -1 +1,2 @@\n one\n+two\n";
    let binary = "diff --git a/binary b/binary\nBinary files /dev/null and b/binary differ\n";
    let new = "diff --git a/d/new b/d/new\nnew file mode 100644\n--- /dev/null\n+++ b/d/new\n@@ -0,0 +1 @@\n+new\n";
    assert_eq!(diffs(&events), [format!("{binary}{text}"), format!("{new}{text}")]);
    let ended = events.iter().position(|event| matches!(event.notification, ServerNotification::TurnCompleted(_)));
    let told = events.iter().rposition(|event| matches!(event.notification, ServerNotification::TurnDiffUpdated(_)));
    assert!(told < ended, "all is told before the end: {events:?}");

    // What was undone is told too, and each turn begins with nothing.
    let events = turn(&mut session).await;
    assert_eq!(diffs(&events).last(), Some(&""), "{events:?}");
    assert!(diffs(&events)[0].contains("deleted file mode") && !diffs(&events)[0].contains("two"), "{events:?}");
}

/// Whoever looks at the diff of the turn must not miss what others did for it in the same directory.
#[tokio::test]
async fn what_sub_agents_change_is_in_the_diff_of_the_turn_that_they_work_for() {
    let place = Place::new(json!({
        "steps": [
            { "tool": "spawn_agent", "arguments": { "task": "help" } },
            { "tool": "wait_agent", "arguments": {} },
            run("echo mine > own"),
            { "text": "ok" },
        ],
        "sessions": { "help": [run("echo theirs > helped"), { "text": "done" }] },
    }));
    let mut session = session(&place, true).await;
    session.say("go").await;
    let mut told = Vec::new();
    loop {
        let ServerMessage::Event(event) = session.message().await else { panic!("a question") };
        match event.notification {
            ServerNotification::TurnDiffUpdated(of) if of.thread_id == session.thread_id => told.push(of.diff),
            ServerNotification::TurnCompleted(of) if of.thread_id == session.thread_id => break,
            _ => {}
        }
    }
    assert!(told.first().is_some_and(|diff| diff.contains("+theirs") && !diff.contains("+mine")), "{told:?}");
    assert!(told.last().is_some_and(|diff| diff.contains("+theirs") && diff.contains("+mine")), "{told:?}");
}

#[tokio::test]
async fn a_plan_is_told_while_it_is_written() {
    let plan = "# Plan\n\n1. Say \"hello\" \u{1f600}.\n2. ".to_owned() + &"And a step of some length. ".repeat(40);
    for live in [true, false] {
        let place = Place::new(json!([{ "tool": "propose_plan", "arguments": { "plan": plan } }, { "text": "ok" }]));
        let mut session = session(&place, live).await;
        let mode = Some(CollaborationMode::only(ModeKind::Plan));
        let change = SettingsChange { collaboration_mode: mode, ..SettingsChange::default() };
        let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
        session.connection.client.thread_settings_update(params).await.unwrap();
        let (mut begun, mut told, mut ended) = (None, String::new(), None);
        for event in turn(&mut session).await {
            match event.notification {
                ServerNotification::ItemStarted(started) if matches!(started.item, ThreadItem::Plan { .. }) => {
                    begun = Some(started.item.id().to_owned());
                }
                ServerNotification::PlanDelta(delta) => {
                    let Position::Delta { offset, .. } = event.position else { panic!("{:?}", event.position) };
                    assert_eq!((Some(&delta.item_id), offset as usize), (begun.as_ref(), told.len()));
                    told.push_str(&delta.delta);
                }
                ServerNotification::ItemCompleted(done) => {
                    if let ThreadItem::Plan { id, text } = done.item {
                        ended = Some((id, text));
                    }
                }
                _ => {}
            }
        }
        let (id, text) = ended.unwrap();
        assert_eq!((&text, session.view.ended()), (&plan, Some(TurnStatus::Completed)));
        assert_eq!((begun, told), if live { (Some(id), plan.clone()) } else { (None, String::new()) });
    }
}

#[tokio::test]
async fn a_plan_that_is_cut_short_is_completed_as_far_as_it_was_told() {
    let plan = "# Plan\n\n1. ".to_owned() + &"And a step of some length. ".repeat(40);
    let proposed = |more: Value| {
        let mut step = json!({ "tool": "propose_plan", "arguments": { "plan": plan } });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    // The turn is interrupted while the plan is written, or when an answer with one does not count.
    let cut = proposed(json!({ "drop": { "after_events": 8 } }));
    let written = [
        json!([proposed(json!({ "hang": true }))]),
        json!([cut.clone(), { "text": "Something else.", "hang": true }]),
        json!([cut.clone(), proposed(json!({ "text": "Again.", "hang": true }))]),
        json!([cut, { "text": "Something else." }]),
    ];
    for (case, steps) in written.into_iter().enumerate() {
        let place = Place::new(steps);
        let mut session = session(&place, true).await;
        let mode = Some(CollaborationMode::only(ModeKind::Plan));
        let change = SettingsChange { collaboration_mode: mode, ..SettingsChange::default() };
        let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
        session.connection.client.thread_settings_update(params).await.unwrap();
        session.say("go").await;
        let (mut begun, mut told, mut ended) = (Vec::new(), String::new(), Vec::new());
        let mut interrupts = case < 3;
        loop {
            let ServerMessage::Event(event) = session.message().await else { panic!("a question") };
            match event.notification {
                ServerNotification::ItemStarted(started) => {
                    if let ThreadItem::Plan { id, .. } = started.item {
                        begun.push(id);
                    }
                }
                ServerNotification::PlanDelta(delta) => told.push_str(&delta.delta),
                ServerNotification::ItemCompleted(done) => {
                    if let ThreadItem::Plan { id, text } = done.item {
                        ended.push((id, text));
                    }
                }
                ServerNotification::TurnCompleted(_) => break,
                _ => {}
            }
            let requests = place.server.requests().len();
            if interrupts && !begun.is_empty() && (case == 0 && !told.is_empty() || requests == 2) {
                interrupts = false;
                session.interrupt().await;
            }
        }
        assert_eq!(ended, begun.iter().map(|id| (id.clone(), told.clone())).collect::<Vec<_>>(), "{case}");
        assert!(begun.len() == 1 && plan.starts_with(&told), "{case}: {begun:?} {told}");
        let id = &begun[0];
        let line = format!(r#""type":"plan","id":"{id}""#);
        assert!(place.journals().concat().contains(&line), "{case}: {}", place.journals().concat());
    }
}
