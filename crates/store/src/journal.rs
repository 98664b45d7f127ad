//! The journal's writer: one file, appended to, one `write(2)` a line, locked for as long as it is open.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::{FORMAT, Header, Line, Record, StoreError};

/// An open journal. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Journal {
    /// `None`: an ephemeral session, which counts its records and keeps none.
    file: Option<File>,
    path: PathBuf,
    next_seq: u64,
    length: u64,
}

#[derive(Serialize)]
struct LineRef<'a> {
    seq: u64,
    at: i64,
    #[serde(flatten)]
    record: &'a Record,
}

impl Journal {
    /// Makes the journal of a new session below `codex_home` and writes its header.
    ///
    /// # Errors
    /// When the directory or file cannot be made.
    pub fn create(codex_home: &Path, header: Header) -> Result<Self, StoreError> {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let directory = codex_home.join("sessions").join(now.strftime("%Y/%m/%d").to_string());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(StoreError::io("make", &directory))?;
        let name = format!("{}-{}.jsonl", now.strftime("%Y-%m-%dT%H-%M-%S"), header.thread_id);
        let path = directory.join(name);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io("make", &path))?;
        lock(&file, &path)?;
        let mut journal = Self { file: Some(file), path, next_seq: 0, length: 0 };
        journal.append(&Record::Header(header))?;
        Ok(journal)
    }

    /// A journal that keeps nothing: for sessions that shall leave no trace.
    pub fn ephemeral() -> Self {
        Self { file: None, path: PathBuf::new(), next_seq: 1, length: 0 }
    }

    /// Opens a journal to go on with it. A torn last line is cut off.
    ///
    /// Returns the journal, its lines, and how many lines in the middle could not be read and were passed over.
    ///
    /// # Errors
    /// When it is open elsewhere, cannot be read, or is not a journal of this version.
    pub fn open(path: &Path) -> Result<(Self, Vec<Line>, usize), StoreError> {
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(StoreError::io("open", path))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(StoreError::io("mend", path))?;
        }
        let (lines, unreadable) = parse(&bytes[..whole]);
        check_header(path, &lines)?;
        let next_seq = lines.last().map_or(0, |line| line.seq + 1);
        Ok((Self { file: Some(file), path: path.to_owned(), next_seq, length: whole as u64 }, lines, unreadable))
    }

    /// Appends a record and returns its ordinal. When it returns, the kernel has the line: the death of this process
    /// loses nothing (a crash of the machine may, until [`Journal::sync_handle`] was used).
    ///
    /// # Errors
    /// When the line could not be written whole; the file is then as it was before.
    pub fn append(&mut self, record: &Record) -> Result<u64, StoreError> {
        let seq = self.next_seq;
        if let Some(file) = &mut self.file {
            let line = LineRef { seq, at: jiff::Timestamp::now().as_millisecond(), record };
            let mut bytes = serde_json::to_vec(&line)
                .map_err(|error| StoreError::io("write", &self.path)(std::io::Error::other(error)))?;
            bytes.push(b'\n');
            if let Err(error) = file.write_all(&bytes) {
                // Half a line would make the next one unreadable.
                let _ = file.set_len(self.length);
                return Err(StoreError::io("write", &self.path)(error));
            }
            self.length += bytes.len() as u64;
        }
        self.next_seq += 1;
        Ok(seq)
    }

    /// Ordinal of the last record.
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// The journal's file, absolute; `None` for an ephemeral session.
    pub fn path(&self) -> Option<&Path> {
        self.file.is_some().then_some(self.path.as_path())
    }

    /// A second handle to the file, for `fdatasync(2)` on another thread.
    pub fn sync_handle(&self) -> Option<File> {
        self.file.as_ref().and_then(|file| file.try_clone().ok())
    }
}

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(error) => Err(StoreError::io("lock", path)(error.into())),
    }
}

/// The readable lines, and how many others there are.
pub(crate) fn parse(bytes: &[u8]) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    let mut unreadable = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => lines.push(line),
            Err(_) => unreadable += 1,
        }
    }
    (lines, unreadable)
}

fn check_header(path: &Path, lines: &[Line]) -> Result<(), StoreError> {
    let unreadable = |reason: String| Err(StoreError::Unreadable { path: path.to_owned(), reason });
    match lines.first().map(|line| &line.record) {
        Some(Record::Header(header)) if header.format <= FORMAT => Ok(()),
        Some(Record::Header(header)) => unreadable(format!(
            "it has format {}, this version reads up to {FORMAT}; use the newer version that wrote it",
            header.format
        )),
        _ => unreadable("its first line is not a header".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_history::Message;

    fn header() -> Header {
        Header {
            format: FORMAT,
            thread_id: "t".into(),
            program_version: "0".into(),
            cwd: "/w".into(),
            source: "exec".into(),
            thread_source: None,
            forked_from: None,
        }
    }

    fn message(text: &str) -> Record {
        Record::Message { message: Message::user(text) }
    }

    #[test]
    fn what_is_appended_is_read_back_in_order() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(home.path(), header()).unwrap();
        assert_eq!(journal.append(&message("a")).unwrap(), 1);
        assert_eq!(journal.append(&message("b")).unwrap(), 2);
        let path = journal.path().unwrap().to_owned();
        drop(journal);
        let (mut journal, lines, unreadable) = Journal::open(&path).unwrap();
        assert_eq!(unreadable, 0);
        let read: Vec<_> = lines.iter().map(|line| (line.seq, &line.record)).collect();
        assert_eq!(read, [(0, &Record::Header(header())), (1, &message("a")), (2, &message("b"))]);
        assert_eq!(journal.append(&message("c")).unwrap(), 3);
    }

    #[test]
    fn a_file_cut_at_any_byte_is_read_up_to_its_last_whole_line() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(home.path(), header()).unwrap();
        let first_line = journal.length;
        journal.append(&message("ä")).unwrap();
        journal.append(&message("b")).unwrap();
        let path = journal.path().unwrap().to_owned();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in first_line as usize..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, lines, unreadable) = Journal::open(&path).unwrap();
            assert_eq!(unreadable, 0, "cut at {cut}");
            let expected = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines.len(), expected, "cut at {cut}");
            journal.append(&message("next")).unwrap();
            drop(journal);
            let (_journal, lines, unreadable) = Journal::open(&path).unwrap();
            assert_eq!((lines.len(), unreadable), (expected + 1, 0), "cut at {cut}");
        }
    }

    #[test]
    fn a_second_writer_is_told() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::create(home.path(), header()).unwrap();
        let path = journal.path().unwrap().to_owned();
        assert!(matches!(Journal::open(&path), Err(StoreError::Locked { .. })));
        drop(journal);
        assert!(Journal::open(&path).is_ok());
    }

    #[test]
    fn what_is_not_a_journal_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.jsonl");
        let newer = serde_json::to_string(&Line { seq: 0, at: 0, record: Record::Header(header()) })
            .unwrap()
            .replace("\"format\":1", "\"format\":99");
        for (text, expected) in [("", "not a header"), ("{}\n", "not a header"), (&format!("{newer}\n"), "format 99")] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
