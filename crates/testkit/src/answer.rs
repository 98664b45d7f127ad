//! Turns a step into the bytes of an answer and the way it ends, whichever the wire.

use bytes::Bytes;
use serde_json::json;

use crate::{
    script::{Cut, Step},
    wires::{Seen, Wire},
};

/// An answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) ending: Ending,
}

/// How an answer ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Proper,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays.
    Silent,
}

/// The answer to request number `number`, of which `seen` was seen.
pub(crate) fn answer(step: &Step, number: usize, wire: Wire, seen: &Seen) -> Answer {
    if let Some(status) = step.http {
        let default = json!({"error": {"message": "a scripted error", "type": "server_error"}}).to_string();
        let body = step.body.clone().unwrap_or(default).into();
        return Answer { status, content_type: "application/json", body, ending: Ending::Proper };
    }
    let mut answer = Answer {
        status: 200,
        content_type: "text/event-stream",
        body: Bytes::new(),
        ending: if step.hang { Ending::Silent } else { Ending::Proper },
    };
    answer.body = match step.raw.as_ref().or_else(|| step.written.get(&wire)) {
        Some(bytes) => bytes.clone(),
        None => {
            let mut events = wire.events(step, number, seen);
            if let Some(Cut::AfterEvents(count)) = step.drop {
                events.truncate(count);
            }
            events.concat().into()
        }
    };
    if let Some(Cut::AtByte(count)) = step.drop {
        answer.body.truncate(count);
    }
    if step.drop.is_some() {
        answer.ending = Ending::Broken;
    }
    answer
}

impl Step {
    /// This step with its events written out beforehand, as each wire words them, for answers so large that putting them
    /// together would be felt. Only for steps whose answer does not depend on the request: no `shell`, no `custom`, no
    /// `drop` after a number of events. What it cost is always said.
    #[must_use]
    pub fn rendered(self) -> Self {
        let seen = Seen { wants_usage: true, ..Seen::default() };
        let written = Wire::ALL.map(|wire| (wire, wire.events(&self, 0, &seen).concat().into())).into();
        Self { written, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filler;

    #[test]
    fn a_rendered_step_answers_as_before() {
        let step = Step { stream: Some(Filler { bytes: 500, chunk: 20 }), ..Step::default() };
        let seen = Seen { wants_usage: true, ..Seen::default() };
        let answered = |step: &Step, wire, number| answer(step, number, wire, &seen).body;
        let rendered = step.clone().rendered();
        for wire in Wire::ALL {
            let written_anew = answered(&step, wire, 0);
            for number in [0, 7] {
                assert_eq!(answered(&rendered, wire, number), written_anew, "{wire:?}");
            }
        }
        let responses = answered(&step, Wire::Responses, 0);
        assert_eq!(responses.windows(17).filter(|window| window == b"output_text.delta").count(), 2 * 25);
    }
}
