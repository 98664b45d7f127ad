//! The tools of plugins: programs that get their arguments as JSON on standard input. A call of one is a command line, and is
//! judged, shown and run as any other.

use std::sync::Arc;

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_tools::{Effect, Prepared, Tool, ToolContext, ToolError, command_to_its_end};
use serde_json::{Map, Value};

use super::{Plugin, ToolPart};

/// What ends the arguments on a tool's standard input: no line of theirs, which is one that begins with `{`.
const END: &str = "END_OF_ARGUMENTS";

/// A tool of a plugin.
#[derive(Debug)]
pub struct PluginTool {
    /// `PLUGIN__TOOL`.
    name: String,
    part: ToolPart,
    /// The command line, quoted for the shell.
    command: String,
}

/// The tools that `plugin` brings.
pub fn tools(plugin: &Plugin) -> Vec<Arc<dyn Tool>> {
    plugin.parts.tools.iter().map(|part| Arc::new(PluginTool::new(plugin, part)) as _).collect()
}

impl PluginTool {
    fn new(plugin: &Plugin, part: &ToolPart) -> Self {
        let mut words = part.command.clone();
        if let Some(program) = words.first_mut() {
            *program = plugin.program(program);
        }
        let command = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        let name = format!("{}__{}", plugin.name, part.name);
        Self { name, part: part.clone(), command }
    }

    /// The arguments on one line.
    fn arguments(&self, arguments: &Arguments) -> Result<String, ToolError> {
        let wrong = |what: &str| ToolError(format!("{what}. Nothing was done"));
        let text = arguments.text();
        let text = if text.trim().is_empty() { "{}" } else { text };
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| wrong(&format!("the arguments are no JSON object: {error}")))?;
        let required = self.part.schema.get("required").and_then(Value::as_array).into_iter().flatten();
        if let Some(name) = required.filter_map(Value::as_str).find(|name| !object.contains_key(*name)) {
            return Err(wrong(&format!("`{name}` is missing")));
        }
        Ok(Value::Object(object).to_string())
    }
}

impl Tool for PluginTool {
    fn name(&self) -> &str {
        &self.name
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.clone().into(),
            description: self.part.description.clone(),
            input: ToolInput::Json { schema: self.part.schema.clone() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Runs
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let command = format!("{} <<'{END}'\n{}\n{END}", self.command, self.arguments(arguments)?);
        Ok(command_to_its_end(command, self.part.timeout * 1_000, context))
    }
}
