//! Repositories that the commands of a turn have made: what runs code in them is taken out of use at its end, and put
//! back if a person says so.
//!
//! It must never leave in use what nobody has said yes to, and never ask while something could still change what is
//! asked about.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use codex_history::Message;
use codex_permissions::{Access, Approval, Policy, Question, RuleKind, RuleText, SandboxLevel};
use codex_protocol::{FileUpdateChange, PatchApplyStatus, PatchChangeKind, ServerNotification, ThreadItem, Warning};
use codex_sandbox::{Confinement, quoted};
use codex_store::StoreError;
use codex_workspace::{Accepted, Disarmed, Found, Removed, Repositories, disarm_new, repositories};
use tokio::task::JoinHandle;

use crate::{
    approvals::{Consent, Item},
    context::fill,
    settings::Workplace,
    thread::ThreadState,
    turn::TurnRun,
};

const TOLD: &str = include_str!("prompts/new_repositories.md");

/// What the model is told where nobody is asked.
const STAYS: &str = "It stays so unless the user puts it back.";

/// Most sentences that are told one by one.
const MOST_TOLD: usize = 20;

/// The repositories that no command has made unseen, and what is known of those that commands have made since.
#[derive(Debug, Clone, Default)]
pub struct KnownRepositories {
    /// As they were when nothing of a command's making could be among them.
    pub found: Found,
    /// The user's home directory: its own repository is not for the work below it.
    home: Option<PathBuf>,
    accepted: Accepted,
    /// Whether a command that can write has run, or may still run, since they were looked for.
    is_behind: bool,
    /// Whether it was told that not all directories were looked into.
    told_not_whole: bool,
}

impl KnownRepositories {
    /// Those that `found` says.
    pub fn new(found: Found, home: Option<&Path>) -> Self {
        Self { found, home: home.map(Path::to_owned), ..Self::default() }
    }

    /// Looks for others, and takes out of use what runs code in them.
    pub fn disarm_new(&self, policy: &Policy) -> Disarmed {
        disarm_new(&self.found, &policy.writable, &policy.git, self.home.as_deref(), &self.accepted)
    }

    /// A command is about to run inside these walls.
    pub(crate) fn expect(&mut self, walls: &Confinement) {
        self.is_behind |= matches!(walls, Confinement::Confined(walls) if !walls.is_read_only());
    }
}

/// The look at the repositories before the first command of a turn: what the user made since the last one is none of a
/// command's. It is under way while the model thinks.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstLook(Arc<Mutex<Option<JoinHandle<Repositories>>>>);

impl FirstLook {
    /// Begins it, unless commands run: then nobody could tell theirs from the user's.
    pub(crate) fn begin(&self, state: &ThreadState) {
        let Workplace { policy, repositories: known, .. } = &state.settings.workplace;
        if policy.level != SandboxLevel::WorkspaceWrite || known.is_behind {
            return;
        }
        let (policy, home) = (Arc::clone(policy), known.home.clone());
        let look = tokio::task::spawn_blocking(move || repositories(&policy.writable, home.as_deref()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
    }

    /// Before a command is judged. Whether it has met an ignore file.
    pub(crate) async fn end(&self, state: &mut ThreadState) -> bool {
        let look = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(look) = look else { return false };
        let Ok(now) = look.await else { return false };
        cover(&mut state.settings.workplace.policy, &now);
        state.settings.workplace.repositories.found = now.found;
        now.ignores
    }
}

/// From now on commands cannot change what steers git in these.
fn cover(policy: &mut Arc<Policy>, now: &Repositories) {
    let is_covered = |path: &PathBuf| policy.covered.contains(path) || policy.protected.contains(path);
    let new: Vec<PathBuf> = now.covered.iter().filter(|path| !is_covered(path)).cloned().collect();
    // Other walls are another cell.
    if !new.is_empty() {
        let policy = Arc::make_mut(policy);
        policy.covered.extend(new);
        policy.covered.sort();
    }
}

/// What a look at the repositories has come to.
struct Looked {
    removed: Vec<Removed>,
    /// What could not be done, a sentence each.
    failed: Vec<String>,
    /// What is to be told to the user alone.
    not_whole: Option<String>,
    /// Whether a command could still change it.
    still_runs: bool,
}

impl ThreadState {
    /// Looks once more for what commands have made, when those that ran on after the last turn were stopped.
    pub(crate) async fn disarm_last(&mut self, thread_id: &str) -> Result<(), StoreError> {
        let Some(Looked { removed, failed, not_whole, .. }) = self.disarm().await else { return Ok(()) };
        let to_user =
            removed.iter().map(Removed::sentence).chain(failed.iter().cloned()).chain(not_whole).collect::<Vec<_>>();
        warn(self, thread_id, &to_user).await;
        let told: Vec<String> = removed.iter().map(Removed::for_model).chain(failed).collect();
        self.tell_of_repositories(&told, STAYS)?;
        self.recorder.flush();
        Ok(())
    }

    /// Nothing, if no command can have made any since the last look.
    async fn disarm(&mut self) -> Option<Looked> {
        if !self.settings.workplace.repositories.is_behind {
            return None;
        }
        let still_runs = !self.processes.list().is_empty();
        let Workplace { policy, repositories: known, .. } = &mut self.settings.workplace;
        let (look, on) = (known.clone(), Arc::clone(policy));
        let disarmed = tokio::task::spawn_blocking(move || look.disarm_new(&on)).await.ok()?;
        // Once a session, and for the user alone.
        let not_whole = disarmed.not_whole().filter(|_| !std::mem::replace(&mut known.told_not_whole, true));
        cover(policy, &disarmed.now);
        known.is_behind = still_runs;
        self.checkpoints.changed |= !disarmed.removed.is_empty();
        if !still_runs {
            known.found = disarmed.now.found;
        }
        Some(Looked { removed: disarmed.removed, failed: disarmed.failed, not_whole, still_runs })
    }

    /// Tells the model.
    fn tell_of_repositories(&mut self, told: &[String], outcome: &str) -> Result<(), StoreError> {
        if told.is_empty() {
            return Ok(());
        }
        let list = listed(told);
        let text = fill(TOLD, &[("list", &list), ("outcome", outcome)]);
        self.record_message(Message::Developer { text: text.trim_end().to_owned() }).map(drop)
    }
}

impl TurnRun {
    /// Looks for what the commands of the turn have made, if any ran; `may_ask`: there is a person who is not in a hurry.
    pub(crate) async fn disarm_new(&mut self, state: &mut ThreadState, may_ask: bool) -> Result<(), StoreError> {
        let Some(looked) = state.disarm().await else { return Ok(()) };
        let Looked { mut removed, failed, not_whole, still_runs } = looked;
        let disarmed_count = removed.len();
        let policy = &state.settings.workplace.policy;
        // User and model were told of these when their command ended.
        removed.extend(moved(&state.processes.take_aside(), policy));
        let asks = may_ask && !still_runs && policy.approval != Approval::Never && !removed.is_empty();
        // Of what was taken out of use the question tells.
        let of_removed = removed[..disarmed_count].iter().filter(|_| !asks).map(Removed::sentence);
        let to_user: Vec<String> = of_removed.chain(failed.iter().cloned()).chain(not_whole).collect();
        warn(state, &self.thread_id, &to_user).await;
        let outcome = if asks { self.ask_to_put_back(state, &removed).await? } else { STAYS.to_owned() };
        // Of the others it was told when their command ended.
        let count = if asks { removed.len() } else { disarmed_count };
        let told: Vec<String> = removed[..count].iter().map(Removed::for_model).chain(failed).collect();
        state.tell_of_repositories(&told, &outcome)
    }

    /// Asks a person whether it may be in use again; returns what the model is told of that.
    async fn ask_to_put_back(&mut self, state: &mut ThreadState, removed: &[Removed]) -> Result<String, StoreError> {
        let id = self.next_item_id();
        let item =
            |status| ThreadItem::FileChange { id: id.clone(), changes: removed.iter().map(change).collect(), status };
        let policy = &state.settings.workplace.policy;
        let sentences: Vec<String> = removed.iter().map(Removed::sentence).collect();
        let question = Question {
            confinement: policy.confinement(),
            reason: format!("{}. A yes puts it back as it was", listed(&sentences)),
            rule: Some(RuleText { kind: RuleKind::Ask, text: "new repositories".into(), origin: "built-in".into() }),
            remember: None,
            not_held: &[],
        };
        let access =
            Access { writes: removed.iter().map(|removed| removed.path.clone()).collect(), ..Access::default() };
        let asked = item(PatchApplyStatus::InProgress);
        self.no_call();
        let consent = self.consent(state, &access, Item::untold(Some(&asked)), &question).await?;
        let (status, outcome) = match consent {
            Consent::Given { .. } => {
                let failed = put_back(&mut state.settings.workplace, removed);
                warn(state, &self.thread_id, &failed).await;
                let but =
                    if failed.is_empty() { String::new() } else { format!(", but not all of it: {}", listed(&failed)) };
                (PatchApplyStatus::Completed, format!("The user was asked, and had it put back{but}."))
            }
            Consent::Declined(Some(message)) => {
                (PatchApplyStatus::Declined, format!("The user was asked, did not want it back, and says: {message}"))
            }
            Consent::Declined(None) | Consent::Stopped | Consent::Hook(_) => {
                (PatchApplyStatus::Declined, "The user was asked, and did not want it back.".to_owned())
            }
            Consent::Interrupted | Consent::Unheard => {
                (PatchApplyStatus::Declined, "Nobody has answered whether it may come back.".to_owned())
            }
        };
        self.complete(&mut state.recorder, item(status)).await?;
        Ok(outcome)
    }
}

async fn warn(state: &ThreadState, thread_id: &str, sentences: &[String]) {
    for message in short(sentences) {
        let warning = Warning { thread_id: Some(thread_id.to_owned()), message };
        state.recorder.tell(ServerNotification::Warning(warning)).await;
    }
}

/// What was moved aside because of its name, as far as it is still there.
fn moved(aside: &[(PathBuf, PathBuf)], policy: &Policy) -> Vec<Removed> {
    let roots = [&policy.writable[..], &policy.git].concat();
    let what = "nothing by this name may be made";
    aside.iter().filter_map(|(path, aside)| Removed::moved(&roots, path, aside.clone(), what).ok()).collect()
}

/// Returns what could not be put back, a sentence each.
fn put_back(workplace: &mut Workplace, removed: &[Removed]) -> Vec<String> {
    let Workplace { policy, repositories: known, .. } = workplace;
    let roots = [&policy.writable[..], &policy.git].concat();
    let put_back = |removed: &Removed| {
        let failed = removed.put_back(&roots, &mut known.accepted).err();
        failed.map(|reason| format!("{} was not put back: {reason}", quoted(&removed.path)))
    };
    removed.iter().filter_map(put_back).collect()
}

/// How it is shown to who is asked: as what would be there again.
fn change(removed: &Removed) -> FileUpdateChange {
    let lines: Vec<&str> = removed.shown.lines().collect();
    let added: String = lines.iter().map(|line| format!("+{line}\n")).collect();
    let diff = if lines.is_empty() { String::new() } else { format!("@@ -0,0 +1,{} @@\n{added}", lines.len()) };
    FileUpdateChange { path: removed.path.display().to_string(), kind: PatchChangeKind::Add, diff }
}

/// As many as are told one by one, and how many more there are.
fn short(sentences: &[String]) -> Vec<String> {
    let more = sentences.len().saturating_sub(MOST_TOLD);
    let more = (more > 0).then(|| format!("and {more} more of the kind"));
    sentences.iter().take(MOST_TOLD).cloned().chain(more).collect()
}

fn listed(sentences: &[String]) -> String {
    short(sentences).join("; ")
}
