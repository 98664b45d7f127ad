//! Plugins: what they may do is shown before they are kept, what is kept is what was shown, and what they bring is used.

mod hostile;
mod https;
mod sessions;
mod ssh;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use crate::support::Place;

/// The examples that the documentation names.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/plugins");

impl Place {
    /// A new directory beside the workspace.
    fn beside(&self, name: &str) -> PathBuf {
        let path = self.home.parent().unwrap().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn plugin(&self, arguments: &[&str]) -> Said {
        let output = self.codex(&[&["plugin"], arguments].concat()).output().unwrap();
        Said::of(&output)
    }

    /// What `plugin list --json` says.
    fn plugins(&self) -> Vec<Value> {
        let said = self.plugin(&["list", "--json"]);
        let listed: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        listed["plugins"].as_array().unwrap().clone()
    }

    /// Runs a task, and returns the last request.
    fn exec(&self, arguments: &[&str]) -> Value {
        let said = Said::of(&self.codex(&[&["exec"], arguments, &["go"]].concat()).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        self.server.requests().pop().unwrap().body
    }
}

/// What the program said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Ends with 0.
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Ends with another code, for this reason.
    fn refused(&self, code: i32, why: &str) {
        assert!(self.code == code && self.err.contains(why), "{why}: {self:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Runs git there, as the plugin's author would.
#[allow(clippy::disallowed_methods, reason = "the repository is made by the test")]
fn git(directory: &Path, line: &str) -> String {
    let mut command = std::process::Command::new("git");
    command.args(line.split(' ')).current_dir(directory).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.envs([("HOME", "/nowhere"), ("GIT_CONFIG_NOSYSTEM", "1")]);
    command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "t")));
    command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "t@t")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with what is in `directory`, committed.
fn committed(directory: &Path) {
    git(directory, "init -q -b main");
    git(directory, "add -A");
    git(directory, "commit -q -m first");
}

/// A repository with one of the examples.
fn repository(place: &Place, example: &str) -> PathBuf {
    let directory = place.beside("source");
    copy(&Path::new(EXAMPLES).join(example), &directory);
    committed(&directory);
    directory
}

/// The names of the tools that a request offers.
fn offered(request: &Value) -> Vec<&str> {
    request["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect()
}

fn call(path: &str) -> Value {
    json!({ "tool": "prose__count_words", "arguments": { "path": path } })
}

#[test]
fn a_plugin_is_added_from_a_repository_used_updated_and_removed() {
    let place = Place::new(json!([call("it's.txt"), { "text": "ok" }, { "text": "ok" }, { "text": "ok" }]));
    let source = repository(&place, "prose");
    let from = source.to_str().unwrap();
    // Where nobody can be asked, it is shown and not kept.
    let said = place.plugin(&["add", from]);
    said.refused(2, "nobody can be asked here");
    for line in [
        "prose 1.0.0 from ",
        "tool count_words: runs `bin/count-words`; Counts the words",
        "linter long-lines: after edits runs `${CODEX_PLUGIN_ROOT}/bin/long-lines {files}` on *.md *.txt",
        "command shorten: text for the model",
        "inside the sandbox of the session",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert!(place.plugins().is_empty());

    place.plugin(&["add", from, "--yes"]).done();
    let [kept] = place.plugins().try_into().unwrap();
    let head = git(&source, "rev-parse HEAD");
    assert_eq!(
        [&kept["id"], &kept["version"], &kept["commit"], &kept["status"]],
        [&json!("prose"), &json!("1.0.0"), &json!(head), &json!("in use")]
    );
    fs::write(place.workspace.join("it's.txt"), "one two three").unwrap();
    let request = place.exec(&[]);
    assert!(offered(&request).contains(&"prose__count_words"), "{:?}", offered(&request));
    let result = request["input"].as_array().unwrap().iter().find(|item| item["type"] == "function_call_output");
    let result = result.unwrap()["output"].to_string();
    assert!(result.contains("it's.txt has 3 words"), "{result}");

    let said = place.plugin(&["update"]).done();
    assert!(said.out.contains("prose is the newest"), "{said:?}");
    // What changes nothing of what it may do is taken; what it may do more is asked about.
    fs::write(source.join("README.md"), "New.").unwrap();
    git(&source, "add -A");
    git(&source, "commit -q -m second");
    assert!(place.plugin(&["update", "prose"]).done().out.contains("updated prose"));
    let manifest = fs::read_to_string(source.join("plugin.toml")).unwrap();
    let more = "[mcp_servers.s]\ncommand = \"curl\"\nargs = [\"evil\"]\nsandbox = false\n\
        [hooks]\nStop = [{ hooks = [{ type = \"command\", command = \"true\", sandbox = false }] }]\n";
    fs::write(source.join("plugin.toml"), manifest.replace("1.0.0", "2.0.0") + more).unwrap();
    git(&source, "commit -q -a -m third");
    let said = place.plugin(&["update"]);
    assert!(said.code != 0 && said.err.contains("nobody can be asked"), "{said:?}");
    for line in ["server s: runs `curl evil`, OUTSIDE the sandbox", "hook Stop: `sandbox = false` is not honoured"] {
        assert!(said.out.contains(line), "{line}: {said:?}");
    }
    assert_eq!(place.plugins()[0]["version"], "1.0.0");
    place.plugin(&["update", "--yes"]).done();
    assert_eq!(place.plugins()[0]["version"], "2.0.0");
    let kept = fs::read_dir(place.home.join("plugins/installed/prose")).unwrap().count();
    assert_eq!(kept, 2, "the one before, which open sessions use, is kept, and that before it is gone");

    place.plugin(&["disable", "prose"]).done();
    assert_eq!(place.plugins()[0]["status"], "not in use");
    assert!(!offered(&place.exec(&[])).contains(&"prose__count_words"));
    place.plugin(&["enable", "prose"]).done();
    place.plugin(&["remove", "prose"]).done();
    assert!(place.plugins().is_empty() && !place.home.join("plugins/installed/prose").exists());
    let settings = fs::read_to_string(place.home.join("config.toml")).unwrap();
    assert!(!settings.contains("prose"), "{settings}");
    place.plugin(&["remove", "prose"]).refused(2, "there is no plugin `prose`");
}

/// What is kept of it is used on.
#[test]
fn where_the_source_is_gone_an_update_says_so() {
    for is_repository in [true, false] {
        let place = Place::new(json!([{ "text": "ok" }]));
        let source = repository(&place, "prose");
        if !is_repository {
            fs::remove_dir_all(source.join(".git")).unwrap();
        }
        place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
        fs::remove_dir_all(&source).unwrap();
        place.plugin(&["update"]).refused(1, &format!("there is no directory {} now", source.display()));
        assert!(offered(&place.exec(&[])).contains(&"prose__count_words"));
    }
}

#[test]
fn a_plugin_comes_from_a_marketplace_that_is_a_repository() {
    let place = Place::new(json!([]));
    let source = place.beside("market");
    copy(Path::new(EXAMPLES), &source);
    committed(&source);
    let from = source.to_str().unwrap();
    place.plugin(&["add", "prose@examples", "--yes"]).refused(2, "there is no marketplace `examples`");
    place.plugin(&["marketplace", "add", from]).done();
    let said = place.plugin(&["marketplace", "list"]).done();
    assert!(said.out.contains("  prose@examples  Counts words"), "{said:?}");
    place.plugin(&["add", "none@examples", "--yes"]).refused(2, "has no plugin `none`; it has careful, prose");
    let said = place.plugin(&["add", "careful@examples", "--yes"]).done();
    for line in [
        "server calendar: runs `${CLAUDE_PLUGIN_ROOT}/servers/calendar`",
        "hook PreToolUse (Bash): runs `\"${CLAUDE_PLUGIN_ROOT}\"/hooks/no-force.sh`",
        "skill release-notes: ",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    let [kept] = place.plugins().try_into().unwrap();
    assert_eq!((&kept["id"], &kept["commit"]), (&json!("careful@examples"), &json!(git(&source, "rev-parse HEAD"))));
    // A new commit of the marketplace is a new plugin.
    fs::write(source.join("careful/README.md"), "New.").unwrap();
    git(&source, "add -A");
    git(&source, "commit -q -m second");
    assert!(place.plugin(&["update", "careful"]).done().out.contains("updated careful@examples"));
    assert_eq!(place.plugins()[0]["commit"], git(&source, "rev-parse HEAD"));
    place.plugin(&["marketplace", "remove", "examples"]).refused(2, "careful@examples is from it");
    place.plugin(&["remove", "careful"]).done();
    place.plugin(&["marketplace", "remove", "examples"]).done();
    assert!(place.plugin(&["marketplace", "list"]).done().out.contains("there are no marketplaces"));
}

#[test]
fn what_new_writes_works() {
    let script = json!([{ "tool": "greet__count", "arguments": { "path": "a" } }, { "text": "ok" }]);
    let place = Place::new(script);
    place.plugin(&["new", "greet"]).done();
    place.plugin(&["new", "greet"]).refused(2, "is not empty");
    place.plugin(&["add", "greet", "--yes"]).done();
    fs::write(place.workspace.join("a"), "1\n2\n").unwrap();
    let request = place.exec(&[]).to_string();
    assert!(request.contains("Exit code: 0") && request.contains("Output:\\n2\\n"), "{request}");
}

#[test]
fn a_project_uses_a_plugin_only_when_it_is_trusted() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    let source = repository(&place, "prose");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    place.plugin(&["disable", "prose"]).done();
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), "[plugins.prose]\nenabled = true\n").unwrap();
    assert!(!offered(&place.exec(&[])).contains(&"prose__count_words"));
    assert!(offered(&place.exec(&["--trust"])).contains(&"prose__count_words"));
}

#[test]
fn its_linter_looks_at_what_was_changed_and_its_sub_agent_is_known() {
    let patch = format!("*** Begin Patch\n*** Add File: a.md\n+{}\n*** End Patch\n", "long ".repeat(30));
    let script = json!([{ "custom": "apply_patch", "input": patch }, { "text": "ok" }]);
    let place = Place::new(script);
    let source = place.beside("source");
    copy(&Path::new(EXAMPLES).join("prose"), &source);
    fs::create_dir(source.join("agents")).unwrap();
    fs::write(source.join("agents/editor.md"), "---\ndescription: Corrects what is written\n---\nCorrect it.\n")
        .unwrap();
    let said = place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    assert!(said.out.contains("agent editor: a sub-agent"), "{said:?}");
    let request = place.exec(&["--full-auto"]).to_string();
    assert!(request.contains("this line has 150 characters"), "{request}");
    assert!(request.contains("Corrects what is written"), "{request}");
}

#[test]
fn its_command_is_what_the_model_reads() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let source = repository(&place, "prose");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let said = Said::of(&place.codex(&["exec", "/shorten a.md"]).output().unwrap()).done();
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains("Shorten a.md to half its words"), "{said:?} {request}");
}
