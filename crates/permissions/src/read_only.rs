//! The commands that run without a question because they only read, and the guards that keep allowed commands to that.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{classes::list, pattern::is_option, shell};

/// What is on the list, as a person can read it.
pub(crate) const DATA: &str = include_str!("../data/read-only.toml");

/// A form of commands, word by word.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Entry {
    programs: Vec<String>,
    words: String,
    refuse: Vec<String>,
    printing: bool,
    formats: bool,
    /// Whether it looks at a repository, whose settings may name programs.
    pub(crate) repository: bool,
    guard: bool,
    #[cfg(test)]
    matches: Vec<String>,
    #[cfg(test)]
    differs: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    command: Vec<Entry>,
}

static FILE: LazyLock<Result<File, String>> =
    LazyLock::new(|| serde_json::from_str(list!("read-only")).map_err(|error| error.to_string()));

fn file() -> Result<&'static File, String> {
    FILE.as_ref().map_err(|error| format!("the list of commands that only read is broken: {error}"))
}

/// The entry that the command of these words fits, if it only reads.
///
/// # Errors
/// When the list is broken.
pub(crate) fn listed(words: &[String]) -> Result<Option<&'static Entry>, String> {
    Ok(file()?.command.iter().find(|entry| !entry.guard && entry.fits(words)))
}

/// The option or argument because of which an allowed command does more than it seems to, if there is one; the first
/// `written` words stand in the rule itself, and were meant.
///
/// # Errors
/// When the list is broken.
pub(crate) fn guarded(words: &[String], written: usize) -> Result<Option<String>, String> {
    // Options of git itself stand before its command.
    let command = match words.split_first() {
        Some((program, arguments)) if program == "git" => shell::beyond_git_options(arguments),
        _ => &[],
    };
    let skipped = if command.is_empty() { 0 } else { words.len() - 1 - command.len() };
    let without: Vec<String> = words.iter().take(1).chain(words.iter().skip(1 + skipped)).cloned().collect();
    let (words, written) = (without.as_slice(), written.saturating_sub(skipped));
    for entry in file()?.command.iter().filter(|entry| entry.begins(words)) {
        let meant = words[..written.min(words.len())].iter().any(|word| entry.refuses(word));
        let found = words.iter().skip(1 + entry.words().count()).find(|word| entry.refuses(word));
        if let (false, Some(word)) = (meant, found) {
            return Ok(Some(word.clone()));
        }
        if entry.printing && !prints(words) {
            return Ok(Some("a script that does more than print".to_owned()));
        }
    }
    Ok(None)
}

impl Entry {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.split_whitespace()
    }

    /// As the rule that it is.
    pub(crate) fn text(&self, program: &str) -> String {
        std::iter::once(program).chain(self.words()).collect::<Vec<&str>>().join(" ")
    }

    fn begins(&self, words: &[String]) -> bool {
        let Some((program, arguments)) = words.split_first() else { return false };
        self.programs.contains(program)
            && self.words().count() <= arguments.len()
            && self.words().zip(arguments).all(|(wanted, word)| wanted == word)
    }

    fn fits(&self, words: &[String]) -> bool {
        self.begins(words)
            && !words.iter().any(|word| self.refuses(word))
            && (!self.printing || prints(words))
            && (!self.formats || formats(words))
    }

    /// Whether `word` is, or may be taken for, an option that is refused.
    fn refuses(&self, word: &str) -> bool {
        is_option(word)
            && self.refuse.iter().any(|refused| match (refused.strip_prefix("--"), word.strip_prefix("--")) {
                // Names may be shortened: `--outp` is `--output`.
                (Some(refused), Some(word)) => refused.starts_with(word.split('=').next().unwrap_or_default()),
                (None, None) if refused.len() == 2 => word.contains(&refused[1..]),
                (None, None) => word.starts_with(refused),
                // `go test --exec` is `go test -exec`.
                (None, Some(word)) => refused.len() > 2 && word.split('=').next() == Some(&refused[1..]),
                (Some(_), None) => false,
            })
    }
}

/// Whether all operands of `date` are formats: others set the clock (date(1)).
fn formats(words: &[String]) -> bool {
    let is_value = |before: &str| ["-d", "-r", "--date", "--reference"].contains(&before);
    words.windows(2).all(|pair| pair[1].starts_with(['-', '+']) || is_value(&pair[0]))
}

/// Whether `sed -n …` of these words prints lines and does nothing else (sed(1)).
fn prints(words: &[String]) -> bool {
    let mut scripts: Vec<&str> = Vec::new();
    let mut operands: Vec<&str> = Vec::new();
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-n" | "-E" | "-r" | "-s" | "-u" | "-z" | "-nE" | "-En" | "-nr" | "-rn" | "--quiet" | "--silent" => {}
            "-e" | "--expression" => match rest.next() {
                Some(script) => scripts.push(script),
                None => return false,
            },
            option if option.starts_with('-') && option != "-" => return false,
            operand => operands.push(operand),
        }
    }
    if scripts.is_empty() {
        if operands.is_empty() {
            return false;
        }
        scripts.push(operands.remove(0));
    }
    scripts.iter().all(|script| only_prints(script))
}

/// Whether a script of sed consists of the commands `p`, `=` and `q` with plain addresses.
fn only_prints(script: &str) -> bool {
    script.split([';', '\n']).all(|command| {
        let Some(rest) = addresses(command.trim()) else { return false };
        matches!(rest.trim_start_matches([' ', '!']), "p" | "=" | "q" | "" | "n" | "d")
            && (!rest.is_empty() || command.trim().is_empty())
    })
}

/// What follows the addresses of a command. A pattern in one must have no `\`, `;` or slash.
fn addresses(command: &str) -> Option<&str> {
    let mut rest = address(command)?;
    if let Some(second) = rest.strip_prefix(',') {
        rest = address(second.trim_start().trim_start_matches(['+', '~']))?;
    }
    Some(rest.trim_start())
}

fn address(text: &str) -> Option<&str> {
    match text.strip_prefix('/') {
        Some(pattern) => {
            let (pattern, rest) = pattern.split_once('/')?;
            (!pattern.contains('\\')).then(|| rest.strip_prefix('I').unwrap_or(rest))
        }
        None => {
            let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '$' | '~'));
            Some(digits.trim_start())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{classes::tests::check_examples, shell::Simple};

    #[test]
    fn the_list_is_whole() {
        let mut written: File = toml::from_str(DATA).unwrap();
        for entry in &mut written.command {
            let fits = |command: &Simple| entry.fits(&command.words);
            let examples = [(&entry.matches, true), (&entry.differs, false)];
            if let Err(error) = check_examples(&entry.programs, examples, fits) {
                panic!("{error}");
            }
            // The program holds the same, without the examples.
            entry.matches.clear();
            entry.differs.clear();
        }
        assert_eq!(file().unwrap(), &written);
    }

    #[test]
    fn guards_hold_rules_that_users_allow() {
        let table = [
            ("git diff", 2, None),
            ("git diff --output=x", 2, Some("--output=x")),
            ("git diff --outp x", 2, Some("--outp")),
            ("git --no-pager diff", 3, None),
            ("git --no-pager diff --output=x", 3, Some("--output=x")),
            ("git -C d diff --output=x", 4, Some("--output=x")),
            ("git --no-pager diff --output=x", 4, None),
            ("git push --exec=sh x", 2, Some("--exec=sh")),
            ("find . -delete", 2, Some("-delete")),
            ("find . -delete", 3, None),
            ("sed -n 1p a", 1, None),
            ("sed -n '1w f' a", 1, Some("a script that does more than print")),
            ("sort -uo a a", 1, Some("-uo")),
            ("npm test", 2, None),
            ("cargo build --config x", 2, Some("--config")),
        ];
        for (line, written, expected) in table {
            let words = shlex::split(line).unwrap();
            assert_eq!(guarded(&words, written).unwrap().as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn scripts_that_print() {
        let table = [
            ("1,5p", true),
            ("$p", true),
            ("/a b/,/c/p", true),
            ("/x/Ip", true),
            ("10q", true),
            ("1~2p", true),
            ("5,+3p", true),
            ("1!p", true),
            ("2=;3p\n4p", true),
            ("p;w f", false),
            ("1e", false),
            ("s/x/y/e", false),
            ("/x/w f", false),
            ("/x\\/w f/p", false),
            ("r f", false),
            ("1,5", false),
            ("y/a/b/", false),
        ];
        for (script, expected) in table {
            assert_eq!(only_prints(script), expected, "{script}");
        }
    }
}
