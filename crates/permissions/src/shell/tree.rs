//! Finds simple commands in the syntax tree of a script: in lists, pipelines, groups, loops, conditions, functions,
//! substitutions, here-documents, redirections.
//!
//! The grammar is that of tree-sitter-bash. It must never be trusted where it reports an error: it may then have lost
//! commands.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser, Tree};

use super::{Input, NOT_PARSED, Reader, Simple, document, is_name, simple::HOLE, text::LINE, word::Words};

/// Most steps of the parser, as it counts them for its callback. Its work on text this short is far below.
const MOST_STEPS: usize = 100_000;
/// How deep a tree is followed.
const MOST_DEPTH: usize = 200;

/// Commands that give variables values which the text does not show.
const GIVES_VALUES: &[&str] =
    &[".", "eval", "getopts", "let", "local", "mapfile", "printf", "read", "readarray", "source", "typeset"];

/// Reads `text` into `reader`.
pub(super) fn read(reader: &mut Reader, text: &str, input: &Input, depth: usize) {
    let Some(tree) = parse(text) else {
        return reader.obscure(NOT_PARSED);
    };
    let root = tree.root_node();
    // A group that begins with a group looks like arithmetic to the grammar.
    if root.has_error()
        && let apart = text.replace("((", "( (")
        && apart != text
        && parse(&apart).is_some_and(|tree| !tree.root_node().has_error())
    {
        return read(reader, &apart, input, depth);
    }
    if root.has_error() {
        reader.obscure(NOT_PARSED);
    }
    let mut visitor = Visitor { reader, source: text, script_depth: depth };
    visitor.learn(root, 0);
    visitor.visit(root, input, 0);
}

fn parse(text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    let mut steps = 0;
    let mut progress = |_: &tree_sitter::ParseState| {
        steps += 1;
        if steps > MOST_STEPS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

struct Visitor<'a> {
    reader: &'a mut Reader,
    source: &'a str,
    /// How deep this script is in others.
    script_depth: usize,
}

impl<'a> Visitor<'a> {
    fn words(&self) -> Words<'_> {
        Words::new(self.source, self.reader)
    }

    fn text(&self, node: Node<'_>) -> &'a str {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    /// Notes what variables are given in the text, in its order.
    fn learn(&mut self, node: Node<'_>, depth: usize) {
        if depth > MOST_DEPTH {
            return self.reader.obscure("it is nested too deep to be read");
        }
        match node.kind() {
            "variable_assignment" => {
                let value = node.child_by_field_name("value").map_or_else(String::new, |value| self.words().one(value));
                let appends = self.text(node).contains("+=");
                if let Some(name) = node.child_by_field_name("name") {
                    // Values are split at other places then.
                    self.reader.unknown_values |= self.text(name) == "IFS";
                    self.give(self.text(name), if appends { HOLE.to_string() } else { value });
                }
            }
            "for_statement" => {
                if let Some(name) = node.child_by_field_name("variable") {
                    let mut cursor = node.walk();
                    let values: Vec<Node<'_>> = node.children_by_field_name("value", &mut cursor).collect();
                    let values = self.words().all(values);
                    // Without values it goes through the arguments.
                    let values = if values.is_empty() { vec![HOLE.to_string()] } else { values };
                    for value in values {
                        self.give(self.text(name), value);
                    }
                }
            }
            // `${X:=value}` gives a value as well.
            "expansion" if self.text(node).contains('=') => self.reader.unknown_values = true,
            "command_name" if GIVES_VALUES.contains(&self.text(node)) => {
                // `printf` gives a value only with `-v`.
                let line = node.parent().map_or("", |command| self.text(command));
                self.reader.unknown_values |= self.text(node) != "printf" || line.contains("-v");
            }
            _ => {}
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.learn(child, depth + 1);
        }
    }

    fn give(&mut self, name: &str, value: String) {
        let values = self.reader.variables.entry(name.to_owned()).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }

    fn visit(&mut self, node: Node<'_>, input: &Input, depth: usize) {
        if depth > MOST_DEPTH {
            return self.reader.obscure("it is nested too deep to be read");
        }
        match node.kind() {
            "comment" => {}
            "pipeline" => self.pipeline(node, input, depth),
            "redirected_statement" => self.redirected(node, input, depth),
            "command" => self.command(node, &Redirections::default(), input, depth),
            "heredoc_redirect" => {
                self.backticks(node);
                self.children(node, input, depth);
            }
            // The grammar does not look for them in what replaces a part of a value.
            "expansion" if self.text(node).contains('`') => {
                // Which of them are quoted is not told: all that stands between them is read.
                for part in self.text(node).split('`').skip(1) {
                    self.reader.script(part.trim_end_matches('}'), &Input::None, self.script_depth + 1);
                }
                self.children(node, input, depth);
            }
            "function_definition" => {
                self.fork_bomb(node);
                // What it reads is said where it is called.
                self.children(node, &Input::Unknown, depth);
            }
            // What is between single quotes is evaluated here.
            "test_command" | "declaration_command" | "unset_command" => {
                self.quoted_code(node, 0);
                self.children(node, input, depth);
                // See `parted`.
                if let Some((_, lost)) = self.text(node).split_once("\n\\") {
                    self.reader.script(&format!("\\{lost}"), &Input::None, self.script_depth + 1);
                }
            }
            _ => self.children(node, input, depth),
        }
    }

    fn children(&mut self, node: Node<'_>, input: &Input, depth: usize) {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.visit(child, input, depth + 1);
        }
    }

    fn pipeline(&mut self, node: Node<'_>, input: &Input, depth: usize) {
        let mut input = input.clone();
        let mut cursor = node.walk();
        for stage in node.named_children(&mut cursor).filter(|stage| stage.kind() != "comment") {
            self.visit(stage, &input, depth + 1);
            let own = self.own_input(stage, &input);
            input = self.words().output(stage, &own);
        }
    }

    /// What `node` reads on standard input, with its redirections.
    fn own_input(&mut self, node: Node<'_>, input: &Input) -> Input {
        let mut redirections = Redirections::default();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.redirection(child, &mut redirections);
        }
        redirections.input.unwrap_or_else(|| input.clone())
    }

    fn redirected(&mut self, node: Node<'_>, input: &Input, depth: usize) {
        let body = node.child_by_field_name("body");
        let mut redirections = Redirections::default();
        let mut others = Vec::new();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor).filter(|child| Some(*child) != body) {
            self.redirection(child, &mut redirections);
            others.push(child);
        }
        let own = redirections.input.clone().unwrap_or_else(|| input.clone());
        match body {
            Some(body) if body.kind() == "command" => self.command(body, &redirections, &own, depth),
            body => {
                if let Some(body) = body {
                    self.visit(body, &own, depth + 1);
                }
                let words = redirections.words.clone();
                if !words.is_empty() || !redirections.writes.is_empty() {
                    let simple = Simple { words, writes: redirections.writes.clone(), input: None };
                    self.reader.simple(simple, &own, self.script_depth);
                }
            }
        }
        for other in others {
            self.rest_of_redirection(other, body, &own, input, depth);
        }
    }

    /// What stands in the place of a redirection and is none: substitutions in it, and after the beginning of a
    /// here-document the rest of the line.
    fn rest_of_redirection(
        &mut self,
        node: Node<'_>,
        body: Option<Node<'_>>,
        own: &Input,
        input: &Input,
        depth: usize,
    ) {
        if node.kind() != "heredoc_redirect" {
            return self.children(node, input, depth + 1);
        }
        self.backticks(node);
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            match child.kind() {
                "pipeline" => {
                    let piped = body.map_or(Input::Unknown, |body| self.words().output(body, own));
                    self.visit(child, &piped, depth + 1);
                }
                "file_redirect" | "herestring_redirect" | "heredoc_body" => self.children(child, input, depth + 1),
                _ => self.visit(child, input, depth + 1),
            }
        }
    }

    /// Adds what `node` says, if it is a redirection.
    fn redirection(&mut self, node: Node<'_>, redirections: &mut Redirections) {
        let mut cursor = node.walk();
        match node.kind() {
            "file_redirect" => {
                let mut targets: Vec<Node<'_>> = node.children_by_field_name("destination", &mut cursor).collect();
                if targets.is_empty() {
                    return;
                }
                // The grammar takes the words after the target for targets too; a shell takes them for arguments.
                let target = targets.remove(0);
                let end = target.end_byte();
                let written = self.substituted(target);
                let target = self.words().one(target);
                let text = self.text(node);
                let duplicates = text.contains(">&") && (target == "-" || target.chars().all(|c| c.is_ascii_digit()));
                if text.contains('>') && !duplicates {
                    redirections.writes.push(target);
                } else if text.trim_start_matches('0').starts_with('<') {
                    let document = document::number(&target).and_then(|number| self.reader.documents.get(number));
                    let document = document.map(|text| Input::Text(text.clone()));
                    redirections.input = Some(document.or(written).unwrap_or(Input::None));
                }
                let parted =
                    targets.windows(2).position(|pair| self.parts_lines(pair[0].end_byte(), pair[1].start_byte()));
                let first = targets.first().is_some_and(|word| self.parts_lines(end, word.start_byte()));
                let next_line = targets.split_off(if first { 0 } else { parted.map_or(targets.len(), |at| at + 1) });
                let words = self.words().all(targets);
                redirections.words.extend(words);
                self.line(&[Part::Nodes(next_line)], &[], &Input::None);
            }
            "herestring_redirect" => {
                if let Some(word) = node.named_child(0) {
                    let text = self.words().one(word);
                    redirections.input = Some(Input::Text(text));
                }
            }
            "heredoc_redirect" => {
                let children: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
                let of_kind = |kind: &str| children.iter().find(|child| child.kind() == kind).copied();
                let quoted = of_kind("heredoc_start").is_some_and(|start| self.text(start).contains(['\'', '"', '\\']));
                if let Some(body) = of_kind("heredoc_body") {
                    let text = self.words().here_document(body, quoted);
                    redirections.input = Some(Input::Text(text));
                }
                let mut cursor = node.walk();
                let arguments: Vec<Node<'_>> = node.children_by_field_name("argument", &mut cursor).collect();
                let words = self.words().all(arguments);
                redirections.words.extend(words);
                for child in children.into_iter().filter(|child| child.kind() == "file_redirect") {
                    self.redirection(child, redirections);
                }
            }
            _ => {}
        }
    }

    /// What is read from `node`, the target of a redirection, if that is not a file of this name.
    fn substituted(&mut self, node: Node<'_>) -> Option<Input> {
        let command = node.named_child(0).filter(|_| node.named_child_count() == 1);
        match node.kind() {
            "process_substitution" => {
                Some(command.map_or(Input::Unknown, |command| self.words().output(command, &Input::None)))
            }
            _ => self.words().one(node).contains(HOLE).then_some(Input::Unknown),
        }
    }

    fn command(&mut self, node: Node<'_>, outer: &Redirections, input: &Input, depth: usize) {
        let mut redirections = outer.clone();
        let mut lines: Vec<Vec<Part<'_>>> = vec![Vec::new()];
        let mut end = node.start_byte();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if self.parts_lines(end, child.start_byte()) {
                lines.push(Vec::new());
            }
            end = child.end_byte();
            let Some(parts) = lines.last_mut() else { break };
            match child.kind() {
                "file_redirect" | "herestring_redirect" | "heredoc_redirect" => {
                    redirections.words.clear();
                    self.redirection(child, &mut redirections);
                    parts.push(Part::Words(std::mem::take(&mut redirections.words)));
                    parts.push(Part::Nodes(Vec::new()));
                }
                "variable_assignment" | "comment" => {}
                _ => match parts.last_mut() {
                    Some(Part::Nodes(nodes)) => nodes.push(child),
                    _ => parts.push(Part::Nodes(vec![child])),
                },
            }
        }
        if let Some(parts) = lines.last_mut() {
            parts.push(Part::Words(outer.words.clone()));
        }
        let input = redirections.input.clone().unwrap_or_else(|| input.clone());
        let mut writes = redirections.writes;
        for parts in lines {
            self.line(&parts, &std::mem::take(&mut writes), &input);
        }
        self.children(node, &Input::None, depth);
    }

    /// Whether a new line is between two places. The grammar loses one before a `\`.
    fn parts_lines(&self, from: usize, to: usize) -> bool {
        let between = self.source.get(from..to).unwrap_or_default();
        between.contains('\n') && between.replace("\\\n", "").contains('\n')
    }

    /// Takes a simple command of these parts, once for each of the values that its variables may have.
    fn line(&mut self, parts: &[Part<'_>], writes: &[String], input: &Input) {
        let mut choice = 0;
        loop {
            let mut evaluator = self.words();
            evaluator.choice = choice;
            let mut words = Vec::new();
            for part in parts {
                match part {
                    Part::Nodes(nodes) => words.extend(evaluator.all(nodes.iter().copied())),
                    Part::Words(more) => words.extend(more.iter().cloned()),
                }
            }
            let choices = evaluator.choices;
            let mut writes = writes.to_vec();
            for words in parted(words) {
                let simple = Simple { words, writes: std::mem::take(&mut writes), input: None };
                if !simple.words.is_empty() || !simple.writes.is_empty() {
                    self.reader.simple(simple, input, self.script_depth);
                }
            }
            choice += 1;
            if choice >= choices {
                break;
            }
        }
    }

    /// Reads substitutions of the old form in the body of a here-document, where the grammar does not see them.
    fn backticks(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        let children: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
        let of_kind = |kind: &str| children.iter().find(|child| child.kind() == kind).map(|child| self.text(*child));
        let quoted = of_kind("heredoc_start").is_some_and(|start| start.contains(['\'', '"', '\\']));
        if let Some(body) = of_kind("heredoc_body").filter(|body| !quoted && body.contains('`')) {
            self.reader.old_substitutions(body, self.script_depth);
        }
    }

    /// Reads code in words between single quotes, below a command that evaluates them.
    fn quoted_code(&mut self, node: Node<'_>, depth: usize) {
        if depth > MOST_DEPTH {
            return self.reader.obscure("it is nested too deep to be read");
        }
        let text = self.text(node);
        if node.kind() == "raw_string" && (text.contains("$(") || text.contains('`')) {
            let inside = text.trim_matches('\'').replace('"', " ");
            self.reader.script(&format!("echo \"{inside}\""), &Input::None, self.script_depth + 1);
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.quoted_code(child, depth + 1);
        }
    }

    /// A function that starts itself twice is given a name that the rules know.
    fn fork_bomb(&mut self, node: Node<'_>) {
        let Some(name) = node.child_by_field_name("name").map(|name| self.text(name)) else { return };
        let body: String = self.text(node).chars().filter(|c| !c.is_whitespace()).collect();
        let piped = format!("{name}|{name}");
        let started = format!("{name}&{name}");
        let plain = is_name(name) || !name.chars().any(char::is_alphanumeric);
        if plain && (body.contains(&piped) || body.contains(&started)) {
            let words = vec!["fork-bomb".to_owned()];
            self.reader.simple(Simple { words, ..Simple::default() }, &Input::None, self.script_depth);
        }
    }
}

/// `words` as several commands, where a new line in a word shows that they are. The grammar loses one before a `\`.
fn parted(words: Vec<String>) -> Vec<Vec<String>> {
    let mut lines = vec![Vec::new()];
    for word in words {
        let mut parts = word.split(LINE);
        let first = parts.next().unwrap_or_default().to_owned();
        let whole = first.len() == word.len();
        if let Some(line) = lines.last_mut()
            && (whole || !first.is_empty())
        {
            line.push(first);
        }
        lines.extend(parts.map(|part| if part.is_empty() { Vec::new() } else { vec![part.to_owned()] }));
    }
    lines
}

/// A part of a command, in its order.
enum Part<'a> {
    Nodes(Vec<Node<'a>>),
    Words(Vec<String>),
}

/// What the redirections of a command say.
#[derive(Debug, Clone, Default)]
struct Redirections {
    writes: Vec<String>,
    input: Option<Input>,
    /// Arguments of the command that stand after a redirection.
    words: Vec<String>,
}
