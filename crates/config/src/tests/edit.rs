//! Rules that are remembered and forgotten: a file before, and the same file after.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use crate::{ConfigError, forget, remember};

const PROJECT: &str = "/p";

fn home(text: Option<&str>) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    if let Some(text) = text {
        fs::write(home.path().join("config.toml"), text).unwrap();
    }
    home
}

fn text(home: &TempDir) -> String {
    fs::read_to_string(home.path().join("config.toml")).unwrap()
}

fn names(home: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(home.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn short(home: &TempDir, error: &ConfigError) -> String {
    error.to_string().replace(home.path().to_str().unwrap(), "~")
}

#[test]
fn remembering_keeps_all_else() {
    let table: &[(&str, Option<&str>, &str)] = &[
        // before, project, after; the rule is always `=make "a"`
        ("", None, "[permissions]\nallow = ['=make \"a\"']\n"),
        (
            "# mine\nmodel = \"x\" # fast\n",
            None,
            "# mine\nmodel = \"x\" # fast\n\n[permissions]\nallow = ['=make \"a\"']\n",
        ),
        (
            "[permissions]\ndeny = [\"rm\"]\n\n# the screen\n[tui]\nx = 1\n",
            None,
            "[permissions]\ndeny = [\"rm\"]\nallow = ['=make \"a\"']\n\n# the screen\n[tui]\nx = 1\n",
        ),
        ("[permissions]\nallow = [\"ls\"] # few\n", None, "[permissions]\nallow = [\"ls\", '=make \"a\"'] # few\n"),
        (
            "[permissions]\nallow = [\n    \"ls\", # one\n    # two\n    \"cat\" # three\n]\n",
            None,
            "[permissions]\nallow = [\n    \"ls\", # one\n    # two\n    \"cat\", # three\n    '=make \"a\"',\n]\n",
        ),
        (
            "[permissions]\nallow = [\n\t\"cat\", # three\n\t# four\n]\n",
            None,
            "[permissions]\nallow = [\n\t\"cat\", # three\n\t# four\n\t'=make \"a\"',\n]\n",
        ),
        (
            "[permissions]\nallow = [\n  # none yet\n]\n",
            None,
            "[permissions]\nallow = [\n  # none yet\n  '=make \"a\"',\n]\n",
        ),
        ("permissions.deny = []\n", None, "permissions.deny = []\npermissions.allow = ['=make \"a\"']\n"),
        ("permissions = { deny = [] }\n", None, "permissions = { deny = [] , allow = ['=make \"a\"'] }\n"),
        ("", Some(PROJECT), "[permissions.projects.\"/p\"]\nallow = ['=make \"a\"']\n"),
        (
            "[permissions]\nallow = [\"ls\"]\n[permissions.projects.\"/q\"]\nallow = [\"x\"]\n[tui]\n",
            Some(PROJECT),
            "[permissions]\nallow = [\"ls\"]\n[permissions.projects.\"/q\"]\nallow = [\"x\"]\n\n\
             [permissions.projects.\"/p\"]\nallow = ['=make \"a\"']\n[tui]\n",
        ),
        (
            "[permissions.projects]\n\"/p\" = { deny = [\"rm\"], allow = [\"x\"] }\n",
            Some(PROJECT),
            "[permissions.projects]\n\"/p\" = { deny = [\"rm\"], allow = [\"x\", '=make \"a\"'] }\n",
        ),
    ];
    for (before, project, after) in table {
        let home = home(Some(before));
        let rule = "=make \"a\"";
        assert_eq!(remember(home.path(), project.map(Path::new), rule), Ok(true), "{before}");
        assert_eq!(text(&home), *after);
        assert_eq!(remember(home.path(), project.map(Path::new), rule), Ok(false), "twice: {before}");
        assert_eq!(text(&home), *after);
        assert_eq!(forget(home.path(), Path::new(PROJECT), rule), Ok(true), "{before}");
        assert_eq!(forget(home.path(), Path::new(PROJECT), rule), Ok(false), "{before}");
        assert_eq!(names(&home), ["config.toml"]);
    }
    // What holds everywhere need not be said of one project.
    let home = home(Some("permissions.allow = [\"ls\"]"));
    assert_eq!(remember(home.path(), Some(Path::new(PROJECT)), "ls"), Ok(false));
}

#[test]
fn forgetting_keeps_all_else() {
    let table = [
        ("permissions.allow = [\"ls\", \"cat\"]\n", "permissions.allow = [\"cat\"]\n"),
        ("permissions.allow = [\"cat\", \"ls\"]\n", "permissions.allow = [\"cat\"]\n"),
        (
            "permissions.allow = [\n  # a\n  \"ls\",\n  # b\n  \"cat\",\n]\n",
            "permissions.allow = [\n  # b\n  \"cat\",\n]\n",
        ),
        (
            "[permissions]\nallow = [\"ls\"]\n[permissions.projects.\"/p\"]\nallow = [\"ls\"] # x\n",
            "[permissions]\nallow = []\n[permissions.projects.\"/p\"]\nallow = [] # x\n",
        ),
    ];
    for (before, after) in table {
        let home = home(Some(before));
        assert_eq!(forget(home.path(), Path::new(PROJECT), "ls"), Ok(true), "{before}");
        assert_eq!(text(&home), after);
    }
    // A rule that forbids is not one that was remembered.
    let home = home(Some("permissions.deny = [\"ls\"]"));
    assert_eq!(forget(home.path(), Path::new(PROJECT), "ls"), Ok(false));
}

/// The file is as it was, and the user is told why.
#[test]
fn what_cannot_be_changed() {
    let table = [
        ("model = ", "ls", "~/config.toml:1:9: this is not TOML: "),
        ("[permissions]\nallow = 3", "ls", "~/config.toml:2:9: `allow` must be a list of strings, not a number"),
        ("", "", "~/config.toml: was not changed, for it would not load: `allow` must not be empty"),
        (
            "",
            "a\nb",
            "~/config.toml: was not changed, for it would not load: `allow` must not contain control characters",
        ),
    ];
    for (before, rule, expected) in table {
        let home = home(Some(before));
        let error = remember(home.path(), None, rule).unwrap_err();
        assert!(short(&home, &error).starts_with(expected), "{error}");
        assert_eq!((text(&home).as_str(), names(&home).len()), (before, 1));
    }
    let home = home(Some("[permissions.projects.\"/q\"]\nallow = [\"ls\"]"));
    let error = forget(home.path(), Path::new(PROJECT), "ls").unwrap_err();
    assert_eq!(short(&home, &error), "~/config.toml: `ls` is remembered for `/q` only; name one of them with `--cd`");
    let error = remember(home.path(), Some(Path::new("p")), "ls").unwrap_err();
    assert!(error.message.contains("cannot name this project"), "{error}");
}

#[test]
fn a_missing_file_is_made_for_the_user_alone() {
    let home = tempfile::tempdir().unwrap();
    let inner = home.path().join("a/codex");
    assert_eq!(remember(&inner, None, "ls"), Ok(true));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&inner.join("config.toml"))), (0o700, 0o600));
}

#[test]
fn the_mode_and_the_link_stay() {
    let home = home(None);
    let file = home.path().join("dotfiles/codex.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "model = \"x\"\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("dotfiles/codex.toml", home.path().join("config.toml")).unwrap();
    assert_eq!(remember(home.path(), None, "ls"), Ok(true));
    assert!(fs::symlink_metadata(home.path().join("config.toml")).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().ends_with("allow = [\"ls\"]\n"));
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
}

/// Of many processes, here threads, that remember something at once, none undoes what another did.
#[test]
fn nothing_is_lost_between_two() {
    let home = home(None);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let home = home.path();
            scope.spawn(move || remember(home, None, &format!("rule{n}")).unwrap());
        }
    });
    let text = text(&home);
    assert!((0..8).all(|n| text.contains(&format!("rule{n}"))), "{text}");
}
