//! Names that are like what was typed, the likeliest first, with the letters that made them so.

use frizbee::{Config, Matcher};

use crate::text::{Row, Span, Style};

/// Letters that must be typed before one of them may be wrong.
const LETTERS_FOR_A_SLIP: usize = 4;

/// A name that is like what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// Its place in the list.
    pub index: usize,
    /// Where in it the typed letters stand, in bytes, ascending.
    pub marks: Vec<usize>,
}

/// Those of `names` that are like `typed`, the likeliest first; all of them in their order where nothing is typed. Where
/// nothing else is like it, one letter may be wrong.
pub fn ranked<S: AsRef<str>>(typed: &str, names: &[S]) -> Vec<Ranked> {
    if typed.is_empty() {
        return (0..names.len()).map(|index| Ranked { index, marks: Vec::new() }).collect();
    }
    let found = |slips| {
        let config = Config::default().max_typos(Some(slips));
        Matcher::new(typed, &config).match_list_indices(names)
    };
    let mut matches = found(0);
    if matches.is_empty() && typed.chars().count() >= LETTERS_FOR_A_SLIP {
        matches = found(1);
    }
    let ranked = matches.into_iter().filter_map(|found| {
        let index = usize::try_from(found.index).ok()?;
        let mut marks: Vec<usize> = found.indices.iter().filter_map(|at| usize::try_from(*at).ok()).collect();
        marks.sort_unstable();
        Some(Ranked { index, marks })
    });
    ranked.collect()
}

/// Adds `text` to `row` in `style`, and the letters at `marks` in `marked`.
pub fn push_marked(row: &mut Row, text: &str, marks: &[usize], style: Style, marked: Style) {
    let mut begin = 0;
    for (at, c) in text.char_indices().filter(|(at, _)| marks.binary_search(at).is_ok()) {
        let end = at + c.len_utf8();
        row.push(Span::new(text.get(begin..at).unwrap_or_default(), style));
        row.push(Span::new(text.get(at..end).unwrap_or_default(), marked));
        begin = end;
    }
    row.push(Span::new(text.get(begin..).unwrap_or_default(), style));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_likeliest_comes_first() {
        let names = ["permissions", "plan", "resume", "model", "compact", "größe.rs"];
        let table: &[(&str, &[&str])] = &[
            ("", &names),
            ("perm", &["permissions"]),
            ("mod", &["model"]),
            ("MOD", &[]),
            // A slip is forgiven where nothing else is like it, and enough was typed.
            ("modle", &["model"]),
            ("rsm", &["resume"]),
            ("xyz", &[]),
            ("ößers", &["größe.rs"]),
        ];
        for (typed, expected) in table {
            let found: Vec<&str> = ranked(typed, &names).iter().map(|ranked| names[ranked.index]).collect();
            assert_eq!(found, *expected, "{typed}");
        }
    }

    #[test]
    fn the_letters_that_were_typed_are_marked() {
        for (typed, name, expected) in [("abc", "xa_bxc", "[a]_[b]x[c]"), ("größ", "x größe", "[g][r][ö][ß]e")] {
            let ranked = ranked(typed, &[name]);
            let mut row = Row::empty();
            push_marked(&mut row, name, &ranked[0].marks, Style::plain(), Style::plain().bold());
            let shown: String = row
                .spans
                .iter()
                .map(|span| if span.style.bold { format!("[{}]", span.text()) } else { span.text().to_owned() })
                .collect();
            assert!(shown.ends_with(expected), "{shown}");
            assert_eq!(row.text(), name);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_every_letter_of_a_name_is_shown(typed in ".{0,12}", names in prop::collection::vec(".{0,40}", 0..6)) {
            for found in ranked(&typed, &names) {
                let mut row = Row::empty();
                push_marked(&mut row, &names[found.index], &found.marks, Style::plain(), Style::plain().bold());
                prop_assert_eq!(row.text(), Row::plain(&names[found.index]).text());
            }
        }
    }
}
