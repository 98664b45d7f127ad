//! The TypeScript SDK, from the npm registry, against the built program. Runs where Node is installed.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::support::Place;

const PACKAGE: &str = "@openai/codex-sdk@0.163.0";

#[allow(clippy::disallowed_methods, reason = "Node and npm are part of the test")]
fn run(program: &str, arguments: &[&str], directory: &Path) -> Option<Output> {
    Command::new(program).args(arguments).current_dir(directory).output().ok()
}

/// The directory that the SDK is installed in, once for all runs; `None` where there is no Node.
fn sdk() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript-sdk");
    std::fs::create_dir_all(&directory).unwrap();
    run("node", &["--version"], &directory)?;
    if !directory.join("node_modules/@openai/codex-sdk/dist/index.js").exists() {
        let arguments = ["install", "--omit=optional", "--no-audit", "--no-fund", "--prefix", ".", PACKAGE];
        let installed = run("npm", &arguments, &directory)?;
        assert!(installed.status.success(), "npm: {}", String::from_utf8_lossy(&installed.stderr));
    }
    Some(directory)
}

#[test]
fn run_stream_and_resume_work() {
    let Some(sdk) = sdk() else { return };
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    let place = Place::new(json!({ "pick": "results", "steps": [
        { "tool": "exec_command", "arguments": { "cmd": "echo hello" } },
        { "custom": "apply_patch", "input": patch },
        { "text": "All done.", "usage": { "input_tokens": 10, "output_tokens": 1, "total_tokens": 11 } },
    ]}));
    // The SDK brings its own address and key, for the built-in provider.
    std::fs::remove_file(place.home.join("config.toml")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/run.mjs");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (url, workspace, home) = (place.server.base_url(), path(&place.workspace), path(&place.home));
    let arguments = [&path(&script), &path(&sdk), env!("CARGO_BIN_EXE_codex"), &url, &workspace, &home];
    let arguments: Vec<&str> = arguments.iter().map(|argument| argument.as_ref()).collect();
    let output = run("node", &arguments, &place.workspace).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(result["first"]["finalResponse"], "All done.");
    let kinds: Vec<_> = result["first"]["items"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
    assert_eq!(kinds, ["command_execution", "file_change", "agent_message"]);
    let streamed: Vec<_> = result["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(streamed.first().unwrap(), "thread.started");
    assert_eq!(streamed.last().unwrap(), "turn.completed");
    assert_eq!(result["last"]["finalResponse"], "All done.");
    assert_eq!(result["last"]["sameThread"], true);
    let first = result["first"]["usage"]["input_tokens"].as_u64().unwrap();
    assert_eq!(result["last"]["usage"]["input_tokens"], first * 3, "usage is the thread's");

    let requests = place.server.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.header("authorization"), "Bearer key-from-sdk");
    assert!(last.body.to_string().contains("part one\\n\\npart two"), "{}", last.body);
    assert_eq!(last.body["reasoning"]["effort"], "high");
}
