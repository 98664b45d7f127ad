//! The `.gitignore` of a project's `.codex`: it keeps the settings that are the user's own out of git.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::edit::{Readers, replace};
use crate::files::LOCAL_FILE;

/// Its name.
pub(crate) const FILE: &str = ".gitignore";

/// Keeps the file that is the user's own, and drafts of it, out of git. `own` is the `.codex`. The path, if something was
/// written.
///
/// # Errors
/// It cannot be read or written, or is a link: a project may lead it anywhere.
pub(crate) fn ignore_local(own: &Path) -> io::Result<Option<PathBuf>> {
    let path = own.join(FILE);
    if path.is_symlink() {
        return Err(io::Error::other("it is a link: nothing is written where it leads"));
    }
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let line = format!("{LOCAL_FILE}*");
    if before.lines().any(|it| it.trim() == line) {
        return Ok(None);
    }
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    replace(&path, &format!("{before}{end}{line}\n"), Readers::Everybody)?;
    Ok(Some(path))
}
