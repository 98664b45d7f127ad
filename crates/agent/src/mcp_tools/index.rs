//! Where the tools of servers are too many to be offered one by one: a search for them, and a call by name.

use std::{collections::BTreeMap, sync::Arc};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem};
use codex_tools::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, arguments};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    DESCRIPTION, beginning,
    call::{ServerTool, marked},
};

/// The tool that finds others.
pub(super) const SEARCH: &str = "tool_search";
/// The tool that calls them.
pub(super) const CALL: &str = "tool_call";

/// Most tools that a search returns.
const FOUND: usize = 8;
/// Most bytes of what a search returns.
const FOUND_BYTES: usize = 24 << 10;
/// Most bytes of the list of servers and tools in the description of the search.
const LIST_BYTES: usize = 2 << 10;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Search {
    /// Words, or a tool's name.
    query: String,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Call {
    /// As `tool_search` gives it.
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// The tools that there are, sorted by name.
#[derive(Debug, Clone)]
pub(super) struct Index(Arc<[Arc<ServerTool>]>);

impl Index {
    pub(super) fn new(tools: Vec<Arc<ServerTool>>) -> Self {
        Self(tools.into())
    }

    /// The servers with the numbers of their tools, and as many names as there is room for.
    fn list(&self) -> String {
        let mut servers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tool in self.0.iter() {
            servers.entry(&tool.remote.server).or_default().push(&tool.remote.name);
        }
        let mut list = String::new();
        // Each server has the same share for names; the numbers come first.
        let share =
            LIST_BYTES.saturating_sub(servers.keys().map(|server| server.len() + 8).sum()) / servers.len().max(1);
        for (server, names) in servers {
            let mut line = format!("\n{} ({})", beginning(server, 64), names.len());
            let mut room = share;
            for (at, name) in names.iter().enumerate() {
                let piece = format!("{}{name}", if at == 0 { ": " } else { ", " });
                if piece.len() > room {
                    line.push_str(if at == 0 { "" } else { ", …" });
                    break;
                }
                room -= piece.len();
                line.push_str(&piece);
            }
            if list.len() + line.len() > 2 * LIST_BYTES {
                list.push_str("\n…");
                break;
            }
            list.push_str(&line);
        }
        list
    }

    /// The tools that fit `query` best, the best first.
    fn find(&self, query: &str) -> Vec<&ServerTool> {
        let query = query.trim().to_lowercase();
        let words: Vec<String> = pieces(&query).collect();
        let mut found: Vec<(usize, &ServerTool)> =
            self.0.iter().map(|tool| (score(tool, &query, &words), &**tool)).filter(|(score, _)| *score > 0).collect();
        // The sort is stable: equal ones stay sorted by name.
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        found.into_iter().take(FOUND).map(|(_, tool)| tool).collect()
    }

    fn named(&self, name: &str) -> Option<&Arc<ServerTool>> {
        let is_it = |tool: &&Arc<ServerTool>| tool.remote.called == name;
        // A model may leave the first part out, where that is no other's name.
        let mut short = self.0.iter().filter(|tool| tool.remote.name == name);
        let only = short.next().filter(|_| short.next().is_none());
        self.0.iter().find(is_it).or(only)
    }

    /// The whole name of the tool that calls name `name`.
    pub(super) fn called(&self, name: &str) -> Option<String> {
        self.named(name).map(|tool| tool.remote.called.clone())
    }

    /// What a search for `query` returns.
    pub(super) fn answer(&self, query: &str) -> Result<String, String> {
        let found = self.find(query);
        if found.is_empty() {
            return Err(format!("no tool fits `{}`. There are:{}", beginning(query, 200), self.list()));
        }
        let mut text = String::new();
        for tool in found {
            let schema = beginning(&tool.remote.schema.to_string(), FOUND_BYTES / 3);
            let about = beginning(&tool.remote.description, DESCRIPTION);
            let one = format!("{}\n{about}\nschema: {schema}\n\n", tool.remote.called);
            if text.len() + one.len() > FOUND_BYTES && !text.is_empty() {
                break;
            }
            text.push_str(&one);
        }
        Ok(marked("all that fit", text.trim_end()))
    }
}

/// The words of a text or a name, in small letters.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

/// How well a tool fits: its name counts most, then its server's, then what it does.
fn score(tool: &ServerTool, query: &str, words: &[String]) -> usize {
    let remote = &tool.remote;
    if [remote.called.to_lowercase(), remote.name.to_lowercase()].iter().any(|name| name == query) {
        return usize::MAX;
    }
    let name: Vec<String> = pieces(&remote.name).collect();
    let server: Vec<String> = pieces(&remote.server).collect();
    let about: Vec<String> =
        pieces(remote.title.as_deref().unwrap_or_default()).chain(pieces(&remote.description)).collect();
    let of = |word: &String| {
        let begins = |all: &[String]| all.iter().any(|other| other.starts_with(word.as_str()));
        let is_in = |all: &[String]| all.contains(word);
        match () {
            () if is_in(&name) => 12,
            () if begins(&name) => 8,
            () if is_in(&server) => 4,
            () if is_in(&about) => 3,
            () if begins(&about) => 1,
            () => 0,
        }
    };
    words.iter().map(of).sum()
}

/// Finds tools.
#[derive(Debug)]
pub(super) struct ToolSearch {
    index: Index,
}

impl ToolSearch {
    pub(super) fn new(index: Index) -> Self {
        Self { index }
    }
}

impl Tool for ToolSearch {
    fn name(&self) -> &str {
        SEARCH
    }

    fn spec(&self) -> ToolSpec {
        let description =
            format!("{}\nServers and numbers of tools:{}", include_str!("tool_search.md").trim(), self.index.list());
        ToolSpec { name: SEARCH.into(), description, input: ToolInput::Json { schema: arguments::schema::<Search>() } }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Search { query } = arguments::parse(arguments)?;
        let answer = self.index.answer(&query);
        let item = |status, text: Option<&str>| ThreadItem::DynamicToolCall {
            id: context.item_id.clone(),
            tool: SEARCH.to_owned(),
            arguments: serde_json::json!({ "query": query }),
            status,
            content_items: text.map(|text| vec![DynamicToolCallOutput::InputText { text: text.to_owned() }]),
            success: (status != DynamicToolCallStatus::InProgress)
                .then_some(status == DynamicToolCallStatus::Completed),
            duration_ms: None,
        };
        let started = Some(item(DynamicToolCallStatus::InProgress, None));
        let (status, text) = match answer {
            Ok(text) => (DynamicToolCallStatus::Completed, text),
            Err(sentence) => (DynamicToolCallStatus::Failed, sentence),
        };
        let outcome = Outcome::text(text.clone(), ForUser::Item(item(status, Some(&text))));
        Ok(Prepared { access: Access::default(), started, run: Box::new(|_| Box::pin(std::future::ready(outcome))) })
    }
}

/// Calls a tool by its name.
#[derive(Debug)]
pub(super) struct ToolCallTool {
    index: Index,
}

impl ToolCallTool {
    pub(super) fn new(index: Index) -> Self {
        Self { index }
    }
}

/// The name of the tool, and what it is given.
///
/// # Errors
/// As [`arguments::parse`].
pub(super) fn parts(given: &Arguments) -> Result<(String, Arguments), ToolError> {
    let Call { name, arguments } = arguments::parse(given)?;
    Ok((name, Arguments::Json(Value::Object(arguments).to_string())))
}

impl Tool for ToolCallTool {
    fn name(&self) -> &str {
        CALL
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: CALL.into(),
            description: include_str!("tool_call.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Call>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Writes
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let (name, arguments) = parts(arguments)?;
        let Some(tool) = self.index.named(&name) else {
            let name = beginning(&name, 200);
            return Err(ToolError(format!(
                "there is no tool `{name}` of a server now: {SEARCH} finds those that there are"
            )));
        };
        tool.prepare(&arguments, context)
    }
}
