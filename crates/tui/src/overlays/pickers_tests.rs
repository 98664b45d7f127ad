//! The lists: what they show, and what their keys want.

use serde_json::json;

use super::*;
use crate::overlays::testing::{SIZES, press, said, screen};

fn models_of() -> Box<dyn Overlay> {
    let model = |id: &str, efforts: &[&str], hidden: bool| -> Model {
        let effort = |name: &&str| json!({ "reasoningEffort": name, "description": format!("{name} effort") });
        serde_json::from_value(json!({
            "id": id, "model": id, "modelProvider": "openai", "displayName": id, "description": "a model",
            "hidden": hidden, "isDefault": false, "defaultReasoningEffort": "medium",
            "supportedReasoningEfforts": efforts.iter().map(effort).collect::<Vec<_>>(), "contextWindow": 200_000,
        }))
        .unwrap()
    };
    let efforts = &["low", "medium", "high"];
    models(vec![model("small", &[], false), model("gone", &[], true), model("big", efforts, false)], "big")
}

fn running() -> Box<dyn Overlay> {
    let running = json!([{ "processId": "7", "itemId": "i", "command": "npm \u{1b}[2J start", "cwd": "/w", "osPid": null,
        "cpuPercent": null, "rssKb": null, "runningForMs": 61_000 }]);
    terminals(serde_json::from_value(running).unwrap())
}

#[test]
fn lists_are_shown() {
    let table: [(&dyn Overlay, &str); 4] = [
        (&*models_of(), "  ○ small  a model · 200 k tokens\n› ● big    a model · 200 k tokens\n"),
        (&*running(), "› npm \\u{1b}[2J start  7 · 1 min · /w\n"),
        (&*terminals(Vec::new()), "  there are none\n"),
        (&*modes(None), "› ○ read-only    reads, and asks before anything else\n"),
    ];
    for (overlay, expected) in table {
        let shown = screen(overlay, (80, 24)).join("\n");
        assert!(shown.contains(expected), "{expected}\n{shown}");
        SIZES.iter().for_each(|size| drop(screen(overlay, *size)));
    }
}

/// What to do is told on a narrow screen as well.
#[test]
fn a_list_without_entries_says_all_that_it_says() {
    for (columns, rows) in [(40, 12), (30, 8)] {
        let shown = screen(&*super::super::plugins::plugins(Vec::new()), (columns, rows)).join(" ");
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("there are none; `codex plugin add SOURCE` adds one"), "{shown}");
    }
}

#[test]
fn keys_choose() {
    type Make = fn() -> Box<dyn Overlay>;
    let theme: Make = || themes("dark");
    let table: [(Make, &str, &str); 9] = [
        (models_of, "up enter", r#"closes Change(Change { plans: None, model: Some("small"), effort: None,"#),
        (models_of, "enter", "closes open How long big thinks"),
        (
            theme,
            "down",
            r#"Change(Change { plans: None, model: None, effort: None, sandbox: None, approval: None, diagnostics: None, theme: Some("light")"#,
        ),
        (theme, "l", r#"theme: Some("light")"#),
        (theme, "down esc", r#"theme: Some("dark")"#),
        (theme, "down enter", r#"theme: Some("light"), vim: None }) Keep { key: "tui.theme", value: "\"light\"" }"#),
        (running, "enter", r#"closes Fetch(StopTerminals(Some("7")))"#),
        (|| modes(None), "down enter", "sandbox: Some(WorkspaceWrite), approval: Some(Untrusted)"),
        (|| modes(None), "f u l l enter", "sandbox: Some(DangerFullAccess), approval: Some(OnRequest)"),
    ];
    for (make, keys, expected) in table {
        let mut overlay = make();
        screen(&*overlay, (80, 24));
        let outcome = press(&mut *overlay, keys);
        let said = said(&outcome);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{keys}: {said}");
        assert_eq!(outcome.closes, said.starts_with("closes "), "{keys}");
    }
}

#[test]
fn how_long_a_model_thinks_is_asked_after_it() {
    let mut outcome = press(&mut *models_of(), "enter");
    let Some(Intent::Open(mut efforts)) = outcome.intents.pop() else { panic!("{outcome:?}") };
    let shown = screen(&*efforts, (80, 24)).join("\n");
    assert!(shown.contains("  ○ low     low effort\n› ● medium  medium effort\n  ○ high    high effort\n"), "{shown}");
    assert!(said(&press(&mut *efforts, "down enter")).contains(r#"model: Some("big"), effort: Some("high")"#));
}

#[test]
fn ages_have_one_unit() {
    let table = [(0, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")];
    table.iter().for_each(|(seconds, expected)| assert_eq!(age(*seconds), *expected));
}
