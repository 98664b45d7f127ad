//! A control group of its own, in which the kernel counts the processor time of every process that ever was in it.
//!
//! What a process took is added to its parent's account only if the parent waits for it. A program that lets the
//! kernel reap its children, as a sandbox may, would look cheaper than it is. It must never be needed: where no group
//! may be made (most often it takes root), the caller has to do without.

use std::{fs, path::PathBuf};

/// A group that this process is in, and so everything that it starts.
#[derive(Debug)]
pub(crate) struct Group {
    directory: PathBuf,
    parent: PathBuf,
}

impl Group {
    /// Makes a group and enters it. `None` where that is not possible.
    pub(crate) fn enter() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let parent = PathBuf::from(mount).join(own);
        let directory = parent.join(format!("side-by-side-{}", std::process::id()));
        fs::create_dir(&directory).ok()?;
        let group = Self { directory, parent };
        // "0" is whoever writes it.
        match fs::write(group.directory.join("cgroup.procs"), "0") {
            Ok(()) => Some(group),
            Err(_) => {
                group.leave();
                None
            }
        }
    }

    /// Microseconds of processor time that were spent in the group so far. `None` if the kernel does not say.
    pub(crate) fn cpu_us(&self) -> Option<i64> {
        let text = fs::read_to_string(self.directory.join("cpu.stat")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("usage_usec "))?.parse().ok()
    }

    /// Goes back to where this process was. What it has started stays.
    pub(crate) fn step_out(&self) {
        let _ = fs::write(self.parent.join("cgroup.procs"), "0");
    }

    /// Goes back to where this process was, and removes the group.
    pub(crate) fn leave(self) {
        self.step_out();
        // A group that cannot be removed is empty and costs nothing.
        let _ = fs::remove_dir(&self.directory);
    }
}
