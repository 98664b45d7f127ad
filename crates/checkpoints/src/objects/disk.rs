//! Every write to the store, in one place, so that tests can end the writer at each of them.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

/// What changes files of the store.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// How many writes are left until the writer is as if killed.
    #[cfg(test)]
    pub(crate) left: Option<u64>,
}

impl Disk {
    pub(crate) fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        // A signal may come in the middle of a write.
        self.lives(|| file.write_all_at(&bytes[..bytes.len() / 2], offset))?;
        file.write_all_at(bytes, offset)
    }

    pub(crate) fn cut(&mut self, file: &File, length: u64) -> io::Result<()> {
        self.lives(|| Ok(()))?;
        file.set_len(length)
    }

    pub(crate) fn create(&mut self, path: &Path) -> io::Result<File> {
        self.lives(|| Ok(()))?;
        use std::os::unix::fs::OpenOptionsExt;
        File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.lives(|| Ok(()))?;
        fs::rename(from, to)
    }

    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.lives(|| Ok(()))?;
        fs::remove_file(path)
    }

    /// Counts a write; the last is done in `part`. In a test of this crate the writer is dead from then on; the built program is
    /// killed, if a test of it wants that.
    #[cfg_attr(not(any(test, debug_assertions)), allow(unused_variables))]
    fn lives(&mut self, part: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        #[cfg(test)]
        match &mut self.left {
            None => {}
            Some(0) => return part().and(Err(io::Error::other("killed"))),
            Some(left) => *left -= 1,
        }
        #[cfg(debug_assertions)]
        if faults::is_last() {
            let _ = part();
            faults::end();
        }
        Ok(())
    }
}

/// Ends the program at one of its writes, as `kill -9` may, so that tests of the built program do that at each in turn. It is part of
/// no release.
#[cfg(debug_assertions)]
pub mod faults {
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// No write is the last.
    const NEVER: u64 = u64::MAX;

    static LEFT: AtomicU64 = AtomicU64::new(NEVER);

    /// This program ends in the middle of its write to the states of files of this number, from 0.
    pub fn end_at_write(number: u64) {
        LEFT.store(number, Ordering::Relaxed);
    }

    pub(super) fn is_last() -> bool {
        LEFT.load(Ordering::Relaxed) != NEVER && LEFT.fetch_sub(1, Ordering::Relaxed) == 0
    }

    pub(super) fn end() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}
