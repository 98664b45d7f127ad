//! Documents that name code: the tests behind each promise of `docs/reliability.md`, the functions and files of
//! `docs/tour.md` and `docs/ARCHITECTURE.md`.

use std::collections::BTreeSet;

use super::{Finding, Source, code, finds, has_word, hold, read, root, security::tests};

/// Rows of tables without a test, and tests that are not there.
fn unproved(document: &Source, tests: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in document.text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", promise, named, ""] = cells.as_slice() else { continue };
        if *promise == "promise" || promise.starts_with("---") {
            continue;
        }
        let named: Vec<&str> = quoted(named).collect();
        if named.is_empty() {
            findings.push((number + 1, "no test is named".to_owned()));
        }
        let missing = named.into_iter().filter(|name| !tests.contains(*name));
        findings.extend(missing.map(|name| (number + 1, format!("there is no test `{name}`"))));
    }
    findings
}

/// Functions that a document names as `name()` or `Type::name()`, and `exists` does not know.
fn unknown(document: &Source, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in document.text.lines().enumerate() {
        let names = quoted(line).filter_map(|text| text.strip_suffix("()"));
        let names = names.map(|name| name.rsplit_once("::").map_or(name, |(_, last)| last));
        findings.extend(
            names.filter(|name| !exists(name)).map(|name| (number + 1, format!("there is no function `{name}`"))),
        );
    }
    findings
}

/// What stands between backquotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn document(path: &str) -> Source {
    Source::new(path, &read(path))
}

#[test]
fn every_promise_has_its_tests() {
    let promises = document("docs/reliability.md");
    assert!(promises.text.lines().filter(|line| line.starts_with("| ")).count() > 30);
    let tests = tests(&code());
    hold(&[promises], |promises| unproved(promises, &tests));
}

#[test]
fn what_is_described_is_in_the_code() {
    let code = code();
    let exists = |name: &str| {
        let definition = format!("fn {name}");
        code.iter().any(|source| has_word(&source.text, &definition))
    };
    hold(&[document("docs/tour.md"), document("docs/ARCHITECTURE.md")], |source| unknown(source, &exists));
    // Elsewhere a name of a file may be short; here a newcomer looks for it.
    let named = |source: &Source| {
        let paths = quoted(&source.text).filter(|text| text.contains('/') && text.ends_with(".rs"));
        paths.map(str::to_owned).collect::<Vec<_>>()
    };
    let tour = named(&document("docs/tour.md"));
    assert!(tour.len() > 50, "{tour:?}");
    let missing: Vec<&String> = tour.iter().filter(|path| !root().join(path).is_file()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_is_promised_or_described_in_vain_is_found() {
    let tests = ["one", "two"].map(str::to_owned).into();
    let head = "| promise | tests |\n|---|---|\n";
    finds(
        |source| unproved(source, &tests),
        &[
            ("docs/a.md", &format!("{head}| x | `one`, `two` |\n"), &[]),
            ("docs/a.md", &format!("{head}| x | |\n| y | `one`, `three` |\n"), &[3, 4]),
            ("docs/a.md", "what is not promised: `three`\n", &[]),
        ],
    );
    finds(
        |source| unknown(source, &|name| name == "run"),
        &[
            ("docs/a.md", "`run()` and `Turn::run()`, `turn`, `walk`\n", &[]),
            ("docs/a.md", "x\n`Turn::walk()`\n", &[2]),
        ],
    );
}
