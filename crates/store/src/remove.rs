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
    fs::{AtFlags, CWD, Dir, Mode, OFlags, chmod, fstat, openat, renameat, unlinkat},
    io::{Errno, Result},
    path::Arg,
};

/// How many directories within each other are gone through at once. Each holds a descriptor, of which a process has
/// 1024 or fewer. What lies deeper is moved up first.
const DEEPEST: usize = 16;

/// How many directories are moved up at most, so that there is an end even if somebody makes them as fast as they go.
const MOST_MOVES: usize = 1 << 16;

/// Removes the directory `path`; of what is in it, the file `last` after all else and only if all else could be.
///
/// What can be removed is, even if something else cannot. It takes a bounded number of descriptors however deep the
/// directories lie within each other.
pub(crate) fn remove(path: &Path, last: &str) -> Result<()> {
    remove_within(path, last, MOST_MOVES)
}

fn remove_within(path: &Path, last: &str, moves_left: usize) -> Result<()> {
    let directory = open(CWD, path)?;
    let mut removal = Removal { top: directory.as_fd(), moved: Vec::new(), next_name: 0, moves_left };
    let mut outcome = removal.empty(directory.as_fd(), Some(last), 0);
    while let Some(name) = removal.moved.pop() {
        let removed = removal.remove_entry(directory.as_fd(), &name, 0);
        outcome = outcome.and(removed);
    }
    outcome?;
    match unlinkat(&directory, last, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => unlinkat(CWD, path, AtFlags::REMOVEDIR),
        refused => refused,
    }
}

struct Removal<'top> {
    top: BorrowedFd<'top>,
    /// Names in `top` of what was moved up there and is still to be removed.
    moved: Vec<CString>,
    next_name: u64,
    moves_left: usize,
}

impl Removal<'_> {
    fn empty(&mut self, directory: BorrowedFd<'_>, but: Option<&str>, depth: usize) -> Result<()> {
        let mut outcome = Ok(());
        for name in names(directory)? {
            if but.is_none_or(|but| but.as_bytes() != name.as_bytes()) {
                let removed = self.remove_entry(directory, &name, depth);
                outcome = outcome.and(removed);
            }
        }
        outcome
    }

    fn remove_entry(&mut self, parent: BorrowedFd<'_>, name: &CString, depth: usize) -> Result<()> {
        match unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {}
            done => return done,
        }
        // Also before it is moved: it takes the right to write to it, as it gets another parent.
        let directory = open(parent, name)?;
        if depth == DEEPEST {
            return self.move_up(parent, name);
        }
        self.empty(directory.as_fd(), None, depth + 1)?;
        unlinkat(parent, name, AtFlags::REMOVEDIR)
    }

    /// Moves a directory into the top one. A name that is taken there is refused by the kernel, unless it is that of
    /// an empty directory, which was to be removed anyway.
    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &CString) -> Result<()> {
        while self.moves_left > 0 {
            self.moves_left -= 1;
            let new = CString::new(format!("moved-{}", self.next_name)).map_err(|_| Errno::INVAL)?;
            self.next_name += 1;
            match renameat(parent, name, self.top, &new) {
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                moved => return moved.map(|()| self.moved.push(new)),
            }
        }
        Err(Errno::NAMETOOLONG)
    }
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

    use rustix::fs::mkdirat;

    use super::*;

    /// Makes `path` and `levels` directories `d` within each other below it. Returns the deepest one: its path may be too
    /// long for the kernel.
    fn nest(path: &Path, levels: usize) -> OwnedFd {
        create_dir_all(path).unwrap();
        let open =
            |parent: BorrowedFd<'_>, name: &Path| openat(parent, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        (0..levels).fold(open(CWD, path), |parent, _| {
            mkdirat(&parent, "d", Mode::RWXU).unwrap();
            open(parent.as_fd(), Path::new("d"))
        })
    }

    #[test]
    fn no_depth_is_too_deep() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("it");
        // More than the descriptors a process commonly has, and than a path may be long.
        let deepest = nest(&path, 2_000);
        for name in ["e", "f"] {
            mkdirat(&deepest, name, Mode::empty()).unwrap();
        }
        // Names that are taken, before and after what is in their way is removed.
        create_dir_all(path.join("moved-0/inner")).unwrap();
        create_dir_all(path.join("moved-1")).unwrap();
        for file in ["last", "moved-2", "moved-0/file"] {
            write(path.join(file), "x").unwrap();
        }
        symlink(&path, path.join("moved-3")).unwrap();
        remove(&path, "last").unwrap();
        assert!(symlink_metadata(&path).is_err());
    }

    #[test]
    fn many_deep_directories_of_any_mode_go() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("it");
        for branch in 0..10 {
            // A hundred levels, of which one at the depth at which directories are moved is shut.
            nest(&path.join(format!("branch-{branch}")), 100);
            let mut shut = path.join(format!("branch-{branch}"));
            shut.extend(["d"; DEEPEST]);
            set_permissions(shut, Permissions::from_mode(0o500)).unwrap();
        }
        remove(&path, "last").unwrap();
        assert!(symlink_metadata(&path).is_err());
    }

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
        nest(&path, DEEPEST + 2);
        for file in ["a", "last", "z"] {
            write(path.join(file), "x").unwrap();
        }
        assert_eq!(remove_within(&path, "last", 0), Err(Errno::NAMETOOLONG));
        assert!(path.join("last").exists());
        assert!(!path.join("a").exists() && !path.join("z").exists());
        assert_eq!(remove(&path, "last"), Ok(()));
        assert!(!path.exists());
    }
}
