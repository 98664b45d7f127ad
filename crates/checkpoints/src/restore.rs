//! Brings paths back to what they were.
//!
//! It must never follow a link, reach outside the roots, or touch what is not there as the step says: whoever made the
//! steps did not know of it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Path, PathBuf},
};

use codex_sandbox::openat2;
use codex_workspace::{Beneath, BeneathError, unused_name};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, chmod, fchmod, fchown, fstat, mkdirat,
        openat, readlinkat, renameat, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

use crate::{Change, CheckpointError, Checkpoints, Hash, Scope, State, Why, capture::is_empty, objects::Objects};

/// What was brought back, and what was not. Both lists are sorted by path.
#[derive(Debug, Default)]
pub struct Restored {
    /// Paths that are as they were.
    pub restored: Vec<PathBuf>,
    /// Paths that were left as they are, each with why.
    pub failed: Vec<(PathBuf, NotRestored)>,
}

/// Why a path was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// Something else is there than the step says.
    #[error("it was changed meanwhile")]
    Changed,
    /// A directory holds something that is not to go.
    #[error("there is more in the directory")]
    NotEmpty,
    /// There is nothing to bring back.
    #[error("it was not saved: {0}")]
    Unsaved(Why),
    /// It lies outside the roots, or behind a link.
    #[error(transparent)]
    Beneath(#[from] BeneathError),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What was saved cannot be read.
    #[error(transparent)]
    Lost(#[from] CheckpointError),
}

impl From<Errno> for NotRestored {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

impl Checkpoints {
    /// Brings each path of `steps` from `after`, which must be what is there, to `before`. What cannot be done is listed,
    /// and the rest is done all the same. Content is written beside and renamed, so that each file has its old or its new
    /// content whenever this ends.
    ///
    /// # Errors
    /// A root cannot be opened.
    pub fn restore(&self, scope: &Scope, steps: &[Change]) -> Result<Restored, CheckpointError> {
        let mut objects = self.objects();
        objects.refresh()?;
        let roots = scope.outermost();
        for step in steps.iter().filter(|step| roots.contains(&step.path.as_path()) && step.after.is_none()) {
            // What hinders this hinders the steps below it too, and they say so.
            let _ = make_root(&step.path);
        }
        let beneath = Beneath::new(roots.iter().copied());
        let beneath = beneath.map_err(|error| CheckpointError::io("open", &self.directory, io::Error::other(error)))?;
        let mut work = Work { objects: &mut objects, beneath, roots, stubs: &scope.stubs, over: BTreeMap::new() };
        let mut steps: Vec<&Change> = steps.iter().collect();
        steps.sort_by(|one, other| one.path.cmp(&other.path));
        // What goes goes first, the innermost before all, to make room; modes come last, or nothing could be put there.
        steps.iter().rev().for_each(|step| work.note(step, Work::remove));
        steps.iter().for_each(|step| work.note(step, Work::make));
        steps.iter().rev().for_each(|step| work.note(step, Work::finish));
        let mut restored = Restored::default();
        for step in steps {
            match work.over.remove(&step.path) {
                Some(Err(why)) => restored.failed.push((step.path.clone(), why)),
                Some(Ok(())) | None => restored.restored.push(step.path.clone()),
            }
        }
        Ok(restored)
    }
}

struct Work<'call> {
    objects: &'call mut Objects,
    beneath: Beneath,
    roots: Vec<&'call Path>,
    /// Directories that are not there while they are empty, and stay.
    stubs: &'call [PathBuf],
    /// Paths that nothing is done to any more, each with how that ended.
    over: BTreeMap<PathBuf, Outcome>,
}

type Outcome = Result<(), NotRestored>;

impl Work<'_> {
    /// Does a part of a step, unless it is over.
    fn note(&mut self, step: &Change, part: fn(&mut Self, &Change) -> Outcome) {
        if self.over.contains_key(&step.path) {
            return;
        }
        if let Err(error) = part(self, step) {
            self.over.insert(step.path.clone(), Err(error));
        }
    }

    /// Takes away what is not to be there, or is of another kind.
    fn remove(&mut self, step: &Change) -> Outcome {
        for state in [&step.before, &step.after].into_iter().flatten() {
            if let State::Unsaved { why } = state {
                return Err(NotRestored::Unsaved(*why));
            }
        }
        let Some(after) = &step.after else { return Ok(()) };
        if self.is_root(step) {
            return if step.before.is_some() { Ok(()) } else { Err(NotRestored::NotEmpty) };
        }
        let stays = matches!(
            (&step.before, after),
            (Some(State::Directory { .. }), State::Directory { .. })
                | (Some(State::File { .. } | State::Symlink { .. }), State::File { .. } | State::Symlink { .. })
        );
        if !self.has(&step.path, step.after.as_ref())? {
            // By another name of the same file, or by somebody else.
            if !self.has(&step.path, step.before.as_ref())? {
                return Err(NotRestored::Changed);
            }
            self.over.insert(step.path.clone(), Ok(()));
            return Ok(());
        }
        if stays {
            return Ok(());
        }
        let (directory, name) = self.beneath.parent(&step.path)?;
        if step.before.is_none() && self.stubs.contains(&step.path) {
            // A cell may still hold it, and would hold it no more.
            return if is_empty(&directory, name) { Ok(()) } else { Err(NotRestored::NotEmpty) };
        }
        let flags = if matches!(after, State::Directory { .. }) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let removed = writable(&directory, || unlinkat(&directory, name, flags));
        removed.map_err(|error| if error == Errno::NOTEMPTY { NotRestored::NotEmpty } else { error.into() })
    }

    /// Puts there what was there; directories open to us, whatever their mode was.
    fn make(&mut self, step: &Change) -> Outcome {
        let Some(before) = &step.before else { return Ok(()) };
        if self.is_root(step) {
            return Ok(());
        }
        if matches!(before, State::Directory { .. }) && step.after.is_none() && self.stubs.contains(&step.path) {
            let (directory, name) = self.beneath.parent(&step.path)?;
            if is_empty(&directory, name) {
                return Ok(writable_for_us(&directory, name)?);
            }
        }
        let replaces = match (before, &step.after) {
            (State::Directory { .. }, Some(State::Directory { .. })) => return Ok(()),
            (State::File { .. } | State::Symlink { .. }, Some(State::File { .. } | State::Symlink { .. })) => {
                step.after.as_ref()
            }
            _ => None,
        };
        if !self.has(&step.path, replaces)? {
            return if self.has(&step.path, Some(before))? { Ok(()) } else { Err(NotRestored::Changed) };
        }
        let (directory, name) = self.beneath.parent(&step.path)?;
        match before {
            State::Directory { .. } => Ok(writable(&directory, || mkdirat(&directory, name, Mode::RWXU))?),
            State::Symlink { target } => {
                let temporary = unused_name();
                writable(&directory, || {
                    symlinkat(target.as_os_str(), &directory, &temporary)?;
                    put(&directory, &temporary, name)
                })?;
                Ok(())
            }
            State::File { hash, mode, size } => match replaces {
                // Other names of the file are not about this path: they keep the mode, as they would the content.
                Some(State::File { hash: same, .. }) if same == hash && links(&directory, name)? == 1 => {
                    Ok(set_mode(&directory, name, *mode)?)
                }
                _ => self.write(&directory, name, (hash, *mode, *size)),
            },
            State::Unsaved { why } => Err(NotRestored::Unsaved(*why)),
        }
    }

    /// Gives a directory its mode.
    fn finish(&mut self, step: &Change) -> Outcome {
        let Some(State::Directory { mode }) = step.before else { return Ok(()) };
        if self.is_root(step) {
            let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
            let root = openat2(CWD, &step.path, OFlags::PATH | OFlags::DIRECTORY, resolve)?;
            return Ok(set_mode_of(&root, mode)?);
        }
        let (directory, name) = self.beneath.parent(&step.path)?;
        Ok(set_mode(&directory, name, mode)?)
    }

    fn is_root(&self, step: &Change) -> bool {
        self.roots.contains(&step.path.as_path())
    }

    /// Whether `expected` is at `path`, and nothing else.
    fn has(&mut self, path: &Path, expected: Option<&State>) -> Result<bool, NotRestored> {
        let (directory, name) = match self.beneath.parent(path) {
            Err(error) if error.is_not_found() => return Ok(expected.is_none()),
            place => place?,
        };
        let stat = match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(expected.is_none()),
            stat => stat?,
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(match expected {
            None | Some(State::Unsaved { .. }) => false,
            // What is in it has steps of its own, or stays.
            Some(State::Directory { .. }) => kind == FileType::Directory,
            Some(State::Symlink { target }) => {
                kind == FileType::Symlink
                    && OsString::from_vec(readlinkat(&directory, name, Vec::new())?.into_bytes()) == *target
            }
            Some(State::File { hash, mode, size }) => {
                kind == FileType::RegularFile
                    && stat.st_mode & 0o7777 == *mode
                    && stat.st_size.unsigned_abs() == *size
                    && hash_of(&directory, name)? == *hash
            }
        })
    }

    /// Writes a file beside `name`, and puts it there.
    fn write(&mut self, directory: &OwnedFd, name: &OsStr, (hash, mode, size): (&Hash, u32, u64)) -> Outcome {
        let replaced = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let replaced = replaced.filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        let temporary = unused_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut result = Ok(());
        writable(directory, || {
            let file = openat(directory, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
            result = self.fill(&file, hash, size).and_then(|()| Ok(dress(&file, mode, replaced.as_ref())?));
            if result.is_ok() {
                put(directory, &temporary, name)
            } else {
                unlinkat(directory, &temporary, AtFlags::empty())
            }
        })?;
        result
    }

    fn fill(&mut self, file: &OwnedFd, hash: &Hash, size: u64) -> Outcome {
        let mut file = File::from(file.try_clone()?);
        let mut written = 0;
        self.objects.each_piece(hash, &mut |piece| {
            written += piece.len() as u64;
            write_sparse(&mut file, piece)
        })?;
        if written != size {
            return Err(NotRestored::Lost(self.objects.damaged(hash)));
        }
        Ok(file.set_len(size)?)
    }
}

/// Makes a root that is gone, if the directory above it is there.
fn make_root(path: &Path) -> Result<(), Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let parent = openat2(CWD, parent, OFlags::PATH | OFlags::DIRECTORY, resolve)?;
    mkdirat(&parent, name, Mode::RWXU)
}

/// Does `change` in a directory; where its mode forbids that, with another mode meanwhile.
fn writable(directory: &OwnedFd, mut change: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    match change() {
        Err(Errno::ACCESS) => {}
        done => return done,
    }
    let mode = fstat(directory)?.st_mode & 0o7777;
    set_mode_of(directory, mode | 0o700)?;
    let done = change();
    set_mode_of(directory, mode)?;
    done
}

/// Renames `temporary` over `name`; it does not stay if that fails.
fn put(directory: &OwnedFd, temporary: &OsStr, name: &OsStr) -> Result<(), Errno> {
    renameat(directory, temporary, directory, name).inspect_err(|_| {
        let _ = unlinkat(directory, temporary, AtFlags::empty());
    })
}

/// Gives a file that nobody sees yet its mode, and the owner of the one that it replaces.
fn dress(file: &OwnedFd, mode: u32, replaced: Option<&Stat>) -> Result<(), Errno> {
    if let Some(replaced) = replaced {
        // Only root may give files away; who is not keeps what the directory gave, as editors do.
        let _ = fchown(file, Some(Uid::from_raw(replaced.st_uid)), Some(Gid::from_raw(replaced.st_gid)));
    }
    fchmod(file, Mode::from_raw_mode(mode))
}

fn set_mode(directory: &OwnedFd, name: &OsStr, mode: u32) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(directory, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&opened)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    set_mode_of(&opened, mode)
}

/// Opens a directory to us, whatever its mode was.
fn writable_for_us(directory: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    set_mode(directory, name, Mode::RWXU.as_raw_mode())
}

/// Of what a descriptor stands for that may have been opened without any right to it.
fn set_mode_of(opened: &OwnedFd, mode: u32) -> Result<(), Errno> {
    chmod(format!("/proc/self/fd/{}", opened.as_raw_fd()), Mode::from_raw_mode(mode))
}

/// How many names a file has.
fn links(directory: &OwnedFd, name: &OsStr) -> Result<u64, Errno> {
    Ok(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?.st_nlink)
}

fn hash_of(directory: &OwnedFd, name: &OsStr) -> Result<Hash, NotRestored> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::from(file))?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}

/// Writes `bytes`, and leaves holes where they are nothing but zeros. The length is not set.
fn write_sparse(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    const BLOCK: usize = 64 << 10;
    for block in bytes.chunks(BLOCK) {
        if block.len() == BLOCK && block.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(BLOCK as i64))?;
        } else {
            file.write_all(block)?;
        }
    }
    Ok(())
}
