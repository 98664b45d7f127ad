//! Sessions that the Codex CLI kept: `codex` lists them, goes on with them and forks them, and leaves their files as they are.

use std::fs;

use serde_json::{Value, json};

use crate::support::Place;

const ID: &str = "0198c5f2-7a6e-7000-8000-0123456789ab";

/// Puts a session there in which `mend the parser` was said; its file.
fn kept(place: &Place) -> std::path::PathBuf {
    let directory = place.home.join("sessions/2025/08/20");
    fs::create_dir_all(&directory).unwrap();
    let line = |kind: &str, payload: Value| {
        json!({ "timestamp": "2025-08-20T10:11:12.000Z", "type": kind, "payload": payload }).to_string()
    };
    let message = |role: &str, kind: &str, text: &str| {
        line("response_item", json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] }))
    };
    let lines = [
        line(
            "session_meta",
            json!({ "id": ID, "timestamp": "2025-08-20T10:11:12Z", "cwd": place.workspace, "originator": "codex_exec",
                "cli_version": "0.151.0", "source": "exec", "model_provider": "openai" }),
        ),
        message("user", "input_text", "mend the parser"),
        line("event_msg", json!({ "type": "user_message", "message": "mend the parser" })),
        message("assistant", "output_text", "Mended."),
        line("event_msg", json!({ "type": "agent_message", "message": "Mended." })),
    ];
    let path = directory.join(format!("rollout-2025-08-20T10-11-12-{ID}.jsonl"));
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

fn done(place: &Place, arguments: &[&str]) -> String {
    let out = place.codex(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn listed(place: &Place) -> Vec<String> {
    let sessions: Vec<Value> = serde_json::from_str(&done(place, &["sessions", "list", "--json"])).unwrap();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

/// What the model was told last.
fn told(place: &Place) -> String {
    place.server.requests().last().unwrap().body["input"].to_string()
}

#[test]
fn it_is_listed_and_gone_on_with() {
    let place = Place::new(json!([{ "text": "More." }]));
    let path = kept(&place);
    let before = fs::read(&path).unwrap();
    assert_eq!(listed(&place), [ID]);
    done(&place, &["exec", "resume", &ID[..8], "thanks"]);
    let input = told(&place);
    assert!(["mend the parser", "Mended.", "thanks"].iter().all(|text| input.contains(text)), "{input}");
    assert_eq!(fs::read(&path).unwrap(), before, "the file stays as it is");
    assert_eq!(listed(&place), [ID]);
    let markdown = done(&place, &["sessions", "export", ID]);
    assert!(markdown.contains("Mended.") && markdown.contains("More."), "{markdown}");
}

#[test]
fn it_is_forked_from() {
    let place = Place::new(json!([{ "text": "Other." }]));
    let path = kept(&place);
    let before = fs::read(&path).unwrap();
    done(&place, &["exec", "fork", ID, "try the lexer"]);
    let input = told(&place);
    assert!(["mend the parser", "Mended.", "try the lexer"].iter().all(|text| input.contains(text)), "{input}");
    assert_eq!(fs::read(&path).unwrap(), before, "the file stays as it is");
    let sessions = listed(&place);
    assert!(sessions.len() == 2 && sessions.contains(&ID.to_owned()), "{sessions:?}");
}

#[test]
fn one_whose_directory_is_gone_says_what_to_do() {
    let place = Place::new(json!([{ "text": "More." }]));
    let path = kept(&place);
    let text = fs::read_to_string(&path).unwrap();
    let elsewhere = place.workspace.join("gone");
    fs::write(&path, text.replace(&format!("{:?}", place.workspace), &format!("{elsewhere:?}"))).unwrap();
    let out = place.codex(&["exec", "resume", ID, "thanks"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.code() == Some(2) && stderr.contains("--cd names another directory"),
        "{:?}: {stderr}",
        out.status
    );
}
