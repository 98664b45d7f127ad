//! A patch matched against the files it speaks of, all in memory; then written, completely or not at all.
//!
//! It must never touch a path outside the writable roots, through a link, or among the protected names, and never
//! overwrite a file that changed since it was read.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use codex_protocol::{FileUpdateChange, PatchChangeKind};
use codex_workspace::{Attributes, Beneath, BeneathError, IGNORED, Kind, Roots, Snapshot, Stamp, is_protected};

use crate::{ToolContext, output};

use super::{diff::Differ, parse::Operation, text, undo::Undo, work::Work};

/// Largest file that is patched, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// Most that the files of one patch hold together, in bytes: all of them are in memory, before and after.
const MOST_TOGETHER: u64 = 64 << 20;

/// What a patch comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which the patch first speaks of them.
    pub(super) files: Vec<File>,
    /// The mark `A`, `M` or `D` and the path as written, an operation each.
    summary: Vec<(char, String)>,
    /// What the model should check.
    notes: Vec<String>,
}

/// A file before and after.
#[derive(Debug)]
pub(super) struct File {
    /// On the host.
    pub(super) path: PathBuf,
    /// As the user and the model name it, absolute.
    pub(super) shown: PathBuf,
    pub(super) before: Before,
    pub(super) after: Option<Vec<u8>>,
    /// Mode and owner of the file that was moved here.
    pub(super) attributes: Option<Attributes>,
    /// Whether the patch deletes it or moves it away, at least for a while.
    pub(super) deleted: bool,
    /// Index of the file it became.
    pub(super) moved_to: Option<usize>,
}

/// What was at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    File(Snapshot),
    /// A file too large to be held. It can be deleted, and that cannot be undone.
    Large(Stamp),
}

impl Before {
    fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::File(snapshot) => Some(snapshot),
            Self::Nothing | Self::Large(_) => None,
        }
    }
}

impl File {
    fn changes(&self) -> bool {
        match (&self.before, &self.after) {
            (Before::Nothing, None) => false,
            (Before::File(before), Some(after)) => before.bytes != *after || self.mode_changes(),
            _ => true,
        }
    }

    fn mode_changes(&self) -> bool {
        let before = self.before.snapshot().map(|before| before.attributes.mode);
        self.attributes.is_some_and(|attributes| before.is_some_and(|mode| mode != attributes.mode))
    }

    /// What was here before the patch, if that is still to be changed: not where the patch has deleted it.
    fn original(&self) -> Option<&Snapshot> {
        self.before.snapshot().filter(|_| !self.deleted && self.after.is_some())
    }
}

/// Where paths of a patch lead.
struct Ground<'roots> {
    base: &'roots Path,
    roots: &'roots Roots,
    protected: &'roots [PathBuf],
    beneath: Beneath,
    indices: BTreeMap<PathBuf, usize>,
    /// The files by their one real path, as the patch names them.
    real: BTreeMap<PathBuf, String>,
    /// Bytes that may still be read.
    left: u64,
    work: Work,
}

impl Plan {
    /// Matches `operations` against the files as they are. Relative paths are below `base`.
    ///
    /// # Errors
    /// A sentence for the model that names the file. Nothing was changed.
    pub(super) fn new(operations: &[Operation], base: &Path, context: &ToolContext) -> Result<Self, String> {
        let mut ground = Ground {
            base,
            roots: &context.roots,
            protected: &context.protected,
            beneath: Beneath::of(&context.roots).map_err(|error| error.to_string())?,
            indices: BTreeMap::new(),
            real: BTreeMap::new(),
            left: MOST_TOGETHER,
            work: Work::new(context.cancel.clone()),
        };
        let mut plan = Self { files: Vec::new(), summary: Vec::new(), notes: Vec::new() };
        for operation in operations {
            // Each may read a file, so that the user's interruption is looked for.
            ground.work.look()?;
            plan.take(operation, &mut ground)?;
        }
        Ok(plan)
    }

    fn take(&mut self, operation: &Operation, ground: &mut Ground<'_>) -> Result<(), String> {
        match operation {
            Operation::Add { path, text } => {
                let index = self.file(path, ground)?;
                self.overwrite(index, path)?;
                let old = self.files[index].after.take().unwrap_or_default();
                let after = text::replace(&old, text).map_err(|error| format!("`{path}`: {error}"))?;
                self.files[index].after = Some(after);
                self.summary.push(('A', path.clone()));
            }
            Operation::Delete { path } => {
                let index = self.file_or_large(path, ground)?;
                let file = &mut self.files[index];
                let again = std::mem::replace(&mut file.deleted, true);
                let large = matches!(file.before, Before::Large(_)) && !again;
                if file.after.take().is_none() && !large {
                    return Err(format!("`{path}` does not exist, so it cannot be deleted"));
                }
                self.summary.push(('D', path.clone()));
            }
            Operation::Update { path, move_to, hunks } => {
                let index = self.file(path, ground)?;
                if !hunks.is_empty() {
                    self.overwrite(index, path)?;
                }
                let content = self.files[index].after.take().ok_or_else(|| {
                    format!("`{path}` does not exist, so it cannot be updated; `*** Add File:` makes a file")
                })?;
                let after = if hunks.is_empty() {
                    content
                } else {
                    let updated = text::update(&content, hunks, &mut ground.work)
                        .map_err(|error| format!("`{path}`: {error}"))?;
                    self.notes.extend(updated.notes.into_iter().map(|note| format!("`{path}`: {note}")));
                    updated.bytes
                };
                self.files[index].after = Some(after);
                if let Some(target) = move_to {
                    self.rename(index, target, ground)?;
                }
                self.summary.push(('M', move_to.as_ref().unwrap_or(path).clone()));
            }
        }
        Ok(())
    }

    fn rename(&mut self, from: usize, target: &str, ground: &mut Ground<'_>) -> Result<(), String> {
        let to = self.file(target, ground)?;
        if to == from {
            return Ok(());
        }
        self.overwrite(to, target)?;
        let file = &mut self.files[from];
        let content = file.after.take();
        file.deleted = true;
        let attributes = file.attributes.or(file.before.snapshot().map(|before| before.attributes));
        self.files[to].after = content;
        self.files[to].attributes = attributes;
        if self.files[from].before.snapshot().is_some() && self.files[to].before == Before::Nothing {
            self.files[from].moved_to = Some(to);
        }
        Ok(())
    }

    /// Checks that the content of a file, if it is there, may be replaced.
    fn overwrite(&mut self, index: usize, path: &str) -> Result<(), String> {
        let Some(original) = self.files[index].original() else { return Ok(()) };
        if original.read_only {
            return Err(format!(
                "`{path}` is read-only (mode {:o}); if it is meant to change, make it writable with a command first",
                original.attributes.mode
            ));
        }
        let others = original.links.saturating_sub(1);
        let note = format!(
            "`{path}` was one of several names of a file (hard links); the other {others} keep the old content"
        );
        if others > 0 && !self.notes.contains(&note) {
            self.notes.push(note);
        }
        Ok(())
    }

    /// The index of the file that `path`, as written, names; reads it the first time.
    fn file(&mut self, path: &str, ground: &mut Ground<'_>) -> Result<usize, String> {
        let index = self.file_or_large(path, ground)?;
        let file = &self.files[index];
        if matches!(file.before, Before::Large(_)) && !file.deleted {
            return Err(format!(
                "`{path}` is too large to be patched: a file may have {} MiB, and those of a patch {} MiB together; \
                 change it with a command",
                MOST_BYTES >> 20,
                MOST_TOGETHER >> 20
            ));
        }
        Ok(index)
    }

    /// As [`Plan::file`], of a file of any size.
    fn file_or_large(&mut self, path: &str, ground: &mut Ground<'_>) -> Result<usize, String> {
        if path.ends_with('/') {
            return Err(format!("`{path}` names a directory"));
        }
        let written = ground.base.join(path);
        let shown = ground.roots.absolute(&written);
        let resolved = ground.roots.resolve(&written);
        if let Some(index) = ground.indices.get(&resolved) {
            return Ok(*index);
        }
        if is_protected(&resolved, ground.protected, ground.roots.temp.as_deref()) {
            return Err(format!("`{path}` is protected: it stays read-only"));
        }
        let real = ground.beneath.real(&resolved);
        // Before anything is read: what is said of a patch would tell what the file holds.
        if [&resolved, &real].into_iter().any(|path| ground.roots.ignored.names(path)) {
            return Err(format!("`{path}`: {IGNORED}"));
        }
        if ground.roots.hidden.iter().any(|hidden| resolved.starts_with(hidden) || real.starts_with(hidden)) {
            return Err(format!("`{path}`: it is hidden, for it may hold secrets"));
        }
        // Each name would be changed from the old content, and the last written would be all that stays.
        if let Some(other) = ground.real.insert(real, path.to_owned()) {
            return Err(format!(
                "`{other}` and `{path}` are one file by a symbolic link: name it in one way, and change a link itself by \
                 a patch of its own"
            ));
        }
        let before = match ground.beneath.kind(&resolved) {
            Ok(None) => Before::Nothing,
            Ok(Some(Kind::Directory)) => return Err(format!("`{path}` is a directory")),
            // Opening a device or a pipe may already do something.
            Ok(Some(Kind::Other)) => return Err(format!("`{path}` is not a regular file")),
            Ok(Some(Kind::File | Kind::Symlink)) => {
                ground.read(&resolved).map_err(|error| ground.name(path, &error))?
            }
            Err(error) => return Err(ground.name(path, &error)),
        };
        let after = before.snapshot().map(|before| before.bytes.clone());
        let index = self.files.len();
        ground.indices.insert(resolved.clone(), index);
        self.files.push(File {
            path: resolved,
            shown,
            before,
            after,
            attributes: None,
            deleted: false,
            moved_to: None,
        });
        Ok(index)
    }

    /// Every file it touches, on the host.
    pub(super) fn writes(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// What the user is shown, an entry for every file that changes; a file that moved is told by where it was.
    pub(super) fn changes(&self) -> Vec<FileUpdateChange> {
        self.shown().into_iter().map(|(_, change)| change).collect()
    }

    /// The changes with the indices of their files.
    pub(super) fn shown(&self) -> Vec<(usize, FileUpdateChange)> {
        let told: BTreeSet<usize> = self.files.iter().filter_map(|file| self.target(file)).collect();
        let files = self.files.iter().enumerate().filter(|(index, _)| !told.contains(index));
        let mut differ = Differ::new();
        files.filter_map(|(index, file)| Some((index, self.change(file, &mut differ)?))).collect()
    }

    /// The index of the file that `file` moved to, if that is still what came of it: a patch may move it on, or make
    /// it again in its place.
    pub(super) fn target(&self, file: &File) -> Option<usize> {
        let index = file.moved_to.filter(|_| file.after.is_none())?;
        self.files[index].after.is_some().then_some(index)
    }

    fn change(&self, file: &File, differ: &mut Differ) -> Option<FileUpdateChange> {
        let target = self.target(file).map(|index| &self.files[index]);
        let after = target.map_or(&file.after, |target| &target.after);
        let kind = match (&file.before, after) {
            (Before::Nothing, None) => return None,
            (Before::Nothing, Some(_)) => PatchChangeKind::Add,
            (_, None) => PatchChangeKind::Delete,
            (_, Some(_)) => {
                PatchChangeKind::Update { move_path: target.map(|target| target.shown.display().to_string()) }
            }
        };
        let diff = match &file.before {
            Before::Large(stamp) => format!("A file of {} bytes, too large to be shown\n", stamp.bytes),
            Before::Nothing => differ.unified(&[], after.as_deref().unwrap_or_default()),
            Before::File(before) => differ.unified(&before.bytes, after.as_deref().unwrap_or_default()),
        };
        Some(FileUpdateChange { path: file.shown.display().to_string(), kind, diff })
    }

    /// What the model is told when all was written: added, then modified, then deleted files.
    pub(super) fn report(&self) -> String {
        let mut text = String::from("Done. Files changed:\n");
        for mark in ['A', 'M', 'D'] {
            for (_, path) in self.summary.iter().filter(|(of, _)| *of == mark) {
                text.push_str(&format!("{mark} {path}\n"));
            }
        }
        for note in &self.notes {
            text.push_str(&format!("Check: {note}\n"));
        }
        output::cut(text, output::model_bytes(None))
    }

    /// Writes everything. On an error all that was written is undone.
    ///
    /// # Errors
    /// A sentence for the model, which says so if something could not be undone.
    pub(super) fn write(&self, beneath: &Beneath) -> Result<(), String> {
        for file in &self.files {
            unchanged(file, beneath)?;
        }
        let mut undo = Undo::new(beneath);
        // Removals late: they are the ones that cannot fail for want of space. What cannot be undone comes last.
        let mut files: Vec<&File> = self.files.iter().filter(|file| file.changes()).collect();
        files.sort_by_key(|file| (matches!(file.before, Before::Large(_)), file.after.is_none()));
        for file in files {
            if let Err(error) = undo.step(file) {
                return Err(format!("nothing was changed: {error}{}", undo.all()));
            }
        }
        Ok(())
    }
}

/// Whether the file is still as the diff that was shown says.
fn unchanged(file: &File, beneath: &Beneath) -> Result<(), String> {
    let same = match &file.before {
        Before::Nothing => match beneath.kind(&file.path) {
            Ok(kind) => Ok(kind.is_none()),
            Err(error) => Err(error),
        },
        Before::File(before) => {
            beneath.read(&file.path, before.bytes.len() as u64).map(|now| now.bytes == before.bytes)
        }
        Before::Large(stamp) => beneath.stamp(&file.path).map(|now| now == *stamp),
    };
    match same {
        Ok(true) => return Ok(()),
        Ok(false) | Err(BeneathError::TooLarge { .. }) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(format!("nothing was changed: {error}")),
    }
    Err(format!("nothing was changed: `{}` changed since the patch was read; read it again", file.shown.display()))
}

impl Ground<'_> {
    /// What is in the file `path`, unless that is too much.
    fn read(&mut self, path: &Path) -> Result<Before, BeneathError> {
        match self.beneath.read(path, MOST_BYTES.min(self.left)) {
            Ok(snapshot) => {
                self.left -= snapshot.bytes.len() as u64;
                Ok(Before::File(snapshot))
            }
            Err(BeneathError::TooLarge { .. }) => self.beneath.stamp(path).map(Before::Large),
            Err(error) => Err(error),
        }
    }
    /// Why the file that the patch calls `path` is not touched, in words for the model.
    fn name(&self, path: &str, error: &BeneathError) -> String {
        match error {
            BeneathError::Outside(_) => format!("`{path}` is outside the directories that may be written"),
            BeneathError::Io { source, .. } => format!("`{path}`: {source}"),
            BeneathError::Symlink(link) => match self.beneath.behind_links(link) {
                Some(real) => {
                    let real = real.strip_prefix(self.base).unwrap_or(&real);
                    format!(
                        "`{path}` is, or lies behind, a symbolic link; name the real file instead: `{}`",
                        real.display()
                    )
                }
                None => error.to_string(),
            },
            other => other.to_string(),
        }
    }
}
