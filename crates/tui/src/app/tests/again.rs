//! Waits before the model is asked again, and turns that were cut off.

use codex_protocol::{ClientRequest, ClientResponse, ThreadItemsListResult, ThreadOpened, UserInput};
use serde_json::{Value, json};

use super::stage::{Plan, Stage, thread};
use crate::app::Opening;

const SIZE: (usize, usize) = (80, 24);

fn limited(delay_ms: u64, of: Option<u32>) -> Value {
    let wait =
        json!({ "delayMs": delay_ms, "attempt": 2, "of": of, "what": "rate limited", "reason": "too many requests" });
    json!({ "threadId": "t", "turnId": "1", "willRetry": true, "error": { "message": "Reconnecting... 2/5" }, "wait": wait })
}

/// The row that says what the turn does.
fn row(stage: &Stage) -> String {
    let shown = stage.shown();
    let row = shown.lines().find(|row| row.starts_with("• ")).unwrap_or_default();
    row.to_owned()
}

#[test]
fn a_wait_counts_down_and_says_how_it_ends() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").waits(700).told("error", limited(42_300, Some(5)));
    assert_eq!(row(&stage), "• Rate limited again in 43s (2 of 5) · esc stops it · alt+r asks now");
    assert!(stage.shown().contains("! too many requests"), "{}", stage.shown());
    // Whichever comes first: the next second of the wait, or that of the turn.
    assert_eq!(stage.wakes_in(), Some(300));
    stage.waits(300);
    assert_eq!(row(&stage), "• Rate limited again in 42s (2 of 5) · esc stops it · alt+r asks now");
    stage.waits(41_999);
    assert_eq!(row(&stage), "• Rate limited again in 1s (2 of 5) · esc stops it · alt+r asks now");
    stage.waits(1);
    assert_eq!(row(&stage), "• Working 43s · esc stops it", "it is being asked");
    stage.told("error", limited(1000, None));
    assert_eq!(row(&stage), "• Rate limited again in 1s (attempt 2) · esc stops it · alt+r asks now");
    stage.told(
        "item/started",
        json!({ "threadId": "t", "turnId": "1", "startedAtMs": 0,
        "item": { "type": "agentMessage", "id": "a", "text": "" } }),
    );
    assert_eq!(row(&stage), "• Working 43s · esc stops it", "the answer is there");
}

#[test]
fn a_key_asks_now_and_another_stops() {
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").told("error", limited(600_000, Some(5))).types("half").keys("alt+r");
    let Some((ClientRequest::TurnRetry(params), _)) = stage.asked.front() else { panic!("{:?}", stage.asked) };
    assert_eq!((params.thread_id.as_str(), params.turn_id.as_str()), ("t", "1"));
    assert!(row(&stage).starts_with("• Working"), "{}", stage.shown());
    stage.keys("alt+r");
    assert_eq!(stage.methods(), ["turn/retry"], "nothing waits");
    stage.clear_asked().told("error", limited(600_000, Some(5))).keys("ctrl+u").says("/continue");
    assert_eq!(stage.methods(), ["turn/retry"]);
    stage.clear_asked().told("error", limited(600_000, Some(5))).keys("esc");
    assert_eq!(stage.methods(), ["turn/interrupt"]);
    assert!(row(&stage).starts_with("• Stopping"), "{}", stage.shown());
}

/// What was said to begin the turn that was asked for last.
fn said(stage: &Stage) -> String {
    let Some((ClientRequest::TurnStart(params), _)) = stage.asked.back() else { panic!("{:?}", stage.asked) };
    let [UserInput::Text { text }] = &params.input[..] else { panic!("{:?}", params.input) };
    text.clone()
}

#[test]
fn a_key_goes_on_with_what_was_cut_off() {
    for status in ["interrupted", "failed"] {
        let mut stage = Stage::opened(SIZE);
        stage.works("fix it").types("next").keys("tab").ends("1", status);
        assert!(stage.shown().contains("alt+r goes on with what was cut off"), "{}", stage.shown());
        stage.keys("alt+r");
        assert!(said(&stage).starts_with("Go on with what was cut off."), "before what waits");
        stage.asked.clear();
        stage.begins("2").ends("2", "completed");
        assert_eq!(said(&stage), "next");
    }
    let mut stage = Stage::opened(SIZE);
    stage.works("fix it").ends("1", "completed").keys("alt+r");
    assert_eq!(stage.methods(), [""; 0]);
    assert!(stage.shown().contains("nothing to go on with"), "{}", stage.shown());
}

#[test]
fn a_session_says_that_its_last_turn_was_cut_off() {
    for cut_off in [true, false] {
        let opening =
            Opening::Resume(codex_protocol::ThreadResumeParams { thread_id: "t".into(), ..Default::default() });
        let mut stage = Stage::new(Plan { opening, ..Plan::usual(SIZE) });
        assert_eq!(stage.methods(), ["thread/items/list", "thread/resume"]);
        let none = ThreadItemsListResult { data: Vec::new(), next_cursor: None, backwards_cursor: None };
        stage.answered(ClientResponse::ThreadItemsList(none));
        stage.answered(ClientResponse::ThreadResume(ThreadOpened { cut_off, ..thread("fix it") }));
        let told = "! the last turn was cut off: alt+r goes on with it";
        assert_eq!(stage.shown().contains(told), cut_off, "{}", stage.shown());
        stage.keys("alt+r");
        assert_eq!(stage.methods(), if cut_off { &["turn/start"][..] } else { &[] });
    }
}
