//! Commands of the screen, typed where there is none. It only says what to do instead.

use codex_tui::slash::elsewhere;

/// Why `prompt` is no prompt, if its first word is one of these commands.
pub fn refusal(prompt: &str) -> Option<String> {
    let (name, instead) = elsewhere(prompt)?;
    let instead = if instead.is_empty() { String::new() } else { format!("; {instead}") };
    Some(format!("`/{name}` belongs to the interactive screen{instead}. (Words before it make it a prompt.)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_alone_counts() {
        let table = [
            ("/diff", Some("codex diff")),
            ("  /model gpt-4.1\n", Some("--model MODEL")),
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
