//! Results as text: one table, and what does not fit into it as sentences. Pure.

use crate::{
    cases,
    figures::{self, Figures, medians},
    results::{CaseResults, Results, Row},
    screens,
};

/// Megabytes that our program's file may have.
const BINARY_GOAL: f64 = 24.0;

/// Megabytes of memory that a flood of output may cost beyond a command that prints nothing.
const FLOOD_GOAL: f64 = 10.0;

/// What the ratios are taken to.
pub(crate) const PEER: &str = "codex";

/// Milliseconds that the sandbox may add to a program that does nothing: in a case of its own, by the case's name.
const COLD_GOALS: [(&str, f64); 2] = [("sandbox_read", 5.0), ("sandbox_write", 8.0)];

/// Milliseconds that it may add to a command in a session.
const SESSION_GOAL: f64 = 2.0;

/// What is measured for its own sake.
pub(crate) const OURS: &str = "ours";

const HEADER: [&str; 8] =
    ["case", "program", "wall s", "CPU s", "peak MiB", "of codex: wall / CPU / peak", "goal", "floor: s / s / MiB"];

/// Everything that was found, for people; as Markdown if `is_markdown`.
pub(crate) fn report(results: &Results, is_markdown: bool) -> String {
    let machine = &results.machine;
    let programs: Vec<String> =
        results.programs.iter().map(|program| format!("{} is {}", program.name, program.version)).collect();
    let head = format!(
        "{}, {} cores ({}), Linux {}; {}; medians of {} runs.\n\n",
        machine.date,
        machine.cores,
        machine.processor,
        machine.kernel,
        programs.join(", "),
        results.runs
    );
    let cases = results.cases.iter().flat_map(|case| case.rows.iter().map(|row| cells(case, row))).collect();
    let mut text = head + &table(HEADER, cases, is_markdown);
    text.push_str(&table(screens::report::HEADER, screens::report::rows(&results.screens), is_markdown));
    let failures = results.failures.iter().map(|failure| format!("failed: {failure}"));
    for sentence in sentences(results).into_iter().chain(results.notes.iter().cloned()).chain(failures) {
        text.push_str(&format!("{}{sentence}\n", if is_markdown { "- " } else { "" }));
    }
    text
}

/// A row of the table.
fn cells(case: &CaseResults, row: &Row) -> [String; 8] {
    let none = || "–".to_owned();
    let peers = case.rows.iter().find(|other| other.program == PEER && row.program != PEER);
    let ratios = peers.and_then(|peers| figures::ratios(&row.runs, &peers.runs));
    let goals = cases::case(case.name).and_then(|case| case.goals).filter(|_| row.program == OURS);
    let middle = medians(&row.runs);
    let [wall, cpu, peak] = middle.map_or([none(), none(), none()], |middle| {
        [seconds(middle.wall), seconds(middle.cpu), format!("{:.1}", middle.peak)]
    });
    let floor = medians(&case.floor)
        .map(|Figures { wall, cpu, peak }| format!("{} / {} / {peak:.1}", seconds(wall), seconds(cpu)));
    [
        case.name.to_owned(),
        row.program.to_owned(),
        wall,
        cpu,
        peak,
        ratios.map_or_else(none, |ratios| ratios.each().map(|ratio| format!("{ratio:.3}")).join(" / ")),
        goals.map_or_else(none, |goals| goal(goals, ratios)),
        floor.unwrap_or_else(none),
    ]
}

/// The goals, and whether they are met.
fn goal(goals: [f64; 3], ratios: Option<Figures>) -> String {
    let text = goals.map(|goal| goal.to_string()).join(" / ");
    let Some(ratios) = ratios else { return text };
    let names = ["wall", "CPU", "peak"];
    let missed: Vec<&str> = names
        .into_iter()
        .zip(ratios.each().into_iter().zip(goals))
        .filter(|(_, (r, g))| r > g)
        .map(|(n, _)| n)
        .collect();
    if missed.is_empty() { format!("{text}: met") } else { format!("{text}: {} missed", missed.join(", ")) }
}

/// Seconds with as many digits as say something.
fn seconds(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{value:.4}"),
        value if value < 10.0 => format!("{value:.3}"),
        value => format!("{value:.1}"),
    }
}

/// What does not fit into the table.
fn sentences(results: &Results) -> Vec<String> {
    let mut sentences: Vec<String> = results
        .programs
        .iter()
        .filter_map(|program| {
            let megabytes = program.bytes? as f64 / 1e6;
            let goal = verdict(program.name == OURS, megabytes, BINARY_GOAL);
            Some(format!("binary of {}: {megabytes:.1} MB{goal}", program.name))
        })
        .collect();
    let peak = |case| Some(medians(&results.row(case, OURS)?.runs)?.peak);
    if let (Some(idle), Some(flood)) = (peak("idle"), peak("flood1g")) {
        let beyond = (flood - idle) * 1.048_576;
        let goal = verdict(true, beyond, FLOOD_GOAL);
        sentences.push(format!("1 GB of output costs ours {beyond:.1} MB of memory beyond a silent command{goal}"));
    }
    sentences.extend(added(results));
    sentences.extend(searching(results));
    for (case, row) in results.cases.iter().flat_map(|case| case.rows.iter().map(move |row| (case, row))) {
        for stretch in &row.stretches {
            sentences.push(format!(
                "{} {}, requests {} to {}: {:.2} ms between an answer and the next request, of \
                 {:.1} kB",
                case.name,
                row.program,
                stretch.first,
                stretch.last,
                stretch.between_ms,
                stretch.bytes / 1e3
            ));
        }
        if row.left_behind > 0 {
            let (name, count) = (case.name, row.left_behind);
            sentences
                .push(format!("{name} {}: up to {count} processes still ran at its end, and were killed", row.program));
        }
    }
    sentences
}

/// What one search takes ours beyond a turn without one, and what it takes ripgrep as a program of its own.
fn searching(results: &Results) -> Option<String> {
    let wall = |runs: &[Option<Figures>]| Some(medians(runs)?.wall * 1e3);
    let turn = |case| wall(&results.row(case, OURS)?.runs);
    let one = (turn("search")? - turn("text")?) / cases::SEARCHES as f64;
    let floor = results.cases.iter().find(|case| case.name == "search").and_then(|case| wall(&case.floor))?;
    Some(format!("one search of `search` takes ours {one:.1} ms, rg {floor:.1} ms ({:.2})", one / floor))
}

/// What the sandbox adds to a command, in milliseconds: ours, the peer's, bubblewrap's.
fn added(results: &Results) -> Vec<String> {
    let wall = |runs: &[Option<Figures>]| Some(medians(runs)?.wall * 1e3);
    let mut sentences = Vec::new();
    let nothing = results.cases.iter().find(|case| case.name == "version").and_then(|case| wall(&case.floor));
    for (name, goal) in COLD_GOALS {
        let Some((nothing, case)) = nothing.zip(results.cases.iter().find(|case| case.name == name)) else { continue };
        let rows = case.rows.iter().filter_map(|row| Some((row.program, wall(&row.runs)?)));
        for (program, wall) in rows.chain(wall(&case.floor).map(|wall| ("bubblewrap", wall))) {
            let added = wall - nothing;
            sentences.push(format!(
                "{name} {program}: {added:.1} ms more than a program that does nothing{}",
                verdict(program == OURS, added, goal)
            ));
        }
    }
    if let Some(session) = results.session {
        let added = session.confined - session.plain;
        sentences.push(format!(
            "in a session, `true` takes ours {:.2} ms in the sandbox and {:.2} ms without: {added:.2} ms more{}",
            session.confined,
            session.plain,
            verdict(true, added, SESSION_GOAL)
        ));
    }
    sentences
}

fn verdict(is_held: bool, value: f64, goal: f64) -> String {
    match (is_held, value <= goal) {
        (false, _) => String::new(),
        (true, true) => format!(" (goal {goal}: met)"),
        (true, false) => format!(" (goal {goal}: missed)"),
    }
}

/// `rows` in columns of equal width below `header`, and an empty line; nothing if there are none.
fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>, is_markdown: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        if is_markdown { format!("| {} |\n", cells.join(" | ")) } else { format!("{}\n", cells.join("  ").trim_end()) }
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if is_markdown {
        lines.insert(1, line(&widths.map(|width| "-".repeat(width))));
    }
    lines.push("\n".into());
    lines.concat()
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
