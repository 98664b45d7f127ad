//! Inputs for what reads bytes of others: the corpus in `fuzz/corpus`, and variations of it.
//!
//! The same checks are fuzzed for as long as one likes by `cargo fuzz` (`CONTRIBUTING.md`).

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read is a failed test")]

use std::{fs, path::Path};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

/// What is done to an input. Places are taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    Put {
        at: u16,
        bytes: Vec<u8>,
    },
    Replace {
        at: u16,
        byte: u8,
    },
    Remove {
        at: u16,
        length: u16,
    },
    Repeat {
        at: u16,
        length: u8,
        times: u8,
    },
    /// The rest becomes that of another input.
    Cross {
        at: u16,
        other: u16,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<u16>;
    prop_oneof![
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Put { at, bytes }),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace { at, byte }),
        (at(), at()).prop_map(|(at, length)| Change::Remove { at, length }),
        (at(), any::<u8>(), any::<u8>()).prop_map(|(at, length, times)| Change::Repeat { at, length, times }),
        (at(), at()).prop_map(|(at, other)| Change::Cross { at, other }),
    ]
}

fn changed(mut input: Vec<u8>, change: &Change, corpus: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: u16, input: &[u8]| usize::from(at) % (input.len() + 1);
    let range = |at: u16, length: usize, input: &[u8]| {
        let from = place(at, input);
        from..from + length.min(input.len() - from)
    };
    match change {
        Change::Put { at, bytes } => {
            let at = place(*at, &input);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Replace { at, byte } => {
            let range = range(*at, 1, &input);
            input.splice(range, [*byte]);
        }
        Change::Remove { at, length } => {
            let range = range(*at, usize::from(*length) % 64, &input);
            input.drain(range);
        }
        Change::Repeat { at, length, times } => {
            let range = range(*at, usize::from(*length), &input);
            let repeated = input[range.clone()].repeat(usize::from(*times) % 64);
            input.splice(range, repeated);
        }
        Change::Cross { at, other } => {
            let other = &corpus[usize::from(*other) % corpus.len()];
            input.truncate(place(*at, &input));
            input.extend(&other[place(*at, other)..]);
        }
    }
    input
}

/// Has `check` look at each input of the corpus `fuzz/corpus/NAME`, and at variations of them (256, or as many as `PROPTEST_CASES` says).
///
/// # Panics
/// If `check` does, with the shortest variation found; if there is no corpus.
pub fn each_input(name: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!corpus.is_empty(), "{} is empty", directory.display());
    corpus.iter().for_each(|input| check(input));
    let config = Config { failure_persistence: None, ..Config::default() };
    let course = (0..corpus.len(), vec(change(), 1..8));
    let outcome = TestRunner::new(config).run(&course, |(begin, changes)| {
        let input = changes.iter().fold(corpus[begin].clone(), |input, one| changed(input, one, &corpus));
        let shown = String::from_utf8_lossy(&input).into_owned();
        let checked = std::panic::catch_unwind(|| check(&input));
        checked.map_err(|_| TestCaseError::fail(format!("{name} is not sound for {shown:?}")))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
