//! The value of a word of the syntax tree, as far as the text alone says it.

use tree_sitter::Node;

use super::{
    Input, Reader,
    simple::{GLOB, HOLE},
    text::{self, SPLIT},
};

/// Most values of one variable that are tried; with more it is not known.
const MOST_VALUES: usize = 16;
/// How deep words may be nested.
const MOST_DEPTH: usize = 32;

/// Works out words of one tree.
pub(super) struct Words<'a> {
    pub(super) source: &'a str,
    pub(super) reader: &'a Reader,
    /// Which of several values of a variable is taken.
    pub(super) choice: usize,
    /// How many choices there were at most.
    pub(super) choices: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(source: &'a str, reader: &'a Reader) -> Self {
        Self { source, reader, choice: 0, choices: 1 }
    }

    /// The words that `node` becomes.
    pub(super) fn words(&mut self, node: Node<'_>) -> Vec<String> {
        text::words(&self.value(node))
    }

    /// The words that `nodes` become. The grammar takes some words for several: what touches is one word.
    pub(super) fn all<'tree>(&mut self, nodes: impl IntoIterator<Item = Node<'tree>>) -> Vec<String> {
        let mut words = Vec::new();
        let mut last: Option<(usize, String)> = None;
        for node in nodes {
            let value = self.value(node);
            last = match last {
                Some((end, before)) if end == node.start_byte() => Some((node.end_byte(), before + &value)),
                before => {
                    words.extend(before.iter().flat_map(|(_, value)| text::words(value)));
                    Some((node.end_byte(), value))
                }
            };
        }
        words.extend(last.iter().flat_map(|(_, value)| text::words(value)));
        words
    }

    /// The value of `node` as one word, blanks in it kept.
    pub(super) fn one(&mut self, node: Node<'_>) -> String {
        self.words(node).join(" ")
    }

    fn value(&mut self, node: Node<'_>) -> String {
        let mut value = String::new();
        self.add(node, false, 0, &mut value);
        value
    }

    /// The text of a here-document's body, in which variables count unless its delimiter was quoted.
    pub(super) fn here_document(&mut self, body: Node<'_>, literal: bool) -> String {
        if literal {
            return self.text(body).to_owned();
        }
        let mut value = String::new();
        self.pieces(body, 0, true, 0, &mut value);
        value
    }

    pub(super) fn text(&self, node: Node<'_>) -> &'a str {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    fn add(&mut self, node: Node<'_>, quoted: bool, depth: usize, value: &mut String) {
        if depth > MOST_DEPTH {
            return value.push(HOLE);
        }
        let text = self.text(node);
        match node.kind() {
            "word" | "number" | "variable_name" | "special_variable_name" | "test_operator" | "file_descriptor"
                if node.named_child_count() == 0 =>
            {
                text::unquoted(text, value);
            }
            "command_name" => self.pieces(node, 0, quoted, depth, value),
            "raw_string" => value.push_str(text.trim_start_matches('\'').strip_suffix('\'').unwrap_or_default()),
            "ansi_c_string" => {
                let inside = text.strip_prefix("$'").and_then(|text| text.strip_suffix('\'')).unwrap_or_default();
                text::ansi_c(inside, value);
            }
            "string" => self.pieces(node, 1, true, depth, value),
            "translated_string" => match node.named_child(0) {
                Some(string) => self.add(string, true, depth + 1, value),
                None => value.push(HOLE),
            },
            "string_content" | "heredoc_content" => text::double_quoted(text, value),
            "concatenation" => self.pieces(node, 0, quoted, depth, value),
            "simple_expansion" => self.variable(text.trim_start_matches('$'), quoted, value),
            "expansion" => {
                let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).unwrap_or_default();
                self.variable(name, quoted, value);
            }
            "command_substitution" => match self.echoed(node) {
                Some(printed) => substitute(printed.trim_end_matches('\n'), quoted, value),
                None => value.push(HOLE),
            },
            _ => value.push(HOLE),
        }
    }

    /// The children of `node` and the text between them, without `margin` bytes at both ends.
    fn pieces(&mut self, node: Node<'_>, margin: usize, quoted: bool, depth: usize, value: &mut String) {
        let (mut at, end) = (node.start_byte() + margin, node.end_byte().saturating_sub(margin));
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.between(at, child.start_byte().min(end), quoted, value);
            self.add(child, quoted, depth + 1, value);
            at = child.end_byte();
        }
        self.between(at, end, quoted, value);
    }

    fn between(&self, from: usize, to: usize, quoted: bool, value: &mut String) {
        let text = self.source.get(from..to).unwrap_or_default();
        if quoted {
            text::double_quoted(text, value);
        } else {
            text::unquoted(text, value);
        }
    }

    fn variable(&mut self, name: &str, quoted: bool, value: &mut String) {
        let known = self.reader.variables.get(name).filter(|_| !self.reader.unknown_values);
        match known {
            Some(values) if values.len() <= MOST_VALUES => {
                self.choices = self.choices.max(values.len());
                substitute(&values[self.choice % values.len()], quoted, value);
            }
            _ => value.push(HOLE),
        }
    }

    /// What `$(echo …)` is replaced by, if it is that and nothing else.
    fn echoed(&mut self, node: Node<'_>) -> Option<String> {
        let command = (node.named_child_count() == 1).then(|| node.named_child(0)).flatten()?;
        if command.kind() != "command" {
            return None;
        }
        let mut cursor = command.walk();
        let children: Vec<Node<'_>> = command.named_children(&mut cursor).collect();
        let more = ["command_substitution", "file_redirect", "variable_assignment"];
        if children.iter().any(|child| more.contains(&child.kind())) {
            return None;
        }
        text::printed(&self.all(children))
    }

    /// What `node`, a stage of a pipeline, writes for the next one.
    pub(super) fn output(&mut self, node: Node<'_>, input: &Input) -> Input {
        let command = match node.kind() {
            "redirected_statement" => node.child_by_field_name("body"),
            _ => Some(node),
        };
        let Some(command) = command.filter(|command| command.kind() == "command") else { return Input::Unknown };
        let mut cursor = command.walk();
        let words = self.all(command.named_children(&mut cursor).filter(|child| !child.kind().ends_with("_redirect")));
        output_of(&words, input)
    }
}

/// What a command of these words writes, if it reads `input`.
pub(super) fn output_of(words: &[String], input: &Input) -> Input {
    let passes_on = words.first().is_some_and(|word| super::program(word) == "cat")
        && words.iter().skip(1).all(|word| word.starts_with('-'));
    match (text::printed(words), input) {
        (Some(printed), _) => Input::Text(printed),
        (None, Input::Text(text)) if passes_on => Input::Text(text.clone()),
        _ => Input::Unknown,
    }
}

/// Adds what an expansion becomes: without quotes it is split at blanks, and names files.
fn substitute(text: &str, quoted: bool, value: &mut String) {
    value.extend(text.chars().map(|c| match c {
        ' ' | '\t' | '\n' if !quoted => SPLIT,
        '*' | '?' | '[' if !quoted => GLOB,
        c => c,
    }));
}
