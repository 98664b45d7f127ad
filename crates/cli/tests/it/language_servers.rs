//! Language servers: when they start, what the model is told of what they find, and what those may do that misbehave.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    linters::{configure, edit, run, told},
    oss,
    sandbox::visible_directory,
    sdk::npm_package,
    support::Place,
};

const SERVER: &str = include_str!("language_servers.py");

const STARTS: &str = "cat ${TMPDIR:-/tmp}/starts 2>/dev/null || echo none";

fn add(name: &str, text: &str) -> Value {
    edit(&format!("*** Add File: {name}\n+{text}\n"))
}

fn command(line: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": line } })
}

/// A place with a server for `*.txt` that does as `mode` says. Not in `/var/tmp`, of which a server would not get to write
/// what it shares with commands.
fn place(mode: &str, script: Value) -> Place {
    let place = Place::below(&visible_directory(), script);
    fs::write(place.workspace.join("server.py"), SERVER).unwrap();
    let wait = if ["silent", "slow", "checking"].contains(&mode) { "lsp.wait = 1\n" } else { "lsp.wait = 60\n" };
    configure(
        &place,
        &format!(
            "{wait}lsp.servers.fake.command = [\"python3\", \"server.py\", \"{mode}\"]\nlsp.servers.fake.files = [\"*.txt\"]\n"
        ),
    );
    place
}

/// How often the server was started that does as `mode` says, as the answer in a request tells.
fn starts(place: &Place, request: usize, mode: &str) -> usize {
    told(place, request)[0].lines().filter(|line| *line == mode).count()
}

#[test]
fn what_they_find_is_told_once_with_the_edit_and_they_cannot_write() {
    for mode in ["good", "asked", "later", "working"] {
        let change = "*** Update File: a.txt\n-a😀 BAD one\n+fine\n+a😀 BAD one\n";
        let script = json!([add("a.txt", "a😀 BAD one"), edit(change), command("echo BAD two > b.txt"), command(STARTS), { "text": "done" }]);
        let place = place(mode, script);
        run(&place);
        let first = &told(&place, 1)[0];
        assert!(first.ends_with("a.txt:1:4: error: BAD one walled [7] (fake)\n"), "{mode}: {first}");
        assert!(!told(&place, 2)[0].contains("BAD one walled"), "{mode}: {}", told(&place, 2)[0]);
        // What commands change is looked at too, once a server runs.
        assert!(
            told(&place, 3)[0].contains("b.txt:1:1: error: BAD two walled [7] (fake)"),
            "{mode}: {}",
            told(&place, 3)[0]
        );
        assert_eq!(starts(&place, 4, mode), 1, "{mode}: {}", told(&place, 4)[0]);
        assert!(!place.workspace.join("written-by-a-server").exists());
    }
}

/// A compiler takes longer than anybody waits for it.
#[test]
fn what_is_found_later_is_told_with_the_answer_to_a_later_call() {
    let mut script = vec![add("a.txt", "BAD one")];
    script.extend((0..4).map(|_| command("true")));
    let place = place("checking", script.into_iter().chain([json!({ "text": "done" })]).collect());
    run(&place);
    let answers: Vec<String> = (1..6).map(|request| told(&place, request)[0].clone()).collect();
    assert!(!answers[0].contains("BAD one walled"), "{answers:?}");
    let told = answers[1..].iter().filter(|answer| answer.contains("a.txt:1:1: error: BAD one walled [7] (fake)"));
    assert_eq!(told.count(), 1, "{answers:?}");
}

#[test]
fn a_turn_that_needs_none_starts_none() {
    let table = [
        ("", json!([add("a.rs", "BAD"), command("echo BAD > a.txt; cat a.txt"), command(STARTS), { "text": "done" }])),
        ("lsp.enabled = false\n", json!([add("a.txt", "BAD"), command("true"), command(STARTS), { "text": "done" }])),
        ("diagnostics = false\n", json!([add("a.txt", "BAD"), command("true"), command(STARTS), { "text": "done" }])),
    ];
    for (settings, script) in table {
        let place = place("good", script);
        configure(&place, settings);
        run(&place);
        let answer = &told(&place, 3)[0];
        assert!(answer.contains("none"), "{settings}: {answer}");
        assert!(!told(&place, 1)[0].contains("Found in"), "{settings}");
    }
}

#[test]
fn one_that_misbehaves_is_ended_and_harms_nothing() {
    let table = [
        ("crash", "the language server `fake` does not work: it ended with status 1: broken inside", 4),
        ("flood", "the language server `fake` does not work: it writes without end", 4),
        ("nonsense", "the language server `fake` does not work: it does not speak the protocol", 4),
        ("slow", "", 1),
        ("silent", "", 1),
    ];
    for (mode, expected, often) in table {
        let mut script: Vec<Value> = (0..6).map(|number| add(&format!("{number}.txt"), "BAD")).collect();
        script.extend([command(STARTS), json!({ "text": "done" })]);
        let place = place(mode, script.into());
        let output = run(&place);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            shown.matches("the language server `fake`").count(),
            usize::from(!expected.is_empty()),
            "{mode}: {shown}"
        );
        assert!(shown.contains(expected), "{mode}: {shown}");
        assert_eq!(starts(&place, 7, mode), often, "{mode}: {}", told(&place, 7)[0]);
        let requests = place.server.requests();
        assert!(requests.iter().all(|request| !request.body.to_string().contains("fake")), "{mode}");
    }
}

#[test]
fn the_model_may_ask_them_and_sees_no_secret_and_nothing_outside() {
    let ask = |tool: &str, symbol: &str| json!({ "tool": tool, "arguments": { "path": "a.txt", "line": 1, "symbol": symbol } });
    let script = json!([
        ask("references", "BAD"), ask("definition", "BAD"), ask("references", "nowhere"),
        { "tool": "diagnostics", "arguments": { "path": "a.txt" } },
        { "tool": "diagnostics", "arguments": { "path": ".env" } },
        { "text": "done" }
    ]);
    let place = place("asked", script);
    fs::write(place.workspace.join("a.txt"), "x😀 BAD thing\n").unwrap();
    fs::write(place.workspace.join(".env"), "SECRET=1\n").unwrap();
    run(&place);
    let answers: Vec<String> = (1..6).map(|request| told(&place, request)[0].clone()).collect();
    assert_eq!(answers[0], "a.txt:1:4: x😀 BAD thing\nand 2 outside of the workspace");
    assert_eq!(answers[1], "It finds none.");
    assert!(answers[2].contains("does not stand in line 1: x😀 BAD thing"), "{}", answers[2]);
    assert_eq!(answers[3], "a.txt:1:4: error: BAD thing walled [7] (fake)\n");
    assert!(!answers[4].contains("SECRET"), "{}", answers[4]);
}

/// Where one does not see all of the project, that it finds nothing means little.
#[test]
fn what_one_says_of_itself_is_told_with_what_it_finds() {
    let ask = |path: &str| json!({ "tool": "diagnostics", "arguments": { "path": path } });
    let define = json!({ "tool": "definition", "arguments": { "path": "a.txt", "line": 1, "symbol": "fine" } });
    let place = place("unwell", json!([ask("a.txt"), ask("b.txt"), define, { "text": "done" }]));
    fs::write(place.workspace.join("a.txt"), "fine\n").unwrap();
    fs::write(place.workspace.join("b.txt"), "BAD\n").unwrap();
    run(&place);
    let of_itself = "Of itself it says: cannot write [31mCargo.lock";
    let nothing = format!("It tells of nothing, but does not see all of the project.\n{of_itself}");
    assert_eq!(told(&place, 1)[0], nothing);
    assert_eq!(told(&place, 2)[0], format!("b.txt:1:1: error: BAD walled [7] (fake)\n{of_itself}"));
    assert_eq!(told(&place, 3)[0], nothing);
}

/// Its compiler begins nothing without a cache that it can write.
#[test]
fn gopls_has_a_cache() {
    let place = Place::below(&visible_directory(), json!([add("a.go", "BAD"), { "text": "done" }]));
    let programs = place.home.join("programs");
    fs::create_dir(&programs).unwrap();
    fs::write(programs.join("server.py"), SERVER).unwrap();
    let gopls = programs.join("gopls");
    fs::write(&gopls, "#!/bin/sh\nexec python3 \"${0%/*}/server.py\" gopls\n").unwrap();
    fs::set_permissions(&gopls, fs::Permissions::from_mode(0o755)).unwrap();
    configure(&place, "lsp.wait = 60\n");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let output = place.codex(&["exec", "--json", "go"]).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told(&place, 1)[0].contains("a.go:1:1: error: BAD with a cache [7] (gopls)"), "{}", told(&place, 1)[0]);
}

#[test]
fn a_toolchain_is_looked_for_where_rustup_keeps_it() {
    let place = Place::new(json!([]));
    let (programs, rustup) = (place.home.join("programs"), place.home.join("rustup"));
    fs::create_dir_all(rustup.join("toolchains/stable/bin")).unwrap();
    fs::create_dir(&programs).unwrap();
    for path in [programs.join("rustup"), rustup.join("toolchains/stable/bin/rust-analyzer")] {
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::os::unix::fs::symlink("rustup", programs.join("rust-analyzer")).unwrap();
    for (name, expected) in [("RUSTUP_HOME", true), ("OTHER", false)] {
        let mut doctor = place.codex(&["doctor", "--offline"]);
        let output = doctor.env("PATH", &programs).env(name, &rustup).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.contains("language servers: rust-analyzer"), expected, "{name}: {said}");
    }
}

#[test]
fn their_tools_are_few_words_and_only_where_they_are_for_the_project() {
    let tools = |place: &Place| -> Vec<Value> { place.server.requests()[0].body["tools"].as_array().unwrap().clone() };
    let with = place("asked", json!([{ "text": "done" }]));
    run(&with);
    let without = Place::new(json!([{ "text": "done" }]));
    run(&without);
    let more: Vec<Value> = tools(&with).into_iter().filter(|tool| !tools(&without).contains(tool)).collect();
    let names: Vec<&str> = more.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["definition", "diagnostics", "references"]);
    let bytes: usize = more.iter().map(|tool| tool.to_string().len()).sum();
    assert!(bytes <= 900, "{bytes} bytes");
}

#[test]
fn one_does_not_outlive_a_program_that_was_killed() {
    let place = place("held", json!([add("a.txt", "BAD"), command("sleep 1000")]));
    let pipe = place.unopened_pipe("held");
    let mut child = place.codex(&["exec", "--json", "go"]).spawn().unwrap();
    // It waits for the server to open the other end.
    let mut pipe = fs::OpenOptions::new().write(true).open(pipe).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What nobody reads fills the pipe, and fails when there is nobody any more.
    let error = pipe.write_all(&vec![0; 4 << 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_model_with_little_room_is_not_offered_their_tools() {
    for (window, is_offered) in [(4096, false), (40960, true)] {
        let place = oss::place(json!([{ "text": "done" }]), oss::ollama(true, window));
        configure(&place, "lsp.servers.fake.command = [\"true\"]\nlsp.servers.fake.files = [\"*.txt\"]\n");
        let output = place.codex(&["exec", "--oss", "go"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tools = place.server.requests()[0].body["tools"].to_string();
        for name in ["definition", "diagnostics", "references"] {
            assert_eq!(tools.contains(&format!("\"name\":\"{name}\"")), is_offered, "{window}: {tools}");
        }
    }
}

/// A server that many people have: Pyright, from the npm registry.
#[test]
fn pyright_finds_what_an_edit_breaks_and_where_things_are() {
    let Some(directory) = npm_package("pyright", "pyright@1.1.414", "node_modules/pyright/langserver.index.js") else {
        return;
    };
    let broken = edit("*** Update File: b.py\n-print(a.twice(2))\n+print(a.twice(\"two\"))\n");
    let script = json!([
        broken,
        { "tool": "definition", "arguments": { "path": "b.py", "line": 2, "symbol": "twice" } },
        { "tool": "references", "arguments": { "path": "a.py", "line": 1, "symbol": "twice" } },
        { "text": "done" }
    ]);
    let place = Place::new(script);
    fs::write(place.workspace.join("a.py"), "def twice(number: int) -> int:\n    return 2 * number\n").unwrap();
    fs::write(place.workspace.join("b.py"), "import a\nprint(a.twice(2))\n").unwrap();
    fs::write(place.workspace.join("pyproject.toml"), "").unwrap();
    let server = directory.join("node_modules/pyright/langserver.index.js");
    configure(
        &place,
        &format!("lsp.wait = 100\nlsp.servers.pyright.command = [\"node\", {:?}, \"--stdio\"]\n", server),
    );
    run(&place);
    let first = &told(&place, 1)[0];
    assert!(first.contains("b.py:2:15: error: ") && first.contains("(pyright)"), "{first}");
    assert_eq!(told(&place, 2)[0], "a.py:1:5: def twice(number: int) -> int:");
    assert_eq!(told(&place, 3)[0], "b.py:2:9: print(a.twice(\"two\"))");
}

/// As Cargo writes it to the byte: otherwise it would write it anew.
const LOCK: &str = "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 4\n\n\
                    [[package]]\nname = \"small\"\nversion = \"0.1.0\"\n";

/// The one that comes with the toolchain, found on `PATH` and not configured. It may write nothing, so the project has a
/// `Cargo.lock`.
#[test]
fn rust_analyzer_tells_in_the_next_request_what_an_edit_breaks() {
    let toolchain = Path::new(env!("CARGO")).parent().unwrap();
    if !toolchain.join("rust-analyzer").is_file() {
        eprintln!("skipped: there is no rust-analyzer beside cargo (`rustup component add rust-analyzer`)");
        return;
    }
    let change = |from: &str, to: &str| edit(&format!("*** Update File: src/lib.rs\n-    {from}\n+    {to}\n"));
    let script = json!([change("2 * number", "2 * numbr"), change("2 * numbr", "number + number"), { "text": "done" }]);
    let place = Place::new(script);
    let file = |name: &str, text: &str| fs::write(place.workspace.join(name), text).unwrap();
    fs::create_dir(place.workspace.join("src")).unwrap();
    file("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    file("Cargo.lock", LOCK);
    file("src/lib.rs", "pub fn twice(number: u32) -> u32 {\n    2 * number\n}\n");
    configure(&place, "lsp.wait = 100\n");
    let path = format!("{}:/usr/bin:/bin", toolchain.display());
    let output = place.codex(&["exec", "--json", "go"]).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let first = &told(&place, 1)[0];
    let expected = "src/lib.rs:2:9: error: cannot find value `numbr` in this scope [E0425] (rust-analyzer)";
    assert!(first.contains(expected), "{first}");
    assert!(!told(&place, 2)[0].contains("error"), "{}", told(&place, 2)[0]);
}
