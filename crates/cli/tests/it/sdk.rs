//! The TypeScript SDK, from the npm registry, against the built program. Runs where Node is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

use codex_testkit::run_to_end;
use serde_json::{Value, json};

use crate::support::{Place, wait_for_end};

const PACKAGE: &str = "@openai/codex-sdk@0.163.0";

#[allow(clippy::disallowed_methods, reason = "Node and npm are part of the test")]
fn run(program: &str, arguments: &[&str], directory: &Path) -> Option<Output> {
    Command::new(program).args(arguments).current_dir(directory).output().ok()
}

/// Node, to be started in `directory`.
#[allow(clippy::disallowed_methods, reason = "Node is a part of the test")]
pub fn node(directory: &Path) -> Command {
    let mut command = Command::new("node");
    command.current_dir(directory);
    command
}

/// The directory that the SDK is installed in, once for all runs; `None` where there is no Node, which is said.
fn sdk() -> Option<PathBuf> {
    npm_package("typescript-sdk", PACKAGE, "node_modules/@openai/codex-sdk/dist/index.js")
}

/// The directory `name`, in which `package` is installed, once for all runs, as is seen from its file `there`; `None` where
/// there is no Node, which is said.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
#[allow(clippy::disallowed_methods, reason = "npm is a part of the test")]
pub fn npm_package(name: &str, package: &str, there: &str) -> Option<PathBuf> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).unwrap();
    if run("node", &["--version"], &directory).is_none() {
        eprintln!("skipped: Node is not installed");
        return None;
    }
    if !directory.join(there).exists() {
        // A registry that does not answer ends the test, after two attempts or when the watchdog barks.
        let quick = ["--fetch-timeout=20000", "--fetch-retries=1", "--prefer-offline"];
        let arguments = ["install", "--omit=optional", "--no-audit", "--no-fund", "--prefix", ".", package];
        let mut npm = Command::new("npm");
        let installed = run_to_end(npm.args(arguments).args(quick).current_dir(&directory), "").unwrap();
        assert!(installed.exit == 0, "npm: {}", installed.stderr);
    }
    Some(directory)
}

/// What a program written for the SDK does, and where.
struct Job {
    place: Place,
    job: Value,
}

impl Job {
    /// A job whose model speaks as `script` says; `None` where there is no Node.
    fn new(script: Value) -> Option<Self> {
        let sdk = sdk()?;
        let place = Place::new(script);
        // The SDK brings its own address and key, for the built-in provider.
        fs::remove_file(place.home.join("config.toml")).unwrap();
        let job = json!({
            "sdk": sdk,
            "codex": {
                "codexPathOverride": env!("CARGO_BIN_EXE_codex"),
                "baseUrl": place.server.base_url(),
                "apiKey": "key-from-sdk",
                "env": { "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": place.home, "CODEX_HOME": place.home },
                "config": { "show_raw_agent_reasoning": true },
            },
            "thread": {
                "model": "mock",
                "workingDirectory": place.workspace,
                "skipGitRepoCheck": true,
                "sandboxMode": "workspace-write",
                "threadSource": "sdk-test",
                "modelReasoningEffort": "high",
                "networkAccessEnabled": false,
            },
        });
        Some(Self { place, job })
    }

    /// The same with something else at `pointer`.
    fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.job.pointer_mut(parent).unwrap()[key] = value;
        self
    }

    /// What came of each of `calls`; see `tests/sdk/run.mjs`.
    fn run(&self, calls: Value) -> Vec<Value> {
        let mut job = self.job.clone();
        job["calls"] = calls;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/run.mjs");
        let output = run("node", &[script.to_str().unwrap(), &job.to_string()], &self.place.workspace).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The member `key` of each of a list of objects.
fn each<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap_or_default()).collect()
}

#[test]
fn run_stream_and_resume_work() {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    let Some(job) = Job::new(json!({ "pick": "results", "steps": [
        { "tool": "exec_command", "arguments": { "cmd": "echo hello" } },
        { "custom": "apply_patch", "input": patch },
        { "text": "All done.", "usage": { "input_tokens": 10, "output_tokens": 1, "total_tokens": 11 } },
    ]})) else {
        return;
    };
    let parts = json!([{ "type": "text", "text": "part one" }, { "type": "text", "text": "part two" }]);
    let results = job.run(json!([
        { "input": "write made.txt" },
        { "input": "and again", "stream": true },
        { "input": parts, "resume": true },
    ]));
    let [first, streamed, last] = results.try_into().unwrap();
    assert_eq!(first["finalResponse"], "All done.");
    assert_eq!(each(&first["items"], "type"), ["command_execution", "file_change", "agent_message"]);
    let streamed = each(&streamed["events"], "type");
    assert_eq!((streamed.first(), streamed.last()), (Some(&"thread.started"), Some(&"turn.completed")));
    assert_eq!(last["finalResponse"], "All done.");
    assert_eq!(last["threadId"], first["threadId"]);
    let spent = first["usage"]["input_tokens"].as_u64().unwrap();
    assert_eq!(last["usage"]["input_tokens"], spent * 3, "usage is the thread's");

    let requests = job.place.server.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.header("authorization"), "Bearer key-from-sdk");
    assert_eq!(last.header("originator"), "codex_sdk_ts");
    assert!(last.body.to_string().contains("part one\\n\\npart two"), "{}", last.body);
    assert_eq!(last.body["reasoning"]["effort"], "high");
}

#[test]
fn an_output_schema_reaches_the_model_and_the_answer_is_its_json() {
    let answer = "{\"city\":\"Bern\",\"inhabitants\":140000}";
    let Some(job) = Job::new(json!([{ "text": answer }, { "text": answer }, { "text": "free" }])) else { return };
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string" }, "inhabitants": { "type": "integer" } },
        "required": ["city", "inhabitants"],
        "additionalProperties": false,
    });
    let results = job.run(json!([
        { "input": "which city?", "options": { "outputSchema": schema } },
        { "input": "again", "resume": true, "options": { "outputSchema": schema } },
        { "input": "and now freely" },
    ]));
    let expected = json!({ "type": "json_schema", "strict": true, "schema": schema, "name": "codex_output_schema" });
    for (number, request) in job.place.server.requests().iter().enumerate() {
        let free = number == 2;
        let format = &request.body["text"]["format"];
        assert!(if free { format.is_null() } else { *format == expected }, "request {number}: {format}");
        let response: Result<Value, _> = serde_json::from_str(results[number]["finalResponse"].as_str().unwrap());
        assert_eq!(response.is_err(), free);
    }
    assert_eq!(results.len(), 3);
}

#[test]
fn a_turn_that_is_aborted_or_left_ends_the_program_and_what_it_runs() {
    let command = "exec 3> held; setsid sleep 1000 & echo > started; sleep 1000";
    // How the turn is stopped, and what the SDK makes of it.
    let abort = |workspace: &Path| json!({ "abortAfter": workspace.join("started") });
    let leave = |_: &Path| json!({ "stream": true, "leaveAfter": "item.started" });
    type Stop<'a> = &'a dyn Fn(&Path) -> Value;
    let table: [(Stop, Option<&str>); 2] = [(&abort, Some("AbortError")), (&leave, None)];
    for (stop, error) in table {
        let Some(job) = Job::new(json!([
            { "text": "I run it.", "tool": "exec_command", "arguments": { "cmd": command } },
            { "text": "Going on." },
        ])) else {
            return;
        };
        let (_started, held) = (job.place.pipe("started"), job.place.pipe("held"));
        let mut call = stop(&job.place.workspace);
        call["input"] = json!("run it");
        let [stopped, resumed] = job.run(json!([call, { "input": "go on", "resume": true }])).try_into().unwrap();
        assert_eq!(stopped["error"]["name"].as_str(), error, "{stopped}");
        // The end of the file means that nobody holds it any more: the daemon is gone as well.
        wait_for_end(held);
        assert_eq!(resumed["finalResponse"], "Going on.", "{resumed}");
        assert_eq!(resumed["threadId"], stopped["threadId"]);
        let request = job.place.server.requests().pop().unwrap().body.to_string();
        assert!(request.contains("run it") && request.contains("function_call_output"), "{request}");
    }
}

#[test]
fn errors_reach_the_program_in_our_words() {
    let refused = json!([{ "http": 400, "body": "{\"error\":{\"message\":\"no such model\"}}" }]);
    let unauthorized = json!([{ "http": 401, "body": "{\"error\":{\"message\":\"bad key\"}}" }]);
    let plain = || json!({ "input": "go" });
    // Far more than a pipe holds: a program that ends before it has read it must not break the one that writes it.
    let large = || json!({ "input": "many words ", "repeat": 100_000 });
    let unknown = |mut call: Value| {
        call["resume"] = json!("0190aaaa-none");
        call
    };
    let nothing = (String::new(), Value::Null);
    let nowhere = ("/thread/workingDirectory".to_owned(), json!("/nowhere/workspace"));
    let configured = ("/codex/config/model_context_window".to_owned(), json!("wide"));
    let missing = ("/codex/codexPathOverride".to_owned(), json!("/nowhere/codex"));
    let schema = json!({ "input": "go", "options": { "outputSchema": [] } });
    type Row<'a> = (&'a str, Value, (String, Value), Value, &'a [&'a str]);
    let table: [Row; 10] = [
        ("the turn fails", refused, nothing.clone(), plain(), &["no such model"]),
        ("a wrong key", unauthorized, nothing.clone(), plain(), &["401", "CODEX_API_KEY"]),
        ("no program", json!([]), missing, plain(), &["ENOENT", "/nowhere/codex"]),
        ("no thread", json!([]), nothing.clone(), unknown(plain()), &["code 2", "no session has the id 0190aaaa-none"]),
        ("no thread, large prompt", json!([]), nothing.clone(), unknown(large()), &["code 2", "no session has the id"]),
        ("no directory", json!([]), nowhere.clone(), plain(), &["code 2", "--cd: /nowhere/workspace"]),
        ("no directory, large prompt", json!([]), nowhere, large(), &["code 2", "--cd: /nowhere/workspace"]),
        (
            "a wrong setting",
            json!([]),
            configured.clone(),
            plain(),
            &["code 2", "model_context_window", "whole number"],
        ),
        ("a wrong setting, large prompt", json!([]), configured, large(), &["code 2", "model_context_window"]),
        ("a schema that is none", json!([]), nothing, schema, &["must be a plain JSON object"]),
    ];
    for (case, script, (pointer, value), call, expected) in table {
        let Some(mut job) = Job::new(script) else { return };
        if !pointer.is_empty() {
            job = job.with(&pointer, value);
        }
        let [result] = job.run(json!([call])).try_into().unwrap();
        let message = result["error"]["message"].as_str().unwrap_or_else(|| panic!("{case}: {result}"));
        for words in expected {
            assert!(message.contains(words), "{case}: `{words}` is missing: {message}");
        }
        assert!(!message.contains("key-from-sdk"), "{case}: {message}");
    }
}

/// A picture of one grey point, and how it is sent.
const PICTURE: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0aIDATx\xdach\x00\x00\x00\x82\x00\x81\xdaE\x08;\x00\x00\x00\x00IEND\xaeB`\x82";
const SENT: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==";

#[test]
fn pictures_reach_the_model_beside_the_text_also_on_resume() {
    let Some(job) = Job::new(json!([])) else { return };
    let picture = job.place.workspace.join("a picture.png");
    fs::write(&picture, PICTURE).unwrap();
    let input = |words: &str| json!([{ "type": "text", "text": words }, { "type": "local_image", "path": picture }]);
    let results = job.run(json!([
        { "input": input("what is this?") },
        { "input": input("and this?"), "resume": true },
        { "input": [{ "type": "text", "text": "what?" }, { "type": "local_image", "path": "missing.png" }] },
    ]));
    assert_eq!((&results[0]["finalResponse"], &results[1]["finalResponse"]), (&json!("Done."), &json!("Done.")));
    let requests = job.place.server.requests();
    for (request, words) in requests.iter().zip(["what is this?", "and this?"]) {
        let said = request.body["input"].as_array().unwrap().iter().rfind(|item| item["role"] == "user").unwrap();
        let content = said["content"].as_array().unwrap();
        let shown = content.iter().filter(|part| part["type"] == "input_image" && part["image_url"] == SENT);
        let asked = content.iter().filter(|part| part["type"] == "input_text" && part["text"] == words);
        assert_eq!((shown.count(), asked.count()), (1, 1), "{said}");
    }
    let message = results[2]["error"]["message"].as_str().unwrap();
    assert!(message.contains("code 2") && message.contains("missing.png"), "{message}");
    assert_eq!(requests.len(), 2);
}
