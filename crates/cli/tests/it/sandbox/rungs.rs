//! What holds where the kernel or a container gives less: without a fresh `/proc`, without namespaces, without either.
//!
//! The surroundings are made with unshare(1); in them this test binary is started again and does what a test would.

use std::{fs, process::Stdio};

use codex_sandbox::{Change, Confined, Confinement, Exit, Network, Rung, Sandbox, SandboxError, TerminalSize};

use super::{DAEMON, Place, read_all, read_until, refused_writes};
use crate::support;

/// Surroundings as machines and containers have them.
pub const MASKED_PROC: &str = "mount --bind /dev/null /proc/interrupts";
pub const NO_NAMESPACES: &str = "echo 0 > /proc/sys/user/max_user_namespaces";

/// `argv` in such surroundings: in a user and mount namespace of its own, as anybody may make it.
#[allow(clippy::disallowed_methods, reason = "surroundings are made by the test")]
pub fn surrounded(surroundings: &str, argv: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new("unshare");
    let script = format!("{surroundings} && exec \"$@\"");
    command.args(["-Urm", "sh", "-c", &script, "sh"]).args(argv).stdin(Stdio::null());
    command
}

/// Has this test binary do `deed` of `test`, which reads the variable `RUNG`, in such surroundings.
pub fn in_surroundings(surroundings: &str, before: &[&str], test: &str, deed: &str) {
    let this = std::env::current_exe().unwrap();
    let this = [this.to_str().unwrap(), "--exact", test, "--nocapture"];
    let output = surrounded(surroundings, &[before, &this].concat()).env("RUNG", deed).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{deed}: {stdout}{stderr}");
}

const ON_THIS_RUNG: &str = "sandbox::rungs::on_this_rung";

/// Rights as an ordinary user has them: none.
const WITHOUT_RIGHTS: [&str; 4] =
    ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--securebits=+noroot,+noroot_locked"];

#[test]
fn without_a_fresh_proc_the_other_walls_hold() {
    not_inside_another_sandbox!();
    in_surroundings(MASKED_PROC, &[], ON_THIS_RUNG, "masked");
}

#[test]
fn without_namespaces_landlock_and_seccomp_hold() {
    not_inside_another_sandbox!();
    in_surroundings(NO_NAMESPACES, &[], ON_THIS_RUNG, "alone");
    in_surroundings(NO_NAMESPACES, &WITHOUT_RIGHTS, ON_THIS_RUNG, "alone");
}

/// What the test binary does when the tests above start it in other surroundings; in an ordinary run, nothing.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the environment is this test's own")]
async fn on_this_rung() {
    match std::env::var("RUNG").as_deref() {
        Ok("masked") => {
            masked().await;
            writes_are_noticed().await;
        }
        Ok("alone") => {
            alone().await;
            writes_are_noticed().await;
            what_is_protected_is_put_back().await;
            nothing_is_left_running().await;
        }
        Ok(other) => panic!("unknown deed {other}"),
        Err(_) => {}
    }
}

/// Scripts with their exit status and output, both exact unless the output is given as `~part`.
async fn check(place: &Place, confinement: &Confinement, cases: &[(&str, &str, i32, &str)]) {
    for (name, script, code, output) in cases {
        let (seen_code, seen_output) = place.run(confinement, place.shell(script)).await;
        let matches = output.strip_prefix('~').map_or(seen_output == *output, |part| seen_output.contains(part));
        assert!(seen_code == *code && matches, "{name}: {script}\n{seen_code} {seen_output}");
    }
}

async fn masked() {
    let place = Place::new();
    assert_eq!(place.sandbox.rung().await.unwrap(), Rung::WithoutFreshProc);
    fs::create_dir_all(place.workspace.join(".git/hooks")).unwrap();
    let cases = [
        ("writes inside", "echo hi > new && cat new", 0, "hi\n"),
        ("writes nothing outside", "touch $OUTSIDE/new", 1, "~Read-only file system"),
        ("writes no protected file", "touch .git/hooks/pre-commit", 1, "~Read-only file system"),
        ("writes no setting", "echo 1 > /proc/sys/vm/overcommit_memory || exit 2", 2, "~Read-only file system"),
        ("writes nothing of others", "echo 0 > /proc/1/oom_score_adj || exit 2", 2, "~"),
        ("knows itself", "readlink /proc/self | grep -c '^[0-9]'", 0, "1\n"),
        ("reads no environment of others", "cat /proc/1/environ", 1, "~"),
        ("enters no directory of others", "ls /proc/1/root/ /proc/1/cwd/", 2, "~"),
        ("kills nobody else", "kill -9 1; echo alive", 0, "~alive\n"),
        ("has a loopback of its own", "grep -c : /proc/self/net/dev", 0, "1\n"),
        ("has no rights", "grep -c '^Cap.*:.*[1-9a-f]' /proc/self/status", 1, "0\n"),
    ];
    check(&place, &place.write(), &cases).await;
    let everything = Confined { writable: vec!["/".into()], ..place.confined() };
    let setting = "echo 1 > /proc/sys/vm/overcommit_memory || exit 2";
    check(&place, &Confinement::Confined(everything), &[("everything but /proc", setting, 2, "~")]).await;
    check(&place, &place.write(), &[("nothing is left", DAEMON, 0, "up\n")]).await;
    check(&place, &Confinement::read_only(&[]), &[("read-only", "touch x || exit 2", 2, "~")]).await;
}

/// Also where nothing answers that a place is read-only, or `/proc` shows processes by other numbers.
async fn writes_are_noticed() {
    let place = refused_writes::noticing();
    let walls = Confinement::Confined(weak(&place));
    refused_writes::refused_writes_are_noticed(&place, &walls).await;
    refused_writes::nothing_is_noticed(&place, &walls).await;
}

fn weak(place: &Place) -> Confined {
    Confined { weak: true, ..place.confined() }
}

async fn alone() {
    let place = Place::new();
    assert_eq!(place.sandbox.rung().await.unwrap(), Rung::LandlockOnly);
    let error = place.error(&place.write(), place.shell("true")).await;
    assert!(matches!(error, SandboxError::Weak { .. }), "{error}");
    assert!(error.to_string().contains("sandbox.allow_weak"), "{error}");
    let proxied = Confined { network: Network::Proxied, ..weak(&place) };
    let error = place.error(&Confinement::Confined(proxied), place.shell("true")).await;
    let error = error.to_string();
    assert!(error.contains("sandbox.allow_domains") && error.contains("user.max_user_namespaces"), "{error}");

    fs::create_dir(place.outside.join("hidden")).unwrap();
    fs::write(place.outside.join("hidden/key"), "secret").unwrap();
    fs::write(place.outside.join("hidden.txt"), "secret").unwrap();
    let hidden = vec![place.outside.join("hidden"), place.outside.join("hidden.txt"), place.outside.join("missing")];
    let cases = [
        ("writes inside", "echo hi > new && cat new && mkdir d && mv new d && rm -r d", 0, "hi\n"),
        ("reads outside", "cat $OUTSIDE/file", 0, "untouched"),
        ("writes no file outside", "echo x > $OUTSIDE/file || exit 2", 2, "~Permission denied"),
        ("makes no file outside", "touch $OUTSIDE/new", 1, "~Permission denied"),
        ("removes nothing outside", "rm -f $OUTSIDE/file", 1, "~Permission denied"),
        ("truncates nothing outside", "truncate -s 0 $OUTSIDE/file", 1, "~Permission denied"),
        ("moves nothing out", "touch x; mv x $OUTSIDE/x", 1, "~"),
        ("links nothing in", "ln $OUTSIDE/file here", 1, "~"),
        ("does not write the host's /tmp", "touch /tmp/codex-x || exit 2", 2, "~Permission denied"),
        ("has a place of its own", "mktemp -p $TMPDIR | wc -l; [ -w /dev/null ]", 0, "1\n"),
        ("sees no hidden file", "cat $OUTSIDE/hidden.txt", 1, "~Permission denied"),
        ("looks into no hidden directory", "cat $OUTSIDE/hidden/key", 1, "~Permission denied"),
        ("nor over a link", "ln -s $OUTSIDE/hidden there; cat there/key", 1, "~Permission denied"),
        ("uses no terminal of others", "for t in /dev/pts/[0-9]*; do cat $t && echo READ; done 2>&1", 1, "~"),
        ("reads no disk", "head -c 1 /dev/vda || head -c 1 /dev/sda || exit 2", 2, "~"),
        ("shares no memory", "ipcmk -M 4096", 1, "~"),
        ("makes no namespace", "unshare -U true", 1, "~"),
        ("writes no setting", "echo 1 > /proc/sys/vm/overcommit_memory || exit 2", 2, "~Permission denied"),
        ("reads no environment of others", "cat /proc/$PPID/environ", 1, "~"),
        ("cannot kill its keeper", "kill -9 $PPID || exit 2", 2, "~"),
        ("signals its children", "sleep 100000 & kill $!; wait $!", 143, "~"),
        ("has no rights", "grep -c '^Cap[IPEA].*:.*[1-9a-f]' /proc/self/status", 1, "0\n"),
        ("gains none", "grep NoNewPrivs /proc/self/status | tr -d '\\t'", 0, "NoNewPrivs:1\n"),
        ("leaves no core", "ulimit -c", 0, "0\n"),
    ];
    let confinement = Confinement::Confined(Confined { hidden, ..weak(&place) });
    check(&place, &confinement, &cases).await;
    let (code, output) = place.run(&confinement, place.deed("no sockets", "")).await;
    assert_eq!(code, 0, "{output}");
    assert_eq!(fs::read_to_string(place.outside.join("file")).unwrap(), "untouched");

    let cases = [
        ("writes nothing", "touch new", 1, "~Permission denied"),
        ("changes no mode", "chmod 777 $OUTSIDE/file", 1, "~Operation not permitted"),
        ("changes no times", "touch -d 2001-01-01 $OUTSIDE/file", 1, "~"),
        ("reads", "cat $OUTSIDE/file", 0, "untouched"),
    ];
    check(&place, &Confinement::read_only(std::slice::from_ref(&place.workspace)), &cases).await;

    let size = TerminalSize { rows: 24, columns: 80 };
    let command = place.shell("stty size < /dev/tty; [ -t 1 ]");
    let mut child = place.sandbox.spawn_in_terminal(&confinement, command, size).await.unwrap();
    let mut shown = Vec::new();
    let mut buffer = [0; 100];
    while let count @ 1.. = child.terminal.read(&mut buffer).await.unwrap() {
        shown.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(String::from_utf8_lossy(&shown), "24 80\r\n");
    assert_eq!(child.process.wait().await.unwrap(), Exit::Code(0));
}

async fn what_is_protected_is_put_back() {
    let place = Place::new();
    fs::create_dir_all(place.workspace.join(".git/hooks")).unwrap();
    fs::write(place.workspace.join(".git/config"), "[core]\n").unwrap();
    let script = "echo '[alias]' > .git/config; echo x > .git/hooks/pre-commit; mkdir -p deep/er/.codex; echo x > ok";
    let mut child = place.start(&Confinement::Confined(weak(&place)), place.shell(script)).await;
    read_all(&mut child.stdout).await;
    assert_eq!(child.wait().await.unwrap(), Exit::Code(0));
    let change = |path: &str| Change { path: place.workspace.join(path), undone: true };
    let expected = [".git/config", ".git/hooks/pre-commit", "deep/er/.codex"].map(change);
    assert_eq!(child.process.noticed().changes, expected);
    let read = |path: &str| fs::read_to_string(place.workspace.join(path));
    assert_eq!(read(".git/config").unwrap(), "[core]\n");
    assert_eq!(read(".git/config.undone-1").unwrap(), "[alias]\n");
    assert!(!place.workspace.join(".git/hooks/pre-commit").exists() && read("ok").is_ok());

    // What it leaves may lead out of the workspace: nothing is put back through it.
    let trap = "rm -r .git; ln -s $OUTSIDE .git";
    let protected = Confined { protected: vec![place.workspace.join(".git/config")], ..weak(&place) };
    let mut child = place.start(&Confinement::Confined(protected), place.shell(trap)).await;
    assert_eq!(child.wait().await.unwrap(), Exit::Code(0));
    let changes = &child.process.noticed().changes;
    assert!(changes.iter().all(|change| !change.undone) && !changes.is_empty(), "{changes:?}");
    assert_eq!(fs::read_dir(&place.outside).unwrap().count(), 1);
}

async fn nothing_is_left_running() {
    let place = Place::new();
    let confinement = Confinement::Confined(weak(&place));
    assert_eq!(place.run(&confinement, place.shell(DAEMON)).await, (0, "up\n".to_owned()));
    let mut child = place.start(&confinement, place.shell(&format!("{DAEMON} sleep 100000"))).await;
    read_until(&mut child.stdout, "up").await;
    child.kill();
    assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
    assert_eq!(read_all(&mut child.stdout).await, "\n");
    let mut child = place.start(&confinement, place.shell(&format!("{DAEMON} sleep 100000"))).await;
    read_until(&mut child.stdout, "up").await;
    drop(place.sandbox);
    assert_eq!(read_all(&mut child.stdout).await, "\n");
}

#[test]
fn the_program_says_what_holds() {
    not_inside_another_sandbox!();
    let place = support::Place::new(serde_json::json!([{ "text": "Done." }]));
    let run = |surroundings: &str, arguments: &[&str]| {
        let usual = place.codex(arguments);
        let program = [&[env!("CARGO_BIN_EXE_codex")], arguments].concat();
        let mut command = surrounded(surroundings, &program);
        command.env_clear().current_dir(&place.workspace);
        command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let sandbox = ["sandbox", "-s", "read-only", "--", "true"];
    let exec = ["exec", "--skip-git-repo-check", "go"];
    // In this order: the strongest is remembered, and must not be believed in other surroundings.
    let (all, without) = ("namespaces + Landlock + seccomp", ", without a fresh /proc");
    assert_eq!(run("true", &sandbox), (0, String::new()));
    let (_, header) = run("true", &exec);
    assert!(header.contains(&format!("sandbox workspace-write ({all})")), "{header}");
    let (code, told) = run(MASKED_PROC, &sandbox);
    assert!(code == 0 && told.contains(&format!("sandbox: {all}{without}")), "{told}");
    let (code, told) = run(NO_NAMESPACES, &sandbox);
    assert!(code == 0 && told.contains("sandbox: Landlock + seccomp only"), "{told}");
    let (_, header) = run(NO_NAMESPACES, &exec);
    assert!(header.contains("commands are refused") && header.contains("sandbox.allow_weak"), "{header}");
    let consent = ["-c", "sandbox.allow_weak=true"];
    let (_, header) = run(NO_NAMESPACES, &[&exec[..1], &consent, &exec[1..]].concat());
    assert!(header.contains("sandbox workspace-write (Landlock + seccomp only"), "{header}");
    let protected = "mkdir .vscode; echo x > made";
    let (code, told) = run(NO_NAMESPACES, &[&["sandbox"], &consent[..], &["--", "sh", "-c", protected]].concat());
    assert!(code == 0 && place.workspace.join("made").exists(), "{told}");
    assert!(told.contains(".vscode is protected and was changed: it is as it was again"), "{told}");
    assert!(!place.workspace.join(".vscode").exists());
}

/// What was found is believed while the surroundings are the same; if it was wrong, nothing weaker is used instead.
#[tokio::test]
async fn what_is_remembered_is_no_reason_to_run_with_less() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let own = place.temp.join("own");
    let sandbox = || Sandbox::new(env!("CARGO_BIN_EXE_codex").into()).remembering(own.clone());
    assert_eq!(sandbox().rung().await.unwrap(), Rung::Full);
    let remembered = fs::read_to_string(own.join("full-walls")).unwrap();
    assert_eq!(sandbox().rung().await.unwrap(), Rung::Full);
    fs::write(own.join("full-walls"), "something else").unwrap();
    assert_eq!(sandbox().rung().await.unwrap(), Rung::Full);
    assert_eq!(fs::read_to_string(own.join("full-walls")).unwrap(), remembered);
    // A helper of the same name that can do nothing: what it cannot hold is an error.
    let broken = Sandbox::new("/bin/true".into()).remembering(own.clone());
    assert!(broken.rung().await.is_err());
}
