//! Changes as git writes them: headers and hunks that `git apply` takes.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use codex_checkpoints::{CheckpointError, Checkpoints, State};
use codex_protocol::{FileDiff, FileUpdateChange, PatchChangeKind};
use similar::TextDiff;

use super::{Changed, LONGEST, SessionDiff, within};

/// How much is made of all diffs together. What comes after is named without its lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Longest time spent on finding small diffs.
    pub(crate) patience: Duration,
    /// Most of all diffs together.
    pub(crate) bytes: usize,
}

const OF_A_SESSION: Bounds = Bounds { patience: Duration::from_secs(2), bytes: 8 << 20 };

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// What is to be known of a file.
const NO_TEXT: &str = "it is no text";
const NO_ROOM: &str = "its lines are left out: there are too many changes";
const MIXED: &str = "you changed it too, between two changes of the agent: both are shown";
const DOUBTFUL: &str = "a part may be yours: a command ran on meanwhile, or the program ended";

/// The changes of files as git writes them, with paths relative to `cwd`. Directories are left out: git does not know them.
///
/// # Errors
/// When what is kept cannot be read.
pub fn file_diffs(store: &Checkpoints, diff: &SessionDiff, cwd: &Path) -> Result<Vec<FileDiff>, CheckpointError> {
    file_diffs_within(store, diff, cwd, OF_A_SESSION)
}

/// One text of all, as git prints it. Files whose lines cannot be shown are named in it; those outside of `cwd` are not.
pub(crate) fn turn_patch(
    store: &Checkpoints,
    diff: &SessionDiff,
    cwd: &Path,
    bounds: Bounds,
) -> Result<String, CheckpointError> {
    let mut text = String::new();
    for file in file_diffs_within(store, diff, cwd, bounds)? {
        if file.header.is_empty() {
            text += &unshown(&file.change, cwd);
        }
        text += &file.header;
        text += &file.change.diff;
    }
    Ok(text)
}

/// The words of git for a file whose lines are not shown.
fn unshown(change: &FileUpdateChange, cwd: &Path) -> String {
    let Some(path) = within(Path::new(&change.path), cwd) else { return String::new() };
    let (old, new) = (quoted("a/", path), quoted("b/", path));
    let none = || "/dev/null".to_owned();
    let (from, to) = match change.kind {
        PatchChangeKind::Add => (none(), new.clone()),
        PatchChangeKind::Delete => (old.clone(), none()),
        PatchChangeKind::Update { .. } => (old.clone(), new.clone()),
    };
    format!("diff --git {old} {new}\nBinary files {from} and {to} differ\n")
}

fn file_diffs_within(
    store: &Checkpoints,
    diff: &SessionDiff,
    cwd: &Path,
    bounds: Bounds,
) -> Result<Vec<FileDiff>, CheckpointError> {
    let mut writer = Writer { store, cwd, deadline: Instant::now() + bounds.patience, left: bounds.bytes };
    let moves = moves(diff);
    let mut files = Vec::new();
    for changed in &diff.changes {
        if moves.values().any(|from| *from == changed.path) {
            continue;
        }
        match moves.get(&changed.path) {
            Some(from) => files.push(writer.moved(from, changed)),
            None => {
                for one in of_one_kind(changed) {
                    files.extend(writer.file(&one)?);
                }
            }
        }
    }
    Ok(files)
}

/// Files that were moved and not changed: where they are, and where they were.
fn moves(diff: &SessionDiff) -> HashMap<PathBuf, PathBuf> {
    let mut gone: HashMap<_, _> = HashMap::new();
    for changed in &diff.changes {
        if let (Some(State::File { hash, mode, size: 1.. }), None) = (&changed.before, &changed.after) {
            gone.insert((*hash, *mode), &changed.path);
        }
    }
    let mut moves = HashMap::new();
    for changed in &diff.changes {
        if let (None, Some(State::File { hash, mode, .. }), None) = (&changed.before, &changed.after, &changed.merged)
            && let Some(from) = gone.remove(&(*hash, *mode))
        {
            moves.insert(changed.path.clone(), from.clone());
        }
    }
    moves
}

/// A file that became a link, or a link that became a file, is one that goes and one that comes.
fn of_one_kind(changed: &Changed) -> Vec<Changed> {
    let is_link = |state: &Option<State>| state.as_ref().map(|state| matches!(state, State::Symlink { .. }));
    match (is_link(&changed.before), is_link(&changed.after)) {
        (Some(before), Some(after)) if before != after => {
            let goes = Changed { after: None, merged: None, ..changed.clone() };
            vec![goes, Changed { before: None, ..changed.clone() }]
        }
        _ => vec![changed.clone()],
    }
}

struct Writer<'call> {
    store: &'call Checkpoints,
    cwd: &'call Path,
    deadline: Instant,
    /// Bytes that may still be written.
    left: usize,
}

impl Writer<'_> {
    fn moved(&self, from: &Path, changed: &Changed) -> FileDiff {
        let header = match (within(from, self.cwd), within(&changed.path, self.cwd)) {
            (Some(from), Some(to)) => format!(
                "diff --git {} {}\nsimilarity index 100%\nrename from {}\nrename to {}\n",
                quoted("a/", from),
                quoted("b/", to),
                quoted("", from),
                quoted("", to)
            ),
            _ => String::new(),
        };
        let kind = PatchChangeKind::Update { move_path: Some(changed.path.to_string_lossy().into_owned()) };
        let change = FileUpdateChange { path: from.to_string_lossy().into_owned(), kind, diff: String::new() };
        FileDiff { change, header, notes: notes(changed) }
    }

    fn file(&mut self, changed: &Changed) -> Result<Option<FileDiff>, CheckpointError> {
        let is_file = |state: &Option<State>| !matches!(state, None | Some(State::Directory { .. }));
        let kind = match (is_file(&changed.before), is_file(&changed.after)) {
            (false, false) => return Ok(None),
            (false, true) => PatchChangeKind::Add,
            (true, false) => PatchChangeKind::Delete,
            (true, true) => PatchChangeKind::Update { move_path: None },
        };
        let mut notes = notes(changed);
        let hunks = self.hunks(changed)?;
        let (mut diff, is_whole) = match hunks {
            Ok(diff) => (diff, true),
            Err(note) => {
                notes.push(note);
                (String::new(), false)
            }
        };
        let mut header = String::new();
        if let (Some(path), true) = (within(&changed.path, self.cwd), is_whole) {
            header = head(path, changed, !diff.is_empty());
        }
        if diff.len() > self.left {
            (diff, header) = (String::new(), String::new());
            notes.push(NO_ROOM.into());
        }
        self.left = self.left.saturating_sub(diff.len());
        let change = FileUpdateChange { path: changed.path.to_string_lossy().into_owned(), kind, diff };
        Ok(Some(FileDiff { change, header, notes }))
    }

    /// The hunks, or why there are none.
    fn hunks(&self, changed: &Changed) -> Result<Result<String, String>, CheckpointError> {
        for state in [&changed.before, &changed.after].into_iter().flatten() {
            match state {
                State::Unsaved { why } => return Ok(Err(format!("its content is not kept: {why}"))),
                State::File { size, .. } if *size > LONGEST => {
                    return Ok(Err(format!("its lines are left out: it has {size} bytes")));
                }
                _ => {}
            }
        }
        let [before, after] = changed.sides(self.store)?;
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let (Some(before), Some(after)) = (lines(&before), lines(&after)) else {
            let bytes = format!("{NO_TEXT}: {} bytes before, {} after", before.len(), after.len());
            return Ok(Err(bytes));
        };
        let diff = TextDiff::configure().deadline(self.deadline).newline_terminated(true).diff_slices(&before, &after);
        Ok(Ok(diff.unified_diff().context_radius(CONTEXT).to_string()))
    }
}

fn notes(changed: &Changed) -> Vec<String> {
    let said = [(changed.mixed, MIXED), (changed.doubtful, DOUBTFUL)];
    said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note.to_owned()).collect()
}

/// The lines of a text with their ends; `None`: it is none.
fn lines(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then(|| text.split_inclusive('\n').collect())
}

/// What stands before the hunks.
fn head(path: &Path, changed: &Changed, has_hunks: bool) -> String {
    let (old, new) = (quoted("a/", path), quoted("b/", path));
    let mut text = format!("diff --git {old} {new}\n");
    let (before, after) = (changed.before.as_ref().and_then(mode), changed.after.as_ref().and_then(mode));
    match (before, after) {
        (None, Some(mode)) => text += &format!("new file mode {mode}\n"),
        (Some(mode), None) => text += &format!("deleted file mode {mode}\n"),
        (Some(before), Some(after)) if before != after => {
            text += &format!("old mode {before}\nnew mode {after}\n");
        }
        _ => {}
    }
    if has_hunks {
        // Programs that do not know git end a name at a blank, unless a tab does.
        let end = if path.as_os_str().as_bytes().contains(&b' ') { "\t" } else { "" };
        let side = |is_there: bool, name: &str| if is_there { format!("{name}{end}") } else { "/dev/null".into() };
        text += &format!("--- {}\n+++ {}\n", side(before.is_some(), &old), side(after.is_some(), &new));
    }
    text
}

/// The mode as git has it.
fn mode(state: &State) -> Option<&'static str> {
    match state {
        State::File { mode, .. } if mode & 0o100 != 0 => Some("100755"),
        State::File { .. } => Some("100644"),
        State::Symlink { .. } => Some("120000"),
        State::Directory { .. } | State::Unsaved { .. } => None,
    }
}

/// A path as git writes it: in quotes where something in it could be misread.
fn quoted(prefix: &str, path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| !byte.is_ascii_control() && !matches!(byte, b'"' | b'\\');
    if let (Ok(text), true) = (std::str::from_utf8(bytes), bytes.iter().all(is_plain)) {
        return format!("{prefix}{text}");
    }
    let mut text = format!("\"{prefix}");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text += "\\n",
            b'\t' => text += "\\t",
            b' '..=b'~' => text.push(char::from(*byte)),
            other => text += &format!("\\{other:03o}"),
        }
    }
    text + "\""
}
