//! What a journal says, read line by line: no more of it is in memory than goes on counting, for it may be as long as a disk
//! has room for. Reads only.

use std::{fs::File, path::Path};

use crate::{
    Replayed, StoreError, Summaries,
    journal::check_header,
    lineage::{Part, inherited, unreadable_because},
    long::{Ends, each},
    replay::Replayer,
};

/// What was read.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) replayed: Replayed,
    /// Ordinal of the line that comes next.
    pub(crate) next_seq: u64,
    /// How many lines could not be read and were passed over, those of other sessions included.
    pub(crate) unreadable: usize,
    /// Where the session's own journal ends.
    pub(crate) ends: Ends,
}

/// What the journal `path` and those that it goes on from say. Another process, or this one, may be writing it; what cannot be
/// read is passed over.
///
/// # Errors
/// When it cannot be read, or is not a journal of this version and of the session in its name.
pub fn replayed(path: &Path, summaries: Summaries) -> Result<Replayed, StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    told(path, &file, summaries).map(|told| told.replayed)
}

/// As [`replayed`], of the journal `path` that is open as `file`.
pub(crate) fn told(path: &Path, file: &File, summaries: Summaries) -> Result<Told, StoreError> {
    let told = once(path, file, summaries)?;
    // It went back to before a summary, which is seldom.
    if told.replayed.conversation.lacks_some() { once(path, file, Summaries::CanBeUndone) } else { Ok(told) }
}

fn once(path: &Path, file: &File, summaries: Summaries) -> Result<Told, StoreError> {
    let (mut replayer, mut of_others) = (None, 0);
    let ends = each(Part::whole(path, file)?.reader(), path, |line| {
        let Some(replayer) = &mut replayer else {
            check_header(path, Some(&line))?;
            replayer = Replayer::begin(line, summaries);
            of_others = replayer.as_mut().map_or(Ok(0), |replayer| take_inherited(path, replayer))?;
            return Ok(());
        };
        replayer.take(line);
        Ok(())
    })?;
    match replayer {
        Some(replayer) => {
            let (next_seq, unreadable) = (replayer.next_seq(), ends.unreadable + of_others);
            Ok(Told { replayed: replayer.end(), next_seq, unreadable, ends })
        }
        None => Err(unreadable_because(path, "its first line is not a header".into())),
    }
}

/// Takes the lines that are shared. Returns how many of them could not be read.
fn take_inherited(path: &Path, replayer: &mut Replayer) -> Result<usize, StoreError> {
    let mut unreadable = 0;
    for part in inherited(path, replayer.header().forked_from.clone())? {
        let ends = each(part.reader(), part.path(), |line| {
            // Headers are the lines 0.
            if line.seq > 0 {
                replayer.take(line);
            }
            Ok(())
        })?;
        unreadable += ends.unreadable;
    }
    Ok(unreadable)
}

#[cfg(test)]
mod tests {
    use codex_history::Message;

    use super::*;
    use crate::{Journal, Line, Record, testing::header};

    /// What may happen in a session: so many different things.
    const KINDS: usize = 6;

    /// What happens as the thing of this number, as the line `at`.
    fn happens(kind: usize, at: usize) -> Vec<Record> {
        let turn = |number: usize| format!("turn_{number}");
        match kind {
            0 | 1 => vec![
                Record::TurnStarted { turn_id: turn(at) },
                Record::Message { message: Message::user(format!("said {at}")) },
            ],
            2 => vec![Record::Compacted { messages: vec![Message::user(format!("summary {at}"))] }],
            3 => vec![Record::CompactionUndone {}],
            // The turn before the last thing, if that was one.
            4 => vec![Record::Reverted { before_turn_id: turn(at.saturating_sub(2)) }],
            _ => vec![Record::Unreverted {}],
        }
    }

    fn replay(records: &[Record], summaries: Summaries) -> Replayed {
        let line = |(seq, record): (usize, &Record)| Line { seq: seq as u64, at: 1, record: record.clone() };
        let mut lines = records.iter().enumerate().map(line);
        let mut replayer = Replayer::begin(lines.next().unwrap(), summaries).unwrap();
        lines.for_each(|line| replayer.take(line));
        replayer.end()
    }

    /// Every session of six such things.
    #[test]
    fn what_is_left_out_of_memory_is_missed_nowhere_or_that_is_known() {
        let (mut lacking, mut holding) = (0, 0);
        for number in 0..KINDS.pow(6) {
            let kinds = (0..6).map(|at| number / KINDS.pow(at) % KINDS);
            let records: Vec<Record> = std::iter::once(Record::Header(header("t", "/w")))
                .chain(kinds.enumerate().flat_map(|(at, kind)| happens(kind, at)))
                .collect();
            let whole = replay(&records, Summaries::CanBeUndone).conversation;
            let short = replay(&records, Summaries::Stand).conversation;
            if short.lacks_some() {
                lacking += 1;
                continue;
            }
            holding += 1;
            assert!(short.history.messages().eq(whole.history.messages()), "{records:?}");
            assert_eq!(short.marks, whole.marks, "{records:?}");
            assert!(!whole.lacks_some());
        }
        assert!(lacking > 1_000 && holding > 10_000, "{lacking} {holding}");
    }

    /// A session of that many answers of 10 kB, summed up after each ten.
    fn long(home: &Path, answers: usize) -> std::path::PathBuf {
        let mut journal = Journal::create(home, header("t", "/w")).unwrap();
        let said = |number: usize| Record::Message { message: Message::user("x".repeat(10_000) + &number.to_string()) };
        for number in 0..answers {
            journal.append(&Record::TurnStarted { turn_id: format!("turn_{number}") }).unwrap();
            journal.append(&said(number)).unwrap();
            if number % 10 == 9 {
                let messages = vec![Message::user(format!("the first {number}"))];
                journal.append(&Record::Compacted { messages }).unwrap();
            }
        }
        journal.path().unwrap().to_owned()
    }

    #[test]
    fn of_a_long_session_only_what_the_model_is_told_is_held() {
        let home = tempfile::tempdir().unwrap();
        let path = long(home.path(), 1_005);
        let (mut journal, replayed, _) = Journal::open(&path).unwrap();
        assert_eq!((replayed.conversation.history.len(), replayed.conversation.held()), (6, 6));
        assert_eq!((replayed.turns, replayed.conversation.marks.len()), (1_005, 1_005));
        let whole = super::replayed(&path, Summaries::CanBeUndone).unwrap().conversation;
        assert!(replayed.conversation.history.messages().eq(whole.history.messages()));
        assert!(whole.held() > 1_000, "{}", whole.held());
        // What it stands for came back: then it is there.
        journal.append(&Record::CompactionUndone {}).unwrap();
        drop(journal);
        let (_journal, replayed, _) = Journal::open(&path).unwrap();
        assert_eq!(replayed.conversation.history.len(), 1 + 10 + 5);
    }
}
