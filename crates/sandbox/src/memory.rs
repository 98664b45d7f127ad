//! A control group for each helper, where this program may make one: how much memory its commands may take together.
//!
//! Moving a process into a group takes some 10 ms, so a thread does it, and only when a session has lasted a moment:
//! no command waits for it. It is no wall: where it cannot be had nothing is said, and nothing fails. It must never take
//! commands out of a group whose limits hold them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, geteuid, test_kill_process},
};

use crate::{cell::reap_later, setup::limits};

/// How long a cell lasts before its helper is moved. The kernel does not let a program end while one of its threads
/// moves a process, and a session that is over before needs no group.
const DELAY: Duration = Duration::from_millis(250);

/// Names that are tried: a program that was killed may have left one with our number.
const NAMES: u32 = 16;

/// What limits a group of version 2 where the service manager or the user wrote something else than is there by itself.
const LIMITS: [(&str, &str); 6] = [
    ("memory.max", "max"),
    ("memory.high", "max"),
    ("memory.swap.max", "max"),
    ("cpu.max", "max 100000"),
    ("cpuset.cpus", ""),
    ("io.max", ""),
];

/// The group of one helper, made or about to be.
#[derive(Debug)]
pub(crate) struct Group(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    /// Set before anybody tries to lock the state for its end: whoever has it locked then cleans up.
    is_over: AtomicBool,
}

/// Locked while the helper is being moved.
#[derive(Debug)]
enum State {
    Due,
    Made(Option<PathBuf>),
    Ended,
}

impl Group {
    /// Has one made for `helper`, a child that must not be waited for before [`Group::end`]. `None`: there is no thread
    /// to be had.
    pub(crate) fn begin(helper: Pid) -> Option<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Due), ended: Condvar::new(), is_over: AtomicBool::new(false) });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("memory".into()).spawn(move || theirs.make_when_due(helper)).ok()?;
        Some(Self(shared))
    }

    /// No group is made from here on, and one that was made goes. False if the helper is being moved now: its number
    /// must not become another process's, so that whoever moves it waits for it.
    pub(crate) fn end(&self) -> bool {
        self.0.is_over.store(true, Ordering::SeqCst);
        let Ok(mut state) = self.0.state.try_lock() else { return false };
        let is_ours = state.end();
        self.0.ended.notify_all();
        is_ours
    }
}

impl State {
    /// A group that was made goes. False if that was so before.
    fn end(&mut self) -> bool {
        match std::mem::replace(self, Self::Ended) {
            Self::Made(path) => lock(&LEFT).extend(path),
            Self::Due => {}
            Self::Ended => return false,
        }
        true
    }
}

impl Shared {
    fn make_when_due(&self, helper: Pid) {
        let is_due = |state: &mut State| matches!(state, State::Due);
        let waited = self.ended.wait_timeout_while(lock(&self.state), DELAY, is_due);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_due(&mut state) {
            *state = State::Made(make(helper));
        }
        drop(state);
        self.end_if_over(helper);
    }

    /// Whoever ended the cell while the state was locked has not waited for that.
    fn end_if_over(&self, helper: Pid) {
        if self.is_over.load(Ordering::SeqCst) && lock(&self.state).end() {
            reap_later(helper);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Groups of helpers that have been told to end: the kernel removes none as long as something runs in it.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what is left of the control groups that were made for cells, as far as their helpers have ended. To be called
/// once more at the end of the program. What stays is removed by the next program that makes a group there.
pub fn remove_groups() {
    lock(&LEFT).retain(|path| fs::remove_dir(path).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy));
}

/// Makes a group with a limit and moves `helper` into it.
fn make(helper: Pid) -> Option<PathBuf> {
    let read = |name| fs::read_to_string(Path::new("/proc/self").join(name)).ok();
    let place = find(&read("cgroup")?, &read("mountinfo")?, geteuid().is_root())?;
    remove_groups();
    sweep(&place.parent);
    let path = create(&place.parent)?;
    let filled = place.fill(&path, helper);
    if filled.is_err() {
        let _ = fs::remove_dir(&path);
    }
    filled.ok().map(|()| path)
}

fn create(parent: &Path) -> Option<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..NAMES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("codex-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Some(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
    }
    None
}

/// Removes the groups of programs that are no more, as far as nothing runs in them.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if maker(&entry.file_name().to_string_lossy()).is_some_and(|maker| test_kill_process(maker) == Err(Errno::SRCH))
        {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Whose group has this name.
fn maker(name: &str) -> Option<Pid> {
    let (maker, number) = name.strip_prefix("codex-")?.split_once('-')?;
    number.parse::<u32>().ok()?;
    Pid::from_raw(maker.parse().ok()?)
}

/// Where a group can be tried to be made.
#[derive(Debug, PartialEq)]
struct Place {
    parent: PathBuf,
    /// Where groups are mounted: nothing above can be seen.
    top: PathBuf,
    /// What the limit is written to.
    file: &'static str,
    /// How many processes our own group may have, if commands would leave that limit: service managers set one for all.
    processes: Option<String>,
}

impl Place {
    /// Three quarters of what there is, so that the rest of the machine, or of the group, lives on.
    fn limit(&self) -> u64 {
        let above = self.parent.ancestors().take_while(|path| path.starts_with(&self.top));
        above.filter_map(limits::of_group).fold(limits::machine(), u64::min) / 4 * 3
    }

    /// Sets the limits of the group at `path`, then moves `helper` there.
    fn fill(&self, path: &Path, helper: Pid) -> io::Result<()> {
        fs::write(path.join(self.file), self.limit().to_string())?;
        if let Some(processes) = &self.processes {
            fs::write(path.join("pids.max"), processes)?;
        }
        fs::write(path.join("cgroup.procs"), helper.as_raw_nonzero().to_string())
    }
}

/// Reads proc_pid_cgroup(5) and proc_pid_mountinfo(5). Version 1 nests groups with processes; in version 2 our own can
/// hand nothing down, so that the one above it must, which a service manager lets its users change. As root everything
/// can be changed, but nothing was handed over.
fn find(own: &str, mounts: &str, is_root: bool) -> Option<Place> {
    let memory = |list: &str| list.split(',').any(|name| name == "memory");
    let groups = || own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    if let Some((_, group)) = groups().find(|(list, _)| memory(list)) {
        let (top, parent) = directory(mounts, group, |kind, options| kind == "cgroup" && memory(options))?;
        // Otherwise what is above would not hold any more.
        let nested = fs::read_to_string(parent.join("memory.use_hierarchy")).is_ok_and(|text| text.trim() == "1");
        return nested.then_some(Place { parent, top, file: "memory.limit_in_bytes", processes: None });
    }
    let (_, group) = groups().find(|(list, _)| list.is_empty() && !is_root)?;
    let (top, own) = directory(mounts, group, |kind, _| kind == "cgroup2")?;
    let parent = own.parent().filter(|parent| parent.starts_with(&top))?.to_owned();
    let read = |path: PathBuf| fs::read_to_string(path).ok();
    let hands_down = read(parent.join("cgroup.subtree_control"))?.split_whitespace().any(memory);
    let free = |(name, usual): (&str, &str)| read(own.join(name)).is_none_or(|text| text.trim() == usual);
    let processes = read(own.join("pids.max")).filter(|text| text.trim() != "max");
    (hands_down && LIMITS.into_iter().all(free)).then_some(Place { parent, top, file: "memory.max", processes })
}

/// Where the groups are mounted that `wanted` says by type and options, and the directory of `group` there. The last
/// mount is the one that lies on top.
fn directory(mounts: &str, group: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<(PathBuf, PathBuf)> {
    let found = |line: &str| {
        let (mount, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        let mut mount = mount.split(' ').skip(3);
        let (root, top) = (mount.next()?, Path::new(mount.next()?));
        let below = Path::new(group).strip_prefix(root).ok()?;
        // `..`: it lies outside of what this namespace may see.
        let is_seen = !group.split('/').any(|part| part == "..");
        (is_seen && wanted(kind, options)).then(|| (top.to_owned(), top.join(below)))
    };
    mounts.lines().rev().find_map(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "9:name=systemd:/a\n4:hugetlb,memory:/a/b\n0::/\n";
    const V2: &str = "0::/user/app/mine\n";

    /// A directory with a group of each version, and a text that mounts it.
    fn tree(changed: &[(&str, &str)]) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let usual = [
            ("one/a/b/memory.use_hierarchy", "1\n"),
            ("one/a/memory.limit_in_bytes", "8192\n"),
            ("one/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("two/user/app/cgroup.subtree_control", "cpu memory pids\n"),
            ("two/user/memory.max", "4096\n"),
            ("two/user/app/memory.max", "max\n"),
            ("two/user/app/mine/memory.max", "max\n"),
            ("two/user/app/mine/cpu.max", "max 100000\n"),
            ("two/user/app/mine/cpuset.cpus", "\n"),
        ];
        for (name, content) in usual.iter().chain(changed) {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let path = path.display();
        let mounts = format!(
            "31 23 0:28 / /sys rw - tmpfs tmpfs rw\n32 31 0:32 / {path}/one rw,relatime shared:9 - cgroup cgroup \
             rw,hugetlb,memory\n33 31 0:33 / {path}/cpu rw - cgroup cgroup rw,cpu\n34 31 0:38 / {path}/two rw - cgroup2 \
             cgroup2 rw\n"
        );
        (directory, mounts)
    }

    #[test]
    fn a_place_is_where_memory_is_handed_down() {
        let cases = [
            ("version 1", V1, true, ("x", ""), Some(("one/a/b", 6144))),
            ("a user may try, too", V1, false, ("x", ""), Some(("one/a/b", 6144))),
            ("version 1, not nested", V1, true, ("one/a/b/memory.use_hierarchy", "0\n"), None),
            ("version 2", V2, false, ("x", ""), Some(("two/user/app", 3072))),
            ("version 2, not handed over", V2, true, ("x", ""), None),
            ("not handed down", V2, false, ("two/user/app/cgroup.subtree_control", "cpu pids\n"), None),
            ("held by its own group", V2, false, ("two/user/app/mine/memory.max", "1000\n"), None),
            ("held by a quota", V2, false, ("two/user/app/mine/cpu.max", "20000 100000\n"), None),
            ("held to processors", V2, false, ("two/user/app/mine/cpuset.cpus", "0-1\n"), None),
            ("the group at the top", "0::/\n", false, ("x", ""), None),
            ("outside of the namespace", "0::/../x/mine\n", false, ("x", ""), None),
            ("no groups", "", false, ("x", ""), None),
            ("odd", "memory\n0:\n", false, ("x", ""), None),
        ];
        for (name, text, is_root, changed, expected) in cases {
            let (directory, mounts) = tree(&[changed]);
            let base = directory.path().canonicalize().unwrap();
            let found = find(text, &mounts, is_root);
            let seen = found.map(|place| (place.parent.clone(), place.limit()));
            assert_eq!(seen, expected.map(|(parent, limit): (_, u64)| (base.join(parent), limit)), "{name}");
        }
    }

    /// There is a limit for each group of a service manager, and it must not be a way out of it to be moved.
    #[test]
    fn the_number_of_processes_stays_limited() {
        for (own, expected) in [("40\n", Some("40\n")), ("max\n", None)] {
            let (directory, mounts) = tree(&[("two/user/app/mine/pids.max", own)]);
            let place = find(V2, &mounts, false).unwrap();
            place.fill(directory.path(), Pid::INIT).unwrap();
            let written = |name| fs::read_to_string(directory.path().join(name)).ok();
            let all = ["memory.max", "pids.max", "cgroup.procs"].map(written);
            assert_eq!(all.each_ref().map(Option::as_deref), [Some("3072"), expected, Some("1")], "{own}");
        }
    }

    /// In a container its group is the root of what is mounted, and that may lie on another mount.
    #[test]
    fn the_mount_on_top_counts() {
        let (directory, mounts) = tree(&[]);
        let base = directory.path().canonicalize().unwrap();
        let mounts = format!("{mounts}40 31 0:32 /a/b {}/one/a/b rw - cgroup cgroup rw,memory\n", base.display());
        let place = find("4:memory:/a/b\n", &mounts, true).unwrap();
        assert_eq!((&place.parent, &place.top), (&base.join("one/a/b"), &base.join("one/a/b")));
    }

    /// The group of what ends while it is being moved goes too, and one of the two cleans up.
    #[test]
    fn an_end_in_the_middle_is_an_end() {
        for is_being_moved in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("group");
            fs::create_dir(&path).unwrap();
            let state = Mutex::new(State::Made(Some(path.clone())));
            let shared = Arc::new(Shared { state, ended: Condvar::new(), is_over: AtomicBool::new(false) });
            let moving = is_being_moved.then(|| lock(&shared.state));
            assert_eq!(Group(Arc::clone(&shared)).end(), !is_being_moved);
            drop(moving);
            // Nobody's child.
            shared.end_if_over(Pid::INIT);
            assert!(!lock(&shared.state).end());
            remove_groups();
            assert!(!path.exists(), "{is_being_moved}");
        }
    }

    #[test]
    fn groups_are_known_by_their_names() {
        let cases = [
            ("codex-12-0", Some(12)),
            ("codex-12", None),
            ("codex-12-x", None),
            ("codex-test-12", None),
            ("codex--1-0", None),
            ("x-codex-1-0", None),
        ];
        for (name, expected) in cases {
            assert_eq!(maker(name).map(Pid::as_raw_nonzero).map(i32::from), expected, "{name}");
        }
    }
}
