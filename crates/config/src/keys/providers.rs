//! The keys of a table of `[model_providers]`.

use super::{DAY_MS, Key, Kind, ignored, key, later};

/// Languages that providers speak.
const WIRES: &[&str] = &["responses", "chat", "chat_completions", "anthropic"];

/// The keys of a table of `[model_providers]`.
pub const PROVIDER: &[Key] = &[
    key("name", Kind::Text, "Name for people"),
    key("base_url", Kind::Url, "Address that request paths are appended to"),
    key("env_key", Kind::Variable, "Environment variable that holds the API key").aliases(&["api_key_env"]),
    key("env_key_instructions", Kind::Text, "How to get an API key; shown when there is none"),
    key("wire_api", Kind::Choice(WIRES), "Language of the server"),
    key("http_headers", Kind::Headers, "Headers of each request, by name"),
    key("env_http_headers", Kind::VariableHeaders, "Headers of each request whose values are in environment variables"),
    key("query_params", Kind::TextMap, "Parameters appended to the address"),
    key("key_header", Kind::Text, "Header that carries the API key, if it is not the usual one of the language"),
    key("open_weights", Kind::Flag, "Whether all models of the provider have open weights; `oss` asks no other"),
    key("connect_timeout_ms", Kind::Count(1, DAY_MS), "How long connecting may take, in milliseconds; 15 s if not set"),
    key(
        "first_byte_timeout_ms",
        Kind::Count(1, DAY_MS),
        "How long an answer may take to begin, in milliseconds; as `stream_idle_timeout_ms` if not set",
    ),
    key(
        "stream_idle_timeout_ms",
        Kind::Count(1, DAY_MS),
        "How long a stream may be silent, in milliseconds; 300 s if not set",
    ),
    key(
        "request_max_retries",
        Kind::Count(0, 100),
        "How often a request is repeated that is not answered (no connection, too many requests, trouble of the server); as \
         `stream_max_retries` if not set",
    ),
    key(
        "stream_max_retries",
        Kind::Count(0, 100),
        "How often an answer is asked for again that broke off; 5 if not set",
    ),
    key("grammars", Kind::Flag, "Whether the server takes tools with a grammar; found out if not set"),
    later("auth", "Command that prints an API key"),
    later("experimental_bearer_token", "The API key itself"),
    key(
        "web_search",
        Kind::Flag,
        "Whether the server searches the web for its models; known for those of OpenAI and Anthropic; it must speak `responses` or `anthropic`",
    ),
    key(
        "quirks",
        Kind::Table(QUIRKS),
        "How the server differs from others that speak `chat`; known for the built-in ones, also under other names",
    ),
    later("requires_openai_auth", "Whether the server takes OpenAI's credentials"),
    ignored("supports_websockets", "Streams are read over HTTP"),
    ignored("websocket_connect_timeout_ms", "Streams are read over HTTP"),
];

/// The keys of `quirks` of a provider. What holds unless it is said otherwise is `codex_model::Quirks`' to know.
pub const QUIRKS: &[Key] = &[
    key(
        "developer_role",
        Kind::Flag,
        "Whether instructions may stand anywhere, in the role `developer`; else one message of the role `system` comes first; \
         `false` if not set",
    ),
    key(
        "user_after_result",
        Kind::Flag,
        "Whether a message of the user may follow a tool's result at once; `true` if not set",
    ),
    key(
        "stream_options",
        Kind::Flag,
        "Whether `stream_options` are taken; else usage comes unasked; `true` if not set",
    ),
    key(
        "parallel_tool_calls",
        Kind::Flag,
        "Whether the server must be told that a model may call several tools at once; as `open_weights` if not set",
    ),
    key("cache_keys", Kind::Flag, "Whether `prompt_cache_key` and `store` are taken; `false` if not set"),
    key("json_schema", Kind::Flag, "Whether answers are held to a JSON Schema; else to any JSON; `true` if not set"),
    key(
        "max_completion_tokens",
        Kind::Flag,
        "Whether the limit of an answer is called so; else `max_tokens`; `false` if not set",
    ),
    key("temperature_when_thinking", Kind::Flag, "Whether models that think take a `temperature`; `true` if not set"),
    key("reasoning_effort", Kind::Flag, "Whether `reasoning_effort` is taken; `true` if not set"),
    key("verbosity", Kind::Flag, "Whether `verbosity` is taken; `false` if not set"),
];
