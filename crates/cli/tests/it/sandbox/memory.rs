//! What happens when the memory of a control group runs out, as in a container that may have only so much.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use super::visible_directory;

/// A control group that goes with its test, once nothing runs in it.
struct Group {
    path: PathBuf,
    /// Where groups are mounted.
    root: &'static str,
}

impl Group {
    /// One that may have `bytes`; `None`, said aloud, where this test may not make it.
    #[allow(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new(bytes: u64) -> Option<Self> {
        let hands_down = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control").unwrap_or_default();
        let (root, limit, swap) = match hands_down.contains("memory") {
            true => ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
            false => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.swappiness"),
        };
        let path = Path::new(root).join(format!("codex-test-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&path) {
            eprintln!("left out: no control group for memory can be made below {root}: {error}");
            return None;
        }
        let group = Self { path, root };
        fs::write(group.path.join(limit), bytes.to_string()).unwrap();
        // Missing where nothing is swapped.
        let _ = fs::write(group.path.join(swap), "0");
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// The command that takes too much is ended, and told so; what it leaves in memory file systems has an end before. The
/// program itself goes on, and so do other commands.
#[test]
#[allow(clippy::disallowed_methods, reason = "surroundings are made by the test")]
fn memory_that_runs_out_ends_the_command_alone() {
    not_inside_another_sandbox!();
    let Some(group) = Group::new(128 << 20) else { return };
    let directory = tempfile::tempdir_in(visible_directory()).unwrap();
    let inside = "df --output=size /dev/shm /run | tail -n +2; head -c 100M /dev/zero > /dev/shm/x || echo full; \
        rm /dev/shm/x; python3 -c 'bytearray(1 << 30)'; echo ended $?; echo on | cat";
    let script = format!(
        "mount --bind $GROUP {} && cd $HOME && \"$CODEX\" sandbox -- sh -c \"$INSIDE\"; echo codex $?",
        group.root
    );
    // A container has its group where others have the root of all. When the first process of its namespace has ended,
    // all have, and the group is empty.
    let output = std::process::Command::new("sh")
        .args(["-c", "echo $$ > $GROUP/cgroup.procs && exec unshare -fpm --mount-proc sh -c \"$SCRIPT\""])
        .env_clear()
        .envs([("PATH", super::PATH), ("CODEX", env!("CARGO_BIN_EXE_codex")), ("INSIDE", inside), ("SCRIPT", &script)])
        .envs([("GROUP", group.path.as_path()), ("HOME", directory.path())])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout, "    32768\n    32768\nfull\nended 137\non\ncodex 0\n", "{stderr}");
}
