//! Source text with its roles: the syntaxes that come with the program, read on first use.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::{
    look::Look,
    text::{Row, Span, wrap},
    theme::Role,
};

/// A longer line is shown without roles: no program is written so.
const LINE_BYTES: usize = 2048;

/// What comes after so many lines is shown without roles.
const LINES: usize = 2000;

/// What a part of a source is, by the scopes of the syntaxes. The innermost scope that begins with one of these counts.
const ROLES: &[(&str, Role)] = &[
    ("comment", Role::Comment),
    ("constant", Role::Number),
    ("entity.name.function", Role::Function),
    ("entity.name.tag", Role::Keyword),
    ("entity.name", Role::Type),
    ("entity.other.attribute-name", Role::Type),
    ("entity.other.inherited-class", Role::Type),
    ("keyword.operator", Role::Plain),
    ("keyword", Role::Keyword),
    ("markup.deleted", Role::Removed),
    ("markup.heading", Role::Heading),
    ("markup.inserted", Role::Added),
    ("meta.function-call.arguments", Role::Plain),
    ("meta.interpolation", Role::Plain),
    ("storage", Role::Keyword),
    ("string", Role::String),
    ("support.class", Role::Type),
    ("support.function", Role::Function),
    ("support.type", Role::Type),
    ("variable.function", Role::Function),
];

struct Syntaxes {
    set: SyntaxSet,
    roles: Vec<(Scope, Role)>,
}

fn syntaxes() -> &'static Syntaxes {
    static SYNTAXES: OnceLock<Syntaxes> = OnceLock::new();
    SYNTAXES.get_or_init(|| {
        let roles = ROLES.iter().filter_map(|(scope, role)| Some((Scope::new(scope).ok()?, *role))).collect();
        Syntaxes { set: two_face::syntax::extra_newlines(), roles }
    })
}

/// Goes through a source line by line.
#[derive(Debug)]
pub struct Highlighter {
    /// None where the language is not known, or there is too much of it.
    state: Option<(ParseState, ScopeStack)>,
    lines: usize,
}

impl Highlighter {
    /// Of a source in `language`, by its name or the ending of its files.
    pub fn new(language: &str) -> Self {
        // Also `rust,ignore` and `{.python}`.
        let end = |c: char| c == ',' || c == '}' || c.is_whitespace();
        let language = language.trim_start_matches(['{', '.']).split(end).next().unwrap_or_default();
        let known = !language.is_empty() && !matches!(language, "text" | "txt" | "plain" | "plaintext" | "output");
        let syntax = known.then(|| syntaxes().set.find_syntax_by_token(language)).flatten();
        Self { state: syntax.map(|syntax| (ParseState::new(syntax), ScopeStack::new())), lines: 0 }
    }

    /// The next line, without its line break.
    pub fn line(&mut self, line: &str, look: &Look) -> Row {
        self.lines += 1;
        if line.len() > LINE_BYTES || self.lines > LINES {
            self.state = None;
        }
        let Some((parse, stack)) = &mut self.state else { return Row::plain(line) };
        let with_break = format!("{line}\n");
        let Ok(operations) = parse.parse_line(&with_break, &syntaxes().set) else {
            self.state = None;
            return Row::plain(line);
        };
        let mut row = Row::empty();
        let (mut begin, mut role) = (0, role(stack));
        for (at, operation) in operations {
            let at = at.min(line.len());
            let before = role;
            if stack.apply(&operation).is_err() {
                break;
            }
            role = self::role(stack);
            if role != before || at == begin {
                push(&mut row, line.get(begin..at).unwrap_or_default(), before, look);
                begin = at.max(begin);
            }
        }
        push(&mut row, line.get(begin..).unwrap_or_default(), role, look);
        row
    }
}

fn push(row: &mut Row, text: &str, role: Role, look: &Look) {
    row.push(Span::new(text, look.style(role)));
}

fn role(stack: &ScopeStack) -> Role {
    let of = |scope: &Scope| {
        let found = syntaxes().roles.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
        found.map(|(_, role)| *role)
    };
    stack.as_slice().iter().rev().find_map(of).unwrap_or(Role::Plain)
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
