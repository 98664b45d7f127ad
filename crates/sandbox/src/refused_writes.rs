//! Paths that a command was about to make, write or remove, and that the walls keep as they are.
//!
//! The supervisor is told of each such call before it happens ([`crate::setup::listener`]), asks the kernel whether the
//! place may be written, and lets the call go on in any case: nothing is decided here, so it is no matter that the
//! command may change its words meanwhile. The kernel's answer counts, `EROFS`: whoever may not write a file at all
//! gets another. Where Landlock is the only wall, which this process is not behind, what it may write itself outside of
//! the writable directories is what the command may not. It must never make a command wait for longer than a few looks
//! at the file system take.

use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    event::PollFlags,
    fs::{Access, AtFlags, CWD, accessat, statat},
    io::Errno,
    process::{Pid, PidfdFlags, getpid, pidfd_open},
};

use crate::{
    helper::Walls,
    setup::listener::{SUBJECTS, Subject, Way},
};

/// Most paths that are told of; what comes after them is not looked at.
const MOST: usize = 8;

/// `PATH_MAX`: the longest path that the kernel takes, with its NUL.
const LONGEST_PATH: usize = 4096;

/// The kernel's own file systems: no place where anybody means to leave something.
const OF_THE_KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Watches a command.
pub(crate) struct RefusedWrites {
    /// `None`: there is nobody left who could tell.
    listener: Option<OwnedFd>,
    places: Places,
    found: Vec<PathBuf>,
}

/// How the walls answer for a place.
struct Places {
    /// Where nothing but Landlock holds: the directories that it leaves writable, resolved.
    by_landlock: Option<Vec<PathBuf>>,
}

impl RefusedWrites {
    pub(crate) fn new(listener: OwnedFd, walls: &Walls) -> Self {
        // Woken on the same processor, since the one waits for the other. Since Linux 6.6; only quicker.
        const SYNC_WAKE_UP: u64 = 1;
        // SAFETY: this ioctl(2) takes a number.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS as _, SYNC_WAKE_UP) };
        let by_landlock = walls.alone.as_ref().map(|alone| alone.writable().to_vec());
        Self { listener: Some(listener), places: Places { by_landlock }, found: Vec::new() }
    }

    /// The paths that were refused so far, one for each directory.
    pub(crate) fn into_found(self) -> Vec<PathBuf> {
        self.found
    }

    /// Becomes readable when there is a call to answer.
    pub(crate) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    /// Does what is to be done about what poll(2) says of the listener; does not wait.
    pub(crate) fn hear(&mut self, told: PollFlags) {
        if told.contains(PollFlags::IN) {
            self.answer();
        } else if !told.is_empty() {
            self.listener = None;
        }
    }

    fn answer(&mut self) {
        let Some(listener) = self.listener.as_ref().map(AsRawFd::as_raw_fd) else { return };
        // SAFETY: the kernel wants a record of zeros, fills it, and keeps no pointer.
        let told = unsafe {
            let mut told: libc::seccomp_notif = std::mem::zeroed();
            match libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut told) {
                0 => told,
                // Whoever made the call was killed meanwhile.
                _ => return,
            }
        };
        if self.found.len() < MOST {
            self.look(&told);
        }
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        let mut answer = libc::seccomp_notif_resp { id: told.id, val: 0, error: 0, flags };
        // SAFETY: the kernel reads the record and keeps no pointer. It fails if whoever made the call was killed.
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut answer) };
    }

    fn look(&mut self, told: &libc::seccomp_notif) {
        for subject in SUBJECTS.iter().filter(|subject| subject.call == libc::c_long::from(told.data.nr)) {
            let argument = |place: u8| told.data.args.get(usize::from(place)).copied().unwrap_or_default();
            let flags = match subject.way {
                Way::Open(flags) => argument(flags) as i32,
                _ => 0,
            };
            let Some(words) = read(told.pid, argument(subject.path)) else { continue };
            let Some(place) = place(told.pid, subject, argument, &words) else { continue };
            if let Some(path) = self.places.refused(&place, subject.way, flags) {
                self.note(path);
            }
        }
    }

    fn note(&mut self, path: PathBuf) {
        let known = self.found.iter().any(|found| found.parent() == path.parent());
        if !known && !OF_THE_KERNEL.iter().any(|place| path.starts_with(place)) {
            self.found.push(path);
        }
    }
}

/// Where the path of a call leads, as a path of this process.
fn place(pid: u32, subject: &Subject, argument: impl Fn(u8) -> u64, words: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(words));
    if path.is_absolute() || words.is_empty() {
        return path.is_absolute().then(|| path.to_owned());
    }
    let directory = subject.directory.map_or(libc::AT_FDCWD, |place| argument(place) as i32);
    let shown = shown_number(pid)?;
    let base = match directory {
        libc::AT_FDCWD => format!("/proc/{shown}/cwd"),
        number => format!("/proc/{shown}/fd/{number}"),
    };
    Some(Path::new(&base).join(path))
}

/// The number by which `/proc` shows a process: another than its own, where that `/proc` is of other surroundings. What
/// is told of a descriptor of it there says so (proc_pid_fdinfo(5)).
fn shown_number(pid: u32) -> Option<u32> {
    let is_ours = || Some(fs::read_link("/proc/self").ok()?.as_os_str() == OsStr::new(&getpid().to_string()));
    if is_ours()? {
        return Some(pid);
    }
    let process = pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?;
    let told = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    told.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
}

/// The path at `address` in the memory of a process.
fn read(pid: u32, address: u64) -> Option<Vec<u8>> {
    const PAGE: usize = 4096;
    let mut address = usize::try_from(address).ok().filter(|address| *address != 0)?;
    let mut path = Vec::new();
    // What lies in the next page may not be there, and is not needed if the path ends before.
    while path.len() < LONGEST_PATH {
        let mut piece = [0; PAGE];
        let length = PAGE - address % PAGE;
        let theirs = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: length };
        let ours = libc::iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: length };
        // SAFETY: process_vm_readv(2) writes at most `length` bytes into `piece`, which has as many; addresses of the
        // other process are checked by the kernel.
        let count = unsafe { libc::process_vm_readv(pid.cast_signed(), &raw const ours, 1, &raw const theirs, 1, 0) };
        let piece = piece.get(..usize::try_from(count).ok()?)?;
        let end = piece.iter().position(|byte| *byte == 0);
        path.extend_from_slice(piece.get(..end.unwrap_or(piece.len()))?);
        if end.is_some() {
            return Some(path);
        }
        address = address.checked_add(piece.len()).filter(|_| piece.len() == length)?;
    }
    None
}

impl Places {
    /// The real path, if the walls keep it as it is.
    fn refused(&self, place: &Path, way: Way, flags: i32) -> Option<PathBuf> {
        let has = |flag: i32| flags & flag == flag;
        let way = match way {
            Way::Open(_) if has(libc::O_TMPFILE) => Way::Overwrite,
            Way::Open(_) if has(libc::O_CREAT | libc::O_EXCL) => Way::Make,
            Way::Open(_) if has(libc::O_CREAT) => Way::Create,
            Way::Open(_) => Way::Overwrite,
            way => way,
        };
        let beside = || place.parent().filter(|directory| self.look(directory) == Err(Errno::ROFS));
        let named = || place.file_name();
        let exists = || statat(CWD, place, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        let whole = |directory: &Path| Some(fs::canonicalize(directory).ok()?.join(named()?));
        match way {
            Way::Overwrite | Way::Create | Way::Open(_) => match self.look(place) {
                // A directory is opened for nothing but a file without a name in it.
                Err(Errno::ROFS) => fs::canonicalize(place).ok().filter(|real| has(libc::O_TMPFILE) || !real.is_dir()),
                Err(Errno::NOENT) if way == Way::Create => whole(beside()?),
                _ => None,
            },
            Way::Make => whole(beside().filter(|_| !exists())?),
            Way::Remove | Way::Replace => {
                // A name that is held as it is, in a directory that is not, is a mount point.
                let held = accessat(CWD, place, Access::WRITE_OK, AtFlags::SYMLINK_NOFOLLOW) == Err(Errno::ROFS);
                let directory = beside().or_else(|| place.parent().filter(|_| held))?;
                if way == Way::Replace || exists() { whole(directory) } else { None }
            }
        }
    }

    /// What the command is told if it writes there: `EROFS`, also for what Landlock calls otherwise.
    fn look(&self, place: &Path) -> Result<(), Errno> {
        accessat(CWD, place, Access::WRITE_OK, AtFlags::empty())?;
        let Some(writable) = &self.by_landlock else { return Ok(()) };
        match fs::canonicalize(place) {
            Ok(real) if !writable.iter().any(|directory| real.starts_with(directory)) => Err(Errno::ROFS),
            _ => Ok(()),
        }
    }
}
