//! Source text with its roles: a small reader for all languages, which a table tells what they differ in.
//!
//! It must cost next to nothing: what arrives is shown sixty times a second. So it knows comments, text, numbers, words of
//! the language, calls and types, and no grammar.

mod languages;

use languages::{Kind, LANGUAGES, Language, Quote};

use crate::{
    look::Look,
    text::{Row, Span, wrap},
    theme::Role,
};

/// A longer line is shown without roles: no program is written so.
const LINE_BYTES: usize = 2048;

/// Words of shells that no command follows.
const NO_COMMAND: &[&str] = &["case", "export", "for", "function", "in", "local", "return", "select"];

/// Goes through a source line by line.
#[derive(Debug, Clone)]
pub struct Highlighter {
    /// None where it is not known.
    language: Option<&'static Language>,
    open: Open,
}

/// What goes on from line to line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// A comment, within so many others.
    Comment(usize),
    /// Text in these quotation marks.
    Text(&'static Quote),
    /// A tag of HTML.
    Tag,
}

impl Highlighter {
    /// Of a source in `language`, by its name or the ending of its files.
    pub fn new(language: &str) -> Self {
        // Also `rust,ignore` and `{.python}`.
        let end = |c: char| c == ',' || c == '}' || c.is_whitespace();
        let name = language.trim_start_matches(['{', '.']).split(end).next().unwrap_or_default();
        let is_it = |language: &&Language| language.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        Self { language: LANGUAGES.iter().find(is_it), open: Open::Nothing }
    }

    /// The next line, without its line break.
    pub fn line(&mut self, line: &str, look: &Look) -> Row {
        let Some(language) = self.language.filter(|_| line.len() <= LINE_BYTES) else { return Row::plain(line) };
        let mut reader =
            Reader { language, line, at: 0, begun: 0, role: Role::Plain, row: Row::empty(), look, starts: true };
        match language.kind {
            Kind::Diff => reader.take(line.len(), diff_role(line)),
            _ => {
                while reader.at < line.len() {
                    self.open = reader.next(self.open);
                }
            }
        }
        // Text in quotation marks ends with its line where the language says so.
        if matches!(self.open, Open::Text(quote) if !quote.lines) {
            self.open = Open::Nothing;
        }
        reader.take(0, Role::Plain);
        reader.flush();
        reader.row
    }
}

fn diff_role(line: &str) -> Role {
    match line.as_bytes().first() {
        Some(b'+') => Role::Added,
        Some(b'-') => Role::Removed,
        Some(b'@') => Role::Keyword,
        Some(b' ') | None => Role::Plain,
        Some(_) => Role::Quiet,
    }
}

/// Reads one line.
struct Reader<'a> {
    language: &'static Language,
    line: &'a str,
    at: usize,
    /// Where the run of one role begins.
    begun: usize,
    role: Role,
    row: Row,
    look: &'a Look,
    /// Whether a command of a shell begins here.
    starts: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    /// The next `bytes` are of `role`.
    fn take(&mut self, bytes: usize, role: Role) {
        if role != self.role {
            self.flush();
            self.role = role;
        }
        self.at += bytes;
    }

    fn flush(&mut self) {
        self.row.push(Span::new(&self.line[self.begun..self.at], self.look.style(self.role)));
        self.begun = self.at;
    }

    /// Takes the next piece, and says what is open behind it.
    fn next(&mut self, open: Open) -> Open {
        match open {
            Open::Comment(depth) => self.comment(depth),
            Open::Text(quote) => self.text(quote, 0),
            Open::Tag => self.tag(),
            Open::Nothing => self.plain(),
        }
    }

    fn comment(&mut self, depth: usize) -> Open {
        let Some((begin, end)) = self.language.block else { return Open::Nothing };
        let rest = self.rest();
        let closes = rest.find(end);
        let opens = rest.find(begin).filter(|at| self.language.nests && closes.is_none_or(|closes| *at < closes));
        match (opens, closes) {
            (Some(at), _) => {
                self.take(at + begin.len(), Role::Comment);
                Open::Comment(depth + 1)
            }
            (None, Some(at)) => {
                self.take(at + end.len(), Role::Comment);
                if depth > 0 { Open::Comment(depth - 1) } else { Open::Nothing }
            }
            (None, None) => {
                self.take(rest.len(), Role::Comment);
                Open::Comment(depth)
            }
        }
    }

    /// Text in quotation marks, of which `begun` bytes are its beginning.
    fn text(&mut self, quote: &'static Quote, begun: usize) -> Open {
        let rest = self.rest();
        let mut at = begun;
        while at < rest.len() {
            if quote.escapes && rest.as_bytes()[at] == b'\\' {
                at += 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
            } else if rest[at..].starts_with(quote.close) {
                at += quote.close.len();
                let role = if self.is_key(at) { Role::Type } else { Role::String };
                self.take(at, role);
                return Open::Nothing;
            } else {
                at += rest[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        self.take(rest.len(), Role::String);
        Open::Text(quote)
    }

    /// Whether a name that ends `bytes` from here is that of a value.
    fn is_key(&self, bytes: usize) -> bool {
        let next = self.rest().get(bytes..).unwrap_or_default().trim_start();
        self.language.keys.iter().any(|key| next.starts_with(*key)) && !next.starts_with("==")
    }

    fn tag(&mut self) -> Open {
        let rest = self.rest();
        match rest.as_bytes()[0] {
            b'>' => {
                self.take(1, Role::Keyword);
                Open::Nothing
            }
            b'"' | b'\'' => {
                let end = (second(rest, |c| rest.starts_with(c)) + 1).min(rest.len());
                self.take(end, Role::String);
                Open::Tag
            }
            _ => {
                self.take(second(rest, |c| matches!(c, '>' | '"' | '\'' | ' ')), Role::Type);
                Open::Tag
            }
        }
    }

    /// A piece that stands in nothing.
    fn plain(&mut self) -> Open {
        let (language, rest) = (self.language, self.rest());
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            let blank = rest.len() - rest.trim_start().len();
            let role = self.role;
            self.take(blank, role);
            return Open::Nothing;
        }
        if language.comments.iter().any(|mark| rest.starts_with(mark)) && self.may_comment(first) {
            self.take(rest.len(), Role::Comment);
            return Open::Nothing;
        }
        if let Some((begin, _)) = language.block.filter(|(begin, _)| rest.starts_with(begin)) {
            self.take(begin.len(), Role::Comment);
            return Open::Comment(0);
        }
        if language.kind == Kind::Markup {
            return self.markup();
        }
        if language.kind == Kind::Sections && self.at == 0 && first == '[' {
            self.take(rest.len(), Role::Keyword);
            return Open::Nothing;
        }
        if let Some(quote) = language.quotes.iter().find(|quote| rest.starts_with(quote.open)) {
            return match quote.is_character && !is_character(rest) {
                // A lifetime of Rust.
                true => self.word(1),
                false => {
                    self.starts &= self.is_value();
                    self.text(quote, quote.open.len())
                }
            };
        }
        if first.is_ascii_digit() {
            let number = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            let end = rest.find(|c| !number(c)).unwrap_or(rest.len());
            self.starts &= self.is_value();
            self.take(end, Role::Number);
            return Open::Nothing;
        }
        if self.is_word(first) {
            return self.word(0);
        }
        if language.kind == Kind::Shell && first == '$' && rest[1..].starts_with(|c: char| self.is_word(c) || c == '{')
        {
            let end = match rest.as_bytes()[1] {
                b'{' => rest.find('}').map_or(rest.len(), |at| at + 1),
                _ => rest[1..].find(|c| !self.is_word(c)).map_or(rest.len(), |at| at + 1),
            };
            self.starts &= self.is_value();
            self.take(end, Role::Type);
            return Open::Nothing;
        }
        self.starts &= matches!(first, '=' | '!');
        self.starts |= matches!(first, '|' | '&' | ';' | '(' | '`' | '{');
        self.take(first.len_utf8(), Role::Plain);
        Open::Nothing
    }

    /// In shells and their like `#` begins a comment only where a word could begin.
    fn may_comment(&self, first: char) -> bool {
        first != '#' || self.line[..self.at].chars().next_back().is_none_or(char::is_whitespace)
    }

    /// Whether what comes is the value of a setting of a shell.
    fn is_value(&self) -> bool {
        self.line[..self.at].ends_with('=')
    }

    fn is_word(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || self.language.letters.contains(c)
    }

    /// A word that begins with `before` bytes of something else.
    fn word(&mut self, before: usize) -> Open {
        let rest = self.rest();
        let end = rest[before..].find(|c| !self.is_word(c)).map_or(rest.len(), |at| before + at);
        let role = match before {
            0 => self.role_of(&rest[..end]),
            _ => Role::Type,
        };
        let shell = self.language.kind == Kind::Shell;
        // What follows `do`, and a setting before a command.
        let leads = role == Role::Keyword && !NO_COMMAND.contains(&&rest[..end]);
        self.starts &= shell && (leads || self.is_value() || rest[end..].starts_with('='));
        self.take(end.max(1), role);
        Open::Nothing
    }

    fn role_of(&self, word: &str) -> Role {
        let language = self.language;
        let is_in = |words: &str| match language.any_case {
            true => words.split(' ').any(|known| known.eq_ignore_ascii_case(word)),
            false => words.split(' ').any(|known| known == word),
        };
        let behind = &self.rest()[word.len()..];
        if language.kind == Kind::Shell {
            return match self.starts {
                _ if self.is_value() => Role::Plain,
                _ if is_in(language.keywords) && (self.starts || word == "in") => Role::Keyword,
                true if behind.starts_with('=') => Role::Type,
                true => Role::Function,
                false => Role::Plain,
            };
        }
        if self.is_key(word.len()) {
            Role::Type
        } else if is_in(language.keywords) {
            Role::Keyword
        } else if is_in(language.constants) {
            Role::Number
        } else if is_in(language.types) {
            Role::Type
        } else if language.calls && (behind.starts_with('(') || behind.starts_with("!(")) {
            Role::Function
        } else if language.capitals && word.starts_with(|c: char| c.is_ascii_uppercase()) {
            // All capitals: a constant.
            let all = word.len() > 1 && !word.bytes().any(|byte| byte.is_ascii_lowercase());
            if all { Role::Number } else { Role::Type }
        } else {
            Role::Plain
        }
    }

    fn markup(&mut self) -> Open {
        let rest = self.rest();
        let begins = |c: char| c.is_alphabetic() || matches!(c, '/' | '!' | '?');
        if rest.starts_with('<') && rest[1..].starts_with(begins) {
            self.take(second(rest, |c| c.is_whitespace() || c == '>'), Role::Keyword);
            return Open::Tag;
        }
        self.take(second(rest, |c| c == '<'), Role::Plain);
        Open::Nothing
    }
}

/// Where such a character stands that is not the first; the end without.
fn second(text: &str, is_it: impl Fn(char) -> bool) -> usize {
    text.char_indices().skip(1).find(|(_, c)| is_it(*c)).map_or(text.len(), |(at, _)| at)
}

/// Whether a character in single quotes begins here.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// A source in `language`, a row a line, not wrapped.
pub fn code(language: &str, source: &str, look: &Look) -> Vec<Row> {
    let mut highlighter = Highlighter::new(language);
    source.lines().map(|line| highlighter.line(line, look)).collect()
}

/// A command line as given to a shell, wrapped.
pub fn shell(command: &str, look: &Look) -> Vec<Row> {
    let rows = code("bash", command, look);
    rows.iter().flat_map(|row| wrap(row, look.width, &Row::plain("  "))).collect()
}

#[cfg(test)]
mod tests;
