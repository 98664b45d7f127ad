//! The run as a person reads it: what is read, run and changed, on stderr, as it happens.

use codex_client::{AgentLine, Cost, HookLine, agent_lines, hook_lines};
use codex_protocol::{
    CommandExecutionStatus, CompactionReport, DynamicToolCallOutput, DynamicToolCallStatus, Event, FileUpdateChange,
    McpToolCallStatus, PatchApplyStatus, PatchChangeKind, PlanStep, PlanStepStatus, ServerNotification, ThreadItem,
    ThreadOpened, TokenUsage, TurnStatus, WebSearchAction, WebSource,
};
use serde_json::Value;

use crate::terminal::{Progress, Style};

/// Lines of a command's output that are shown; of more, the first and last.
const OUTPUT_LINES: usize = 16;
/// Characters of a line that are shown. Our own sentences are shorter.
const LINE: usize = 1000;
/// Lines of a file's diff that are shown.
const DIFF_LINES: usize = 200;
/// The item that shows what linters and language servers found.
const DIAGNOSTICS: &str = "diagnostics";

/// Shows one run.
#[derive(Debug)]
pub struct Human {
    progress: Progress,
    thread_id: String,
    /// Whether to say how to go on with the session.
    hint: bool,
    /// The command whose line was shown last; what is shown of another one begins with its own.
    command: String,
    /// A message is held back until it is known not to be the last: that one goes to stdout.
    held: Option<String>,
    tokens: TokenUsage,
    /// In USD, where it is known.
    cost: Cost,
    /// What interrupts the turn is its time limit.
    pub time_is_up: bool,
}

impl Human {
    pub fn new(progress: Progress, hint: bool) -> Self {
        Self {
            progress,
            thread_id: String::new(),
            hint,
            command: String::new(),
            held: None,
            tokens: TokenUsage::default(),
            cost: Cost::default(),
            time_is_up: false,
        }
    }

    pub fn opened(&mut self, opened: &ThreadOpened) {
        let level = opened.sandbox.get("type").and_then(Value::as_str).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let (model, provider, level) = (&opened.model, &opened.model_provider, kebab(level));
        let head = format!("codex {version} · {model} ({provider}) · sandbox {level} ({})", opened.held_by);
        self.progress.line(Style::Bold, &head);
        self.progress.line(Style::Dim, &format!("{} · session {}", opened.cwd, opened.thread.id));
        self.thread_id.clone_from(&opened.thread.id);
        self.hint &= !opened.thread.ephemeral;
    }

    pub fn event(&mut self, event: &Event) {
        match &event.notification {
            ServerNotification::ItemStarted(started) => self.started(&started.item),
            ServerNotification::ItemCompleted(completed) => self.completed(&completed.item),
            ServerNotification::TurnPlanUpdated(updated) => self.plan(&updated.plan),
            ServerNotification::TurnStarted(_) => self.cost.turn_begins(),
            ServerNotification::TokenUsageUpdated(updated) => {
                (self.tokens, self.cost.total) = (updated.token_usage.total, updated.cost_usd);
            }
            ServerNotification::HookCompleted(hook) => {
                for HookLine { text, is_bad } in hook_lines(&hook.run) {
                    self.progress.line(if is_bad { Style::Red } else { Style::Yellow }, &format!("• {text}"));
                }
            }
            ServerNotification::Warning(warning) => {
                self.progress.line(Style::Yellow, &format!("warning: {}", warning.message));
            }
            ServerNotification::Error(failed) => {
                self.release();
                let style = if failed.will_retry { Style::Yellow } else { Style::Red };
                let prefix = if failed.will_retry { "" } else { "error: " };
                self.progress.line(style, &format!("{prefix}{}", failed.error.message));
            }
            ServerNotification::TurnCompleted(changed) => self.ended(changed.turn.status),
            _ => {}
        }
    }

    fn started(&mut self, item: &ThreadItem) {
        self.command.clear();
        match item {
            ThreadItem::CommandExecution { id, command, .. } => {
                self.release();
                self.command.clone_from(id);
                self.progress.line(Style::Cyan, &format!("$ {command}"));
            }
            ThreadItem::AgentMessage { .. } => self.release(),
            ThreadItem::ContextCompaction { .. } => {
                self.release();
                self.progress.line(Style::Dim, "• summing up the conversation");
            }
            _ => {}
        }
    }

    fn completed(&mut self, item: &ThreadItem) {
        // What is shown of the end of a command follows its line directly, or begins with its line.
        if self.command != item.id() {
            self.command.clear();
        }
        match item {
            ThreadItem::UserMessage { .. } => {}
            ThreadItem::AgentMessage { text, .. } | ThreadItem::Plan { text, .. } => {
                self.release();
                self.held = Some(text.clone());
            }
            ThreadItem::Reasoning { summary, .. } => {
                self.release();
                summary.iter().for_each(|paragraph| self.progress.line(Style::Dim, paragraph));
            }
            ThreadItem::CommandExecution { id, command, status, aggregated_output, exit_code, duration_ms, .. } => {
                if *status == CommandExecutionStatus::Declined {
                    self.release();
                }
                let output = aggregated_output.as_deref().unwrap_or_default();
                if self.command != *id {
                    self.progress.line(Style::Cyan, &format!("$ {command}"));
                }
                self.output(output);
                self.command_end(*status, *exit_code, *duration_ms);
            }
            ThreadItem::FileChange { changes, status, .. } => {
                self.release();
                changes.iter().for_each(|change| self.change(change, *status));
            }
            ThreadItem::EnteredReviewMode { review, .. } => {
                self.release();
                self.progress.line(Style::Bold, &format!("review of {review}"));
            }
            // What it has come to is the message that follows.
            ThreadItem::ExitedReviewMode { .. } => self.release(),
            ThreadItem::ContextCompaction { report, .. } => {
                self.release();
                report.iter().for_each(|report| self.summed_up(report));
            }
            ThreadItem::DynamicToolCall { tool, arguments, status, content_items, .. } => {
                self.release();
                self.call(tool, arguments);
                for DynamicToolCallOutput::InputText { text } in content_items.iter().flatten() {
                    match status {
                        DynamicToolCallStatus::Failed => self.progress.line(Style::Red, &indent(text)),
                        // What was found in files that were changed is what a person wants to see too.
                        _ if tool == DIAGNOSTICS => self.output(text),
                        _ => {}
                    }
                }
            }
            ThreadItem::McpToolCall { server, tool, arguments, status, result, error, .. } => {
                self.release();
                self.call(&format!("{server}.{tool}"), arguments);
                let answered = result.iter().map(|result| result.text());
                let why = error.iter().map(|error| error.message.clone()).chain(answered);
                if *status == McpToolCallStatus::Failed {
                    why.for_each(|text| self.progress.line(Style::Red, &indent(&cut(&text, LINE))));
                }
            }
            ThreadItem::WebSearch { query, action, results, failure, .. } => {
                self.release();
                let what =
                    if matches!(action, Some(WebSearchAction::OpenPage { .. })) { "read" } else { "searched for" };
                self.progress.line(Style::Cyan, &format!("• {what} {}", cut(query, LINE)));
                if let Some(failure) = failure {
                    self.progress.line(Style::Red, &indent(failure));
                }
                for WebSource { title, url } in results.iter().flatten().filter(|source| source.url != *query) {
                    self.progress.line(Style::Dim, &format!("    {url} {}", cut(title, 80)));
                }
            }
            ThreadItem::CollabAgentToolCall { .. } => {
                self.release();
                for AgentLine { said, more, is_bad, changes, takes_over } in agent_lines(item) {
                    self.progress.line(if is_bad { Style::Red } else { Style::Cyan }, &format!("• {said}"));
                    self.output(&more);
                    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
                    if !paths.is_empty() {
                        let line = format!("not here yet: {}; `{takes_over}` takes it over", paths.join(", "));
                        self.progress.line(Style::Dim, &indent(&line));
                    }
                }
            }
        }
    }

    fn call(&self, tool: &str, arguments: &Value) {
        self.progress.line(Style::Cyan, format!("• {tool} {}", brief(arguments)).trim_end());
    }

    fn summed_up(&self, report: &CompactionReport) {
        let CompactionReport { tokens_before, tokens_after, kept, dropped, failure, .. } = report;
        if let Some(why) = failure {
            let line = format!("warning: the conversation was not summed up, and is as it was: {why}");
            return self.progress.line(Style::Yellow, &line);
        }
        let line = format!("• summed up: about {tokens_before} tokens before, {tokens_after} after");
        self.progress.line(Style::Cyan, &line);
        self.progress.line(Style::Dim, &format!("    kept word for word: {}", kept.join(", ")));
        if !dropped.is_empty() {
            self.progress.line(Style::Dim, &format!("    in the summary only: {}", dropped.join(", ")));
        }
    }

    /// Shows the message that was held back: another thing follows it.
    fn release(&mut self) {
        if let Some(text) = self.held.take() {
            self.progress.line(Style::Plain, &text);
        }
    }

    fn output(&self, output: &str) {
        let lines: Vec<&str> = output.trim_end().lines().collect();
        let half = OUTPUT_LINES / 2;
        for (at, line) in lines.iter().enumerate() {
            if lines.len() > OUTPUT_LINES && at == half {
                self.progress.line(Style::Dim, &format!("    … {} lines …", lines.len() - OUTPUT_LINES));
            }
            if lines.len() <= OUTPUT_LINES || at < half || at >= lines.len() - half {
                self.progress.line(Style::Dim, &format!("    {}", cut(line, LINE)));
            }
        }
    }

    fn command_end(&self, status: CommandExecutionStatus, exit_code: Option<i32>, duration_ms: Option<u64>) {
        let time = duration_ms.map(|ms| format!(" · {:.1} s", ms as f64 / 1000.0)).unwrap_or_default();
        let (style, end) = match (status, exit_code) {
            (CommandExecutionStatus::Completed, _) => (Style::Green, "done".to_owned()),
            (CommandExecutionStatus::Declined, _) => (Style::Red, "declined".to_owned()),
            (_, Some(code)) => (Style::Red, format!("exit {code}")),
            (_, None) => (Style::Red, "failed".to_owned()),
        };
        self.progress.line(style, &format!("  {end}{time}"));
    }

    fn change(&self, change: &FileUpdateChange, status: PatchApplyStatus) {
        let verb = match &change.kind {
            PatchChangeKind::Add => "add",
            PatchChangeKind::Delete => "delete",
            PatchChangeKind::Update { .. } => "change",
        };
        let target = match &change.kind {
            PatchChangeKind::Update { move_path: Some(to) } => format!(" → {to}"),
            _ => String::new(),
        };
        let refused = match status {
            PatchApplyStatus::Completed | PatchApplyStatus::InProgress => "",
            PatchApplyStatus::Failed => " (failed)",
            PatchApplyStatus::Declined => " (declined)",
        };
        self.progress.line(Style::Cyan, &format!("± {verb} {}{target}{refused}", change.path));
        diff(&self.progress, &change.diff);
    }

    fn plan(&mut self, plan: &[PlanStep]) {
        self.release();
        for step in plan {
            let (mark, style) = match step.status {
                PlanStepStatus::Completed => ("✓", Style::Green),
                PlanStepStatus::InProgress => ("→", Style::Bold),
                PlanStepStatus::Pending => ("·", Style::Dim),
            };
            self.progress.line(style, &format!("  {mark} {}", step.step));
        }
    }

    fn ended(&mut self, status: TurnStatus) {
        self.command.clear();
        if status != TurnStatus::Completed {
            self.release();
        }
        if status == TurnStatus::Interrupted {
            let why = if self.time_is_up { "the time of --timeout is up" } else { "interrupted" };
            self.progress.line(Style::Yellow, &format!("{why}: what ran was stopped, the session is kept"));
        }
        let tokens = self.tokens;
        let mut line = format!(
            "tokens: {} in ({} cached), {} out",
            tokens.input_tokens, tokens.cached_input_tokens, tokens.output_tokens
        );
        if self.cost.total.is_some() {
            line.push_str(&format!(" · {}", self.cost));
        }
        if self.hint {
            line.push_str(&format!(" · go on: codex exec resume {} \"…\"", self.thread_id));
        }
        self.progress.line(Style::Dim, &line);
    }
}

/// Shows a unified diff, coloured, cut where it is long.
pub fn diff(progress: &Progress, diff: &str) {
    let mut lines = diff.lines();
    for line in lines.by_ref().take(DIFF_LINES) {
        let style = match line.as_bytes().first() {
            Some(b'+') => Style::Green,
            Some(b'-') => Style::Red,
            _ => Style::Dim,
        };
        progress.line(style, &format!("    {}", cut(line, LINE)));
    }
    let more = lines.count();
    if more > 0 {
        progress.line(Style::Dim, &format!("    … {more} more lines"));
    }
}

fn indent(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// The arguments of a call on one line: the values, the longer ones cut.
fn brief(arguments: &Value) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), 80),
        other => cut(&other.to_string(), 80),
    };
    match arguments {
        Value::Object(map) => map.values().filter(|value| !value.is_null()).map(word).collect::<Vec<_>>().join(" "),
        other => word(other),
    }
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `workspaceWrite` as it is typed: `workspace-write`.
fn kebab(word: &str) -> String {
    let mut kebab = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}
