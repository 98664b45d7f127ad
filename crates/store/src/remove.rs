//! Removes a directory with all that is in it, whatever modes were given to what is in it.
//!
//! Commands put it there, and some may still run: this must never follow a symbolic link or leave the directory. So it
//! goes by descriptors, and no name is looked up twice.

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, chmod, fstat, openat, unlinkat},
    io::{Errno, Result},
    path::Arg,
};

/// How many directories within each other are removed. Each holds a descriptor, of which a process commonly has 1024.
const DEEPEST: usize = 512;

/// Removes the directory `path`; of what is in it, the file `last` after all else and only if all else could be.
///
/// What can be removed is, even if something else cannot.
pub(crate) fn remove(path: &Path, last: &str) -> Result<()> {
    let directory = open(CWD, path)?;
    empty(directory.as_fd(), Some(last), 0)?;
    match unlinkat(&directory, last, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => unlinkat(CWD, path, AtFlags::REMOVEDIR),
        refused => refused,
    }
}

fn empty(directory: BorrowedFd<'_>, but: Option<&str>, depth: usize) -> Result<()> {
    let mut outcome = Ok(());
    for name in names(directory)? {
        if but.is_none_or(|but| but.as_bytes() != name.as_bytes()) {
            let removed = remove_entry(directory, &name, depth);
            outcome = outcome.and(removed);
        }
    }
    outcome
}

fn remove_entry(parent: BorrowedFd<'_>, name: &CString, depth: usize) -> Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) if depth < DEEPEST => {}
        done => return done,
    }
    let directory = open(parent, name)?;
    empty(directory.as_fd(), None, depth + 1)?;
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

fn names(directory: BorrowedFd<'_>) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// Opens a directory, after giving its owner all rights in it.
fn open(parent: BorrowedFd<'_>, name: impl Arg) -> Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let found = openat(parent, name, flags | OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    let mode = Mode::from_raw_mode(fstat(&found)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        // `fchmod(2)` wants the directory to be readable already. This names the same one, whatever became of `name`.
        let _ = chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), mode | Mode::RWXU);
    }
    openat(&found, ".", flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, create_dir_all, set_permissions, symlink_metadata, write},
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    /// For an ordinary user; root may do everything in any directory.
    #[test]
    fn directories_of_any_mode_go_and_nothing_outside_does() {
        for mode in [0o555, 0o500, 0o300, 0o000, 0o1777] {
            let place = tempfile::tempdir().unwrap();
            let (path, outside) = (place.path().join("it"), place.path().join("outside"));
            create_dir_all(path.join("shut/inner")).unwrap();
            create_dir_all(&outside).unwrap();
            write(outside.join("kept"), "x").unwrap();
            for file in ["file", "last", "shut/file", "shut/inner/file"] {
                write(path.join(file), "x").unwrap();
            }
            for (to, link) in [(&outside, "link"), (&outside, "shut/inner/link"), (&path, "shut/loop")] {
                symlink(to, path.join(link)).unwrap();
            }
            set_permissions(&outside, Permissions::from_mode(0o555)).unwrap();
            for directory in ["shut/inner", "shut"] {
                set_permissions(path.join(directory), Permissions::from_mode(mode)).unwrap();
            }
            remove(&path, "last").unwrap();
            assert!(symlink_metadata(&path).is_err(), "{mode:o}");
            assert!(outside.join("kept").exists(), "{mode:o}");
            assert_eq!(symlink_metadata(&outside).unwrap().permissions().mode() & 0o7777, 0o555, "{mode:o}");
        }
    }

    #[test]
    fn a_link_to_a_directory_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        create_dir_all(place.path().join("it/inner")).unwrap();
        symlink(place.path().join("it"), &link).unwrap();
        assert_eq!(remove(&link, "last"), Err(Errno::NOTDIR));
        assert!(place.path().join("it/inner").exists());
    }

    #[test]
    fn the_last_file_stays_while_something_else_does() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("it");
        let mut deep = path.clone();
        for _ in 0..DEEPEST + 2 {
            deep.push("d");
        }
        create_dir_all(&deep).unwrap();
        for file in ["a", "last", "z"] {
            write(path.join(file), "x").unwrap();
        }
        assert_eq!(remove(&path, "last"), Err(Errno::ISDIR));
        assert!(path.join("last").exists());
        assert!(!path.join("a").exists() && !path.join("z").exists());
        std::fs::remove_dir_all(path.join("d")).unwrap();
        assert_eq!(remove(&path, "last"), Ok(()));
        assert!(!path.exists());
    }
}
