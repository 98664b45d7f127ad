//! The domain proxy, with real commands in a real cell: what they reach through it, and that there is no other way.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions that are marked as tests")]

use std::io::{Read, Write};

use codex_sandbox::{Command, Confined, Confinement, Network, Sandbox, SandboxError, Streams};
use tokio::io::AsyncReadExt;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

fn helper() -> std::path::PathBuf {
    env!("CARGO_BIN_EXE_codex").into()
}

/// Walls that let a command write nothing and reach what the proxy lets it.
fn proxied() -> Confinement {
    Confinement::Confined(Confined {
        writable: vec![],
        protected: vec![],
        hidden: vec![],
        caches: vec![],
        temp: None,
        state: None,
        network: Network::Proxied,
        weak: false,
    })
}

fn shell(script: &str) -> Command {
    let environment = [("PATH", PATH), ("https_proxy", "http://192.0.2.1:1")];
    Command {
        argv: ["/bin/bash", "-c", script].map(Into::into).into(),
        directory: "/".into(),
        environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
    }
}

#[tokio::test]
async fn a_cell_brings_its_own_listening_socket() {
    let (sandbox, mut listeners) = Sandbox::with_listeners(helper());
    let script = "exec 3<>/dev/tcp/127.0.0.1/${https_proxy##*:}; echo hello >&3; cat <&3";
    let mut child = sandbox.spawn(&proxied(), shell(script), Streams::Merged).await.unwrap();
    let listener = listeners.recv().await.unwrap();
    assert!(listener.local_addr().unwrap().ip().is_loopback());
    let mut client = listener.accept().unwrap().0;
    let mut greeting = [0; 6];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello\n");
    client.write_all(b"from outside").unwrap();
    drop(client);
    let mut output = String::new();
    child.stdout.read_to_string(&mut output).await.unwrap();
    assert_eq!(output, "from outside");
    let again = sandbox.spawn(&proxied(), shell("true"), Streams::Merged).await.unwrap().wait().await;
    assert_eq!(again.unwrap().shell_code(), 0);
    assert!(listeners.try_recv().is_err(), "one cell, one socket");
    drop(sandbox);
    assert!(listeners.recv().await.is_none(), "the sockets end with the sandbox");
}

#[tokio::test]
async fn a_proxy_that_nobody_serves_is_refused() {
    let (unheard, listeners) = Sandbox::with_listeners(helper());
    drop(listeners);
    for sandbox in [Sandbox::new(helper()), unheard] {
        match sandbox.spawn(&proxied(), shell("true"), Streams::Merged).await {
            Err(SandboxError::Helper(error)) => assert!(error.to_string().contains("nobody serves"), "{error}"),
            other => panic!("{:?}", other.err()),
        }
    }
}
