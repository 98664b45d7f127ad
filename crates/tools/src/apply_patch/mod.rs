//! `apply_patch`: changes files by a patch, in this process, beneath the writable roots.
//!
//! The patch is matched when the call is prepared, so that what is approved and shown is what will be written. It must
//! never write a part of a patch.

mod content;
mod described;
mod diff;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hunks;
mod lines;
mod named;
mod parse;
mod plan;
mod seek;
mod text;
mod undo;
mod work;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{FileUpdateChange, PatchApplyStatus, PatchChangeKind, ThreadItem};
use codex_sandbox::Confinement;
use codex_workspace::{Beneath, is_protected};
use serde::Deserialize;

use crate::{Effect, ForUser, Outcome, Permission, Prepared, Tool, ToolContext, ToolError, arguments, output};
pub use described::{DescribedChange, DescribedFile, DescribedPatch, described_patch};
use plan::Plan;

/// How wires without grammars offer the tool.
#[derive(Deserialize)]
struct Args {
    #[serde(alias = "patch")]
    input: String,
}

/// Applies patches.
#[derive(Debug)]
pub(crate) struct ApplyPatch;

impl Tool for ApplyPatch {
    fn name(&self) -> &str {
        "apply_patch"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("../apply_patch.md").trim().to_owned(),
            input: ToolInput::Freeform { lark_grammar: include_str!("grammar.lark") },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Writes
    }

    fn prepare(&self, call: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let patch = match call {
            Arguments::Freeform(text) => text.clone(),
            Arguments::Json(_) => arguments::parse::<Args>(call)?.input,
        };
        prepare(&patch, &context.roots.workspace, context)
    }
}

/// Matches `patch`, whose relative paths are below `base`, with the files it speaks of.
///
/// # Errors
/// What does not fit, in sentences for the model. Nothing was changed.
pub(crate) fn prepare(patch: &str, base: &Path, context: &ToolContext) -> Result<Prepared, ToolError> {
    let plan = parse::parse(patch)
        .and_then(|operations| Plan::new(&operations, base, context))
        .map_err(|error| refusal(&error))?;
    let shown = Shown { id: context.item_id.clone(), changes: plan.changes() };
    let access = Access { writes: plan.writes(), ..Access::default() };
    let started = Some(shown.clone().item(PatchApplyStatus::InProgress));
    let cancel = context.cancel.clone();
    let run = Box::new(move |Permission { confinement, hunks, .. }| {
        let work = async move {
            if cancel.is_cancelled() {
                return shown.outcome(Err("nothing was changed: interrupted by the user".into()));
            }
            let mut shown = shown;
            let done = match hunks {
                None => tokio::task::spawn_blocking(move || write(&plan, &confinement).map(|()| plan.report())).await,
                Some(hunks) => {
                    let done = tokio::task::spawn_blocking(move || write_part(plan, &confinement, &hunks)).await;
                    done.map(|done| {
                        done.map(|(report, changes)| {
                            shown.changes = changes;
                            report
                        })
                    })
                }
            };
            shown.outcome(done.unwrap_or_else(|error| Err(format!("the tool broke down: {error}"))))
        };
        Box::pin(work) as _
    });
    Ok(Prepared { access, started, run })
}

/// Most of what is said about a patch that does not fit, in bytes: it repeats lines, and they may be long.
const REFUSAL_BYTES: usize = 8 << 10;

fn refusal(error: &str) -> ToolError {
    ToolError(output::cut(format!("The patch was not applied, nothing was changed. {error}"), REFUSAL_BYTES))
}

/// Writes what was planned, held by the walls of the verdict and no longer by those it was planned with.
fn write(plan: &Plan, confinement: &Confinement) -> Result<(), String> {
    let beneath = match confinement {
        Confinement::Unconfined => Beneath::unrestricted(),
        Confinement::Confined(walls) => {
            let protected = |path: &&PathBuf| is_protected(path, &walls.protected, walls.temp.as_deref());
            if let Some(path) = plan.writes().iter().find(protected) {
                return Err(format!("nothing was changed: `{}` is protected", path.display()));
            }
            Beneath::new(walls.writable.iter().chain(&walls.temp).map(PathBuf::as_path))
        }
    };
    plan.write(&beneath.map_err(|error| format!("nothing was changed: {error}"))?)
}

/// Writes these hunks of what was planned: what the model is told, and what was changed.
fn write_part(
    mut plan: Plan,
    confinement: &Confinement,
    hunks: &BTreeSet<usize>,
) -> Result<(String, Vec<FileUpdateChange>), String> {
    let left_out = plan.keep_only(hunks)?;
    write(&plan, confinement)?;
    let is_left = |change: &FileUpdateChange| {
        change.diff.is_empty() && matches!(change.kind, PatchChangeKind::Update { move_path: None })
    };
    let changes: Vec<FileUpdateChange> = plan.changes().into_iter().filter(|change| !is_left(change)).collect();
    let files: String = changes.iter().map(|change| format!("{}\n", change.path)).collect();
    let report = format!(
        "The user accepted a part of the patch, and that was applied. Files changed:\n{files}\nThe user rejected these \
         hunks, and they were left out. Do not make these changes again unless the user asks for them.\n{left_out}"
    );
    Ok((report, changes))
}

/// What of a patch is shown all along.
#[derive(Clone)]
struct Shown {
    id: String,
    changes: Vec<FileUpdateChange>,
}

impl Shown {
    fn item(self, status: PatchApplyStatus) -> ThreadItem {
        ThreadItem::FileChange { id: self.id, changes: self.changes, status }
    }

    fn outcome(self, done: Result<String, String>) -> Outcome {
        let (status, for_model) = match done {
            Ok(report) => (PatchApplyStatus::Completed, report),
            Err(sentence) => (PatchApplyStatus::Failed, format!("The patch was not applied: {sentence}")),
        };
        Outcome::text(for_model, ForUser::Item(self.item(status)))
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
pub(crate) mod tests;
