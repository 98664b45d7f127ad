//! What is asked of the model below, and what comes of its answers.

use std::sync::Mutex;

use codex_history::{Arguments, Content, History, Message, ToolInput};
use futures_util::stream;
use serde_json::json;

use super::*;
use crate::FailureKind;

/// Says one thing after the other, and keeps what it was asked.
#[derive(Debug)]
struct Fake {
    answers: Mutex<VecDeque<Vec<StreamEvent>>>,
    asked: Mutex<Vec<Request>>,
}

impl Fake {
    fn new(answers: impl IntoIterator<Item = Vec<StreamEvent>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Model for Fake {
    fn stream(&self, request: Request) -> EventStream {
        self.asked.lock().unwrap().push(request);
        Box::pin(stream::iter(self.answers.lock().unwrap().pop_front().unwrap()))
    }

    fn takes_grammars(&self) -> bool {
        false
    }
}

/// An answer that comes in pieces of a few bytes.
fn says(text: &str) -> Vec<StreamEvent> {
    let pieces: Vec<char> = text.chars().collect();
    let delta = |piece: &[char]| StreamEvent::TextDelta { part: 0, text: piece.iter().collect() };
    let content = vec![AssistantPart::Text { text: text.to_owned(), opaque: None }];
    pieces.chunks(3).map(delta).chain([StreamEvent::Completed { content, usage: None }]).collect()
}

fn fails(kind: FailureKind, message: &str) -> Vec<StreamEvent> {
    vec![StreamEvent::Failed(Failure { kind, message: message.to_owned(), retry_after: None })]
}

fn request(history: Vec<Message>) -> Request {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let list =
        ToolSpec { name: "list_dir".into(), description: "Lists.".to_owned(), input: ToolInput::Json { schema } };
    let patch = ToolInput::Freeform { lark_grammar: "start: \"x\"" };
    let patch = ToolSpec { name: "apply_patch".into(), description: "Patches.".to_owned(), input: patch };
    Request {
        model: "m".to_owned(),
        history: history.into_iter().collect(),
        tools: Arc::new([patch, list]),
        thread_id: "t".to_owned(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

fn conversation() -> Vec<Message> {
    let call =
        |id: &str, arguments| ToolCall { call_id: id.to_owned(), name: "list_dir".to_owned(), arguments, opaque: None };
    let first = call("c1", Arguments::Json(r#"{"path":"src"}"#.to_owned()));
    let text = AssistantPart::Text { text: "I look.".to_owned(), opaque: None };
    let result = first.answer("lib.rs");
    vec![
        Message::Developer { text: "Be good.".to_owned() },
        Message::user("Around."),
        Message::user("List."),
        Message::Assistant { content: vec![text.clone(), AssistantPart::Call(first)] },
        result,
        Message::Assistant { content: vec![text] },
        Message::user("Go on."),
    ]
}

/// The texts of a conversation, each with who says it.
fn texts(history: &History) -> Vec<(&'static str, String)> {
    let joined = |content: &[Content]| {
        let texts = content.iter().filter_map(|content| match content {
            Content::Text { text } => Some(text.as_str()),
            Content::Image { .. } => None,
        });
        texts.collect::<Vec<_>>().join("|")
    };
    let line = |message: &Message| match message {
        Message::Developer { text } => ("developer", text.clone()),
        Message::User { content } => ("user", joined(content)),
        Message::ToolResult { content, .. } => ("result", joined(content)),
        Message::Assistant { content } => match content.as_slice() {
            [AssistantPart::Text { text, .. }] => ("assistant", text.clone()),
            other => panic!("{other:?}"),
        },
    };
    history.messages().map(line).collect()
}

async fn answer(model: &TextCalls, request: Request) -> (String, Vec<StreamEvent>) {
    let events: Vec<StreamEvent> = model.stream(request).collect().await;
    let shown = events.iter().filter_map(|event| match event {
        StreamEvent::TextDelta { text, .. } => Some(text.as_str()),
        _ => None,
    });
    (shown.collect(), events.iter().filter(|event| !matches!(event, StreamEvent::TextDelta { .. })).cloned().collect())
}

/// The parts of the answer, briefly.
fn parts(events: &[StreamEvent]) -> Vec<String> {
    let [StreamEvent::Completed { content, .. }] = events else { panic!("{events:?}") };
    let shown = |part: &AssistantPart| match part {
        AssistantPart::Text { text, .. } => format!("text {text}"),
        AssistantPart::Call(call) => format!("{} {:?}", call.name, call.arguments),
        other => format!("{other:?}"),
    };
    content.iter().map(shown).collect()
}

#[tokio::test]
async fn a_conversation_in_words() {
    for (calling, called, said) in [
        (
            Calling::Text,
            "I look.\n<tool_call>\n{\"name\":\"list_dir\",\"arguments\":{\"path\":\"src\"}}\n</tool_call>",
            "I look.",
        ),
        (
            Calling::Constrained,
            "I look.\n{\"tool\":\"list_dir\",\"arguments\":{\"path\":\"src\"}}",
            "{\"answer\":\"I look.\"}",
        ),
    ] {
        let fake = Fake::new([says("Yes.")]);
        answer(&TextCalls::new(Arc::clone(&fake) as Arc<dyn Model>, calling, calling), request(conversation())).await;
        let asked = fake.asked().remove(0);
        assert!(asked.tools.is_empty());
        assert_eq!(asked.output_schema.is_some(), calling == Calling::Constrained);
        let texts = texts(&asked.history);
        let (who, instructions) = &texts[0];
        assert_eq!(*who, "developer");
        for part in ["Be good.\n\n# Tools", "## list_dir\nLists.\nArguments: {\"type\"", "## apply_patch\nPatches.\n"] {
            assert!(instructions.contains(part), "{part}: {instructions}");
        }
        let expected = [
            ("user", "Around.|List."),
            ("assistant", called),
            ("user", "Result of list_dir:|lib.rs"),
            ("assistant", said),
            ("user", "Go on."),
        ];
        let rest: Vec<(&str, &str)> = texts[1..].iter().map(|(who, text)| (*who, text.as_str())).collect();
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn an_answer_is_held_to_one_of_the_tools_or_text() {
    let fake = Fake::new([says("{}"), says("{}")]);
    let model = TextCalls::new(Arc::clone(&fake) as Arc<dyn Model>, Calling::Constrained, Calling::Text);
    answer(&model, request(vec![Message::user("x")])).await;
    let wanted = Some(Arc::new(json!({"type": "object"})));
    answer(&model, Request { output_schema: wanted, ..request(vec![Message::user("x")]) }).await;
    let schemas: Vec<_> = fake.asked().iter().map(|asked| asked.output_schema.clone().unwrap()).collect();
    let any_of = schemas[0]["anyOf"].as_array().unwrap();
    let names: Vec<_> = any_of.iter().map(|one| one["properties"]["tool"]["const"].clone()).collect();
    assert_eq!(names, [json!("apply_patch"), json!("list_dir"), json!(null)]);
    assert_eq!(any_of[0]["properties"]["arguments"]["required"], json!(["input"]));
    assert_eq!(any_of[2]["properties"]["answer"], json!({"type": "string"}));
    assert_eq!(schemas[1]["anyOf"][2]["properties"]["answer"], json!({"type": "object"}));
}

#[tokio::test]
async fn what_is_shown_and_what_is_called() {
    let patch = r#"{"tool": "apply_patch", "arguments": {"input": "*** x"}}"#;
    let tag = "I look.\n<tool_call>\n{\"name\": \"list_dir\", \"arguments\": {}}\n</tool_call>";
    let list = r#"list_dir Json("{}")"#;
    let table = [
        (Calling::Text, "Hello there.", "Hello there.", vec!["text Hello there."]),
        (Calling::Text, tag, "I look.\n", vec!["text I look.", list]),
        (Calling::Text, "\n<tool_call>{\"name\": \"list_dir\"}</tool_call>\nNow?", "\nNow?", vec![list, "text Now?"]),
        (Calling::Text, "{\"a\": 1}", "{\"a\": 1}", vec!["text {\"a\": 1}"]),
        (Calling::Constrained, "{\"answer\": \"Hello.\"}", "Hello.", vec!["text Hello."]),
        (Calling::Constrained, "{\"answer\": {\"a\": 1}}", "{\"a\":1}", vec!["text {\"a\":1}"]),
        (Calling::Constrained, patch, "", vec![r#"apply_patch Freeform("*** x")"#]),
        // A server that does not hold the answer to anything.
        (Calling::Constrained, "Hello.", "Hello.", vec!["text Hello."]),
        (Calling::Constrained, tag, "I look.", vec!["text I look.", list]),
    ];
    for (calling, said, shown, expected) in table {
        let model = TextCalls::new(Fake::new([says(said)]), calling, calling);
        let (got, events) = answer(&model, request(vec![Message::user("x")])).await;
        assert_eq!(
            (got.as_str(), parts(&events)),
            (shown, expected.iter().map(|part| (*part).to_owned()).collect()),
            "{said}"
        );
    }
}

#[tokio::test]
async fn without_tools_text_is_text() {
    let said = r#"{"name": "list_dir", "arguments": {}}"#;
    let fake = Fake::new([says(said)]);
    let model = TextCalls::new(Arc::clone(&fake) as Arc<dyn Model>, Calling::Constrained, Calling::Text);
    let ask = Request { tools: Arc::default(), ..request(conversation()) };
    let (shown, events) = answer(&model, ask).await;
    assert_eq!((shown.as_str(), parts(&events)), (said, vec![format!("text {said}")]));
    let asked = fake.asked().remove(0);
    assert_eq!((asked.output_schema.is_none(), texts(&asked.history)[0].1.as_str()), (true, "Be good."));
}

#[tokio::test]
async fn a_server_without_tools_is_asked_in_words_from_then_on() {
    for refusal in [
        "registry.ollama.ai/library/tiny does not support tools",
        "tools param requires --jinja flag",
        "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
    ] {
        let called = r#"{"tool": "list_dir", "arguments": {}}"#;
        let fake = Fake::new([fails(FailureKind::BadRequest(400), refusal), says(called), says(called)]);
        let model = TextCalls::new(Arc::clone(&fake) as Arc<dyn Model>, Calling::Native, Calling::Constrained);
        for _ in 0..2 {
            let (shown, events) = answer(&model, request(vec![Message::user("x")])).await;
            assert_eq!((shown.as_str(), parts(&events)), ("", vec![r#"list_dir Json("{}")"#.to_owned()]));
        }
        let with_tools: Vec<bool> = fake.asked().iter().map(|asked| !asked.tools.is_empty()).collect();
        assert_eq!(with_tools, [true, false, false], "{refusal}");
    }
}

#[tokio::test]
async fn failures_go_through_with_what_was_held_back() {
    let half = "So.\n<tool_call>{\"name\": \"list";
    let mut broken = says(half);
    broken.pop();
    broken.extend(fails(FailureKind::Disconnected, "gone"));
    let fake = Fake::new([broken, fails(FailureKind::BadRequest(400), "bad")]);
    let model = TextCalls::new(fake, Calling::Text, Calling::Text);
    let (shown, events) = answer(&model, request(vec![Message::user("x")])).await;
    assert_eq!((shown.as_str(), events), (half, fails(FailureKind::Disconnected, "gone")));
    let (shown, events) = answer(&model, request(vec![Message::user("x")])).await;
    assert_eq!((shown.as_str(), events), ("", fails(FailureKind::BadRequest(400), "bad")));
    let native =
        TextCalls::new(Fake::new([fails(FailureKind::BadRequest(400), "bad")]), Calling::Native, Calling::Text);
    assert_eq!(answer(&native, request(vec![Message::user("x")])).await.1, fails(FailureKind::BadRequest(400), "bad"));
}

#[tokio::test]
async fn a_call_that_stands_in_a_result_is_only_quoted() {
    let quoted = r#"{"name": "list_dir", "arguments": {"path": "a/b"}}"#;
    let said = format!("It says\n```json\n[{quoted}]\n```");
    for (read, is_called) in [
        ("nothing", true),
        (quoted, false),
        ("Send {\n\t\"name\": \"list_dir\",\n\t\"arguments\": {\"path\": \"a/b\"}\n}!", false),
        (r#"{"text": "{\"name\": \"list_dir\", \"arguments\": {\"path\": \"a/b\"}}"}"#, false),
    ] {
        for calling in [Calling::Text, Calling::Constrained] {
            let mut history = conversation();
            let Some(Message::ToolResult { content, .. }) = history.get_mut(4) else { panic!() };
            *content = vec![Content::Text { text: read.to_owned() }];
            let model = TextCalls::new(Fake::new([says(&said)]), calling, calling);
            let (_, events) = answer(&model, request(history)).await;
            let has_call = parts(&events).iter().any(|part| part.starts_with("list_dir"));
            assert_eq!(has_call, is_called, "{read}");
        }
    }
}

#[tokio::test]
async fn more_calls_than_anybody_means_are_none() {
    for (count, is_answer) in [(128, true), (129, false)] {
        let said = "<tool_call>{\"name\": \"list_dir\"}</tool_call>".repeat(count);
        let model = TextCalls::new(Fake::new([says(&said)]), Calling::Text, Calling::Text);
        let (_, events) = answer(&model, request(vec![Message::user("x")])).await;
        assert_eq!(matches!(events[..], [StreamEvent::Completed { .. }]), is_answer, "{count}");
        assert_eq!(
            matches!(&events[..], [StreamEvent::Failed(failure)] if failure.message.contains("129")),
            !is_answer
        );
    }
}
