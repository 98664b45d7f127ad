//! Tools as models with little room are offered them: the few that a task cannot do without, in few words.

use codex_history::{ToolInput, ToolSpec};
use serde_json::{Value, json};

/// Names, words, and the arguments that are told; the rest of these keep their defaults.
const TOOLS: &[(&str, &str, &[&str])] = &[
    ("apply_patch", include_str!("small/apply_patch.md"), &[]),
    ("exec_command", include_str!("small/exec_command.md"), &["cmd"]),
    ("propose_plan", include_str!("small/propose_plan.md"), &["plan"]),
    ("read_file", include_str!("small/read_file.md"), &["path", "offset", "limit"]),
    ("search_files", include_str!("small/search_files.md"), &["pattern", "path"]),
    ("write_stdin", include_str!("small/write_stdin.md"), &["session_id", "chars"]),
];

/// What the user must have asked for is offered as it is.
const ASKED_FOR: &[&str] = &["web_fetch", "web_search"];

/// What is in the names of tools that were plugged in, and in no other.
const PLUGGED_IN: &str = "__";

/// `spec` for a model with little room; `None`: it is not offered.
pub fn small(spec: ToolSpec) -> Option<ToolSpec> {
    if ASKED_FOR.contains(&&*spec.name) || spec.name.contains(PLUGGED_IN) {
        return Some(spec);
    }
    let (_, words, told) = TOOLS.iter().find(|(name, ..)| *name == spec.name)?;
    let schema = match spec.input {
        ToolInput::Json { mut schema } => {
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.retain(|name, _| told.contains(&name.as_str()));
            }
            schema
        }
        // Without its grammar, which is longer than all that is said here.
        _ => json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}),
    };
    Some(ToolSpec { description: words.trim_end().to_owned(), input: ToolInput::Json { schema }, ..spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tools_in_few_words() {
        let specs: Vec<ToolSpec> = crate::all().iter().filter_map(|tool| small(tool.spec())).collect();
        let names: Vec<&str> = specs.iter().map(|spec| &*spec.name).collect();
        assert_eq!(names, TOOLS.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), "each of the table is a tool");
        let mut bytes = 0;
        for (spec, (name, _, told)) in specs.iter().zip(TOOLS) {
            let ToolInput::Json { schema } = &spec.input else { panic!("{name}") };
            bytes += spec.description.len() + schema.to_string().len();
            let properties = schema["properties"].as_object().unwrap();
            for required in schema["required"].as_array().unwrap() {
                assert!(properties.contains_key(required.as_str().unwrap()), "{name}: {required} is not told");
            }
            assert!(told.iter().all(|told| properties.contains_key(*told)), "{name}: {schema}");
        }
        assert!(bytes < 3 << 10, "{bytes} bytes");
    }
}
