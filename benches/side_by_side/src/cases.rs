//! The cases: what the scripted model says, who is measured, what must come of it.
//!
//! A case is data. What an agent's command line is belongs into `agents`, what a figure means into `docs/benchmarks.md`.

use codex_testkit::{Filler, Pick, Script, Step};
use serde_json::json;

use crate::stage;

/// Bytes of the answer of `stream2m`.
const STREAMED: usize = 2_000_000;

/// Commands of `shell100`.
const COMMANDS: usize = 100;

/// Tool calls of `turns1000`.
pub(crate) const TURNS: usize = 1000;

/// Files of `search`.
const SEARCHED: usize = 10_000;

/// Searches of `search`: fewer than a turn may make that finds the same again and again.
pub(crate) const SEARCHES: usize = 9;

/// Stands for the run's workspace among the arguments of a floor.
pub(crate) const WORKSPACE: &str = "{workspace}";

/// Prints 1 GB.
const FLOOD: &str = r"head -c 1000000000 /dev/zero | tr '\0' x";

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct Case {
    /// As it is named on the command line and in tables.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    /// What the program is asked for.
    pub(crate) task: Task,
    /// Whether only our program is measured.
    pub(crate) is_ours_alone: bool,
    /// What the same work costs at least.
    pub(crate) floor: Floor,
    /// What our program may take at most, as parts of what the peer takes: wall, CPU, peak memory.
    pub(crate) goals: Option<[f64; 3]>,
    /// Runs that count, at most: for cases that say enough in one run.
    pub(crate) most_runs: usize,
    /// What a successful run has left.
    pub(crate) proof: Proof,
}

/// What a program is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    /// Its version.
    Version,
    /// `true`, in the program's sandbox of this level, by its own command for that.
    Sandbox(&'static str),
    /// A turn with a model that speaks as the function says.
    Turn(fn() -> Script),
    /// The same with a full configuration. (Ours alone.)
    Configured(fn() -> Script),
    /// A turn in a workspace of so many files.
    Among(usize, fn() -> Script),
    /// The sessions that are kept, of which there are many. (Ours alone.)
    List {
        /// Whether they were listed before.
        is_known: bool,
    },
    /// A turn in a session whose history takes so many megabytes.
    Resume(usize),
}

/// What the same work costs without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Floor {
    /// Nothing that could be compared.
    None,
    /// A program that does nothing.
    Nothing,
    /// The model's answer, read and thrown away by `curl`.
    Curl,
    /// A command of `bash`, its output thrown away.
    Bash(&'static str),
    /// `true` in bubblewrap, with these arguments besides a read-only `/`.
    Bubblewrap(&'static [&'static str]),
    /// `rg` with these arguments, in the same workspace.
    Ripgrep(&'static [&'static str]),
}

/// What shows that a run has done its work. (The exit code is looked at always.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A text in standard output.
    Says(&'static str),
    /// Nothing but its exit code.
    ExitCode,
    /// So many bytes in standard output at least.
    SaysBytes(usize),
    /// A file of the workspace with this content.
    File(&'static str, &'static str),
}

/// All cases, in the order in which they are measured.
pub(crate) static CASES: &[Case] = &[
    Case {
        name: "version",
        about: "`--version`",
        task: Task::Version,
        is_ours_alone: false,
        floor: Floor::Nothing,
        goals: Some([0.5, 0.6, 0.8]),
        most_runs: usize::MAX,
        proof: Proof::ExitCode,
    },
    Case {
        name: "sandbox_read",
        about: "`true` in the sandbox `read-only`, without an agent",
        task: Task::Sandbox("read-only"),
        is_ours_alone: false,
        floor: Floor::Bubblewrap(&[]),
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::ExitCode,
    },
    Case {
        name: "sandbox_write",
        about: "`true` in the sandbox `workspace-write`, without an agent",
        task: Task::Sandbox("workspace-write"),
        is_ours_alone: false,
        floor: Floor::Bubblewrap(&["--bind", WORKSPACE, WORKSPACE]),
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::ExitCode,
    },
    Case {
        name: "text",
        about: "one turn: a short text",
        task: Task::Turn(text),
        is_ours_alone: false,
        floor: Floor::Nothing,
        goals: Some([0.1, 0.08, 0.15]),
        most_runs: usize::MAX,
        proof: Proof::Says("Hello from the scripted model."),
    },
    Case {
        name: "configured",
        about: "`text` with a full configuration; 3 ms more than `text` at most",
        task: Task::Configured(text),
        is_ours_alone: true,
        floor: Floor::Nothing,
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::Says("Hello from the scripted model."),
    },
    Case {
        name: "shell100",
        about: "one turn: the shell tool runs `true`, 100 times",
        task: Task::Turn(shell100),
        is_ours_alone: false,
        floor: Floor::Bash("for ((i = 0; i < 100; i++)); do bash -c true; done"),
        goals: Some([0.15, 0.15, 0.2]),
        most_runs: usize::MAX,
        proof: Proof::Says("All commands ran."),
    },
    Case {
        name: "stream2m",
        about: "one turn: a text of 2 MB in pieces of 20 bytes",
        task: Task::Turn(stream2m),
        is_ours_alone: false,
        floor: Floor::Curl,
        goals: Some([0.3, 0.15, 0.2]),
        most_runs: usize::MAX,
        proof: Proof::SaysBytes(STREAMED),
    },
    Case {
        name: "edit",
        about: "one turn: read a file, patch it, read it again, say so",
        task: Task::Turn(edit),
        is_ours_alone: false,
        floor: Floor::None,
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::File("src/lib.rs", "/// Adds one.\npub fn a(x: u32) -> u32 {\n    x + 1\n}\n"),
    },
    Case {
        name: "idle",
        about: "one turn: a command that prints nothing; what `flood1g` is compared with",
        task: Task::Turn(idle),
        is_ours_alone: true,
        floor: Floor::Bash("true"),
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::Says("The command ran."),
    },
    Case {
        name: "flood1g",
        about: "one turn: a command that prints 1 GB",
        task: Task::Turn(flood1g),
        is_ours_alone: false,
        floor: Floor::Bash(FLOOD),
        goals: None,
        most_runs: 3,
        proof: Proof::Says("The command ran."),
    },
    Case {
        name: "turns1000",
        about: "one thread: 1,000 small tool calls, one after the other",
        task: Task::Turn(turns1000),
        is_ours_alone: true,
        floor: Floor::None,
        goals: None,
        most_runs: 3,
        proof: Proof::Says("All files were read."),
    },
    Case {
        name: "search",
        about: "one turn: `search_files` among 10,000 files of 4 kB, nine times",
        task: Task::Among(SEARCHED, search),
        is_ours_alone: true,
        floor: Floor::Ripgrep(&["-n", stage::NEEDLE]),
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::Says("All was found."),
    },
    Case {
        name: "list_cold",
        about: "`sessions list` of 10,000 sessions, for the first time",
        task: Task::List { is_known: false },
        is_ours_alone: true,
        floor: Floor::Nothing,
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::Says("go"),
    },
    Case {
        name: "list_warm",
        about: "`sessions list` of 10,000 sessions that were listed before",
        task: Task::List { is_known: true },
        is_ours_alone: true,
        floor: Floor::Nothing,
        goals: None,
        most_runs: usize::MAX,
        proof: Proof::Says("go"),
    },
    resume("resume1", "one turn in a session of 1 MB: a short text", 1),
    resume("resume50", "the same with 50 MB", 50),
    resume("resume500", "the same with 500 MB", 500),
];

const fn resume(name: &'static str, about: &'static str, megabytes: usize) -> Case {
    Case {
        name,
        about,
        task: Task::Resume(megabytes),
        is_ours_alone: false,
        floor: Floor::Nothing,
        goals: None,
        most_runs: 3,
        proof: Proof::Says("Hello from the scripted model."),
    }
}

/// The case of this name.
pub(crate) fn case(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

/// Steps picked by what the request shows, so that one server serves all runs of a case.
pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { pick: Pick::Results, steps: steps.into_iter().collect(), ..Script::default() }
}

fn says(text: &str) -> Step {
    Step { text: Some(text.into()), ..Step::default() }
}

fn runs(command: &str) -> Step {
    Step { shell: Some(command.into()), ..Step::default() }
}

pub(crate) fn text() -> Script {
    script([says("Hello from the scripted model.")])
}

fn shell100() -> Script {
    script(std::iter::repeat_n(runs("true"), COMMANDS).chain([says("All commands ran.")]))
}

fn search() -> Script {
    let arguments = Some(json!({ "pattern": stage::NEEDLE }));
    let searches = Step { tool: Some("search_files".into()), arguments, ..Step::default() };
    script(std::iter::repeat_n(searches, SEARCHES).chain([says("All was found.")]))
}

fn stream2m() -> Script {
    let stream = Some(Filler { bytes: STREAMED, chunk: 20 });
    script([Step { stream, ..Step::default() }])
}

fn edit() -> Script {
    // In the shell, where both programs find a patch: not every program has a tool for patches with every model.
    let patch = "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/lib.rs\n@@\n-pub fn a() {}\n+/// Adds one.\n\
                 +pub fn a(x: u32) -> u32 {\n+    x + 1\n+}\n*** End Patch\nEOF\n";
    let read = runs("cat src/lib.rs");
    script([read.clone(), runs(patch), read, says("`a` adds one now.")])
}

fn idle() -> Script {
    script([runs("true"), says("The command ran.")])
}

fn flood1g() -> Script {
    script([runs(FLOOD), says("The command ran.")])
}

fn turns1000() -> Script {
    // No two calls are alike: who makes the same call again and again is stopped.
    let read = |lines: usize| {
        let arguments = Some(json!({"path": "src/lib.rs", "limit": 1000 + lines}));
        Step { tool: Some("read_file".into()), arguments, ..Step::default() }
    };
    script((0..TURNS).map(read).chain([says("All files were read.")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_have_names_of_their_own_and_can_be_found() {
        for case in CASES {
            assert!(std::ptr::eq(super::case(case.name).unwrap(), case), "{} is there twice", case.name);
        }
        assert!(case("nonsense").is_none());
    }

    #[test]
    fn every_script_makes_the_calls_it_promises_and_ends() {
        for (name, steps) in [("text", 1), ("shell100", 101), ("stream2m", 1), ("edit", 4), ("turns1000", 1001)] {
            let Task::Turn(script) = case(name).unwrap().task else { panic!("{name} is no turn") };
            let script = script();
            assert_eq!(script.steps.len(), steps, "{name}");
            let last = script.steps.last().unwrap();
            assert!(last.text.is_some() || last.stream.is_some(), "{name} ends with a call");
        }
    }
}
