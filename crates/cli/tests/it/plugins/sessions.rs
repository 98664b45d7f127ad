//! Plugins that bring hooks, skills and servers of tools: those of one that is in use are there, of one that is not they are not.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Said, git, offered, repository};
use crate::{app_server::client::Client, support::Place};

/// Where commands see what lies beside the workspace.
fn below(steps: &[Value]) -> Place {
    Place::below(Path::new(env!("CARGO_TARGET_TMPDIR")), json!({ "pick": "results", "steps": steps }))
}

fn command(line: &str) -> Value {
    json!({ "tool": "exec_command", "arguments": { "cmd": line } })
}

#[test]
fn the_example_brings_a_hook_a_skill_and_a_server_while_it_is_in_use() {
    let steps = [
        command("echo git push --force"),
        json!({ "tool": "skill", "arguments": { "name": "release-notes" } }),
        json!({ "tool": "mcp__calendar__today", "arguments": {} }),
        json!({ "text": "ok" }),
    ];
    // What lies in the places that are the commands' own is seen all the same.
    let hidden = Place::new(json!({ "pick": "results", "steps": steps }));
    for (in_use, place) in [(true, hidden), (true, below(&steps)), (false, below(&steps))] {
        let source = repository(&place, "careful");
        place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
        if !in_use {
            place.plugin(&["disable", "careful"]).done();
        }
        let said = Said::of(&place.codex(&["exec", "--full-auto", "go"]).output().unwrap()).done();
        assert!(!said.err.contains("plugin careful"), "{said:?}");
        let requests = place.server.requests();
        let (first, last) = (&requests[0].body, requests.last().unwrap().body.to_string());
        let told = first.to_string();
        assert_eq!(told.contains("- release-notes: How to write the notes of a release"), in_use, "{told}");
        assert_eq!(offered(first).contains(&"mcp__calendar__today"), in_use, "{:?}", offered(first));
        for words in ["nothing is pushed by force here", "Find the last tag", "day, 20"] {
            assert_eq!(last.contains(words), in_use, "{words}: {last}");
        }
    }
}

#[test]
fn its_server_is_known_to_the_commands_about_servers_while_it_is_in_use() {
    let place = below(&[]);
    let source = repository(&place, "careful");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let of = |arguments: &[&str]| Said::of(&place.codex(arguments).output().unwrap());
    assert!(
        of(&["mcp", "list"]).done().out.contains("calendar")
            && of(&["mcp", "list"]).done().out.contains("(plugin careful)")
    );
    let listed: Value = serde_json::from_str(&of(&["mcp", "list", "--json"]).done().out).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["plugin"]), (&json!("calendar"), &json!("careful")));
    assert!(of(&["mcp", "get", "calendar"]).done().out.contains("from: plugin careful"));
    let said = of(&["mcp", "test", "calendar"]).done();
    assert!(said.out.contains("calendar: ready after") && said.out.contains("today"), "{said:?}");
    let said = of(&["mcp", "login", "calendar"]);
    assert!(said.err.contains("`calendar` is a program: there is no login"), "{said:?}");
    assert!(of(&["doctor", "--offline"]).out.contains("1 configured (calendar)"));
    place.plugin(&["disable", "careful"]).done();
    of(&["mcp", "get", "calendar"]).refused(2, "there is no server of tools `calendar`");
}

/// Whoever has agreed to a plugin has not agreed to what a project calls so.
#[test]
fn a_program_with_a_slash_is_the_plugins() {
    let place = below(&[]);
    let source = repository(&place, "careful");
    let servers = json!({ "mcpServers": { "calendar": { "command": "./servers/calendar" } } });
    fs::write(source.join(".mcp.json"), servers.to_string()).unwrap();
    git(&source, "commit -q -a -m second");
    let marker = place.workspace.join("servers/started");
    fs::create_dir(place.workspace.join("servers")).unwrap();
    let theirs = place.workspace.join("servers/calendar");
    fs::copy(source.join("servers/calendar"), &theirs).unwrap();
    // It can be run as the one that it was copied from.
    fs::write(&theirs, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let said = Said::of(&place.codex(&["mcp", "test", "calendar"]).output().unwrap());
    assert!(!marker.exists(), "the project's was started: {said:?}");
    assert!(said.out.contains("calendar: ready after"), "{said:?}");
}

/// Its programs are those of when the session began.
#[test]
fn an_update_breaks_no_session_that_is_open() {
    let place = below(&[command("echo fine-$((40 + 2))"), json!({ "text": "ok" })]);
    let source = repository(&place, "careful");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let mut client = Client::start(&place, &[]);
    let thread = client.thread(json!({ "approvalPolicy": "never" }));
    for change in ["first", "second"] {
        client.say(&thread, "go");
        client.turn();
        let last = place.server.requests().pop().unwrap().body["input"].as_array().unwrap().last().unwrap().to_string();
        assert!(last.contains("fine-42"), "{change}: {last}");
        fs::write(source.join("README.md"), change).unwrap();
        git(&source, "add -A");
        git(&source, "commit -q -m more");
        place.plugin(&["update", "--yes"]).done();
    }
    client.end();
}

#[test]
fn other_programs_hear_which_are_kept() {
    let place = below(&[]);
    let source = repository(&place, "careful");
    let head = git(&source, "rev-parse HEAD");
    let listed = |params: Value| {
        let mut client = Client::start(&place, &[]);
        let answer = client.ask("plugin/installed", params).unwrap();
        client.end();
        answer["marketplaces"].clone()
    };
    assert_eq!(listed(json!({})), json!([]));
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    for in_use in [true, false] {
        let all = listed(json!({ "cwds": if in_use { Value::Null } else { json!([place.workspace]) } }));
        let found = &all[0]["plugins"][0];
        assert_eq!((&all[0]["name"], &found["id"]), (&json!("local"), &json!("careful")), "{all}");
        assert_eq!((&found["installed"], &found["enabled"]), (&json!(true), &json!(in_use)), "{all}");
        assert_eq!(
            found["source"],
            json!({ "type": "git", "url": source, "path": null, "refName": null, "sha": head })
        );
        place.plugin(&["disable", "careful"]).done();
    }
}

/// What a refusal says would allow a call does so, and a table for a server that nobody brings is told.
#[test]
fn the_users_table_says_when_the_tools_of_its_server_ask() {
    let call = json!({ "tool": "mcp__calendar__today", "arguments": {} });
    let place = below(&[call, json!({ "text": "ok" })]);
    let source = repository(&place, "careful");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let written = fs::read_to_string(place.home.join("config.toml")).unwrap();
    let configured = |line: &str| fs::write(place.home.join("config.toml"), format!("{line}\n{written}")).unwrap();
    let run = || {
        let said = Said::of(&place.codex(&["exec", "go"]).output().unwrap()).done();
        (said, place.server.requests().pop().unwrap().body.to_string())
    };
    let (_, request) = run();
    let advice = request.split('`').find(|part| part.contains("approval_mode")).expect(&request).replace("\\\"", "\"");
    configured(&advice);
    let (said, request) = run();
    assert!(request.contains("day, 20") && !said.err.contains("left out"), "{advice}: {said:?} {request}");
    configured("mcp_servers.calendar.disabled_tools = [\"today\"]\nmcp_servers.calendar.network = true");
    let (said, request) = run();
    assert!(
        said.err.contains("`network` of this table is not used") && !request.contains("day, 20"),
        "{said:?} {request}"
    );
    configured("mcp_servers.calendar.enabled = false");
    assert!(!place.exec(&[])["tools"].to_string().contains("mcp__calendar"));
    configured("mcp_servers.calender.tools.today.approval_mode = \"approve\"");
    let (said, _) = run();
    assert!(said.err.contains("no plugin that is in use brings a server of this name"), "{said:?}");
    let doctor = Said::of(&place.codex(&["doctor", "--offline"]).output().unwrap()).out;
    assert!(doctor.contains("warn  configuration") && doctor.contains("`calender` is left out"), "{doctor}");
}

#[test]
fn whoever_switches_hooks_off_switches_off_those_of_plugins() {
    let place = below(&[command("echo git push --force"), json!({ "text": "ok" })]);
    let source = repository(&place, "careful");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let line = ["exec", "--full-auto", "-c", "hooks.enabled=false", "go"];
    Said::of(&place.codex(&line).output().unwrap()).done();
    let last = place.server.requests().pop().unwrap().body.to_string();
    assert!(!last.contains("nothing is pushed by force here"), "{last}");
}

#[test]
fn its_command_knows_where_the_plugin_lies() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let source = place.beside("source");
    fs::create_dir(source.join("commands")).unwrap();
    fs::write(source.join("plugin.toml"), "name = \"p\"\n").unwrap();
    fs::write(source.join("notes"), "written down\n").unwrap();
    let body = "See ${CLAUDE_PLUGIN_ROOT}/notes:\n!`cat \"${CODEX_PLUGIN_ROOT}/notes\"`\n!`wc -l ${PLUGIN_ROOT}/notes`";
    fs::write(source.join("commands/show.md"), body).unwrap();
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let said = Said::of(&place.codex(&["exec", "--full-auto", "/show"]).output().unwrap()).done();
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(
        request.contains("written down") && request.contains("1 /") && !request.contains("PLUGIN_ROOT"),
        "{said:?} {request}"
    );
}

#[test]
fn a_hook_that_cannot_be_read_lets_no_session_begin() {
    let place = below(&[json!({ "text": "ok" })]);
    let source = place.beside("source");
    let hook = "[hooks]\nPreToolUse = [{ matcher = \"(\", hooks = [{ type = \"command\", command = \"true\" }] }]\n";
    fs::write(source.join("plugin.toml"), format!("name = \"p\"\n{hook}")).unwrap();
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let said = Said::of(&place.codex(&["exec", "go"]).output().unwrap());
    said.refused(2, "`codex plugin disable p`");
    assert!(place.server.requests().is_empty());
}

#[test]
fn commands_do_not_get_the_variables_of_its_servers() {
    let place = below(&[command("echo \"<$PLAIN_ONE$PLAIN_TWO>\""), json!({ "text": "ok" })]);
    let source = place.beside("source");
    let server = "[mcp_servers.s]\nurl = \"http://127.0.0.1:1/\"\nbearer_token_env_var = \"PLAIN_ONE\"\n\
        env_http_headers = { X = \"PLAIN_TWO\" }\n";
    fs::write(source.join("plugin.toml"), format!("name = \"p\"\n{server}")).unwrap();
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    for in_use in [true, false] {
        let mut codex = place.codex(&["exec", "--full-auto", "go"]);
        let codex = codex.envs([("PLAIN_ONE", "first-value"), ("PLAIN_TWO", "second-value")]);
        Said::of(&codex.output().unwrap()).done();
        let request = place.server.requests().pop().unwrap().body.to_string();
        let expected = if in_use { "<>" } else { "<first-valuesecond-value>" };
        assert!(request.contains(expected), "{in_use}: {request}");
        place.plugin(&["disable", "p"]).done();
    }
}
