//! Schemas as servers send them, and what may be entered.

use serde_json::{Value, json};

use super::*;

fn field(schema: Value) -> Field {
    let form = Form::read(&json!({ "type": "object", "properties": { "x": schema }, "required": ["x"] })).unwrap();
    form.fields.into_iter().next().unwrap()
}

#[test]
fn what_is_typed_is_what_the_field_wants() {
    let text = |more: Value| {
        let mut schema = json!({ "type": "string" });
        more.as_object().unwrap().iter().for_each(|(name, value)| schema[name] = value.clone());
        schema
    };
    let format = |name: &str| text(json!({ "format": name }));
    let rows = [
        (text(json!({})), " a b ", Ok(json!(" a b "))),
        (text(json!({})), "  ", Err("required")),
        (text(json!({ "minLength": 3 })), "äö", Err("at least 3 characters")),
        (text(json!({ "maxLength": 2 })), "äöü", Err("at most 2 characters")),
        (format("email"), " me@a.example ", Ok(json!("me@a.example"))),
        (format("email"), "me", Err("name@host")),
        (format("email"), "me@", Err("name@host")),
        (format("email"), "a@b@c", Err("name@host")),
        (format("uri"), "https://a.example/x", Ok(json!("https://a.example/x"))),
        (format("uri"), "a.example", Err("https://host/")),
        (format("uri"), "https://a b", Err("https://host/")),
        (format("date"), "2028-02-29", Ok(json!("2028-02-29"))),
        (format("date"), "2026-02-29", Err("2026-12-31")),
        (format("date"), "2026-13-01", Err("2026-12-31")),
        (format("date"), "26-1-1", Err("2026-12-31")),
        (format("date-time"), "2026-12-31T23:59:59Z", Ok(json!("2026-12-31T23:59:59Z"))),
        (format("date-time"), "2026-12-31t10:00:00.25+01:00", Ok(json!("2026-12-31t10:00:00.25+01:00"))),
        (format("date-time"), "2026-12-31T10:00:00", Err("23:59:59Z")),
        (format("date-time"), "2026-12-31", Err("23:59:59Z")),
        (format("what"), "anything", Ok(json!("anything"))),
        (json!({ "type": "integer", "minimum": 1, "maximum": 100 }), " 42 ", Ok(json!(42))),
        (json!({ "type": "integer" }), "4.5", Err("whole number")),
        (json!({ "type": "integer", "minimum": 1 }), "0", Err("at least 1")),
        (json!({ "type": "number", "maximum": 3.5 }), "3.25", Ok(json!(3.25))),
        (json!({ "type": "number", "maximum": 3.5 }), "3.6", Err("at most 3.5")),
        (json!({ "type": "number" }), "NaN", Err("a number")),
        (json!({ "type": "number" }), "many", Err("a number")),
    ];
    for (schema, typed, expected) in rows {
        match (field(schema.clone()).typed(typed), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, Some(expected), "{schema} {typed}"),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{schema} {typed}: {why}"),
            (got, expected) => panic!("{schema} {typed}: {got:?}, not {expected:?}"),
        }
    }
}

#[test]
fn each_way_to_name_choices_is_read() {
    let choices = |pairs: &[(&str, &str)]| -> Vec<FieldChoice> {
        let choice = |(value, title): &(&str, &str)| FieldChoice { value: (*value).into(), title: (*title).into() };
        pairs.iter().map(choice).collect()
    };
    let titled = json!([{ "const": "a", "title": "A" }, { "const": "b" }]);
    let rows = [
        (json!({ "type": "string", "enum": ["a", "b"] }), FieldKind::One(choices(&[("a", "a"), ("b", "b")]))),
        (
            json!({ "type": "string", "enum": ["a", "b"], "enumNames": ["A"] }),
            FieldKind::One(choices(&[("a", "A"), ("b", "b")])),
        ),
        (json!({ "type": "string", "oneOf": titled }), FieldKind::One(choices(&[("a", "A"), ("b", "b")]))),
        (
            json!({ "type": "array", "items": { "anyOf": titled }, "minItems": 1 }),
            FieldKind::Some { choices: choices(&[("a", "A"), ("b", "b")]), min: Some(1), max: None },
        ),
        (
            json!({ "type": "array", "items": { "type": "string", "enum": ["a"] }, "maxItems": 2 }),
            FieldKind::Some { choices: choices(&[("a", "a")]), min: None, max: Some(2) },
        ),
    ];
    for (schema, expected) in rows {
        assert_eq!(field(schema.clone()).kind, expected, "{schema}");
    }
}

#[test]
fn what_no_person_can_fill_in_is_no_form() {
    let many: serde_json::Map<String, Value> =
        (0..=MOST).map(|at| (format!("f{at}"), json!({ "type": "boolean" }))).collect();
    for schema in [
        json!({ "properties": [] }),
        json!({ "properties": many }),
        json!({ "properties": { "x": { "type": "object" } } }),
        json!({ "properties": { "x": {} } }),
        json!({ "properties": { "x": { "type": "string", "enum": [] } } }),
        json!({ "properties": { "x": { "type": "string", "enum": [1] } } }),
        json!({ "properties": { "x": { "type": "array", "items": { "type": "string" } } } }),
        json!({ "properties": {}, "required": ["x"] }),
        json!({ "properties": {}, "required": [1] }),
    ] {
        assert!(Form::read(&schema).is_err(), "{schema}");
    }
    assert_eq!(Form::read(&json!({ "type": "object" })).unwrap(), Form::default());
}

#[test]
fn an_answer_is_what_was_asked_for() {
    let form = Form::read(&json!({ "type": "object", "required": ["name"], "properties": {
        "age": { "type": "integer", "default": 1.5 }, "name": { "type": "string", "title": " ", "default": "me" },
        "sure": { "type": "boolean" }, "some": { "type": "array", "maxItems": 1, "items": { "enum": ["a", "b"] } },
    } }))
    .unwrap();
    // What must be there comes first; a default that may not be in its field is none.
    assert_eq!((form.fields[0].called(), &form.fields[0].default), ("name", &Some(json!("me"))));
    assert_eq!((form.fields[1].called(), &form.fields[1].default), ("age", &None));
    let rows = [
        (json!({ "name": "x" }), ""),
        (json!({ "name": "x", "age": 3, "sure": true, "some": ["b"] }), ""),
        (json!({}), "`name` is required"),
        (json!({ "name": 1 }), "`name`: a text"),
        (json!({ "name": "x", "age": 1.5 }), "`age`: a whole number"),
        (json!({ "name": "x", "sure": "yes" }), "`sure`: yes or no"),
        (json!({ "name": "x", "some": ["c"] }), "`some`: some of the choices"),
        (json!({ "name": "x", "some": ["a", "b"] }), "`some`: at most 1"),
        (json!({ "name": "x", "more": 1 }), "`more` was not asked for"),
    ];
    for (content, expected) in rows {
        let why = form.check(content.as_object().unwrap()).err().unwrap_or_default();
        assert!(why.starts_with(expected) && why.is_empty() == expected.is_empty(), "{content}: {why}");
    }
}
