//! Instructions of directories below the workspace: told when something there is touched, once.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use codex_permissions::Access;
use codex_store::StoreError;
use codex_workspace::{Bounds, InstructionRules, Instructions, instructions_of};

use crate::{context, thread::ThreadState};

/// Most directories of a thread that are looked at.
const MOST: usize = 1000;

/// The directories below the workspace that were touched.
#[derive(Debug, Default)]
pub(crate) struct Nested {
    /// Those whose instructions were looked for.
    seen: BTreeSet<PathBuf>,
    /// Those that were touched since.
    new: BTreeSet<PathBuf>,
    /// Bytes of what was told.
    told: usize,
}

impl Nested {
    /// Something is read or changed.
    pub(crate) fn touched(&mut self, access: &Access, workspace: &Path) {
        for path in access.reads.iter().chain(&access.writes) {
            let below = path.ancestors().take_while(|directory| directory.starts_with(workspace));
            for directory in below.filter(|directory| *directory != workspace) {
                if self.seen.len() + self.new.len() < MOST && !self.seen.contains(directory) {
                    self.new.insert(directory.to_owned());
                }
            }
        }
    }
}

impl ThreadState {
    /// Tells the model the instructions of directories that were touched since it was asked last.
    pub(crate) async fn tell_nested_instructions(&mut self) -> Result<(), StoreError> {
        let new = std::mem::take(&mut self.nested.new);
        let Some(rules) = self.settings.plugged.instructions.clone().filter(|_| !new.is_empty()) else { return Ok(()) };
        self.nested.seen.extend(new.iter().cloned());
        let roots = &self.settings.workplace.roots;
        // What is kept from the model may be another thing by now.
        let rules = InstructionRules { bounds: Bounds::of(rules.bounds.top.clone(), roots), ..(*rules).clone() };
        let left = rules.limit.saturating_sub(self.nested.told);
        let read = tokio::task::spawn_blocking(move || read(&new, &rules, left)).await.unwrap_or_default();
        for instruction in read.files {
            let is_known = self.settings.instructions.iter().any(|known| known.path == instruction.path);
            if is_known {
                continue;
            }
            self.nested.told += instruction.text.len();
            // After a summary it is told again, with the others.
            let message = context::news_of_instruction(&self.history, &instruction);
            self.settings.instructions.push(instruction);
            if let Some(message) = message {
                self.record_message(message)?;
            }
        }
        Ok(())
    }
}

/// The general comes before the particular: a directory sorts before those below it.
fn read(directories: &BTreeSet<PathBuf>, rules: &InstructionRules, mut left: usize) -> Instructions {
    let mut all = Instructions::default();
    for directory in directories.iter().filter(|directory| directory.is_dir()) {
        let found = instructions_of(directory, rules, left);
        left = left.saturating_sub(found.files.iter().map(|file| file.text.len()).sum());
        all.files.extend(found.files);
    }
    all
}
