//! What a server asks a person: forms, whose answers are what was asked for, and pages of the web to go to.

use codex_forms::Form;
use codex_protocol::Asked;
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction};
use serde_json::Value;
use url::Url;

use crate::{Elicitation, Elicited, limits};

/// Longest address of a page, in bytes: no person reads a longer one.
const ADDRESS: usize = 2 << 10;
/// Most pages that one call sends a person to.
const PAGES: usize = 3;

/// The question; `None`: it is declined, for no person could answer it.
pub(crate) fn question(server: &str, params: &ElicitRequestParams) -> Option<Elicitation> {
    let (message, asked) = match params {
        ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
            let requested_schema = serde_json::to_value(requested_schema).ok()?;
            if requested_schema.to_string().len() > limits::DESCRIPTION * 4 {
                return None;
            }
            Form::read(&requested_schema).ok()?;
            (message, Asked::Form { requested_schema })
        }
        ElicitRequestParams::UrlElicitationParams { message, url, elicitation_id, .. } => {
            let url = page(url)?;
            (message, Asked::Url { url, elicitation_id: limits::line(elicitation_id, limits::NAME) })
        }
        _ => return None,
    };
    Some(Elicitation { server: server.to_owned(), message: limits::words(message, limits::DESCRIPTION), asked })
}

/// The pages that an error names to which a person has to go first.
pub(crate) fn pages(server: &str, data: Option<&Value>) -> Vec<Elicitation> {
    let all = data.and_then(|data| data.get("elicitations")).and_then(Value::as_array).into_iter().flatten();
    let read = |one: &Value| question(server, &serde_json::from_value(one.clone()).ok()?);
    all.take(PAGES).filter_map(read).filter(|page| matches!(page.asked, Asked::Url { .. })).collect()
}

/// The address of a page as it will be opened: names in other alphabets in the letters of the wire, so that none looks like another.
fn page(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.has_host();
    // What stands before an `@` looks like the host, and is none.
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_page && is_plain && url.as_str().len() <= ADDRESS).then(|| url.into())
}

/// What the server is told. An answer that is not what it asked for is none.
pub(crate) fn answer(asked: &Asked, elicited: Elicited) -> ElicitResult {
    let accepted = |content| {
        let fits = match asked {
            Asked::Form { requested_schema } => {
                Form::read(requested_schema).is_ok_and(|form| form.check(content).is_ok())
            }
            Asked::Url { .. } => content.is_empty(),
        };
        if fits { ElicitationAction::Accept } else { ElicitationAction::Cancel }
    };
    match elicited {
        Elicited::Accepted(content) => {
            let answer = ElicitResult::new(accepted(&content));
            match (answer.action == ElicitationAction::Accept, asked) {
                (true, Asked::Form { .. }) => answer.with_content(Value::Object(content)),
                _ => answer,
            }
        }
        Elicited::Cancelled => ElicitResult::new(ElicitationAction::Cancel),
        Elicited::Declined => declined(),
    }
}

pub(crate) fn declined() -> ElicitResult {
    ElicitResult::new(ElicitationAction::Decline)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_what_was_asked_for() {
        let requested_schema = json!({"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "age": {"type": "integer"}, "sure": {"type": "boolean"}}});
        let form = Asked::Form { requested_schema };
        let page = Asked::Url { url: "https://a.example/".into(), elicitation_id: "1".into() };
        let rows = [
            (&form, json!({"name": "x"}), true),
            (&form, json!({"name": "x", "age": 3, "sure": true}), true),
            (&form, json!({}), false),
            (&form, json!({"name": "x", "age": 1.5}), false),
            (&form, json!({"name": "x", "more": 1}), false),
            (&page, json!({}), true),
            (&page, json!({"name": "x"}), false),
        ];
        for (asked, content, expected) in rows {
            let told = answer(asked, Elicited::Accepted(serde_json::from_value(content.clone()).unwrap()));
            let accepted = if expected { ElicitationAction::Accept } else { ElicitationAction::Cancel };
            assert_eq!(told.action, accepted, "{content}");
            assert_eq!(told.content, (expected && asked == &form).then_some(content));
        }
        assert_eq!(answer(&form, Elicited::Declined).action, ElicitationAction::Decline);
        assert_eq!(answer(&form, Elicited::Cancelled).action, ElicitationAction::Cancel);
    }

    #[test]
    fn what_no_person_should_be_asked_is_declined() {
        let read = |params: Value| question("s", &serde_json::from_value(params).unwrap());
        let form = read(
            json!({"mode": "form", "message": "Who?\u{1b}[2J", "requestedSchema": {"type": "object", "properties": {}}}),
        );
        assert_eq!(form.map(|it| it.message).as_deref(), Some("Who?[2J"));
        let many: serde_json::Map<String, Value> =
            (0..200).map(|at| (format!("f{at}"), json!({"type": "boolean"}))).collect();
        assert_eq!(read(json!({"message": "", "requestedSchema": {"type": "object", "properties": many}})), None);
        for (url, expected) in [
            ("https://a.example/x?y=1", Some("https://a.example/x?y=1")),
            ("http://localhost:1/", Some("http://localhost:1/")),
            ("https://\u{0430}pple.example/", Some("https://xn--pple-43d.example/")),
            ("https://a.example@b.example/", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("not an address", None),
        ] {
            let asked =
                read(json!({"mode": "url", "message": "Go", "url": url, "elicitationId": "1"})).map(|it| it.asked);
            let expected = expected.map(|url| Asked::Url { url: url.into(), elicitation_id: "1".into() });
            assert_eq!(asked, expected, "{url}");
        }
    }
}
