//! Giving up rights, in the process that is about to become a command. None of it can be taken back.

use std::io;

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};

use super::{landlock, limits, seccomp};
use crate::{
    helper::Walls,
    wire::{Failure, OrFailure, Stage},
};

/// Drops everything: capabilities, the ways to get them back, what is beyond the limits, Landlock's and seccomp's share.
///
/// seccomp comes last because it refuses calls that the steps before it make.
pub(crate) fn drop_all(walls: &Walls) -> Result<(), Failure> {
    let kept = if walls.file_rights { FILE_RIGHTS } else { CapabilitySet::empty() };
    drop_capabilities(kept).or_failure(Stage::Rights, || "dropping capabilities")?;
    limits::limit(walls.plan.is_some())?;
    set_no_new_privs(true).or_failure(Stage::Rights, || "prctl(2) of no_new_privs")?;
    match (&walls.plan, &walls.alone) {
        (Some(plan), _) => landlock::restrict(plan.roots.iter().chain(&plan.caches).chain(&plan.private))?,
        (None, Some(alone)) => alone.restrict()?,
        (None, None) => {}
    }
    let filter = walls.filter.as_ref().ok_or_else(|| Failure::new(Stage::Rights, "seccomp(2)", libc::EINVAL))?;
    seccomp::install(filter).or_failure(Stage::Rights, || "seccomp(2)")
}

/// What root keeps where it writes the files of another user: rights over files, and only over those whose owner and
/// group both exist in the cell.
const FILE_RIGHTS: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER).union(CapabilitySet::CHOWN);

/// User 0 of a namespace gets capabilities back at every `execve(2)`, except those outside the bounding set; the
/// locked bits stop it a second time (capabilities(7)).
///
/// Whoever has none to begin with cannot lock them, and need not: with no_new_privs nothing is ever gained.
fn drop_capabilities(kept: CapabilitySet) -> io::Result<()> {
    use CapabilitiesSecureBits as Bits;
    if capabilities(None)?.permitted.is_empty() {
        clear_ambient_capability_set()?;
        return Ok(());
    }
    clear_ambient_capability_set()?;
    if !kept.is_empty() {
        // User 0 has no rights by itself any more below, so what it keeps is handed on as anybody's would be.
        let CapabilitySets { effective, permitted, .. } = capabilities(None)?;
        set_capabilities(None, CapabilitySets { effective, permitted, inheritable: kept })?;
        for capability in kept.iter() {
            configure_capability_in_ambient_set(capability, true)?;
        }
    }
    set_capabilities_secure_bits(
        Bits::NO_ROOT
            | Bits::NO_ROOT_LOCKED
            | Bits::NO_SETUID_FIXUP
            | Bits::NO_SETUID_FIXUP_LOCKED
            | Bits::KEEP_CAPS_LOCKED
            | Bits::NO_CAP_AMBIENT_RAISE
            | Bits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    clear_bounding_set(kept)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    Ok(())
}

/// By number up to the first one the kernel does not know: rustix only has those it knew when it was written.
fn clear_bounding_set(kept: CapabilitySet) -> io::Result<()> {
    for capability in (0..u64::BITS).filter(|capability| kept.bits() & (1 << capability) == 0) {
        // SAFETY: prctl(2): this operation takes numbers only.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
        if result < 0 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::EINVAL) && capability > 0 { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}
