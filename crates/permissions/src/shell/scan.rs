//! A look at the raw text of a line that cannot be read: each word may be the beginning of a command.
//!
//! It must never be taken for what the line does: it finds far too much, and only rules that deny go by all of it.

use super::{Simple, text, wrappers};

/// Most words that are looked at, and as many that stand where commands begin.
const MOST_WORDS: usize = 4_000;
/// Most words of one guess.
const MOST_ARGUMENTS: usize = 64;

/// After these a command begins.
const LEADS: &[&str] = &["!", "(", "{", "do", "elif", "else", "eval", "if", "then", "until", "while", "-c", "-exec"];

/// What may be a command.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(crate) command: Simple,
    /// Whether it stands where commands begin.
    pub(crate) begins: bool,
}

/// What may be commands in `text`: read once without its quotes, and once as if they were blanks. And whether all that
/// stands where commands begin was looked at.
pub(super) fn guesses(text: &str) -> (Vec<Guess>, bool) {
    let mut guesses = Vec::new();
    for quotes_part_words in [false, true] {
        for line in lines(text, quotes_part_words) {
            for at in 0..line.len() {
                let led = |last: &String| {
                    LEADS.contains(&last.as_str()) || wrappers::find(last).is_some() || last.contains('=')
                };
                let begins = !quotes_part_words && (at == 0 || led(&line[at - 1]));
                if guesses.len() >= MOST_WORDS && !begins {
                    continue;
                }
                if guesses.len() >= 2 * MOST_WORDS {
                    return (guesses, false);
                }
                let part = line[at..].iter().take(MOST_ARGUMENTS);
                let words: Vec<String> = part.filter(|word| *word != ">").cloned().collect();
                let written = line[at..].windows(2).filter(|pair| pair[0] == ">").map(|pair| pair[1].clone());
                let writes = if begins { written.collect() } else { Vec::new() };
                guesses.push(Guess { command: Simple { words, writes, input: None }, begins });
            }
        }
    }
    (guesses, true)
}

/// The words of `text`, parted at what parts commands.
fn lines(text: &str, quotes_part_words: bool) -> Vec<Vec<String>> {
    let mut lines = vec![Vec::new()];
    let mut word = String::new();
    let end_word = |word: &mut String, lines: &mut Vec<Vec<String>>| {
        if !word.is_empty()
            && let Some(line) = lines.last_mut()
        {
            let mut plain = String::new();
            text::unquoted(word, &mut plain);
            line.extend(text::words(&plain));
        }
        word.clear();
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        // Escapes between `$'` and `'` are worked out; what comes of them is itself and nothing more.
        if let Some(coded) = rest.strip_prefix("$'").filter(|_| !quotes_part_words)
            && let Some(length) = coded.find('\'')
        {
            let mut decoded = String::new();
            text::ansi_c(&coded[..length], &mut decoded);
            word.extend(decoded.chars().flat_map(|c| ['\\', c]));
            rest = &coded[length + 1..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' | '"' if !quotes_part_words => {}
            ' ' | '\t' | '\'' | '"' | '<' => end_word(&mut word, &mut lines),
            '>' => {
                end_word(&mut word, &mut lines);
                word.push(c);
                end_word(&mut word, &mut lines);
            }
            ';' | '|' | '&' | '\n' | '\r' | '(' | ')' | '`' => {
                end_word(&mut word, &mut lines);
                lines.push(Vec::new());
            }
            c if c.is_control() => {}
            // `$'` and `$"` are quotes too.
            '$' => {}
            c => word.push(c),
        }
    }
    end_word(&mut word, &mut lines);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_may_begin_a_command() {
        let table = [
            ("echo rm -rf x", "rm -rf x", false),
            ("a; rm -rf x", "rm -rf x", true),
            ("a \"'rm -rf x", "rm -rf x", false),
            ("r'm' -rf \"x", "rm -rf x", true),
            ("sudo rm -rf x", "rm -rf x", true),
            ("sh -c 'rm -rf x", "rm -rf x", true),
            ("$(rm -rf x", "rm -rf x", true),
            ("{rm,-rf,x}", "rm -rf x", true),
            ("$'\\x72m' $'-rf' x", "rm -rf x", true),
        ];
        for (text, expected, begins) in table {
            let (found, _) = guesses(text);
            let hit = found.iter().any(|guess| guess.command.words.join(" ") == expected && guess.begins == begins);
            assert!(hit, "{text}: {found:?}");
        }
    }
}
