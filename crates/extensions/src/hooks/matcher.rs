//! Which tools a hook is about: names, or a regular expression.

use regex::{Regex, RegexBuilder};

/// What a hook says of it.
#[derive(Debug, Clone)]
pub struct Matcher {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    All,
    /// One of these names.
    Names(Vec<String>),
    /// What the expression finds something in.
    Expression(Box<Regex>),
}

/// It is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("`matcher` is names with `|` between them, or a regular expression: {0}")]
pub struct NoMatcher(String);

impl Matcher {
    /// `text` as it is written; nothing, or `*`: everything. Letters, digits, `_`, `-` and `|` alone are whole names.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn new(text: &str) -> Result<Self, NoMatcher> {
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '|' | ' ');
        let kind = match text.trim() {
            "" | "*" => Kind::All,
            names if names.chars().all(in_name) => {
                Kind::Names(names.split('|').map(|it| it.trim().to_owned()).collect())
            }
            expression => Kind::Expression(Box::new(compiled(expression)?)),
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// Whether it is about something that goes by these names. What has no name is what all are about.
    pub fn matches(&self, names: &[&str]) -> bool {
        match &self.kind {
            Kind::All => true,
            _ if names.is_empty() => true,
            Kind::Names(own) => names.iter().any(|name| own.iter().any(|own| own == name)),
            Kind::Expression(expression) => names.iter().any(|name| expression.is_match(name)),
        }
    }

    /// As it is written; empty: everything.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn compiled(expression: &str) -> Result<Regex, NoMatcher> {
    let built = RegexBuilder::new(expression).size_limit(1 << 20).build();
    built.map_err(|error| NoMatcher(error.to_string().lines().last().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_expressions_are_found() {
        let table: &[(&str, &[&str], bool)] = &[
            ("", &["Bash"], true),
            ("*", &["Bash"], true),
            ("Bash", &["exec_command", "Bash"], true),
            ("exec_command", &["exec_command", "Bash"], true),
            ("Bash", &["BashOutput"], false),
            ("Edit|Write", &["Write"], true),
            ("Edit|Write", &["Writer"], false),
            ("Edit | Write", &["Write"], true),
            ("mcp__.*", &["mcp__files__read"], true),
            ("mcp__.*__write.*", &["mcp__files__read"], false),
            ("^Ba", &["Bash"], true),
            ("mcp__files-2", &["mcp__files-2"], true),
            ("Bash", &[], true),
        ];
        for (text, names, expected) in table {
            assert_eq!(Matcher::new(text).unwrap().matches(names), *expected, "{text} {names:?}");
        }
        let error = Matcher::new("(").unwrap_err().to_string();
        assert!(error.contains("unclosed group"), "{error}");
        assert!(Matcher::new(r"(\w{200}){200}").is_err(), "it would take much memory");
    }
}
