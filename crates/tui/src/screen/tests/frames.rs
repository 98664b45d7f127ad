//! What is printed and shown is on the terminal, in that order, once.

use codex_testkit::emulators::{Alacritty, Emulator, Vt100};

use super::{Pair, live, rows};
use crate::text::{Live, Row, Size};

/// What is done with a screen.
enum Step {
    Print(&'static [&'static str]),
    /// Rows, and the cursor behind the last.
    Frame(&'static [&'static str]),
    Resize(usize, usize),
    Clear,
    Finish(&'static [&'static str]),
}
use Step::{Clear, Finish, Frame, Print, Resize};

struct Case {
    name: &'static str,
    /// Columns, rows.
    size: (usize, usize),
    steps: &'static [Step],
    expected: &'static [&'static str],
    /// From the first of the expected lines.
    cursor: (usize, usize),
}

const LONG: &str = "a line that is longer than forty columns, and so takes two rows of such a screen";

const CASES: &[Case] = &[
    Case {
        name: "finished rows are above the live area",
        size: (80, 24),
        steps: &[
            Frame(&["status", "> "]),
            Print(&["one", "two"]),
            Frame(&["status", "> x"]),
            Print(&["three"]),
            Frame(&["> xy"]),
        ],
        expected: &["one", "two", "three", "> xy"],
        cursor: (3, 4),
    },
    Case {
        name: "the live area grows and shrinks",
        size: (80, 24),
        steps: &[Frame(&["> a"]), Frame(&["1", "2", "3", "> a"]), Frame(&["2", "> ab"]), Frame(&["> "])],
        expected: &[">"],
        cursor: (0, 2),
    },
    Case {
        name: "a row that is as wide as the screen leaves no empty one",
        size: (10, 5),
        steps: &[
            Print(&["0123456789", "日本語日本"]),
            Frame(&["abcdefghij", "> "]),
            Print(&["9876543210"]),
            Frame(&["abcdefghij", "> "]),
        ],
        expected: &["0123456789", "日本語日本", "9876543210", "abcdefghij", ">"],
        cursor: (4, 2),
    },
    Case {
        name: "a live area higher than the screen shows its end",
        size: (10, 3),
        steps: &[Print(&["p"]), Frame(&["1", "2", "3", "4", "> "])],
        expected: &["p", "3", "4", ">"],
        cursor: (3, 2),
    },
    Case {
        name: "what is printed above a live area as high as the screen scrolls out",
        size: (10, 3),
        steps: &[
            Frame(&["1", "2", "> "]),
            Print(&["p", "q"]),
            Frame(&["1", "2", "> "]),
            Print(&["r"]),
            Frame(&["1", "2", "> "]),
        ],
        expected: &["p", "q", "r", "1", "2", ">"],
        cursor: (5, 2),
    },
    Case {
        name: "characters of two columns, with marks, and pictures",
        size: (40, 12),
        steps: &[
            Print(&["日本語 e\u{301} ok"]),
            Frame(&["日本 x", "> 語"]),
            Frame(&["日木 x", "> 語a"]),
            Frame(&["日木 y", "> 語a"]),
        ],
        expected: &["日本語 e\u{301} ok", "日木 y", "> 語a"],
        cursor: (2, 5),
    },
    Case {
        name: "a finished row longer than the screen",
        size: (40, 12),
        steps: &[Frame(&["1", "2", "3", "> "]), Print(&[LONG, "next"]), Frame(&["> "])],
        expected: &[LONG, "next", ">"],
        cursor: (3, 2),
    },
    Case {
        name: "one column",
        size: (1, 5),
        steps: &[Print(&["ab"]), Frame(&["x", ">"]), Print(&["c"]), Frame(&["x", ">"])],
        expected: &["ab", "c", "x", ">"],
        cursor: (4, 0),
    },
    Case {
        name: "one row",
        size: (20, 1),
        steps: &[Print(&["one"]), Frame(&["1", "> "]), Print(&["two"]), Frame(&["1", "> ab"]), Frame(&["> a"])],
        expected: &["one", "two", "> a"],
        cursor: (2, 3),
    },
    Case {
        name: "a wider and a narrower screen",
        size: (40, 12),
        steps: &[
            Print(&["printed"]),
            Frame(&["0123456789012345678901234567890123456789", "> text"]),
            Resize(15, 12),
            Frame(&["012345678901234", "> text"]),
            Resize(60, 12),
            Print(&["more"]),
            Frame(&["01234567890123456789012345678901234567890123456789", "> text"]),
        ],
        expected: &["printed", "more", "01234567890123456789012345678901234567890123456789", "> text"],
        cursor: (3, 6),
    },
    Case {
        name: "a lower and a higher screen",
        size: (200, 60),
        steps: &[
            Print(&["1", "2", "3", "4", "5"]),
            Frame(&["status", "> text"]),
            Resize(200, 5),
            Frame(&["status", "> text"]),
            Resize(200, 20),
            Print(&["6"]),
            Frame(&["status", "> text"]),
        ],
        expected: &["1", "2", "3", "4", "5", "6", "status", "> text"],
        cursor: (7, 6),
    },
    Case {
        name: "a screen lower than the live area, and a higher one again",
        size: (40, 10),
        steps: &[
            Print(&["1", "2", "3", "4", "5", "6", "7"]),
            Frame(&["a", "b", "c", "d", "e", "f", "> text"]),
            Resize(40, 3),
            Frame(&["a", "b", "c", "d", "e", "f", "> text"]),
            Resize(40, 5),
            Frame(&["a", "b", "c", "d", "e", "f", "> texts"]),
            Resize(40, 10),
            Frame(&["a", "b", "c", "d", "e", "f", "> text"]),
        ],
        expected: &["1", "2", "3", "4", "5", "6", "7", "a", "b", "c", "d", "e", "f", "> text"],
        cursor: (13, 6),
    },
    Case {
        name: "the end",
        size: (80, 24),
        steps: &[Print(&["one"]), Frame(&["status", "> draft"]), Print(&["two"]), Finish(&["bye"])],
        expected: &["one", "two", "bye"],
        cursor: (3, 0),
    },
    Case {
        name: "the end, and a beginning after it",
        size: (80, 24),
        steps: &[
            Frame(&["status", "> draft"]),
            Finish(&[]),
            Frame(&["status", "> draft"]),
            Finish(&[]),
            Print(&["x"]),
            Frame(&["> draft"]),
        ],
        expected: &["x", "> draft"],
        cursor: (1, 7),
    },
];

fn run<E: Emulator>(case: &Case) -> Pair<E> {
    let mut pair = Pair::<E>::new(case.size.0, case.size.1);
    for step in case.steps {
        match step {
            Print(texts) => pair.screen.print(rows(texts)),
            Frame(texts) => pair.frame(&live(texts)),
            Resize(columns, rows) => pair.resize(*columns, *rows),
            Clear => pair.screen.clear(),
            Finish(texts) => pair.finish(&rows(texts)),
        }
    }
    pair
}

fn check<E: Emulator>(case: &Case) {
    let mut pair = run::<E>(case);
    assert_eq!(pair.emulator.lines(), case.expected, "{}", case.name);
    let (row, column) = pair.emulator.cursor();
    assert_eq!((row + pair.emulator.scrolled(), column), case.cursor, "{}", case.name);
}

#[test]
fn all_is_there_once() {
    for case in CASES {
        check::<Alacritty>(case);
        // This one loses what is at the bottom when it becomes lower; no real terminal does.
        if !case.name.contains("lower") {
            check::<Vt100>(case);
        }
    }
}

#[test]
fn a_wiped_screen_keeps_its_scrollback() {
    let case = Case {
        name: "wiped",
        size: (20, 3),
        steps: &[Print(&["1", "2", "3", "4"]), Frame(&["> x"]), Clear, Frame(&["> y"])],
        expected: &[],
        cursor: (2, 3),
    };
    let mut pair = run::<Alacritty>(&case);
    assert_eq!((pair.emulator.lines(), pair.emulator.cursor()), (vec!["1".into(), "2".into(), "> y".into()], (0, 3)));
    let mut pair = run::<Vt100>(&case);
    assert_eq!((pair.emulator.lines(), pair.emulator.cursor()), (vec!["1".into(), "2".into(), "> y".into()], (0, 3)));
}

#[test]
fn a_hidden_cursor_rests_at_the_top() {
    let mut pair = Pair::<Alacritty>::new(20, 5);
    pair.screen.print(rows(&["p"]));
    let live = Live { rows: rows(&["1", "2", "3", "4"]), cursor: None };
    pair.frame(&live);
    assert_eq!(pair.emulator.cursor(), (1, 0));
    pair.resize(20, 3);
    pair.frame(&Live { rows: live.rows[..2].to_vec(), cursor: None });
    assert_eq!(pair.emulator.lines(), ["p", "1", "2"]);
}

#[test]
fn the_alternate_buffer_leaves_its_last_rows_in_the_ordinary_one() {
    let mut pair = Pair::<Vt100>::new(20, 4);
    pair.screen.is_full = true;
    pair.emulator.feed(b"before\r\n");
    pair.screen.print(vec![Row::plain("printed")]);
    pair.frame(&live(&["1", "2", "3", "> "]));
    assert_eq!(pair.emulator.lines(), ["1", "2", "3", ">"]);
    pair.resize(10, 3);
    pair.frame(&live(&["2", "> x"]));
    assert_eq!(pair.emulator.lines(), ["2", "> x"]);
    pair.finish(&rows(&["bye"]));
    assert_eq!(pair.emulator.lines(), ["before", "printed", "bye"]);
}

fn a_page_on<E: Emulator>(narrower: bool) {
    let mut pair = Pair::<E>::new(20, 5);
    pair.screen.print(rows(&["1", "2", "3", "4", "5"]));
    pair.frame(&live(&["working", "> x"]));
    pair.screen.page(true);
    pair.frame(&Live { rows: rows(&["Help", "a", "b", "c", "end"]), cursor: None });
    // Of the transcript nothing moves, and what comes to it waits.
    pair.screen.print(rows(&["6"]));
    pair.frame(&Live { rows: rows(&["Help", "b", "c", "d", "end"]), cursor: None });
    assert!(pair.emulator.lines().ends_with(&["Help", "b", "c", "d", "end"].map(str::to_owned)));
    if narrower {
        pair.resize(12, 5);
        pair.frame(&Live { rows: rows(&["Help", "b"]), cursor: None });
    }
    pair.screen.page(false);
    pair.frame(&live(&["working", "> x"]));
    assert_eq!(pair.emulator.lines(), ["1", "2", "3", "4", "5", "6", "working", "> x"]);
}

#[test]
fn a_page_gives_the_screen_back_as_it_was() {
    for narrower in [false, true] {
        a_page_on::<Alacritty>(narrower);
        a_page_on::<Vt100>(narrower);
    }
}

#[test]
fn a_page_is_left_before_the_terminal_is_given_back() {
    let mut pair = Pair::<Vt100>::new(20, 5);
    pair.frame(&live(&["working", "> x"]));
    pair.screen.page(true);
    pair.frame(&live(&["Help", "a", "b"]));
    pair.screen.print(rows(&["1"]));
    pair.finish(&rows(&["bye"]));
    assert_eq!(pair.emulator.lines(), ["1", "bye"]);
}

/// What a lower screen has pushed out, and is finished then, is not printed again: neither whole rows nor one whose
/// end is still to be seen.
#[test]
fn what_was_pushed_out_is_not_printed_again() {
    // The width that it becomes, how many rows are finished, and what is there then.
    let long = "four is longer than that";
    let open = ["one", "two", "three", long, "five", "six", "working", "> x"];
    for (columns, finished) in [(30, 2), (30, 4), (10, 4), (12, 3), (30, 0)] {
        let mut pair = Pair::<Alacritty>::new(30, 12);
        pair.screen.print(rows(&["printed"]));
        pair.frame(&live(&open));
        pair.resize(columns, 4);
        assert!(pair.screen.left_behind().len() >= 4, "{columns}: {:?}", pair.screen.left_behind());
        pair.screen.print(rows(&open[..finished]));
        pair.frame(&live(&["working", "> x"]));
        let lines = pair.emulator.lines();
        // What is not finished by then stands there, and is printed later.
        let pushed = lines.iter().take(1 + finished).map(String::as_str);
        assert!(pushed.eq(std::iter::once("printed").chain(open[..finished].iter().copied())), "{columns}: {lines:?}");
        pair.screen.print(rows(&open[finished..6]));
        pair.frame(&live(&["> x"]));
        let lines = pair.emulator.lines();
        let twice: Vec<&&str> =
            open.iter().filter(|row| lines.iter().filter(|line| line == *row).count() > 1).collect();
        assert!(twice.is_empty() && open[..6].iter().all(|row| lines.iter().any(|line| line == row)), "{lines:#?}");
    }
}

/// The terminal becomes another while rows are made for it: they are not written, not lost, and nothing is there twice.
fn a_late_frame_on<E: Emulator>(sizes: &[(usize, usize)]) {
    let open = ["one", "two", "three is longer than that", "four", "working", "> x"];
    for &(columns, high) in sizes {
        let mut pair = Pair::<E>::new(30, 12);
        let before: Vec<String> = (0..12).map(|number| format!("before {number}")).collect();
        pair.screen.print(rows(&before.iter().map(String::as_str).collect::<Vec<_>>()));
        pair.frame(&live(&open));
        pair.screen.print(rows(&open[..2]));
        pair.screen.send(b"\x1b]2;title\x07");
        let made = live(&[&open[2..], &["> xy"]].concat());
        pair.emulator.resize((columns, high));
        let size = Size { columns, rows: high };
        pair.screen.frame(&made, size).unwrap();
        assert!(pair.screen.out.is_empty(), "{size:?}");
        pair.screen.resize(size);
        let left = pair.screen.left_behind();
        assert!(left.iter().map(Row::text).eq(open[2..].iter().take(left.len()).copied()), "{size:?} {left:?}");
        pair.screen.print(left.clone());
        pair.screen.print(rows(&open[2 + left.len()..4]));
        pair.screen.frame(&live(&["> xy"]), size).unwrap();
        assert!(pair.screen.out.windows(5).any(|bytes| bytes == b"title"), "what was to go out with it: {size:?}");
        pair.flush();
        let lines = pair.emulator.lines();
        let shown = [&before.iter().map(String::as_str).collect::<Vec<_>>(), &open[..4], &["> xy"]].concat();
        let shown: Vec<&str> = shown.into_iter().filter(|row| E::REFLOWS || row.len() < 10).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|row| E::REFLOWS || row.len() < 10).collect();
        assert_eq!(lines, shown, "{size:?}");
    }
}

#[test]
fn a_frame_for_a_size_that_is_gone_waits_for_the_new_one() {
    a_late_frame_on::<Alacritty>(&[(10, 5), (30, 4), (60, 12), (30, 20)]);
    // It forgets rows that it has no room for.
    a_late_frame_on::<Vt100>(&[(10, 12), (60, 12)]);
}
