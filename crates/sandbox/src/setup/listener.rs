//! Telling the supervisor of the calls by which a command is about to make, write or remove a path (seccomp_unotify(2)).
//!
//! A witness and no wall: each of these calls goes on as it was made. Where the kernel does not tell, or tells somebody
//! else already (an outer sandbox), the command runs without. The filters of [`super::seccomp`] come first: of several
//! answers the kernel takes the strictest, and this one is weaker than every refusal.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
};

use libc::{c_long, c_ulong};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompRule};

use super::seccomp::{self, any_bits};

/// What a call does to what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Opens it; the place of the flags among the arguments.
    Open(u8),
    /// Writes what is there, or makes a file.
    Create,
    /// Writes what is there.
    Overwrite,
    /// Makes what must not be there.
    Make,
    /// Takes away what is there.
    Remove,
    /// Puts something in its place, whether it is there or not.
    Replace,
}

/// A path among the arguments of a call: the places of its directory (`None`: the working directory) and of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) call: c_long,
    pub(crate) directory: Option<u8>,
    pub(crate) path: u8,
    pub(crate) way: Way,
}

const fn subject(call: c_long, directory: Option<u8>, path: u8, way: Way) -> Subject {
    Subject { call, directory, path, way }
}

/// Not `openat2(2)`, which commands do not have. Not modes, owners and times.
pub(crate) const SUBJECTS: &[Subject] = &[
    subject(libc::SYS_openat, Some(0), 1, Way::Open(2)),
    subject(libc::SYS_mkdirat, Some(0), 1, Way::Make),
    subject(libc::SYS_mknodat, Some(0), 1, Way::Make),
    subject(libc::SYS_symlinkat, Some(1), 2, Way::Make),
    subject(libc::SYS_linkat, Some(2), 3, Way::Make),
    subject(libc::SYS_unlinkat, Some(0), 1, Way::Remove),
    subject(libc::SYS_renameat, Some(0), 1, Way::Remove),
    subject(libc::SYS_renameat, Some(2), 3, Way::Replace),
    subject(libc::SYS_renameat2, Some(0), 1, Way::Remove),
    subject(libc::SYS_renameat2, Some(2), 3, Way::Replace),
    subject(libc::SYS_truncate, None, 0, Way::Overwrite),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_open, None, 0, Way::Open(1)),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_creat, None, 0, Way::Create),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_mkdir, None, 0, Way::Make),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_mknod, None, 0, Way::Make),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_symlink, None, 1, Way::Make),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_link, None, 1, Way::Make),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_unlink, None, 0, Way::Remove),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_rmdir, None, 0, Way::Remove),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_rename, None, 0, Way::Remove),
    #[cfg(target_arch = "x86_64")]
    subject(libc::SYS_rename, None, 1, Way::Replace),
];

/// Flags of which one says that a file is opened for more than reading. `O_TMPFILE` comes with one of them.
const WRITING: &[u32] = &[libc::O_WRONLY as u32, libc::O_RDWR as u32, libc::O_CREAT as u32];

/// The program that has the calls of [`SUBJECTS`] told, as bytes for the helper.
pub(crate) fn program() -> Result<Vec<u8>, BackendError> {
    let rules = |subject: &Subject| -> Result<(c_long, Vec<SeccompRule>), BackendError> {
        let rules = match subject.way {
            Way::Open(flags) => any_bits(flags, WRITING)?,
            _ => Vec::new(),
        };
        Ok((subject.call, rules))
    };
    let table = SUBJECTS.iter().map(rules).collect::<Result<_, _>>()?;
    // The library has no name for this answer; its place is taken by one that it has.
    let mut program = seccomp::compile(table, SeccompAction::Log)?;
    for step in &mut program {
        if u32::from(step.code) == libc::BPF_RET | libc::BPF_K && step.k == libc::SECCOMP_RET_LOG {
            step.k = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    Ok(seccomp::to_bytes(&program))
}

/// Has this process, which must have `no_new_privs`, and all that it starts tell through what is returned.
///
/// Linux 5.19 is needed, by which a call that was told of is not begun again for every signal.
pub(crate) fn install(program: &BpfProgram) -> io::Result<OwnedFd> {
    let length = program.len().try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    let flags: c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: seccomp(2) reads the program, which outlives the call and has `len` instructions laid out as the kernel's
    // own; what comes back is a new descriptor, close-on-exec, and nobody else's.
    unsafe {
        let listener = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter);
        match i32::try_from(listener) {
            Ok(listener @ 0..) => Ok(OwnedFd::from_raw_fd(listener)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
