//! `[tui]`: what it comes to, what of the existing CLI's is passed over, what a project may say.

use std::collections::BTreeMap;

use super::{PROJECT, USER, check, check_error, load_files};
use crate::{Notifications, ScreenSettings};

fn usual() -> ScreenSettings {
    ScreenSettings {
        theme: "auto".into(),
        alternate_screen: false,
        vim: false,
        keymap: BTreeMap::new(),
        status_line: None,
        notifications: Notifications::All(true),
        notification_method: "auto".into(),
        images: "auto".into(),
        terminal_title: true,
        screen_reader: false,
        keeps_history: true,
    }
}

fn keys(lines: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    lines.iter().map(|(name, keys)| ((*name).to_owned(), owned(keys))).collect()
}

#[test]
fn it_comes_to_plain_data() {
    let table = [
        ("", usual()),
        ("theme = \"high-contrast\"", ScreenSettings { theme: "high-contrast".into(), ..usual() }),
        ("alternate_screen = true", ScreenSettings { alternate_screen: true, ..usual() }),
        ("alternate_screen = \"always\"", ScreenSettings { alternate_screen: true, ..usual() }),
        ("alternate_screen = \"auto\"", usual()),
        ("vim_mode_default = true", ScreenSettings { vim: true, ..usual() }),
        (
            "keymap = { submit = \"ctrl+s\", queue = [\"f2\", \"f3\"], \"mode\" = \"none\" }",
            ScreenSettings {
                keymap: keys(&[("submit", &["ctrl+s"]), ("queue", &["f2", "f3"]), ("mode", &["none"])]),
                ..usual()
            },
        ),
        (
            "status_line = [\"branch\", \"model\"]",
            ScreenSettings { status_line: Some(vec!["branch".into(), "model".into()]), ..usual() },
        ),
        ("status_line = []", ScreenSettings { status_line: Some(Vec::new()), ..usual() }),
        ("notifications = false", ScreenSettings { notifications: Notifications::All(false), ..usual() }),
        (
            "notifications = [\"approval-requested\"]\nnotification_method = \"bel\"",
            ScreenSettings {
                notifications: Notifications::Only(vec!["approval-requested".into()]),
                notification_method: "bel".into(),
                ..usual()
            },
        ),
        ("[history]\npersistence = \"none\"", ScreenSettings { keeps_history: false, ..usual() }),
        ("images = \"off\"", ScreenSettings { images: "off".into(), ..usual() }),
        ("terminal_title = false", ScreenSettings { terminal_title: false, ..usual() }),
        ("terminal_title = [\"project\"]", usual()),
        ("terminal_title = []", ScreenSettings { terminal_title: false, ..usual() }),
        ("screen_reader = true", ScreenSettings { screen_reader: true, ..usual() }),
    ];
    for (text, expected) in table {
        let loaded = check(&[(USER, &format!("[tui]\n{text}"))], &[], &[]);
        assert_eq!(loaded.settings.tui, expected, "{text}");
    }
}

#[test]
fn what_only_the_existing_cli_knows_is_passed_over() {
    let text = "[tui]\ntheme = \"nord\"\nstatus_line = [\"x\", \"model\"]\nnotifications = [\"y\"]\n\
        animations = false\nraw = 1\n[tui.keymap.global]\nopen_transcript = \"ctrl-t\"\n[tui.keymap]\nsubmit = \"f2\"\n";
    let loaded = check(
        &[(USER, text)],
        &[],
        &[
            "~/.codex/config.toml:2:9: passed over, since `theme` knows only auto, ansi, dark, light, high-contrast: `nord`",
            "~/.codex/config.toml:3:15: passed over, since `status_line` knows only model, directory, branch, sandbox, \
             approval, context, tokens, cost, elapsed, session, name, agents: `x`",
            "~/.codex/config.toml:4:17: passed over, since `notifications` knows only agent-turn-complete, \
             approval-requested: `y`",
            "~/.codex/config.toml:6:1: unknown key `raw` in `[tui]`",
            "~/.codex/config.toml:7:13: `keymap.global` is passed over: it must be a string or a list of strings",
        ],
    );
    let expected =
        ScreenSettings { status_line: Some(vec!["model".into()]), keymap: keys(&[("submit", &["f2"])]), ..usual() };
    assert_eq!(loaded.settings.tui, expected);
}

#[test]
fn what_is_wrong_is_an_error() {
    let table = [
        ("theme = 3", "1:13: `theme` must be a string, not a number"),
        ("status_line = \"model\"", "1:19: `status_line` must be a list of strings, not a string"),
        ("notifications = \"no\"", "1:21: `notifications` must be `true`, `false` or a list of strings, not a string"),
        ("alternate_screen = \"no\"", "1:24: `no` is not a value of `alternate_screen`"),
        ("keymap = \"vim\"", "1:14: `keymap` must be a table of strings and lists of strings, not a string"),
        ("keymap.submit = 1", "1:21: `keymap.submit` must be a list of strings, not a number"),
        ("keymap.submit = [1]", "1:22: `keymap.submit` must be a list of strings; this is a number"),
    ];
    for (text, expected) in table {
        let error = load_files(&[(USER, &format!("tui.{text}"))], &[]).map(|loaded| loaded.settings).unwrap_err();
        assert!(error.starts_with(&format!("~/{USER}:{expected}")), "{text}: {error}");
    }
    let moved = "~/.codex/config.toml:2:1: unknown key `sandbox` in `[tui]`: a rule that is not understood is not enforced \
        either\n  2 | sandbox = \"read-only\"\n    | ^^^^^^^\n  \
        hint: it stands in the table [tui]; move it above the first table";
    check_error(&[(USER, "[tui]\nsandbox = \"read-only\"")], &[], moved);
}

/// Keys and the status line are how a person answers, and sees what holds.
#[test]
fn a_project_that_is_not_trusted_says_only_how_things_look() {
    let text = "[tui]\ntheme = \"dark\"\nalternate_screen = true\nvim = true\nstatus_line = [\"model\"]\n\
        notifications = false\nscreen_reader = true\nkeymap.answer-yes = \"n\"\n";
    let loaded = load_files(&[(PROJECT, text)], &[]).unwrap();
    assert_eq!(loaded.settings.tui, ScreenSettings { theme: "dark".into(), alternate_screen: true, ..usual() });
    let loaded = load_files(&[(PROJECT, text)], &["--trust"]).unwrap();
    assert_eq!(loaded.settings.tui.keymap, keys(&[("answer-yes", &["n"])]));
}
