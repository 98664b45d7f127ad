//! A session that goes on over another wire: what was said, seen, thought and called is there, in the words of the other.

use std::fs;

use codex_protocol::{ApprovalPolicy, SettingsChange, ThreadCompactStartParams, ThreadSettingsUpdateParams};
use serde_json::{Value, json};

use crate::{session::Session, support::Place};

/// The wires, as `wire_api` calls them; there is a provider `by-NAME` for each.
const WIRES: [&str; 3] = ["responses", "chat", "anthropic"];

/// Whether what the model thought is sealed there, to be sent back.
fn seals(wire: &str) -> bool {
    wire != "chat"
}

/// Each wire with each other one.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    WIRES.into_iter().flat_map(|from| WIRES.into_iter().filter(move |to| *to != from).map(move |to| (from, to)))
}

/// A place with a provider for each wire, all at the same server, and a picture.
fn place(script: Value) -> Place {
    let place = Place::new(script);
    let url = place.server.base_url();
    let provider = |wire: &str| format!("[model_providers.by-{wire}]\nbase_url = \"{url}\"\nwire_api = \"{wire}\"\n");
    let file = place.home.join("config.toml");
    let config = fs::read_to_string(&file).unwrap() + &WIRES.map(provider).concat();
    fs::write(file, config).unwrap();
    fs::write(place.workspace.join("a.gif"), b"GIF89a").unwrap();
    place
}

/// The bodies of the requests over `wire`.
fn bodies(place: &Place, wire: &str) -> Vec<String> {
    let end = match wire {
        "anthropic" => "/messages",
        "chat" => "/chat/completions",
        _ => "/responses",
    };
    let requests = place.server.requests().into_iter().filter(|request| request.uri.ends_with(end));
    requests.map(|request| request.body.to_string()).collect()
}

/// The model uses every form of call, thinks and sees.
fn rich(named: &str) -> [Value; 2] {
    let patch = format!("*** Begin Patch\n*** Add File: {named}.txt\n+x\n*** End Patch\n");
    let calls = json!([
        { "tool": "exec_command", "arguments": { "cmd": format!("echo out of {named}") } },
        { "tool": "view_image", "arguments": { "path": "a.gif" } },
        { "custom": "apply_patch", "input": patch },
        { "tool": "exec_command", "arguments": "{broken" },
    ]);
    let reasoning = json!({ "summary": [format!("thought by {named}")], "encrypted": format!("sealed by {named}") });
    let text = format!("said by {named}");
    [json!({ "reasoning": reasoning, "text": text, "calls": calls }), json!({ "text": "ok" })]
}

/// Whoever speaks the wire refuses what its vendor would refuse, so that all of it has arrived as it should.
#[test]
fn a_session_goes_on_over_another_wire_and_comes_back() {
    for (from, to) in pairs() {
        let steps: Vec<Value> = [rich("one"), rich("two"), rich("three")].concat();
        let place = place(json!(steps));
        for (number, (wire, resume)) in
            [(from, &[][..]), (to, &["resume", "--last"]), (from, &["resume", "--last"])].into_iter().enumerate()
        {
            let model = format!("by-{wire}/mock");
            let arguments = [&["exec"], resume, &["--full-auto", "-m", &model, "-i", "a.gif", "go"]].concat();
            let output = place.codex(&arguments).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{from} to {to}, {number}: {told}");
        }
        for named in ["one", "two", "three"] {
            assert_eq!(fs::read_to_string(place.workspace.join(format!("{named}.txt"))).unwrap(), "x\n");
        }
        let over = bodies(&place, to);
        assert_eq!(over.len(), 2, "{from} to {to}");
        for part in ["out of one", "said by one", "R0lGODlh", "one.txt", "{broken"] {
            assert!(over[0].contains(part), "{from} to {to}: {part} is not in {}", over[0]);
        }
        assert!(!over[0].contains("sealed by one"), "{from} to {to}: {over:?}");
        assert_eq!(over[1].contains("sealed by two"), seals(to), "{from} to {to}: {over:?}");
        let back = bodies(&place, from);
        assert_eq!(back.len(), 4, "{from} to {to}");
        assert_eq!(back[2].contains("sealed by one"), seals(from), "{from} to {to}: {}", back[2]);
        for part in ["out of two", "said by two", "two.txt"] {
            assert!(back[2].contains(part), "{from} to {to}: {part} is not in {}", back[2]);
        }
        assert!(!back[2].contains("sealed by two"), "{from} to {to}: {}", back[2]);
    }
}

#[tokio::test]
async fn a_thread_changes_its_wire_between_turns_and_is_summed_up_over_it() {
    for (from, to) in pairs() {
        let steps: Vec<Value> = [rich("one"), rich("two")].concat();
        let script = json!({ "steps": steps, "summary": { "text": "all that was" } });
        let place = place(script);
        let mut session = Session::start(&place, ApprovalPolicy::Never).await;
        for wire in [from, to] {
            let change = SettingsChange { model: Some(format!("by-{wire}/mock")), ..Default::default() };
            let params = ThreadSettingsUpdateParams { thread_id: session.thread_id.clone(), change };
            session.connection.client.thread_settings_update(params).await.unwrap();
            let seen = session.turn(&[]).await;
            assert!(seen.turn.error.is_none(), "{from} to {to}: {:?}", seen.turn);
        }
        let params = ThreadCompactStartParams { thread_id: session.thread_id.clone(), ..Default::default() };
        session.connection.client.thread_compact_start(params).await.unwrap();
        session.rest_of_turn(&[]).await;
        let before = bodies(&place, to).len();
        let seen = session.turn(&[]).await;
        assert!(seen.turn.error.is_none(), "{from} to {to}: {:?}", seen.turn);
        let summed_up = bodies(&place, to).pop().unwrap();
        assert_eq!(bodies(&place, to).len(), before + 1, "{from} to {to}");
        assert!(summed_up.contains("all that was") && !summed_up.contains("sealed by"), "{from} to {to}: {summed_up}");
    }
}
