//! Tests of `fallback`: models that answer from lists.

use codex_history::{AssistantPart, History, ToolSpec};

use super::*;
use crate::Options;

#[derive(Debug)]
struct Listed {
    answers: Mutex<VecDeque<Vec<StreamEvent>>>,
    asked: Mutex<Vec<Request>>,
}

impl Model for Listed {
    fn stream(&self, request: Request) -> EventStream {
        self.asked.lock().unwrap().push(request);
        Box::pin(stream::iter(self.answers.lock().unwrap().pop_front().expect("asked too often")))
    }

    fn takes_grammars(&self) -> bool {
        false
    }
}

fn listed(answers: Vec<Vec<StreamEvent>>) -> Arc<Listed> {
    Arc::new(Listed { answers: Mutex::new(answers.into()), asked: Mutex::default() })
}

fn fallback(models: &[&Arc<Listed>]) -> Fallback {
    let named = |(at, client): (usize, &&Arc<Listed>)| Alternative {
        client: Arc::clone(*client) as Arc<dyn Model>,
        provider: format!("p{at}"),
        id: format!("m{at}"),
        known: Known::default(),
        searches: true,
        other_form: false,
    };
    let mut all: Vec<Alternative> = models.iter().enumerate().map(named).collect();
    let chosen = all.remove(0);
    Fallback::new(chosen, all)
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::TextDelta { part: 0, text: text.into() }
}

fn completed(text: &str) -> StreamEvent {
    StreamEvent::Completed { content: vec![AssistantPart::Text { text: text.into(), opaque: None }], usage: None }
}

fn failed(kind: FailureKind) -> StreamEvent {
    StreamEvent::Failed(Failure { kind, message: "it broke".into(), retry_after: None })
}

fn rerouted(at: usize, why: Option<&str>) -> StreamEvent {
    StreamEvent::Rerouted {
        provider: format!("p{at}"),
        model: format!("m{at}"),
        why: why.map(str::to_owned),
        window: None,
    }
}

fn request() -> Request {
    Request {
        model: "m0".into(),
        history: History::default(),
        tools: Arc::new([]),
        thread_id: "t".into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

async fn ask(model: &Fallback) -> Vec<StreamEvent> {
    model.stream(request()).collect().await
}

fn saying(kind: FailureKind, message: &str) -> StreamEvent {
    StreamEvent::Failed(Failure { kind, message: message.into(), retry_after: None })
}

#[tokio::test(start_paused = true)]
async fn another_takes_over_where_the_failure_does_not_pass_and_no_other() {
    use FailureKind::*;
    for kind in [QuotaExceeded, BadRequest(404), Server(503), RateLimited, Connection, Disconnected] {
        let (one, other) = (listed(vec![vec![failed(kind)]]), listed(vec![vec![text("Hi"), completed("Hi")]]));
        let expected = [rerouted(1, Some("it broke")), text("Hi"), completed("Hi")];
        assert_eq!(ask(&fallback(&[&one, &other])).await, expected, "{kind:?}");
        let asked = other.asked.lock().unwrap();
        assert_eq!(asked.iter().map(|request| &request.model).collect::<Vec<_>>(), ["m1"]);
    }
    for kind in [Unauthorized, BadRequest(400), ContextTooLong, ContentRefused, Incomplete, Configuration] {
        let (one, other) = (listed(vec![vec![failed(kind)]]), listed(vec![]));
        assert_eq!(ask(&fallback(&[&one, &other])).await, [failed(kind)], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_does_not_count_and_the_last_one_tells_its_own_failure() {
    use FailureKind::*;
    let one = listed(vec![vec![text("I am"), failed(Disconnected)]]);
    let other = listed(vec![vec![failed(QuotaExceeded)]]);
    let third = listed(vec![vec![text("Here"), failed(ContentRefused)]]);
    let expected = [
        text("I am"),
        StreamEvent::Discarded,
        rerouted(2, Some("it broke. p1/m1: it broke")),
        text("Here"),
        failed(ContentRefused),
    ];
    assert_eq!(ask(&fallback(&[&one, &other, &third])).await, expected);
}

#[tokio::test(start_paused = true)]
async fn who_took_over_answers_for_a_while_without_a_word_and_then_the_first_is_tried_again() {
    let answer = || vec![completed("Hi")];
    let one = listed(vec![vec![failed(FailureKind::QuotaExceeded)], answer()]);
    let other = listed(vec![answer(), answer()]);
    let model = fallback(&[&one, &other]);
    assert_eq!(ask(&model).await[0], rerouted(1, Some("it broke")));
    tokio::time::advance(HOLD - Duration::from_secs(1)).await;
    assert_eq!(ask(&model).await, [rerouted(1, None), completed("Hi")]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ask(&model).await, [completed("Hi")]);
    assert_eq!((one.asked.lock().unwrap().len(), other.asked.lock().unwrap().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_has_no_key_is_passed_over_and_nobody_is_announced_who_does_not_answer() {
    use FailureKind::*;
    let wait = StreamEvent::Retrying {
        attempt: 1,
        of: None,
        delay: Duration::ZERO,
        kind: RateLimited,
        reason: "it is busy".into(),
    };
    for kind in [Unauthorized, Configuration] {
        let (one, other) = (listed(vec![vec![failed(QuotaExceeded)]]), listed(vec![vec![saying(kind, "no key.")]]));
        let third = listed(vec![vec![wait.clone(), text("Hi"), completed("Hi")]]);
        let expected = [wait.clone(), rerouted(2, Some("it broke. p1/m1: no key")), text("Hi"), completed("Hi")];
        assert_eq!(ask(&fallback(&[&one, &other, &third])).await, expected, "{kind:?}");
        // If nobody can, it is told of all, and that of the chosen one is why.
        let (one, other) = (listed(vec![vec![failed(QuotaExceeded)]]), listed(vec![vec![saying(kind, "no key.")]]));
        let expected = [saying(QuotaExceeded, "it broke. p1/m1: no key")];
        assert_eq!(ask(&fallback(&[&one, &other])).await, expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_is_asked_for_what_it_takes() {
    let options = Options {
        reasoning_effort: Some("max".into()),
        temperature: Some(0.5),
        max_output_tokens: Some(100_000),
        ..Options::default()
    };
    let search = ToolInput::WebSearch { live: true };
    let tools = [search, ToolInput::Json { schema: serde_json::json!({}) }].map(|input| ToolSpec {
        name: "tool".into(),
        description: String::new(),
        input,
    });
    let asked = Request { options: Arc::new(options.clone()), tools: Arc::new(tools), ..request() };
    for (model, searches, expected, count) in [
        ("gpt-4.1", true, Options { reasoning_effort: None, max_output_tokens: Some(32_768), ..options.clone() }, 2),
        ("gpt-5.1", false, Options { reasoning_effort: Some("high".into()), temperature: None, ..options.clone() }, 1),
    ] {
        let (one, other) =
            (listed(vec![vec![failed(FailureKind::QuotaExceeded)]]), listed(vec![vec![completed("Hi")]]));
        let client = |client: &Arc<Listed>| Arc::clone(client) as Arc<dyn Model>;
        let (provider, id) = ("openai".to_owned(), model.to_owned());
        let known = Known::of(&provider, &id);
        let chosen = Alternative { client: client(&one), provider, id, known, searches: true, other_form: false };
        let other_one = Alternative { client: client(&other), searches, ..chosen.clone() };
        Fallback::new(chosen, vec![other_one]).stream(asked.clone()).collect::<Vec<_>>().await;
        let (first, second) = (one.asked.lock().unwrap(), other.asked.lock().unwrap());
        assert_eq!((&*first[0].options, first[0].tools.len()), (&options, 2), "it was made for the chosen one");
        assert_eq!((&*second[0].options, second[0].tools.len()), (&expected, count), "{model}");
    }
}

/// What does not fit is not sent: who made the request is to make it shorter.
#[tokio::test(start_paused = true)]
async fn one_whose_context_is_too_small_is_not_asked() {
    let one = listed(vec![vec![failed(FailureKind::QuotaExceeded)], vec![failed(FailureKind::QuotaExceeded)]]);
    let other = listed(vec![vec![completed("Hi")]]);
    let of = |client: &Arc<Listed>, id: &str, context_window| Alternative {
        client: Arc::clone(client) as Arc<dyn Model>,
        provider: "p".into(),
        id: id.into(),
        known: Known { context_window, ..Known::default() },
        searches: true,
        other_form: false,
    };
    let model = Fallback::new(of(&one, "a", None), vec![of(&other, "b", Some(1_000))]);
    let long: History = [codex_history::Message::user("x".repeat(8_000))].into_iter().collect();
    let events: Vec<StreamEvent> = model.stream(Request { history: long.clone(), ..request() }).collect().await;
    let [StreamEvent::Failed(failure)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(failure.kind, FailureKind::ContextTooLong);
    assert!(failure.message.contains("too long for p/b, which holds 1000"), "{}", failure.message);
    assert!(other.asked.lock().unwrap().is_empty());
    let (first, third) = (listed(vec![vec![failed(FailureKind::QuotaExceeded)]]), listed(vec![vec![completed("Hi")]]));
    let larger = Fallback::new(of(&first, "a", None), vec![of(&other, "b", Some(1_000)), of(&third, "c", None)]);
    let events: Vec<StreamEvent> = larger.stream(Request { history: long, ..request() }).collect().await;
    assert!(matches!(&events[..], [StreamEvent::Rerouted { model, .. }, _] if model == "c"), "{events:?}");
    let events = ask(&model).await;
    assert!(matches!(&events[0], StreamEvent::Rerouted { window: Some(1_000), .. }), "{events:?}");
}
