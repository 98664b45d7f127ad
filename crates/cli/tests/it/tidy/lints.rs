//! The lints that hold functions short and product code free of panics: in force everywhere, and not switched off in
//! silence.

use toml::{Table, Value};

use super::{Finding, Source, all, code, finds, has_word, hold, read};

/// What the workspace's manifest must say of lints.
const LINTS: [(&str, &str); 10] = [
    ("rust.unsafe_code", "deny"),
    ("rust.missing_docs", "warn"),
    ("clippy.unwrap_used", "warn"),
    ("clippy.expect_used", "warn"),
    ("clippy.print_stdout", "warn"),
    ("clippy.print_stderr", "warn"),
    ("clippy.dbg_macro", "warn"),
    ("clippy.too_many_lines", "warn"),
    ("clippy.disallowed_methods", "warn"),
    ("clippy.disallowed_macros", "warn"),
];

/// Attributes that allow something without a reason of their own: the file, and what is allowed.
const UNREASONED: &[(&str, &str)] = &[("crates/sandbox/src/lib.rs", "unsafe_code")];

/// Lints that may be switched off in product code: elsewhere is where this is done, by name.
const KEPT: [(&str, &[&str]); 3] = [
    ("unsafe_code", &["crates/sandbox/src/lib.rs"]),
    ("too_many_lines", &[]),
    (
        "disallowed_methods",
        &[
            "crates/sandbox/src/cell.rs",
            "crates/sandbox/src/detached.rs",
            "crates/config/src/environment.rs",
            "crates/cli/build.rs",
            "crates/cli/src/editor.rs",
            "crates/permissions/build.rs",
        ],
    ),
];

fn lacking(manifest: &str) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap();
    let says = |path: &str| {
        let (tool, lint) = path.split_once('.')?;
        manifest.get("workspace")?.get("lints")?.get(tool)?.get(lint)?.as_str()
    };
    let lacking = LINTS.iter().filter(|(path, level)| says(path) != Some(level));
    lacking.map(|(path, level)| format!("Cargo.toml: workspace.lints.{path} is not {level:?}")).collect()
}

/// A crate's manifest: it must take the workspace's lints.
fn takes_the_lints(source: &Source) -> Vec<Finding> {
    let manifest: Table = source.text.parse().unwrap();
    let takes = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if takes == Some(true) { Vec::new() } else { vec![(1, "`[lints] workspace = true` is missing".into())] }
}

/// Attributes `allow` and `expect`, each with its line and all of its text.
fn attributes(source: &Source) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in source.code() {
        let line = line.trim();
        let starts = ["#[allow(", "#![allow(", "#[expect(", "#![expect("].iter().any(|start| line.starts_with(start));
        if starts {
            found.push((number, String::new()));
        }
        if starts || open {
            found.last_mut().unwrap().1.push_str(line);
            open = !line.ends_with(")]");
        }
    }
    found
}

fn has_a_reason(source: &Source) -> Vec<Finding> {
    let excused = |text: &str| {
        UNREASONED.iter().any(|(path, lint)| *path == source.path && has_word(text, lint) && !text.contains(','))
    };
    let bare = attributes(source).into_iter().filter(|(_, text)| !has_word(text, "reason") && !excused(text));
    bare.map(|(line, text)| (line, format!("`{text}` has no reason"))).collect()
}

fn keeps_the_lints(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in attributes(source) {
        for (lint, places) in KEPT {
            let test = source.is_test() && lint == "disallowed_methods";
            if has_word(&text, lint) && !test && !places.contains(&source.path.as_str()) {
                findings.push((line, format!("`{lint}` is switched off here")));
            }
        }
    }
    findings
}

#[test]
fn the_lints_are_in_force_everywhere() {
    assert_eq!(lacking(&read("Cargo.toml")), Vec::<String>::new());
    let clippy: Table = read("clippy.toml").parse().unwrap();
    assert_eq!(clippy["too-many-lines-threshold"].as_integer(), Some(100));
    let manifests: Vec<Source> = [all("crates", "toml"), all("benches", "toml")]
        .concat()
        .into_iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
        .collect();
    hold(&manifests, takes_the_lints);
    let sources = all("crates", "rs");
    hold(&code(), has_a_reason);
    hold(&sources, keeps_the_lints);
}

#[test]
fn lints_that_are_switched_off_are_found() {
    let manifest = read("Cargo.toml");
    assert_eq!(lacking(&manifest.replace("too_many_lines = \"warn\"", "too_many_lines = \"allow\"")).len(), 1);
    assert_eq!(lacking("").len(), LINTS.len());
    finds(
        takes_the_lints,
        &[
            ("a/Cargo.toml", "[lints]\nworkspace = true\n", &[]),
            ("a/Cargo.toml", "[lints]\nworkspace = false\n", &[1]),
            ("a/Cargo.toml", "[package]\nname = \"a\"\n", &[1]),
        ],
    );
    finds(
        has_a_reason,
        &[
            ("a.rs", "#[allow(dead_code, reason = \"later\")]\n", &[]),
            ("a.rs", "//! x\n#![allow(\n    dead_code,\n    reason = \"later\"\n)]\n#[allow(dead_code)]\n", &[6]),
            ("a.rs", "#![allow(dead_code)]\n", &[1]),
            ("a.rs", "    #[expect(dead_code)]\n", &[1]),
            ("a.rs", "// #[allow(dead_code)]\n", &[]),
            ("crates/sandbox/src/lib.rs", "#![allow(unsafe_code)]\n", &[]),
            ("crates/sandbox/src/lib.rs", "#![allow(unsafe_code, dead_code)]\n", &[1]),
            ("crates/sandbox/src/cell.rs", "#![allow(unsafe_code)]\n", &[1]),
        ],
    );
    finds(
        keeps_the_lints,
        &[
            ("crates/tools/src/a.rs", "#[allow(clippy::too_many_lines, reason = \"long\")]\n", &[1]),
            ("crates/tools/tests/a.rs", "#[allow(clippy::too_many_lines, reason = \"long\")]\n", &[1]),
            ("crates/tools/tests/a.rs", "#[allow(clippy::disallowed_methods, reason = \"a test\")]\n", &[]),
            ("crates/tools/src/a.rs", "#[allow(clippy::disallowed_methods, reason = \"handy\")]\n", &[1]),
            ("crates/sandbox/src/cell.rs", "#[allow(clippy::disallowed_methods, reason = \"here\")]\n", &[]),
            ("crates/tools/src/a.rs", "#![allow(unsafe_code, reason = \"fast\")]\n", &[1]),
        ],
    );
}
