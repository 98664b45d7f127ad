//! Going back: the conversation, the files that the agent changed, or both; and forth again.
//!
//! It must never change a file that only the user changed, nor, unless that is named, one that the user changed too.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_checkpoints::{Change, CheckpointError, Conflict, Scope, SnapshotId, State, Undo, undo};
use codex_history::Message;
use codex_protocol::{
    PatchChangeKind, RewindFailure, RewindFile, RewindPreview, RewindTurn, RewindWhat, ThreadItem,
    ThreadRewindListResult, ThreadRewound, UserInput,
};
use codex_store::{ChangedBy, ItemsWanted, Record, Replayed, Span, States, Summaries, Undone};
use similar::{ChangeTag, TextDiff};

use crate::{Keeping, Thread, ThreadError, change::Settled, context::fill};

const REWOUND: &str = include_str!("prompts/files_rewound.md");
const REDONE: &str = include_str!("prompts/files_redone.md");

/// Longest file whose lines are counted, in bytes.
const LONGEST: u64 = 1 << 20;
/// Most paths that the model is told one by one.
const MOST_TOLD: usize = 50;

/// What goes back, and over which conflicts.
#[derive(Debug, Clone, Default)]
pub struct Rewind {
    /// What goes back.
    pub what: RewindWhat,
    /// Conflicts that are taken back all the same.
    pub overwrite: BTreeSet<PathBuf>,
}

/// What becomes of files.
struct Plan {
    /// What is there now.
    now: SnapshotId,
    undo: Undo,
    /// Turns of which nobody knows what they changed.
    unknown: Vec<String>,
}

/// What was done to files.
struct Done {
    before: SnapshotId,
    after: SnapshotId,
    rewound: ThreadRewound,
}

/// Reads and writes files, on the blocking pool.
#[derive(Clone)]
struct Files {
    keeping: Keeping,
    scope: Arc<Scope>,
}

impl Thread {
    /// The turns that it can go back to.
    ///
    /// # Errors
    /// When nothing of it is kept, or that cannot be read.
    pub async fn rewind_list(&self) -> Result<ThreadRewindListResult, ThreadError> {
        let path = self.journal().ok_or(ThreadError::Unkept)?.to_owned();
        let keeping = self.keeping.clone();
        blocking(move || {
            let Replayed { conversation, states, .. } = codex_store::replayed(&path, Summaries::Stand)?;
            let mut counted = BTreeMap::<&str, Option<BTreeSet<PathBuf>>>::new();
            for span in states.spans.iter().filter(|span| span.by == ChangedBy::Agent) {
                let paths = keeping.as_ref().and_then(|keeping| changes(keeping, span, None));
                let all = counted.entry(&span.turn_id).or_insert_with(|| Some(BTreeSet::new()));
                *all = all.take().zip(paths).map(|(mut all, changes)| {
                    all.extend(changes.into_iter().map(|change| change.path));
                    all
                });
            }
            let turn = |mark: &codex_store::Mark| RewindTurn {
                turn_id: mark.turn_id.clone(),
                at: mark.at / 1000,
                prompt: mark.said.clone(),
                files_changed: counted.get(mark.turn_id.as_str()).map_or(Some(0), |all| Some(all.as_ref()?.len())),
            };
            // Files of a turn that is gone can be chosen yet.
            let gone = states.to_redo().filter(|undone| undone.conflicts);
            let gone = gone.and_then(|undone| conversation.gone(&undone.before_turn_id));
            let gone = gone.filter(|gone| conversation.marks.iter().all(|mark| mark.turn_id != gone.turn_id));
            Ok(ThreadRewindListResult {
                turns: conversation.marks.iter().chain(gone).map(turn).collect(),
                undo_turn_id: states.to_undo().map(str::to_owned),
                redo: states.to_redo().map(what),
            })
        })
        .await
    }

    /// What going back before a turn would do to files.
    ///
    /// # Errors
    /// When a turn runs, there is no such turn, no states of files are kept, or these cannot be read.
    pub async fn rewind_preview(&self, before_turn_id: &str) -> Result<RewindPreview, ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let files = settled.files()?;
        let spans = spans(&settled.known(None).await?, before_turn_id)?;
        blocking(move || {
            let plan = files.plan(&spans)?;
            Ok(files.preview(&plan))
        })
        .await
    }

    /// Goes back to how it was when a turn began.
    ///
    /// # Errors
    /// As [`Thread::rewind_preview`] and [`Thread::revert`]; also when commands still run that may change files. If files
    /// cannot go back at all, the conversation does not either.
    pub async fn rewind(&self, before_turn_id: &str, mut rewind: Rewind) -> Result<ThreadRewound, ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let replayed = settled.known(Some(before_turn_id)).await?;
        let is_there = replayed.conversation.marks.iter().any(|mark| mark.turn_id == before_turn_id);
        // The conversation is there already: what is left are files that were not chosen.
        let undone = replayed.states.to_redo().filter(|undone| undone.before_turn_id == before_turn_id);
        if rewind.what == RewindWhat::Both && !is_there && undone.is_some_and(|undone| undone.conflicts) {
            rewind.what = RewindWhat::Files;
        }
        if rewind.what != RewindWhat::Files && !is_there {
            return Err(ThreadError::NoSuchTurn(before_turn_id.to_owned()));
        }
        let input = settled.said(before_turn_id).await?;
        let mut rewound = ThreadRewound::default();
        if rewind.what != RewindWhat::Conversation {
            let spans = spans(&replayed, before_turn_id)?;
            let both = rewind.what == RewindWhat::Both;
            rewound = settled.restore(before_turn_id, spans, rewind.overwrite, (both, false)).await?;
        }
        if rewind.what != RewindWhat::Files {
            settled.revert(self.id(), replayed.conversation, before_turn_id).await?;
        } else {
            settled.tell_model(REWOUND, &rewound.restored)?;
        }
        Ok(ThreadRewound { what: rewind.what, input, ..rewound })
    }

    /// Takes back the last going back.
    ///
    /// # Errors
    /// When there is nothing to redo; else as [`Thread::rewind`].
    pub async fn rewind_redo(&self, overwrite: BTreeSet<PathBuf>) -> Result<ThreadRewound, ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let Replayed { mut conversation, states, .. } = settled.known(None).await?;
        let undone = states.to_redo().ok_or(ThreadError::NothingToRedo)?;
        let mut rewound = ThreadRewound::default();
        if let Some((before, after)) = &undone.files {
            let span = Span {
                turn_id: undone.before_turn_id.clone(),
                seq: 0,
                before: Some(before.clone()),
                after: Some(after.clone()),
                by: ChangedBy::Rewind,
                late: Vec::new(),
            };
            let states = (undone.conversation, true);
            rewound = settled.restore(&undone.before_turn_id, vec![span], overwrite, states).await?;
        }
        if undone.conversation {
            conversation.unrevert();
            settled.go_to(self.id(), conversation, &Record::Unreverted {}).await?;
        } else {
            settled.tell_model(REDONE, &rewound.restored)?;
        }
        Ok(ThreadRewound { what: what(undone), ..rewound })
    }
}

impl Settled<'_> {
    fn files(&self) -> Result<Files, ThreadError> {
        let state = &self.state;
        let keeping = state.checkpoints.keeping.clone().ok_or(ThreadError::NoStates)?;
        let scope = state.checkpoints.scope(&state.settings.workplace).ok_or(ThreadError::NoStates)?;
        let scope = Arc::new(scope);
        Ok(Files { keeping, scope })
    }

    /// What the journal says, once the state that is being taken is in it.
    async fn known(&mut self, before_turn_id: Option<&str>) -> Result<Replayed, ThreadError> {
        let thread_id = self.thread_id().to_owned();
        self.state.checkpoint_taken(&thread_id).await;
        self.replayed(before_turn_id).await
    }

    /// What the user said first in a turn.
    async fn said(&self, turn_id: &str) -> Result<Vec<UserInput>, ThreadError> {
        let path = self.state.recorder.journal_path().ok_or(ThreadError::Unkept)?;
        let turn_id = turn_id.to_owned();
        let first = blocking(move || {
            let wanted = ItemsWanted { limit: 1, turn_id: Some(&turn_id), ..ItemsWanted::default() };
            Ok(codex_store::items(&path, &wanted)?.items.pop())
        });
        Ok(match first.await?.map(|stored| stored.item) {
            Some(ThreadItem::UserMessage { content, .. }) => content,
            _ => Vec::new(),
        })
    }

    /// Takes files back, and records that; `(both, redo)`: as in [`Record::Restored`].
    async fn restore(
        &mut self,
        before_turn_id: &str,
        spans: Vec<Span>,
        overwrite: BTreeSet<PathBuf>,
        (conversation, redo): (bool, bool),
    ) -> Result<ThreadRewound, ThreadError> {
        let running = self.state.processes.list().len();
        if running > 0 {
            return Err(ThreadError::MayChangeFiles(running));
        }
        if let Some(working) = self.working_agents() {
            return Err(ThreadError::AgentsMayChangeFiles(working));
        }
        let files = self.files()?;
        let done = blocking(move || files.restore(&spans, &overwrite)).await?;
        let state = &mut *self.state;
        state.checkpoints.last = Some(done.after);
        if done.before != done.after || conversation {
            let record = Record::Restored {
                before_turn_id: before_turn_id.to_owned(),
                before: done.before.to_string(),
                after: done.after.to_string(),
                conversation,
                redo,
                conflicts: !done.rewound.conflicts.is_empty(),
            };
            state.recorder.record(&record)?;
            state.recorder.flush();
        }
        Ok(done.rewound)
    }

    fn tell_model(&mut self, template: &str, paths: &[String]) -> Result<(), ThreadError> {
        if paths.is_empty() {
            return Ok(());
        }
        let more = paths.len().saturating_sub(MOST_TOLD);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let list = format!("These are: {}{more}", paths[..paths.len().min(MOST_TOLD)].join(", "));
        let text = fill(template.trim_end(), &[("list", &list)]);
        self.state.record_message(Message::Developer { text })?;
        self.state.recorder.flush();
        Ok(())
    }
}

impl Files {
    fn plan(&self, spans: &[Span]) -> Result<Plan, ThreadError> {
        let now = self.keeping.store.capture(&self.scope)?.id;
        let (mut known, mut unsure, mut unknown) = (Vec::new(), BTreeSet::new(), Vec::new());
        for span in spans {
            match changes(&self.keeping, span, Some(now)) {
                Some(changes) if span.by == ChangedBy::Somebody => {
                    unsure.extend(changes.iter().map(|change| change.path.clone()));
                    known.push(changes);
                }
                Some(changes) => {
                    let late = changes.iter().filter(|change| is_late(span, &change.path));
                    unsure.extend(late.map(|change| change.path.clone()));
                    known.push(changes);
                }
                None => unknown.push(span.turn_id.clone()),
            }
        }
        let paths: BTreeSet<&Path> = known.iter().flatten().map(|change| change.path.as_path()).collect();
        let states = self.keeping.store.states(&now, paths)?;
        let mut undo = undo(&known, &states);
        let (doubtful, restore) = undo.restore.into_iter().partition(|change| unsure.contains(&change.path));
        undo.restore = restore;
        let conflict = |Change { path, before, after }| Conflict { path, before, left: None, now: after };
        undo.conflicts.extend(Vec::into_iter(doubtful).map(conflict));
        undo.conflicts.sort_by(|one, other| one.path.cmp(&other.path));
        unknown.dedup();
        Ok(Plan { now, undo, unknown })
    }

    fn preview(&self, plan: &Plan) -> RewindPreview {
        RewindPreview {
            files: plan.undo.restore.iter().map(|change| self.file(change)).collect(),
            conflicts: plan.undo.conflicts.iter().map(|conflict| self.file(&conflict.step())).collect(),
            not_restorable: not_restorable(plan),
        }
    }

    fn restore(&self, spans: &[Span], overwrite: &BTreeSet<PathBuf>) -> Result<Done, ThreadError> {
        let plan = self.plan(spans)?;
        let (named, left): (Vec<&Conflict>, Vec<&Conflict>) =
            plan.undo.conflicts.iter().partition(|conflict| overwrite.contains(&conflict.path));
        let steps: Vec<Change> =
            plan.undo.restore.iter().cloned().chain(named.into_iter().map(Conflict::step)).collect();
        let conflicts = left.into_iter().map(|conflict| self.file(&conflict.step())).collect();
        let mut rewound = ThreadRewound { conflicts, failed: not_restorable(&plan), ..ThreadRewound::default() };
        let mut after = plan.now;
        if !steps.is_empty() {
            let restored = self.keeping.store.restore(&self.scope, &steps)?;
            rewound.restored = restored.restored.iter().map(|path| path.display().to_string()).collect();
            let failed = restored.failed.iter().map(|(path, why)| failure(path, why));
            rewound.failed.extend(failed);
            rewound.failed.sort_by(|one, other| one.path.cmp(&other.path));
            after = self.keeping.store.capture(&self.scope)?.id;
        }
        Ok(Done { before: plan.now, after, rewound })
    }

    /// How a step is shown.
    fn file(&self, change: &Change) -> RewindFile {
        let kind = match (&change.after, &change.before) {
            (None, _) => PatchChangeKind::Add,
            (_, None) => PatchChangeKind::Delete,
            _ => PatchChangeKind::Update { move_path: None },
        };
        let (added, removed) = self.lines(change).unwrap_or_default();
        RewindFile { path: change.path.display().to_string(), kind, added, removed }
    }

    /// How many lines a step adds and removes, if these are texts.
    fn lines(&self, change: &Change) -> Option<(usize, usize)> {
        let text = |state: &Option<State>| match state {
            Some(State::File { size, .. }) if *size > LONGEST => None,
            Some(state @ State::File { .. }) => String::from_utf8(self.keeping.store.content(state).ok()?).ok(),
            _ => Some(String::new()),
        };
        let (old, new) = (text(&change.after)?, text(&change.before)?);
        let diff = TextDiff::from_lines(&old, &new);
        let count = |tag| diff.iter_all_changes().filter(|line| line.tag() == tag).count();
        Some((count(ChangeTag::Insert), count(ChangeTag::Delete)))
    }
}

/// Whether it is not certain that a path was changed before the program ended.
pub(crate) fn is_late(span: &Span, path: &Path) -> bool {
    !span.late.is_empty() && span.late.contains(&path.display().to_string())
}

fn not_restorable(plan: &Plan) -> Vec<RewindFailure> {
    let unknown = plan
        .unknown
        .iter()
        .map(|turn| RewindFailure { path: String::new(), reason: format!("what {turn} changed is not kept") });
    unknown.chain(plan.undo.unsaved.iter().map(|(path, why)| failure(path, why))).collect()
}

fn failure(path: &Path, why: &dyn std::fmt::Display) -> RewindFailure {
    RewindFailure { path: path.display().to_string(), reason: why.to_string() }
}

/// What differs between the states of a span; `now`: of one that goes on. `None` if that is not known.
fn changes(keeping: &Keeping, span: &Span, now: Option<SnapshotId>) -> Option<Vec<Change>> {
    let before = span.before.as_ref()?.parse().ok()?;
    let after = match &span.after {
        Some(after) => after.parse().ok()?,
        None => now?,
    };
    keeping.store.changes(&before, &after).ok()
}

fn spans(replayed: &Replayed, before_turn_id: &str) -> Result<Vec<Span>, ThreadError> {
    replayed.states.since(before_turn_id).ok_or_else(|| ThreadError::NoSuchTurn(before_turn_id.to_owned()))
}

fn what(undone: &Undone) -> RewindWhat {
    match (&undone.files, undone.conversation) {
        (Some(_), true) => RewindWhat::Both,
        (Some(_), false) => RewindWhat::Files,
        (None, _) => RewindWhat::Conversation,
    }
}

/// What a journal says of the states of files.
pub(crate) fn states(journal: &Path) -> Result<States, ThreadError> {
    Ok(codex_store::replayed(journal, Summaries::Stand)?.states)
}

/// Does `work` on the blocking pool.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ThreadError> + Send + 'static,
) -> Result<T, ThreadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

impl From<CheckpointError> for ThreadError {
    fn from(error: CheckpointError) -> Self {
        Self::States(error.to_string())
    }
}
