//! Own commands: Markdown files whose text becomes what the user says, with what was typed behind the name put into it.
//!
//! What was typed is data: it is put in once, and never looked at for places of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use codex_workspace::Bounds;
use serde_json::{Map, Value};

use crate::{
    files::{Place, Source, names, text},
    front_matter::{front_matter, line},
    plugins::ROOTS,
};

/// Most bytes of a file.
const LONGEST: usize = 64 << 10;
/// Most files that are looked at.
const MOST: usize = 512;
/// How deep directories are looked into.
const DEEPEST: usize = 4;
/// Most bytes that what was typed takes in places beyond the first.
const MOST_REPEATED: usize = 256 << 10;
/// Most characters of what is said of a command in a list.
const DESCRIPTION: usize = 200;

/// A command that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Without the `/`: the file's name, after those of its directories and `:`.
    pub name: String,
    /// What it does, in a line.
    pub description: String,
    /// What follows its name, as help writes it.
    pub argument_hint: Option<String>,
    /// Whose it is.
    pub place: Place,
    /// Absolute.
    pub path: PathBuf,
    within: Option<Bounds>,
}

/// What is in the file of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandFile {
    /// All of it, as it was read.
    pub text: String,
    /// A model that is asked for this turn.
    pub model: Option<String>,
    /// `plan` or `default`.
    pub mode: Option<String>,
    /// What the user says with it.
    pub body: String,
    /// The directory of the plugin that it is of.
    pub root: Option<PathBuf>,
}

/// A part of what a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// What is in this file; as it is written where there is none.
    File {
        /// Relative to the workspace, or absolute.
        path: String,
        /// With the `@`.
        written: String,
    },
    /// What this command line puts out.
    Run(String),
}

/// The commands of `sources`, of which the first counts where two have a name; sorted by name. One of a project that is not
/// `trusted` does not take the place of the user's: it is there as `project:NAME`. What is wrong with files is a warning each.
pub fn load(sources: &[Source], trusted: &dyn Fn(&Command) -> bool) -> (Vec<Command>, Vec<String>) {
    let (mut found, mut warnings, mut left) = (BTreeMap::<String, Command>::new(), Vec::new(), MOST);
    for source in sources {
        walk(&source.directory, "", 0, &mut left, &mut |name, path| {
            let stands_behind =
                |first: &Command| first.place == Place::Project && source.place == Place::User && !trusted(first);
            if found.get(&name).is_some_and(|first| !stands_behind(first)) {
                return;
            }
            match head(source, &name, &path) {
                Ok(command) => {
                    if let Some(first) = found.insert(name, command) {
                        let (name, about) = (format!("project:{}", first.name), &first.description);
                        let description = format!("not trusted, so your own /{} comes first: {about}", first.name);
                        found.entry(name.clone()).or_insert(Command { name, description, ..first });
                    }
                }
                Err(why) => warnings.push(format!("{}: {why}; this command is left out", path.display())),
            }
        });
    }
    if left == 0 {
        warnings.push(format!("more than {MOST} files of commands: not all were looked at"));
    }
    (found.into_values().collect(), warnings)
}

/// The command that a person means by `name`; `prompts:NAME` is what the Codex CLI calls one of its `prompts`.
pub fn find<'a>(commands: &'a [Command], name: &str) -> Option<&'a Command> {
    let named = |name: &str| commands.iter().find(|command| command.name == name);
    named(name).or_else(|| named(name.strip_prefix("prompts:")?))
}

fn walk(directory: &Path, prefix: &str, depth: usize, left: &mut usize, each: &mut dyn FnMut(String, PathBuf)) {
    for name in names(directory) {
        let path = directory.join(&name);
        if name.starts_with('.') || *left == 0 {
            continue;
        }
        if let Some(stem) = name.strip_suffix(".md") {
            *left -= 1;
            each(format!("{prefix}{stem}"), path);
        } else if depth < DEEPEST && std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            walk(&path, &format!("{prefix}{name}:"), depth + 1, left, each);
        }
    }
}

fn head(source: &Source, name: &str, path: &Path) -> Result<Command, String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if !name.chars().all(plain) || name.len() > 64 {
        return Err("a command's name may have letters, digits, `-`, `_` and `.`, at most 64".into());
    }
    let text = text(path, source.within.as_ref(), LONGEST)?;
    let parts = front_matter(&text).map_err(|fault| fault.to_string())?;
    let described = line(parts.keys.get("description"));
    let first = || parts.body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let description = if described.is_empty() { first().trim_start_matches(['#', ' ']) } else { &described };
    let hint = line(parts.keys.get("argument-hint"));
    Ok(Command {
        name: name.to_owned(),
        description: description.chars().take(DESCRIPTION).collect(),
        argument_hint: Some(hint).filter(|hint| !hint.is_empty()),
        place: source.place.clone(),
        path: path.to_owned(),
        within: source.within.clone(),
    })
}

impl Command {
    /// Reads its file, as it is now.
    ///
    /// # Errors
    /// A sentence: it cannot be read, or is not in order.
    pub fn read(&self) -> Result<CommandFile, String> {
        let at = |why: String| format!("{}: {why}", self.path.display());
        let text = text(&self.path, self.within.as_ref(), LONGEST).map_err(at)?;
        let parts = front_matter(&text).map_err(|fault| at(fault.to_string()))?;
        // Files for Claude Code name models as that program does.
        let is_foreign = self.path.components().any(|part| part.as_os_str() == ".claude");
        let model = word(&parts.keys, "model").filter(|_| !is_foreign);
        let mode = word(&parts.keys, "mode");
        if let Some(mode) = mode.as_ref().filter(|mode| !["plan", "default"].contains(&mode.as_str())) {
            return Err(at(format!("`mode` is `plan` or `default`, not `{mode}`")));
        }
        let body = parts.body.trim().to_owned();
        if body.is_empty() {
            return Err(at("there is nothing in it that could be said".into()));
        }
        let of_plugin = self.within.as_ref().filter(|_| matches!(self.place, Place::Plugin(_)));
        Ok(CommandFile { model, mode, body, root: of_plugin.map(|plugin| plugin.top.clone()), text })
    }
}

fn word(keys: &Map<String, Value>, key: &str) -> Option<String> {
    Some(line(keys.get(key))).filter(|word| !word.is_empty() && word != "inherit")
}

impl CommandFile {
    /// What its body comes to with `arguments`, as they were typed.
    ///
    /// # Errors
    /// A sentence: what was typed stands in so many places that it comes to too much.
    pub fn expand(&self, arguments: &str) -> Result<Vec<Piece>, String> {
        let root = self.root.as_ref().map(|root| root.to_string_lossy().into_owned());
        Template { root, ..Template::new(&self.body, arguments) }.pieces()
    }
}

/// Puts arguments into places.
struct Template<'a> {
    rest: &'a str,
    /// The last character before `rest`.
    before: Option<char>,
    arguments: &'a str,
    /// The words that are not for a name.
    words: Vec<String>,
    named: BTreeMap<String, String>,
    /// The directory of the command's plugin.
    root: Option<String>,
    /// Whether anything had a place.
    is_used: bool,
    /// Bytes that may yet be put in; `None`: there was more.
    left: Option<usize>,
    pieces: Vec<Piece>,
}

impl<'a> Template<'a> {
    fn new(body: &'a str, arguments: &'a str) -> Self {
        let arguments = arguments.trim();
        let words = shlex::split(arguments);
        let words = words.unwrap_or_else(|| arguments.split_whitespace().map(str::to_owned).collect());
        let (mut plain, mut named) = (Vec::new(), BTreeMap::new());
        for word in words {
            match word.split_once('=') {
                Some((name, value)) if is_name(name) && body.contains(&format!("${name}")) => {
                    named.insert(name.to_owned(), value.to_owned());
                }
                _ => plain.push(word),
            }
        }
        // Once is never too much.
        let left = Some(arguments.len() + MOST_REPEATED);
        let (words, pieces) = (plain, Vec::new());
        Self { rest: body, before: None, arguments, words, named, root: None, is_used: false, left, pieces }
    }

    fn pieces(mut self) -> Result<Vec<Piece>, String> {
        while let Some(at) = self.rest.find(['$', '@', '!']) {
            let (before, rest) = self.rest.split_at(at);
            self.take(before.len());
            self.text(before);
            let begins_word = self.before.is_none_or(|before| before.is_whitespace() || matches!(before, '(' | '['));
            let is_taken = match rest.as_bytes() {
                [b'$', ..] => self.dollar(rest),
                [b'@', ..] if begins_word => self.file(rest),
                [b'!', b'`', ..] if begins_word => self.command(rest),
                _ => false,
            };
            if !is_taken {
                self.take(1);
                self.text(rest.get(..1).unwrap_or_default());
            }
        }
        self.text(self.rest);
        if !self.is_used && !self.arguments.is_empty() {
            self.text("\n\n");
            self.text(self.arguments);
        }
        match self.left {
            Some(_) => Ok(self.pieces),
            None => Err(format!(
                "what was typed has places in the text that come to more than {} KiB; type less, or name a file",
                MOST_REPEATED >> 10
            )),
        }
    }

    /// `value`, if there is room for it.
    fn spend(&mut self, value: String) -> String {
        self.left = self.left.and_then(|left| left.checked_sub(value.len()));
        if self.left.is_some() { value } else { String::new() }
    }

    fn take(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.before = taken.chars().next_back().or(self.before);
        self.rest = rest;
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    fn dollar(&mut self, rest: &str) -> bool {
        let Some((value, length)) = self.value(rest) else { return false };
        self.take(length);
        self.text(&value);
        true
    }

    /// What stands for the place at the beginning of `rest`, and the place's length.
    fn value(&mut self, rest: &str) -> Option<(String, usize)> {
        let place = rest.strip_prefix('$')?;
        if place.starts_with('$') {
            return Some(("$".into(), 2));
        }
        if let Some(name) = ROOTS.iter().find(|name| rest.starts_with(**name)) {
            return Some((self.root.clone()?, name.len()));
        }
        let digits = place.len() - place.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let number = place.get(..digits)?.parse::<usize>().ok().filter(|number| (1..=9).contains(number))?;
            self.is_used = true;
            let word = self.words.get(number - 1).cloned().unwrap_or_default();
            return Some((self.spend(word), 1 + digits));
        }
        let end = place.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(place.len());
        let name = place.get(..end)?;
        let value = match name {
            "ARGUMENTS" => self.arguments.to_owned(),
            name => self.named.get(name)?.clone(),
        };
        self.is_used = true;
        Some((self.spend(value), 1 + end))
    }

    fn file(&mut self, rest: &str) -> bool {
        let after = rest.get(1..).unwrap_or_default();
        let (place, length) = match after.strip_prefix('"') {
            Some(quoted) => match quoted.split_once(['"', '\n']) {
                Some((path, _)) => (path, path.len() + 3),
                None => return false,
            },
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                let path = after.get(..end).unwrap_or_default();
                let path = path.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '"', '`']);
                (path, path.len() + 1)
            }
        };
        let path = self.filled(place, |_, value| value);
        if path.is_empty() || rest.len() < length {
            return false;
        }
        self.take(length);
        self.pieces.push(Piece::File { written: format!("@{path}"), path });
        true
    }

    fn command(&mut self, rest: &str) -> bool {
        let Some((line, _)) = rest.get(2..).unwrap_or_default().split_once('`') else { return false };
        if line.trim().is_empty() || line.contains('\n') {
            return false;
        }
        let length = line.len() + 3;
        let line = self.command_line(line);
        self.take(length);
        self.pieces.push(Piece::Run(line));
        true
    }

    /// A command line in which what was typed stays words: it never becomes another command. Where a line has quotes of its
    /// own, the shell is given the values, and puts them in itself.
    fn command_line(&mut self, line: &str) -> String {
        if !line.contains(['"', '\'', '\\', '#']) && !line.contains("<<") {
            return self.filled(line, |is_all, value| match shlex::split(&value).filter(|_| is_all) {
                Some(words) => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
                None => quoted(&value),
            });
        }
        // Only whether it has places: what the shell is given is counted below.
        let (was_used, left) = (std::mem::take(&mut self.is_used), self.left);
        self.filled(line, |_, value| value);
        let has_places = self.is_used;
        (self.is_used, self.left) = (was_used || has_places, left);
        let line = self.with_root(line);
        if !has_places {
            return line;
        }
        // The values are there as words and as a whole, which is one use.
        let arguments = self.spend(self.arguments.to_owned());
        if self.left.is_none() {
            return String::new();
        }
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        let names = self.named.iter().map(|(name, value)| format!("{name}={}; ", quoted(value)));
        let names: String = names.collect();
        format!("set -- {}; ARGUMENTS={}; {names}{line}", words.join(" "), quoted(&arguments))
    }

    /// A command line in which the shell knows the plugin's directory, if it is spoken of.
    fn with_root(&self, line: &str) -> String {
        let Some(root) = &self.root else { return line.to_owned() };
        let names = ROOTS.iter().filter(|name| line.contains(**name)).map(|name| name.trim_matches(['$', '{', '}']));
        let set: String = names.map(|name| format!("{name}={}; ", quoted(root))).collect();
        set + line
    }

    /// `text` with what `put` makes of each value, of which one is all that was typed.
    fn filled(&mut self, text: &str, put: impl Fn(bool, String) -> String) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, _)) = rest.split_once('$') {
            filled.push_str(before);
            let place = rest.get(before.len()..).unwrap_or_default();
            let (value, length) = match self.value(place) {
                Some((_, length)) if place.starts_with("$$") => ("$$".to_owned(), length),
                Some((value, length)) => (put(place.starts_with("$ARGUMENTS"), value), length),
                None => ("$".to_owned(), 1),
            };
            filled.push_str(&value);
            rest = place.get(length..).unwrap_or_default();
        }
        filled + rest
    }
}

/// One word of a shell.
fn quoted(word: &str) -> String {
    shlex::try_quote(&word.replace('\0', "")).map_or_else(|_| "''".to_owned(), |word| word.into_owned())
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
