//! Reads a shell command line: which simple commands are in it, wherever they stand.
//!
//! It finds too much rather than too little, and says so where it cannot tell. It must never run anything, and its
//! work is bounded by the size of the text, by depth and by the number of commands.

mod code;
mod document;
mod plain;
mod scan;
mod simple;
mod text;
mod tree;
mod unwrap;
mod word;
mod wrappers;

use std::collections::BTreeMap;

use plain::is_name;
pub(crate) use plain::{Plain, read as plain};
pub(crate) use scan::Guess;
pub(crate) use simple::{HOLE, Simple, is_open, join, program};

/// Longest text that is parsed, in bytes.
pub(crate) const MOST_BYTES: usize = 8 << 10;
/// How deep scripts may be in scripts, and wrappers in wrappers.
const MOST_DEPTH: usize = 16;
/// Most simple commands that are looked at.
const MOST_COMMANDS: usize = 2_000;

/// The reason for which a text is obscure that is no command line.
pub(crate) const NOT_PARSED: &str = "it could not be parsed as a shell command";

/// What was found in a command line.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Every simple command, those inside wrappers and scripts too.
    pub(crate) commands: Vec<Simple>,
    /// Why there may be more than was found, in a sentence without its full stop.
    pub(crate) obscure: Option<String>,
    /// If so: what may be a command, by a look at the raw text.
    pub(crate) guesses: Vec<Guess>,
    /// Whether there was more of that text than is looked at.
    pub(crate) too_long: bool,
}

/// What a command gets on standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Input {
    /// Nothing that another part of the line wrote.
    None,
    /// This text; what is not known of it is marked.
    Text(String),
    /// The output of another command.
    Unknown,
}

/// Reads `text`.
pub(crate) fn read(text: &str) -> Reading {
    let mut reader = Reader::default();
    reader.script(text, &Input::None, 0);
    let mut too_long = false;
    let mut guesses: Vec<Guess> = Vec::new();
    // What cannot be read may run what is in the documents.
    let documents = reader.documents.iter().filter(|_| !reader.unread.is_empty());
    for text in reader.unread.iter().chain(documents) {
        let (found, whole) = scan::guesses(text);
        guesses.extend(found);
        too_long |= !whole;
    }
    // What stands where commands begin may wrap others.
    let wrapped = guesses.iter().filter(|guess| guess.begins).flat_map(|guess| {
        let mut inside = Reader::default();
        inside.simple(guess.command.clone(), &Input::None, MOST_DEPTH - 4);
        inside.commands.into_iter().skip(1).map(|command| Guess { command, begins: true })
    });
    let wrapped: Vec<Guess> = wrapped.take(MOST_COMMANDS).collect();
    too_long |= wrapped.len() == MOST_COMMANDS;
    guesses.extend(wrapped);
    Reading { commands: reader.commands, obscure: reader.obscure, guesses, too_long }
}

/// Collects simple commands.
#[derive(Default)]
struct Reader {
    commands: Vec<Simple>,
    obscure: Option<String>,
    /// The script that is being read.
    script: String,
    /// The scripts in which something cannot be told.
    unread: Vec<String>,
    /// The values that variables are given in the text, by name.
    variables: BTreeMap<String, Vec<String>>,
    /// Whether variables are also given values that are not known, by `read` and the like.
    unknown_values: bool,
    /// The here-documents that were taken out of scripts.
    documents: Vec<String>,
}

impl Reader {
    /// Notes that not all can be told; the first reason stands.
    fn obscure(&mut self, reason: impl Into<String>) {
        self.obscure.get_or_insert_with(|| reason.into());
        if !self.unread.contains(&self.script) {
            self.unread.push(self.script.clone());
        }
    }

    /// Reads a script of its own: the whole line, or the argument of a shell.
    fn script(&mut self, text: &str, input: &Input, depth: usize) {
        let text = match document::take_out(text, self.documents.len()) {
            Some((rest, documents)) => {
                self.documents.extend(documents);
                rest
            }
            None => text.to_owned(),
        };
        let outer = std::mem::replace(&mut self.script, text.clone());
        self.lines(&text, input, depth);
        self.script = outer;
    }

    fn lines(&mut self, text: &str, input: &Input, depth: usize) {
        if depth > MOST_DEPTH {
            return self.obscure("scripts are nested too deep to be read");
        }
        if text.len() > MOST_BYTES {
            return self.obscure(format!("it is longer than {MOST_BYTES} bytes, too long to be read"));
        }
        if let Some(commands) = plain::read(text) {
            return self.plain(commands, input, depth);
        }
        if text.chars().any(hides_text) {
            self.obscure("it contains control characters or marks that hide text");
        }
        tree::read(self, text, input, depth);
        // The parser takes a line that goes on for a blank, in a word too; the shell does not, but in a comment.
        if text.contains("\\\n") {
            tree::read(self, &text.replace("\\\n", ""), input, depth);
        }
        // The grammar does not see a substitution of the old form in another one.
        if text.contains("\\`") {
            self.old_substitutions(text, depth);
        }
    }

    /// Reads what stands between backticks in `text`, wherever that is. What is escaped in one is not inside of it.
    fn old_substitutions(&mut self, text: &str, depth: usize) {
        let (mut inside, mut script) = (false, String::new());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '`' => {
                    if inside {
                        self.script(&std::mem::take(&mut script), &Input::None, depth + 1);
                    }
                    inside = !inside;
                }
                '\\' => match chars.next() {
                    Some(escaped @ ('`' | '$' | '\\')) if inside => script.push(escaped),
                    Some(other) if inside => script.extend([c, other]),
                    _ => {}
                },
                c if inside => script.push(c),
                _ => {}
            }
        }
        if inside {
            self.obscure("a substitution between backticks is not closed");
        }
    }

    fn plain(&mut self, commands: Vec<Plain>, input: &Input, depth: usize) {
        let mut last = input.clone();
        for Plain { words, piped } in commands {
            let own = if piped { last } else { input.clone() };
            last = word::output_of(&words, &own);
            self.simple(Simple { words, ..Simple::default() }, &own, depth);
        }
    }

    /// Takes a command, and what it wraps.
    fn simple(&mut self, mut command: Simple, input: &Input, depth: usize) {
        if self.commands.len() >= MOST_COMMANDS || depth > MOST_DEPTH {
            return self.obscure("it has more commands in one another than are looked at");
        }
        if let Input::Text(text) = input {
            command.input = Some(text.clone());
        }
        if self.commands.contains(&command) {
            return;
        }
        let inner = unwrap::unwrap(&command, input);
        self.commands.push(command);
        for inner in inner {
            match inner {
                unwrap::Inner::Words(words) => {
                    self.simple(Simple { words, ..Simple::default() }, input, depth + 1);
                }
                unwrap::Inner::Script(text) => {
                    if text.contains(HOLE) {
                        self.obscure("a shell is given a script that is not known before it runs");
                    }
                    self.script(&unwrap::as_script(&text), input, depth + 1);
                }
                unwrap::Inner::Obscure(reason) => self.obscure(reason),
            }
        }
    }
}

/// Programs that may start a shell which reads what is typed, besides the shells.
const PROMPTS: &[&str] = &[
    "chroot",
    "docker",
    "doas",
    "expect",
    "kubectl",
    "machinectl",
    "nix",
    "nix-shell",
    "nsenter",
    "pkexec",
    "podman",
    "screen",
    "script",
    "ssh",
    "su",
    "sudo",
    "telnet",
    "tmux",
    "unshare",
    "vagrant",
    "wsl",
];

/// Whether what is typed to `command` while it runs may be read by a shell, as far as its words say so.
pub fn is_prompt(command: &str) -> bool {
    let reading = read(command);
    let may_be = |name: &str| unwrap::SHELLS.contains(&name) || PROMPTS.contains(&name);
    reading.obscure.is_some() || reading.commands.iter().any(|command| may_be(&command.program()))
}

/// The commands that a command of these words wraps. Nothing if they cannot be told.
pub(crate) fn inside(words: &[String]) -> Option<Vec<Simple>> {
    let mut reader = Reader::default();
    reader.simple(Simple { words: words.to_vec(), ..Simple::default() }, &Input::None, 0);
    let Reader { mut commands, obscure, .. } = reader;
    commands.remove(0);
    obscure.is_none().then_some(commands)
}

/// Whether `program` is one that runs another, and `arguments` do not say which.
pub(crate) fn wraps_nothing(program: &str, arguments: &[String]) -> bool {
    wrappers::find(program).is_some_and(|wrapper| wrapper.rest(arguments).is_empty())
}

/// What `program` with `arguments` runs, if it is one that runs another and they say which.
pub(crate) fn wrapped<'a>(program: &str, arguments: &'a [String]) -> Option<&'a [String]> {
    wrappers::find(program).map(|wrapper| wrapper.rest(arguments)).filter(|inner| !inner.is_empty())
}

/// The arguments of git from its command on (git(1), OPTIONS).
pub(crate) fn beyond_git_options(arguments: &[String]) -> &[String] {
    const VALUES: &[&str] =
        &["-C", "-c", "--attr-source", "--config-env", "--git-dir", "--namespace", "--super-prefix", "--work-tree"];
    let mut at = 0;
    while let Some(word) = arguments.get(at).filter(|word| word.starts_with('-')) {
        at += if VALUES.contains(&word.as_str()) { 2 } else { 1 };
    }
    arguments.get(at..).unwrap_or_default()
}

/// Whether `c` may mislead the parser, or a person who looks at the line. Unlike in a plain line, letters may be joined.
fn hides_text(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
