//! What the beginning of a long session comes to, kept so that going on with it need not read that again: all that counts right
//! before one of its summaries, but for the conversation, for which the summary stands. It is a cache: whatever becomes of its
//! file, no answer is another one.
//!
//! A point counts for a journal of its session that has the same summary at the place, and the same bytes before it: wherever it
//! was copied to.

use std::{
    fs::{self, DirBuilder, File},
    hash::{DefaultHasher, Hasher},
    io::{self, Read, Write},
    ops::Range,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::{
    lineage::{Part, codex_home},
    name,
    replay::Resumable,
};

/// Version of the format, and of what a replay makes of a journal. A point of another one counts for nothing.
const FORMAT: u32 = 1;
/// Where they lie.
const DIRECTORY: &str = "cache/resume";
/// How much lies between two, in bytes, at least: what is shorter is read as fast.
const MUCH: u64 = 1 << 20;
/// How many bytes before the summary must be the same.
const TAIL: u64 = 4 << 10;

/// A place in a journal, and what is before it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    format: u32,
    /// A hash of the summary and of the bytes right before it.
    tail: u64,
    /// Where the line begins that sums up, in bytes.
    pub(crate) at: u64,
    /// Where that line ends.
    end: u64,
    /// How many lines before it could not be read.
    pub(crate) unreadable: usize,
    /// What is before it.
    pub(crate) before: Resumable,
}

/// The places that are passed by, of which the last is worth keeping.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    last: u64,
    point: Option<(Range<u64>, usize, Resumable)>,
}

impl Passed {
    /// The last point that was kept is here.
    pub(crate) fn since(last: u64) -> Self {
        Self { last, point: None }
    }

    /// A summary lies at `line` in a journal of `length` bytes, and `before` before it.
    pub(crate) fn summary(
        &mut self,
        (line, length): (Range<u64>, u64),
        unreadable: usize,
        before: impl FnOnce() -> Option<Resumable>,
    ) {
        // Each costs what a session holds: ever shorter steps, of which only the last is written.
        let step = line.start.saturating_sub(self.last);
        if step >= MUCH
            && step >= length.saturating_sub(line.start) / 4
            && let Some(before) = before()
        {
            (self.last, self.point) = (line.start, Some((line, unreadable, before)));
        }
    }

    /// Writes the last point, if there is one. That it cannot be written is no error.
    pub(crate) fn keep(self, part: &Part) {
        let Some((Range { start: at, end }, unreadable, before)) = self.point else { return };
        let Some(path) = path_of(part.path()) else { return };
        let Ok(tail) = tail(part, at, end) else { return };
        let _ = write(&path, &Point { format: FORMAT, tail, at, end, unreadable, before });
    }
}

/// The newest point of the journal `part` that counts for it.
pub(crate) fn of(part: &Part) -> Option<Point> {
    let point: Point = serde_json::from_slice(&read(&path_of(part.path())?, part.length()).ok()?).ok()?;
    let counts = point.format == FORMAT
        && point.at < point.end
        && point.end <= part.length()
        && tail(part, point.at, point.end).is_ok_and(|tail| tail == point.tail);
    counts.then_some(point)
}

/// Removes what is kept of the session with this id.
pub(crate) fn forget(codex_home: &Path, id: &str) {
    if name::is_id(id) {
        let _ = fs::remove_file(file(codex_home, id));
    }
}

fn path_of(journal: &Path) -> Option<PathBuf> {
    Some(file(codex_home(journal), name::id_of(journal)?))
}

fn file(codex_home: &Path, id: &str) -> PathBuf {
    codex_home.join(DIRECTORY).join(format!("{id}.json"))
}

fn tail(part: &Part, at: u64, end: u64) -> io::Result<u64> {
    let from = at.saturating_sub(TAIL);
    let mut bytes = vec![0; (end - from) as usize];
    part.read_exact_at(&mut bytes, from)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok(hasher.finish())
}

/// A point's file, which says less than the journal of `length` bytes that it is of: anything else that stands there is none.
fn read(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let most = length.saturating_mul(2);
    if !file.metadata()?.is_file() || file.metadata()?.len() > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, point: &Point) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::NotFound)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
    serde_json::to_writer(&mut file, point)?;
    file.flush()?;
    file.into_inner()?.persist(path)?;
    Ok(())
}
