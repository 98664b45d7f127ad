//! What is seen of the composer.

use super::*;
use crate::{look::Look, text::Row, theme::Theme};

/// Rows, and the cursor.
type Seen = (Vec<String>, Option<(usize, usize)>);

/// Text, columns, rows; what is seen, and where the cursor is.
type Case<'a> = (&'a str, usize, usize, &'a [&'a str], (usize, usize));

fn seen(composer: &Composer, width: usize, rows: usize) -> Seen {
    let live = composer.live(&Look { width, theme: Theme::Ansi }, rows);
    for row in &live.rows {
        assert!(row.width() <= width && !row.text().ends_with("  "), "{row:?}");
    }
    assert!(live.rows.len() <= rows.max(1));
    let (row, column) = live.cursor.unwrap();
    assert!(row < live.rows.len() && column < width, "{live:?}");
    (live.rows.iter().map(Row::text).collect(), live.cursor)
}

#[test]
fn text_is_wrapped_and_the_cursor_is_in_it() {
    let table: &[Case<'_>] = &[
        ("|", 40, 5, &["› Ask, or /help"], (0, 2)),
        ("one two|", 40, 5, &["› one two"], (0, 9)),
        ("one two three|", 10, 5, &["› one two", "  three"], (1, 7)),
        ("one two |three", 10, 5, &["› one two", "  three"], (1, 2)),
        ("one two| three", 10, 5, &["› one two", "  three"], (0, 9)),
        ("a\n\nb|", 10, 5, &["› a", "", "  b"], (2, 3)),
        ("a\n|", 10, 5, &["› a", ""], (1, 2)),
        ("日本語|語", 10, 5, &["› 日本語", "  語"], (1, 2)),
        ("e\u{301}👩\u{200d}👩\u{200d}👧🇩🇪|", 20, 5, &["› e\u{301}👩\u{200d}👩\u{200d}👧🇩🇪"], (0, 7)),
        ("a\tb|", 20, 5, &["› a    b"], (0, 8)),
        ("\u{1b}[2J\u{202e}|", 40, 5, &["› \\u{1b}[2J\\u{202e}"], (0, 19)),
        // Only the rows around the cursor.
        ("1\n2\n3\n4|", 10, 2, &["  3", "  4"], (1, 3)),
        ("|1\n2\n3\n4", 10, 2, &["› 1", "  2"], (0, 2)),
        ("1\n2\n3|\n4", 10, 1, &["  3"], (0, 3)),
        // A screen of next to nothing.
        ("ab|", 1, 1, &["b"], (0, 0)),
        ("日|", 1, 1, &["…"], (0, 0)),
        ("|", 3, 3, &["A…"], (0, 0)),
    ];
    for (text, width, rows, expected, cursor) in table {
        let (found, at) = seen(&composer(text), *width, *rows);
        assert_eq!((found, at), (Vec::from_iter(expected.iter().map(ToString::to_string)), Some(*cursor)), "{text:?}");
    }
}

#[test]
fn it_scrolls_no_more_than_it_must() {
    let mut composer = composer("1\n2\n3\n4\n5|");
    assert_eq!(seen(&composer, 20, 3), (vec!["  3".into(), "  4".into(), "  5".into()], Some((2, 3))));
    press(&mut composer, "up up");
    assert_eq!(seen(&composer, 20, 3), (vec!["  3".into(), "  4".into(), "  5".into()], Some((0, 3))));
    press(&mut composer, "up");
    assert_eq!(seen(&composer, 20, 3), (vec!["  2".into(), "  3".into(), "  4".into()], Some((0, 3))));
    press(&mut composer, "down down down ctrl+k ctrl+u backspace");
    assert_eq!(seen(&composer, 20, 3).1, Some((2, 3)));
}

#[test]
fn a_placeholder_is_cut_to_the_screen() {
    let mut composer = composer("x|");
    composer.paste(&"line\n".repeat(20));
    assert_eq!(seen(&composer, 12, 5).0, ["› x", "  [Pasted …"]);
}
