//! Giving up rights, in the process that is about to become a command. None of it can be taken back.

use std::{io, path::PathBuf};

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities,
        set_capabilities_secure_bits, set_no_new_privs,
    },
};
use seccompiler::BpfProgram;

use super::{landlock, seccomp};
use crate::wire::{Failure, OrFailure, Stage};

/// Drops everything: capabilities, the ways to get them back, core dumps, Landlock's and seccomp's share.
///
/// seccomp comes last because it refuses calls that the steps before it make.
pub(crate) fn drop_all(writable: &[PathBuf], filters: &[BpfProgram]) -> Result<(), Failure> {
    drop_capabilities().or_failure(Stage::Rights, || "dropping capabilities")?;
    // A core dump writes where the host's core_pattern says, outside the cell.
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, nothing).or_failure(Stage::Rights, || "setrlimit(2) of core dumps")?;
    set_no_new_privs(true).or_failure(Stage::Rights, || "prctl(2) of no_new_privs")?;
    landlock::restrict(writable)?;
    seccomp::install(filters).or_failure(Stage::Rights, || "seccomp(2)")
}

/// User 0 of a namespace gets capabilities back at every `execve(2)`, except those outside the bounding set; the
/// locked bits stop it a second time (capabilities(7)).
fn drop_capabilities() -> io::Result<()> {
    use CapabilitiesSecureBits as Bits;
    set_capabilities_secure_bits(
        Bits::NO_ROOT
            | Bits::NO_ROOT_LOCKED
            | Bits::NO_SETUID_FIXUP
            | Bits::NO_SETUID_FIXUP_LOCKED
            | Bits::KEEP_CAPS_LOCKED
            | Bits::NO_CAP_AMBIENT_RAISE
            | Bits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    clear_bounding_set()?;
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// By number up to the first one the kernel does not know: rustix only has those it knew when it was written.
fn clear_bounding_set() -> io::Result<()> {
    for capability in 0..u64::BITS {
        // SAFETY: prctl(2): this operation takes numbers only.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
        if result < 0 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::EINVAL) && capability > 0 { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}
