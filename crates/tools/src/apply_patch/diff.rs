//! The unified diff that the user is shown of a file.
//!
//! It must never take long: a diff that would is cut coarser.

use std::time::Duration;

use similar::TextDiff;

use crate::output;

/// Longest time spent on finding a small diff.
const PATIENCE: Duration = Duration::from_millis(300);

/// Most of a diff that is kept, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// The unified diff from `before` to `after`, three lines of context, without file headers.
pub(super) fn unified(before: &[u8], after: &[u8]) -> String {
    let (Ok(before), Ok(after)) = (std::str::from_utf8(before), std::str::from_utf8(after)) else {
        return "Binary files differ\n".to_owned();
    };
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    output::cut(diff.unified_diff().context_radius(3).to_string(), MOST_BYTES)
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
            (b"\xff", b"a", "Binary files differ\n"),
        ];
        for (before, after, expected) in table {
            assert_eq!(unified(before, after), *expected);
        }
    }
}
