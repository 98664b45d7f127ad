//! Reads just enough of a command line to see that it is `apply_patch` with its patch in a here-document.
//!
//! Models write that form out of habit. It is recognised only when the whole line is nothing else; anything more is
//! a shell command and stays one.

/// A patch found in a here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchHeredoc {
    /// The directory of a leading `cd DIR &&`, as written, quotes removed.
    pub directory: Option<String>,
    /// The text of the here-document.
    pub patch: String,
}

/// The patch of `[cd DIR &&] apply_patch <<['"]WORD['"]`, if `command` is that and nothing else.
///
/// The delimiter must be quoted, or the text free of `$`, `` ` `` and `\`: the shell would expand them (POSIX.1-2024,
/// Shell Command Language, 2.7.4).
pub fn patch_heredoc(command: &str) -> Option<PatchHeredoc> {
    let (first, rest) = command.trim().split_once('\n')?;
    let (directory, call) = match first.split_once("&&") {
        Some((change, call)) => (Some(unquoted(change.trim().strip_prefix("cd ")?.trim())?), call.trim()),
        None => (None, first.trim()),
    };
    let delimiter = call.strip_prefix("apply_patch")?.trim_start().strip_prefix("<<")?.trim();
    let word = unquoted(delimiter)?;
    let mut patch = String::new();
    let mut lines = rest.lines();
    for line in lines.by_ref() {
        if line == word {
            let literal = delimiter != word || !patch.contains(['$', '`', '\\']);
            return (literal && lines.all(|line| line.trim().is_empty())).then_some(PatchHeredoc { directory, patch });
        }
        patch.push_str(line);
        patch.push('\n');
    }
    None
}

/// A single word without its quotes, if it is one and nothing in it is special to a shell.
fn unquoted(word: &str) -> Option<String> {
    for quote in ['\'', '"'] {
        if let Some(inner) = word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return (!inner.contains([quote, '$', '`', '\\'])).then(|| inner.to_owned());
        }
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '@' | ':');
    (!word.is_empty() && word.chars().all(plain)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lone_patch_is_recognised() {
        let body = "*** Begin Patch\n*** End Patch\n";
        let table = [
            (format!("apply_patch <<'EOF'\n{body}EOF"), Some(None)),
            (format!("apply_patch <<EOF\n{body}EOF\n\n"), Some(None)),
            (format!("  apply_patch << \"PATCH\"\n{body}PATCH"), Some(None)),
            (format!("cd sub && apply_patch <<'EOF'\n{body}EOF"), Some(Some("sub"))),
            (format!("cd 'a b' && apply_patch <<'EOF'\n{body}EOF"), Some(Some("a b"))),
            (format!("apply_patch <<'EOF'\n{body}EOF\nrm -rf x"), None),
            (format!("apply_patch <<'EOF' | tee log\n{body}EOF"), None),
            (format!("cd $(pwd) && apply_patch <<'EOF'\n{body}EOF"), None),
            (format!("rm x && apply_patch <<'EOF'\n{body}EOF"), None),
            (format!("apply_patch <<'EOF'\n{body}"), None),
            ("apply_patch <<EOF\n+$(id)\nEOF".to_owned(), None),
            ("apply_patch file".to_owned(), None),
            (String::new(), None),
        ];
        for (command, expected) in table {
            let found = patch_heredoc(&command);
            let expected = expected.map(|directory: Option<&str>| (directory.map(str::to_owned), body.to_owned()));
            assert_eq!(found.map(|found| (found.directory, found.patch)), expected, "{command}");
        }
    }
}
