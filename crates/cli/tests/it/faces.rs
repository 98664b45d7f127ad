//! `codex acp` and `codex mcp-server` as editors and other agents see them: JSON-RPC 2.0 over standard input and output.
//! And the adapter that makes an editor's agent of any app-server, from the npm registry, over ours.

mod editors;

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use codex_testkit::WATCHDOG;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    approvals::{last_request, run},
    mcp_elicitation, mcp_prompts, sdk,
    support::{Place, wait_for, wait_for_end},
};

/// A GIF of one pixel, in base64.
const GIF: &str = "R0lGODlhAQABAAAAACw=";

/// Whoever has started the program.
struct Other {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last_id: u64,
    /// What it answers to questions: a function of the parameters.
    answers: fn(&Value) -> Value,
    /// What it was told, and asked.
    heard: VecDeque<Value>,
}

impl Other {
    fn start(mut command: Command, answers: fn(&Value) -> Value) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (send, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, stdin, lines, last_id: 0, answers, heard: VecDeque::new() }
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(json!({ "id": id, "method": method, "params": params }));
        id
    }

    /// The answer to the request `id`; questions that come before it are answered.
    fn end(&mut self, id: u64) -> Result<Value, Value> {
        loop {
            let line = self.lines.recv_timeout(WATCHDOG).unwrap();
            let mut message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            assert_eq!(message["jsonrpc"], "2.0", "{line}");
            if message.get("method").is_none() {
                assert_eq!(message["id"], id, "{line}");
                return match message.get_mut("result") {
                    Some(result) => Ok(result.take()),
                    None => Err(message["error"].take()),
                };
            }
            if let Some(question) = message.get("id").cloned() {
                let result = (self.answers)(&message["params"]);
                self.send(json!({ "id": question, "result": result }));
            }
            self.heard.push_back(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        self.end(id)
    }

    /// The updates of sessions that were heard since the last look, a word each, with the text of chunks.
    fn updates(&mut self) -> Vec<String> {
        let word = |message: Value| {
            let update = &message["params"]["update"];
            match (message["method"].as_str()?, update["sessionUpdate"].as_str()) {
                (_, Some(kind @ ("agent_message_chunk" | "user_message_chunk"))) => {
                    Some(format!("{kind} {}", update["content"]["text"].as_str()?))
                }
                (_, Some(kind @ "tool_call")) => Some(format!("{kind} {}", update["kind"].as_str()?)),
                (_, Some(kind @ "tool_call_update")) => {
                    // While it runs it may be told bit by bit.
                    let status = update["status"].as_str().filter(|status| *status != "in_progress")?;
                    Some(format!("{kind} {status}"))
                }
                ("session/request_permission", _) => Some("asked".to_owned()),
                _ => None,
            }
        };
        self.heard.drain(..).filter_map(word).collect()
    }

    /// What it was told or asked next.
    fn next(&mut self) -> Value {
        self.heard.pop_front().unwrap_or_else(|| {
            let line = self.lines.recv_timeout(WATCHDOG).unwrap();
            serde_json::from_str(&line).unwrap()
        })
    }

    /// The names of the commands that it is told of next.
    fn told_commands(&mut self) -> Vec<String> {
        loop {
            let message = self.next();
            if let Some(commands) = message["params"]["update"]["availableCommands"].as_array() {
                return commands.iter().map(|command| command["name"].as_str().unwrap().to_owned()).collect();
            }
        }
    }

    fn close(mut self) {
        drop(self.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Chooses what allows it once.
fn allow(params: &Value) -> Value {
    let options = params["options"].as_array().unwrap();
    let once = options.iter().find(|option| option["kind"] == "allow_once").unwrap();
    json!({ "outcome": { "outcome": "selected", "optionId": once["optionId"] } })
}

fn reject(params: &Value) -> Value {
    let options = params["options"].as_array().unwrap();
    let no = options.iter().find(|option| option["kind"] == "reject_once").unwrap();
    json!({ "outcome": { "outcome": "selected", "optionId": no["optionId"] } })
}

const PATCH: &str = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";

/// A model that runs a command outside of the sandbox, which is asked about, applies a patch, and says so; then runs a
/// command that does not end.
fn script() -> Value {
    let outside = json!({ "cmd": "touch touched", "sandbox_permissions": "require_escalated", "justification": "so" });
    let steps = json!([
        { "tool": "exec_command", "arguments": outside },
        { "custom": "apply_patch", "input": PATCH },
        { "text": "All done." },
        run("exec 3> held; setsid sleep 1000 & echo > begun; sleep 1000"),
        { "text": "Going on." },
    ]);
    // The adapter has the model find a title for the session, in a session beside it.
    json!({ "sessions": { "go": steps } })
}

fn introduce(editor: &mut Other) -> Value {
    let capabilities = json!({ "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false });
    editor.ask("initialize", json!({ "protocolVersion": 1, "clientCapabilities": capabilities })).unwrap()
}

fn prompt(session: &Value, text: &str) -> Value {
    json!({ "sessionId": session, "prompt": [{ "type": "text", "text": text }] })
}

/// An editor prompts, is asked, cancels, and lists.
fn an_editor_works(mut editor: Other, place: &Place) -> Other {
    let (begun, held) = (place.pipe("begun"), place.pipe("held"));
    assert_eq!(introduce(&mut editor)["protocolVersion"], 1);
    let opened = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap();
    let session = opened["sessionId"].clone();
    let ended = editor.ask("session/prompt", prompt(&session, "go")).unwrap();
    assert_eq!(ended["stopReason"], "end_turn", "{ended}");
    let updates = editor.updates();
    let ask = updates.iter().position(|update| update == "asked").unwrap_or_else(|| panic!("{updates:?}"));
    let ran = updates.iter().position(|update| update == "tool_call_update completed").unwrap();
    let said = updates.iter().position(|update| update == "agent_message_chunk All done.");
    assert!(ask < ran && said.is_some_and(|said| ran < said), "{updates:?}");
    assert!(updates.contains(&"tool_call execute".into()) && updates.contains(&"tool_call edit".into()), "{updates:?}");
    assert!(place.workspace.join("touched").exists());
    assert_eq!(fs::read_to_string(place.workspace.join("made.txt")).unwrap(), "made\n");

    let (id, session_id) = (editor.begin("session/prompt", prompt(&session, "run it")), session.clone());
    wait_for(&begun, &editor.child);
    editor.send(json!({ "method": "session/cancel", "params": { "sessionId": session_id } }));
    assert_eq!(editor.end(id).unwrap()["stopReason"], "cancelled");
    wait_for_end(held);
    let listed = editor.ask("session/list", json!({ "cwd": place.workspace })).unwrap();
    let sessions = listed["sessions"].as_array().unwrap();
    assert!(sessions.iter().any(|listed| listed["sessionId"] == session), "{listed}");
    editor
}

#[test]
fn an_editor_opens_sessions_prompts_is_asked_and_cancels() {
    let place = Place::new(script());
    let editor = Other::start(place.codex(&["acp", "-a", "on-request"]), allow);
    let mut editor = an_editor_works(editor, &place);
    let session = editor.ask("session/list", json!({})).unwrap()["sessions"][0]["sessionId"].clone();
    editor.updates();
    editor.close();

    // Another editor goes on with it, and is told what was said.
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let load = json!({ "sessionId": session, "cwd": place.workspace, "mcpServers": [] });
    let loaded = editor.ask("session/load", load).unwrap();
    assert!(loaded["modes"]["currentModeId"].is_string(), "{loaded}");
    let updates = editor.updates();
    for expected in ["user_message_chunk go", "tool_call execute", "agent_message_chunk All done."] {
        assert!(updates.iter().any(|update| update == expected), "{expected}: {updates:?}");
    }
    editor.ask("session/set_mode", json!({ "sessionId": session, "modeId": "full-auto" })).unwrap();
    assert_eq!(editor.ask("session/prompt", prompt(&session, "go on")).unwrap()["stopReason"], "end_turn");
    assert!(editor.updates().contains(&"agent_message_chunk Going on.".into()));
    // What an editor may get wrong.
    let table = [
        ("session/prompt", prompt(&json!("none"), "x"), "no session `none` is open"),
        ("session/prompt", prompt(&session, ""), "the prompt is empty"),
        ("session/set_mode", json!({ "sessionId": session, "modeId": "yolo" }), "there is no mode `yolo`"),
        ("session/load", json!({ "sessionId": "none", "cwd": "/", "mcpServers": [] }), "no session has the id"),
        ("session/new", json!({}), "missing field `cwd`"),
        ("session/juggle", json!({}), "there is no method"),
    ];
    for (method, params, words) in table {
        let error = editor.ask(method, params).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(words), "{method}: {error}");
    }
    editor.close();
}

#[test]
fn the_model_sees_pictures_of_an_editors_prompt() {
    let place = Place::new(json!([{ "text": "Seen." }]));
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    let introduction = introduce(&mut editor);
    assert_eq!(introduction["agentCapabilities"]["promptCapabilities"]["image"], true);
    let opened = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap();
    let said = |data: &str| {
        let picture = json!({ "type": "image", "mimeType": "image/gif", "data": data });
        json!({ "sessionId": opened["sessionId"], "prompt": [{ "type": "text", "text": "what is it?" }, picture] })
    };
    let error = editor.ask("session/prompt", said("bm8gcGljdHVyZQ==")).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("picture"), "{error}");
    assert_eq!(editor.ask("session/prompt", said(GIF)).unwrap()["stopReason"], "end_turn");
    let requests = place.server.requests();
    assert_eq!(requests.len(), 1);
    let request = requests[0].body.to_string();
    assert!(request.contains("what is it?") && request.contains(&format!("data:image/gif;base64,{GIF}")), "{request}");
    editor.close();
}

#[test]
fn an_editor_is_told_of_commands_and_uses_them() {
    let place = Place::new(json!([{ "text": "Done." }, { "text": "Read." }]));
    fs::create_dir(place.home.join("commands")).unwrap();
    let file = "---\ndescription: Does mine\nargument-hint: WHAT\n---\nDo mine: $ARGUMENTS";
    fs::write(place.home.join("commands/mine.md"), file).unwrap();
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let session =
        editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap()["sessionId"].clone();
    for (said, read) in [("/mine right now", "Do mine: right now"), ("/none of them", "/none of them")] {
        assert_eq!(editor.ask("session/prompt", prompt(&session, said)).unwrap()["stopReason"], "end_turn");
        let request = place.server.requests().pop().unwrap().body.to_string();
        assert!(request.contains(read), "{said}: {request}");
    }
    let told = |message: &&Value| message["params"]["update"]["sessionUpdate"] == "available_commands_update";
    let told = &editor.heard.iter().find(told).unwrap()["params"];
    assert_eq!(told["sessionId"], session);
    let mine = json!({ "name": "mine", "description": "Does mine", "input": { "hint": "WHAT" } });
    assert_eq!(told["update"]["availableCommands"], json!([mine]));
    editor.close();
}

#[test]
fn servers_of_tools_start_when_an_editors_session_says_its_first_word() {
    let place = mcp_prompts::place(&format!("echo > started\n{}", mcp_prompts::SCRIPT), "");
    fs::create_dir(place.home.join("commands")).unwrap();
    fs::write(place.home.join("commands/mine.md"), "Do mine").unwrap();
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let session =
        editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap()["sessionId"].clone();
    assert_eq!(editor.told_commands(), ["mine"]);
    assert!(!place.workspace.join("started").exists(), "nothing was said yet");
    // It may be used before it is known.
    let used = editor.ask("session/prompt", prompt(&session, "/mcp__s__review the parser")).unwrap();
    assert_eq!(used["stopReason"], "end_turn");
    assert!(last_request(&place).contains("Review: other"));
    assert!(place.workspace.join("started").exists());
    assert_eq!(editor.told_commands(), ["mine", "mcp__s__review"]);
    let error = editor.ask("session/prompt", prompt(&session, "/mcp__s__none")).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("there is no command `/mcp__s__none` here"), "{error}");
    editor.close();
}

#[test]
fn a_command_is_what_the_editors_user_typed_and_not_what_is_linked_or_embedded() {
    let place = Place::new(json!([{ "text": "Explained." }, { "text": "Looked." }]));
    fs::create_dir(place.home.join("commands")).unwrap();
    fs::write(place.home.join("commands/look.md"), "Look.\n!`printf '[%s]' $ARGUMENTS > looked`").unwrap();
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let opened = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap();
    let mut say = |blocks: Value| {
        let said = json!({ "sessionId": opened["sessionId"], "prompt": blocks });
        assert_eq!(editor.ask("session/prompt", said).unwrap()["stopReason"], "end_turn");
        place.server.requests().pop().unwrap().body.to_string()
    };
    let text = |text: &str| json!({ "type": "text", "text": text });
    let link = json!({ "type": "resource_link", "uri": "file:///look", "name": "look" });
    let request = say(json!([link, text(" explain this file")]));
    assert!(request.contains("/look explain this file"), "{request}");
    assert!(!place.workspace.join("looked").exists());
    let resource = json!({ "uri": "file:///w/b.txt", "text": "--output=/etc/x evil" });
    let request = say(json!([text("/look mine "), { "type": "resource", "resource": resource }, link, text(" too")]));
    assert_eq!(fs::read_to_string(place.workspace.join("looked")).unwrap(), "[mine]");
    for read in ["Look.", "--output=/etc/x evil", "/look too"] {
        assert!(request.contains(read), "{read}: {request}");
    }
    editor.close();
}

#[test]
fn what_an_editor_rejects_does_not_run() {
    let place = Place::new(json!([run("touch touched"), { "text": "Then not." }]));
    let mut editor = Other::start(place.codex(&["acp", "-a", "untrusted"]), reject);
    introduce(&mut editor);
    let opened = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap();
    assert_eq!(opened["modes"]["currentModeId"], "ask");
    let ended = editor.ask("session/prompt", prompt(&opened["sessionId"], "go")).unwrap();
    assert_eq!(ended["stopReason"], "end_turn");
    assert!(editor.updates().contains(&"tool_call_update failed".into()));
    assert!(!place.workspace.join("touched").exists());
    editor.close();
}

#[test]
fn the_adapter_that_makes_an_editors_agent_of_an_app_server_works_with_ours() {
    const PACKAGE: &str = "@agentclientprotocol/codex-acp@2.6.0";
    let script_of_it = "node_modules/@agentclientprotocol/codex-acp/dist/index.js";
    let Some(directory) = sdk::npm_package("codex-acp", PACKAGE, script_of_it) else { return };
    let place = Place::new(script());
    let codex = env!("CARGO_BIN_EXE_codex");
    let mut command = sdk::node(&place.workspace);
    command.arg(Path::new(&directory).join(script_of_it)).env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &place.home).env("CODEX_HOME", &place.home);
    command.env("CODEX_PATH", codex).stdout(Stdio::piped()).stderr(Stdio::piped());
    let editor = an_editor_works(Other::start(command, allow), &place);
    // It ends by being told to.
    kill_process(Pid::from_child(&editor.child), Signal::TERM).unwrap();
    let Other { mut child, stdin, .. } = editor;
    drop(stdin);
    child.wait().unwrap();
}

#[test]
fn another_agent_has_a_task_done_and_goes_on_with_it() {
    let place = Place::new(json!([
        run("touch touched"),
        { "text": "All done." },
        { "text": "And more." },
        run("touch asked"),
        { "text": "It was agreed to." },
    ]));
    let mut agent = Other::start(place.codex(&["mcp-server"]), |_| json!({ "action": "accept", "content": {} }));
    let hello = |elicitation: Value| {
        let capabilities = if elicitation.is_null() { json!({}) } else { json!({ "elicitation": elicitation }) };
        let info = json!({ "name": "t", "version": "1" });
        json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": info })
    };
    let introduced = agent.ask("initialize", hello(Value::Null)).unwrap();
    assert_eq!(
        (&introduced["protocolVersion"], &introduced["capabilities"]),
        (&json!("2025-06-18"), &json!({ "tools": {} }))
    );
    agent.send(json!({ "method": "notifications/initialized" }));
    let tools = agent.ask("tools/list", json!({})).unwrap();
    let names: Vec<&str> =
        tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["codex", "codex-reply"]);
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let done = agent.ask("tools/call", call("codex", json!({ "prompt": "go", "cwd": place.workspace }))).unwrap();
    assert_eq!((&done["content"][0]["text"], &done["isError"]), (&json!("All done."), &json!(false)), "{done}");
    assert!(place.workspace.join("touched").exists(), "inside the sandbox nobody had to be asked");
    let thread = done["structuredContent"]["threadId"].clone();
    for name in ["threadId", "conversationId"] {
        if name == "threadId" {
            let reply = call("codex-reply", json!({ "prompt": "more", name: thread }));
            let done = agent.ask("tools/call", reply).unwrap();
            assert_eq!(done["structuredContent"], json!({ "threadId": thread, "content": "And more." }));
        } else {
            let none = call("codex-reply", json!({ "prompt": "more", name: "none" }));
            let done = agent.ask("tools/call", none).unwrap();
            assert_eq!(done["isError"], true);
            assert!(done["content"][0]["text"].as_str().unwrap().contains("no session has the id"), "{done}");
        }
    }
    // A client that takes elicitations is asked.
    agent.ask("initialize", hello(json!({}))).unwrap();
    let asked = json!({ "prompt": "ask me", "cwd": place.workspace, "approval-policy": "untrusted" });
    let done = agent.ask("tools/call", call("codex", asked)).unwrap();
    assert_eq!(done["content"][0]["text"], "It was agreed to.");
    assert!(agent.heard.iter().any(|message| message["method"] == "elicitation/create"));
    assert!(place.workspace.join("asked").exists());
    let table = [
        ("codex", json!({}), "`prompt` is missing"),
        ("codex", json!({ "prompt": "x", "sandbox": "sandcastle" }), "`sandbox`"),
        ("codex-reply", json!({ "prompt": "x" }), "`threadId` is missing"),
        ("juggle", json!({ "prompt": "x" }), "there is no tool `juggle`"),
    ];
    for (name, arguments, words) in table {
        let error = agent.ask("tools/call", call(name, arguments)).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(words), "{name}: {error}");
    }
    assert!(agent.ask("resources/list", json!({})).is_err());
    agent.close();
}

/// A client that gives up on a call ends its turn and what it runs.
#[test]
fn a_call_that_is_cancelled_ends_what_it_runs() {
    let place = Place::new(json!([run("exec 3> held; setsid sleep 1000 & echo > begun; sleep 1000")]));
    let (begun, held) = (place.pipe("begun"), place.pipe("held"));
    let mut agent = Other::start(place.codex(&["mcp-server"]), |_| Value::Null);
    agent.ask("initialize", json!({ "capabilities": {} })).unwrap();
    let arguments = json!({ "prompt": "go", "cwd": place.workspace });
    let id = agent.begin("tools/call", json!({ "name": "codex", "arguments": arguments }));
    wait_for(&begun, &agent.child);
    agent.send(json!({ "method": "notifications/cancelled", "params": { "requestId": id } }));
    wait_for_end(held);
    assert_eq!(agent.end(id).unwrap()["isError"], true);
    agent.close();
}

/// Another server's question is none of theirs: it is declined, and nothing waits.
#[test]
fn what_a_server_of_tools_wants_to_know_is_declined_by_editors_and_agents() {
    let asks = json!({ "message": "Who?", "requestedSchema": { "type": "object", "properties": {} } });
    let place = mcp_elicitation::place(&asks, 2);
    let mut editor = Other::start(place.codex(&["acp"]), allow);
    introduce(&mut editor);
    let opened = editor.ask("session/new", json!({ "cwd": place.workspace, "mcpServers": [] })).unwrap();
    editor.ask("session/prompt", prompt(&opened["sessionId"], "go")).unwrap();
    assert!(mcp_elicitation::told(&place).contains("'action':'decline'"), "{}", mcp_elicitation::told(&place));
    editor.close();
    let mut agent = Other::start(place.codex(&["mcp-server"]), |_| panic!("it is not asked"));
    let info = json!({ "name": "t", "version": "1" });
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": { "elicitation": {} }, "clientInfo": info });
    agent.ask("initialize", hello).unwrap();
    let arguments = json!({ "prompt": "go", "cwd": place.workspace, "approval-policy": "on-request" });
    agent.ask("tools/call", json!({ "name": "codex", "arguments": arguments })).unwrap();
    assert!(mcp_elicitation::told(&place).contains("'action':'decline'"), "{}", mcp_elicitation::told(&place));
    agent.close();
}
