//! How directories and manifests are written: the bytes of each are an object, named by their hash as contents are.
//!
//! A directory's object: `D`, then of each entry, sorted by name: kind (1 byte), mode (2), length of the name (2), name, and
//! what the kind asks for. A manifest's: `M`, then of each root its length (2), path, and a kind as above without a name.
//! Numbers are little-endian.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use crate::{Hash, State, Why};

/// What a directory has at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    File {
        mode: u32,
        size: u64,
        hash: Hash,
    },
    Symlink {
        target: OsString,
    },
    Directory {
        mode: u32,
        tree: Hash,
    },
    /// `stamp` differs when the file does, where that is known; else 0.
    Unsaved {
        why: Why,
        stamp: u64,
    },
    /// Nothing: a root that is not there.
    Absent,
}

impl Node {
    pub(crate) fn state(&self) -> Option<State> {
        Some(match self {
            Self::File { mode, size, hash } => State::File { hash: *hash, mode: *mode, size: *size },
            Self::Symlink { target } => State::Symlink { target: target.clone() },
            Self::Directory { mode, .. } => State::Directory { mode: *mode },
            Self::Unsaved { why, .. } => State::Unsaved { why: *why },
            Self::Absent => return None,
        })
    }

    /// Why it was not saved, if it was not.
    pub(crate) fn why(&self) -> Option<Why> {
        match self {
            Self::Unsaved { why, .. } => Some(*why),
            _ => None,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Symlink { .. } => 1,
            Self::Directory { .. } => 2,
            Self::Absent => 3,
            Self::Unsaved { why, .. } => match why {
                Why::TooLarge { .. } => 10,
                Why::IgnoredDirectory { .. } => 11,
                Why::TotalReached => 12,
                Why::Unreadable => 13,
                Why::Special => 14,
                Why::OtherFileSystem => 15,
                Why::TooDeep => 16,
                Why::Excluded => 17,
            },
        }
    }

    /// Appends it; `name` is at most 65,535 bytes, as every name and path of the system is.
    pub(crate) fn write(&self, name: &OsStr, into: &mut Vec<u8>) {
        let mode = match self {
            Self::File { mode, .. } | Self::Directory { mode, .. } => *mode as u16,
            Self::Symlink { .. } | Self::Unsaved { .. } | Self::Absent => 0,
        };
        into.push(self.kind());
        into.extend_from_slice(&mode.to_le_bytes());
        short(name, into);
        match self {
            Self::File { size, hash, .. } => {
                into.extend_from_slice(&size.to_le_bytes());
                into.extend_from_slice(&hash.0);
            }
            Self::Symlink { target } => short(target, into),
            Self::Absent => {}
            Self::Directory { tree, .. } => into.extend_from_slice(&tree.0),
            Self::Unsaved { why, stamp } => {
                let (one, two) = match why {
                    Why::TooLarge { bytes } => (*bytes, *stamp),
                    Why::IgnoredDirectory { entries, bytes } => (*entries, *bytes),
                    _ => (0, *stamp),
                };
                into.extend_from_slice(&one.to_le_bytes());
                into.extend_from_slice(&two.to_le_bytes());
            }
        }
    }

    /// Takes one off the front of `bytes`. `None`: they are not what [`Node::write`] writes.
    pub(crate) fn read(bytes: &mut &[u8]) -> Option<(OsString, Self)> {
        let [kind] = take(bytes)?;
        let mode = u32::from(u16::from_le_bytes(take(bytes)?));
        let name = take_short(bytes)?;
        let node = match kind {
            0 => Self::File { mode, size: number(bytes)?, hash: Hash(take(bytes)?) },
            1 => Self::Symlink { target: take_short(bytes)? },
            2 => Self::Directory { mode, tree: Hash(take(bytes)?) },
            3 => Self::Absent,
            _ => {
                let (one, two) = (number(bytes)?, number(bytes)?);
                let (why, stamp) = match kind {
                    10 => (Why::TooLarge { bytes: one }, two),
                    11 => (Why::IgnoredDirectory { entries: one, bytes: two }, 0),
                    12 => (Why::TotalReached, two),
                    13 => (Why::Unreadable, two),
                    14 => (Why::Special, two),
                    15 => (Why::OtherFileSystem, two),
                    16 => (Why::TooDeep, two),
                    17 => (Why::Excluded, two),
                    _ => return None,
                };
                Self::Unsaved { why, stamp }
            }
        };
        Some((name, node))
    }
}

/// The entries of a directory, sorted by the bytes of their names.
pub(crate) type Tree = Vec<(OsString, Node)>;

/// The roots of a state, sorted.
pub(crate) type Manifest = Vec<(PathBuf, Node)>;

pub(crate) fn write_tree<'entry>(entries: impl IntoIterator<Item = (&'entry OsString, &'entry Node)>) -> Vec<u8> {
    let mut bytes = vec![b'D'];
    entries.into_iter().for_each(|(name, node)| node.write(name, &mut bytes));
    bytes
}

pub(crate) fn read_tree(bytes: &[u8]) -> Option<Tree> {
    read_all(bytes.strip_prefix(b"D")?)
}

pub(crate) fn write_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = vec![b'M'];
    manifest.iter().for_each(|(path, node)| node.write(path.as_os_str(), &mut bytes));
    bytes
}

pub(crate) fn read_manifest(bytes: &[u8]) -> Option<Manifest> {
    let roots = read_all(bytes.strip_prefix(b"M")?)?;
    Some(roots.into_iter().map(|(path, node)| (path.into(), node)).collect())
}

fn read_all(mut bytes: &[u8]) -> Option<Tree> {
    let mut found = Tree::new();
    while !bytes.is_empty() {
        found.push(Node::read(&mut bytes)?);
    }
    Some(found)
}

fn short(text: &OsStr, into: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    into.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    into.extend_from_slice(bytes);
}

/// Takes the first bytes off `bytes`, if there are enough.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

fn take_short(bytes: &mut &[u8]) -> Option<OsString> {
    let length = usize::from(u16::from_le_bytes(take(bytes)?));
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(OsString::from_vec(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_read_as_it_was_written_and_a_cut_one_is_refused() {
        let hash = Hash::of(b"x");
        let reasons = [
            Why::TooLarge { bytes: 1 << 40 },
            Why::IgnoredDirectory { entries: 2001, bytes: 7 },
            Why::TotalReached,
            Why::Unreadable,
            Why::Special,
            Why::OtherFileSystem,
            Why::TooDeep,
            Why::Excluded,
        ];
        let mut tree: Tree = vec![
            ("a".into(), Node::File { mode: 0o7755, size: u64::MAX, hash }),
            (OsString::from_vec(vec![0xff, b'\n']), Node::Symlink { target: OsString::from_vec(vec![0xfe; 4095]) }),
            ("d".into(), Node::Directory { mode: 0o1777, tree: hash }),
            ("e".into(), Node::Absent),
        ];
        tree.extend(reasons.map(|why| (format!("{why:?}").into(), Node::Unsaved { why, stamp: 0 })));
        let write_tree = |tree: &[(OsString, Node)]| write_tree(tree.iter().map(|(name, node)| (name, node)));
        let bytes = write_tree(&tree);
        assert_eq!(read_tree(&bytes), Some(tree.clone()));
        assert_eq!(read_manifest(&bytes), None, "a directory is no manifest");
        let ends: Vec<usize> = (1..=tree.len()).map(|count| write_tree(&tree[..count]).len()).collect();
        for length in (0..bytes.len()).filter(|length| *length != 1 && !ends.contains(length)) {
            assert_eq!(read_tree(&bytes[..length]), None, "{length}");
        }
        let manifest: Manifest = vec![("/w".into(), Node::Directory { mode: 0o755, tree: hash })];
        assert_eq!(read_manifest(&write_manifest(&manifest)), Some(manifest));
    }
}
