//! Sees when a model goes in circles: the same call, or the same few calls, with the same result, again and again.
//! Pure.
//!
//! It must never mistake waiting for a circle: the result of a look at a command that runs on says how long it has
//! been running, so it differs each time.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use codex_history::ToolCall;

use crate::context::fill;

const REPEATED: &str = include_str!("prompts/repeated.md");

/// Longest circle that is seen, in calls.
const LONGEST: usize = 4;

/// At this many times round the model is told.
const TELL: usize = 5;

/// At this many times round the turn is stopped.
const STOP: usize = 10;

/// The line of a result that differs although nothing else does.
const WALL_TIME: &str = "Wall time: ";

/// The newest calls of a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repetition {
    newest: VecDeque<u64>,
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
    pub(crate) fn note(&mut self, call: &ToolCall, result: &str) -> Repeated {
        let mut hasher = DefaultHasher::new();
        (&call.name, call.arguments.text()).hash(&mut hasher);
        result.lines().filter(|line| !line.starts_with(WALL_TIME)).for_each(|line| line.hash(&mut hasher));
        if self.newest.len() == LONGEST * STOP {
            self.newest.pop_front();
        }
        self.newest.push_back(hasher.finish());
        match (1..=LONGEST).map(|length| self.rounds(length)).max() {
            Some(rounds) if rounds >= STOP => Repeated::Stop(rounds),
            Some(rounds) if rounds >= TELL => Repeated::Tell(rounds),
            _ => Repeated::No,
        }
    }

    /// How many times the last `length` calls were made in a row.
    fn rounds(&self, length: usize) -> usize {
        let newest = || self.newest.iter().rev();
        let same = newest().zip(newest().skip(length)).take_while(|(newer, older)| newer == older).count();
        1 + same / length
    }
}

/// `result` with a word about how often it was had.
pub(crate) fn told(result: &str, times: usize) -> String {
    format!("{result}\n\n{}", fill(REPEATED.trim_end(), &[("times", &times.to_string())]))
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
    fn go(circle: &[(&str, &str)], times: usize) -> Vec<Repeated> {
        let mut repetition = Repetition::default();
        let calls = circle.iter().cycle().take(circle.len() * times);
        calls.map(|(arguments, result)| repetition.note(&call(arguments), result)).collect()
    }

    #[test]
    fn a_circle_is_told_and_then_stopped() {
        let circles: &[&[(&str, &str)]] =
            &[&[("a", "x")], &[("a", "x"), ("b", "y")], &[("a", "x"), ("b", "y"), ("c", "z"), ("d", "w")]];
        for circle in circles {
            let seen = go(circle, STOP);
            let first_told = circle.len() * TELL - 1;
            assert!(seen[..first_told].iter().all(|repeated| *repeated == Repeated::No), "{seen:?}");
            assert_eq!(seen[first_told], Repeated::Tell(TELL));
            assert_eq!(seen.last(), Some(&Repeated::Stop(STOP)));
        }
    }

    #[test]
    fn what_differs_is_no_circle() {
        let mut repetition = Repetition::default();
        for time in 0..100 {
            let differs = format!("Still running after {time} s");
            assert_eq!(repetition.note(&call("a"), &differs), Repeated::No, "other results");
        }
        for time in 0..100 {
            assert_eq!(repetition.note(&call(&time.to_string()), "x"), Repeated::No, "other arguments");
        }
        assert_eq!(repetition.note(&call("a"), "x"), Repeated::No);
    }

    #[test]
    fn wall_time_alone_is_no_difference() {
        let mut repetition = Repetition::default();
        let result = |time: usize| format!("Exit code: 1\nWall time: {time} s\nOutput:\nno");
        let last = (0..TELL).map(|time| repetition.note(&call("a"), &result(time))).last();
        assert_eq!(last, Some(Repeated::Tell(TELL)));
    }

    #[test]
    fn the_word_says_how_often() {
        let told = told("result", 7);
        assert!(told.starts_with("result\n\n[") && told.contains(" 7 times"), "{told}");
    }
}
