//! What servers say of themselves and their models. Pure: JSON in, facts out; what is missing stays unknown.
//!
//! Sources: Ollama's `docs/api.md`, the README of llama.cpp's server, LM Studio's REST API v0, vLLM's OpenAI-compatible server.

use serde_json::Value;

use super::{LocalModel, ServerKind, Window};

/// What Ollama and LM Studio give a model unless told otherwise, in tokens; Ollama more where there is much video memory.
const DEFAULT: u64 = 4096;

/// Who owns the models of a list, by whom the server is known.
const OWNERS: &[(&str, ServerKind)] = &[
    ("llamacpp", ServerKind::LlamaCpp),
    ("vllm", ServerKind::Vllm),
    ("library", ServerKind::Ollama),
    ("organization_owner", ServerKind::LmStudio),
];

fn exact(tokens: u64) -> Window {
    Window { tokens, is_assumed: false, most: None }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// A list of models as OpenAI's API has it, and the kind of the server if that shows.
pub(super) fn models(list: &Value) -> Option<(Option<ServerKind>, Vec<LocalModel>)> {
    let data = list.get("data")?.as_array()?;
    let owner = data.iter().find_map(|model| text(model, "owned_by"));
    let kind = OWNERS.iter().find(|(name, _)| Some(*name) == owner).map(|(_, kind)| *kind);
    let model = |listed: &Value| {
        let window = listed.get("max_model_len").or_else(|| listed.pointer("/meta/n_ctx"));
        let window = window.and_then(Value::as_u64).map(exact);
        Some(LocalModel { window, ..LocalModel::new(text(listed, "id")?) })
    };
    Some((kind, data.iter().filter_map(model).collect()))
}

/// Ollama's own list (`/api/tags`): it says which models run elsewhere.
pub(super) fn ollama_models(tags: &Value) -> Option<Vec<LocalModel>> {
    let model = |tag: &Value| {
        let id = text(tag, "model").or_else(|| text(tag, "name"))?;
        let is_elsewhere = tag.get("remote_model").is_some_and(|model| model.as_str() != Some(""));
        let host = text(tag, "remote_host").filter(|host| !host.is_empty());
        let runs_at = host.or(is_elsewhere.then_some("another machine")).map(str::to_owned);
        Some(LocalModel { runs_at, ..LocalModel::new(id) })
    };
    Some(tags.get("models")?.as_array()?.iter().filter_map(model).collect())
}

/// Which of Ollama's models are in memory, and what they were loaded with (`/api/ps`).
pub(super) fn ollama_loaded(running: &Value, models: &mut [LocalModel]) {
    for loaded in running.get("models").and_then(Value::as_array).into_iter().flatten() {
        let id = text(loaded, "model").or_else(|| text(loaded, "name"));
        for model in models.iter_mut().filter(|model| Some(model.id.as_str()) == id) {
            model.is_loaded = true;
            let window = loaded.get("context_length").and_then(Value::as_u64);
            model.window = window.filter(|tokens| *tokens > 0).map(exact).or(model.window);
        }
    }
}

/// What Ollama shows of a model (`/api/show`).
pub(super) fn ollama_shown(shown: &Value, model: &mut LocalModel) {
    if let Some(capabilities) = shown.get("capabilities").and_then(Value::as_array) {
        model.takes_tools = Some(capabilities.iter().any(|capability| capability == "tools"));
    }
    let info = shown.get("model_info").and_then(Value::as_object);
    let lengths = info.into_iter().flatten().filter(|(key, _)| key.ends_with(".context_length"));
    let most = lengths.filter_map(|(_, value)| value.as_u64()).next();
    let set = text(shown, "parameters").and_then(|lines| {
        let of_line = |line: &str| line.trim().strip_prefix("num_ctx")?.trim().parse().ok();
        lines.lines().find_map(of_line)
    });
    model.window = Some(match (model.window, set) {
        (Some(loaded), _) => Window { most, ..loaded },
        (None, Some(tokens)) => Window { tokens, is_assumed: false, most },
        (None, None) => Window { tokens: most.map_or(DEFAULT, |most| most.min(DEFAULT)), is_assumed: true, most },
    });
}

/// Whether a model that Ollama shows answers nothing.
pub(super) fn ollama_only_embeds(shown: &Value) -> bool {
    let capabilities = shown.get("capabilities").and_then(Value::as_array);
    capabilities.is_some_and(|all| all.iter().all(|capability| capability == "embedding") && !all.is_empty())
}

/// LM Studio's own list (`/api/v0/models`).
pub(super) fn lmstudio_models(list: &Value, models: &mut Vec<LocalModel>) {
    let Some(data) = list.get("data").and_then(Value::as_array) else { return };
    let find = |id: &str| data.iter().find(|listed| text(listed, "id") == Some(id));
    models.retain(|model| find(&model.id).and_then(|listed| text(listed, "type")) != Some("embeddings"));
    for model in models {
        let Some(listed) = find(&model.id) else { continue };
        model.is_loaded = text(listed, "state") == Some("loaded");
        let has_tools = |list: &Vec<Value>| list.iter().any(|capability| capability == "tool_use");
        // It has a way of its own for models without: that they lack it is not told.
        model.takes_tools =
            listed.get("capabilities").and_then(Value::as_array).filter(|list| has_tools(list)).map(|_| true);
        let number = |key: &str| listed.get(key).and_then(Value::as_u64);
        let most = number("max_context_length");
        model.window = match (number("loaded_context_length"), most) {
            (Some(tokens), most) => Some(Window { tokens, is_assumed: false, most }),
            // It is loaded by the first request.
            (None, Some(most)) => Some(Window { tokens: most.min(DEFAULT), is_assumed: true, most: Some(most) }),
            (None, None) => None,
        };
    }
}

/// What llama.cpp's server says of the model that it has loaded (`/props`).
pub(super) fn llamacpp_props(props: &Value, models: &mut [LocalModel]) {
    let [model] = models else { return };
    model.is_loaded = true;
    // Of each of its slots, which a request gets one of.
    let window = props.pointer("/default_generation_settings/n_ctx").and_then(Value::as_u64);
    model.window = window.map(exact).or(model.window);
    let says = props.pointer("/chat_template_caps/supports_tools").and_then(Value::as_bool);
    let reads = || text(props, "chat_template").map(|template| template.contains("tools"));
    model.takes_tools = says.or_else(reads);
}
