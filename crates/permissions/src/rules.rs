//! The rules that were written down, as the configuration gives them, and what reads them.
//!
//! A rule that cannot be understood is an error at start-up, never a rule that is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    classes::{Class, class_names},
    pattern::{self, Fit},
    shell::{self, Simple},
};

/// What a rule says of the commands it matches. In order of precedence: the first that matches decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// It never runs.
    Deny,
    /// A person is asked, each time.
    Ask,
    /// It runs without a question, inside the sandbox.
    Allow,
}

/// A rule as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// What it says.
    pub kind: RuleKind,
    /// The beginning of a command (`git diff`), a whole command (`=cargo test --all`), or the name of a class
    /// (`disk-operations`).
    pub text: String,
    /// For people: `FILE:LINE:COLUMN`, a flag as typed, `built-in`, `this session`.
    pub origin: String,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// Which rule.
    pub rule: RuleText,
    /// What is wrong with it and what to write instead, without its place.
    pub message: String,
}

/// All rules in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    texts: Vec<RuleText>,
    /// What each of them means, in the same order.
    patterns: Vec<Pattern>,
}

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Commands that begin with these words.
    Begins(Vec<String>),
    /// The command of these words.
    Exact(Vec<String>),
    /// The commands of a class.
    Class(Class),
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    /// The first that cannot be used: an unknown class, a word that is not closed, an allowed interpreter.
    pub fn new(texts: Vec<RuleText>) -> Result<Self, RuleError> {
        let mut patterns = Vec::new();
        for rule in &texts {
            let pattern = Pattern::parse(rule.kind, &rule.text);
            patterns.push(pattern.map_err(|message| RuleError { rule: rule.clone(), message })?);
        }
        Ok(Self { texts, patterns })
    }

    /// The rules as they were written, in the order they were given.
    pub fn texts(&self) -> &[RuleText] {
        &self.texts
    }

    /// The programs that never run because of a class that is denied, whatever their arguments. What is destructive is
    /// not among them: every build removes files.
    ///
    /// # Errors
    /// When the list of a class is broken.
    pub fn denied_programs(&self) -> Result<ProgramNames, String> {
        let mut names = ProgramNames::default();
        for (_, pattern) in self.of(RuleKind::Deny) {
            if let Pattern::Class(class @ (Class::Disk | Class::Privilege)) = pattern {
                names.add(class.whole_programs()?);
            }
        }
        Ok(names)
    }

    /// The rules of a kind, with what they match.
    pub(crate) fn of(&self, kind: RuleKind) -> impl Iterator<Item = (&RuleText, &Pattern)> {
        self.texts.iter().zip(&self.patterns).filter(move |(rule, _)| rule.kind == kind)
    }
}

/// Names of programs, and patterns of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramNames {
    /// By their first letters: most names of others differ from all of them in that, or in their length.
    plain: BTreeMap<Option<u8>, Vec<&'static str>>,
    /// By the first letters too: what stands before the first sign of each pattern, and the pattern.
    patterns: BTreeMap<Option<u8>, BTreeSet<(&'static str, &'static str)>>,
}

impl ProgramNames {
    fn add(&mut self, names: impl Iterator<Item = &'static str>) {
        for name in names {
            match pattern::literal(name) {
                literal if literal == name => self.plain.entry(first(name)).or_default().push(name),
                literal => drop(self.patterns.entry(first(literal)).or_default().insert((literal, name))),
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty()
    }

    /// Whether `name`, the name of a file, is one of them.
    pub fn contain(&self, name: &str) -> bool {
        // It is asked of every program of the machine: most differ from a pattern in what it begins with.
        let fits =
            |(literal, wanted): &(&str, &str)| name.starts_with(literal) && pattern::matches_with_case(wanted, name);
        let begun = [first(name), None];
        self.plain.get(&begun[0]).is_some_and(|names| names.contains(&name))
            || begun.iter().filter_map(|begun| self.patterns.get(begun)).flatten().any(fits)
    }
}

fn first(name: &str) -> Option<u8> {
    name.bytes().next()
}

/// Interpreters, which run whatever the words after a rule say.
const INTERPRETERS: &[&str] = &[
    "ash",
    "awk",
    "bash",
    "bun",
    "cmd",
    "dash",
    "deno",
    "fish",
    "gawk",
    "ksh",
    "lua",
    "mawk",
    "mksh",
    "node",
    "nodejs",
    "osascript",
    "perl",
    "php",
    "powershell",
    "pwsh",
    "pypy",
    "pypy3",
    "python",
    "python2",
    "python3",
    "rbash",
    "ruby",
    "sh",
    "ssh",
    "tclsh",
    "zsh",
];

/// Programs that are nothing without the words that say what they do.
const NEED_MORE: &[&str] =
    &["busybox", "docker", "fd", "find", "git", "parallel", "podman", "toybox", "watch", "xargs"];

/// Options with which an interpreter runs no code of the model's choosing.
const HARMLESS_OPTIONS: &[&str] = &["--help", "--test", "--version", "-V"];

impl Pattern {
    fn parse(kind: RuleKind, text: &str) -> Result<Self, String> {
        let (exact, line) = match text.trim().strip_prefix('=') {
            Some(line) => (true, line.trim()),
            None => (false, text.trim()),
        };
        if line.is_empty() {
            return Err("it is empty: write the beginning of a command, such as `git push`".into());
        }
        let small = line.to_lowercase();
        if !exact && matches!(small.as_str(), "read-only" | "read_only" | "read only") {
            return Err(
                "`read-only` is no class of dangerous commands: it is the built-in list of what runs without a \
                        question, and needs no rule. Write a rule for the commands that you mean"
                    .into(),
            );
        }
        if let (false, Some(class)) = (exact, Class::named(&small)) {
            return match kind {
                RuleKind::Deny | RuleKind::Ask => Ok(Self::Class(class)),
                RuleKind::Allow => Err(format!(
                    "`{line}` cannot be allowed: what is in that class always asks, but for `--full-auto`. Leave it out"
                )),
            };
        }
        if !exact && looks_like_class(&small) {
            let names: Vec<String> = class_names().map(|name| format!("`{name}`")).collect();
            return Err(format!("there is no class `{line}`; there are {}", names.join(", ")));
        }
        let words = words(line)?;
        if kind == RuleKind::Allow {
            may_be_allowed(&words)?;
        }
        Ok(if exact { Self::Exact(words) } else { Self::Begins(words) })
    }

    /// How well `command` fits, for rules that deny or ask.
    ///
    /// # Errors
    /// When the list of a class is broken.
    pub(crate) fn fit(&self, command: &Simple) -> Result<Fit, String> {
        Ok(match self {
            Self::Begins(words) => pattern::begins(words, command),
            Self::Exact(words) => pattern::equals(words, command),
            Self::Class(class) if class.contains(command)? => Fit::Yes,
            Self::Class(_) => Fit::No,
        })
    }

    /// How many of the first words of a command are those of the rule, if it allows the command.
    pub(crate) fn allows(&self, command: &[String]) -> Option<usize> {
        match self {
            Self::Begins(words) => command.starts_with(words).then_some(words.len()),
            Self::Exact(words) => (command == words).then_some(words.len()),
            Self::Class(_) => None,
        }
    }
}

/// The words of a rule, which must be those of one plain command.
fn words(line: &str) -> Result<Vec<String>, String> {
    if shlex::split(line).is_none() {
        return Err(format!("`{line}` has a quote that is not closed, or ends in a backslash"));
    }
    match shell::plain(line).as_deref() {
        Some([command]) => Ok(command.words.clone()),
        Some(_) => Err(format!("`{line}` is more than one command: write a rule for each")),
        None if line.trim_end_matches('*').trim() != line => Err(format!(
            "`{line}`: `*` is no pattern here. Write the beginning of the command alone: what follows may be anything"
        )),
        None => Err(format!(
            "`{line}` has characters that are special to a shell: write the words of one command, and put what is special \
             between single quotes"
        )),
    }
}

/// Whether `line`, in small letters, was probably meant as the name of a class.
fn looks_like_class(line: &str) -> bool {
    if ["destructive", "privilege", "privileges", "privileged"].contains(&line)
        || Class::named(&line.replace([' ', '_'], "-")).is_some()
    {
        return true;
    }
    let word = !line.contains(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
    let parts: Vec<&str> = line.split(['-', '_']).collect();
    let ends = ["command", "commands", "operation", "operations", "escalation", "escalations"];
    let begins = ["destructive", "privilege", "privileged"];
    let alike = parts.last().is_some_and(|last| ends.contains(last)) || begins.contains(&parts[0]);
    word && parts.len() > 1 && alike
}

/// # Errors
/// Why a rule of these words must not allow: it would allow anything, or nothing.
pub(crate) fn may_be_allowed(words: &[String]) -> Result<(), String> {
    let Some(program) = words.first() else { return Err("it is empty".into()) };
    if program.contains('/') {
        return Err(format!(
            "`{program}` is a path: only programs that are found by their name, outside of what commands can change, can be \
             allowed. Write the name, or leave the rule out and answer when asked"
        ));
    }
    if is_special(program) {
        return Err(format!("`{program}` works inside the shell and cannot be allowed. Leave it out"));
    }
    anything(words)
}

/// # Errors
/// When what begins with these words may be any command.
fn anything(words: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let command = if program == "git" { shell::beyond_git_options(arguments) } else { arguments };
    let bare = command.iter().all(|word| word.starts_with('-') || word.contains('='));
    let harmless = arguments.iter().any(|word| HARMLESS_OPTIONS.contains(&word.as_str()));
    let family = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let interpreter = [program.as_str(), family].iter().any(|name| INTERPRETERS.contains(name));
    if (interpreter || NEED_MORE.contains(&program.as_str())) && bare && !harmless {
        return Err(format!(
            "`{}` alone would allow any command. Write more of what may run, such as `{} …`",
            words.join(" "),
            if program == "git" { "git diff" } else { program }
        ));
    }
    if shell::wraps_nothing(program, arguments) {
        return Err(format!(
            "`{}` runs another program: allowing it would allow any command. Allow the program that it runs",
            words.join(" ")
        ));
    }
    match shell::wrapped(program, arguments) {
        Some(inner) => anything(inner),
        None => Ok(()),
    }
}

/// Words that a shell itself carries out, and that change what later words mean or run what they are given (bash(1),
/// SHELL BUILTIN COMMANDS).
const SPECIAL: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "declare",
    "dirs",
    "disown",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "getopts",
    "hash",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Whether `word` is carried out by a shell itself in a way that no rule can allow.
pub(crate) fn is_special(word: &str) -> bool {
    SPECIAL.contains(&word)
}

impl fmt::Display for RuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Allow => "allow",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: RuleKind, text: &str) -> RuleText {
        RuleText { kind, text: text.into(), origin: "test".into() }
    }

    #[test]
    fn broken_rules_are_errors() {
        use RuleKind::{Allow, Ask, Deny};
        let table = [
            (Deny, "", "empty"),
            (Deny, "=", "empty"),
            (Deny, "  ", "empty"),
            (Deny, "rm 'x", "not closed"),
            (Deny, "disk-operation", "no class"),
            (Deny, "destructive-comands", "no class"),
            (Deny, "destructive", "no class"),
            (Deny, "Disk-Operation", "no class"),
            (Ask, "disk operations", "no class"),
            (Deny, "read-only", "no class of dangerous commands"),
            (Ask, "Read-Only", "no class of dangerous commands"),
            (Allow, "read-only", "no class of dangerous commands"),
            (Allow, "Disk-Operations", "cannot be allowed"),
            (Allow, "env bash", "any command"),
            (Allow, "timeout 5 env -i python3 -c", "any command"),
            (Allow, "git -C d", "any command"),
            (Ask, "network-operations", "`destructive-commands`, `disk-operations`, `privilege-escalation`"),
            (Deny, "rm *", "no pattern"),
            (Deny, "a | b", "more than one"),
            (Deny, "a; b", "more than one"),
            (Deny, "rm $HOME", "special"),
            (Deny, "a > b", "special"),
            (Allow, "disk-operations", "cannot be allowed"),
            (Allow, "*", "no pattern"),
            (Allow, "npm *", "no pattern"),
            (Allow, "bash", "any command"),
            (Allow, "sh -c", "any command"),
            (Allow, "python3.12", "any command"),
            (Allow, "python -c", "any command"),
            (Allow, "node", "any command"),
            (Allow, "env", "runs another program"),
            (Allow, "env -i A=1", "runs another program"),
            (Allow, "sudo", "runs another program"),
            (Allow, "timeout 10", "runs another program"),
            (Allow, "uv run", "runs another program"),
            (Allow, "xargs -0", "any command"),
            (Allow, "find", "any command"),
            (Allow, "git", "any command"),
            (Allow, "git --no-pager", "any command"),
            (Allow, "=bash", "any command"),
            (Allow, "eval x", "inside the shell"),
            (Allow, "cd", "inside the shell"),
            (Allow, "./gradlew test", "is a path"),
        ];
        for (kind, text, expected) in table {
            let error = Rules::new(vec![rule(kind, text)]).expect_err(text);
            assert!(error.message.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn rules_that_can_be_used() {
        use RuleKind::{Allow, Ask, Deny};
        let table = [
            (Deny, "rm -rf /"),
            (Deny, "disk-operations"),
            (Ask, "privilege-escalation"),
            (Deny, "Destructive-Commands"),
            (Allow, "env bash x.sh"),
            (Allow, "poetry run test"),
            (Allow, "git --no-pager diff"),
            (Deny, "apt-get"),
            (Deny, "bash"),
            (Deny, "=git push"),
            (Ask, "rm 'a*b'"),
            (Allow, "git diff"),
            (Allow, "npm test"),
            (Allow, "python -m pytest"),
            (Allow, "python --version"),
            (Allow, "node --test"),
            (Allow, "find . -name"),
            (Allow, "=cargo test --all"),
            (Allow, "xargs grep"),
            (Allow, "docker-compose"),
        ];
        for (kind, text) in table {
            let rules = Rules::new(vec![rule(kind, text)]).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(rules.texts(), [rule(kind, text)]);
        }
    }

    #[test]
    fn programs_of_denied_classes_are_named_if_they_are_denied_whatever_follows() {
        let denied = |rules: &[(RuleKind, &str)]| {
            let rules = rules.iter().map(|(kind, text)| rule(*kind, text)).collect();
            Rules::new(rules).unwrap().denied_programs().unwrap()
        };
        let privilege = denied(&[(RuleKind::Deny, "privilege-escalation"), (RuleKind::Deny, "git push")]);
        let disk = denied(&[(RuleKind::Deny, "disk-operations")]);
        let table = [
            ("su", true, false),
            ("sudo", true, false),
            ("mkfs.ext4", false, true),
            ("mkfs", false, true),
            // What they do depends on their arguments.
            ("chmod", false, false),
            ("systemctl", false, false),
            ("mount", false, false),
            ("dd", false, false),
            // Every program is started by it.
            ("ld-linux-x86-64.so.2", false, false),
            ("ld.so", false, false),
            ("git", false, false),
            ("sh", false, false),
        ];
        for (name, by_privilege, by_disk) in table {
            assert_eq!((privilege.contain(name), disk.contain(name)), (by_privilege, by_disk), "{name}");
        }
        for (kind, text) in [(RuleKind::Ask, "disk-operations"), (RuleKind::Deny, "destructive-commands")] {
            assert!(denied(&[(kind, text)]).is_empty(), "{text}");
        }
    }

    #[test]
    fn tables_are_sorted() {
        assert!(INTERPRETERS.is_sorted() && NEED_MORE.is_sorted() && SPECIAL.is_sorted());
    }
}
