//! A server over HTTP: a real one, on loopback, that wants a token.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri},
    routing::post,
};
use codex_sandbox::Confinement;
use serde_json::{Map, Value, json};

use crate::{
    Auth, CallContext, CallError, Content, Ground, McpServers, Pool, ServerSpec, ServerState, Status, TokenWanted,
    Transport,
};

/// What is known of the requests: their tokens.
type Seen = Arc<Mutex<Vec<String>>>;

fn response(status: StatusCode, kind: &str, body: String) -> Response<Body> {
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

async fn answer(State(seen): State<Seen>, headers: HeaderMap, body: String) -> Response<Body> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    seen.lock().unwrap().push(header("authorization").to_owned());
    if header("authorization") != "Bearer good" {
        let mut refused = response(StatusCode::UNAUTHORIZED, "text/plain", String::new());
        refused.headers_mut().insert("www-authenticate", "Bearer".parse().unwrap());
        return refused;
    }
    let message: Value = serde_json::from_str(&body).unwrap();
    let result = match message["method"].as_str().unwrap() {
        "initialize" => {
            json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "h", "version": "2"}})
        }
        "tools/list" => json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}),
        "tools/call" => json!({"content": [{"type": "text", "text": header("x-own")}]}),
        _ => return response(StatusCode::ACCEPTED, "text/plain", String::new()),
    };
    let reply = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    match message["method"] == "tools/call" {
        true => response(StatusCode::OK, "text/event-stream", format!("event: message\ndata: {reply}\n\n")),
        false => response(StatusCode::OK, "application/json", reply.to_string()),
    }
}

/// The answer that leads to `to`, with the status at the end of `uri`.
fn led(uri: &Uri, to: &str) -> Response<Body> {
    let status: u16 = uri.path().rsplit('/').next().unwrap().parse().unwrap();
    Response::builder().status(status).header("location", to).body(Body::empty()).unwrap()
}

/// A server, its address and what it sees.
async fn listening() -> (String, Seen) {
    leading("/mcp").await
}

/// The same, which leads those who ask for `/away` to `away`.
async fn leading(away: &str) -> (String, Seen) {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let led = |to: String| move |uri: Uri| async move { led(&uri, &to) };
    let router = Router::new()
        .route("/mcp", post(answer))
        .route("/moved/{status}", post(led("/mcp".to_owned())))
        .route("/away/{status}", post(led(away.to_owned())))
        .with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

/// Servers of which one is at `url`, to which `tokens` says what is shown.
fn servers(url: &str, tokens: fn(TokenWanted) -> Option<&'static str>) -> McpServers {
    let headers = BTreeMap::from([("x-own".to_owned(), "own".to_owned())]);
    let spec = ServerSpec::new("h", Transport::Http { url: url.to_owned(), headers });
    let ground = Ground {
        walls: Confinement::Unconfined,
        environment: Arc::default(),
        workspace: "/".into(),
        sandbox: Arc::new(|_| Err(std::io::ErrorKind::Unsupported.into())),
        temp: None,
        http: Arc::default(),
        tokens: Some(Arc::new(move |wanted| Box::pin(async move { tokens(wanted).map(str::to_owned) }))),
        pool: Arc::new(Pool::default()),
    };
    McpServers::new(vec![spec], ground)
}

async fn settled(servers: &McpServers) -> ServerState {
    servers.start();
    let mut changes = servers.changed();
    loop {
        changes.mark_unchanged();
        let state = servers.states().remove(0);
        if !matches!(state.status, Status::NotStarted | Status::Starting) {
            return state;
        }
        changes.changed().await.unwrap();
    }
}

async fn call(servers: &McpServers) -> Result<Vec<Content>, CallError> {
    Ok(servers.call("h", "t", Map::new(), CallContext::default()).await?.content)
}

#[tokio::test]
async fn without_a_token_a_login_is_wanted() {
    let (url, seen) = listening().await;
    let servers = servers(&url, |_| None);
    let state = settled(&servers).await;
    assert_eq!((state.status, state.auth), (Status::NeedsLogin, Auth::NotLoggedIn));
    assert_eq!(call(&servers).await, Err(CallError::NeedsLogin("h".into())));
    assert_eq!(*seen.lock().unwrap(), [""]);
}

#[tokio::test]
async fn a_token_that_is_refused_is_followed_by_another_one() {
    let (url, seen) = listening().await;
    let servers = servers(&url, |wanted| {
        assert_eq!(wanted.server, "h");
        Some(if wanted.refused.is_some() { "good" } else { "old" })
    });
    let state = settled(&servers).await;
    assert_eq!((state.status, state.auth, state.title.as_deref()), (Status::Ready, Auth::Token, Some("h 2")));
    assert_eq!(servers.tools()[0].called, "mcp__h__t");
    assert_eq!(call(&servers).await, Ok(vec![Content::Text("own".into())]));
    let seen = seen.lock().unwrap();
    let others = |token: &String| token == "Bearer old" || token == "Bearer good";
    assert!(seen[..2] == ["Bearer old", "Bearer good"] && seen.iter().all(others), "{seen:?}");
}

#[tokio::test]
async fn a_token_that_stays_refused_is_not_shown_again_and_again() {
    let (url, seen) = listening().await;
    let servers = servers(&url, |_| Some("bad"));
    assert_eq!(settled(&servers).await.status, Status::NeedsLogin);
    assert_eq!(*seen.lock().unwrap(), ["Bearer bad"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let state = settled(&servers(&url, |_| None)).await;
    let error = state.error.unwrap();
    assert!(state.status == Status::Failed && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_moved_is_followed_on_its_own_origin_and_nowhere_else() {
    let (elsewhere, others) = listening().await;
    let (url, seen) = leading(&elsewhere).await;
    for (path, expected) in [
        ("/moved/307", Status::Ready),
        ("/moved/308", Status::Ready),
        // The same would not be sent.
        ("/moved/302", Status::Failed),
        ("/away/307", Status::Failed),
        ("/away/308", Status::Failed),
    ] {
        let servers = servers(&url.replace("/mcp", path), |_| Some("good"));
        let state = settled(&servers).await;
        assert_eq!(state.status, expected, "{path}: {:?}", state.error);
        if expected == Status::Ready {
            assert_eq!(call(&servers).await, Ok(vec![Content::Text("own".into())]), "{path}");
        }
    }
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|token| token == "Bearer good"), "{seen:?}");
    assert_eq!(*others.lock().unwrap(), [""; 0], "no token goes to another server");
}
