//! The same session over each wire: what the program sends and understands beyond what scenarios say.

use std::fs;

use codex_testkit::{Wire, run_to_end};
use serde_json::{Value, json};

use crate::{faults::every_call_has_its_answer, support::Place};

/// What each message of a Chat Completions request says, in short: its role and who calls or is answered.
fn told(message: &Value) -> String {
    let calls = message["tool_calls"].as_array().map_or(0, Vec::len);
    let pictures = message["content"]
        .as_array()
        .map_or(0, |parts| parts.iter().filter(|part| part["type"] == "image_url").count());
    format!("{}, {calls} calls, {pictures} pictures", message["role"].as_str().unwrap())
}

#[test]
fn a_session_with_calls_and_pictures_goes_on_over_chat_completions() {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+by a function\n*** End Patch\n";
    let place = Place::over(
        Wire::Chat,
        json!([
            { "reasoning": "I should look.", "calls": [
                { "tool": "exec_command", "arguments": { "cmd": "echo seen > trace; cat trace" } },
                { "tool": "view_image", "arguments": { "path": "two.gif" } },
            ] },
            { "custom": "apply_patch", "input": patch },
            { "text": "Both done." },
            { "text": "And again." },
        ]),
    );
    fs::write(place.workspace.join("one.gif"), "GIF89a one").unwrap();
    fs::write(place.workspace.join("two.gif"), "GIF89a two").unwrap();
    for (arguments, said) in [
        (&["exec", "-i", "one.gif", "look"][..], "Both done.\n"),
        (&["exec", "resume", "--last", "again"], "And again.\n"),
    ] {
        let finished = run_to_end(&mut place.codex(arguments), "").unwrap();
        assert_eq!((finished.exit, finished.stdout.as_str()), (0, said), "{}", finished.stderr);
    }
    assert_eq!(fs::read_to_string(place.workspace.join("trace")).unwrap(), "seen\n");
    assert_eq!(fs::read_to_string(place.workspace.join("made.txt")).unwrap(), "by a function\n");

    let requests = place.server.requests();
    for pair in requests.windows(2) {
        let first = pair[0].raw.strip_suffix(b"]}").expect("nothing follows the conversation");
        assert!(pair[1].raw.starts_with(first), "a request begins with the one before, after a resume too");
    }
    let last = &requests.last().unwrap().body;
    let messages: Vec<String> = last["messages"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        messages,
        [
            "system, 0 calls, 0 pictures",
            "user, 0 calls, 1 pictures",
            "assistant, 2 calls, 0 pictures",
            "tool, 0 calls, 0 pictures",
            "tool, 0 calls, 0 pictures",
            "user, 0 calls, 1 pictures",
            "assistant, 1 calls, 0 pictures",
            "tool, 0 calls, 0 pictures",
            "assistant, 0 calls, 0 pictures",
            "user, 0 calls, 0 pictures",
        ]
    );
    assert_eq!(last["messages"][2]["reasoning_content"], "I should look.");
    assert!(last["messages"][3]["content"].as_str().unwrap().contains("seen"), "{}", last["messages"][3]);
}

#[test]
fn a_session_goes_on_over_another_wire_with_all_that_it_has() {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+x\n*** End Patch\n";
    let others = |first: Wire| Wire::ALL.into_iter().filter(move |second| *second != first);
    for (first, second) in Wire::ALL.into_iter().flat_map(|first| others(first).map(move |second| (first, second))) {
        let place = Place::over(
            first,
            json!([
                { "reasoning": { "summary": ["I should look."], "encrypted": "sealed!" }, "text": "I look.", "calls": [
                    { "tool": "view_image", "arguments": { "path": "one.gif" } },
                    { "custom": "apply_patch", "input": patch },
                    { "tool": "no_such_tool", "arguments": "{\"broken" },
                ] },
                { "text": "First." },
                { "tool": "exec_command", "arguments": { "cmd": "echo ran" } },
                { "text": "Second." },
                { "text": "Third." },
            ]),
        );
        fs::write(place.workspace.join("one.gif"), "GIF89a one").unwrap();
        let over = |wire: Wire| format!("model_providers.mock.wire_api={}", wire.name());
        for (arguments, wire, said) in [
            (&["exec", "-i", "one.gif", "begin"][..], first, "First.\n"),
            (&["exec", "resume", "--last", "go on"], second, "Second.\n"),
            (&["exec", "resume", "--last", "and back"], first, "Third.\n"),
        ] {
            let finished = run_to_end(place.codex(arguments).args(["-c", &over(wire)]), "").unwrap();
            assert_eq!(
                (finished.exit, finished.stdout.as_str()),
                (0, said),
                "{first:?}, {second:?}: {}",
                finished.stderr
            );
            let request = place.server.requests().pop().unwrap();
            assert_eq!(request.uri, wire.path());
            every_call_has_its_answer(&request.body);
        }
        for (request, wire) in place.server.requests().iter().zip([first, first, second, second, first]) {
            let body = String::from_utf8_lossy(&request.raw);
            let is_own = wire == first && wire != Wire::Chat;
            let begins = body.contains("I look.");
            assert_eq!(body.contains("sealed!"), is_own && begins, "what one wire has sealed, no other sends: {body}");
            assert_eq!(body.matches("R0lGODlhIG9uZQ==").count(), if begins { 2 } else { 1 }, "{first:?}, {second:?}");
        }
    }
}

/// What the server counted of an answer that broke off counts, and what came after that is estimated: so it says.
#[test]
fn what_an_answer_used_that_broke_off_is_counted() {
    let start = json!({ "type": "message_start", "message": { "usage": { "input_tokens": 700, "output_tokens": 1 } } });
    let block = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } });
    let text = "x".repeat(400);
    let delta = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } });
    let raw: String = [start, block, delta].iter().map(|event| format!("data: {event}\n\n")).collect();
    let place = Place::over(Wire::Anthropic, json!([{ "raw": raw }, { "raw": raw }]));
    let retries = "model_providers.mock.stream_max_retries=1";
    let finished = run_to_end(&mut place.codex(&["exec", "--json", "-c", retries, "go"]), "").unwrap();
    assert_eq!(finished.exit, 1, "{}", finished.stderr);
    let usages = place.usages();
    // Each of the two attempts was answered, and is paid for.
    assert_eq!(usages.len(), 2, "{usages:?}");
    for usage in usages {
        assert_eq!(usage["usage"]["inputTokens"], 700, "{usage}");
        assert_eq!((&usage["usage"]["outputTokens"], &usage["estimated"]), (&json!(101), &json!(true)), "{usage}");
    }
}

/// The tools are a part of the request, also where the server has not said what it counts.
#[test]
fn what_a_request_used_is_estimated_with_its_tools() {
    let raw = format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": "Half an" } }] }));
    let place = Place::over(Wire::Chat, json!([{ "raw": raw }]));
    let finished =
        run_to_end(&mut place.codex(&["exec", "-c", "model_providers.mock.stream_max_retries=0", "go"]), "").unwrap();
    assert_eq!(finished.exit, 1, "{}", finished.stderr);
    let usages = place.usages();
    let [usage] = &usages[..] else { panic!("{usages:?}") };
    let body = &place.server.requests()[0].body;
    let (tools, said) = (body["tools"].to_string().len() as u64, body["messages"].to_string().len() as u64);
    // Of both, four bytes are a token, about.
    let estimate = usage["usage"]["inputTokens"].as_u64().unwrap();
    assert!(estimate > (said + tools / 2) / 4, "{estimate} for {said} and {tools} bytes");
}

/// A server that takes no `parallel_tool_calls` is asked without it from then on, and the user is told once.
#[test]
fn a_parameter_that_a_server_refuses_is_left_out_for_the_session() {
    let error = json!({ "error": { "message": "Unknown parameter: 'parallel_tool_calls'.", "param": "parallel_tool_calls", "code": "unknown_parameter" } });
    let place = Place::new(json!([
        { "http": 400, "body": error.to_string() },
        { "tool": "exec_command", "arguments": { "cmd": "true" } },
        { "text": "Done." },
    ]));
    let finished = run_to_end(&mut place.codex(&["exec", "go"]), "").unwrap();
    assert_eq!((finished.exit, finished.stdout.as_str()), (0, "Done.\n"), "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("without `parallel_tool_calls`").count(), 1, "{}", finished.stderr);
    let sent: Vec<bool> =
        place.server.requests().iter().map(|request| request.body.get("parallel_tool_calls").is_some()).collect();
    assert_eq!(sent, [true, false, false]);
}
