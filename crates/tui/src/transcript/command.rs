//! A shell command: what was run, its last lines, and how it ended.

use codex_protocol::{CommandExecutionSource, CommandExecutionStatus, ThreadItem};

use super::{duration, marked, narrower, output};
use crate::{highlight, look::Look, text::Row, theme::Role};

/// Rows of the command line that are shown of a long one.
const COMMAND_ROWS: usize = 6;

/// Last lines of the output of a command that succeeded, and of one that did not.
const LINES: [usize; 2] = [5, 12];

/// Last lines of the output of a command that the user typed: it was typed to be read.
const TYPED_LINES: usize = 100;

/// Most rows below the command line, unless all is shown.
const MOST: usize = 30;

/// A command line, with its words in their roles, wrapped. All of it.
pub fn command_rows(command: &str, look: &Look) -> Vec<Row> {
    highlight::shell(command, look)
}

/// A command that has ended.
pub fn rows(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let ThreadItem::CommandExecution {
        command, cwd, source, status, aggregated_output, exit_code, duration_ms, ..
    } = item
    else {
        return Vec::new();
    };
    let typed = *source == CommandExecutionSource::UserShell;
    let (good, quiet) = (*status == CommandExecutionStatus::Completed, look.style(Role::Quiet));
    let mut rows = title(command, !good, look, expanded);
    let inner = narrower(look, 4);
    let text = aggregated_output.as_deref().unwrap_or_default();
    let mut below = match (expanded, exit_code) {
        (true, _) => output::all(text, &inner),
        // Why it did not run.
        (false, None) => output::all(output::head(text, 16 << 10), &inner),
        (false, Some(_)) if typed => output::last_lines(text, TYPED_LINES, &inner),
        (false, Some(_)) => output::last_lines(text, LINES[usize::from(!good)], &inner),
    };
    if !expanded && !typed {
        below.truncate(MOST);
    }
    let took = duration_ms.map(duration);
    match (status, exit_code) {
        (CommandExecutionStatus::Completed, _) => {
            let took = took.map(|took| format!("  {took}")).unwrap_or_default();
            let fits = rows.len() == 1 && rows[0].width() + took.chars().count() <= look.width;
            match rows.last_mut().filter(|_| fits) {
                Some(row) => *row = std::mem::take(row).with(&took, quiet),
                None if took.is_empty() => {}
                None => below.push(Row::new(took.trim_start(), quiet)),
            }
        }
        // It says so.
        (CommandExecutionStatus::Declined, _) if !below.is_empty() => {}
        (status, code) => {
            let how = match (status, code) {
                (CommandExecutionStatus::Declined, _) => "declined, not run".to_owned(),
                (_, Some(code)) => format!("exit {code}"),
                (CommandExecutionStatus::InProgress, None) => "running".to_owned(),
                (_, None) => "failed".to_owned(),
            };
            let row = Row::new(&how, look.style(Role::Bad));
            below.push(row.with(&took.map(|took| format!(" · {took}")).unwrap_or_default(), quiet));
        }
    }
    if expanded {
        below.insert(0, Row::new("in ", quiet).with(cwd, look.style(Role::Path)));
    }
    rows.extend(marked(below, &Row::new("  └ ", quiet), &Row::plain("    "), look));
    rows
}

/// A command that runs: for how long, and its last lines.
pub fn running(command: &str, output: &str, seconds: u64, look: &Look) -> Vec<Row> {
    let mut rows = title(command, false, look, false);
    let quiet = look.style(Role::Quiet);
    let mut below = last_rows(output, look);
    if seconds > 0 {
        // Whole seconds: no more is known.
        let time = if seconds < 10 { format!("{seconds} s") } else { duration(seconds * 1000) };
        below.push(Row::new(&format!("running · {time}"), quiet));
    }
    rows.extend(marked(below, &Row::new("  └ ", quiet), &Row::plain("    "), look));
    rows
}

/// What was put out last, below what puts it out.
pub fn tail(output: &str, look: &Look) -> Vec<Row> {
    marked(last_rows(output, look), &Row::new("  └ ", look.style(Role::Quiet)), &Row::plain("    "), look)
}

fn last_rows(output: &str, look: &Look) -> Vec<Row> {
    let mut rows = output::last_lines(output, 3, &narrower(look, 4));
    // How much lies above is not known: only the end of it is kept.
    rows.drain(..rows.len().saturating_sub(3));
    rows
}

fn title(command: &str, bad: bool, look: &Look, expanded: bool) -> Vec<Row> {
    let mut rows = command_rows(command, &narrower(look, 4));
    if !expanded && rows.len() > COMMAND_ROWS {
        let more = rows.len() - COMMAND_ROWS;
        rows.truncate(COMMAND_ROWS);
        rows.push(Row::new(&format!("… {more} more lines (ctrl+t)"), look.style(Role::Quiet)));
    }
    let mark = if bad { Row::new("✗ ", look.style(Role::Bad)) } else { super::message::agent_mark(look) };
    marked(rows, &mark.with("$ ", look.style(Role::Quiet)), &Row::plain("    "), look)
}
