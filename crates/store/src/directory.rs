//! Where sessions lie, which there are, and the one that is meant. Reads only.

use std::{
    collections::HashSet,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Header, StoreError, describe::Facts, index::Index, name, rollout};

/// A session found on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its journal.
    pub path: PathBuf,
    /// Whether it was laid aside.
    pub archived: bool,
    /// When it was last written.
    pub updated_at: SystemTime,
    /// How long its journal is, in bytes.
    pub size: u64,
    /// What its journal says.
    pub facts: Facts,
}

impl Listed {
    /// The first line of its journal.
    pub fn header(&self) -> &Header {
        &self.facts.header
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.facts.header.thread_id
    }
}

/// A file that is named as a journal is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) archived: bool,
    pub(crate) updated_at: SystemTime,
    pub(crate) size: u64,
    /// Seconds and nanoseconds of the last write, and the file's number.
    pub(crate) stamp: (i64, i64, u64),
}

/// Sessions lie here, by day.
const SESSIONS: &str = "sessions";
/// Those that were laid aside lie here.
const ARCHIVED: &str = "archived_sessions";
/// How much of an id must be given for the rest to be found, in characters.
const SHORTEST: usize = 8;

/// The journal of the session that `wanted` says: its id, its name, or the beginning of its id if that has 8 characters
/// or more. Upper and lower case are the same. Those that were laid aside are found as well.
///
/// # Errors
/// When there is none, or several are meant so.
pub fn find(codex_home: &Path, wanted: &str) -> Result<PathBuf, StoreError> {
    let found = walk(codex_home);
    let matching = |matches: &dyn Fn(&str) -> bool| -> Vec<&Found> {
        found.iter().filter(|file| name::id_of(&file.path).is_some_and(matches)).collect()
    };
    let exact = matching(&|id| id.eq_ignore_ascii_case(wanted));
    if let Some(path) = one(codex_home, wanted, &exact)? {
        return Ok(path);
    }
    let named = named(codex_home, wanted, &found);
    if let Some(path) = one(codex_home, wanted, &named)? {
        return Ok(path);
    }
    if wanted.len() < SHORTEST {
        return Err(StoreError::NotFound(wanted.to_owned()));
    }
    let begins = matching(&|id| id.get(..wanted.len()).is_some_and(|head| head.eq_ignore_ascii_case(wanted)));
    one(codex_home, wanted, &begins)?.ok_or_else(|| StoreError::NotFound(wanted.to_owned()))
}

/// As [`find`], for a session whose journal is to be read. One that the Codex CLI kept gets one, and stays as it is.
///
/// # Errors
/// As [`find`], and when a journal cannot be made.
pub fn find_journal(codex_home: &Path, wanted: &str) -> Result<PathBuf, StoreError> {
    taken_over(&find(codex_home, wanted)?)
}

/// The journal `path`, or the one that is made of it if the Codex CLI kept it.
pub(crate) fn taken_over(path: &Path) -> Result<PathBuf, StoreError> {
    if name::is_rollout(path) { rollout::take_over(path) } else { Ok(path.to_owned()) }
}

/// As [`find_journal`], for a session that is to be gone on with.
///
/// # Errors
/// As [`find_journal`], and when it was laid aside.
pub fn find_current(codex_home: &Path, wanted: &str) -> Result<PathBuf, StoreError> {
    let path = find_journal(codex_home, wanted)?;
    match path.starts_with(codex_home.join(ARCHIVED)) {
        true => Err(StoreError::Archived(name::id_of(&path).unwrap_or_default().to_owned())),
        false => Ok(path),
    }
}

/// The journal of the session with exactly this id. No journal is read for it.
pub(crate) fn with_id(codex_home: &Path, id: &str) -> Option<PathBuf> {
    walk(codex_home).into_iter().map(|file| file.path).find(|path| name::id_of(path) == Some(id))
}

/// The files of the sessions whose name is `wanted`.
fn named<'found>(codex_home: &Path, wanted: &str, found: &'found [Found]) -> Vec<&'found Found> {
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut index = Index::open(codex_home);
    let is_named = |facts: Facts| facts.name.is_some_and(|name| name.to_lowercase() == wanted);
    let named = found.iter().filter(|file| index.facts(file).is_some_and(is_named)).collect();
    index.keep(found);
    named
}

/// The one of `found`, if there is one.
fn one(codex_home: &Path, wanted: &str, found: &[&Found]) -> Result<Option<PathBuf>, StoreError> {
    match found {
        [] => Ok(None),
        [file] => Ok(Some(file.path.clone())),
        several => {
            let mut index = Index::open(codex_home);
            let sessions = several.iter().map(|file| {
                let id = name::id_of(&file.path).unwrap_or_default();
                let facts = index.facts(file);
                let said = facts.map(|facts| facts.name.unwrap_or(facts.preview)).unwrap_or_default();
                format!("{id} {said}").trim_end().to_owned()
            });
            let sessions = sessions.collect();
            Err(StoreError::Ambiguous { wanted: wanted.to_owned(), sessions })
        }
    }
}

/// What is known of the session in the journal `path` without opening it for writing; `None` if it cannot be read.
pub fn look(codex_home: &Path, path: &Path) -> Option<Listed> {
    let file = found(path.to_owned(), path.starts_with(codex_home.join(ARCHIVED)))?;
    let mut index = Index::open(codex_home);
    let facts = index.facts(&file)?;
    index.keep_known();
    Some(listed(file, facts))
}

/// Which sessions are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionsWanted<'a> {
    /// Only those of this directory.
    pub cwd: Option<&'a Path>,
    /// Only those with this in their name, preview, id or directory; upper and lower case are the same.
    pub term: &'a str,
    /// Those after the session with this id, as an earlier list named it.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
    /// Those that were laid aside, and no others.
    pub archived: bool,
}

impl SessionsWanted<'_> {
    fn takes(&self, facts: &Facts) -> bool {
        let Header { thread_id, cwd, parent, .. } = &facts.header;
        let term = self.term.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&term);
        let [name, title] = [&facts.name, &facts.title].map(|called| called.as_deref().unwrap_or_default());
        // What a sub-agent did belongs to the session that it worked for.
        facts.begun
            && parent.is_none()
            && self.cwd.is_none_or(|wanted| cwd == wanted)
            && (term.is_empty()
                || [name, title, &facts.preview, thread_id, &cwd.to_string_lossy()].into_iter().any(has))
    }
}

/// Sessions, the last written first, and after which one the next list goes on; those that cannot be read are left out,
/// and those in which no turn began: a client that gave up before it said anything leaves such.
///
/// A session that is written between two lists comes to the front, and may be met twice. One that is gone when a list is to go
/// on after it ends the list.
pub fn list(codex_home: &Path, wanted: &SessionsWanted<'_>) -> (Vec<Listed>, Option<String>) {
    let all = walk(codex_home);
    let mut index = Index::open(codex_home);
    let mut sessions = newest_first(&all, wanted.archived);
    if let Some(id) = wanted.after {
        let at = sessions.iter().position(|file| name::id_of(&file.path) == Some(id));
        sessions.drain(..at.map_or(sessions.len(), |at| at + 1));
    }
    let mut found: Vec<Listed> = sessions
        .into_iter()
        .filter_map(|file| Some((file, index.facts(file)?)))
        .filter(|(_, facts)| wanted.takes(facts))
        .take(wanted.limit.saturating_add(1))
        .map(|(file, facts)| listed(file.clone(), facts))
        .collect();
    index.keep(&all);
    let more = found.len() > wanted.limit;
    found.truncate(wanted.limit);
    let next = found.last().filter(|_| more).map(|last| last.id().to_owned());
    (found, next)
}

/// Every session that can be read, laid aside or not.
pub(crate) fn everything(codex_home: &Path) -> Vec<Listed> {
    let all = walk(codex_home);
    let mut index = Index::open(codex_home);
    let sessions = all.iter().filter_map(|file| Some(listed(file.clone(), index.facts(file)?))).collect();
    index.keep(&all);
    sessions
}

pub(crate) fn newest_first(all: &[Found], archived: bool) -> Vec<&Found> {
    let mut sessions: Vec<&Found> = all.iter().filter(|file| file.archived == archived).collect();
    sessions.sort_by(|a, b| (b.updated_at, &b.path).cmp(&(a.updated_at, &a.path)));
    sessions
}

pub(crate) fn listed(file: Found, facts: Facts) -> Listed {
    let Found { path, archived, updated_at, size, .. } = file;
    Listed { path, archived, updated_at, size, facts }
}

/// The files of all sessions, one each.
pub(crate) fn walk(codex_home: &Path) -> Vec<Found> {
    without_taken_over(files(codex_home))
}

/// The files that the Codex CLI kept of the session with this id.
pub(crate) fn rollouts(codex_home: &Path, id: &str) -> impl Iterator<Item = PathBuf> {
    let files = files(codex_home).into_iter().map(|file| file.path);
    files.filter(move |path| name::is_rollout(path) && name::id_of(path) == Some(id))
}

/// The ids of the sessions that the Codex CLI kept.
pub(crate) fn ids_of_rollouts(codex_home: &Path) -> HashSet<String> {
    let files = files(codex_home).into_iter().map(|file| file.path);
    files.filter(|path| name::is_rollout(path)).filter_map(|path| name::id_of(&path).map(str::to_owned)).collect()
}

/// All files that are named as those of sessions are.
fn files(codex_home: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, archived) in [(SESSIONS, false), (ARCHIVED, true)] {
        let mut directories = vec![(codex_home.join(place), 0)];
        while let Some((directory, depth)) = directories.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && depth < 3 {
                    directories.push((entry.path(), depth + 1));
                } else if kind.is_file() && name::id_of(&entry.path()).is_some() {
                    found.extend(self::found(entry.path(), archived));
                }
            }
        }
    }
    found
}

/// Of a session that was taken over from the Codex CLI, our journal is the one that counts.
fn without_taken_over(mut found: Vec<Found>) -> Vec<Found> {
    if found.iter().any(|file| name::is_rollout(&file.path)) {
        let ours = found.iter().filter(|file| !name::is_rollout(&file.path));
        let ours: HashSet<String> = ours.filter_map(|file| name::id_of(&file.path).map(str::to_owned)).collect();
        let is_taken = |file: &Found| name::id_of(&file.path).is_some_and(|id| ours.contains(id));
        found.retain(|file| !name::is_rollout(&file.path) || !is_taken(file));
    }
    found
}

fn found(path: PathBuf, archived: bool) -> Option<Found> {
    let metadata = path.symlink_metadata().ok()?;
    let updated_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let stamp = (metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
    Some(Found { path, archived, updated_at, size: metadata.len(), stamp })
}

/// Where the journal `path` lies when it is laid aside, and when it is not.
pub(crate) fn places(codex_home: &Path, path: &Path) -> Option<(PathBuf, PathBuf)> {
    let file = path.file_name()?;
    let day = name::day_of(path)?.replace('-', "/");
    Some((codex_home.join(ARCHIVED).join(file), codex_home.join(SESSIONS).join(day).join(file)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::{
        Journal, Line, archive, rename,
        testing::{header, session},
    };

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
            ("0000aaaa", Err("several sessions; give more of the id:\n  0000aaaa-1")),
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
        Journal::create(home.path(), header("aac-3", "/one")).unwrap();

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
        assert_eq!((listed.facts.created_at_ms, listed.facts.preview.as_str()), (1234, "first words"));
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
            (listed.iter().map(|listed| listed.id().to_owned()).collect(), next)
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

    #[test]
    fn sessions_are_found_by_name_whatever_else_they_are() {
        let home = tempfile::tempdir().unwrap();
        let ids = ["0000aaaa-1", "0000bbbb-2", "0000cccc-3", "0000dddd-4"];
        let paths: Vec<PathBuf> = ids.iter().map(|id| session(home.path(), id, "/", "x")).collect();
        for (path, name) in
            [(0, "The parser"), (1, "0000cccc"), (2, "twice"), (3, "first"), (3, "Twice"), (0, "parser")]
        {
            rename(&paths[path], Some(name.into())).unwrap();
        }
        let aside = archive(home.path(), &paths[0], true).unwrap();
        let table = [
            ("PARSER", Ok(&aside)),
            (" parser ", Ok(&aside)),
            ("0000aaaa", Ok(&aside)),
            // A name counts for more than the beginning of an id, and a whole id for more than a name.
            ("0000cccc", Ok(&paths[1])),
            ("0000cccc-3", Ok(&paths[2])),
            ("twice", Err("several sessions; give more of the id:\n  0000")),
            ("first", Err("no session")),
            ("The parser", Err("no session")),
            ("pars", Err("no session")),
        ];
        for (wanted, expected) in table {
            if expected == Ok(&aside) {
                let error = find_current(home.path(), wanted).unwrap_err().to_string();
                assert!(error.contains("session 0000aaaa-1 is laid aside"), "{wanted}: {error}");
            }
            match (find(home.path(), wanted), expected) {
                (Ok(path), Ok(expected)) => assert_eq!(path, *expected, "{wanted}"),
                (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{wanted}: {error}"),
                (found, _) => panic!("{wanted}: {found:?}"),
            }
        }
        let listed = |archived| {
            let wanted = SessionsWanted { limit: 9, archived, ..SessionsWanted::default() };
            list(home.path(), &wanted).0.into_iter().map(|listed| listed.facts.name).collect::<Vec<_>>()
        };
        assert_eq!(listed(true), [Some("parser".to_owned())]);
        assert_eq!(listed(false).len(), 3);
    }
}
