//! The stories in `tests/scenarios`, one file each, told over every wire.

use std::{fs, path::Path, thread};

use codex_testkit::{Scenario, Wire};

#[test]
fn every_scenario_ends_as_it_says_over_every_wire() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let failures: Vec<String> = thread::scope(|scope| {
        let played = Wire::ALL.map(|wire| {
            scope.spawn({
                let files = &files;
                move || files.iter().filter_map(|path| failure(path, wire)).collect::<Vec<_>>()
            })
        });
        played.into_iter().flat_map(|failures| failures.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {} failed\n\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

/// How the scenario of a file went wrong over `wire`, if it is told over that.
fn failure(path: &Path, wire: Wire) -> Option<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_codex"));
    let ran = Scenario::from_file(path).and_then(|scenario| match scenario.wires.contains(&wire) {
        true => codex_testkit::run(&scenario, wire, binary),
        false => Ok(()),
    });
    ran.err().map(|report| format!("{}\n{report}", path.display()))
}
