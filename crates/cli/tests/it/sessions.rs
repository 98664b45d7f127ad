//! `codex sessions`: what is kept, as it is listed, found, named, laid aside, deleted and exported; and names wherever an id is
//! asked for.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Place, events};

/// A run: its exit code, and what it wrote to either stream.
fn run(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = place.codex(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A run that does what it shall; what it prints.
fn done(place: &Place, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(place, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// A run that is refused; what it says.
fn refused(place: &Place, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(place, arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    stderr
}

/// Says each of these in a session of its own; the id of each.
fn said(place: &Place, prompts: &[&str]) -> Vec<String> {
    let begin = |prompt: &&str| {
        let printed = done(place, &["exec", "--json", prompt]);
        events(printed.as_bytes())[0]["thread_id"].as_str().unwrap().to_owned()
    };
    prompts.iter().map(begin).collect()
}

fn listed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let printed = done(place, &[&["sessions"], arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap()
}

fn ids(listed: &[Value]) -> Vec<&str> {
    listed.iter().map(|session| session["id"].as_str().unwrap()).collect()
}

#[test]
fn they_are_listed_and_found_by_what_was_said() {
    let place = Place::new(json!([{ "text": "The lexer was wrong." }, { "text": "Roses." }, { "text": "ok" }]));
    let said = said(&place, &["mend the parser", "write a poem"]);
    let elsewhere = place.home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    done(&place, &["exec", "-C", elsewhere.to_str().unwrap(), "mend the roof"]);

    assert_eq!(ids(&listed(&place, &[])), [&*said[1], &said[0]]);
    assert_eq!(ids(&listed(&place, &["list", "-n", "1"])), [&*said[1]]);
    assert_eq!(listed(&place, &["list", "--all"]).len(), 3);
    let there = done(&place, &["-C", elsewhere.to_str().unwrap(), "sessions"]);
    assert!(there.lines().count() == 1 && there.ends_with("  mend the roof\n"), "{there}");

    let (code, nothing, why) = run(&place, &["sessions", "search", "nobody said this"]);
    assert_eq!((code, nothing.as_str()), (Some(0), ""));
    assert!(why.contains("there are none; --all looks in all directories"), "{why}");
    let found = listed(&place, &["search", "LEXER", "was"]);
    assert_eq!((ids(&found), &found[0]["snippet"]), (vec![&*said[0]], &json!("The lexer was wrong.")));
    let text = done(&place, &["sessions", "search", "roses"]);
    assert!(text.contains(&said[1]) && text.ends_with("\n  Roses.\n"), "{text}");
    assert_eq!(listed(&place, &["search", "--all", "mend"]).len(), 2);
    assert!(refused(&place, &["sessions", "search", " "]).contains("is empty"));

    let page = done(&place, &["sessions", "show", &said[0]]);
    for line in ["Name         none", "First said   mend the parser", "Archived     no"] {
        assert!(page.contains(line), "{page}");
    }
    let object: Value = serde_json::from_str(&done(&place, &["sessions", "show", "--json", &said[0]])).unwrap();
    assert_eq!((&object["id"], &object["source"]), (&json!(said[0]), &json!("exec")));
}

#[test]
fn a_name_is_taken_wherever_an_id_is() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }, { "text": "three" }]));
    let said = said(&place, &["mend the parser", "write a poem"]);
    assert!(done(&place, &["sessions", "rename", &said[0], " The Parser "]).contains("is called `The Parser`"));
    done(&place, &["exec", "resume", "the parser", "go on"]);
    let request = place.server.requests().last().unwrap().body["input"].to_string();
    assert!(request.contains("mend the parser") && request.contains("go on"), "{request}");
    assert_eq!(listed(&place, &["search", "the parser"]).len(), 1);

    done(&place, &["sessions", "rename", &said[1], "the parser"]);
    for arguments in [&["sessions", "show", "the parser"][..], &["sessions", "archive", &said[0], "the parser"]] {
        let refusal = refused(&place, arguments);
        assert!(refusal.contains("is several sessions") && said.iter().all(|id| refusal.contains(id)), "{refusal}");
    }
    assert_eq!(listed(&place, &[]).len(), 2, "nothing is done if one of several is not clear");
    done(&place, &["sessions", "rename", &said[1], ""]);
    assert!(done(&place, &["sessions", "show", "the parser"]).contains(&said[0]));
    for (name, why) in [("a\nb", "line breaks"), (&*"x".repeat(201), "more than 200")] {
        assert!(refused(&place, &["sessions", "rename", &said[0], name]).contains(why));
    }
    let (code, _, stderr) = run(&place, &["exec", "resume", "nobody", "go on"]);
    assert!(code != Some(0) && stderr.contains("no session has the id nobody, nor that name"), "{code:?} {stderr}");
}

#[test]
fn they_are_laid_aside_brought_back_and_deleted() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }, { "text": "three" }]));
    let said = said(&place, &["mend the parser", "write a poem"]);
    assert!(done(&place, &["sessions", "archive", &said[0]]).contains("is laid aside"));
    assert_eq!(ids(&listed(&place, &[])), [&*said[1]]);
    assert_eq!(ids(&listed(&place, &["list", "--archived"])), [&*said[0]]);
    assert_eq!(ids(&listed(&place, &["search", "--archived", "parser"])), [&*said[0]]);
    let (code, _, stderr) = run(&place, &["exec", "resume", &said[0], "go on"]);
    assert!(code != Some(0) && stderr.contains("codex sessions unarchive"), "{code:?} {stderr}");
    done(&place, &["sessions", "unarchive", &said[0]]);
    done(&place, &["exec", "resume", &said[0], "go on"]);

    let question = refused(&place, &["sessions", "delete", &said[0]]);
    assert!(question.contains("nobody can be asked here"), "{question}");
    assert!(refused(&place, &["sessions", "delete", "--yes", &said[0], "nobody"]).contains("the id nobody,"));
    assert_eq!(listed(&place, &[]).len(), 2);
    done(&place, &["sessions", "delete", "--yes", &said[0]]);
    assert_eq!(ids(&listed(&place, &[])), [&*said[1]]);
    assert_eq!(place.journals().len(), 1);
    assert!(refused(&place, &["sessions", "delete", "--yes", &said[0]]).contains("no session has the id"));
}

#[test]
fn they_are_exported() {
    let script =
        json!([{ "tool": "exec_command", "arguments": { "cmd": "echo made" } }, { "text": "It is **done**." }]);
    let place = Place::new(script);
    let said = said(&place, &["make it"]);
    let markdown = done(&place, &["sessions", "export", &said[0]]);
    for part in ["# Session\n\n## User\n\nmake it\n", "$ echo made\nmade\n", "## Agent\n\nIt is **done**.\n"] {
        assert!(markdown.contains(part), "{markdown}");
    }
    let lines = events(done(&place, &["sessions", "export", "--format", "jsonl", &said[0]]).as_bytes());
    let kinds: Vec<&str> = lines.iter().map(|line| line["item"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["userMessage", "commandExecution", "agentMessage"]);

    let page = done(&place, &["sessions", "export", "--format", "html", &said[0]]);
    for part in ["<title>make it</title>", "<h2>User</h2>", "$ echo made\nmade", "It is <strong>done</strong>."] {
        assert!(page.contains(part), "{page}");
    }
    done(&place, &["sessions", "export", &said[0], "-o", "it.html"]);
    assert_eq!(fs::read_to_string(place.workspace.join("it.html")).unwrap(), page);
    done(&place, &["sessions", "export", &said[0], "-o", "it.jsonl"]);
    assert_eq!(events(&fs::read(place.workspace.join("it.jsonl")).unwrap()), lines);
    let refusal = refused(&place, &["sessions", "export", &said[0], "-o", "it.jsonl"]);
    assert!(refusal.contains("--output: it.jsonl"), "{refusal}");
}
