//! What is listened on: an address of this machine, or a local socket.
//!
//! A local socket must never be where the sandbox cannot find it, nor take the place of a file.

use std::{
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

/// Connections that may wait to be accepted.
const WAITING: u32 = 1024;

/// What is listened on.
#[derive(Debug)]
pub enum Bound {
    /// An address of this machine.
    Tcp(TcpListener),
    /// A local socket, which only its owner can open.
    Unix(Local),
}

/// A local socket. Its file goes with it.
#[derive(Debug)]
pub struct Local {
    pub(crate) listener: UnixListener,
    /// Absolute.
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Bound {
    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }

    /// Where it is, as a client is told it: `ws://HOST:PORT` or `unix://PATH`.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("ws://{address}"),
                Err(_) => "ws://?".into(),
            },
            Self::Unix(local) => format!("unix://{}", local.path.display()),
        }
    }

    /// What a client elsewhere is to be told, where it listens on all addresses of this machine: by this machine's name.
    pub fn url_elsewhere(&self) -> String {
        let Self::Tcp(listener) = self else { return self.url() };
        match listener.local_addr() {
            Ok(address) if address.ip().is_unspecified() => {
                let machine = rustix::system::uname();
                format!("ws://{}:{}", machine.nodename().to_string_lossy(), address.port())
            }
            _ => self.url(),
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Self::Unix(_) => None,
        }
    }

    /// The file of a local socket.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(local) => Some(&local.path),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Somebody may have put something else there.
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on `HOST:PORT`, `ws://HOST:PORT` or `unix://PATH`.
///
/// # Errors
/// A sentence, when the address is none or cannot be listened on.
pub async fn bind(address: &str) -> Result<Bound, String> {
    let failed = |error: io::Error| format!("cannot listen on {address}: {error}");
    if let Some(path) = address.strip_prefix("unix://") {
        // The kernel tells the sandbox the name that was bound: a relative or earlier one would not lead to the socket.
        let path = whole(Path::new(path)).map_err(failed)?;
        make_room(&path).await.map_err(failed)?;
        return bind_private(path).map(Bound::Unix).map_err(failed);
    }
    let place = address.strip_prefix("ws://").unwrap_or(address).trim_end_matches('/');
    let is_named = |(host, port): (&str, &str)| !host.contains("//") && port.parse::<u16>().is_ok();
    if place.parse::<SocketAddr>().is_err() && !place.rsplit_once(':').is_some_and(is_named) {
        return Err(format!("`{address}` is no address: give HOST:PORT, such as 127.0.0.1:8080, or unix://PATH"));
    }
    TcpListener::bind(place).await.map(Bound::Tcp).map_err(failed)
}

/// The path with the real one of its directory.
fn whole(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("a name of a file is missing"))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(directory.canonicalize()?.join(name))
}

/// Removes a socket that nobody listens on any more. Whatever else is there stays, and is an error.
async fn make_room(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("something is there that is no socket; remove it, or give another path"));
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::other("another server does")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// A socket that nobody but its owner can connect to: until it listens, nobody can.
fn bind_private(path: PathBuf) -> io::Result<Local> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(&path)?;
    let file = identity(&path)?;
    let listener = fs::set_permissions(&path, Permissions::from_mode(0o600)).and_then(|()| socket.listen(WAITING));
    match listener {
        Ok(listener) => Ok(Local { listener, path, file }),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_takes_the_place_of_nothing_but_a_dead_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("place");
        let address = format!("unix://{}", path.display());
        fs::write(&path, "notes").unwrap();
        let refused = bind(&address).await.unwrap_err();
        assert!(refused.contains("no socket"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"notes");
        fs::remove_file(&path).unwrap();
        // Nobody listens on it any more, and it is still there.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let bound = bind(&address).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(bind(&address).await.unwrap_err().contains("another server"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "newer").unwrap();
        drop(bound);
        assert_eq!(fs::read(&path).unwrap(), b"newer", "what is not its own stays");
        fs::remove_file(&path).unwrap();
        drop(bind(&address).await.unwrap());
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_relative_path_is_told_as_an_absolute_one() {
        let here = std::env::current_dir().unwrap();
        let name = format!("socket-{}", std::process::id());
        let bound = bind(&format!("unix://{name}")).await.unwrap();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        let expected = here.join(&name);
        assert_eq!(bound.file(), Some(expected.as_path()));
        assert!(
            table.lines().any(|line| line.ends_with(expected.to_str().unwrap())),
            "the kernel knows it by this name"
        );
    }
}
