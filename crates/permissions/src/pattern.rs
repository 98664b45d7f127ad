//! Compares the words of a command with those of a rule.
//!
//! Rules that deny or ask find more than is written: options in any order and in clusters, options with values between
//! words, programs in any directory. Rules that allow compare word by word.

use crate::shell::{HOLE, Simple, is_open, program};

/// How well a command fits a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// It does not.
    No,
    /// It may, depending on what is not known before it runs.
    Maybe,
    /// It does.
    Yes,
}

/// Whether `command` begins like `rule`, taken generously.
pub(crate) fn begins(rule: &[String], command: &Simple) -> Fit {
    let Some((wanted, arguments)) = rule.split_first() else { return Fit::No };
    if command.words.is_empty() || program(wanted) != command.program() {
        return Fit::No;
    }
    let (options, words): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| is_option(word));
    let words: Vec<Vec<&str>> = words.into_iter().map(|word| vec![word.as_str()]).collect();
    let fits = |open: bool| {
        in_order(&words, &command.program(), &command.words[1..], open)
            && options.iter().all(|option| has_option(option, &wanted.to_lowercase(), &command.words[1..], open))
    };
    match () {
        () if fits(false) => Fit::Yes,
        () if fits(true) => Fit::Maybe,
        () => Fit::No,
    }
}

/// Whether `command` is `rule`, whatever the directory of its program.
pub(crate) fn equals(rule: &[String], command: &Simple) -> Fit {
    let same = |open: bool| {
        rule.len() == command.words.len()
            && program(&rule[0]) == command.program()
            && rule.iter().zip(&command.words).skip(1).all(|(wanted, word)| same_word(wanted, word, open))
    };
    let spread = || {
        let known = command.words.iter().position(|word| is_open(word)).unwrap_or_default();
        known > 0
            && known <= rule.len()
            && program(&rule[0]) == command.program()
            && rule[1..known] == command.words[1..known]
    };
    match () {
        () if rule.is_empty() || command.words.is_empty() => Fit::No,
        () if same(false) => Fit::Yes,
        () if same(true) || spread() => Fit::Maybe,
        () => Fit::No,
    }
}

/// Whether `word` is an option. A lone `-` and `--` are none.
pub(crate) fn is_option(word: &str) -> bool {
    word.len() > 1 && word != "--" && word.starts_with('-')
}

/// Whether the words of `command`, arguments of `program`, that are no options are, from the first, those of `wanted`, each one of several
/// patterns. A word after an option may be its value. `open`: what is not known may be what is wanted.
pub(crate) fn in_order(wanted: &[Vec<&str>], program: &str, command: &[String], open: bool) -> bool {
    // The numbers of words that may have been found so far.
    let mut found = vec![false; wanted.len() + 1];
    found[0] = true;
    let mut may_be_value = false;
    for word in command {
        if found[wanted.len()] {
            return true;
        }
        if is_option(word) {
            may_be_value = !word.contains('=');
            continue;
        }
        // `cargo +nightly` names a toolchain.
        let toolchain = word.starts_with('+') && (program == "cargo" || program.starts_with("rust"));
        if word == "--" || toolchain {
            continue;
        }
        if open && word.starts_with(HOLE) && found.contains(&true) {
            return true;
        }
        for at in (0..wanted.len()).rev() {
            let fits =
                found[at] && wanted[at].iter().any(|one| matches(one, word) || (open && same_word(one, word, true)));
            found[at + 1] |= fits;
            found[at] &= may_be_value;
        }
        may_be_value = false;
    }
    found[wanted.len()]
}

/// Whether `word` is `wanted`; `open`: whether it may be.
fn same_word(wanted: &str, word: &str, open: bool) -> bool {
    wanted == word || (open && is_open(word) && glob(&word.replace([HOLE, '\u{2}'], "*"), wanted))
}

/// Whether `option` is among `words`. Letters may be in clusters, names shortened, values in the same word.
pub(crate) fn has_option(option: &str, program: &str, words: &[String], open: bool) -> bool {
    let operands_from = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let unknown = || words[..operands_from].iter().any(|word| word.starts_with(HOLE));
    if open && unknown() {
        return true;
    }
    let clusters = || words.iter().filter(|word| is_option(word) && !word.starts_with("--"));
    if let Some(name) = option.strip_prefix("--") {
        let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        let found = words.iter().enumerate().any(|(at, word)| {
            let Some(given) = word.strip_prefix("--") else { return false };
            let (given, glued) = given.split_once('=').map_or((given, None), |(given, glued)| (given, Some(glued)));
            let same = given == name || (!given.is_empty() && name.starts_with(given));
            let next = words.get(at + 1).map(String::as_str);
            same && value.is_none_or(|value| glued.or(next) == Some(value))
        });
        return found || short_forms(program, option).any(|letter| clusters().any(|word| word.contains(letter)));
    }
    let letters: Vec<char> = option.chars().skip(1).collect();
    // Few letters are options of their own; more may be one name, such as `-delete`.
    if letters.len() <= 3 && letters.iter().all(char::is_ascii_alphabetic) {
        return letters.iter().all(|letter| {
            // `rm -R` is `rm -r`.
            let same = |c: char| c == *letter || (program == "rm" && c.eq_ignore_ascii_case(letter));
            clusters().any(|word| word.contains(same))
                || long_forms(program, *letter).any(|long| has_option(long, "", words, open))
        });
    }
    clusters()
        .any(|word| word == option || word.starts_with(option) || letters.iter().all(|letter| word.contains(*letter)))
}

/// Options that mean the same: program, letter, name.
const SAME: &[(&str, char, &str)] = &[
    ("chmod", 'R', "--recursive"),
    ("chown", 'R', "--recursive"),
    ("cp", 'f', "--force"),
    ("cp", 'r', "--recursive"),
    ("git", 'D', "--delete"),
    ("git", 'd', "--delete"),
    ("git", 'f', "--force"),
    ("git", 'n', "--no-verify"),
    ("ln", 'f', "--force"),
    ("mv", 'f', "--force"),
    ("npm", 'f', "--force"),
    ("npm", 'g', "--global"),
    ("rm", 'f', "--force"),
    ("rm", 'r', "--recursive"),
    ("sed", 'i', "--in-place"),
];

fn long_forms(program: &str, letter: char) -> impl Iterator<Item = &'static str> {
    // `rm -R` is `rm -r`.
    let letter = if program == "rm" { letter.to_ascii_lowercase() } else { letter };
    SAME.iter().filter(move |same| same.0 == program && same.1 == letter).map(|same| same.2)
}

fn short_forms(program: &str, name: &str) -> impl Iterator<Item = char> {
    SAME.iter().filter(move |same| same.0 == program && same.2 == name).map(|same| same.1)
}

/// What stands in `text` before its first sign: all of it, if it is no pattern.
pub(crate) fn literal(text: &str) -> &str {
    &text[..text.find(['*', '?', '[']).unwrap_or(text.len())]
}

/// Whether `text` stands for other texts too.
fn is_pattern(text: &str) -> bool {
    literal(text) != text
}

/// Whether the pattern `wanted` of a class fits `word`: `*` is any text, `?` any character, `[…]` one of several. The
/// case of letters does not count.
pub(crate) fn matches(wanted: &str, word: &str) -> bool {
    if is_pattern(wanted) {
        glob(&wanted.to_lowercase(), &word.to_lowercase())
    } else {
        wanted.eq_ignore_ascii_case(word)
    }
}

/// As [`matches`], but the case of letters counts.
pub(crate) fn matches_with_case(wanted: &str, word: &str) -> bool {
    glob(wanted, word)
}

fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Where to go on if what follows the last `*` does not fit.
    let (mut at, mut in_text) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, in_text));
                at += 1;
                continue;
            }
            Some(_) => {
                if let Some(next) = one(&pattern, at, text[in_text]) {
                    at = next;
                    in_text += 1;
                    continue;
                }
            }
            None => {}
        }
        let Some((star, from)) = retry else { return false };
        (at, in_text) = (star + 1, from + 1);
        retry = Some((star, from + 1));
    }
    pattern[at.min(pattern.len())..].iter().all(|c| *c == '*')
}

/// Where the pattern goes on if its part at `at` fits `c`.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern[at] {
        '?' => Some(at + 1),
        '[' => {
            let length = pattern[at..].iter().position(|c| *c == ']')?;
            let set = &pattern[at + 1..at + length];
            let mut rest = set;
            while let Some((first, after)) = rest.split_first() {
                match after {
                    ['-', last, more @ ..] => {
                        if (*first..=*last).contains(&c) {
                            return Some(at + length + 1);
                        }
                        rest = more;
                    }
                    _ if *first == c => return Some(at + length + 1),
                    _ => rest = after,
                }
            }
            None
        }
        other => (other == c).then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simple(line: &str) -> Simple {
        let words = shlex::split(line).unwrap().into_iter().map(|word| word.replace('…', "\0")).collect();
        Simple { words, ..Simple::default() }
    }

    fn words(line: &str) -> Vec<String> {
        shlex::split(line).unwrap()
    }

    #[test]
    fn rules_that_deny_find_much() {
        use Fit::{Maybe, No, Yes};
        let table = [
            ("rm", "/bin/rm x", Yes),
            ("rm", "rmdir x", No),
            ("/bin/rm", "rm x", Yes),
            ("rm -rf", "rm -fr x", Yes),
            ("rm -rf", "rm x -r -f", Yes),
            ("rm -rf", "rm -vRf x", Yes),
            ("rm -rf", "rm --recursive --force x", Yes),
            ("rm -rf", "rm --rec --fo x", Yes),
            ("rm -rf", "rm -r x", No),
            ("rm -rf", "rm … x", Maybe),
            ("rm -rf", "rm -- …", No),
            ("rm -rf", "rm ./…", No),
            ("git push", "git -C . push origin", Yes),
            ("git push", "git --git-dir=x push", Yes),
            ("git push", "git log --grep push", No),
            ("git push", "git … x", Maybe),
            ("git push", "git pu…", Maybe),
            ("git push", "git lo…", No),
            ("git push --force", "git push origin main -f", Yes),
            ("git push --force", "git push origin main --forc", Yes),
            ("git push --force", "git push origin", No),
            ("git push --force", "git push origin …", Maybe),
            ("npm run deploy", "npm --prefix x run deploy", Yes),
            ("npm run deploy", "npm run --silent deploy", Yes),
            ("npm run deploy", "npm run build deploy", No),
            ("find -delete", "find . -name x -delete", Yes),
            ("find -delete", "find . -type d -newer x -iname l", No),
            ("cargo publish", "cargo +nightly publish", Yes),
            ("curl", "curl", Yes),
        ];
        for (rule, line, expected) in table {
            assert_eq!(begins(&words(rule), &simple(line)), expected, "{rule}: {line}");
        }
    }

    #[test]
    fn exact_rules() {
        use Fit::{Maybe, No, Yes};
        let table = [
            ("git push", "git push", Yes),
            ("git push", "/usr/bin/git push", Yes),
            ("git push", "git push x", No),
            ("git push", "git …", Maybe),
            ("git push a b", "git push …", Maybe),
            ("git push a b", "git log …", No),
        ];
        for (rule, line, expected) in table {
            assert_eq!(equals(&words(rule), &simple(line)), expected, "{rule}: {line}");
        }
    }

    #[test]
    fn patterns() {
        let table = [
            ("/dev/sd*", "/dev/sda1", true),
            ("/dev/sd*", "/dev/shm/x", false),
            ("*drop *", "DROP TABLE x", true),
            ("[2-7]???", "4755", true),
            ("[2-7]???", "0755", false),
            ("*[+=]*s*", "u+xs", true),
            ("*[+=]*s*", "u+x", false),
            ("runas", "RunAs", true),
            ("[", "[", false),
            ("*", "", true),
            ("a*b*c", "axbxbc", true),
        ];
        for (pattern, word, expected) in table {
            assert_eq!(matches(pattern, word), expected, "{pattern} {word}");
        }
    }
}
