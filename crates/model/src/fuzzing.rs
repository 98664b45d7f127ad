//! What must hold of any answer of a server, for tests and for `fuzz/`.

use std::sync::Arc;

use codex_history::{AssistantPart, ToolInput, ToolSpec};
use serde_json::json;

use crate::{
    StreamEvent::{self, Completed, Failed},
    http::sse,
    wire::{Assembler, WireFormat},
};

/// Reads an answer that begins after two bytes: the first says in which format, the second in pieces of which size it comes.
///
/// It is read as an answer that comes whole, too.
///
/// # Panics
/// If something follows the end of an answer, or if the pieces make a difference.
pub fn answer(input: &[u8]) {
    let [format, piece, body @ ..] = input else { return };
    let formats = [WireFormat::Responses, WireFormat::ChatCompletions, WireFormat::AnthropicMessages];
    let format = formats[usize::from(*format) % formats.len()];
    let whole = events(format, body.chunks(body.len().max(1)));
    let in_pieces = events(format, body.chunks(usize::from(*piece).max(1)));
    assert_eq!(format!("{whole:?}"), format!("{in_pieces:?}"));
    nothing_follows_its_end(&whole);
    if let Ok(body) = serde_json::from_slice(body) {
        let mut assembler = assembler(format);
        let is_answer = assembler.take_whole(&body);
        let told: Vec<_> = std::iter::from_fn(|| assembler.pop()).collect();
        assert!(is_answer || told.is_empty(), "{told:?}");
        nothing_follows_its_end(&told);
    }
}

fn nothing_follows_its_end(told: &[StreamEvent]) {
    let ends = told.iter().position(|event| matches!(event, Completed { .. } | Failed(_)));
    assert!(ends.is_none_or(|at| at + 1 == told.len()), "{told:?}");
}

fn events<'a>(format: WireFormat, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<StreamEvent> {
    let (events, is_whole) = sse::of_pieces(pieces);
    let mut assembler = assembler(format);
    let mut told = Vec::new();
    for (name, data) in events {
        assembler.take(name.as_deref(), &data);
        told.extend(std::iter::from_fn(|| assembler.pop()));
        if matches!(told.last(), Some(Completed { .. } | Failed(_))) {
            return without_ids(told);
        }
    }
    if is_whole {
        assembler.end();
    }
    told.extend(std::iter::from_fn(|| assembler.pop()));
    without_ids(told)
}

/// The ids of calls are left out: a server that gives none has one made up.
fn without_ids(mut told: Vec<StreamEvent>) -> Vec<StreamEvent> {
    if let Some(Completed { content, .. }) = told.last_mut() {
        for part in content {
            if let AssistantPart::Call(call) = part {
                call.call_id = String::new();
            }
        }
    }
    told
}

fn assembler(format: WireFormat) -> Assembler {
    let input = ToolInput::Json { schema: json!({"type": "object"}) };
    let tools: Arc<[ToolSpec]> = Arc::new([ToolSpec { name: "shell".into(), description: "Runs.".into(), input }]);
    format.assembles(tools, true, Arc::default())
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_answer_is_read_to_its_end() {
        codex_testkit::fuzzing::each_input("answer", super::answer);
    }
}
