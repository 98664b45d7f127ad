//! Landlock on top of the mounts: a second, independent hand on the same rules.
//!
//! It catches what a read-only mount lets through (writing to a FIFO, abstract sockets, signals to the outside) and a
//! mistake in the mounts. Best effort: a kernel without it, or with an older form, is still held by the mounts. It
//! cannot say "not here" below a writable root, so protected paths are the mounts' business alone.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::wire::{Failure, Stage};

/// The newest form we know the meaning of; older kernels hold the part they know.
const KNOWN: ABI = ABI::V9;

/// Places that exist in every view and may be written to.
const PRIVATE: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Device nodes that may be written to and controlled.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/pts/ptmx"];

/// Confines this process, for good, to reading everything and writing below `writable` and the private places.
pub(crate) fn restrict(writable: &[PathBuf]) -> Result<(), Failure> {
    let failed = |error: RulesetError| Failure::new(Stage::Rights, format!("Landlock ({error})"), libc::EIO);
    rules(writable).and_then(RulesetCreated::restrict_self).map(drop).map_err(failed)
}

fn rules(writable: &[PathBuf]) -> Result<RulesetCreated, RulesetError> {
    let everything = AccessFs::from_all(KNOWN);
    let reading = AccessFs::from_read(KNOWN);
    let file = AccessFs::from_file(KNOWN);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    // `/proc` is this command's own; the mounts keep the parts that reach the machine read-only.
    let open =
        [("/", reading), ("/proc", reading | AccessFs::WriteFile | AccessFs::Truncate), ("/dev/pts", reading | file)];
    for (path, access) in open {
        rules = allow(rules, Path::new(path), access)?;
    }
    for device in DEVICES {
        rules = allow(rules, Path::new(device), file)?;
    }
    for place in PRIVATE.iter().map(Path::new).chain(writable.iter().map(PathBuf::as_path)) {
        rules = allow(rules, place, everything)?;
    }
    Ok(rules)
}

/// Adds a rule; a path that is not there (no `/var/tmp`, say) needs none.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(descriptor) => rules.add_rule(PathBeneath::new(descriptor, access)),
        Err(_) => Ok(rules),
    }
}
