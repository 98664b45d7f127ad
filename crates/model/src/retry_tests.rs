//! Tests of `retry`: a model that answers each attempt from a list.

use std::sync::Mutex;

use codex_history::{AssistantPart, History};

use super::*;

#[derive(Debug)]
struct Listed(Mutex<VecDeque<Vec<StreamEvent>>>);

impl Model for Listed {
    fn stream(&self, _: Request) -> EventStream {
        Box::pin(stream::iter(self.0.lock().unwrap().pop_front().expect("asked too often")))
    }

    fn takes_grammars(&self) -> bool {
        false
    }
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::TextDelta { part: 0, text: text.into() }
}

fn arguments(text: &str) -> StreamEvent {
    StreamEvent::ArgumentsDelta { part: 0, name: "tool".into(), text: text.into() }
}

fn completed(text: &str) -> StreamEvent {
    StreamEvent::Completed { content: vec![AssistantPart::Text { text: text.into(), opaque: None }], usage: None }
}

fn failure(kind: FailureKind) -> Failure {
    Failure { kind, message: "it broke".into(), retry_after: None }
}

fn failed(kind: FailureKind) -> StreamEvent {
    StreamEvent::Failed(failure(kind))
}

fn request() -> Request {
    Request {
        model: "m".into(),
        history: History::default(),
        tools: Arc::new([]),
        thread_id: "t".into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

/// Runs all attempts with the clock stopped; waits are shown as `~` and do not take time.
async fn run(attempts: Vec<Vec<StreamEvent>>) -> Vec<StreamEvent> {
    let inner = Arc::new(Listed(Mutex::new(attempts.into())));
    let events = Retrying::new(inner.clone(), RetryPolicy::default()).stream(request()).collect().await;
    assert!(inner.0.lock().unwrap().is_empty(), "asked too rarely");
    events
}

/// The text a screen would show at the end.
fn seen(events: &[StreamEvent]) -> String {
    events.iter().fold(String::new(), |shown, event| match event {
        StreamEvent::TextDelta { text, .. } => shown + text,
        StreamEvent::Discarded => String::new(),
        _ => shown,
    })
}

fn names(events: &[StreamEvent]) -> String {
    let letter = |event: &StreamEvent| match event {
        StreamEvent::TextDelta { .. } => 't',
        StreamEvent::ReasoningDelta { .. } => 'r',
        StreamEvent::ArgumentsDelta { .. } => 'a',
        StreamEvent::SearchStarted { .. } => 's',
        StreamEvent::Retrying { .. } => '~',
        StreamEvent::Rerouted { .. } => '>',
        StreamEvent::Paused => '=',
        StreamEvent::Discarded => 'D',
        StreamEvent::Completed { .. } => 'C',
        StreamEvent::LeftOut { .. } => 'L',
        StreamEvent::Counted(_) | StreamEvent::Unshown(_) => '#',
        StreamEvent::Failed(_) => 'F',
    };
    events.iter().map(letter).collect()
}

#[tokio::test(start_paused = true)]
async fn no_text_is_ever_doubled() {
    use FailureKind::Disconnected;
    let cases = [
        // Same text again, in other pieces.
        (
            vec![vec![text("Hel"), text("lo")], vec![text("Hello wor"), text("ld"), completed("")]],
            "tt~ttC",
            "Hello world",
        ),
        // Cut off twice, the second time earlier.
        (vec![vec![text("Hello")], vec![text("He")], vec![text("Hello!"), completed("")]], "t~#~tC", "Hello!"),
        // Another answer.
        (vec![vec![text("Hello")], vec![text("He"), text("y"), text("!"), completed("")]], "t~DttC", "Hey!"),
        // The same beginning, but complete earlier than before.
        (vec![vec![text("Hello world")], vec![text("Hello"), completed("")]], "t~DtC", "Hello"),
        // Nothing at all this time.
        (vec![vec![text("Hello world")], vec![completed("")]], "t~DC", ""),
        // Arguments are shown of the first attempt only.
        (vec![vec![arguments("{")], vec![arguments("{\"a"), completed("")]], "a~C", ""),
        // Nothing shown before the failure.
        (vec![vec![], vec![text("Hi"), completed("")]], "~tC", "Hi"),
    ];
    for (mut attempts, expected_names, expected_text) in cases {
        let last = attempts.len() - 1;
        attempts[..last].iter_mut().for_each(|events| events.push(failed(Disconnected)));
        let events = run(attempts).await;
        assert_eq!((names(&events).as_str(), seen(&events).as_str()), (expected_names, expected_text));
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_is_repeated_and_not_for_ever() {
    use FailureKind::*;
    for kind in [Connection, Disconnected, Server(500), RateLimited, Malformed] {
        let events = run(vec![vec![failed(kind)]; 6]).await;
        assert_eq!(names(&events), "~~~~~F", "{kind:?}");
        let message = "it broke; given up after 6 attempts".into();
        assert_eq!(events.last(), Some(&StreamEvent::Failed(Failure { message, ..failure(kind) })));
    }
    for kind in
        [Unauthorized, BadRequest(400), ContextTooLong, ContentRefused, QuotaExceeded, Incomplete, Configuration]
    {
        assert_eq!(names(&run(vec![vec![failed(kind)]]).await), "F", "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_only_ends_counts_as_broken_off() {
    let events = run(vec![vec![text("a")], vec![text("ab"), completed("ab")]]).await;
    assert_eq!((names(&events).as_str(), seen(&events).as_str()), ("t~tC", "ab"));
}

#[tokio::test(start_paused = true)]
async fn the_announced_wait_is_waited() {
    let asked = Duration::from_secs(90);
    let limited = Failure { retry_after: Some(asked), ..failure(FailureKind::RateLimited) };
    let before = tokio::time::Instant::now();
    let events = run(vec![vec![StreamEvent::Failed(limited)], vec![completed("")]]).await;
    let (kind, reason) = (FailureKind::RateLimited, "it broke".into());
    let announced = StreamEvent::Retrying { attempt: 1, of: Some(5), delay: asked, kind, reason };
    assert_eq!(events[0], announced);
    assert!(before.elapsed() >= asked, "the stopped clock moves only by waiting");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_told() {
    let failure = |kind| Failure { message: "it broke.".into(), ..failure(kind) };
    for (kind, seconds, message) in [
        (FailureKind::RateLimited, 3600, "it broke; it asks to wait 60 min"),
        (FailureKind::Server(503), 601, "it broke; it asks to wait 11 min"),
        (FailureKind::RateLimited, 93_000, "it broke; it asks to wait 26 h"),
        (FailureKind::QuotaExceeded, 3600, "it broke."),
    ] {
        let failure = Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure(kind) };
        let events = run(vec![vec![StreamEvent::Failed(failure.clone())]]).await;
        assert_eq!(events, [StreamEvent::Failed(Failure { message: message.into(), ..failure })]);
    }
}

/// A model that answers once, and then cannot be connected to for so many attempts.
fn lost_for(attempts: usize) -> Vec<Vec<StreamEvent>> {
    let mut all = vec![vec![text("Hel"), failed(FailureKind::Disconnected)]];
    all.extend(vec![vec![failed(FailureKind::Connection)]; attempts]);
    all.push(vec![text("Hello"), completed("Hello")]);
    all
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_answered_is_waited_for_by_the_clock() {
    let begun = tokio::time::Instant::now();
    let events = run(lost_for(30)).await;
    assert_eq!((names(&events), seen(&events).as_str()), (format!("t{}tC", "~".repeat(31)), "Hello"));
    assert!(begun.elapsed() > Duration::from_secs(200), "{:?}", begun.elapsed());
    let announced = events.iter().filter_map(|event| match event {
        StreamEvent::Retrying { attempt, of, delay, .. } => Some((*attempt, *of, *delay)),
        _ => None,
    });
    let announced: Vec<_> = announced.collect();
    assert_eq!((announced[0].0, announced[0].1), (1, Some(5)), "that the stream broke off is another matter");
    assert!(announced[1..].iter().enumerate().all(|(at, wait)| (wait.0, wait.1) == (at as u32 + 1, None)));
    assert!(announced.iter().all(|wait| wait.2 <= Duration::from_secs(18)), "{announced:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_as_long_as_the_policy_says_and_not_where_it_says_so() {
    let network_wait = Duration::from_secs(60);
    let policy = RetryPolicy { network_wait, ..RetryPolicy::default() };
    let inner = Arc::new(Listed(Mutex::new(lost_for(100).into())));
    let begun = tokio::time::Instant::now();
    let events: Vec<_> = Retrying::new(inner, policy).stream(request()).collect().await;
    let Some(StreamEvent::Failed(failure)) = events.last() else { panic!("{events:?}") };
    assert!(
        failure.message.starts_with("it broke; given up after 6")
            && failure.message.ends_with(" s without a connection"),
        "{failure:?}"
    );
    assert!((60..65).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    // Else as every other failure; and never with no repetition at all.
    for (policy, expected) in [
        (RetryPolicy { network_wait: Duration::ZERO, ..RetryPolicy::default() }, "t~~~~~F"),
        (RetryPolicy { retries: 0, ..RetryPolicy::default() }, "tF"),
    ] {
        let inner = Arc::new(Listed(Mutex::new(lost_for(100).into())));
        let events: Vec<_> = Retrying::new(inner, policy).stream(request()).collect().await;
        assert_eq!(names(&events), expected);
    }
}

/// A key that is wrong says nothing about the network, and a server that has answered in one request has in the next.
#[tokio::test(start_paused = true)]
async fn whether_it_has_answered_is_known_from_earlier_requests() {
    use FailureKind::{Connection, Unauthorized};
    let lost = || vec![vec![failed(Connection)]; 6];
    for (first, expected) in [(failed(Unauthorized), "~~~~~F"), (completed(""), "~~~~~~C")] {
        let answers = [vec![vec![first]], lost(), vec![vec![completed("")]]].concat();
        let model = Retrying::new(Arc::new(Listed(Mutex::new(answers.into()))), RetryPolicy::default());
        let _: Vec<_> = model.stream(request()).collect().await;
        let events: Vec<_> = model.stream(request()).collect().await;
        assert_eq!(names(&events), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_hurries_waits_no_longer_and_only_then() {
    let asked = Duration::from_secs(500);
    let limited =
        || vec![StreamEvent::Failed(Failure { retry_after: Some(asked), ..failure(FailureKind::RateLimited) })];
    let inner = Arc::new(Listed(Mutex::new(vec![limited(), limited(), vec![completed("")]].into())));
    let model = Retrying::new(inner, RetryPolicy::default());
    let begun = tokio::time::Instant::now();
    let mut answer = model.stream(request());
    model.hurry();
    assert!(matches!(answer.next().await, Some(StreamEvent::Retrying { attempt: 1, .. })));
    model.hurry();
    assert!(matches!(answer.next().await, Some(StreamEvent::Retrying { attempt: 2, .. })));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(matches!(answer.next().await, Some(StreamEvent::Completed { .. })));
    assert_eq!(begun.elapsed(), asked, "the second wait was not hurried");
}

#[test]
fn waits_in_brief() {
    for (millis, words) in
        [(0, "0 ms"), (350, "350 ms"), (1000, "1 s"), (1500, "2 s"), (119_000, "119 s"), (120_000, "2 min")]
    {
        assert_eq!(in_brief(Duration::from_millis(millis)), words);
    }
}

/// What is not answered and what breaks off have a number each.
#[test]
fn a_kind_of_failure_has_its_own_number() {
    use FailureKind::{Connection, Disconnected, Malformed, RateLimited, Server, Unauthorized};
    let policy = RetryPolicy { retries: 1, request_retries: 2, ..RetryPolicy::default() };
    let rows =
        [(Connection, 2), (RateLimited, 2), (Server(500), 2), (Disconnected, 1), (Malformed, 1), (Unauthorized, 0)];
    for (kind, most) in rows {
        let may = |attempt: u32| policy.delay(attempt, &failure(kind)).is_some();
        assert_eq!((1..9).take_while(|attempt| may(*attempt)).count(), most, "{kind:?}");
    }
}

#[test]
fn delays_double_up_to_a_cap_and_honour_the_vendor() {
    let policy = RetryPolicy { request_retries: 50, ..RetryPolicy::default() };
    let broken = failure(FailureKind::Server(503));
    for (attempt, millis) in [(1, 200.0), (2, 400.0), (5, 3_200.0), (9, 30_000.0), (50, 30_000.0)] {
        let delay = policy.delay(attempt, &broken).unwrap().as_secs_f64() * 1000.0;
        assert!((millis * 0.8..=millis * 1.2).contains(&delay), "{attempt}: {delay} ms");
    }
    assert_eq!(policy.delay(51, &broken), None);
    for (asked, expected) in [(600, Some(600)), (601, None), (2_000_000, None)] {
        let limited = Failure { retry_after: Some(Duration::from_secs(asked)), ..broken.clone() };
        assert_eq!(policy.delay(1, &limited), expected.map(Duration::from_secs), "asked for {asked} s");
    }
}
