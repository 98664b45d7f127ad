//! Code that an interpreter of another language is given: the shell commands that its texts spell.
//!
//! It is a look at the texts between quotes, no parser of those languages: what is put together from pieces is not
//! seen. It looks only where the code can start programs at all.

use super::{HOLE, Input, unwrap::Inner};

/// Interpreters with the options that are followed by code; an empty list: an operand is code.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("awk", &[]),
    ("bun", &["-e", "--eval", "-p"]),
    ("deno", &["eval"]),
    ("gawk", &[]),
    ("lua", &["-e"]),
    ("mawk", &[]),
    ("node", &["-e", "--eval", "-p", "--print"]),
    ("nodejs", &["-e", "--eval", "-p", "--print"]),
    ("osascript", &["-e"]),
    ("perl", &["-e", "-E"]),
    ("php", &["-r"]),
    ("pypy", &["-c"]),
    ("python", &["-c"]),
    ("ruby", &["-e"]),
    ("tclsh", &[]),
];

/// Words without which code starts no program.
const STARTS: &[&str] =
    &["system", "popen", "subprocess", "exec", "spawn", "Command", "qx", "`", "do shell script", "getline", "|"];

/// The commands that code among `arguments`, or on standard input, spells.
pub(super) fn scripts(name: &str, arguments: &[String], input: &Input) -> Vec<Inner> {
    // `python3.12` is `python`.
    let family = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let Some((_, options)) = INTERPRETERS.iter().find(|(interpreter, _)| [name, family].contains(interpreter)) else {
        return Vec::new();
    };
    let mut codes: Vec<&str> = Vec::new();
    if options.is_empty() {
        // What comes first may be the value of an option.
        codes.extend(arguments.iter().filter(|word| !word.starts_with('-')).map(String::as_str));
    }
    for (at, word) in arguments.iter().enumerate() {
        // `-c` may stand in a cluster, as in `-Ic`, or have its code in the same word.
        let cluster = |option: &&&str| {
            option.len() == 2
                && word.len() > 2
                && word.starts_with('-')
                && !word.starts_with("--")
                && word.ends_with(&option[1..])
        };
        if options.iter().any(|option| *option == word) || options.iter().find(cluster).is_some() {
            codes.extend(arguments.get(at + 1).map(String::as_str));
        } else if let Some(code) = options.iter().find_map(|option| word.strip_prefix(option)) {
            codes.push(code.trim_start_matches('='));
        }
    }
    if codes.is_empty()
        && let Input::Text(text) = input
    {
        codes.push(text);
    }
    codes.into_iter().filter(|code| STARTS.iter().any(|start| code.contains(start))).flat_map(spelled).collect()
}

/// The texts between quotes in `code`, each as a script; those that follow one another as the words of a command.
fn spelled(code: &str) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['\'', '"', '`']) {
        let between = &rest[..at];
        let quote = rest[at..].chars().next().unwrap_or('"');
        let (text, after) = quoted(&rest[at + 1..], quote);
        if !between.chars().all(|c| c == ',' || c.is_whitespace()) {
            inner.extend(command(std::mem::take(&mut words)));
        }
        if text.contains([' ', '\t', '\n']) || quote == '`' {
            inner.push(Inner::Script(text.clone()));
        }
        words.push(text);
        rest = after;
    }
    inner.extend(command(words));
    inner
}

/// `words` as a command, if they look like one: a lone word is mostly something else.
fn command(words: Vec<String>) -> Option<Inner> {
    (words.len() > 1).then_some(Inner::Words(words))
}

/// The text up to `quote`, and what comes after it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| if escaped == 'n' { '\n' } else { escaped })),
            HOLE => value.push('_'),
            c if c == quote => return (value, &text[at + c.len_utf8()..]),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_code() {
        let script = |text: &str| Inner::Script(text.to_owned());
        let words = |line: &str| Inner::Words(shlex::split(line).unwrap());
        let table: Vec<(&str, &[&str], Vec<Inner>)> = vec![
            ("python3", &["-c", "import os; os.system('rm -rf /')"], vec![script("rm -rf /")]),
            ("python3.12", &["-Ic", "os.system(\"rm -rf /\")"], vec![script("rm -rf /")]),
            ("python", &["-c", "subprocess.run(['rm', '-rf', 'x'])"], vec![words("rm -rf x")]),
            ("perl", &["-e", "exec qw(x), 'rm -rf x'"], vec![script("rm -rf x")]),
            ("node", &["-e", "child_process.execSync(`rm -rf x`)"], vec![script("rm -rf x")]),
            ("awk", &["BEGIN { system(\"rm -rf x\") }"], vec![script("rm -rf x")]),
            ("python", &["-c", "print('rm -rf x')"], vec![]),
            ("cat", &["-c", "system('rm -rf x')"], vec![]),
        ];
        for (name, arguments, expected) in table {
            let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(scripts(name, &arguments, &Input::None), expected, "{name} {arguments:?}");
        }
        let input = Input::Text("import os\nos.system('rm -rf x')".into());
        assert_eq!(scripts("python", &["-".to_owned()], &input), [script("rm -rf x")]);
    }
}
