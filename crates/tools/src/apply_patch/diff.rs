//! The unified diffs that the user is shown of the files of a patch.
//!
//! It must never take long: a diff that would is cut coarser.

use std::time::{Duration, Instant};

use similar::TextDiff;

use crate::{encoding, output};

/// Longest time spent on finding the small diffs of a patch.
const PATIENCE: Duration = Duration::from_millis(300);

/// Most that is compared for a patch, in bytes of the parts that differ. What comes after is told coarsely.
const MOST_COMPARED: usize = 4 << 20;

/// Most of a diff that is kept, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// What may still be spent on the diffs of a patch.
#[derive(Debug)]
pub(super) struct Differ {
    left: usize,
    deadline: Instant,
}

impl Differ {
    pub(super) fn new() -> Self {
        Self { left: MOST_COMPARED, deadline: Instant::now() + PATIENCE }
    }

    /// The unified diff from `before` to `after`, three lines of context, without file headers.
    pub(super) fn unified(&mut self, before: &[u8], after: &[u8]) -> String {
        let (Some(before), Some(after)) = (encoding::text(before), encoding::text(after)) else {
            return "Binary files differ\n".to_owned();
        };
        let (before, after) = (&*before, &*after);
        let size = before.len() + after.len();
        let diff = match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                let diff = TextDiff::configure().deadline(self.deadline).diff_lines(before, after);
                diff.unified_diff().context_radius(CONTEXT).to_string()
            }
            None => coarse(before, after),
        };
        output::cut(diff, MOST_BYTES)
    }
}

/// One hunk from the first line that differs to the last.
fn coarse(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (removed, added) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);
    if removed.is_empty() && added.is_empty() {
        return String::new();
    }
    let above = &old[head - head.min(CONTEXT)..head];
    let below = &old_rest[removed.len()..][..tail.min(CONTEXT)];
    let range = |changed: usize| {
        let lines = above.len() + changed + below.len();
        format!("{},{lines}", head - above.len() + usize::from(lines > 0))
    };
    let mut text = format!("@@ -{} +{} @@\n", range(removed.len()), range(added.len()));
    for (mark, lines) in [(' ', above), ('-', removed), ('+', added), (' ', below)] {
        for line in lines {
            text.push(mark);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diffs() {
        let table: &[(&[u8], &[u8], &str)] = &[
            (b"a\nb\n", b"a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
            (b"", b"a\n", "@@ -0,0 +1 @@\n+a\n"),
            (b"a", b"", "@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n"),
            (b"a\n", b"a\n", ""),
            (b"\0\xff", b"a", "Binary files differ\n"),
            (b"\xe9\n", b"\xe9\n\x80\n", "@@ -1 +1,2 @@\n é\n+€\n"),
            (b"\xff\xfea\0\n\0", b"\xff\xfeb\0\n\0", "@@ -1 +1 @@\n-a\n+b\n"),
        ];
        for (before, after, expected) in table {
            assert_eq!(Differ::new().unified(before, after), *expected);
        }
    }

    #[test]
    fn beyond_its_budget_a_diff_is_coarse() {
        let table = [
            ("a\n", "a\n", ""),
            ("", "a\n", "@@ -0,0 +1,1 @@\n+a\n"),
            ("a", "b", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n"),
            (
                "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
                "1\n2\n3\n4\nx\n6\ny\n8\n9\n",
                "@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n-6\n-7\n+x\n+6\n+y\n 8\n 9\n",
            ),
            ("a\na\n", "a\na\na\n", "@@ -1,2 +1,3 @@\n a\n a\n+a\n"),
        ];
        for (before, after, expected) in table {
            let mut spent = Differ { left: 0, ..Differ::new() };
            assert_eq!(spent.unified(before.as_bytes(), after.as_bytes()), expected);
        }
        let mut differ = Differ::new();
        let half = "x\n".repeat(MOST_COMPARED / 4);
        assert!(differ.unified(half.as_bytes(), half.as_bytes()).is_empty() && differ.left == 0);
    }
}
