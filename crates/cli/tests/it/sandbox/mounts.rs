//! Workspaces that are mounts, of several file systems, and mounts below a workspace.
//!
//! Everything is mounted in a mount namespace that ends with its command, so nothing is left whatever happens: in a user
//! namespace, as anybody may make one, and where the tests run as root also without one.

use std::{fs, process::Stdio};

use rustix::process::geteuid;

use super::{Place, visible_directory};

/// What a person does in a workspace, and what is tried against it there.
const USUAL: &str = "git add file && git commit -qm one && echo committed; mkdir d && mv file d/file && echo moved; \
    cat .env; for name in .git/hooks .git/config .codex .vscode .env; do touch $name/x $name && echo wrote $name; done; \
    mv .git g || mv .env e || echo held";

/// What is told of [`USUAL`], and what lies there afterwards.
const AS_USUAL: &str = "committed\nmoved\nheld\nended 0: .env .git .gitignore d";

/// Makes a repository with a secret of the directory `wo rk`.
const REPOSITORY: &str = "git -C 'wo rk' init -q && echo SECRET > 'wo rk/.env' && echo .env > 'wo rk/.gitignore' && \
    echo x > 'wo rk/file'";

/// Runs `before` in an empty directory with `wo rk` in it, then `inside` in `wo rk` by `codex sandbox`, then `after`.
/// What comes back is what they wrote; `unshare` says in which namespaces.
#[allow(clippy::disallowed_methods, reason = "surroundings are made by the test")]
fn run(unshare: &str, before: &str, inside: &str, after: &str) -> String {
    let directory = tempfile::tempdir_in(visible_directory()).unwrap();
    for name in ["home", "wo rk", "other"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let script = format!(
        "exec 3>&1 >&2 && set -e && {before} && {{ cd 'wo rk'; code=0; \"$CODEX\" sandbox $FLAGS -- sh -c \"$INSIDE\" >&3 || code=$?; \
         printf 'ended %s: ' $code >&3; echo $(ls -A) >&3; cd ..; {{ {after}; }} >&3; }}"
    );
    let output = std::process::Command::new("unshare")
        .args([unshare, "sh", "-c", &script])
        .current_dir(directory.path())
        .env_clear()
        .envs([("PATH", super::PATH), ("CODEX", env!("CARGO_BIN_EXE_codex")), ("INSIDE", inside)])
        .envs(
            ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]
                .map(|name| (name, "x")),
        )
        .envs(["HOME", "CODEX_HOME"].map(|name| (name, directory.path().join("home"))))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{before}: {stdout}{stderr}");
    stdout.trim_end().to_owned()
}

/// The namespaces that can be had here.
fn namespaces() -> impl Iterator<Item = &'static str> {
    ["-Urm", "-m"].into_iter().filter(|namespaces| namespaces.contains('U') || geteuid().is_root())
}

#[test]
fn a_workspace_may_be_any_kind_of_mount() {
    not_inside_another_sandbox!();
    let cases = [
        ("a directory bound there", "mount --bind other 'wo rk'"),
        ("bound onto itself", "mount --bind 'wo rk' 'wo rk'"),
        ("in memory", "mount -t tmpfs none 'wo rk'"),
        (
            "an overlay",
            "mkdir low && mount -t tmpfs none other && mkdir other/up other/working && \
             mount -t overlay -o lowerdir=low,upperdir=other/up,workdir=other/working none 'wo rk'",
        ),
    ];
    for (name, mount) in cases {
        for namespaces in namespaces() {
            let seen = run(namespaces, &format!("{mount} && {REPOSITORY}"), USUAL, ":");
            assert_eq!(seen, AS_USUAL, "{name}, {namespaces}");
        }
    }
}

/// What comes from the lower directory is copied up when it is written, and itself stays as it was.
#[test]
fn the_lower_directory_of_an_overlay_stays_as_it_is() {
    not_inside_another_sandbox!();
    let before = "mkdir low && echo low > low/f && mkdir low/.codex && mount -t tmpfs none other && \
        mkdir other/up other/working && \
        mount -t overlay -o lowerdir=low,upperdir=other/up,workdir=other/working none 'wo rk'";
    let inside = "echo more >> f; cat f; mv f g; touch .codex/x || mv .codex x || echo held";
    for namespaces in namespaces() {
        let seen = run(namespaces, before, inside, "cat low/f");
        assert_eq!(seen, "low\nmore\nheld\nended 0: .codex g\nlow", "{namespaces}");
    }
}

/// A workspace that cannot be written is still one to read in.
#[test]
fn a_workspace_may_be_mounted_read_only() {
    not_inside_another_sandbox!();
    let before = format!("{REPOSITORY} && mount --bind 'wo rk' 'wo rk' && mount -o remount,bind,ro 'wo rk'");
    for namespaces in namespaces() {
        let seen = run(namespaces, &before, "cat .env file; touch new || echo held", ":");
        assert_eq!(seen, "x\nheld\nended 0: .env .git .gitignore file", "{namespaces}");
    }
}

/// What is mounted below a workspace belongs to it, as it was mounted: read-only stays so, repositories in it are
/// protected, and it is where it is.
#[test]
fn mounts_below_a_workspace_stay_what_they_are() {
    not_inside_another_sandbox!();
    let before = format!(
        "{REPOSITORY} && mkdir -p 'wo rk/bound' 'wo rk/kept' other/deep kept && echo old > one && touch 'wo rk/one' && \
         git -C other init -q repo && echo SECRET > other/repo/.env && \
         mount --bind other 'wo rk/bound' && mount -t tmpfs none 'wo rk/bound/deep' && mount --bind one 'wo rk/one' && \
         mount --bind kept 'wo rk/kept' && mount -o remount,bind,ro 'wo rk/kept'"
    );
    let inside = "cd bound && touch here deep/here && echo new > ../one && mv ../file deep/file && cat ../one; \
        for place in ../kept/x repo/.git/hooks/x repo/.git/config; do touch $place && echo wrote $place; done; \
        cat repo/.env; mv ../bound ../b || mv deep d || mv ../one ../o || mv repo/.git repo/g || rm ../one; \
        mount -o remount,bind,rw ../kept || umount ../kept || echo held";
    for namespaces in namespaces() {
        let seen = run(namespaces, &before, inside, "cat one; echo $(ls -A kept other 'wo rk/bound/deep')");
        let expected = "new\nheld\nended 0: .env .git .gitignore bound kept one\nnew\n\
            kept: other: deep here repo wo rk/bound/deep: file here";
        assert_eq!(seen, expected, "{namespaces}");
    }
}

/// By whichever name a directory is a root: what is protected is protected, and nothing is left of it.
#[test]
fn a_root_may_have_two_names() {
    not_inside_another_sandbox!();
    let all = "mount --bind other 'wo rk'";
    let part = "mkdir other/sub && touch other/sub/file && mount --bind other/sub 'wo rk'";
    for (mount, other) in [(all, ".git file new"), (part, ".git file sub")] {
        let before =
            format!("export FLAGS='--add-dir ../other' && git -C other init -q && touch other/file && {mount}");
        let inside = "touch new; ls new; for name in ./.codex ./.vscode ../other/.codex ../other/.vscode; do \
            touch $name/x 2>&1 | grep -c Read-only; done; touch ../other/.git/hooks/x || echo held";
        for namespaces in namespaces() {
            let seen = run(namespaces, &before, inside, "echo $(ls -A other); find home/run/stubs -name '*-*'");
            let here = if mount == all { ".git file new" } else { "file new" };
            assert_eq!(seen, format!("new\n1\n1\n1\n1\nheld\nended 0: {here}\n{other}"), "{mount}");
        }
    }
}

/// A copy of a subvolume would have in it what is hidden, and one that is taken away takes its covers with it.
#[test]
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn a_workspace_may_be_on_btrfs() {
    not_inside_another_sandbox!();
    let here = fs::read_to_string("/proc/filesystems").unwrap().contains("btrfs");
    if !here || !geteuid().is_root() || !std::path::Path::new("/sbin/mkfs.btrfs").exists() {
        eprintln!("left out: it takes root, a kernel with btrfs, and the package btrfs-progs");
        return;
    }
    // The loop device goes with the last mount.
    let before = format!(
        "truncate -s 128M image && mkfs.btrfs -q image && mount -o loop,user_subvol_rm_allowed image 'wo rk' && {REPOSITORY}"
    );
    let inside = "btrfs -q subvolume create made && rmdir made && cp --reflink=always d/file copied && rm copied";
    let seen = run("-m", &before, &format!("({USUAL}); {inside}"), ":");
    assert_eq!(seen, AS_USUAL);

    let before = format!(
        "{before} && cd 'wo rk' && btrfs subvolume create sub && git -C sub init -q && echo SECRET > sub/.env && cd .."
    );
    let inside = "cat sub/.env; touch sub/.git/hooks/x && echo wrote; btrfs -q subvolume snapshot sub copy && cat copy/.env; \
        btrfs -q subvolume snapshot -r . copy && cat copy/.env; btrfs -q subvolume delete sub && echo deleted; rm -rf sub; ls -A sub";
    let seen = run("-m", &before, inside, "cat 'wo rk/sub/.env'");
    assert_eq!(seen, ".env\n.git\nended 0: .env .git .gitignore file sub\nSECRET");
}

/// The same wherever the workspace lies: the requests are refused before a file system hears of them. The last two are
/// bcachefs's.
#[tokio::test]
async fn subvolumes_are_neither_copied_nor_taken_away() {
    let place = Place::new();
    let script = "for request in 0x50009401 0x50009417 0x5000940f 0x5000943f 0x4020bc10 0x4020bc11; do \
        python3 -c 'import fcntl, os, sys; fcntl.ioctl(os.open(\".\", os.O_RDONLY), int(sys.argv[1], 16), bytes(1000))' \
        $request 2>&1 | tail -1; done";
    let seen = place.run(&place.write(), place.shell(script)).await;
    assert_eq!(seen, (0, "PermissionError: [Errno 1] Operation not permitted\n".repeat(6)));
}
