//! `codex config`: what is in force and why, and files that are changed, as a user types it.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{codex, terminal};

struct Place {
    _root: TempDir,
    base: PathBuf,
}

impl Place {
    /// `home` is the user's file, `project` that of the repository which is worked in.
    fn new(home: &str, project: &str) -> Self {
        let root = tempfile::Builder::new().prefix("codex-it-").tempdir_in("/var/tmp").unwrap();
        let base = root.path().canonicalize().unwrap();
        for (path, text) in [("home/.codex/config.toml", home), ("p/.codex/config.toml", project)] {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if !text.is_empty() {
                fs::write(path, text).unwrap();
            }
        }
        fs::create_dir_all(base.join("p/.git")).unwrap();
        fs::create_dir_all(base.join("p/src")).unwrap();
        Self { _root: root, base }
    }

    fn codex(&self, arguments: &[&str]) -> Command {
        let home = self.base.join("home");
        let mut command = codex(&home.join(".codex"));
        command.env("HOME", home).args(arguments).current_dir(self.base.join("p/src"));
        command
    }

    /// The exit code, and what was written to stdout and stderr, with `~` for the base.
    fn run(&self, command: &mut Command) -> (Option<i32>, String, String) {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(self.base.to_str().unwrap(), "~");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.base.join(path)).unwrap()
    }
}

const USER: &str = "home/.codex/config.toml";

#[test]
fn values_in_force() {
    let place = Place::new(
        "model = \"mine\"\n[profiles.fast]\nmodel = \"quick\"\n[model_providers.a]\nbase_url = \"http://u:pw@x\"\n\
         http_headers = { Authorization = \"sk-1\" }\n",
        "sandbox_mode = \"danger-full-access\"\n[permissions]\ndeny = [\"rm\"]\n",
    );
    let rows: &[(&[&str], i32, &str, &str)] = &[
        (&["config", "get", "model"], 0, "\"mine\"\n", ""),
        (&["-m", "x", "config", "get", "model"], 0, "\"x\"\n", ""),
        (&["config", "get", "-c", "model=y", "model"], 0, "\"y\"\n", ""),
        (&["-p", "fast", "config", "get", "model"], 0, "\"quick\"\n", ""),
        (&["config", "get", "sandbox"], 0, "\"workspace-write\"\n", ""),
        (&["--trust", "config", "get", "sandbox_mode"], 0, "\"danger-full-access\"\n", ""),
        (&["config", "get", "permissions"], 0, "deny = [\"rm\"]\n", ""),
        (
            &["config", "get", "model_providers.a"],
            0,
            "base_url = \"http://…@x/\"\nhttp_headers.Authorization = \"…\"\n",
            "",
        ),
        (&["config", "get", "add_dir"], 1, "", "codex: `add_dir` is not set, and has no default\n"),
        (&["config", "get", "tui.theme"], 0, "\"auto\"\n", ""),
        (&["config", "get", "memories.x"], 1, "", "codex: `memories.x` is not used by this version\n"),
        (&["config", "get", "modle"], 2, "", "codex: modle: there is no such key\n  hint: did you mean `model`?\n"),
        (&["config", "explain", "add_dir"], 0, "`add_dir` is not set, and has no default\n", ""),
        (
            &["-m", "x", "-p", "fast", "config", "explain", "model"],
            0,
            "model = \"x\"  (--model x)\n    instead of \"quick\"  (~/home/.codex/config.toml:3:9)\n    \
             instead of \"mine\"  (~/home/.codex/config.toml:1:9)\n    instead of \"o4-mini\"  (built-in default)\n",
            "",
        ),
        (
            &["config", "explain", "sandbox.mode"],
            0,
            "sandbox.mode = \"workspace-write\"  (built-in default)\n    held back: \"danger-full-access\"  \
             (~/p/.codex/config.toml:1:16): this project is not trusted\n",
            "",
        ),
        (
            &["config", "explain", "permissions", "-c", "permissions.deny=['!rm', 'dd']"],
            0,
            "permissions.deny = [\"dd\"]\n    \"dd\"  (-c permissions.deny=…)\n    instead of [\"rm\"]  \
             (~/p/.codex/config.toml:3:8)\n",
            "",
        ),
    ];
    for (arguments, code, stdout, stderr) in rows {
        let (got, out, err) = place.run(&mut place.codex(arguments));
        // What is held back is warned of each time.
        let err: String = err.split_inclusive('\n').filter(|line| !line.contains("not trusted")).collect();
        assert_eq!((got, out.as_str(), err.as_str()), (Some(*code), *stdout, *stderr), "{arguments:?}");
    }
    let (_, all, _) = place.run(&mut place.codex(&["config", "explain"]));
    assert!(!all.contains("sk-1") && !all.contains("pw@"), "{all}");
    assert!(all.lines().count() > 15 && all.contains("search.enabled = false  (built-in default)\n"), "{all}");
}

#[test]
fn explanations_as_json() {
    let place =
        Place::new("model = \"mine\"\n[model_providers.a]\nquery_params = { key = \"sk-1\" }\n", "search = true\n");
    let (code, out, _) = place.run(&mut place.codex(&["config", "explain", "--json"]));
    let all: Vec<Value> = serde_json::from_str(&out).unwrap();
    let of = |key: &str| all.iter().find(|it| it["key"] == key).cloned().unwrap();
    assert_eq!(code, Some(0));
    let default = json!([{ "value": "o4-mini", "origin": "built-in default" }]);
    assert_eq!(
        of("model"),
        json!({
            "key": "model", "value": "mine", "origin": "~/home/.codex/config.toml:1:9", "items": [],
            "overrode": default, "held": [],
        })
    );
    let reason = "this project is not trusted";
    let held = json!([{ "value": true, "origin": "~/p/.codex/config.toml:1:10", "reason": reason }]);
    assert_eq!((&of("search.enabled")["value"], &of("search.enabled")["held"]), (&json!(false), &held));
    assert_eq!(of("model_providers.a.query_params.key")["value"], "…");
}

#[test]
fn settings_are_written_where_they_are_asked_for() {
    let place = Place::new("# mine\nmodel = \"a\" # fast\n", "");
    let rows: &[(&[&str], i32, &str, &str)] = &[
        (&["set", "model", "b"], 0, USER, "# mine\nmodel = \"b\" # fast\n"),
        (&["set", "model", "b"], 0, USER, "# mine\nmodel = \"b\" # fast\n"),
        (&["set", "-p", "q", "model", "c"], 0, USER, "# mine\nmodel = \"b\" # fast\n\n[profiles.q]\nmodel = \"c\"\n"),
        (&["unset", "profiles.q"], 0, USER, "# mine\nmodel = \"b\" # fast\n"),
        (&["unset", "search"], 1, USER, "# mine\nmodel = \"b\" # fast\n"),
        (&["set", "search", "perhaps"], 2, USER, "# mine\nmodel = \"b\" # fast\n"),
        (
            &["set", "--project", "permissions.deny", "['rm']"],
            0,
            "p/.codex/config.toml",
            "[permissions]\ndeny = ['rm']\n",
        ),
        (&["set", "--local", "search", "false"], 0, "p/.codex/config.local.toml", "search = false\n"),
    ];
    for (arguments, code, path, text) in rows {
        let (got, _, err) = place.run(&mut place.codex(&[&["config"], *arguments].concat()));
        assert_eq!((got, place.read(path).as_str()), (Some(*code), *text), "{arguments:?}: {err}");
    }
    // What has no effect here is said.
    let project = place.run(&mut place.codex(&["config", "set", "--project", "model", "theirs"]));
    assert_eq!(project, (Some(0), "set `model` in ~/p/.codex/config.toml\n".into(), String::new()));
    let (_, _, note) = place.run(&mut place.codex(&["config", "set", "model", "d"]));
    assert_eq!(note, "codex: note: here `model` is \"theirs\" all the same (~/p/.codex/config.toml:1:9)\n");
    let (code, _, note) = place.run(&mut place.codex(&["config", "set", "default_profile", "nobody"]));
    assert!(
        code == Some(0) && note.contains("here the settings do not load now: ~/home/.codex/config.toml:3:19:"),
        "{note}"
    );
    place.run(&mut place.codex(&["config", "unset", "default_profile"]));
    // A home is no project; and a flag that would be lost is refused.
    let home = place.base.join("home");
    let (code, _, error) = place.run(place.codex(&["config", "set", "--project", "model", "x"]).current_dir(home));
    assert!(code == Some(2) && error.contains("this is no project"), "{error}");
    for arguments in [
        &["-m", "x", "config", "set", "search", "false"][..],
        &["-p", "q", "config", "edit"],
        &["-p", "q", "config", "path"],
    ] {
        let (code, _, error) = place.run(&mut place.codex(arguments));
        assert!(code == Some(2) && error.contains("no other flag"), "{arguments:?}: {error}");
    }
}

/// Two processes that change one file at once: neither undoes what the other did.
#[test]
fn processes_wait_for_each_other() {
    let place = Place::new("", "");
    let start = |n: usize| place.codex(&["config", "set", &format!("profiles.p{n}.model"), "x"]).spawn().unwrap();
    let children: Vec<_> = (0..8).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = place.read(USER);
    assert!((0..8).all(|n| text.contains(&format!("[profiles.p{n}]\nmodel = \"x\"\n"))), "{text}");
}

#[test]
fn an_edited_file_is_replaced_only_by_what_loads() {
    let before = "# mine\nmodel = \"a\"\n";
    let place = Place::new(before, "");
    let edit = |editor: &str| place.run(place.codex(&["config", "edit"]).env("EDITOR", editor));
    assert_eq!(edit("true"), (Some(0), "~/home/.codex/config.toml was not changed\n".into(), String::new()));
    // A line for the shell, with arguments.
    assert_eq!(edit("sed -i s/a\\\"/b\\\"/"), (Some(0), "changed ~/home/.codex/config.toml\n".into(), String::new()));
    assert_eq!(place.read(USER), "# mine\nmodel = \"b\"\n");
    let (code, _, error) = edit("sed -i s/model/sandbox/");
    assert_eq!(code, Some(2));
    assert!(error.contains("~/home/.codex/config.toml:2:11: `b` is not a value of `sandbox`"), "{error}");
    assert!(error.ends_with("was not changed; what you wrote is in ~/home/.codex/config.toml.draft\n"), "{error}");
    assert_eq!(place.read("home/.codex/config.toml.draft"), "# mine\nsandbox = \"b\"\n");
    // An editor that fails, and somebody else who is quicker.
    let (code, _, error) = edit("false");
    assert!(code == Some(2) && error.contains("the editor `false` failed"), "{error}");
    let file = place.base.join(USER);
    let quicker = format!("sh -c 'echo search = false >> {0}; echo oss = false >> $1' sh", file.display());
    let (code, _, error) = edit(&quicker);
    assert!(code == Some(2) && error.contains("was changed by somebody else meanwhile"), "{error}");
    assert_eq!(place.read(USER), "# mine\nmodel = \"b\"\nsearch = false\n");
    assert_eq!(place.read("home/.codex/config.toml.draft1"), "# mine\nmodel = \"b\"\noss = false\n");
    // What is not UTF-8 is not lost either.
    let (code, _, error) = edit("printf '# f\\374r\\n' >");
    assert!(
        code == Some(2) && error.contains("~/home/.codex/config.toml: what you wrote is not UTF-8 text"),
        "{error}"
    );
    assert_eq!(fs::read(place.base.join("home/.codex/config.toml.draft2")).unwrap(), b"# f\xfcr\n");
    // `$VISUAL` comes first; a project's file is made with its directory.
    fs::remove_dir(place.base.join("p/.codex")).unwrap();
    let mut local = place.codex(&["config", "edit", "--local"]);
    let visual = "sh -c 'echo search = false > $1' sh";
    assert_eq!(
        place.run(local.env("EDITOR", "false").env("VISUAL", visual)),
        (Some(0), "changed ~/p/.codex/config.local.toml\n".into(), String::new())
    );
    assert_eq!(place.read("p/.codex/config.local.toml"), "search = false\n");
    // It is kept out of git, also where `codex init` did not make the directory.
    assert_eq!(place.read("p/.codex/.gitignore"), "config.local.toml*\n");
}

#[test]
fn a_file_of_the_users_own_is_made_only_where_git_will_not_see_it() {
    let place = Place::new("", "# shared\n");
    std::os::unix::fs::symlink("../../precious", place.base.join("p/.codex/.gitignore")).unwrap();
    fs::write(place.base.join("precious"), "mine\n").unwrap();
    let set = || place.run(&mut place.codex(&["config", "set", "--local", "model", "a"]));
    let (code, _, error) = set();
    assert_eq!(code, Some(2));
    let why = "was not made, for it would not be kept out of git: .gitignore beside it: it is a link";
    assert!(error.contains(why), "{error}");
    assert!(!place.base.join("p/.codex/config.local.toml").exists());
    assert_eq!(place.read("precious"), "mine\n");
    fs::remove_file(place.base.join("p/.codex/.gitignore")).unwrap();
    assert_eq!(set().0, Some(0));
    assert_eq!(place.read("p/.codex/.gitignore"), "config.local.toml*\n");
}

#[test]
fn on_a_terminal_it_asks_what_becomes_of_a_text_that_does_not_load() {
    let place = Place::new("model = \"a\"\n", "");
    // The first attempt spoils the file, the second one repairs it.
    let editor = "sh -c 'grep -q sandbox $1 && echo search = false > $1 || echo sandbox = 1 > $1' sh";
    for (answers, code, after, draft) in [
        ("e\n", 0, "search = false\n", false),
        ("x\nt\n", 0, "model = \"a\"\n", false),
        ("k\n", 2, "model = \"a\"\n", true),
    ] {
        fs::write(place.base.join(USER), "model = \"a\"\n").unwrap();
        let mut command = place.codex(&["config", "edit"]);
        let (mut typed, terminal) = terminal();
        typed.write_all(answers.as_bytes()).unwrap();
        command.env("EDITOR", editor).stdin(Stdio::from(terminal));
        let (got, _, error) = place.run(&mut command);
        assert_eq!((got, place.read(USER).as_str()), (Some(code), after), "{answers}: {error}");
        assert!(error.contains("(e)dit again, (k)eep as a draft, or (t)hrow away?"), "{error}");
        assert_eq!(place.base.join("home/.codex/config.toml.draft").exists(), draft);
    }
}

#[test]
fn the_schema_is_printed() {
    let place = Place::new("", "");
    let (code, out, _) = place.run(&mut place.codex(&["config", "schema"]));
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &schema["properties"]["model"]["$ref"]), (Some(0), &json!("#/definitions/model")));
}

#[test]
fn a_project_is_set_up_and_stays_trusted_as_its_user_changes_it() {
    let place = Place::new("", "");
    let project = place.base.join("p");
    let (code, out, error) = place.run(place.codex(&["init"]).current_dir(&project));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let made = "made ~/p/.codex/config.toml\nmade ~/p/.codex/config.schema.json\nmade ~/p/.codex/.gitignore\n";
    assert!(out.starts_with(made) && out.contains("AGENTS.md"), "{out}");
    let (code, _, error) = place.run(&mut place.codex(&["init", "../"]));
    assert!(code == Some(2) && error.contains("is there already, and stays as it is"), "{error}");
    let (_, schema, _) = place.run(&mut place.codex(&["config", "schema"]));
    assert_eq!(place.read("p/.codex/config.schema.json"), schema);

    let set = |value: &str| place.run(&mut place.codex(&["config", "set", "--project", "sandbox", value]));
    let level = || place.run(&mut place.codex(&["config", "get", "sandbox"])).1;
    let path = || place.run(&mut place.codex(&["config", "path"])).1;
    assert_eq!(set("danger-full-access").2, "");
    assert_eq!(level(), "\"danger-full-access\"\n");
    assert!(place.read("p/.codex/config.toml").contains("\nsandbox.mode = \"danger-full-access\"\n"));
    let files = |project: &str| {
        format!(
            "user     ~/home/.codex/config.toml  (not there)\nproject  ~/p/.codex/config.toml  ({project})\n\
             local    ~/p/.codex/config.local.toml  (not there)\n"
        )
    };
    assert!(path().ends_with(&files("there")), "{}", path());
    // Whoever else changes it takes the trust away; an edit of the user's does not give it back.
    let changed = place.read("p/.codex/config.toml") + "search = true\n";
    fs::write(project.join(".codex/config.toml"), changed).unwrap();
    assert_eq!(level(), "\"workspace-write\"\n");
    let (code, _, note) = place.run(&mut place.codex(&["config", "set", "--project", "search", "false"]));
    assert!(code == Some(0) && note.contains("is not trusted, so what loosens in it is held back"), "{note}");
    assert_eq!(level(), "\"workspace-write\"\n");
    fs::write(project.join(".codex/config.toml"), "sandbox = 3\n").unwrap();
    assert!(path().ends_with(&files("does not load")), "{}", path());
    fs::write(project.join(".codex/config.toml"), "sandbox = \"danger-full-access\"\n").unwrap();
    assert!(path().ends_with(&files("not trusted: what loosens is held back")), "{}", path());
}

/// A stranger's file floods no terminal.
#[test]
fn of_many_warnings_some_are_told() {
    let unknown: String = (0..100).map(|number| format!("colour{number} = 1\n")).collect();
    let place = Place::new("", &unknown);
    for arguments in [&["config", "get", "model"][..], &["config", "explain"], &["login", "status"]] {
        let (_, _, stderr) = place.run(&mut place.codex(arguments));
        assert_eq!(stderr.lines().count(), 21, "{arguments:?}: {stderr}");
        assert!(stderr.ends_with("codex: and 80 more warnings\n"), "{stderr}");
    }
}
