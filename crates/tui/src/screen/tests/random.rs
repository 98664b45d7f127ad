//! Whatever is printed, shown and resized: what is on the terminal is what was printed and then what is shown.

use proptest::prelude::*;

use codex_testkit::emulators::{Alacritty, Emulator, Vt100};

use super::{Pair, random_cases, rows};
use crate::text::Live;

#[derive(Debug, Clone)]
enum Step {
    Print(Vec<String>),
    Frame(Vec<String>, usize),
    Resize(usize, usize),
    Finish,
}

/// Rows that begin with what is no blank: an empty one could not be told from none.
fn texts(line: &'static str) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(line, 0..5)
}

fn step(line: &'static str, heights: std::ops::Range<usize>) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => texts(line).prop_map(Step::Print),
        4 => (texts(line), 0..5_usize).prop_map(|(texts, row)| Step::Frame(texts, row)),
        2 => (30..90_usize, heights).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => Just(Step::Finish),
    ]
}

fn cut(text: &str, columns: usize) -> String {
    crate::text::truncate(&crate::text::Row::plain(text), columns).text()
}

/// The wider characters are left out for vt100, which does not bear one that is cut in half.
fn check<E: Emulator>(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut pair = Pair::<E>::new(80, 30);
    // A terminal that wraps rows makes room for them at the top, even if there is some at the bottom.
    let mut printed: Vec<String> = (0..70).map(|number| format!("before {number}")).collect();
    pair.screen.print(rows(&printed.iter().map(String::as_str).collect::<Vec<_>>()));
    for step in steps {
        let mut shown = Vec::new();
        match step {
            Step::Print(texts) => {
                // What was printed is the terminal's: one that cuts rows at another width may lose a part of it.
                let texts: Vec<String> =
                    texts.iter().map(|text| if E::REFLOWS { text.clone() } else { cut(text, 30) }).collect();
                pair.screen.print(rows(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
                printed.extend(texts);
                continue;
            }
            Step::Resize(columns, rows) => {
                pair.resize(*columns, *rows);
                continue;
            }
            Step::Frame(texts, row) => {
                let columns = pair.screen.size().columns;
                shown = texts.iter().map(|text| cut(text, columns)).collect();
                let rows = rows(&texts.iter().map(String::as_str).collect::<Vec<_>>());
                let cursor = rows.get(*row).map(|it| (*row, it.width().min(columns)));
                pair.frame(&Live { rows, cursor });
            }
            Step::Finish => pair.finish(&[]),
        }
        let expected: Vec<String> = printed.iter().cloned().chain(shown).collect();
        prop_assert_eq!(pair.emulator.lines(), expected, "{:?}", steps);
    }
    Ok(())
}

proptest! {
    #![proptest_config(random_cases())]

    #[test]
    fn nothing_is_lost_or_twice_where_rows_are_wrapped_anew(steps in prop::collection::vec(step("[a-z][a-z日本é ]{0,60}[a-z]", 30..60), 1..20)) {
        check::<Alacritty>(&steps)?;
    }

    #[test]
    fn nothing_is_lost_or_twice_where_rows_are_cut(steps in prop::collection::vec(step("[a-z][a-zé ]{0,60}[a-z]", 30..31), 1..20)) {
        check::<Vt100>(&steps)?;
    }
}
