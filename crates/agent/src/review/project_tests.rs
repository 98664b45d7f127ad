//! Which command runs the tests of a project: found by the files that lie at its top. Reads them, and runs nothing.

use std::{fs, path::Path};

use codex_workspace::open_to_read;
use serde_json::Value;

/// Longest file that is looked into, in bytes.
const LONGEST: u64 = 1 << 20;

/// The command line that runs the tests of the project in `directory`, if there is one to be seen.
pub(super) fn command(directory: &Path) -> Option<String> {
    let has = |name: &str| directory.join(name).is_file();
    if has("Cargo.toml") {
        return Some("cargo test".into());
    }
    if let Some(command) = read(directory, "package.json").and_then(|text| of_package(&text, has)) {
        return Some(command);
    }
    if is_python(directory) {
        return Some("python3 -m pytest".into());
    }
    if has("go.mod") {
        return Some("go test ./...".into());
    }
    let makefile = ["GNUmakefile", "makefile", "Makefile"].into_iter().find_map(|name| read(directory, name));
    makefile.filter(|text| text.lines().any(is_test_target)).map(|_| "make test".into())
}

fn of_package(text: &str, has: impl Fn(&str) -> bool) -> Option<String> {
    let package: Value = serde_json::from_str(text).ok()?;
    let script = package["scripts"]["test"].as_str()?;
    // What `npm init` writes where there are none.
    if script.trim().is_empty() || script.contains("no test specified") {
        return None;
    }
    const TOOLS: &[(&str, &str)] = &[
        ("bun.lock", "bun run test"),
        ("bun.lockb", "bun run test"),
        ("pnpm-lock.yaml", "pnpm test"),
        ("yarn.lock", "yarn test"),
    ];
    let tool = TOOLS.iter().find(|(lock, _)| has(lock)).map_or("npm test", |(_, command)| command);
    Some(tool.into())
}

fn is_python(directory: &Path) -> bool {
    let names = |name: &str, word: &str| read(directory, name).is_some_and(|text| text.contains(word));
    let is_test = |name: &str| name.ends_with(".py") && (name.starts_with("test_") || name == "conftest.py");
    let has_tests = |directory: &Path| {
        let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| name.to_str().is_some_and(is_test))
    };
    directory.join("pytest.ini").is_file()
        || names("pyproject.toml", "[tool.pytest")
        || names("setup.cfg", "[tool:pytest]")
        || names("tox.ini", "[pytest]")
        || has_tests(directory)
        || has_tests(&directory.join("tests"))
}

/// A rule for `test`, and no variable.
fn is_test_target(line: &str) -> bool {
    let Some((targets, rest)) = line.split_once(':') else { return false };
    !line.starts_with(char::is_whitespace)
        && !rest.starts_with('=')
        && targets.split_whitespace().any(|it| it == "test")
}

fn read(directory: &Path, name: &str) -> Option<String> {
    let file = open_to_read(&directory.join(name)).ok()?;
    if file.metadata().ok()?.len() > LONGEST {
        return None;
    }
    std::io::read_to_string(file).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_found_by_the_files_of_the_project() {
        type Files = &'static [(&'static str, &'static str)];
        let table: &[(Files, Option<&str>)] = &[
            (&[], None),
            (&[("README.md", "test:")], None),
            (&[("Cargo.toml", ""), ("Makefile", "test:\n")], Some("cargo test")),
            (&[("package.json", r#"{"scripts":{"test":"jest"}}"#)], Some("npm test")),
            (&[("package.json", r#"{"scripts":{"test":"jest"}}"#), ("yarn.lock", "")], Some("yarn test")),
            (&[("package.json", r#"{"scripts":{"test":"jest"}}"#), ("pnpm-lock.yaml", "")], Some("pnpm test")),
            (&[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)], None),
            (&[("package.json", "{"), ("go.mod", "")], Some("go test ./...")),
            (&[("pyproject.toml", "[tool.pytest.ini_options]\n")], Some("python3 -m pytest")),
            (&[("pyproject.toml", "[project]\n")], None),
            (&[("tests/test_x.py", "")], Some("python3 -m pytest")),
            (&[("tests/x.py", "")], None),
            (&[("Makefile", "all:\n\techo\ntest: all\n\ttrue\n")], Some("make test")),
            (&[("Makefile", "check test::\n\ttrue\n")], Some("make test")),
            (&[("Makefile", "test := x\nall:\n\ttest: x\n")], None),
        ];
        for (files, expected) in table {
            let directory = tempfile::tempdir().unwrap();
            for (name, text) in *files {
                let path = directory.path().canonicalize().unwrap().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let found = command(&directory.path().canonicalize().unwrap());
            assert_eq!(found.as_deref(), *expected, "{files:?}");
        }
    }
}
