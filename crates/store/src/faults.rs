//! Ends the program in the middle of one of its writes, as `kill -9` may, so that tests of the built program do that at each in
//! turn. It is part of no release.

use std::{
    fs::File,
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::process::{Signal, getpid, kill_process};

/// No write is the last.
const NEVER: u64 = u64::MAX;

static LEFT: AtomicU64 = AtomicU64::new(NEVER);

/// This program ends in the middle of its write to a journal of this number, from 0.
pub fn end_at_write(number: u64) {
    LEFT.store(number, Ordering::Relaxed);
}

/// `bytes` are to be written to `file`.
pub(crate) fn before(file: &mut File, bytes: &[u8]) {
    if LEFT.load(Ordering::Relaxed) == NEVER || LEFT.fetch_sub(1, Ordering::Relaxed) > 0 {
        return;
    }
    let _ = file.write_all(&bytes[..bytes.len() / 2]);
    let _ = kill_process(getpid(), Signal::KILL);
}
