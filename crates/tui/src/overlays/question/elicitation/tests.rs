//! Forms that are filled in, pages that are gone to or not, and a stranger's words that drive no terminal.

use codex_protocol::ServerRequest;
use serde_json::{Value, json};

use crate::overlays::{
    Overlay, question,
    testing::{SIZES, press, said, screen},
};

fn asked(params: Value) -> Box<dyn Overlay> {
    let mut all = json!({
        "threadId": "t", "turnId": "u", "itemId": "i", "serverName": "notes", "message": "Who are you?", "_meta": null,
    });
    params.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
    let request = json!({ "method": "mcpServer/elicitation/request", "params": all });
    question(7, &serde_json::from_value::<ServerRequest>(request).unwrap(), None)
}

fn with(properties: Value, required: Value) -> Box<dyn Overlay> {
    asked(
        json!({ "mode": "form", "requestedSchema": { "type": "object", "properties": properties, "required": required } }),
    )
}

fn person() -> Box<dyn Overlay> {
    with(
        json!({
            "name": { "type": "string", "title": "Your name", "description": "As on the door" },
            "age": { "type": "integer", "minimum": 1 },
            "sure": { "type": "boolean" },
            "pet": { "type": "string", "enum": ["cat", "dog"], "enumNames": ["Cat", "Dog"] },
            "plays": { "type": "array", "items": { "enum": ["drums", "bass"] }, "default": ["bass"] },
        }),
        json!(["name"]),
    )
}

fn page() -> Box<dyn Overlay> {
    page_at("https://a.example/pay?x=1")
}

fn page_at(url: &str) -> Box<dyn Overlay> {
    asked(json!({ "mode": "url", "url": url, "elicitationId": "e" }))
}

fn decided(decision: &str) -> String {
    format!("closes Answer {{ request_id: 7, answer: ApprovalAnswer {{ decision: {decision}, message: None }} }}")
}

/// As [`decided`], with what was entered.
fn entered(content: &Value) -> String {
    decided(&format!("AcceptWithContent {{ content: {:?} }}", content.as_object().unwrap()))
}

#[test]
fn a_form_is_filled_in_field_by_field() {
    let table = [
        ("m e down down down down down enter", entered(&json!({ "name": "me", "plays": ["bass"] }))),
        // Enter goes on where the field is right, and stays where it is not.
        ("enter m e enter enter enter enter enter enter", entered(&json!({ "name": "me", "plays": ["bass"] }))),
        (
            "m e enter 0 enter backspace 4 2 enter space enter right right enter space enter enter",
            entered(&json!({ "name": "me", "age": 42, "sure": true, "pet": "dog", "plays": ["drums", "bass"] })),
        ),
        (
            "m e enter enter n enter d enter right space enter enter",
            entered(&json!({ "name": "me", "sure": false, "pet": "dog" })),
        ),
        // What is required and not there is gone to.
        ("up up enter m e up up enter", entered(&json!({ "name": "me", "plays": ["bass"] }))),
        ("up enter", decided("Decline")),
        ("m esc", decided("Cancel")),
        ("ctrl+c", decided("Cancel")),
        ("q", String::new()),
    ];
    for (keys, expected) in table {
        let mut overlay = person();
        assert_eq!(overlay.question(), Some(7));
        screen(&*overlay, (80, 24));
        assert_eq!(said(&press(&mut *overlay, keys)), expected, "{keys}");
    }
    let mut overlay = person();
    overlay.paste("pasted");
    press(&mut *overlay, "up up");
    assert_eq!(said(&press(&mut *overlay, "enter")), entered(&json!({ "name": "pasted", "plays": ["bass"] })));
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let mut overlay = person();
    press(&mut *overlay, "up up enter");
    let shown = screen(&*overlay, (80, 24)).join("\n");
    for expected in [
        "An MCP server asks you something",
        "notes",
        "“Who are you?”",
        "› Your name  (required)",
        "As on the door",
        "it is required",
        "  plays  bass",
        "  pet  (may be left out)",
        "Your name: ",
        "send it",
        "esc no answer",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
    press(&mut *overlay, "x enter z enter");
    let shown = screen(&*overlay, (80, 24)).join("\n");
    assert!(shown.contains("a whole number is wanted") && shown.contains("  Your name  x"), "{shown}");
    // Little room: what is filled in is seen.
    press(&mut *overlay, "backspace down down");
    let shown = screen(&*overlay, (30, 6)).join("\n");
    assert!(shown.contains("pet: ‹ … › 0 of 2") && shown.contains("send it"), "{shown}");
}

#[test]
fn a_page_is_gone_to_only_after_a_yes() {
    let shown = screen(&*page(), (80, 24)).join("\n");
    for expected in ["Go to this page for an MCP server?", "a.example\n", "https://a.example/pay?x=1", "open the page"]
    {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let yes = format!("{} Browse(\"https://a.example/pay?x=1\")", decided("Accept"));
    for (keys, expected) in [
        ("enter", decided("Decline")),
        ("left enter", yes.clone()),
        ("up enter", yes),
        ("esc", decided("Cancel")),
        ("y", String::new()),
    ] {
        assert_eq!(said(&press(&mut *page(), keys)), expected, "{keys}");
    }
}

/// A server elsewhere may send what none of ours would.
#[test]
fn what_is_no_page_of_the_web_is_not_opened() {
    for (url, why) in [
        ("file:///etc/passwd", "`file:` is no page"),
        ("https://good.example@bad.example/", "has a user name"),
        ("-x", "no address"),
    ] {
        let mut overlay = page_at(url);
        let shown = screen(&*overlay, (80, 24)).join(" ");
        assert!(shown.contains("It is not opened:") && shown.contains(why) && !shown.contains("Host"), "{shown}");
        assert_eq!(said(&press(&mut *overlay, "left enter")), "", "{url}");
        assert_eq!(said(&press(&mut *overlay, "right enter")), decided("Decline"), "{url}");
    }
    let shown = screen(&*page_at("https://good.example\\@bad.example/x"), (80, 24)).join("\n");
    assert!(shown.contains("good.example\n") && shown.contains("https://good.example/@bad.example/x"), "{shown}");
}

#[test]
fn a_secret_is_not_asked_for_without_a_word() {
    for (name, about, warns) in [
        ("api_key", "", true),
        ("x", "Your GitHub token", true),
        ("Password", "", true),
        ("color", "The one you like", false),
    ] {
        let overlay = with(json!({ name: { "type": "string", "description": about } }), json!([]));
        let shown = screen(&*overlay, (80, 24)).join(" ");
        assert_eq!(shown.contains("sounds like a secret"), warns, "{shown}");
    }
}

#[test]
fn a_strangers_words_drive_no_terminal() {
    let evil = "\u{1b}]52;c;aGk=\u{7}\u{202e}x\ny";
    let text = json!({ "type": "string", "title": evil, "description": evil, "default": evil });
    let choices = json!({ "type": "string", "oneOf": [{ "const": "a", "title": evil }], "default": "a" });
    let many = json!({ "type": "array", "items": { "enum": [evil] }, "default": [evil] });
    let all = || {
        let properties = json!({ "a": text, "b": choices, "c": many });
        let schema = json!({ "type": "object", "properties": properties, "required": [] });
        asked(json!({ "serverName": evil, "message": evil, "agent": evil, "mode": "form", "requestedSchema": schema }))
    };
    for size in SIZES {
        for keys in ["", "down", "down down", "down down down", "up"] {
            let mut overlay = all();
            screen(&*overlay, size);
            press(&mut *overlay, keys);
            // `screen` itself looks for control characters.
            screen(&*overlay, size);
        }
        screen(&*page(), size);
    }
}
