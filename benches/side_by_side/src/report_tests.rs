//! Tests of the tables: results made by hand, and the text that must come of them.

use super::*;
use crate::{
    results::{Machine, Program, Session},
    turns::Stretch,
};

fn runs(all: &[(f64, f64, f64)]) -> Vec<Option<Figures>> {
    all.iter().map(|&(wall, cpu, peak)| Some(Figures { wall, cpu, peak })).collect()
}

fn row(program: &'static str, runs: Vec<Option<Figures>>) -> Row {
    Row { program, runs, stretches: Vec::new(), has_all_cpu: true, left_behind: 0 }
}

fn results(cases: Vec<CaseResults>) -> Results {
    let program = |name, version: &str, bytes| Program { name, version: version.into(), bytes: Some(bytes) };
    Results {
        machine: Machine {
            date: "2026-11-25".into(),
            cores: 2,
            processor: "some processor".into(),
            kernel: "6.18".into(),
        },
        programs: vec![program("ours", "codex 1", 15_900_000), program("codex", "codex-cli 2", 294_000_000)],
        runs: 3,
        cases,
        screens: Vec::new(),
        session: None,
        failures: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn a_table() {
    let mut ours = runs(&[(0.02, 0.010, 10.0), (0.04, 0.020, 10.0)]);
    ours.push(None);
    let text = CaseResults {
        name: "text",
        rows: vec![row("ours", ours), row("codex", runs(&[(0.4, 0.1, 100.0), (0.4, 0.2, 100.0), (0.7, 0.3, 130.0)]))],
        floor: runs(&[(0.001, 0.002, 6.0)]),
    };
    let mut results = results(vec![text]);
    results.failures.push("text ours run 3: exit 1: \"\"".into());
    let expected = "\
2026-11-25, 2 cores (some processor), Linux 6.18; ours is codex 1, codex is codex-cli 2; medians of 3 runs.

| case | program | wall s | CPU s  | peak MiB | of codex: wall / CPU / peak | goal                          | floor: s / s / MiB    |
| ---- | ------- | ------ | ------ | -------- | --------------------------- | ----------------------------- | --------------------- |
| text | ours    | 0.0300 | 0.0150 | 10.0     | 0.075 / 0.100 / 0.100       | 0.1 / 0.08 / 0.15: CPU missed | 0.0010 / 0.0020 / 6.0 |
| text | codex   | 0.400  | 0.200  | 100.0    | –                           | –                             | 0.0010 / 0.0020 / 6.0 |

- binary of ours: 15.9 MB (goal 24: met)
- binary of codex: 294.0 MB
- failed: text ours run 3: exit 1: \"\"
";
    assert_eq!(report(&results, true), expected);
    let plain = report(&results, false);
    assert!(plain.contains("\ntext  ours     0.0300  0.0150  10.0  "), "{plain}");
    assert!(plain.contains("\nfailed: text ours"), "{plain}");
}

#[test]
fn sentences_beside_the_table() {
    let case = |name, peak| CaseResults { name, rows: vec![row("ours", runs(&[(1.0, 1.0, peak)]))], floor: Vec::new() };
    for (flood, expected) in
        [(19.0, "9.4 MB of memory beyond a silent command (goal 10: met)"), (21.0, "(goal 10: missed)")]
    {
        let mut results = results(vec![case("idle", 10.0), case("flood1g", flood)]);
        let stretch = Stretch { first: 5, last: 15, between_ms: 1.5, bytes: 3210.0 };
        results.cases[0].rows[0].stretches.push(stretch);
        results.cases[0].rows[0].left_behind = 2;
        let text = report(&results, false);
        for part in [
            expected,
            "idle ours, requests 5 to 15: 1.50 ms between an answer and the next request, of 3.2 kB",
            "idle ours: up to 2 processes still ran at its end, and were killed",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}

#[test]
fn what_the_sandbox_adds() {
    let case = |name, ours: f64, floor: f64| CaseResults {
        name,
        rows: vec![row("ours", runs(&[(ours, 1.0, 1.0)]))],
        floor: runs(&[(floor, 1.0, 1.0)]),
    };
    let cases = [("version", 0.002, 0.001), ("sandbox_read", 0.0055, 0.009), ("sandbox_write", 0.0105, 0.0095)];
    let mut results = results(cases.map(|(name, ours, floor)| case(name, ours, floor)).to_vec());
    results.session = Some(Session { confined: 2.75, plain: 0.5 });
    let text = report(&results, false);
    for part in [
        "sandbox_read ours: 4.5 ms more than a program that does nothing (goal 5: met)",
        "sandbox_read bubblewrap: 8.0 ms more than a program that does nothing\n",
        "sandbox_write ours: 9.5 ms more than a program that does nothing (goal 8: missed)",
        "`true` takes ours 2.75 ms in the sandbox and 0.50 ms without: 2.25 ms more (goal 2: missed)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_program_that_could_not_do_it_has_no_figures() {
    let case = CaseResults { name: "text", rows: vec![row("ours", Vec::new())], floor: Vec::new() };
    let cells = cells(&case, &case.rows[0]);
    assert_eq!(cells, ["text", "ours", "–", "–", "–", "–", "0.1 / 0.08 / 0.15", "–"]);
}
