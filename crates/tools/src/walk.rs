//! Walks a directory as ignore rules allow: `.gitignore`, `.ignore` and `.git/info/exclude`, and never into `.git`.
//!
//! It must never follow symbolic links, nor read the user's own git settings (they are not ours to read).

use std::path::Path;

use ignore::{DirEntry, Walk, WalkBuilder};

/// The entries below `top`, itself first; names sorted within each directory. `depth` 1 is its own entries.
pub(crate) fn walk(top: &Path, depth: Option<usize>) -> Walk {
    WalkBuilder::new(top)
        .max_depth(depth)
        .hidden(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(|entry: &DirEntry| entry.depth() == 0 || entry.file_name() != ".git")
        .build()
}
