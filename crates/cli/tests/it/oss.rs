//! `--oss`: servers of open-weight models are found and asked, and nothing else is.

use std::{fs, net::TcpListener};

use codex_protocol::{
    AgentStartParams, ApprovalPolicy, SettingsChange, ThreadCompactStartParams, ThreadSettingsUpdateParams,
    ThreadStartParams, TurnStatus,
};
use codex_testkit::{ModelServer, RecordedRequest};
use serde_json::{Value, json};

use crate::{session::Session, support::Place, titles::until_asked};

/// The language that the scripted server is spoken to in.
const WIRE: &str = "chat";

/// The providers that are looked for, with an address where nothing listens.
fn nowhere(names: &[&str]) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    names.iter().map(|name| table(name, &format!("http://127.0.0.1:{port}/v1"))).collect()
}

fn table(name: &str, url: &str) -> String {
    format!("[model_providers.{name}]\nbase_url = \"{url}\"\nwire_api = \"{WIRE}\"\nopen_weights = true\n")
}

/// What Ollama says of itself and of one model, which takes tools and was loaded with so many tokens.
pub fn ollama(tools: bool, window: u64) -> Value {
    let capabilities = if tools { json!(["completion", "tools"]) } else { json!(["completion"]) };
    json!({
        "/v1/models": {"data": [{"id": "qwen3:8b", "owned_by": "library"}]},
        "/api/tags": {"models": [
            {"model": "qwen3:8b"},
            {"model": "big:cloud", "remote_model": "big", "remote_host": "https://ollama.com:443"},
        ]},
        "/api/ps": {"models": [{"model": "qwen3:8b", "context_length": window}]},
        "/api/show": {"capabilities": capabilities, "model_info": {"qwen3.context_length": 40960}},
    })
}

/// A place whose Ollama, which says `pages` of itself, answers by `script`; the other servers are not there. The provider that
/// the configuration selects is not open.
pub fn place(script: Value, pages: Value) -> Place {
    let mut script = if script.is_array() { json!({ "steps": script }) } else { script };
    script["pages"] = pages;
    let place = Place::new(script);
    let path = place.home.join("config.toml");
    let mut config = fs::read_to_string(&path).unwrap();
    config += &table("ollama", &place.server.base_url());
    config += &nowhere(&["lmstudio", "llamacpp", "vllm"]);
    fs::write(path, config).unwrap();
    place
}

/// Adds a provider that is not open, and gives its server.
fn proprietary(place: &Place) -> ModelServer {
    let server = ModelServer::from_json(json!([]));
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let table = table("closed", &server.base_url()).replace("open_weights = true\n", "");
    fs::write(path, config + &table).unwrap();
    server
}

/// Exit code and standard error.
fn exec(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    let output = place.codex(&[&["exec"], arguments].concat()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn paths(requests: &[RecordedRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.uri.as_str()).collect()
}

fn oss() -> ThreadStartParams {
    let config = [("oss".to_owned(), json!(true))].into_iter().collect();
    ThreadStartParams { config: Some(config), approval_policy: Some(ApprovalPolicy::Never), ..Default::default() }
}

#[test]
fn a_server_is_found_and_its_model_is_asked() {
    let steps = json!([{"tool": "exec_command", "arguments": {"cmd": "echo hi > made"}}, {"text": "Made."}]);
    let place = place(steps, ollama(true, 40960));
    let (exit, stdout, stderr) = exec(&place, &["--oss", "Make it."]);
    assert_eq!((exit, stdout.as_str()), (0, "Made.\n"), "{stderr}");
    assert_eq!(fs::read_to_string(place.workspace.join("made")).unwrap(), "hi\n");
    let asked = place.server.requests();
    assert_eq!((asked.len(), &asked[0].body["model"]), (2, &json!("qwen3:8b")));
    assert!(stderr.contains("qwen3:8b") && !stderr.contains("tokens of context"), "{stderr}");
    let lists = place.server.lists();
    assert_eq!(paths(&lists), ["/v1/models", "/api/tags", "/api/ps", "/api/show"]);
}

#[test]
fn without_it_no_server_is_looked_for() {
    let place = place(json!([]), ollama(true, 40960));
    let (exit, _, stderr) = exec(&place, &["Hello."]);
    assert_eq!((exit, place.server.lists().len(), place.server.requests().len()), (0, 0, 1), "{stderr}");
}

#[test]
fn little_room_means_few_words_and_few_tools() {
    let long = json!({"tool": "exec_command", "arguments": {"cmd": "seq 10000"}});
    let place = place(json!({ "steps": [long, {"text": "Long."}] }), ollama(true, 4096));
    let (exit, _, stderr) = exec(&place, &["--oss", "Count."]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stderr.contains("`OLLAMA_CONTEXT_LENGTH=32768 ollama serve`"), "{stderr}");
    let asked = place.server.requests();
    let [first, second] = asked.as_slice() else { panic!("{}", asked.len()) };
    assert!(first.raw.len() <= 6 << 10, "{} bytes: {}", first.raw.len(), String::from_utf8_lossy(&first.raw));
    assert!(second.raw.len() - first.raw.len() < 6 << 10, "{} bytes more", second.raw.len() - first.raw.len());
}

#[test]
fn a_model_without_tools_is_held_to_a_schema() {
    let call = json!({"tool": "exec_command", "arguments": {"cmd": "echo hi > made"}}).to_string();
    let steps = json!([{"text": call}, {"text": "{\"answer\": \"Made.\"}"}]);
    let place = place(steps, ollama(false, 40960));
    let (exit, stdout, stderr) = exec(&place, &["--oss", "Make it."]);
    assert_eq!((exit, stdout.as_str()), (0, "Made.\n"), "{stderr}");
    assert_eq!(fs::read_to_string(place.workspace.join("made")).unwrap(), "hi\n");
    for request in place.server.requests() {
        let body = String::from_utf8_lossy(&request.raw).into_owned();
        assert!(request.body["tools"].is_null() && body.contains("json_schema") && body.contains("anyOf"), "{body}");
    }
}

#[test]
fn where_there_is_none_it_is_told_what_was_asked_and_what_would_start_one() {
    let place = Place::new(json!([]));
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap() + &nowhere(&["ollama", "lmstudio", "llamacpp", "vllm"]);
    fs::write(path, config).unwrap();
    let (exit, _, stderr) = exec(&place, &["--oss", "Hello."]);
    assert_eq!(exit, 2, "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    let names = ["ollama", "lmstudio", "llamacpp", "vllm"];
    assert!(
        names
            .iter()
            .all(|name| lines.iter().any(|line| line.contains(name) && line.ends_with("nothing listens there"))),
        "{stderr}"
    );
    assert!(stderr.contains("`ollama serve` starts one"), "{stderr}");
    assert_eq!(place.server.requests().len() + place.server.lists().len(), 0);
}

#[test]
fn what_is_named_counts_or_is_said_not_to_be_there() {
    let place = place(json!([]), ollama(true, 40960));
    let closed = proprietary(&place);
    for (arguments, expected) in [
        (
            &["-m", "llama9"] as &[&str],
            "oss: no server has the model `llama9`\n  ollama: qwen3:8b, big:cloud\n`ollama pull llama9` gets it",
        ),
        (
            &["-m", "closed/gpt"],
            "oss: the provider `closed` is not marked `open_weights = true`, so nothing is sent to it",
        ),
        (&["-c", "model_provider=closed"], "oss: the provider `closed` is not marked"),
        (&["-m", "openai/gpt-5"], "oss: the provider `openai` is not marked"),
        (&["-m", "big:cloud"], "oss: `big:cloud` of ollama runs at https://ollama.com:443, and not on your machine"),
        (&["-c", "oss_provider=closed"], "oss: the provider `closed` is not marked"),
        (&["-c", "oss_provider=vllm"], "nothing listens there\n`vllm serve MODEL` starts one"),
    ] {
        let (exit, _, stderr) = exec(&place, &[&["--oss"], arguments, &["Hello."]].concat());
        assert_eq!(exit, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
    assert_eq!(place.server.requests().len(), 0);
    for arguments in [&["-m", "qwen3:8b"] as &[&str], &["-m", "ollama/qwen3:8b"], &["-c", "oss_provider=ollama"]] {
        let (exit, _, stderr) = exec(&place, &[&["--oss"], arguments, &["Hello."]].concat());
        assert_eq!(exit, 0, "{arguments:?}: {stderr}");
        assert_eq!(place.server.requests().pop().unwrap().body["model"], "qwen3:8b");
    }
    assert_eq!(closed.requests().len() + closed.lists().len(), 0, "nothing was sent");
}

/// What lists and what looks asks those that a session would, and no key leaves.
#[test]
fn whoever_lists_or_looks_asks_nobody_else() {
    let place = place(json!([]), ollama(true, 40960));
    let closed = proprietary(&place);
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap() + "env_key = \"CLOSED_KEY\"\n";
    fs::write(path, config).unwrap();
    let ran = |arguments: &[&str]| {
        let output = place.codex(arguments).env("CLOSED_KEY", "k").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (exit, stdout, stderr) = ran(&["models", "--oss"]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.contains("\n  qwen3:8b") && stdout.contains("vllm: "), "{stdout}");
    assert!(!stdout.contains("closed") && !stdout.contains("openai"), "{stdout}");
    let (exit, _, stderr) = ran(&["models", "--oss", "closed"]);
    assert!(exit == 2 && stderr.contains("`closed` is not marked `open_weights = true`"), "{stderr}");
    let (_, stdout, stderr) = ran(&["doctor", "--oss", "--json"]);
    let expected = "oss: `qwen3:8b` of `ollama` would be asked";
    assert!(stdout.contains(expected) && stdout.contains("`ollama`: key not needed"), "{stdout}{stderr}");
    let typed = ["doctor", "--oss", "-m", "closed/gpt"];
    let (exit, stdout, _) = ran(&typed);
    assert!(exit == 1 && stdout.contains("`closed` is not marked `open_weights = true`"), "{stdout}");
    assert_eq!(closed.requests().len() + closed.lists().len(), 0, "nothing was sent");
    // Without it all are asked.
    ran(&["models"]);
    assert_eq!(closed.lists()[0].header("authorization"), "Bearer k");
}

#[test]
fn who_takes_over_is_as_open_and_is_asked_in_its_own_way() {
    // The one that is chosen takes no tools, and the other one does.
    let place = place(json!({ "faults": [{ "http": 404 }], "steps": [] }), ollama(false, 40960));
    let page = json!({ "/v1/models": {"data": [{"id": "one"}]} });
    let spare = ModelServer::from_json(json!({ "steps": [{ "text": "Spare." }], "pages": page }));
    let path = place.home.join("config.toml");
    fs::write(&path, fs::read_to_string(&path).unwrap() + &table("spare", &spare.base_url())).unwrap();
    let closed = proprietary(&place);
    let ask = |others: &str| {
        let others = format!("model_fallback={others}");
        exec(&place, &["--oss", "-m", "ollama/qwen3:8b", "-c", &others, "Hello."])
    };
    for (others, expected) in [
        (
            "[\"spare/one\", \"closed/gpt\"]",
            "`closed/gpt`: with `oss` nobody is asked but providers of open-weight models",
        ),
        ("[\"openai/gpt-5\"]", "`openai/gpt-5`: with `oss` nobody is asked but"),
        ("[\"ollama/big:cloud\"]", "`big:cloud` of ollama runs at https://ollama.com:443, and not on your machine"),
    ] {
        let (exit, _, stderr) = ask(others);
        assert_eq!(exit, 2, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
    assert_eq!(place.server.requests().len() + spare.requests().len(), 0);
    let (exit, stdout, stderr) = ask("[\"vllm/none\", \"ollama/gone:cloud\", \"spare/one\"]");
    assert_eq!((exit, stdout.as_str()), (0, "Spare.\n"), "{stderr}");
    assert!(stderr.contains("model_fallback: `vllm/none` is left out: "), "{stderr}");
    let gone = stderr.lines().find(|line| line.contains("model_fallback: `ollama/gone:cloud` is left out: "));
    assert!(gone.is_some_and(|line| line.ends_with("it has no such model")), "{stderr}");
    let (first, second) = (place.server.requests(), spare.requests());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first[0].body["tools"].is_null() && second[0].body["tools"].is_array(), "{}", second[0].body);
    assert_eq!(closed.requests().len() + closed.lists().len(), 0, "nothing was sent");
}

#[test]
fn who_takes_over_is_told_as_much_as_it_has_room_for() {
    for (window, of_other) in [(40_960, 8_192), (8_192, 40_960)] {
        let place = place(json!({ "faults": [{ "http": 404 }], "steps": [] }), ollama(true, window));
        let page = json!({ "/v1/models": {"data": [{"id": "one", "max_model_len": of_other}]} });
        let other = ModelServer::from_json(json!({ "steps": [{ "text": "Other." }], "pages": page }));
        let skill = place.home.join("skills/stamps");
        fs::create_dir_all(&skill).unwrap();
        fs::write(skill.join("SKILL.md"), "---\nname: stamps\ndescription: Sorts stamps.\n---\nSort.\n").unwrap();
        let url = format!("model_providers.vllm.base_url={}", other.base_url());
        let chosen = ["--oss", "-m", "ollama/qwen3:8b", "-c", &url, "-c", "model_fallback=[\"vllm/one\"]"];
        let (exit, stdout, stderr) = exec(&place, &[&chosen[..], &["Hello."]].concat());
        assert_eq!((exit, stdout.as_str()), (0, "Other.\n"), "{stderr}");
        let (first, second) = (place.server.requests().remove(0), other.requests().remove(0));
        let (large, small) = if window > of_other { (first, second) } else { (second, first) };
        let said = |request: &RecordedRequest| String::from_utf8_lossy(&request.raw).into_owned();
        let tools = |request: &RecordedRequest| request.body["tools"].as_array().unwrap().len();
        assert!(small.raw.len() <= 6 << 10 && large.raw.len() > 6 << 10, "{window}: {}", small.raw.len());
        assert!(tools(&small) < tools(&large) && said(&small).contains("Hello."), "{window}: {}", said(&small));
        assert!(!said(&small).contains("stamps"), "it has no tool to read it: {}", said(&small));
    }
}

#[test]
fn ollama_is_where_its_variable_says() {
    let place = Place::new(json!({ "steps": [], "pages": ollama(true, 40960) }));
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap() + &nowhere(&["lmstudio", "llamacpp", "vllm"]);
    fs::write(path, config).unwrap();
    let host = place.server.base_url().replace("http://", "").replace("/v1", "");
    let run = place.codex(&["exec", "--oss", "Hello."]).env("OLLAMA_HOST", host).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(place.server.requests().len(), 1);
}

#[tokio::test]
async fn nothing_in_a_session_leads_elsewhere() {
    let script = json!({ "steps": [], "summary": {"text": "Summed up."} });
    let place = place(script, ollama(true, 40960));
    let closed = proprietary(&place);
    fs::create_dir_all(place.home.join("agents")).unwrap();
    let agent = "---\ndescription: Elsewhere.\nmodel: closed/gpt\n---\nBe elsewhere.\n";
    fs::write(place.home.join("agents/other.md"), agent).unwrap();
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap() + "[sessions]\ntitles = \"model\"\n";
    fs::write(path, config).unwrap();
    let mut session = Session::with(&place, oss()).await;
    let thread_id = session.thread_id.clone();
    session.say("Hello.").await;
    assert_eq!(session.rest_of_turn(&[]).await.turn.status, TurnStatus::Completed);
    let client = session.connection.client.clone();
    // A title.
    until_asked(&place.server, 2).await;
    // Another model, by any of its names.
    for change in [
        SettingsChange { model: Some("closed/gpt".into()), ..Default::default() },
        SettingsChange { model: Some("gpt".into()), model_provider: Some("closed".into()), ..Default::default() },
        SettingsChange { model: Some("openai/gpt-5".into()), ..Default::default() },
    ] {
        let params = ThreadSettingsUpdateParams { thread_id: thread_id.clone(), change };
        let error = client.thread_settings_update(params).await.unwrap_err();
        assert!(error.message.contains("is not marked `open_weights = true`"), "{}", error.message);
    }
    // A sub-agent that is described as one of another provider.
    let start = AgentStartParams { thread_id: thread_id.clone(), task: "other: Go.".into(), worktree: None };
    let error = client.agents_start(start).await.unwrap_err();
    assert!(error.message.contains("is not marked `open_weights = true`"), "{}", error.message);
    // A summary.
    client.thread_compact_start(ThreadCompactStartParams { thread_id, focus: None }).await.unwrap();
    session.rest_of_turn(&[]).await;
    session.say("Go on.").await;
    assert_eq!(session.rest_of_turn(&[]).await.turn.status, TurnStatus::Completed);
    assert_eq!(closed.requests().len() + closed.lists().len(), 0, "nothing was sent");
    assert!(place.server.requests().iter().all(|request| request.body["model"] == "qwen3:8b"));
}
