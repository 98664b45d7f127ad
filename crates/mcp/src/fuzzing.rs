//! What must hold of any message of a server of tools, for tests and for `fuzz/`.

use serde_json::Value;

use crate::{
    answers::{self, List},
    limits,
};

/// Reads `input` as the answer to each question that a server is asked.
///
/// # Panics
/// If more is taken in than the limits say, or what would drive a terminal in a line that people see.
pub fn message(input: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(input) else { return };
    let (mut tools, mut prompts, mut resources) = (List::default(), List::default(), List::default());
    for _ in 0..2 {
        tools.add_tools("s", &answer);
        prompts.add_prompts("s", &answer);
        resources.add_resources("s", &answer);
    }
    assert!(tools.entries.len().max(prompts.entries.len()).max(resources.entries.len()) <= limits::ENTRIES);
    for tool in &tools.entries {
        assert!(
            tool.called.len() <= 64 && tool.called.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        );
        assert!(tool.title.as_ref().is_none_or(|title| !title.contains(char::is_control)), "{tool:?}");
        assert!(!tool.description.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{tool:?}");
        assert!(tool.schema.is_object(), "{tool:?}");
    }
    answers::outcome(&answer);
    answers::messages(&answer);
    answers::contents(&answer);
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_answer_of_a_server_is_bounded_and_harmless() {
        codex_testkit::fuzzing::each_input("message", super::message);
    }
}
