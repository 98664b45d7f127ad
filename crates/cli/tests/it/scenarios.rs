//! The stories in `tests/scenarios`, one file each.

use std::{fs, path::Path};

use codex_testkit::{Scenario, Wire};

#[test]
fn every_scenario_ends_as_it_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let failures: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let ran = Scenario::from_file(path).and_then(|scenario| {
                codex_testkit::run(&scenario, Wire::Responses, Path::new(env!("CARGO_BIN_EXE_codex")))
            });
            ran.err().map(|report| format!("{}\n{report}", path.display()))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} failed\n\n{}", failures.len(), files.len(), failures.join("\n\n"));
}
