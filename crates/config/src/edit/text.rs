//! One value of a TOML text is set or removed; all other bytes stay as they are. Knows nothing of what the text means.

use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, Key, Table, Value};

/// One name of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What it is called where it has to be written.
    pub(super) typed: String,
    /// What it may be called already.
    pub(super) names: Vec<String>,
    /// The key that is meant where a value stands in place of the table.
    pub(super) first: Option<&'static str>,
}

impl Step {
    /// A name that has no other.
    pub(super) fn exact(name: &str) -> Self {
        Self { typed: name.into(), names: vec![name.into()], first: None }
    }
}

/// A new text for a range of bytes.
struct Splice {
    range: Range<usize>,
    text: String,
}

/// The text with `value`, itself TOML, at a path. `None`: something else stands in the way.
pub(super) fn put(text: &str, path: &[Step], value: &str) -> Option<String> {
    // A mark of the byte order is no part of the document.
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return put(rest, path, value).map(|new| format!("\u{feff}{new}"));
    }
    let document = Document::parse(text).ok()?;
    let splice = replacement(text, document.as_table(), path, value)
        .or_else(|| uncommented(text, document.as_table(), path, value))
        .or_else(|| insertion(text, document.as_table(), path, value))?;
    Some(spliced(text, vec![splice]))
}

/// The text without what is at a path, a value or a table. `None`: nothing is.
pub(super) fn take(text: &str, path: &[Step]) -> Option<String> {
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return take(rest, path).map(|new| format!("\u{feff}{new}"));
    }
    let document = Document::parse(text).ok()?;
    let mut splices = Vec::new();
    removal(text, document.as_table(), path, &mut splices);
    if splices.is_empty() {
        return None;
    }
    let mut new = without_emptied(spliced(text, splices), path);
    // What stood at the end had a blank line above it.
    let ends_blank = |text: &str| text.trim_end_matches([' ', '\t']).ends_with("\n\n") || text.ends_with("\n\r\n");
    if ends_blank(&new) && !ends_blank(text) {
        let end = line_end(&new, new.trim_end().len());
        new.truncate(end);
    }
    Some(new)
}

fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    let mut new = text.to_owned();
    splices.sort_by_key(|splice| splice.range.start);
    for Splice { range, text } in splices.into_iter().rev() {
        new.replace_range(range, &text);
    }
    new
}

/// What a step leads to in a table, under whichever of its names.
fn alternatives<'a, 's>(table: &'a Table, step: &'s Step) -> impl Iterator<Item = (&'a Key, &'a Item)> + use<'a, 's> {
    step.names.iter().filter_map(|name| table.get_key_value(name))
}

/// A new value in the place of an old one.
fn replacement(text: &str, table: &Table, path: &[Step], value: &str) -> Option<Splice> {
    let (step, rest) = path.split_first()?;
    let short = step.first.map(Step::exact);
    alternatives(table, step).find_map(|(_, item)| match (item, rest) {
        (Item::Table(inner), []) => replacement(text, inner, &[short.clone()?], value),
        (Item::Table(inner), _) => replacement(text, inner, rest, value),
        (Item::Value(Value::InlineTable(old)), _) => {
            let rest = if rest.is_empty() { vec![short.clone()?] } else { rest.to_vec() };
            let has = has(old, &rest);
            has.then(|| inline(text, old.span()?, &rest, value)).flatten()
        }
        (Item::Value(old), []) => Some(Splice { range: old.span()?, text: value.into() }),
        (Item::Value(old), [only]) if step.first.is_some_and(|first| only.names.iter().any(|name| name == first)) => {
            Some(Splice { range: old.span()?, text: value.into() })
        }
        _ => None,
    })
}

fn has(table: &InlineTable, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    step.names.iter().filter_map(|name| table.get(name)).any(|value| match value {
        Value::InlineTable(inner) => has(inner, rest),
        _ => rest.is_empty(),
    })
}

/// An inline table with a value set in it.
fn inline(text: &str, range: Range<usize>, path: &[Step], value: &str) -> Option<Splice> {
    let mut table: Value = text.get(range.clone())?.parse().ok()?;
    put_inline(table.as_inline_table_mut()?, path, value.parse().ok()?)?;
    Some(Splice { range, text: table.to_string() })
}

fn put_inline(table: &mut InlineTable, path: &[Step], value: Value) -> Option<()> {
    let (step, rest) = path.split_first()?;
    let name = step.names.iter().find(|name| table.contains_key(name)).unwrap_or(&step.typed).clone();
    if rest.is_empty() {
        if let Some(old) = table.get_mut(&name) {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
            return Some(());
        }
        // The blank before the closing brace stays before it.
        if let Some((_, last)) = table.iter_mut().last() {
            last.decor_mut().set_suffix("");
        }
        table.insert(name, value.decorated(" ", " "));
        return Some(());
    }
    let inner = table.entry(&name).or_insert_with(|| Value::InlineTable(InlineTable::new()));
    put_inline(inner.as_inline_table_mut()?, rest, value)
}

/// A new value in the place of a line that is a comment and would set the same key.
fn uncommented(text: &str, root: &Table, path: &[Step], value: &str) -> Option<Splice> {
    let headers = headers(root);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let range = offset..offset + line.trim_end().len();
        offset += line.len();
        let Some(comment) = line.trim_end().strip_prefix('#').map(str::trim_start) else { continue };
        let header = headers.iter().rev().find(|(at, _)| at.start <= range.start);
        let above = header.map_or(&[][..], |(_, names)| names);
        let (outer, inner) = path.split_at_checked(above.len())?;
        let same = |steps: &[Step], names: &[String]| {
            steps.len() == names.len() && steps.iter().zip(names).all(|(step, name)| step.names.contains(name))
        };
        let Some((name, _)) = comment.split_once('=').filter(|_| same(outer, above)) else { continue };
        let (Ok(keys), Ok(_)) = (Key::parse(name.trim()), Document::parse(comment)) else { continue };
        let keys: Vec<String> = keys.iter().map(|key| key.get().to_owned()).collect();
        let first = inner.last().and_then(|step| step.first).map(Step::exact);
        let longer: Vec<Step> = inner.iter().cloned().chain(first).collect();
        // In a text over several lines a line may look like a comment.
        let is_comment = !values(root).iter().any(|span| span.contains(&range.start));
        if is_comment && (same(inner, &keys) || same(&longer, &keys)) {
            return Some(Splice { range, text: format!("{} = {value}", name.trim()) });
        }
    }
    None
}

/// A line, or a table, for a value that is not there.
fn insertion(text: &str, root: &Table, path: &[Step], value: &str) -> Option<Splice> {
    let (mut table, mut header, mut dotted) = (root, Vec::new(), Vec::new());
    let mut rest = path.to_vec();
    while let Some(step) = rest.first().cloned() {
        let table_first = |(_, item): &(&Key, &Item)| !item.is_table();
        let Some((key, item)) = alternatives(table, &step).min_by_key(table_first) else { break };
        rest.remove(0);
        if rest.is_empty() {
            rest.push(Step::exact(step.first?));
        }
        match item {
            Item::Table(inner) if inner.is_dotted() => dotted.push(key.clone()),
            Item::Table(_) => {
                header.append(&mut dotted);
                header.push(key.clone());
            }
            Item::Value(Value::InlineTable(old)) => return inline(text, old.span()?, &rest, value),
            Item::Value(old) => {
                let old_text = text.get(old.span()?)?;
                let names = joined(rest.iter().map(|step| Key::new(&step.typed)));
                let text = format!("{{ {} = {old_text}, {names} = {value} }}", step.first?);
                return Some(Splice { range: old.span()?, text });
            }
            _ => return None,
        }
        table = item.as_table()?;
    }
    let missing = rest.iter().map(|step| Key::new(&step.typed));
    let newline = if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" };
    let is_written = header.is_empty() || !table.is_implicit();
    if !dotted.is_empty() || (rest.len() == 1 && is_written) {
        let line = format!("{} = {value}{newline}", joined(dotted.into_iter().chain(missing)));
        return Some(new_line(text, root, table, line, newline));
    }
    let keys: Vec<Key> = header.into_iter().chain(missing).collect();
    let (last, tables) = keys.split_last()?;
    let blank = if text.trim().is_empty() { "" } else { newline };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    let tables = joined(tables.iter().cloned());
    let text_of = format!("{end}{blank}[{tables}]{newline}{} = {value}{newline}", joined([last.clone()]));
    Some(Splice { range: text.len()..text.len(), text: text_of })
}

/// A line at the end of a table.
fn new_line(text: &str, root: &Table, table: &Table, line: String, newline: &str) -> Splice {
    let at = |at: usize, text: String| Splice { range: at..at, text };
    let last = own_values(table).into_iter().map(|span| span.end).max();
    let header = table.span().filter(|span| !span.is_empty() && text[span.clone()].starts_with('['));
    if let Some(end) = last.or(header.map(|span| span.end)) {
        let end = line_end(text, end);
        let broken = text[..end].ends_with('\n');
        return if broken { at(end, line) } else { at(end, format!("{newline}{line}")) };
    }
    // The top level, and no value in it.
    let Some((first, _)) = headers(root).into_iter().next() else {
        let broken = text.is_empty() || text.ends_with('\n');
        return at(text.len(), if broken { line } else { format!("{newline}{line}") });
    };
    let mut end = 0;
    let mut offset = 0;
    for each in text[..line_start(text, first.start)].split_inclusive('\n') {
        offset += each.len();
        // What a blank line ends is about the whole file; the rest is about the first table.
        if each.trim().is_empty() || each.starts_with("#:") {
            end = offset;
        }
    }
    at(end, format!("{line}{newline}"))
}

/// What has to go for the value, or the table, at a path to be gone.
fn removal(text: &str, table: &Table, path: &[Step], splices: &mut Vec<Splice>) {
    let Some((step, rest)) = path.split_first() else { return all_of(text, table, splices) };
    for (key, item) in alternatives(table, step) {
        let short = matches!(rest, [only] if step.first.is_some_and(|first| only.typed == first));
        match item {
            Item::Table(inner) => removal(text, inner, rest, splices),
            Item::Value(Value::InlineTable(old)) if !rest.is_empty() => {
                let Some(range) = old.span() else { continue };
                let Ok(mut new) = text[range.clone()].parse::<Value>() else { continue };
                let Some(inner) = new.as_inline_table_mut() else { continue };
                if take_inline(inner, rest) {
                    let empty = inner.is_empty();
                    splices.extend(if empty {
                        line(text, key, item)
                    } else {
                        Some(Splice { range, text: new.to_string() })
                    });
                }
            }
            Item::Value(_) if rest.is_empty() || short => splices.extend(line(text, key, item)),
            _ => {}
        }
    }
}

fn take_inline(table: &mut InlineTable, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    let Some(name) = step.names.iter().find(|name| table.contains_key(name)) else { return false };
    if rest.is_empty() {
        let taken = table.remove(name).is_some();
        if let Some((_, last)) = table.iter_mut().last() {
            last.decor_mut().set_suffix(" ");
        }
        return taken;
    }
    let Some(inner) = table.get_mut(name).and_then(Value::as_inline_table_mut) else { return false };
    let taken = take_inline(inner, rest);
    if inner.is_empty() {
        table.remove(name);
    }
    taken
}

/// Everything that a table holds, and its headers; comments stay.
fn all_of(text: &str, table: &Table, splices: &mut Vec<Splice>) {
    for (name, item) in table.iter() {
        match (item, table.key(name)) {
            (Item::Table(inner), _) => all_of(text, inner, splices),
            (Item::ArrayOfTables(tables), _) => tables.iter().for_each(|inner| all_of(text, inner, splices)),
            (Item::Value(_), Some(key)) => splices.extend(line(text, key, item)),
            _ => {}
        }
    }
    if let Some(span) = table.span().filter(|_| !table.is_dotted() && !table.is_implicit()) {
        splices.push(header_line(text, span));
    }
}

/// The lines of a value, its name and the comment after it.
fn line(text: &str, key: &Key, item: &Item) -> Option<Splice> {
    let (start, end) = (key.span()?.start, item.span()?.end);
    Some(Splice { range: line_start(text, start)..line_end(text, end), text: String::new() })
}

/// The line of a header, with the blank line above it if there is one below it too, or nothing.
fn header_line(text: &str, span: Range<usize>) -> Splice {
    let (start, end) = (line_start(text, span.start), line_end(text, span.end));
    let above = text[..start].trim_end_matches(['\n', '\r']);
    let kept = line_end(text, above.len());
    let blank_above = !above.is_empty() && kept < start;
    let blank_below = text[end..].lines().next().is_none_or(|line| line.trim().is_empty());
    let start = if blank_above && blank_below { kept } else { start };
    Splice { range: start..end, text: String::new() }
}

/// The text without headers of tables on the way to `path` that have nothing below them, not even a comment. Tables of
/// the user's own naming stay: that they are there may mean something.
fn without_emptied(text: String, path: &[Step]) -> String {
    let Ok(document) = Document::parse(text.as_str()) else { return text };
    let all = headers(document.as_table());
    for (number, (span, names)) in all.iter().enumerate() {
        let until = all.get(number + 1).map_or(text.len(), |(next, _)| next.start);
        let empty = text[span.end..until].trim().is_empty();
        let known = names.len() == 1 && path.len() > 1;
        if empty && known && path[0].names.contains(&names[0]) {
            let splice = header_line(&text, span.clone());
            drop(document);
            return spliced(&text, vec![splice]);
        }
    }
    drop(document);
    text
}

/// All headers with the names of their tables, in the order of the text.
fn headers(root: &Table) -> Vec<(Range<usize>, Vec<String>)> {
    fn collect(table: &Table, path: &[String], found: &mut Vec<(Range<usize>, Vec<String>)>) {
        for (name, item) in table.iter() {
            let path = [path, &[name.to_owned()]].concat();
            let mut each = |inner: &Table| {
                if !inner.is_dotted() && !inner.is_implicit() {
                    found.extend(inner.span().map(|span| (span, path.clone())));
                }
                collect(inner, &path, found);
            };
            match item {
                Item::Table(inner) => each(inner),
                Item::ArrayOfTables(tables) => tables.iter().for_each(each),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(root, &[], &mut found);
    found.sort_by_key(|(span, _)| span.start);
    found
}

/// Where the values stand that are written below the header of a table.
fn own_values(table: &Table) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (_, item) in table.iter() {
        match item {
            Item::Value(value) => found.extend(value.span()),
            Item::Table(inner) if inner.is_dotted() => found.extend(own_values(inner)),
            _ => {}
        }
    }
    found
}

/// Where all values stand.
fn values(table: &Table) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (_, item) in table.iter() {
        match item {
            Item::Value(value) => found.extend(value.span()),
            Item::Table(inner) => found.extend(values(inner)),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| found.extend(values(inner))),
            Item::None => {}
        }
    }
    found
}

fn joined(keys: impl IntoIterator<Item = Key>) -> String {
    keys.into_iter().map(|key| key.display_repr().into_owned()).collect::<Vec<_>>().join(".")
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Behind the line break.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}
