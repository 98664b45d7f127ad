//! Commands of the interactive screen, typed where there is none. It only says what to do instead.

/// The screen's commands, sorted, each with what does the same from a shell; empty if nothing does.
const COMMANDS: &[(&str, &str)] = &[
    ("agent", ""),
    ("clear", "each `codex exec` without `resume` starts afresh"),
    ("compact", ""),
    ("diff", "`git diff` shows what changed"),
    ("experimental", ""),
    ("fork", ""),
    ("init", ""),
    ("mcp", ""),
    ("model", "use `--model MODEL`"),
    ("new", "each `codex exec` without `resume` starts afresh"),
    ("permissions", "`codex sandbox -- COMMAND` runs a command behind the same walls"),
    ("plan", "use `--sandbox read-only`"),
    ("plugins", ""),
    ("resume", "use `codex exec resume ID` or `codex exec resume --last`"),
    ("review", ""),
    ("status", "each run says its model, directory and session on stderr"),
];

/// Why `prompt` is no prompt, if its first word is one of these commands.
pub fn refusal(prompt: &str) -> Option<String> {
    let word = prompt.split_whitespace().next()?.strip_prefix('/')?;
    let (name, instead) = COMMANDS.iter().find(|(name, _)| *name == word)?;
    let instead = if instead.is_empty() { String::new() } else { format!("; {instead}") };
    Some(format!("`/{name}` belongs to the interactive screen{instead}. (Words before it make it a prompt.)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_alone_counts() {
        assert!(COMMANDS.is_sorted());
        let table = [
            ("/diff", Some("git diff")),
            ("  /model gpt-4.1\n", Some("--model MODEL")),
            ("/compact", Some("`/compact` belongs to the interactive screen. (")),
            ("/etc/hosts looks odd", None),
            ("/dif", None),
            ("/", None),
            ("", None),
            ("look at /diff", None),
        ];
        for (prompt, expected) in table {
            let refusal = refusal(prompt);
            assert_eq!(refusal.is_some(), expected.is_some(), "{prompt}");
            assert!(refusal.unwrap_or_default().contains(expected.unwrap_or_default()), "{prompt}");
        }
    }
}
