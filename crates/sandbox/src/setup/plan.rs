//! What the walls mean on this machine: a [`Confined`] with every path resolved and checked.
//!
//! Made from the file system as the user sees it, before anything is unshared; changes nothing. What cannot be held
//! is refused here by name; it must never be narrowed or widened quietly.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    os::unix::{ffi::OsStringExt, fs::FileExt},
    path::{Path, PathBuf},
};

use super::{
    caches,
    covers::{Cover, Covers, Lacking, Roots, Seen, protecting},
    tree,
};
use crate::{
    Confined, Network,
    wire::{Failure, OrFailure, Stage, quoted},
};

/// Places that exist in every view and are a cell's own.
const PRIVATE: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Resolved paths only: absolute, without symbolic links.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Writable roots, ancestors first.
    pub(crate) roots: Vec<PathBuf>,
    /// Roots that are protected as a whole: kept in sight, and nothing more.
    pub(crate) shown: Vec<PathBuf>,
    named: Roots,
    protected: Vec<PathBuf>,
    /// What they lacked when this was made.
    pub(crate) lacking: Lacking,
    /// The covers that the view has from the beginning; see [`Plan::missing_covers`].
    pub(crate) standing: Covers,
    /// What commands cannot look into, as it was named: what a path means may change.
    pub(crate) hidden: Vec<PathBuf>,
    /// Of that, what git tracks: sorted.
    pub(crate) in_git: Vec<PathBuf>,
    /// What commands cannot run.
    pub(crate) denied_programs: Vec<PathBuf>,
    /// The stubs that hold names in the roots; see [`super::stubs`].
    pub(crate) stubs: Vec<PathBuf>,
    /// Host directory behind `/tmp`.
    pub(crate) temp: Option<PathBuf>,
    /// Those of [`PRIVATE`] that may be written, by the names that programs know; see [`private_places`].
    pub(crate) private: Vec<PathBuf>,
    /// Build caches that commands change in their own view; once they are made, those whose overlay could be.
    pub(crate) caches: Vec<PathBuf>,
    /// The directory that they all lie in, if one overlay can serve them all.
    pub(crate) above_caches: Option<PathBuf>,
    /// Places below the private `/run` that programs cannot do without.
    pub(crate) run: Vec<PathBuf>,
    /// Mounts of the kernel's own file systems below writable roots: a `/sys`, or the `/proc` of a chroot.
    pub(crate) kernel: Vec<PathBuf>,
    /// The host's `/proc/net/unix`. The open file keeps showing the host's network wherever it is read.
    sockets: File,
    network: Network,
}

impl Plan {
    /// Resolves `confined`, whose roots are `named` and of which `seen` was seen just now. `sockets` is what [`sockets`]
    /// opened.
    pub(crate) fn new(confined: &Confined, named: Roots, mut seen: Seen, sockets: File) -> Result<Self, Failure> {
        let temp = confined.temp.as_deref().map(|path| directory(path, "the private /tmp")).transpose()?;
        let protected: Vec<PathBuf> = confined.protected.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let mut covers = named.covers(&protected, &mut seen)?;
        let lacking = named.lacking(&protected, &mut seen);
        named.pin_ways(&confined.hidden, &mut covers);
        if let Some(temp) = &temp {
            refuse_second_way(temp, &covers)?;
        }
        let is_shown = |root: &PathBuf| covers.iter().any(|(path, cover)| cover.holds(path, root));
        let all: BTreeSet<PathBuf> = named.0.values().cloned().collect();
        let (shown, roots): (Vec<PathBuf>, Vec<PathBuf>) = all.into_iter().partition(is_shown);
        // The view shows these read-only to begin with.
        covers.retain(|path, _| !shown.contains(path));
        refuse_hidden_places(&confined.hidden, roots.iter().chain(&shown).chain(&temp))?;
        let caches = ordinary_caches(confined);
        // Where nothing is written, nothing is asked about mounts.
        let mounts = match roots.is_empty() && caches.is_empty() {
            true => String::new(),
            false => super::read("/proc/self/mountinfo").or_failure(Stage::Mounts, || "reading mountinfo")?,
        };
        let mut kernel = kernel_mounts(&mounts);
        // What is below these two is replaced as a whole.
        kernel.retain(|path| !["/proc", "/dev"].iter().any(|place| path.starts_with(place)));
        kernel.retain(|path| roots.iter().any(|root| path.starts_with(root)));
        Ok(Self {
            private: private_places(&shown, temp.is_some()),
            roots,
            shown,
            named,
            protected,
            lacking,
            standing: covers,
            hidden: confined.hidden.clone(),
            in_git: confined.in_git.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect(),
            denied_programs: confined.denied_programs.clone(),
            stubs: Vec::new(),
            temp,
            above_caches: caches::above(&caches, &mount_points(&mounts)),
            caches,
            run: run_places(confined.network),
            kernel,
            sockets,
            network: confined.network,
        })
    }

    /// Path sockets of the host's processes, as of now.
    pub(crate) fn host_sockets(&self) -> Result<BTreeSet<PathBuf>, Failure> {
        let mut table = Vec::new();
        // The kernel gives a page at a time.
        let mut part = [0; 4 << 10];
        loop {
            // By position: commands that start at the same time share the file's offset.
            let count = self.sockets.read_at(&mut part, table.len() as u64);
            match count.or_failure(Stage::Mounts, || "reading /proc/net/unix")? {
                0 => return Ok(socket_paths(&String::from_utf8_lossy(&table))),
                count => table.extend_from_slice(part.get(..count).unwrap_or_default()),
            }
        }
    }

    /// Programs are led to a place of their own that they may write, where `/tmp` is none.
    pub(crate) fn lead(&self, environment: &mut BTreeMap<OsString, OsString>) {
        if let Some(place) = self.private.first().filter(|place| *place != Path::new(PRIVATE[0])) {
            environment.insert("TMPDIR".into(), place.into());
        }
    }

    /// Whether sockets made in the cell show up among the host's, so that the two cannot be told apart.
    pub(crate) fn shares_sockets(&self) -> bool {
        self.network == Network::Host
    }

    /// The covers that are needed as the file system is now, less those that stand: a protected path that came to
    /// exist since the cell was made is covered for the next command, and so is one whose cover the kernel took away
    /// because somebody outside put another file in its place.
    pub(crate) fn missing_covers(&self) -> Result<Covers, Failure> {
        let mut covers = self.named.covers(&self.protected, &mut Seen::default())?;
        self.named.pin_ways(&self.hidden, &mut covers);
        if let Some(temp) = &self.temp {
            refuse_second_way(temp, &covers)?;
        }
        covers.retain(|path, cover| {
            let stands = self.standing.get(path) == Some(cover) && tree::is_mounted(path);
            !stands && !self.shown.contains(path)
        });
        Ok(covers)
    }

    /// What the protected paths lack as the file system is now.
    pub(crate) fn look(&self) -> Lacking {
        self.named.lacking(&self.protected, &mut Seen::default())
    }
}

/// Of [`PRIVATE`], those in which nothing of the host lies that is only to be read. A read-only mount takes what is
/// written to a pipe with a name, and a rule of Landlock's that lets a directory be written holds for all that is below, whatever
/// is mounted there; none takes a part away again. `is_one`: one directory lies behind the first two.
fn private_places(shown: &[PathBuf], is_one: bool) -> Vec<PathBuf> {
    let holds = |place: &&str| {
        let real = fs::canonicalize(place).unwrap_or_else(|_| place.into());
        shown.iter().any(|root| root.starts_with(&real))
    };
    let mut free = PRIVATE.map(|place| shown.is_empty() || !holds(&place));
    let [tmp, var_tmp, _] = &mut free;
    if is_one {
        (*tmp, *var_tmp) = (*tmp && *var_tmp, *tmp && *var_tmp);
    }
    PRIVATE.iter().zip(free).filter(|(_, free)| *free).map(|(place, _)| place.into()).collect()
}

/// The kernel's own file systems are no caches, nor is all there is.
fn ordinary_caches(confined: &Confined) -> Vec<PathBuf> {
    let is_ordinary = |path: &&PathBuf| *path != Path::new("/") && refuse_kernel_place(path).is_ok();
    let named = if confined.is_read_only() { &[][..] } else { &confined.caches };
    named.iter().filter(is_ordinary).cloned().collect()
}

/// The host's table of local sockets; must be opened before its network is left.
pub(crate) fn sockets() -> Result<File, Failure> {
    File::open("/proc/net/unix").or_failure(Stage::Mounts, || "opening /proc/net/unix")
}

pub(crate) fn directory(path: &Path, role: &str) -> Result<PathBuf, Failure> {
    let step = || format!("opening {role} {}", quoted(path));
    if !path.is_absolute() {
        return Err(Failure::new(Stage::Policy, step(), libc::EINVAL));
    }
    let resolved = fs::canonicalize(path).or_failure(Stage::Policy, step)?;
    match fs::metadata(&resolved).or_failure(Stage::Policy, step)?.is_dir() {
        true => Ok(resolved),
        false => Err(Failure::new(Stage::Policy, step(), libc::ENOTDIR)),
    }
}

/// The kernel's own file systems are never writable; only `/dev/shm` is an ordinary place.
pub(crate) fn refuse_kernel_place(root: &Path) -> Result<(), Failure> {
    let kernel = ["/proc", "/sys", "/dev"].iter().any(|place| root.starts_with(place));
    if kernel && !(root.starts_with("/dev/shm") && root != Path::new("/dev/shm")) {
        return Err(Failure::new(Stage::Policy, format!("making {} writable", quoted(root)), libc::EPERM));
    }
    Ok(())
}

/// What is hidden is hidden whatever else is said of it, so nothing to work in may lie there.
fn refuse_hidden_places<'path>(
    hidden: &[PathBuf],
    places: impl Iterator<Item = &'path PathBuf> + Clone,
) -> Result<(), Failure> {
    for path in hidden {
        let refuse = |step: String, errno| Err(Failure::new(Stage::Policy, step, errno));
        if !path.is_absolute() {
            return refuse(format!("hiding {}", quoted(path)), libc::EINVAL);
        }
        let Ok(real) = fs::canonicalize(path) else { continue };
        if let Some(place) = places.clone().find(|place| place.starts_with(&real)) {
            return refuse(format!("hiding {}, which holds {},", quoted(path), quoted(place)), libc::EINVAL);
        }
    }
    Ok(())
}

/// A protected path inside the directory behind `/tmp` could be written by its other name.
fn refuse_second_way(temp: &Path, covers: &Covers) -> Result<(), Failure> {
    let inside = covers.iter().find(|(path, cover)| **cover == Cover::ReadOnly && path.starts_with(temp));
    match inside {
        Some((path, _)) => {
            let step = format!("{}, which is also visible below /tmp,", protecting(path));
            Err(Failure::new(Stage::Policy, step, libc::EINVAL))
        }
        None => Ok(()),
    }
}

/// What to bring back below the private `/run`: where NixOS keeps its programs and drivers, and name resolution.
fn run_places(network: Network) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = ["current-system", "wrappers", "opengl-driver"]
        .iter()
        .map(|name| Path::new("/run").join(name))
        .filter(|path| path.exists())
        .collect();
    if network == Network::Host
        && let Ok(resolver) = fs::canonicalize("/etc/resolv.conf")
        && resolver.starts_with("/run")
    {
        places.push(resolver);
    }
    places
}

/// Where file systems are mounted through which the machine is controlled (proc_pid_mountinfo(5): the mount point is
/// the fifth field, the type comes after a lone dash).
fn kernel_mounts(table: &str) -> Vec<PathBuf> {
    const TYPES: &[&str] = &[
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "debugfs",
        "tracefs",
        "securityfs",
        "configfs",
        "efivarfs",
        "bpf",
        "binfmt_misc",
        "pstore",
        "fusectl",
        "selinuxfs",
    ];
    let mount = |line: &str| {
        let (fields, rest) = line.split_once(" - ")?;
        let place = fields.split(' ').nth(4)?;
        TYPES.contains(&rest.split(' ').next()?).then(|| unescape(place))
    };
    table.lines().filter_map(mount).collect()
}

fn mount_points(table: &str) -> Vec<PathBuf> {
    table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape).collect()
}

/// Undoes `\040` and its like, as which the kernel writes white space and backslashes.
fn unescape(field: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        let (byte, next) = match code {
            Some(code) if *first == b'\\' => (code, others.get(3..).unwrap_or_default()),
            _ => (*first, others),
        };
        bytes.push(byte);
        rest = next;
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The paths in `/proc/net/unix` (seven columns, then the path); abstract names start with `@`.
fn socket_paths(table: &str) -> BTreeSet<PathBuf> {
    let path = |line: &str| {
        let mut rest = line;
        for _ in 0..7 {
            rest = rest.trim_start();
            rest = &rest[rest.find(' ')?..];
        }
        let path = rest.strip_prefix(' ')?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    table.lines().skip(1).filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_paths_are_read_from_the_kernels_table() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/docker.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01   345 /tmp/with  two spaces\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 12346 @abstract\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 12347\n";
        let expected = ["/run/docker.sock", "/tmp/with  two spaces"].map(PathBuf::from);
        assert_eq!(socket_paths(table), BTreeSet::from(expected));
    }

    #[test]
    fn mounts_of_the_kernel_are_found_by_type() {
        let table = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            23 22 0:21 / /proc rw,nosuid shared:1 - proc proc rw\n\
            24 22 0:22 / /srv/old\\040root/sys rw master:2 shared:1 - sysfs sysfs rw\n";
        assert_eq!(kernel_mounts(table), ["/proc", "/srv/old root/sys"].map(PathBuf::from));
    }

    #[test]
    fn where_something_is_shown_nothing_private_is_written() {
        let cases: [(&[&str], bool, &[&str]); 6] = [
            (&[], true, &["/tmp", "/var/tmp", "/dev/shm"]),
            (&["/home/u", "/tmpfs"], false, &["/tmp", "/var/tmp", "/dev/shm"]),
            (&["/tmp/w"], false, &["/var/tmp", "/dev/shm"]),
            (&["/var/tmp/w"], true, &["/dev/shm"]),
            (&["/tmp"], true, &["/dev/shm"]),
            (&["/dev/shm/w"], true, &["/tmp", "/var/tmp"]),
        ];
        for (shown, is_one, expected) in cases {
            let shown: Vec<PathBuf> = shown.iter().map(PathBuf::from).collect();
            assert_eq!(
                private_places(&shown, is_one),
                expected.iter().map(PathBuf::from).collect::<Vec<_>>(),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn places_of_the_kernel_are_no_roots() {
        let cases = [("/proc", false), ("/sys/fs", false), ("/dev", false), ("/dev/shm", false), ("/dev/shm/a", true)];
        for (path, allowed) in cases.into_iter().chain([("/", true), ("/home", true), ("/devices", true)]) {
            assert_eq!(refuse_kernel_place(Path::new(path)).is_ok(), allowed, "{path}");
        }
    }
}
