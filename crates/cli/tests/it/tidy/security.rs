//! The table of attacks in `docs/security.md`: each row names its tests, and they are there.

use std::collections::BTreeSet;

use super::{Source, code, read};

/// The rows that must be there: those that concern the sandbox, paths, approvals, our own git and the environment.
const ROWS: &[u8] = &[6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 21, 41, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53];

/// The names of the tests in `sources`.
pub(super) fn tests(sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        let mut marked = false;
        for line in source.text.lines().map(str::trim) {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let (true, Some((name, _))) = (marked, name.and_then(|rest| rest.split_once('('))) {
                found.insert(name.to_owned());
            }
            // Attributes may stand between the mark and the name.
            marked = line == "#[test]" || line.starts_with("#[tokio::test") || (marked && line.starts_with("#["));
        }
    }
    found
}

/// What is wrong with the table of `document`, with these tests there.
fn problems(document: &str, tests: &BTreeSet<String>, rows: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", row, _, named, ""] = cells.as_slice() else { continue };
        let Some(number) = row.strip_prefix('D').and_then(|number| number.parse::<u8>().ok()) else { continue };
        if !seen.insert(number) {
            problems.push(format!("{row} is there twice"));
        }
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            problems.push(format!("{row} has no test"));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        problems.extend(missing.map(|name| format!("{row}: there is no test `{name}`")));
    }
    problems.extend(rows.iter().filter(|row| !seen.contains(row)).map(|row| format!("D{row:02} is missing")));
    problems
}

#[test]
fn every_attack_on_the_agent_is_tested() {
    let found = problems(&read("docs/security.md"), &tests(&code()), ROWS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn attacks_without_a_test_are_found() {
    let text = "#[test]\nfn one() {}\n    #[tokio::test]\n    async fn two() {}\nfn three() {}\n";
    let tests = tests(&[Source::new("a.rs", text)]);
    assert_eq!(tests, ["one", "two"].map(str::to_owned).into());
    let table = [
        ("| D01 | x | `one`, `two` |\n", ""),
        ("| D01 | x | `three` |\n", "D01: there is no test `three`"),
        ("| D01 | x | |\n", "D01 has no test"),
        ("| D01 | x | `one` |\n| D01 | x | `one` |\n", "D01 is there twice"),
        ("| row | x | `one` |\n", "D01 is missing"),
    ];
    for (document, expected) in table {
        assert_eq!(problems(document, &tests, &[1]).join("\n"), expected, "{document}");
    }
}
