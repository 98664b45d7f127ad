//! Several connections to one server: they see the same, none holds up a turn, and threads live on without any.

use std::{
    fs::{self, File},
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

use codex_client::{Connection, View};
use codex_protocol::{
    ApprovalPolicy, ErrorKind, Event, Position, ServerMessage, ServerNotification, ServerRequest, SessionSource,
    ThreadItem, ThreadOpened, ThreadResumeParams, ThreadStartParams, ThreadStatus, ThreadUnsubscribeParams, TurnStatus,
    UnsubscribeStatus,
};
use codex_server::Hub;
use codex_testkit::WATCHDOG;
use rustix::fs::{FlockOperation, flock, fstat};
use serde_json::{Value, json};

use crate::{
    approvals::run,
    session::{Session, environment, yes},
    support::Place,
};

fn hub(place: &Place) -> Arc<Hub> {
    Hub::start(environment(place), env!("CARGO_BIN_EXE_codex").into(), SessionSource::AppServer, None, None)
}

fn connect(hub: &Arc<Hub>) -> Connection {
    let (calls, events) = hub.connect();
    Connection::new(calls, events)
}

async fn started(hub: &Arc<Hub>, place: &Place, policy: ApprovalPolicy) -> Session {
    let connection = connect(hub);
    let (cwd, approval_policy) = (place.workspace.to_str().map(str::to_owned), Some(policy));
    let params = ThreadStartParams { cwd, approval_policy, ..ThreadStartParams::default() };
    let opened = connection.client.thread_start(params).await.unwrap();
    Session { connection, thread_id: opened.thread.id, view: View::default() }
}

/// Another connection that follows the thread.
async fn another(hub: &Arc<Hub>, thread_id: &str, after_seq: Option<u64>) -> (Session, ThreadOpened) {
    let connection = connect(hub);
    let params = ThreadResumeParams { thread_id: thread_id.to_owned(), after_seq, ..Default::default() };
    let opened = connection.client.thread_resume(params).await.unwrap();
    (Session { connection, thread_id: thread_id.to_owned(), view: View::default() }, opened)
}

/// All that is told until the turn has ended; deltas put together.
async fn rest(session: &mut Session) -> Vec<ServerMessage> {
    let mut told = Vec::new();
    loop {
        let message = session.message().await;
        let ended =
            matches!(&message, ServerMessage::Event(Event { notification: ServerNotification::TurnCompleted(_), .. }));
        told.push(message);
        if ended {
            return told;
        }
    }
}

/// The text that was streamed.
fn streamed(told: &[ServerMessage]) -> String {
    let text = |message: &ServerMessage| match message {
        ServerMessage::Event(Event { notification: ServerNotification::AgentMessageDelta(delta), .. }) => {
            Some(delta.delta.clone())
        }
        _ => None,
    };
    told.iter().filter_map(text).collect()
}

/// Without what is streamed.
fn whole(told: &[ServerMessage]) -> Vec<&ServerMessage> {
    let is_delta = |message: &&ServerMessage| {
        matches!(message, ServerMessage::Event(Event { position: Position::Delta { .. }, .. }))
    };
    told.iter().filter(|message| !is_delta(message)).collect()
}

/// What is on record.
fn recorded(told: &[ServerMessage]) -> Vec<ServerNotification> {
    let recorded = |message: &ServerMessage| match message {
        ServerMessage::Event(Event { notification, position: Position::Recorded { .. } }) => match notification {
            ServerNotification::ItemCompleted(_) => Some(notification.clone()),
            ServerNotification::TurnCompleted(changed) => {
                let mut changed = changed.clone();
                (changed.turn.started_at, changed.turn.completed_at, changed.turn.duration_ms) = (None, None, None);
                Some(ServerNotification::TurnCompleted(changed))
            }
            _ => None,
        },
        _ => None,
    };
    let mut found: Vec<ServerNotification> = told.iter().filter_map(recorded).collect();
    // When it was told and when it was recorded are two times.
    for notification in &mut found {
        if let ServerNotification::ItemCompleted(completed) = notification {
            completed.completed_at_ms = 0;
        }
    }
    found
}

fn script() -> Value {
    json!([run("touch made"), { "text": "done and done", "delta": 5 }])
}

#[tokio::test]
async fn two_connections_see_the_same_and_one_answer_counts() {
    let place = Place::new(script());
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Untrusted).await;
    let (mut other, opened) = another(&hub, &one.thread_id, None).await;
    assert_eq!((opened.thread.id.as_str(), opened.thread.status), (one.thread_id.as_str(), ThreadStatus::Idle));
    one.say("go").await;
    let ((id, asked), (same_id, same)) = (one.question().await, other.question().await);
    assert_eq!((id, &asked), (same_id, &same));
    assert!(matches!(asked, ServerRequest::CommandApproval(_)), "{asked:?}");
    other.answer(id, yes()).await.unwrap();
    let too_late = one.answer(id, yes()).await.unwrap_err();
    assert_eq!(too_late.data, Some(ErrorKind::NotFound), "{too_late}");
    let (seen, same) = (rest(&mut one).await, rest(&mut other).await);
    assert_eq!(whole(&seen), whole(&same));
    assert_eq!(streamed(&seen), streamed(&same));
    assert!(place.workspace.join("made").exists());
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_hears_everything_later() {
    // More happens than all queues on the way hold.
    let mut steps = vec![run("true"); 30];
    steps.push(json!({ "stream": { "bytes": 60_000, "chunk": 10 } }));
    let place = Place::new(json!(steps));
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Never).await;
    one.next(|told| matches!(told, ServerNotification::ThreadStarted(_)).then_some(())).await;
    let (mut slow, _) = another(&hub, &one.thread_id, None).await;
    one.say("go").await;
    let seen = rest(&mut one).await;
    let late = rest(&mut slow).await;
    assert!(whole(&seen).len() > 60, "{}", seen.len());
    assert_eq!(streamed(&seen), streamed(&late));
    assert_eq!(whole(&seen), whole(&late));
}

#[tokio::test]
async fn a_turn_goes_on_without_a_connection_and_who_comes_back_is_asked() {
    let place = Place::new(script());
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Untrusted).await;
    one.say("go").await;
    let (id, asked) = one.question().await;
    let thread_id = one.thread_id.clone();
    drop(one);
    let (mut back, opened) = another(&hub, &thread_id, None).await;
    assert!(matches!(opened.thread.status, ThreadStatus::Active { .. }), "{opened:?}");
    let turn = back.next(|told| match told {
        ServerNotification::TurnStarted(changed) => Some(changed.turn.status),
        _ => None,
    });
    assert_eq!(turn.await, TurnStatus::InProgress);
    assert_eq!(back.question().await, (id, asked));
    back.answer(id, yes()).await.unwrap();
    rest(&mut back).await;
    assert!(place.workspace.join("made").exists());
}

#[tokio::test]
async fn who_comes_back_hears_what_was_recorded_meanwhile_and_nothing_twice() {
    let place = Place::new(script());
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Untrusted).await;
    let (mut other, _) = another(&hub, &one.thread_id, None).await;
    one.say("go").await;
    let mut last = 0;
    let id = loop {
        match one.message().await {
            ServerMessage::Request { id, .. } => break id,
            ServerMessage::Event(Event { position: Position::Recorded { seq }, .. }) => last = seq,
            ServerMessage::Event(_) => {}
        }
    };
    let thread_id = one.thread_id.clone();
    drop(one);
    let (question, _) = other.question().await;
    assert_eq!(question, id);
    other.answer(id, yes()).await.unwrap();
    let seen = rest(&mut other).await;
    let (mut back, _) = another(&hub, &thread_id, Some(last)).await;
    let missed = rest(&mut back).await;
    assert_eq!(recorded(&missed), recorded(&seen));
    assert_eq!(recorded(&missed).len(), 3, "the command, the answer, the end: {missed:?}");
    let begun = missed.iter().any(|message| {
        matches!(message, ServerMessage::Event(Event { notification: ServerNotification::TurnStarted(_), .. }))
    });
    assert!(!begun, "it knew that: {missed:?}");
}

#[tokio::test]
async fn a_thread_is_closed_by_the_last_one_that_lets_go_or_when_it_is_idle() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Never).await;
    one.say("go").await;
    one.turn_ended().await;
    let id = one.thread_id.clone();
    let (other, _) = another(&hub, &id, None).await;
    let letting_go = ThreadUnsubscribeParams { thread_id: id.clone() };
    let let_go = one.connection.client.thread_unsubscribe(letting_go.clone()).await.unwrap();
    assert_eq!(let_go.status, UnsubscribeStatus::Unsubscribed);
    hub.unload_idle(Duration::ZERO).await;
    let still = other.connection.client.thread_unsubscribe(letting_go.clone()).await.unwrap();
    assert_eq!(still.status, UnsubscribeStatus::Unsubscribed, "it was open: the other one followed it");
    let gone = other.connection.client.thread_unsubscribe(letting_go.clone()).await.unwrap();
    assert_eq!(gone.status, UnsubscribeStatus::NotLoaded);
    let (mut back, _) = another(&hub, &id, None).await;
    back.say("go on").await;
    back.turn_ended().await;
    let watching = connect(&hub);
    let not_followed = watching.client.thread_unsubscribe(letting_go.clone()).await.unwrap();
    assert_eq!(not_followed.status, UnsubscribeStatus::NotSubscribed, "it is not for others to close");
    back.say("still there?").await;
    back.turn_ended().await;
    drop(back);
    // Its end is noticed some time.
    loop {
        hub.unload_idle(Duration::ZERO).await;
        let status = watching.client.thread_unsubscribe(letting_go.clone()).await.unwrap().status;
        if status == UnsubscribeStatus::NotLoaded {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(place.server.requests().len(), 3);
}

#[tokio::test]
async fn at_the_end_no_turn_begins_and_those_that_run_are_interrupted_when_their_time_is_up() {
    let place = Place::new(json!([{ "hang": true }]));
    let hub = hub(&place);
    let mut one = started(&hub, &place, ApprovalPolicy::Never).await;
    one.say("go").await;
    let running = one.next(|told| {
        matches!(told, ServerNotification::ItemCompleted(it) if matches!(it.item, ThreadItem::UserMessage { .. }))
            .then_some(())
    });
    running.await;
    hub.drain(Duration::ZERO).await;
    rest(&mut one).await;
    assert_eq!(one.view.ended(), Some(TurnStatus::Interrupted));
    let params = codex_protocol::TurnStartParams { thread_id: one.thread_id.clone(), ..Default::default() };
    let refused = one.connection.client.turn_start(params).await.unwrap_err();
    assert!(refused.message.contains("is being stopped"), "{refused}");
    assert!(place.journals()[0].contains(r#""outcome":"interrupted""#), "{:?}", place.journals());
}

/// One thread serves all sessions. The state of one session's files waits for a lock here, which is what long work on files is
/// to it; if that held up the thread, nothing of the other session's turn would happen before the lock is let go.
#[tokio::test]
async fn work_on_files_of_one_session_holds_up_no_other() {
    let writes = json!([{ "text": "I make it.", "tool": "exec_command", "arguments": { "cmd": "touch made" } }, { "text": "made" }]);
    let reads = json!([
        { "tool": "read_file", "arguments": { "path": "a.txt" } },
        { "tool": "search_files", "arguments": { "pattern": "hello" } },
        { "text": "read" },
    ]);
    let place = Place::new(json!({ "sessions": { "write": writes, "read": reads } }));
    fs::write(place.workspace.join("a.txt"), "hello\n").unwrap();
    let directory = place.home.join("checkpoints");
    fs::create_dir_all(&directory).unwrap();
    let lock = File::create(directory.join("use.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let inode = format!(":{} ", fstat(&lock).unwrap().st_ino);
    // Let go by a thread of its own, in the end even where nobody says so.
    let (let_go, told) = channel();
    let holder = thread::spawn(move || {
        let in_time = told.recv_timeout(WATCHDOG).is_ok();
        drop(lock);
        in_time
    });
    let hub = hub(&place);
    let mut writer = started(&hub, &place, ApprovalPolicy::Never).await;
    let mut reader = started(&hub, &place, ApprovalPolicy::Never).await;
    writer.say("write").await;
    writer.next(|told| matches!(told, ServerNotification::ItemCompleted(_)).then_some(())).await;
    let waits =
        || fs::read_to_string("/proc/locks").unwrap().lines().any(|lock| lock.contains("->") && lock.contains(&inode));
    while !waits() {
        assert!(!holder.is_finished(), "the state of the files waits for nothing");
        tokio::task::yield_now().await;
    }
    reader.say("read").await;
    reader.turn_ended().await;
    assert!(waits() && !place.workspace.join("made").exists(), "it still waits");
    let_go.send(()).unwrap();
    writer.turn_ended().await;
    assert!(holder.join().unwrap(), "the turn of the other waited for the lock");
    assert!(place.workspace.join("made").exists());
}
