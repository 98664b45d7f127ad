//! The domain proxy, with real commands in a real cell: what they reach through it, and that there is no other way.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions that are marked as tests")]

pub mod apart;
mod settings;

use std::{
    io::{self, Read, Write},
    net::IpAddr,
    slice,
};

use codex_net::proxy::{Domains, Proxy, Resolver};
use codex_sandbox::{Command, Confined, Confinement, Exit, Network, Sandbox, SandboxError, Streams};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

use apart::apart;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

fn helper() -> std::path::PathBuf {
    env!("CARGO_BIN_EXE_codex").into()
}

/// Walls that let a command write nothing and reach what the proxy lets it.
fn proxied() -> Confinement {
    Confinement::Confined(Confined {
        writable: vec![],
        real: vec![],
        protected: vec![],
        hidden: vec![],
        in_git: vec![],
        denied_programs: vec![],
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
    not_inside_another_sandbox!();
    let (sandbox, mut listeners) = Sandbox::with_listeners(helper());
    let script = "exec 3<>/dev/tcp/127.0.0.1/${https_proxy##*:}; echo hello >&3; cat <&3";
    let mut child = sandbox.spawn(&proxied(), shell(script), Streams::Merged).await.unwrap();
    let (listener, refusals) = listeners.recv().await.unwrap();
    refusals.lock().unwrap().push("not there".to_owned());
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
    child.wait().await.unwrap();
    assert_eq!(child.process.noticed().refused, ["not there"]);
    let again = sandbox.spawn(&proxied(), shell("true"), Streams::Merged).await.unwrap().wait().await;
    assert_eq!(again.unwrap().shell_code(), 0);
    assert!(listeners.try_recv().is_err(), "one cell, one socket");
    drop(sandbox);
    assert!(listeners.recv().await.is_none(), "the sockets end with the sandbox");
}

#[tokio::test]
async fn a_proxy_that_nobody_serves_is_refused() {
    not_inside_another_sandbox!();
    let (unheard, listeners) = Sandbox::with_listeners(helper());
    drop(listeners);
    for sandbox in [Sandbox::new(helper()), unheard] {
        match sandbox.spawn(&proxied(), shell("true"), Streams::Merged).await {
            Err(SandboxError::Helper(error)) => assert!(error.to_string().contains("nobody serves"), "{error}"),
            other => panic!("{:?}", other.err()),
        }
    }
}

/// A sandbox whose commands reach far hosts through a proxy that knows their names.
struct Far {
    sandbox: Sandbox,
    serving: JoinHandle<()>,
}

const WEB: [u8; 4] = [198, 51, 100, 7];
const EVIL: [u8; 4] = [198, 51, 100, 9];
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
const METADATA: [u8; 4] = [169, 254, 169, 254];

impl Far {
    async fn new() -> Self {
        serve_http(WEB, 80, "far away").await;
        serve_http(WEB, 8443, "another port").await;
        serve_http(EVIL, 80, "evil").await;
        serve_http(LOOPBACK, 80, "inside").await;
        let entries = ["docs.example", "*.files.example", "api.example:8443", "inside.example", "cloud.example"];
        let entries = entries.into_iter().chain(["moves.example"]).collect::<Vec<_>>();
        let names = [
            ("docs.example", WEB, WEB),
            ("a.files.example", WEB, WEB),
            ("files.example", WEB, WEB),
            ("api.example", WEB, WEB),
            ("inside.example", LOOPBACK, LOOPBACK),
            ("cloud.example", METADATA, METADATA),
            ("moves.example", WEB, LOOPBACK),
            ("docs.example.evil.com", EVIL, EVIL),
            ("evildocs.example", EVIL, EVIL),
        ];
        let names = names.map(|(name, first, then)| (name, [IpAddr::from(first), IpAddr::from(then)]));
        let names =
            names.each_ref().map(|(name, [first, then])| (*name, [slice::from_ref(first), slice::from_ref(then)]));
        let proxy = Proxy::new(Domains::new(&entries).unwrap(), Resolver::table(names));
        let (sandbox, listeners) = Sandbox::with_listeners(helper());
        Self { sandbox, serving: tokio::spawn(proxy.serve(listeners)) }
    }

    async fn run(&self, script: &str) -> Ran {
        run(&self.sandbox, &proxied(), script).await
    }
}

/// Exit, all output, and what was refused meanwhile.
type Ran = (i32, String, Vec<String>);

async fn run(sandbox: &Sandbox, confinement: &Confinement, script: &str) -> Ran {
    let mut child = sandbox.spawn(confinement, shell(script), Streams::Merged).await.unwrap();
    let mut output = String::new();
    child.stdout.read_to_string(&mut output).await.unwrap();
    let status = child.wait().await.unwrap().shell_code();
    (status, output, child.process.noticed().refused.clone())
}

/// A server that answers every request with `body`; its port.
async fn serve_http(address: [u8; 4], port: u16, body: &'static str) -> u16 {
    let server = TcpListener::bind((IpAddr::from(address), port)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = server.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(client.read_u8().await?);
                }
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close", body.len());
                client.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await
            });
        }
    });
    port
}

/// Python's own client, which reads the variables as most libraries do.
const PYTHON: &str =
    "fetch() { python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read())' $1; }; ";

/// Every byte of a SOCKS request as the attacker likes it: `$1` is the name, in `printf`'s escapes, `$2` its length.
const SOCKS: &str = "socks() { exec 3<>/dev/tcp/127.0.0.1/${https_proxy##*:}; printf '\\5\\1\\0' >&3; head -c 2 <&3 >/dev/null; \
    printf \"\\\\5\\\\1\\\\0\\\\3\\\\x$2$1\\\\0\\\\x50\" >&3; head -c 2 <&3 | od -An -tx1; exec 3>&-; }; ";

#[test]
fn named_domains_are_reached_by_every_protocol() {
    not_inside_another_sandbox!();
    apart("proxy::named_domains_are_reached_by_every_protocol", async {
        let far = Far::new().await;
        for (script, expected) in [
            ("curl -sS http://docs.example/", "far away"),
            ("curl -sS http://DOCS.example.:80/x?y", "far away"),
            ("curl -sSp http://docs.example/", "far away"),
            ("curl -sS --proxy socks5h://${ALL_PROXY#http://} http://docs.example/", "far away"),
            ("curl -sS http://a.files.example/", "far away"),
            ("curl -sSp http://api.example:8443/", "another port"),
            ("curl -sS http://docs.example/ http://docs.example/", "far awayfar away"),
            (&format!("{PYTHON} fetch http://docs.example/"), "b'far away'\n"),
            (&format!("{SOCKS} socks docs.example 0c"), " 05 00\n"),
        ] {
            assert_eq!(far.run(script).await, (0, expected.to_owned(), vec![]), "{script}");
        }
    });
}

#[test]
fn everything_else_is_refused_and_told() {
    not_inside_another_sandbox!();
    apart("proxy::everything_else_is_refused_and_told", async {
        let far = Far::new().await;
        for (url, refused) in [
            ("http://docs.example.evil.com/", "docs.example.evil.com:80"),
            ("http://evildocs.example/", "evildocs.example:80"),
            ("http://files.example/", "files.example:80"),
            ("http://docs.example:8443/", "docs.example:8443"),
            ("http://198.51.100.7/", "198.51.100.7:80"),
            ("http://inside.example/", "inside.example:80"),
            ("http://cloud.example/", "cloud.example:80"),
            ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]:80"),
            ("http://[::ffff:c633:6407]/", "[::ffff:c633:6407]:80"),
        ] {
            let plain = format!("curl -sS -g -w ' %{{http_code}}' {url}");
            let (_, output, told) = far.run(&plain).await;
            let told_once = told.len() == 1 && told[0].starts_with(refused);
            assert!(told_once && told[0].contains("sandbox.allow_domains"), "{url}: {told:?}");
            assert!(output.ends_with(" 403") && output.contains(&told[0]), "{plain}: {output}");
            for script in
                [format!("curl -sSp -g {url}"), format!("curl -sS -g --proxy socks5h://${{ALL_PROXY#http://}} {url}")]
            {
                let (status, output, again) = far.run(&format!("{script} || {script}")).await;
                assert_ne!(status, 0, "{script}: {output}");
                assert_eq!(again, told, "{script}");
            }
        }
        for (name, length) in [
            ("evil.com\\\\0.docs.example", "16"),
            ("evil.com@docs.example", "15"),
            ("docs.example..", "0e"),
            ("docs.example\\\\n", "0d"),
        ] {
            let script = format!("{SOCKS} socks '{name}' {length}");
            let (_, output, told) = far.run(&script).await;
            assert_eq!((output.as_str(), told.len()), (" 05 02\n", 1), "{name}");
        }
        // A name that moves is judged anew with each connection, and what was judged is what is dialled.
        assert_eq!(far.run("curl -sS http://moves.example/").await.1, "far away");
        assert!(far.run("curl -sS http://moves.example/").await.1.contains("loopback"));
    });
}

#[test]
fn there_is_no_other_way_out() {
    not_inside_another_sandbox!();
    apart("proxy::there_is_no_other_way_out", async {
        let far = Far::new().await;
        let name_server = UdpSocket::bind((IpAddr::from(WEB), 53)).await.unwrap();
        let direct = "curl -sS --noproxy '*' http://198.51.100.7/";
        let datagram = "echo query >/dev/udp/198.51.100.7/53";
        for script in [
            direct,
            datagram,
            "exec 3<>/dev/tcp/198.51.100.7/80",
            "getent hosts docs.example",
            "curl -sS --noproxy '*' http://docs.example/",
            "curl -sS --noproxy '*' http://127.0.0.1:80/",
            "env -i PATH=$PATH curl -sS http://198.51.100.7/",
        ] {
            let (status, output, _) = far.run(script).await;
            assert_ne!(status, 0, "{script}: {output}");
        }
        let nothing = name_server.try_recv(&mut [0; 16]).map_err(|error| error.kind());
        assert_eq!(nothing, Err(io::ErrorKind::WouldBlock));
        // Without the walls, both get there.
        assert_eq!(run(&far.sandbox, &Confinement::Unconfined, direct).await, (0, "far away".to_owned(), vec![]));
        assert_eq!(run(&far.sandbox, &Confinement::Unconfined, datagram).await.0, 0);
        assert_eq!(name_server.recv(&mut [0; 16]).await.unwrap(), "query\n".len());
    });
}

#[test]
fn servers_inside_the_cell_are_reached_without_the_proxy() {
    not_inside_another_sandbox!();
    apart("proxy::servers_inside_the_cell_are_reached_without_the_proxy", async {
        let far = Far::new().await;
        let serve = "import http.server as s\n\
            class H(s.BaseHTTPRequestHandler):\n  def do_GET(self): self.send_response(200); self.end_headers(); \
            self.wfile.write(b\"own\")\n  def log_message(*a): pass\n\
            t = s.HTTPServer((\"127.0.0.1\", 0), H); print(t.server_port, flush=True); t.serve_forever()";
        let script = format!(
            "{PYTHON} exec 4< <(exec python3 -c '{serve}'); read port <&4; \
             curl -sS http://localhost:$port/; curl -sS http://docs.example/; fetch http://127.0.0.1:$port/"
        );
        assert_eq!(far.run(&script).await, (0, "ownfar awayb'own'\n".to_owned(), vec![]));
    });
}

#[test]
fn the_proxy_ends_with_the_session() {
    not_inside_another_sandbox!();
    apart("proxy::the_proxy_ends_with_the_session", async {
        let far = Far::new().await;
        let server = TcpListener::bind((IpAddr::from(WEB), 443)).await.unwrap();
        let open = shell(
            "exec 3<>/dev/tcp/127.0.0.1/${https_proxy##*:}; printf 'CONNECT docs.example:443 HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3; \
             exec sleep 1000",
        );
        let mut child = far.sandbox.spawn(&proxied(), open, Streams::Merged).await.unwrap();
        let (mut tunnel, _) = server.accept().await.unwrap();
        tunnel.write_all(b"through").await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"through") {
            seen.push(child.stdout.read_u8().await.unwrap());
        }
        let Far { sandbox, serving } = far;
        drop(sandbox);
        assert_eq!(tunnel.read(&mut [0]).await.unwrap_or_default(), 0);
        child.stdout.read_to_end(&mut seen).await.unwrap();
        let ended = child.wait().await;
        assert!(matches!(ended, Err(_) | Ok(Exit::Signal(9))), "the command outlived its cell: {ended:?}");
        serving.await.unwrap();
    });
}
