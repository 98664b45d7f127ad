//! Streams as servers send them, in `quirks/*.txt`: what is understood of each.
//!
//! A file holds the stream as it comes over the wire, a line `=====`, and what must come of it: a line for each part,
//! for the usage and for a failure. They are written after the documentation of the servers, not recorded.

use std::{fmt::Write as _, fs, path::Path};

use super::*;

/// What came of an answer, line by line. Ids that were made up differ each time.
fn told(events: &[StreamEvent]) -> String {
    let mut told = String::new();
    let mut line = |what: &str, said: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(told, "{what}: {}", said.replace('\n', "\\n"));
    };
    match events.last().unwrap() {
        StreamEvent::Completed { content, usage } => {
            for part in content {
                match part {
                    AssistantPart::Text { text, .. } => line("text", text),
                    AssistantPart::Reasoning { summary, opaque: None } => line("thinking", &summary.join("|")),
                    AssistantPart::Reasoning { summary, .. } => line("thinking, to be sent back", &summary.join("|")),
                    AssistantPart::Call(call) => {
                        let id = if call.call_id.starts_with("call_") && call.call_id.len() == 21 {
                            "(made up)"
                        } else {
                            &call.call_id
                        };
                        line(&format!("call {id}"), &format!("{} {}", call.name, call.arguments.text()));
                    }
                    other => line("other", &format!("{other:?}")),
                }
            }
            if let Some(usage) = usage {
                let Usage { input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, .. } = usage;
                line(
                    "usage",
                    &format!(
                        "{input_tokens} ({cached_input_tokens} cached), {output_tokens} ({reasoning_output_tokens} thinking)"
                    ),
                );
            }
        }
        StreamEvent::Failed(failure) => line(&format!("failed, {}", failure.kind), &failure.message),
        other => panic!("no end: {other:?}"),
    }
    told
}

/// The text that was shown while it came.
fn shown(events: &[StreamEvent]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        StreamEvent::TextDelta { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn every_quirk_is_understood() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chat/tests/quirks");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    for path in files {
        let file = fs::read_to_string(&path).unwrap();
        let (stream, expected) = file.split_once("=====\n").expect("a line between the stream and what comes of it");
        for chunk in [1, 7, 1 << 20] {
            let events = answer(json!({ "raw": stream, "chunk": chunk })).await;
            assert_eq!(told(&events), expected, "{} in pieces of {chunk}", path.display());
            if !expected.starts_with("failed") {
                let said: String = completed(&events)
                    .0
                    .iter()
                    .filter_map(|part| match part {
                        AssistantPart::Text { text, .. } => Some(text.as_str()),
                        _ => None,
                    })
                    .collect();
                assert_eq!(shown(&events), said, "{}", path.display());
            }
        }
    }
}
