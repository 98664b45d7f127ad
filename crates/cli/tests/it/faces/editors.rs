//! What editors choose for a session, what they draw, and what they are told while something takes long.

use std::fs;

use serde_json::{Value, json};

use super::{GIF, Other, allow, introduce, prompt};
use crate::{
    approvals::{last_request, run},
    mcp_prompts,
    support::Place,
};

/// Opens a session.
fn open(editor: &mut Other, place: &Place) -> Value {
    editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap()
}

/// The next update of this kind.
fn update(editor: &mut Other, kind: &str) -> Value {
    loop {
        let message = editor.next();
        let update = &message["params"]["update"];
        if update["sessionUpdate"] == kind {
            return update.clone();
        }
    }
}

/// Of options: each one's name, what is chosen, and from what.
fn told(options: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |option: &Value| {
        let values = option["options"].as_array().unwrap().iter().map(|option| text(&option["value"])).collect();
        (text(&option["id"]), text(&option["currentValue"]), values)
    };
    options.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn an_editor_chooses_the_model_how_long_it_thinks_and_the_mode() {
    let models = json!({ "data": [{ "id": "mock" }, { "id": "other" }] });
    let place = Place::new(json!({ "steps": [{ "text": "One." }], "pages": { "/v1/models": models } }));
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let opened = open(&mut editor, &place);
    let session = opened["sessionId"].clone();
    let before = told(&opened["configOptions"]);
    assert_eq!((before[0].0.as_str(), before[0].1.as_str()), ("mode", "ask"));
    assert_eq!((before[1].0.as_str(), &before[1].2), ("model", &vec![before[1].1.clone()]), "the one that is asked");
    // What the model's server lists comes when it has answered.
    let listed = told(&update(&mut editor, "config_option_update")["configOptions"]);
    let other = listed[1].2.iter().find(|model| model.ends_with("/other")).unwrap_or_else(|| panic!("{listed:?}"));
    let mut set = |option: &str, value: &str| {
        let params = json!({ "sessionId": session, "configId": option, "value": value });
        editor.ask("session/set_config_option", params).map(|answer| told(&answer["configOptions"]))
    };
    assert_eq!(set("model", other).unwrap()[1].1, *other);
    assert_eq!(set("thought_level", "high").unwrap()[2].1, "high");
    assert_eq!(set("mode", "plan").unwrap()[0].1, "plan");
    assert!(set("model", "none/none").unwrap_err()["message"].as_str().unwrap().contains("no model `none/none`"));
    editor.ask("session/set_mode", json!({ "sessionId": session, "modeId": "full-auto" })).unwrap();
    assert_eq!(editor.ask("session/prompt", prompt(&session, "go")).unwrap()["stopReason"], "end_turn");
    let request = place.server.requests().pop().unwrap().body;
    assert_eq!((&request["model"], &request["reasoning"]["effort"]), (&json!("other"), &json!("high")), "{request}");
    editor.close();

    // Another editor finds it as it was left.
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let load = json!({ "sessionId": session, "cwd": place.workspace, "mcpServers": [] });
    let loaded = told(&editor.ask("session/load", load).unwrap()["configOptions"]);
    assert_eq!(loaded[1].1, *other);
    editor.close();
}

#[test]
fn an_editor_that_draws_terminals_is_told_what_commands_put_out_while_they_run() {
    for draws in [true, false] {
        let place = Place::new(json!([run("echo first; cat go; exit 3"), { "text": "Done." }]));
        let go = place.unopened_pipe("go");
        let mut editor = Other::start(place.codex(&["acp", "-a", "never"]), allow);
        let capabilities = json!({ "_meta": { "terminal_output": draws } });
        editor.ask("initialize", json!({ "protocolVersion": 1, "clientCapabilities": capabilities })).unwrap();
        let session = open(&mut editor, &place)["sessionId"].clone();
        let id = editor.begin("session/prompt", prompt(&session, "go"));
        let call = update(&mut editor, "tool_call");
        if draws {
            assert_eq!(call["content"], json!([{ "type": "terminal", "terminalId": call["toolCallId"] }]));
            assert_eq!(call["_meta"]["terminal_info"]["terminal_id"], call["toolCallId"]);
            // The command waits until this was seen.
            let bit = update(&mut editor, "tool_call_update");
            let expected = json!({ "terminal_id": call["toolCallId"], "data": "first\n" });
            assert_eq!(bit["_meta"]["terminal_output"], expected, "{bit}");
        }
        fs::write(&go, "second\n").unwrap();
        assert_eq!(editor.end(id).unwrap()["stopReason"], "end_turn");
        let updates: Vec<&Value> = editor.heard.iter().map(|message| &message["params"]["update"]).collect();
        let ended =
            updates.iter().find(|update| update["status"] == "failed").unwrap_or_else(|| panic!("{updates:#?}"));
        if draws {
            assert_eq!(ended["_meta"]["terminal_exit"]["exit_code"], 3, "{ended}");
            assert!(ended["content"].is_null(), "the terminal stays: {ended}");
        } else {
            assert!(ended["content"][0]["content"]["text"].as_str().unwrap().contains("first\nsecond"), "{ended}");
            assert!(updates.iter().all(|update| update["_meta"].is_null()), "{updates:#?}");
        }
        editor.close();
    }
}

/// What was typed where the program was started holds for sessions that are loaded too.
#[test]
fn a_loaded_session_is_held_by_the_flags() {
    let place = Place::new(json!([{ "text": "Opened." }, run("echo > made"), { "text": "Done." }]));
    let mut editor = Other::start(place.codex(&["acp", "-a", "never"]), allow);
    introduce(&mut editor);
    let session = open(&mut editor, &place)["sessionId"].clone();
    editor.ask("session/prompt", prompt(&session, "begin")).unwrap();
    editor.close();
    let mut editor = Other::start(place.codex(&["acp", "-a", "never", "-s", "read-only"]), allow);
    introduce(&mut editor);
    editor.ask("session/load", json!({ "sessionId": session, "cwd": place.workspace, "mcpServers": [] })).unwrap();
    editor.ask("session/prompt", prompt(&session, "go")).unwrap();
    assert!(!place.workspace.join("made").exists());
    assert!(last_request(&place).contains("read-only"), "{}", last_request(&place));
    editor.close();
    // The same of what other agents go on with.
    let place = Place::new(json!([{ "text": "Opened." }, run("echo > made"), { "text": "Done." }]));
    let used = |flags: &[&str], tool: &str, arguments: Value| {
        let mut agent = Other::start(place.codex(&[&["mcp-server"], flags].concat()), allow);
        let info = json!({ "name": "t", "version": "1" });
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info });
        agent.ask("initialize", hello).unwrap();
        let done = agent.ask("tools/call", json!({ "name": tool, "arguments": arguments })).unwrap();
        agent.close();
        done["structuredContent"]["threadId"].clone()
    };
    let thread = used(&[], "codex", json!({ "prompt": "begin", "cwd": place.workspace }));
    used(&["-s", "read-only"], "codex-reply", json!({ "prompt": "go", "threadId": thread }));
    assert!(!place.workspace.join("made").exists());
    assert!(last_request(&place).contains("read-only"), "{}", last_request(&place));
}

#[test]
fn a_session_that_is_closed_owes_no_answer() {
    let place = Place::new(json!([run("cat go"), { "text": "Done." }]));
    let _go = place.unopened_pipe("go");
    let mut editor = Other::start(place.codex(&["acp", "-a", "never"]), allow);
    introduce(&mut editor);
    let session = open(&mut editor, &place)["sessionId"].clone();
    let id = editor.begin("session/prompt", prompt(&session, "go"));
    update(&mut editor, "tool_call");
    let closing = editor.begin("session/close", json!({ "sessionId": session }));
    assert_eq!(editor.end(id).unwrap()["stopReason"], "cancelled");
    editor.end(closing).unwrap();
    editor.close();
}

#[test]
fn a_session_with_pictures_is_loaded_with_their_names() {
    let place = Place::new(json!([{ "text": "Seen." }]));
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let session = open(&mut editor, &place)["sessionId"].clone();
    let picture = |uri: Value| json!({ "type": "image", "mimeType": "image/gif", "data": GIF, "uri": uri });
    let blocks =
        json!([{ "type": "text", "text": "look" }, picture(json!("file:///w/my%20cat.gif")), picture(Value::Null)]);
    editor.ask("session/prompt", json!({ "sessionId": session, "prompt": blocks })).unwrap();
    assert!(last_request(&place).contains("Picture `my cat.gif`:"), "{}", last_request(&place));
    editor.close();
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    editor.ask("session/load", json!({ "sessionId": session, "cwd": place.workspace, "mcpServers": [] })).unwrap();
    let expected = ["look", "[picture my cat.gif]", "[picture]"].map(|text| format!("user_message_chunk {text}"));
    let updates = editor.updates();
    assert_eq!(updates[..3], expected, "{updates:?}");
    editor.close();
}

/// A server of tools that says nothing until somebody writes to `go`.
fn slow_server() -> String {
    format!("echo > began\ncat go > /dev/null\n{}", mcp_prompts::SCRIPT)
}

#[test]
fn an_editor_is_heard_while_a_prompt_waits_for_its_server() {
    for cancels in [false, true] {
        let place = mcp_prompts::place(&slow_server(), "startup_timeout_sec = 600");
        let (go, began) = (place.unopened_pipe("go"), place.pipe("began"));
        let mut editor = Other::start(place.codex(&["acp"]), allow);
        introduce(&mut editor);
        let session = open(&mut editor, &place)["sessionId"].clone();
        let waiting = editor.begin("session/prompt", prompt(&session, "/mcp__s__review it"));
        crate::support::wait_for(&began, &editor.child);
        let listed = editor.ask("session/list", json!({})).unwrap();
        assert!(listed["sessions"].is_array(), "{listed}");
        let error = editor.ask("session/prompt", prompt(&session, "another")).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains("a turn is running"), "{error}");
        if cancels {
            editor.send(json!({ "method": "session/cancel", "params": { "sessionId": session } }));
            // It was heard when the next request is answered.
            editor.ask("session/list", json!({})).unwrap();
        }
        fs::write(&go, "go\n").unwrap();
        let ended = editor.end(waiting).unwrap();
        assert_eq!(ended["stopReason"], if cancels { "cancelled" } else { "end_turn" });
        editor.close();
    }
}

#[test]
fn servers_that_an_editor_has_are_those_of_its_session() {
    let place = Place::new(json!([{ "text": "ok" }]));
    fs::write(place.workspace.join("server.sh"), mcp_prompts::SCRIPT).unwrap();
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let server = json!({ "name": "my docs", "command": "/bin/sh", "args": ["server.sh"], "env": [] });
    let new = json!({ "cwd": place.workspace, "mcpServers": [server] });
    let session = editor.ask("session/new", new).unwrap()["sessionId"].clone();
    let used = editor.ask("session/prompt", prompt(&session, "/mcp__my-docs__review the parser")).unwrap();
    assert_eq!(used["stopReason"], "end_turn");
    assert!(last_request(&place).contains("Review: other"), "{}", last_request(&place));
    let sse = json!({ "type": "sse", "name": "s", "url": "https://s.example", "headers": [] });
    let error = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [sse] })).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("`mcpServers`"), "{error}");
    editor.close();
}
