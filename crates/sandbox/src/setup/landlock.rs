//! Landlock: on top of the mounts a second, independent hand on the same rules, without namespaces the only one.
//!
//! On top of the mounts it catches what a read-only mount lets through (writing to a FIFO, abstract sockets, signals
//! to the outside) and a mistake in the mounts; best effort, because a kernel without it, or with an older form, is
//! still held by the mounts. Alone, it must have all that keeps files from being written. It cannot say "not here"
//! below a writable root, so protected paths are never its business.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::wire::{Failure, OrFailure, Stage};

/// The newest form we know the meaning of; older kernels hold the part they know.
const KNOWN: ABI = ABI::V9;

/// The oldest form that can keep a file from being written on its own: since then it knows truncate(2).
const NEEDED: ABI = ABI::V3;
/// As [`version`] says it.
const NEEDED_VERSION: i64 = 3;

/// Device nodes that may be written to and controlled.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/pts/ptmx"];

/// Where the host's files are in sight: not to be looked into. Of `/dev`, [`DEVICES`] are let in again.
const SEALED: &[&str] = &["/dev"];

/// Confines this process, for good, to reading everything and writing below `writable`.
pub(crate) fn restrict<'paths>(writable: impl Iterator<Item = &'paths PathBuf>) -> Result<(), Failure> {
    rules(writable).and_then(RulesetCreated::restrict_self).map(drop).map_err(failed)
}

/// As [`restrict`], where nothing else holds: the host's own `/tmp` is not written, what is `hidden` not read, and
/// without `network` no TCP port is reached. Fails if the kernel cannot hold the writing.
pub(crate) fn restrict_alone(writable: &[PathBuf], hidden: &[PathBuf], network: bool) -> Result<(), Failure> {
    let found = version();
    if found < NEEDED_VERSION {
        let found = if found == 0 { "none".to_owned() } else { format!("ABI {found}") };
        let step =
            format!("Landlock alone, which takes its ABI {NEEDED_VERSION} (Linux 6.2; this kernel has {found}),");
        return Err(Failure::new(Stage::Rights, step, libc::ENOSYS));
    }
    let sealed: Vec<PathBuf> = SEALED.iter().map(PathBuf::from).chain(hidden.iter().cloned()).collect();
    let open = around(Path::new("/"), &sealed).or_failure(Stage::Rights, || "finding what may be read")?;
    alone(writable, &open, network).and_then(RulesetCreated::restrict_self).map(drop).map_err(failed)
}

/// The form of Landlock that runs here; 0 if there is none.
pub(crate) fn version() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: landlock_create_ruleset(2): with this flag it takes a null pointer and only returns a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION) };
    version.max(0)
}

fn failed(error: RulesetError) -> Failure {
    Failure::new(Stage::Rights, format!("Landlock ({error})"), libc::EIO)
}

fn rules<'paths>(writable: impl Iterator<Item = &'paths PathBuf>) -> Result<RulesetCreated, RulesetError> {
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
    for place in writable {
        rules = allow(rules, place, everything)?;
    }
    Ok(rules)
}

fn alone(writable: &[PathBuf], open: &[PathBuf], network: bool) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    if !network {
        rules = rules.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    let mut rules = rules.create()?.set_compatibility(CompatLevel::BestEffort);
    // Names can be listed everywhere: a rule holds for all that is below its directory.
    rules = allow(rules, Path::new("/"), AccessFs::ReadDir.into())?;
    for place in open {
        rules = allow(rules, place, AccessFs::from_read(KNOWN))?;
    }
    for device in DEVICES {
        rules = allow(rules, Path::new(device), AccessFs::from_file(KNOWN))?;
    }
    for place in writable {
        rules = allow(rules, place, AccessFs::from_all(KNOWN))?;
    }
    Ok(rules)
}

/// Everything below `directory` that is neither in `sealed` nor leads there: what is there now. Symbolic links are left
/// out, because a rule would follow them; what they point to has a rule of its own, or is not to be read.
fn around(directory: &Path, sealed: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut open = Vec::new();
    let entries = match fs::read_dir(directory) {
        // What cannot be listed is not ours to read either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(open),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_symlink() || sealed.contains(&path) {
            continue;
        }
        match sealed.iter().any(|sealed| sealed.starts_with(&path)) {
            true => open.extend(around(&path, sealed)?),
            false => open.push(path),
        }
    }
    Ok(open)
}

/// Adds a rule; a path that is not there (no `/var/tmp`, say) needs none. Of a file, only what files have counts: the
/// library looks which it is, where less may be held than was asked for.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(descriptor) => rules.add_rule(PathBeneath::new(descriptor, access)),
        Err(_) => Ok(rules),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_left_out_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in ["open/deep", "home/.ssh/keys", "home/src", "home/.config/gh", "home/.config/other"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        fs::write(root.join("home/.netrc"), "").unwrap();
        fs::write(root.join("home/.profile"), "").unwrap();
        std::os::unix::fs::symlink(".ssh", root.join("home/link")).unwrap();
        let hidden = ["home/.ssh", "home/.netrc", "home/.config/gh", "home/missing"].map(|path| root.join(path));
        let mut open = around(root, &hidden).unwrap();
        open.sort();
        assert_eq!(open, ["home/.config/other", "home/.profile", "home/src", "open"].map(|path| root.join(path)));
        assert_eq!(around(root, &[]).unwrap().len(), 2);
    }
}
