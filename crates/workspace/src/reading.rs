//! Opening files and directories to read them, anywhere.
//!
//! It must never give out what the kernel tells about *this* process: a link in the workspace to `/proc/self/environ`
//! would hand the model our environment. Confined commands have a `/proc` of their own. Nor what is in the host's `/tmp`
//! where commands have one of their own, nor what is hidden from them.

use std::{
    fs::File,
    io,
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
};

use codex_sandbox::openat2;
use rustix::fs::{OFlags, ResolveFlags};

use crate::Roots;

/// `PROC_SUPER_MAGIC` of statfs(2).
const PROC: i64 = 0x9fa0;

/// What is said of a path that an ignore file names.
pub const IGNORED: &str = "the user keeps it from you by an ignore file (`.codexignore`); go on without it";

/// What of the host the reading tools of a thread see: what its commands see.
#[derive(Debug, Clone)]
pub struct View {
    roots: Roots,
    /// The host's temporary directories, which commands do not see. Empty where they do.
    hidden: Vec<PathBuf>,
}

impl View {
    /// The view of a thread with these roots.
    pub fn of(roots: &Roots) -> Self {
        let mut hidden: Vec<PathBuf> = Vec::new();
        if roots.temp.is_some() {
            for alias in Roots::TEMP_ALIASES.map(Path::new) {
                hidden.push(alias.to_owned());
                // Systems make one a link to the other, or to another disk.
                hidden.extend(alias.canonicalize().ok().filter(|real| real != alias));
            }
        }
        Self { roots: roots.clone(), hidden }
    }

    /// The host path that `path` means, as [`Roots::resolve`], with all symbolic links followed, so that what is
    /// declared is what will be opened. Where nothing is there, its directory with them followed; opening it tells.
    ///
    /// # Errors
    /// A sentence where it leads into the host's temporary directory, or to what is hidden.
    pub fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.real_host_path(&self.roots.resolve(path))
    }

    /// As [`View::real_path`], of a path that is already one of the host, as a walk meets it.
    ///
    /// # Errors
    /// As [`View::real_path`].
    pub fn real_host_path(&self, path: &Path) -> io::Result<PathBuf> {
        let real = real_path(path);
        if self.is_hidden(&real) {
            return Err(io::Error::other("it leads into the host's own /tmp, which nothing here sees"));
        }
        // By the name that it was asked for too: a link that is named may lead out of what the ignore file is about.
        if self.roots.ignored.names(&real) || self.roots.ignored.names(path) {
            return Err(io::Error::other(IGNORED));
        }
        if self.is_secret(&real) {
            return Err(io::Error::other("it is hidden, for it may hold secrets"));
        }
        Ok(real)
    }

    /// Whether a walk may meet the real path `path`: it is seen, or a root lies below it.
    pub fn meets(&self, path: &Path) -> bool {
        !self.is_secret(path) && (!self.is_hidden(path) || self.all_roots().any(|root| root.starts_with(path)))
    }

    fn is_secret(&self, path: &Path) -> bool {
        self.roots.ignored.names(path) || self.roots.hidden.iter().any(|hidden| path.starts_with(hidden))
    }

    fn is_hidden(&self, path: &Path) -> bool {
        self.hidden.iter().any(|hidden| path.starts_with(hidden))
            && !self.all_roots().any(|root| path.starts_with(root))
    }

    fn all_roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.roots.writable.iter().chain([&self.roots.workspace]).chain(&self.roots.temp)
    }
}

fn real_path(path: &Path) -> PathBuf {
    let beside = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Opens the regular file `path`, a path without symbolic links as [`View::real_path`] gives it.
///
/// # Errors
/// The kernel's, with a sentence where the file is not a regular one or tells about processes.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    // Looked at before it is opened to be read, which does something to devices and pipes.
    regular(&File::from(open(path, OFlags::PATH)?))?;
    // Non-blocking, or opening a named pipe that was put there meanwhile would wait for its other end.
    let file = File::from(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
    regular(&file)?;
    refuse_processes(&file)?;
    Ok(file)
}

fn regular(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_block_device() || kind.is_char_device() => "a device",
        () => "something else",
    };
    Err(io::Error::other(format!("it is {what}, not a regular file")))
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
    openat2(rustix::fs::CWD, path, flags, resolve).map_err(|errno| match errno {
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
    use crate::Ignored;
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
        let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, base.join("pipe"), fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(base.join("socket")).unwrap();
        let special =
            [(base.join("pipe"), "a named pipe"), (base.join("socket"), "a socket"), ("/dev/zero".into(), "a device")];
        for (path, what) in special {
            let expected = format!("it is {what}, not a regular file");
            assert_eq!(open_to_read(&path).unwrap_err().to_string(), expected);
        }
        symlink(".", base.join("here")).unwrap();
        let missing = open_to_read(&real_path(&base.join("here/none"))).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(check_directory(&base).is_ok());
        assert!(check_directory(Path::new("/proc")).is_err());
        assert!(check_directory(&base.join("file")).is_err());
    }

    #[test]
    fn what_is_hidden_is_not_read_by_any_way() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in ["w/.env", "w/.env.example", "ssh/key"] {
            fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
            fs::write(base.join(name), "").unwrap();
        }
        for (link, to) in [("key", "ssh/key"), ("keys", "ssh"), ("env", "w/.env")] {
            symlink(base.join(to), base.join("w").join(link)).unwrap();
        }
        let workspace = base.join("w");
        let hidden = vec![workspace.join(".env"), base.join("ssh")];
        let roots = Roots {
            workspace: workspace.clone(),
            writable: vec![workspace.clone()],
            hidden,
            ignored: Ignored::default(),
            temp: None,
        };
        let view = View::of(&roots);
        let table = [
            (".env", false),
            ("env", false),
            ("sub/../.env", false),
            (".env.example", true),
            ("key", false),
            ("keys/key", false),
            ("keys/none", false),
            ("../ssh", false),
            ("../sshd", true),
        ];
        for (path, expected) in table {
            assert_eq!(view.real_path(Path::new(path)).is_ok(), expected, "{path}");
        }
        assert!(!view.meets(&workspace.join(".env")) && !view.meets(&base.join("ssh/key")) && view.meets(&base));
    }

    #[test]
    fn links_do_not_lead_into_the_temporary_directory_of_the_host() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in ["w", "temp", "other"] {
            fs::create_dir(base.join(name)).unwrap();
            fs::write(base.join(name).join("file"), "").unwrap();
        }
        for (link, to) in [("out", "other"), ("out-file", "other/file"), ("in", "w/file"), ("session", "temp/file")] {
            symlink(base.join(to), base.join("w").join(link)).unwrap();
        }
        symlink("/etc", base.join("w/etc")).unwrap();
        let (workspace, temp) = (base.join("w"), base.join("temp"));
        let confined = Roots {
            workspace: workspace.clone(),
            writable: vec![workspace],
            hidden: vec![],
            ignored: Ignored::default(),
            temp: Some(temp),
        };
        let plain = Roots { temp: None, ..confined.clone() };
        let table = [
            ("file", true),
            ("in", true),
            ("etc/passwd", true),
            ("session", true),
            ("/tmp/file", true),
            ("out", false),
            ("out/file", false),
            ("out/none", false),
            ("out-file", false),
        ];
        for (path, expected) in table {
            assert_eq!(View::of(&confined).real_path(Path::new(path)).is_ok(), expected, "{path}");
            assert!(View::of(&plain).real_path(Path::new(path)).is_ok(), "{path}");
        }
        for (path, expected) in [("w/out", false), ("w/in", true), ("temp/file", true), ("other/file", false)] {
            let real = View::of(&confined).real_host_path(&base.join(path));
            assert_eq!(real.ok(), expected.then(|| base.join(path).canonicalize().unwrap()), "{path}");
        }
        let met = [(base.clone(), true), (base.join("w/file"), true), (base.join("other"), false), ("/".into(), true)];
        for (path, expected) in met {
            assert_eq!(View::of(&confined).meets(&path), expected, "{}", path.display());
            assert!(View::of(&plain).meets(&path));
        }
    }
}
