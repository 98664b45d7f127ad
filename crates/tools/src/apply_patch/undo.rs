//! Writing the files of a plan one after another, and the way back.
//!
//! It must never say that something was undone which was not.

use std::path::PathBuf;

use codex_workspace::{Beneath, BeneathError};

use super::plan::{Before, File};

/// What was done so far, and the way back.
pub(super) struct Undo<'plan> {
    beneath: &'plan Beneath,
    files: Vec<&'plan File>,
    directories: Vec<PathBuf>,
}

impl<'plan> Undo<'plan> {
    pub(super) fn new(beneath: &'plan Beneath) -> Self {
        Self { beneath, files: Vec::new(), directories: Vec::new() }
    }

    /// Writes or removes `file`.
    ///
    /// # Errors
    /// Nothing was done then, but that directories may have been made.
    pub(super) fn step(&mut self, file: &'plan File) -> Result<(), BeneathError> {
        match &file.after {
            Some(bytes) => {
                self.directories.extend(self.beneath.create_parents(&file.path)?);
                self.beneath.write(&file.path, bytes, file.attributes)?;
            }
            None => self.beneath.remove(&file.path)?,
        }
        self.files.push(file);
        Ok(())
    }

    /// Takes everything back; returns what is to be said of what could not be.
    pub(super) fn all(&mut self) -> String {
        let (mut left, mut parted) = (Vec::new(), Vec::new());
        while let Some(file) = self.files.pop() {
            let undone = match &file.before {
                Before::File(before) => self.beneath.write(&file.path, &before.bytes, Some(before.attributes)).is_ok(),
                Before::Nothing => self.beneath.remove(&file.path).is_ok(),
                Before::Large(_) => false,
            };
            let shown = file.shown.display().to_string();
            match &file.before {
                _ if !undone => left.push(shown),
                // What was written back is another file than the one that the other names still have.
                Before::File(before) if before.links > 1 => parted.push(shown),
                _ => {}
            }
        }
        while let Some(directory) = self.directories.pop() {
            // It may hold what somebody else put there meanwhile.
            let _ = self.beneath.remove_directory(&directory);
        }
        let mut told = String::new();
        for (what, files) in [
            ("this could not be undone", left),
            ("these have their old content again, but are no longer hard links to the same file as before", parted),
        ] {
            if !files.is_empty() {
                told.push_str(&format!(". Except that {what}: {}", files.join(", ")));
            }
        }
        told
    }
}
