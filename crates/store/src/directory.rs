//! Finding sessions among the files below `sessions/`. Reads only.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use codex_history::{Content, Message};

use crate::{Header, Line, Record, StoreError};

/// A session found on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its journal.
    pub path: PathBuf,
    /// Its first line.
    pub header: Header,
    /// When it was last written.
    pub updated_at: SystemTime,
    /// The first thing the user said, cut to a line; empty if nothing was.
    pub preview: String,
}

/// How much of a journal's beginning is read to describe it, in bytes.
const BEGINNING: u64 = 256 * 1024;
/// How long a preview may be, in characters.
const PREVIEW: usize = 120;

/// The journal of the session whose id is, or begins with, `id`.
///
/// # Errors
/// When there is none, or several begin so.
pub fn find(codex_home: &Path, id: &str) -> Result<PathBuf, StoreError> {
    let wanted = id.to_ascii_lowercase();
    let found: Vec<PathBuf> = journals(codex_home)
        .into_iter()
        .filter(|(_, path)| thread_id(path).is_some_and(|id| !wanted.is_empty() && id.starts_with(&wanted)))
        .map(|(_, path)| path)
        .collect();
    match found.as_slice() {
        [] => Err(StoreError::NotFound(id.to_owned())),
        [path] => Ok(path.clone()),
        _ => Err(StoreError::Ambiguous(id.to_owned())),
    }
}

/// The session that was last written, of those begun in `cwd` (of all, if `None`).
pub fn latest(codex_home: &Path, cwd: Option<&Path>) -> Option<Listed> {
    list(codex_home, cwd, 1).pop()
}

/// Sessions, the last written first; those that cannot be read are left out.
pub fn list(codex_home: &Path, cwd: Option<&Path>, limit: usize) -> Vec<Listed> {
    let mut journals = journals(codex_home);
    journals.sort_by(|a, b| b.cmp(a));
    journals
        .into_iter()
        .filter_map(|(updated_at, path)| describe(path, updated_at))
        .filter(|listed| cwd.is_none_or(|cwd| listed.header.cwd == cwd))
        .take(limit)
        .collect()
}

/// All files below `sessions/` that are named as journals are, with the time each was last written.
fn journals(codex_home: &Path) -> Vec<(SystemTime, PathBuf)> {
    let mut found = Vec::new();
    let mut directories = vec![(codex_home.join("sessions"), 0)];
    while let Some((directory, depth)) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < 3 {
                directories.push((entry.path(), depth + 1));
            } else if kind.is_file() && thread_id(&entry.path()).is_some() {
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                found.push((written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
    }
    found
}

/// The id in a journal's name, `YYYY-MM-DDTHH-MM-SS-ID.jsonl`.
fn thread_id(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    let id = name.get(20..)?;
    (name.as_bytes().get(19) == Some(&b'-') && name.starts_with("20") && !id.is_empty()).then_some(id)
}

fn describe(path: PathBuf, updated_at: SystemTime) -> Option<Listed> {
    let mut lines = BufReader::new(File::open(&path).ok()?.take(BEGINNING)).lines();
    let first: Line = serde_json::from_str(&lines.next()?.ok()?).ok()?;
    let Record::Header(header) = first.record else { return None };
    let said = lines
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Line>(&line).ok())
        .skip_while(|line| !matches!(line.record, Record::TurnStarted { .. }))
        .find_map(|line| match line.record {
            Record::Message { message: Message::User { content } } => Some(content),
            _ => None,
        });
    let preview = said.map(|content| preview(&content)).unwrap_or_default();
    Some(Listed { path, header, updated_at, preview })
}

fn preview(content: &[Content]) -> String {
    let text = content.iter().find_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    let line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(PREVIEW).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FORMAT, Journal};

    fn session(home: &Path, id: &str, cwd: &str, said: &str) -> PathBuf {
        let header = Header {
            format: FORMAT,
            thread_id: id.into(),
            program_version: "0".into(),
            cwd: cwd.into(),
            source: "exec".into(),
            thread_source: None,
            forked_from: None,
        };
        let mut journal = Journal::create(home, header).unwrap();
        journal.append(&Record::Message { message: Message::user("context, not said by the user") }).unwrap();
        journal.append(&Record::TurnStarted { turn_id: "1".into() }).unwrap();
        journal.append(&Record::Message { message: Message::user(said) }).unwrap();
        journal.path().unwrap().to_owned()
    }

    #[test]
    fn sessions_are_found_by_id_prefix_and_directory() {
        let home = tempfile::tempdir().unwrap();
        let one = session(home.path(), "aaa-1", "/one", "first\n  words");
        let two = session(home.path(), "aab-2", "/two", "other");
        std::fs::write(home.path().join("sessions/2026-notes.jsonl"), "not a journal").unwrap();
        let times = std::fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        File::open(&one).unwrap().set_times(times).unwrap();

        assert_eq!(find(home.path(), "aaa-1").unwrap(), one);
        assert_eq!(find(home.path(), "AAB").unwrap(), two);
        assert!(matches!(find(home.path(), "aa"), Err(StoreError::Ambiguous(_))));
        assert!(matches!(find(home.path(), "zzz"), Err(StoreError::NotFound(_))));
        assert!(matches!(find(home.path(), ""), Err(StoreError::NotFound(_))));
        assert_eq!(latest(home.path(), None).unwrap().path, two);
        let listed = latest(home.path(), Some(Path::new("/one"))).unwrap();
        assert_eq!((listed.path, listed.preview.as_str()), (one, "first words"));
        assert_eq!(latest(home.path(), Some(Path::new("/three"))), None);
    }
}
