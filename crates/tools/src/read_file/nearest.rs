//! The file that was meant where a path leads to none.
//!
//! It must never tell names outside the thread's own directories.

use std::{
    fs,
    path::{Path, PathBuf},
};

use codex_workspace::{Roots, View, check_directory};

/// Most names of a directory that are compared.
const MOST_NAMES: usize = 5000;

/// How much of two names must be the same, from 0 to 1.
const ALIKE: f32 = 0.6;

/// The path nearest to `path`, an absolute one of the host where nothing is: below the workspace, relative to it.
pub(super) fn nearest(path: &Path, roots: &Roots) -> Option<PathBuf> {
    let there = path.ancestors().skip(1).find(|ancestor| ancestor.exists())?;
    let rest = path.strip_prefix(there).ok()?;
    let directory = View::of(roots).real_host_path(there).ok()?;
    let inside = |path: &Path| roots.writable.iter().chain([&roots.workspace]).any(|root| path.starts_with(root));
    if !inside(&directory) || check_directory(&directory).is_err() {
        return None;
    }
    let missing = rest.components().next()?;
    let name = alike(&directory, missing.as_os_str().to_str()?)?;
    // If the rest of the path is there, all of it was meant.
    let further = there.join(&name).join(rest.strip_prefix(missing).ok()?);
    let found = if further.exists() { further } else { there.join(name) };
    Some(found.strip_prefix(&roots.workspace).unwrap_or(&found).to_owned())
}

/// The name in `directory` that is most like `name`.
fn alike(directory: &Path, name: &str) -> Option<String> {
    let entries = fs::read_dir(directory).ok()?.take(MOST_NAMES).flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    // Names in another case differ in each letter, and yet are the most alike.
    if let Some(same) = names.iter().find(|found| found.to_lowercase() == name.to_lowercase()) {
        return Some(same.clone());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    similar::get_close_matches(name, &names, 1, ALIKE).first().map(|found| (*found).to_owned())
}
