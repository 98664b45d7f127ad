//! What the journals say, kept so that a list need not read them all again. It is a cache: whatever becomes of its file, no
//! answer is another one.
//!
//! The file has a line that says its format, and then one for each journal. A line counts for a journal of the same
//! path, size, number and time of the last write; every other journal is read.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File},
    io::{BufRead, BufReader, BufWriter, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    describe::{Described, Facts, describe, describe_more},
    directory::Found,
    name,
};

/// Version of the format, and of what a journal is asked. A file of another one counts for nothing.
const FORMAT: u32 = 4;
/// Where the file lies.
const FILE: &str = "cache/sessions.jsonl";
/// The file is written again when so many bytes of journals were read, or so many journals.
const MUCH: u64 = 1 << 20;
const MANY: usize = 32;

/// The index of a home.
#[derive(Debug)]
pub(crate) struct Index {
    codex_home: PathBuf,
    known: HashMap<PathBuf, Known>,
    /// Bytes that were read, and journals.
    read: u64,
    anew: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
}

/// What is known of a journal.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    /// Below the home.
    path: PathBuf,
    size: u64,
    stamp: (i64, i64, u64),
    /// Up to where it was read, in bytes: the end of a line.
    whole: u64,
    /// `None`: it is not readable. A line without it is none of this format.
    #[serde(deserialize_with = "Option::deserialize")]
    facts: Option<Facts>,
}

impl Index {
    /// The index of `codex_home`; empty if there is none that can be read.
    pub(crate) fn open(codex_home: &Path) -> Self {
        let known = read(&codex_home.join(FILE)).unwrap_or_default();
        Self { codex_home: codex_home.to_owned(), known, read: 0, anew: 0 }
    }

    /// What the journal `file` says; `None` if it cannot be read.
    pub(crate) fn facts(&mut self, file: &Found) -> Option<Facts> {
        let Ok(path) = file.path.strip_prefix(&self.codex_home) else {
            return describe(&file.path).map(|described| described.facts);
        };
        let known = self.known.get(path).filter(|known| (known.size, known.stamp) == (file.size, file.stamp));
        if let Some(known) = known {
            return known.facts.clone();
        }
        // A journal grows at its end; another file in its place has another number.
        let earlier = self.known.get(path).filter(|known| known.stamp.2 == file.stamp.2 && known.whole <= file.size);
        let described = match earlier {
            Some(Known { facts: Some(facts), whole, .. }) => describe_more(&file.path, facts, *whole),
            _ => describe(&file.path),
        };
        let (facts, whole, read) = match described {
            Some(Described { facts, whole, read }) => (Some(facts), whole, read),
            None => (None, 0, file.size),
        };
        let known = Known { path: path.to_owned(), size: file.size, stamp: file.stamp, whole, facts: facts.clone() };
        self.known.insert(path.to_owned(), known);
        self.read += read;
        self.anew += 1;
        facts
    }

    /// Writes it for the next time, if that saves much; of `all` journals that there are. That it cannot be written is
    /// no error.
    pub(crate) fn keep(mut self, all: &[Found]) {
        if !self.is_worth_it() {
            return;
        }
        let there: HashSet<&Path> =
            all.iter().filter_map(|file| file.path.strip_prefix(&self.codex_home).ok()).collect();
        self.known.retain(|path, _| there.contains(path.as_path()));
        let _ = self.write();
    }

    /// As [`Index::keep`], of all journals that are known.
    pub(crate) fn keep_known(self) {
        if self.is_worth_it() {
            let _ = self.write();
        }
    }

    fn is_worth_it(&self) -> bool {
        self.read >= MUCH || self.anew >= MANY
    }

    fn write(&self) -> std::io::Result<()> {
        let path = self.codex_home.join(FILE);
        let directory = path.parent().unwrap_or(&self.codex_home);
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
        serde_json::to_writer(&mut file, &Head { format: FORMAT })?;
        for known in self.known.values() {
            file.write_all(b"\n")?;
            serde_json::to_writer(&mut file, known)?;
        }
        file.write_all(b"\n")?;
        file.into_inner()?.persist(path)?;
        Ok(())
    }
}

fn read(path: &Path) -> Option<HashMap<PathBuf, Known>> {
    let mut lines = BufReader::new(File::open(path).ok()?).split(b'\n').map_while(Result::ok);
    let head: Head = serde_json::from_slice(&lines.next()?).ok()?;
    if head.format != FORMAT {
        return None;
    }
    let known = lines.filter_map(|line| serde_json::from_slice::<Known>(&line).ok());
    // A line that was put there for another session says nothing of this one.
    let own = |known: &Known| match &known.facts {
        Some(facts) => name::id_of(&known.path) == Some(facts.header.thread_id.as_str()),
        None => true,
    };
    Some(known.filter(own).map(|known| (known.path.clone(), known)).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        SessionsWanted, directory, list, rename,
        testing::{header, session},
    };

    /// What is listed, a word each.
    fn listed(home: &Path) -> Vec<String> {
        let wanted = SessionsWanted { limit: 999, ..SessionsWanted::default() };
        let word = |listed: crate::Listed| format!("{} {:?} {}", listed.id(), listed.facts.name, listed.facts.preview);
        let mut all: Vec<String> = list(home, &wanted).0.into_iter().map(word).collect();
        all.sort();
        all
    }

    #[test]
    fn no_answer_is_another_one_whatever_becomes_of_its_file() {
        let home = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..MANY)
            .map(|number| session(home.path(), &format!("id-{number}"), "/", &format!("said {number}")))
            .collect();
        let file = home.path().join(FILE);
        let right = listed(home.path());
        let kept = fs::read_to_string(&file).unwrap();
        assert_eq!(kept.lines().count(), MANY + 1);

        // It is believed: what a journal says is not looked at again as long as nothing shows that it was written.
        let wrong = kept.replace("said 3\"", "other\"");
        fs::write(&file, &wrong).unwrap();
        assert!(listed(home.path()).iter().any(|word| word.ends_with("other")));

        let line = |number: usize| kept.lines().find(|line| line.contains(&format!("id-{number}.jsonl"))).unwrap();
        let head = format!("{{\"format\":{FORMAT}}}\n");
        assert!(wrong.starts_with(&head));
        let broken = [
            String::new(),
            "\0\u{ff}".into(),
            "{".into(),
            wrong.replace(&head, "{\"format\":0}\n"),
            wrong.replace(&head, ""),
            kept[..kept.len() / 2].to_owned(),
            kept.replace("\"facts\"", "\"fact\""),
            // Of another session.
            kept.replace(line(3), &line(3).replace("\"threadId\":\"id-3\"", "\"threadId\":\"id-4\"")),
            // Of a journal that is gone.
            kept.replace("id-3.jsonl", "id-99.jsonl"),
        ];
        for text in broken {
            fs::write(&file, &text).unwrap();
            assert!(listed(home.path()) == right, "{text}");
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(listed(home.path()), right);

        // What was written since is read again.
        rename(&paths[3], Some("name".into())).unwrap();
        fs::remove_file(&paths[4]).unwrap();
        let mut right = right;
        right.retain(|word| !word.starts_with("id-4 "));
        let renamed = right.iter_mut().find(|word| word.starts_with("id-3 ")).unwrap();
        *renamed = renamed.replace("None", "Some(\"name\")");
        assert_eq!(listed(home.path()), right);
    }

    #[test]
    fn what_cannot_be_written_is_no_error() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..MANY {
            session(home.path(), &format!("id-{number}"), "/", "said");
        }
        fs::write(home.path().join("cache"), "a file where the directory would be").unwrap();
        assert_eq!(listed(home.path()).len(), MANY);
    }

    #[test]
    fn a_file_that_is_no_journal_is_not_read_again_either() {
        let home = tempfile::tempdir().unwrap();
        let path = session(home.path(), "id-1", "/", "said");
        fs::write(&path, serde_json::to_string(&header("id-1", "/")).unwrap()).unwrap();
        let found = directory::walk(home.path());
        let mut index = Index::open(home.path());
        assert_eq!((index.facts(&found[0]), index.anew), (None, 1));
        assert_eq!((index.facts(&found[0]), index.anew), (None, 1));
    }

    #[test]
    fn of_a_journal_that_has_grown_only_what_was_added_is_read() {
        use crate::{Journal, Record};
        let home = tempfile::tempdir().unwrap();
        let path = session(home.path(), "id-1", "/", "said");
        let mut index = Index::open(home.path());
        let facts = |index: &mut Index| {
            let before = index.read;
            let facts = index.facts(&directory::walk(home.path())[0]);
            assert_eq!(facts, describe(&path).map(|described| described.facts), "as if it were read anew");
            (facts.unwrap(), index.read - before)
        };
        let size = || path.metadata().unwrap().len();
        assert_eq!(facts(&mut index).1, size());
        let add = |record: Record| {
            let before = size();
            Journal::open(&path).unwrap().0.append(&record).unwrap();
            size() - before
        };
        let turn = |turn_id: &str| Record::TurnStarted { turn_id: turn_id.into() };
        let added = add(turn("2")) + add(Record::Renamed { name: Some("name".into()) });
        let (known, read) = facts(&mut index);
        assert_eq!((known.name.as_deref(), known.preview.as_str(), read), (Some("name"), "said", added));
        // Half a line is read again when it is a whole one.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{{\"seq\":9,\"type\":\"ren")).unwrap();
        facts(&mut index);
        let added = add(Record::Renamed { name: None });
        assert_eq!((facts(&mut index).0.name, added < size()), (None, true));
        // What was said first may be another thing now: all of it is read.
        add(Record::Reverted { before_turn_id: "1".into() });
        let (known, read) = facts(&mut index);
        assert_eq!((known.preview.as_str(), read), ("", size()));
    }
}
