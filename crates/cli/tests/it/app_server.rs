//! `codex app-server` as programs see it: what they write, what they read, and how it ends.

pub mod client;
mod recorded;

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use self::client::{Client, methods};
use crate::{
    approvals::run,
    support::{Place, wait_for, wait_for_end},
};

#[test]
fn what_is_no_message_is_refused_by_words_and_ends_nothing() {
    let place = Place::new(json!([]));
    let mut client = Client::unknown(place.codex(&["app-server"]));
    let introduction = r#"{"id":"one","method":"initialize","params":{"clientInfo":{"name":"me/2 x","version":"3"}}}"#;
    let deep = format!(
        "{{\"id\":3,\"method\":\"thread/start\",\"params\":{{\"config\":{{\"a\":{}{}}}}}}}",
        "[".repeat(999),
        "]".repeat(999),
    );
    // What is written; the id and some words of the answer. What has no words has no answer.
    let table: &[(&str, Value, &str)] = &[
        (r#"{"id":1,"method":"thread/list"}"#, json!(1), "Not initialized"),
        (r#"{"id":2,"method":"initialize"}"#, json!(2), "missing field `clientInfo`"),
        (introduction, json!("one"), "me_2_x/0.169.0 ("),
        (introduction, json!("one"), "Already initialized"),
        (r#"{"method":"initialized"}{"#, Value::Null, "-32700"),
        ("garbage", Value::Null, "-32700"),
        ("{\"id\":7,\"method\":\"thread/list\",\"params\":{\"x\":\"\u{1}\"}}", Value::Null, "-32700"),
        (&"[".repeat(100_000), Value::Null, "not a list"),
        (&deep, json!(3), "recursion limit"),
        (r#"{"id":[1],"method":"thread/list"}"#, Value::Null, "neither a string nor a whole number"),
        (r#"{"id":1.5,"method":"thread/list"}"#, Value::Null, "neither a string nor a whole number"),
        (r#"{"id":4,"method":7}"#, json!(4), "invalid type: integer"),
        (r#"{"params":{}}"#, Value::Null, "`method`"),
        (r#"{"id":5,"method":"no/such"}"#, json!(5), "unknown variant `no/such`, expected one of `"),
        (r#"{"id":6,"method":"thread/read","params":7}"#, json!(6), "Invalid request: "),
        (r#"{"id":8,"method":"turn/start","params":{"threadId":7}}"#, json!(8), "invalid type: integer `7`"),
        (r#"{"id":9,"method":"turn/start","params":{"threadId":"t"}}"#, json!(9), "thread not found: t"),
        (r#"{"id":77,"result":{"decision":"accept"}}"#, Value::Null, ""),
        (r#"{"method":"no/such"}"#, Value::Null, ""),
        (r#"{"id":null,"method":"initialize"}"#, Value::Null, ""),
        ("", Value::Null, ""),
        (r#"{"id":"last","method":"thread/loaded/list"}"#, json!("last"), "[]"),
    ];
    for (line, id, words) in table {
        client.write(line);
        if words.is_empty() {
            continue;
        }
        let answer = client.message();
        let (said, line) = (answer.to_string(), &line[..line.len().min(100)]);
        assert!(answer["id"] == *id && said.contains(words), "{line}: {said}");
        // A place in a text that the client has not written would mean nothing to it.
        assert!(id.is_null() || !said.contains(" at line "), "{said}");
    }
    let output = client.end();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_turn_is_told_in_the_order_in_which_it_happens_and_after_the_answer_that_names_it() {
    let place = Place::new(json!([
        { "text": "I look.", "tool": "exec_command", "arguments": { "cmd": "echo hello; cat go" } },
        { "text": "All done." },
    ]));
    let go = place.unopened_pipe("go");
    let mut client = Client::start(&place, &[]);
    let opened = client.ask("thread/start", json!({ "approvalPolicy": "never", "ephemeral": null })).unwrap();
    assert_eq!(opened["thread"]["source"], "appServer");
    assert_eq!(methods(&[client.next()]), ["thread/started"]);
    let thread = opened["thread"]["id"].as_str().unwrap().to_owned();
    let turn = client.say(&thread, "go");
    // The command waits until its output was told.
    let mut told = client.up_to("item/commandExecution/outputDelta");
    assert_eq!(told.last().unwrap()["params"]["delta"], "hello\n");
    fs::write(go, "").unwrap();
    told.extend(client.turn());
    let of_turn: Vec<&Value> = told.iter().filter(|message| message["params"]["turnId"] == turn.as_str()).collect();
    assert!(of_turn.len() > 8, "{told:#?}");
    let kind = |message: &Value| {
        let kind = message["params"]["item"]["type"].as_str()?;
        Some(format!("{} {kind}", message["method"].as_str()?))
    };
    let items: Vec<String> = told.iter().filter_map(kind).collect();
    let expected = [
        "item/started userMessage",
        "item/completed userMessage",
        "item/started agentMessage",
        "item/completed agentMessage",
        "item/started commandExecution",
        "item/completed commandExecution",
        "item/started agentMessage",
        "item/completed agentMessage",
    ];
    assert_eq!(items, expected);
    assert_eq!(methods(&told)[..2], ["thread/status/changed", "turn/started"]);
    assert_eq!(told.last().unwrap()["params"]["turn"]["status"], "completed");
    assert_eq!(client.ask("thread/loaded/list", Value::Null).unwrap()["data"], json!([thread]));
    let closed = client.ask("thread/unsubscribe", json!({ "threadId": thread })).unwrap();
    assert_eq!(closed, json!({ "status": "unsubscribed" }));
    assert!(client.end().status.success());
}

/// Each answer of a client, and whether the command ran and the turn went on.
#[test]
fn a_question_is_answered_by_a_response_and_what_is_not_understood_is_a_no() {
    let amendment = json!({ "decision": { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["ls"] } } });
    let table: [(Value, bool, &str); 7] = [
        (json!({ "result": { "decision": "accept" } }), true, "completed"),
        (json!({ "result": { "decision": "acceptForSession" } }), true, "completed"),
        // Less than was asked for, which another command is.
        (json!({ "result": amendment }), true, "completed"),
        (json!({ "result": { "decision": "decline" } }), false, "completed"),
        (json!({ "result": { "decision": "certainly" } }), false, "completed"),
        (json!({ "error": { "code": -1, "message": "nobody is there" } }), false, "completed"),
        (json!({ "result": { "decision": "cancel" } }), false, "interrupted"),
    ];
    for (answer, runs, status) in table {
        let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
        let mut client = Client::start(&place, &["-a", "untrusted"]);
        let thread = client.thread(json!({}));
        client.say(&thread, "go");
        let question = client.until("item/commandExecution/requestApproval");
        assert_eq!(question["params"]["command"], "/bin/sh -c 'touch made'");
        assert_eq!(question["params"]["commandActions"][0]["command"], "touch made");
        let mut message = answer.clone();
        message["id"] = question["id"].clone();
        client.send(&message);
        let told = client.turn();
        assert_eq!(told[0]["method"], "serverRequest/resolved", "{answer}");
        assert_eq!(told[0]["params"]["requestId"], question["id"]);
        assert_eq!(told.last().unwrap()["params"]["turn"]["status"], status, "{answer}");
        assert_eq!(place.workspace.join("made").exists(), runs, "{answer}");
        assert!(client.end().status.success());
    }
}

/// A client opts out of what it does not want to hear, and flags are what it does not say itself.
#[test]
fn what_is_configured_is_told_and_no_secrets() {
    let place = Place::new(json!([]));
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap().replacen(
        "model = \"mock\"",
        "model = \"m-1\"\nsandbox = \"read-only\"",
        1,
    );
    fs::write(&config, text + "http_headers = { Authorization = \"Bearer hidden-1\" }\n").unwrap();
    let mut client = Client::start(&place, &[]);
    let read = client.ask("config/read", json!({ "includeLayers": true, "cwd": place.workspace })).unwrap();
    let expected = json!({ "model": "m-1", "model_provider": "mock", "approval_policy": "untrusted", "sandbox_mode": "read-only" });
    assert_eq!(read["config"], expected);
    assert!(!read.to_string().contains("hidden-1") && !read.to_string().contains("127.0.0.1"), "{read}");
    let listed = client.ask("permissionProfile/list", json!({})).unwrap();
    let levels: Vec<(&str, bool)> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|level| (level["id"].as_str().unwrap(), level["allowed"].as_bool().unwrap()))
        .collect();
    assert_eq!(levels, [("read-only", true), ("workspace-write", true), ("danger-full-access", true)]);
    assert!(client.end().status.success());
}

/// Whoever opens a thread is asked before it is open, and who goes meanwhile has said no.
#[test]
fn whether_a_project_is_trusted_is_asked_while_a_thread_opens() {
    for answer in [Some("accept"), Some("decline"), None] {
        let place = Place::new(json!([]));
        let settings = place.workspace.join(".codex");
        fs::create_dir_all(&settings).unwrap();
        fs::write(settings.join("config.toml"), "ask_for_approval = \"never\"\n").unwrap();
        let mut client = Client::start(&place, &[]);
        client.send(&json!({ "id": 70, "method": "thread/start", "params": { "askTrust": true } }));
        let question = client.until("project/requestTrust");
        if let Some(answer) = answer {
            client.send(&json!({ "id": question["id"], "result": { "decision": answer } }));
            let opened = loop {
                let message = client.next();
                if message["id"] == 70 {
                    break message;
                }
            };
            let expected = if answer == "accept" { "never" } else { "untrusted" };
            assert_eq!(opened["result"]["approvalPolicy"], expected, "{opened}");
        }
        let output = client.end();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn flags_hold_unless_the_client_says_otherwise_and_what_it_opts_out_of_is_not_told() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    let mut client = Client::unknown(place.codex(&["-m", "typed", "-s", "read-only", "app-server", "--stdio"]));
    let capabilities = json!({ "optOutNotificationMethods": ["thread/started", "item/agentMessage/delta"] });
    let info = json!({ "name": "t", "version": "1" });
    client.ask("initialize", json!({ "clientInfo": info, "capabilities": capabilities })).unwrap();
    for (params, model, sandbox) in [
        (json!({}), "typed", "readOnly"),
        (json!({ "model": "said", "sandbox": "workspace-write" }), "said", "workspaceWrite"),
    ] {
        let opened = client.ask("thread/start", params).unwrap();
        assert_eq!((&opened["model"], &opened["sandbox"]["type"]), (&json!(model), &json!(sandbox)));
        client.say(opened["thread"]["id"].as_str().unwrap(), "go");
        let told = client.turn();
        let unwanted = ["thread/started", "item/agentMessage/delta"];
        assert!(!methods(&told).iter().any(|method| unwanted.contains(method)), "{told:#?}");
        assert!(methods(&told).contains(&"item/completed"));
        assert_eq!(place.server.requests().pop().unwrap().body["model"], model);
    }
    assert!(client.end().status.success());
}

#[test]
fn the_end_of_the_input_and_a_signal_end_what_runs_and_keep_the_session() {
    let command = "exec 3> held; setsid sleep 1000 & echo > started; sleep 1000";
    for signal in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let place = Place::new(json!([run(command), { "text": "Going on." }]));
        let (started, held) = (place.pipe("started"), place.pipe("held"));
        let mut client = Client::start(&place, &[]);
        let thread = client.thread(json!({ "approvalPolicy": "never" }));
        client.say(&thread, "run it");
        wait_for(&started, client.child());
        if let Some(signal) = signal {
            kill_process(Pid::from_child(client.child()), signal).unwrap();
            wait_for_end(held);
        }
        let output = client.end();
        assert_eq!(output.status.code(), Some(0), "{signal:?}: {}", String::from_utf8_lossy(&output.stderr));
        let output = place.codex(&["exec", "resume", &thread, "go on"]).output().unwrap();
        assert_eq!(output.stdout, b"Going on.\n", "{signal:?}");
    }
}

#[test]
fn an_address_that_is_not_served_is_refused() {
    let place = Place::new(json!([]));
    let output = place.codex(&["app-server", "--listen", "carrier-pigeon://here"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("carrier-pigeon://here"), "{said}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn many_sessions_do_not_need_more_files_than_programs_begin_with() {
    // A thread holds its journal, its directory and their locks open.
    const AT_FIRST: usize = 64;
    let place = Place::new(json!([]));
    let codex = place.codex(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -Sn {AT_FIRST}; exec \"$0\" app-server")]).arg(codex.get_program());
    command.current_dir(&place.workspace).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_clear().envs(codex.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut client = Client::introduced(command);
    for _ in 0..AT_FIRST {
        client.thread(json!({}));
    }
    assert_eq!(client.end().status.code(), Some(0));
}
