//! What a journal says that a list of sessions shows. Reads it once, line by line, and holds no more of it than a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
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
    /// Whether a turn began in it.
    pub begun: bool,
}

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;
/// How far into a line it says what it records, at most, in bytes.
const NEAR: u64 = 96;

/// What the journal `path` says; `None` if it is none, or not that of the session in its name.
pub(crate) fn describe(path: &Path) -> Option<Facts> {
    if name::is_rollout(path) {
        return rollout::describe(path);
    }
    let mut lines = BufReader::with_capacity(BLOCK, File::open(path).ok()?);
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line).ok()?;
    let first: Line = serde_json::from_slice(&line).ok()?;
    let Record::Header(header) = first.record else { return None };
    // `Journal::open` would refuse it.
    if name::id_of(path) != Some(header.thread_id.as_str()) {
        return None;
    }
    // What a fork shares has begun.
    let begun = header.forked_from.is_some();
    let mut facts = Facts { header, created_at_ms: first.at, preview: String::new(), name: None, begun };
    let mut preview = Preview::default();
    while next(&mut lines, &mut line, |head| matters(head, &preview)).ok()? {
        let Ok(Line { record, .. }) = serde_json::from_slice::<Line>(&line) else { continue };
        facts.begun |= matches!(record, Record::TurnStarted { .. });
        preview.take(&record);
        if let Record::Renamed { name } = record {
            facts.name = name;
        }
    }
    facts.preview = preview.text();
    if let (true, Some(from)) = (facts.preview.is_empty(), &facts.header.forked_from) {
        // Nothing was said in it yet.
        let parent = with_id(codex_home(path), &from.thread_id).and_then(|parent| describe(&parent));
        facts.preview = parent.map(|parent| parent.preview).unwrap_or_default();
    }
    Some(facts)
}

/// The next line that `matters`, of which it is given the beginning. `false`: there is none.
fn next(lines: &mut impl BufRead, line: &mut Vec<u8>, matters: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    loop {
        line.clear();
        lines.by_ref().take(NEAR).read_until(b'\n', line)?;
        let matters = matters(line);
        if line.last() != Some(&b'\n') {
            let rest = if matters { lines.read_until(b'\n', line)? } else { lines.skip_until(b'\n')? };
            if rest == 0 {
                // The last one, cut off or not there at all.
                return Ok(false);
            }
        }
        if matters {
            return Ok(true);
        }
    }
}

/// What a line records that matters, and what does as long as the preview is not known.
const MARKS: [&[u8]; 4] =
    [br#""type":"renamed""#, br#""type":"turnStarted""#, br#""type":"reverted""#, br#""type":"unreverted""#];
const OF_PREVIEW: [&[u8]; 2] = [br#""type":"message""#, br#""type":"turnEnded""#];

fn matters(head: &[u8], preview: &Preview) -> bool {
    let says = |mark: &&[u8]| head.windows(mark.len()).any(|window| window == *mark);
    MARKS.iter().any(says) || !preview.is_known() && OF_PREVIEW.iter().any(says)
}
