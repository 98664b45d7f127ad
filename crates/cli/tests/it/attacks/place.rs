//! Where one attack happens: a workspace, a home and a place outside, all below a directory of the test's own, with
//! sockets that note who reached them. Nothing here touches anything that was on the machine before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{ErrorKind, Read},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, chown},
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, mknodat},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use super::data::User;

/// Whoever attacks as an ordinary user, if the tests run as root; needs no entry in `/etc/passwd`.
pub const ORDINARY: u32 = 1001;

pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// The user's own settings of git, so that it commits and says nothing.
const GIT: &str = "[user]\nname = User\nemail = user@example.invalid\n[init]\ndefaultBranch = main\n[advice]\n\
    defaultBranchName = false\n";

/// [`PATH`], then where cargo is, so that the controls can build.
fn path() -> String {
    let cargo = option_env!("CARGO").and_then(|cargo| Path::new(cargo).parent()).and_then(Path::to_str);
    [PATH].into_iter().chain(cargo).collect::<Vec<_>>().join(":")
}

/// Below the program's own directory.
const REMEMBERED: &str = "run/full-walls";

pub struct Place {
    _directories: [tempfile::TempDir; 2],
    pub workspace: PathBuf,
    pub results: PathBuf,
    outside: PathBuf,
    /// The word that stands in the environment of all processes of this place, and nowhere else.
    pub mark: String,
    /// For the scripts outside; the attack gets it without `BAIT`.
    pub environment: BTreeMap<String, String>,
    pub owner: Option<u32>,
    /// Processes that were there before.
    others: BTreeSet<i32>,
    sockets: Sockets,
    /// The user's terminal: the emulator's end and the shell's.
    pub terminal: Option<(OwnedFd, File)>,
    /// The emulator's end of another terminal of the same user.
    other: Option<OwnedFd>,
}

impl Place {
    /// `parent` is where the sandbox can see it; `change_owner` that the directories are not the caller's.
    pub fn new(parent: &Path, user: User, change_owner: bool, terminal: bool) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let (mark, bait) =
            (format!("mark{}n{number}.", std::process::id()), format!("bait{}n{number}.", std::process::id()));
        let directories = [tempfile::tempdir_in(parent).unwrap(), tempfile::tempdir_in("/tmp").unwrap()];
        let owner = (change_owner && user == User::Ordinary).then_some(ORDINARY);
        let own = |path: &Path| {
            if let Some(owner) = owner {
                chown(path, Some(owner), Some(owner)).unwrap();
            }
        };
        directories.iter().for_each(|directory| own(directory.path()));
        let root = fs::canonicalize(directories[0].path()).unwrap();
        let names = ["workspace", "outside", "home", "home/.codex", "results"];
        let [workspace, outside, home, codex_home, results] = names.map(|name| {
            let path = root.join(name);
            fs::create_dir(&path).unwrap();
            own(&path);
            path
        });
        fs::write(home.join(".gitconfig"), GIT).unwrap();
        own(&home.join(".gitconfig"));
        let sockets = Sockets::open(&outside, &mark, own);
        let mut values = vec![
            ("PATH", path()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm".to_owned()),
            ("USER", user.name().to_owned()),
            ("MARK", mark.clone()),
            ("BAIT", bait),
            ("TCP", sockets.tcp.local_addr().unwrap().port().to_string()),
            ("TCP6", sockets.tcp6.as_ref().map_or(0, |tcp| tcp.local_addr().unwrap().port()).to_string()),
            ("UDP", sockets.udp.local_addr().unwrap().port().to_string()),
        ];
        let paths = [
            ("HOME", &home),
            ("CODEX_HOME", &codex_home),
            ("WORKSPACE", &workspace),
            ("OUTSIDE", &outside),
            ("RESULTS", &results),
        ];
        values.extend(paths.map(|(name, path)| (name, path.to_str().unwrap().to_owned())));
        values.push(("HOST_TMP", directories[1].path().to_str().unwrap().to_owned()));
        let (terminal, other) = if terminal {
            let ((emulator, name), (other, other_name)) = (open_terminal(own), open_terminal(own));
            let shell = fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
            values.extend([("TERMINAL", name), ("OTHER_TERMINAL", other_name)]);
            (Some((emulator, shell)), Some(other))
        } else {
            (None, None)
        };
        let environment = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self {
            _directories: directories,
            workspace,
            results,
            outside,
            mark,
            environment,
            owner,
            others: processes(),
            sockets,
            terminal,
            other,
        }
    }

    /// Opens the sockets that appear while a command runs already.
    pub fn open_late(&mut self) {
        let path = self.outside.join("late.sock");
        let late = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        late.set_nonblocking(true).unwrap();
        self.sockets.late = Some(late);
    }

    /// Writes down what has arrived: `received`, a line for each arrival and what it carried; `terminal` and `shown`,
    /// what the user's terminal and the other one show.
    pub fn note(&self) {
        fs::write(self.results.join("received"), self.sockets.received()).unwrap();
        let emulators =
            [("terminal", self.terminal.as_ref().map(|(emulator, _)| emulator)), ("shown", self.other.as_ref())];
        for (name, emulator) in emulators {
            let shown = emulator.map(|emulator| available(emulator.try_clone().unwrap())).unwrap_or_default();
            fs::write(self.results.join(name), shown).unwrap();
        }
    }

    /// Ends every process of this place: those that have its mark in their environment.
    pub fn end_processes(&self) {
        let wanted = format!("MARK={}", self.mark);
        for number in processes().difference(&self.others) {
            let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes())
                && let Some(process) = Pid::from_raw(*number)
            {
                // It may have ended by itself.
                let _ = kill_process(process, Signal::KILL);
            }
        }
    }

    /// What the program has found out about the machine and keeps in its own directory: passed on, it need not find
    /// it out again for every attack.
    pub fn remembered(&self) -> Option<Vec<u8>> {
        fs::read(self.codex_home().join(REMEMBERED)).ok()
    }

    pub fn remember(&self, remembered: &[u8]) {
        let file = self.codex_home().join(REMEMBERED);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, remembered).unwrap();
        for path in [file.parent().unwrap(), &file] {
            chown(path, self.owner, self.owner).unwrap();
        }
    }

    fn codex_home(&self) -> &Path {
        Path::new(&self.environment["CODEX_HOME"])
    }

    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.results.join("output")).unwrap_or_default()).into_owned()
    }
}

/// The emulator's end of a new terminal, and the name of the other.
fn open_terminal(own: impl Fn(&Path)) -> (OwnedFd, String) {
    let emulator = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&emulator).unwrap();
    unlockpt(&emulator).unwrap();
    let name = ptsname(&emulator, Vec::new()).unwrap().into_string().unwrap();
    own(Path::new(&name));
    (emulator, name)
}

/// One of each kind of socket by which somebody may be reached, and a pipe.
struct Sockets {
    tcp: TcpListener,
    /// Where the machine has IPv6.
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    stream: UnixListener,
    datagram: UnixDatagram,
    sequence: OwnedFd,
    abstract_stream: UnixListener,
    abstract_datagram: UnixDatagram,
    late: Option<UnixListener>,
    /// Open for both, so that nobody waits for its other end.
    pipe: OwnedFd,
}

impl Sockets {
    /// Path sockets in `outside`: `stream.sock`, `datagram.sock`, `sequence.sock`, and the `pipe`; abstract ones are named after `mark`.
    fn open(outside: &Path, mark: &str, own: impl Fn(&Path)) -> Self {
        let abstract_name = |suffix: &str| SocketAddr::from_abstract_name(format!("{mark}{suffix}")).unwrap();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let sequence = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        bind(&sequence, &SocketAddrUnix::new(outside.join("sequence.sock")).unwrap()).unwrap();
        listen(&sequence, 8).unwrap();
        mknodat(CWD, outside.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let pipe = rustix::fs::open(outside.join("pipe"), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let sockets = Self {
            tcp: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            tcp6: TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).ok(),
            udp: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            stream: UnixListener::bind(outside.join("stream.sock")).unwrap(),
            datagram: UnixDatagram::bind(outside.join("datagram.sock")).unwrap(),
            sequence,
            abstract_stream: UnixListener::bind_addr(&abstract_name("stream")).unwrap(),
            abstract_datagram: UnixDatagram::bind_addr(&abstract_name("datagram")).unwrap(),
            late: None,
            pipe,
        };
        for name in ["pipe", "stream.sock", "datagram.sock", "sequence.sock"] {
            fs::set_permissions(outside.join(name), fs::Permissions::from_mode(0o777)).unwrap();
            own(&outside.join(name));
        }
        sockets.tcp.set_nonblocking(true).unwrap();
        sockets.tcp6.iter().for_each(|tcp| tcp.set_nonblocking(true).unwrap());
        sockets.udp.set_nonblocking(true).unwrap();
        for stream in [&sockets.stream, &sockets.abstract_stream] {
            stream.set_nonblocking(true).unwrap();
        }
        for datagram in [&sockets.datagram, &sockets.abstract_datagram] {
            datagram.set_nonblocking(true).unwrap();
        }
        sockets
    }

    /// Whatever was sent on this machine is there when the sender's call has returned, so nothing waits.
    fn received(&self) -> String {
        let mut lines = Vec::new();
        let mut note = |name: &str, data: Vec<u8>| lines.push(format!("{name} {}", String::from_utf8_lossy(&data)));
        while let Ok((stream, _)) = self.tcp.accept() {
            note("tcp", available(stream));
        }
        while let Some(Ok((stream, _))) = self.tcp6.as_ref().map(TcpListener::accept) {
            note("tcp6", available(stream));
        }
        let mut buffer = [0; 4096];
        while let Ok(count) = self.udp.recv(&mut buffer) {
            note("udp", buffer[..count].to_vec());
        }
        for (name, listener) in [
            ("stream", Some(&self.stream)),
            ("abstract-stream", Some(&self.abstract_stream)),
            ("late", self.late.as_ref()),
        ] {
            while let Some(Ok((stream, _))) = listener.map(UnixListener::accept) {
                note(name, available(stream));
            }
        }
        for (name, socket) in [("datagram", &self.datagram), ("abstract-datagram", &self.abstract_datagram)] {
            while let Ok(count) = socket.recv(&mut buffer) {
                note(name, buffer[..count].to_vec());
            }
        }
        while let Ok(stream) = accept(&self.sequence) {
            note("sequence", available(stream));
        }
        note("pipe", available(self.pipe.try_clone().unwrap()));
        lines.join("\n") + "\n"
    }
}

/// What can be read without waiting.
fn available(from: impl Into<OwnedFd>) -> Vec<u8> {
    let from: OwnedFd = from.into();
    let flags = fcntl_getfl(from.as_fd()).unwrap();
    fcntl_setfl(from.as_fd(), flags | OFlags::NONBLOCK).unwrap();
    let (mut file, mut all, mut part) = (File::from(from), Vec::new(), [0; 4096]);
    loop {
        match file.read(&mut part) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // `EIO`: nobody has the terminal open; a reset connection has nothing more to say either.
            Err(_) => return all,
        }
    }
}

/// The numbers of all processes.
fn processes() -> BTreeSet<i32> {
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}
