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
        let mut left = Vec::new();
        while let Some(file) = self.files.pop() {
            let undone = match &file.before {
                Before::File(before) => self.beneath.write(&file.path, &before.bytes, Some(before.attributes)).is_ok(),
                Before::Nothing => self.beneath.remove(&file.path).is_ok(),
                Before::Large(_) => false,
            };
            if !undone {
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
