//! What variables say, and what the user is told.

use super::*;

#[test]
fn where_ollama_is_by_its_variable() {
    for (said, expected) in [
        ("127.0.0.1", Some("http://127.0.0.1:11434/v1")),
        ("localhost:8000", Some("http://localhost:8000/v1")),
        (" http://box:8000/ ", Some("http://box:8000/v1")),
        ("http://box:80", Some("http://box/v1")),
        ("http://box/ollama/", Some("http://box:11434/ollama/v1")),
        ("https://models.example", Some("https://models.example/v1")),
        ("0.0.0.0", Some("http://127.0.0.1:11434/v1")),
        ("0.0.0.0:1234", Some("http://127.0.0.1:1234/v1")),
        ("[::]:1234", Some("http://127.0.0.1:1234/v1")),
        ("[::1]", Some("http://[::1]:11434/v1")),
        ("", None),
        ("http://", None),
    ] {
        assert_eq!(ollama_url(said).as_deref(), expected, "{said}");
    }
}

#[test]
fn too_little_room_is_told() {
    let window = |tokens, is_assumed, most| Some(Window { tokens, is_assumed, most });
    for (kind, window, expected) in [
        (
            ServerKind::Ollama,
            window(4096, true, Some(40960)),
            "Ollama gives `m` 4096 tokens of context unless told otherwise, of 40960 that it was made for; what is longer \
             is cut without a word. For more: `OLLAMA_CONTEXT_LENGTH=32768 ollama serve`",
        ),
        (
            ServerKind::LmStudio,
            window(4096, false, Some(8192)),
            "LM Studio gives `m` 4096 tokens of context, of 8192 that it was made for; what is longer is cut without a \
             word. For more: `lms load m --context-length 8192`",
        ),
        (
            ServerKind::LlamaCpp,
            window(8192, false, None),
            "`m` has 8192 tokens of context: it is offered few tools, and long files do not fit",
        ),
        (ServerKind::Ollama, window(32768, false, Some(131_072)), ""),
        // All that the model can do.
        (
            ServerKind::Ollama,
            window(8192, false, Some(8192)),
            "`m` has 8192 tokens of context: it is offered few tools, and long files do not fit",
        ),
        (ServerKind::Vllm, window(20_000, false, None), ""),
        (ServerKind::Other, None, ""),
    ] {
        let model = LocalModel { id: "m".into(), is_loaded: false, runs_at: None, takes_tools: None, window };
        assert_eq!(warnings(kind, &model).join("\n"), expected, "{kind:?} {window:?}");
    }
}

/// What the settings call a quirk, and what requests know.
#[test]
fn the_keys_of_quirks_are_those_that_requests_know() {
    let keys: Vec<&str> = codex_config::keys::QUIRKS.iter().map(|key| key.name).collect();
    let known: Vec<&str> = codex_model::Quirk::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(keys, known);
}
