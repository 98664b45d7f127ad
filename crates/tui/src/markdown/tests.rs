//! Markdown and the rows that are made of it, whole and as it arrives.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::{
    tests::{golden, plain, styled},
    theme::Theme,
};

fn look(width: usize) -> Look {
    Look { width, theme: Theme::Ansi }
}

fn case(name: &str) -> String {
    fs::read_to_string(format!("{}/src/markdown/cases/{name}.md", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const CASES: &[&str] = &["all", "streaming"];

/// Blocks of most kinds, in which no two words are the same.
const NUMBERED: &str = "\
# Head one

Words two three four five six seven eight nine ten **eleven twelve thirteen** fourteen `fifteen sixteen` seventeen \
eighteen nineteen 日本語 twenty, twentyone; twentytwo (twentythree) *twentyfour* twentyfive twentysix.

- item twentyseven twentyeight twentynine thirty thirtyone thirtytwo thirtythree thirtyfour thirtyfive thirtysix
- item thirtyseven
  - item thirtyeight thirtynine forty fortyone fortytwo fortythree fortyfour fortyfive fortysix fortyseven
- item fortyeight

```rust
let fortynine = fifty(fiftyone);

    if fiftytwo { fiftythree(fiftyfour, fiftyfive, fiftysix, fiftyseven, fiftyeight, fiftynine, sixty) }
}
```

> quote sixtyone sixtytwo sixtythree sixtyfour sixtyfive sixtysix sixtyseven sixtyeight sixtynine seventy seventyone

The end seventytwo seventythree.
";

/// The rows of a document that arrives in `pieces`, with `live_rows` rows for what is open; the live rows are looked at
/// after each.
fn streamed(pieces: &[&str], look: &Look, live_rows: usize) -> Vec<Row> {
    let mut stream = Stream::new();
    let mut rows = Vec::new();
    for piece in pieces {
        stream.push(piece);
        rows.extend(stream.take(look, live_rows));
        stream.live(look);
    }
    rows.extend(stream.finish(look));
    rows
}

/// `text` cut at `places`, in thousandths of its length.
fn pieces<'a>(text: &'a str, places: &[usize]) -> Vec<&'a str> {
    let mut places: Vec<usize> =
        places.iter().map(|place| text.floor_char_boundary(text.len() * place / 1000)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

#[test]
fn documents() {
    for name in CASES {
        for width in [40, 80, 200] {
            let rows = markdown(&case(name), &look(width));
            golden(&format!("src/markdown/cases/{name}.{width}.txt"), &styled(&rows));
            for row in &rows {
                assert!(row.width() <= width, "{name} in {width}: {}", row.text());
                assert!(!row.text().ends_with(' '), "{name} in {width}: {:?}", row.text());
            }
        }
    }
}

#[test]
fn a_document_in_single_characters_is_the_same() {
    for name in CASES {
        let text = case(name);
        let single: Vec<&str> = text.split_inclusive(|_| true).collect();
        for width in [40, 80] {
            let look = look(width);
            assert_eq!(styled(&streamed(&single, &look, 100)), styled(&markdown(&text, &look)), "{name} in {width}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_prints_the_same(places in proptest::collection::vec(0_usize..1000, 0..40), width in 20_usize..120) {
        for name in CASES {
            let (text, look) = (case(name), look(width));
            let rows = streamed(&pieces(&text, &places), &look, 100);
            prop_assert_eq!(styled(&rows), styled(&markdown(&text, &look)));
        }
    }

    #[test]
    fn nothing_is_lost_or_twice_in_a_few_rows(
        places in proptest::collection::vec(0_usize..1000, 0..40), live in 1_usize..12, width in 40_usize..100,
    ) {
        for name in CASES {
            let (text, look) = (case(name), look(width));
            let rows = streamed(&pieces(&text, &places), &look, live);
            // In a table whose columns have other widths, cells are cut at other places.
            let letters = |rows: &[Row]| {
                let mut letters: Vec<char> = plain(rows).chars().filter(|c| c.is_alphanumeric()).collect();
                letters.sort_unstable();
                letters
            };
            prop_assert_eq!(letters(&rows), letters(&markdown(&text, &look)));
        }
    }

    #[test]
    fn the_width_may_change_at_any_time(
        places in proptest::collection::vec(0_usize..1000, 1..40),
        widths in proptest::collection::vec(40_usize..120, 1..5),
        live in 1_usize..8,
    ) {
        for name in CASES {
            let text = case(name);
            let (mut stream, mut rows) = (Stream::new(), Vec::new());
            for (piece, width) in pieces(&text, &places).into_iter().zip(widths.iter().cycle()) {
                stream.push(piece);
                let printed = stream.take(&look(*width), live);
                prop_assert!(printed.iter().all(|row| row.width() <= *width), "{}", plain(&printed));
                prop_assert!(stream.live(&look(*width)).iter().all(|row| row.width() <= *width));
                rows.extend(printed);
            }
            rows.extend(stream.finish(&look(widths[0])));
            // A row may be printed twice, at two widths; nothing is lost.
            let count = |rows: &[Row], c| plain(rows).chars().filter(|other| *other == c).count();
            let whole = markdown(&text, &look(200));
            for c in ('a'..='z').chain(['本', 'ト', '👩']) {
                prop_assert!(count(&rows, c) >= count(&whole, c), "{} of {}: {}", c, name, plain(&rows));
            }
        }
    }

    /// As where a lower screen pushes live rows out at its top: they stay there, and what comes goes on behind them.
    #[test]
    fn nothing_is_lost_or_twice_of_what_stays_where_it_is_seen(
        places in proptest::collection::vec(0_usize..1000, 1..40),
        widths in proptest::collection::vec(20_usize..120, 1..5),
        left in proptest::collection::vec(0_usize..8, 1..5),
        live in 1_usize..12,
    ) {
        let (mut stream, mut rows) = (Stream::new(), Vec::new());
        let steps = pieces(NUMBERED, &places).into_iter().zip(widths.iter().cycle()).zip(left.iter().cycle());
        for ((piece, width), left) in steps {
            stream.push(piece);
            rows.extend(stream.take(&look(*width), live));
            let shown = stream.live(&look(*width));
            let text: String = shown.iter().take(*left).flat_map(seen).collect();
            if !text.is_empty() {
                stream.leave(&text);
                rows.extend(shown.into_iter().take(*left));
            }
        }
        rows.extend(stream.finish(&look(widths[0])));
        let letters = |rows: &[Row]| plain(rows).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        prop_assert_eq!(letters(&rows), letters(&markdown(NUMBERED, &look(200))), "{}", plain(&rows));
    }

    #[test]
    fn nothing_makes_it_panic(text in "[-a-c>#*`~|:\\[\\]()<!_ \n0-9.\t]{0,200}", live in 1_usize..4, width in 1_usize..30) {
        let look = look(width);
        let single: Vec<&str> = text.split_inclusive(|_| true).collect();
        streamed(&single, &look, live);
        markdown(&text, &look);
    }
}

#[test]
fn much_text_at_once_is_printed_bit_by_bit_and_the_same() {
    let (look, text) = (look(80), case("all").repeat(200));
    assert!(text.len() > 100_000, "{}", text.len());
    let (mut stream, mut rows, mut most) = (Stream::new(), Vec::new(), 0);
    stream.push(&text);
    while stream.is_behind() {
        let taken = stream.take(&look, 10);
        assert!(stream.kept() <= 64 << 10, "{}", stream.kept());
        most = most.max(taken.len());
        rows.extend(taken);
    }
    rows.extend(stream.finish(&look));
    assert_eq!(styled(&rows), styled(&markdown(&text, &look)));
    assert!(most < rows.len() / 5, "{most} rows of {} at once", rows.len());
}

#[test]
fn what_never_ends_is_kept_in_small_pieces() {
    let table: &[(&str, &str)] = &[
        ("", "word "),
        ("", "word\n"),
        ("", "abcdefghij"),
        ("```\n", "code\n"),
        ("```\n", "abcdefghij"),
        ("- ", "item\n- "),
        ("- ", "abcdefghij"),
        ("> ", "quote\n> "),
        ("| a | b |\n|---|---|\n", "| c | d |\n"),
        ("    ", "indented\n    "),
        ("<div>\n", "html\n"),
        ("[^1]: ", "note\n    "),
        ("- a\n", "  - nested\n"),
    ];
    for (begin, again) in table {
        let (mut stream, mut rows) = (Stream::new(), Vec::new());
        stream.push(begin);
        let times = 1000 / again.len();
        for _ in 0..60 {
            stream.push(&again.repeat(times));
            rows.extend(stream.take(&look(60), 10));
            assert!(stream.kept() < 20_000 && stream.live(&look(60)).len() < 4_000, "{begin:?} {again:?}");
        }
        rows.extend(stream.finish(&look(60)));
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        let expected = letters(begin) + letters(again) * times * 60;
        let came = letters(&plain(&rows));
        assert!(came == expected || came + letters("div") == expected, "{begin:?} {again:?}: {came} of {expected}");
        assert!(rows.len() > 100 && rows.iter().all(|row| row.width() <= 60), "{begin:?} {again:?}");
    }
}
