//! What a journal says, read line by line: no more of it is in memory than goes on counting, for it may be as long as a disk
//! has room for. Reads only.

use std::{fs::File, path::Path};

use crate::{
    Header, Line, Record, Replayed, StoreError, Summaries,
    journal::check_header,
    lineage::{Part, inherited, unreadable_because},
    long::{Ends, each},
    point::{self, Passed},
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

/// What a session comes to that begins with `header` and goes on from where that says, in the journals of the session `path`; and how many
/// lines of those could not be read. It began in the directory in which the oldest of them did.
///
/// # Errors
/// When one of the journals cannot be read, is gone, or is shorter than it was.
pub fn forked(path: &Path, header: Header) -> Result<(Replayed, usize), StoreError> {
    let read = |summaries| -> Result<_, StoreError> {
        let parts = inherited(path, header.forked_from.clone())?;
        let oldest = parts.first().and_then(Part::first);
        let first = oldest.and_then(|Line { at, record, .. }| match record {
            Record::Header(Header { cwd, .. }) => {
                Some(Line { seq: 0, at, record: Record::Header(Header { cwd, ..header.clone() }) })
            }
            _ => None,
        });
        let mut replayer = begun(path, first, summaries)?;
        let read = through(parts, None, &mut replayer, summaries)?;
        Ok((replayer.end(), read.unreadable))
    };
    let (replayed, unreadable) = read(Summaries::Stand)?;
    if replayed.conversation.lacks_some() { read(Summaries::CanBeUndone) } else { Ok((replayed, unreadable)) }
}

fn once(path: &Path, file: &File, summaries: Summaries) -> Result<Told, StoreError> {
    let own = Part::whole(path, file)?;
    let first = own.first();
    check_header(path, first.as_ref())?;
    let mut replayer = begun(path, first, summaries)?;
    let parts = inherited(path, replayer.header().forked_from.clone())?;
    let ends = through(parts, Some(own), &mut replayer, summaries)?;
    let (next_seq, unreadable) = (replayer.next_seq(), ends.unreadable);
    Ok(Told { replayed: replayer.end(), next_seq, unreadable, ends })
}

fn begun(path: &Path, first: Option<Line>, summaries: Summaries) -> Result<Replayer, StoreError> {
    let replayer = first.and_then(|first| Replayer::begin(first, summaries));
    replayer.ok_or_else(|| unreadable_because(path, "its first line is not a header".into()))
}

/// Has `replayer` take the lines of the journals, those of the session's `own` last; how the last was read, with what could not be read
/// of all.
fn through(
    mut parts: Vec<Part>,
    own: Option<Part>,
    replayer: &mut Replayer,
    summaries: Summaries,
) -> Result<Ends, StoreError> {
    let inherited = parts.len();
    parts.extend(own);
    let (mut from, mut unreadable, mut at) = (0, 0, 0);
    // What is before a summary matters only to who goes back there.
    if summaries == Summaries::Stand
        && let Some((index, point)) = (0..parts.len()).rev().find_map(|index| Some((index, point::of(&parts[index])?)))
    {
        (from, unreadable, at) = (index, point.unreadable, point.at);
        replayer.go_on_from(point.before);
    }
    let mut ends = Ends::default();
    for (index, part) in parts.iter().enumerate().skip(from) {
        let mut passed = Passed::since(at);
        ends = each(part.reader(at), part.path(), at, |line, at| {
            // Of others they would count what is not theirs.
            if index >= inherited && matches!(line.record, Record::Compacted { .. }) {
                passed.summary((at, part.length()), unreadable, || replayer.resumable());
            }
            // Headers are the lines 0.
            if line.seq > 0 {
                replayer.take(line);
            }
            Ok(())
        })?;
        (unreadable, at) = (unreadable + ends.unreadable, 0);
        passed.keep(part);
    }
    Ok(Ends { unreadable, ..ends })
}

#[cfg(test)]
mod tests {
    use codex_history::Message;

    use super::*;
    use crate::{Journal, testing::header};

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
            for mark in &whole.marks {
                let (mut short, mut whole) = (short.clone(), whole.clone());
                let reaches = short.reaches(&mark.turn_id);
                assert!(short.revert(&mark.turn_id).is_some() && whole.revert(&mark.turn_id).is_some());
                assert_eq!(reaches, !short.lacks_some(), "{records:?}");
                let is_same = short.history.messages().eq(whole.history.messages()) && short.pinned == whole.pinned;
                assert!(is_same || !reaches, "{records:?}");
            }
            assert!(!whole.lacks_some());
        }
        assert!(lacking > 1_000 && holding > 10_000, "{lacking} {holding}");
    }

    /// All that is said of a session but for what is only held to go back to.
    fn said(replayed: &Replayed) -> String {
        let Replayed { header, started_at, conversation, states, epoch, cwd, preview, name, .. } = replayed;
        let Replayed { usage, turns, orphans, cut_off, ran_on, agents, repairs, .. } = replayed;
        let messages: Vec<_> = conversation.history.messages().collect();
        let marks: Vec<_> =
            conversation.marks.iter().map(|mark| (&mark.turn_id, mark.seq, mark.at, &mark.said)).collect();
        let counts = (turns, orphans, cut_off, ran_on, conversation.history.counted());
        let of_files = (states, &conversation.pinned);
        format!("{header:?}{started_at}{messages:?}{marks:?}{epoch:?}{cwd:?}{preview}{name:?}{usage:?}")
            + &format!("{counts:?}{agents:?}{repairs:?}{of_files:?}")
    }

    /// Every session of five such things, gone on with from before each of its summaries.
    #[test]
    fn what_is_kept_before_a_summary_stands_for_all_that_was_there() {
        let (mut lacking, mut same, mut none) = (0, 0, 0);
        for number in 0..KINDS.pow(5) {
            let kinds = (0..5).map(|at| number / KINDS.pow(at) % KINDS);
            let lines: Vec<Line> = std::iter::once(Record::Header(header("t", "/w")))
                .chain(kinds.enumerate().flat_map(|(at, kind)| happens(kind, at)))
                .zip(0..)
                .map(|(record, seq)| Line { seq, at: 1, record })
                .collect();
            let begin = || Replayer::begin(lines[0].clone(), Summaries::Stand).unwrap();
            let whole = replay(&lines.iter().map(|line| line.record.clone()).collect::<Vec<_>>(), Summaries::Stand);
            let mut replayer = begin();
            for (at, line) in lines.iter().enumerate().skip(1) {
                if matches!(line.record, Record::Compacted { .. }) {
                    let again = replayer.resumable().map(|before| {
                        let mut again = begin();
                        again.go_on_from(serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap());
                        lines[at..].iter().cloned().for_each(|line| again.take(line));
                        again.end()
                    });
                    match again {
                        None => none += 1,
                        Some(again) if again.conversation.lacks_some() => {
                            assert!(whole.conversation.lacks_some(), "{lines:?}");
                            lacking += 1;
                        }
                        Some(again) => {
                            assert_eq!(said(&again), said(&whole), "{lines:?}");
                            same += 1;
                        }
                    }
                }
                replayer.take(line.clone());
            }
        }
        assert!(lacking > 100 && same > 1_000 && none > 10, "{lacking} {same} {none}");
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

    /// What the journal says, how many bytes were read for it, and that it is what is said without anything that was kept.
    fn known(path: &Path) -> (Replayed, u64) {
        let before = bytes_read();
        let known = super::replayed(path, Summaries::Stand).unwrap();
        let read = bytes_read() - before;
        let _ = std::fs::remove_dir_all(crate::lineage::codex_home(path).join("cache"));
        let anew = super::replayed(path, Summaries::Stand).unwrap();
        assert_eq!(said(&known), said(&anew));
        (known, read)
    }

    use rustix::fs::{FileType, Mode};

    /// How many bytes this thread has read.
    fn bytes_read() -> u64 {
        let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    /// Whatever becomes of what is kept, it is no other session for it.
    #[test]
    fn the_beginning_of_a_long_session_is_read_once() {
        let home = tempfile::tempdir().unwrap();
        let path = long(home.path(), 1_005);
        let length = path.metadata().unwrap().len();
        assert!(length > 10_000_000);
        assert!(known(&path).1 > length, "the first time");
        let (replayed, read) = known(&path);
        assert!((1..2_500_000).contains(&read), "{read}");
        assert_eq!((replayed.turns, replayed.conversation.marks.len()), (1_005, 1_005));

        let file = home.path().join("cache/resume/t.json");
        let kept = std::fs::read_to_string(&file).unwrap();
        let other_place = kept.replacen("\"at\":", "\"at\":1", 1);
        let other_bytes = kept.replacen("\"tail\":", "\"tail\":1", 1);
        let newer = kept.replacen("\"format\":1", "\"format\":0", 1);
        for broken in ["", "{", &kept[..kept.len() / 2], &other_place, &other_bytes, &newer] {
            assert!(*broken != *kept);
            std::fs::write(&file, broken).unwrap();
            assert!(known(&path).1 > length, "{}", &broken[..broken.len().min(90)]);
        }
        // No file at all: one that never ends, and one that never begins.
        for other in ["/dev/zero", "pipe"] {
            std::fs::remove_file(&file).unwrap();
            match other {
                "pipe" => rustix::fs::mknodat(rustix::fs::CWD, &file, FileType::Fifo, Mode::RWXU, 0).unwrap(),
                device => std::os::unix::fs::symlink(device, &file).unwrap(),
            }
            assert!(known(&path).1 > length, "{other}");
        }
        std::fs::remove_file(&file).unwrap();
        // Cut off before it or in it, or written anew.
        let text = std::fs::read_to_string(&path).unwrap();
        let summary = kept.split("\"at\":").nth(1).unwrap().split(',').next().unwrap().parse::<usize>().unwrap();
        let before = text[..=text[..length as usize / 2].rfind('\n').unwrap()].to_owned();
        for text in [before, text[..summary + 40].to_owned(), text.replace("xxx", "yyy")] {
            std::fs::write(&path, text).unwrap();
            std::fs::write(&file, &kept).unwrap();
            known(&path);
        }
        // It went back to before.
        let mut journal = Journal::open(&path).unwrap().0;
        journal.append(&Record::Reverted { before_turn_id: "turn_3".into() }).unwrap();
        drop(journal);
        assert_eq!(known(&path).0.turns, 1_005);
        assert_eq!(known(&path).0.conversation.history.len(), 3);

        assert!(file.exists());
        crate::delete(home.path(), &path).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_fork_of_a_long_session_does_not_read_its_beginning_either() {
        let home = tempfile::tempdir().unwrap();
        let path = long(home.path(), 1_005);
        let mut journal = Journal::open(&path).unwrap().0;
        let usage = codex_history::Usage { input_tokens: 7, ..codex_history::Usage::default() };
        journal.append(&Record::Usage { usage, model: None, estimated: false }).unwrap();
        journal.append(&Record::Renamed { name: Some("name".into()) }).unwrap();
        let of_parent = |number: usize| Record::Message { message: Message::user(format!("later {number}")) };
        journal.append(&of_parent(1)).unwrap();
        let from = crate::fork_at(&path, None).unwrap();
        journal.append(&of_parent(2)).unwrap();
        drop(journal);
        let forked =
            Journal::create(home.path(), crate::Header { forked_from: Some(from), ..header("f", "/w") }).unwrap();
        let forked = forked.path().unwrap().to_owned();
        std::fs::remove_dir_all(home.path().join("cache")).unwrap();
        let (replayed, read) = known(&forked);
        assert!(read > 10_000_000, "{read}");
        super::replayed(&path, Summaries::Stand).unwrap();
        let (again, read) = known(&forked);
        assert!(read < 2_500_000, "{read}");
        assert_eq!(said(&again), said(&replayed));
        assert_eq!((again.name, again.usage.len(), again.conversation.history.len()), (None, 0, 7));
        // Nor does it to be made.
        super::replayed(&path, Summaries::Stand).unwrap();
        let header = again.header;
        let before = bytes_read();
        let (made, _) = super::forked(&path, header).unwrap();
        assert!(bytes_read() - before < 2_500_000);
        assert!(made.conversation.history.messages().eq(again.conversation.history.messages()));
        assert_eq!((made.usage.len(), made.turns, made.preview), (0, 1_005, again.preview));
    }
}
