//! Sees when a model goes in circles: the same call, or the same few calls, with the same result, again and again.
//! Pure.
//!
//! It must never mistake waiting for a circle: the result of a look at a command that runs on says how long it has
//! been running, so it differs each time, and a command may be run many times over until something has come.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use codex_history::ToolCall;

use crate::context::fill;

const REPEATED: &str = include_str!("prompts/repeated.md");
const REFUSED_AGAIN: &str = include_str!("prompts/refused_again.md");

/// Longest circle that is seen, in calls.
const LONGEST: usize = 4;

/// When a circle is told, and told again, and when it is stopped, in times round.
#[derive(Debug, Clone, Copy)]
struct Patience {
    tell: usize,
    stop: usize,
}

/// With calls that only read: nothing will change by them.
const READING: Patience = Patience { tell: 5, stop: 10 };

/// With a call that may change something, or wait for a change.
const DOING: Patience = Patience { tell: 10, stop: 150 };

/// With calls that are refused: they would be refused for ever.
const REFUSED: Patience = Patience { tell: 2, stop: 4 };

/// The line of a result that differs although nothing else does.
const WALL_TIME: &str = "Wall time: ";

/// The newest calls of a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repetition {
    newest: VecDeque<Noted>,
    /// Whether the model was told of the circle it is in, by this answer's results or by an earlier one's.
    told: Told,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    #[default]
    Not,
    ByThisAnswer,
    Before,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It read and changed nothing.
    Read,
    /// It may have changed something.
    Done,
    /// It did not run: a rule or a person was against it.
    Refused,
}

/// A call with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted {
    hash: u64,
    kind: Kind,
}

/// What a call with its result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// Nothing special.
    No,
    /// The same once more, so many times by now: the model is to be told.
    Tell(usize),
    /// The same once more, although the model was told.
    Stop(usize),
}

impl Repetition {
    /// Takes note of a call and the text of its result.
    pub(crate) fn note(&mut self, call: &ToolCall, kind: Kind, result: &str) -> Repeated {
        let mut hasher = DefaultHasher::new();
        (&call.name, call.arguments.text()).hash(&mut hasher);
        result.lines().filter(|line| !line.starts_with(WALL_TIME)).for_each(|line| line.hash(&mut hasher));
        if self.newest.len() == LONGEST * DOING.stop {
            self.newest.pop_front();
        }
        self.newest.push_back(Noted { hash: hasher.finish(), kind });
        let circles = (1..=LONGEST).filter_map(|length| self.circle(length));
        let Some((rounds, rest, patience)) = circles.max_by_key(|(rounds, ..)| *rounds) else {
            self.told = Told::Not;
            return Repeated::No;
        };
        match rounds {
            _ if rounds >= patience.stop && self.told == Told::Before => Repeated::Stop(rounds),
            // Once a round.
            _ if rest == 0 && (rounds % patience.tell == 0 || self.told == Told::Not) => {
                self.told = self.told.max(Told::ByThisAnswer);
                Repeated::Tell(rounds)
            }
            _ => Repeated::No,
        }
    }

    /// Takes note that the model reads the results of its calls now.
    pub(crate) fn answer_ends(&mut self) {
        if self.told != Told::Not {
            self.told = Told::Before;
        }
    }

    /// Whether the last `length` calls were made often enough in a row to be told: how many times, how many calls of
    /// the next time there are, and what is borne.
    fn circle(&self, length: usize) -> Option<(usize, usize, Patience)> {
        let newest = || self.newest.iter().rev();
        let same = newest().zip(newest().skip(length)).take_while(|(newer, older)| newer == older).count();
        let (rounds, rest) = (1 + same / length, same % length);
        let round = || newest().take(length).map(|noted| noted.kind);
        let patience = match () {
            () if round().all(|kind| kind == Kind::Refused) => REFUSED,
            () if round().all(|kind| kind != Kind::Done) => READING,
            () => DOING,
        };
        (rounds >= patience.tell).then_some((rounds, rest, patience))
    }
}

/// `result` with a word about how often it was had.
pub(crate) fn told(result: &str, kind: Kind, times: usize) -> String {
    let word = if kind == Kind::Refused { REFUSED_AGAIN } else { REPEATED };
    format!("{result}\n\n{}", fill(word.trim_end(), &[("times", &times.to_string())]))
}

#[cfg(test)]
mod tests {
    use codex_history::Arguments;

    use super::*;

    fn call(arguments: &str) -> ToolCall {
        let arguments = Arguments::Json(arguments.into());
        ToolCall { call_id: "1".into(), name: "read_file".into(), arguments, opaque: None }
    }

    /// What each call of `circle`, made `times` times over, comes to.
    fn go(circle: &[(&str, &str)], kind: Kind, times: usize) -> Vec<Repeated> {
        let mut repetition = Repetition::default();
        let calls = circle.iter().cycle().take(circle.len() * times);
        let answer = |(arguments, result): &(&str, &str)| {
            let repeated = repetition.note(&call(arguments), kind, result);
            repetition.answer_ends();
            repeated
        };
        calls.map(answer).collect()
    }

    #[test]
    fn a_circle_is_told_and_then_stopped() {
        let circles: &[&[(&str, &str)]] =
            &[&[("a", "x")], &[("a", "x"), ("b", "y")], &[("a", "x"), ("b", "y"), ("c", "z"), ("d", "w")]];
        let kinds = [(Kind::Read, READING), (Kind::Done, DOING), (Kind::Refused, REFUSED)];
        for (circle, (kind, patience)) in circles.iter().flat_map(|circle| kinds.map(|kind| (circle, kind))) {
            let seen = go(circle, kind, patience.stop);
            let told = |place: &usize| seen[*place] != Repeated::No;
            let expected: Vec<usize> =
                (1..=patience.stop / patience.tell).map(|time| circle.len() * time * patience.tell - 1).collect();
            assert_eq!((0..seen.len()).filter(told).collect::<Vec<_>>(), expected, "{circle:?}");
            assert_eq!(seen[expected[0]], Repeated::Tell(patience.tell));
            assert_eq!(seen.last(), Some(&Repeated::Stop(patience.stop)));
        }
    }

    #[test]
    fn what_differs_is_no_circle() {
        let mut repetition = Repetition::default();
        for time in 0..100 {
            let differs = format!("Still running after {time} s");
            assert_eq!(repetition.note(&call("a"), Kind::Read, &differs), Repeated::No, "other results");
        }
        for time in 0..100 {
            assert_eq!(repetition.note(&call(&time.to_string()), Kind::Read, "x"), Repeated::No, "other arguments");
        }
        assert_eq!(repetition.note(&call("a"), Kind::Read, "x"), Repeated::No);
    }

    #[test]
    fn a_look_after_each_command_has_the_patience_of_the_command() {
        let mut repetition = Repetition::default();
        for _ in 0..DOING.tell - 1 {
            assert_eq!(repetition.note(&call("do"), Kind::Done, "x"), Repeated::No);
            assert_eq!(repetition.note(&call("look"), Kind::Read, "y"), Repeated::No);
        }
        repetition.note(&call("do"), Kind::Done, "x");
        assert_eq!(repetition.note(&call("look"), Kind::Read, "y"), Repeated::Tell(DOING.tell));
    }

    #[test]
    fn who_was_not_told_is_not_stopped() {
        let mut repetition = Repetition::default();
        let in_one_answer: Vec<_> =
            (0..3 * READING.stop).map(|_| repetition.note(&call("a"), Kind::Read, "x")).collect();
        assert!(in_one_answer.contains(&Repeated::Tell(READING.tell)));
        assert!(!in_one_answer.iter().any(|repeated| matches!(repeated, Repeated::Stop(_))), "{in_one_answer:?}");
        repetition.answer_ends();
        assert_eq!(repetition.note(&call("b"), Kind::Read, "x"), Repeated::No, "another way");
        for _ in 1..READING.tell {
            assert_eq!(repetition.note(&call("a"), Kind::Read, "x"), Repeated::No, "a new circle");
        }
        assert_eq!(repetition.note(&call("a"), Kind::Read, "x"), Repeated::Tell(READING.tell));
    }

    #[test]
    fn wall_time_alone_is_no_difference() {
        let mut repetition = Repetition::default();
        let result = |time: usize| format!("Exit code: 1\nWall time: {time} s\nOutput:\nno");
        let last = (0..DOING.tell).map(|time| repetition.note(&call("a"), Kind::Done, &result(time))).last();
        assert_eq!(last, Some(Repeated::Tell(DOING.tell)));
    }

    #[test]
    fn the_word_says_how_often() {
        for (kind, word) in [(Kind::Read, "had this same result 7 times"), (Kind::Refused, "refused 7 times")] {
            let told = told("result", kind, 7);
            assert!(told.starts_with("result\n\n[") && told.contains(word), "{told}");
        }
    }
}
