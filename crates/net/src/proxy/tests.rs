//! The proxy as its clients see it: real sockets on the loopback, with names from a table.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::mpsc,
};

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Not to be reached, and nothing leaves the machine if the proxy tries.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// A far server, and a proxy that lets clients reach it as `far.example`.
struct Place {
    refused: Arc<Mutex<Vec<String>>>,
    port: u16,
    address: SocketAddr,
    far: TcpListener,
}

impl Place {
    async fn new() -> Self {
        let far = TcpListener::bind((HERE, 0)).await.unwrap();
        let port = far.local_addr().unwrap().port();
        let entries = ["far.example", "*.far.example", "inside.example", "alone.example", "moves.example", "127.0.0.1"];
        let domains = Domains::new(&entries.map(|entry| format!("{entry}:{port}"))).unwrap();
        let resolver = Resolver::table([
            ("far.example", [&[HERE][..], &[HERE]]),
            ("inside.example", [&[HERE, INSIDE], &[HERE, INSIDE]]),
            ("alone.example", [&[INSIDE], &[INSIDE]]),
            ("moves.example", [&[HERE], &[INSIDE]]),
        ]);
        let (cells, listeners) = mpsc::unbounded_channel();
        let own = std::net::TcpListener::bind((HERE, 0)).unwrap();
        let address = own.local_addr().unwrap();
        let refused = Arc::default();
        cells.send((own, Arc::clone(&refused))).unwrap();
        tokio::spawn(async move {
            Proxy::new(domains, resolver).serve(listeners).await;
            drop(cells);
        });
        Self { refused, port, address, far }
    }

    /// What a client is answered that says `words` and no more. If it gets through, the server hangs up at once.
    async fn answer(&self, words: impl AsRef<[u8]>) -> Vec<u8> {
        let hang_up = async {
            while let Ok((stream, _)) = self.far.accept().await {
                drop(stream);
            }
            unreachable!("the server is there as long as the place");
        };
        tokio::select! {
            answer = self.say(words) => answer,
            () = hang_up => unreachable!(),
        }
    }

    async fn say(&self, words: impl AsRef<[u8]>) -> Vec<u8> {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(words.as_ref()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A proxy that has heard enough may close before it has read everything.
        let _ = client.read_to_end(&mut answer).await;
        answer
    }

    /// What a client is answered that says `words` and no more, with a server that hears a connection out and answers `reply`; and what it heard.
    async fn exchange(&self, words: impl AsRef<[u8]>, reply: &str) -> (String, String) {
        let server = async {
            let (mut stream, _) = self.far.accept().await.unwrap();
            let mut heard = Vec::new();
            let mut part = [0; 4096];
            // A plain request has no end of its own: its last chunk, or the blank line after its head, is it.
            while !heard.ends_with(b"\r\n\r\n") {
                match stream.read(&mut part).await.unwrap() {
                    0 => break,
                    count => heard.extend_from_slice(&part[..count]),
                }
            }
            stream.write_all(reply.as_bytes()).await.unwrap();
            heard
        };
        let (answer, heard) = tokio::join!(self.say(words), server);
        (text(&answer), text(&heard))
    }

    /// Why the one connection that was made was refused.
    fn reason(&self) -> String {
        let mut refused = std::mem::take(&mut *self.refused.lock().unwrap());
        assert_eq!(refused.len(), 1, "{refused:?}");
        refused.remove(0)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Greeting and request of SOCKS for a name.
fn socks(host: &[u8], port: u16) -> Vec<u8> {
    let port = port.to_be_bytes();
    [&[5, 1, 0, 5, 1, 0, 3, host.len() as u8], host, &port].concat()
}

#[tokio::test]
async fn a_tunnel_carries_both_ways_and_ends_on_each_side_apart() {
    let place = Place::new().await;
    let port = place.port;
    let connect =
        format!("CONNECT Far.Example.:{port} HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\nping");
    let (answer, heard) = place.exchange(connect, "pong").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\npong"), "{answer:?}");
    assert_eq!(heard, "ping");

    let address = [&[5, 2, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1], &port.to_be_bytes()[..]].concat();
    for request in [socks(b"far.example", port), address] {
        let (answer, heard) = place.exchange([&request[..], b"ping"].concat(), "pong").await;
        assert_eq!(answer.as_bytes(), b"\x05\0\x05\0\0\x01\0\0\0\0\0\0pong");
        assert_eq!(heard, "ping");
    }
    // Allowed by name, and known to no resolver.
    assert_eq!(place.answer(socks(b"a.far.example", port)).await, [5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert!(place.refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_plain_request_is_passed_on_without_what_is_the_proxys() {
    let place = Place::new().await;
    let port = place.port;
    let request = format!(
        "POST http://FAR.example:{port}/a?b=c HTTP/1.1\r\nHost: evil.example\r\nAccept: */*\r\nX-Hop: 1\r\n\
         Connection: keep-alive, X-Hop\r\nProxy-Authorization: Basic eDp5\r\nTE: gzip\r\nUpgrade: h2c\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
    let reply = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nKeep-Alive: 5\r\nX-Own: 1\r\n\r\nok";
    let (answer, heard) = place.exchange(request, reply).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 201 ") && head.contains("x-own: 1") && body == "ok", "{answer}");
    assert!(!head.contains("keep-alive"), "{head}");
    let (line, headers) = heard.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /a?b=c HTTP/1.1");
    let (headers, body) = headers.split_once("\r\n\r\n").unwrap();
    let mut headers: Vec<&str> = headers.lines().collect();
    headers.sort_unstable();
    let host = format!("host: far.example:{port}");
    assert_eq!(headers, ["accept: */*", "connection: close", &host, "transfer-encoding: chunked"]);
    assert_eq!(body, "3\r\nabc\r\n0\r\n\r\n");
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged_by_itself() {
    let place = Place::new().await;
    let requests = format!(
        "GET http://far.example:{port}/ HTTP/1.1\r\n\r\nGET http://far.example.evil.com:{port}/ HTTP/1.1\r\n\r\n",
        port = place.port
    );
    let (answer, heard) = place.exchange(requests, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    assert!(heard.starts_with("GET / ") && !heard.contains("evil"), "{heard}");
    let (first, second) = answer.split_once("fine").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 ") && second.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(place.reason().starts_with("far.example.evil.com:"));
}

/// Names that are not to be reached, and a part of the reason; through every way in.
#[tokio::test]
async fn what_may_not_be_reached_is_refused_with_a_reason() {
    let place = Place::new().await;
    let port = place.port;
    let listed = "would allow it".to_owned();
    for (host, part) in [
        ("far.example.evil.com", listed.as_str()),
        ("evilfar.example", &listed),
        ("example", &listed),
        ("127.0.0.2", &listed),
        ("[::1]", &listed),
        ("[::ffff:127.0.0.1]", &listed),
        ("0x7f.2", "127.0.0.2"),
        ("far.example..", "empty"),
        ("far.example%00.evil.com", "character"),
        ("inside.example", "leads to 127.0.0.3, a loopback address"),
        ("alone.example", "leads to 127.0.0.3, a loopback address"),
    ] {
        let target = format!("{host}:{port}");
        for request in [
            format!("CONNECT {target} HTTP/1.1\r\n\r\n"),
            format!("GET http://{target}/ HTTP/1.1\r\nHost: far.example\r\n\r\n"),
        ] {
            let answer = text(&place.answer(&request).await);
            if answer.starts_with("HTTP/1.1 400 ") {
                // No URL could hold it: it was not even a request.
                assert!(place.reason().contains("no HTTP request"));
                continue;
            }
            let reason = place.reason();
            assert!(reason.contains(part), "{request:?}: {reason}");
            assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains(&reason), "{request:?}: {answer}");
        }
        if !host.starts_with('[') {
            let answer = place.answer(socks(host.as_bytes(), port)).await;
            assert_eq!(answer, [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0], "{host}");
            let reason = place.reason();
            assert!(reason.contains(part), "{host}: {reason}");
        }
    }
    for host in [&b"evil.com\0.far.example"[..], b"user@far.example", b"far.example\n", b"far\xff.example", b""] {
        assert_eq!(place.answer(socks(host, port)).await[3], 2, "{host:?}");
        assert!(place.reason().contains("cannot be reached"));
    }
    for (request, part) in [
        (format!("CONNECT user@far.example:{port} HTTP/1.1\r\n\r\n"), "user's name"),
        (format!("GET http://user:secret@far.example:{port}/ HTTP/1.1\r\n\r\n"), "user's name"),
        ("CONNECT far.example HTTP/1.1\r\n\r\n".to_owned(), "port"),
        ("CONNECT far.example:443 HTTP/1.1\r\n\r\n".to_owned(), "`far.example` in sandbox.allow_domains"),
        ("\x16\x03\x01\x02\0".to_owned(), "no HTTP request"),
    ] {
        place.answer(&request).await;
        let reason = place.reason();
        assert!(reason.contains(part), "{request:?}: {reason}");
    }
}

#[tokio::test]
async fn what_is_no_request_for_a_proxy_is_told_so() {
    let place = Place::new().await;
    for (request, status, part) in [
        ("GET / HTTP/1.1\r\nHost: far.example\r\n\r\n", 400, "this is a proxy"),
        ("GET https://far.example/ HTTP/1.1\r\n\r\n", 400, "this is a proxy"),
        ("CONNECT a.far.example:{port} HTTP/1.1\r\n\r\n", 502, "cannot be reached"),
        (&format!("GET http://far.example/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431, ""),
    ] {
        let answer = text(&place.answer(request.replace("{port}", &place.port.to_string())).await);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(part), "{request}: {answer}");
    }
    let (no_method, bind, no_kind) = ([5, 1, 2], [5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80], [5, 1, 0, 5, 1, 0, 9, 0]);
    assert_eq!(place.answer(no_method).await, [5, 255]);
    assert_eq!(place.answer(bind).await[..4], [5, 0, 5, 7]);
    assert_eq!(place.answer(no_kind).await[..4], [5, 0, 5, 8]);
    assert_eq!(place.answer([5, 1, 0, 4]).await, [5, 0]);
    assert!(place.answer([]).await.is_empty());
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_connection() {
    let place = Place::new().await;
    let request = socks(b"moves.example", place.port);
    let (answer, _) = place.exchange([&request[..], b"ping"].concat(), "pong").await;
    assert!(answer.ends_with("pong"), "{answer:?}");
    assert_eq!(place.answer(&request).await[3], 2);
    assert!(place.reason().contains("leads to 127.0.0.3"));
}

#[tokio::test]
async fn silent_clients_keep_nobody_waiting() {
    let place = Place::new().await;
    let mut silent = Vec::new();
    for words in [&b""[..], b"CONNECT far", b"\x05"].iter().cycle().take(MOST_CONNECTIONS - 1) {
        let mut client = TcpStream::connect(place.address).await.unwrap();
        client.write_all(words).await.unwrap();
        silent.push(client);
    }
    let request = socks(b"far.example", place.port);
    let (answer, _) = place.exchange(&request[..], "pong").await;
    assert!(answer.ends_with("pong"), "{answer:?}");
    // With all places taken, the next client is served when one of the others leaves.
    silent.push(TcpStream::connect(place.address).await.unwrap());
    let mut next = TcpStream::connect(place.address).await.unwrap();
    next.write_all(&request).await.unwrap();
    drop(silent.pop());
    place.far.accept().await.unwrap();
    drop(next);
}

#[tokio::test]
async fn connections_end_with_the_proxy() {
    let (cells, listeners) = mpsc::unbounded_channel();
    let own = std::net::TcpListener::bind((HERE, 0)).unwrap();
    let address = own.local_addr().unwrap();
    cells.send((own, Arc::default())).unwrap();
    let far = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = far.local_addr().unwrap().port();
    let domains = Domains::new(&[format!("127.0.0.1:{port}")]).unwrap();
    let proxy = tokio::spawn(Proxy::new(domains, Resolver::System).serve(listeners));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&socks(b"127.0.0.1", port)).await.unwrap();
    let (mut server, _) = far.accept().await.unwrap();
    drop(cells);
    proxy.await.unwrap();
    assert_eq!(server.read(&mut [0]).await.unwrap_or_default(), 0, "the tunnel outlived the proxy");
    let _ = client.read_to_end(&mut Vec::new()).await;
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_not_waited_for() {
    for words in [&b"CONNECT far.example:443 HTTP/1.1\r\nHost: "[..], b"\x05\x01\0\x05\x01\0\x03\xffabc"] {
        let (mut client, server) = duplex(1 << 10);
        client.write_all(words).await.unwrap();
        let proxy = nothing_allowed();
        let served = async {
            let _ = match words[0] {
                socks::VERSION => socks::serve(&proxy, server).await,
                _ => http::serve(&proxy, server).await,
            };
        };
        timeout(2 * LONGEST_HEAD, served).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

fn nothing_allowed() -> Arc<CellProxy> {
    let proxy = Proxy::new(Domains::default(), Resolver::table::<0, 0>([]));
    Arc::new(CellProxy { proxy: Arc::new(proxy), refused: Arc::default() })
}

/// Bytes that look like what clients say, cut and mixed.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop_oneof![
        Just(&b"CONNECT "[..]),
        Just(&b"GET "[..]),
        Just(&b"http://"[..]),
        Just(&b"far.example"[..]),
        Just(&b":443"[..]),
        Just(&b"@"[..]),
        Just(&b"[::ffff:127.0.0.1]"[..]),
        Just(&b" HTTP/1.1\r\n"[..]),
        Just(&b"Connection: x, close\r\n"[..]),
        Just(&b"Content-Length: 18446744073709551616\r\n"[..]),
        Just(&b"Transfer-Encoding: chunked\r\n"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\x05\x01\0"[..]),
        Just(&b"\x05\x01\0\x03\x0b"[..]),
        Just(&b"\0"[..]),
    ];
    let parts = prop_oneof![parts.prop_map(<[u8]>::to_vec), proptest::collection::vec(any::<u8>(), 0..8)];
    proptest::collection::vec(parts, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_client_can_make_it_panic_or_wait_or_connect(words in words()) {
        let runtime = runtime();
        runtime.block_on(async {
            let proxy = nothing_allowed();
            for socks_is_spoken in [false, true] {
                let (mut client, server) = duplex(1 << 16);
                client.write_all(&words).await.unwrap();
                client.shutdown().await.unwrap();
                let _ = match socks_is_spoken {
                    true => socks::serve(&proxy, server).await,
                    false => http::serve(&proxy, server).await,
                };
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                assert!(!answer.starts_with(b"HTTP/1.1 200") && answer.get(3) != Some(&0), "{answer:?}");
            }
        });
    }

    #[test]
    fn a_host_is_brought_into_its_spelling_once(text in "\\PC{0,40}|[a-zA-Z0-9.:\\[\\]-]{0,40}") {
        if let Ok(target) = target::Target::new(&text, 443) {
            let again = target::Target::new(&target.host.to_string(), 443);
            prop_assert_eq!(again.as_ref(), Ok(&target));
            // What an advice names is an entry, and names it.
            prop_assert!(Domains::new(&[target.entry()]).unwrap().name(&target));
        }
        let _ = Domains::new(&[text]);
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
