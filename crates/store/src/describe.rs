//! What a journal says that a list of sessions shows. Reads it once, line by line, and holds no more of it than a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{Header, Line, Record, directory::with_id, lineage::codex_home, name, preview::Preview, rollout};

/// What a journal says of its session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its first line.
    pub header: Header,
    /// When it was begun, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// The first thing the user said, cut to a line; empty if nothing was.
    pub preview: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the model was asked to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether a turn began in it.
    pub begun: bool,
}

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;
/// How far into a line it says what it records, at most, in bytes.
const NEAR: u64 = 96;

/// What was read of a journal.
pub(crate) struct Described {
    pub(crate) facts: Facts,
    /// Up to where, in bytes: the end of a line.
    pub(crate) whole: u64,
    /// How much of it, in bytes.
    pub(crate) read: u64,
}

/// What the journal `path` says; `None` if it is none, or not that of the session in its name.
pub(crate) fn describe(path: &Path) -> Option<Described> {
    if name::is_rollout(path) {
        return rollout::describe(path).map(|facts| Described { facts, whole: 0, read: 0 });
    }
    let file = File::open(path).ok()?;
    let mut lines = Lines::new(&file, 0).ok()?;
    lines.next(|_| true).ok()?;
    let first: Line = serde_json::from_slice(&lines.line).ok()?;
    let Record::Header(header) = first.record else { return None };
    // `Journal::open` would refuse it.
    if name::id_of(path) != Some(header.thread_id.as_str()) {
        return None;
    }
    // What a fork shares has begun.
    let begun = header.forked_from.is_some();
    let mut facts = Facts { header, created_at_ms: first.at, preview: String::new(), name: None, title: None, begun };
    let mut preview = Preview::default();
    while lines.next(|head| matters(head, &preview)).ok()? {
        let Ok(Line { record, .. }) = serde_json::from_slice::<Line>(&lines.line) else { continue };
        facts.begun |= matches!(record, Record::TurnStarted { .. });
        preview.take(&record);
        match record {
            Record::Renamed { name } => facts.name = name,
            Record::Titled { title, .. } => facts.title = title,
            _ => {}
        }
    }
    facts.preview = preview.text();
    if let (true, Some(from)) = (facts.preview.is_empty(), &facts.header.forked_from) {
        // Nothing was said in it yet.
        let parent = with_id(codex_home(path), &from.thread_id).and_then(|parent| describe(&parent));
        facts.preview = parent.map(|parent| parent.facts.preview).unwrap_or_default();
    }
    Some(Described { facts, whole: lines.whole().ok()?, read: lines.at })
}

/// The same of a journal that has grown since `facts` were all that it said, up to `whole`. Only what was added is read, if that is enough.
pub(crate) fn describe_more(path: &Path, facts: &Facts, whole: u64) -> Option<Described> {
    if facts.preview.is_empty() || facts.header.forked_from.is_some() || whole == 0 {
        return describe(path);
    }
    let file = File::open(path).ok()?;
    let mut lines = Lines::new(&file, whole).ok()?;
    let mut facts = facts.clone();
    while lines.next(|head| MARKS.iter().any(|mark| says(head, mark))).ok()? {
        match serde_json::from_slice::<Line>(&lines.line).map(|line| line.record) {
            // What was said first may be another thing now.
            Ok(Record::Reverted { .. } | Record::Unreverted {}) => return describe(path),
            Ok(Record::TurnStarted { .. }) => facts.begun = true,
            Ok(Record::Renamed { name }) => facts.name = name,
            Ok(Record::Titled { title, .. }) => facts.title = title,
            _ => {}
        }
    }
    Some(Described { facts, whole: lines.whole().ok()?, read: lines.at - whole })
}

/// The lines of a journal, of which no more is held than one.
struct Lines<'a> {
    file: &'a File,
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    /// Where the line begins, and where it ends.
    began: u64,
    at: u64,
}

impl<'a> Lines<'a> {
    /// Those from the place `at` on.
    fn new(mut file: &'a File, at: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { file, reader: BufReader::with_capacity(BLOCK, file), line: Vec::new(), began: at, at })
    }

    /// Goes to the next line that `matters`, of which it is given the beginning. `false`: there is none.
    fn next(&mut self, matters: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        loop {
            self.line.clear();
            let mut length = self.reader.by_ref().take(NEAR).read_until(b'\n', &mut self.line)?;
            if length == 0 {
                return Ok(false);
            }
            let matters = matters(&self.line);
            if self.line.last() != Some(&b'\n') {
                let reader = &mut self.reader;
                length += if matters { reader.read_until(b'\n', &mut self.line)? } else { reader.skip_until(b'\n')? };
            }
            self.began = self.at;
            self.at += length as u64;
            if matters {
                return Ok(true);
            }
        }
    }

    /// Where the last whole line that was read ends.
    fn whole(&self) -> io::Result<u64> {
        let mut last = [b'\n'];
        if self.at > 0 {
            self.file.read_exact_at(&mut last, self.at - 1)?;
        }
        Ok(if last == *b"\n" { self.at } else { self.began })
    }
}

/// What a line records that matters, and what does as long as the preview is not known.
const MARKS: [&[u8]; 5] = [
    br#""type":"renamed""#,
    br#""type":"titled""#,
    br#""type":"turnStarted""#,
    br#""type":"reverted""#,
    br#""type":"unreverted""#,
];
const OF_PREVIEW: [&[u8]; 2] = [br#""type":"message""#, br#""type":"turnEnded""#];

fn matters(head: &[u8], preview: &Preview) -> bool {
    let any = |marks: &[&[u8]]| marks.iter().any(|mark| says(head, mark));
    any(&MARKS) || !preview.is_known() && any(&OF_PREVIEW)
}

fn says(head: &[u8], mark: &[u8]) -> bool {
    head.windows(mark.len()).any(|window| window == mark)
}
