//! Single settings that are written into a file and taken out of it: the text before, the command, the text after.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::{ConfigError, Edit, SettingsFile, edit};

type Row<'a> = (&'a str, &'a [&'a str], &'a str);

/// `set KEY VALUE`, `unset KEY`, either after `-p NAME`.
fn parse<'a>(command: &[&'a str]) -> Edit<'a> {
    let (profile, command) = match command {
        ["-p", name, rest @ ..] => (Some(*name), rest),
        _ => (None, command),
    };
    match command {
        ["set", key, value] => Edit { profile, key, value: Some(value) },
        ["unset", key] => Edit { profile, key, value: None },
        _ => panic!("{command:?}"),
    }
}

fn run(before: &str, command: &[&str]) -> (Result<bool, ConfigError>, String) {
    let home = tempfile::tempdir().unwrap();
    let file = SettingsFile::user(home.path(), None);
    fs::write(file.path(), before).unwrap();
    let done = edit(&file, &parse(command)).map(|change| change.is_some());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "something is left: {before} {command:?}");
    (done, fs::read_to_string(file.path()).unwrap())
}

fn check(rows: &[Row]) {
    for (before, command, after) in rows {
        let (done, text) = run(before, command);
        assert_eq!((done, text.as_str()), (Ok(before != after), *after), "{before:?} {command:?}");
        assert_eq!(run(after, command), (Ok(false), text), "twice: {before:?} {command:?}");
    }
}

#[test]
fn a_value_is_set_and_all_else_stays() {
    check(&[
        ("", &["set", "model", "x"], "model = \"x\"\n"),
        ("", &["set", "model", "\"x\""], "model = \"x\"\n"),
        ("# mine", &["set", "search", "false"], "# mine\nsearch = false\n"),
        (
            "# mine\nmodel = 'a' # fast\n\n[tui]\nx = 1\n",
            &["set", "model", "b"],
            "# mine\nmodel = \"b\" # fast\n\n[tui]\nx = 1\n",
        ),
        ("model   =   \"a\"\t# fast", &["set", "model", "b"], "model   =   \"b\"\t# fast"),
        ("model = \"a\"", &["set", "search", "false"], "model = \"a\"\nsearch = false\n"),
        (
            "model = \"a\" # one\n# about the screen\n[tui]\nx = 1\n",
            &["set", "search", "false"],
            "model = \"a\" # one\nsearch = false\n# about the screen\n[tui]\nx = 1\n",
        ),
        (
            "# about the screen\n[tui]\nx = 1\n",
            &["set", "model", "a"],
            "model = \"a\"\n\n# about the screen\n[tui]\nx = 1\n",
        ),
        (
            "# mine\n\n# about the screen\n[tui]\n",
            &["set", "model", "a"],
            "# mine\n\nmodel = \"a\"\n\n# about the screen\n[tui]\n",
        ),
        ("#:schema ./s.json\n[tui]\n", &["set", "model", "a"], "#:schema ./s.json\nmodel = \"a\"\n\n[tui]\n"),
        (
            "add_dir = [\n  \"/a\", # one\n]\nmodel = \"x\"\n",
            &["set", "add_dir", "['/b']"],
            "add_dir = ['/b']\nmodel = \"x\"\n",
        ),
        (
            "add_dir = [\n  \"/a\", # one\n] # list\n",
            &["set", "search", "false"],
            "add_dir = [\n  \"/a\", # one\n] # list\nsearch = false\n",
        ),
    ]);
}

#[test]
fn tables_are_written_as_they_are_written_already() {
    check(&[
        // A header, dotted names, inline tables.
        (
            "[sandbox]\nhide = []\n\n[tui]\n",
            &["set", "sandbox.show", "[]"],
            "[sandbox]\nhide = []\nshow = []\n\n[tui]\n",
        ),
        ("[sandbox] # walls\n\n[tui]\n", &["set", "sandbox.show", "[]"], "[sandbox] # walls\nshow = []\n\n[tui]\n"),
        (
            "sandbox.hide = []\nmodel = \"x\"\n",
            &["set", "sandbox.show", "[]"],
            "sandbox.hide = []\nsandbox.show = []\nmodel = \"x\"\n",
        ),
        ("sandbox = { hide = [] } # w\n", &["set", "sandbox.show", "[]"], "sandbox = { hide = [], show = [] } # w\n"),
        ("sandbox = {hide=[], show = []}\n", &["set", "sandbox.hide", "['a']"], "sandbox = {hide=['a'], show = []}\n"),
        ("sandbox = {}\n", &["set", "sandbox.hide", "[]"], "sandbox = { hide = [] }\n"),
        ("model = \"x\"\n", &["set", "sandbox.show", "[]"], "model = \"x\"\n\n[sandbox]\nshow = []\n"),
        (
            "[permissions.projects.\"/p\"]\ndeny = []\n",
            &["set", "permissions.deny", "[\"rm\"]"],
            "[permissions.projects.\"/p\"]\ndeny = []\n\n[permissions]\ndeny = [\"rm\"]\n",
        ),
        (
            "",
            &["set", "model_providers.'a b'.base_url", "http://x"],
            "[model_providers.\"a b\"]\nbase_url = \"http://x\"\n",
        ),
        (
            "[model_providers.m]\nbase_url = \"http://x\" # here\nhttp_headers = { A = \"1\" }\n",
            &["set", "model_providers.m.http_headers.B", "2\""],
            "[model_providers.m]\nbase_url = \"http://x\" # here\nhttp_headers = { A = \"1\", B = '2\"' }\n",
        ),
        ("tui.theme = 'x'\n", &["set", "tui.notifications", "true"], "tui.theme = 'x'\ntui.notifications = true\n"),
        // A table as a value sets what it holds, and nothing else.
        (
            "[sandbox]\nhide = ['a']\n",
            &["set", "sandbox", "{ mode = 'read-only', show = ['b'] }"],
            "[sandbox]\nhide = ['a']\nmode = \"read-only\"\nshow = [\"b\"]\n",
        ),
    ]);
}

#[test]
fn other_names_of_a_key_are_the_same_key() {
    check(&[
        (
            "sandbox_mode = \"read-only\" # x\n",
            &["set", "sandbox", "workspace-write"],
            "sandbox_mode = \"workspace-write\" # x\n",
        ),
        ("sandbox = \"read-only\"\n", &["set", "sandbox_mode", "workspace-write"], "sandbox = \"workspace-write\"\n"),
        (
            "sandbox_mode = \"read-only\"\n",
            &["set", "sandbox.mode", "workspace-write"],
            "sandbox_mode = \"workspace-write\"\n",
        ),
        (
            "[sandbox]\nmode = \"read-only\"\n",
            &["set", "sandbox", "workspace-write"],
            "[sandbox]\nmode = \"workspace-write\"\n",
        ),
        ("[sandbox]\nhide = []\n", &["set", "sandbox", "read-only"], "[sandbox]\nhide = []\nmode = \"read-only\"\n"),
        (
            "sandbox = { hide = [] }\n",
            &["set", "sandbox_mode", "read-only"],
            "sandbox = { hide = [], mode = \"read-only\" }\n",
        ),
        (
            "sandbox_mode = \"read-only\"\n[sandbox]\nhide = []\n",
            &["set", "sandbox.mode", "workspace-write"],
            "sandbox_mode = \"workspace-write\"\n[sandbox]\nhide = []\n",
        ),
        (
            "sandbox = \"read-only\" # x\n",
            &["set", "sandbox.hide", "['a']"],
            "sandbox = { mode = \"read-only\", hide = ['a'] } # x\n",
        ),
        (
            "approval_policy = \"never\"\n",
            &["set", "ask_for_approval", "untrusted"],
            "approval_policy = \"untrusted\"\n",
        ),
        ("", &["set", "approval_policy", "never"], "approval_policy = \"never\"\n"),
        ("sandbox_mode = \"read-only\"\nmodel = \"x\"\n", &["unset", "sandbox"], "model = \"x\"\n"),
        ("sandbox_mode = \"read-only\"\nmodel = \"x\"\n", &["unset", "sandbox.mode"], "model = \"x\"\n"),
    ]);
}

#[test]
fn profiles_have_the_same_keys() {
    check(&[
        ("", &["-p", "fast", "set", "model", "x"], "[profiles.fast]\nmodel = \"x\"\n"),
        (
            "model = \"a\"\n[profiles.fast]\nmodel = \"b\" # quick\n",
            &["-p", "fast", "set", "model", "c"],
            "model = \"a\"\n[profiles.fast]\nmodel = \"c\" # quick\n",
        ),
        (
            "[profiles.a]\nmodel = \"b\"\n\n[profiles.b]\n",
            &["-p", "a", "set", "sandbox_mode", "read-only"],
            "[profiles.a]\nmodel = \"b\"\nsandbox_mode = \"read-only\"\n\n[profiles.b]\n",
        ),
        (
            "profiles.a.model = \"b\"\n",
            &["set", "profiles.a.search", "false"],
            "profiles.a.model = \"b\"\nprofiles.a.search = false\n",
        ),
        (
            "[profiles.a]\nmodel = \"b\"\nsearch = false\n",
            &["-p", "a", "unset", "model"],
            "[profiles.a]\nsearch = false\n",
        ),
        // That it is there means something.
        ("[profiles.a]\nmodel = \"b\"\n", &["-p", "a", "unset", "model"], "[profiles.a]\n"),
        (
            "search = false\n\n[profiles.a]\nmodel = \"b\"\n[profiles.a.sandbox]\nhide = []\n",
            &["unset", "profiles.a"],
            "search = false\n",
        ),
    ]);
}

#[test]
fn a_value_is_taken_out_and_comments_stay() {
    check(&[
        ("model = \"x\"\n", &["unset", "model"], ""),
        ("# mine\nmodel = \"x\" # fast\nsearch = false\n", &["unset", "model"], "# mine\nsearch = false\n"),
        ("add_dir = [\n  \"/a\", # one\n] # all\nsearch = false\n", &["unset", "add_dir"], "search = false\n"),
        ("model = \"x\"\n\n[sandbox]\nhide = []\n", &["unset", "sandbox.hide"], "model = \"x\"\n"),
        ("model = \"x\"\n\n[sandbox]\nhide = []\n\n[tui]\n", &["unset", "sandbox.hide"], "model = \"x\"\n\n[tui]\n"),
        ("[sandbox]\n# what\nhide = []\n", &["unset", "sandbox.hide"], "[sandbox]\n# what\n"),
        ("sandbox.hide = []\nsandbox.show = []\n", &["unset", "sandbox.hide"], "sandbox.show = []\n"),
        ("sandbox = { hide = [], show = [] } # x\n", &["unset", "sandbox.show"], "sandbox = { hide = [] } # x\n"),
        ("sandbox = { hide = [] } # x\n", &["unset", "sandbox.hide"], ""),
        ("sandbox = { hide = [] }\n", &["unset", "sandbox"], ""),
        ("model = \"x\"\n", &["unset", "search"], "model = \"x\"\n"),
        ("", &["unset", "tui.theme"], ""),
    ]);
    // What was set is gone as if it had never been there.
    for before in ["", "# mine\n", "model = \"x\"\n", "model = \"x\"\n\n[tui]\nx = 1\n"] {
        for key in ["search", "sandbox.allow_weak"] {
            let (_, set) = run(before, &["set", key, "false"]);
            assert_eq!(run(&set, &["unset", key]), (Ok(true), before.into()), "{set}");
        }
    }
}

/// A file that shows what could be set is filled in where it shows it.
#[test]
fn a_comment_that_would_set_the_key_becomes_the_setting() {
    check(&[
        (
            "# Model\n#model = \"a\"\n\n# Search\n#search = false\n",
            &["set", "model", "b"],
            "# Model\nmodel = \"b\"\n\n# Search\n#search = false\n",
        ),
        (
            "#sandbox.mode = \"read-only\"\n",
            &["set", "sandbox", "workspace-write"],
            "sandbox.mode = \"workspace-write\"\n",
        ),
        (
            "#sandbox.mode = \"read-only\"\n#sandbox.hide = []\n",
            &["set", "sandbox.hide", "['a']"],
            "#sandbox.mode = \"read-only\"\nsandbox.hide = ['a']\n",
        ),
        ("[sandbox]\n# hide = []\n", &["set", "sandbox.hide", "['a']"], "[sandbox]\nhide = ['a']\n"),
        // Not of another table, not in a text, not what is only said about it.
        ("[sandbox]\n# model = \"x\"\n", &["set", "model", "y"], "model = \"y\"\n\n[sandbox]\n# model = \"x\"\n"),
        ("# model = the best\n", &["set", "model", "y"], "# model = the best\nmodel = \"y\"\n"),
        ("model = '''\n#search = false\n'''", &["unset", "search"], "model = '''\n#search = false\n'''"),
    ]);
}

#[test]
fn line_breaks_and_marks_stay() {
    check(&[
        ("# a\r\nmodel = \"x\"\r\n", &["set", "search", "false"], "# a\r\nmodel = \"x\"\r\nsearch = false\r\n"),
        ("model = \"x\"\r\n", &["set", "sandbox.hide", "[]"], "model = \"x\"\r\n\r\n[sandbox]\r\nhide = []\r\n"),
        ("model = \"x\"\r\nsearch = false\r\n", &["unset", "search"], "model = \"x\"\r\n"),
        ("\u{feff}model = \"x\"\n", &["set", "model", "y"], "\u{feff}model = \"y\"\n"),
    ]);
}

/// The file is as it was, and the user is told why.
#[test]
fn what_cannot_be_set() {
    let rows: &[Row] = &[
        ("", &["set", "modle", "x"], "modle: there is no such key\n  hint: did you mean `model`?"),
        ("", &["set", "hide", "[]"], "hide: there is no such key\n  hint: did you mean `sandbox.hide`?"),
        (
            "",
            &["set", "sandbox.model", "x"],
            "model: there is no such key in `[sandbox]`\n  hint: did you mean `mode`?",
        ),
        ("", &["set", "a b", "x"], "a b: this is not a key: use names joined by dots, each in quotes if need be"),
        ("", &["set", "model.x", "x"], "model.x: `model` is one value: there is nothing below it"),
        ("", &["-p", "a", "set", "default_profile", "x"], "default_profile: there is no such key in `[profiles.a]`"),
        (
            "",
            &["set", "sandbox", "read-onyl"],
            "config set sandbox=read-onyl: `read-onyl` is not a value of `sandbox`: it must be `read-only`, `workspace-write` or `danger-full-access`\n  hint: did you mean `read-only`?",
        ),
        ("", &["set", "search", "yes"], "config set search=yes: `search` must be `true` or `false`, not a string"),
        (
            "",
            &["set", "api_key_env", "sk-12345"],
            "config set api_key_env=…: `api_key_env` must be the name of an environment variable, not the key itself",
        ),
        (
            "",
            &["set", "sandbox", "{ moed = 1 }"],
            "config set sandbox={ moed = 1 }: unknown key `moed` in `[sandbox]`: a rule that is not understood is not enforced either\n  hint: did you mean `mode`?",
        ),
        ("", &["set", "sandbox", "{}"], "sandbox: an empty table sets nothing"),
        (
            "model = \n",
            &["set", "search", "true"],
            "~/config.toml:1:9: this is not TOML: string values must be quoted, expected literal string\n  1 | model = \n    |         ^",
        ),
        (
            "search = 3\n",
            &["set", "model", "x"],
            "~/config.toml: was not changed, for it would not load: `search` must be `true` or `false`, not a number",
        ),
        (
            "model_providers = { a = 3 }\n",
            &["set", "model_providers.a.name", "x"],
            "~/config.toml: cannot be changed here: `model_providers.a.name` is written in another way; use `codex config edit`",
        ),
    ];
    for (before, command, expected) in rows {
        let home = tempfile::tempdir().unwrap();
        let file = SettingsFile::user(home.path(), None);
        fs::write(file.path(), before).unwrap();
        let error = edit(&file, &parse(command)).unwrap_err().to_string();
        assert_eq!(error.replace(home.path().to_str().unwrap(), "~"), *expected, "{before:?} {command:?}");
        assert_eq!(fs::read_to_string(file.path()).unwrap(), *before);
    }
    // A file that does not load can be put in order.
    check(&[
        ("search = 3\n", &["set", "search", "false"], "search = false\n"),
        ("search = 3\nmodel = \"x\"\n", &["unset", "search"], "model = \"x\"\n"),
    ]);
}

#[test]
fn a_project_is_not_led_out_of_itself() {
    let home = tempfile::tempdir().unwrap();
    let (own, project) = (home.path().join("own"), home.path().join("p"));
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(project.join("x")).unwrap();
    fs::write(own.join("config.toml"), "model = \"x\"\n").unwrap();
    let file = SettingsFile::project(&own, None, &project, false);
    let set = Edit { profile: None, key: "model", value: Some("y") };
    // Made with its directory, and over a link that stays inside.
    assert!(edit(&file, &set).unwrap().is_some());
    fs::rename(project.join(".codex"), project.join("x/codex")).unwrap();
    symlink("x/codex", project.join(".codex")).unwrap();
    assert!(edit(&file, &Edit { value: Some("z"), ..set }).unwrap().is_some());
    assert_eq!(fs::read_to_string(project.join("x/codex/config.toml")).unwrap(), "model = \"z\"\n");
    for (link, target) in [("x/codex/config.toml", "own/config.toml"), (".codex", "own")] {
        fs::remove_file(project.join(link)).unwrap();
        symlink(home.path().join(target), project.join(link)).unwrap();
        let error = edit(&file, &set).unwrap_err();
        assert!(error.message.starts_with("is not changed: it leads out of its project, to /"), "{error}");
        assert_eq!(fs::read_to_string(own.join("config.toml")).unwrap(), "model = \"x\"\n");
    }
}

#[test]
fn a_file_that_cannot_be_written_stays_and_modes_do_too() {
    let home = tempfile::tempdir().unwrap();
    let file = SettingsFile::user(home.path(), None);
    let set = Edit { profile: None, key: "model", value: Some("y") };
    fs::write(file.path(), "# mine\n").unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(edit(&file, &set).unwrap().is_some());
    assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o644);
    // No file can be made where there is only a link to nowhere, or a directory of that name.
    fs::remove_file(file.path()).unwrap();
    symlink("/no/such/file", file.path()).unwrap();
    assert!(edit(&file, &set).unwrap_err().message.starts_with("cannot be read"));
    fs::remove_file(file.path()).unwrap();
    fs::create_dir(file.path()).unwrap();
    assert_eq!(edit(&file, &set).unwrap_err().message, "is not a file");
}

/// Of many that change something at once, none undoes what another did.
/// A project's file goes to others with it; the user's, and what is private to the user, does not.
#[test]
fn who_may_read_a_new_file() {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().join("home");
    let set = Edit { profile: None, key: "model", value: Some("y") };
    // What the mask of this process leaves is seen by a file that anybody makes.
    fs::write(temp.path().join("usual"), "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let usual = mode(&temp.path().join("usual"));
    for (file, expected) in [
        (SettingsFile::user(&home, None), 0o600),
        (SettingsFile::project(&home, None, temp.path(), true), 0o600),
        (SettingsFile::project(&home, None, temp.path(), false), usual),
    ] {
        assert!(edit(&file, &set).unwrap().is_some());
        assert_eq!(mode(file.path()), expected, "{}", file.path().display());
    }
}

#[test]
fn nothing_is_lost_between_two() {
    let home = tempfile::tempdir().unwrap();
    let file = SettingsFile::user(home.path(), None);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let file = &file;
            let key = format!("profiles.p{n}.model");
            scope.spawn(move || edit(file, &Edit { profile: None, key: &key, value: Some("x") }).unwrap());
        }
    });
    let text = fs::read_to_string(file.path()).unwrap();
    assert!((0..8).all(|n| text.contains(&format!("[profiles.p{n}]"))), "{text}");
}
