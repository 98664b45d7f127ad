//! Protected paths where no mount can hold them: looked at before a command, and put back after it.
//!
//! This is for machines without namespaces. It undoes what a command did, and cannot stop it from having been so
//! meanwhile. Nothing is ever deleted: what has to give way is renamed beside its old place, where nobody reads it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{
    Change, aside,
    wire::{Failure, OrFailure, Stage, quoted},
};

/// Most bytes that are kept in memory for one command.
const MOST_BYTES: u64 = 32 << 20;

/// Most files and directories.
const MOST_NODES: usize = 20_000;

/// Most changes that are told one by one.
const MOST_TOLD: usize = 20;

/// What is at some place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory {
        mode: u32,
        entries: BTreeMap<OsString, Node>,
    },
    File {
        mode: u32,
        content: Vec<u8>,
    },
    Link(PathBuf),
    /// A pipe, socket or device: its kind and mode.
    Other(u32),
}

/// Places as they were.
pub(crate) struct Kept(BTreeMap<PathBuf, Option<Node>>);

impl Kept {
    /// Looks at `paths`, whether there is something or not.
    pub(crate) fn look(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, Failure> {
        let mut room = Room { bytes: MOST_BYTES, nodes: MOST_NODES };
        let look = |path: PathBuf| match room.look(&path) {
            Ok(node) => Ok((path, node)),
            Err(error) => Err(error).or_failure(Stage::Policy, || format!("keeping {} as it is", quoted(&path))),
        };
        paths.into_iter().map(look).collect::<Result<_, _>>().map(Self)
    }

    /// Whether something is not as it was. What is too much to look at has changed.
    pub(crate) fn is_changed(&self) -> bool {
        let mut room = Room { bytes: MOST_BYTES, nodes: MOST_NODES };
        self.0.iter().any(|(path, wanted)| room.look(path).map_or(true, |found| found != *wanted))
    }

    /// All places.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }

    /// Puts everything back that is not as it was, and tells what that was.
    pub(crate) fn put_back(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (path, wanted) in &self.0 {
            // Whatever is too much to look at has changed.
            match (Room { bytes: 2 * MOST_BYTES, nodes: 2 * MOST_NODES }).look(path) {
                Ok(found) => put_back(path, wanted.as_ref(), found.as_ref(), &mut changes),
                Err(_) => replace(path, wanted.as_ref(), true, &mut changes),
            }
        }
        changes.truncate(MOST_TOLD);
        changes
    }
}

/// How much may still be looked at.
struct Room {
    bytes: u64,
    nodes: usize,
}

impl Room {
    fn look(&mut self, path: &Path) -> io::Result<Option<Node>> {
        let found = match fs::symlink_metadata(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            found => found?,
        };
        self.nodes = self.nodes.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
        let (kind, mode) = (found.file_type(), found.mode() & 0o7777);
        Ok(Some(if kind.is_dir() {
            let mut entries = BTreeMap::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if let Some(node) = self.look(&entry.path())? {
                    entries.insert(entry.file_name(), node);
                }
            }
            Node::Directory { mode, entries }
        } else if kind.is_file() {
            self.bytes = self.bytes.checked_sub(found.len()).ok_or(io::ErrorKind::FileTooLarge)?;
            Node::File { mode, content: fs::read(path)? }
        } else if kind.is_symlink() {
            Node::Link(fs::read_link(path)?)
        } else {
            Node::Other(found.mode())
        }))
    }
}

fn put_back(path: &Path, wanted: Option<&Node>, found: Option<&Node>, changes: &mut Vec<Change>) {
    match (wanted, found) {
        _ if wanted == found => {}
        (Some(Node::Directory { mode, entries: wanted }), Some(Node::Directory { mode: now, entries: found })) => {
            if mode != now {
                let undone = fs::set_permissions(path, fs::Permissions::from_mode(*mode)).is_ok();
                changes.push(Change { path: path.to_owned(), undone });
            }
            let added = found.keys().filter(|name| !wanted.contains_key(*name));
            for name in wanted.keys().chain(added) {
                put_back(&path.join(name), wanted.get(name), found.get(name), changes);
            }
        }
        _ => replace(path, wanted, found.is_some(), changes),
    }
}

/// Moves what is there out of the way and makes what was there anew.
fn replace(path: &Path, wanted: Option<&Node>, occupied: bool, changes: &mut Vec<Change>) {
    let moved = if occupied { move_aside(path).map(drop) } else { Ok(()) };
    let made = moved.and_then(|()| wanted.map_or(Ok(()), |node| make(path, node)));
    changes.push(Change { path: path.to_owned(), undone: made.is_ok() });
}

/// Renames it to a name beside it that nobody reads; returns that.
pub(crate) fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    for aside in aside::names(name) {
        let aside = path.with_file_name(aside);
        if fs::symlink_metadata(&aside).is_err() {
            return fs::rename(path, &aside).map(|()| aside);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes `node` at `path`, where nothing is. Never through a file that is there already.
fn make(path: &Path, node: &Node) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match node {
        Node::Directory { mode, entries } => {
            fs::DirBuilder::new().mode(0o700).create(path)?;
            for (name, entry) in entries {
                make(&path.join(name), entry)?;
            }
            fs::set_permissions(path, fs::Permissions::from_mode(*mode))
        }
        Node::File { mode, content } => {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            io::Write::write_all(&mut file, content)?;
            file.set_permissions(fs::Permissions::from_mode(*mode))
        }
        Node::Link(target) => symlink(target, path),
        Node::Other(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with protected places, some there and some not.
    fn place() -> (tempfile::TempDir, PathBuf, Vec<PathBuf>) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        fs::create_dir_all(root.join(".git/hooks/deep")).unwrap();
        fs::write(root.join(".git/config"), "[core]\n").unwrap();
        fs::write(root.join(".git/hooks/deep/sample"), "x").unwrap();
        symlink("elsewhere", root.join(".git/hooks/link")).unwrap();
        let paths = [".git/config", ".git/hooks", ".codex", ".envrc"].map(|name| root.join(name));
        (directory, root, paths.into())
    }

    #[test]
    fn every_change_is_undone_and_told() {
        type Deed = fn(&Path) -> io::Result<()>;
        let deeds: [(&str, Deed, &[&str]); 12] = [
            ("nothing", |_| Ok(()), &[]),
            ("unprotected", |root| fs::write(root.join(".git/index"), "x"), &[]),
            ("written", |root| fs::write(root.join(".git/config"), "[alias]\n"), &[".git/config"]),
            ("removed", |root| fs::remove_file(root.join(".git/config")), &[".git/config"]),
            ("added", |root| fs::write(root.join(".git/hooks/pre-commit"), "x"), &[".git/hooks/pre-commit"]),
            ("deep", |root| fs::write(root.join(".git/hooks/deep/sample"), "y"), &[".git/hooks/deep/sample"]),
            (
                "link",
                |root| fs::rename(root.join(".git/config"), root.join(".git/hooks/link")),
                &[".git/config", ".git/hooks/link"],
            ),
            (
                "mode",
                |root| fs::set_permissions(root.join(".git/config"), fs::Permissions::from_mode(0o777)),
                &[".git/config"],
            ),
            ("made", |root| fs::create_dir(root.join(".codex")), &[".codex"]),
            ("made a link", |root| symlink("/etc", root.join(".envrc")), &[".envrc"]),
            (
                "moved away",
                |root| {
                    fs::rename(root.join(".git"), root.join(".git.old"))?;
                    fs::create_dir_all(root.join(".git/hooks"))
                },
                &[".git/config", ".git/hooks/deep", ".git/hooks/link"],
            ),
            (
                "a file for a directory",
                |root| {
                    fs::remove_dir_all(root.join(".git/hooks"))?;
                    fs::write(root.join(".git/hooks"), "x")
                },
                &[".git/hooks"],
            ),
        ];
        for (name, deed, expected) in deeds {
            let (_directory, root, paths) = place();
            let kept = Kept::look(paths.clone()).unwrap();
            deed(&root).unwrap();
            let changes = kept.put_back();
            let expected: Vec<_> = expected.iter().map(|path| Change { path: root.join(path), undone: true }).collect();
            assert_eq!(changes, expected, "{name}");
            assert_eq!(Kept::look(paths).unwrap().put_back(), [], "{name}");
            let again: Vec<_> = kept.put_back();
            let others: Vec<_> =
                again.iter().filter(|change| !change.path.display().to_string().contains("undone")).collect();
            assert!(others.is_empty(), "{name}: {others:?}");
            assert_eq!(fs::read_to_string(root.join(".git/config")).unwrap(), "[core]\n", "{name}");
        }
    }

    #[test]
    fn what_gave_way_is_kept_beside() {
        let (_directory, root, paths) = place();
        let kept = Kept::look(paths).unwrap();
        for text in ["one", "two"] {
            fs::write(root.join(".envrc"), text).unwrap();
            assert_eq!(kept.put_back().len(), 1);
        }
        let beside = [1, 2].map(|number| fs::read_to_string(root.join(format!(".envrc.undone-{number}"))).unwrap());
        assert_eq!(beside, ["one", "two"]);
    }

    /// Whoever makes all names beside something does not make it stay.
    #[test]
    fn what_has_to_give_way_finds_a_name() {
        let (_directory, root, paths) = place();
        let kept = Kept::look(paths).unwrap();
        (1..1000).for_each(|number| fs::write(root.join(format!(".envrc.undone-{number}")), "").unwrap());
        fs::write(root.join(".envrc"), "evil").unwrap();
        assert_eq!(kept.put_back(), [Change { path: root.join(".envrc"), undone: true }]);
        assert!(!root.join(".envrc").exists());
    }

    #[test]
    fn too_much_is_refused() {
        let (_directory, root, _) = place();
        let file = fs::File::create(root.join(".git/hooks/large")).unwrap();
        file.set_len(MOST_BYTES + 1).unwrap();
        let Err(failure) = Kept::look([root.join(".git/hooks")]) else { panic!("it was kept") };
        assert!(failure.stage == Stage::Policy && failure.step.contains(".git/hooks"), "{failure:?}");
    }
}
