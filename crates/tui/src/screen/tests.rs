//! The screen on terminals: two emulators, one that wraps rows anew at another width and one that does not.

mod bytes;
mod frames;
mod random;

use std::{io, time::Duration};

use codex_testkit::emulators::Emulator;
use proptest::test_runner::{Config, RngSeed};

use super::{Capabilities, Screen};
use crate::text::{ColorDepth, Live, Row, Size};

/// Takes what is written, and counts how often.
#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    writes: usize,
}

impl io::Write for &mut Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.writes += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal of an emulator's with nothing special.
fn terminal(reflows: bool) -> Capabilities {
    let settles = Duration::ZERO;
    Capabilities {
        colors: ColorDepth::True,
        reflows,
        links: true,
        modified_keys: false,
        pictures: None,
        settles,
        is_dumb: false,
    }
}

/// A screen on an emulator.
struct Pair<E> {
    emulator: E,
    screen: Screen<Vec<u8>>,
}

impl<E: Emulator> Pair<E> {
    fn new(columns: usize, rows: usize) -> Self {
        let size = Size { columns, rows };
        Self { emulator: E::new((columns, rows)), screen: Screen::inline(Vec::new(), size, terminal(E::REFLOWS)) }
    }

    fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.screen.out);
        self.emulator.feed(&bytes);
    }

    fn frame(&mut self, live: &Live) {
        self.screen.frame(live, self.screen.size()).unwrap();
        self.flush();
    }

    fn finish(&mut self, last: &[Row]) {
        self.screen.finish(last).unwrap();
        self.flush();
    }

    /// The terminal changes first, and the screen hears of it.
    fn resize(&mut self, columns: usize, rows: usize) {
        let size = Size { columns, rows };
        self.emulator.resize((columns, rows));
        self.screen.resize(size);
    }
}

/// The same cases in each run.
fn random_cases() -> Config {
    Config { cases: 100, rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..Config::default() }
}

fn rows(texts: &[&str]) -> Vec<Row> {
    texts.iter().map(|text| Row::plain(text)).collect()
}

/// A live area with its cursor in the last row, behind the text.
fn live(texts: &[&str]) -> Live {
    let rows = rows(texts);
    let cursor = rows.last().map(|row| (rows.len() - 1, row.width()));
    Live { rows, cursor }
}
