//! Nothing leaves for a server that is not known to have open-weight models only.

use std::{net::TcpListener, sync::Arc};

use codex_history::Message;
use codex_net::HttpClients;
use codex_testkit::{ModelServer, Script, Step};
use futures_util::StreamExt;
use serde_json::json;
use url::Url;

use super::*;
use crate::{LocalServer, ServerKind, WireFormat};

fn only(servers: &[&ModelServer]) -> Arc<HttpClients> {
    let urls: Vec<Url> = servers.iter().map(|server| Url::parse(&server.base_url()).unwrap()).collect();
    Arc::new(HttpClients::new().only(urls.iter().collect()))
}

async fn ask(server: &ModelServer, open_weights: bool, clients: Arc<HttpClients>) -> Result<(), Failure> {
    let config = HttpConfig { open_weights, ..HttpConfig::new(WireFormat::Responses, server.base_url()) };
    let request = Request {
        model: "m".to_owned(),
        history: [Message::user("secret")].into_iter().collect(),
        tools: Arc::default(),
        thread_id: "t".to_owned(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    };
    match HttpModel::new(config, clients).stream(request).collect::<Vec<_>>().await.pop().unwrap() {
        StreamEvent::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn only_a_marked_server_that_may_be_reached_is_asked() {
    let (open, other) = (ModelServer::start(Script::default()), ModelServer::start(Script::default()));
    ask(&open, true, only(&[&open])).await.unwrap();
    ask(&other, false, Arc::default()).await.unwrap();
    assert_eq!((open.requests().len(), other.requests().len()), (1, 1));
    for (server, is_marked, clients) in
        [(&other, true, only(&[&open])), (&other, false, only(&[&open, &other])), (&open, false, only(&[&open]))]
    {
        let failure = ask(server, is_marked, clients).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains("`open_weights = true`"), "{}", failure.message);
    }
    assert_eq!((open.requests().len(), other.requests().len()), (1, 1), "nothing was sent");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let other = ModelServer::start(Script::default());
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/responses", other.base_url());
        let step = Step { http: Some(status), headers: [("location".to_owned(), location)].into(), ..Step::default() };
        let open = ModelServer::start(Script { steps: vec![step.clone(), step], ..Script::default() });
        // Even to a server that may be reached: it was not the one that was asked.
        for clients in [only(&[&open]), only(&[&open, &other])] {
            ask(&open, true, clients).await.unwrap_err();
        }
    }
    assert_eq!((other.requests().len(), other.lists().len()), (0, 0));
}

#[tokio::test]
async fn a_server_that_may_not_be_reached_is_not_asked_for_its_models_either() {
    let other = ModelServer::from_json(json!([]));
    let config = HttpConfig::new(WireFormat::Responses, other.base_url());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let elsewhere = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    let clients = HttpClients::new().only([&elsewhere].into_iter().collect());
    let found = LocalServer::find(&config, ServerKind::Ollama, &clients).await;
    assert!(found.unwrap_err().contains("open_weights"), "it says why");
    assert_eq!(other.lists().len(), 0);
}
