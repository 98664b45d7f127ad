//! Opening files and directories to read them, anywhere.
//!
//! It must never give out what the kernel tells about *this* process: a link in the workspace to `/proc/self/environ`
//! would hand the model our environment. Confined commands have a `/proc` of their own.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use rustix::fs::{OFlags, ResolveFlags};

use crate::beneath::open2;

/// `PROC_SUPER_MAGIC` of statfs(2).
const PROC: i64 = 0x9fa0;

/// `path` with all symbolic links followed, so that what is declared is what will be opened. Where nothing is there,
/// its directory with them followed; opening it will tell.
pub fn real_path(path: &Path) -> PathBuf {
    let beside = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Opens the regular file `path`, a path without symbolic links as [`real_path`] gives it.
///
/// # Errors
/// The kernel's, with a sentence where the file is not a regular one or tells about processes.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    // Non-blocking, or opening a named pipe would wait for its other end.
    let file = File::from(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    refuse_processes(&file)?;
    Ok(file)
}

/// Checks that the directory `path`, without symbolic links, may be listed.
///
/// # Errors
/// As [`open_to_read`].
pub fn check_directory(path: &Path) -> io::Result<()> {
    refuse_processes(open(path, OFlags::PATH | OFlags::DIRECTORY)?)
}

fn open(path: &Path, flags: OFlags) -> io::Result<std::os::fd::OwnedFd> {
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    open2(rustix::fs::CWD, path, flags, resolve).map_err(|errno| match errno {
        rustix::io::Errno::LOOP => io::Error::other("it became a symbolic link"),
        other => other.into(),
    })
}

fn refuse_processes(descriptor: impl AsFd) -> io::Result<()> {
    if rustix::fs::fstatfs(descriptor)?.f_type as i64 == PROC {
        return Err(io::Error::other("what /proc tells is read by a command, in the sandbox"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn regular_files_open_and_nothing_about_this_process() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        fs::write(base.join("file"), "x").unwrap();
        symlink("file", base.join("link")).unwrap();
        symlink("/proc/self/environ", base.join("environ")).unwrap();
        symlink("/proc/self/fd/0", base.join("descriptor")).unwrap();
        let table = [
            ("file", true),
            ("link", true),
            ("environ", false),
            ("none", false),
            (".", false),
            ("/proc/self/environ", false),
            ("/proc/thread-self/status", false),
            ("/dev/null", false),
        ];
        for (path, expected) in table {
            assert_eq!(open_to_read(&real_path(&base.join(path))).is_ok(), expected, "{path}");
        }
        assert!(open_to_read(&base.join("link")).is_err(), "a link that was not resolved");
        symlink(".", base.join("here")).unwrap();
        let missing = open_to_read(&real_path(&base.join("here/none"))).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(check_directory(&base).is_ok());
        assert!(check_directory(Path::new("/proc")).is_err());
        assert!(check_directory(&base.join("file")).is_err());
    }
}
