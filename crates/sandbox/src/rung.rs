//! How much of the walls this machine can hold: found out by trying, and remembered while nothing has changed.
//!
//! A rung is chosen once, before the first command, and said to the user. It must never be left for a weaker one
//! afterwards: a cell that cannot be set up on its rung is an error, whatever was found or remembered before.

use std::{
    fs,
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    ioctl::{Getter, Opcode, ioctl, opcode},
    pipe::{PipeFlags, pipe_with},
    process::{getgid, getuid},
    system::uname,
    thread::{capabilities, no_new_privs, secure_computing_mode},
};

use crate::{
    Command, Confinement, Exit, SandboxError,
    cell::{Cell, Control},
    hint,
    setup::landlock,
    wire::{Launch, Reply, Request, Stage, Stdio},
};

/// Where the trial looks for `true`.
const TRIAL_PATH: &str = "/usr/bin:/bin:/run/current-system/sw/bin";

/// Name of the file, in the directory of this program's own, that says for what surroundings [`Rung::Full`] was found.
const REMEMBERED: &str = "full-walls";

/// What the kernel holds a confined command with. Where not even the last can be had no confined command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Namespaces, mounts, Landlock and seccomp: everything.
    Full,
    /// The same, but the command sees the `/proc` that is there, read-only, with everybody's processes in it.
    WithoutFreshProc,
    /// Landlock and seccomp, in the host's namespaces.
    LandlockOnly,
}

/// What is not held where only Landlock and seccomp hold a command that may write, in words for people.
pub const NOT_HELD_ALONE: [&str; 4] = [
    "protected files (.git/hooks, .git/config and their like) can be changed and are put back only afterwards",
    "what is hidden inside the workspace can be read",
    "modes, owners, times and attributes of files outside can be changed",
    "names and arguments of other processes can be seen",
];

/// All of them, strongest first.
pub(crate) const RUNGS: [Rung; 3] = [Rung::Full, Rung::WithoutFreshProc, Rung::LandlockOnly];

impl Rung {
    /// What holds, in words for people; without a full stop.
    pub fn line(self) -> &'static str {
        match (self, landlock::version() > 0) {
            (Self::Full, true) => "namespaces + Landlock + seccomp",
            (Self::Full, false) => "namespaces + seccomp (this kernel has no Landlock)",
            (Self::WithoutFreshProc, true) => {
                "namespaces + Landlock + seccomp, without a fresh /proc (names of other processes can be seen)"
            }
            (Self::WithoutFreshProc, false) => {
                "namespaces + seccomp, without Landlock and a fresh /proc (names of other processes can be seen)"
            }
            (Self::LandlockOnly, _) => {
                "Landlock + seccomp only (no namespaces: no network of its own, modes of files outside can be changed, \
                 protected files are put back afterwards)"
            }
        }
    }
}

/// A rung, and why it is not a stronger one.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rung: Rung,
    pub(crate) why: Option<String>,
}

/// Finds the strongest rung that this machine holds, by running `true` on each with everything a real command gets:
/// on some systems the first steps succeed and a later one is refused. `own` is this program's own directory.
///
/// Only the strongest is remembered: whoever has a weaker one may just be changing that.
pub(crate) async fn find(helper: &Path, own: Option<&Path>) -> Result<Found, SandboxError> {
    let surroundings = surroundings(helper);
    let file = own.map(|own| own.join(REMEMBERED));
    if let (Some(file), Some(surroundings)) = (&file, &surroundings)
        && fs::read_to_string(file).is_ok_and(|remembered| remembered == *surroundings)
    {
        return Ok(Found { rung: Rung::Full, why: None });
    }
    let mut first = None;
    for rung in RUNGS {
        match try_out(helper, rung).await {
            Ok(()) => {
                if let (Rung::Full, Some(file), Some(surroundings)) = (rung, file, surroundings) {
                    remember(&file, &surroundings);
                }
                return Ok(Found { rung, why: first });
            }
            Err(error) if !is_lasting(&error) => return Err(error),
            Err(error) if rung == Rung::LandlockOnly => {
                let namespaces = first.unwrap_or_default();
                return Err(SandboxError::Impossible { namespaces, landlock: error.to_string() });
            }
            Err(error) => {
                first.get_or_insert(error.to_string());
            }
        }
    }
    Err(Control::unexpected())
}

/// Forgets what was remembered: it turned out to be wrong.
pub(crate) fn forget(own: Option<&Path>) {
    if let Some(own) = own {
        // If it is not there, all the better.
        let _ = fs::remove_file(own.join(REMEMBERED));
    }
}

/// Left by [`crate::setup::view`] in the private `/run` of a cell; nobody but root can make it elsewhere.
pub(crate) const MARK: &str = "/run/codex-sandbox";

/// Whether this program itself runs in a cell with a view of its own. What it would not hold, that one does.
pub(crate) fn is_inside_another() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line == "Seccomp:\t2") && Path::new(MARK).exists()
}

/// Whether the machine refuses this, rather than being short of something just now.
fn is_lasting(error: &SandboxError) -> bool {
    const SHORT: [i32; 4] = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
    match error {
        SandboxError::Unsupported { source, .. } => !source.raw_os_error().is_some_and(|errno| SHORT.contains(&errno)),
        _ => false,
    }
}

async fn try_out(helper: &Path, rung: Rung) -> Result<(), SandboxError> {
    let command = Command {
        argv: vec!["true".into()],
        directory: "/".into(),
        environment: [("PATH".into(), TRIAL_PATH.into())].into(),
    };
    let launch = Launch { command, stdio: Stdio::Pipes { separate: false, input: false } };
    let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let first = (&*Request::Launch(launch).encode(), &[writer.as_fd()][..]);
    let (_cell, control, _) = Cell::start(helper)?.put_up(&Confinement::read_only(&[]), rung, false, first).await?;
    match control.reply().await? {
        Reply::Started => {}
        // execve(2) comes last: the walls stood.
        Reply::Failed(failure) if failure.stage == Stage::Program => return Ok(()),
        Reply::Failed(failure) => return Err(hint::explain(failure)),
        _ => return Err(Control::unexpected()),
    }
    match control.reply().await? {
        Reply::Exited(Exit::Code(0), _) => Ok(()),
        Reply::Exited(other, _) => {
            Err(SandboxError::Lost(format!("its trial command ended with {}", other.shell_code())))
        }
        _ => Err(Control::unexpected()),
    }
}

/// What the answer depends on: this program, the running kernel, who we are, and where: a container may share our home
/// and the kernel with its host. `None` if that cannot be told apart for sure: then nothing is remembered.
fn surroundings(helper: &Path) -> Option<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let file = fs::metadata(helper).map(|found| format!("{} {} {}", found.ino(), found.len(), found.mtime()));
    let kernel = uname();
    let rights = capabilities(None).map(|sets| sets.effective.bits()).unwrap_or_default();
    // Reading `/proc/self/status` for the same takes ten times as long.
    let (kept, filtered) = (no_new_privs().unwrap_or_default(), secure_computing_mode().ok());
    let told = [
        format!("codex {} {}", env!("CARGO_PKG_VERSION"), file.unwrap_or_default()),
        format!("{} {}", kernel.release().to_string_lossy(), kernel.version().to_string_lossy()),
        read("/proc/sys/kernel/random/boot_id"),
        format!("{} {}", getuid().as_raw(), getgid().as_raw()),
        namespaces()?,
        read("/proc/self/attr/current"),
        format!("rights {rights:x}, no new ones: {kept}, filtered: {filtered:?}"),
    ];
    Some(told.join("\n"))
}

/// The inode of the machine's first user namespace (`PROC_USER_INIT_INO` of linux/proc_ns.h).
const FIRST_USERS: u64 = 0xEFFF_FFFD;

/// `NS_GET_ID` (linux/nsfs.h, since Linux 6.18): a number that no other namespace gets while the machine runs.
const GET_ID: Opcode = opcode::read::<u64>(0xB7, 13);
/// `NS_GET_MNTNS_ID` (since Linux 6.11): the same, of mount namespaces alone.
const GET_MOUNTS_ID: Opcode = opcode::read::<u64>(0xB7, 5);

/// The user and mount namespace of this process by names that no others have. Inodes will not do: a new namespace gets
/// that of one that is gone. On kernels that tell nothing else those of mounts must, among the machine's first users.
fn namespaces() -> Option<String> {
    let open = |path| fs::File::open(path).ok();
    let inode = |file: &fs::File| file.metadata().ok().map(|found| found.ino());
    let (users, mounts) = (open("/proc/self/ns/user")?, open("/proc/self/ns/mnt")?);
    let users = if inode(&users)? == FIRST_USERS { "the first".to_owned() } else { id(&users)?.to_string() };
    let mounts =
        id(&mounts).map_or_else(|| inode(&mounts).map(|inode| format!("inode {inode}")), |id| Some(id.to_string()));
    Some(format!("users {users}, mounts {}", mounts?))
}

fn id(namespace: &fs::File) -> Option<u64> {
    // SAFETY: both calls write one `u64`; a kernel that does not know them, or not for this kind, refuses them.
    let any = unsafe { ioctl(namespace, Getter::<GET_ID, u64>::new()) };
    // SAFETY: as above.
    any.or_else(|_| unsafe { ioctl(namespace, Getter::<GET_MOUNTS_ID, u64>::new()) }).ok()
}

/// Best effort: without it the next start tries again.
fn remember(file: &PathBuf, surroundings: &str) {
    if let Some(directory) = file.parent() {
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        let _ = fs::write(file, surroundings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surroundings_name_kernel_user_and_place() {
        let told = surroundings(Path::new("/proc/self/exe")).unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for part in [boot.trim(), "users ", "mounts ", "rights ", &uname().release().to_string_lossy()] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(Some(&told), surroundings(Path::new("/proc/self/exe")).as_ref());
        assert_ne!(Some(&told), surroundings(Path::new("/")).as_ref());
    }

    /// The inode of a namespace that is gone is given to the next: a note of one was believed in another.
    #[test]
    fn namespaces_have_names_of_their_own() {
        let mounts = fs::File::open("/proc/self/ns/mnt").unwrap();
        let told = namespaces().unwrap_or_default();
        if id(&mounts).is_some() {
            assert!(!told.is_empty() && !told.contains(&mounts.metadata().unwrap().ino().to_string()), "{told}");
        }
    }

    #[test]
    fn shortage_is_no_reason_for_weaker_walls() {
        let error = |errno| SandboxError::Unsupported {
            step: String::new(),
            source: std::io::Error::from_raw_os_error(errno),
            hint: String::new(),
        };
        for (errno, lasting) in
            [(libc::EPERM, true), (libc::ENOSPC, true), (libc::EAGAIN, false), (libc::ENOMEM, false)]
        {
            assert_eq!(is_lasting(&error(errno)), lasting, "{errno}");
        }
        assert!(!is_lasting(&SandboxError::Lost(String::new())));
    }
}
