//! Pages from real sockets, by names of a table.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PRIVATE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));
const LIMITS: WebLimits = WebLimits { bytes: 1 << 20, time: Duration::from_secs(20) };

/// A server that gives the answers of a table by their paths, and what it was asked, whole. `{port}` in an answer is its
/// own port.
async fn serve(answers: &[(&str, &str)]) -> (u16, UnboundedReceiver<String>) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = |(path, answer): &(&str, &str)| ((*path).to_owned(), answer.replace("{port}", &port.to_string()));
    let answers: Arc<BTreeMap<String, String>> = Arc::new(answers.iter().map(own).collect());
    let (told, asked) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (told, answers) = (told.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let _ = told.send(head);
                stream.write_all(answers.get(&path).map_or("", String::as_str).as_bytes()).await?;
                match path.as_str() {
                    // It never ends.
                    "/endless" => loop {
                        stream.write_all(&[b'x'; 4096]).await?;
                    },
                    "/silent" => std::future::pending().await,
                    _ => Ok::<_, std::io::Error>(()),
                }
            });
        }
    });
    (port, asked)
}

fn web(private: &[String], resolver: Resolver) -> Web {
    let hosts = WebHosts { private: Domains::new(private).unwrap(), ..WebHosts::default() };
    Web::new(hosts, resolver, "tester/1")
}

fn url(text: &str) -> Url {
    web_address(text).unwrap()
}

async fn refused(web: &Web, address: &str) -> String {
    match web.get(&url(address), NamedBy::Other, LIMITS).await {
        Err(FetchError::Refused(reason)) => reason,
        other => panic!("{address}: {other:?}"),
    }
}

#[tokio::test]
async fn the_address_is_all_that_is_sent() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello";
    let (port, mut asked) = serve(&[("/a?b=c", page)]).await;
    let web = web(&[format!("site.test:{port}")], Resolver::table([("site.test", [&[HERE]])]));
    let address = url(&format!("http://site.test:{port}/a?b=c#part"));
    for _ in 0..2 {
        let Found::Page(page) = web.get(&address, NamedBy::Other, LIMITS).await.unwrap() else { panic!() };
        assert_eq!(
            (page.status, page.content_type.as_deref(), page.body.as_slice(), page.is_whole),
            (200, Some("text/plain"), b"hello".as_slice(), true)
        );
        let head = asked.recv().await.unwrap();
        let mut names: Vec<&str> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{head}");
        assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{head}");
    }
}

#[tokio::test]
async fn no_spelling_of_an_address_leads_to_this_machine_or_its_network() {
    let (port, mut asked) = serve(&[]).await;
    let names = [
        ("private.test", [&[PRIVATE][..]]),
        ("spoiled.test", [&[PUBLIC, HERE]]),
        ("here.test", [&[HERE]]),
        ("metadata.test", [&["169.254.169.254".parse().unwrap()]]),
        ("six.test", [&["::ffff:127.0.0.1".parse().unwrap()]]),
    ];
    let web = web(&[], Resolver::table(names));
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "private.test",
        "spoiled.test",
        "here.test",
        "metadata.test",
        "six.test",
        "HERE.test.",
    ] {
        let reason = refused(&web, &format!("http://{host}:{port}/")).await;
        assert!(reason.contains("search.private_hosts"), "{host}: {reason}");
    }
    assert!(asked.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_name_is_looked_up_again_for_each_request_and_judged_again() {
    let (port, mut asked) = serve(&[("/", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]).await;
    // What is opened by name is opened for that name alone.
    let names = [("site.test", [&[HERE][..], &[HERE]]), ("other.test", [&[HERE], &[HERE]])];
    let web = web(&[format!("site.test:{port}")], Resolver::table(names));
    web.get(&url(&format!("http://site.test:{port}/")), NamedBy::Other, LIMITS).await.unwrap();
    asked.recv().await.unwrap();
    refused(&web, &format!("http://other.test:{port}/")).await;
    refused(&web, &format!("http://127.0.0.1:{port}/")).await;
    // Another port of the same host is another door.
    refused(&web, "http://site.test:1/").await;
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn redirects_are_judged_one_by_one_and_stay_on_their_site() {
    let to = |place: &str| format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
    let steps: Vec<(String, String)> = (0..7).map(|step| (format!("/{step}"), to(&format!("/{}", step + 1)))).collect();
    let mut table: Vec<(&str, String)> = steps.iter().map(|(path, answer)| (path.as_str(), answer.clone())).collect();
    table.extend([
        ("/7", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("/private", to("http://127.0.0.1:{port}/7")),
        ("/metadata", to("http://169.254.169.254/latest/meta-data")),
        ("/disguise", to("http://[::ffff:127.0.0.1]:{port}/7")),
        ("/denied", to("http://sub.denied.test/")),
        ("/user", to("http://me:secret@site.test:{port}/7")),
        ("/file", to("file:///etc/passwd")),
        ("/elsewhere", to("https://elsewhere.test/?x=y")),
        ("/www", to("http://www.site.test:{port}/7")),
        ("/nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nhere".to_owned()),
    ]);
    let table: Vec<(&str, &str)> = table.iter().map(|(path, answer)| (*path, answer.as_str())).collect();
    let (port, mut asked) = serve(&table).await;
    let names = [("site.test", [&[HERE][..]]), ("www.site.test", [&[PRIVATE]])];
    let hosts = WebHosts {
        private: Domains::new(&[format!("site.test:{port}")]).unwrap(),
        deny: Domains::new(&["denied.test"]).unwrap(),
        ..WebHosts::default()
    };
    let web = Web::new(hosts, Resolver::table(names), "tester/1");
    let at = |path: &str| url(&format!("http://site.test:{port}{path}"));

    let Found::Page(page) = web.get(&at("/2"), NamedBy::Other, LIMITS).await.unwrap() else { panic!() };
    assert_eq!((page.url.path(), page.body.as_slice()), ("/7", b"ok".as_slice()));
    let failed = web.get(&at("/1"), NamedBy::Other, LIMITS).await.unwrap_err();
    assert_eq!(failed.to_string(), "it was redirected more than 5 times");
    let elsewhere = web.get(&at("/elsewhere"), NamedBy::Other, LIMITS).await.unwrap();
    assert_eq!(elsewhere, Found::Elsewhere(url("https://elsewhere.test/?x=y")));
    let Found::Page(page) = web.get(&at("/nowhere"), NamedBy::Other, LIMITS).await.unwrap() else { panic!() };
    assert_eq!((page.status, page.body.as_slice()), (302, b"here".as_slice()));

    while asked.try_recv().is_ok() {}
    for (path, part) in [
        ("/private", "a loopback address"),
        ("/metadata", "metadata"),
        ("/disguise", "disguise"),
        ("/denied", "search.deny_domains"),
        ("/user", "password"),
        ("/file", "`file`"),
        ("/www", "a private address"),
    ] {
        let reason = refused(&web, at(path).as_str()).await;
        assert!(reason.contains(part), "{path}: {reason}");
        let head = asked.recv().await.unwrap();
        assert!(head.contains(path) && asked.try_recv().is_err(), "{path}: the redirect was not followed");
    }
}

#[tokio::test]
async fn no_more_is_read_than_was_asked_for_and_a_silent_server_is_left() {
    let (port, _asked) = serve(&[
        ("/endless", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"),
        ("/silent", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
        ("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
    ])
    .await;
    let web = web(&[format!("site.test:{port}")], Resolver::table([("site.test", [&[HERE]])]));
    let at = |path: &str| url(&format!("http://site.test:{port}{path}"));
    let few = WebLimits { bytes: 10_000, ..LIMITS };
    let Found::Page(page) = web.get(&at("/endless"), NamedBy::Other, few).await.unwrap() else { panic!() };
    assert_eq!((page.body.len(), page.is_whole), (10_000, false));
    let short = WebLimits { time: Duration::from_millis(50), ..LIMITS };
    let late = web.get(&at("/silent"), NamedBy::Other, short).await.unwrap_err();
    assert_eq!(late.to_string(), "it did not come within 0 s");
    let broken = web.get(&at("/cut"), NamedBy::Other, LIMITS).await.unwrap_err().to_string();
    assert!(broken.starts_with("it broke off"), "{broken}");
}

#[test]
fn lists_of_hosts_are_held_before_anything_is_looked_up() {
    let hosts = WebHosts {
        allow: Domains::new(&["python.org", "rust-lang.org"]).unwrap(),
        deny: Domains::new(&["old.python.org"]).unwrap(),
        closed: Domains::new(&["models.python.org:443"]).unwrap(),
        ..WebHosts::default()
    };
    let web = Web::new(hosts, Resolver::System, "tester/1");
    for (address, expected) in [
        ("https://docs.python.org/3/", ""),
        ("https://docs.python.org.evil.com/3/", "search.allow_domains"),
        ("https://evilpython.org/", "search.allow_domains"),
        ("https://x.old.python.org/", "search.deny_domains"),
        ("https://models.python.org/v1", "not open"),
        ("https://doc.rust-lang.org./std", ""),
        ("http://127.0.0.1/", "search.allow_domains"),
    ] {
        let found = web.check(&url(address)).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{address}: {found}");
        assert_eq!(web.is_listed(&url(address)), !found.contains("allow_domains"), "{address}");
    }
}

/// A proxy is asked for names, also for those that only it knows; what is known to be private is refused before.
#[tokio::test]
async fn a_proxy_is_asked_and_what_leads_home_is_not() {
    let page = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (proxied, own) = (page("proxied"), page("own"));
    let (to_home, to_name) = ["http://127.0.0.1/", "http://sub.home.example/"]
        .map(|to| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
        .into();
    let table = [
        ("http://public.example/a", &*proxied),
        ("http://unknown.example/a", &proxied),
        ("http://public.example/home", &to_home),
        ("http://public.example/name", &to_name),
        ("/direct", &own),
    ];
    let (port, mut asked) = serve(&table).await;
    let names =
        [("public.example", [&[PUBLIC][..]; 9]), ("home.example", [&[PRIVATE]; 9]), ("near.example", [&[HERE]; 9])];
    let web = |except: &str| {
        let proxy = Some(("HTTP_PROXY", format!("http://127.0.0.1:{port}")));
        let proxies = Proxies { http: proxy.clone(), https: proxy, except: Some(except.into()) };
        web(&[format!("near.example:{port}")], Resolver::table(names)).through(proxies)
    };
    let named = async |by: NamedBy, except: &str, address: &str| match web(except).get(&url(address), by, LIMITS).await
    {
        Ok(Found::Page(page)) => Ok(String::from_utf8(page.body).unwrap()),
        Ok(Found::Elsewhere(next)) => Ok(next.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let body = async |except: &str, address: &str| named(NamedBy::User, except, address).await;
    for address in ["http://public.example/a", "http://unknown.example/a"] {
        assert_eq!(body("", address).await.as_deref(), Ok("proxied"), "{address}");
        let head = asked.recv().await.unwrap();
        assert!(head.starts_with(&format!("GET {address} HTTP/1.1\r\n")), "{head}");
    }
    let direct = format!("http://near.example:{port}/direct");
    assert_eq!(body("near.example", &direct).await.as_deref(), Ok("own"));
    asked.recv().await.unwrap();
    // Redirects are judged as they are without one.
    let elsewhere = body("", "http://public.example/name").await;
    assert_eq!(elsewhere.as_deref(), Ok("http://sub.home.example/"));
    let home = body("", "http://public.example/home").await.unwrap_err();
    assert!(home.contains("search.private_hosts"), "{home}");
    asked.recv().await.unwrap();
    asked.recv().await.unwrap();
    for (except, address) in [
        ("", "http://home.example/"),
        ("", "http://10.0.0.1/"),
        ("", "http://wiki/"),
        ("", "http://metadata.google.internal/"),
        ("", "http://kubernetes.default.svc/"),
        ("", "http://169.254.169.254.nip.io/"),
        // Nobody but the proxy knows it, and it may not be asked.
        ("unknown.example", "http://unknown.example/a"),
        ("*", "http://unknown.example/a"),
    ] {
        body(except, address).await.unwrap_err();
    }
    // What the user did not name is not left to it either.
    let linked = named(NamedBy::Other, "", "http://unknown.example/a").await.unwrap_err();
    assert!(linked.contains("`search.allow_domains`"), "{linked}");
    assert!(asked.try_recv().is_err(), "nothing was sent");
}

/// What was judged is what a proxy of SOCKS is told, also one that would take the name.
#[tokio::test]
async fn a_proxy_of_socks_is_told_the_address_that_was_judged() {
    let six: IpAddr = "2606:4700::1111".parse().unwrap();
    for scheme in ["socks5", "socks5h", "SOCKS5H", "socks4", "socks4a"] {
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let proxy = Some(("ALL_PROXY", format!("{scheme}://{}", listener.local_addr().unwrap())));
        let proxies = Proxies { http: proxy.clone(), https: proxy, except: None };
        let web = web(&[], Resolver::table([("public.example", [&[six, PUBLIC]])])).through(proxies);
        let asked = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let is_five = scheme.contains('5');
            if is_five {
                // Version, one way to log in, none; it is taken (RFC 1928).
                stream.read_exact(&mut [0; 3]).await.unwrap();
                stream.write_all(&[5, 0]).await.unwrap();
            }
            let mut asked = vec![0; if is_five { 10 } else { 8 }];
            stream.read_exact(&mut asked).await.unwrap();
            asked
        };
        let address = url("http://public.example/a");
        let (_, asked) = tokio::join!(web.get(&address, NamedBy::Other, LIMITS), asked);
        let expected: &[u8] = match asked.as_slice() {
            [5, ..] => &[5, 1, 0, 1, 198, 51, 100, 7, 0, 80],
            _ => &[4, 1, 0, 80, 198, 51, 100, 7],
        };
        assert_eq!(asked, expected, "{scheme}");
    }
}
