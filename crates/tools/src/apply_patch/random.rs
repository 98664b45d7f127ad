//! Random edits: a patch made from two versions of a file turns the first into the second.

use similar::{DiffTag, TextDiff};

use super::{parse, parse::Operation, text, work::Work};

/// A small generator (xorshift, Marsaglia 2003); the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A line that is unique to `index`, so that every hunk has one place only.
fn line(index: usize) -> String {
    format!("line {index} {}", ["", "x", "  indented", "\ttab", "– dash"][index % 5])
}

/// The patch from `before` to `after`, with `around` unchanged lines around each change.
fn make_patch(before: &[String], after: &[String], around: usize) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.iter().map(String::as_str).collect(), after.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n");
    for group in diff.grouped_ops(around) {
        patch.push_str("@@\n");
        for operation in &group {
            let keeps = operation.tag() == DiffTag::Equal;
            for text in &old[operation.old_range()] {
                patch.push_str(&format!("{}{text}\n", if keeps { ' ' } else { '-' }));
            }
            if !keeps {
                for text in &new[operation.new_range()] {
                    patch.push_str(&format!("+{text}\n"));
                }
            }
        }
        if group.last().is_some_and(|last| last.old_range().end == old.len()) {
            patch.push_str("*** End of File\n");
        }
    }
    patch.push_str("*** End Patch");
    patch
}

#[test]
fn a_patch_of_two_versions_turns_one_into_the_other() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..2000 {
        let before: Vec<String> = (0..random.below(40)).map(line).collect();
        let mut after = before.clone();
        for fresh in 0..=random.below(6) {
            let at = random.below(after.len() + 1);
            match random.below(3) {
                0 => after.insert(at, line(1000 + round * 10 + fresh)),
                1 if at < after.len() => drop(after.remove(at)),
                _ if at < after.len() => after[at] = line(1000 + round * 10 + fresh),
                _ => {}
            }
        }
        if before == after {
            continue;
        }
        let newline = if random.below(2) == 0 { "\n" } else { "\r\n" };
        let join = |lines: &[String]| lines.iter().map(|line| format!("{line}{newline}")).collect::<String>();
        // Less than one line around an addition in the middle would not say where it goes.
        let patch = make_patch(&before, &after, 1 + random.below(3));
        let Operation::Update { hunks, .. } = parse::parse(&patch).unwrap().remove(0) else { unreachable!() };
        let expected = if before.is_empty() { join(&after).replace("\r\n", "\n") } else { join(&after) };
        assert_eq!(
            text::update(&join(&before), &hunks, &mut Work::at_most(100_000)).as_ref(),
            Ok(&expected),
            "round {round}:\n{patch}"
        );
    }
}

#[test]
fn any_text_is_an_error_or_a_patch_and_never_a_panic() {
    let mut random = Random(7);
    let pieces = [
        "*** Begin Patch",
        "*** End Patch",
        "*** Add File: a",
        "*** Update File: a",
        "*** Move to: b",
        "*** End of File",
        "*** Delete File: a",
        "@@",
        "@@ x",
        "+a",
        "-a",
        " a",
        "",
        "a",
        "\r",
        "***",
        "@@é",
        "é",
    ];
    for _ in 0..20_000 {
        let mut patch = String::from("*** Begin Patch\n*** Update File: a\n");
        for _ in 0..random.below(10) {
            patch.push_str(pieces[random.below(pieces.len())]);
            patch.push('\n');
        }
        patch.push_str("*** End Patch");
        for operation in parse::parse(&patch).unwrap_or_default() {
            if let Operation::Update { hunks, .. } = operation {
                for content in ["", "a", "a\n", "\u{feff}", "a\r\na\nx\n\na"] {
                    let _ = text::update(content, &hunks, &mut Work::at_most(100_000));
                }
            }
        }
    }
}
