//! A patch matched against the files it speaks of, all in memory; then written, completely or not at all.
//!
//! It must never touch a path outside the writable roots, through a link, or among the protected names, and never
//! overwrite a file that changed since it was read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use codex_protocol::{FileUpdateChange, PatchChangeKind};
use codex_workspace::{Beneath, BeneathError, Kind, Roots, Snapshot, is_protected};

use crate::output;

use super::{diff::unified, parse::Operation, text};

/// Largest file that is patched, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// What a patch comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which the patch first speaks of them.
    files: Vec<File>,
    /// The mark `A`, `M` or `D` and the path as written, an operation each.
    summary: Vec<(char, String)>,
}

/// A file before and after.
#[derive(Debug)]
struct File {
    /// On the host.
    path: PathBuf,
    /// As the user and the model name it, absolute.
    shown: PathBuf,
    before: Option<Snapshot>,
    after: Option<Vec<u8>>,
    /// Permission bits it gets from the file that was moved here.
    mode: Option<u32>,
    /// Index of the file it became.
    moved_to: Option<usize>,
}

impl File {
    fn changes(&self) -> bool {
        self.before.as_ref().map(|before| &before.bytes) != self.after.as_ref() || self.mode_changes()
    }

    fn mode_changes(&self) -> bool {
        self.mode.is_some_and(|mode| self.before.as_ref().is_some_and(|before| before.mode != mode))
    }
}

/// Where paths of a patch lead.
struct Ground<'roots> {
    base: &'roots Path,
    roots: &'roots Roots,
    protected: &'roots [PathBuf],
    beneath: Beneath,
    indices: BTreeMap<PathBuf, usize>,
}

impl Plan {
    /// Matches `operations` against the files as they are. Relative paths are below `base`.
    ///
    /// # Errors
    /// A sentence for the model that names the file. Nothing was changed.
    pub(super) fn new(
        operations: &[Operation],
        base: &Path,
        roots: &Roots,
        protected: &[PathBuf],
    ) -> Result<Self, String> {
        let beneath = Beneath::of(roots).map_err(|error| error.to_string())?;
        let mut ground = Ground { base, roots, protected, beneath, indices: BTreeMap::new() };
        let mut plan = Self { files: Vec::new(), summary: Vec::new() };
        for operation in operations {
            plan.take(operation, &mut ground)?;
        }
        Ok(plan)
    }

    fn take(&mut self, operation: &Operation, ground: &mut Ground<'_>) -> Result<(), String> {
        match operation {
            Operation::Add { path, text } => {
                let index = self.file(path, ground)?;
                self.files[index].after = Some(text.clone().into_bytes());
                self.summary.push(('A', path.clone()));
            }
            Operation::Delete { path } => {
                let index = self.file(path, ground)?;
                self.files[index]
                    .after
                    .take()
                    .ok_or_else(|| format!("`{path}` does not exist, so it cannot be deleted"))?;
                self.summary.push(('D', path.clone()));
            }
            Operation::Update { path, move_to, hunks } => {
                let index = self.file(path, ground)?;
                let content = self.files[index].after.clone().ok_or_else(|| {
                    format!("`{path}` does not exist, so it cannot be updated; `*** Add File:` makes a file")
                })?;
                let after = if hunks.is_empty() {
                    content
                } else {
                    let content = String::from_utf8(content)
                        .map_err(|_| format!("`{path}` is not UTF-8 text; change it with a command"))?;
                    text::update(&content, hunks).map_err(|error| format!("`{path}`: {error}"))?.into_bytes()
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
        let content = self.files[from].after.take();
        let mode = self.files[from].mode.or(self.files[from].before.as_ref().map(|before| before.mode));
        self.files[to].after = content;
        self.files[to].mode = mode;
        if self.files[from].before.is_some() && self.files[to].before.is_none() {
            self.files[from].moved_to = Some(to);
        }
        Ok(())
    }

    /// The index of the file that `path`, as written, names; reads it the first time.
    fn file(&mut self, path: &str, ground: &mut Ground<'_>) -> Result<usize, String> {
        let written = ground.base.join(path);
        let shown = ground.roots.absolute(&written);
        let resolved = ground.roots.resolve(&written);
        if let Some(index) = ground.indices.get(&resolved) {
            return Ok(*index);
        }
        if is_protected(&resolved, ground.protected) {
            return Err(format!("`{path}` is protected: it stays read-only"));
        }
        let before = match ground.beneath.kind(&resolved) {
            Ok(None) => None,
            Ok(Some(Kind::Directory)) => return Err(format!("`{path}` is a directory")),
            Ok(Some(_)) => Some(ground.beneath.read(&resolved, MOST_BYTES).map_err(|error| name(path, &error))?),
            Err(error) => return Err(name(path, &error)),
        };
        let after = before.as_ref().map(|before| before.bytes.clone());
        let index = self.files.len();
        ground.indices.insert(resolved.clone(), index);
        self.files.push(File { path: resolved, shown, before, after, mode: None, moved_to: None });
        Ok(index)
    }

    /// Every file it touches, on the host.
    pub(super) fn writes(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// What the user is shown, an entry for every file that changes; a file that moved is told by where it was.
    pub(super) fn changes(&self) -> Vec<FileUpdateChange> {
        let told: Vec<usize> = self.files.iter().filter_map(|file| self.target(file)).collect();
        let files = self.files.iter().enumerate().filter(|(index, _)| !told.contains(index));
        files.filter_map(|(_, file)| self.change(file)).collect()
    }

    /// The index of the file that `file` moved to, if that is still what came of it: a patch may move it on, or make
    /// it again in its place.
    fn target(&self, file: &File) -> Option<usize> {
        let index = file.moved_to.filter(|_| file.after.is_none())?;
        self.files[index].after.is_some().then_some(index)
    }

    fn change(&self, file: &File) -> Option<FileUpdateChange> {
        let target = self.target(file).map(|index| &self.files[index]);
        let after = target.map_or(&file.after, |target| &target.after);
        let kind = match (&file.before, after) {
            (None, None) => return None,
            (None, Some(_)) => PatchChangeKind::Add,
            (Some(_), None) => PatchChangeKind::Delete,
            (Some(_), Some(_)) => {
                PatchChangeKind::Update { move_path: target.map(|target| target.shown.display().to_string()) }
            }
        };
        let before = file.before.as_ref().map_or(&[][..], |before| &before.bytes);
        let diff = unified(before, after.as_deref().unwrap_or_default());
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
        let mut undo = Undo { beneath, files: Vec::new(), directories: Vec::new() };
        // Removals last: they are the ones that cannot fail for want of space.
        let (written, removed): (Vec<_>, Vec<_>) =
            self.files.iter().filter(|file| file.changes()).partition(|file| file.after.is_some());
        for file in written.into_iter().chain(removed) {
            if let Err(error) = undo.step(file) {
                return Err(format!("nothing was changed: {error}{}", undo.all()));
            }
        }
        Ok(())
    }
}

/// Whether the file is still as the diff that was shown says.
fn unchanged(file: &File, beneath: &Beneath) -> Result<(), String> {
    let now = match beneath.read(&file.path, MOST_BYTES) {
        Ok(now) => Some(now.bytes),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(format!("nothing was changed: {error}")),
    };
    if now.as_ref() == file.before.as_ref().map(|before| &before.bytes) {
        return Ok(());
    }
    Err(format!("nothing was changed: `{}` changed since the patch was read; read it again", file.shown.display()))
}

fn name(path: &str, error: &BeneathError) -> String {
    match error {
        BeneathError::Outside(_) => format!("`{path}` is outside the directories that may be written"),
        BeneathError::Io { source, .. } => format!("`{path}`: {source}"),
        other => other.to_string(),
    }
}

/// What was done so far, and the way back.
struct Undo<'plan> {
    beneath: &'plan Beneath,
    files: Vec<&'plan File>,
    directories: Vec<PathBuf>,
}

impl<'plan> Undo<'plan> {
    fn step(&mut self, file: &'plan File) -> Result<(), BeneathError> {
        match &file.after {
            Some(bytes) => {
                self.directories.extend(self.beneath.create_parents(&file.path)?);
                self.beneath.write(&file.path, bytes, file.mode)?;
            }
            None => self.beneath.remove(&file.path)?,
        }
        self.files.push(file);
        Ok(())
    }

    /// Takes everything back; returns what is to be said of what could not be.
    fn all(&mut self) -> String {
        let mut left = Vec::new();
        while let Some(file) = self.files.pop() {
            let undone = match &file.before {
                Some(before) => self.beneath.write(&file.path, &before.bytes, Some(before.mode)),
                None => self.beneath.remove(&file.path),
            };
            if undone.is_err() {
                left.push(file.shown.display().to_string());
            }
        }
        while let Some(directory) = self.directories.pop() {
            // It may hold what somebody else put there meanwhile.
            let _ = self.beneath.remove_directory(&directory);
        }
        if left.is_empty() {
            String::new()
        } else {
            format!(". Except that this could not be undone: {}", left.join(", "))
        }
    }
}
