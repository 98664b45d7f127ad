//! The sandbox, with real processes: what a command can do behind which walls.
//!
//! Nothing here sleeps to wait for something: a process that should be dead holds the writing end of a pipe, and the
//! pipe's end is the proof. Some attacks need more than a shell; for those this test binary starts itself in the cell
//! (see [`inside_the_cell`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic; the lint only knows functions that are marked as tests"
)]

mod caches;
mod forked;
mod hidden;
mod limits;
mod memory;
mod mounts;
mod nothing_holds;
mod planning;
mod read_only;
mod refused_writes;
mod repositories;
mod roots;
pub mod rungs;
mod streams;
mod stubs;
pub mod thrown_away;

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use codex_sandbox::{Child, Command, Confined, Confinement, Exit, Network, Rung, Sandbox, SandboxError, Streams};
use rustix::{
    fs::{FileType, Mode},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, netlink, socket, socketpair},
    process::{Pid, Signal, kill_process, test_kill_process},
};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::support;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// What a cell has its own of: the host's cannot be seen in it.
const HIDDEN: [&str; 5] = ["/tmp", "/var/tmp", "/run", "/dev", "/proc"];

fn is_visible(path: &Path) -> bool {
    !HIDDEN.iter().any(|hidden| path.starts_with(hidden))
}

/// A directory for tests that can be seen in a cell: where the tests are built, or else at home, if the checkout lies
/// in `/tmp`.
#[allow(clippy::disallowed_methods, reason = "a test asks for the home of whoever runs it")]
pub fn visible_directory() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let places = [Some(env!("CARGO_TARGET_TMPDIR").into()), home, Some("/opt".into())].into_iter().flatten();
    let mut visible = places.filter_map(|path| fs::canonicalize(path).ok()).filter(|path| is_visible(path));
    visible.find(|path| tempfile::tempfile_in(path).is_ok()).expect("a writable directory outside /tmp")
}

/// A workspace, a directory outside it and a private temp.
struct Place {
    _directory: tempfile::TempDir,
    workspace: PathBuf,
    outside: PathBuf,
    temp: PathBuf,
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        Self::below(&visible_directory())
    }

    fn below(parent: &Path) -> Self {
        let directory = tempfile::tempdir_in(parent).unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let [workspace, outside, temp] = ["workspace", "outside", "temp"].map(|name| root.join(name));
        for path in [&workspace, &outside, &temp] {
            fs::create_dir(path).unwrap();
        }
        fs::write(outside.join("file"), "untouched").unwrap();
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
        Self { _directory: directory, workspace, outside, temp, sandbox }
    }

    fn confined(&self) -> Confined {
        Confined {
            writable: vec![self.workspace.clone()],
            real: vec![],
            protected: vec![self.workspace.join(".git"), self.workspace.join("deep/er/.codex")],
            hidden: vec![],
            in_git: vec![],
            denied_programs: vec![],
            caches: vec![],
            temp: Some(self.temp.clone()),
            state: None,
            network: Network::LoopbackOnly,
            weak: false,
        }
    }

    fn write(&self) -> Confinement {
        Confinement::Confined(self.confined())
    }

    fn command(&self, argv: &[&str]) -> Command {
        Command {
            argv: argv.iter().map(Into::into).collect(),
            directory: self.workspace.clone(),
            environment: [("PATH".into(), PATH.into()), ("OUTSIDE".into(), self.outside.clone().into())].into(),
        }
    }

    fn shell(&self, script: &str) -> Command {
        self.command(&["/bin/sh", "-c", script])
    }

    /// This test binary, doing one of the deeds of [`inside_the_cell`].
    fn deed(&self, deed: &str, value: impl ToString) -> Command {
        let mut this = std::env::current_exe().unwrap();
        if !is_visible(&this) {
            let copy = self.outside.join("deeds");
            // An earlier deed may still run from it.
            if !copy.exists() {
                fs::copy(&this, &copy).unwrap();
            }
            this = copy;
        }
        let mut command = self.command(&["", "--exact", "sandbox::inside_the_cell", "--nocapture"]);
        command.argv[0] = this.into();
        command.environment.insert("DEED".into(), deed.into());
        command.environment.insert("VALUE".into(), value.to_string().into());
        command
    }

    async fn start(&self, confinement: &Confinement, command: Command) -> Child {
        self.sandbox.spawn(confinement, command, Streams::Merged).await.unwrap()
    }

    /// Runs to the end: the exit as a shell would report it, and all output.
    async fn run(&self, confinement: &Confinement, command: Command) -> (i32, String) {
        let mut child = self.start(confinement, command).await;
        let output = read_all(&mut child.stdout).await;
        (child.wait().await.unwrap().shell_code(), output)
    }

    async fn error(&self, confinement: &Confinement, command: Command) -> SandboxError {
        match self.sandbox.spawn(confinement, command, Streams::Merged).await {
            Ok(_) => panic!("it started"),
            Err(error) => error,
        }
    }
}

async fn read_all(source: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until `word` was written: whatever comes before it in the script has happened then.
async fn read_until(source: &mut (impl AsyncReadExt + Unpin), word: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(word) {
        let byte = source.read_u8().await.unwrap_or_else(|_| panic!("ended without {word:?}: {seen:?}"));
        seen.push(char::from(byte));
    }
    seen
}

/// What the test binary does when the sandbox tests start it in a cell; in an ordinary run, nothing.
#[test]
#[allow(clippy::disallowed_methods, reason = "the environment is this test's own, given by `Place::deed`")]
fn inside_the_cell() {
    let Ok(deed) = std::env::var("DEED") else { return };
    let value = std::env::var("VALUE").unwrap();
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, value.parse().unwrap()));
    match deed.as_str() {
        "serve" => {
            let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            println!("port={}.", server.local_addr().unwrap().port());
            server.accept().unwrap().0.write_all(b"hello").unwrap();
        }
        "reach" => {
            let mut greeting = String::new();
            connect().unwrap().read_to_string(&mut greeting).unwrap();
            assert_eq!(greeting, "hello");
        }
        "miss" => assert!(connect().is_err(), "connected"),
        "datagram" => {
            UnixDatagram::unbound().unwrap().send_to(b"out", value).unwrap();
        }
        "no datagram" => {
            assert_eq!(UnixDatagram::unbound().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            for kind in [SocketType::DGRAM, SocketType::RAW] {
                let pair = socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None);
                assert_eq!(pair.unwrap_err(), Errno::PERM, "{kind:?}");
            }
            UnixStream::pair().unwrap();
        }
        "no stream" => assert!(UnixStream::connect(value).is_err(), "connected"),
        "netlink" => {
            let open = |protocol| socket(AddressFamily::NETLINK, SocketType::RAW, protocol).map(drop);
            assert_eq!(open(None), Ok(()), "interfaces cannot be listed");
            assert_eq!(open(Some(netlink::AUDIT)), Err(Errno::PERM));
        }
        "no parent" => {
            let parent = Pid::from_raw(value.parse().unwrap()).unwrap();
            assert_eq!(test_kill_process(parent), Err(Errno::SRCH));
            assert!(fs::read("/proc/1/environ").is_err() && fs::read_link("/proc/1/exe").is_err());
        }
        "pairs only" => {
            let open = |kind| socket(AddressFamily::UNIX, kind, None).map(drop);
            let kinds = [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM];
            assert_eq!(kinds.map(open), [Err(Errno::PERM); 3]);
            assert_eq!(UnixStream::connect(value).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            UnixStream::pair().unwrap();
        }
        "miss elsewhere" => {
            let address: std::net::SocketAddr = value.parse().unwrap();
            assert!(TcpStream::connect(address).is_err(), "connected");
        }
        "nothing" => {}
        "no sockets" => {
            for family in [AddressFamily::UNIX, AddressFamily::INET, AddressFamily::INET6] {
                let open = |kind| socket(family, kind, None).map(drop);
                assert_eq!([SocketType::STREAM, SocketType::DGRAM].map(open), [Err(Errno::PERM); 2], "{family:?}");
            }
            UnixStream::pair().unwrap();
        }
        "no set-user-ID file" => {
            use rustix::fs::{CWD, OFlags, open, openat};
            let make = OFlags::WRONLY | OFlags::CREATE;
            for mode in [Mode::SUID | Mode::RWXU, Mode::SGID | Mode::RWXU] {
                assert_eq!(open("made", make, mode).unwrap_err(), Errno::PERM, "{mode:?}");
                assert_eq!(openat(CWD, ".", OFlags::WRONLY | OFlags::TMPFILE, mode).unwrap_err(), Errno::PERM);
            }
            // Where nothing is made, nobody reads the mode.
            open("made", make, Mode::RWXU).unwrap();
            open("made", OFlags::RDONLY, Mode::SUID).unwrap();
        }
        "no set-user-ID node" => {
            let make = |kind, mode| rustix::fs::mknodat(rustix::fs::CWD, "node", kind, mode, 0);
            for kind in [FileType::Fifo, FileType::Socket, FileType::RegularFile] {
                assert_eq!(make(kind, Mode::SUID | Mode::RWXU), Err(Errno::PERM), "{kind:?}");
                assert_eq!(make(kind, Mode::RWXU), Ok(()), "{kind:?}");
                fs::remove_file("node").unwrap();
            }
        }
        other => panic!("unknown deed {other}"),
    }
}

/// Shell commands under the usual confinement: exit and output, both exact unless the output is given as `~part`.
#[tokio::test]
async fn walls_of_a_writable_workspace() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::create_dir_all(place.workspace.join(".git/hooks")).unwrap();
    fs::create_dir_all(place.workspace.join("deep/er/.codex")).unwrap();
    fs::write(place.workspace.join(".git/config"), "").unwrap();
    let cases = [
        ("writes inside", "echo hi > new && cat new && rm new", 0, "hi\n"),
        ("makes directories inside", "mkdir -p a/b && mv a c && rm -r c", 0, ""),
        ("reads outside", "cat $OUTSIDE/file", 0, "untouched"),
        ("writes no file outside", "echo x > $OUTSIDE/file || exit 2", 2, "~Read-only file system"),
        ("makes no file outside", "touch $OUTSIDE/new", 1, "~Read-only file system"),
        ("removes nothing outside", "rm -f $OUTSIDE/file", 1, "~Read-only file system"),
        ("changes no mode outside", "chmod 777 $OUTSIDE/file", 1, "~Read-only file system"),
        ("changes no times outside", "touch -d 2001-01-01 $OUTSIDE/file", 1, "~Read-only file system"),
        ("links nothing in", "ln $OUTSIDE/file here", 1, "~ross-device"),
        ("writes no protected file", "echo x > .git/config || exit 2", 2, "~Read-only file system"),
        ("makes no protected file", "touch .git/hooks/pre-commit", 1, "~Read-only file system"),
        ("moves no protected directory", "mv .git .git.old", 1, "~busy"),
        ("removes no protected directory", "rm -rf .git/hooks", 1, "~Read-only file system"),
        ("writes no deeper protected file", "touch deep/er/.codex/x", 1, "~Read-only file system"),
        ("moves no parent of a protected directory", "mv deep/er deep/est", 1, "~busy"),
        ("writes beside a protected directory", "touch deep/er/x && mv deep/er/x deep/er/y", 0, ""),
        ("writes in /dev/shm", "echo x > /dev/shm/x && cat /dev/shm/x", 0, "x\n"),
        ("uses device nodes", "head -c 3 /dev/urandom | wc -c; echo x > /dev/null", 0, "3\n"),
        ("sees no disks", "ls /dev | grep -E '^(sd|vd|nvme|mem|kmsg)'", 1, ""),
        ("makes no device", "mknod node c 1 3", 1, "~Operation not permitted"),
        ("makes a pipe", "mkfifo pipe && rm pipe", 0, ""),
        ("makes no set-user-ID file", "touch s && chmod u+s s", 1, "~Operation not permitted"),
        ("keeps a directory's group", "mkdir -m 2775 g && chmod 755 g && stat -c %a g && rmdir g", 0, "2755\n"),
        ("has no rights", "grep -c '^Cap.*:.*[1-9a-f]' /proc/self/status", 1, "0\n"),
        ("gains none", "grep NoNewPrivs /proc/self/status | tr -d '\\t'", 0, "NoNewPrivs:1\n"),
        ("writes no setting", "echo 1 > /proc/sys/vm/overcommit_memory || exit 2", 2, "~"),
        ("keeps settings read-only for any user", "grep -E ' /proc/sys proc ro,' /proc/mounts | wc -l", 0, "1\n"),
        ("reads no kernel symbols", "cat /proc/kallsyms", 0, ""),
        ("makes no namespace", "unshare -U true", 1, "~not permitted"),
        ("mounts nothing", "mount -t tmpfs none /tmp", 32, "~"),
        ("sees only its own processes", "[ $(ls /proc | grep -c '^[0-9]') -lt 8 ] && echo few", 0, "few\n"),
        ("is the second process", "echo $$ $PPID", 0, "2 1\n"),
        ("cannot kill its keeper", "kill -9 1 2>/dev/null; echo alive", 0, "alive\n"),
        ("has loopback", "grep -c lo: /proc/net/dev", 0, "1\n"),
        ("sets its own name", "printf me > /proc/self/comm; cat /proc/$$/comm", 0, "me\n"),
        ("writes through /dev/stdout", "echo x > /dev/stdout; echo y > /dev/stderr", 0, "x\ny\n"),
        ("signals its children", "sleep 100000 & kill $!; wait $!", 143, "~"),
        ("leaves no core", "ulimit -c", 0, "0\n"),
    ];
    for (name, script, code, output) in cases {
        let (seen_code, seen_output) = place.run(&place.write(), place.shell(script)).await;
        let matches = output.strip_prefix('~').map_or(seen_output == output, |part| seen_output.contains(part));
        assert!(seen_code == code && matches, "{name}: {script}\n{seen_code} {seen_output}");
    }
    assert_eq!(fs::read_to_string(place.outside.join("file")).unwrap(), "untouched");
    assert_eq!(fs::metadata(place.outside.join("file")).unwrap().permissions().mode() & 0o111, 0);
}

/// The same script under other walls.
#[tokio::test]
async fn walls_as_they_are_asked_for() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let usual = place.confined();
    let with = |change: &dyn Fn(&mut Confined)| {
        let mut confined = usual.clone();
        change(&mut confined);
        Confinement::Confined(confined)
    };
    let inner = place.workspace.join("inner");
    fs::create_dir(&inner).unwrap();
    let cases = [
        ("read-only", Confinement::read_only(&[]), "n n y"),
        ("no root", with(&|c| c.writable.clear()), "n n y"),
        ("workspace", with(&|_| {}), "y n y"),
        ("another root", with(&|c| c.writable.push(place.outside.clone())), "y y y"),
        ("nested roots", with(&|c| c.writable = vec![inner.clone(), place.workspace.clone()]), "y n y"),
        (
            "a root twice",
            with(&|c| c.writable = vec![place.workspace.join("inner/.."), place.workspace.clone()]),
            "y n y",
        ),
        ("everything", with(&|c| c.writable = vec!["/".into()]), "y y y"),
        ("everything and more", with(&|c| c.writable.push("/".into())), "y y y"),
        ("read-only everything", Confinement::read_only(&["/".into()]), "n n y"),
        ("read-only everything and more", Confinement::read_only(&["/".into(), place.workspace.clone()]), "n n y"),
        ("read-only workspace", Confinement::read_only(std::slice::from_ref(&place.workspace)), "n n y"),
        (
            "one root of two",
            with(&|c| {
                c.writable.push(place.outside.clone());
                c.protected.push(place.workspace.join("../outside"));
            }),
            "y n y",
        ),
        (
            "a root in a protected one",
            with(&|c| {
                c.writable.push(inner.clone());
                c.protected.push(place.workspace.clone());
            }),
            "n n y",
        ),
        (
            "all but a root",
            with(&|c| {
                c.writable.push("/".into());
                c.protected.push(place.workspace.clone());
            }),
            "n y y",
        ),
        ("an own temp", with(&|c| c.temp = None), "y n y"),
        ("the host's network", with(&|c| c.network = Network::Host), "y n y"),
        ("none", Confinement::Unconfined, "y y y"),
    ];
    let script = "for path in inner $OUTSIDE /tmp; do \
        if mkdir $path/.probe 2>/dev/null; then rmdir $path/.probe; printf 'y '; else printf 'n '; fi; done";
    for (name, confinement, expected) in cases {
        let seen = place.run(&confinement, place.shell(script)).await;
        assert_eq!(seen, (0, format!("{expected} ")), "{name}");
    }
}

#[tokio::test]
async fn kernel_settings_stay_read_only_even_if_everything_is_writable() {
    let place = Place::new();
    let mut confined = place.confined();
    confined.writable = vec!["/".into()];
    let script = "for path in /proc/sys /sys; do grep -q \" $path [a-z]* ro,\" /proc/mounts || echo $path; done";
    assert_eq!(place.run(&Confinement::Confined(confined), place.shell(script)).await, (0, String::new()));
}

#[tokio::test]
async fn temp_is_the_hosts_directory_and_nothing_else() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let hidden = tempfile::NamedTempFile::new().unwrap();
    let script = format!("ls {}; echo a > /tmp/a; echo b > /var/tmp/b", hidden.path().display());
    let (_, output) = place.run(&place.write(), place.shell(&script)).await;
    assert!(output.contains("No such file"), "{output}");
    let held = ["a", "b"].map(|name| fs::read_to_string(place.temp.join(name)).unwrap());
    assert_eq!(held, ["a\n", "b\n"]);
    // Two commands of a cell share it.
    assert_eq!(place.run(&place.write(), place.shell("cat /tmp/b")).await, (0, "b\n".to_owned()));
}

#[tokio::test]
async fn a_server_is_reachable_in_its_cell_and_nowhere_else() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let mut server = place.start(&place.write(), place.deed("serve", "")).await;
    let said = read_until(&mut server.stdout, ".").await;
    let port = said.rsplit_once('=').unwrap().1.trim_end_matches('.');
    let mut greeting = String::new();
    if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())) {
        // Somebody else's server may have that number on the host, but it is not ours.
        stream.set_nonblocking(true).unwrap();
        let _ = stream.read_to_string(&mut greeting);
    }
    assert_ne!(greeting, "hello");
    assert_eq!(place.run(&Confinement::read_only(&[]), place.deed("miss", port)).await.0, 0, "another cell");
    let (code, output) = place.run(&place.write(), place.deed("reach", port)).await;
    assert_eq!(code, 0, "{output}");
    assert_eq!(server.wait().await.unwrap(), Exit::Code(0));
}

#[tokio::test]
async fn the_hosts_network_is_out_of_reach_unless_asked_for() {
    let place = Place::new();
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let answer = std::thread::spawn(move || {
        for _ in 0..2 {
            server.accept().unwrap().0.write_all(b"hello").unwrap();
        }
    });
    let host = Confinement::Confined(Confined { network: Network::Host, ..place.confined() });
    for (confinement, deed) in [(place.write(), "miss"), (host, "reach"), (Confinement::Unconfined, "reach")] {
        let (code, output) = place.run(&confinement, place.deed(deed, port)).await;
        assert_eq!(code, 0, "{confinement:?} {output}");
    }
    answer.join().unwrap();
}

#[tokio::test]
async fn the_hosts_local_sockets_are_out_of_reach() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let datagrams = UnixDatagram::bind(place.outside.join("datagrams")).unwrap();
    let _streams = UnixListener::bind(place.outside.join("streams")).unwrap();
    assert_eq!(place.run(&place.write(), place.shell("true")).await.0, 0, "the cell stands");
    let _later = UnixListener::bind(place.outside.join("later")).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let path = |name: &str| place.outside.join(name).display().to_string();
    let cases = [("no datagram", path("datagrams")), ("no stream", path("streams")), ("no stream", path("later"))];
    for (deed, path) in cases {
        let (code, output) = place.run(&place.write(), place.deed(deed, path)).await;
        assert_eq!(code, 0, "{deed}: {output}");
    }
    assert_eq!(datagrams.recv(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(place.run(&Confinement::Unconfined, place.deed("datagram", path("datagrams"))).await.0, 0);
    assert_eq!(datagrams.recv(&mut [0; 9]).unwrap(), 3);
}

/// Between the kernel's table and its masking a socket may be removed by its owner.
#[tokio::test]
async fn host_sockets_that_vanish_are_no_obstacle() {
    let place = Place::new();
    let done = Arc::new(AtomicBool::new(false));
    let owners = ["a", "b", "c", "d"].map(|name| {
        let (path, done) = (place.outside.join(name), Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let _bound = UnixListener::bind(&path).unwrap();
                fs::remove_file(&path).unwrap();
            }
        })
    });
    for _ in 0..100 {
        assert_eq!(place.run(&place.write(), place.shell("true")).await, (0, String::new()));
    }
    done.store(true, Ordering::Relaxed);
    for owner in owners {
        owner.join().unwrap();
    }
}

#[tokio::test]
async fn interfaces_can_be_listed_and_nothing_else_asked_of_the_kernel() {
    let place = Place::new();
    let (code, output) = place.run(&place.write(), place.deed("netlink", "")).await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test]
async fn no_set_user_id_node_is_made() {
    let place = Place::new();
    let (code, output) = place.run(&place.write(), place.deed("no set-user-ID node", "")).await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test]
async fn no_set_user_id_file_is_made() {
    let place = Place::new();
    let (code, output) = place.run(&place.write(), place.deed("no set-user-ID file", "")).await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test]
async fn the_parent_is_out_of_reach() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let (code, output) = place.run(&place.write(), place.deed("no parent", std::process::id())).await;
    assert_eq!(code, 0, "{output}");
}

/// Starts a daemon in a session of its own, which keeps standard output open, and says `up` when it runs.
const DAEMON: &str = "mkfifo ready; setsid sh -c 'echo up > ready; exec sleep 100000' & cat ready; rm ready; ";

#[tokio::test]
async fn a_confined_command_leaves_nothing_running() {
    let place = Place::new();
    assert_eq!(place.run(&place.write(), place.shell(DAEMON)).await, (0, "up\n".to_owned()));
}

#[tokio::test]
async fn an_unconfined_command_may_leave_something_running() {
    let place = Place::new();
    let script = format!("{DAEMON} echo $!.");
    let mut child = place.start(&Confinement::Unconfined, place.shell(&script)).await;
    let said = read_until(&mut child.stdout, ".").await;
    assert_eq!(child.wait().await.unwrap(), Exit::Code(0));
    let daemon = Pid::from_raw(said.trim_start_matches("up\n").trim_end_matches('.').parse().unwrap()).unwrap();
    // `setsid` forks only if it leads a group, so this is the daemon itself.
    kill_process(daemon, Signal::KILL).unwrap();
    assert_eq!(read_all(&mut child.stdout).await, "\n");
}

#[tokio::test]
async fn kill_ends_the_whole_tree() {
    let place = Place::new();
    for confinement in [place.write(), Confinement::Unconfined] {
        let script =
            format!("{DAEMON} (setsid sh -c 'sh -c \"sleep 100000 & echo deep; wait\" & wait' &); sleep 100000");
        let mut child = place.start(&confinement, place.shell(&script)).await;
        read_until(&mut child.stdout, "deep").await;
        child.kill();
        assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
        assert_eq!(read_all(&mut child.stdout).await, "\n");
        child.kill();
    }
}

#[tokio::test]
async fn dropping_kills() {
    let place = Place::new();
    for confinement in [place.write(), Confinement::Unconfined] {
        let mut child = place.start(&confinement, place.shell(&format!("{DAEMON} sleep 100000"))).await;
        read_until(&mut child.stdout, "up").await;
        drop(child.process);
        assert_eq!(read_all(&mut child.stdout).await, "\n");
    }
}

#[tokio::test]
async fn the_end_of_the_session_is_the_end_of_its_commands() {
    for unconfined in [false, true] {
        let mut place = Place::new();
        let confinement = if unconfined { Confinement::Unconfined } else { place.write() };
        let mut child = place.start(&confinement, place.shell(&format!("{DAEMON} sleep 100000"))).await;
        read_until(&mut child.stdout, "up").await;
        place.sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
        assert_eq!(read_all(&mut child.stdout).await, "\n");
    }
}

/// The parent process of `pid`, from its `stat` file (proc_pid_stat(5)).
fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The process, in the host's numbers, that was started with `mark` as its last argument.
fn marked(mark: &str) -> i32 {
    let is_marked = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.ends_with(format!("\0{mark}\0").as_bytes())
    };
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.into_iter().find(is_marked).unwrap()
}

#[tokio::test]
async fn a_lost_helper_takes_its_commands_along_and_is_replaced() {
    let place = Place::new();
    for confinement in [place.write(), Confinement::Unconfined] {
        let mut command = place.shell(&format!("{DAEMON} sleep 100000; true"));
        let mark = place.workspace.display().to_string();
        command.argv.push(mark.clone().into());
        let mut child = place.start(&confinement, command).await;
        read_until(&mut child.stdout, "up").await;
        let helper = parent(parent(marked(&mark)));
        kill_process(Pid::from_raw(helper).unwrap(), Signal::KILL).unwrap();
        assert_eq!(read_all(&mut child.stdout).await, "\n");
        let outcome = child.wait().await;
        assert!(matches!(outcome, Err(SandboxError::Lost(_)) | Ok(Exit::Signal(9))), "{outcome:?}");
        assert_eq!(place.run(&confinement, place.shell("echo again")).await, (0, "again\n".to_owned()));
        let _ = fs::remove_file(place.workspace.join("ready"));
    }
}

#[tokio::test]
async fn many_commands_at_once_do_not_get_mixed_up() {
    let place = Arc::new(Place::new());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..60 {
        let place = Arc::clone(&place);
        tasks.spawn(async move {
            let confinement = if number % 3 == 0 { Confinement::Unconfined } else { place.write() };
            let seen = place.run(&confinement, place.shell(&format!("echo {number}; exit {number}"))).await;
            assert_eq!(seen, (number, format!("{number}\n")));
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn what_holds_is_found_out_by_trying() {
    not_inside_another_sandbox!();
    let place = Place::new();
    assert_eq!(place.sandbox.rung().await.unwrap(), Rung::Full);
    for helper in ["/bin/true", "/bin/nowhere-to-be-found"] {
        let error = Sandbox::new(helper.into()).rung().await.unwrap_err();
        assert!(matches!(error, SandboxError::Lost(_) | SandboxError::Helper(_)), "{error}");
    }
}

/// An update, or a command that may write there, replaces the program's file while it runs.
#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn the_program_needs_its_file_only_to_start() {
    let script = json!([{ "tool": "exec_command", "arguments": { "cmd": "echo x > made" } }, { "text": "Done." }]);
    for replaced in [false, true] {
        let place = support::Place::new(script.clone());
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = directory.path().join("codex");
        // Not a copy: while some other test forks, a file that was just written may not be executable.
        fs::hard_link(env!("CARGO_BIN_EXE_codex"), &program).unwrap();
        let usual = place.codex(&["exec", "--sandbox", "workspace-write", "--skip-git-repo-check", "-"]);
        let mut command = std::process::Command::new(&program);
        command.args(usual.get_args()).env_clear().current_dir(&place.workspace);
        command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It runs, and waits for its prompt.
        fs::remove_file(&program).unwrap();
        if replaced {
            symlink("/bin/false", &program).unwrap();
        }
        child.stdin.take().unwrap().write_all(b"go").unwrap();
        let output = child.wait_with_output().unwrap();
        let made = fs::read_to_string(place.workspace.join("made"));
        assert_eq!(made.ok().as_deref(), Some("x\n"), "{replaced}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
