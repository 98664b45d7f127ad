//! Reads command lines of the plainest kind: literal words, joined by `&&`, `||`, `;`, `|` or new lines.
//!
//! It must never accept what a shell could read in another way: what it does not know, it does not read. Allow rules
//! are matched on nothing else.

/// Words that begin something other than a simple command (bash(1), RESERVED WORDS).
const RESERVED: &[&str] = &[
    "!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "until", "while", "{", "}",
];

/// The redirections that may stand in a plain line: none of them reaches a file. Without their blanks.
const HARMLESS: &[&str] = &["2>&1", ">/dev/null", "1>/dev/null", "2>/dev/null", "&>/dev/null", "</dev/null"];

/// A simple command of a plain line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) words: Vec<String>,
    /// Whether it reads what the command before it writes.
    pub(crate) piped: bool,
}

/// The simple commands of `text`, if it is plain.
pub(crate) fn read(text: &str) -> Option<Vec<Plain>> {
    let mut lexer = Lexer { rest: text, commands: Vec::new(), words: Vec::new(), joined: false, piped: false };
    if text.chars().any(is_unclear) {
        return None;
    }
    while lexer.step()? {}
    lexer.end_command(true)?;
    (!lexer.commands.is_empty()).then_some(lexer.commands)
}

/// Whether `c` is not seen, or not seen as what it is: control characters, blanks that are none to a shell, marks that
/// turn the direction of text (UAX #9) or have no width.
pub(crate) fn is_unclear(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    invisible || (c.is_control() && !matches!(c, '\n' | '\t')) || (c.is_whitespace() && !c.is_ascii())
}

struct Lexer<'a> {
    rest: &'a str,
    commands: Vec<Plain>,
    words: Vec<String>,
    /// Whether the command that ended last is joined to one that must follow.
    joined: bool,
    /// Whether that is by a pipe.
    piped: bool,
}

impl Lexer<'_> {
    /// Takes one word, redirection or operator. `Some(false)`: nothing is left. `None`: it is not plain.
    fn step(&mut self) -> Option<bool> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.is_empty() {
            return Some(false);
        }
        if self.redirection() {
            return Some(true);
        }
        for (operator, joins) in [("&&", true), ("||", true), ("|", true), (";", false), ("\n", false)] {
            if let Some(rest) = self.rest.strip_prefix(operator) {
                self.rest = rest;
                // A new line after an operator goes on with the list.
                if operator == "\n" && self.words.is_empty() {
                    return Some(true);
                }
                self.end_command(false)?;
                self.joined = joins;
                self.piped = operator == "|";
                return Some(true);
            }
        }
        let word = self.word()?;
        self.words.push(word);
        Some(true)
    }

    fn redirection(&mut self) -> bool {
        for redirection in HARMLESS {
            let operator = redirection.strip_suffix("/dev/null").unwrap_or(redirection);
            let Some(rest) = self.rest.strip_prefix(operator) else { continue };
            let target = &redirection[operator.len()..];
            let blanks = if target.is_empty() { rest } else { rest.trim_start_matches([' ', '\t']) };
            let Some(rest) = blanks.strip_prefix(target) else { continue };
            // It must end there: `2>&1x` and `>/dev/nullx` are something else.
            if rest.is_empty() || rest.starts_with([' ', '\t', '\n', ';', '|']) || rest.starts_with("&&") {
                self.rest = rest;
                return true;
            }
        }
        false
    }

    fn word(&mut self) -> Option<String> {
        let mut word = String::new();
        let mut chars = self.rest.char_indices();
        let mut quoted = false;
        let end = loop {
            let Some((at, c)) = chars.next() else { break self.rest.len() };
            match c {
                ' ' | '\t' | '\n' | ';' | '|' | '&' => break at,
                '\'' => {
                    quoted = true;
                    until('\'', &[], &mut chars, &mut word)?;
                }
                '"' => {
                    quoted = true;
                    until('"', &['$', '`', '\\', '!'], &mut chars, &mut word)?;
                }
                '$' | '`' | '\\' | '~' | '*' | '?' | '[' | ']' | '{' | '}' | '!' | '#' | '(' | ')' | '<' | '>'
                | '^' => {
                    return None;
                }
                c => word.push(c),
            }
        };
        // Digits before a redirection were seen before; a lone `&` is not plain.
        if end == 0 {
            return None;
        }
        self.rest = &self.rest[end..];
        let first = self.words.is_empty();
        let assigns = word.split_once('=').is_some_and(|(name, _)| is_name(name));
        let special = first && (word.is_empty() || assigns || (!quoted && RESERVED.contains(&word.as_str())));
        (!special).then_some(word)
    }

    /// Ends a command at an operator, or at the end of the text.
    fn end_command(&mut self, last: bool) -> Option<()> {
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            // An end after `;` or a new line is none of a command.
            return (last && !self.joined && !self.commands.is_empty()).then_some(());
        }
        // It gives a variable a value, and may be one that decides what later words mean.
        if words.windows(2).any(|pair| pair[0] == "printf" && pair[1].starts_with("-v")) {
            return None;
        }
        self.joined = false;
        self.commands.push(Plain { words, piped: self.piped });
        Some(())
    }
}

/// Takes all up to `end` into `word`; nothing if one of `refused` is in it, or the end is missing.
fn until(end: char, refused: &[char], chars: &mut std::str::CharIndices<'_>, word: &mut String) -> Option<()> {
    for (_, c) in chars.by_ref() {
        match c {
            c if c == end => return Some(()),
            c if refused.contains(&c) => return None,
            c => word.push(c),
        }
    }
    None
}

/// Whether `name` can be that of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(part) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_plain() {
        let table: &[(&str, &[&str])] = &[
            ("git diff", &["git|diff"]),
            ("a 'b c' \"d e\"f", &["a|b c|d ef"]),
            ("a && b || c; d | e\nf", &["a", "b", "c", "d", "e", "f"]),
            ("a &&\n b;\n\n c;", &["a", "b", "c"]),
            ("a 2>&1 | b >/dev/null 2> /dev/null </dev/null && c &>/dev/null", &["a", "b", "c"]),
            ("a 'x>y' \"#\"", &["a|x>y|#"]),
            ("a b=c", &["a|b=c"]),
            ("grüße ☃", &["grüße|☃"]),
        ];
        for (text, expected) in table {
            let found = read(text).unwrap_or_else(|| panic!("{text}"));
            let found: Vec<String> = found.iter().map(|plain| plain.words.join("|")).collect();
            assert_eq!(found, *expected, "{text}");
        }
        let piped: Vec<bool> = read("a | b || c |\n d; e").unwrap().iter().map(|plain| plain.piped).collect();
        assert_eq!(piped, [false, true, false, true, false]);
    }

    #[test]
    fn everything_else_is_not() {
        let table = [
            "",
            " ",
            ";",
            "a &",
            "a & b",
            "printf -v PATH .",
            "time printf -vPATH .",
            "a &&",
            "a |",
            "a ;; b",
            "&& a",
            "a |& b",
            "a > f",
            "a >> f",
            "a < f",
            "a 2>f",
            "a >/dev/nullx",
            "a 2>&1x",
            "a >&2",
            "a 3>/dev/null",
            "A=1 a",
            "'A=1' a",
            "a $b",
            "a \"$b\"",
            "a `b`",
            "a \\b",
            "a ~",
            "a *",
            "a ?",
            "a [b]",
            "a {b,c}",
            "!a",
            "! a",
            "a !b",
            "a \"!b\"",
            "a # b",
            "(a)",
            "{ a; }",
            "if a",
            "a 'b",
            "a \"b",
            "a\u{0}",
            "a\r",
            "a\u{200b}b",
            "a\u{a0}b",
            "\u{feff}a",
            "a \u{202e}b",
            "a <<E\nE",
            "a $'b'",
            "f() a",
            "'' a",
            "a^b^",
            "[[ a ]]",
            "for a",
            "a\u{1b}[0m",
        ];
        for text in table {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
