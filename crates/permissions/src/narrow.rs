//! The policy of whoever works for another: never wider than that other's.

use std::path::{Path, PathBuf};

use crate::{Policy, SandboxLevel};

impl Policy {
    /// This policy, less all that `other` does not allow. Of `own`, a directory that was made for it and that `other`
    /// knows nothing of, it keeps what it has.
    ///
    /// Whom to ask, the rules and the hosts that can be reached are those of `other`.
    #[must_use]
    pub fn within(&self, other: &Self, own: Option<&Path>) -> Self {
        let level = self.level.strictest(other.level);
        let is_open = other.level == SandboxLevel::DangerFullAccess;
        let is_own = |path: &PathBuf| own.is_some_and(|own| path.starts_with(own));
        let below = |path: &PathBuf, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
        let writes = |path: &PathBuf| is_open || is_own(path) || below(path, &other.writable);
        // Their git directories lie in the roots of the other, or are its own.
        let git = |path: &PathBuf| is_open || below(path, &other.git) || below(path, &other.writable);
        let cached = |path: &PathBuf| is_open || other.caches.contains(path);
        Self {
            level,
            approval: other.approval,
            full_auto: other.full_auto,
            may_leave: other.may_leave,
            rules: other.rules.clone(),
            writable: self.writable.iter().filter(|path| writes(path)).cloned().collect(),
            protected: both(&self.protected, &other.protected),
            git: self.git.iter().filter(|path| git(path)).cloned().collect(),
            covered: both(&self.covered, &other.covered),
            hidden: both(&self.hidden, &other.hidden),
            in_git: both(&self.in_git, &other.in_git),
            denied_programs: both(&self.denied_programs, &other.denied_programs),
            caches: self.caches.iter().filter(|path| cached(path)).cloned().collect(),
            shown: self.shown.clone(),
            temp: self.temp.clone(),
            state: self.state.clone(),
            network: self.network && (is_open || other.network),
            domains: if is_open { self.domains.clone() } else { other.domains.clone() },
            weak: self.weak && (is_open || other.weak),
            thrown_away: self.thrown_away || other.thrown_away,
            is_planning: self.is_planning || other.is_planning,
        }
    }
}

impl SandboxLevel {
    /// The stricter of the two.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::ReadOnly, _) | (_, Self::ReadOnly) => Self::ReadOnly,
            (Self::WorkspaceWrite, _) | (_, Self::WorkspaceWrite) => Self::WorkspaceWrite,
            (Self::DangerFullAccess, Self::DangerFullAccess) => Self::DangerFullAccess,
        }
    }
}

/// Each path of the two lists once, sorted.
fn both(one: &[PathBuf], other: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = [one, other].concat();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
#[path = "narrow_tests.rs"]
mod tests;
