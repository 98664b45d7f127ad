//! What was found in the cases in a terminal, as rows of a table. Pure.

use crate::{
    figures::median,
    report::{OURS, PEER},
    screens::{
        Figure, Goal,
        results::{Found, ScreenResults, ScreenRow},
        screen,
    },
};

/// The first row.
pub(crate) const HEADER: [&str; 6] = ["case", "figure", "ours", "codex", "of codex", "goal"];

/// The rows of all `results`, without the first.
pub(crate) fn rows(results: &[ScreenResults]) -> Vec<[String; 6]> {
    let of_case = |results: &ScreenResults| {
        let figures = screen(results.name).map_or(&[][..], |case| case.figures);
        figures.iter().map(|figure| cells(results, figure)).collect::<Vec<_>>()
    };
    results.iter().flat_map(of_case).collect()
}

fn cells(results: &ScreenResults, figure: &Figure) -> [String; 6] {
    let none = || "–".to_owned();
    let row = |program: &str| results.rows.iter().find(|row| row.program == program);
    let (ours, peers) = (row(OURS), row(PEER));
    let middle = |row: Option<&ScreenRow>| {
        median(row?.runs.iter().flatten().filter_map(|found| found.get(figure.key).copied()).collect())
    };
    let ratio = ours.zip(peers).and_then(|(ours, peers)| ratio(&ours.runs, &peers.runs, figure.key));
    [
        results.name.to_owned(),
        figure.words.to_owned(),
        middle(ours).map_or_else(none, number),
        middle(peers).map_or_else(none, number),
        ratio.map_or_else(none, |ratio| format!("{ratio:.3}")),
        figure.goal.map_or_else(none, |goal| verdict(goal, middle(ours), ratio)),
    ]
}

/// The median of the ratios of runs that were made one after the other.
fn ratio(ours: &[Option<Found>], peers: &[Option<Found>], key: &str) -> Option<f64> {
    let pairs = ours.iter().zip(peers).filter_map(|(one, other)| {
        let (one, other) = (one.as_ref()?.get(key)?, other.as_ref()?.get(key)?);
        // To nothing there is no ratio.
        (*other > 0.0).then_some(one / other)
    });
    median(pairs.collect())
}

fn verdict(goal: Goal, ours: Option<f64>, ratio: Option<f64>) -> String {
    let (text, most, found) = match goal {
        Goal::OfPeer(most) => (format!("{most} of codex"), most, ratio),
        Goal::AtMost(most) => (most.to_string(), most, ours),
    };
    match found {
        None => text,
        Some(found) if found <= most => format!("{text}: met"),
        Some(_) => format!("{text}: missed"),
    }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(program: &'static str, key: &str, values: &[Option<f64>]) -> ScreenRow {
        let run = |value: &Option<f64>| value.map(|value| Found::from([(key.to_owned(), value)]));
        ScreenRow { program, runs: values.iter().map(run).collect(), has_all_cpu: true }
    }

    #[test]
    fn figures_with_ratios_and_goals() {
        for (name, key, ours, peers, expected) in [
            (
                "screen_start",
                "composer_ms",
                vec![Some(20.0), Some(44.0)],
                vec![Some(200.0), Some(400.0)],
                ["32.0", "300.0", "0.105", "0.15 of codex: met"],
            ),
            (
                "screen_start",
                "composer_ms",
                vec![Some(90.0), None],
                vec![Some(200.0), Some(400.0)],
                ["90.0", "300.0", "0.450", "0.15 of codex: missed"],
            ),
            ("screen_idle", "wakeups", vec![Some(0.0)], vec![Some(0.0)], ["0", "0", "–", "0: met"]),
            ("screen_keys", "p99_ms", vec![Some(16.5)], vec![], ["16.5", "–", "–", "16: missed"]),
            ("screen_memory", "memory_mb", vec![None], vec![Some(400.0)], ["–", "400.0", "–", "60"]),
            ("screen_idle", "cpu_ms", vec![Some(0.5)], vec![Some(5.0)], ["0.50", "5.00", "0.100", "–"]),
        ] {
            let results = ScreenResults { name, rows: vec![row("ours", key, &ours), row("codex", key, &peers)] };
            let figure = screen(name).unwrap().figures.iter().find(|figure| figure.key == key).unwrap();
            assert_eq!(cells(&results, figure)[2..], expected, "{name} {key}");
        }
        let all = rows(&[ScreenResults { name: "screen_keys", rows: Vec::new() }]);
        assert_eq!(all.len(), 3);
    }
}
