//! A part of a patch: some hunks of the diff that the user was shown, without the others.
//!
//! It must never write what was not agreed to: where the hunks cannot be told apart with certainty, nothing is written.

use std::collections::BTreeSet;

use crate::output;

use super::plan::{Before, File, Plan};

/// Most that the model is told of what was left out, in bytes.
const TOLD_BYTES: usize = 8 << 10;

/// A hunk of a diff that was shown. Lines have their endings.
#[derive(Debug, PartialEq, Eq)]
struct Hunk<'diff> {
    /// As it was shown, with its header.
    text: &'diff str,
    /// Index of its first line in the file as it was.
    first: usize,
    old: Vec<&'diff str>,
    new: Vec<&'diff str>,
}

impl Plan {
    /// Makes the patch one of these hunks alone, which are counted from 0 through all files as they are shown. Returns
    /// what the model is told of the others.
    ///
    /// # Errors
    /// A sentence for the model: the hunks of a file cannot be told apart. Nothing was written.
    pub(super) fn keep_only(&mut self, kept: &BTreeSet<usize>) -> Result<String, String> {
        let mut left_out = String::new();
        let mut number = 0;
        for (index, change) in self.shown() {
            let apart = || format!("nothing was changed: the changes of `{}` can only be made together", change.path);
            let hunks = parse(&change.diff).ok_or_else(apart)?;
            let keeps: Vec<bool> = (number..number + hunks.len()).map(|number| kept.contains(&number)).collect();
            number += hunks.len();
            let rejected = hunks.iter().zip(&keeps).filter(|(_, keeps)| !**keeps);
            rejected.for_each(|(hunk, _)| left_out.push_str(&format!("`{}`:\n{}", change.path, hunk.text)));
            if keeps.iter().all(|keeps| *keeps) {
                continue;
            }
            if keeps.iter().any(|keeps| *keeps) {
                self.reduce(index, &hunks, &keeps).ok_or_else(apart)?;
            } else {
                self.leave(index);
            }
        }
        Ok(output::cut(left_out, TOLD_BYTES))
    }

    /// The file at `index` gets the hunks that `keeps` says, and no others. `None`: they are not all that was planned.
    fn reduce(&mut self, index: usize, hunks: &[Hunk<'_>], keeps: &[bool]) -> Option<()> {
        let file = &self.files[index];
        let at = self.target(file).unwrap_or(index);
        let before = match &file.before {
            Before::File(before) => str::from_utf8(&before.bytes).ok()?,
            Before::Nothing => "",
            Before::Large(_) => return None,
        };
        let planned = self.files[at].after.as_deref()?;
        let all = vec![true; hunks.len()];
        if apply(before, hunks, &all)?.as_bytes() != planned {
            return None;
        }
        let reduced = apply(before, hunks, keeps)?.into_bytes();
        self.files[at].after = Some(reduced);
        Some(())
    }

    /// The file at `index` stays as it was, where it was.
    fn leave(&mut self, index: usize) {
        if let Some(target) = self.target(&self.files[index]) {
            let target = &mut self.files[target];
            (target.after, target.attributes) = (None, None);
        }
        let file: &mut File = &mut self.files[index];
        file.after = match &file.before {
            Before::File(before) => Some(before.bytes.clone()),
            Before::Nothing | Before::Large(_) => None,
        };
        (file.deleted, file.attributes, file.moved_to) = (false, None, None);
    }
}

/// The hunks of a diff as it is shown; `None`: it is not made of hunks alone. The reverse of what [`super::diff`] writes.
fn parse(diff: &str) -> Option<Vec<Hunk<'_>>> {
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    let mut begins: Vec<usize> = Vec::new();
    let mut last = ' ';
    let mut at = 0;
    for line in diff.split_inclusive('\n') {
        if line.starts_with("@@ ") {
            begins.push(at);
            hunks.push(Hunk { text: "", first: first(line)?, old: Vec::new(), new: Vec::new() });
        } else {
            let hunk = hunks.last_mut()?;
            let text = line.get(1..)?;
            let mark = line.chars().next()?;
            match mark {
                ' ' | '-' | '+' => {
                    (mark != '+').then(|| hunk.old.push(text));
                    (mark != '-').then(|| hunk.new.push(text));
                    last = mark;
                }
                // The line before it has no ending.
                '\\' => {
                    let unended = |lines: &mut Vec<&str>| -> Option<()> {
                        let line = lines.last_mut()?;
                        *line = line.strip_suffix('\n')?;
                        Some(())
                    };
                    if last != '+' {
                        unended(&mut hunk.old)?;
                    }
                    if last != '-' {
                        unended(&mut hunk.new)?;
                    }
                }
                _ => return None,
            }
        }
        at += line.len();
    }
    let ends = begins.iter().skip(1).copied().chain([at]);
    for ((hunk, begin), end) in hunks.iter_mut().zip(&begins).zip(ends) {
        hunk.text = diff.get(*begin..end)?;
    }
    Some(hunks)
}

/// The index of the first old line that the header of a hunk names.
fn first(header: &str) -> Option<usize> {
    let range = header.strip_prefix("@@ -")?.split(' ').next()?;
    let (first, count) = range.split_once(',').unwrap_or((range, "1"));
    let first: usize = first.parse().ok()?;
    // Of no line: the one behind which something is added.
    if count == "0" { Some(first) } else { first.checked_sub(1) }
}

/// `before` after the hunks that `keeps` says; `None`: they do not fit.
fn apply(before: &str, hunks: &[Hunk<'_>], keeps: &[bool]) -> Option<String> {
    let lines: Vec<&str> = before.split_inclusive('\n').collect();
    let (mut text, mut at) = (String::with_capacity(before.len()), 0);
    for (hunk, keeps) in hunks.iter().zip(keeps) {
        let end = hunk.first + hunk.old.len();
        text.extend(lines.get(at..hunk.first)?.iter().copied());
        if lines.get(hunk.first..end)? != hunk.old {
            return None;
        }
        text.extend(if *keeps { hunk.new.iter() } else { hunk.old.iter() }.copied());
        at = end;
    }
    text.extend(lines.get(at..)?.iter().copied());
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply_patch::diff::Differ;

    #[test]
    fn hunks_are_what_the_diff_was_made_of() {
        let long: String = (1..=40).map(|number| format!("line {number}\n")).collect();
        let changed = long.replace("line 3\n", "three\n").replace("line 20\n", "").replace("line 40\n", "forty");
        let table = [
            (long.as_str(), changed.as_str(), 3),
            ("", "a\nb", 1),
            ("a\nb", "", 1),
            ("a\r\nb\r\n", "a\r\nc\r\n", 1),
            ("a\n@@ -1 +1 @@\nb\n", "a\n@@ -1 +1 @@\nc", 1),
            ("same\n", "same\n", 0),
        ];
        for (before, after, count) in table {
            let diff = Differ::new().unified(before.as_bytes(), after.as_bytes());
            let hunks = parse(&diff).unwrap();
            assert_eq!(hunks.len(), count, "{diff}");
            assert_eq!(apply(before, &hunks, &vec![true; count]).as_deref(), Some(after), "{diff}");
            assert_eq!(apply(before, &hunks, &vec![false; count]).as_deref(), Some(before), "{diff}");
            assert_eq!(hunks.iter().map(|hunk| hunk.text).collect::<String>(), diff);
        }
        let diff = Differ::new().unified(long.as_bytes(), changed.as_bytes());
        let some = apply(&long, &parse(&diff).unwrap(), &[true, false, true]).unwrap();
        assert_eq!(some, changed.replace("line 21\n", "line 20\nline 21\n"));
        assert_eq!(apply("something else\n", &parse(&diff).unwrap(), &[true, true, true]), None);
    }

    #[test]
    fn what_is_no_hunk_is_not_taken_for_one() {
        for diff in ["Binary files differ\n", "@@ -x +1 @@\n+a\n", "@@ -0 +1 @@\n+a\n", "@@ -1 +1 @@\n?a\n", "+a\n"] {
            assert_eq!(parse(diff), None, "{diff}");
        }
        assert_eq!(parse(""), Some(Vec::new()));
    }
}
