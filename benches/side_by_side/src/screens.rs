//! The cases that are played: in a terminal, or as a server of many sessions. What the model says, what is measured, what the
//! goals are.
//!
//! A case is data. What is typed, sent and looked at, `side_by_side_screen` and `side_by_side_server` know by the case's name.

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

/// How a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// In a terminal.
    InTerminal,
    /// The same, with a prompt.
    WithPrompt,
    /// As the server of other programs, on its standard input and output.
    AsServer,
}

/// What a program finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// A workspace of one file.
    Little,
    /// So many configured servers of tools.
    Servers(usize),
    /// So many files in the workspace.
    Files(usize),
}

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct ScreenCase {
    /// As it is named on the command line and in tables: how it is started, `_`, and the scenario's name.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    /// Whether only our program is measured.
    pub(crate) is_ours_alone: bool,
    /// How it is started.
    pub(crate) started: Started,
    /// What it finds.
    pub(crate) given: Given,
    /// What the model says.
    pub(crate) script: fn() -> Script,
    /// What is measured.
    pub(crate) figures: &'static [Figure],
    /// Runs that count, at most: for cases that say enough in one run.
    pub(crate) most_runs: usize,
    /// How many times as long as others a run may take.
    pub(crate) patience: u64,
    /// What warms up, as the playing program names it, where that is less than all of the case.
    pub(crate) warm_up: Option<&'static str>,
}

/// Something that is measured.
#[derive(Debug)]
pub(crate) struct Figure {
    /// As the playing program names it.
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
        started: Started::InTerminal,
        given: Given::Little,
        script: hello,
        figures: START,
        most_runs: usize::MAX,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_servers10",
        about: "`screen_start` with 10 MCP servers configured; 5 ms more than it at most (ours alone)",
        is_ours_alone: true,
        started: Started::InTerminal,
        given: Given::Servers(10),
        script: hello,
        figures: START,
        most_runs: usize::MAX,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_files",
        about: "the screen: `@` and a name among 100,000 files",
        is_ours_alone: false,
        started: Started::InTerminal,
        given: Given::Files(100_000),
        script: hello,
        figures: &[
            figure("first_ms", "ms from the letter behind `@` until files are shown; 0: they were there", None),
            figure("narrowed_ms", "ms from the last key until the file that is meant is shown", None),
        ],
        most_runs: 3,
        patience: 1,
        warm_up: None,
    },
    ScreenCase {
        name: "screen_prompt",
        about: "the screen: from its start, with a prompt, until a short answer is there",
        is_ours_alone: false,
        started: Started::WithPrompt,
        given: Given::Little,
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
        started: Started::InTerminal,
        given: Given::Little,
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
        started: Started::InTerminal,
        given: Given::Little,
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
        started: Started::InTerminal,
        given: Given::Little,
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
        started: Started::InTerminal,
        given: Given::Little,
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
        started: Started::InTerminal,
        given: Given::Little,
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
    server("server_1", "one server, one session", false),
    server("server_100", "one server, 100 sessions at once", false),
    server("server_1000", "one server, 1,000 sessions at once (ours alone)", true),
];

/// What is measured of a start.
const START: &[Figure] = &[
    figure("composer_ms", "ms until the composer is shown", Some(Goal::OfPeer(0.15))),
    figure("first_key_ms", "ms until a key typed then is shown", Some(Goal::AtMost(30.0))),
    figure("cpu_ms", "ms of CPU until the composer", None),
];

/// What is measured of a server.
const OF_SERVERS: &[Figure] = &[
    figure("turn_ms", "ms for a turn, all at once, divided by their number", Some(Goal::OfPeer(0.2))),
    figure("cpu_ms", "ms of CPU for such a turn", None),
    figure("p50_ms", "ms from a piece to its event, median", None),
    figure("p99_ms", "ms from a piece to its event, 99 of 100", None),
    figure("idle_mb", "MB of memory for a session that idles", Some(Goal::AtMost(1.0))),
    figure("memory_mb", "MB of memory while all are busy", Some(Goal::OfPeer(0.1))),
];

const fn server(name: &'static str, about: &'static str, is_ours_alone: bool) -> ScreenCase {
    ScreenCase {
        name,
        about,
        is_ours_alone,
        started: Started::AsServer,
        given: Given::Little,
        // It is its own model, and knows when a piece was sent.
        script: hello,
        figures: OF_SERVERS,
        most_runs: 3,
        patience: 2,
        warm_up: Some("1"),
    }
}

impl ScreenCase {
    /// As the playing program names what it plays.
    pub(crate) fn scenario(&self) -> &'static str {
        self.name.split_once('_').map_or(self.name, |(_, scenario)| scenario)
    }
}

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
            let beginning = if case.started == Started::AsServer { "server_" } else { "screen_" };
            assert!(case.name.starts_with(beginning), "{}", case.name);
            assert!((case.script)().steps.iter().all(|step| step.text.is_some()), "{}", case.name);
        }
        assert!(screen("nonsense").is_none());
    }
}
