//! Shared history: a fork is a journal whose beginning lies in others. Reads only.
//!
//! A fork's header says which line of which journal it goes on from. That line is always one that the named journal
//! wrote itself, so that a fork of a fork that goes back beyond its own beginning does not need what lies between.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{ForkedFrom, Header, Line, Record, StoreError, directory::with_id, items, long::each};

/// Journals lie below directories with these names.
const JOURNALS: [&str; 2] = ["sessions", "archived_sessions"];
/// How long a header may be, in bytes.
const HEADER: u64 = 64 << 10;
/// Most journals that one session goes back through.
const DEEPEST: usize = 100;

/// A journal, or the beginning of one that is shared.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    /// What counts of it, in bytes.
    length: u64,
}

/// The journals of a session as one text: what it shares with those it comes from, oldest first, then its own.
#[derive(Debug)]
pub(crate) struct Joined {
    parts: Vec<Part>,
}

impl Part {
    /// All that is in the journal `path` now, which is open as `file`.
    pub(crate) fn whole(path: &Path, file: &File) -> Result<Self, StoreError> {
        let failed = || StoreError::io("read", path);
        let length = file.metadata().map_err(failed())?.len();
        Ok(Self { path: path.to_owned(), file: file.try_clone().map_err(failed())?, length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What counts of it, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads what counts of it, from the place `at` on.
    pub(crate) fn reader(&self, at: u64) -> PartReader<'_> {
        PartReader { part: self, at }
    }

    /// Fills `bytes` from the place `at` on.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }

    /// Whose it is.
    fn thread_id(&self) -> Result<String, StoreError> {
        match self.first().map(|line| line.record) {
            Some(Record::Header(header)) => Ok(header.thread_id),
            _ => Err(unreadable_because(&self.path, "its first line is not a header".into())),
        }
    }

    /// Its first line, if that can be read.
    pub(crate) fn first(&self) -> Option<Line> {
        first(&self.file)
    }
}

/// Reads a journal.
#[derive(Debug)]
pub(crate) struct PartReader<'part> {
    part: &'part Part,
    at: u64,
}

impl Read for PartReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.part.length.saturating_sub(self.at)).unwrap_or(usize::MAX).min(bytes.len());
        let read = self.part.file.read_at(&mut bytes[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Joined {
    /// Opens the journal `path` and all that it goes on from.
    ///
    /// # Errors
    /// When one of them cannot be read, is gone, or is shorter than when it was forked.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let length = file.metadata().map_err(StoreError::io("read", path))?.len();
        let header = header(&file);
        let own = Part { path: path.to_owned(), file, length };
        let mut parts = inherited(path, header.and_then(|header| header.forked_from))?;
        parts.push(own);
        Ok(Self { parts })
    }

    /// The journal `path` alone, without what it shares.
    pub(crate) fn own(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { parts: vec![Part { path: path.to_owned(), file, length }] })
    }

    /// How long the text is, in bytes. What is being written may end in half a line.
    pub(crate) fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.length).sum()
    }

    /// Fills `bytes` from the place `at` on.
    pub(crate) fn read_exact_at(&self, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
        for part in &self.parts {
            if at >= part.length {
                at -= part.length;
                continue;
            }
            let here = usize::try_from(part.length - at).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at_mut(here);
            part.file.read_exact_at(now, at)?;
            (bytes, at) = (rest, 0);
            if bytes.is_empty() {
                break;
            }
        }
        if bytes.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads from the place `at` on.
    pub(crate) fn reader(&self, at: u64) -> Reader<'_> {
        Reader { joined: self, at, end: self.len() }
    }
}

/// Reads what is joined.
#[derive(Debug)]
pub(crate) struct Reader<'joined> {
    joined: &'joined Joined,
    at: u64,
    end: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(bytes.len());
        self.joined.read_exact_at(&mut bytes[..left], self.at)?;
        self.at += left as u64;
        Ok(left)
    }
}

/// Where a fork of the session in the journal `path` begins that goes on from the end of the turn `last_turn`; without
/// one, from the last whole line. Another process, or this one, may be writing the journal; it stays as it is.
///
/// # Errors
/// When the session has no such turn; when a journal cannot be read, one that it goes on from is gone, or is shorter
/// than when it was forked.
pub fn fork_at(path: &Path, last_turn: Option<&str>) -> Result<ForkedFrom, StoreError> {
    let joined = Joined::open(path)?;
    let place = match last_turn {
        Some(wanted) => {
            let end = end_of_turn(&joined, wanted)?;
            end.ok_or_else(|| StoreError::NoTurn { session: path.to_owned(), turn: wanted.to_owned() })?
        }
        None => last_line(&joined)?,
    };
    let Place { part, seq, bytes } = place;
    Ok(ForkedFrom { thread_id: joined.parts[part].thread_id()?, seq, bytes })
}

/// A line of a session.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The number of its journal.
    part: usize,
    seq: u64,
    /// Where it ends there.
    bytes: u64,
}

/// The last line that the session's own journal wrote, or where it goes on from if it wrote none.
fn last_line(joined: &Joined) -> Result<Place, StoreError> {
    let part = joined.parts.len() - 1;
    let path = joined.parts[part].path();
    let read = |line: &[u8]| serde_json::from_slice::<Line>(line).ok();
    let (bytes, last) = items::last_line(path, read).map_err(StoreError::io("read", path))?;
    let Some(Line { seq, record, .. }) = last else {
        return Err(unreadable_because(path, "there is nothing in it".into()));
    };
    Ok(match record {
        Record::Header(Header { forked_from: Some(from), .. }) => {
            Place { part: part.saturating_sub(1), seq: from.seq, bytes: from.bytes }
        }
        _ => Place { part, seq, bytes },
    })
}

/// The last line of a turn; of one that never ended, the last before another begins.
fn end_of_turn(joined: &Joined, wanted: &str) -> Result<Option<Place>, StoreError> {
    let (mut place, mut is_over) = (None, false);
    for (index, part) in joined.parts.iter().enumerate() {
        each(part.reader(0), part.path(), 0, |line, at| {
            let is_in_it = match &line.record {
                _ if is_over => false,
                Record::TurnEnded { turn_id, .. } if turn_id == wanted => {
                    is_over = true;
                    true
                }
                Record::TurnStarted { turn_id } if turn_id == wanted => true,
                Record::TurnStarted { .. } if place.is_some() => {
                    is_over = true;
                    false
                }
                // Of later journals the header is no part of the conversation.
                Record::Header(_) => false,
                _ => place.is_some(),
            };
            if is_in_it {
                place = Some(Place { part: index, seq: line.seq, bytes: at.end });
            }
            Ok(())
        })?;
    }
    Ok(place)
}

/// The journals that one goes on from, oldest first, each up to what is shared.
///
/// # Errors
/// When one of them cannot be read, is gone, or is shorter than when it was forked.
pub(crate) fn inherited(path: &Path, mut from: Option<ForkedFrom>) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    while let Some(ForkedFrom { thread_id, bytes, .. }) = from {
        let parent = with_id(codex_home(path), &thread_id).ok_or_else(|| {
            let reason = format!("it goes on from session `{thread_id}`, which is gone: put its file back");
            unreadable_because(path, reason)
        })?;
        let file = File::open(&parent).map_err(StoreError::io("open", &parent))?;
        let mut last = [0];
        let whole = bytes > 0 && file.read_exact_at(&mut last, bytes - 1).is_ok() && last == *b"\n";
        if !whole || parts.len() >= DEEPEST {
            let reason = format!("session `{thread_id}`, which it goes on from, is not what it was");
            return Err(unreadable_because(path, reason));
        }
        from = header(&file).and_then(|header| header.forked_from);
        parts.push(Part { path: parent, file, length: bytes });
    }
    parts.reverse();
    Ok(parts)
}

/// The directory below which the journal `path` lies with all others.
pub(crate) fn codex_home(path: &Path) -> &Path {
    let is_ours =
        |directory: &&Path| directory.file_name().is_some_and(|name| JOURNALS.iter().any(|ours| name == *ours));
    path.ancestors().find(is_ours).and_then(Path::parent).unwrap_or(path)
}

pub(crate) fn unreadable_because(path: &Path, reason: String) -> StoreError {
    StoreError::Unreadable { path: path.to_owned(), reason }
}

/// The header of a journal, if its first line is one.
pub(crate) fn header(file: &File) -> Option<Header> {
    match first(file)?.record {
        Record::Header(header) => Some(header),
        _ => None,
    }
}

/// The first line of a journal, if it can be read.
fn first(file: &File) -> Option<Line> {
    let mut bytes = vec![0; HEADER as usize];
    let mut length = 0;
    while let Ok(read @ 1..) = file.read_at(&mut bytes[length..], length as u64) {
        length += read;
        if bytes[..length].contains(&b'\n') {
            break;
        }
    }
    let end = bytes[..length].iter().position(|byte| *byte == b'\n')?;
    serde_json::from_slice(&bytes[..end]).ok()
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
