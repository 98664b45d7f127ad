//! How much of the machine a cell's commands may take, so that a runaway one does not take it all.
//!
//! Limits are the last resort against accidents and fork bombs; builds must never notice them. What the kernel here
//! cannot limit is left alone: nothing here may fail a command, and nothing may touch the limits of others.

use std::{fs, path::Path, sync::OnceLock};

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    system::{sysinfo, uname},
};

use crate::wire::{Failure, OrFailure, Stage};

/// Most processes and threads of one command. The kernel's numbers start again at 300 (`RESERVED_PIDS`) once they
/// have been through, so it is some hundred fewer that run at the same time.
const PROCESSES: u64 = 4096;

/// Most open files of one process. Higher ones, which containers like to set, make programs slow that close all
/// descriptors one by one.
const OPEN_FILES: u64 = 65_536;

/// How much sooner than others a cell's processes are ended when memory runs out, in thousandths of the memory there
/// is (proc_pid_oom_score_adj(5)).
const FIRST_TO_GO: i32 = 300;

/// Below this the highest process number belongs to the whole machine: real root would change it for everybody.
const OWN_PID_MAX: (u32, u32) = (6, 14);

/// Below this the processes of a user are counted in all namespaces together.
const OWN_COUNT: (u32, u32) = (5, 14);

/// Makes this process, and all it forks, more likely to be ended when memory runs out. Called by the helper before it
/// leaves the host's namespaces: set with `CAP_SYS_RESOURCE` there, nobody inside can lower it; otherwise a command can
/// take it back to where it was, and no lower.
pub(crate) fn give_way() {
    let _ = GivingWay::begin();
}

const OUT_OF_MEMORY: &str = "/proc/self/oom_score_adj";

/// What this process was before it gave way, if it could.
pub(crate) struct GivingWay(Option<i32>);

impl GivingWay {
    /// As [`give_way`], for a while: for what is forked meanwhile. An ordinary user's process cannot that has made itself
    /// undumpable.
    pub(crate) fn begin() -> Self {
        let text = fs::read_to_string(OUT_OF_MEMORY).unwrap_or_default();
        let now: i32 = text.trim().parse().unwrap_or_default();
        // Not everywhere allowed, and no wall.
        let written = fs::write(OUT_OF_MEMORY, (now + FIRST_TO_GO).min(1000).to_string());
        Self(written.is_ok().then_some(now))
    }

    /// Whether it gives way.
    pub(crate) fn is_real(&self) -> bool {
        self.0.is_some()
    }

    /// Whoever could not lower it before has not raised what it may not go below.
    pub(crate) fn end(self) {
        let _ = self.0.map(|before| fs::write(OUT_OF_MEMORY, before.to_string()));
    }
}

/// How much memory the control group of this container may have, if that is less than there is. In a container that
/// group is the root of what is mounted (cgroup_namespaces(7)); elsewhere the root has no limit.
pub(crate) fn memory() -> Option<u64> {
    static FOUND: OnceLock<Option<u64>> = OnceLock::new();
    *FOUND.get_or_init(find_memory)
}

fn find_memory() -> Option<u64> {
    const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"];
    let limit = ROOTS.iter().find_map(|root| of_group(Path::new(root)))?;
    (limit < machine()).then_some(limit)
}

/// How much memory a control group may have, if its directory says so: version 2 or 1.
pub(crate) fn of_group(directory: &Path) -> Option<u64> {
    const FILES: [&str; 2] = ["memory.max", "memory.limit_in_bytes"];
    FILES.iter().find_map(|name| fs::read_to_string(directory.join(name)).ok()?.trim().parse().ok())
}

/// How much memory the machine has.
pub(crate) fn machine() -> u64 {
    let machine = sysinfo();
    machine.totalram * u64::from(machine.mem_unit)
}

/// Limits the processes of the PID namespace that this process is in. Needs a `/proc` of its own that can be written.
pub(crate) fn number_processes() -> Result<(), Failure> {
    if kernel_is(OWN_PID_MAX) {
        fs::write("/proc/sys/kernel/pid_max", PROCESSES.to_string())
            .or_failure(Stage::Process, || "writing pid_max of a command")?;
    }
    Ok(())
}

/// Limits this process and what it starts, for good. `namespaced`: whether its user namespace is the cell's own.
pub(crate) fn limit(namespaced: bool) -> Result<(), Failure> {
    lower(Resource::Nofile, OPEN_FILES)?;
    // A core dump writes where the host's core_pattern says, outside the cell.
    lower(Resource::Core, 0)?;
    match namespaced {
        true if kernel_is(OWN_COUNT) => lower(Resource::Nproc, 2 * PROCESSES),
        true => Ok(()),
        // All that runs on the machine counts at most, and these may be added. Does not hold real root.
        false => lower(Resource::Nproc, threads() + PROCESSES),
    }
}

/// Neither limit is ever raised.
fn lower(resource: Resource, most: u64) -> Result<(), Failure> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let lowered = Rlimit { current: least(current), maximum: least(maximum) };
    setrlimit(resource, lowered).or_failure(Stage::Rights, || format!("setrlimit(2) of {resource:?}"))
}

/// All processes and threads there are: the fourth field (`running/all`) of proc_loadavg(5).
fn threads() -> u64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all_threads(&text).unwrap_or_default()
}

fn all_threads(loadavg: &str) -> Option<u64> {
    loadavg.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

fn kernel_is(at_least: (u32, u32)) -> bool {
    version(&uname().release().to_string_lossy()).is_some_and(|version| version >= at_least)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart() {
        let cases = [
            ("6.18.44-fc", Some((6, 18))),
            ("6.14", Some((6, 14))),
            ("5.15.0-91-generic", Some((5, 15))),
            ("6.6.87.2-microsoft-standard-WSL2", Some((6, 6))),
            ("4.4.0", Some((4, 4))),
            ("odd", None),
            ("", None),
        ];
        for (release, expected) in cases {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn threads_are_read_from_the_load() {
        assert_eq!(all_threads("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert_eq!(all_threads("odd"), None);
    }
}
