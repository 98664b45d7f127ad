//! The table of keys as a JSON Schema, for editors that complete and check `config.toml`.
//!
//! Draft 7, with no word that Draft 4 does not have: that is what the editors' plug-ins for TOML (Taplo and those built
//! on it) read. They pass over whatever stands beside a `$ref`, so nothing does.

use serde_json::{Map, Value, json};

use crate::keys::{KEYS, Key, Kind, Status};

/// A character that is no blank: texts are not empty.
const TEXT: &str = "\\S";
/// The name of an environment variable.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// The name of a header.
const HEADER: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/// The schema of `config.toml`, `.codex/config.toml` and `.codex/config.local.toml`.
pub fn schema() -> Value {
    let mut definitions = properties(KEYS, false);
    let of_profile = KEYS.iter().filter(|key| key.kind != Kind::Profiles && key.name != "default_profile");
    definitions.insert("settings_of_a_profile".into(), table(references(of_profile), false));
    let mut schema = Map::new();
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), "Settings of codex".into());
    if let Value::Object(root) = table(references(KEYS.iter()), false) {
        schema.extend(root);
    }
    schema.insert("definitions".into(), Value::Object(definitions));
    Value::Object(schema)
}

/// References to the definitions of these keys, under each of their names.
fn references<'a>(keys: impl Iterator<Item = &'a Key>) -> Map<String, Value> {
    let names = keys.flat_map(|key| std::iter::once(&key.name).chain(key.aliases));
    names.map(|name| ((*name).into(), json!({ "$ref": format!("#/definitions/{name}") }))).collect()
}

/// Each key of a table, that is `strict` or not, under each of its names.
fn properties(keys: &[Key], strict: bool) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in keys {
        properties.insert(key.name.into(), within(key, strict));
        properties.extend(key.aliases.iter().map(|alias| ((*alias).into(), alias_of(key))));
    }
    properties
}

fn children(keys: &[Key], strict: bool) -> Value {
    table(properties(keys, strict), strict)
}

fn table(properties: Map<String, Value>, strict: bool) -> Value {
    let mut table = Map::new();
    table.insert("type".into(), "object".into());
    table.insert("properties".into(), Value::Object(properties));
    if strict {
        table.insert("additionalProperties".into(), false.into());
    }
    Value::Object(table)
}

/// A key in a table that is `strict` or not.
fn within(key: &Key, strict: bool) -> Value {
    let mut schema = Map::new();
    let more = match (key.status, key.appends) {
        (Status::Later, _) => ". This version does not use it.",
        (Status::Ignored, _) => ". It has no effect.",
        (Status::Used, true) => ". The lists of all layers add up; `\"!ITEM\"` removes an item of a lower one.",
        (Status::Used, false) => ".",
    };
    schema.insert("description".into(), format!("{}{more}", key.about).into());
    if let Value::Object(value) = value(key.kind, strict) {
        schema.extend(value);
    }
    if let Some(default) = key.default_value().and_then(|value| serde_json::to_value(value).ok()) {
        schema.insert("default".into(), default);
    }
    if key.status != Status::Used {
        schema.insert("x-taplo".into(), json!({ "hidden": true }));
    }
    Value::Object(schema)
}

/// A key under another name, which editors do not propose.
fn alias_of(key: &Key) -> Value {
    let mut schema = within(key, false);
    schema["description"] = format!("Another name of `{}`.", key.name).into();
    schema["x-taplo"] = json!({ "hidden": true });
    schema
}

/// What may be written after the `=`.
fn value(kind: Kind, strict: bool) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let map = |item: Value| json!({ "type": "object", "additionalProperties": item });
    let headers =
        |item: Value| json!({ "type": "object", "patternProperties": { HEADER: item }, "additionalProperties": false });
    match kind {
        Kind::Text => text(TEXT),
        Kind::Prose => json!({ "type": "string" }),
        Kind::TextOrTexts => json!({ "anyOf": [text(TEXT), value(Kind::Texts, strict)] }),
        Kind::TextOrFalse => json!({ "anyOf": [text(TEXT), { "const": false }] }),
        Kind::Variable => text(VARIABLE),
        Kind::Url | Kind::Endpoint => text("^https?://[^/\\s]\\S*$"),
        Kind::Choice(names) => json!({ "type": "string", "enum": names }),
        Kind::Suggested(names) => json!({ "anyOf": [{ "type": "string", "enum": names }, text(TEXT)] }),
        Kind::Known(names) => json!({ "anyOf": [{ "type": "string", "enum": names }, text(TEXT)] }),
        Kind::KnownTexts(names) => json!({ "type": "array", "items": value(Kind::Known(names), strict) }),
        Kind::FlagOrKnownTexts(names) => {
            json!({ "anyOf": [{ "type": "boolean" }, value(Kind::KnownTexts(names), strict)] })
        }
        Kind::FlagOrChoice(names) => json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": names }] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Amount => json!({ "type": "number", "minimum": 0 }),
        Kind::Paths | Kind::ProjectPaths | Kind::Texts => json!({ "type": "array", "items": text(TEXT) }),
        Kind::ProjectPath => text(TEXT),
        Kind::Arguments => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Variables => json!({ "type": "array", "items": { "anyOf": [text(VARIABLE), { "type": "object" }] } }),
        Kind::FlagOrTexts => json!({ "anyOf": [{ "type": "boolean" }, value(Kind::Texts, strict)] }),
        Kind::TextMap => map(json!({ "type": "string" })),
        // What else may stand there is the existing CLI's.
        Kind::Lists => map(json!({ "anyOf": [text(TEXT), value(Kind::Texts, strict), { "type": "object" }] })),
        Kind::Headers => headers(json!({ "type": "string" })),
        Kind::VariableHeaders => headers(text(VARIABLE)),
        Kind::Table(keys) => children(keys, false),
        Kind::Strict(keys) => children(keys, true),
        Kind::StrictOrFirst(keys) => {
            let first = keys.first().map(|first| value(first.kind, true));
            let table = Some(children(keys, true));
            json!({ "anyOf": Vec::from_iter(first.into_iter().chain(table)) })
        }
        Kind::Named(keys) => map(children(keys, strict)),
        Kind::Profiles => map(json!({ "$ref": "#/definitions/settings_of_a_profile" })),
        Kind::Hooks => hooks(),
        Kind::Any => json!({}),
    }
}

/// Groups of hooks.
fn hooks() -> Value {
    let text = || json!({ "type": "string", "pattern": TEXT });
    let handler = json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "enum": ["command"] },
            "command": text(),
            "timeout": { "type": "number", "minimum": 0 },
            "sandbox": { "type": "boolean" },
            "fail": { "type": "string", "enum": ["closed"] },
            "statusMessage": text(),
        },
        "required": ["command"],
    });
    let group = json!({
        "type": "object",
        "properties": { "matcher": { "type": "string" }, "hooks": { "type": "array", "items": handler } },
        "required": ["hooks"],
    });
    json!({ "type": "array", "items": group })
}
