//! Search engines of a script, on real sockets.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

/// A server that hears one request out, and gives `answer`: its address, and what it was asked, head and body.
async fn serve(answer: &str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.to_owned();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(request).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    });
    (address, asked)
}

fn backend(kind: BackendKind, base_url: String) -> Backend {
    let (api_key, key_variable) = match kind {
        BackendKind::Searxng => (None, None),
        _ => (Some("key-1".into()), Some("SEARCH_KEY".into())),
    };
    Backend { kind, base_url, api_key, key_variable, max_results: 5 }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn each_search_engine_is_asked_in_its_own_words() {
    let http = HttpClients::new();
    let two = |text: &str| {
        format!(
            r#"[{{"title":"A  one","url":"https://a.example/x#y","{text}":"first\n lines"}},
            {{"title":"B","url":"javascript:alert(1)","{text}":"none"}},
            {{"title":"C","url":"https://c.example/","{text}":null}},
            {{"title":"D","url":"https://d.example/","{text}":"too many"}}]"#
        )
    };
    for (kind, body, first, more) in [
        (
            BackendKind::Searxng,
            format!(r#"{{"results":{},"unresponsive_engines":[]}}"#, two("content")),
            "GET /search?q=rust+%26+more&format=json HTTP/1.1",
            vec![],
        ),
        (
            BackendKind::Brave,
            format!(r#"{{"type":"search","web":{{"results":{}}}}}"#, two("description")),
            "GET /web/search?q=rust+%26+more&count=2&text_decorations=false HTTP/1.1",
            vec!["x-subscription-token: key-1"],
        ),
        (
            BackendKind::Tavily,
            format!(r#"{{"results":{},"answer":null}}"#, two("content")),
            "POST /search HTTP/1.1",
            vec!["authorization: Bearer key-1", r#"{"query":"rust & more","max_results":2}"#],
        ),
    ] {
        let (address, asked) = serve(&ok(&body)).await;
        let hits = backend(kind, address).search(&http, "rust & more", 2).await.unwrap();
        let found: Vec<_> =
            hits.iter().map(|hit| (hit.source.title.as_str(), hit.source.url.as_str(), hit.snippet.as_str())).collect();
        assert_eq!(
            found,
            [("A one", "https://a.example/x", "first lines"), ("C", "https://c.example/", "")],
            "{kind:?}"
        );
        let asked = asked.await.unwrap();
        assert!(asked.starts_with(first), "{asked}");
        more.iter().for_each(|part| assert!(asked.contains(part), "{part}: {asked}"));
        assert!(more.is_empty() != asked.contains("key-1"), "{asked}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_said_with_what_to_do_and_without_the_key() {
    use BackendKind::{Brave, Searxng, Tavily};
    let http = HttpClients::new();
    let with = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    for (kind, answer, part) in [
        (Searxng, with("403 Forbidden", "", "<html>"), "must list `json` in `search.formats`"),
        (Searxng, with("200 OK", "", "<html>"), "did not answer with JSON; is `search.base_url` right?"),
        (
            Brave,
            with("401 Unauthorized", "", "bad key-1"),
            "did not take the key of `SEARCH_KEY` (HTTP 401). It says: bad …",
        ),
        (Brave, with("429 Too Many Requests", "", ""), "too many searches"),
        (
            Tavily,
            with("500 Oops", "", "no https://a.example/x\nhere"),
            "failed (HTTP 500). It says: no https: //a.example/x here",
        ),
        (Tavily, with("302 Found", "Location: http://127.0.0.1:1/\r\n", ""), "redirects, which is not followed"),
        (Tavily, ok("{}"), "answered with something else than results"),
        (Searxng, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".into(), "broke off"),
    ] {
        let (address, asked) = serve(&answer).await;
        let error = backend(kind, address).search(&http, "q", 2).await.unwrap_err().for_user();
        assert!(error.starts_with("the search engine 127.0.0.1 ") && error.contains(part), "{error}");
        assert!(!error.contains("key-1"), "{error}");
        asked.await.unwrap();
    }
    let nothing = ok(r#"{"type":"search","query":{}}"#);
    let (address, _) = serve(&nothing).await;
    assert_eq!(backend(Brave, address).search(&http, "q", 2).await, Ok(vec![]));
    let error = backend(Brave, "http://127.0.0.1:1".into()).search(&http, "q", 2).await.unwrap_err().for_user();
    assert!(error.contains("cannot be reached"), "{error}");
}
