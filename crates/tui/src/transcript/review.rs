//! Where a review begins and ends. What it has found is a message of the agent.

use crate::{
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// A review of this begins.
pub fn entered(what: &str, look: &Look) -> Vec<Row> {
    line(&format!("Review of {what}"), Role::User, look)
}

/// A review has ended; nothing, where its message says what it has come to.
pub fn exited(came_to: &str, is_finished: bool, look: &Look, expanded: bool) -> Vec<Row> {
    match is_finished {
        true if !expanded => Vec::new(),
        true => line("The review has ended", Role::Quiet, look),
        false => {
            line(&format!("The review has ended: {}", came_to.lines().next().unwrap_or_default()), Role::Quiet, look)
        }
    }
}

fn line(text: &str, role: Role, look: &Look) -> Vec<Row> {
    wrap(&Row::new(&format!("› {text}"), look.style(role)), look.width, &Row::plain("  "))
}
