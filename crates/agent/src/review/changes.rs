//! What is to be reviewed, as text for the model: asked of git, which changes nothing and runs nothing of the
//! repository's; without git, what the session has changed. What is long is cut, with a word about it.

use std::{
    fmt::Write as _,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use codex_protocol::{FileUpdateChange, PatchApplyStatus, ReviewTarget, ThreadItem};
use codex_store::ItemsWanted;
use codex_workspace::{Ignored, Roots, View, open_to_read};

use crate::{
    Keeping,
    diff::{Bounds, session_diff, turn_patch, unknown_paths},
    rewind::states,
    thread::ThreadState,
    uncovers::git::Git,
};

/// Most of one diff, in bytes.
const DIFF: usize = 96 << 10;
/// Twice as much, so that what is cut is seen to be.
const BOUNDS: Bounds = Bounds { patience: Duration::from_secs(2), bytes: 2 * DIFF };
/// Most of a list, in bytes.
const LIST: usize = 8 << 10;
/// Most of a new file, in bytes.
const FILE: usize = 16 << 10;

/// What is to be reviewed.
pub(super) struct Changes {
    pub(super) text: String,
    /// Whether there is anything.
    pub(super) is_empty: bool,
}

/// Gathers what `target` names.
///
/// # Errors
/// A sentence without its full stop: a revision that does not exist, or git cannot tell.
pub(super) async fn gather(state: &ThreadState, target: &ReviewTarget) -> Result<Changes, String> {
    let workplace = &state.settings.workplace;
    let roots = &workplace.roots;
    let git = Git::new(workplace, &roots.workspace);
    let git = match git {
        Some(git) if git.printed("rev-parse", &["--git-dir"], LIST).await.is_some_and(|it| it.code == Some(0)) => git,
        _ => return without_git(state, target).await,
    };
    let mut text = Text { left_out: left_out(roots), ..Text::default() };
    match target {
        ReviewTarget::UncommittedChanges | ReviewTarget::Custom { .. } => {
            text.status(&git).await;
            text.diff(&git, "staged", &["--cached"]).await?;
            text.diff(&git, "not staged", &[]).await?;
            text.new_files(&git, roots).await;
        }
        ReviewTarget::BaseBranch { branch } => {
            let tip = resolved(&git, branch).await?;
            let base = git.printed("merge-base", &["HEAD", &tip], LIST).await.filter(|it| it.code == Some(0));
            let base = base.ok_or_else(|| format!("`{branch}` and what is checked out have no commit in common"))?;
            let base = base.text.trim().to_owned();
            text.section("commits since", &git, "log", &["--oneline", &format!("{base}..HEAD")]).await?;
            text.diff(&git, &format!("since {base}, where `{branch}` was left"), &[&base]).await?;
            text.new_files(&git, roots).await;
        }
        ReviewTarget::Commit { sha } => {
            let commit = resolved(&git, sha).await?;
            text.section("the commit", &git, "show", &["--stat", "--patch", "--relative", &commit]).await?;
        }
    }
    Ok(text.finish("Nothing differs."))
}

/// What git is told to leave out of differences: what ignore files name.
fn left_out(roots: &Roots) -> Vec<String> {
    let is_top = |at: &&Path| at.join(".git").symlink_metadata().is_ok();
    let top = roots.workspace.ancestors().find(is_top).unwrap_or(&roots.workspace);
    roots.ignored.pathspecs(top)
}

/// The commit that the user's word names.
async fn resolved(git: &Git<'_>, word: &str) -> Result<String, String> {
    let found = git.resolve(&[word.to_owned()]).await.and_then(|mut found| found.pop().flatten());
    found.ok_or_else(|| format!("git knows no branch or commit `{word}` here"))
}

#[derive(Default)]
struct Text {
    text: String,
    /// Whether something was said besides how things stand.
    has_changes: bool,
    /// Pathspecs of what git leaves out.
    left_out: Vec<String>,
}

impl Text {
    fn finish(self, nothing: &str) -> Changes {
        let text = if self.has_changes { self.text.trim_end() } else { nothing };
        Changes { text: text.to_owned(), is_empty: !self.has_changes }
    }

    fn push(&mut self, title: &str, text: &str, is_cut: bool) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "## {title}\n{}", text.trim_end());
        if is_cut {
            self.text.push_str("[cut here: look at the rest with git_read or read_file]\n");
        }
        self.text.push('\n');
    }

    /// Arguments for git, with what it leaves out.
    fn less<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        args.iter().copied().chain(["--"]).chain(self.left_out.iter().map(String::as_str)).collect()
    }

    /// How things stand; of no weight if git does not say.
    async fn status(&mut self, git: &Git<'_>) {
        let args = self.less(&["--short", "--branch", "--untracked-files=all"]);
        if let Some(printed) = git.printed("status", &args, LIST).await {
            self.push("git status", &printed.text, printed.code.is_none());
        }
    }

    async fn diff(&mut self, git: &Git<'_>, title: &str, args: &[&str]) -> Result<(), String> {
        self.section(title, git, "diff", &[args, &["--relative", "--stat", "--patch"]].concat()).await
    }

    async fn section(&mut self, title: &str, git: &Git<'_>, command: &str, args: &[&str]) -> Result<(), String> {
        let printed = git.printed(command, &self.less(args), DIFF).await.filter(|it| matches!(it.code, Some(0) | None));
        let printed = printed.ok_or_else(|| format!("git {command} failed"))?;
        if !printed.text.trim().is_empty() {
            self.has_changes = true;
            self.push(title, &printed.text, printed.code.is_none());
        }
        Ok(())
    }

    /// The files that are in no commit, with what is in them.
    async fn new_files(&mut self, git: &Git<'_>, roots: &Roots) {
        let mut names = git.untracked(false, &[]).await.unwrap_or_default();
        names.retain(|name| !roots.ignored.names(&roots.workspace.join(name)));
        if names.is_empty() {
            return;
        }
        self.has_changes = true;
        let roots = roots.clone();
        let read = tokio::task::spawn_blocking(move || new_files(&names, &roots)).await;
        self.push("new files", &read.unwrap_or_default(), false);
    }
}

fn new_files(names: &[PathBuf], roots: &Roots) -> String {
    let view = View::of(roots);
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if text.len() >= DIFF {
            let more = names.len() - at;
            let _ = writeln!(text, "[and {more} more, not shown: look at them with read_file]");
            break;
        }
        let _ = writeln!(text, "### {}\n{}\n", name.display(), content(&view, &roots.workspace.join(name)));
    }
    text
}

/// What is in a file, or what is to be said of it.
fn content(view: &View, path: &Path) -> String {
    if let Ok(target) = std::fs::read_link(path) {
        return format!("[a symbolic link to {}]", target.display());
    }
    let mut bytes = Vec::new();
    let read = view.real_host_path(path).and_then(|real| {
        let file = open_to_read(&real)?;
        let size = file.metadata()?.len();
        file.take(FILE as u64).read_to_end(&mut bytes)?;
        Ok(size)
    });
    match read {
        Err(error) => format!("[not read: {error}]"),
        Ok(size) if bytes.contains(&0) => format!("[binary, {size} bytes]"),
        Ok(size) if size > FILE as u64 => {
            format!("{}\n[cut here, of {size} bytes: look at the rest with read_file]", String::from_utf8_lossy(&bytes))
        }
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// What the session has changed, as the states of files say that are kept; else what its patches have.
async fn without_git(state: &ThreadState, target: &ReviewTarget) -> Result<Changes, String> {
    if let ReviewTarget::BaseBranch { .. } | ReviewTarget::Commit { .. } = target {
        return Err(format!("{} is in no git repository", state.settings.workplace.roots.workspace.display()));
    }
    let cwd = state.settings.workplace.roots.workspace.clone();
    let (keeping, journal) = (state.checkpoints.keeping.clone(), state.recorder.journal_path());
    let ignored = state.settings.workplace.roots.ignored.clone();
    let read = move || {
        let Some(journal) = journal else { return (String::new(), false) };
        let known = keeping.and_then(|keeping| kept(&keeping, &journal, &cwd, &ignored));
        known.unwrap_or_else(|| (text(&patches(&journal, &ignored)), false))
    };
    let (diffs, more) = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    let mut text = Text::default();
    if !diffs.is_empty() {
        let end = diffs.floor_char_boundary(DIFF);
        text.has_changes = true;
        text.push("what this session has changed (there is no git here)", &diffs[..end], end < diffs.len());
    }
    if more {
        text.has_changes = true;
        text.push("more", "Of some turns it is not known what they changed.", false);
    }
    Ok(text.finish("There is no git here to say what has changed, and this session has changed nothing."))
}

/// What the states of files say, and patches of what these do not; and whether there are turns of which they say nothing. `None`:
/// they cannot be read.
fn kept(keeping: &Keeping, journal: &Path, cwd: &Path, ignored: &Ignored) -> Option<(String, bool)> {
    let states = states(journal).ok()?;
    let diff = session_diff(&keeping.store, &states.spans).ok()?.without(ignored);
    let known = turn_patch(&keeping.store, &diff, cwd, BOUNDS).ok()?;
    let mut patches = patches(journal, ignored);
    let named = patches.iter().flat_map(FileUpdateChange::paths);
    let unknown = unknown_paths(&keeping.store, states.last.as_deref(), named).ok()?;
    patches.retain(|change| change.paths().any(|path| unknown.contains(path)));
    Some((known + &text(&patches), !diff.unknown.is_empty()))
}

/// What the session's own patches have changed, in their order, less what is ignored.
fn patches(journal: &Path, ignored: &Ignored) -> Vec<FileUpdateChange> {
    let wanted = ItemsWanted { limit: usize::MAX, ..ItemsWanted::default() };
    let items = codex_store::items(journal, &wanted).map(|page| page.items).unwrap_or_default();
    let changes = items.into_iter().filter_map(|stored| match stored.item {
        ThreadItem::FileChange { changes, status: PatchApplyStatus::Completed, .. } => Some(changes),
        _ => None,
    });
    changes.flatten().filter(|change| !change.paths().any(|path| ignored.names(Path::new(path)))).collect()
}

fn text(patches: &[FileUpdateChange]) -> String {
    let text = |change: &FileUpdateChange| format!("### {}\n{}\n", change.path, change.diff.trim_end());
    patches.iter().map(text).collect()
}
