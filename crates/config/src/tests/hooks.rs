//! Hooks in both shapes.

use std::path::PathBuf;

use serde_json::json;

use super::*;

#[test]
fn groups_are_read_and_what_is_not_understood_is_an_error() {
    let read = |value: Value| group(&value);
    let whole = json!({ "matcher": "Bash|Edit", "hooks": [
        { "type": "command", "command": "./a", "timeout": 1.5, "sandbox": false, "fail": "closed", "statusMessage": "looks", "async": true },
        { "type": "prompt", "prompt": "x" },
    ] });
    let found = read(whole).unwrap();
    assert_eq!(found.matcher, "Bash|Edit");
    assert_eq!(found.passed_over, ["`async`", "hooks of the type `prompt`"]);
    let expected = Handler {
        command: "./a".into(),
        timeout: Some(Duration::from_millis(1500)),
        sandbox: false,
        fails_closed: true,
        status_message: Some("looks".into()),
    };
    assert_eq!(found.handlers, [expected]);
    assert_eq!(read(json!({ "command": "./a" })).unwrap().handlers.len(), 1, "a program alone");
    let table = [
        (json!(1), "a table"),
        (json!({}), "`hooks` is missing"),
        (json!({ "matcher": 1, "hooks": [] }), "`matcher`"),
        (json!({ "hooks": 1 }), "`hooks` is a list"),
        (json!({ "hooks": [1] }), "each of `hooks`"),
        (json!({ "hooks": [{ "command": " " }] }), "`command`"),
        (json!({ "hooks": [{ "command": "a", "timeout": 0 }] }), "`timeout`"),
        (json!({ "hooks": [{ "command": "a", "timeout": "1" }] }), "`timeout`"),
        (json!({ "hooks": [{ "command": "a", "sandbox": 1 }] }), "`sandbox`"),
        (json!({ "hooks": [{ "command": "a", "fail": "open" }] }), "`fail`"),
        (json!({ "hooks": [{ "command": "a", "blocks": true }] }), "`blocks`"),
    ];
    for (value, expected) in table {
        let error = read(value.clone()).unwrap_err();
        assert!(error.contains(expected), "{value}: {error}");
    }
}

#[test]
fn json_is_read_with_lines_and_events_of_others_are_named() {
    let text =
        "{\n \"hooks\": {\n  \"Stop\": [{ \"hooks\": [{ \"command\": \"./stop \\\"x\\\"\" }] }],\n  \"Setup\": [] } }";
    let path = PathBuf::from("/p/hooks.json");
    let (found, said) = hooks_of_json(text, HookSource::User, &path).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].event, found[0].command.as_str()), (HookEvent::Stop, "./stop \"x\""));
    assert_eq!(found[0].origin, Origin::File { path: path.clone(), line: 3, column: 1 });
    assert!(said.len() == 1 && said[0].contains("`Setup`"), "{said:?}");
    let (bare, said) = hooks_of_json(r#"{ "Stop": [{ "command": "a" }] }"#, HookSource::User, &path).unwrap();
    assert!(bare.len() == 1 && said.is_empty());
    for (text, expected) in [("x", "not JSON"), ("[]", "a table"), (r#"{"hooks":{"Stop":1}}"#, "`Stop` is a list")] {
        assert!(hooks_of_json(text, HookSource::User, &path).unwrap_err().contains(expected), "{text}");
    }
}
