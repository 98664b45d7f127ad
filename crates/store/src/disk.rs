//! What sessions take on the disk, and what is left of it. Reads only.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

/// The disk below the directory of the user's settings and sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that the user may still write; `None` if that cannot be found out.
    pub free: Option<u64>,
    /// Whether sessions can be written at all.
    pub writable: bool,
    /// Number of sessions.
    pub sessions: usize,
    /// Bytes that they take.
    pub size: u64,
}

/// Looks at the disk of `codex_home`, which may not exist yet.
pub fn disk(codex_home: &Path) -> Disk {
    let there = codex_home.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let journals = crate::directory::walk(codex_home);
    Disk {
        free: statvfs(there).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize)),
        writable: access(there, Access::WRITE_OK).is_ok(),
        sessions: journals.len(),
        size: journals.iter().map(|file| file.size).sum(),
    }
}
