//! Which models a server says it has: `GET /models`, which servers of all formats answer.

use std::time::Duration;

use codex_net::{HttpClients, whole};
use reqwest::{
    Client,
    header::{ACCEPT, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{HttpConfig, endpoint::Endpoint, failure};

/// Where they are, below the base URL.
const PATH: &str = "models";
/// Most bytes of one answer: gateways list some thousand models, with a description each.
const MOST: usize = 16 << 20;
/// Most answers that are asked for.
const PAGES: usize = 20;
/// What Gemini has before its ids, and does not need.
const GEMINI: &str = "models/";
/// Keys that servers give the size of the context.
const WINDOWS: [&str; 6] =
    ["context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens", "inputTokenLimit"];
/// Kinds of models that answer, where a list says what kind each is.
const ANSWERING: [&str; 5] = ["model", "chat", "language", "llm", "vlm"];

/// A model of a server's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// What requests call it.
    pub id: String,
    /// Tokens that a request may hold, where the server says.
    pub context_window: Option<u64>,
}

/// One answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    models: Vec<ListedModel>,
    /// After which model the next page begins; `None`: this is the last.
    after: Option<String>,
}

/// The models that the server of `config` lists, in its order.
///
/// # Errors
/// A sentence when there is no such list within `limit`; it holds no key.
pub async fn list_models(
    config: &HttpConfig,
    clients: &HttpClients,
    limit: Duration,
) -> Result<Vec<ListedModel>, String> {
    let endpoint = Endpoint::at(config, PATH).map_err(|failure| failure.message)?;
    if let Some(missing) = endpoint.key.missing() {
        return Err(missing.message);
    }
    let client = clients.client_for(&endpoint.url).map_err(|error| error.to_string())?;
    let late = format!("{} did not answer within {} s", endpoint.shown, limit.as_secs_f32());
    tokio::time::timeout(limit, pages(&client, &endpoint)).await.unwrap_or(Err(late))
}

async fn pages(client: &Client, endpoint: &Endpoint) -> Result<Vec<ListedModel>, String> {
    let mut models = Vec::new();
    let mut url = endpoint.url.clone();
    for _ in 0..PAGES {
        let page = page(client, endpoint, url).await?;
        models.extend(page.models);
        let Some(after) = page.after else { break };
        url = next(&endpoint.url, &after);
    }
    Ok(models)
}

/// The address of the page that begins after a model.
fn next(first: &Url, after: &str) -> Url {
    let mut url = first.clone();
    url.query_pairs_mut().append_pair("after_id", after);
    url
}

async fn page(client: &Client, endpoint: &Endpoint, url: Url) -> Result<Page, String> {
    let mut headers = endpoint.headers.clone();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response =
        client.get(url).headers(headers).send().await.map_err(|error| failure::unsent(&error, endpoint).message)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(failure::refused(response, endpoint, "").await.0.message);
    }
    let none = || format!("{} did not answer with a list of models", endpoint.shown);
    let body = whole(response, MOST).await.map_err(|_| none())?;
    serde_json::from_slice(&body).ok().and_then(parse).ok_or_else(none)
}

/// A list as servers write it: below `data`, or bare.
fn parse(body: Value) -> Option<Page> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Value>,
        #[serde(default)]
        has_more: bool,
        last_id: Option<String>,
    }
    let list = match body {
        Value::Array(data) => List { data, has_more: false, last_id: None },
        body => serde_json::from_value(body).ok()?,
    };
    Some(Page {
        models: list.data.iter().filter_map(model).collect(),
        after: list.last_id.filter(|last| list.has_more && !last.is_empty()),
    })
}

/// One model; `None` if it is one that does not answer, such as one for embeddings.
fn model(of: &Value) -> Option<ListedModel> {
    let id = of.get("id")?.as_str()?;
    let kind = of.get("type").and_then(Value::as_str);
    let answers = of.pointer("/capabilities/completion_chat").and_then(Value::as_bool);
    if kind.is_some_and(|kind| !ANSWERING.contains(&kind)) || answers == Some(false) {
        return None;
    }
    let window = WINDOWS.iter().find_map(|name| of.get(name)?.as_u64()).filter(|window| *window > 0);
    Some(ListedModel { id: id.strip_prefix(GEMINI).unwrap_or(id).to_owned(), context_window: window })
}

#[cfg(test)]
mod tests {
    use codex_testkit::{RawAnswer, RawEnding, RawServer};
    use serde_json::json;

    use super::*;
    use crate::WireFormat;

    #[test]
    fn lists_as_servers_write_them() {
        let listed = |id: &str, context_window| ListedModel { id: id.into(), context_window };
        let rows = [
            (
                "OpenAI",
                json!({ "object": "list", "data": [{ "id": "gpt-5", "object": "model", "created": 1, "owned_by": "x" }] }),
                Some((vec![listed("gpt-5", None)], None)),
            ),
            (
                "Anthropic, of several pages",
                json!({ "data": [{ "type": "model", "id": "claude-a", "display_name": "A" }], "has_more": true,
                    "first_id": "claude-a", "last_id": "claude-a" }),
                Some((vec![listed("claude-a", None)], Some("claude-a"))),
            ),
            (
                "Anthropic, the last page",
                json!({ "data": [], "has_more": false, "first_id": null, "last_id": null }),
                Some((vec![], None)),
            ),
            (
                "Gemini",
                json!({ "data": [{ "id": "models/gemini-x", "object": "model" }] }),
                Some((vec![listed("gemini-x", None)], None)),
            ),
            (
                "OpenRouter",
                json!({ "data": [{ "id": "z-ai/glm", "context_length": 200_000, "pricing": { "prompt": "0" } }] }),
                Some((vec![listed("z-ai/glm", Some(200_000))], None)),
            ),
            (
                "Together",
                json!([{ "id": "a/b", "type": "chat", "context_length": 8192 }, { "id": "a/c", "type": "embedding" },
                    { "id": "a/d", "type": "chat", "context_length": 0 }]),
                Some((vec![listed("a/b", Some(8192)), listed("a/d", None)], None)),
            ),
            (
                "Mistral",
                json!({ "data": [{ "id": "m", "capabilities": { "completion_chat": true }, "max_context_length": 32768 },
                    { "id": "embed", "capabilities": { "completion_chat": false } }] }),
                Some((vec![listed("m", Some(32768))], None)),
            ),
            (
                "vLLM",
                json!({ "data": [{ "id": "Qwen/Qwen3-8B", "max_model_len": 40960 }] }),
                Some((vec![listed("Qwen/Qwen3-8B", Some(40960))], None)),
            ),
            ("what is no model is passed over", json!({ "data": [1, { "name": "x" }] }), Some((vec![], None))),
            ("no list", json!({ "error": "x" }), None),
            ("nothing", json!(null), None),
        ];
        for (name, body, expected) in rows {
            let expected = expected.map(|(models, after)| Page { models, after: after.map(str::to_owned) });
            assert_eq!(parse(body), expected, "{name}");
        }
    }

    /// All pages are asked for, with the key where the format wants it; who does not answer so is told of without it.
    #[tokio::test]
    async fn a_list_of_several_pages_is_put_together() {
        let json = |body: &str| {
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
            RawAnswer::new(format!("{head}connection: close\r\n\r\n{body}"), RawEnding::Close)
        };
        let server = RawServer::start(move |number| match number {
            0 => json(r#"{"data":[{"id":"a","type":"model"}],"has_more":true,"last_id":"a"}"#),
            1 => json(r#"{"data":[{"id":"b","type":"model"}],"has_more":false,"last_id":"b"}"#),
            _ => json(r#"{"hello":"k-0123456789"}"#),
        });
        let mut config = HttpConfig::new(WireFormat::AnthropicMessages, server.base_url());
        config.api_key = Some("k-0123456789".into());
        let clients = HttpClients::new();
        let listed = list_models(&config, &clients, Duration::from_secs(60)).await.unwrap();
        assert_eq!(listed.iter().map(|model| &*model.id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(server.answered(), 2);
        let none = list_models(&config, &clients, Duration::from_secs(60)).await.unwrap_err();
        assert!(none.ends_with("/models did not answer with a list of models"), "{none}");
        config.key_variable = Some("SOME_KEY".into());
        config.api_key = None;
        let none = list_models(&config, &clients, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((none.as_str(), server.answered()), ("no key: set SOME_KEY", 3));
    }

    #[test]
    fn a_page_after_another_keeps_the_parameters_of_the_address() {
        let first = Url::parse("https://x.example/v1/models?version=1").unwrap();
        assert_eq!(next(&first, "a b").as_str(), "https://x.example/v1/models?version=1&after_id=a+b");
    }
}
