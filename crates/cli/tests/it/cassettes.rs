//! Recorded sessions: what is played is what was recorded, with no network and no key; what is another session is told.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use crate::{app_server::client::Client, login::piped, remote::Served, screen::terminal::Terminal, support::Place};

/// A place whose model is spoken to over `wire`, and a file for a cassette beside it.
fn place(wire: &str, script: Value) -> (Place, PathBuf) {
    let place = Place::new(script);
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, config.replace("\"responses\"", &format!("\"{wire}\"")) + "stream_max_retries = 1\n").unwrap();
    let cassette = place.home.join("cassette");
    (place, cassette)
}

/// A place that knows nothing of the provider, has no key, and whose server is asked nothing.
fn elsewhere() -> Place {
    let place = Place::new(json!([]));
    fs::write(place.home.join("config.toml"), "").unwrap();
    place
}

fn run(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        place.codex(arguments).env("DEPLOY_TOKEN", "hunter2-hunter2").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The journals of a place, that of the session first, without what is different each time: times, ids, places, and when states of
/// files were known.
fn journals(place: &Place) -> Vec<Vec<Value>> {
    let mut all: Vec<Vec<Value>> = place.journals().iter().map(|text| journal(place, text)).collect();
    all.sort_by_key(|lines| lines[0].get("parent").is_some());
    all
}

fn journal(place: &Place, text: &str) -> Vec<Value> {
    let mut ids: Vec<String> = Vec::new();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.filter(|line| line["type"] != "checkpoint" && line["type"] != "partial");
    let plain = |mut line: Value| {
        plain(&mut line, place, &mut ids);
        line
    };
    lines.map(plain).collect()
}

fn plain(value: &mut Value, place: &Place, ids: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let kept = text.lines().filter(|line| !line.starts_with("Wall time:")).collect::<Vec<_>>().join("\n");
            let kept = kept.replace(shown(&place.workspace), "WORKSPACE").replace(shown(&place.home), "HOME");
            let words = kept.split(|next: char| !next.is_ascii_hexdigit() && next != '-');
            let found: Vec<String> = words.filter(|word| word.len() == 36).map(str::to_owned).collect();
            *text = found.into_iter().fold(kept, |text, id| {
                let known = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                    ids.push(id.clone());
                    ids.len() - 1
                });
                text.replace(&id, &format!("ID {known}"))
            });
        }
        Value::Array(values) => values.iter_mut().for_each(|value| plain(value, place, ids)),
        Value::Object(members) => {
            members.retain(|name, _| !["at", "seq", "durationMs", "checkpoint"].contains(&name.as_str()));
            members.values_mut().for_each(|value| plain(value, place, ids));
        }
        _ => {}
    }
}

#[test]
fn what_is_played_elsewhere_is_what_was_recorded() {
    for wire in ["responses", "chat", "anthropic"] {
        let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
        let script = json!([
            { "reasoning": "I look first.", "text": "Let me see.", "shell": "pwd; cat token; date +%F; date +%T" },
            { "custom": "apply_patch", "input": patch },
            { "calls": [{ "shell": "cat made.txt" }, { "shell": "exit 3" }] },
            { "text": "All is **done**.\n", "delta": 3 },
        ]);
        let (there, cassette) = place(wire, script);
        fs::write(there.workspace.join("token"), "hunter2-hunter2\n").unwrap();
        let recorded = run(&there, &["exec", "--record", shown(&cassette), "go"]);
        assert_eq!(recorded.0, Some(0), "{}", recorded.2);
        let text = fs::read_to_string(&cassette).unwrap();
        for absent in ["hunter2", shown(&there.workspace), shown(&there.home)] {
            assert!(!text.contains(absent), "{absent} is in {text}");
        }
        assert_eq!(fs::metadata(&cassette).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(text.matches("\"go\"").count(), 1, "what was said is said once: {text}");

        let here = elsewhere();
        fs::write(here.workspace.join("token"), "another secret\n").unwrap();
        let played = run(&here, &["exec", "--replay", shown(&cassette), "go"]);
        assert_eq!((played.0, &played.1), (recorded.0, &recorded.1), "{}", played.2);
        assert!(here.server.requests().is_empty());
        assert_eq!(fs::read_to_string(here.workspace.join("made.txt")).unwrap(), "made\n");
        let secret = |journals: Vec<Vec<Value>>| {
            let text = json!(journals).to_string().replace("hunter2-hunter2", "SECRET");
            let text = text.replace("another secret", "SECRET");
            // The time of day is one that the command told.
            text.split('"').map(|part| part.split("\\n20").next().unwrap()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(secret(journals(&here)), secret(journals(&there)));
    }
}

#[test]
fn sub_agents_and_summaries_are_on_the_same_cassette() {
    let spawn = json!({ "tool": "spawn_agent", "arguments": { "task": "count" } });
    let script = json!({
        "steps": [
            spawn,
            { "tool": "wait_agent", "arguments": {} },
            { "shell": "head -c 30000 /dev/zero | tr '\\0' x" },
            { "text": "End." },
        ],
        "summary": { "text": "It went well." },
        "sessions": { "count": [{ "shell": "echo 1 2 3" }, { "text": "Three." }] },
    });
    let (there, cassette) = place("responses", script);
    let path = there.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("model_auto_compact_token_limit = 6000\n{config}")).unwrap();
    let recorded = run(&there, &["exec", "--record", shown(&cassette), "go"]);
    assert_eq!(recorded.0, Some(0), "{}", recorded.2);
    assert!(json!(journals(&there)).to_string().contains("\"compacted\""), "nothing was summed up: {}", recorded.2);

    let here = elsewhere();
    let played = run(&here, &["exec", "--replay", shown(&cassette), "go"]);
    assert_eq!((played.0, &played.1), (recorded.0, &recorded.1), "{}", played.2);
    assert!(here.server.requests().is_empty());
    // Who comes first of those that work beside one another is another matter.
    let said = |place: &Place| -> Vec<Vec<Value>> {
        let is_said = |line: &Value| ["message", "compacted", "turnEnded"].iter().any(|kind| line["type"] == *kind);
        journals(place).into_iter().map(|lines| lines.into_iter().filter(is_said).collect()).collect()
    };
    assert_eq!(said(&here).len(), 2);
    assert_eq!(said(&here), said(&there));
}

/// Where `--record bug.cassette` puts it: among the files of the project.
#[test]
fn a_cassette_in_the_workspace_is_no_part_of_the_session() {
    let script = json!({
        "steps": [
            { "shell": "echo made > made.txt; cat s.cassette" },
            { "tool": "search_files", "arguments": { "pattern": "made" } },
            { "shell": "head -c 30000 /dev/zero | tr '\\0' x" },
            { "text": "End." },
        ],
        "summary": { "text": "It went well." },
    });
    let (there, _) = place("responses", script);
    let path = there.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("model_auto_compact_token_limit = 6000\n{config}")).unwrap();
    let recorded = run(&there, &["exec", "--record", "s.cassette", "go"]);
    assert_eq!(recorded.0, Some(0), "{}", recorded.2);
    let cassette = fs::read_to_string(there.workspace.join("s.cassette")).unwrap();
    assert!(cassette.contains("made.txt:1:made") && !cassette.contains("s.cassette:"), "{cassette}");
    let changed = run(&there, &["diff"]).1;
    assert!(changed.contains("made.txt") && !changed.contains("s.cassette"), "{changed}");

    let here = elsewhere();
    fs::write(here.workspace.join("s.cassette"), cassette).unwrap();
    let played = run(&here, &["exec", "--replay", "s.cassette", "go"]);
    assert_eq!((played.0, &played.1), (recorded.0, &recorded.1), "{}", played.2);
}

#[test]
fn a_session_is_gone_on_with() {
    let (there, first) = place("responses", json!([{ "shell": "echo one" }, { "text": "One." }, { "text": "Two." }]));
    let second = there.home.join("second");
    let here = elsewhere();
    for (place, flag) in [(&there, "--record"), (&here, "--replay")] {
        for (command, cassette, said) in
            [(&["exec"][..], &first, "One.\n"), (&["exec", "resume", "--last"], &second, "Two.\n")]
        {
            let (code, stdout, stderr) = run(place, &[command, &[flag, shown(cassette), "more"]].concat());
            assert_eq!((code, stdout.as_str()), (Some(0), said), "{flag} {command:?}: {stderr}");
        }
    }
    assert!(here.server.requests().is_empty());
    assert_eq!(journals(&here), journals(&there));
}

#[test]
fn what_the_user_says_of_a_model_counts_again() {
    // The catalog says of it that it does not think.
    let models = "models.\"gpt-4.1\"={reasoning=[\"low\",\"high\"]}";
    let flags = ["-m", "gpt-4.1", "-c", models, "-c", "model_reasoning_effort=max"];
    for again in [&flags[..], &[]] {
        let (there, cassette) = place("responses", json!([{ "text": "Yes." }]));
        let recorded = run(&there, &[&["exec"], &flags[..], &["--record", shown(&cassette), "go"]].concat());
        assert_eq!((recorded.0, recorded.1.as_str()), (Some(0), "Yes.\n"), "{}", recorded.2);
        assert_eq!(there.server.requests()[0].body["reasoning"]["effort"], "high");
        let here = elsewhere();
        let played = run(&here, &[&["exec"], again, &["--replay", shown(&cassette), "go"]].concat());
        assert_eq!((played.0, played.1.as_str()), (Some(0), "Yes.\n"), "{again:?}: {}", played.2);
    }
}

#[test]
fn what_the_providers_of_a_session_are_given_is_not_on_it() {
    let said = "parameter-one, para%2Fmeter+two, para/meter two, kept-key-of-another, 2025-04-01-preview";
    let (there, cassette) = place("chat", json!([{ "text": said }]));
    let path = there.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let table = format!(
        "\n[model_providers.other]\nbase_url = \"{}\"\nenv_key = \"NOT_SET\"\n\
         query_params = {{ sig = \"parameter-one\", code = \"para/meter two\", api-version = \"2025-04-01-preview\" }}\n",
        there.server.base_url()
    );
    fs::write(&path, config + &table).unwrap();
    let login = piped(&there, &["login", "--provider", "other", "--with-api-key"], "kept-key-of-another");
    assert!(login.status.success());
    let others = "model_fallback=[\"other/m\"]";
    let recorded = run(&there, &["exec", "-c", others, "--record", shown(&cassette), said]);
    assert_eq!(recorded.0, Some(0), "{}", recorded.2);
    let text = fs::read_to_string(&cassette).unwrap();
    let secret = "⟨secret⟩, ⟨secret⟩, ⟨secret⟩, ⟨secret⟩, 2025-04-01-preview";
    assert!(text.matches(secret).count() >= 2, "said and answered: {text}");
    for absent in ["parameter-one", "meter", "kept-key"] {
        assert!(!text.replace("parameters", "").contains(absent), "{absent} is in {text}");
    }
}

#[test]
fn failures_are_played_as_failures() {
    let refused = json!({ "error": { "message": "no such model" } }).to_string();
    for (step, expected) in [
        (json!([{ "http": 404, "body": refused }]), "no such model"),
        (json!([{ "http": 500 }, { "http": 500 }]), "given up after 2 attempts"),
        (json!([{ "text": "Half", "drop": { "after_events": 3 } }, { "text": "Half of it." }]), "Half of it."),
    ] {
        let (there, cassette) = place("responses", step);
        let recorded = run(&there, &["exec", "--json", "--record", shown(&cassette), "go"]);
        let here = elsewhere();
        let played = run(&here, &["exec", "--json", "--replay", shown(&cassette), "go"]);
        assert!(recorded.1.contains(expected), "{expected}: {recorded:?}");
        assert!(played.1.contains(expected), "{expected}: {played:?}");
        assert_eq!(played.0, recorded.0);
        assert!(here.server.requests().is_empty());
        assert_eq!(journals(&here), journals(&there));
    }
}

#[test]
fn a_session_that_is_another_is_told_where_it_differs() {
    let (there, cassette) = place("responses", json!([{ "shell": "cat file" }, { "text": "End." }]));
    fs::write(there.workspace.join("file"), "first\nsecond\n").unwrap();
    assert_eq!(run(&there, &["exec", "--record", shown(&cassette), "go"]).0, Some(0));
    let here = elsewhere();
    fs::write(here.workspace.join("file"), "first\nother\n").unwrap();
    let table: [(&[&str], &[&str]); 4] = [
        (&["go"], &["nearest to request 2", "the result of call_", "- ", "\"second\"", "+ ", "\"other\""]),
        (&["stop"], &["nearest to request 1", "message 3", "\"go\"", "\"stop\""]),
        (&["-m", "small", "go"], &["model: \"mock\" there, \"small\" here"]),
        (&["-c", "model_reasoning_effort=low", "go"], &["options: {} there, {\"reasoningEffort\":\"low\"} here"]),
    ];
    for (arguments, expected) in table {
        let (code, stdout, stderr) = run(&here, &[&["exec", "--replay", shown(&cassette)], arguments].concat());
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        for words in expected.iter().chain(&["error: --replay: ", shown(&cassette), "record anew with --record"]) {
            assert!(stderr.contains(words), "{words} is missing: {stderr}");
        }
    }
    assert!(here.server.requests().is_empty());
}

#[test]
fn what_cannot_be_recorded_or_played_is_said_before_anything_is_done() {
    let (place, cassette) = place("responses", json!([]));
    fs::write(&cassette, "mine").unwrap();
    let file = shown(&cassette);
    let table: [(&[&str], &str); 7] = [
        (&["exec", "--record", file, "go"], "--record: "),
        (&["exec", "--record", file, "go"], "is there already, and is not overwritten"),
        (&["exec", "--record", "no/where", "go"], "No such file"),
        (&["exec", "--replay", file, "go"], "cannot be played: expected value at line 1"),
        (&["review", "--replay", "no", "all"], "--replay: "),
        (&["exec", "--replay", file, "--record", "new", "go"], "cannot be used with"),
        (
            &["--remote", "unix:///no", "exec", "--record", "new", "go"],
            "--record and --replay: models are asked by the other machine",
        ),
    ];
    for (arguments, expected) in table {
        let (code, _, stderr) = run(&place, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
    assert_eq!(fs::read_to_string(&cassette).unwrap(), "mine");
    assert!(place.journals().is_empty() && place.server.requests().is_empty());
}

#[test]
fn the_screen_plays_one_too() {
    let (there, cassette) = place("responses", json!([{ "text": "The **answer**." }, { "text": "Another one." }]));
    let mut terminal = Terminal::start(&there, &["--record", shown(&cassette)], 24, 80);
    terminal.until("Ask, or /help");
    terminal.send("what?\r");
    terminal.until("The answer.").rest();
    terminal.send("and?\r");
    terminal.until("Another one.").rest();
    drop(terminal);
    let here = elsewhere();
    let mut terminal = Terminal::start(&here, &["--replay", shown(&cassette)], 24, 80);
    terminal.until("Ask, or /help");
    terminal.send("what?\r");
    terminal.until("The answer.").rest();
    terminal.send("no?\r");
    terminal.until("nearest to request 2").rest();
    assert!(here.server.requests().is_empty());
}

/// Servers for other programs record and play what all their clients ask.
#[test]
fn servers_record_and_play_one_too() {
    let (there, cassette) = place("responses", json!([{ "text": "From there." }]));
    let said = |place: &Place, flag: &str| {
        let mut client = Client::introduced(place.codex(&["app-server", flag, shown(&cassette)]));
        let thread = client.thread(json!({ "cwd": place.workspace }));
        client.say(&thread, "what?");
        let told = client.turn().iter().map(Value::to_string).collect::<String>();
        client.end();
        told
    };
    assert!(said(&there, "--record").contains("From there."));
    let here = elsewhere();
    assert!(said(&here, "--replay").contains("From there."));

    // What exec asks is another request, since nobody can be asked there.
    let (there, cassette) = place("responses", json!([{ "text": "From afar." }]));
    for (place, flag) in [(&there, "--record"), (&here, "--replay")] {
        let server = Served::start(place, &[flag, shown(&cassette), "--insecure-no-auth"]);
        let (code, stdout, stderr) = run(place, &["--remote", &server.url, "exec", "what?"]);
        assert_eq!((code, stdout.as_str()), (Some(0), "From afar.\n"), "{stderr}");
    }
    assert!(here.server.requests().is_empty());
}
