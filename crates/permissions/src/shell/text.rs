//! What words become: quotes and escapes taken off, alternatives in braces written out, what `echo` would print.

use super::simple::{GLOB, HOLE};

/// Stands in a word for a blank that an expansion brought in, where the word is split.
pub(super) const SPLIT: char = '\u{1}';
/// Stands in a word for a new line without quotes, where the grammar missed the end of a command.
pub(super) const LINE: char = '\u{6}';
/// Stand for `{`, `,` and `}` without quotes until alternatives are written out.
const BRACES: [char; 3] = ['\u{3}', '\u{4}', '\u{5}'];
/// Most words that alternatives in braces may become; more are not known.
const MOST_ALTERNATIVES: usize = 64;

/// Adds `text`, part of a word without quotes, to `word`.
pub(super) fn unquoted(text: &str, word: &mut String) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                None | Some('\n') => {}
                Some(escaped) => word.push(escaped),
            },
            '*' | '?' | '[' => word.push(GLOB),
            '\n' => word.push(LINE),
            '{' => word.push(BRACES[0]),
            ',' => word.push(BRACES[1]),
            '}' => word.push(BRACES[2]),
            c => word.push(c),
        }
    }
}

/// Adds `text`, which stands between double quotes, to `word`.
pub(super) fn double_quoted(text: &str, word: &mut String) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('\\', Some(escaped @ ('$' | '`' | '"' | '\\' | '\n'))) => {
                chars.next();
                if escaped != '\n' {
                    word.push(escaped);
                }
            }
            _ => word.push(c),
        }
    }
}

/// Adds what the text between `$'` and `'` means to `word` (bash(1), QUOTING). `echo -e` and `printf` know the same.
pub(super) fn ansi_c(text: &str, word: &mut String) {
    let mut rest = text;
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(at) = rest.find('\\') {
        bytes.extend(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else { break };
        rest = &rest[escape.len_utf8()..];
        match escape {
            'a' | 'b' | 'e' | 'E' | 'f' | 'r' | 'v' => bytes.push(b'?'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0'..='7' => {
                let digit = escape.to_digit(8).unwrap_or_default();
                bytes.push(number(&mut rest, 8, if digit == 0 { 3 } else { 2 }, digit) as u8);
            }
            'x' => bytes.push(number(&mut rest, 16, 2, 0) as u8),
            'u' | 'U' => {
                let code = number(&mut rest, 16, if escape == 'u' { 4 } else { 8 }, 0);
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'c' => {
                rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
                bytes.push(b'?');
            }
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.extend(rest.as_bytes());
    // A control character must not pass for one of our marks; NUL ends the word for a shell.
    let decoded = String::from_utf8_lossy(&bytes);
    word.extend(decoded.chars().map(|c| if c < '\u{9}' { char::REPLACEMENT_CHARACTER } else { c }));
}

/// Takes up to `most` digits from the beginning of `rest`, as going on from `number`.
fn number(rest: &mut &str, radix: u32, most: usize, mut number: u32) -> u32 {
    for _ in 0..most {
        let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(radix)) else { break };
        number = number.wrapping_mul(radix).wrapping_add(digit);
        *rest = &rest[1..];
    }
    number
}

/// The words that `word` becomes: split where an expansion brought blanks in, alternatives written out.
pub(super) fn words(word: &str) -> Vec<String> {
    let mut done = Vec::new();
    for part in word.split(SPLIT) {
        let mut open = vec![part.to_owned()];
        while let Some(next) = open.pop() {
            match alternatives(&next) {
                Some(more) if done.len() + open.len() + more.len() <= MOST_ALTERNATIVES => {
                    open.extend(more.into_iter().rev());
                }
                Some(_) => done.push(HOLE.to_string()),
                None => done.push(literal(&next)),
            }
        }
    }
    if word.contains(SPLIT) {
        done.retain(|part| !part.is_empty());
    }
    done
}

/// `word` with its last alternatives in braces written out, if it has some: `{a,b}c` is `ac` and `bc`.
fn alternatives(word: &str) -> Option<Vec<String>> {
    for (start, _) in word.match_indices(BRACES[0]).collect::<Vec<_>>().into_iter().rev() {
        let inside = &word[start + 1..];
        let Some(length) = inside.find(BRACES[2]) else { continue };
        let (inside, after) = (&inside[..length], &inside[length + 1..]);
        let before = &word[..start];
        if inside.contains(BRACES[1]) {
            return Some(inside.split(BRACES[1]).map(|one| format!("{before}{one}{after}")).collect());
        }
        // A range, `{1..3}`, is not worked out.
        if inside.contains("..") {
            return Some(vec![format!("{before}{HOLE}{after}")]);
        }
        // Not an alternative: its marks become what they stand for, so that outer ones are found.
        return Some(vec![format!("{before}{{{inside}}}{after}")]);
    }
    None
}

/// `word` with all marks of braces as what they stand for.
fn literal(word: &str) -> String {
    word.chars()
        .map(|c| match BRACES.iter().position(|mark| *mark == c) {
            Some(0) => '{',
            Some(1) => ',',
            Some(_) => '}',
            None => c,
        })
        .collect()
}

/// What `words` print, if they are `echo` or `printf` and it is as simple as that. Unknown parts stay unknown.
pub(super) fn printed(words: &[String]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let mut text = String::new();
    match super::simple::program(program).as_str() {
        "echo" => {
            let is_option = |word: &&String| {
                word.strip_prefix('-').is_some_and(|letters| {
                    !letters.is_empty() && letters.chars().all(|letter| matches!(letter, 'n' | 'e' | 'E'))
                })
            };
            let options = arguments.iter().take_while(is_option).count();
            let joined = arguments[options..].join(" ");
            if arguments[..options].iter().any(|option| option.contains('e')) {
                escaped(&joined, &mut text);
            } else {
                text = joined;
            }
        }
        "printf" => {
            let arguments = arguments.strip_prefix(&["--".to_owned()]).unwrap_or(arguments);
            let (format, values) = arguments.split_first()?;
            let mut pieces = format.split('%');
            escaped(pieces.next().unwrap_or_default(), &mut text);
            let mut values = values.iter();
            for piece in pieces {
                match piece.strip_prefix(['s', 'b']) {
                    Some(after) => {
                        text.push_str(values.next().map(String::as_str).unwrap_or_default());
                        escaped(after, &mut text);
                    }
                    None => text.push(HOLE),
                }
            }
            // The format is used again for what is left.
            if values.next().is_some() {
                text.push(HOLE);
            }
        }
        _ => return None,
    }
    Some(text)
}

/// As [`ansi_c`], with what is not known kept.
fn escaped(text: &str, out: &mut String) {
    for (index, piece) in text.split(HOLE).enumerate() {
        if index > 0 {
            out.push(HOLE);
        }
        ansi_c(piece, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let table = [
            (r"\x72m", "rm"),
            (r"\162\155", "rm"),
            (r"\u0072\U0000006d", "rm"),
            (r"r\'m\\", r"r'm\"),
            (r"\", ""),
            (r"\cAx", "?x"),
            (r"\x", "\u{fffd}"),
            (r"\x01", "\u{fffd}"),
            ("é\\n", "é\n"),
        ];
        for (text, expected) in table {
            let mut word = String::new();
            ansi_c(text, &mut word);
            assert_eq!(word, expected, "{text}");
        }
    }

    #[test]
    fn alternatives_are_written_out() {
        let table: &[(&str, &[&str])] = &[
            ("{rm,-rf,x}", &["rm", "-rf", "x"]),
            ("a{b,c}{d,e}", &["abd", "acd", "abe", "ace"]),
            ("{}", &["{}"]),
            ("{a}", &["{a}"]),
            ("{{a,b}}", &["{a}", "{b}"]),
            ("a,b", &["a,b"]),
            ("{a", &["{a"]),
            ("-{r,f}", &["-r", "-f"]),
            ("{1..3}", &["\u{0}"]),
        ];
        for (text, expected) in table {
            let mut word = String::new();
            unquoted(text, &mut word);
            assert_eq!(words(&word), *expected, "{text}");
        }
        let mut many = String::new();
        unquoted(&"{a,b}".repeat(12), &mut many);
        assert!(words(&many).contains(&HOLE.to_string()));
    }

    #[test]
    fn what_is_printed() {
        let table: &[(&[&str], Option<&str>)] = &[
            (&["echo", "rm", "-rf"], Some("rm -rf")),
            (&["echo", "-ne", r"r\x6d"], Some("rm")),
            (&["/bin/echo", "-n", r"r\x6d"], Some(r"r\x6d")),
            (&["printf", "rm -rf %s\\n", "x"], Some("rm -rf x\n")),
            (&["printf", "%d", "x"], Some("\u{0}\u{0}")),
            (&["cat", "x"], None),
        ];
        for (words, expected) in table {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(printed(&words).as_deref(), *expected, "{words:?}");
        }
    }
}
