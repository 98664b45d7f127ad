//! A simple command as it was found: its words without quotes, and the files it writes by redirection.
//!
//! What is not known before it runs is marked in the words, never guessed.

/// Stands in a word for text that is not known: an expansion.
pub(crate) const HOLE: char = '\u{0}';
/// Stands in a word for what a pattern of file names (`*`, `?`, `[…]`) becomes.
pub(crate) const GLOB: char = '\u{2}';

/// A simple command (POSIX.1-2024, Shell Command Language, 2.9.1), or redirections without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    /// The program and its arguments, quotes removed. Empty: redirections alone.
    pub(crate) words: Vec<String>,
    /// What it writes by `>` and the like.
    pub(crate) writes: Vec<String>,
    /// What it reads on standard input, where that is known.
    pub(crate) input: Option<String>,
}

impl Simple {
    /// The name that rules compare: without its directories, in small letters, without `.exe`.
    pub(crate) fn program(&self) -> String {
        self.words.first().map(|word| program(word)).unwrap_or_default()
    }

    /// Its words for people: what is not known is an ellipsis.
    pub(crate) fn shown(&self) -> Vec<String> {
        let redirections = self.writes.iter().map(|target| format!(">{target}"));
        let words = self.words.iter().cloned().chain(redirections);
        words.map(|word| word.replace(HOLE, "…").replace(GLOB, "*")).collect()
    }

    /// As [`Simple::shown`], as one line.
    pub(crate) fn line(&self) -> String {
        join(&self.shown())
    }

    /// The files it writes, as far as its words say so: by redirection, or as a program that is known to write what it
    /// is given. Paths without `.`, `..` and doubled slashes.
    pub(crate) fn written(&self) -> Vec<String> {
        let operands = || self.words.iter().skip(1).filter(|word| !word.starts_with('-'));
        let mut written: Vec<&str> = self.writes.iter().map(String::as_str).collect();
        match self.program().as_str() {
            "tee" | "sponge" => written.extend(operands().map(String::as_str)),
            "cp" | "mv" | "install" | "ln" | "rsync" | "scp" => {
                written.extend(operands().next_back().map(String::as_str));
                written.extend(self.values(&["-t", "--target-directory"]));
            }
            "dd" => written.extend(self.words.iter().filter_map(|word| word.strip_prefix("of="))),
            "sed" | "perl"
                if self.words.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place")) =>
            {
                written.extend(operands().map(String::as_str));
            }
            _ => {}
        }
        written.into_iter().map(normal_path).collect()
    }

    /// What is given to the options `names`: the rest of the word, or the word after it.
    fn values(&self, names: &[&str]) -> impl Iterator<Item = &str> {
        self.words.iter().enumerate().filter_map(|(at, word)| {
            let rest = names.iter().find_map(|name| word.strip_prefix(name))?;
            match rest.strip_prefix('=').unwrap_or(rest) {
                "" => self.words.get(at + 1).map(String::as_str),
                value => Some(value),
            }
        })
    }
}

/// `words` as one line, quoted where a shell needs it.
pub(crate) fn join(words: &[String]) -> String {
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=@%+,…".contains(c));
    let quoted = |word: &String| match shlex::try_quote(word) {
        Ok(quoted) if !plain(word) => quoted.into_owned(),
        _ => word.clone(),
    };
    words.iter().map(quoted).collect::<Vec<String>>().join(" ")
}

/// `word` as the name of a program, as [`Simple::program`] has it.
pub(crate) fn program(word: &str) -> String {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}

/// Whether something in `word` is not known before it runs.
pub(crate) fn is_open(word: &str) -> bool {
    word.contains([HOLE, GLOB])
}

/// `path` without `.`, `..` and doubled slashes, as far as its words alone say. A relative one stays relative.
fn normal_path(path: &str) -> String {
    if !path.contains('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let start = if path.starts_with('/') { "/" } else { "" };
    format!("{start}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written() {
        let table: &[(&[&str], &[&str])] = &[
            (&["tee", "-a", "/dev//sda"], &["/dev/sda"]),
            (&["cp", "a", "/dev/../etc/./passwd"], &["/etc/passwd"]),
            (&["cp", "-t", "/etc", "passwd"], &["passwd", "/etc"]),
            (&["dd", "if=x", "of=/dev/sda"], &["/dev/sda"]),
            (&["sed", "-i", "s/a/b/", "/etc/passwd"], &["s/a/b", "/etc/passwd"]),
            (&["cat", "/etc/passwd"], &[]),
        ];
        for (words, expected) in table {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let simple = Simple { words, ..Simple::default() };
            assert_eq!(simple.written(), *expected, "{simple:?}");
        }
    }

    #[test]
    fn programs_are_compared_by_name() {
        for (word, expected) in [("/bin/rm", "rm"), ("./RM", "rm"), ("C:\\x\\Format.EXE", "format"), ("", "")] {
            assert_eq!(program(word), expected);
        }
    }
}
