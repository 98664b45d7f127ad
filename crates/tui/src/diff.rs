//! Changes of files: unified diffs with line numbers and the words that differ.

use codex_protocol::{FileUpdateChange, PatchChangeKind};
use similar::{ChangeTag, TextDiff};

use crate::{
    look::Look,
    text::{Row, Span, truncate, wrap},
    theme::Role,
};

/// Side by side needs so many columns.
const SIDES: usize = 120;

/// Lines and bytes of a change within which the words that differ are looked for.
const WORDS: (usize, usize) = (40, 8 << 10);

/// Most of one line, in bytes.
const LINE_BYTES: usize = 4096;

/// How a diff is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// Old and new beside each other, where it is wide enough.
    pub side_by_side: bool,
    /// Rows after which it is cut, with a count.
    pub most_rows: Option<usize>,
}

/// A part of a file that changes, with some lines around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Number of its first line before, from 1.
    pub old: usize,
    /// Number of its first line after.
    pub new: usize,
    /// From top to bottom.
    pub lines: Vec<Line>,
}

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// ` `, `-`, `+`, or `\` for a remark of the diff.
    pub mark: char,
    /// Without mark and line break.
    pub text: String,
}

impl Hunk {
    /// Its numbers on the new side: the first line and the last.
    pub fn range(&self) -> (usize, usize) {
        let lines = self.lines.iter().filter(|line| matches!(line.mark, ' ' | '+')).count();
        (self.new, self.new + lines.saturating_sub(1))
    }
}

/// The hunks of a unified diff without file headers. What is none of a hunk becomes a remark.
pub fn hunks(diff: &str) -> Vec<Hunk> {
    hunks_of(diff, usize::MAX)
}

/// The same, but no more than `most` lines.
fn hunks_of(diff: &str, most: usize) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in diff.lines().take(most) {
        if let Some((old, new)) = header(line) {
            hunks.push(Hunk { old, new, lines: Vec::new() });
            continue;
        }
        let mark = line.chars().next().filter(|mark| matches!(mark, ' ' | '-' | '+'));
        let text = if mark.is_some() { &line[1..] } else { line.trim_start_matches("\\ ") };
        let cut = &text[..text.floor_char_boundary(LINE_BYTES)];
        let text = if cut.len() < text.len() { format!("{cut}…") } else { cut.to_owned() };
        let line = Line { mark: mark.unwrap_or('\\'), text };
        match hunks.last_mut() {
            Some(hunk) => hunk.lines.push(line),
            None => hunks.push(Hunk { old: 1, new: 1, lines: vec![line] }),
        }
    }
    hunks
}

/// The first lines of `@@ -1,2 +3,4 @@`.
fn header(line: &str) -> Option<(usize, usize)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let first = |range: &str| range.split(',').next()?.parse().ok();
    Some((first(old)?, first(new)?))
}

/// A file of a patch: its header with counts, and its hunks.
pub fn diff_rows(change: &FileUpdateChange, look: &Look, layout: Layout) -> Vec<Row> {
    let mut rows = vec![title(change, look)];
    let most = layout.most_rows.unwrap_or(usize::MAX);
    let hunks = hunks_of(&change.diff, most.saturating_mul(2).saturating_add(1));
    let mut shown = Vec::new();
    for (at, hunk) in hunks.iter().enumerate() {
        if at > 0 {
            shown.push(Row::new("  ⋮", look.style(Role::Quiet)));
        }
        shown.extend(hunk_rows(hunk, look, layout.side_by_side));
        if shown.len() > most {
            break;
        }
    }
    if shown.len() > most.saturating_add(1) {
        // Of the lines, not of the rows: those are not known without drawing all of it.
        let of_file = change.diff.lines().filter(|line| header(line).is_none()).count();
        let drawn = shown[..most].len().min(of_file);
        shown.truncate(most);
        let more = format!("… about {} more lines (ctrl+t)", of_file.saturating_sub(drawn).max(1));
        shown.push(Row::new(&more, look.style(Role::Quiet)));
    }
    rows.extend(shown);
    rows
}

/// What happens to the file, and how many lines come and go.
fn title(change: &FileUpdateChange, look: &Look) -> Row {
    let count = |mark: u8| change.diff.lines().filter(|line| line.as_bytes().first() == Some(&mark)).count();
    let (verb, target) = match &change.kind {
        PatchChangeKind::Add => ("Added", None),
        PatchChangeKind::Delete => ("Deleted", None),
        PatchChangeKind::Update { move_path: None } => ("Edited", None),
        PatchChangeKind::Update { move_path: Some(to) } => ("Moved", Some(to)),
    };
    let mut row = Row::new(&format!("{verb} "), look.style(Role::Strong)).with(&change.path, look.style(Role::Path));
    if let Some(to) = target {
        row = row.with(" → ", look.style(Role::Quiet)).with(to, look.style(Role::Path));
    }
    let counts = [(count(b'+'), '+', Role::Added), (count(b'-'), '−', Role::Removed)];
    for (count, sign, role) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        row = row.with(&format!(" {sign}{count}"), look.style(role));
    }
    truncate(&row, look.width)
}

/// A hunk; old and new beside each other where that is asked for and it is wide enough.
pub fn hunk_rows(hunk: &Hunk, look: &Look, side_by_side: bool) -> Vec<Row> {
    let lines = numbered(hunk, look);
    let digits = lines.iter().filter_map(|line| line.old.max(line.new)).max().unwrap_or(1).to_string().len();
    if side_by_side && look.width >= SIDES {
        return beside(&lines, digits, look);
    }
    let row = |line: &Numbered| {
        let number = if line.mark == '-' { line.old } else { line.new };
        wrap(&gutter(number, line, digits, look), look.width, &Row::plain(&" ".repeat(digits + 2)))
    };
    lines.iter().flat_map(row).collect()
}

/// A line with its numbers and its text in roles.
struct Numbered {
    mark: char,
    old: Option<usize>,
    new: Option<usize>,
    text: Row,
}

fn gutter(number: Option<usize>, line: &Numbered, digits: usize, look: &Look) -> Row {
    let number = number.map(|number| number.to_string()).unwrap_or_default();
    let role = role(line.mark);
    let mark = if line.mark == '\\' { ' ' } else { line.mark };
    let mut row = Row::new(&format!("{number:>digits$} "), look.style(Role::Quiet));
    row.push(look.span(&mark.to_string(), role));
    row.spans.extend(line.text.spans.iter().cloned());
    row
}

fn role(mark: char) -> Role {
    match mark {
        '+' => Role::Added,
        '-' => Role::Removed,
        '\\' => Role::Quiet,
        _ => Role::Plain,
    }
}

fn numbered(hunk: &Hunk, look: &Look) -> Vec<Numbered> {
    let (mut old, mut new) = (hunk.old, hunk.new);
    let mut lines = Vec::new();
    let mut rest = &hunk.lines[..];
    while let Some(first) = rest.first() {
        // Lines that go and the lines that come in their place, together.
        let gone = rest.iter().take_while(|line| line.mark == '-').count();
        let come = rest[gone..].iter().take_while(|line| line.mark == '+').count();
        let taken = (gone + come).max(1);
        let texts = match gone + come {
            0 => vec![Row::new(&first.text, look.style(role(first.mark)))],
            _ => words(&rest[..gone], &rest[gone..taken], look),
        };
        for (line, text) in rest[..taken].iter().zip(texts) {
            let (is_old, is_new) = (matches!(line.mark, ' ' | '-'), matches!(line.mark, ' ' | '+'));
            lines.push(Numbered { mark: line.mark, old: is_old.then_some(old), new: is_new.then_some(new), text });
            old += usize::from(is_old);
            new += usize::from(is_new);
        }
        rest = &rest[taken..];
    }
    lines
}

/// Lines that go, then those that come, with the words that differ, where they have enough in common.
fn words(gone: &[Line], come: &[Line], look: &Look) -> Vec<Row> {
    let bytes: usize = gone.iter().chain(come).map(|line| line.text.len()).sum();
    if gone.is_empty() || come.is_empty() || gone.len() + come.len() > WORDS.0 || bytes > WORDS.1 {
        return gone.iter().chain(come).map(|line| Row::new(&line.text, look.style(role(line.mark)))).collect();
    }
    let text = |lines: &[Line]| lines.iter().map(|line| format!("{}\n", line.text)).collect::<String>();
    let (before, after) = (text(gone), text(come));
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for change in diff.iter_all_inline_changes_deadline(None) {
        let row = |plain: Role, word: Role| {
            let mut row = Row::empty();
            for (differs, text) in change.values() {
                let role = if *differs { word } else { plain };
                row.push(Span::new(text.trim_end_matches('\n'), look.style(role)));
            }
            row
        };
        if change.tag() != ChangeTag::Insert {
            old.push(row(Role::Removed, Role::RemovedWord));
        }
        if change.tag() != ChangeTag::Delete {
            new.push(row(Role::Added, Role::AddedWord));
        }
    }
    old.extend(new);
    old
}

fn beside(lines: &[Numbered], digits: usize, look: &Look) -> Vec<Row> {
    let half = (look.width - 3) / 2;
    let mut rows = Vec::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let gone = rest.iter().take_while(|line| line.mark == '-').count();
        let come = rest[gone..].iter().take_while(|line| line.mark == '+').count();
        if gone + come == 0 {
            let left = cell(Some((first.old, first)), half, digits, look);
            rows.extend(pair(left, cell(Some((first.new, first)), half, digits, look), half, look));
            rest = &rest[1..];
            continue;
        }
        let (left, right) = rest[..gone + come].split_at(gone);
        for at in 0..gone.max(come) {
            let left = cell(left.get(at).map(|line| (line.old, line)), half, digits, look);
            let right = cell(right.get(at).map(|line| (line.new, line)), half, digits, look);
            rows.extend(pair(left, right, half, look));
        }
        rest = &rest[gone + come..];
    }
    rows
}

fn cell(line: Option<(Option<usize>, &Numbered)>, width: usize, digits: usize, look: &Look) -> Vec<Row> {
    let Some((number, line)) = line else { return Vec::new() };
    wrap(&gutter(number, line, digits, look), width, &Row::plain(&" ".repeat(digits + 2)))
}

fn pair(left: Vec<Row>, right: Vec<Row>, width: usize, look: &Look) -> Vec<Row> {
    let row = |at: usize| {
        let mut row = left.get(at).cloned().unwrap_or_default();
        let blank = " ".repeat(width.saturating_sub(row.width()));
        let other = right.get(at).filter(|other| !other.is_empty());
        row = row
            .with(&blank, look.style(Role::Plain))
            .with(if other.is_some() { " │ " } else { " │" }, look.style(Role::Quiet));
        row.spans.extend(other.into_iter().flat_map(|other| other.spans.iter().cloned()));
        row
    };
    (0..left.len().max(right.len())).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        tests::{golden, styled},
        theme::Theme,
    };

    const DIFF: &str = "@@ -9,4 +9,5 @@ fn a\n fn a() {\n-    one(1);\n-    gone();\n+    one(2);\n }\n@@ -20 +21,2 @@\n \
                        last\n+added, and so long that it has to be wrapped where two columns stand beside each other\n";

    fn change(diff: &str) -> FileUpdateChange {
        FileUpdateChange {
            path: "/w/a.rs".into(),
            kind: PatchChangeKind::Update { move_path: None },
            diff: diff.into(),
        }
    }

    #[test]
    fn layouts() {
        let mut text = String::new();
        for (width, side_by_side) in [(60, false), (60, true), (120, true), (121, true)] {
            let layout = Layout { side_by_side, most_rows: None };
            let rows = diff_rows(&change(DIFF), &Look { width, theme: Theme::Ansi }, layout);
            assert!(rows.iter().all(|row| row.width() <= width));
            text.push_str(&format!("=== {width}, side by side: {side_by_side}\n{}", styled(&rows)));
        }
        golden("src/diff/layouts.txt", &text);
    }

    #[test]
    fn hunks_have_their_lines() {
        let hunks = hunks(DIFF);
        let seen: Vec<_> = hunks.iter().map(|hunk| (hunk.old, hunk.new, hunk.range(), hunk.lines.len())).collect();
        assert_eq!(seen, [(9, 9, (9, 11), 5), (20, 21, (21, 22), 2)]);
        assert_eq!(super::hunks("Binary files differ\n")[0].lines[0].mark, '\\');
    }

    #[test]
    fn a_long_diff_is_cut_with_a_count() {
        let look = Look { width: 80, theme: Theme::Ansi };
        let rows = |lines: usize| {
            let diff = format!("@@ -0,0 +1,{lines} @@\n{}", "+x\n".repeat(lines));
            diff_rows(&change(&diff), &look, Layout { side_by_side: false, most_rows: Some(10) })
        };
        for (lines, expected, last) in
            [(10, 11, "10 +x"), (11, 12, "11 +x"), (500, 12, "… about 490 more lines (ctrl+t)")]
        {
            let rows = rows(lines);
            assert_eq!((rows.len(), rows.last().unwrap().text().as_str()), (expected, last));
        }
    }
}
