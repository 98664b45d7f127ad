//! Finding sessions among the files below `sessions/`. Reads only.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Header, Line, Record, StoreError, name, preview::preview};

/// A session found on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its journal.
    pub path: PathBuf,
    /// Its first line.
    pub header: Header,
    /// When it was begun, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was last written.
    pub updated_at: SystemTime,
    /// The first thing the user said, cut to a line; empty if nothing was.
    pub preview: String,
}

/// How much of a journal's beginning is read to describe it, in bytes.
const BEGINNING: u64 = 256 * 1024;
/// How much of an id must be given for the rest to be found, in characters.
const SHORTEST: usize = 8;

/// The journal of the session whose id is `id`, or else begins with it; the latter only if `id` has 8 characters or
/// more. Upper and lower case are the same.
///
/// # Errors
/// When there is none, or several begin so.
pub fn find(codex_home: &Path, id: &str) -> Result<PathBuf, StoreError> {
    let journals = journals(codex_home);
    let matching = |matches: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
        let paths = journals.iter().map(|(_, path)| path);
        paths.filter(|path| name::id_of(path).is_some_and(matches)).cloned().collect()
    };
    let mut found = matching(&|found| found.eq_ignore_ascii_case(id));
    if found.is_empty() && id.len() >= SHORTEST {
        found = matching(&|found| found.get(..id.len()).is_some_and(|head| head.eq_ignore_ascii_case(id)));
    }
    match found.as_slice() {
        [] => Err(StoreError::NotFound(id.to_owned())),
        [path] => Ok(path.clone()),
        _ => Err(StoreError::Ambiguous(id.to_owned())),
    }
}

/// What is known of the session in the journal `path` without opening it for writing; `None` if it cannot be read.
pub fn look(path: PathBuf) -> Option<Listed> {
    let updated_at = path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    describe(path, updated_at).map(|(listed, _)| listed)
}

/// Which sessions are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionsWanted<'a> {
    /// Only those of this directory.
    pub cwd: Option<&'a Path>,
    /// Only those with this in their preview, id or directory; upper and lower case are the same.
    pub term: &'a str,
    /// Those after the session with this id, as an earlier list named it.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

impl SessionsWanted<'_> {
    fn takes(&self, listed: &Listed) -> bool {
        let Header { thread_id, cwd, .. } = &listed.header;
        let term = self.term.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&term);
        self.cwd.is_none_or(|wanted| cwd == wanted)
            && (term.is_empty() || has(&listed.preview) || has(thread_id) || has(&cwd.to_string_lossy()))
    }
}

/// Sessions, the last written first, and after which one the next list goes on; those that cannot be read are left out,
/// and those in which no turn began: a client that gave up before it said anything leaves such.
///
/// A session that is written between two lists comes to the front, and may be met twice. One that is gone when a list is to go
/// on after it ends the list.
pub fn list(codex_home: &Path, wanted: &SessionsWanted<'_>) -> (Vec<Listed>, Option<String>) {
    let mut journals = journals(codex_home);
    journals.sort_by(|a, b| b.cmp(a));
    let from = match wanted.after {
        None => 0,
        Some(id) => {
            let at = journals.iter().position(|(_, path)| name::id_of(path) == Some(id));
            at.map_or(journals.len(), |at| at + 1)
        }
    };
    let mut found: Vec<Listed> = journals
        .drain(from..)
        .filter_map(|(updated_at, path)| describe(path, updated_at))
        .filter_map(|(listed, begun)| begun.then_some(listed))
        .filter(|listed| wanted.takes(listed))
        .take(wanted.limit.saturating_add(1))
        .collect();
    let more = found.len() > wanted.limit;
    found.truncate(wanted.limit);
    let next = found.last().filter(|_| more).map(|last| last.header.thread_id.clone());
    (found, next)
}

/// All files below `sessions/` that are named as journals are, with the time each was last written.
pub(crate) fn journals(codex_home: &Path) -> Vec<(SystemTime, PathBuf)> {
    let mut found = Vec::new();
    let mut directories = vec![(codex_home.join("sessions"), 0)];
    while let Some((directory, depth)) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < 3 {
                directories.push((entry.path(), depth + 1));
            } else if kind.is_file() && name::id_of(&entry.path()).is_some() {
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                found.push((written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
    }
    found
}

/// What the journal says, and whether a turn began in it.
fn describe(path: PathBuf, updated_at: SystemTime) -> Option<(Listed, bool)> {
    let file = File::open(&path).ok()?;
    // Longer than what is read: a turn made it so.
    let mut begun = file.metadata().ok()?.len() > BEGINNING;
    let mut lines = BufReader::new(file.take(BEGINNING)).lines();
    let first: Line = serde_json::from_str(&lines.next()?.ok()?).ok()?;
    let Record::Header(header) = first.record else { return None };
    // `Journal::open` would refuse it.
    if name::id_of(&path) != Some(header.thread_id.as_str()) {
        return None;
    }
    let lines = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str::<Line>(&line).ok());
    let records = lines.map(|line| line.record);
    let preview = preview(records.inspect(|record| begun |= matches!(record, Record::TurnStarted { .. })));
    Some((Listed { path, header, created_at_ms: first.at, updated_at, preview }, begun))
}

#[cfg(test)]
mod tests {
    use codex_history::Message;

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
    fn sessions_are_found_by_id_and_prefix() {
        let home = tempfile::tempdir().unwrap();
        let ids = ["0000aaaa-1", "0000aaaa-12", "0000AAAB-2", "short"];
        let paths: Vec<PathBuf> = ids.iter().map(|id| session(home.path(), id, "/", "x")).collect();
        std::fs::write(home.path().join("sessions/2026-notes.jsonl"), "not a journal").unwrap();
        let table = [
            ("0000aaaa-1", Ok(0)),
            ("0000aaaa-12", Ok(1)),
            ("0000AAAA-12", Ok(1)),
            ("0000aaab", Ok(2)),
            ("0000aaab-", Ok(2)),
            ("short", Ok(3)),
            ("0000aaaa", Err("several")),
            ("0000aaa", Err("no session")),
            ("0000aab", Err("no session")),
            ("shor", Err("no session")),
            ("s", Err("no session")),
            ("", Err("no session")),
            ("0000aaaaä", Err("no session")),
            ("zzzzzzzz", Err("no session")),
        ];
        for (id, expected) in table {
            match (find(home.path(), id), expected) {
                (Ok(path), Ok(at)) => assert_eq!(path, paths[at], "{id}"),
                (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{id}: {error}"),
                (found, _) => panic!("{id}: {found:?}"),
            }
        }
    }

    #[test]
    fn sessions_are_listed_the_last_written_first() {
        let home = tempfile::tempdir().unwrap();
        let one = session(home.path(), "aaa-1", "/one", "first\n  words");
        let two = session(home.path(), "aab-2", "/two", "other");
        // Begun long ago, and written before all others.
        let text = std::fs::read_to_string(&one).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        let mut first: Line = serde_json::from_str(first).unwrap();
        first.at = 1234;
        std::fs::write(&one, format!("{}\n{rest}", serde_json::to_string(&first).unwrap())).unwrap();
        let times = std::fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        File::open(&one).unwrap().set_times(times).unwrap();
        // What says it is another session is none.
        std::fs::copy(&two, two.with_file_name("2026-01-02T03-04-05-other.jsonl")).unwrap();

        // Nothing was said in this one, so there is nothing to go on with.
        let header = Header { thread_id: "aac-3".into(), ..look(two.clone()).unwrap().header };
        Journal::create(home.path(), header).unwrap();

        let paths = |cwd: Option<&str>, limit| -> Vec<PathBuf> {
            let wanted = SessionsWanted { cwd: cwd.map(Path::new), limit, ..SessionsWanted::default() };
            list(home.path(), &wanted).0.into_iter().map(|listed| listed.path).collect()
        };
        assert_eq!(paths(None, 9), [two.clone(), one.clone()]);
        assert_eq!(paths(None, 1), [two]);
        assert_eq!(paths(Some("/one"), 1), [one]);
        assert!(paths(Some("/three"), 1).is_empty());
        let of_one = SessionsWanted { cwd: Some(Path::new("/one")), limit: 1, ..SessionsWanted::default() };
        let listed = list(home.path(), &of_one).0.pop().unwrap();
        assert_eq!((listed.created_at_ms, listed.preview.as_str()), (1234, "first words"));
    }

    #[test]
    fn sessions_are_searched_and_listed_page_by_page() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..5 {
            let said = if number % 2 == 0 { "Mend the Ärger" } else { "other" };
            session(home.path(), &format!("id{number}"), &format!("/work/Project{number}"), said);
        }
        let ids = |wanted: &SessionsWanted<'_>| -> (Vec<String>, Option<String>) {
            let (listed, next) = list(home.path(), wanted);
            (listed.into_iter().map(|listed| listed.header.thread_id).collect(), next)
        };
        let everything = SessionsWanted { limit: 9, ..SessionsWanted::default() };
        let (all, next) = ids(&everything);
        assert_eq!((all.len(), next), (5, None));
        for (term, count) in [("mend", 3), ("ärger", 3), ("OTHER", 2), ("id3", 1), ("project4", 1), ("none", 0)] {
            assert_eq!(ids(&SessionsWanted { term, ..everything }).0.len(), count, "{term}");
        }
        for limit in 1..6 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let wanted = SessionsWanted { limit, after: after.as_deref(), ..everything };
                let (page, next) = ids(&wanted);
                assert!(page.len() <= limit && !page.is_empty());
                seen.extend(page);
                let Some(next) = next else { break };
                after = Some(next);
            }
            assert_eq!(seen, all, "{limit} a page");
        }
        assert_eq!(ids(&SessionsWanted { after: Some("gone"), ..everything }), (vec![], None));
    }
}
