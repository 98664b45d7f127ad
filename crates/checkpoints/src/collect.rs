//! Gives back what the store holds of states that nobody wants any more.

use std::{
    collections::HashSet,
    fs, io,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use rustix::fs::FlockOperation;

use crate::{
    CheckpointError, Checkpoints, Hash, SnapshotId,
    diff::{manifest, tree},
    objects::{GRACE, Objects},
    tree::Node,
};

const DAY: Duration = Duration::from_hours(24);

/// How long branches are kept where nobody says, in seconds.
const BRANCHES: u32 = 30 * 24 * 3600;

/// What was given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bytes on the disk before.
    pub before: u64,
    /// Bytes on the disk now.
    pub after: u64,
}

impl Checkpoints {
    /// Removes what none of the states `keep` needs, nor any that was taken in the last hour: whoever took it may not have
    /// written down that it is wanted. States of `keep` that are not there are nothing to worry about. Waits for captures
    /// of other processes, and they for it.
    ///
    /// # Errors
    /// The store cannot be read or written. What is wanted is still there then.
    pub fn collect(&self, keep: &[SnapshotId]) -> Result<Collected, CheckpointError> {
        self.collect_older(keep, GRACE)
    }

    /// Removes, once a day at most, what no state needs that was taken in the last `days`, and branches that were saved before.
    /// Does nothing while another process uses the store. Trees of hard links that hold too much go each time that there
    /// are new ones.
    ///
    /// # Errors
    /// As [`Checkpoints::collect`].
    pub fn tidy(&self, days: u32) -> Result<Option<Collected>, CheckpointError> {
        if self.linked.swap(false, Ordering::Relaxed) {
            // What fails is tried again with the next.
            let _ = self.bound_links();
        }
        let mark = self.directory.join("tidied");
        let tidied = fs::metadata(&mark).and_then(|mark| mark.modified());
        let is_due = tidied.map_or(true, |time| SystemTime::now().duration_since(time).is_ok_and(|age| age > DAY));
        if !is_due {
            return Ok(None);
        }
        // What fails would fail again at once.
        fs::write(&mark, "").map_err(|source| CheckpointError::io("write", &mark, source))?;
        let age = days.saturating_mul(24 * 3600);
        match self.collect_by(&[], (age, age), FlockOperation::NonBlockingLockExclusive) {
            Err(CheckpointError::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => Ok(None),
            collected => collected.map(Some),
        }
    }

    /// As [`Checkpoints::collect`], with another age in seconds.
    pub(crate) fn collect_older(&self, keep: &[SnapshotId], age: u32) -> Result<Collected, CheckpointError> {
        self.collect_by(keep, (age, BRANCHES), FlockOperation::LockExclusive)
    }

    /// `age` is that of states, `branches` that of branches that were saved, both in seconds.
    fn collect_by(
        &self,
        keep: &[SnapshotId],
        (age, branches): (u32, u32),
        lock: FlockOperation,
    ) -> Result<Collected, CheckpointError> {
        let mut objects = self.objects();
        let _alone = objects.lock("use", lock)?;
        let before = objects.bytes_on_disk()?;
        let mut wanted = HashSet::new();
        let young = objects.young_manifests(age);
        for id in keep.iter().copied().chain(young.into_iter().map(SnapshotId)) {
            if objects.has(&id.0) && wanted.insert(id.0) {
                for (_, node) in manifest(&mut objects, &id)? {
                    want(&mut objects, &node, &mut wanted)?;
                }
            }
        }
        objects.repack(&wanted, Duration::from_secs(branches.into()))?;
        self.bound_links().map_err(|source| CheckpointError::io("clean", &self.directory, source))?;
        Ok(Collected { before, after: objects.bytes_on_disk()? })
    }
}

/// Adds to `wanted` what `node` names, and all below it.
fn want(objects: &mut Objects, node: &Node, wanted: &mut HashSet<Hash>) -> Result<(), CheckpointError> {
    let hash = match node {
        Node::File { hash, .. } => hash,
        Node::Directory { tree, .. } => tree,
        Node::Symlink { .. } | Node::Unsaved { .. } | Node::Absent => return Ok(()),
    };
    if !wanted.insert(*hash) {
        return Ok(());
    }
    wanted.extend(objects.pieces(hash)?);
    if matches!(node, Node::Directory { .. }) {
        for (_, node) in tree(objects, hash)? {
            want(objects, &node, wanted)?;
        }
    }
    Ok(())
}
