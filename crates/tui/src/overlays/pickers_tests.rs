//! The lists: what they show, and what their keys want.

use codex_protocol::Thread;
use serde_json::json;

use super::*;
use crate::overlays::testing::{SIZES, press, said, screen};

fn thread(id: &str, preview: &str, cwd: &str, updated_at: i64) -> Thread {
    serde_json::from_value(json!({
        "id": id, "sessionId": id, "cliVersion": "0", "createdAt": 0, "updatedAt": updated_at, "cwd": cwd,
        "ephemeral": false, "modelProvider": "openai", "preview": preview, "projectId": null, "source": "cli",
        "status": { "type": "notLoaded" }, "turns": [],
    }))
    .unwrap()
}

fn sessions_of(all: bool) -> Picker<String> {
    let now = Timestamp::from_second(1_000_000).unwrap();
    let list = vec![
        thread("id-1", "Fix the tests", "/w/one", 999_990),
        thread("id-2", "Write a\u{1b}[2J parser", "/w/t\u{202e}wo", 996_000),
        thread("id-3", " ", "/w/one", 700_000),
    ];
    sessions_at(list, all, now)
}

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

fn features() -> Box<dyn Overlay> {
    let feature = |name: &str, is_on| Feature { name: name.into(), about: format!("does {name}"), is_on };
    experimental(vec![feature("one", false), feature("two", true)])
}

#[test]
fn lists_are_shown() {
    let table: [(&dyn Overlay, &str); 8] = [
        (
            &sessions_of(false),
            "Sessions of this directory\n  search: \n› Fix the tests            just now · id-1\n  \
             Write a\\u{1b}[2J parser  1 h ago · id-2\n  (nothing was said)       3 d ago · id-3\n\
             ↑ ↓ choose · enter take · esc leave · tab all directories",
        ),
        (&sessions_of(true), "1 h ago · /w/t\\u{202e}wo · id-2"),
        (&*models_of(), "  ○ small  a model · 200 k tokens\n› ● big    a model · 200 k tokens\n"),
        (&*features(), "  ○ one  does one\n› ● two  does two\n"),
        (&*experimental(Vec::new()), "  this version has none\n"),
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

#[test]
fn keys_choose() {
    type Make = fn() -> Box<dyn Overlay>;
    let sessions: Make = || Box::new(sessions_of(false));
    let all: Make = || Box::new(sessions_of(true));
    let theme: Make = || themes("dark");
    let table: [(Make, &str, &str); 25] = [
        (sessions, "enter", r#"closes ResumeThread("id-1")"#),
        (sessions, "down enter", r#"closes ResumeThread("id-2")"#),
        (sessions, "up enter", r#"closes ResumeThread("id-3")"#),
        (sessions, "end enter", r#"closes ResumeThread("id-3")"#),
        (sessions, "end home enter", r#"closes ResumeThread("id-1")"#),
        (sessions, "pagedown enter", r#"closes ResumeThread("id-3")"#),
        (sessions, "p a r s e r enter", r#"closes ResumeThread("id-2")"#),
        (sessions, "i d - 3 enter", r#"closes ResumeThread("id-3")"#),
        (sessions, "x y z enter", ""),
        (sessions, "x y z ctrl+u enter", r#"closes ResumeThread("id-1")"#),
        (sessions, "tab", "closes Fetch(Sessions { all: true })"),
        (all, "tab", "closes Fetch(Sessions { all: false })"),
        (sessions, "esc", "closes "),
        (models_of, "up enter", r#"closes Change(Change { model: Some("small"), effort: None,"#),
        (models_of, "enter", "closes open How long big thinks"),
        (
            theme,
            "down",
            r#"Change(Change { model: None, effort: None, sandbox: None, approval: None, theme: Some("light")"#,
        ),
        (theme, "l", r#"theme: Some("light")"#),
        (theme, "down esc", r#"theme: Some("dark")"#),
        (theme, "down enter", r#"theme: Some("light"), vim: None }) Keep { key: "tui.theme", value: "\"light\"" }"#),
        (running, "enter", r#"closes Fetch(StopTerminals(Some("7")))"#),
        (features, "home enter", r#"Keep { key: "features.one", value: "true" }"#),
        (features, "home enter enter", r#"Keep { key: "features.one", value: "false" }"#),
        (features, "enter", r#"Keep { key: "features.two", value: "false" }"#),
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
fn what_is_chosen_is_seen_in_a_long_list() {
    let list: Vec<Thread> = (0..100).map(|n| thread(&format!("id-{n}"), &format!("session {n}."), "/w", 0)).collect();
    for keys in ["end", "pagedown pagedown", "up up", "down down down", "end pageup", "5 7 ."] {
        for size in [(80, 24), (40, 12), (80, 5)] {
            let mut picker = sessions_at(list.clone(), false, Timestamp::from_second(0).unwrap());
            screen(&picker, size);
            press(&mut picker, keys);
            let shown = screen(&picker, size);
            let chosen: Vec<&String> = shown.iter().filter(|row| row.starts_with('›')).collect();
            assert_eq!(chosen.len(), 1, "{keys} {size:?}: {shown:?}");
            let taken = said(&press(&mut picker, "enter"));
            let name = chosen[0].split('.').next().unwrap().trim_start_matches("› session ");
            assert!(taken.contains(&format!("\"id-{name}\"")), "{keys}: {chosen:?} {taken}");
        }
    }
}

#[test]
fn ages_have_one_unit() {
    let table = [(0, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")];
    table.iter().for_each(|(seconds, expected)| assert_eq!(age(*seconds), *expected));
}
