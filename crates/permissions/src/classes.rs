//! The three classes of dangerous commands, as data files say what is in them.
//!
//! The program holds the files as `build.rs` makes them, and reads one when a rule first needs it. One that is broken is
//! an error, never a class with less in it. The tests hold each entry to its examples.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{pattern, shell::Simple};

/// A class of commands that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Destructive,
    Disk,
    Privilege,
}

/// All classes by name, sorted, each with the file that says what is in it.
const CLASSES: &[(&str, Class, &str)] = &[
    ("destructive-commands", Class::Destructive, include_str!("../data/destructive-commands.toml")),
    ("disk-operations", Class::Disk, include_str!("../data/disk-operations.toml")),
    ("privilege-escalation", Class::Privilege, include_str!("../data/privilege-escalation.toml")),
];

/// A list of `data` as the build has put it: JSON, without its examples.
macro_rules! list {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".json"))
    };
}
pub(crate) use list;

/// The names of the classes, sorted.
pub fn class_names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, ..)| *name)
}

/// What is in the class `name`, as a person can read it: a TOML file with examples. `read-only` is the list of what
/// runs without a question.
pub fn class_data(name: &str) -> Option<&'static str> {
    let class = CLASSES.iter().find(|(known, ..)| *known == name).map(|(.., data)| *data);
    class.or((name == "read-only").then_some(crate::read_only::DATA))
}

/// A form of commands.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    programs: Vec<String>,
    words: String,
    options: Vec<String>,
    arguments: Vec<String>,
    writes: Vec<String>,
    unless: Vec<String>,
    keep: bool,
    saves: Vec<Saves>,
    #[cfg(test)]
    matches: Vec<String>,
    #[cfg(test)]
    differs: Vec<String>,
}

/// What of that a command destroys can be saved before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Saves {
    /// The files and directories that its words name.
    Files,
    /// The work tree that it is in, but for what is ignored.
    Tree,
    /// Whatever is in its directory.
    Anything,
    /// Branches, tags and the stash.
    Refs,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    command: Vec<Entry>,
}

static DESTRUCTIVE: LazyLock<Result<File, String>> = LazyLock::new(|| load(list!("destructive-commands")));
static DISK: LazyLock<Result<File, String>> = LazyLock::new(|| load(list!("disk-operations")));
static PRIVILEGE: LazyLock<Result<File, String>> = LazyLock::new(|| load(list!("privilege-escalation")));

impl Class {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        CLASSES.iter().map(|(_, class, _)| *class)
    }

    /// The class of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        CLASSES.iter().find(|(known, ..)| *known == name).map(|(_, class, _)| *class)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        CLASSES.iter().find(|(_, class, _)| *class == self).map_or("", |(name, ..)| *name)
    }

    /// Whether `command` is in it.
    ///
    /// # Errors
    /// When the file that says what is in it is broken.
    pub(crate) fn contains(self, command: &Simple) -> Result<bool, String> {
        Ok(contains(self.file()?, command))
    }

    /// What of that `command` destroys can be saved before; `None`: it is not in the class.
    ///
    /// # Errors
    /// As [`Class::contains`].
    pub(crate) fn saves(self, command: &Simple) -> Result<Option<Vec<Saves>>, String> {
        let (program, written) = (command.program(), command.written());
        let mut entries =
            self.file()?.command.iter().filter(|entry| entry.fits(command, &program, &written)).peekable();
        let is_in = entries.peek().is_some();
        Ok(is_in.then(|| entries.flat_map(|entry| entry.saves.iter().copied()).collect()))
    }

    /// The programs, names and patterns, that are in it whatever their arguments, and that others can do without.
    ///
    /// # Errors
    /// As [`Class::contains`].
    pub(crate) fn whole_programs(self) -> Result<impl Iterator<Item = &'static str>, String> {
        let entries = self.file()?.command.iter().filter(|entry| entry.takes_any_arguments() && !entry.keep);
        Ok(entries.flat_map(|entry| entry.programs.iter().map(String::as_str)))
    }

    fn file(self) -> Result<&'static File, String> {
        let file = match self {
            Self::Destructive => &*DESTRUCTIVE,
            Self::Disk => &*DISK,
            Self::Privilege => &*PRIVILEGE,
        };
        file.as_ref().map_err(|error| format!("the list of {} is broken: {error}", self.name()))
    }
}

fn contains(file: &File, command: &Simple) -> bool {
    let (program, written) = (command.program(), command.written());
    file.command.iter().any(|entry| entry.fits(command, &program, &written))
}

fn load(list: &str) -> Result<File, String> {
    serde_json::from_str(list).map_err(|error| error.to_string())
}

impl Entry {
    fn takes_any_arguments(&self) -> bool {
        let lists = [&self.options, &self.arguments, &self.writes, &self.unless];
        self.words.is_empty() && lists.iter().all(|list| list.is_empty())
    }

    fn fits(&self, command: &Simple, program: &str, written: &[String]) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| pattern::matches(pattern, text));
        if !self.programs.is_empty() && !any(&self.programs, program) {
            return false;
        }
        if !self.writes.is_empty() && !written.iter().any(|path| any(&self.writes, path)) {
            return false;
        }
        let arguments = command.words.get(1..).unwrap_or_default();
        if !self.arguments.is_empty() {
            let input = command.input.as_slice();
            // Another word that is harmless does not make this one so.
            let counts = |word: &&String| any(&self.arguments, word) && !any(&self.unless, word);
            if !arguments.iter().chain(input).any(|word| counts(&word)) {
                return false;
            }
        }
        let operands_from = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
        let excepted = |(at, word): (usize, &String)| {
            self.unless.iter().any(|pattern| match pattern.starts_with('-') {
                true => at < operands_from && pattern::matches_with_case(pattern, word),
                false => self.arguments.is_empty() && pattern::matches(pattern, word),
            })
        };
        if arguments.iter().enumerate().any(excepted) {
            return false;
        }
        let given = |option: &String| pattern::has_option(option, "", arguments, false);
        if !self.options.is_empty() && !self.options.iter().any(given) {
            return false;
        }
        let wanted: Vec<Vec<&str>> = self.words.split_whitespace().map(|word| word.split('|').collect()).collect();
        pattern::in_order(&wanted, program, arguments, false)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Reads a list as it was written, and holds each entry to its examples.
    fn check(text: &str) -> Result<File, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        for entry in &file.command {
            let fits = |command: &Simple| entry.fits(command, &command.program(), &command.written());
            check_examples(&entry.programs, [(&entry.matches, true), (&entry.differs, false)], fits)?;
        }
        Ok(file)
    }

    /// Holds an entry of a data file to its examples, with what each has to come to; there must be some of either kind.
    pub(crate) fn check_examples(
        programs: &[String],
        examples: [(&Vec<String>, bool); 2],
        fits: impl Fn(&Simple) -> bool,
    ) -> Result<(), String> {
        for (examples, expected) in examples {
            if examples.is_empty() {
                return Err(format!("an entry for {programs:?} has no examples"));
            }
            for example in examples {
                if fits(&example_command(example)?) != expected {
                    let how = if expected { "does not match" } else { "matches" };
                    return Err(format!("the example `{example}` {how} its entry"));
                }
            }
        }
        Ok(())
    }

    /// An example as a command: words, quotes, and `>` before a file.
    fn example_command(example: &str) -> Result<Simple, String> {
        let words = shlex::split(example).ok_or_else(|| format!("the example `{example}` has an open quote"))?;
        let mut command = Simple::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                ">" | ">>" => command.writes.extend(words.next()),
                _ => command.words.push(word),
            }
        }
        Ok(command)
    }

    #[test]
    fn the_files_are_whole() {
        for (name, class, text) in CLASSES {
            let mut written = check(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            // The program holds the same, without the examples.
            for entry in &mut written.command {
                entry.matches.clear();
                entry.differs.clear();
            }
            assert_eq!(class.file().unwrap(), &written, "{name}");
        }
        assert!(CLASSES.is_sorted_by_key(|(name, ..)| name));
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let table = [
            ("[[command]]\nprograms = [\"a\"]\n", "no examples"),
            ("[[command]]\nprogram = [\"a\"]\n", "unknown field"),
            ("[[command]]\nprograms = [\"a\"]\nmatches = [\"b\"]\ndiffers = [\"c\"]\n", "`b` does not match"),
            ("[[command]]\nprograms = [\"a\"]\nmatches = [\"a\"]\ndiffers = [\"a x\"]\n", "`a x` matches"),
            ("[[command]]\nprograms = [\"a\"]\nmatches = [\"a 'x\"]\ndiffers = [\"b\"]\n", "open quote"),
        ];
        for (text, expected) in table {
            let error = check(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
