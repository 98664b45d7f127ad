//! What a fork shares and what it needs of the journals that it goes on from.

use codex_history::{Message, Usage};
use codex_protocol::ThreadItem;

use super::*;
use crate::{ItemsWanted, Journal, TurnOutcome, items, replay};

fn header(id: &str, forked_from: Option<ForkedFrom>) -> Header {
    Header { forked_from, ..crate::testing::header(id, "/w") }
}

/// A whole turn in which `said` is said, and one item.
fn turn(number: u64, said: &str) -> Vec<Record> {
    let turn_id = format!("turn_{number}");
    let item = ThreadItem::AgentMessage { id: format!("{turn_id}_item_1"), text: said.into() };
    vec![
        Record::TurnStarted { turn_id: turn_id.clone() },
        Record::Message { message: Message::user(said) },
        Record::Item { turn_id: turn_id.clone(), item },
        Record::Usage { usage: Usage { input_tokens: 1, ..Usage::default() }, model: None, estimated: false },
        Record::TurnEnded { turn_id, outcome: TurnOutcome::Completed },
    ]
}

fn append(journal: &mut Journal, records: &[Record]) {
    for record in records {
        journal.append(record).unwrap();
    }
}

/// A session, open, and its journal.
fn session(home: &Path, id: &str, from: Option<ForkedFrom>, records: &[Record]) -> (Journal, PathBuf) {
    let mut journal = Journal::create(home, header(id, from)).unwrap();
    append(&mut journal, records);
    let path = journal.path().unwrap().to_owned();
    (journal, path)
}

/// All lines of the session, as it is gone on with.
fn resumed(path: &Path) -> Result<Vec<Line>, StoreError> {
    crate::testing::lines(path)
}

fn records(lines: &[Line]) -> Vec<Record> {
    lines.iter().map(|line| line.record.clone()).skip(1).collect()
}

fn said(path: &Path) -> Vec<String> {
    let replayed = replay(resumed(path).unwrap()).unwrap();
    replayed.conversation.history.messages().map(|message| format!("{message:?}")).collect()
}

#[test]
fn a_fork_goes_on_from_any_turn_and_leaves_its_parent_alone() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let turns = [turn(0, "one"), turn(1, "two"), turn(2, "three")];
    let (parent, path) = session(home, "parent-1", None, &turns.concat());
    let before = std::fs::read(&path).unwrap();
    // It is open all the while.
    for (at, last_turn) in [(0, Some("turn_0")), (1, Some("turn_1")), (2, Some("turn_2")), (2, None)] {
        let made = fork_at(&path, last_turn).unwrap();
        let shared = turns[..=at].concat();
        assert_eq!(made.seq, shared.len() as u64);
        let id = format!("child-{at}-{}", last_turn.is_some());
        let own = turn(at as u64 + 1, "other");
        let (child, child_path) = session(home, &id, Some(made), &own);
        drop(child);
        assert!(std::fs::metadata(&child_path).unwrap().len() < 2000, "what is shared is not copied");
        let lines = resumed(&child_path).unwrap();
        assert_eq!(records(&lines), [shared, own].concat());
        assert!(lines.iter().map(|line| line.seq).eq(0..lines.len() as u64), "{lines:?}");
        // Once more, from where it was left.
        let (mut child, ..) = Journal::open(&child_path).unwrap();
        assert_eq!(child.append(&turn(9, "x")[0]).unwrap(), lines.len() as u64);
    }
    drop(parent);
    assert!(std::fs::read(&path).unwrap() == before, "the parent has changed");
    let error = fork_at(&path, Some("turn_3")).unwrap_err().to_string();
    assert!(error.contains("no turn `turn_3`"), "{error}");
}

#[test]
fn a_fork_counts_its_own_tokens_and_shows_what_was_said_in_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_parent, path) = session(home, "parent-1", None, &[turn(0, "one"), turn(1, "two")].concat());
    let from = fork_at(&path, None).unwrap();
    let (child, child_path) = session(home, "child-1", Some(from), &[]);
    drop(child);
    let replayed = |path: &Path| {
        let replayed = replay(resumed(path).unwrap()).unwrap();
        (replayed.preview, replayed.usage.values().map(|usage| usage.input_tokens).sum::<u64>(), replayed.turns)
    };
    assert_eq!(replayed(&child_path), ("one".into(), 0, 2));
    // It is listed, although nothing was said in it yet.
    let listed = |path: &Path| {
        let wanted = crate::SessionsWanted { limit: 9, ..crate::SessionsWanted::default() };
        let found = crate::list(home, &wanted).0.into_iter().find(|listed| listed.path == path);
        found.map(|listed| listed.facts.preview)
    };
    assert_eq!(listed(&child_path).as_deref(), Some("one"));
    let (mut child, ..) = Journal::open(&child_path).unwrap();
    append(&mut child, &turn(2, "three"));
    drop(child);
    assert_eq!(replayed(&child_path), ("three".into(), 1, 3));
    assert_eq!(listed(&child_path).as_deref(), Some("three"));
}

#[test]
fn a_turn_that_has_not_ended_is_forked_as_far_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let open = &turn(1, "two")[..3];
    let (parent, path) = session(home, "parent-1", None, &[&turn(0, "one"), open].concat());
    // And half a line.
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"{\"seq\":9,").unwrap();
    for last_turn in [None, Some("turn_1")] {
        let made = fork_at(&path, last_turn).unwrap();
        assert_eq!(made.bytes, std::fs::metadata(&path).unwrap().len() - 9);
        assert_eq!(made.seq, 5 + open.len() as u64);
    }
    drop(parent);
}

#[test]
fn a_fork_of_a_fork_needs_only_what_it_shares() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_first, first) = session(home, "first-1", None, &[turn(0, "one"), turn(1, "two")].concat());
    let from = fork_at(&first, Some("turn_0")).unwrap();
    let (_second, second) = session(home, "second-1", Some(from), &turn(1, "other"));
    let late = fork_at(&second, None).unwrap();
    assert_eq!((late.thread_id.as_str(), late.seq), ("second-1", 10));
    let early = fork_at(&second, Some("turn_0")).unwrap();
    assert_eq!((early.thread_id.as_str(), early.seq), ("first-1", 5));
    let (late, late_path) = session(home, "late-1", Some(late), &turn(2, "late"));
    let (early, early_path) = session(home, "early-1", Some(early), &turn(1, "early"));
    drop((late, early));
    let told = |path: &Path| said(path).concat();
    let (in_late, in_early) = (told(&late_path), told(&early_path));
    assert!(["one", "other", "late"].iter().all(|word| in_late.contains(word)) && !in_late.contains("two"));
    assert!(["one", "early"].iter().all(|word| in_early.contains(word)) && !in_early.contains("other"));
    // A fork in which nothing was said yet is forked as the one it comes from.
    let from = fork_at(&late_path, None).unwrap();
    let (_empty, empty) = session(home, "empty-1", Some(from.clone()), &[]);
    assert_eq!(fork_at(&empty, None).unwrap(), from);

    std::fs::remove_file(&second).unwrap();
    assert_eq!(told(&early_path), in_early, "it goes on from the first");
    let error = resumed(&late_path).unwrap_err().to_string();
    assert!(error.contains("goes on from session `second-1`, which is gone"), "{error}");
    // What goes on from one that is gone is in the list all the same.
    assert!(crate::look(home, &empty).is_some_and(|listed| listed.facts.preview == "late"));
    std::fs::remove_file(&late_path).unwrap();
    assert!(crate::describe::describe(&empty).is_some_and(|described| described.facts.preview.is_empty()));
}

#[test]
fn items_are_read_through_all_journals_from_either_end() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_first, first) = session(home, "first-1", None, &[turn(0, "a"), turn(1, "b"), turn(2, "c")].concat());
    let from = fork_at(&first, Some("turn_1")).unwrap();
    let (_second, second) = session(home, "second-1", Some(from), &[turn(2, "d"), turn(3, "e")].concat());
    let from = fork_at(&second, Some("turn_2")).unwrap();
    let (_third, third) = session(home, "third-1", Some(from), &turn(3, "f"));
    for newest_first in [false, true] {
        for limit in 1..6 {
            let (mut seen, mut wanted) = (Vec::new(), ItemsWanted { limit, newest_first, ..ItemsWanted::default() });
            loop {
                let page = items(&third, &wanted).unwrap();
                seen.extend(page.items.iter().map(|stored| match &stored.item {
                    ThreadItem::AgentMessage { text, .. } => text.clone(),
                    other => panic!("{other:?}"),
                }));
                let Some(next) = page.next else { break };
                wanted.from = Some(next);
            }
            if newest_first {
                seen.reverse();
            }
            assert_eq!(seen, ["a", "b", "d", "f"], "{limit} a page, newest first: {newest_first}");
        }
    }
}

#[test]
fn a_parent_that_is_not_what_it_was_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (parent, path) = session(home, "parent-1", None, &turn(0, "one"));
    let from = fork_at(&path, None).unwrap();
    drop(parent);
    let (child, child_path) = session(home, "child-1", Some(from.clone()), &[]);
    drop(child);
    let whole = std::fs::read(&path).unwrap();
    for bytes in [&whole[..0], &whole[..whole.len() - 1], &[&whole[..whole.len() - 1], b"x".as_slice()].concat()] {
        std::fs::write(&path, bytes).unwrap();
        for error in [
            resumed(&child_path).unwrap_err(),
            fork_at(&child_path, None).unwrap_err(),
            items(&child_path, &ItemsWanted::default()).unwrap_err(),
        ] {
            assert!(
                error.to_string().contains("session `parent-1`, which it goes on from, is not what it was"),
                "{error}"
            );
        }
    }
    // One that says it goes on from itself has no beginning.
    let other = ForkedFrom { thread_id: "parent-1".into(), seq: 1, bytes: 100 };
    let (own, own_path) = session(home, "own-1", Some(other), &[]);
    drop(own);
    let text = std::fs::read_to_string(&own_path).unwrap().replace("parent-1", "own-1");
    std::fs::write(&own_path, text.replace("\"bytes\":100}", &format!("\"bytes\":{}}}", text.len()))).unwrap();
    let error = resumed(&own_path).unwrap_err().to_string();
    assert!(error.contains("is not what it was"), "{error}");
}

#[test]
fn the_lines_after_one_are_those_of_all_journals() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_parent, path) = session(home, "parent-1", None, &[turn(0, "one"), turn(1, "two")].concat());
    let from = fork_at(&path, Some("turn_0")).unwrap();
    let (_child, path) = session(home, "child-1", Some(from), &turn(1, "other"));
    let all = resumed(&path).unwrap();
    for after in 0..=all.len() as u64 {
        let (lines, last) = crate::lines_after(&path, after).unwrap();
        let expected = all.iter().filter(|line| line.seq > after && line.seq > 0);
        assert!(lines.iter().eq(expected), "after {after}: {lines:?}");
        assert_eq!(last, all.len() as u64 - 1);
    }
}
