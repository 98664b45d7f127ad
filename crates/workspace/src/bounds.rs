//! What a file that a project leaves for the agent may not lead to: out of the project, or to what is kept from the model.

use std::path::{Path, PathBuf};

use crate::{Ignored, Roots};

/// What is read of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The project's root, absolute: nothing may lead out of it.
    pub top: PathBuf,
    /// Real paths that nothing looks into.
    pub hidden: Vec<PathBuf>,
    /// What ignore files name.
    pub ignored: Ignored,
}

impl From<&Path> for Bounds {
    fn from(top: &Path) -> Self {
        Self { top: top.to_owned(), ..Self::default() }
    }
}

impl From<&PathBuf> for Bounds {
    fn from(top: &PathBuf) -> Self {
        Self::from(top.as_path())
    }
}

impl From<&Bounds> for Bounds {
    fn from(bounds: &Bounds) -> Self {
        bounds.clone()
    }
}

impl Bounds {
    /// The project with this root, less what is kept from a thread.
    pub fn of(top: PathBuf, roots: &Roots) -> Self {
        Self { top, hidden: roots.hidden.clone(), ignored: roots.ignored.clone() }
    }

    /// Why `path`, which is really `real`, is not read, if so: half a sentence.
    pub fn refusal(&self, path: &Path, real: &Path) -> Option<&'static str> {
        let top = self.top.canonicalize().unwrap_or_else(|_| self.top.clone());
        let Ok(below) = real.strip_prefix(&top) else { return Some("it leads out of the project") };
        if below.iter().any(|part| part == ".git") {
            return Some("it lies among git's own files");
        }
        if self.hidden.iter().any(|hidden| real.starts_with(hidden)) {
            return Some("it is hidden from the model");
        }
        let is_named = self.ignored.names(real) || self.ignored.names(path);
        is_named.then_some("an ignore file keeps it from the model")
    }
}
