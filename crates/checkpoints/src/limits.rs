//! How much is saved at most.

/// What is larger is not saved, and said to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes that it takes on the disk; a sparse file may be eight times as long.
    pub file_bytes: u64,
    /// All files of a state together, in bytes.
    pub total_bytes: u64,
    /// Files and directories of a state.
    pub entries: u64,
    /// Files and directories in a directory that git ignores, that is a cache by its `CACHEDIR.TAG`, or that is called
    /// `.git`; with all that lies in it.
    pub ignored_entries: u64,
    /// Bytes in such a directory.
    pub ignored_bytes: u64,
    /// As `ignored_entries`, of a directory that is about to be destroyed.
    pub whole_entries: u64,
    /// As `ignored_bytes`, of a directory that is about to be destroyed.
    pub whole_bytes: u64,
}

impl Limits {
    /// Entries and bytes of an ignored directory.
    pub(crate) fn of_ignored(&self) -> (u64, u64) {
        (self.ignored_entries, self.ignored_bytes)
    }

    /// Entries and bytes of a directory that is about to be destroyed.
    pub(crate) fn of_whole(&self) -> (u64, u64) {
        (self.whole_entries, self.whole_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            total_bytes: 8 << 30,
            entries: 1_000_000,
            ignored_entries: 2_000,
            ignored_bytes: 64 << 20,
            whole_entries: 200_000,
            whole_bytes: 2 << 30,
        }
    }
}
