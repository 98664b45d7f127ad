//! What went wrong, what should be known, and how a turn ended.

use codex_protocol::{Turn, TurnError, TurnStatus};

use super::{duration, marked, narrower};
use crate::{
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// A turn that took longer, in milliseconds, says how long.
const LONG: u64 = 30_000;

/// Most rows of an error; servers send whole pages.
const ROWS: usize = 30;

/// An error; the turn goes on by itself if `will_retry`.
pub fn error(error: &TurnError, will_retry: bool, look: &Look) -> Vec<Row> {
    let (mark, role) = if will_retry { ("! ", Role::Warning) } else { ("✗ ", Role::Bad) };
    let mut rows = lines(&error.message, look, Role::Plain);
    if let Some(details) = &error.additional_details {
        rows.extend(lines(details, look, Role::Quiet));
    }
    marked(rows, &Row::new(mark, look.style(role)), &Row::plain("  "), look)
}

/// What went wrong here, and not in a turn.
pub fn complaint(message: &str, look: &Look) -> Vec<Row> {
    marked(lines(message, look, Role::Plain), &Row::new("✗ ", look.style(Role::Bad)), &Row::plain("  "), look)
}

/// A warning.
pub fn warning(message: &str, look: &Look) -> Vec<Row> {
    let rows = lines(message, look, Role::Plain);
    marked(rows, &Row::new("! ", look.style(Role::Warning)), &Row::plain("  "), look)
}

/// How a turn ended, if there is something to say. `told` is whether its error was.
pub fn end(turn: &Turn, told: bool, look: &Look) -> Vec<Row> {
    match (turn.status, &turn.error, turn.duration_ms) {
        (TurnStatus::Failed, Some(failed), _) if !told => error(failed, false, look),
        (TurnStatus::Interrupted, _, _) => warning("Interrupted: what ran was stopped.", look),
        (TurnStatus::Completed, _, Some(took)) if took >= LONG => {
            vec![Row::new(&format!("· worked for {}", duration(took)), look.style(Role::Quiet))]
        }
        _ => Vec::new(),
    }
}

fn lines(text: &str, look: &Look, role: Role) -> Vec<Row> {
    let text = super::output::head(text, 16 << 10);
    let rows = text.lines().map(|line| Row::new(line, look.style(role)));
    let mut rows: Vec<Row> = rows.flat_map(|row| wrap(&row, narrower(look, 2).width, &Row::empty())).collect();
    if rows.len() > ROWS {
        rows.truncate(ROWS);
        rows.push(Row::new("…", look.style(Role::Quiet)));
    }
    rows
}
