//! Documents and stories: links lead somewhere, what is named is there, every scenario is played.

use std::{collections::BTreeSet, fs, path::Path};

use toml::Table;

use super::{Finding, Source, all, finds, hold, read, root};

/// Beginnings of paths that are named in text, relative to the repository.
const NAMED: [&str; 6] = ["docs/", "crates/", ".ci/", "packaging/", "scripts/", "target/"];

/// Targets of the links of a line, as `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next())
}

/// Paths that a line names as `path`, without those that stand for several.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|text| NAMED.iter().any(|start| text.starts_with(start)));
    paths.filter(|text| !text.contains(['*', '<', '{', ' ']) && !text.starts_with("target/"))
}

/// Links and paths of a document that lead nowhere; `exists` knows the files of the repository.
fn dead_ends(source: &Source, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let relative = links(line).filter(|link| !link.contains("://") && !link.starts_with('#'));
        for link in relative {
            let path = link.split('#').next().unwrap_or_default();
            let path = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
            if !exists(&path) {
                findings.push((number + 1, format!("the link `{link}` leads nowhere")));
            }
        }
        findings
            .extend(named(line).filter(|path| !exists(path)).map(|path| (number + 1, format!("there is no `{path}`"))));
    }
    findings
}

/// Commands of the README that CI does not run, and a README without commands.
fn commands(readme: &str, ci: &str) -> Vec<String> {
    let typed: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("    cargo ")).collect();
    let mut problems = Vec::new();
    for (command, runs) in [("run -- demo", "cargo run -- demo"), ("test --workspace", "cargo test --workspace")] {
        if !typed.contains(&command) {
            problems.push(format!("the README does not say `cargo {command}`"));
        }
        // The demo is part of the tests: `crates/cli/tests/it/demo.rs`.
        let tested = command == "run -- demo" || ci.lines().any(|line| line.split(" --locked").next() == Some(runs));
        if !tested {
            problems.push(format!("CI does not run `{runs}`"));
        }
    }
    let others = typed.iter().filter(|command| !["run -- demo", "test --workspace"].contains(command));
    problems.extend(others.map(|command| format!("`cargo {command}` is a third command")));
    problems
}

/// A scenario's name; each needs one of its own, and a file that the player reads.
fn stories(files: &[Source], entries: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for file in files {
        let story: Result<Table, _> = file.text.parse();
        let name = story.ok().and_then(|story| story.get("name").and_then(|name| name.as_str()).map(str::to_owned));
        match name {
            None => problems.push(format!("{}: it has no name", file.path)),
            Some(name) if !names.insert(name.clone()) => problems.push(format!("{}: another is called so", file.path)),
            Some(_) => {}
        }
    }
    let known: BTreeSet<String> =
        files.iter().filter_map(|file| file.path.rsplit('/').next().map(str::to_owned)).collect();
    problems.extend(entries.difference(&known).map(|entry| format!("{entry} is no scenario file")));
    problems
}

const SCENARIOS: &str = "crates/cli/tests/scenarios";

#[test]
fn documents_lead_somewhere() {
    let documents = all(".", "md");
    assert!(documents.iter().any(|document| document.path.ends_with("README.md")), "{documents:?}");
    let exists = |path: &str| root().join(path).exists();
    // What is drawn in tests is no document.
    let documents: Vec<Source> = documents.into_iter().filter(|source| !source.path.contains("/cases/")).collect();
    hold(&documents, |source| dead_ends(source, &exists));
    assert_eq!(commands(&read("README.md"), &read(".ci/run")), Vec::<String>::new());
}

#[test]
fn every_scenario_is_played() {
    let entries = fs::read_dir(root().join(SCENARIOS)).unwrap();
    let entries = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(stories(&all(SCENARIOS, "toml"), &entries), Vec::<String>::new());
    // The player takes the whole folder, and is itself a test of the one binary.
    assert!(read("crates/cli/tests/it/scenarios.rs").contains("join(\"tests/scenarios\")"));
    assert!(Path::new(&root()).join("crates/cli/tests/it/main.rs").exists());
    assert!(read("crates/cli/tests/it/main.rs").lines().any(|line| line == "mod scenarios;"));
}

#[test]
fn dead_ends_are_found() {
    let exists = |path: &str| ["docs/a.md", "docs/b.md", "crates/x", "README.md"].contains(&path);
    finds(
        |source| dead_ends(source, &exists),
        &[
            ("docs/a.md", "see [b](b.md), [b](b.md#part), [self](#part), [far](https://example.invalid/x)\n", &[]),
            ("docs/a.md", "see [c](c.md)\n\n[b](docs/b.md)\n", &[1, 3]),
            ("README.md", "see [b](docs/b.md) and `docs/b.md`, `crates/x`, `crates/<folder>`, `docs/*.md`\n", &[]),
            ("README.md", "one\n`docs/c.md` and `crates/y`\n", &[2, 2]),
        ],
    );
    let (readme, ci) = ("    cargo run -- demo\n    cargo test --workspace\n", "cargo test --workspace --locked\n");
    let table = [
        (readme.to_owned(), ci, 0),
        (readme.replace("run -- demo", "run"), ci, 2),
        (readme.to_owned(), "cargo test\n", 1),
        (String::new(), ci, 2),
    ];
    for (readme, ci, expected) in table {
        assert_eq!(commands(&readme, ci).len(), expected, "{readme}: {:?}", commands(&readme, ci));
    }
    let one = Source::new("s/one.toml", "name = \"one\"\n");
    let entries = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let table = [
        (vec![one.clone()], entries(&["one.toml"]), ""),
        (vec![one.clone()], entries(&["one.toml", "two.txt"]), "two.txt is no scenario file"),
        (vec![one.clone(), Source::new("s/two.toml", "name = \"one\"\n")], entries(&[]), "another is called so"),
        (vec![Source::new("s/two.toml", "args = []\n")], entries(&[]), "it has no name"),
        (vec![Source::new("s/two.toml", "name = ")], entries(&[]), "it has no name"),
    ];
    for (files, entries, expected) in table {
        let found = stories(&files, &entries).join("\n");
        assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
        assert!(found.contains(expected), "{found}");
    }
}
