//! The tools that ask language servers: what is wrong with a file, where something is defined, and where it is used.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem};
use codex_tools::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, arguments};
use codex_workspace::View;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    LanguageServers, content,
    server::{Looked, Phase},
    text,
};
use crate::diagnostics::{Known, named, told};

/// How long an answer may take: a server that has just been started looks through the project first.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server that was started may take until it says that it works.
const SETTLING: Duration = Duration::from_millis(500);
/// Most places of one answer.
const MOST: usize = 40;
/// Most characters of a line that is shown.
const LINE: usize = 160;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Definition,
    Diagnostics,
    References,
}

impl Question {
    /// What is said where a server tells of nothing.
    fn nothing(self) -> &'static str {
        match self {
            Self::Diagnostics => "It finds nothing wrong.",
            Self::Definition | Self::References => "It finds none.",
        }
    }
}

#[derive(Debug)]
struct Asks {
    question: Question,
    servers: Arc<LanguageServers>,
}

/// All of them, sorted by name.
pub(super) fn all(servers: &Arc<LanguageServers>) -> Vec<Arc<dyn Tool>> {
    let tool = |question| Arc::new(Asks { question, servers: Arc::clone(servers) }) as Arc<dyn Tool>;
    [Question::Definition, Question::Diagnostics, Question::References].map(tool).into()
}

#[derive(Debug, Clone, Deserialize)]
struct Asked {
    path: String,
    line: Option<u32>,
    symbol: Option<String>,
}

impl Tool for Asks {
    fn name(&self) -> &str {
        match self.question {
            Question::Definition => "definition",
            Question::Diagnostics => "diagnostics",
            Question::References => "references",
        }
    }

    fn spec(&self) -> ToolSpec {
        let path = json!({ "path": { "type": "string" } });
        let place = json!({
            "path": { "type": "string" },
            "line": { "type": "integer", "description": "from 1" },
            "symbol": { "type": "string", "description": "as in the line" },
        });
        let (description, properties, required) = match self.question {
            Question::Definition => {
                ("Where a symbol is defined: asks the language server.", place, json!(["path", "line", "symbol"]))
            }
            Question::References => {
                ("Where a symbol is used: asks the language server.", place, json!(["path", "line", "symbol"]))
            }
            Question::Diagnostics => ("What the language server finds wrong with a file.", path, json!(["path"])),
        };
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        ToolSpec {
            name: self.name().to_owned().into(),
            description: description.to_owned(),
            input: ToolInput::Json { schema },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let refused = |why: String| ToolError(format!("{}: {why}", self.name()));
        let asked: Asked = arguments::parse(arguments)?;
        let (question, servers) = (self.question, Arc::clone(&self.servers));
        if question != Question::Diagnostics && (asked.line.is_none() || asked.symbol.is_none()) {
            return Err(refused("it takes `path`, `line` and `symbol`".into()));
        }
        let real = View::of(&context.roots).real_path(Path::new(&asked.path));
        let path = real.map_err(|error| refused(format!("{}: {error}", asked.path)))?;
        if !servers.are_for(&path) {
            return Err(refused(format!("no language server is for {}", asked.path)));
        }
        let access = Access { reads: vec![path.clone()], ..Access::default() };
        let item = Item {
            id: context.item_id.clone(),
            tool: self.name().to_owned(),
            arguments: serde_json::from_str(arguments.text()).unwrap_or_default(),
        };
        let (started, cancel) = (item.clone().shown(DynamicToolCallStatus::InProgress, None), context.cancel.clone());
        let run = Box::new(move |_| {
            let work = async move {
                let answer = tokio::select! {
                    answer = servers.ask(question, &path, &asked) => answer,
                    () = cancel.cancelled() => Err("it was interrupted".into()),
                };
                let (status, text) = match answer {
                    Ok(text) => (DynamicToolCallStatus::Completed, text),
                    Err(why) => (DynamicToolCallStatus::Failed, why),
                };
                Outcome::text(text.clone(), ForUser::Item(item.shown(status, Some(text))))
            };
            Box::pin(work) as _
        });
        Ok(Prepared { access, started: Some(started), run })
    }
}

/// A call as it is shown.
#[derive(Debug, Clone)]
struct Item {
    id: String,
    tool: String,
    arguments: Value,
}

impl Item {
    fn shown(self, status: DynamicToolCallStatus, text: Option<String>) -> ThreadItem {
        ThreadItem::DynamicToolCall {
            id: self.id,
            tool: self.tool,
            arguments: self.arguments,
            success: (status != DynamicToolCallStatus::InProgress)
                .then_some(status == DynamicToolCallStatus::Completed),
            status,
            content_items: text.map(|text| vec![DynamicToolCallOutput::InputText { text }]),
            duration_ms: None,
        }
    }
}

impl LanguageServers {
    async fn ask(&self, question: Question, path: &PathBuf, asked: &Asked) -> Result<String, String> {
        let (answer, complaint) = self.answer(question, path, asked).await?;
        let Some(complaint) = complaint else { return Ok(answer.unwrap_or_else(|| question.nothing().to_owned())) };
        let answer = answer.unwrap_or_else(|| "It tells of nothing, but does not see all of the project.".to_owned());
        Ok(format!("{}\nOf itself it says: {complaint}", answer.trim_end()))
    }

    /// What a server answers, if it tells of anything, and what it says of itself.
    async fn answer(
        &self,
        question: Question,
        path: &PathBuf,
        asked: &Asked,
    ) -> Result<(Option<String>, Option<String>), String> {
        let deadline = Instant::now() + PATIENCE;
        let place = self.place(path).ok_or_else(|| format!("no language server is for {}", asked.path))?;
        let ended = || self.why_ended(&place).unwrap_or_else(|| "too many language servers run".into());
        let (server, _) =
            self.server(&place).ok_or_else(|| format!("the language server does not work: {}", ended()))?;
        let was_ready = server.phase() == Phase::Ready;
        if !server.ready(deadline).await {
            return Err(server.not_in_time());
        }
        let ground = self.ground();
        let view = View::of(&ground.roots);
        let text = content(path, &view).ok_or_else(|| format!("{}: it cannot be read", asked.path))?;
        server.tell(path, Some(text.clone()));
        if !was_ready {
            // It begins to look through the project only after a moment.
            tokio::time::sleep(SETTLING).await;
            server.worked(deadline).await;
        }
        let workspace = &ground.roots.workspace;
        let (method, more) = match question {
            Question::Diagnostics => {
                let files = std::slice::from_ref(path);
                let looked = server.diagnostics(files, deadline).await;
                // What it has not found so far says nothing.
                let looked = looked.filter(|looked| looked.is_all || !looked.found.is_empty());
                let Looked { found, is_all } = looked.ok_or_else(|| server.not_in_time())?;
                let source = self.spec(place.0).map_or_else(String::new, |spec| spec.name.clone());
                let found = crate::diagnostics::Found { source, files: files.to_vec(), diagnostics: found };
                let all = told(&Known::default().new_in(vec![found]), workspace);
                let more = (!is_all).then(|| "it still looks through the project, and may find more".to_owned());
                return Ok((Some(all).filter(|all| !all.is_empty()), more.or_else(|| server.complaint())));
            }
            Question::Definition => ("textDocument/definition", json!({})),
            Question::References => ("textDocument/references", json!({ "context": { "includeDeclaration": false } })),
        };
        let (line, symbol) = (asked.line.unwrap_or_default(), asked.symbol.as_deref().unwrap_or_default());
        let at = line.checked_sub(1).and_then(|line| text.lines().nth(line as usize));
        let at = at.ok_or_else(|| format!("{} has no line {line}", asked.path))?;
        let byte =
            text::find(at, symbol).ok_or_else(|| format!("`{symbol}` does not stand in line {line}: {}", at.trim()))?;
        let mut params = more;
        params["textDocument"] = json!({ "uri": text::address(path) });
        params["position"] = text::position(line - 1, text::units(at, byte));
        // Some answer nothing as long as they look through the project.
        let answer = loop {
            let answer = server.request(method, params.clone(), deadline).await?;
            let is_empty = answer.is_null() || answer.as_array().is_some_and(Vec::is_empty);
            if !is_empty || !server.worked(deadline).await {
                break answer;
            }
        };
        let places = timeout_at(deadline, async { places(&answer, &view, workspace) }).await;
        Ok((places.map_err(|_| "it took too long".to_owned())?, server.complaint()))
    }
}

/// The places of an answer with the text of their lines, if there are any. What is out of sight, or outside of the workspace, is only counted.
fn places(answer: &Value, view: &View, workspace: &Path) -> Option<String> {
    let one = [answer.clone()];
    let all = match answer {
        Value::Array(all) => &all[..],
        Value::Null => &[],
        _ => &one[..],
    };
    let (mut shown, mut elsewhere, mut more) = (Vec::new(), 0, 0);
    for found in all {
        let uri = found["targetUri"].as_str().or_else(|| found["uri"].as_str()).unwrap_or_default();
        let range = ["targetSelectionRange", "targetRange", "range"].iter().find_map(|key| found.get(key));
        let path = text::file(uri).and_then(|path| view.real_host_path(&path).ok());
        let Some((path, (line, units))) =
            path.filter(|path| path.starts_with(workspace)).zip(range.and_then(text::start))
        else {
            elsewhere += 1;
            continue;
        };
        if shown.len() >= MOST {
            more += 1;
            continue;
        }
        let text = content(&path, view).unwrap_or_default();
        let text = text.lines().nth(line as usize).unwrap_or_default();
        let column = text::column(text, units);
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(LINE).collect();
        shown.push(format!("{}:{}:{column}: {text}", named(&path, workspace), line.saturating_add(1)));
    }
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    match (shown.is_empty(), elsewhere) {
        (true, 0) => None,
        (true, count) => Some(format!("{count} outside of the workspace.")),
        (false, 0) => Some(shown.join("\n")),
        (false, count) => Some(format!("{}\nand {count} outside of the workspace", shown.join("\n"))),
    }
}
