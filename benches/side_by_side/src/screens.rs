//! The cases in a terminal: what the model says, what is measured, what the goals are.
//!
//! A case is data. What is typed and looked at, `side_by_side_screen` knows by the case's name.

pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod runner;

use codex_testkit::{Pick, Script, Step};

use crate::{cases::script, markdown::markdown};

/// Bytes of an answer as long as any that models write.
const ANSWER: usize = 100_000;

/// Bytes of a longer one.
const LONG: usize = 2_000_000;

/// Answers that end differently.
const ENDINGS: usize = 4;

/// Bytes of a piece of text, as models send them.
const DELTA: usize = 20;

/// Bytes of the answer that is typed into: more than a minute of it.
const TYPED_INTO: usize = 1_500_000;

/// It is sent in pieces of about ten events, a hundred times a second: 20 kB of text a second, a hundred times what
/// models write.
const PACED: (usize, u64) = (1700, 10);

/// What all names of these cases begin with.
pub(crate) const PREFIX: &str = "screen_";

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct ScreenCase {
    /// As it is named on the command line and in tables: [`PREFIX`] and the scenario's name.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    /// Whether only our program is measured.
    pub(crate) is_ours_alone: bool,
    /// Whether it is started with a prompt.
    pub(crate) is_prompted: bool,
    /// What the model says.
    pub(crate) script: fn() -> Script,
    /// What is measured.
    pub(crate) figures: &'static [Figure],
    /// Runs that count, at most: for cases that say enough in one run.
    pub(crate) most_runs: usize,
    /// How many times as long as others a run may take.
    pub(crate) patience: u64,
    /// What warms up, as `side_by_side_screen` names it, where that is less than all of the case.
    pub(crate) warm_up: Option<&'static str>,
}

/// Something that is measured.
#[derive(Debug)]
pub(crate) struct Figure {
    /// As `side_by_side_screen` names it.
    pub(crate) key: &'static str,
    /// As people are told.
    pub(crate) words: &'static str,
    /// What our program is to reach.
    pub(crate) goal: Option<Goal>,
}

/// What our program is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// So much at most, as a part of what the peer takes.
    OfPeer(f64),
    /// So much at most.
    AtMost(f64),
}

const fn figure(key: &'static str, words: &'static str, goal: Option<Goal>) -> Figure {
    Figure { key, words, goal }
}

/// All cases, in the order in which they are measured.
pub(crate) static SCREENS: &[ScreenCase] = &[
    ScreenCase {
        name: "screen_start",
        about: "the screen: from its start until the composer is there",
        is_ours_alone: false,
        is_prompted: false,
        script: hello,
        figures: &[
            figure("composer_ms", "ms until the composer is shown", Some(Goal::OfPeer(0.15))),
            figure("first_key_ms", "ms until a key typed then is shown", Some(Goal::AtMost(30.0))),
            figure("cpu_ms", "ms of CPU until the composer", None),
        ],
        most_runs: usize::MAX,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_prompt",
        about: "the screen: from its start, with a prompt, until a short answer is there",
        is_ours_alone: false,
        is_prompted: true,
        script: hello,
        figures: &[
            figure("answered_ms", "ms until the answer is shown", None),
            figure("cpu_ms", "ms of CPU until then", None),
        ],
        most_runs: usize::MAX,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_idle",
        about: "the screen: five seconds of nothing, after a short turn",
        is_ours_alone: false,
        is_prompted: false,
        script: hello,
        figures: &[
            figure("memory_mb", "MB of memory", Some(Goal::OfPeer(0.15))),
            figure("wakeups", "wake-ups a second", Some(Goal::AtMost(0.0))),
            figure("cpu_ms", "ms of CPU a second", None),
        ],
        most_runs: usize::MAX,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_stream",
        about: "the screen: 20 answers of 100 kB of Markdown in pieces of 20 bytes, as fast as they are taken",
        is_ours_alone: false,
        is_prompted: false,
        script: answer,
        figures: &[
            figure("cpu_s", "s of CPU", Some(Goal::OfPeer(0.3))),
            figure("shown_s", "s until the last end is shown", None),
            figure("memory_mb", "MB of memory after it", None),
        ],
        most_runs: 1,
        patience: 5,
        // One answer: the peer takes minutes for all.
        warm_up: Some("long"),
    },
    ScreenCase {
        name: "screen_long",
        about: "the screen: one answer of 2 MB, as `screen_stream` (ours alone)",
        is_ours_alone: true,
        is_prompted: false,
        script: long,
        figures: &[
            figure("cpu_s", "s of CPU", None),
            figure("shown_s", "s until its end is shown", None),
            figure("memory_mb", "MB of memory after it", None),
        ],
        most_runs: 3,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_keys",
        about: "the screen: 300 keys while Markdown comes, 1,000 pieces a second",
        is_ours_alone: false,
        is_prompted: false,
        script: paced,
        figures: &[
            figure("p50_ms", "ms from a key to the screen, median", None),
            figure("p99_ms", "ms from a key to the screen, 99 of 100", Some(Goal::AtMost(16.0))),
            figure("most_ms", "ms from a key to the screen, at most", None),
        ],
        most_runs: 3,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_memory",
        about: "the screen: 25 answers of 2 MB in one session (ours alone)",
        is_ours_alone: true,
        is_prompted: false,
        script: long,
        figures: &[
            figure("memory_mb", "MB of memory after it", Some(Goal::AtMost(60.0))),
            figure("peak_mb", "MB of its largest process, at its peak", None),
            figure("cpu_s", "s of CPU", None),
            figure("shown_s", "s until its end is shown", None),
        ],
        most_runs: 1,
        patience: 5,
        warm_up: None,
    },
];

/// The case of this name.
pub(crate) fn screen(name: &str) -> Option<&'static ScreenCase> {
    SCREENS.iter().find(|case| case.name == name)
}

fn hello() -> Script {
    script([Step { text: Some("Hello from the scripted model.".into()), ..Step::default() }])
}

fn answer() -> Script {
    answers(ANSWER)
}

fn long() -> Script {
    answers(LONG)
}

/// Answers of so many bytes that end differently: one that was shown at once is told from the one before it.
fn answers(bytes: usize) -> Script {
    let step = |number| Step { text: Some(markdown(bytes, number)), delta: Some(DELTA), ..Step::default() };
    Script { pick: Pick::Users, steps: (0..ENDINGS).map(step).collect(), ..Script::default() }
}

fn paced() -> Script {
    let (chunk, pause) = PACED;
    let text = Some(markdown(TYPED_INTO, 0));
    script([Step { text, delta: Some(DELTA), chunk: Some(chunk), pause_ms: Some(pause), ..Step::default() }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_have_names_of_their_own_and_their_models_answer() {
        for case in SCREENS {
            assert!(std::ptr::eq(screen(case.name).unwrap(), case), "{} is there twice", case.name);
            assert!(case.name.starts_with(PREFIX), "{}", case.name);
            assert!((case.script)().steps.iter().all(|step| step.text.is_some()), "{}", case.name);
        }
        assert!(screen("nonsense").is_none());
    }
}
