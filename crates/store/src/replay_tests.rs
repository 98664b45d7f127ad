//! Lines in, conversations out: of whole journals and of those of which something is missing.

use codex_history::{Arguments, Content, History};
use serde_json::Value;

use super::*;

fn lines(records: Vec<Record>) -> Vec<Line> {
    let header = Record::Header(crate::testing::header("t", "/w"));
    let all = std::iter::once(header).chain(records);
    all.zip(0..).map(|(record, seq)| Line { seq, at: 0, record }).collect()
}

fn calls(ids: &[&str]) -> Record {
    let call = |id: &&str| {
        AssistantPart::Call(ToolCall {
            call_id: (*id).into(),
            name: "exec_command".into(),
            arguments: Arguments::Json("{}".into()),
            opaque: None,
        })
    };
    Record::Message { message: Message::Assistant { content: ids.iter().map(call).collect() } }
}

fn result(id: &str) -> Record {
    let content = vec![Content::Text { text: "ok".into() }];
    Record::Message { message: Message::ToolResult { call_id: id.into(), freeform: false, content } }
}

fn started(id: &str) -> Record {
    Record::Started { call_id: id.into(), item_id: "i".into(), access: Value::Null, checkpoint: None }
}

fn partial(item: &str, offset: u64, text: &str) -> Record {
    Record::Partial { item_id: item.into(), offset, text: text.into() }
}

fn steered(text: &str) -> Record {
    let content = vec![Content::Text { text: text.into() }];
    let item = ThreadItem::UserMessage { id: text.into(), content: Vec::new() };
    Record::Steered { turn_id: "1".into(), content, item }
}

fn turn() -> Record {
    Record::TurnStarted { turn_id: "1".into() }
}

fn ended() -> Record {
    Record::TurnEnded { turn_id: "1".into(), outcome: TurnOutcome::Completed }
}

/// What the repairs say, in a word each.
fn repairs(records: Vec<Record>) -> Vec<String> {
    let replayed = replay(lines(records)).unwrap();
    let word = |record: &Record| match record {
        Record::Message { message: Message::Assistant { content } } => format!("said {content:?}"),
        Record::Message { message: Message::ToolResult { call_id, content, .. } } => {
            let cut = format!("{content:?}").contains("not known");
            format!("{call_id} {}", if cut { "cut short" } else { "never ran" })
        }
        Record::TurnEnded { .. } => "ended".into(),
        Record::Message { message: Message::User { content } } => format!("user {content:?}"),
        other => format!("{other:?}"),
    };
    let words = replayed.repairs.iter().filter(|record| !matches!(record, Record::Item { .. }));
    words.map(word).collect()
}

#[test]
fn what_was_shown_of_an_answer_that_was_cut_off_is_an_item() {
    type Shown = &'static [(&'static str, &'static str)];
    let table: [(Vec<Record>, Shown); 5] = [
        (vec![turn(), partial("a", 0, "he"), partial("a", 2, "llo")], &[("a", "hello")]),
        (vec![turn(), partial("b", 0, "x"), partial("a", 0, "y")], &[("b", "x"), ("a", "y")]),
        (vec![turn(), partial("a", 0, "x"), Record::Discarded { item_ids: vec!["a".into()] }], &[]),
        (vec![turn(), partial("a", 0, "x"), calls(&[])], &[]),
        (vec![turn(), partial("a", 0, "x"), ended()], &[]),
    ];
    for (records, expected) in table {
        let expected = expected.iter().map(|(id, text)| {
            let item = ThreadItem::AgentMessage { id: (*id).into(), text: (*text).into() };
            Record::Item { turn_id: "1".into(), item }
        });
        let repairs = replay(lines(records.clone())).unwrap().repairs.into_iter();
        let items = repairs.filter(|record| matches!(record, Record::Item { .. }));
        assert!(items.eq(expected), "{records:?}");
    }
}

#[test]
fn a_compaction_stands_for_what_was_before_until_it_is_undone() {
    let say = |text: &str| Record::Message { message: Message::user(text) };
    let sum = |text: &str| Record::Compacted { messages: vec![Message::user("rules"), Message::user(text)] };
    let undo = || Record::CompactionUndone {};
    let table: [(Vec<Record>, &[&str]); 8] = [
        (vec![say("a"), sum("A"), say("b")], &["rules", "A", "b"]),
        (vec![say("a"), sum("A"), say("b"), undo()], &["a", "b"]),
        (vec![say("a"), sum("A"), say("b"), undo(), say("c")], &["a", "b", "c"]),
        (vec![say("a"), sum("A"), say("b"), sum("B"), say("c")], &["rules", "B", "c"]),
        (vec![say("a"), sum("A"), say("b"), sum("B"), say("c"), undo()], &["rules", "A", "b", "c"]),
        (vec![say("a"), sum("A"), say("b"), sum("B"), say("c"), undo(), undo()], &["a", "b", "c"]),
        (vec![say("a"), undo()], &["a"]),
        (vec![say("a"), calls(&["1"]), sum("A"), result("1")], &["rules", "A"]),
    ];
    for (records, expected) in table {
        let replayed = replay(lines(records.clone())).unwrap().conversation;
        let expected: History = expected.iter().map(|text| Message::user(*text)).collect();
        let history = replayed.history;
        assert!(history.messages().eq(expected.messages()), "{records:?}: {history:?}");
    }
}

#[test]
fn going_back_and_compactions_undo_each_other_in_any_order() {
    let say = |text: &str| Record::Message { message: Message::user(text) };
    let sum = |text: &str| Record::Compacted { messages: vec![Message::user("rules"), Message::user(text)] };
    let begin = |id: &str| Record::TurnStarted { turn_id: id.into() };
    let back = |id: &str| Record::Reverted { before_turn_id: id.into() };
    let undo = || Record::CompactionUndone {};
    let start = |rest: Vec<Record>| {
        let start = [begin("1"), say("a"), begin("2"), say("b"), sum("B"), say("c"), begin("3"), say("d")];
        start.into_iter().chain(rest).collect::<Vec<_>>()
    };
    let table: [(Vec<Record>, &[&str]); 9] = [
        (vec![], &["rules", "B", "c", "d"]),
        (vec![back("3")], &["rules", "B", "c"]),
        (vec![back("2")], &["a"]),
        (vec![back("1")], &[]),
        (vec![back("2"), Record::Unreverted {}], &["rules", "B", "c", "d"]),
        (vec![back("2"), undo()], &["a"]),
        (vec![undo(), back("3")], &["a", "b", "c"]),
        (vec![back("3"), undo()], &["a", "b", "c"]),
        (vec![sum("D"), begin("4"), say("e"), undo(), back("4")], &["rules", "B", "c", "d"]),
    ];
    for (records, expected) in table {
        let history = replay(lines(start(records.clone()))).unwrap().conversation.history;
        let expected: History = expected.iter().map(|text| Message::user(*text)).collect();
        assert!(history.messages().eq(expected.messages()), "{records:?}: {history:?}");
    }
}

#[test]
fn what_was_counted_is_that_of_the_last_answer() {
    let usage = |tokens| Record::Usage {
        usage: Usage { input_tokens: tokens, ..Usage::default() },
        model: None,
        estimated: false,
    };
    let sum = || Record::Compacted { messages: vec![Message::user("A")] };
    let table = [
        (vec![calls(&[])], None),
        (vec![calls(&[]), usage(7)], Some(7)),
        (vec![calls(&[]), usage(7), usage(9)], Some(7)),
        (vec![calls(&[]), usage(7), usage(9), sum()], None),
        (vec![calls(&[]), usage(7), sum(), calls(&[]), usage(3)], Some(3)),
    ];
    for (records, expected) in table {
        assert_eq!(replay(lines(records.clone())).unwrap().conversation.history.counted(), expected, "{records:?}");
    }
}

#[test]
fn commands_that_ran_on_are_noticed() {
    let command = |id: &str| {
        let access = serde_json::json!({ "command": "x" });
        Record::Started { call_id: id.into(), item_id: format!("i{id}"), access, checkpoint: None }
    };
    let item = |id: &str| {
        let item = ThreadItem::AgentMessage { id: format!("i{id}"), text: String::new() };
        Record::Item { turn_id: "1".into(), item }
    };
    let settings = |midway| {
        let (provider, model, sandbox, cwd) = ("p".into(), "m".into(), "s".into(), "/w".into());
        Record::Epoch(Epoch { provider, model, sandbox, cwd, effort: None, mode: None, midway })
    };
    let (epoch, changed) = (|| settings(false), || settings(true));
    let table = [
        (vec![turn(), calls(&["1"]), command("1"), result("1"), item("1"), ended()], false),
        (vec![turn(), calls(&["1"]), command("1"), result("1"), ended()], true),
        (vec![turn(), calls(&["1"]), command("1"), result("1"), ended(), item("1")], true),
        (vec![turn(), calls(&["1"]), command("1"), result("1"), ended(), epoch(), turn(), ended()], false),
        (vec![turn(), calls(&["1"]), command("1"), result("1"), ended(), changed(), turn(), ended()], true),
        (vec![turn(), calls(&["1"]), started("1"), result("1"), ended()], false),
        (vec![turn(), calls(&["1"]), command("1")], false),
    ];
    for (records, expected) in table {
        assert_eq!(replay(lines(records.clone())).unwrap().ran_on, expected, "{records:?}");
    }
}

#[test]
fn a_turn_that_was_cut_off_is_noticed() {
    let end = |outcome| Record::TurnEnded { turn_id: "turn_0".into(), outcome };
    let failed = || end(TurnOutcome::Failed { message: "no network".into() });
    let back = || Record::Reverted { before_turn_id: "1".into() };
    for (records, expected) in [
        (vec![], false),
        (vec![turn()], true),
        (vec![turn(), ended()], false),
        (vec![turn(), end(TurnOutcome::Interrupted)], true),
        (vec![turn(), failed()], true),
        (vec![turn(), failed(), turn(), ended()], false),
        (vec![turn(), failed(), back()], false),
    ] {
        assert_eq!(replay(lines(records.clone())).unwrap().cut_off, expected, "{records:?}");
    }
}

#[test]
fn a_journal_cut_anywhere_is_repaired() {
    let all_said = |texts: &[&str]| {
        let part = |text: &&str| AssistantPart::Text { text: (*text).into(), opaque: None };
        format!("said {:?}", texts.iter().map(part).collect::<Vec<_>>())
    };
    let said = |text: &str| all_said(&[text]);
    let user = |text: &str| Record::Message { message: Message::user(text) };
    let kept = |text: &str| {
        let content = [Content::Text { text: text.into() }];
        vec![format!("user {content:?}")]
    };
    let discarded = |ids: &[&str]| Record::Discarded { item_ids: ids.iter().map(|id| (*id).into()).collect() };
    let table: Vec<(Vec<Record>, Vec<String>)> = vec![
        (vec![], vec![]),
        (vec![turn(), ended()], vec![]),
        (vec![turn()], vec!["ended".into()]),
        // What the user said meanwhile, and nobody read.
        (
            vec![turn(), calls(&["1"]), started("1"), steered("a"), steered("b")],
            [&["1 cut short".to_owned()][..], &kept("a"), &kept("b"), &["ended".into()]].concat(),
        ),
        (vec![turn(), calls(&["1"]), steered("a"), result("1"), user("a"), steered("b"), ended()], kept("b")),
        (vec![turn(), steered("a"), steered("a"), user("a"), ended()], kept("a")),
        (vec![turn(), steered("a"), user("a"), ended()], vec![]),
        (vec![turn(), partial("a", 0, "he"), partial("a", 2, "llo")], vec![said("hello"), "ended".into()]),
        // Several items, in the order they appeared.
        (
            vec![turn(), partial("b", 0, "he"), partial("a", 0, "bye"), partial("b", 2, "llo")],
            vec![all_said(&["hello", "bye"]), "ended".into()],
        ),
        (
            vec![turn(), partial("a", 0, "x"), partial("b", 0, "two"), partial("a", 0, "one")],
            vec![all_said(&["one", "two"]), "ended".into()],
        ),
        (vec![turn(), partial("a", 0, "he"), partial("a", 0, "bye")], vec![said("bye"), "ended".into()]),
        (vec![turn(), partial("a", 0, "x"), partial("a", 0, "")], vec!["ended".into()]),
        // Lines between were lost, or offsets make no sense.
        (vec![turn(), partial("a", 0, "he"), partial("a", 5, " you")], vec![said("he you"), "ended".into()]),
        (vec![turn(), partial("a", 5, " you"), partial("a", 9, "!")], vec![said(" you!"), "ended".into()]),
        (vec![turn(), partial("a", 0, "he"), partial("a", u64::MAX, "y")], vec![said("hey"), "ended".into()]),
        (vec![turn(), partial("a", 0, "ä"), partial("a", 1, "b")], vec![said("äb"), "ended".into()]),
        (vec![turn(), partial("a", 0, "hello"), partial("a", 2, "y")], vec![said("hey"), "ended".into()]),
        // A request that was repeated.
        (vec![turn(), partial("a", 0, "x"), partial("b", 0, "y"), discarded(&["b", "a", "?"])], vec!["ended".into()]),
        (vec![turn(), partial("a", 0, "x"), discarded(&["a"]), partial("b", 0, "y")], vec![said("y"), "ended".into()]),
        (
            vec![turn(), partial("a", 0, "x"), partial("b", 0, "y"), discarded(&["a"]), partial("a", 0, "z")],
            vec![all_said(&["y", "z"]), "ended".into()],
        ),
        (vec![turn(), partial("a", 0, "he"), turn()], vec!["ended".into()]),
        // The result was lost, and then the model spoke on: in this order.
        (
            vec![turn(), calls(&["1"]), started("1"), partial("a", 0, "so")],
            vec!["1 cut short".into(), said("so"), "ended".into()],
        ),
        (vec![turn(), partial("a", 0, "he"), ended()], vec![]),
        (vec![turn(), partial("a", 0, "x"), calls(&["1"]), result("1"), ended()], vec![]),
        (
            vec![turn(), calls(&["1", "2"]), started("1")],
            vec!["1 cut short".into(), "2 never ran".into(), "ended".into()],
        ),
        (vec![turn(), calls(&["1", "2"]), started("1"), result("1")], vec!["2 never ran".into(), "ended".into()]),
        (vec![turn(), calls(&["1", "1"]), result("1")], vec!["1 never ran".into(), "ended".into()]),
    ];
    for (records, expected) in table {
        assert_eq!(repairs(records.clone()), expected, "{records:?}");
    }
}

#[test]
fn a_repaired_journal_needs_no_more_repair() {
    let mut records = vec![turn(), calls(&["1"]), started("1")];
    let first = replay(lines(records.clone())).unwrap();
    records.extend(first.repairs);
    let second = replay(lines(records)).unwrap();
    assert_eq!(second.repairs, []);
    assert_eq!(messages(&first.conversation.history), messages(&second.conversation.history));
}

fn messages(history: &History) -> Vec<Message> {
    history.messages().cloned().collect()
}

/// A word for each message: who, and what of a result.
fn conversation(records: Vec<Record>) -> (Vec<String>, usize) {
    let replayed = replay(lines(records)).unwrap();
    let word = |message: &Message| match message {
        Message::Developer { .. } => "developer".into(),
        Message::User { .. } => "user".into(),
        Message::Assistant { .. } => "assistant".into(),
        Message::ToolResult { call_id, content, .. } => {
            let what = if format!("{content:?}").contains(LOST) { "lost" } else { "ok" };
            format!("{call_id} {what}")
        }
    };
    (replayed.conversation.history.messages().map(word).collect(), replayed.orphans)
}

#[test]
fn what_is_lost_in_the_middle_is_made_up_for_where_it_was() {
    let user = || Record::Message { message: Message::user("x") };
    let table: Vec<(Vec<Record>, &[&str], usize)> = vec![
        (vec![calls(&["1"]), result("1"), user()], &["assistant", "1 ok", "user"], 0),
        (vec![user(), result("1"), calls(&[])], &["user", "assistant"], 1),
        (vec![calls(&["1"]), user()], &["assistant", "1 lost", "user"], 0),
        (vec![calls(&["1"]), started("1"), user()], &["assistant", "1 lost", "user"], 0),
        (vec![calls(&["1", "2"]), result("2"), user()], &["assistant", "2 ok", "1 lost", "user"], 0),
        (vec![calls(&["1"]), calls(&["1"]), result("1")], &["assistant", "1 lost", "assistant", "1 ok"], 0),
        (vec![calls(&["1"]), result("1"), result("1")], &["assistant", "1 ok"], 1),
        (vec![calls(&["1"]), user(), result("1")], &["assistant", "1 lost", "user"], 1),
        (vec![calls(&["1", "1"]), result("1"), user()], &["assistant", "1 ok", "1 lost", "user"], 0),
    ];
    for (records, expected, orphans) in table {
        let expected = expected.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(conversation(records.clone()), (expected, orphans), "{records:?}");
    }
}

fn epoch(model: &str, cwd: &str) -> Record {
    let (provider, sandbox) = ("p".into(), "read-only".into());
    Record::Epoch(Epoch {
        provider,
        model: model.into(),
        sandbox,
        cwd: cwd.into(),
        effort: None,
        mode: None,
        midway: false,
    })
}

fn asked() -> Record {
    Record::Asked {
        turn_id: "1".into(),
        item_id: "a".into(),
        access: Value::Null,
        reason: "why".into(),
        answer: crate::Answered::Decline,
        by: crate::Answerer::User,
        rule: None,
    }
}

/// Some of everything: several texts and calls, ids that vendors repeat, a cut, its repairs, and another cut.
fn rich() -> Vec<Record> {
    let user = |text: &str| Record::Message { message: Message::user(text) };
    vec![
        epoch("m", "/w"),
        Record::Message { message: Message::Developer { text: "rules".into() } },
        user("context"),
        turn(),
        user("go"),
        partial("a", 0, "x"),
        partial("b", 0, "y"),
        Record::Discarded { item_ids: vec!["a".into(), "b".into()] },
        partial("c", 0, "z"),
        calls(&["1", "2", "1"]),
        Record::Usage { usage: Usage { input_tokens: 1, ..Usage::default() }, model: None, estimated: false },
        started("1"),
        result("1"),
        result("2"),
        started("1"),
        result("1"),
        partial("d", 0, "x"),
        calls(&["1"]),
        started("1"),
        result("1"),
        calls(&[]),
        ended(),
        turn(),
        user("on"),
        calls(&["3", "4"]),
        asked(),
        started("3"),
        // Repairs of a cut.
        result("3"),
        result("4"),
        Record::TurnEnded { turn_id: "1".into(), outcome: TurnOutcome::Interrupted },
        epoch("n", "/v"),
        user("context"),
        turn(),
        user("and on"),
        partial("e", 0, "x"),
        calls(&["1", "5"]),
        started("1"),
        result("1"),
        partial("f", 0, "x"),
    ]
}

/// Every call is answered exactly once, directly after its message, and nothing else is.
fn is_well_formed(history: &History) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in history.messages() {
        if let Message::ToolResult { call_id, .. } = message {
            let Some(at) = open.iter().position(|id| id == call_id) else { return false };
            open.remove(at);
        } else if open.is_empty() {
            open = message.calls().map(|call| call.call_id.as_str()).collect();
        } else {
            return false;
        }
    }
    open.is_empty()
}

fn assert_replays_well(lines: Vec<Line>, what: &str) {
    let first = replay(lines.clone()).unwrap();
    assert!(is_well_formed(&first.conversation.history), "{what}: {:#?}", messages(&first.conversation.history));
    // As on disk once the repairs are appended.
    let repaired = first.repairs.into_iter().map(|record| Line { seq: 0, at: 0, record });
    let second = replay(lines.into_iter().chain(repaired).collect()).unwrap();
    assert_eq!(second.repairs, [], "{what}");
    assert_eq!(messages(&first.conversation.history), messages(&second.conversation.history), "{what}");
}

#[test]
fn whatever_lines_are_lost_every_call_has_its_answer() {
    let all = lines(rich());
    let without = |lost: &[usize], up_to: usize| -> Vec<Line> {
        (0..up_to).filter(|at| !lost.contains(at)).map(|at| all[at].clone()).collect()
    };
    for one in 1..all.len() {
        for up_to in one..=all.len() {
            assert_replays_well(without(&[one], up_to), &format!("without {one}, cut at {up_to}"));
        }
        for other in 1..one {
            assert_replays_well(without(&[other, one], all.len()), &format!("without {other} and {one}"));
        }
    }
    assert!(replay(without(&[0], all.len())).is_none());
}

fn back(turn_id: &str) -> Record {
    Record::Reverted { before_turn_id: turn_id.into() }
}

/// [`rich`], with turns that have ids of their own.
fn numbered() -> Vec<Line> {
    let mut number = 0;
    let mut all = lines(rich());
    for line in &mut all {
        if let Record::TurnStarted { turn_id } = &mut line.record {
            *turn_id = number.to_string();
            number += 1;
        }
    }
    all
}

#[test]
fn it_goes_back_to_how_it_was_when_a_turn_began() {
    let all = numbered();
    for (turn, said) in [(0, ""), (1, "go"), (2, "go")] {
        let before = all.iter().position(|line| line.record == Record::TurnStarted { turn_id: turn.to_string() });
        let before = replay(all[..before.unwrap()].to_vec()).unwrap();
        let again = [Record::TurnStarted { turn_id: "3".into() }, Record::Message { message: Message::user("again") }];
        let records = [back(&turn.to_string())].into_iter().chain(again);
        let gone: Vec<Line> = all.iter().cloned().chain(lines(records.collect()).split_off(1)).collect();
        let at = all.len() + 1;
        let after = replay(gone[..at].to_vec()).unwrap();
        assert_eq!(messages(&after.conversation.history), messages(&before.conversation.history), "{turn}");
        assert_eq!(after.conversation.marks, before.conversation.marks, "{turn}");
        assert_eq!((after.preview.as_str(), after.turns), (said, 3), "ids of turns are not used again");
        assert_eq!((after.usage, after.repairs.len()), (replay(all.clone()).unwrap().usage, 0), "{turn}");
        assert_replays_well(gone.clone(), "gone back");
        let on = replay(gone).unwrap().conversation;
        assert_eq!(on.marks.len(), turn + 1);
        assert_eq!(on.marks[turn].said, "again");
    }
}

#[test]
fn going_back_is_redone_until_a_turn_begins() {
    let turn = |id: &str| [Record::TurnStarted { turn_id: id.into() }, Record::Message { message: Message::user(id) }];
    let ended = |id: &str| Record::TurnEnded { turn_id: id.into(), outcome: TurnOutcome::Completed };
    let forth = || Record::Unreverted {};
    let turns = || ["0", "1", "2"].into_iter().flat_map(|id| turn(id).into_iter().chain([ended(id)]));
    let table: [(Vec<Record>, &[&str]); 9] = [
        (vec![], &["0", "1", "2"]),
        (vec![forth()], &["0", "1", "2"]),
        (vec![back("1")], &["0"]),
        (vec![back("none"), back("1"), back("2")], &["0"]),
        (vec![back("1"), forth()], &["0", "1", "2"]),
        (vec![back("2"), back("0"), forth()], &["0", "1"]),
        (vec![back("2"), back("0"), forth(), forth(), forth()], &["0", "1", "2"]),
        ([vec![back("1")], turn("3").to_vec(), vec![forth()]].concat(), &["0", "3"]),
        ([vec![back("1")], turn("3").to_vec(), vec![back("3"), forth()]].concat(), &["0", "3"]),
    ];
    for (records, expected) in table {
        let conversation = replay(lines(turns().chain(records.clone()).collect())).unwrap().conversation;
        let said: Vec<&str> = conversation.marks.iter().map(|mark| mark.said.as_str()).collect();
        assert_eq!(said, expected, "{records:?}");
        assert!(messages(&conversation.history).into_iter().eq(expected.iter().map(|text| Message::user(*text))));
    }
}

#[test]
fn what_was_open_in_a_turn_that_is_gone_is_gone() {
    let cut = vec![turn(), calls(&["1"]), started("1"), partial("a", 0, "x"), steered("b"), back("1")];
    let replayed = replay(lines(cut)).unwrap();
    assert_eq!(replayed.repairs, []);
    assert!(replayed.conversation.history.is_empty());
}

#[test]
fn it_knows_when_it_began_and_under_what_it_last_ran() {
    let mut all = lines(rich());
    all[0].at = 1234;
    let replayed = replay(all.clone()).unwrap();
    assert_eq!(replayed.epoch.map(Record::Epoch), Some(epoch("n", "/v")));
    assert_eq!(replayed.cwd, PathBuf::from("/v"));
    assert_eq!((replayed.started_at, replayed.preview.as_str(), replayed.turns), (1234, "go", 3));
    all.truncate(1);
    let replayed = replay(all).unwrap();
    assert_eq!((replayed.epoch, replayed.cwd), (None, PathBuf::from("/w")));
    assert_eq!((replayed.started_at, replayed.preview.as_str(), replayed.turns), (1234, "", 0));
}
