//! Who searches the web, and how that follows the model: its vendor, a search engine, or, with `oss`, nobody that is not open.

use std::fs;

use codex_protocol::{ApprovalPolicy, SettingsChange, ThreadSettingsUpdateParams};
use codex_testkit::{ModelServer, Wire, events::sse};
use serde_json::{Value, json};

use crate::{
    oss,
    search::{Site, fetch, results, web_tools},
    session::Session,
    support::Place,
};

/// A search engine that finds one page.
const FOUND: &str = r#"{"results":[{"title":"Page","url":"https://a.example/","content":"About it"}]}"#;

/// Adds to the user's configuration.
fn configure(place: &Place, more: &str) {
    let file = place.home.join("config.toml");
    let text = fs::read_to_string(&file).unwrap() + more;
    fs::write(file, text).unwrap();
}

fn searxng(site: &Site) -> String {
    format!("[search]\nprovider = \"searxng\"\nbase_url = \"http://127.0.0.1:{}\"\n", site.port)
}

fn search() -> Value {
    json!({ "tool": "web_search", "arguments": { "query": "it" } })
}

fn exec(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = place.codex(&[&["exec"], arguments].concat()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// An answer of Anthropic's that searches and then says `text`, and why it stops there.
fn searched(id: &str, text: &str, stop: &str) -> Value {
    let results = json!([{ "type": "web_search_result", "url": "https://a.example/x", "title": "A",
        "encrypted_content": "sealed" }]);
    let blocks = [
        json!({ "type": "server_tool_use", "id": id, "name": "web_search", "input": { "query": "edition" } }),
        json!({ "type": "web_search_tool_result", "tool_use_id": id, "content": results }),
        json!({ "type": "text", "text": text, "citations": [] }),
    ];
    let mut all = vec![json!({ "type": "message_start", "message": {} })];
    for (index, block) in blocks.iter().enumerate() {
        all.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        all.push(json!({ "type": "content_block_stop", "index": index }));
    }
    all.push(json!({ "type": "message_delta", "delta": { "stop_reason": stop } }));
    all.push(json!({ "type": "message_stop" }));
    json!({ "raw": all.iter().map(sse).collect::<String>() })
}

/// Whether the vendor of the model is told to search.
fn is_vendor_told(body: &Value) -> bool {
    body["tools"].as_array().unwrap().iter().any(|tool| tool["type"] == "web_search_20250305")
}

#[test]
fn anthropic_searches_by_itself_and_goes_on_where_it_paused() {
    let script = json!([searched("srv_1", "So far.", "pause_turn"), searched("srv_2", "It is 2024.", "end_turn")]);
    let place = Place::over(Wire::Anthropic, script);
    configure(&place, "web_search = true\n");
    let (exit, stdout, stderr) = exec(&place, &["--search", "go"]);
    assert_eq!((exit, stdout.as_str()), (Some(0), "It is 2024.\n"), "{stderr}");
    assert_eq!(stderr.matches("• searched for edition").count(), 2, "{stderr}");
    let [first, second] = &place.server.requests()[..] else { panic!("{stderr}") };
    assert!(is_vendor_told(&first.body), "{}", first.body["tools"]);
    let messages = second.body["messages"].as_array().unwrap();
    let said: Vec<&Value> = messages.iter().filter(|message| message["role"] == "assistant").collect();
    let kinds = |message: &Value| -> Vec<Value> {
        message["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect()
    };
    assert_eq!(kinds(said[0]), ["server_tool_use", "web_search_tool_result", "text"]);
    assert!(said[0].to_string().contains("sealed"), "{}", said[0]);
}

#[test]
fn an_answer_that_never_ends_is_not_asked_for_for_ever() {
    let place = Place::over(Wire::Anthropic, json!([searched("srv", "And on.", "pause_turn")]));
    let steps: Vec<Value> = (0..20).map(|at| searched(&format!("srv_{at}"), "And on.", "pause_turn")).collect();
    let server = ModelServer::from_json(json!(steps));
    configure(&place, "web_search = true\n");
    let url = format!("model_providers.mock.base_url={}", server.base_url());
    let (exit, _, stderr) = exec(&place, &["--search", "-c", &url, "go"]);
    assert_eq!(exit, Some(1), "{stderr}");
    assert!(stderr.contains("paused its answer 8 times"), "{stderr}");
    assert_eq!(server.requests().len(), 9);
}

#[tokio::test]
async fn who_searches_follows_the_model_that_is_asked() {
    let site = Site::new(&[("/search", FOUND)]);
    let place = Place::new(json!([
        { "text": "one" }, search(), { "text": "two" }, { "text": "three" }, search(), { "text": "four" },
    ]));
    let url = place.server.base_url();
    configure(
        &place,
        &format!(
            "web_search = true\n[model_providers.other]\nbase_url = \"{url}\"\nwire_api = \"responses\"\n{}enabled = true\n",
            searxng(&site)
        ),
    );
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    let offered = |at: usize| {
        let body = place.server.requests().remove(at).body;
        let tools = body["tools"].as_array().unwrap().clone();
        let one = tools.iter().find(|tool| tool["type"] == "web_search" || tool["name"] == "web_search").cloned();
        one.unwrap()["type"].clone()
    };
    let mut asked = 0;
    for (provider, kind, requests) in
        [("mock", "web_search", 1), ("other", "function", 2), ("mock", "web_search", 1), ("other", "function", 2)]
    {
        let change = SettingsChange { model: Some(format!("{provider}/mock")), ..Default::default() };
        let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
        session.connection.client.thread_settings_update(params).await.unwrap();
        let seen = session.turn(&[]).await;
        assert!(seen.turn.error.is_none(), "{:?}", seen.turn);
        assert_eq!(offered(asked), kind, "{provider}");
        asked += requests;
        assert_eq!(place.server.requests().len(), asked, "{provider}");
    }
    assert_eq!(site.asked().len(), 2);
    assert!(results(&place).iter().all(|told| told.contains("1. Page\n")), "{:?}", results(&place));
}

#[test]
fn a_model_that_takes_over_searches_as_it_can() {
    let site = Site::new(&[("/search", FOUND)]);
    let place = Place::new(json!({ "faults": [{ "http": 404 }] }));
    let other = ModelServer::from_json(json!([search(), { "text": "done" }, { "text": "done" }]));
    let table = format!("[model_providers.other]\nbase_url = \"{}\"\nwire_api = \"responses\"\n", other.base_url());
    configure(&place, &format!("web_search = true\n{table}"));
    let fallback = ["--search", "-c", "model_fallback=[\"other/spare\"]", "go"];
    let engine = format!("search.base_url=http://127.0.0.1:{}", site.port);
    let with_engine = [&["-c", "search.provider=searxng", "-c", &engine][..], &fallback].concat();
    let (exit, stdout, stderr) = exec(&place, &with_engine);
    assert_eq!((exit, stdout.as_str()), (Some(0), "done\n"), "{stderr}");
    let requests = other.requests();
    let searches = |body: &Value| {
        let tools = body["tools"].as_array().unwrap().clone();
        tools.into_iter().filter(|tool| tool["type"] == "web_search" || tool["name"] == "web_search").count()
    };
    assert!(requests[0].body["tools"].as_array().unwrap().iter().all(|tool| tool["type"] != "web_search"));
    assert_eq!((searches(&requests[0].body), site.asked().len()), (1, 1));
    assert!(requests[1].body.to_string().contains("1. Page"), "{}", requests[1].body["input"]);
    // Without a search engine, nobody searches for it.
    let place = Place::new(json!({ "faults": [{ "http": 404 }] }));
    configure(&place, &format!("web_search = true\n{table}"));
    let (exit, _, stderr) = exec(&place, &fallback);
    assert_eq!(exit, Some(0), "{stderr}");
    assert_eq!(searches(&other.requests().pop().unwrap().body), 0);
}

#[test]
fn with_oss_only_an_open_search_engine_is_asked_and_no_page_of_a_closed_server() {
    let site = Site::new(&[("/search", FOUND), ("/page", "<p>Page.</p>")]);
    let closed = Site::new(&[("/page", "<p>Closed.</p>")]);
    let at = |site: &Site| format!("http://127.0.0.1:{}/page", site.port);
    let usual = fetch("https://api.openai.com/v1/models");
    let script = json!([search(), fetch(&at(&closed)), usual, fetch(&at(&site)), { "text": "done" }]);
    let place = oss::place(script, oss::ollama(true, 40960));
    configure(
        &place,
        &format!(
            "[model_providers.closed]\nbase_url = \"http://127.0.0.1:{}/v1\"\nwire_api = \"chat\"\n\
             {}private_hosts = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\nallow_domains = [\"*\"]\n",
            closed.port,
            searxng(&site),
            closed.port,
            site.port
        ),
    );
    let (exit, _, stderr) = exec(&place, &["--oss", "--search", "go"]);
    assert_eq!(exit, Some(2), "{stderr}");
    assert!(
        stderr.contains("`oss` lets nothing go to the search engine `searxng`: set `search.open = true`"),
        "{stderr}"
    );
    assert_eq!((place.server.requests().len(), site.asked().len()), (0, 0));

    let (exit, stdout, stderr) = exec(
        &place,
        &["--oss", "--search", "-c", "search.open=true", "-c", "openai_base_url=https://gateway.example/v1", "go"],
    );
    assert_eq!((exit, stdout.as_str()), (Some(0), "done\n"), "{stderr}");
    assert_eq!(web_tools(&json!({ "tools": functions(&place) })), ["web_fetch", "web_search"]);
    let last = place.server.requests().pop().unwrap().body.to_string();
    assert!(last.contains("1. Page"), "{last}");
    // Wherever the user has it asked: its usual address is its own too.
    let refused = last.matches("is a server of models that are not open").count();
    assert!(refused == 2 && last.contains("api.openai.com is a server"), "{last}");
    assert_eq!((site.asked().len(), closed.asked().len()), (2, 0));
}

/// The tools of the first request over Chat Completions.
fn functions(place: &Place) -> Vec<Value> {
    let body = place.server.requests().remove(0).body;
    body["tools"].as_array().unwrap().iter().map(|tool| tool["function"].clone()).collect()
}
