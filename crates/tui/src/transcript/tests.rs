//! What is told, and the rows that come of it.

use std::time::{Duration, Instant};

use codex_protocol::ServerNotification;
use serde_json::{Value, json};

use super::*;
use crate::{
    tests::{golden, plain, styled},
    theme::Theme,
};

fn look(width: usize) -> Look {
    Look { width, theme: Theme::Ansi }
}

fn told(method: &str, mut params: Value) -> ServerNotification {
    params["threadId"] = "t".into();
    params["turnId"] = "1".into();
    serde_json::from_value(json!({ "method": method, "params": params })).unwrap()
}

fn started(item: Value) -> ServerNotification {
    told("item/started", json!({ "item": item, "startedAtMs": 0 }))
}

fn completed(item: Value) -> ServerNotification {
    told("item/completed", json!({ "item": item, "completedAtMs": 0 }))
}

fn delta(id: &str, text: &str) -> ServerNotification {
    told("item/agentMessage/delta", json!({ "itemId": id, "delta": text }))
}

fn turn(status: &str, more: Value) -> ServerNotification {
    let mut turn = json!({ "id": "1", "items": [], "status": status });
    more.as_object().into_iter().flatten().for_each(|(key, value)| turn[key] = value.clone());
    told(if status == "inProgress" { "turn/started" } else { "turn/completed" }, json!({ "turn": turn }))
}

fn command(id: &str, line: &str, status: &str, output: &str, code: Value) -> Value {
    json!({
        "type": "commandExecution", "id": id, "command": line, "cwd": "/w", "status": status,
        "aggregatedOutput": output, "exitCode": code, "durationMs": 1234,
    })
}

fn message(id: &str, text: &str) -> Value {
    json!({ "type": "agentMessage", "id": id, "text": text })
}

/// Each step with what it prints and what is live after it.
fn steps(feed: &mut Feed, notifications: &[ServerNotification], look: &Look) -> String {
    let mut text = String::new();
    for notification in notifications {
        feed.apply(notification);
        let printed = feed.finished(look, 8);
        let live = feed.live(look, Instant::now());
        let name = serde_json::to_value(notification).unwrap()["method"].as_str().unwrap().to_owned();
        text.push_str(&format!("=== {name}\n{}--- live\n{}", plain(&printed), plain(&live)));
    }
    text
}

#[test]
fn a_turn_is_printed_once_in_order() {
    let lines: Vec<String> = (1..=20).map(|at| format!("line {at}")).collect();
    let notifications = [
        turn("inProgress", json!({})),
        completed(json!({ "type": "userMessage", "id": "u", "content": [{ "type": "text", "text": "Do it.\nAll." }] })),
        started(message("a", "")),
        delta("a", "I shall *do*"),
        delta("a", " it.\n\nFirst"),
        completed(message("a", "I shall *do* it.\n\nFirst I look.")),
        started(command("c", "cat a.rs", "inProgress", "", Value::Null)),
        completed(command("c", "cat a.rs", "completed", "text", json!(0))),
        completed(
            json!({ "type": "dynamicToolCall", "id": "d", "tool": "search_files", "arguments": { "pattern": "foo" },
            "status": "completed", "success": true, "contentItems": [{ "type": "inputText", "text": "a.rs:1" }] }),
        ),
        completed(command("e", "cat none", "failed", "cat: none: No such file", json!(1))),
        told(
            "turn/plan/updated",
            json!({ "explanation": "Why", "plan": [
            { "step": "one", "status": "inProgress" }, { "step": "two", "status": "pending" } ] }),
        ),
        started(command("f", "cargo test", "inProgress", "", Value::Null)),
        told("item/commandExecution/outputDelta", json!({ "itemId": "f", "delta": "1\n2\n3\n4\n 10%\r 20%" })),
        completed(command("g", "ls", "completed", "a", json!(0))),
        completed(command("f", "cargo test", "completed", &lines.join("\n"), json!(0))),
        told(
            "turn/plan/updated",
            json!({ "explanation": null, "plan": [
            { "step": "one", "status": "completed" }, { "step": "two", "status": "inProgress" } ] }),
        ),
        told("item/reasoning/summaryPartAdded", json!({ "itemId": "r", "summaryIndex": 0 })),
        told(
            "item/reasoning/summaryTextDelta",
            json!({ "itemId": "r", "summaryIndex": 0, "delta": "**What next**\n\nIt is" }),
        ),
        completed(json!({ "type": "reasoning", "id": "r", "summary": ["**What next**\n\nIt is clear."] })),
        started(command("h", "npm start", "inProgress", "", Value::Null)),
        completed(command("i", "ls src", "completed", "a", json!(0))),
        turn("completed", json!({ "durationMs": 65000 })),
        completed(command("h", "npm start", "completed", "bye", json!(0))),
    ];
    let mut feed = Feed::new();
    golden("src/transcript/tests/turn.txt", &steps(&mut feed, &notifications, &look(60)));
    assert!(!feed.is_working());
}

#[test]
fn a_message_that_goes_on_or_never_ends() {
    let retry = json!({ "error": { "message": "the connection broke" }, "willRetry": true });
    let fatal =
        json!({ "error": { "message": "no credit", "additionalDetails": "see example.com" }, "willRetry": false });
    let notifications = [
        turn("inProgress", json!({})),
        started(message("a", "")),
        delta("a", "Half an ans"),
        told("error", retry),
        delta("a", "wer, and"),
        completed(message("a", "Half an answer, and the other half.")),
        delta("b", "Cut"),
        told("error", fatal),
        turn("failed", json!({ "error": { "message": "no credit" } })),
        turn("inProgress", json!({})),
        delta("c", "Stopped he"),
        turn("interrupted", json!({})),
        told("warning", json!({ "message": "take care" })),
    ];
    golden("src/transcript/tests/goes_on.txt", &steps(&mut Feed::new(), &notifications, &look(60)));
}

#[test]
fn a_message_that_begins_anew_says_nothing_twice() {
    let (mut feed, look) = (Feed::new(), look(60));
    feed.apply(&turn("inProgress", json!({})));
    feed.apply(&delta("a", "Half an ans"));
    feed.begins_anew("a");
    feed.begins_anew("b");
    feed.apply(&delta("a", "The whole"));
    assert_eq!(plain(&feed.live(&look, Instant::now())), "• The whole\n");
    feed.apply(&completed(message("a", "The whole answer.")));
    assert_eq!(plain(&feed.finished(&look, 8)), "• The whole answer.\n");
}

#[test]
fn a_long_message_leaves_the_live_area_row_by_row() {
    let (mut feed, look) = (Feed::new(), look(40));
    let text: String = (0..60).map(|at| format!("word{at} ")).collect::<String>() + "\n\n```\n";
    let text = text + &(0..30).map(|at| format!("code {at}\n")).collect::<String>() + "```\nend\n";
    let mut printed = Vec::new();
    for piece in text.as_bytes().chunks(7) {
        feed.apply(&delta("a", std::str::from_utf8(piece).unwrap()));
        printed.extend(feed.finished(&look, 5));
        let live = feed.live(&look, Instant::now());
        assert!(live.len() <= 7, "{}", plain(&live));
    }
    feed.apply(&completed(super::tests::message("a", &text)));
    printed.extend(feed.finished(&look, 5));
    assert_eq!(styled(&printed), styled(&message::agent(&text, &look)));
}

#[test]
fn items_of_each_kind() {
    let items: Vec<Value> = serde_json::from_str(include_str!("tests/items.json")).unwrap();
    for width in [40, 80, 200] {
        let mut text = String::new();
        for value in &items {
            let it: ThreadItem = serde_json::from_value(value.clone()).unwrap();
            for expanded in [false, true] {
                let rows = item(&it, &look(width), expanded);
                assert!(rows.iter().all(|row| row.width() <= width), "{}", plain(&rows));
                let how = if expanded { ", expanded" } else { "" };
                text.push_str(&format!("=== {}{how}\n{}", it.id(), styled(&rows)));
            }
        }
        golden(&format!("src/transcript/tests/items.{width}.txt"), &text);
    }
}

#[test]
fn how_far_a_call_of_a_server_is_is_shown_below_it() {
    let call = json!({ "type": "mcpToolCall", "id": "m", "server": "s", "tool": "long", "arguments": { "n": 3 }, "status": "inProgress" });
    let mut feed = Feed::new();
    feed.apply(&turn("inProgress", json!({})));
    feed.apply(&started(call));
    for message in ["one", "two\u{1b}[2J of 3"] {
        feed.apply(&told("item/mcpToolCall/progress", json!({ "itemId": "m", "message": message })));
    }
    feed.apply(&told("item/mcpToolCall/progress", json!({ "itemId": "other", "message": "not its" })));
    let live = plain(&feed.live(&look(80), Instant::now()));
    assert!(live.contains("s.long 3\n  └ one\n    two"), "{live}");
    assert!(live.contains(" of 3") && !live.contains('\u{1b}'), "{live}");
    assert!(!live.contains("not its"), "{live}");
}

/// Every string of an item or notification with something in it that drives a terminal.
fn poisoned(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                // What sub-agents are asked for has a name of few.
                let is_known = key == "tool" && map.contains_key("agentsStates");
                let is_word = ["type", "status", "method"].contains(&key.as_str()) || is_known;
                (key.clone(), if is_word { value.clone() } else { poisoned(value) })
            })
            .collect::<serde_json::Map<String, Value>>()
            .into(),
        Value::Array(array) => array.iter().map(poisoned).collect(),
        Value::String(text) => format!("{text}\u{1b}]52;c;aGk=\u{7}\u{202e}\u{9b}2J\u{8}\t\u{0}").into(),
        other => other.clone(),
    }
}

#[test]
fn no_field_of_any_kind_drives_the_terminal() {
    let harmless = |rows: Vec<Row>, what: &str| {
        assert!(!rows.is_empty(), "{what}");
        for text in rows.iter().flat_map(|row| &row.spans).map(|span| span.text()) {
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{what}: {text:?}");
        }
    };
    let items: Vec<Value> = serde_json::from_str(include_str!("tests/items.json")).unwrap();
    for value in &items {
        let it: ThreadItem = serde_json::from_value(poisoned(value)).unwrap();
        for expanded in [false, true] {
            harmless(item(&it, &look(80), expanded), it.id());
        }
        let mut feed = Feed::new();
        feed.apply(&turn("inProgress", json!({})));
        feed.apply(&started(poisoned(value)));
        let live = feed.live(&look(80), Instant::now() + Duration::from_secs(3));
        assert!(live.iter().all(|row| !row.text().contains('\u{1b}')), "{}", plain(&live));
    }
    for notification in [
        told("warning", json!({ "message": "m" })),
        told("error", json!({ "error": { "message": "m", "additionalDetails": "d" }, "willRetry": true })),
        told("turn/plan/updated", json!({ "explanation": "e", "plan": [{ "step": "s", "status": "pending" }] })),
        delta("a", "text"),
        told("item/reasoning/summaryTextDelta", json!({ "itemId": "r", "summaryIndex": 0, "delta": "thought" })),
    ] {
        let poisoned = poisoned(&serde_json::to_value(notification).unwrap());
        let mut feed = Feed::new();
        feed.apply(&turn("inProgress", json!({})));
        feed.apply(&serde_json::from_value(poisoned.clone()).unwrap());
        let mut rows = feed.live(&look(80), Instant::now());
        rows.extend(feed.finished(&look(80), 10));
        feed.apply(&turn("completed", json!({})));
        rows.extend(feed.finished(&look(80), 10));
        harmless(rows, &poisoned.to_string());
    }
}

#[test]
fn what_is_huge_takes_few_rows() {
    let huge = "x".repeat(1 << 20);
    let lines = "line\n".repeat(200_000);
    let file = |diff: &str| {
        json!({ "type": "fileChange", "id": "f", "status": "completed",
            "changes": [{ "path": huge, "kind": { "type": "add" }, "diff": diff }] })
    };
    let items = [
        json!({ "type": "userMessage", "id": "u", "content": [{ "type": "text", "text": huge }] }),
        json!({ "type": "userMessage", "id": "u", "content": [{ "type": "text", "text": lines }] }),
        json!({ "type": "reasoning", "id": "r", "summary": [huge] }),
        command("c", &huge, "completed", &huge, json!(0)),
        command("c", "x", "failed", &lines, json!(1)),
        command("c", "x", "failed", &huge, Value::Null),
        command("c", "x", "declined", &lines, Value::Null),
        file(&format!("@@ -0,0 +1 @@\n+{huge}\n")),
        file(&format!("@@ -0,0 +1,200000 @@\n{}", "+line\n".repeat(200_000))),
        json!({ "type": "dynamicToolCall", "id": "d", "tool": huge, "arguments": { "a": huge }, "status": "failed",
            "contentItems": [{ "type": "inputText", "text": huge }] }),
    ];
    for value in items {
        let it: ThreadItem = serde_json::from_value(value).unwrap();
        let rows = item(&it, &look(80), false);
        assert!(rows.len() <= 60 && rows.iter().all(|row| row.width() <= 80), "{} {}", it.id(), rows.len());
    }
}

#[test]
fn a_screen_of_a_column_is_enough() {
    let items: Vec<Value> = serde_json::from_str(include_str!("tests/items.json")).unwrap();
    for width in 1..12 {
        for value in &items {
            let it: ThreadItem = serde_json::from_value(value.clone()).unwrap();
            let rows = item(&it, &look(width), true);
            assert!(rows.iter().all(|row| row.width() <= width), "{width}: {}", plain(&rows));
        }
    }
}

#[test]
fn what_is_asked_about_is_shown_by_the_question() {
    let mut feed = Feed::new();
    feed.apply(&turn("inProgress", json!({})));
    feed.apply(&started(command("a", "cargo build", "inProgress", "", Value::Null)));
    feed.apply(&started(command("b", "cargo test", "inProgress", "", Value::Null)));
    let later = Instant::now() + Duration::from_secs(5);
    feed.asks_about("b");
    assert_eq!(plain(&feed.live_above_question(&look(60), later)), "• $ cargo build\n  └ running · 5 s\n");
    // Its time begins with the answer.
    feed.answered(later);
    assert_eq!(plain(&feed.live(&look(60), later)), "• $ cargo build\n  └ running · 5 s\n\n• $ cargo test\n");
}

#[test]
fn trouble_is_shown_while_it_lasts_and_leaves_nothing() {
    let mut feed = Feed::new();
    feed.apply(&turn("inProgress", json!({})));
    for at in 1..=3 {
        let error = json!({ "error": { "message": format!("Reconnecting... {at}/5") }, "willRetry": true });
        feed.apply(&told("error", error));
        assert!(feed.finished(&look(60), 8).is_empty());
        assert_eq!(plain(&feed.live(&look(60), Instant::now())), format!("! Reconnecting... {at}/5\n"));
    }
    let wait =
        json!({ "delayMs": 42000, "attempt": 4, "of": 5, "what": "rate limited", "reason": "too many requests" });
    let error = json!({ "error": { "message": "Reconnecting... 4/5" }, "willRetry": true, "wait": wait });
    feed.apply(&told("error", error));
    assert_eq!(plain(&feed.live(&look(60), Instant::now())), "! too many requests\n", "the wait is counted elsewhere");
    feed.apply(&delta("a", "Here."));
    assert_eq!(plain(&feed.live(&look(60), Instant::now())), "• Here.\n");
}

#[test]
fn files_are_named_as_seen_from_the_directory() {
    let change = |path: &str| json!({ "path": path, "kind": { "type": "update", "move_path": "/w/to" }, "diff": "" });
    let item = json!({ "type": "fileChange", "id": "f", "status": "completed",
        "changes": [change("/w/src/a.rs"), change("/work/b.rs"), change("/w")] });
    let mut feed = Feed::new();
    feed.set_directory("/w");
    feed.apply(&completed(item));
    let rows = plain(&feed.finished(&look(60), 8));
    assert_eq!(rows, "• Moved src/a.rs → to\n  Moved /work/b.rs → to\n  Moved /w → to\n");
}

#[test]
fn a_patch_that_was_not_applied_names_its_files() {
    let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n-a\n+b\n*** Add File: b.rs\n+x\n*** End Patch";
    for arguments in [json!(patch), json!({ "input": patch })] {
        let value = json!({ "type": "dynamicToolCall", "id": "d", "tool": "apply_patch", "arguments": arguments,
            "status": "failed", "contentItems": [{ "type": "inputText", "text": "not there" }] });
        let rows = item(&serde_json::from_value(value).unwrap(), &look(60), false);
        assert_eq!(plain(&rows), "✗ apply_patch src/a.rs, b.rs\n  └ not there\n    failed\n");
    }
}

#[test]
fn a_complaint_is_wrapped_beside_its_mark() {
    let rows = complaint("the provider needs a key\nhint: log in", &look(20));
    assert_eq!(plain(&rows), "✗ the provider needs\n  a key\n  hint: log in\n");
}

#[test]
fn of_much_at_once_a_part_is_given_out_and_then_the_rest() {
    let text: String = (0..20_000).map(|at| format!("- item {at}\n")).collect();
    let long = serde_json::from_value(message("a", &text)).unwrap();
    let short = |at| serde_json::from_value(message("b", &format!("said {at}"))).unwrap();
    let (mut feed, look) = (Feed::new(), look(60));
    feed.replay(long);
    (0..2_000).for_each(|at| feed.replay(short(at)));
    feed.notice(vec![Row::plain("last")]);
    let mut rows = Vec::new();
    loop {
        let printed = feed.finished(&look, 8);
        assert!(printed.len() < 2_000, "{} rows at once", printed.len());
        rows.extend(printed);
        if !feed.is_behind() {
            break;
        }
    }
    let shown: Vec<String> = rows.iter().map(Row::text).filter(|text| !text.is_empty()).collect();
    assert_eq!(shown.len(), 20_000 + 2_000 + 1);
    assert_eq!((shown[19_999].trim(), shown[21_999].as_str()), ("- item 19999", "• said 1999"));
    assert_eq!(shown[22_000], "last");
}

/// A model may look at very many pictures.
#[test]
fn so_many_pictures_are_drawn_until_the_user_says_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x0a\0\0\0\x0a".to_vec();
    std::fs::write(directory.path().join("small.png"), &png).unwrap();
    png.resize(600 << 10, 0);
    std::fs::write(directory.path().join("large.png"), &png).unwrap();
    let look = look(80);
    let drawn = |feed: &mut Feed, notification: &ServerNotification| {
        feed.apply(notification);
        feed.finished(&look, 8).iter().filter(|row| row.drawn().is_some()).count()
    };
    for (name, most) in [("small.png", 8), ("large.png", 6)] {
        let mut feed = Feed::default();
        feed.set_directory(&directory.path().display().to_string());
        feed.draws(Some(crate::picture::Protocol::Kitty));
        let looked = |at: usize| {
            completed(json!({
                "type": "dynamicToolCall", "id": format!("{at}"), "tool": "view_image", "arguments": { "path": name },
                "status": "completed", "success": true,
            }))
        };
        let seen: usize = (0..12).map(|at| drawn(&mut feed, &looked(at))).sum();
        assert_eq!(seen, most, "{name}");
        let more = json!({ "type": "userMessage", "id": "u", "content": [{ "type": "text", "text": "more" }] });
        drawn(&mut feed, &completed(more));
        assert_eq!(drawn(&mut feed, &looked(12)), 1, "{name}");
    }
}
