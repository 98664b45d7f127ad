//! What a server says that a tool takes, made fit for models' servers: one tool that lies must not make them refuse the rest.

use serde_json::{Map, Value, json};

/// Longest schema, in bytes.
const SIZE: usize = 64 << 10;
/// Deepest one.
const DEPTH: usize = 32;

/// The schema of an object, whatever `said` is.
pub(crate) fn harmless(said: Option<&Value>) -> Value {
    let anything = || json!({"type": "object", "properties": {}});
    let Some(Value::Object(said)) = said else { return anything() };
    let mut schema = said.clone();
    schema.insert("type".into(), "object".into());
    for (_, inner) in &mut schema {
        clean(inner, DEPTH);
    }
    clean_properties(&mut schema);
    let whole = Value::Object(schema);
    if whole.to_string().len() > SIZE { anything() } else { whole }
}

/// Leaves only properties that models' servers take by their names, and requires only these.
fn clean_properties(schema: &mut Map<String, Value>) {
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema.insert("properties".into(), Value::Object(Map::new()));
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    properties.retain(|name, inner| is_name(name) && (inner.is_object() || inner.is_boolean()));
    let names: Vec<Value> = properties.keys().map(|name| name.as_str().into()).collect();
    match schema.get_mut("required") {
        Some(Value::Array(required)) => required.retain(|name| names.contains(name)),
        Some(_) => {
            schema.remove("required");
        }
        None => {}
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(is_plain)
}

/// Cuts what is too deep, and removes references to elsewhere: nobody fetches them.
fn clean(value: &mut Value, depth: usize) {
    match value {
        Value::Object(_) | Value::Array(_) if depth == 0 => *value = Value::Object(Map::new()),
        Value::Object(object) => {
            let leads_away = |it: &Value| !it.as_str().is_some_and(|it| it.starts_with('#'));
            if object.get("$ref").is_some_and(leads_away) {
                object.remove("$ref");
            }
            object.values_mut().for_each(|inner| clean(inner, depth - 1));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| clean(inner, depth - 1)),
        Value::String(text) => *text = crate::limits::words(text, crate::limits::DESCRIPTION),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_becomes_an_object() {
        let nothing = json!({"type": "object", "properties": {}});
        let huge = json!({"type": "object", "properties": {"a": {"enum": vec!["x".repeat(1000); 100]}}});
        let rows = [
            (json!("text"), nothing.clone()),
            (json!([1, 2]), nothing.clone()),
            (json!({"type": "string"}), nothing.clone()),
            (json!({"properties": [1]}), nothing.clone()),
            (huge, nothing.clone()),
            (
                json!({"properties": {"a b": {}, "ok": {"type": "string"}, "no": 3}, "required": ["a b", "ok", 7]}),
                json!({"properties": {"ok": {"type": "string"}}, "required": ["ok"], "type": "object"}),
            ),
            (
                json!({"type": "object", "properties": {"a": {"$ref": "https://example/x"}, "b": {"$ref": "#"}}, "required": 1}),
                json!({"type": "object", "properties": {"a": {}, "b": {"$ref": "#"}}}),
            ),
        ];
        for (said, expected) in rows {
            assert_eq!(harmless(Some(&said)), expected, "{said}");
        }
        assert_eq!(harmless(None), nothing);
    }

    #[test]
    fn what_is_very_deep_is_cut() {
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({"properties": {"a": deep}});
        }
        assert!(harmless(Some(&deep)).to_string().len() < 1000);
    }

    #[test]
    fn an_honest_schema_stays_as_it_is() {
        let honest = json!({
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Where.\nAbsolute."}, "n": {"type": "integer"}},
            "required": ["path"],
            "additionalProperties": false,
        });
        assert_eq!(harmless(Some(&honest)), honest);
    }
}
