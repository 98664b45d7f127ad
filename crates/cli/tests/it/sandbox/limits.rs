//! Limits of commands, and who they are: a fork bomb, a runaway file system, another user's directory.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
    process::{Output, Stdio},
};

use codex_sandbox::Exit;
use rustix::process::geteuid;

use super::{
    Place, read_until,
    rungs::{MASKED_PROC, NO_NAMESPACES},
    visible_directory,
};

/// A user and a group that are nobody's on most machines.
const STRANGER: (u32, u32) = (54_321, 54_322);

/// Forks until the kernel refuses, then says so. Each child waits for nothing that ever comes.
const FORK_BOMB: &str = "mkfifo never; (exec 2> said; while :; do { read line < never; } & done); \
    read why < said; echo held; exec sleep 100000";

/// Whether the kernel counts the processes of whoever runs the tests: those of root have no limit before Linux 6.14.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn processes_are_counted() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let numbers: Vec<u32> =
        release.split(|letter: char| !letter.is_ascii_digit()).map_while(|part| part.parse().ok()).collect();
    let counted = !geteuid().is_root() || numbers[..2] >= [6, 14][..];
    if !counted {
        eprintln!("left out: Linux {} does not count the processes of root", release.trim());
    }
    counted
}

#[tokio::test]
async fn a_fork_bomb_is_held_and_ends_with_its_command() {
    not_inside_another_sandbox!();
    if !processes_are_counted() {
        return;
    }
    let place = Place::new();
    let mut child = place.start(&place.write(), place.shell(FORK_BOMB)).await;
    read_until(&mut child.stdout, "held").await;
    // The cell still has room for others.
    assert_eq!(place.run(&place.write(), place.shell("echo beside")).await, (0, "beside\n".to_owned()));
    child.kill();
    // It is told only when all are gone.
    assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
}

/// `codex sandbox` as somebody without rights, in a directory of theirs.
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn as_stranger(directory: &Path, surroundings: &str, flags: &[&str], script: &str) -> Output {
    let (user, group) = (STRANGER.0.to_string(), STRANGER.1.to_string());
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", &user, "--regid", &group, "--clear-groups"]);
    if !surroundings.is_empty() {
        command.args(["unshare", "-Urm", "sh", "-c", &format!("{surroundings} && exec \"$@\""), "sh"]);
    }
    command
        .args([env!("CARGO_BIN_EXE_codex"), "sandbox"])
        .args(flags)
        .args(["--", "sh", "-c", script])
        .env_clear()
        .env("PATH", super::PATH);
    command.env("HOME", directory).env("CODEX_HOME", directory.join("home")).current_dir(directory.join("work"));
    command.stdin(Stdio::null()).output().unwrap()
}

/// Directories `home` and `work`, given to [`STRANGER`]; `None` if that takes rights which are missing here, as it must
/// without root.
fn strangers_directory() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir_in(visible_directory()).unwrap();
    let paths = ["home", "work", ""].map(|name| directory.path().join(name));
    for path in &paths {
        fs::create_dir_all(path).unwrap();
        if let Err(error) = chown(path, Some(STRANGER.0), Some(STRANGER.1)) {
            assert!(!geteuid().is_root(), "{error}");
            return None;
        }
    }
    Some(directory)
}

#[test]
fn the_limits_hold_an_ordinary_user_too() {
    not_inside_another_sandbox!();
    let Some(directory) = strangers_directory() else { return };
    let bomb = FORK_BOMB.replace("exec sleep 100000", "exec true");
    let consent = ["-c", "sandbox.allow_weak=true"];
    for (surroundings, flags) in [("", &[][..]), (MASKED_PROC, &[]), (NO_NAMESPACES, &consent)] {
        let output = as_stranger(directory.path(), surroundings, flags, &bomb);
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("held\n") && output.status.success(), "{surroundings}: {told}{errors}");
        for name in ["never", "said"] {
            fs::remove_file(directory.path().join("work").join(name)).unwrap();
        }
    }
    // The agent itself can be started by an ordinary user from /proc/self/exe, and be looked into by none.
    let output = as_stranger(directory.path(), "", &[], "id -u; touch made; cat /proc/self/oom_score_adj");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n300\n", STRANGER.0));
    assert_eq!(fs::metadata(directory.path().join("work/made")).unwrap().uid(), STRANGER.0);
}

/// Without walls a command is the user as much as this program is; still it does not hand out what it knows.
#[test]
fn nobody_looks_into_the_program_itself() {
    not_inside_another_sandbox!();
    let Some(directory) = strangers_directory() else { return };
    let script = "parent() { cut -d' ' -f4 /proc/$1/stat; }; program=$(parent $(parent $$)); \
        program=$(parent $program); cat /proc/$program/environ 2>&1; ulimit -Sc; echo";
    let output = as_stranger(directory.path(), "", &["-s", "danger-full-access"], script);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("/environ: Permission denied\n0\n"), "{told}");
}

#[tokio::test]
async fn what_commands_may_take_is_limited() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let quarter = "set -- $(df -k --output=size /dev/shm | tail -1) $(sed -n 's/MemTotal: *//p' /proc/meminfo); \
        [ $(($1 * 3)) -lt $2 ] && echo a part of the memory";
    let cases = [
        ("processes", "[ $(cat /proc/sys/kernel/pid_max) -le 4096 ] || ulimit -u", "~"),
        ("nobody raises it", "echo 9999 > /proc/sys/kernel/pid_max || echo no", "~no\n"),
        ("open files", "[ $(ulimit -Hn) -le 65536 ] && echo held", "held\n"),
        ("memory file systems", quarter, "a part of the memory\n"),
        ("first to go", "cat /proc/self/oom_score_adj", "300\n"),
        ("nobody is made safe", "echo -500 > /proc/self/oom_score_adj || echo no", "~no\n"),
        ("no core dumps", "ulimit -Hc", "0\n"),
    ];
    for (name, script, expected) in cases {
        let (_, output) = place.run(&place.write(), place.shell(script)).await;
        let matches = expected.strip_prefix('~').map_or(output == expected, |part| output.contains(part));
        assert!(matches, "{name}: {output}");
    }
}

/// As in many a container: root works in a directory of somebody else's.
#[tokio::test]
async fn root_writes_in_a_directory_of_another_user() {
    not_inside_another_sandbox!();
    let place = Place::new();
    for (path, content) in [("theirs", "old"), ("private", "old")] {
        fs::write(place.workspace.join(path), content).unwrap();
    }
    fs::create_dir(place.workspace.join("sub")).unwrap();
    for path in ["theirs", "private", "sub", ""] {
        if let Err(error) = chown(place.workspace.join(path), Some(STRANGER.0), Some(STRANGER.1)) {
            assert!(!geteuid().is_root(), "{error}");
            return;
        }
    }
    fs::write(place.outside.join("theirs"), "untouched").unwrap();
    chown(place.outside.join("theirs"), Some(STRANGER.0), Some(STRANGER.1)).unwrap();
    chown(place.outside.join("file"), Some(STRANGER.0 + 7), Some(STRANGER.1)).unwrap();
    let cases = [
        ("writes their file", "echo new > theirs; cat theirs", 0, "new\n"),
        ("makes files", "echo x > made; mkdir -p sub/d; echo y > sub/d/f", 0, ""),
        ("changes modes", "chmod 755 theirs", 0, ""),
        ("gives files", "touch given; chown 54321:54322 given", 0, ""),
        ("not to others", "touch kept; chown 54328 kept", 1, "~Invalid argument"),
        ("writes no file of theirs outside", "echo x > $OUTSIDE/theirs || exit 2", 2, "~Read-only file system"),
        ("gives none outside", "chown 0 $OUTSIDE/theirs", 1, "~Read-only file system"),
        ("makes no set-user-ID file", "touch s; chmod u+s s", 1, "~Operation not permitted"),
        (
            "has the rights over files and no others",
            "sed -n 's/CapEff:.//p' /proc/self/status",
            0,
            "000000000000000b\n",
        ),
        ("cannot get others", "sed -n 's/CapBnd:.//p' /proc/self/status", 0, "000000000000000b\n"),
        ("is nobody else", "setpriv --reuid 54321 --clear-groups id || exit 2", 2, "~not permitted"),
        ("keeps settings read-only", "echo 1 > /proc/sys/vm/overcommit_memory || exit 2", 2, "~"),
        ("makes no device", "mknod node b 8 0", 1, "~Operation not permitted"),
    ];
    for (name, script, code, output) in cases {
        let (seen_code, seen_output) = place.run(&place.write(), place.shell(script)).await;
        let matches = output.strip_prefix('~').map_or(seen_output == output, |part| seen_output.contains(part));
        assert!(seen_code == code && matches, "{name}: {script}\n{seen_code} {seen_output}");
    }
    let owner = |path: &str| fs::metadata(place.workspace.join(path)).unwrap().uid();
    assert_eq!(["theirs", "given", "made", "sub/d/f"].map(owner), [STRANGER.0, STRANGER.0, 0, 0]);
    assert_eq!(fs::read_to_string(place.outside.join("theirs")).unwrap(), "untouched");
}

/// What a command tried is told from the kernel's counters, whatever it printed.
#[tokio::test]
async fn a_way_out_that_was_tried_is_noticed() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let cases = [("miss elsewhere", "192.0.2.1:80", true), ("nothing", "", false)];
    for (deed, value, noticed) in cases {
        for confinement in [place.write(), codex_sandbox::Confinement::read_only(&[])] {
            let mut child = place.start(&confinement, place.deed(deed, value)).await;
            assert_eq!(child.wait().await.unwrap(), Exit::Code(0), "{value}");
            assert_eq!(child.process.noticed().network, noticed, "{value}");
        }
    }
}
