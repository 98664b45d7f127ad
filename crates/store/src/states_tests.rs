//! Whose a change is, and what can be taken back.

use super::*;
use crate::Epoch;

fn turn(id: &str) -> Record {
    Record::TurnStarted { turn_id: id.into() }
}

fn state(turn: &str, item: Option<&str>, snapshot: &str, runs_on: bool) -> Record {
    let (turn_id, item_id, snapshot, late) = (turn.into(), item.map(str::to_owned), snapshot.into(), Vec::new());
    Record::Checkpoint { turn_id, item_id, snapshot, runs_on, late, agent: None }
}

/// As a sub-agent writes it into the record above it; its item begins with its name.
fn of_agent(agent: &str, item: Option<&str>, snapshot: &str) -> Record {
    let (turn_id, item_id, agent) = ("0".into(), item.map(|item| format!("{agent}_{item}")), Some(agent.into()));
    Record::Checkpoint { turn_id, item_id, snapshot: snapshot.into(), runs_on: false, late: Vec::new(), agent }
}

fn before(turn: &str, snapshot: &str) -> Record {
    state(turn, None, snapshot, false)
}

fn after(turn: &str, snapshot: &str) -> Record {
    state(turn, Some("i"), snapshot, false)
}

fn after_item(turn: &str, item: &str, snapshot: &str) -> Record {
    state(turn, Some(item), snapshot, false)
}

fn acts() -> Record {
    acts_as("i")
}

fn acts_as(item: &str) -> Record {
    let access = serde_json::Value::Null;
    Record::Started { call_id: "c".into(), item_id: item.into(), access, checkpoint: Some("s".into()) }
}

fn restored(turn: &str, states: (&str, &str), conversation: bool, redo: bool) -> Record {
    let (before, after) = (states.0.to_owned(), states.1.to_owned());
    Record::Restored { before_turn_id: turn.into(), before, after, conversation, redo, conflicts: false }
}

fn back(turn: &str) -> Record {
    Record::Reverted { before_turn_id: turn.into() }
}

fn states(records: Vec<Record>) -> States {
    let (mut states, mut open) = (States::default(), None);
    for (record, seq) in records.iter().zip(1..) {
        states.apply(seq, record, open.as_deref());
        match record {
            Record::TurnStarted { turn_id } => open = Some(turn_id.clone()),
            Record::TurnEnded { .. } => open = None,
            _ => {}
        }
    }
    states
}

/// Of a program that goes on with what another has left.
fn resumed() -> Record {
    let (provider, model, sandbox) = Default::default();
    Record::Epoch(Epoch { provider, model, sandbox, cwd: "/".into(), effort: None, mode: None, midway: false })
}

fn ended() -> Record {
    Record::TurnEnded { turn_id: "0".into(), outcome: crate::TurnOutcome::Completed }
}

/// The spans since a turn, a word each.
fn since(states: &States, turn: &str) -> Vec<String> {
    let word = |span: Span| {
        let by = match span.by {
            ChangedBy::Agent => "agent",
            ChangedBy::Somebody => "somebody",
            ChangedBy::Rewind => "rewind",
        };
        let name = |state: Option<String>| state.unwrap_or_else(|| "?".into());
        format!("{} {by} {}-{}", span.turn_id, name(span.before), name(span.after))
    };
    states.since(turn).unwrap().into_iter().map(word).collect()
}

#[test]
fn what_lies_between_turns_is_the_users() {
    let one = || vec![turn("0"), before("0", "a"), acts(), after("0", "b"), acts(), after("0", "c"), ended()];
    let cut = || vec![turn("0"), before("0", "a"), acts(), ended(), resumed()];
    let two = || vec![turn("1"), before("1", "d"), acts(), after("1", "e"), ended()];
    let table: [(Vec<Record>, &str, &[&str]); 16] = [
        ([one(), two()].concat(), "0", &["0 agent a-b", "0 agent b-c", "1 agent d-e"]),
        ([one(), two()].concat(), "1", &["1 agent d-e"]),
        (vec![turn("0"), before("0", "a"), acts(), after("0", "a"), ended()], "0", &[]),
        // So is what lies between two actions.
        (
            vec![
                turn("0"),
                before("0", "a"),
                acts(),
                after("0", "b"),
                before("0", "c"),
                acts(),
                after("0", "d"),
                ended(),
            ],
            "0",
            &["0 agent a-b", "0 agent c-d"],
        ),
        // The program ended during an action, and nobody looked when the next began.
        (cut(), "0", &["0 somebody a-?"]),
        ([cut(), two()].concat(), "0", &["0 somebody a-d", "1 agent d-e"]),
        ([cut(), two()].concat(), "1", &["1 agent d-e"]),
        // It did.
        ([cut(), vec![after("0", "b")], two()].concat(), "0", &["0 agent a-b", "1 agent d-e"]),
        ([cut(), vec![turn("1"), after("0", "b"), before("1", "c")]].concat(), "0", &["0 agent a-b"]),
        // The state after an action could not be taken.
        (
            vec![turn("0"), before("0", "a"), acts_as("0_item_1"), ended(), turn("1"), before("1", "b")],
            "0",
            &["0 somebody a-b"],
        ),
        // Two actions at once, of sub-agents: one of them outlasts its turn.
        (
            vec![
                turn("0"),
                before("0", "a"),
                acts_as("one"),
                before("0", "b"),
                acts_as("two"),
                after_item("0", "one", "c"),
                ended(),
                turn("1"),
                after_item("1", "two", "d"),
                before("1", "e"),
            ],
            "0",
            &["0 agent a-b", "0 agent b-c", "0 agent c-d"],
        ),
        // Between turns.
        (
            vec![
                turn("0"),
                ended(),
                before("0", "a"),
                acts_as("one"),
                after_item("0", "one", "b"),
                turn("1"),
                before("1", "c"),
            ],
            "0",
            &["0 agent a-b"],
        ),
        // A command ran on, and ended between turns, or in the next.
        (
            vec![turn("0"), before("0", "a"), acts(), state("0", Some("i"), "b", true), ended()],
            "0",
            &["0 agent a-b", "0 somebody b-?"],
        ),
        (
            vec![turn("0"), before("0", "a"), acts(), state("0", Some("i"), "b", true), ended(), after("0", "c")],
            "0",
            &["0 agent a-b", "0 somebody b-c"],
        ),
        (
            [vec![turn("0"), before("0", "a"), acts(), state("0", Some("i"), "b", true), ended()], two()].concat(),
            "0",
            &["0 agent a-b", "0 somebody b-d", "1 agent d-e"],
        ),
        // The first state could not be taken.
        ([vec![turn("0"), before("0", ""), acts(), ended()], two()].concat(), "0", &["0 agent ?-?", "1 agent d-e"]),
    ];
    for (records, from, expected) in table {
        assert_eq!(since(&states(records.clone()), from), expected, "{records:?}");
    }
    assert_eq!(states(one()).since("9"), None);
    assert_eq!(states(one()).last.as_deref(), Some("c"));
}

#[test]
fn what_an_action_changed_whose_state_could_not_be_taken_is_nobodys_for_certain() {
    let begun = || vec![turn("0"), before("0", "a"), acts_as("0_item_1")];
    let agents = || vec![turn("0"), of_agent("x", None, "a"), acts_as("x_0_item_1")];
    let table: [(Vec<Record>, &[&str]); 8] = [
        // It was said so, or nothing could be said.
        ([begun(), vec![state("0", Some("0_item_1"), "", false), before("0", "b")]].concat(), &["0 somebody a-b"]),
        ([begun(), vec![before("0", "b")]].concat(), &["0 somebody a-b"]),
        ([begun(), vec![acts_as("0_item_2"), after_item("0", "0_item_2", "b")]].concat(), &["0 somebody a-b"]),
        // What comes after that is clear again.
        (
            [begun(), vec![before("0", "b"), acts_as("0_item_2"), after_item("0", "0_item_2", "c"), before("0", "d")]]
                .concat(),
            &["0 somebody a-b", "0 agent b-c"],
        ),
        ([agents(), vec![of_agent("x", None, "b")]].concat(), &["0 somebody a-b"]),
        ([agents(), vec![of_agent("x", Some("0_item_1"), ""), before("0", "b")]].concat(), &["0 somebody a-b"]),
        // That of another acts yet.
        (
            [agents(), vec![of_agent("y", None, "b"), of_agent("x", Some("0_item_1"), "c")]].concat(),
            &["0 agent a-b", "0 agent b-c"],
        ),
        // Nobody knows what was there before.
        ([agents(), vec![of_agent("x", None, ""), before("0", "b"), before("0", "c")]].concat(), &["0 agent ?-?"]),
    ];
    for (records, expected) in table {
        assert_eq!(since(&states(records.clone()), "0"), expected, "{records:?}");
    }
}

#[test]
fn each_going_back_can_be_redone_until_a_turn_begins() {
    let turns = || {
        let one = |id: &str, from: &str, to: &str| vec![turn(id), before(id, from), acts(), after(id, to), ended()];
        [one("0", "a", "b"), one("1", "b", "c"), one("2", "c", "d")].concat()
    };
    let forth = || Record::Unreverted {};
    // What can be redone, files and conversation, and what undo takes back next.
    type Row = (Vec<Record>, Option<(&'static str, bool, bool)>, Option<&'static str>);
    let table: [Row; 9] = [
        (vec![], None, Some("2")),
        (vec![restored("2", ("d", "c"), false, false)], Some(("2", true, false)), Some("1")),
        (vec![restored("1", ("d", "b"), false, false)], Some(("1", true, false)), Some("0")),
        (vec![restored("1", ("d", "b"), true, false), back("1")], Some(("1", true, true)), Some("0")),
        // Killed before the second line of them.
        (vec![restored("1", ("d", "b"), true, false)], Some(("1", true, false)), Some("0")),
        (vec![back("1")], Some(("1", false, true)), Some("2")),
        (
            vec![back("2"), restored("1", ("d", "b"), false, false), restored("1", ("b", "d"), false, true)],
            Some(("2", false, true)),
            Some("2"),
        ),
        (
            vec![restored("1", ("d", "b"), true, false), back("1"), restored("1", ("b", "d"), true, true), forth()],
            None,
            Some("2"),
        ),
        (vec![restored("1", ("d", "b"), true, false), back("1"), turn("3")], None, Some("0")),
    ];
    for (records, redo, undo) in table {
        let states = states(turns().into_iter().chain(records.clone()).collect());
        let to_redo = states.to_redo().map(|it| (it.before_turn_id.as_str(), it.files.is_some(), it.conversation));
        assert_eq!((to_redo, states.to_undo()), (redo, undo), "{records:?}");
    }
    let states = states(turns().into_iter().chain([restored("1", ("x", "b"), false, false)]).collect());
    assert_eq!(
        since(&states, "2"),
        ["2 agent c-d", "1 rewind x-b"],
        "what the user changed between is not the rewind's"
    );
}

#[test]
fn what_may_have_changed_after_the_end_is_not_certain() {
    let (turn_id, item_id, snapshot) = ("0".into(), Some("i".into()), "b".into());
    let state =
        Record::Checkpoint { turn_id, item_id, snapshot, runs_on: false, late: vec!["/late".into()], agent: None };
    let states = states(vec![turn("0"), before("0", "a"), acts(), ended(), resumed(), state, before("0", "c")]);
    let spans = states.since("0").unwrap();
    assert_eq!(
        spans.iter().map(|span| (span.by, span.late.clone())).collect::<Vec<_>>(),
        [(ChangedBy::Agent, vec!["/late".to_owned()])]
    );
}
