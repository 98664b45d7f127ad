//! Stubs: empty directories where a protected name does not exist, so that no command can make it.
//!
//! They are made on the host, because that is where a command would make the name, and every cell that works in the
//! root needs them. So they are noted in a file of our own, one for each root, which each cell holds locked (shared,
//! flock(2)) while it lives. The last one removes them; where it could not (`kill -9`), the next cell does. A stub
//! that somebody else puts something into is no stub any more and stays.
//!
//! Nothing here may remove anything but an empty directory that was noted.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, ResolveFlags, flock, openat, unlinkat},
    mount::{UnmountFlags, unmount},
};

use super::covers::{Roots, Seen, protecting};
use crate::{
    Confined,
    openat2::openat2,
    wire::{Failure, OrFailure, Stage, quoted},
};

/// Protected names, by the end of their paths, that get no stub. git fails or complains where one of its own is a
/// directory, and so does a shell of the user's, outside; the others are files that projects keep in their repository,
/// and a stub would be in the way of a checkout. What a command makes there is moved aside when it ends: [`watched`].
const WITHOUT: &[&str] = &[
    ".bash_profile",
    ".bashrc",
    ".gitconfig",
    ".gitmodules",
    ".profile",
    ".zshrc",
    "AGENTS.md",
    "CLAUDE.md",
    "commondir",
    "config",
    "config.worktree",
    "gitdir",
    "objects/info/alternates",
];

/// The stubs that this cell needs. They stay until [`Stubs::release`], or until the next cell if that is not called.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    /// Directory of the notes, opened where it can be written.
    directory: OwnedFd,
    notes: Vec<Note>,
}

/// The note of one root, locked.
#[derive(Debug)]
struct Note {
    name: String,
    file: File,
    /// The root, opened where it can be written.
    root: OwnedFd,
    /// All names of the root in this cell: bind mounts can give it more than one.
    paths: Vec<PathBuf>,
}

impl Stubs {
    /// Makes the stubs that `confined` needs, before anything is unshared. Without a directory of our own for the
    /// notes, none.
    pub(crate) fn hold(confined: &Confined, roots: &Roots, seen: &mut Seen) -> Result<Self, Failure> {
        let Some(state) = &confined.state else { return Ok(Self::default()) };
        let path = state.join("stubs");
        let step = || format!("noting stubs in {}", quoted(&path));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).or_failure(Stage::Policy, step)?;
        let directory = open_directory(&path).or_failure(Stage::Policy, step)?;
        let _alone = alone(&directory).or_failure(Stage::Policy, step)?;
        sweep(&directory).or_failure(Stage::Policy, step)?;
        let mut held = Held { directory, notes: Vec::new() };
        for (root, names) in wanted(roots, &confined.protected, seen)? {
            names.iter().for_each(|name| seen.forget(&root.join(name)));
            held.make(root, &names)?;
        }
        Ok(Self { held: Some(held) })
    }

    /// Where they are; among them those that other cells made in the same roots.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let notes = self.held.iter().flat_map(|held| &held.notes);
        let names = |note: &Note| note.names().unwrap_or_default();
        let places = |note: &Note| {
            let names = names(note);
            note.paths.iter().flat_map(|path| names.iter().map(|name| path.join(name))).collect::<Vec<_>>()
        };
        notes.flat_map(places).collect()
    }

    /// Removes the stubs unless another cell holds them. Must run when none of the cell's commands is left.
    ///
    /// Errors are not told: the next cell tries again.
    pub(crate) fn release(self) {
        let Some(Held { directory, notes }) = self.held else { return };
        let Ok(_alone) = alone(&directory) else { return };
        // While its cover is mounted in this namespace, by whatever name, a stub cannot be removed. The covers go with
        // the roots, which nothing uses any more: one call for each, not one for each cover, which the kernel makes slow.
        for path in notes.iter().flat_map(|note| &note.paths) {
            let _ = unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
        for note in notes {
            let last = flock(&note.file, FlockOperation::NonBlockingLockExclusive).is_ok();
            if last && let Ok(names) = note.names() {
                note.remove(&directory, &names);
            }
        }
    }
}

impl Held {
    fn make(&mut self, path: PathBuf, names: &[PathBuf]) -> Result<(), Failure> {
        let step = || format!("noting the stubs of {}", quoted(&path));
        let name = fs::metadata(&path).map(|found| name_of(&found)).or_failure(Stage::Policy, step)?;
        // A second lock of our own on the same note would be another cell's.
        let known = self.notes.iter().position(|note| note.name == name);
        let mut note = match known {
            Some(known) => self.notes.remove(known),
            None => self.open(&path, name).or_failure(Stage::Policy, step)?,
        };
        note.write(&path, names).or_failure(Stage::Policy, step)?;
        for name in names {
            let stub = path.join(name);
            match fs::DirBuilder::new().mode(0o555).create(&stub) {
                // Where we cannot make it, no command can; and somebody may have been faster.
                Err(error) if is_harmless(&error) => {}
                made => made.or_failure(Stage::Policy, || protecting(&stub))?,
            }
        }
        note.paths.push(path);
        self.notes.push(note);
        Ok(())
    }

    fn open(&self, path: &Path, name: String) -> io::Result<Note> {
        let (root, file) = (open_directory(path)?, open_note(&self.directory, &name, OFlags::CREATE)?);
        // Sweeping has removed those that nobody holds, and the lock on the directory keeps others out.
        flock(&file, FlockOperation::NonBlockingLockShared)?;
        Ok(Note { name, file, root, paths: Vec::new() })
    }
}

fn is_harmless(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EEXIST | libc::EACCES | libc::EPERM | libc::EROFS | libc::ENOENT))
}

/// Whether rmdir(2) failed because there is no stub at the place: nothing, or something of somebody else's.
fn is_no_stub(error: &io::Error) -> bool {
    let errors = [libc::ENOENT, libc::ENOTDIR, libc::ENOTEMPTY, libc::EEXIST, libc::ELOOP, libc::EXDEV];
    error.raw_os_error().is_some_and(|error| errors.contains(&error))
}

impl Note {
    /// Adds `names` to the note, which begins with the root: paths, each ended by a NUL byte. Written before the
    /// stubs are made, so that none is ever left without a note.
    fn write(&mut self, root: &Path, names: &[PathBuf]) -> io::Result<()> {
        let noted = self.names()?;
        let mut text = Vec::new();
        if self.file.metadata()?.len() == 0 {
            text.extend(root.as_os_str().as_bytes());
            text.push(0);
        }
        for name in names.iter().filter(|name| !noted.contains(name)) {
            text.extend(name.as_os_str().as_bytes());
            text.push(0);
        }
        self.file.seek(io::SeekFrom::End(0))?;
        self.file.write_all(&text)
    }

    /// The names noted, relative to the root.
    fn names(&self) -> io::Result<Vec<PathBuf>> {
        Ok(read_note(&self.file)?.into_iter().skip(1).collect())
    }

    fn remove(&self, directory: &OwnedFd, names: &[PathBuf]) {
        // All are tried; one that is left needs the note for the next cell.
        let left = names.iter().filter(|name| remove_stub(&self.root, name).is_err_and(|error| !is_no_stub(&error)));
        if left.count() == 0 {
            let _ = unlinkat(directory, &self.name, AtFlags::empty());
        }
    }
}

/// Removes what cells left behind that were killed.
fn sweep(directory: &OwnedFd) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let file = open_note(directory, &name, OFlags::empty())?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let mut names = read_note(&file)?.into_iter();
        let path = names.next().unwrap_or_default();
        // A root that is gone, or another directory in its place, holds no stubs of ours.
        if let Ok(root) = open_directory(&path)
            && fs::metadata(&path).is_ok_and(|found| name_of(&found) == name)
        {
            Note { name, file, root, paths: vec![path] }.remove(directory, &names.collect::<Vec<_>>());
        } else {
            unlinkat(directory, &name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// The names below each root that need a stub: protected ones that do not exist, in a directory that does.
///
/// A root with nothing in it gets none, so that it can be cloned or initialised into; nor does `/`.
fn wanted(roots: &Roots, protected: &[PathBuf], seen: &mut Seen) -> Result<Vec<(PathBuf, Vec<PathBuf>)>, Failure> {
    let mut wanted: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for path in protected.iter().filter(|path| !WITHOUT.iter().any(|end| path.ends_with(end))) {
        let Some((root, name)) = roots.place(path) else { continue };
        if name.as_os_str().is_empty() || root == Path::new("/") {
            continue;
        }
        let known = wanted.iter().position(|(known, _)| *known == root);
        let known = match known {
            Some(known) => known,
            None => {
                wanted.push((root.clone(), Vec::new()));
                wanted.len() - 1
            }
        };
        if let Some((_, names)) = wanted.get_mut(known)
            && !names.contains(&name)
            && Roots::is_missing(&root, &name, seen)
        {
            names.push(name);
        }
    }
    wanted.retain(|(root, _)| fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()));
    Ok(wanted)
}

/// Of `missing` protected paths, as the file system is now, those that must not come to exist: not even their directory is
/// there perhaps.
///
/// A new repository may be made: `.git`, and in a new one its `config`.
pub(crate) fn watched(missing: &[PathBuf]) -> Vec<PathBuf> {
    let is_gone = |path: &Path| fs::symlink_metadata(path).is_err();
    let is_new_repository =
        |path: &Path| path.ends_with(".git") || path.ends_with(".git/config") && path.parent().is_some_and(is_gone);
    missing.iter().filter(|path| !is_new_repository(path)).cloned().collect()
}

/// Roots are told apart by what they are, not by their names.
fn name_of(root: &Metadata) -> String {
    format!("{}-{}", root.dev(), root.ino())
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(OwnedFd::from(fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC).open(path)?))
}

fn open_note(directory: &OwnedFd, name: &str, create: OFlags) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | create;
    Ok(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Waits for the right to change the notes.
fn alone(directory: &OwnedFd) -> io::Result<File> {
    let lock = open_note(directory, ".lock", OFlags::CREATE)?;
    rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
    Ok(lock)
}

fn read_note(file: &File) -> io::Result<Vec<PathBuf>> {
    let mut file = file;
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    // What is cut off in the middle was not made yet.
    let whole = text.iter().rposition(|byte| *byte == 0).map_or(0, |end| end + 1);
    text.truncate(whole);
    let paths = text.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| PathBuf::from(OsString::from_vec(path.to_vec()))).collect())
}

/// rmdir(2) beneath `root`, over no link.
fn remove_stub(root: &OwnedFd, name: &Path) -> io::Result<()> {
    let (Some(parent), Some(last)) = (name.parent(), name.file_name()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let directory = openat2(root.as_fd(), parent, OFlags::PATH, resolve)?;
    Ok(unlinkat(directory, last, AtFlags::REMOVEDIR)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_goes_when_no_stub_is_left() {
        // The kernel refuses to remove the last for another reason than that it is no stub.
        let too_long = "x".repeat(300);
        let table = [("stub", false), ("missing", false), ("kept", false), ("file/x", false), (&too_long, true)];
        for (name, stays) in table {
            let base = tempfile::tempdir().unwrap();
            let [notes, path] = ["notes", "root"].map(|name| base.path().join(name));
            for directory in [notes.clone(), path.join("stub"), path.join("kept/x")] {
                fs::create_dir_all(directory).unwrap();
            }
            fs::write(path.join("file"), "").unwrap();
            let directory = open_directory(&notes).unwrap();
            let file = open_note(&directory, "note", OFlags::CREATE).unwrap();
            let note = Note { name: "note".into(), file, root: open_directory(&path).unwrap(), paths: vec![] };
            note.remove(&directory, &[name.into(), "stub".into()]);
            assert!(!path.join("stub").exists() && path.join("kept/x").exists(), "{name}");
            assert_eq!(notes.join("note").exists(), stays, "{name}");
        }
    }
}
