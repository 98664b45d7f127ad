//! The way of requests to a model: through proxies, over TLS with an authority of one's own, over HTTP/2.

use std::{
    convert::Infallible,
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use hyper::{Request, body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, crypto,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::support::Place;

/// A name that no resolver knows: who reaches it has asked a proxy.
const FAR: &str = "model.example";

/// What a server was asked for, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A proxy that takes everybody to one server. It ends with the process.
struct Proxy {
    address: SocketAddr,
    seen: Seen,
}

impl Proxy {
    /// One that speaks HTTP, or SOCKS 5 if the first byte says so.
    fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (Ok(connection), told) = (connection, Arc::clone(&told)) else { break };
                thread::spawn(move || relay(connection, target, &told));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves one connection of a proxy.
fn relay(mut client: TcpStream, target: SocketAddr, seen: &Seen) -> io::Result<()> {
    let mut first = [0];
    client.read_exact(&mut first)?;
    let mut server = TcpStream::connect(target)?;
    if first == [5] {
        let host = socks(&mut client)?;
        seen.lock().unwrap().push(format!("SOCKS {host}"));
    } else {
        let mut head = first.to_vec();
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut first)?;
            head.push(first[0]);
        }
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        match line.starts_with("CONNECT ") {
            true => client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?,
            false => server.write_all(&head)?,
        }
        seen.lock().unwrap().push(line);
    }
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut client, &mut server)?;
    Ok(())
}

/// The rest of the opening of SOCKS 5 (RFC 1928) without a password: the name that is asked for.
fn socks(client: &mut TcpStream) -> io::Result<String> {
    let read = |client: &mut TcpStream, length: usize| {
        let mut bytes = vec![0; length];
        client.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(client, 1)?[0];
    read(client, methods.into())?;
    client.write_all(&[5, 0])?;
    let head = read(client, 5)?;
    let name = read(client, head[4].into())?;
    read(client, 2)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// A server over TLS before the scripted one. Its certificate is of an authority that nobody knows.
struct Tls {
    address: SocketAddr,
    /// What was agreed on with each client.
    seen: Seen,
    /// The certificate of the authority, as PEM.
    authority: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tls {
    /// One that offers these protocols.
    fn before(target: SocketAddr, protocols: &[&str]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&authority_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![FAR.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let own = own.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
        let (stop, stopped) = oneshot::channel();
        let told = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(&listener, &acceptor, target, &told) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, authority: certificate, stop: Some(stop), thread: Some(thread) }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &tokio::net::TcpListener, acceptor: &TlsAcceptor, target: SocketAddr, seen: &Seen) {
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(seen));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(connection).await else { return };
            let agreed = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
            seen.lock().unwrap().push(String::from_utf8_lossy(&agreed).into_owned());
            let service = service_fn(move |request| async move { Ok::<_, Infallible>(pass_on(request, target).await) });
            let stream = TokioIo::new(stream);
            match &agreed[..] {
                b"h2" => {
                    let _ = conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
                }
                _ => {
                    let _ = conn::http1::Builder::new().serve_connection(stream, service).await;
                }
            }
        });
    }
}

/// The answer of the server behind.
async fn pass_on(request: Request<Incoming>, target: SocketAddr) -> hyper::Response<Incoming> {
    let stream = tokio::net::TcpStream::connect(target).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    parts.uri = parts.uri.path().parse().unwrap();
    parts.version = hyper::Version::HTTP_11;
    parts.headers.insert("host", "127.0.0.1".parse().unwrap());
    sender.send_request(Request::from_parts(parts, body)).await.unwrap()
}

/// A place whose provider is at `base_url`.
fn place(base_url: impl FnOnce(SocketAddr) -> String) -> (Place, SocketAddr) {
    let place = Place::new(json!([{ "text": "there" }]));
    let address = place.server.base_url();
    let address: SocketAddr = address.trim_start_matches("http://").trim_end_matches("/v1").parse().unwrap();
    let settings = format!(
        "model = \"mock\"\nmodel_provider = \"mock\"\n[model_providers.mock]\nenv_key = \"MOCK_KEY\"\nbase_url = \"{}\"\n\
         stream_max_retries = 0\n",
        base_url(address)
    );
    fs::write(place.home.join("config.toml"), settings).unwrap();
    (place, address)
}

/// What a turn comes to: the exit code, the answer and what was said of it.
fn go(place: &Place, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = place.codex(&["exec", "go"]);
    let output = command.env("MOCK_KEY", "k-0123456789").envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn plain_requests_go_through_the_proxy_that_a_variable_names() {
    let far = format!("http://{FAR}/v1");
    for (variable, scheme, line) in [
        ("http_proxy", "http://", "POST http://model.example/v1/responses HTTP/1.1"),
        ("HTTP_PROXY", "", "POST http://model.example/v1/responses HTTP/1.1"),
        ("ALL_PROXY", "http://", "POST http://model.example/v1/responses HTTP/1.1"),
        ("all_proxy", "socks5h://", "SOCKS model.example"),
    ] {
        let (place, address) = place(|_| far.clone());
        let proxy = Proxy::to(address);
        let named = format!("{scheme}{}", proxy.address);
        let (code, stdout, stderr) = go(&place, &[(variable, &named), ("https_proxy", "http://127.0.0.1:9")]);
        assert_eq!((code, stdout.as_str()), (Some(0), "there\n"), "{variable}: {stderr}");
        assert_eq!(proxy.seen(), [line], "{variable}");
        // Who is to be asked directly is, whoever that is.
        let (code, _, stderr) = go(&place, &[(variable, &named), ("NO_PROXY", "x.example, .example")]);
        assert!(code == Some(1) && stderr.contains("cannot connect to http://model.example/v1/responses"), "{stderr}");
        assert_eq!(proxy.seen().len(), 1, "{variable}");
    }
}

#[test]
fn this_machine_is_asked_without_a_proxy() {
    for host in ["127.0.0.1", "localhost"] {
        let (place, _) = place(|address| format!("http://{host}:{}/v1", address.port()));
        let dead = [("http_proxy", "http://127.0.0.1:9"), ("all_proxy", "http://127.0.0.1:9")];
        let (code, stdout, stderr) = go(&place, &dead);
        assert_eq!((code, stdout.as_str()), (Some(0), "there\n"), "{host}: {stderr}");
    }
}

#[test]
fn a_variable_that_names_no_proxy_is_named_and_nothing_is_sent() {
    let (place, _) = place(|_| format!("http://{FAR}/v1"));
    let (code, _, stderr) = go(&place, &[("HTTP_PROXY", "ftp://me:s3cret@proxy.example")]);
    assert!(code == Some(1) && stderr.contains("HTTP_PROXY does not hold the address of a proxy"), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

/// Writes the certificate of the authority below `home`: as a file, and alone in a directory.
fn keep(tls: &Tls, home: &Path) -> (String, String) {
    let directory = home.join("authorities");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("own.pem");
    fs::write(&file, &tls.authority).unwrap();
    (file.display().to_string(), directory.display().to_string())
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_a_variable_names_it() {
    for (offered, agreed) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1"), (&[], "")] {
        let mut tls = None;
        let (place, _) = place(|target| {
            let tls = tls.insert(Tls::before(target, offered));
            format!("https://{}/v1", tls.address)
        });
        let tls = tls.unwrap();
        let (file, directory) = keep(&tls, &place.home);
        // Without a word it is nobody's.
        let (code, _, stderr) = go(&place, &[]);
        assert!(code == Some(1) && stderr.contains("certificate"), "{stderr}");
        assert!(tls.seen().is_empty() && place.server.requests().is_empty());
        for (variable, value) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &directory)] {
            let (code, stdout, stderr) = go(&place, &[(variable, value)]);
            assert_eq!((code, stdout.is_empty()), (Some(0), false), "{variable}: {stderr}");
            assert_eq!(tls.seen().pop().as_deref(), Some(agreed), "{variable}");
        }
        assert_eq!(place.server.requests()[0].header("authorization"), "Bearer k-0123456789");
    }
}

/// A server that takes the connection and says nothing of TLS.
#[test]
fn connecting_may_take_as_long_as_is_configured() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (place, _) = place(|_| format!("https://{}/v1", silent.local_addr().unwrap()));
    let file = place.home.join("config.toml");
    let settings = fs::read_to_string(&file).unwrap() + "connect_timeout_ms = 250\n";
    fs::write(&file, settings).unwrap();
    let (code, _, stderr) = go(&place, &[]);
    assert!(code == Some(1) && stderr.contains("cannot connect to https://127.0.0.1"), "{stderr}");
    assert!(stderr.contains("timed out"), "{stderr}");
}

/// The proxy only hears to whom it is to connect.
#[test]
fn what_goes_over_tls_is_no_business_of_the_proxy() {
    for (variable, scheme) in [("HTTPS_PROXY", "http"), ("all_proxy", "socks5h")] {
        let mut tls = None;
        let (place, _) = place(|target| {
            let tls = tls.insert(Tls::before(target, &["h2"]));
            format!("https://{FAR}:{}/v1", tls.address.port())
        });
        let tls = tls.unwrap();
        let proxy = Proxy::to(tls.address);
        let (file, _) = keep(&tls, &place.home);
        let (code, stdout, stderr) =
            go(&place, &[(variable, &format!("{scheme}://{}", proxy.address)), ("SSL_CERT_FILE", &file)]);
        assert_eq!((code, stdout.as_str()), (Some(0), "there\n"), "{variable}: {stderr}");
        let connect = match scheme {
            "http" => format!("CONNECT {FAR}:{} HTTP/1.1", tls.address.port()),
            _ => format!("SOCKS {FAR}"),
        };
        assert_eq!((proxy.seen(), tls.seen()), (vec![connect], vec!["h2".to_owned()]), "{variable}");
    }
}
