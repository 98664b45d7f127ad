//! Renaming beneath the roots: something is taken out of use and stays, beside its place, under a name that nobody reads.

use std::{
    ffi::{OsStr, OsString},
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use codex_sandbox::aside;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{Beneath, BeneathError, Place, Stamp, io_error, permissions, stat};

/// Most files and directories that are marked at once.
const MOST_MARKS: usize = 2_000;

impl Beneath {
    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `NotRegular` and `TooLarge`.
    pub(crate) fn names(&self, directory: &Path) -> Result<Vec<OsString>, BeneathError> {
        let failed = |error: Errno| io_error(directory, error.into());
        let opened = self.open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::new(opened).map_err(failed)? {
            let name = OsStr::from_bytes(entry.map_err(failed)?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Renames `path`, whatever it is, to a name beside it that nobody reads; returns that.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `Symlink` of itself and `TooLarge`.
    pub(crate) fn move_aside(&self, path: &Path) -> Result<PathBuf, BeneathError> {
        self.move_to_one_of(path, aside::names(path.file_name().unwrap_or_default()))
    }

    /// As [`Beneath::move_aside`], to a name that nothing can lead to.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn move_out_of_reach(&self, path: &Path) -> Result<PathBuf, BeneathError> {
        self.move_to_one_of(path, aside::unforeseen_names(path.file_name().unwrap_or_default()))
    }

    fn move_to_one_of(&self, path: &Path, names: impl Iterator<Item = OsString>) -> Result<PathBuf, BeneathError> {
        let place = self.place(path)?;
        for aside in names {
            match rename_to_nothing(&place, place.name, &aside) {
                Ok(()) => return Ok(path.with_file_name(aside)),
                Err(Errno::EXIST) => {}
                // Who made it could take from its owner, too, the right to change what is in it.
                Err(Errno::ACCESS) if open_up(&place) => {
                    rename_to_nothing(&place, place.name, &aside).map_err(|error| io_error(path, error.into()))?;
                    return Ok(path.with_file_name(aside));
                }
                Err(error) => return Err(io_error(path, error.into())),
            }
        }
        Err(io_error(path, Errno::EXIST.into()))
    }

    /// Renames `aside`, beside `path`, to it. Only an empty directory may be there.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`.
    pub(crate) fn move_back(&self, aside: &Path, path: &Path) -> Result<(), BeneathError> {
        let place = self.place(path)?;
        let from = aside.file_name().filter(|_| aside.parent() == path.parent()).unwrap_or(place.name);
        let moved = match rename_to_nothing(&place, from, place.name) {
            // As when it held the place of what must not be made. It fails if it is anything but an empty directory.
            Err(Errno::EXIST) if is_directory(&place, place.name) => {
                rustix::fs::renameat(&place.directory, from, &place.directory, place.name)
            }
            moved => moved,
        };
        moved.map_err(|error| io_error(path, error.into()))
    }

    /// Renames `aside`, beside `path`, to it, in place of what is there.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`.
    pub(crate) fn move_over(&self, aside: &Path, path: &Path) -> Result<(), BeneathError> {
        let place = self.place(path)?;
        let from = aside.file_name().filter(|_| aside.parent() == path.parent()).unwrap_or(place.name);
        let moved = rustix::fs::renameat(&place.directory, from, &place.directory, place.name);
        moved.map_err(|error| io_error(path, error.into()))
    }

    /// What tells `path`, and everything in it, from another. `None` if it is too much.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `NotRegular` and `TooLarge`.
    pub(crate) fn marks(&self, path: &Path) -> Result<Option<Vec<(PathBuf, Stamp)>>, BeneathError> {
        let mut marks = Vec::new();
        let mut waiting = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            if marks.len() >= MOST_MARKS {
                return Ok(None);
            }
            let found = stat(&self.open(&path, OFlags::PATH | OFlags::NOFOLLOW)?, &path)?;
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                waiting.extend(self.names(&path)?.into_iter().map(|name| path.join(name)));
            }
            let stamp = Stamp {
                bytes: found.st_size.try_into().unwrap_or_default(),
                mode: permissions(&found),
                identity: (found.st_dev, found.st_ino),
                changed: (found.st_ctime, found.st_ctime_nsec),
            };
            marks.push((path, stamp));
        }
        Ok(Some(marks))
    }
}

/// Lets the owner write in the directory; whether that was done.
fn open_up(place: &Place<'_>) -> bool {
    let Ok(found) = rustix::fs::fstat(&place.directory) else { return false };
    let directory = format!("/proc/self/fd/{}", place.directory.as_raw_fd());
    rustix::fs::chmod(directory, Mode::from_raw_mode(permissions(&found) | 0o700)).is_ok()
}

fn is_directory(place: &Place<'_>, name: &OsStr) -> bool {
    let found = rustix::fs::statat(&place.directory, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory)
}

fn rename_to_nothing(place: &Place<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    let directory = &place.directory;
    match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        // Not every file system can (rename(2)).
        Err(Errno::INVAL | Errno::NOSYS) => match rustix::fs::statat(directory, to, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => rustix::fs::renameat(directory, from, directory, to),
            Ok(_) => Err(Errno::EXIST),
            Err(error) => Err(error),
        },
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn what_is_moved_aside_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let beneath = Beneath::new([base.as_path()]).unwrap();
        let path = base.join("x");
        for number in [1, 2] {
            fs::create_dir_all(path.join("y")).unwrap();
            assert_eq!(beneath.move_aside(&path).unwrap(), base.join(format!("x.undone-{number}")));
        }
        let aside = base.join("x.undone-1");
        fs::create_dir_all(path.join("z")).unwrap();
        assert!(beneath.move_back(&aside, &path).is_err(), "something is there");
        fs::remove_dir(path.join("z")).unwrap();
        let marks = beneath.marks(&aside).unwrap();
        assert_eq!(marks.as_ref().map(Vec::len), Some(2));
        fs::write(aside.join("y/new"), "").unwrap();
        assert_ne!(beneath.marks(&aside).unwrap(), marks);
        beneath.move_back(&aside, &path).unwrap();
        assert!(path.join("y/new").exists() && !aside.exists());
    }

    #[test]
    fn all_names_taken_leave_another() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let beneath = Beneath::new([base.as_path()]).unwrap();
        ["x".to_owned()].into_iter().chain((1..1000).map(|number| format!("x.undone-{number}"))).for_each(|name| {
            fs::write(base.join(name), "").unwrap();
        });
        let aside = beneath.move_aside(&base.join("x")).unwrap();
        assert!(aside.exists() && !base.join("x").exists());
    }

    #[test]
    fn nothing_is_moved_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let (inside, outside) = (base.join("inside"), base.join("outside"));
        fs::create_dir_all(&inside).unwrap();
        fs::create_dir_all(outside.join("hooks")).unwrap();
        symlink(&outside, inside.join("link")).unwrap();
        let beneath = Beneath::new([inside.as_path()]).unwrap();
        assert!(beneath.move_aside(&inside.join("link/hooks")).is_err());
        assert!(beneath.move_aside(&inside.join("../outside/hooks")).is_err());
        assert!(outside.join("hooks").exists());
        // The link itself is a thing like others.
        assert_eq!(beneath.move_aside(&inside.join("link")).unwrap(), inside.join("link.undone-1"));
        assert!(outside.join("hooks").exists());
    }
}
