//! What is done to sessions that are not open: a name, laying aside, deleting. Each holds the journal's lock meanwhile.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{Journal, Record, StoreError, directory, name, point};

/// How long a name may be, in characters.
const LONGEST: usize = 200;

/// The name as it is kept: one line, without blanks around it. `None`: the session is to have none.
///
/// # Errors
/// When it is too long, or has characters that are not for people.
pub fn session_name(typed: &str) -> Result<Option<String>, StoreError> {
    let name = typed.trim();
    if name.chars().count() > LONGEST {
        return Err(StoreError::Name(format!("it has more than {LONGEST} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(StoreError::Name("it has line breaks or other control characters".into()));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// Gives the session in the journal `path` a name, or none. When it was last written stays as it was: nothing was said in it.
///
/// # Errors
/// When it is open, or cannot be written.
pub fn rename(path: &Path, name: Option<String>) -> Result<(), StoreError> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let mut journal = Journal::reopen(&directory::taken_over(path)?)?;
    journal.append(&Record::Renamed { name })?;
    if let (Ok(written), Some(file)) = (written, journal.sync_handle()) {
        let _ = file.set_modified(written);
    }
    Ok(())
}

/// Lays the session in the journal `path` aside, or brings it back; returns where its journal lies then.
///
/// # Errors
/// When it is open, or cannot be moved.
pub fn archive(codex_home: &Path, path: &Path, aside: bool) -> Result<PathBuf, StoreError> {
    let places = directory::places(codex_home, path);
    let Some((archived, usual)) = places else { return Err(StoreError::NotFound(path.display().to_string())) };
    let to = if aside { archived } else { usual };
    if to == path {
        return Ok(to);
    }
    let _lock = Journal::lock(path)?;
    if let Some(parent) = to.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(StoreError::io("make", parent))?;
    }
    // `rename` would replace what is there.
    rustix::fs::renameat_with(rustix::fs::CWD, path, rustix::fs::CWD, &to, rustix::fs::RenameFlags::NOREPLACE)
        .map_err(|error| StoreError::io("move", path)(error.into()))?;
    Ok(to)
}

/// Deletes the session in the journal `path`, and the file that the Codex CLI kept of it, if it was one of these.
///
/// # Errors
/// When it is open, others continue it, or it cannot be deleted; nothing has happened to it then.
pub fn delete(codex_home: &Path, path: &Path) -> Result<(), StoreError> {
    let _lock = Journal::lock(path)?;
    let id = name::id_of(path).unwrap_or_default();
    let forks: Vec<String> = directory::everything(codex_home)
        .iter()
        .filter(|other| other.header().forked_from.as_ref().is_some_and(|from| from.thread_id == id))
        .map(|other| other.id().to_owned())
        .collect();
    if !forks.is_empty() {
        return Err(StoreError::HasForks { id: id.to_owned(), forks });
    }
    // Without the journal, what it was made of would be the session again.
    for rollout in directory::rollouts(codex_home, id).filter(|rollout| rollout != path) {
        fs::remove_file(&rollout).map_err(StoreError::io("delete", &rollout))?;
    }
    fs::remove_file(path).map_err(StoreError::io("delete", path))?;
    point::forget(codex_home, id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ForkedFrom, Header, Journal, StoreError, look,
        testing::{header, session},
    };

    #[test]
    fn a_name_is_a_line_for_people() {
        let longest = "ä".repeat(LONGEST);
        let longer = format!("{longest}x");
        let table = [
            (" The parser ", Some(Some("The parser"))),
            (longest.as_str(), Some(Some(longest.as_str()))),
            ("", Some(None)),
            ("  ", Some(None)),
            ("a\nb", None),
            ("\u{1b}[2J", None),
            (&longer, None),
        ];
        for (typed, expected) in table {
            let name = session_name(typed);
            assert_eq!(name.as_ref().ok().map(Option::as_deref), expected, "{typed:?}: {name:?}");
        }
    }

    #[test]
    fn the_last_name_counts_and_nothing_else_changes() {
        let home = tempfile::tempdir().unwrap();
        let path = session(home.path(), "aaa-1", "/one", "go");
        let before = look(home.path(), &path).unwrap();
        let half = "{\"seq\":9,\"type\":\"par";
        fs::write(&path, fs::read_to_string(&path).unwrap() + half).unwrap();
        fs::File::open(&path).unwrap().set_modified(before.updated_at).unwrap();
        for (name, expected) in [(Some("a"), Some("a")), (Some("b"), Some("b")), (None, None), (Some("c"), Some("c"))] {
            rename(&path, name.map(str::to_owned)).unwrap();
            let after = look(home.path(), &path).unwrap();
            assert_eq!(after.facts.name.as_deref(), expected);
            assert_eq!((after.updated_at, after.facts.preview), (before.updated_at, before.facts.preview.clone()));
        }
        let (_journal, lines, unreadable) = crate::testing::opened(&path);
        let seqs: Vec<u64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!((seqs, unreadable), ((0..9).collect(), 0));
        assert!(matches!(rename(&path, None), Err(StoreError::Locked { .. })));
    }

    #[test]
    fn a_session_is_laid_aside_and_brought_back_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let path = session(home.path(), "aaa-1", "/one", "go");
        let text = fs::read(&path).unwrap();
        let aside = archive(home.path(), &path, true).unwrap();
        assert_eq!(aside, home.path().join("archived_sessions").join(path.file_name().unwrap()));
        assert!(look(home.path(), &aside).unwrap().archived && !path.exists());
        assert_eq!(archive(home.path(), &aside, true).unwrap(), aside, "it lies there already");
        assert_eq!(archive(home.path(), &aside, false).unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), text);
        // What is there is not replaced.
        fs::write(&aside, "x").unwrap();
        assert!(archive(home.path(), &path, true).is_err());
        assert_eq!((fs::read(&path).unwrap(), fs::read(&aside).unwrap()), (text, b"x".to_vec()));
    }

    #[test]
    fn what_is_open_or_continued_elsewhere_is_neither_moved_nor_deleted() {
        let home = tempfile::tempdir().unwrap();
        let parent = session(home.path(), "aaa-1", "/one", "go");
        let fork = header("bbb-2", "/one");
        let shared = ForkedFrom { thread_id: "aaa-1".into(), seq: 4, bytes: fs::metadata(&parent).unwrap().len() };
        let fork = Header { forked_from: Some(shared), ..fork };
        let fork = Journal::create(home.path(), fork).unwrap();
        let fork_path = fork.path().unwrap().to_owned();
        for path in [&fork_path, &parent] {
            let error = delete(home.path(), path).unwrap_err().to_string();
            assert!(error.contains("open in another process") || error.contains("continued by bbb-2"), "{error}");
            assert!(path.exists());
        }
        assert!(matches!(archive(home.path(), &fork_path, true), Err(StoreError::Locked { .. })));
        drop(fork);
        delete(home.path(), &fork_path).unwrap();
        delete(home.path(), &parent).unwrap();
        assert!(!parent.exists() && !fork_path.exists());
    }
}
