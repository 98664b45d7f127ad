//! The journal's writer: one file, appended to, one `write(2)` a line, locked for as long as it is open.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Error, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::{
    FORMAT, Header, Line, Record, Replayed, StoreError, Summaries,
    directory::with_id,
    items, name,
    reading::{self, Told},
};

/// An open journal. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Journal {
    /// `None`: an ephemeral session, which counts its records and keeps none.
    file: Option<File>,
    path: PathBuf,
    next_seq: u64,
    length: u64,
    /// Lines that were appended and are written with the next one that is not held.
    held: Vec<u8>,
    /// Whether lines are held.
    holds: bool,
    /// A line was written in part and could not be cut off: another one would become part of it.
    torn: bool,
    /// When whoever had it before wrote to it last; `None`: nobody did, or that is not known any more.
    left: Option<SystemTime>,
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
    /// When the directory or file cannot be made (then there is none), the thread's id is not
    /// `[0-9a-zA-Z-]{1,64}`, or the session that it goes on from is gone.
    pub fn create(codex_home: &Path, header: Header) -> Result<Self, StoreError> {
        name::check_id(codex_home, &header.thread_id)?;
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let directory = codex_home.join("sessions").join(now.strftime("%Y/%m/%d").to_string());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(StoreError::io("make", &directory))?;
        let path = directory.join(name::journal(&now, &header.thread_id));
        let _parent = header.forked_from.as_ref().map(|from| hold(codex_home, &from.thread_id)).transpose()?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io("make", &path))?;
        let begun = Self::begin(file, path.clone(), header);
        if begun.is_err() {
            // Without a header it is no session.
            let _ = std::fs::remove_file(&path);
        }
        begun
    }

    fn begin(file: File, path: PathBuf, header: Header) -> Result<Self, StoreError> {
        lock(&file, &path)?;
        let mut journal = Self {
            file: Some(file),
            path,
            next_seq: 0,
            length: 0,
            held: Vec::new(),
            holds: false,
            torn: false,
            left: None,
        };
        let inherited = header.forked_from.as_ref().map_or(0, |from| from.seq);
        journal.append(&Record::Header(header))?;
        journal.next_seq = inherited + 1;
        Ok(journal)
    }

    /// A journal that keeps nothing: for sessions that shall leave no trace.
    pub fn ephemeral() -> Self {
        Self {
            file: None,
            path: PathBuf::new(),
            next_seq: 1,
            length: 0,
            held: Vec::new(),
            holds: false,
            torn: false,
            left: None,
        }
    }

    /// Opens a journal to go on with it. A torn last line is cut off.
    ///
    /// Returns the journal, what it says together with what it shares with others, and how many lines in the middle could not
    /// be read and were passed over. No more of it is in memory at a time than goes on counting ([`Summaries::Stand`]).
    ///
    /// # Errors
    /// When it is open elsewhere, cannot be read, or is not a journal of this version and of the session in its name;
    /// it is then left as it is.
    pub fn open(path: &Path) -> Result<(Self, Replayed, usize), StoreError> {
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(StoreError::io("open", path))?;
        lock(&file, path)?;
        let left = left(path, &file);
        let Told { replayed, next_seq, unreadable, ends } = reading::told(path, &file, Summaries::Stand)?;
        if ends.whole < ends.length {
            file.set_len(ends.whole).map_err(StoreError::io("mend", path))?;
        }
        let (path, length) = (path.to_owned(), ends.whole);
        let (held, holds, torn) = (Vec::new(), false, false);
        let journal = Self { file: Some(file), path, next_seq, length, held, holds, torn, left };
        Ok((journal, replayed, unreadable))
    }

    /// Opens a journal to add something to it that does not depend on what it says. A torn last line is cut off.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub(crate) fn reopen(path: &Path) -> Result<Self, StoreError> {
        let mut first = String::new();
        let failed = || StoreError::io("read", path);
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(StoreError::io("open", path))?;
        lock(&file, path)?;
        BufReader::new(&file).read_line(&mut first).map_err(failed())?;
        let first = parse(first.as_bytes()).0;
        check_header(path, first.first())?;
        let inherited = match first.first().map(|line| &line.record) {
            Some(Record::Header(Header { forked_from: Some(from), .. })) => from.seq,
            _ => 0,
        };
        let (whole, last) =
            items::last_line(path, |line| serde_json::from_slice::<Line>(line).ok()).map_err(failed())?;
        if whole < file.metadata().map_err(failed())?.len() {
            file.set_len(whole).map_err(StoreError::io("mend", path))?;
        }
        let next_seq = last.map_or(0, |line| line.seq).max(inherited) + 1;
        let (path, length) = (path.to_owned(), whole);
        let (held, holds, torn) = (Vec::new(), false, false);
        Ok(Self { file: Some(file), path, next_seq, length, held, holds, torn, left: None })
    }

    /// Holds the lock of the journal `path` until the file is dropped.
    ///
    /// # Errors
    /// When it is open elsewhere, or there is none.
    pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        lock(&file, path)?;
        Ok(file)
    }

    /// Holds what is appended from now on (`true`), until something is appended that is not held: it is written then, before that.
    /// If nothing ever is, the file stays as it was. For what is said whenever a session is opened, and matters only if
    /// something happens in it.
    pub fn hold(&mut self, holds: bool) {
        self.holds = holds;
    }

    /// Appends a record and returns its ordinal. When it returns, the kernel has the line: the death of this process
    /// loses nothing (a crash of the machine may, until [`Journal::sync_handle`] was used).
    ///
    /// # Errors
    /// When the line could not be written whole; the file is then as it was before. If not even that could be had,
    /// nothing more is appended; [`Journal::open`] mends the file.
    pub fn append(&mut self, record: &Record) -> Result<u64, StoreError> {
        let seq = self.next_seq;
        if let Some(file) = &mut self.file {
            let failed = |error| StoreError::io("write", &self.path)(error);
            if self.torn {
                return Err(failed(Error::other("it ends in half a line; resume the session to mend it")));
            }
            let bytes = line(seq, jiff::Timestamp::now().as_millisecond(), record).map_err(failed)?;
            let before = self.held.len();
            self.held.extend(bytes);
            if !self.holds {
                #[cfg(debug_assertions)]
                crate::faults::before(file, &self.held);
                if let Err(error) = file.write_all(&self.held) {
                    // Half a line would make the next one unreadable.
                    self.torn = file.set_len(self.length).is_err();
                    self.held.truncate(before);
                    return Err(failed(error));
                }
                self.length += std::mem::take(&mut self.held).len() as u64;
            }
        }
        self.next_seq += 1;
        Ok(seq)
    }

    /// The journal's file, absolute; `None` for an ephemeral session.
    pub fn path(&self) -> Option<&Path> {
        self.file.is_some().then_some(self.path.as_path())
    }

    /// When whoever had it before wrote to it last, or showed that it was there; `None` if that is not known.
    pub fn left(&self) -> Option<SystemTime> {
        self.left
    }

    /// Shows that whoever has it is there, by its time. What fails says nothing.
    pub fn touch(&self) {
        if let Some(file) = &self.file {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// A second handle to the file, for `fdatasync(2)` on another thread.
    pub fn sync_handle(&self) -> Option<File> {
        self.file.as_ref().and_then(|file| file.try_clone().ok())
    }
}

/// When whoever had the journal wrote to it last.
fn left(path: &Path, file: &File) -> Option<SystemTime> {
    let (_, last) = items::last_line(path, |line| serde_json::from_slice::<Line>(line).ok()).ok()?;
    // A name may have been given long after.
    let is_known = !matches!(last?.record, Record::Renamed { .. });
    file.metadata().and_then(|file| file.modified()).ok().filter(|_| is_known)
}

/// A line as it stands in a journal, with its end.
pub(crate) fn line(seq: u64, at: i64, record: &Record) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(&LineRef { seq, at, record })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Keeps the session `id` from being deleted until what is returned is dropped. Whoever has it open does that too.
fn hold(codex_home: &Path, id: &str) -> Result<Option<File>, StoreError> {
    let path = with_id(codex_home, id).ok_or_else(|| StoreError::NotFound(id.to_owned()))?;
    match Journal::lock(&path) {
        Err(StoreError::Locked { .. }) => Ok(None),
        held => held.map(Some),
    }
}

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        // Whoever had it until now may have moved or deleted it.
        Ok(()) => match (file.metadata(), path.symlink_metadata()) {
            (Ok(held), Ok(there)) if (held.dev(), held.ino()) == (there.dev(), there.ino()) => Ok(()),
            (_, Err(error)) => Err(StoreError::io("open", path)(error)),
            _ => Err(StoreError::io("open", path)(Error::other("another file was put in its place"))),
        },
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked { path: path.to_owned(), holder: None }),
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

/// Whether the first line is a header of this version and of the session in the file's name.
pub(crate) fn check_header(path: &Path, first: Option<&Line>) -> Result<(), StoreError> {
    let unreadable = |reason: String| Err(StoreError::Unreadable { path: path.to_owned(), reason });
    match first.map(|line| &line.record) {
        Some(Record::Header(header)) if header.format > FORMAT => unreadable(format!(
            "it has format {}, this version reads up to {FORMAT}; use the newer version that wrote it",
            header.format
        )),
        Some(Record::Header(header)) if name::id_of(path) != Some(header.thread_id.as_str()) => {
            unreadable(format!("it says it is session `{}`, its name does not", header.thread_id.escape_debug()))
        }
        Some(Record::Header(_)) => Ok(()),
        _ => unreadable("its first line is not a header".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use codex_history::Message;

    use super::*;
    use crate::testing::opened;

    fn header() -> Header {
        crate::testing::header("t", "/w")
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
        let (mut journal, lines, unreadable) = opened(&path);
        assert_eq!(unreadable, 0);
        let read: Vec<_> = lines.iter().map(|line| (line.seq, &line.record)).collect();
        assert_eq!(read, [(0, &Record::Header(header())), (1, &message("a")), (2, &message("b"))]);
        assert_eq!(journal.append(&message("c")).unwrap(), 3);
    }

    #[test]
    fn what_is_held_is_written_with_the_next_line_or_never() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::create(home.path(), header()).unwrap().path().unwrap().to_owned();
        let before = std::fs::read(&path).unwrap();
        for goes_on in [false, true] {
            let mut journal = Journal::open(&path).unwrap().0;
            journal.hold(true);
            assert_eq!((journal.append(&message("a")).unwrap(), journal.append(&message("b")).unwrap()), (1, 2));
            journal.hold(false);
            assert_eq!(std::fs::read(&path).unwrap(), before);
            if goes_on {
                assert_eq!(journal.append(&message("c")).unwrap(), 3);
                assert_eq!(journal.append(&message("d")).unwrap(), 4);
            }
        }
        let (_, lines, unreadable) = opened(&path);
        let read: Vec<_> = lines.iter().skip(1).map(|line| (line.seq, line.record.clone())).collect();
        assert_eq!((unreadable, read), (0, (1..).zip(["a", "b", "c", "d"].map(message)).collect()));
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
            let (mut journal, lines, unreadable) = opened(&path);
            assert_eq!(unreadable, 0, "cut at {cut}");
            let expected = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines.len(), expected, "cut at {cut}");
            journal.append(&message("next")).unwrap();
            drop(journal);
            let (_journal, lines, unreadable) = opened(&path);
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
    fn what_was_moved_while_the_lock_was_waited_for_is_not_written() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::create(home.path(), header()).unwrap().path.clone();
        let file = File::open(&path).unwrap();
        std::fs::rename(&path, path.with_extension("away")).unwrap();
        assert!(lock(&file, &path).unwrap_err().to_string().contains("cannot open"));
        std::fs::write(&path, "").unwrap();
        assert!(lock(&file, &path).unwrap_err().to_string().contains("in its place"));
        assert!(lock(&file, &path.with_extension("away")).is_ok());
    }

    #[test]
    fn what_is_not_a_journal_is_named_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let line =
            |header| serde_json::to_string(&Line { seq: 0, at: 0, record: Record::Header(header) }).unwrap() + "\n";
        let named = "2026-01-02T03-04-05-t.jsonl";
        let table = [
            (named, String::new(), "not a header"),
            (named, "{}\n".into(), "not a header"),
            (named, "{}\nhalf".into(), "not a header"),
            (named, line(Header { format: 99, ..header() }), "format 99"),
            (named, line(Header { thread_id: "u".into(), ..header() }), "session `u`"),
            (named, line(Header { thread_id: "../../t".into(), ..header() }), "session `../../t`"),
            ("2026-01-02T03-04-05-...jsonl", line(Header { thread_id: "..".into(), ..header() }), "session `..`"),
            ("t.jsonl", line(header()), "its name does not"),
        ];
        for (name, text, expected) in table {
            let path = home.path().join(name);
            std::fs::write(&path, &text).unwrap();
            let error = Journal::open(&path).unwrap_err();
            assert!(matches!(error, StoreError::Unreadable { .. }), "{text:?}: {error}");
            assert!(error.to_string().contains(expected), "{text:?}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(home.path().join(named), line(header())).unwrap();
        assert!(Journal::open(&home.path().join(named)).is_ok());
    }

    #[test]
    fn a_journal_that_cannot_begin_leaves_no_file() {
        let home = tempfile::tempdir().unwrap();
        // JSON has no words for it.
        let cwd = PathBuf::from(OsStr::from_bytes(b"/\xff"));
        let error = Journal::create(home.path(), Header { cwd, ..header() }).unwrap_err();
        assert!(matches!(error, StoreError::Io { action: "write", .. }), "{error}");
        let StoreError::Io { path, .. } = error else { unreachable!() };
        assert!(path.parent().unwrap().is_dir() && !path.exists());
    }

    #[test]
    fn an_id_that_leads_elsewhere_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for id in ["", "../x", "x/y", "x.y"] {
            let error = Journal::create(home.path(), Header { thread_id: id.into(), ..header() }).unwrap_err();
            assert!(error.to_string().contains("cannot name a session in"), "{id}: {error}");
        }
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    /// A file with room for 96 bytes more, of which the first 4000 are whole lines.
    fn nearly_full() -> File {
        let flags = rustix::fs::MemfdFlags::ALLOW_SEALING | rustix::fs::MemfdFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::memfd_create("journal", flags).unwrap());
        file.write_all(&[b'\n'; 4000]).unwrap();
        file.set_len(4096).unwrap();
        rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::GROW).unwrap();
        file
    }

    #[test]
    fn half_a_line_is_cut_off_or_the_last() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(home.path(), header()).unwrap();
        let good = journal.file.take().unwrap();
        let length = journal.length;
        let big = message(&"x".repeat(8192));

        let full = nearly_full();
        journal.file = Some(full.try_clone().unwrap());
        journal.length = 4000;
        assert!(journal.append(&big).is_err());
        assert_eq!(full.metadata().unwrap().len(), 4000);
        journal.file = Some(good.try_clone().unwrap());
        journal.length = length;
        assert_eq!(journal.append(&message("a")).unwrap(), 1, "what was cut off counts for nothing");

        // Neither can it be written nor cut.
        journal.file = Some(OpenOptions::new().append(true).open("/dev/full").unwrap());
        assert!(journal.append(&message("b")).is_err());
        journal.file = Some(good);
        let error = journal.append(&message("c")).unwrap_err().to_string();
        assert!(error.contains("half a line"), "{error}");
        let path = journal.path.clone();
        drop(journal);
        let (mut journal, lines, unreadable) = opened(&path);
        assert_eq!((lines.len(), unreadable), (2, 0));
        assert_eq!(journal.append(&message("d")).unwrap(), 2);
    }
}
