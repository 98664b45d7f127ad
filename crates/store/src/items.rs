//! The finished items of a journal, page by page and from either end. Reads only, and no more than a page needs: the end
//! of a journal of any size is there at once. Items that the conversation went back before are none of it.

use std::{
    io::{self, BufRead, BufReader},
    ops::Range,
    path::Path,
};

use codex_protocol::ThreadItem;

use crate::{
    Line, Record, StoreError,
    lineage::{Joined, Reader},
};

/// How much is read at once from the end, in bytes.
const BLOCK: u64 = 64 << 10;
/// A page ends when its lines come to so many bytes.
const PAGE: usize = 8 << 20;
/// What the lines that matter here have near their beginning.
const MARKS: [&[u8]; 4] =
    [br#""type":"item""#, br#""type":"turnStarted""#, br#""type":"reverted""#, br#""type":"unreverted""#];
/// How far into a line that is, at most.
const NEAR: usize = 96;

/// Which items are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemsWanted<'a> {
    /// A place that an earlier page named; the beginning or the end of the journal when absent.
    pub from: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// From the end to the beginning.
    pub newest_first: bool,
    /// Only those of this turn.
    pub turn_id: Option<&'a str>,
}

/// A page of items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemsPage {
    /// In the direction that was asked for.
    pub items: Vec<StoredItem>,
    /// Where the next page in this direction begins; `None`: there is none.
    pub next: Option<u64>,
    /// Where this page begins, which is where one in the other direction would.
    pub began: u64,
}

/// An item and where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredItem {
    /// Id of the turn.
    pub turn_id: String,
    /// The item.
    pub item: ThreadItem,
    /// When it was recorded, in milliseconds since the epoch.
    pub at: i64,
}

/// Reads a page of the journal `path` and of those that it goes on from. Another process, or this one, may be writing it.
///
/// # Errors
/// When they cannot be read, or no line begins where the page should.
pub fn items(path: &Path, wanted: &ItemsWanted<'_>) -> Result<ItemsPage, StoreError> {
    let file = Joined::open(path)?;
    let end = whole_lines(&file).map_err(StoreError::io("read", path))?;
    let began = wanted.from.unwrap_or(if wanted.newest_first { end } else { 0 });
    if !begins_line(&file, began, end).map_err(StoreError::io("read", path))? {
        let reason = format!("no line begins at its byte {began}, where the page should");
        return Err(StoreError::Unreadable { path: path.to_owned(), reason });
    }
    let page = if wanted.newest_first { backwards(&file, wanted, began) } else { forwards(&file, wanted, began, end) };
    page.map_err(StoreError::io("read", path))
}

/// What went back after `began` is not known here: whoever goes on with a page that was read before hears of it.
fn backwards(file: &Joined, wanted: &ItemsWanted<'_>, began: u64) -> io::Result<ItemsPage> {
    let mut lines = Backwards { file, at: began, held: Vec::new() };
    let mut reverts = Reverts::default();
    let read = || {
        Ok(lines.previous()?.map(|(line, end)| {
            let record = record_of(&line);
            let is_gone = reverts.is_gone(record.as_ref().map(|line| &line.record));
            (item_of(record.filter(|_| !is_gone)), line.len(), end)
        }))
    };
    page(wanted, began, read)
}

fn forwards(file: &Joined, wanted: &ItemsWanted<'_>, began: u64, end: u64) -> io::Result<ItemsPage> {
    let gone = gone(file, began, end)?;
    let mut lines = Forwards { reader: BufReader::new(file.reader(began)), at: began, end };
    let read = || {
        Ok(lines.next()?.map(|(line, end)| {
            let is_gone = gone.iter().any(|gone| gone.contains(&(end - 1)));
            (item_of(record_of(&line).filter(|_| !is_gone)), line.len(), end)
        }))
    };
    page(wanted, began, read)
}

/// The parts of a file, from a place to the end, that the conversation went back before.
fn gone(file: &Joined, from: u64, end: u64) -> io::Result<Vec<Range<u64>>> {
    let mut lines = Backwards { file, at: end, held: Vec::new() };
    let (mut reverts, mut gone) = (Reverts::default(), Vec::<Range<u64>>::new());
    let mut line_end = end;
    while line_end > from
        && let Some((line, begin)) = lines.previous()?
    {
        if reverts.is_gone(record_of(&line).as_ref().map(|line| &line.record)) {
            match gone.last_mut().filter(|range| range.start == line_end) {
                Some(range) => range.start = begin,
                None => gone.push(begin..line_end),
            }
        }
        line_end = begin;
    }
    Ok(gone)
}

/// What the conversation went back before, told from the lines of a journal from its end to its beginning.
#[derive(Default)]
struct Reverts {
    /// How many times it went forth again without a line of where it went back yet.
    undone: usize,
    /// The turn before which it went back.
    before: Option<String>,
}

impl Reverts {
    /// Whether the line before the last one is of a part that is gone.
    fn is_gone(&mut self, record: Option<&Record>) -> bool {
        match record {
            Some(Record::Unreverted {}) => self.undone += 1,
            Some(Record::Reverted { .. }) if self.undone > 0 => self.undone -= 1,
            Some(Record::Reverted { before_turn_id }) if self.before.is_none() => {
                self.before = Some(before_turn_id.clone());
            }
            Some(Record::TurnStarted { turn_id }) if self.before.as_ref() == Some(turn_id) => self.before = None,
            // What went back within a part that is gone went no further: it would have taken the turn with it.
            _ => return self.before.is_some(),
        }
        false
    }
}

/// A line, and where it ends in the direction in which it was read.
type Read = io::Result<Option<(Vec<u8>, u64)>>;

/// `read` gives of the next line: the item that it records, its length, and where it ends in the direction in which it was
/// read.
fn page(
    wanted: &ItemsWanted<'_>,
    began: u64,
    mut read: impl FnMut() -> io::Result<Option<(Option<StoredItem>, usize, u64)>>,
) -> io::Result<ItemsPage> {
    let mut page = ItemsPage { items: Vec::new(), next: None, began };
    let (mut bytes, mut reached) = (0, began);
    while let Some((item, length, end)) = read()? {
        let Some(item) = item.filter(|item| wanted.turn_id.is_none_or(|turn| item.turn_id == turn)) else {
            continue;
        };
        if page.items.len() >= wanted.limit || bytes >= PAGE {
            page.next = Some(reached);
            break;
        }
        (bytes, reached) = (bytes + length, end);
        page.items.push(item);
    }
    Ok(page)
}

/// The lines of the journal `path` and of those that it goes on from after the one with the ordinal `after`, oldest first, and
/// the last ordinal. Another process, or this one, may be writing it; what cannot be read is passed over.
///
/// # Errors
/// When they cannot be read.
pub fn lines_after(path: &Path, after: u64) -> Result<(Vec<Line>, u64), StoreError> {
    let failed = || StoreError::io("read", path);
    let file = Joined::open(path)?;
    let end = whole_lines(&file).map_err(failed())?;
    let mut lines = Backwards { file: &file, at: end, held: Vec::new() };
    let (mut newest_first, mut last) = (Vec::new(), 0);
    while let Some((line, _)) = lines.previous().map_err(failed())? {
        let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
        last = last.max(line.seq);
        match line.record {
            // Of each journal that it goes on from there is one, whose ordinal says nothing.
            Record::Header(_) => {}
            _ if line.seq <= after => break,
            _ => newest_first.push(line),
        }
    }
    newest_first.reverse();
    Ok((newest_first, last))
}

/// Where the last whole line of the journal `path` itself ends, and the last line that `read` takes.
pub(crate) fn last_line<T>(path: &Path, read: impl Fn(&[u8]) -> Option<T>) -> io::Result<(u64, Option<T>)> {
    let file = Joined::own(path)?;
    let end = whole_lines(&file)?;
    let mut lines = Backwards { file: &file, at: end, held: Vec::new() };
    while let Some((line, _)) = lines.previous()? {
        if let Some(found) = read(&line) {
            return Ok((end, Some(found)));
        }
    }
    Ok((end, None))
}

/// What a line says, if it matters here.
fn record_of(line: &[u8]) -> Option<Line> {
    // Most of a journal are messages, which are long.
    let near = &line[..line.len().min(NEAR)];
    let is_marked = MARKS.iter().any(|mark| near.windows(mark.len()).any(|window| window == *mark));
    is_marked.then(|| serde_json::from_slice(line).ok()).flatten()
}

fn item_of(line: Option<Line>) -> Option<StoredItem> {
    match line? {
        Line { at, record: Record::Item { turn_id, item }, .. } => Some(StoredItem { turn_id, item, at }),
        _ => None,
    }
}

/// Where the last whole line of a file ends.
fn whole_lines(file: &Joined) -> io::Result<u64> {
    let mut end = file.len();
    let mut block = Vec::new();
    while end > 0 {
        let size = end.min(BLOCK);
        block.resize(size as usize, 0);
        file.read_exact_at(&mut block, end - size)?;
        if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(end - size + newline as u64 + 1);
        }
        end -= size;
    }
    Ok(0)
}

fn begins_line(file: &Joined, at: u64, end: u64) -> io::Result<bool> {
    if at == 0 || at > end {
        return Ok(at == 0);
    }
    let mut before = [0];
    file.read_exact_at(&mut before, at - 1)?;
    Ok(before == *b"\n")
}

/// Lines from a place to the end.
struct Forwards<'file> {
    reader: BufReader<Reader<'file>>,
    at: u64,
    end: u64,
}

impl Forwards<'_> {
    fn next(&mut self) -> Read {
        if self.at >= self.end {
            return Ok(None);
        }
        let mut line = Vec::new();
        self.at += self.reader.read_until(b'\n', &mut line)? as u64;
        Ok((!line.is_empty()).then_some((line, self.at)))
    }
}

/// Lines from a place to the beginning.
struct Backwards<'file> {
    file: &'file Joined,
    /// Where `held` begins in the file.
    at: u64,
    /// Lines that were read and not given yet; before the first of them part of another one.
    held: Vec<u8>,
}

impl Backwards<'_> {
    fn previous(&mut self) -> Read {
        loop {
            // The newline at the end is the line's own.
            let before = &self.held[..self.held.len().saturating_sub(1)];
            if let Some(newline) = before.iter().rposition(|byte| *byte == b'\n') {
                let line = self.held.split_off(newline + 1);
                return Ok(Some((line, self.at + newline as u64 + 1)));
            }
            if self.at == 0 {
                let line = std::mem::take(&mut self.held);
                return Ok((!line.is_empty()).then_some((line, 0)));
            }
            // Ever more for a long line, so that it is not gone through again and again.
            let size = self.at.min(BLOCK.max(self.held.len() as u64));
            let mut block = vec![0; size as usize];
            self.file.read_exact_at(&mut block, self.at - size)?;
            block.append(&mut self.held);
            (self.held, self.at) = (block, self.at - size);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn item(id: &str) -> Record {
        let item = ThreadItem::AgentMessage { id: id.into(), text: "x".repeat(id.len()) };
        Record::Item { turn_id: format!("turn_{}", &id[..1]), item }
    }

    fn line(record: Record) -> String {
        serde_json::to_string(&Line { seq: 1_000_000, at: 1_796_000_000_000, record }).unwrap() + "\n"
    }

    /// A journal with these items, other records between them, and half a line at the end.
    fn journal(ids: &[&str], between: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let other = || Record::Partial { item_id: "a".into(), offset: 0, text: "\n\"type\":\"item\"".repeat(between) };
        for id in ids {
            file.write_all((line(other()) + &line(item(id))).as_bytes()).unwrap();
        }
        file.write_all((line(other()) + "{\"seq\":9,\"type\":\"item\"").as_bytes()).unwrap();
        file
    }

    fn ids(page: &ItemsPage) -> Vec<&str> {
        page.items.iter().map(|stored| stored.item.id()).collect()
    }

    #[test]
    fn pages_join_to_the_whole_from_either_end() {
        let all = ["a", "a1", "b", "b1", "b2", "c"];
        // Many lines in a block, and several blocks in a line.
        for between in [0, 1, 10_000] {
            let file = journal(&all, between);
            for newest_first in [false, true] {
                for limit in 1..=7 {
                    let mut seen = Vec::new();
                    let mut wanted = ItemsWanted { limit, newest_first, ..ItemsWanted::default() };
                    loop {
                        let page = items(file.path(), &wanted).unwrap();
                        assert!(page.items.len() <= limit);
                        seen.extend(ids(&page).into_iter().map(str::to_owned));
                        assert_eq!(page.items[0].at, 1_796_000_000_000);
                        match page.next {
                            Some(next) => wanted.from = Some(next),
                            None => break,
                        }
                    }
                    if newest_first {
                        seen.reverse();
                    }
                    assert_eq!(seen, all, "{between} between, {limit} a page, newest first: {newest_first}");
                }
            }
        }
    }

    #[test]
    fn a_page_says_where_the_other_direction_goes_on() {
        let file = journal(&["a", "b", "c", "d"], 10);
        let newest = ItemsWanted { limit: 2, newest_first: true, ..ItemsWanted::default() };
        let page = items(file.path(), &newest).unwrap();
        assert_eq!(ids(&page), ["d", "c"]);
        let older = ItemsWanted { from: page.next, ..newest };
        let older_page = items(file.path(), &older).unwrap();
        assert_eq!(ids(&older_page), ["b", "a"]);
        let newer = ItemsWanted { from: Some(older_page.began), limit: 9, ..ItemsWanted::default() };
        assert_eq!(ids(&items(file.path(), &newer).unwrap()), ["c", "d"]);
        // Nothing is newer than the newest, until something is.
        let newer = ItemsWanted { from: Some(page.began), ..newer };
        assert!(items(file.path(), &newer).unwrap().items.is_empty());
        let mut file = file;
        file.as_file_mut().write_all(format!("\n{}", line(item("e"))).as_bytes()).unwrap();
        assert_eq!(ids(&items(file.path(), &newer).unwrap()), ["e"]);
    }

    #[test]
    fn only_the_items_of_a_turn() {
        let file = journal(&["a", "b", "b1", "c", "b2"], 3);
        let wanted = ItemsWanted { limit: 2, turn_id: Some("turn_b"), ..ItemsWanted::default() };
        let page = items(file.path(), &wanted).unwrap();
        assert_eq!(ids(&page), ["b", "b1"]);
        let page = items(file.path(), &ItemsWanted { from: page.next, ..wanted }).unwrap();
        assert_eq!((ids(&page), page.next), (vec!["b2"], None));
    }

    #[test]
    fn a_place_where_no_line_begins_is_refused() {
        let file = journal(&["a"], 1);
        let end = file.as_file().metadata().unwrap().len();
        for from in [1, end, end + 1, u64::MAX] {
            for newest_first in [false, true] {
                let wanted = ItemsWanted { from: Some(from), limit: 1, newest_first, turn_id: None };
                let error = items(file.path(), &wanted).unwrap_err().to_string();
                assert!(error.contains("no line begins"), "{from}: {error}");
            }
        }
        assert!(items(Path::new("/none"), &ItemsWanted::default()).is_err());
    }

    /// What is left of a journal in which the conversation went back and forth, from both ends.
    #[test]
    fn what_the_conversation_went_back_before_is_not_there() {
        let turn = |number: u32| {
            let item = ThreadItem::AgentMessage { id: number.to_string(), text: String::new() };
            let turn_id = format!("turn_{number}");
            vec![Record::TurnStarted { turn_id: turn_id.clone() }, Record::Item { turn_id, item }]
        };
        let back = |number: u32| vec![Record::Reverted { before_turn_id: format!("turn_{number}") }];
        let forth = || vec![Record::Unreverted {}];
        let table: [(Vec<Vec<Record>>, &[&str]); 9] = [
            (vec![turn(0), turn(1)], &["0", "1"]),
            (vec![turn(0), turn(1), back(1)], &["0"]),
            (vec![turn(0), turn(1), back(0)], &[]),
            (vec![turn(0), turn(1), back(1), turn(2), turn(3)], &["0", "2", "3"]),
            (vec![turn(0), turn(1), back(1), turn(2), back(2), turn(3)], &["0", "3"]),
            (vec![turn(0), turn(1), turn(2), back(2), turn(3), back(1), turn(4)], &["0", "4"]),
            (vec![turn(0), turn(1), back(1), forth(), turn(2)], &["0", "1", "2"]),
            (vec![turn(0), turn(1), turn(2), back(2), back(1), forth(), turn(3)], &["0", "1", "3"]),
            (vec![turn(0), turn(1), back(1), back(0), forth(), forth(), back(1), turn(2)], &["0", "2"]),
        ];
        for (records, expected) in table {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let text: String = records.iter().flatten().cloned().map(line).collect();
            file.write_all(text.as_bytes()).unwrap();
            for limit in [1, 9] {
                for newest_first in [false, true] {
                    let mut wanted = ItemsWanted { limit, newest_first, ..ItemsWanted::default() };
                    let mut seen = Vec::new();
                    loop {
                        let page = items(file.path(), &wanted).unwrap();
                        seen.extend(ids(&page).into_iter().map(str::to_owned));
                        wanted.from = page.next;
                        if page.next.is_none() {
                            break;
                        }
                    }
                    if newest_first {
                        seen.reverse();
                    }
                    assert_eq!(seen, expected, "{limit} a page, newest first: {newest_first}: {text}");
                }
            }
        }
    }

    /// Whoever read it all would read for minutes, and hold it.
    #[test]
    fn the_end_of_a_huge_journal_is_read_alone() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(200 << 30).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(format!("\n{}{}{}", line(item("a")), line(item("b")), line(item("c"))).as_bytes()).unwrap();
        let wanted = ItemsWanted { limit: 2, newest_first: true, ..ItemsWanted::default() };
        #[cfg(target_os = "linux")]
        let before = bytes_read();
        let page = items(file.path(), &wanted).unwrap();
        assert_eq!(ids(&page), ["c", "b"]);
        assert!(page.next.is_some());
        #[cfg(target_os = "linux")]
        assert!((1..10 * BLOCK).contains(&(bytes_read() - before)), "{}", bytes_read() - before);
    }

    /// How many bytes this thread has read.
    #[cfg(target_os = "linux")]
    fn bytes_read() -> u64 {
        let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }
}
