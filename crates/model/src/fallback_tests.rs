//! Tests of `fallback`: models that answer from lists.

use codex_history::{AssistantPart, History};

use super::*;

#[derive(Debug)]
struct Listed {
    answers: Mutex<VecDeque<Vec<StreamEvent>>>,
    asked: Mutex<Vec<String>>,
}

impl Model for Listed {
    fn stream(&self, request: Request) -> EventStream {
        self.asked.lock().unwrap().push(request.model);
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
    StreamEvent::Rerouted { provider: format!("p{at}"), model: format!("m{at}"), why: why.map(str::to_owned) }
}

async fn ask(model: &Fallback) -> Vec<StreamEvent> {
    let request = Request {
        model: "m0".into(),
        history: History::default(),
        tools: Arc::new([]),
        thread_id: "t".into(),
        options: Arc::default(),
        output_schema: None,
    };
    model.stream(request).collect().await
}

#[tokio::test(start_paused = true)]
async fn another_takes_over_where_the_failure_does_not_pass_and_no_other() {
    use FailureKind::*;
    for kind in [QuotaExceeded, BadRequest(404), Server(503), RateLimited, Connection, Disconnected] {
        let (one, other) = (listed(vec![vec![failed(kind)]]), listed(vec![vec![text("Hi"), completed("Hi")]]));
        let expected = [rerouted(1, Some("it broke")), text("Hi"), completed("Hi")];
        assert_eq!(ask(&fallback(&[&one, &other])).await, expected, "{kind:?}");
        assert_eq!(*other.asked.lock().unwrap(), ["m1"]);
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
        rerouted(1, Some("it broke")),
        rerouted(2, Some("it broke")),
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
