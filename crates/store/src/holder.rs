//! Who has a session open, and asking for it. Whoever opens one holds the lock of its journal, and has a socket by which it
//! can be asked to let go; without the lock the socket means nothing.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::{
            fs::DirBuilderExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{StoreError, lineage, name};

/// What is said to a holder.
pub const LET_GO: &[u8] = b"let go\n";
/// Sockets that nobody listens at any more are removed when they are so old.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The process that has a session open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: i32,
    /// Since when it has it open.
    pub since: SystemTime,
}

/// Where a session that is open here can be asked for. It goes with its owner.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Door {
    /// The door of the session `id`, whose lock is held; and what listens at it, which does not block.
    ///
    /// # Errors
    /// When there can be none.
    pub fn open(codex_home: &Path, id: &str) -> Result<(Self, UnixListener), StoreError> {
        name::check_id(codex_home, id)?;
        let directory = directory(codex_home);
        let failed = || StoreError::io("listen in", &directory);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed())?;
        sweep(&directory);
        let path = directory.join(file(id));
        // Whoever made it has not the lock any more.
        let _ = fs::remove_file(&path);
        let handle = File::open(&directory).map_err(failed())?;
        let listener = UnixListener::bind(short(&handle, id)).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        Ok((Self { path }, listener))
    }
}

/// Who has the session in the journal `path` open, if that can be told.
pub fn holder(path: &Path) -> Option<Holder> {
    let (stream, since) = connect(path).ok()?;
    let pid = rustix::net::sockopt::socket_peercred(&stream).ok()?.pid.as_raw_nonzero().get();
    Some(Holder { pid, since })
}

/// Asks whoever has the session in the journal `path` open to let it go. It does so when it has ended what it does.
///
/// # Errors
/// When nobody can be asked.
pub fn ask_for(path: &Path) -> io::Result<()> {
    let (mut stream, _) = connect(path)?;
    stream.write_all(LET_GO)
}

fn connect(journal: &Path) -> io::Result<(UnixStream, SystemTime)> {
    let id = name::id_of(journal).ok_or(io::ErrorKind::NotFound)?;
    let directory = directory(lineage::codex_home(journal));
    let since = fs::symlink_metadata(directory.join(file(id)))?.modified()?;
    let handle = File::open(&directory)?;
    Ok((UnixStream::connect(short(&handle, id))?, since))
}

fn directory(codex_home: &Path) -> PathBuf {
    codex_home.join("open")
}

fn file(id: &str) -> String {
    format!("{id}.socket")
}

/// An address of a socket may have 107 bytes at most (unix(7)): a home may be deeper.
fn short(directory: &File, id: &str) -> PathBuf {
    format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), file(id)).into()
}

/// Removes what processes left that were killed.
fn sweep(directory: &Path) {
    let Ok(handle) = File::open(directory) else { return };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD));
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".socket")).filter(|_| is_old) else { continue };
        let refused = UnixStream::connect(short(&handle, id)).err().map(|error| error.kind());
        if refused == Some(io::ErrorKind::ConnectionRefused) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::{Journal, testing::session};

    #[test]
    fn whoever_has_a_session_open_is_known_and_can_be_asked() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("d".repeat(100));
        let path = session(&home, "aaa-1", "/", "go");
        assert_eq!(holder(&path), None);
        assert!(ask_for(&path).is_err());
        let (journal, ..) = Journal::open(&path).unwrap();
        let error = Journal::open(&path).unwrap_err().with_holder().to_string();
        assert!(error.contains("is open in another process"), "{error}");
        let (door, listener) = Door::open(&home, "aaa-1").unwrap();
        let Some(Holder { pid, .. }) = holder(&path) else { panic!("nobody has it") };
        assert_eq!(pid.cast_unsigned(), std::process::id());
        let error = Journal::open(&path).unwrap_err().with_holder().to_string();
        assert!(error.contains(&format!("is open in process {pid}, since ")), "{error}");

        ask_for(&path).unwrap();
        listener.set_nonblocking(false).unwrap();
        let heard = listener.incoming().map(|stream| {
            let mut heard = Vec::new();
            stream.unwrap().read_to_end(&mut heard).unwrap();
            heard
        });
        // Those that looked who it is said nothing.
        assert_eq!(heard.take(3).collect::<Vec<_>>(), [&b""[..], b"", LET_GO]);
        drop((door, listener, journal));
        assert_eq!(holder(&path), None);
        assert_eq!(fs::read_dir(directory(&home)).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_means_nothing_and_goes() {
        let home = tempfile::tempdir().unwrap();
        for id in ["old", "new", "mine"] {
            let (door, listener) = Door::open(home.path(), id).unwrap();
            std::mem::forget(door);
            if id == "old" {
                let path = directory(home.path()).join(file(id));
                let long_ago = rustix::fs::Timespec { tv_sec: 1000, tv_nsec: 0 };
                let times = rustix::fs::Timestamps { last_access: long_ago, last_modification: long_ago };
                rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty()).unwrap();
            }
            drop(listener);
        }
        let path = session(home.path(), "new", "/", "go");
        assert_eq!(holder(&path), None);
        let (_door, _listener) = Door::open(home.path(), "mine").unwrap();
        let mut left: Vec<_> =
            fs::read_dir(directory(home.path())).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["mine.socket", "new.socket"]);
    }
}
