//! What a server asks a person: only forms, whose answers are what was asked for.

use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction};
use serde_json::{Map, Value};

use crate::{Elicitation, Elicited, limits};

/// The question; `None`: it is declined.
pub(crate) fn question(server: &str, params: &ElicitRequestParams) -> Option<Elicitation> {
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = params else { return None };
    let schema = serde_json::to_value(requested_schema).ok()?;
    if schema.to_string().len() > limits::DESCRIPTION * 4 {
        return None;
    }
    Some(Elicitation { server: server.to_owned(), message: limits::words(message, limits::DESCRIPTION), schema })
}

/// What the server is told. An answer that is not what it asked for is none.
pub(crate) fn answer(schema: &Value, elicited: Elicited) -> ElicitResult {
    match elicited {
        Elicited::Accepted(content) if fits(schema, &content) => {
            ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(content))
        }
        Elicited::Accepted(_) | Elicited::Cancelled => ElicitResult::new(ElicitationAction::Cancel),
        Elicited::Declined => declined(),
    }
}

pub(crate) fn declined() -> ElicitResult {
    ElicitResult::new(ElicitationAction::Decline)
}

/// Whether all that is required is there, and nothing that was not asked for or of another kind.
fn fits(schema: &Value, content: &Map<String, Value>) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    let is_there = |name: &Value| name.as_str().is_some_and(|name| content.contains_key(name));
    let is_asked = |(name, value): (&String, &Value)| {
        let Some(asked) = schema.get("properties").and_then(|all| all.get(name)) else { return false };
        match asked.get("type").and_then(Value::as_str) {
            Some("string") => value.is_string(),
            Some("number") => value.is_number(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            _ => true,
        }
    };
    required.into_iter().flatten().all(is_there) && content.iter().all(is_asked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_what_was_asked_for() {
        let schema = json!({"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "age": {"type": "integer"}, "sure": {"type": "boolean"}}});
        let rows = [
            (json!({"name": "x"}), true),
            (json!({"name": "x", "age": 3, "sure": true}), true),
            (json!({}), false),
            (json!({"name": 1}), false),
            (json!({"name": "x", "age": 1.5}), false),
            (json!({"name": "x", "more": 1}), false),
        ];
        for (content, expected) in rows {
            let action = answer(&schema, Elicited::Accepted(serde_json::from_value(content.clone()).unwrap())).action;
            let accepted = if expected { ElicitationAction::Accept } else { ElicitationAction::Cancel };
            assert_eq!(action, accepted, "{content}");
        }
        assert_eq!(answer(&schema, Elicited::Declined).action, ElicitationAction::Decline);
        assert_eq!(answer(&schema, Elicited::Cancelled).action, ElicitationAction::Cancel);
    }

    #[test]
    fn pages_to_open_are_declined() {
        let form = json!({"mode": "form", "message": "Who?\u{1b}[2J", "requestedSchema": {"type": "object", "properties": {}}});
        let form: ElicitRequestParams = serde_json::from_value(form).unwrap();
        assert_eq!(question("s", &form).map(|it| it.message).as_deref(), Some("Who?[2J"));
        let page = json!({"mode": "url", "message": "Go", "url": "https://example/", "elicitationId": "1"});
        let page: ElicitRequestParams = serde_json::from_value(page).unwrap();
        assert_eq!(question("s", &page), None);
    }
}
