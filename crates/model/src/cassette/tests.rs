//! What is recorded is played: the same answers for the same requests, and a plain word for every other.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use codex_history::{Arguments, AssistantPart, Content, History, Message, Opaque, ToolCall, Usage, Wire};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::{Cassette, Facts, Surroundings};
use crate::{EventStream, Failure, FailureKind, Model, Options, Request, StreamEvent};

/// Answers in this order, whatever is asked.
#[derive(Debug, Default)]
struct Canned(Mutex<VecDeque<Vec<StreamEvent>>>);

impl Model for Canned {
    fn stream(&self, _: Request) -> EventStream {
        Box::pin(stream::iter(self.0.lock().unwrap().pop_front().unwrap()))
    }

    fn takes_grammars(&self) -> bool {
        true
    }
}

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const OTHER_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

fn facts() -> Facts {
    Facts {
        provider: "p".into(),
        model: "m".into(),
        options: Options { reasoning_effort: Some("high".into()), ..Options::default() },
        context_window: Some(1000),
        compact_at: None,
    }
}

fn places(workspace: &str) -> Surroundings {
    Surroundings::new([("workspace", workspace.as_ref())], ["hunter2!".to_owned()])
}

fn text(text: &str) -> AssistantPart {
    AssistantPart::Text { text: text.into(), opaque: None }
}

fn call(id: &str, arguments: &str) -> AssistantPart {
    let arguments = Arguments::Json(arguments.into());
    AssistantPart::Call(ToolCall { call_id: id.into(), name: "shell".into(), arguments, opaque: None })
}

fn whole(content: Vec<AssistantPart>) -> StreamEvent {
    StreamEvent::Completed { content, usage: Some(Usage { input_tokens: 5, ..Usage::default() }) }
}

fn result(id: &str, text: &str) -> Message {
    let content = vec![Content::Text { text: text.into() }];
    Message::ToolResult { call_id: id.into(), freeform: false, content }
}

fn request(thread_id: &str, history: &History) -> Request {
    Request {
        model: "m".into(),
        history: history.clone(),
        tools: Arc::new([]),
        thread_id: thread_id.into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

/// Asks, and makes a whole answer part of the conversation.
async fn ask(model: &dyn Model, thread_id: &str, history: &mut History) -> Vec<StreamEvent> {
    let events: Vec<_> = model.stream(request(thread_id, history)).collect().await;
    if let Some(StreamEvent::Completed { content, .. }) = events.last() {
        history.push(Message::Assistant { content: content.clone() });
    }
    events
}

/// A directory, and a cassette that is recorded in it with these answers.
fn recording(answers: impl IntoIterator<Item = Vec<StreamEvent>>) -> (tempfile::TempDir, Arc<dyn Model>) {
    let directory = tempfile::tempdir().unwrap();
    let cassette = Cassette::record(&directory.path().join("c")).unwrap();
    let canned: Arc<dyn Model> = Arc::new(Canned(Mutex::new(answers.into_iter().collect())));
    let Cassette::Recording(recorder) = cassette else { panic!("{cassette:?}") };
    (directory, recorder.model(canned, facts(), places("/there")))
}

fn played(text: &str, workspace: &str) -> Arc<dyn Model> {
    let cassette = Cassette::of_text(text).unwrap();
    let Cassette::Playing(player) = cassette else { panic!("{cassette:?}") };
    assert_eq!(player.facts(), &facts());
    player.model(places(workspace))
}

fn failure(events: &[StreamEvent]) -> &Failure {
    let [StreamEvent::Failed(failure)] = events else { panic!("{events:?}") };
    failure
}

/// A conversation with a call in it: what is asked, as a session in `workspace` of thread `id` does.
async fn converse(model: &dyn Model, workspace: &str, id: &str) -> (History, Vec<StreamEvent>) {
    let mut history: History =
        [Message::Developer { text: "Be kind.\nAlways.".into() }, Message::user(format!("{workspace}/a of {id}"))]
            .into_iter()
            .collect();
    let mut all = ask(model, id, &mut history).await;
    history.push(result("1", &format!("{workspace}: hunter2!\nWall time: 0.{} s", workspace.len())));
    all.extend(ask(model, id, &mut history).await);
    (history, all)
}

#[tokio::test]
async fn what_is_recorded_is_played_elsewhere() {
    let sealed = Some(Opaque::new(Wire::Responses, json!({ "encrypted_content": "x\ny" })));
    let thought = AssistantPart::Reasoning { summary: vec!["Hm.".into()], opaque: sealed };
    let first = vec![thought, text("I look."), call("1", r#"{"cmd": "ls /there"}"#)];
    let second = vec![text("Done in /there by 01890a5d-ac96-774b-bcce-b302099a8057.\n")];
    let deltas = |part, texts: &[&str]| -> Vec<StreamEvent> {
        texts.iter().map(|text| StreamEvent::TextDelta { part, text: (*text).into() }).collect()
    };
    let reasoning = StreamEvent::ReasoningDelta { part: 0, paragraph: 0, text: "Hm.".into() };
    let arguments = |text: &str| StreamEvent::ArgumentsDelta { part: 2, name: "shell".into(), text: text.into() };
    let first = [
        vec![reasoning],
        deltas(1, &["I ", "look."]),
        vec![arguments(r#"{"cmd": "ls"#), arguments(r#" /there"}"#)],
        vec![whole(first)],
    ];
    let second = [deltas(0, &["Done in /th", "ere by ", ID, ".\n"]), vec![whole(second)]];
    let (directory, model) = recording([first.concat(), second.concat()]);
    let (recorded, said) = converse(&*model, "/there", ID).await;
    let path = directory.path().join("c");
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for absent in ["hunter2", "/there", ID, "\"events\"", "\\n\""] {
        assert!(!written.replace("\"x\\ny\"", "").contains(absent), "{absent} is in {written}");
    }
    assert_eq!(written.matches("Be kind.").count(), 1, "what was said before is not said again: {written}");

    let (now, played_events) = converse(&*played(&written, "/here/too"), "/here/too", OTHER_ID).await;
    let there = |text: String| text.replace("/here/too", "/there").replace(OTHER_ID, ID).replace("0.9 s", "0.6 s");
    let messages = |history: &History| format!("{:?}", history.messages().collect::<Vec<_>>());
    assert_eq!(there(messages(&now)), messages(&recorded));
    let spoken = |events: &[StreamEvent]| -> String {
        let text = |event: &StreamEvent| match event {
            StreamEvent::TextDelta { text, .. } | StreamEvent::ReasoningDelta { text, .. } => text.clone(),
            StreamEvent::ArgumentsDelta { text, .. } => text.clone(),
            other => format!("{other:?}"),
        };
        events.iter().map(text).collect()
    };
    assert_eq!(there(spoken(&played_events)), spoken(&said));
}

#[tokio::test]
async fn faults_are_played_as_they_were() {
    let retry = StreamEvent::Retrying {
        attempt: 1,
        of: Some(5),
        delay: Duration::from_millis(200),
        kind: FailureKind::Server(503),
        reason: "busy".into(),
    };
    let limited = Failure {
        kind: FailureKind::RateLimited,
        message: "slow down".into(),
        retry_after: Some(Duration::from_secs(9)),
    };
    let half = StreamEvent::TextDelta { part: 0, text: "Hal".into() };
    let answers = [
        vec![half.clone(), StreamEvent::Failed(limited.clone())],
        vec![retry.clone(), half.clone(), StreamEvent::Discarded, half.clone(), whole(vec![text("Half.")])],
        vec![half.clone(), whole(vec![text("never heard")])],
    ];
    let (directory, model) = recording(answers.clone());
    let history: History = [Message::user("a")].into_iter().collect();
    let mut goes_on = history.clone();
    for expected in &answers[..2] {
        assert_eq!(ask(&*model, "t", &mut goes_on).await, *expected);
    }
    // Nobody hears the third to its end.
    goes_on.push(Message::user("b"));
    assert_eq!(model.stream(request("t", &goes_on)).next().await, Some(half.clone()));

    let written = fs::read_to_string(directory.path().join("c")).unwrap();
    let model = played(&written, "/here");
    let mut goes_on = history;
    for expected in &answers[..2] {
        assert_eq!(ask(&*model, "t", &mut goes_on).await, *expected);
    }
    goes_on.push(Message::user("b"));
    let events = ask(&*model, "t", &mut goes_on).await;
    let [first, StreamEvent::Failed(cut)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*first, half);
    assert!(cut.message.contains("here the turn was interrupted when it was recorded (request 3)"), "{cut:?}");
}

#[tokio::test(start_paused = true)]
async fn several_threads_find_their_own_whatever_the_order() {
    let start = |who: &str| -> History { [Message::user("go"), Message::user(who.to_owned())].into_iter().collect() };
    // Each goes on, or not.
    let answers = ["a1", "b1", "same1", "same2", "b2", "a2"].map(|said| vec![whole(vec![text(said)])]);
    let (directory, model) = recording(answers);
    let (mut a, mut b, mut c, mut d) = (start("a"), start("b"), start("same"), start("same"));
    for (id, history) in [("a", &mut a), ("b", &mut b), ("c", &mut c), ("d", &mut d)] {
        ask(&*model, id, history).await;
        history.push(Message::user("more"));
    }
    for (id, history) in [("b", &mut b), ("a", &mut a)] {
        ask(&*model, id, history).await;
    }
    let written = fs::read_to_string(directory.path().join("c")).unwrap();
    let model = played(&written, "/here");
    let said = async |id: &str, history: &mut History| {
        let events = ask(&*model, id, history).await;
        let Some(StreamEvent::Completed { content, .. }) = events.last() else { panic!("{events:?}") };
        let [AssistantPart::Text { text, .. }] = &content[..] else { panic!("{content:?}") };
        text.clone()
    };
    let (mut a, mut b, mut c, mut d) = (start("a"), start("b"), start("same"), start("same"));
    assert_eq!(said("d", &mut d).await, "same1");
    assert_eq!(said("b", &mut b).await, "b1");
    b.push(Message::user("more"));
    assert_eq!(said("b", &mut b).await, "b2");
    assert_eq!(said("a", &mut a).await, "a1");
    assert_eq!(said("c", &mut c).await, "same2");
    a.push(Message::user("more"));
    assert_eq!(said("a", &mut a).await, "a2");
    let events = ask(&*model, "e", &mut start("same")).await;
    assert!(failure(&events).message.contains("it has 6 requests, and all were made"), "{events:?}");
}

/// A cassette of two requests, as one writes it by hand.
const BY_HAND: &str = r#"
{ "cassette": 1, "program": "hand", "ask": { "provider": "p", "model": "m", "options": { "reasoningEffort": "high" }, "contextWindow": 1000 } }
{ "request": 1, "messages": ["⟨any⟩", { "role": "user", "content": [{ "type": "text", "text": { "lines": ["go", "on"] } }] }] }
{ "answer": 1, "end": { "completed": { "content": [{ "type": "text", "text": "What is in ⟨workspace⟩?" }] } } }
{ "request": 2, "after": 1, "messages": [{ "role": "user", "content": [{ "type": "text", "text": "⟨any⟩ file⟨any⟩" }] }] }
{ "answer": 2, "end": { "completed": { "content": [{ "type": "text", "text": "Yes." }] } } }
{ "request": 3, "after": 1, "messages": ["⟨any⟩"] }
{ "answer": 3, "end": { "failed": { "kind": { "server": 500 }, "message": "No." } } }
"#;

#[tokio::test]
async fn a_cassette_may_be_written_by_hand_with_other_ways_to_go_on() {
    for (said, expected) in [("a file.", "Yes."), ("nothing", "No.")] {
        let model = played(BY_HAND, "/here");
        let mut history: History =
            [Message::Developer { text: "x".into() }, Message::user("go\non")].into_iter().collect();
        let events = ask(&*model, "t", &mut history).await;
        assert!(format!("{events:?}").contains("What is in /here?"), "{events:?}");
        history.push(Message::user(said));
        let events = ask(&*model, "t", &mut history).await;
        assert!(format!("{events:?}").contains(expected), "{said}: {events:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_another_is_told_and_ends_it() {
    let answers = [vec![whole(vec![call("1", "{}")])], vec![whole(vec![text("end")])]];
    let (directory, model) = recording(answers);
    let begin =
        || -> History { [Message::Developer { text: "rules".into() }, Message::user("go")].into_iter().collect() };
    let mut history = begin();
    ask(&*model, "t", &mut history).await;
    history.push(result("1", "a\nb\nWall time: 0.1 s\nc"));
    ask(&*model, "t", &mut history).await;
    let written = fs::read_to_string(directory.path().join("c")).unwrap();

    let model = played(&written, "/here");
    let mut history = begin();
    ask(&*model, "t", &mut history).await;
    let mut other = history.clone();
    other.push(result("1", "a\nx\nWall time: 0.2 s\nc"));
    let events = ask(&*model, "t", &mut other).await;
    let told = &failure(&events).message;
    for expected in [
        "--replay: this request is not in the cassette. It is nearest to request 2 there:",
        "message 4, the result of 1, differs:",
        "  -           \"b\",\n  +           \"x\",\n",
        "record anew with --record",
    ] {
        assert!(told.contains(expected), "{expected:?} is not in {told}");
    }
    assert!(!told.contains("Wall"), "{told}");
    // What goes on after that is another session.
    history.push(result("1", "a\nb\nWall time: 0.1 s\nc"));
    assert_eq!(failure(&ask(&*model, "t", &mut history).await).message, *told);

    let told = async |change: &dyn Fn(&mut Request)| {
        let mut asked = request("t", &begin());
        change(&mut asked);
        let events: Vec<_> = played(&written, "/here").stream(asked).collect().await;
        failure(&events).message.clone()
    };
    let tool = || codex_history::ToolSpec {
        name: "new".into(),
        description: String::new(),
        input: codex_history::ToolInput::Freeform { lark_grammar: "" },
    };
    type Change<'a> = &'a dyn Fn(&mut Request);
    let table: [(Change, &str); 5] = [
        (&|asked| asked.model = "n".into(), "  model: \"m\" there, \"n\" here"),
        (&|asked| asked.tools = Arc::new([tool()]), "  tools offered here only: new"),
        (&|asked| asked.output_schema = Some(Arc::new(json!({}))), "  output schema: false there, {} here"),
        (
            &|asked| asked.history.push(Message::user("more")),
            "message 3, what the user or this program says, is only here",
        ),
        (&|asked| asked.history.truncate(1), "message 2, what the user or this program says, is missing here"),
    ];
    for (change, expected) in table {
        let told = told(change).await;
        assert!(told.contains(expected), "{expected} is not in {told}");
    }
}

#[tokio::test]
async fn what_was_killed_leaves_a_cassette() {
    let answers = [vec![whole(vec![call("1", "{}")])], vec![whole(vec![text("end")])]];
    let (directory, model) = recording(answers);
    converse(&*model, "/there", ID).await;
    let written = fs::read_to_string(directory.path().join("c")).unwrap();
    let answers: Vec<usize> = written.match_indices("\n{\n  \"answer\"").map(|(at, _)| at + 1).collect();
    for (cut, expected) in [
        (answers[0], "has no answer to request 1: what recorded it ended before there was one"),
        (answers[1] - 20, "it has 1 requests, and all were made"),
        (answers[1] + 20, "has no answer to request 2"),
    ] {
        let (_, events) = converse(&*played(&written[..cut], "/there"), "/there", ID).await;
        let last = events.iter().rev().find_map(|event| match event {
            StreamEvent::Failed(failure) => Some(&failure.message),
            _ => None,
        });
        assert!(last.is_some_and(|message| message.contains(expected)), "{expected}: {events:?}");
    }
}

#[test]
fn files_that_are_there_stay_and_files_that_are_none_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c");
    fs::write(&path, "mine").unwrap();
    assert!(Cassette::record(&path).unwrap_err().contains("is there already, and is not overwritten"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    // What a run has left that failed before it asked anything; but nothing that a link leads to.
    let empty = directory.path().join("empty");
    fs::write(&empty, "").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&empty, &link).unwrap();
    assert!(Cassette::record(&link).unwrap_err().contains("is there already"));
    Cassette::record(&empty).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&empty).unwrap().permissions()) & 0o777, 0o600);
    assert!(Cassette::record(&directory.path().join("no/c")).unwrap_err().contains("No such file"));
    let header = BY_HAND.lines().nth(1).unwrap();
    let table = [
        ("mine".to_owned(), "cannot be played: expected value at line 1"),
        (String::new(), "it does not begin as a cassette"),
        ("{\"request\": 1, \"messages\": []}".to_owned(), "it does not begin as a cassette"),
        (format!("{header}{header}"), "it begins twice"),
        (
            header.to_owned() + "{\"request\":1,\"messages\":[]}{\"request\":1,\"messages\":[]}",
            "request 1 is there twice",
        ),
        (header.to_owned() + "{\"answer\":1,\"end\":{\"cut\":{}}}", "answer 1 has no request before it"),
        (
            header.to_owned() + "{\"request\":1,\"messages\":[]}{\"request\":2,\"after\":1,\"messages\":[]}",
            "request 2 goes on from 1, which has no whole answer before it",
        ),
    ];
    for (text, expected) in table {
        fs::write(&path, &text).unwrap();
        let error = Cassette::replay(&path).unwrap_err();
        assert!(error.contains(expected) && error.starts_with(&path.display().to_string()), "{text}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_what_came_before_it_when_it_was_recorded() {
    let said = |text: &str| json!({ "role": "user", "content": [{ "type": "text", "text": text }] });
    let answer = |number: u64| {
        let content = json!([{ "type": "text", "text": format!("answer {number}") }]);
        json!({ "answer": number, "end": { "completed": { "content": content } } })
    };
    let objects = [
        serde_json::from_str(BY_HAND.lines().nth(1).unwrap()).unwrap(),
        json!({ "request": 1, "thread": 1, "messages": [said("a")] }),
        json!({ "request": 2, "thread": 2, "messages": [said("b")] }),
        answer(2),
        json!({ "request": 3, "thread": 2, "after": 2, "messages": [said("more")] }),
        answer(1),
        answer(3),
    ];
    let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let begin = |text: &str| -> History { [Message::user(text)].into_iter().collect() };
    let (model, began, given) = (played(&text, "/here"), Instant::now(), Mutex::new(Vec::new()));
    let one = async {
        ask(&*model, "a", &mut begin("a")).await;
        given.lock().unwrap().push(1);
    };
    let other = async {
        let mut history = begin("b");
        for number in [2, 3] {
            ask(&*model, "b", &mut history).await;
            given.lock().unwrap().push(number);
            history.push(Message::user("more"));
        }
    };
    tokio::join!(one, other);
    assert_eq!((given.into_inner().unwrap(), began.elapsed()), (vec![2, 1, 3], Duration::ZERO));

    // What never comes is waited for, but not for ever, and once.
    let model = played(&text, "/here");
    ask(&*model, "a", &mut begin("a")).await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    ask(&*model, "b", &mut begin("b")).await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}
