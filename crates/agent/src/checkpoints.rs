//! The states of the writable roots that the turns of a thread go through, so that files can be taken back: one before the
//! first action of a turn that changes something, and one after each, taken while the model thinks.
//!
//! No action that changes something may begin before the state before it is known, unless it cannot be.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use codex_checkpoints::{Captured, Change, Checkpoints, Limits, Omitted, Scope, SnapshotId};
use codex_permissions::{Access, SandboxLevel};
use codex_protocol::{ServerNotification, Warning};
use codex_sandbox::{Confinement, shown};
use codex_store::Record;
use tokio::task::JoinHandle;

use crate::{
    Workplace, agents::Above, recorder::SharedJournal, thread::ThreadState, turn::TurnRun, turn_diff::TurnDiff,
};

/// Most paths that are named one by one.
const MOST_NAMED: usize = 3;

/// Where the states of files are kept.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// They are of all sessions.
    pub store: Arc<Checkpoints>,
    /// `$CODEX_HOME`, of which nothing is kept.
    pub codex_home: PathBuf,
    /// For how many days.
    pub days: u32,
}

/// The states of a thread.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    /// `None`: none are taken.
    pub(crate) keeping: Option<Keeping>,
    /// The last that was taken.
    pub(crate) last: Option<SnapshotId>,
    /// What is not in it.
    pub(crate) omitted: Vec<Omitted>,
    /// Large directories that are in it all the same, since a command was to destroy them.
    whole: Vec<PathBuf>,
    /// Those of which that failed in this turn.
    pub(crate) unsaved: Vec<PathBuf>,
    /// The turn that runs, once its first state was taken, and whether that could be.
    turn: Option<(String, bool)>,
    /// The item whose action began after the last state.
    open: Option<String>,
    /// One that is being taken.
    under_way: Option<Taking>,
    /// Whether something was changed after the last action of the turn.
    pub(crate) changed: bool,
    /// Whether the last state was taken for the action that begins now.
    fresh: bool,
    pub(crate) others: Others,
    told: Told,
}

/// Who else is told of states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    /// Tells what the turn has changed, if somebody wants to know.
    diff: Option<TurnDiff>,
    /// The threads that this one works for, in their directories.
    pub(crate) above: Vec<Above>,
}

/// What the user was told of once.
#[derive(Debug, Default)]
struct Told {
    failed: bool,
    omitted: bool,
}

type Taking = JoinHandle<Result<Captured, String>>;

/// Whether an action may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Yes.
    Ready,
    /// The user does not want to wait any more.
    Interrupted,
}

/// What states are taken of, under any level: what may be changed there, but for secrets, and for the git directories, which
/// have a history of their own.
pub fn checkpoint_scope(workplace: &Workplace, codex_home: &Path) -> Scope {
    let policy = &workplace.policy;
    let git = policy.writable.iter().map(|root| root.join(".git")).filter(|git| git.is_dir());
    let hidden = policy.hidden.iter().chain(&policy.git).cloned();
    let own = codex_home.canonicalize().unwrap_or_else(|_| codex_home.to_owned());
    Scope {
        roots: policy.writable.clone(),
        excluded: git.chain(hidden).chain([own]).collect(),
        // Commands see what is protected and not there as empty directories, which are made for as long as there is a cell.
        stubs: policy.protected.iter().chain(&policy.covered).cloned().collect(),
        whole: Vec::new(),
        limits: Limits::default(),
    }
}

/// When what is at a path changed last, or what is nearest above it if nothing is there. Nobody can set that time.
fn changed_at(path: &Path) -> Option<SystemTime> {
    let found = path.ancestors().find_map(|path| path.symlink_metadata().ok())?;
    let (seconds, nanoseconds) = (u64::try_from(found.ctime()).ok()?, u32::try_from(found.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

/// Whether what the action does may stay in the writable roots.
fn changes(workplace: &Workplace, access: &Access, confinement: &Confinement) -> bool {
    let policy = &workplace.policy;
    if policy.level == SandboxLevel::ReadOnly || policy.thrown_away {
        return false;
    }
    let may_write = match confinement {
        Confinement::Confined(walls) => !walls.is_read_only(),
        Confinement::Unconfined => true,
    };
    let remote = access.remote.as_ref().is_some_and(|remote| remote.may_write);
    remote || !access.writes.is_empty() || (access.command.is_some() && may_write)
}

impl Keeper {
    pub(crate) fn new(keeping: Option<Keeping>) -> Self {
        Self { keeping, ..Self::default() }
    }

    /// What the states of the thread are taken of; nothing if none are.
    pub(crate) fn scope(&self, workplace: &Workplace) -> Option<Scope> {
        let keeping = self.keeping.as_ref()?;
        Some(Scope { whole: self.whole.clone(), ..checkpoint_scope(workplace, &keeping.codex_home) })
    }

    /// Begins to take a state; what it is is recorded as soon as it is known, if it is another than `known`. `missed` is
    /// recorded if it cannot be taken.
    fn take(
        &mut self,
        scope: Scope,
        journal: SharedJournal,
        known: Option<SnapshotId>,
        missed: Option<Record>,
        record: impl FnOnce(&Checkpoints, SnapshotId) -> Record + Send + 'static,
    ) {
        let Some(Keeping { store, .. }) = self.keeping.clone() else { return };
        let Others { diff, above } = self.others.clone();
        self.under_way = Some(tokio::task::spawn_blocking(move || {
            // Others write states of the same directories into the same records.
            store.capture_then(&scope, |captured| {
                let taken = captured.map_err(|error| error.to_string());
                let record = taken.as_ref().map_or(missed, |captured| Some(record(&store, captured.id)));
                let Some(record) = record else { return taken };
                above.iter().for_each(|above| above.append(&record));
                if taken.as_ref().is_ok_and(|captured| known == Some(captured.id)) {
                    return taken;
                }
                let appended = journal.append(&record);
                // Why there is no state says more than why that is not recorded.
                let captured = taken?;
                let seq = appended.map_err(|error| error.to_string())?;
                if let Some(diff) = diff {
                    diff.note(seq, &record);
                }
                Ok(captured)
            })
        }));
    }

    /// Waits for the state that is being taken; returns what the user is told, and whether there is one if one was.
    async fn finish(&mut self) -> (Vec<String>, bool) {
        let Some(taking) = &mut self.under_way else { return (Vec::new(), true) };
        let taken = taking.await;
        self.under_way = None;
        match taken.unwrap_or_else(|error| Err(format!("this program broke down: {error}"))) {
            Ok(Captured { id, omitted, .. }) => {
                self.last = Some(id);
                let told = (!omitted.is_empty() && !std::mem::replace(&mut self.told.omitted, true)).then(|| {
                    let named: Vec<String> =
                        omitted.iter().take(MOST_NAMED).map(|it| format!("{} ({})", shown(&it.path), it.why)).collect();
                    let more = omitted.len() - named.len();
                    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                    format!("not kept for going back with /rewind: {}{more}", named.join(", "))
                });
                self.omitted = omitted;
                (told.into_iter().collect(), true)
            }
            Err(error) => {
                let is_new = !std::mem::replace(&mut self.told.failed, true);
                let told =
                    format!("the state of the files could not be kept, so that /rewind cannot restore it: {error}");
                (is_new.then_some(told).into_iter().collect(), false)
            }
        }
    }
}

impl ThreadState {
    /// Waits for the state that is being taken; false if it could not be.
    pub(crate) async fn checkpoint_taken(&mut self, thread_id: &str) -> bool {
        let (told, done) = self.checkpoints.finish().await;
        for message in told {
            let warning = Warning { thread_id: Some(thread_id.to_owned()), message };
            self.recorder.tell(ServerNotification::Warning(warning)).await;
        }
        done
    }

    /// Begins to take the state that an action of `item_id` left.
    fn checkpoint(&mut self, turn_id: &str, item_id: Option<String>) {
        let Some(scope) = self.checkpoints.scope(&self.settings.workplace) else { return };
        let runs_on = item_id.is_some() && !self.processes.list().is_empty();
        let (turn_id, is_after) = (turn_id.to_owned(), item_id.is_some());
        // That nothing has changed is worth a line only after an action, and at the beginning of a turn.
        let known = self.checkpoints.last.filter(|_| item_id.is_none() && self.checkpoints.turn.is_some());
        let record = move |snapshot: String| Record::Checkpoint {
            turn_id,
            item_id,
            snapshot,
            runs_on,
            late: Vec::new(),
            agent: None,
        };
        let missed = is_after.then(|| record.clone()(String::new()));
        let journal = self.recorder.journal();
        self.checkpoints.take(scope, journal, known, missed, move |_, snapshot| record(snapshot.to_string()));
    }

    /// Begins to take the state that an action left which the end of the program cut off: what changes from now on is the
    /// user's. `left`: until when the program was there; what may have changed later is not certain to be the agent's.
    pub(crate) fn checkpoint_cut_off(&mut self, cut_off: Option<(String, String)>, left: Option<SystemTime>) {
        // What opening the session has to say is said.
        self.recorder.journal().hold_no_more();
        let scope = self.checkpoints.scope(&self.settings.workplace);
        let (Some((turn_id, item_id)), Some(scope)) = (cut_off, scope) else { return };
        let before = self.checkpoints.last;
        self.checkpoints.take(scope, self.recorder.journal(), None, None, move |store, snapshot| {
            let changes = before.and_then(|before| store.changes(&before, &snapshot).ok()).unwrap_or_default();
            let is_late =
                |change: &&Change| left.is_none_or(|left| changed_at(&change.path).is_none_or(|at| at > left));
            let late = changes.iter().filter(is_late).map(|change| change.path.display().to_string()).collect();
            let (item_id, snapshot) = (Some(item_id), snapshot.to_string());
            Record::Checkpoint { turn_id, item_id, snapshot, runs_on: false, late, agent: None }
        });
    }

    /// A command that ran on has ended: takes the state it left. During a turn that has changed something already, the next
    /// state does.
    pub(crate) async fn checkpoint_ended(&mut self, thread_id: &str, turn_id: String, item_id: String) {
        if self.checkpoints.last.is_none() {
            return;
        }
        if self.checkpoints.turn.is_some() {
            self.checkpoints.changed = true;
            return;
        }
        self.checkpoint_taken(thread_id).await;
        self.checkpoint(&turn_id, Some(item_id));
    }
}

impl TurnRun {
    /// Before an action begins: waits for the state that the last one left, and takes the first of the turn.
    pub(crate) async fn checkpoint_before(
        &self,
        state: &mut ThreadState,
        item_id: &str,
        access: &Access,
        confinement: &Confinement,
    ) -> Before {
        let is_fresh = std::mem::take(&mut state.checkpoints.fresh);
        if state.checkpoints.keeping.is_none() || !changes(&state.settings.workplace, access, confinement) {
            return Before::Ready;
        }
        let cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Before::Interrupted,
            () = self.know_before(state, is_fresh) => {
                let is_known = matches!(&state.checkpoints.turn, Some((_, true)));
                state.checkpoints.open = is_known.then(|| item_id.to_owned());
                Before::Ready
            }
        }
    }

    /// Makes sure that there is a state before what the turn does next; false if there cannot be, or the user does not want
    /// to wait.
    pub(crate) async fn files_are_known(&self, state: &mut ThreadState) -> bool {
        state.checkpoints.fresh = false;
        if state.checkpoints.keeping.is_none() {
            return false;
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => false,
            () = self.know_before(state, false) => matches!(&state.checkpoints.turn, Some((_, true))),
        }
    }

    /// Takes a state with large directories in it, and keeps them in those that follow; false if that cannot be. There is a
    /// state of the turn before, by [`TurnRun::files_are_known`]; this is the one that the action begins after.
    pub(crate) async fn keep_whole(&self, state: &mut ThreadState, directories: &[PathBuf]) -> bool {
        let is_known =
            |state: &ThreadState| matches!(&state.checkpoints.turn, Some((turn, true)) if *turn == self.turn.id);
        if !is_known(state) {
            return false;
        }
        let new: Vec<PathBuf> =
            directories.iter().filter(|path| !state.checkpoints.whole.contains(path)).cloned().collect();
        if new.is_empty() {
            return true;
        }
        state.checkpoints.whole.extend(new.iter().cloned());
        let ended = std::mem::take(&mut state.checkpoints.changed);
        self.know_now(state, ended.then(String::new)).await;
        let is_kept =
            is_known(state) && !state.checkpoints.omitted.iter().any(|omitted| directories.contains(&omitted.path));
        state.checkpoints.fresh = is_kept;
        if !is_kept {
            state.checkpoints.whole.retain(|path| !new.contains(path));
            state.checkpoints.unsaved.extend(new);
        }
        is_kept
    }

    async fn know_before(&self, state: &mut ThreadState, is_fresh: bool) {
        // One that is being taken when the action wants to begin is as new as another pass after it would be.
        let is_new = state.checkpoints.under_way.as_ref().is_some_and(|taking| !taking.is_finished());
        let is_new = state.checkpoint_taken(&self.thread_id).await && is_new && !state.checkpoints.changed;
        if let Some((_, is_known)) = state.checkpoints.turn.as_ref().filter(|(turn, _)| *turn == self.turn.id) {
            if *is_known && !is_fresh && !is_new {
                self.know_again(state).await;
            }
            return;
        }
        self.diff_begins(state);
        self.know_now(state, None).await;
    }

    /// Takes a state, and records if it cannot be.
    async fn know_now(&self, state: &mut ThreadState, item_id: Option<String>) {
        state.checkpoint(&self.turn.id, item_id);
        let is_known = state.checkpoint_taken(&self.thread_id).await;
        if !is_known {
            let (turn_id, snapshot) = (self.turn.id.clone(), String::new());
            let (item_id, late, agent) = (None, Vec::new(), None);
            let record = Record::Checkpoint { turn_id, item_id, snapshot, runs_on: false, late, agent };
            state.checkpoints.others.above.iter().for_each(|above| above.append(&record));
            // If not even that can be written, the turn fails at the next record.
            let _ = state.recorder.record(&record);
        }
        state.checkpoints.turn = Some((self.turn.id.clone(), is_known));
    }

    /// Looks whether something has changed since the last action: that is the user's, unless commands of the agent ran.
    async fn know_again(&self, state: &mut ThreadState) {
        let ended = std::mem::take(&mut state.checkpoints.changed);
        if ended || state.processes.list().is_empty() {
            self.know_now(state, ended.then(String::new)).await;
        }
    }

    /// From here on the changes of the turn are told, those of its sub-agents too, if somebody wants to know of them.
    pub(crate) fn diff_begins(&self, state: &mut ThreadState) {
        if state.checkpoints.others.diff.is_none() {
            state.checkpoints.others.diff = self.diff_of_turn(state);
            state.tell_agents_of_diff();
        }
    }

    async fn diff_ends(&self, state: &mut ThreadState) {
        if let Some(diff) = state.checkpoints.others.diff.take() {
            state.tell_agents_of_diff();
            diff.finish().await;
        }
    }

    /// What tells the changes of the turn, if somebody wants to know of them.
    fn diff_of_turn(&self, state: &ThreadState) -> Option<TurnDiff> {
        let store = Arc::clone(&state.checkpoints.keeping.as_ref()?.store);
        let live = state.recorder.live(&self.thread_id)?;
        let roots = Arc::clone(&state.settings.workplace.roots);
        Some(TurnDiff::new(live, &self.turn.id, roots, store))
    }

    /// After an action: begins to take the state it left, if it may have changed something.
    pub(crate) async fn checkpoint_after(&self, state: &mut ThreadState) {
        let Some(item_id) = state.checkpoints.open.take() else { return };
        state.checkpoint_taken(&self.thread_id).await;
        state.checkpoint(&self.turn.id, Some(item_id));
    }

    /// At the end of the turn: waits for the last state, and takes one more if something may have changed since.
    pub(crate) async fn checkpoint_end(&self, state: &mut ThreadState) {
        let has_changed = self.last_state(state).await;
        self.diff_ends(state).await;
        if let Some(Keeping { store, days, .. }) = state.checkpoints.keeping.clone().filter(|_| has_changed) {
            // Nobody waits for it, and what fails is tried again another day.
            drop(tokio::task::spawn_blocking(move || store.tidy(days)));
        }
    }

    /// `false`: nothing was changed, or the user did not want to wait for the first state.
    async fn last_state(&self, state: &mut ThreadState) -> bool {
        let turn = state.checkpoints.turn.take();
        state.checkpoints.unsaved.clear();
        let (open, changed) = (state.checkpoints.open.take(), std::mem::take(&mut state.checkpoints.changed));
        if turn.is_none_or(|(turn, is_known)| turn != self.turn.id || !is_known) {
            return false;
        }
        state.checkpoint_taken(&self.thread_id).await;
        if changed || open.is_some() || !state.processes.list().is_empty() {
            state.checkpoint(&self.turn.id, Some(open.unwrap_or_default()));
            state.checkpoint_taken(&self.thread_id).await;
        }
        true
    }
}

impl ThreadState {
    /// The records that show by their time that the program is there, while an action runs that changes something.
    pub(crate) fn records_of_action(&self) -> Vec<SharedJournal> {
        if self.checkpoints.open.is_none() {
            return Vec::new();
        }
        let above = self.checkpoints.others.above.iter().map(Above::journal);
        above.chain([self.recorder.journal()]).collect()
    }

    /// An action began.
    pub(crate) fn checkpoints_know(&self, seq: u64, started: &Record) {
        let Others { diff, above } = &self.checkpoints.others;
        above.iter().for_each(|above| above.append(started));
        if let Some(diff) = diff {
            diff.note(seq, started);
        }
    }

    fn tell_agents_of_diff(&self) {
        if let Some(agents) = &self.settings.agents {
            agents.diff_is(self.checkpoints.others.diff.clone());
        }
    }

    /// The newest state, if the action that begins now will be followed by another.
    pub(crate) fn checkpoint_of_action(&self) -> Option<String> {
        let is_open = self.checkpoints.open.is_some();
        self.checkpoints.last.filter(|_| is_open).map(|snapshot| snapshot.to_string())
    }
}
