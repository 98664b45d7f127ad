//! Each kind of server, as a script has it: what is asked of it, and what is known then.

use codex_testkit::{ModelServer, Script};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::WireFormat;

async fn find(pages: Value, kind: ServerKind, wanted: Option<&str>) -> (Result<LocalServer, String>, Vec<String>) {
    let server = ModelServer::start(Script { pages: serde_json::from_value(pages).unwrap(), ..Script::default() });
    let config = HttpConfig::new(WireFormat::Responses, server.base_url());
    let clients = HttpClients::new();
    let mut found = LocalServer::find(&config, kind, &clients).await;
    if let Ok(found) = &mut found {
        found.look_closer(&config, wanted, &clients).await;
    }
    let lists = server.lists();
    let asked = lists.iter().map(|asked| match asked.body.get("model") {
        Some(model) => format!("{} {model}", asked.uri),
        None => asked.uri.clone(),
    });
    (found, asked.collect())
}

fn window(tokens: u64, is_assumed: bool, most: Option<u64>) -> Option<Window> {
    Some(Window { tokens, is_assumed, most })
}

#[tokio::test]
async fn ollama() {
    let show = json!({
        "capabilities": ["completion", "tools"],
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
        "parameters": "stop \"<|im_end|>\"\nnum_ctx   16384",
    });
    let pages = json!({
        "/v1/models": {"data": [{"id": "qwen3:8b", "owned_by": "library"}]},
        "/api/tags": {"models": [
            {"name": "qwen3:8b", "model": "qwen3:8b"},
            {"name": "big:cloud", "model": "big:cloud", "remote_model": "big", "remote_host": "https://ollama.com:443"},
        ]},
        "/api/ps": {"models": []},
        "/api/show": show,
    });
    let (found, asked) = find(pages.clone(), ServerKind::Other, None).await;
    let found = found.unwrap();
    let qwen = LocalModel {
        takes_tools: Some(true),
        window: window(16384, false, Some(40960)),
        ..LocalModel::new("qwen3:8b")
    };
    let cloud = LocalModel { runs_at: Some("https://ollama.com:443".to_owned()), ..LocalModel::new("big:cloud") };
    assert_eq!(found, LocalServer { kind: ServerKind::Ollama, models: vec![qwen.clone(), cloud] });
    assert_eq!(asked, ["/v1/models", "/api/tags", "/api/ps", "/api/show \"qwen3:8b\""]);
    // What it was loaded with counts, whatever its file says; without both, what Ollama gives unless told otherwise.
    let mut loaded = pages.clone();
    loaded["/api/ps"] = json!({"models": [{"name": "qwen3:8b", "model": "qwen3:8b", "context_length": 8192}]});
    let (found, _) = find(loaded, ServerKind::Ollama, Some("qwen3:8b")).await;
    let expected = LocalModel { is_loaded: true, window: window(8192, false, Some(40960)), ..qwen.clone() };
    assert_eq!(found.unwrap().models[0], expected);
    let mut bare = pages;
    bare["/api/show"]["parameters"] = json!("stop \"x\"");
    bare["/api/show"]["capabilities"] = json!(["completion"]);
    let (found, _) = find(bare, ServerKind::Ollama, Some("qwen3:8b")).await;
    let expected = LocalModel { takes_tools: Some(false), window: window(4096, true, Some(40960)), ..qwen };
    assert_eq!(found.unwrap().models[0], expected);
}

#[tokio::test]
async fn models_that_embed_are_none() {
    let pages = json!({
        "/v1/models": {"data": [{"id": "nomic"}, {"id": "tiny"}]},
        "/api/tags": {"models": [{"model": "nomic"}, {"model": "tiny"}]},
        "/api/show": {"capabilities": ["embedding"]},
    });
    let (found, _) = find(pages, ServerKind::Ollama, Some("nomic")).await;
    assert_eq!(found.unwrap().models, [LocalModel::new("tiny")]);
    let pages = json!({
        "/v1/models": {"data": [{"id": "embed", "owned_by": "organization_owner"}, {"id": "a"}, {"id": "b"}]},
        "/api/v0/models": {"data": [
            {"id": "embed", "type": "embeddings", "state": "loaded"},
            {"id": "a", "type": "llm", "state": "not-loaded", "max_context_length": 32768},
            {"id": "b", "type": "vlm", "state": "loaded", "max_context_length": 32768, "loaded_context_length": 4096,
                "capabilities": ["tool_use"]},
        ]},
    });
    let (found, _) = find(pages, ServerKind::Other, None).await;
    let found = found.unwrap();
    let a = LocalModel { window: window(4096, true, Some(32768)), ..LocalModel::new("a") };
    let b = LocalModel {
        is_loaded: true,
        takes_tools: Some(true),
        window: window(4096, false, Some(32768)),
        ..LocalModel::new("b")
    };
    assert_eq!((found.preferred(), &found.models), (Some(&b), &vec![a, b.clone()]));
}

#[tokio::test]
async fn llamacpp_and_vllm() {
    // As a server of llama.cpp b11434 says it, less what is not looked at.
    let props = json!({
        "default_generation_settings": {"n_ctx": 4096, "params": {"n_predict": -1}},
        "total_slots": 2,
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        "chat_template_caps": {"supports_tool_calls": false, "supports_tools": false},
    });
    let list = json!({"models": [], "object": "list", "data": [
        {"id": "SmolLM2-135M.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 8192}},
    ]});
    let table = [
        (props.clone(), Some(false)),
        (json!({"default_generation_settings": {"n_ctx": 4096}, "chat_template": "{% if tools %}"}), Some(true)),
        (json!({"default_generation_settings": {"n_ctx": 4096}}), None),
    ];
    for (props, takes_tools) in table {
        let (found, _) = find(json!({"/v1/models": list, "/props": props}), ServerKind::Vllm, None).await;
        let expected = LocalModel {
            is_loaded: true,
            takes_tools,
            window: window(4096, false, None),
            ..LocalModel::new("SmolLM2-135M.gguf")
        };
        assert_eq!(found.unwrap(), LocalServer { kind: ServerKind::LlamaCpp, models: vec![expected] });
    }
    let (found, _) = find(json!({"/v1/models": list}), ServerKind::Other, None).await;
    assert_eq!(found.unwrap().models[0].window, window(8192, false, None), "without /props the list says it");
    let vllm = json!({"/v1/models": {"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}]}});
    let (found, asked) = find(vllm, ServerKind::Other, None).await;
    let expected = LocalModel { window: window(40960, false, None), ..LocalModel::new("Qwen/Qwen3-8B") };
    assert_eq!(found.unwrap(), LocalServer { kind: ServerKind::Vllm, models: vec![expected] });
    assert_eq!(asked, ["/v1/models", "/api/tags"]);
}

#[tokio::test]
async fn where_models_run_is_known_or_there_is_no_server() {
    let tags = json!({"models": [
        {"model": "here"},
        {"model": "big:cloud", "remote_model": "big", "remote_host": "https://ollama.com:443"},
    ]});
    // Whatever it is called, and whoever owns what is first in its list.
    for owner in ["library", "me", "vllm", "organization_owner", "llamacpp"] {
        let list = json!({"data": [{"id": "big:cloud", "owned_by": owner}, {"id": "here", "owned_by": "library"}]});
        for kind in [ServerKind::Ollama, ServerKind::Vllm, ServerKind::Other] {
            let (found, _) = find(json!({"/v1/models": list, "/api/tags": tags}), kind, None).await;
            let found = found.unwrap();
            let cloud = found.models.iter().find(|model| model.id == "big:cloud").unwrap();
            assert_eq!(cloud.runs_at.as_deref(), Some("https://ollama.com:443"), "{owner} {kind:?}");
            assert_eq!((found.kind, found.preferred().unwrap().id.as_str()), (ServerKind::Ollama, "here"));
        }
    }
    let list = |owner: &str| json!({"data": [{"id": "big:cloud", "owned_by": owner}]});
    for tags in
        [json!({"/v1/models": list("library")}), json!({"/v1/models": list("library"), "/api/tags": {"error": "x"}})]
    {
        let (found, _) = find(tags, ServerKind::Other, None).await;
        assert_eq!(found, Err("it does not say where its models run (/api/tags: no list)".to_owned()));
    }
    // LM Studio's answer to what it does not know.
    let unknown = json!({"error": "Unexpected endpoint or method. (GET /api/tags)"});
    let (found, _) = find(json!({"/v1/models": list("me"), "/api/tags": unknown}), ServerKind::Other, None).await;
    assert_eq!(found.unwrap().kind, ServerKind::Other);
}

#[tokio::test]
async fn a_server_that_fails_to_say_where_models_run_is_none() {
    let list = json!({"data": [{"id": "big:cloud", "owned_by": "me"}]}).to_string();
    for (tags, expected) in [
        (Some("HTTP/1.1 500 Broken\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"), "HTTP 500)"),
        (Some("HTTP/1.1 403 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"), "HTTP 403)"),
        (Some("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n<"), "the answer is not JSON)"),
        (None, "no answer within 2 s)"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let models = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{list}", list.len());
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            for answer in [Some(models.as_str()), tags] {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                if let Some(answer) = answer {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                open.push(stream);
            }
            std::future::pending::<()>().await;
        });
        let config = HttpConfig::new(WireFormat::Responses, base_url);
        let found = LocalServer::find(&config, ServerKind::Other, &HttpClients::new()).await;
        assert_eq!(found, Err(format!("it does not say where its models run (/api/tags: {expected}")));
        server.abort();
    }
}

#[tokio::test]
async fn what_is_no_server_of_models() {
    for page in [json!({"hello": "world"}), json!([]), json!("x")] {
        let (found, asked) = find(json!({"/v1/models": page}), ServerKind::LlamaCpp, None).await;
        assert_eq!(found, Err("what answers there is no server of models".to_owned()));
        assert_eq!(asked, ["/v1/models"]);
    }
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = HttpConfig::new(WireFormat::Responses, format!("http://127.0.0.1:{port}/v1"));
    let found = LocalServer::find(&config, ServerKind::Ollama, &HttpClients::new()).await;
    assert_eq!(found, Err("nothing listens there".to_owned()));
}

#[test]
fn models_by_name_and_by_preference() {
    let named = LocalModel::new("qwen3:latest");
    assert!(named.is("qwen3") && named.is("qwen3:latest") && !named.is("qwen"));
    let model = |id: &str, is_loaded, takes_tools| LocalModel { is_loaded, takes_tools, ..LocalModel::new(id) };
    let cloud = LocalModel { runs_at: Some("x".to_owned()), ..model("cloud", true, Some(true)) };
    let (a, b, c) = (model("a", false, None), model("b", false, Some(true)), model("c", true, Some(false)));
    for (models, expected) in
        [(vec![&cloud, &a, &b, &c], Some("c")), (vec![&a, &b], Some("b")), (vec![&a], Some("a")), (vec![&cloud], None)]
    {
        let server = LocalServer { kind: ServerKind::Other, models: models.into_iter().cloned().collect() };
        assert_eq!(server.preferred().map(|model| model.id.as_str()), expected);
    }
}
