//! Names that are like what was typed, the likeliest first, with the letters that made them so.

use std::cmp::Reverse;

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

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
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut found = like(&pattern(typed), names, &mut matcher);
    if found.is_empty() && typed.chars().count() >= LETTERS_FOR_A_SLIP {
        let slips = typed.char_indices().map(|(at, c)| typed[..at].to_owned() + &typed[at + c.len_utf8()..]);
        found = slips.flat_map(|left| like(&pattern(&left), names, &mut matcher)).collect();
        found.sort_by_key(|(score, ranked)| (ranked.index, Reverse(*score)));
        found.dedup_by_key(|(_, ranked)| ranked.index);
    }
    // Of those that are as likely, what is nearer to the beginning.
    found.sort_by_key(|(score, ranked)| (Reverse(*score), ranked.marks.first().copied()));
    found.into_iter().map(|(_, ranked)| ranked).collect()
}

fn pattern(typed: &str) -> Pattern {
    Pattern::new(typed, CaseMatching::Smart, Normalization::Never, AtomKind::Fuzzy)
}

/// Those of `names` that fit, in their order, and how well they do.
fn like<S: AsRef<str>>(pattern: &Pattern, names: &[S], matcher: &mut Matcher) -> Vec<(u32, Ranked)> {
    let (mut found, mut characters) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().map(AsRef::as_ref).enumerate() {
        let mut places = Vec::new();
        let Some(score) = pattern.indices(Utf32Str::new(name, &mut characters), matcher, &mut places) else { continue };
        let marked = |at: usize| u32::try_from(at).is_ok_and(|at| places.contains(&at));
        let marks = name.char_indices().enumerate().filter(|(at, _)| marked(*at)).map(|(_, (byte, _))| byte);
        found.push((score, Ranked { index, marks: marks.collect() }));
    }
    found
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
            ("m", &["model", "compact", "permissions", "resume"]),
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
