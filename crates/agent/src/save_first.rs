//! Before a command runs that destroys something: what it would destroy is saved, and what cannot be is said, so that a
//! person answers knowing it.
//!
//! It must never leave out of what is said what may not have been saved.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

use codex_checkpoints::{Scope, Why};
use codex_permissions::{Access, Approval, Destroys, Files, Policy, SandboxLevel, Verdict, destroys};
use codex_protocol::{ServerNotification, Warning};
use codex_sandbox::{Confinement, Exit, Streams, shown};
use codex_workspace::{find_git, git_command};
use tokio::{io::AsyncReadExt, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{Workplace, approvals::Who, thread::ThreadState, turn::TurnRun};

/// How long git may take to write down its branches.
const BUNDLING: Duration = Duration::from_secs(20);

/// Largest file of branches, in bytes.
const LARGEST_BUNDLE: u64 = 1 << 30;

/// Most things that are named one by one.
const MOST_NAMED: usize = 5;

/// What is saved before a command runs, and what cannot be.
#[derive(Debug, Default)]
pub(crate) struct First {
    /// What cannot be saved.
    lost: Vec<String>,
    /// Directories that are too large to be saved always.
    whole: Vec<PathBuf>,
    /// Directories that are larger even, and whose files get a second name.
    linked: Vec<PathBuf>,
    /// What was linked: what it was, and where it is.
    kept: Vec<(PathBuf, PathBuf)>,
    /// Where the branches, tags and stashes of a repository are now.
    bundles: Vec<PathBuf>,
}

impl First {
    /// `reason`, with what cannot be saved.
    pub(crate) fn added_to(&self, reason: &str) -> String {
        match self.said() {
            Some(lost) => format!("{reason}; {lost}"),
            None => reason.to_owned(),
        }
    }

    fn said(&self) -> Option<String> {
        if self.lost.is_empty() {
            return None;
        }
        let named = self.lost.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = self.lost.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("it cannot be undone for {named}{more}"))
    }

    fn lose(&mut self, what: String) {
        if !self.lost.contains(&what) {
            self.lost.push(what);
        }
    }
}

/// Whether the call may run and destroy something, so that it is worth a look.
fn may_destroy(policy: &Policy, who: Who, access: &Access, verdict: &Verdict) -> bool {
    let can_write = policy.level != SandboxLevel::ReadOnly && !policy.thrown_away;
    let runs = match verdict {
        Verdict::Ask(_) => policy.approval != Approval::Never,
        // Commands of the classes are not allowed otherwise.
        Verdict::Allow(_) => policy.full_auto || who == Who::User,
        Verdict::Refuse { .. } => false,
    };
    can_write && runs && access.command.is_some() && !access.typed
}

impl TurnRun {
    /// Looks at what the call would destroy, and saves what takes no leave to be saved.
    pub(crate) async fn look_first(
        &self,
        state: &mut ThreadState,
        who: Who,
        access: &Access,
        verdict: &Verdict,
    ) -> First {
        let mut first = First::default();
        let confinement = match verdict {
            Verdict::Ask(question) => &question.confinement,
            Verdict::Allow(confinement) => confinement,
            Verdict::Refuse { .. } => return first,
        };
        if !may_destroy(&state.settings.workplace.policy, who, access, verdict) {
            return first;
        }
        let destroyed = destroys(access);
        let Some(directory) = access.directory.clone().filter(|_| !destroyed.is_empty()) else { return first };
        if destroyed.iter().any(|found| found.files != Files::No) && !self.files_are_known(state).await {
            first.lose("the files, whose state could not be kept".into());
        }
        for found in &destroyed {
            if found.is_beyond_saving() {
                first.lose(format!("what `{}` destroys, which is no file here", found.line));
            }
            look_at_files(state, found, &directory, confinement, &mut first);
        }
        if destroyed.iter().any(|found| found.refs || touches_git(found, &directory)) {
            self.bundle(state, &directory, &mut first).await;
        }
        // Before anybody is asked, so that what fails can be said; it changes nothing.
        for linked in std::mem::take(&mut first.linked) {
            match state.link(&linked, self.cancel.clone()).await {
                Ok(kept) => first.kept.push((linked, kept)),
                Err(why) => first.lose(format!("{} ({why})", shown(&linked))),
            }
        }
        first
    }

    /// Saves what is to be saved and was not yet; tells what is said to nobody else. Whoever was asked has said yes to what was
    /// said, so that a command whose files cannot be saved after all does not run: why, if that is so. The next question says it.
    pub(crate) async fn save_first(&self, state: &mut ThreadState, first: &First, unasked: bool) -> Option<String> {
        if !first.whole.is_empty() && !self.keep_whole(state, &first.whole).await {
            let named = first.whole.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ");
            if !unasked {
                return Some(format!(
                    "{named} could not be saved first, so that nothing was run; if it is called again, the question says so"
                ));
            }
            self.warn(state, format!("{named} could not be saved before a command that destroys it")).await;
        }
        if let Some(lost) = first.said().filter(|_| unasked) {
            self.warn(state, format!("a command that destroys something runs unasked; {lost}")).await;
        }
        let days = state.checkpoints.keeping.as_ref().map_or(0, |keeping| keeping.days);
        for (from, kept) in &first.kept {
            let (kept, from) = (shown(kept), shown(from));
            let message =
                format!("{from} was kept first as hard links, for {days} days: `cp -al {kept} {from}` brings it back");
            self.warn(state, message).await;
        }
        for bundle in &first.bundles {
            let path = shown(bundle);
            let message = format!(
                "branches, tags and stashes were saved first, for {days} days: `git fetch {path} 'refs/*:refs/saved/*'` brings \
                 them back"
            );
            self.warn(state, message).await;
        }
        None
    }

    async fn warn(&self, state: &mut ThreadState, message: String) {
        let warning = Warning { thread_id: Some(self.thread_id.clone()), message };
        state.recorder.tell(ServerNotification::Warning(warning)).await;
    }

    /// Writes the branches, tags and stashes of the repository around `directory` into a file.
    async fn bundle(&self, state: &ThreadState, directory: &Path, first: &mut First) {
        let Some(top) = directory.ancestors().find(|top| top.join(".git").symlink_metadata().is_ok()) else { return };
        let Some(keeping) = &state.checkpoints.keeping else {
            return first.lose("branches, tags and stashes, as no states are kept".into());
        };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let to = keeping.codex_home.join(format!("checkpoints/{since}.bundle"));
        match bundle(&state.settings.workplace, top, &to).await {
            Ok(true) => first.bundles.push(to),
            // There are no branches yet.
            Ok(false) => {}
            Err(why) => {
                let _ = fs::remove_file(&to);
                first.lose(format!("the branches, tags and stashes of {} ({why})", shown(top)));
            }
        }
    }
}

impl ThreadState {
    /// Whether the files of a directory can get a second name.
    fn may_link(&self, directory: &Path) -> bool {
        self.checkpoints.keeping.as_ref().is_some_and(|keeping| keeping.store.may_link(directory))
    }

    /// Gives the files of a directory a second name; returns where, or why not.
    async fn link(&self, directory: &Path, cancel: CancellationToken) -> Result<PathBuf, String> {
        let Some(keeping) = self.checkpoints.keeping.clone() else { return Err("no states are kept".into()) };
        let from = directory.to_owned();
        let linked =
            tokio::task::spawn_blocking(move || keeping.store.keep_links(&from, &|| cancel.is_cancelled())).await;
        match linked {
            Ok(kept) => kept.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The command does not run: what was linked for it is not needed.
    pub(crate) fn save_nothing(&self, first: &mut First) {
        let linked = std::mem::take(&mut first.kept);
        let Some(keeping) = self.checkpoints.keeping.clone().filter(|_| !linked.is_empty()) else { return };
        // Nobody waits for it.
        drop(tokio::task::spawn_blocking(move || linked.iter().for_each(|(_, kept)| keeping.store.drop_links(kept))));
    }
}

/// Adds to `first` what of the files that are destroyed is not saved always.
fn look_at_files(
    state: &ThreadState,
    found: &Destroys,
    directory: &Path,
    confinement: &Confinement,
    first: &mut First,
) {
    let Some(scope) = state.checkpoints.scope(&state.settings.workplace) else { return };
    let targets: Vec<PathBuf> = match &found.files {
        Files::No => return,
        Files::Named(names) => names.iter().map(|name| resolved(directory, name)).collect(),
        Files::Tree | Files::Anything => scope.roots.clone(),
    };
    let holds = |outer: &Path, inner: &Path| inner.starts_with(outer);
    for omitted in &state.checkpoints.omitted {
        if !targets.iter().any(|target| holds(target, &omitted.path) || holds(&omitted.path, target)) {
            continue;
        }
        match omitted.why {
            Why::IgnoredDirectory { .. } if found.files == Files::Tree => {}
            Why::IgnoredDirectory { .. } => match scope.why_not_whole(&omitted.path) {
                None if state.checkpoints.unsaved.contains(&omitted.path) => {
                    first.lose(format!("{} (it could not be saved a moment ago)", shown(&omitted.path)));
                }
                None if first.whole.contains(&omitted.path) => {}
                None => first.whole.push(omitted.path.clone()),
                Some(_) if first.linked.contains(&omitted.path) => {}
                Some(_) if found.unlinks && state.may_link(&omitted.path) => first.linked.push(omitted.path.clone()),
                Some(why) => first.lose(format!("{} ({why})", shown(&omitted.path))),
            },
            why => first.lose(format!("{} ({why})", shown(&omitted.path))),
        }
    }
    if matches!(confinement, Confinement::Unconfined) && matches!(found.files, Files::Named(_)) {
        let outside = |target: &&PathBuf| is_outside(&scope, target) && target.symlink_metadata().is_ok();
        for target in targets.iter().filter(outside) {
            first.lose(format!("{} (it is outside of what is saved)", shown(target)));
        }
    }
}

fn is_outside(scope: &Scope, path: &Path) -> bool {
    !scope.roots.iter().any(|root| path.starts_with(root))
}

/// Whether a command names the `.git` of the repository around its directory, or what holds it.
fn touches_git(found: &Destroys, directory: &Path) -> bool {
    let Files::Named(names) = &found.files else { return false };
    let git = directory.ancestors().map(|top| top.join(".git")).find(|git| git.symlink_metadata().is_ok());
    let Some(git) = git else { return false };
    names.iter().map(|name| resolved(directory, name)).any(|path| git.starts_with(&path) || path.starts_with(&git))
}

/// The path that `name` stands for in `directory`, as far as the words alone say.
fn resolved(directory: &Path, name: &str) -> PathBuf {
    let mut path = directory.to_owned();
    for component in Path::new(name).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            component => path.push(component),
        }
    }
    path
}

/// Has git write all that the branches, tags, stashes and their histories hold; whether there was anything.
async fn bundle(workplace: &Workplace, top: &Path, to: &Path) -> Result<bool, String> {
    let path = workplace.environment.get(OsStr::new("PATH")).ok_or("there is no PATH")?;
    let git = find_git(path, &workplace.roots.writable).ok_or("git is not installed")?;
    let walls = workplace.policy.confinement_for_our_programs();
    // Work that was dropped from the stash or from a branch is in the histories of those alone.
    let command = git_command(&git, "bundle", ["create", "--quiet", "-", "--all", "--reflog"], &[], top, path);
    let opened = File::options().write(true).create_new(true).mode(0o600).open(to);
    let mut file = opened.map_err(|error| error.to_string())?;
    let written = async {
        let spawned = workplace.sandbox.spawn(&walls, command, Streams::Separate).await;
        let mut child = spawned.map_err(|error| error.to_string())?;
        let (mut length, mut buffer) = (0, vec![0; 64 << 10]);
        loop {
            let read = child.stdout.read(&mut buffer).await.map_err(|error| error.to_string())?;
            length += read as u64;
            if length > LARGEST_BUNDLE {
                return Err("they are too large".to_owned());
            }
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(|error| error.to_string())?;
        }
        match child.wait().await {
            Ok(Exit::Code(0)) => Ok(true),
            Ok(_) if length == 0 && has_no_refs(top) => Ok(false),
            Ok(exit) => Err(format!("git failed: {exit:?}")),
            Err(error) => Err(error.to_string()),
        }
    };
    let done = timeout(BUNDLING, written).await.unwrap_or_else(|_| Err("git took too long".into()));
    if done != Ok(true) {
        let _ = fs::remove_file(to);
    }
    done
}

/// Whether a repository is as `git init` leaves it, so that there is nothing to write.
fn has_no_refs(top: &Path) -> bool {
    let git = top.join(".git");
    let is_empty = |name: &str| fs::read_dir(git.join(name)).is_ok_and(|mut entries| entries.next().is_none());
    git.join("HEAD").is_file() && is_empty("refs/heads") && !git.join("packed-refs").exists()
}
