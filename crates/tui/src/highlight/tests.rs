//! Sources of each kind and their roles.

use super::*;
use crate::{
    tests::{golden, plain, styled},
    theme::Theme,
};

const LOOK: Look = Look { width: 200, theme: Theme::Ansi };

/// Sources with their languages: what begins with `=== ` is the name.
const SOURCES: &str = include_str!("tests/sources.txt");

fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.split("=== ").skip(1).filter_map(|source| source.split_once('\n'))
}

#[test]
fn roles() {
    let shown: String =
        sources().map(|(name, text)| format!("=== {name}\n{}", styled(&code(name, text, &LOOK)))).collect();
    golden("src/highlight/tests/roles.txt", &shown);
}

#[test]
fn nothing_of_a_source_is_changed() {
    let names = LANGUAGES.iter().map(|language| language.names[0]);
    for name in names.chain(["", "no such"]) {
        for (_, text) in sources() {
            assert_eq!(
                plain(&code(name, text, &LOOK)),
                plain(&text.lines().map(Row::plain).collect::<Vec<_>>()),
                "{name}"
            );
        }
        let odd = "é'\u{301}\"日本 \\";
        assert_eq!(plain(&code(name, odd, &LOOK)), format!("{odd}\n"), "{name}");
    }
}

#[test]
fn every_name_is_of_one_language() {
    let mut names: Vec<&str> = LANGUAGES.iter().flat_map(|language| language.names).copied().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn what_is_far_too_long_is_plain() {
    let line = format!("let x = \"{}\";", "y".repeat(LINE_BYTES));
    assert_eq!(Highlighter::new("rust").line(&line, &LOOK), Row::plain(&line));
}
