//! The history by rows and by search.

use super::*;
use crate::{look::Look, theme::Theme};

fn with_history(text: &str) -> Composer {
    let mut composer = composer("");
    for entry in ["cargo test", "two\nlines", "!cargo build", "/model x", " secret"] {
        write(&mut composer, entry);
        composer.take();
    }
    write(&mut composer, text);
    composer
}

fn check(table: &[(&str, &str, &str)]) {
    for (text, keys, expected) in table {
        let mut composer = with_history(text);
        press(&mut composer, keys);
        assert_eq!(state(&composer), *expected, "{text:?} {keys}");
    }
}

#[test]
fn up_in_the_first_row_recalls() {
    check(&[
        ("draft|", "up", "/model x|"),
        ("draft|", "up up ctrl+p", "two\nlines|"),
        ("draft|", "up up up up", "cargo test|"),
        ("draft|", "up up up up up", "cargo test|"),
        ("draft|", "up down", "draft|"),
        ("dr|aft", "up up down down \"!\"", "draft!|"),
        ("draft|", "up up up left up", "two|\nlines"),
        ("draft|", "up up up left up up", "cargo test|"),
        ("a\nb|", "up", "a|\nb"),
        ("a\nb|", "up up", "/model x|"),
        ("|a\nb", "down", "a\n|b"),
        ("a|", "down", "a|"),
        // A changed entry is a new text; what is recalled can be undone.
        ("draft|", "up \"y\" down", "draft|"),
        ("draft|", "up ctrl+_", "draft|"),
    ]);
}

#[test]
fn a_search_finds_the_newest_first() {
    check(&[
        ("draft|", "ctrl+r \"cargo\" enter", "!|cargo build"),
        ("draft|", "ctrl+r \"cargo\" ctrl+r enter", "|cargo test"),
        ("draft|", "ctrl+r \"cargo\" ctrl+r ctrl+n enter", "!|cargo build"),
        ("draft|", "ctrl+r \"cargo\" ctrl+r ctrl+r enter", "|cargo test"),
        ("draft|", "ctrl+r \"CARGO\" enter", "draft|"),
        ("draft|", "ctrl+r \"carx\" enter", "!|cargo build"),
        ("draft|", "ctrl+r \"carx\" backspace ctrl+r enter", "|cargo test"),
        ("draft|", "ctrl+r \"c\" backspace enter", "draft|"),
        ("dr|aft", "ctrl+r \"cargo\" esc", "dr|aft"),
        ("dr|aft", "ctrl+r \"cargo\" ctrl+g", "dr|aft"),
        ("dr|aft", "ctrl+r esc", "dr|aft"),
        ("draft|", "ctrl+r \"cargo\" end \"!\"", "!cargo build!|"),
        ("draft|", "ctrl+r \"cargo\" enter ctrl+_", "draft|"),
        ("draft|", "ctrl+r \"zz\" enter", "draft|"),
    ]);
    let mut composer = with_history("draft|");
    assert_eq!(press(&mut composer, "ctrl+r \"test\" enter"), Pressed::Edited);
    assert!(!composer.is_searching());
    assert_eq!(press(&mut composer, "enter"), Pressed::Ignored);
    press(&mut composer, "ctrl+r \"test\"");
    assert_eq!(composer.take().text, "cargo test");
}

#[test]
fn a_search_is_shown() {
    let look = Look { width: 40, theme: Theme::Ansi };
    let mut composer = with_history("draft|");
    let shown = |composer: &Composer| {
        let live = composer.live(&look, 5);
        (live.rows.iter().map(crate::text::Row::text).collect::<Vec<_>>(), live.cursor)
    };
    press(&mut composer, "ctrl+r \"lin\"");
    assert_eq!(shown(&composer), (vec!["› two".into(), "  lines".into(), "history: lin".into()], Some((2, 12))));
    press(&mut composer, "\"x\"");
    assert_eq!(shown(&composer).0[2], "not in the history: linx");
    press(&mut composer, "esc");
    assert_eq!(shown(&composer), (vec!["› draft".into()], Some((0, 7))));
}

#[test]
fn the_history_is_that_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.jsonl");
    let mut first = Composer::new(History::open(&path));
    press(&mut first, "\"one\"");
    first.take();
    let mut second = Composer::new(History::open(&path));
    press(&mut second, "up");
    assert_eq!(state(&second), "one|");
}
