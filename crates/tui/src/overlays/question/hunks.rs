//! The changes that a question is about, hunk by hunk. What is not wanted of them can be marked; an answer of no then says
//! which hunks these are, for a patch is taken as a whole or not at all.

use codex_protocol::{FileUpdateChange, PatchChangeKind, ThreadItem};

use crate::{
    look::Look,
    overlays::panel::{paragraph, row},
    text::{Row, wrap},
    theme::Role,
};

/// One hunk of a file's changes.
#[derive(Debug, Clone)]
struct Hunk {
    /// Its place in the list of files.
    file: usize,
    /// The first line it has in the new file, or in the old one where that is removed, and how many.
    first: usize,
    count: usize,
    /// With its header, as in the diff.
    lines: Vec<String>,
    is_unwanted: bool,
}

/// The changes, in hunks.
#[derive(Debug, Clone, Default)]
pub(super) struct Hunks {
    files: Vec<FileUpdateChange>,
    hunks: Vec<Hunk>,
    at: usize,
}

impl Hunks {
    pub(super) fn of(item: Option<&ThreadItem>) -> Self {
        let Some(ThreadItem::FileChange { changes, .. }) = item else { return Self::default() };
        let hunks = changes.iter().enumerate().flat_map(|(file, change)| hunks(file, change)).collect();
        Self { files: changes.clone(), hunks, at: 0 }
    }

    /// Goes to the next hunk, or the one before.
    pub(super) fn step(&mut self, forward: bool) {
        let last = self.hunks.len().saturating_sub(1);
        self.at = if forward { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
    }

    /// Marks the hunk, or takes the mark off.
    pub(super) fn toggle(&mut self) {
        if let Some(hunk) = self.hunks.get_mut(self.at) {
            hunk.is_unwanted = !hunk.is_unwanted;
        }
    }

    pub(super) fn are_many(&self) -> bool {
        self.hunks.len() > 1
    }

    /// What the model is told of the marked hunks, if there are some.
    pub(super) fn unwanted(&self) -> Option<String> {
        let mut said = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let of_file: Vec<&Hunk> = self.hunks.iter().filter(|hunk| hunk.file == index).collect();
            let marked = of_file.iter().enumerate().filter(|(_, hunk)| hunk.is_unwanted);
            let marked: Vec<String> = marked
                .map(|(number, hunk)| {
                    let last = hunk.first + hunk.count.saturating_sub(1);
                    format!("hunk {} of {} (lines {}-{last})", number + 1, of_file.len(), hunk.first)
                })
                .collect();
            if !marked.is_empty() {
                said.push(format!("in {}, {}", file.path, marked.join(", ")));
            }
        }
        (!said.is_empty()).then(|| {
            format!("Not wanted of these changes: {}. The rest may be proposed again without them.", said.join("; "))
        })
    }

    /// All of it as rows, and where the hunk that is looked at begins and how many rows it has.
    pub(super) fn rows(&self, look: &Look) -> (Vec<Row>, Option<(usize, usize)>) {
        if self.files.is_empty() {
            let said = "The changes themselves were not told.";
            return (paragraph(said, Role::Warning, 2, look), None);
        }
        let (mut rows, mut looked_at) = (Vec::new(), None);
        for (index, file) in self.files.iter().enumerate() {
            rows.extend(file_rows(file, look));
            for (number, hunk) in self.hunks.iter().enumerate().filter(|(_, hunk)| hunk.file == index) {
                let begin = rows.len();
                rows.extend(self.hunk_rows(number, hunk, look));
                if number == self.at {
                    looked_at = Some((begin, rows.len() - begin));
                }
            }
        }
        (rows, looked_at.filter(|_| self.are_many()))
    }

    fn hunk_rows(&self, number: usize, hunk: &Hunk, look: &Look) -> Vec<Row> {
        let is_at = self.are_many() && number == self.at;
        let mark = match (is_at, hunk.is_unwanted) {
            (true, true) => "›✗",
            (true, false) => "› ",
            (false, true) => " ✗",
            (false, false) => "  ",
        };
        let mut rows = Vec::new();
        for (at, line) in hunk.lines.iter().enumerate() {
            let role = match line.as_bytes().first() {
                _ if at == 0 => Role::Quiet,
                _ if hunk.is_unwanted => Role::Quiet,
                Some(b'+') => Role::Added,
                Some(b'-') => Role::Removed,
                _ => Role::Plain,
            };
            let mark = if at == 0 || hunk.is_unwanted { mark } else { "  " };
            let line = row(look, &[(mark, Role::Strong), (line, role)]);
            rows.extend(wrap(&line, look.width, &row(look, &[("    ", Role::Plain)])));
        }
        rows
    }
}

fn file_rows(file: &FileUpdateChange, look: &Look) -> Vec<Row> {
    let lines = |sign: char| file.diff.lines().filter(|line| line.starts_with(sign)).count();
    let (added, removed) = (format!(" +{}", lines('+')), format!(" -{}", lines('-')));
    let what = match &file.kind {
        PatchChangeKind::Add => "new ",
        PatchChangeKind::Delete => "remove ",
        PatchChangeKind::Update { .. } => "",
    };
    let mut name = row(look, &[("  ", Role::Plain), (what, Role::Strong), (&file.path, Role::Path)]);
    if let PatchChangeKind::Update { move_path: Some(to) } = &file.kind {
        name.push(look.span(" → ", Role::Quiet));
        name.push(look.span(to, Role::Path));
    }
    name.push(look.span(&added, Role::Good));
    name.push(look.span(&removed, Role::Bad));
    wrap(&name, look.width, &row(look, &[("    ", Role::Plain)]))
}

fn hunks(file: usize, change: &FileUpdateChange) -> Vec<Hunk> {
    let is_removed = change.kind == PatchChangeKind::Delete;
    let mut found: Vec<Hunk> = Vec::new();
    for line in change.diff.lines() {
        if let Some((first, count)) = range(line, if is_removed { '-' } else { '+' }) {
            found.push(Hunk { file, first, count, lines: vec![line.to_owned()], is_unwanted: false });
            continue;
        }
        match found.last_mut() {
            Some(hunk) => hunk.lines.push(line.to_owned()),
            // Files of others have no headers.
            None => found.push(Hunk {
                file,
                first: 1,
                count: change.diff.lines().count(),
                lines: vec!["@@".to_owned(), line.to_owned()],
                is_unwanted: false,
            }),
        }
    }
    found
}

/// The range behind `sign` in the header of a hunk, if `line` is one.
fn range(line: &str, sign: char) -> Option<(usize, usize)> {
    let ranges = line.strip_prefix("@@ ")?;
    let range = ranges.split(' ').find_map(|range| range.strip_prefix(sign))?;
    let (first, count) = range.split_once(',').unwrap_or((range, "1"));
    Some((first.parse().ok()?, count.parse().ok()?))
}
