//! Pages of a real server on the loopback, which the lists of hosts open.

use codex_net::{
    WebHosts,
    proxy::{Domains, Resolver},
};
use codex_protocol::{ThreadItem, WebSearchAction};
use codex_sandbox::Confinement;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::*;
use crate::{
    ForUser,
    testing::{Scene, context, json},
};

/// A server that gives `answer` to each request but one for `/silent`; its port, and the paths it was asked for.
async fn serve(answer: String) -> (u16, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, asked) = unbounded_channel();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
            told.send(path.clone()).unwrap();
            match path.as_str() {
                "/silent" => silent.push(stream),
                _ => stream.write_all(answer.as_bytes()).await.unwrap(),
            }
        }
    });
    (port, asked)
}

fn ok(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn tool(port: u16) -> WebFetch {
    let private = Domains::new(&[format!("127.0.0.1:{port}")]).unwrap();
    let deny = Domains::new(&["denied.example"]).unwrap();
    WebFetch::new(Web::new(WebHosts { private, deny, ..WebHosts::default() }, Resolver::System, "tester/1"))
}

/// What came of a call: what the model is told, and the item.
async fn fetch(tool: &WebFetch, call: &str, scene: &Scene) -> (String, ThreadItem) {
    let prepared = tool.prepare(&json(call), &scene.context).unwrap();
    assert!(prepared.access.fetch.is_some() && prepared.access.command.is_none());
    let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
    let ForUser::Item(item) = outcome.for_user else { panic!("no item") };
    (outcome.for_model, item)
}

#[tokio::test]
async fn a_page_is_text_that_is_marked_and_comes_in_parts() {
    let scene = context();
    let long = format!("<h1>Title</h1><p>{}</p>", "é".repeat(50_000));
    let (port, mut asked) = serve(ok("text/html", &long)).await;
    let tool = tool(port);
    let url = format!("http://127.0.0.1:{port}/a");
    let (text, item) = fetch(&tool, &format!(r#"{{"url":"{url}"}}"#), &scene).await;
    assert!(
        text.starts_with("Characters 0 to 40000 of 50009. For more, call again with `start` 40000.\n"),
        "{text:.99}"
    );
    assert!(
        text.contains(&format!("<web_content source=\"{url}\">\n# Title\n\né")) && text.ends_with("</web_content>")
    );
    let ThreadItem::WebSearch { query, action, results, failure, .. } = item else { panic!("{item:?}") };
    assert_eq!((&query, failure), (&url, None));
    assert_eq!(action, Some(WebSearchAction::OpenPage { url: Some(url.clone()) }));
    assert_eq!(results, Some(vec![WebSource { title: "Title".into(), url: url.clone() }]));
    let (rest, _) = fetch(&tool, &format!(r#"{{"url":"{url}","start":40000}}"#), &scene).await;
    assert!(rest.starts_with("Characters 40000 to 50009 of 50009.\n"), "{rest:.99}");
    let (over, _) = fetch(&tool, &format!(r#"{{"url":"{url}","start":60000}}"#), &scene).await;
    assert!(over.contains("has 50009 characters"), "{over}");
    assert_eq!((asked.recv().await.as_deref(), asked.try_recv().ok()), (Some("/a"), None), "it was asked for once");
}

#[tokio::test]
async fn what_is_no_text_and_what_leads_away_is_said() {
    let scene = context();
    let away = "HTTP/1.1 301 Moved\r\nLocation: https://other.example/x\r\nContent-Length: 0\r\n\r\n";
    for (answer, part, fails) in [
        (ok("application/zip", "PK\u{3}\u{4}"), "it is no text (application/zip, 4 bytes)", true),
        (ok("text/plain", ""), "(there is no text)", false),
        (ok("text/plain", "x").replace("200 OK", "404 Not Found"), "it failed (HTTP 404).", false),
        (away.to_owned(), "leads to another site", false),
        (away.replace("https://other.example/x", "http://127.0.0.1:1/"), "search.private_hosts", true),
        (away.replace("other.example", "sub.denied.example"), "search.deny_domains", true),
    ] {
        let (port, _asked) = serve(answer).await;
        let call = format!(r#"{{"url":"http://127.0.0.1:{port}/"}}"#);
        let (text, item) = fetch(&tool(port), &call, &scene).await;
        assert!(text.contains(part), "{part}: {text}");
        let ThreadItem::WebSearch { failure, .. } = item else { panic!("{item:?}") };
        assert_eq!(failure.is_some(), fails, "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_before_anybody_is_asked_about_it() {
    let scene = context();
    for url in ["file:///etc/passwd", "http://127.0.0.1/", "http://169.254.169.254/", "https://u:p@a.example/", "x"] {
        let call = format!(r#"{{"url":"{url}"}}"#);
        let error = tool(1).prepare(&json(&call), &scene.context).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.ends_with("Nothing was asked for"), "{error}");
    }
    let prepared = tool(1).prepare(&json(r#"{"url":"https://A.example./x#y"}"#), &scene.context).unwrap();
    let expected = Fetch { url: "https://a.example./x".into(), host: "a.example".into(), ..Fetch::default() };
    assert_eq!(prepared.access.fetch, Some(expected));
}

#[tokio::test]
async fn an_interrupt_ends_it() {
    let scene = context();
    let (port, mut asked) = serve(String::new()).await;
    let tool = tool(port);
    let call = format!(r#"{{"url":"http://127.0.0.1:{port}/silent"}}"#);
    let cancel = scene.context.cancel.clone();
    let interrupt = async {
        asked.recv().await.unwrap();
        cancel.cancel();
    };
    let ((text, _), ()) = tokio::join!(fetch(&tool, &call, &scene), interrupt);
    assert!(text.starts_with("interrupted after "), "{text}");
}
