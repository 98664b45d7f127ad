//! Logins to a server of this test's own, over real sockets.

use std::sync::{Arc, Mutex};

use codex_net::HttpClients;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

/// What a server was asked: path, and the parameters that were posted.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// A server of tools that is its own authorization server. `login` is where it sends people.
async fn server(login: &'static str) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let (own, noted) = (origin.clone(), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (path, body) = request(&mut stream).await;
            let (status, answer) = answer(&own, login, &path, &body);
            noted.lock().unwrap().push((path, body));
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all((head + &text).as_bytes()).await;
        }
    });
    (origin, asked)
}

async fn request(stream: &mut TcpStream) -> (String, String) {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let got = stream.read(&mut piece).await.unwrap();
        read.extend_from_slice(&piece[..got]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned());
            }
        }
        assert!(got > 0, "a request broke off");
    }
}

fn answer(origin: &str, login: &str, path: &str, body: &str) -> (u16, Value) {
    let has = |pair: &str| body.split('&').any(|it| it == pair);
    match path {
        "/.well-known/oauth-protected-resource/mcp" => {
            (200, json!({ "resource": format!("{origin}/mcp"), "authorization_servers": [origin] }))
        }
        "/.well-known/oauth-authorization-server" => (
            200,
            json!({
                "issuer": origin,
                "authorization_endpoint": login.replace("ORIGIN", origin),
                "token_endpoint": format!("{origin}/token"),
                "registration_endpoint": format!("{origin}/register"),
                "revocation_endpoint": format!("{origin}/revoke"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["read", "offline_access"],
            }),
        ),
        "/register" => (201, json!({ "client_id": "c1", "redirect_uris": ["http://127.0.0.1/callback"] })),
        "/token" if has("code=good") && body.contains("code_verifier=") => (
            200,
            json!({ "access_token": "a1", "token_type": "bearer", "refresh_token": "r1", "expires_in": 30, "scope": "read" }),
        ),
        "/token" if has("refresh_token=r1") => {
            (200, json!({ "access_token": "a2", "token_type": "bearer", "refresh_token": "r2", "expires_in": 3600 }))
        }
        "/token" => (400, json!({ "error": "invalid_grant" })),
        "/revoke" => (200, json!({})),
        _ => (404, json!({})),
    }
}

fn wanted(origin: &str, redirect: String) -> LoginWanted {
    LoginWanted { url: format!("{origin}/mcp"), scopes: None, resource: None, client: None, redirect }
}

/// The status that a browser is answered with.
async fn browse(address: &str) -> String {
    let url = Url::parse(address).unwrap();
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await.unwrap();
    let target = &url[url::Position::BeforePath..];
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_person_is_led_back_and_the_token_is_renewed_once_and_given_back() {
    let (origin, asked) = server("ORIGIN/authorize").await;
    let clients = Arc::new(HttpClients::new());
    let loopback = Loopback::bind(None, None).await.unwrap();
    let redirect = loopback.redirect().unwrap();
    let login = Login::begin(wanted(&origin, redirect.clone()), Arc::clone(&clients)).await.unwrap();
    let address = Url::parse(login.address()).unwrap();
    let of =
        |name: &str| address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap();
    assert_eq!((of("client_id").as_str(), of("code_challenge_method").as_str()), ("c1", "S256"));
    assert_eq!((of("redirect_uri"), of("resource")), (redirect.clone(), format!("{origin}/mcp")));
    let state = of("state");
    let browser = tokio::spawn(async move {
        let mut statuses = Vec::new();
        for query in ["/other?code=good", "/callback?code=good&state=another", "/callback"] {
            statuses.push(browse(&(redirect.replace("/callback", query))).await);
        }
        statuses.push(browse(&format!("{redirect}?code=good&state={state}")).await);
        statuses
    });
    let back = loopback.answer(&login).await.unwrap();
    assert_eq!(browser.await.unwrap(), ["404", "400", "400", "200"]);
    let grant = login.finish(back).await.unwrap();
    assert_eq!((grant.access_token.as_str(), grant.is_fresh()), ("a1", false));
    assert!(!format!("{grant:?}").contains("a1"), "no text has the token");
    // What is kept says all that is needed.
    let grant: Grant = serde_json::from_str(&serde_json::to_string(&grant).unwrap()).unwrap();
    let renewed = grant.renewed(Arc::clone(&clients)).await.unwrap();
    assert_eq!((renewed.access_token.as_str(), renewed.is_fresh()), ("a2", true));
    assert_eq!(renewed.renewed(Arc::clone(&clients)).await, Err(NotRenewed::Refused));
    assert!(renewed.revoke(&clients).await);
    let asked = asked.lock().unwrap();
    let (_, revoked) = asked.last().unwrap();
    assert_eq!(revoked, "token=r2&token_type_hint=refresh_token&client_id=c1");
    let resource = format!("resource={}", origin.replace(':', "%3A").replace('/', "%2F"));
    assert!(asked.iter().filter(|(path, _)| path == "/token").all(|(_, body)| body.contains(&resource)), "{asked:?}");
}

#[tokio::test]
async fn a_code_is_pasted_and_an_answer_to_another_login_is_none() {
    let (origin, asked) = server("ORIGIN/authorize").await;
    let clients = Arc::new(HttpClients::new());
    let own = LoginWanted {
        client: Some(("known".into(), Some("s3cret".into()))),
        resource: Some("https://tools.example/".into()),
        scopes: Some(vec!["read".into()]),
        ..wanted(&origin, "https://elsewhere.example/back".into())
    };
    let login = Login::begin(own, clients).await.unwrap();
    assert!(login.address().contains("resource=https%3A%2F%2Ftools.example%2F"), "{}", login.address());
    assert!(login.address().contains("scope=read+offline_access"), "{}", login.address());
    let other = Back::read("https://elsewhere.example/back?code=good&state=another").unwrap();
    assert!(login.finish(other).await.unwrap_err().contains("another login"));
    let refused = Back::read("?error=access_denied").unwrap();
    assert_eq!(login.finish(refused).await.unwrap_err(), "has refused the login: access_denied");
    let wrong = login.finish(Back::read("bad").unwrap()).await.unwrap_err();
    assert!(wrong.contains("cannot be logged in to"), "{wrong}");
    // Neither has ended it.
    let grant = login.finish(Back::read("good").unwrap()).await.unwrap();
    assert_eq!(grant.access_token, "a1");
    let asked = asked.lock().unwrap();
    assert!(!asked.iter().any(|(path, _)| path == "/register"), "{asked:?}");
    let (_, token) = asked.iter().find(|(path, _)| path == "/token").unwrap();
    assert!(token.contains("resource=https%3A%2F%2Ftools.example%2F"), "{token}");
}

#[tokio::test]
async fn a_server_sends_nobody_but_to_the_web() {
    let (origin, _) = server("file:///etc/passwd").await;
    let login = Login::begin(wanted(&origin, "http://127.0.0.1:9/callback".into()), Arc::new(HttpClients::new())).await;
    let error = login.err().unwrap();
    assert!(error.contains("none of the web") || error.contains("cannot be logged in to"), "{error}");
}
