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
        #[cfg(test)]
        if !self.lives() {
            // A signal may come in the middle of a write.
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::other("killed"));
        }
        file.write_all_at(bytes, offset)
    }

    pub(crate) fn cut(&mut self, file: &File, length: u64) -> io::Result<()> {
        #[cfg(test)]
        if !self.lives() {
            return Err(io::Error::other("killed"));
        }
        file.set_len(length)
    }

    pub(crate) fn create(&mut self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        if !self.lives() {
            return Err(io::Error::other("killed"));
        }
        use std::os::unix::fs::OpenOptionsExt;
        File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        if !self.lives() {
            return Err(io::Error::other("killed"));
        }
        fs::rename(from, to)
    }

    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        if !self.lives() {
            return Err(io::Error::other("killed"));
        }
        fs::remove_file(path)
    }

    /// Counts a write. Once dead, always dead.
    #[cfg(test)]
    fn lives(&mut self) -> bool {
        match &mut self.left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}
