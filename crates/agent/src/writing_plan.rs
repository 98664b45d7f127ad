//! A plan while the model writes it: told as it comes to a client that wants it, recorded with its item.
//!
//! What was told is never taken back: where a request is made again, nothing more is told before the plan is whole.

use codex_protocol::{Delta, ServerNotification, ThreadItem};
use codex_store::StoreError;

use crate::{mode::PROPOSE, recorder::Recorder, turn::TurnRun};

/// What stands before the text in the arguments of the tool.
const KEY: &str = "\"plan\"";

/// The plan of an answer that is still arriving.
#[derive(Default)]
pub(crate) struct WritingPlan {
    /// Which part of the answer it is, and the id of its item.
    begun: Option<(usize, String)>,
    /// The arguments so far.
    arguments: String,
    /// Bytes of the plan that were told.
    told: usize,
    /// Whether the answer does not count: the next one's plan takes the item over.
    discarded: bool,
}

impl WritingPlan {
    /// As it is after an answer that does not count.
    pub(crate) fn discard(self) -> Self {
        Self { discarded: self.begun.is_some(), ..self }
    }
}

impl TurnRun {
    /// Takes in a piece of the arguments of a call.
    pub(crate) async fn write_plan(
        &mut self,
        recorder: &Recorder,
        writing: &mut WritingPlan,
        (part, name): (usize, &str),
        text: &str,
    ) {
        if name != PROPOSE || writing.discarded || writing.begun.as_ref().is_some_and(|(begun, _)| *begun != part) {
            return;
        }
        writing.arguments.push_str(text);
        if writing.begun.is_none() && !plan(&writing.arguments).is_empty() {
            let id = self.next_item_id();
            self.progress.plan_item = Some(id.clone());
            writing.begun = Some((part, id.clone()));
            recorder.tell(self.item_started(ThreadItem::Plan { id, text: String::new() })).await;
        }
    }

    /// Tells what has arrived since the last time.
    pub(crate) async fn tell_plan(&self, recorder: &Recorder, writing: &mut WritingPlan) {
        let Some((_, item_id)) = writing.begun.as_ref().filter(|_| !writing.discarded) else { return };
        let text = plan(&writing.arguments);
        let Some(delta) = text.get(writing.told..).filter(|delta| !delta.is_empty()) else { return };
        let (thread_id, turn_id) = (self.thread_id.clone(), self.turn.id.clone());
        let delta = Delta { thread_id, turn_id, item_id: item_id.clone(), delta: delta.to_owned() };
        let offset = writing.told as u64;
        writing.told = text.len();
        recorder.tell_part(ServerNotification::PlanDelta(delta), offset).await;
    }

    /// A plan that was begun will not be whole: what was told of it is its item.
    pub(crate) async fn end_plan(&mut self, recorder: &mut Recorder, writing: &WritingPlan) -> Result<(), StoreError> {
        let Some(id) = self.progress.plan_item.take() else { return Ok(()) };
        let text = plan(&writing.arguments).get(..writing.told).unwrap_or_default().to_owned();
        self.complete(recorder, ThreadItem::Plan { id, text }).await
    }
}

/// The text of the plan in `arguments`, which may end anywhere; empty where there is none.
fn plan(arguments: &str) -> String {
    let after = |text: &str, mark: &str| text.trim_start().strip_prefix(mark).map(str::to_owned);
    let text = after(arguments, "{").and_then(|text| after(&text, KEY)).and_then(|text| after(&text, ":"));
    let Some(text) = text.and_then(|text| after(&text, "\"")) else { return String::new() };
    let mut escaped = false;
    let end = text.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    let mut text = &text[..end.unwrap_or(text.len())];
    // At the end, an escape may be cut: of one character, or of the two halves that make one.
    for _ in 0..3 {
        if let Ok(plan) = serde_json::from_str(&format!("\"{text}\"")) {
            return plan;
        }
        text = &text[..text.rfind('\\').unwrap_or_default()];
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_plan_is_read_wherever_its_arguments_end() {
        let whole = "# A \"plan\"\n\\ ä \u{1f600}\t.";
        for arguments in [
            serde_json::json!({ "plan": whole }).to_string(),
            r##" { "plan" : "# A \"plan\"\n\\ \u00e4 \ud83d\ude00\t." }"##.to_owned(),
        ] {
            let mut last = String::new();
            for end in (0..=arguments.len()).filter(|end| arguments.is_char_boundary(*end)) {
                let text = plan(&arguments[..end]);
                assert!(whole.starts_with(&text) && text.len() >= last.len(), "{end}: {text:?} after {last:?}");
                last = text;
            }
            assert_eq!(last, whole);
        }
        for other in ["", "{", r#"{"steps":"#, r#"{"plan": 1"#, r#"{"other": "plan"#] {
            assert_eq!(plan(other), "", "{other}");
        }
    }
}
