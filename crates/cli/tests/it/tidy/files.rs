//! What every file of code looks like: it says what it is, is not too long, and is built.

use super::{Finding, Source, all, code, finds, hold};

/// Lines that a file may have at most.
const LINES: usize = 800;
/// Tables may have more: files that hold data and next to no code.
const TABLES: &[&str] = &[];

fn says_what_it_is(source: &Source) -> Vec<Finding> {
    let said = source.text.starts_with("//! ");
    if said { Vec::new() } else { vec![(1, "it does not begin with `//! `: say what it is".into())] }
}

fn is_short(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let long = lines > LINES && !TABLES.contains(&source.path.as_str());
    if long { vec![(LINES + 1, format!("it has {lines} lines, more than {LINES}: split it"))] } else { Vec::new() }
}

/// Files that no other file of their crate names as a module: nobody builds them, and their tests never run.
fn is_built(source: &Source, others: &[Source]) -> Vec<Finding> {
    let (directory, name) = source.path.rsplit_once('/').unwrap_or_default();
    let roots =
        ["build.rs", "examples/serve.rs", "src/lib.rs", "src/main.rs", "tests/it/main.rs", "tests/tmux/main.rs"];
    if roots.iter().any(|root| source.path == format!("crates/{}/{root}", source.package())) {
        return Vec::new();
    }
    // Each file of measurements is a program of its own.
    if directory == format!("crates/{}/benches", source.package()) {
        return Vec::new();
    }
    let stem = name.trim_end_matches(".rs");
    let module = if stem == "mod" { directory.rsplit('/').next().unwrap_or_default() } else { stem };
    let (declared, named) = (format!("mod {module};"), format!("#[path = \"{name}\"]"));
    let declares = |other: &&Source| {
        let has = |line: &str| line.trim_start_matches("pub ").trim_start_matches("pub(crate) ") == declared;
        let has = |line: &str| has(line.trim()) || line.trim() == named;
        other.package() == source.package() && other.path != source.path && other.text.lines().any(has)
    };
    if others.iter().any(|other| declares(&other)) {
        Vec::new()
    } else {
        vec![(1, format!("no file says `{declared}`: it is not built"))]
    }
}

#[test]
fn every_file_says_what_it_is_is_short_and_is_built() {
    hold(&code(), says_what_it_is);
    hold(&code(), is_short);
    let sources = all("crates", "rs");
    hold(&sources, |source| is_built(source, &sources));
    assert!(TABLES.iter().all(|table| sources.iter().any(|source| source.path == *table)), "a table that is gone");
}

#[test]
fn files_that_are_not_so_are_found() {
    finds(
        says_what_it_is,
        &[
            ("a.rs", "//! What.\n", &[]),
            ("a.rs", "// What.\n", &[1]),
            ("a.rs", "//!\n//! What.\n", &[1]),
            ("a.rs", "", &[1]),
        ],
    );
    let (most, more) = ("x\n".repeat(LINES), "x\n".repeat(LINES + 1));
    finds(is_short, &[("a.rs", &most, &[]), ("a.rs", &more, &[LINES + 1])]);
    let others = [
        Source::new("crates/a/src/lib.rs", "mod one;\npub mod two;\n#[path = \"three_tests.rs\"]\nmod tests;\n"),
        Source::new("crates/b/src/lib.rs", "mod four;\n"),
    ];
    finds(
        |source| is_built(source, &others),
        &[
            ("crates/a/src/lib.rs", "", &[]),
            ("crates/a/src/one.rs", "", &[]),
            ("crates/a/src/two/mod.rs", "", &[]),
            ("crates/a/src/three_tests.rs", "", &[]),
            ("crates/a/benches/five.rs", "", &[]),
            ("crates/a/src/benches/five.rs", "", &[1]),
            ("crates/a/src/four.rs", "", &[1]),
            ("crates/b/src/one.rs", "", &[1]),
        ],
    );
}
