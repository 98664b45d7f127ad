//! From what failed in the helper to the error a user reads, with what to do about it.

use std::io;

use crate::{
    SandboxError,
    wire::{Failure, Stage},
};

const NAMESPACES: &str = "Allow unprivileged user namespaces: sysctl user.max_user_namespaces above 0, \
    kernel.unprivileged_userns_clone=1 where it exists, and on Ubuntu \
    kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for this program. In a container, start it \
    with a seccomp profile that allows user namespaces; inside a container that is isolated already, \
    `--sandbox danger-full-access` runs commands without these walls";

const PROC: &str = "Containers that hide parts of /proc forbid a fresh one: start the container with \
    `--security-opt systempaths=unconfined` (or privileged); inside a container that is isolated already, \
    `--sandbox danger-full-access` runs commands without these walls";

const POLICY: &str = "Name an existing directory that is not part of /proc, /sys or /dev as a writable root, and \
    replace a protected symbolic link by what it points to";

const RIGHTS: &str = "The kernel must have seccomp filters (CONFIG_SECCOMP_FILTER) and, if it has Landlock (CONFIG_SECURITY_LANDLOCK, and \
     `landlock` in its boot parameter lsm=), allow its use";

const OWNER: &str = "This program runs as root here, in a directory of another user whom it may not stand for: run it \
    as the owner of the directory, or make root its owner (chown), or give root the right to set user ids";

const PROCESS: &str = "Too many processes or open files, or too little memory: end some and try again";

/// The error for a failure the helper reported.
pub(crate) fn explain(failure: Failure) -> SandboxError {
    let source = io::Error::from_raw_os_error(failure.errno);
    let hint = match failure.stage {
        Stage::Program => return SandboxError::Program { program: failure.step, source },
        Stage::Directory => return SandboxError::Directory { directory: failure.step.into(), source },
        Stage::Namespaces | Stage::Mounts => NAMESPACES,
        Stage::Proc => PROC,
        Stage::Policy => POLICY,
        Stage::Rights => RIGHTS,
        Stage::Process => PROCESS,
        Stage::Owner => OWNER,
    };
    SandboxError::Unsupported { step: failure.step, source, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_names_a_way_out() {
        let cases = [
            (Stage::Namespaces, "user.max_user_namespaces"),
            (Stage::Mounts, "apparmor_restrict_unprivileged_userns"),
            (Stage::Proc, "systempaths=unconfined"),
            (Stage::Policy, "symbolic link"),
            (Stage::Rights, "seccomp"),
            (Stage::Process, "memory"),
            (Stage::Owner, "chown"),
            (Stage::Program, "cannot run `step`"),
            (Stage::Directory, "cannot start in `step`"),
        ];
        for (stage, word) in cases {
            let message = explain(Failure::new(stage, "step", libc::EPERM)).to_string();
            assert!(message.contains(word) && message.contains("Operation not permitted"), "{message}");
        }
    }
}
