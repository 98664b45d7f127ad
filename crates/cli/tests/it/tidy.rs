//! The rules of `docs/ARCHITECTURE.md` and `CONTRIBUTING.md` that a program can check.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use toml::Table;

/// Lines a file may have at most; tables may have more.
const LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let mut crates: Vec<_> = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    crates.sort();
    crates
}

/// The directories whose Rust files the rules hold for: the crates, and the benchmarks beside them.
fn members() -> Vec<PathBuf> {
    let mut members = crates();
    members.push(root().join("benches"));
    members
}

/// All Rust files below `directory`, with their text.
fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The crate table of the architecture document: crate to the crates it uses.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(2)?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let uses = cells.get(4)?.split(" (").next()?.split(',').map(|used| used.trim().to_owned());
        Some((name, uses.filter(|used| used != "–").collect()))
    };
    text.lines().filter_map(row).collect()
}

/// What the manifests say.
fn actual() -> BTreeMap<String, BTreeSet<String>> {
    let uses = |path: &PathBuf| {
        let manifest: Table = fs::read_to_string(path.join("Cargo.toml")).unwrap().parse().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(manifest["package"]["name"].as_str(), Some(format!("codex-{name}").as_str()));
        let dependencies = manifest["dependencies"].as_table().unwrap().keys();
        (name, dependencies.filter_map(|used| used.strip_prefix("codex-")).map(str::to_owned).collect())
    };
    crates().iter().map(uses).collect()
}

#[test]
fn crates_use_what_the_architecture_says_and_nothing_else() {
    let mut documented = documented();
    let everything = documented["agent"].clone();
    // "agent and what agent uses"
    let server = documented.get_mut("server").unwrap();
    assert!(server.remove("agent and what agent uses"), "the server's row has changed: {server:?}");
    server.insert("agent".to_owned());
    server.extend(everything);
    assert_eq!(actual(), documented);
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    for (path, text) in members().iter().flat_map(|path| sources(path)) {
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with `//! `", path.display()));
        }
        if text.lines().count() > LINES {
            wrong.push(format!("{} has more than {LINES} lines", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    // In two pieces each, so that this file does not find itself.
    let forbidden = [concat!("#[ign", "ore"), concat!("thread::sl", "eep("), concat!("time::sl", "eep(")];
    let tests = members().into_iter().flat_map(|path| sources(&path)).filter(|(path, text)| {
        path.components().any(|part| part.as_os_str() == "tests") || text.contains("#[cfg(test)]")
    });
    let mut wrong = Vec::new();
    for (path, text) in tests {
        let tested = text.find("#[cfg(test)]").filter(|_| !path.to_string_lossy().contains("/tests/")).unwrap_or(0);
        for word in forbidden {
            if text[tested..].contains(word) {
                wrong.push(format!("{} contains `{word}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_client_side_of_the_program_is_known_to_exec() {
    let forbidden = ["codex_agent", "codex_model", "codex_tools", "codex_store"];
    for (path, text) in sources(&root().join("crates/cli/src")) {
        for word in forbidden {
            assert!(!text.contains(word), "{} knows {word}", path.display());
        }
    }
}

#[test]
fn the_readmes_commands_are_what_ci_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(readme.contains("\n    cargo test --workspace\n"));
    assert!(ci.contains("\ncargo test --workspace"));
    assert!(readme.contains("\n    cargo run -- demo\n"));
}
