//! What a command was about to write and may not, told from what the kernel answers: whose fault it was, and where.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use codex_sandbox::{Confinement, Exit, Sandbox};

use super::Place;
use crate::support;

/// A place whose sandbox notices, with a few things to run into.
pub fn noticing() -> Place {
    let place = Place::new();
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into()).noticing_writes();
    for directory in ["sub/deep", "other"] {
        fs::create_dir_all(place.outside.join(directory)).unwrap();
    }
    fs::create_dir_all(place.workspace.join(".git")).unwrap();
    fs::write(place.workspace.join("unwritable"), "").unwrap();
    fs::set_permissions(place.workspace.join("unwritable"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink(&place.outside, place.workspace.join("link")).unwrap();
    symlink(place.outside.join("file"), place.workspace.join("link-to-file")).unwrap();
    Place { sandbox, ..place }
}

/// How a script ended, and which of what lies outside and inside it is noticed to have missed.
async fn noticed(place: &Place, script: &str) -> (Exit, Vec<PathBuf>) {
    noticed_behind(&place.write(), place, script).await
}

async fn noticed_behind(walls: &Confinement, place: &Place, script: &str) -> (Exit, Vec<PathBuf>) {
    let mut child = place.start(walls, place.shell(script)).await;
    let exit = child.wait().await.unwrap();
    (exit, child.process.noticed().writes.clone())
}

#[tokio::test]
async fn a_write_that_the_walls_refuse_is_noticed_with_its_real_path() {
    not_inside_another_sandbox!();
    let place = noticing();
    refused_writes_are_noticed(&place, &place.write()).await;
}

/// Behind `walls`, on whatever rung.
pub async fn refused_writes_are_noticed(place: &Place, walls: &Confinement) {
    let cases: &[(&str, &[&str])] = &[
        ("echo > $OUTSIDE/new", &["new"]),
        ("echo > $OUTSIDE/file", &["file"]),
        ("echo >> $OUTSIDE/file", &["file"]),
        ("cd $OUTSIDE && echo > new", &["new"]),
        ("cd $OUTSIDE/sub && echo > ../new", &["new"]),
        ("echo > ../outside/new", &["new"]),
        ("echo > link/sub/../new", &["new"]),
        ("echo > link-to-file", &["file"]),
        ("mkdir $OUTSIDE/new", &["new"]),
        ("mkdir -p $OUTSIDE/new/deeper", &["new"]),
        ("cd $OUTSIDE && mkdir new", &["new"]),
        ("rm $OUTSIDE/file", &["file"]),
        // By its directory's descriptor.
        ("rm -r $OUTSIDE/sub", &["sub/deep"]),
        ("rmdir $OUTSIDE/other", &["other"]),
        ("mv $OUTSIDE/file $OUTSIDE/sub/file", &["file", "sub/file"]),
        ("echo > here; mv here $OUTSIDE/new", &["new"]),
        ("ln -s x $OUTSIDE/new", &["new"]),
        ("ln $OUTSIDE/file $OUTSIDE/new", &["new"]),
        ("truncate -s 0 $OUTSIDE/file", &["file"]),
        ("mkfifo $OUTSIDE/new", &["new"]),
        // One for each directory.
        ("echo > $OUTSIDE/a; echo > $OUTSIDE/b; echo > $OUTSIDE/sub/c", &["a", "sub/c"]),
        // Of whatever it starts.
        ("setsid sh -c '(echo > $OUTSIDE/new) & wait'; false", &["new"]),
    ];
    for (script, expected) in cases {
        let (exit, writes) = noticed_behind(walls, place, script).await;
        let mut expected: Vec<PathBuf> = expected.iter().map(|name| place.outside.join(name)).collect();
        // Some programs try in another order.
        expected.sort();
        let mut writes: Vec<PathBuf> = writes;
        writes.sort();
        assert_eq!(writes, expected, "{script}");
        assert_ne!(exit, Exit::Code(0), "{script}");
    }
    assert_eq!(fs::read_to_string(place.outside.join("file")).unwrap(), "untouched");
}

#[tokio::test]
async fn what_is_protected_in_the_workspace_is_noticed_too() {
    not_inside_another_sandbox!();
    let place = noticing();
    for script in ["echo > .git/new", "mkdir .git/new", "cd .git && echo > new"] {
        let (_, writes) = noticed(&place, script).await;
        assert_eq!(writes, [place.workspace.join(".git/new")], "{script}");
    }
    let (_, writes) = noticed(&place, "mv .git elsewhere").await;
    assert_eq!(writes, [place.workspace.join(".git")]);
}

#[tokio::test]
async fn what_is_not_the_walls_doing_is_not_noticed() {
    let place = noticing();
    nothing_is_noticed(&place, &place.write()).await;
}

pub async fn nothing_is_noticed(place: &Place, walls: &Confinement) {
    let cases = [
        "echo > made; mkdir -p d/e; mv made d/e; rm -r d; echo > ${TMPDIR:-/tmp}/x; cat < $OUTSIDE/file",
        "echo > /dev/full; echo > /dev/null; echo >&2; echo > /dev/stdout; echo > /dev/tty",
        "echo > unwritable; cat unwritable",
        "echo > missing/file; mkdir missing/d; rm missing; rmdir missing; mv missing elsewhere",
        "echo > $OUTSIDE; echo > $OUTSIDE/missing/file; rm $OUTSIDE/missing; mkdir -p $OUTSIDE/sub",
        "echo > /proc/self/comm; echo > /sys/x; echo > /proc/sys/kernel/hostname",
        "exec 3< $OUTSIDE/file; ls $OUTSIDE; cat link/file",
    ];
    for script in cases {
        assert_eq!(noticed_behind(walls, place, script).await.1, <[PathBuf; 0]>::default(), "{script}");
    }
}

#[test]
fn codex_sandbox_says_once_what_it_refused_and_how_that_is_allowed() {
    not_inside_another_sandbox!();
    let place = noticing();
    let home = place.outside.join("home");
    fs::create_dir(&home).unwrap();
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    let run = |flags: &[&str], script: &str| {
        let mut codex = support::codex(&home);
        codex.env("OUTSIDE", &place.outside).current_dir(&place.workspace).arg("sandbox").args(flags);
        let output = codex.args(["--", "bash", "-c", script]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (
            output.status.code().unwrap(),
            told.lines().filter(|line| line.starts_with("codex: ")).map(String::from).collect(),
        )
    };
    let outside = place.outside.display();
    let add = format!("`--add-dir '{outside}'` lets commands write in that directory");
    let cases: [(&[&str], &str, i32, Vec<String>); 7] = [
        (
            &[],
            "for i in 1 2 3; do touch $OUTSIDE/file; echo > $OUTSIDE/new; done; exit 3",
            3,
            vec![format!("codex: sandbox: {outside}/file is read-only here: {add}")],
        ),
        (&[], "touch $OUTSIDE/new; mkdir made", 0, vec![]),
        (
            &[],
            "echo > /dev/tcp/198.51.100.1/80",
            1,
            vec![
                "codex: sandbox: an attempt to reach the network was blocked: `--allow-network` lets commands have it"
                    .into(),
            ],
        ),
        (&["--add-dir", &outside.to_string()], "touch $OUTSIDE/new; exit 1", 1, vec![]),
        (&[], "cd $OUTSIDE && echo > new", 1, vec![format!("codex: sandbox: {outside}/new is read-only here: {add}")]),
        (
            &[],
            "echo > .codex/new",
            1,
            vec![format!(
                "codex: sandbox: {}/.codex/new is read-only here: it is protected in the workspace, and is for you to \
                 change, without the sandbox",
                place.workspace.display()
            )],
        ),
        (
            &["-s", "read-only"],
            "touch new",
            1,
            vec![format!(
                "codex: sandbox: {}/new is read-only here: `-s workspace-write` lets commands write in the workspace",
                place.workspace.display()
            )],
        ),
    ];
    for (flags, script, code, told) in cases {
        assert_eq!(run(flags, script), (code, told), "{flags:?} {script}");
    }
}

/// As many processes and threads as a build has, and signals in between: everybody gets what was asked for.
#[tokio::test]
async fn many_that_write_at_once_are_all_answered() {
    let place = noticing();
    let script = "for i in $(seq 40); do (for j in $(seq 40); do echo > f$i.$j; done; mkdir d$i; mv f$i.1 d$i) & done; wait; \
        for i in $(seq 200); do : & echo > again || exit 9; done; wait; \
        ls -d f* d* | wc -l; ls d40/f40.1";
    let (code, output) = place.run(&place.write(), place.shell(script)).await;
    assert_eq!((code, output.as_str()), (0, "1600\nd40/f40.1\n"));
}

/// Killed in the middle of a call, it is gone, and its directory is as it was.
#[tokio::test]
async fn a_command_that_writes_all_the_time_can_be_killed() {
    let place = noticing();
    let script = "while :; do echo > f; done & echo started; while :; do echo > $OUTSIDE/new; done 2> /dev/null";
    let mut child = place.start(&place.write(), place.shell(script)).await;
    super::read_until(&mut child.stdout, "started").await;
    child.kill();
    assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
}

#[tokio::test]
async fn nothing_is_noticed_unless_it_is_asked_for() {
    let place = Place { sandbox: Sandbox::new(env!("CARGO_BIN_EXE_codex").into()), ..noticing() };
    assert_eq!(noticed(&place, "echo > $OUTSIDE/new").await.1, <[PathBuf; 0]>::default());
}
