//! Nothing that was said is lost, whatever happens in whatever order.

use codex_protocol::{
    ClientRequest, ClientResponse, ErrorKind, Event, Position, ServerMessage, TurnSteerResult, UserInput,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};
use serde_json::json;

use super::stage::{Plan, Stage};
use crate::app::AppEvent;

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    Says,
    Queues,
    Shell,
    Escape,
    ClearsQueueEdit,
    Enter,
    Answered,
    Refused,
    TooLate,
    Begins,
    Ends(&'static str),
    Opens,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Says),
        2 => Just(Step::Queues),
        1 => Just(Step::Shell),
        1 => Just(Step::Escape),
        1 => Just(Step::ClearsQueueEdit),
        1 => Just(Step::Enter),
        4 => Just(Step::Answered),
        1 => Just(Step::Refused),
        1 => Just(Step::TooLate),
        3 => Just(Step::Begins),
        2 => Just(Step::Ends("completed")),
        1 => Just(Step::Ends("interrupted")),
        1 => Just(Step::Ends("failed")),
        1 => Just(Step::Opens),
    ]
}

/// A session, and what was said in it.
struct Talk {
    stage: Stage,
    said: Vec<String>,
    /// What the server has taken.
    taken: Vec<String>,
    turns: usize,
}

fn text(request: &ClientRequest) -> Option<String> {
    let input = match request {
        ClientRequest::TurnStart(params) => &params.input,
        ClientRequest::TurnSteer(params) => &params.input,
        ClientRequest::ThreadShellCommand(params) => return Some(format!("!{}", params.command)),
        _ => return None,
    };
    input.iter().find_map(|input| match input {
        UserInput::Text { text } => Some(text.clone()),
        _ => None,
    })
}

impl Talk {
    fn new() -> Self {
        Self { stage: Stage::new(Plan::usual((80, 24))), said: Vec::new(), taken: Vec::new(), turns: 0 }
    }

    /// Types something that was not said before; what is in the composer already goes with it.
    fn types(&mut self, before: &str) {
        if !self.stage.app.composer.is_empty() {
            return;
        }
        let text = format!("{before}said-{}-", self.said.len());
        self.stage.types(&text);
        self.said.push(text);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Says => {
                self.types("");
                self.stage.keys("enter");
            }
            Step::Queues => {
                self.types("");
                self.stage.keys("tab");
            }
            Step::Shell => {
                self.types("!");
                self.stage.keys("enter");
            }
            Step::Escape => {
                self.stage.keys("esc");
            }
            Step::ClearsQueueEdit => {
                self.stage.keys("alt+up");
            }
            Step::Enter => {
                self.stage.keys("enter");
            }
            Step::Answered => self.answer(),
            Step::Refused => self.refuse("it does not go"),
            Step::TooLate => self.refuse("no active turn to steer"),
            Step::Begins => {
                self.turns += 1;
                self.stage.begins(&self.turns.to_string());
            }
            Step::Ends(status) => {
                self.stage.ends(&self.turns.to_string(), status);
            }
            Step::Opens => {
                if self.stage.app.session.is_none() && self.stage.methods() == ["thread/start"] {
                    self.stage.open();
                }
            }
        }
    }

    fn answer(&mut self) {
        let Some((request, _)) = self.stage.asked.front() else { return };
        self.taken.extend(text(request));
        let turn = || serde_json::from_value(json!({ "turn": { "id": "1", "items": [], "status": "inProgress" } }));
        let empty = codex_protocol::Empty {};
        let response = match request {
            ClientRequest::ThreadStart(_) => ClientResponse::ThreadStart(super::stage::thread("")),
            ClientRequest::TurnStart(_) => ClientResponse::TurnStart(turn().unwrap()),
            ClientRequest::TurnSteer(_) => ClientResponse::TurnSteer(TurnSteerResult { turn_id: "1".into() }),
            ClientRequest::ThreadShellCommand(_) => ClientResponse::ThreadShellCommand(empty),
            _ => ClientResponse::TurnInterrupt(empty),
        };
        self.stage.answered(response);
    }

    fn refuse(&mut self, message: &str) {
        if !self.stage.asked.is_empty() {
            self.stage.refused_as(ErrorKind::Configuration, message);
        }
    }

    /// Where each thing is that was said: all that is kept anywhere.
    fn places(&self) -> String {
        let under_way = self.stage.asked.iter().filter_map(|(request, _)| text(request));
        let waiting = self.stage.app.queue.drafts().map(|draft| draft.text.clone());
        let composed = [self.stage.app.composer.text()];
        self.taken.iter().cloned().chain(under_way).chain(waiting).chain(composed).map(|text| text + "\n").collect()
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_was_said_is_in_exactly_one_place(steps in prop::collection::vec(step(), 1..40)) {
        let mut talk = Talk::new();
        for step in steps {
            talk.step(step);
            let places = talk.places();
            for said in &talk.said {
                prop_assert_eq!(places.matches(said.as_str()).count(), 1, "{} after {:?} in\n{}", said, step, places);
            }
        }
    }
}

#[test]
fn a_command_that_cannot_be_done_now_says_so_while_an_answer_arrives() {
    for (typed, why) in
        [("/rewind", "/rewind waits until the agent has finished"), ("/nosuch", "/nosuch is no command")]
    {
        let mut stage = Stage::opened((80, 24));
        stage.works("go").item_begins(json!({ "type": "agentMessage", "id": "m1", "text": "" }));
        let delta = json!({ "threadId": "t", "turnId": "1", "itemId": "m1", "delta": "It goes on" });
        stage.told("item/agentMessage/delta", delta).says(typed);
        let shown = stage.shown();
        assert!(shown.contains(why) && shown.contains(&format!("› {typed}")), "{shown}");
        // The next key takes it away.
        assert!(!stage.keys("backspace").shown().contains(why), "{}", stage.shown());
    }
}

/// Of the answer after a connection broke, only what is new is told, unless it begins anew.
#[test]
fn an_answer_is_shown_once_however_often_its_connection_breaks() {
    let delta = |stage: &mut Stage, offset: u64, text: &str| {
        let params = json!({ "threadId": "t", "turnId": "1", "itemId": "a", "delta": text });
        let notification =
            serde_json::from_value(json!({ "method": "item/agentMessage/delta", "params": params })).unwrap();
        let position = Position::Delta { after_seq: 3, offset };
        stage.event(AppEvent::Server(ServerMessage::Event(Event { notification, position })));
    };
    let breaks = json!({ "threadId": "t", "turnId": "1", "error": { "message": "it broke" }, "willRetry": true });
    let mut stage = Stage::opened((80, 16));
    stage.works("go");
    delta(&mut stage, 0, "one two ");
    delta(&mut stage, 8, "three ");
    stage.told("error", breaks.clone());
    assert!(stage.shown().contains("one two three"), "{}", stage.shown());
    delta(&mut stage, 14, "four ");
    assert!(stage.shown().contains("one two three four"), "{}", stage.shown());
    stage.told("error", breaks);
    delta(&mut stage, 0, "Another ");
    stage.item(json!({ "type": "agentMessage", "id": "a", "text": "Another answer." }));
    let shown = stage.shown();
    assert!(shown.contains("• Another answer.") && !shown.contains("one"), "{shown}");
}
