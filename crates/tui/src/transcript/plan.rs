//! A plan as a checklist.

use codex_protocol::{PlanStep, PlanStepStatus};

use super::{marked, narrower};
use crate::{
    look::Look,
    text::{Row, truncate, wrap},
    theme::Role,
};

/// The whole plan; only what changed of `before` where its steps are the same.
pub fn rows(plan: &[PlanStep], before: &[PlanStep], explanation: Option<&str>, look: &Look) -> Vec<Row> {
    let same = plan.len() == before.len() && plan.iter().zip(before).all(|(step, before)| step.step == before.step);
    let changed = |at: usize| !same || plan.get(at).map(|step| step.status) != before.get(at).map(|step| step.status);
    let steps: Vec<Row> = (0..plan.len()).filter(|at| changed(*at)).flat_map(|at| step(&plan[at], look)).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let done = plan.iter().filter(|step| step.status == PlanStepStatus::Completed).count();
    let title = Row::new("Plan", look.style(Role::Strong))
        .with(&format!(" · {done} of {}", plan.len()), look.style(Role::Quiet));
    let mut rows = vec![title];
    if let Some(why) = explanation.filter(|why| !why.trim().is_empty()) {
        let lines = why.lines().map(|line| Row::new(line, look.style(Role::Quiet)));
        rows.extend(lines.flat_map(|row| wrap(&row, narrower(look, 2).width, &Row::empty())));
    }
    rows.extend(steps);
    marked(rows, &super::message::agent_mark(look), &Row::plain("  "), look)
}

/// The step that is being done, on one row.
pub fn current(plan: &[PlanStep], look: &Look) -> Option<Row> {
    let at = plan.iter().position(|step| step.status == PlanStepStatus::InProgress)?;
    let row = Row::new(&format!("Step {} of {}: ", at + 1, plan.len()), look.style(Role::Quiet))
        .with(&plan[at].step, look.style(Role::Plain));
    Some(truncate(&marked(vec![row], &super::message::agent_mark(look), &Row::empty(), look).remove(0), look.width))
}

fn step(step: &PlanStep, look: &Look) -> Vec<Row> {
    let (mark, role) = match step.status {
        PlanStepStatus::Completed => ("✓ ", Role::Good),
        PlanStepStatus::InProgress => ("→ ", Role::Strong),
        PlanStepStatus::Pending => ("· ", Role::Quiet),
    };
    let text = if step.status == PlanStepStatus::Completed { Role::Plain } else { role };
    let row = Row::new(mark, look.style(role)).with(&step.step, look.style(text));
    wrap(&row, narrower(look, 2).width, &Row::plain("  "))
}
