//! The table of keys is sound, and what is changed of it.

use std::{collections::BTreeMap, collections::BTreeSet, fs, path::Path};

use super::*;

/// Names of actions and their keys.
type Changes<'a> = &'a [(&'a str, &'a [&'a str])];

fn keymap(changes: Changes<'_>) -> Result<Keymap, String> {
    let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    Keymap::new(&changes.iter().map(|(name, keys)| ((*name).to_owned(), owned(keys))).collect::<BTreeMap<_, _>>())
}

#[test]
fn the_table_is_sound() {
    let names: BTreeSet<&str> = BINDINGS.iter().map(|binding| binding.name).collect();
    assert_eq!(names.len(), BINDINGS.len(), "a name is used twice");
    for binding in BINDINGS {
        assert!(!binding.about.is_empty() && !binding.about.ends_with('.'), "{binding}");
        for key in binding.keys {
            assert_eq!(key.parse::<Key>().map(|key| key.to_string()).as_deref(), Ok(*key), "{binding}");
        }
    }
    assert_eq!(Keymap::default().conflicts(), Vec::<String>::new());
}

#[test]
fn keys_are_changed_by_name() {
    let table: &[(Changes<'_>, Context, &str, Option<Action>)] = &[
        (&[], Context::Global, "enter", Some(Action::Submit)),
        (&[], Context::Composer, "enter", None),
        (&[], Context::Composer, "ctrl+d", Some(Action::DeleteForward)),
        (&[], Context::Global, "ctrl+d", Some(Action::Quit)),
        (&[("submit", &["ctrl+s"])], Context::Global, "ctrl+s", Some(Action::Submit)),
        (&[("submit", &["ctrl+s"])], Context::Global, "enter", None),
        (&[("suspend", &["none"])], Context::Global, "ctrl+z", None),
        (&[("newline", &["enter"]), ("submit", &["ctrl+s"])], Context::Composer, "enter", Some(Action::Newline)),
        (&[("undo", &["f2", "F3"])], Context::Composer, "f3", Some(Action::Undo)),
        // Keys of one place do not matter in another.
        (&[("pager-copy", &["enter"]), ("pager-expand", &["y"])], Context::Pager, "enter", Some(Action::Copy)),
    ];
    for (changes, context, key, expected) in table {
        let found = keymap(changes).map(|keymap| keymap.action(*context, key.parse().unwrap()));
        assert_eq!(found, Ok(*expected), "{changes:?} {key}");
    }
}

#[test]
fn what_is_wrong_is_said_with_key_and_action() {
    let table: &[(Changes<'_>, &[&str])] = &[
        (&[("submitt", &["enter"])], &["`tui.keymap.submitt`", "no such action"]),
        (&[("edit_queued", &["f2"])], &["did you mean `edit-queued`?"]),
        (&[("submit", &["hyper+x"])], &["`tui.keymap.submit`", "`hyper+x`", "none of ctrl, alt, shift"]),
        (&[("submit", &["none", "f2"])], &["`none` is no key"]),
        (&[("queue", &["enter"])], &["the key `enter`", "`submit` and `queue`"]),
        (&[("undo", &["ctrl+c"])], &["the key `ctrl+c`", "`clear-or-quit` and `undo`"]),
        (&[("pager-up", &["q"])], &["the key `q`", "`pager-up` and `pager-close`"]),
    ];
    for (changes, expected) in table {
        let message = keymap(changes).map(|_| ()).unwrap_err();
        assert!(expected.iter().all(|part| message.contains(part)), "{changes:?}: {message}");
    }
    let both = keymap(&[("nothing", &["f2"]), ("queue", &["enter"])]).map(|_| ()).unwrap_err();
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn a_key_is_named_to_people() {
    let table = [(Action::Interrupt, "esc"), (Action::Transcript, "ctrl+t"), (Action::Newline, "shift+enter")];
    for (action, expected) in table {
        assert_eq!(Keymap::default().shown(action), expected);
    }
    assert_eq!(keymap(&[("transcript", &["none"])]).unwrap().shown(Action::Transcript), "(no key)");
}

#[test]
fn the_keys_in_docs_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keys.md");
    if codex_config::Environment::from_process().get_named("UPDATE").is_some() {
        fs::write(&path, document()).unwrap();
    }
    let renew = "docs/keys.md is out of date: `UPDATE=1 cargo test -p codex-tui keys_in_docs` renews it";
    assert!(fs::read_to_string(path).unwrap_or_default() == document(), "{renew}");
}
