//! `sandbox.allow_domains` in the whole program: `codex sandbox` and `codex exec`. Far hosts are on the loopback here.

use serde_json::json;

use super::serve_http;
use crate::support::{self, Place};

/// Says to fetch through the proxy what every program would look for on its own loopback.
const FETCH: &str = "no_proxy= NO_PROXY= curl -sS";

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server on the host's loopback, and the setting that lets commands reach it.
async fn reachable() -> (u16, String) {
    let port = serve_http([127, 0, 0, 1], 0, "hello").await;
    (port, format!("sandbox.allow_domains=[\"localhost:{port}\", \"127.0.0.1:{port}\"]"))
}

async fn output(mut command: std::process::Command) -> std::process::Output {
    // The servers of this test run on its own thread.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn codex_sandbox_reaches_allowed_domains_only() {
    not_inside_another_sandbox!();
    let place = Place::new(json!([]));
    let (port, setting) = reachable().await;
    let fetch = |what: &str| format!("{FETCH} http://{what}/");
    let cases: [(&str, &str, &str, &str); 4] = [
        (&setting, &fetch(&format!("localhost:{port}")), "hello", ""),
        (&setting, &fetch("denied.example"), "codex: denied.example:80", "the proxy refused: denied.example:80 is not"),
        (&setting, "curl -sS http://127.0.0.1:1/", "", "curl"),
        ("sandbox.allow_domains=[]", &fetch(&format!("127.0.0.1:{port}")), "", "curl"),
    ];
    for (setting, script, stdout, stderr) in cases {
        let output = output(place.codex(&["sandbox", "-c", setting, "--", "bash", "-c", script])).await;
        let (out, err) = (words(&output.stdout), words(&output.stderr));
        assert!(out.starts_with(stdout) && out.is_empty() == stdout.is_empty(), "{setting} {script}: {out} {err}");
        assert!(err.contains(stderr) && err.is_empty() == stderr.is_empty(), "{setting} {script}: {out} {err}");
    }
}

#[tokio::test]
async fn the_users_own_proxy_is_said_to_be_unused() {
    not_inside_another_sandbox!();
    let place = Place::new(json!([]));
    let mut command = place.codex(&["sandbox", "-c", "sandbox.allow_domains=[\"a.example\"]", "--", "env"]);
    command.env("https_proxy", "http://198.51.100.1:3128");
    let output = output(command).await;
    let (out, err) = (words(&output.stdout), words(&output.stderr));
    assert!(err.contains("directly, not through the proxy of https_proxy"), "{err}");
    assert!(out.contains("\nhttps_proxy=http://127.0.0.1:") && !out.contains("198.51.100.1"), "{out}");
}

#[tokio::test]
async fn an_entry_that_names_no_domain_is_an_error() {
    let place = Place::new(json!([]));
    for level in ["workspace-write", "danger-full-access"] {
        let setting = "sandbox.allow_domains=[\"https://a.example\"]";
        let output = output(place.codex(&["sandbox", "-s", level, "-c", setting, "--", "true"])).await;
        let error = words(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("`https://a.example` names no domain") && error.contains("host alone"), "{error}");
    }
    let file = place.home.join("config.toml");
    let table = [
        ("[sandbox]\nallow_domains = [\"a.example\",\n  \"https://b\"]\n", "3:3: sandbox.allow_domains"),
        ("[sandbox]\nhide = [\"/\"]\n", "2:9: sandbox.hide"),
    ];
    for (text, expected) in table {
        std::fs::write(&file, text).unwrap();
        let error = words(&output(place.codex(&["sandbox", "--", "true"])).await.stderr);
        assert!(error.contains(&format!("{}:{expected}", file.display())), "{error}");
    }
}

#[tokio::test]
async fn the_model_is_told_what_it_may_reach_and_what_was_refused() {
    not_inside_another_sandbox!();
    let (port, setting) = reachable().await;
    let call =
        |what: &str| json!({ "tool": "exec_command", "arguments": { "cmd": format!("{FETCH} http://{what}/") } });
    let place = Place::new(json!([call(&format!("localhost:{port}")), call("denied.example"), { "text": "done" }]));
    let output = output(place.codex(&["exec", "--json", "-c", &setting, "fetch"])).await;
    let events = support::events(&output.stdout);
    assert!(output.status.success(), "{events:?} {}", words(&output.stderr));
    let requests = place.server.requests();
    let first = requests.first().unwrap().body.to_string();
    assert!(first.contains(&format!("no others: localhost:{port}, 127.0.0.1:{port}")), "{first}");
    let last = requests.last().unwrap().body.to_string();
    let refused = "denied.example:80 is not among the allowed domains; `denied.example` in sandbox.allow_domains";
    assert!(last.contains("hello") && last.contains(&format!("refused: {refused}")), "{last}");
    assert!(words(&output.stdout).contains(refused), "the user is told too");
}
