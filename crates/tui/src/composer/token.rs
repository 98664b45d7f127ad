//! What is being written that can be completed: a command, its arguments, the name of a file.

use std::ops::Range;

/// What can be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// `/word` at the very beginning: the word.
    Command(String),
    /// What follows `/word`.
    Argument {
        /// The word.
        command: String,
        /// Up to the cursor.
        typed: String,
    },
    /// `$word`, before the cursor: the word up to the cursor.
    Skill(String),
    /// `@word`, before the cursor: the word up to the cursor.
    File(String),
}

/// What is written at the cursor, and where it stands.
pub fn token(text: &str, cursor: usize) -> Option<(Token, Range<usize>)> {
    command(text, cursor).or_else(|| file(text, cursor)).or_else(|| skill(text, cursor))
}

fn command(text: &str, cursor: usize) -> Option<(Token, Range<usize>)> {
    let line = text.strip_prefix('/')?;
    if text.contains('\n') || cursor == 0 {
        return None;
    }
    let word = line.split(' ').next().unwrap_or_default();
    // A path is no command.
    if !word.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')) {
        return None;
    }
    let end = 1 + word.len();
    if cursor <= end {
        return Some((Token::Command(word.to_owned()), 0..end));
    }
    let begin = end + 1;
    let typed = text.get(begin..cursor).unwrap_or_default().to_owned();
    // `@` names a file there too.
    if file(text, cursor).is_some() {
        return None;
    }
    Some((Token::Argument { command: word.to_owned(), typed }, begin..text.len()))
}

fn file(text: &str, cursor: usize) -> Option<(Token, Range<usize>)> {
    let (typed, range) = marked(text, cursor, '@')?;
    Some((Token::File(typed), range))
}

fn skill(text: &str, cursor: usize) -> Option<(Token, Range<usize>)> {
    // A command of the person's own has variables.
    let (typed, range) = marked(text, cursor, '$').filter(|_| !text.starts_with('!'))?;
    Some((Token::Skill(typed), range))
}

/// The word before the cursor that begins with `mark`, without it, and where all of it stands.
fn marked(text: &str, cursor: usize, mark: char) -> Option<(String, Range<usize>)> {
    let before = text.get(..cursor)?;
    let begin = before.rfind(char::is_whitespace).map_or(0, |at| before.ceil_char_boundary(at + 1));
    let typed = before.get(begin..)?.strip_prefix(mark)?;
    let rest = text.get(cursor..)?;
    let end = cursor + rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((typed.to_owned(), begin..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_completed_is_seen() {
        let command = |word: &str| Some(Token::Command(word.into()));
        let argument =
            |command: &str, typed: &str| Some(Token::Argument { command: command.into(), typed: typed.into() });
        let file = |typed: &str| Some(Token::File(typed.into()));
        let table = [
            ("|", None, ""),
            ("/|", command(""), "/"),
            ("/mo|del", command("model"), "/model"),
            ("|/model", None, ""),
            ("/model |", argument("model", ""), ""),
            ("/model gp|t x", argument("model", "gp"), "gpt x"),
            ("/usr/bin|", None, ""),
            ("say /model|", None, ""),
            ("/model\nx|", None, ""),
            ("@|", file(""), "@"),
            ("see @src/li|b.rs and", file("src/li"), "@src/lib.rs"),
            ("see @src/lib.rs |and", None, ""),
            ("mail a@b|", None, ""),
            ("\u{3000}@日本|", file("日本"), "@日本"),
            ("/review @li|", file("li"), "@li"),
            ("use $pd|f now", Some(Token::Skill("pd".into())), "$pdf"),
            ("!echo $HO|", None, ""),
            ("a$b|", None, ""),
        ];
        for (text, expected, replaced) in table {
            let cursor = text.find('|').unwrap();
            let text = text.replace('|', "");
            let found = token(&text, cursor);
            assert_eq!(found.as_ref().map(|(token, _)| token.clone()), expected, "{text}");
            assert_eq!(found.map_or("", |(_, range)| &text[range]), replaced, "{text}");
        }
    }
}
