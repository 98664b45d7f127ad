//! What differs between two states, and what is at paths in one.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use crate::{
    Change, CheckpointError, Checkpoints, Hash, SnapshotId, State, Why,
    objects::Objects,
    tree::{Manifest, Node, Tree, read_manifest, read_tree},
};

impl Checkpoints {
    /// What is not the same in two states, sorted by path, directories before what is in them. Only of roots that both
    /// have; what either leaves out ([`Why::Excluded`]) is no change, nor is what neither saved, unless a file of the two
    /// is seen to differ.
    ///
    /// # Errors
    /// A state is not kept any more, or cannot be read.
    pub fn changes(&self, from: &SnapshotId, to: &SnapshotId) -> Result<Vec<Change>, CheckpointError> {
        if from == to {
            return Ok(Vec::new());
        }
        let mut objects = self.objects();
        let (from, to) = (manifest(&mut objects, from)?, manifest(&mut objects, to)?);
        let mut diff = Diff { objects: &mut objects, changes: Vec::new() };
        for (root, before) in &from {
            if let Some((_, after)) = to.iter().find(|(path, _)| path == root) {
                diff.node(root, Some(before), Some(after))?;
            }
        }
        Ok(diff.changes)
    }

    /// What is at `paths` in a state; those where nothing is are not in the answer. What lies in something that was not
    /// saved, or in no root, is [`State::Unsaved`].
    ///
    /// # Errors
    /// As [`Checkpoints::changes`].
    pub fn states<'path>(
        &self,
        at: &SnapshotId,
        paths: impl IntoIterator<Item = &'path Path>,
    ) -> Result<BTreeMap<PathBuf, State>, CheckpointError> {
        let mut objects = self.objects();
        let manifest = manifest(&mut objects, at)?;
        let mut trees = HashMap::new();
        let mut found = BTreeMap::new();
        for path in paths {
            if let Some(state) = state(&mut objects, &manifest, &mut trees, path)? {
                found.insert(path.to_owned(), state);
            }
        }
        Ok(found)
    }
}

/// What is at `path`, by way of the trees that were read already.
fn state(
    objects: &mut Objects,
    manifest: &Manifest,
    trees: &mut HashMap<Hash, Tree>,
    path: &Path,
) -> Result<Option<State>, CheckpointError> {
    let Some((root, node)) = manifest.iter().find(|(root, _)| path.starts_with(root)) else {
        return Ok(Some(State::Unsaved { why: Why::Excluded }));
    };
    let mut node = node.clone();
    for name in path.strip_prefix(root).unwrap_or(path).components().map(Component::as_os_str) {
        match node {
            Node::Directory { tree: hash, .. } => {
                if let std::collections::hash_map::Entry::Vacant(vacant) = trees.entry(hash) {
                    vacant.insert(tree(objects, &hash)?);
                }
                let tree = trees.get(&hash).map(Vec::as_slice).unwrap_or_default();
                match tree.binary_search_by(|(other, _)| by_bytes(other, name)) {
                    Ok(at) => node = tree[at].1.clone(),
                    Err(_) => return Ok(None),
                }
            }
            Node::Unsaved { .. } => break,
            Node::File { .. } | Node::Symlink { .. } | Node::Absent => return Ok(None),
        }
    }
    Ok(node.state())
}

pub(crate) fn manifest(objects: &mut Objects, id: &SnapshotId) -> Result<Manifest, CheckpointError> {
    let bytes = objects.read(&id.0)?;
    read_manifest(&bytes).ok_or_else(|| objects.damaged(&id.0))
}

pub(crate) fn tree(objects: &mut Objects, hash: &Hash) -> Result<Tree, CheckpointError> {
    let bytes = objects.read(hash)?;
    read_tree(&bytes).ok_or_else(|| objects.damaged(hash))
}

fn by_bytes(one: &OsStr, other: &OsStr) -> Ordering {
    one.as_bytes().cmp(other.as_bytes())
}

struct Diff<'store> {
    objects: &'store mut Objects,
    changes: Vec<Change>,
}

impl Diff<'_> {
    fn node(&mut self, path: &Path, before: Option<&Node>, after: Option<&Node>) -> Result<(), CheckpointError> {
        if before == after || is_no_change(before, after) {
            return Ok(());
        }
        let (was, is) = (before.and_then(Node::state), after.and_then(Node::state));
        // Of two files that were not saved and differ, no more is known.
        let saved = [&was, &is].into_iter().flatten().all(State::is_saved);
        if was != is || !saved {
            self.changes.push(Change { path: path.to_owned(), before: was, after: is });
        }
        if saved { self.below(path, tree_of(before), tree_of(after)) } else { Ok(()) }
    }

    fn below(&mut self, path: &Path, before: Option<Hash>, after: Option<Hash>) -> Result<(), CheckpointError> {
        if before == after {
            return Ok(());
        }
        let read =
            |objects: &mut Objects, hash: Option<Hash>| hash.map_or(Ok(Tree::new()), |hash| tree(objects, &hash));
        let (before, after) = (read(self.objects, before)?, read(self.objects, after)?);
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((one, _)), Some((other, _))) => by_bytes(one, other),
            };
            let was = if order.is_le() { before.next() } else { None };
            let is = if order.is_ge() { after.next() } else { None };
            let Some((name, _)) = was.or(is) else { return Ok(()) };
            self.node(&path.join(name), was.map(|(_, node)| node), is.map(|(_, node)| node))?;
        }
    }
}

/// Whether two that are not equal tell of no change.
fn is_no_change(before: Option<&Node>, after: Option<&Node>) -> bool {
    let excluded = |node: Option<&Node>| matches!(node, Some(Node::Unsaved { why: Why::Excluded, .. }));
    if excluded(before) || excluded(after) {
        return true;
    }
    match (before, after) {
        (Some(Node::Unsaved { stamp: one, .. }), Some(Node::Unsaved { stamp: other, .. })) => {
            one == other || *one == 0 || *other == 0
        }
        _ => false,
    }
}

fn tree_of(node: Option<&Node>) -> Option<Hash> {
    match node {
        Some(Node::Directory { tree, .. }) => Some(*tree),
        _ => None,
    }
}
