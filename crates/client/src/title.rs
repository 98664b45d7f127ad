//! A short title of a session, made of the first thing that was said in it. Pure; no model is asked.

use codex_protocol::Thread;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a title has at most.
const WIDEST: usize = 60;
/// A sentence of fewer columns says too little: the next is taken with it.
const LEAST: usize = 12;
/// What words begin with that are keys.
const KEYS: &[&str] = &[
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "eyJ",
    "hf_",
    "gsk_",
    "xai-",
    "-----BEGIN",
];
/// What is told after one of these words, an `=` or a `:`, is for few.
const SECRET: &[&str] = &["password", "passwd", "secret", "token", "api_key", "apikey", "api-key"];
/// So many characters of letters and digits together are no word.
const LONG: usize = 20;

/// What a session is called: its name, else its title; empty if nothing was said.
pub fn called(thread: &Thread) -> String {
    thread.name.clone().unwrap_or_else(|| title(&thread.preview))
}

/// The first sentence of `said`, without Markdown, cut at a word where it is too wide; empty if nothing is left. What
/// may be a secret is left out.
pub fn title(said: &str) -> String {
    let mut is_code = false;
    let lines = said.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !fence && !is_code
    });
    let plain: Vec<String> = lines.map(plain).collect();
    // Of code alone something is better than nothing.
    let line = plain.iter().find(|line| !line.is_empty()).cloned();
    let line = line.unwrap_or_else(|| said.lines().map(self::plain).find(|line| !line.is_empty()).unwrap_or_default());
    cut(sentence(&line))
}

/// A line without Markdown, control characters and secrets.
fn plain(line: &str) -> String {
    let line = line.trim().trim_start_matches(['#', '>', '`']).trim_start();
    let line = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(|| numbered(line)).unwrap_or(line);
    let mut words = Vec::new();
    let mut tells_secret = false;
    for word in without_links(line).split_whitespace() {
        let word: String = unmarked(word).chars().filter(|c| !is_invisible(*c) && *c != '`').collect();
        let hides = tells_secret || is_secret(&word);
        let name = word.trim_end_matches([':', '=']).to_ascii_lowercase();
        tells_secret = word.ends_with([':', '=']) && SECRET.iter().any(|secret| name.ends_with(secret))
            || tells_secret && matches!(&*name, "is" | "");
        match hides {
            true if tells_secret => words.push(word),
            true => words.push("…".to_owned()),
            false if word.is_empty() => {}
            false => words.push(word),
        }
    }
    words.join(" ")
}

/// What stands after `1. `.
fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < line.len()).then(|| rest.strip_prefix(". ")).flatten()
}

/// `[text](address)` is its text.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](").and_then(|(inner, after)| Some((inner, after.split_once(')')?.1)));
        let Some((inner, after)) = link.filter(|(inner, _)| !inner.contains('[')) else {
            text.push_str(before);
            text.push('[');
            rest = after;
            continue;
        };
        text.push_str(before.strip_suffix('!').unwrap_or(before));
        text.push_str(inner);
        rest = after;
    }
    text + rest
}

/// A word without the marks of emphasis at its edges. `_` is a part of names such as `__init__.py`.
fn unmarked(word: &str) -> &str {
    ["**", "~~"].iter().fold(word, |word, marks| {
        let mark = &marks[..1];
        let word = if word.starts_with(marks) { word.trim_start_matches(mark) } else { word };
        if word.ends_with(marks) { word.trim_end_matches(mark) } else { word }
    })
}

/// What moves the cursor, or turns the order of what is read around.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_secret(word: &str) -> bool {
    let word = word.trim_matches(|c: char| matches!(c, '"' | '\'' | '(' | ')' | ',' | ';'));
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    let names_one = word.split_once(['=', ':']).is_some_and(|(name, value)| {
        let name = name.to_ascii_lowercase();
        !value.is_empty() && SECRET.iter().any(|secret| name.ends_with(secret))
    });
    let with_password =
        word.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|it| it.contains('@')));
    let is_random = |part: &str| {
        let only = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '_' | '-' | '=');
        let digits = part.chars().filter(char::is_ascii_digit).count();
        part.len() >= LONG && part.chars().all(only) && digits >= 4 && digits < part.len()
    };
    names_one
        || with_password
        || [word, value].iter().any(|part| KEYS.iter().any(|key| part.starts_with(key) && part.len() > key.len() + 8))
        || value.split('/').any(is_random)
}

/// The first sentence, with the next where it says too little.
fn sentence(line: &str) -> &str {
    let ends = line.char_indices().filter(|(at, c)| {
        let after = line[at + c.len_utf8()..].chars().next();
        match c {
            '.' | '!' | '?' => after.is_none_or(char::is_whitespace),
            '。' | '！' | '？' => true,
            _ => false,
        }
    });
    let end = ends.map(|(at, c)| at + c.len_utf8()).find(|end| line[..*end].width() >= LEAST);
    line[..end.unwrap_or(line.len())].trim_end_matches(['.', ':', '。', ' '])
}

fn cut(line: &str) -> String {
    if line.width() <= WIDEST {
        return line.to_owned();
    }
    let mut width = 0;
    let fits = line.char_indices().take_while(|(_, c)| {
        width += c.width().unwrap_or_default();
        width < WIDEST
    });
    let end = fits.last().map_or(0, |(at, c)| at + c.len_utf8());
    let at_word = line[..end].rfind(' ').filter(|_| !line[end..].starts_with(' ')).unwrap_or(end);
    format!("{}…", line[..at_word].trim_end_matches([',', ';', ' ', '.', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_first_sentence_without_marks() {
        let table = [
            ("Fix the failing test in src/my_file.rs. It is flaky.", "Fix the failing test in src/my_file.rs"),
            ("# Please **rename** `foo` to [bar](https://x.example/bar)!\n\nDetails", "Please rename foo to bar!"),
            ("- Why does ./run.sh fail?\n- And more", "Why does ./run.sh fail?"),
            ("1. First thing: do it", "First thing: do it"),
            ("Hi. Look at the parser, please. Thanks.", "Hi. Look at the parser, please"),
            ("\n\n  > quoted words of someone  ", "quoted words of someone"),
            ("```\nlet x = 1;\n```\nWhat does this do?", "What does this do?"),
            ("```rust\nlet x = 1;\n```", "rust"),
            ("a[0] and b[1] are swapped", "a[0] and b[1] are swapped"),
            ("テストを直して。それから寝て。", "テストを直して"),
            ("", ""),
            ("*** look at __init__.py ***", "look at __init__.py"),
            ("***", ""),
            ("\u{1b}]0;evil\u{7} rename it \u{202e}now", "]0;evil rename it now"),
        ];
        for (said, expected) in table {
            assert_eq!(title(said), expected, "{said:?}");
        }
    }

    #[test]
    fn it_is_cut_at_a_word_and_never_wider() {
        let long = "Please go through all of the modules below crates/agent and tell me what each of them does";
        assert_eq!(title(long), "Please go through all of the modules below crates/agent and…");
        for said in [long, &"x".repeat(200), &"字".repeat(100), &"word ".repeat(50)] {
            let title = title(said);
            assert!(title.width() <= WIDEST && title.width() > WIDEST / 2 && title.ends_with('…'), "{title}");
        }
    }

    #[test]
    fn secrets_are_left_out() {
        let table = [
            ("Use the key sk-abcdefghijklmnop12345678 for it", "Use the key … for it"),
            ("API_KEY=geheim123 make deploy", "… make deploy"),
            ("log in with password: hunter2 at the door", "log in with password: … at the door"),
            ("clone https://me:secret@host.example/x.git here", "clone … here"),
            ("why is deadbeef0123456789abcdef0123 slow", "why is … slow"),
            (
                "look at src/catalog/table_of_models_and_what_they_cost.rs now",
                "look at src/catalog/table_of_models_and_what_they_cost.rs…",
            ),
        ];
        for (said, expected) in table {
            assert_eq!(title(said), expected, "{said:?}");
        }
    }
}
