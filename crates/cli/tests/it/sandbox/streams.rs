//! What goes into a command and what comes out of it: environment, arguments, input, output, exit.

use std::{fs, os::unix::ffi::OsStringExt};

use codex_sandbox::{Confinement, Exit, SandboxError, Streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{PATH, Place, read_all};

#[tokio::test]
async fn the_environment_is_what_was_given() {
    not_inside_another_sandbox!();
    let place = Place::new();
    for confinement in [place.write(), Confinement::Unconfined] {
        let mut command = place.command(&["env"]);
        command.environment =
            [("PATH".into(), PATH.into()), ("B".into(), "x=y\nz".into()), ("A".into(), "".into())].into();
        assert_eq!(place.run(&confinement, command).await, (0, format!("A=\nB=x=y\nz\nPATH={PATH}\n")));
    }
}

#[tokio::test]
async fn arguments_arrive_whole() {
    let place = Place::new();
    let mut command = place.shell("printf '%s' \"$0\" | od -An -tx1; shift 9; echo ${#1}");
    command.argv.push(std::ffi::OsString::from_vec(vec![0xff, 0xfe]));
    command.argv.extend((0..10).map(|_| "x".repeat(100_000).into()));
    assert_eq!(place.run(&place.write(), command).await, (0, " ff fe\n100000\n".to_owned()));
}

#[tokio::test]
async fn exits_are_reported_as_they_were() {
    let place = Place::new();
    let cases = [
        ("exit 0", Exit::Code(0)),
        ("exit 7", Exit::Code(7)),
        ("exit 255", Exit::Code(255)),
        ("kill -TERM $$", Exit::Signal(15)),
        ("kill -KILL $$", Exit::Signal(9)),
        // Rust programs ignore SIGPIPE; a command must not inherit that.
        ("kill -PIPE $$", Exit::Signal(13)),
        ("kill -CHLD $$; kill -HUP $$", Exit::Signal(1)),
        ("(exit 3) & wait $!", Exit::Code(3)),
    ];
    for confinement in [place.write(), Confinement::Unconfined] {
        for (script, expected) in cases {
            let mut child = place.start(&confinement, place.shell(script)).await;
            assert_eq!(child.wait().await.unwrap(), expected, "{script}");
            assert_eq!(child.wait().await.unwrap(), expected, "{script}, asked again");
        }
    }
}

#[tokio::test]
async fn what_cannot_start_is_an_error_and_no_exit() {
    let place = Place::new();
    fs::write(place.workspace.join("plain"), "").unwrap();
    let cases = [
        ("nowhere-to-be-found", "", "cannot run `nowhere-to-be-found`: No such file"),
        ("/bin/nowhere-to-be-found", "", "cannot run `/bin/nowhere-to-be-found`: No such file"),
        ("./plain", "", "cannot run `./plain`: Permission denied"),
        ("/bin", "", "cannot run `/bin`: Permission denied"),
        ("", "", "cannot run ``: No such file"),
        ("true", "missing", "missing`: No such file"),
        ("true", "plain", "plain`: Not a directory"),
    ];
    for confinement in [place.write(), Confinement::Unconfined] {
        for (program, directory, expected) in cases {
            let mut command = place.command(&[program]);
            command.directory = place.workspace.join(directory);
            let error = place.error(&confinement, command).await;
            assert!(matches!(error, SandboxError::Program { .. } | SandboxError::Directory { .. }), "{error:?}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn much_output_arrives_whole() {
    const BYTES: usize = 64 << 20;
    let place = Place::new();
    for confinement in [place.write(), Confinement::Unconfined] {
        let mut child = place.start(&confinement, place.shell(&format!("head -c {BYTES} /dev/zero"))).await;
        let (mut count, mut buffer) = (0, vec![0; 1 << 20]);
        loop {
            match child.stdout.read(&mut buffer).await.unwrap() {
                0 => break,
                read => count += read,
            }
        }
        assert_eq!((count, child.wait().await.unwrap()), (BYTES, Exit::Code(0)));
    }
}

#[tokio::test]
async fn streams_are_merged_in_order_or_apart() {
    let place = Place::new();
    let script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
    assert_eq!(place.run(&place.write(), place.shell(script)).await, (0, "1\n2\n3\n4\n".to_owned()));
    let spawned = place.sandbox.spawn(&place.write(), place.shell(script), Streams::Separate).await;
    let mut child = spawned.unwrap();
    assert!(child.stdin.is_none());
    assert_eq!(read_all(&mut child.stdout).await, "1\n3\n");
    assert_eq!(read_all(child.stderr.as_mut().unwrap()).await, "2\n4\n");
}

#[tokio::test]
async fn input_is_empty_or_a_pipe() {
    let place = Place::new();
    assert_eq!(place.run(&place.write(), place.shell("cat; echo end")).await, (0, "end\n".to_owned()));
    let spawned = place.sandbox.spawn_with_input(&place.write(), place.command(&["cat"]), Streams::Separate).await;
    let mut child = spawned.unwrap();
    child.stdin.as_mut().unwrap().write_all(b"through").await.unwrap();
    let mut echo = [0; 7];
    child.stdout.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"through");
    child.stdin = None;
    assert_eq!(child.wait().await.unwrap(), Exit::Code(0));
}
