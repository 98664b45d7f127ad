//! The changes that a question is about, hunk by hunk. What is not wanted of them can be marked: a yes is for the rest
//! then, where the server takes that, and a no says which hunks these are.

use codex_protocol::{ApprovalDecision, FileUpdateChange, PatchChangeKind, ThreadItem};

use crate::{
    diff::{Hunk, Line, hunk_rows},
    look::Look,
    overlays::panel::{paragraph, row},
    text::{Row, Span, wrap},
    theme::Role,
};

/// Columns before each row, for the marks.
const MARGIN: usize = 2;

/// One hunk of a file's changes.
#[derive(Debug, Clone)]
struct Part {
    /// Its place in the list of files.
    file: usize,
    /// The first line it has in the new file, or in the old one where that is removed, and how many.
    first: usize,
    count: usize,
    hunk: Hunk,
    is_unwanted: bool,
}

/// The changes, in hunks.
#[derive(Debug, Clone, Default)]
pub(super) struct Hunks {
    files: Vec<FileUpdateChange>,
    parts: Vec<Part>,
    at: usize,
    /// Whether the server takes a yes to some of them.
    are_apart: bool,
}

impl Hunks {
    /// Those of `item`, of which the server takes a yes to some if there are as many as were `offered`.
    pub(super) fn of(item: Option<&ThreadItem>, offered: &[ApprovalDecision]) -> Self {
        let Some(ThreadItem::FileChange { changes, .. }) = item else { return Self::default() };
        let parts: Vec<Part> = changes.iter().enumerate().flat_map(|(file, change)| parts(file, change)).collect();
        let all = ApprovalDecision::AcceptHunks { hunks: (0..parts.len()).collect() };
        Self { files: changes.clone(), are_apart: offered.contains(&all), parts, at: 0 }
    }

    /// The hunks that are not marked, if some are and a yes can be for these.
    pub(super) fn wanted(&self) -> Option<Vec<usize>> {
        let parts = self.parts.iter().enumerate();
        let wanted: Vec<usize> = parts.filter(|(_, part)| !part.is_unwanted).map(|(at, _)| at).collect();
        (self.are_apart && !wanted.is_empty() && wanted.len() < self.parts.len()).then_some(wanted)
    }

    /// Goes to the next hunk, or the one before.
    pub(super) fn step(&mut self, forward: bool) {
        let last = self.parts.len().saturating_sub(1);
        self.at = if forward { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
    }

    /// Marks the hunk, or takes the mark off.
    pub(super) fn toggle(&mut self) {
        if let Some(part) = self.parts.get_mut(self.at) {
            part.is_unwanted = !part.is_unwanted;
        }
    }

    pub(super) fn are_many(&self) -> bool {
        self.parts.len() > 1
    }

    /// What the model is told of the marked hunks, if there are some.
    pub(super) fn unwanted(&self) -> Option<String> {
        let mut said = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let of_file: Vec<&Part> = self.parts.iter().filter(|part| part.file == index).collect();
            let marked = of_file.iter().enumerate().filter(|(_, part)| part.is_unwanted);
            let marked: Vec<String> = marked
                .map(|(number, part)| {
                    format!("hunk {} of {} (lines {}-{})", number + 1, of_file.len(), part.first, part.last())
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
            return (paragraph(said, Role::Warning, MARGIN, look), None);
        }
        let (mut rows, mut looked_at) = (Vec::new(), None);
        for (index, file) in self.files.iter().enumerate() {
            rows.extend(file_rows(file, look));
            for (number, part) in self.parts.iter().enumerate().filter(|(_, part)| part.file == index) {
                let begin = rows.len();
                rows.extend(self.part_rows(number, part, look));
                if number == self.at {
                    looked_at = Some((begin, rows.len() - begin));
                }
            }
        }
        (rows, looked_at.filter(|_| self.are_many()))
    }

    fn part_rows(&self, number: usize, part: &Part, look: &Look) -> Vec<Row> {
        let inner = Look { width: look.width.saturating_sub(MARGIN).max(1), ..*look };
        let mut rows = Vec::new();
        if self.are_many() {
            let said = format!("hunk {} of {}, lines {}-{}", number + 1, self.parts.len(), part.first, part.last());
            rows.push(crate::text::truncate(&row(look, &[(&said, Role::Quiet)]), inner.width));
        }
        rows.extend(hunk_rows(&part.hunk, &inner, true));
        let is_at = self.are_many() && number == self.at;
        let mark = match (is_at, part.is_unwanted) {
            (true, true) => "›✗",
            (true, false) => "› ",
            (false, true) => " ✗",
            (false, false) => "  ",
        };
        let rows = rows.into_iter().map(|inner| {
            let mut whole = row(look, &[(mark, Role::Strong)]);
            let quiet = |span: &Span| look.span(span.text(), Role::Quiet);
            let spans = inner.spans.iter();
            whole.spans.extend(spans.map(|span| if part.is_unwanted { quiet(span) } else { span.clone() }));
            crate::text::truncate(&whole, look.width)
        });
        rows.collect()
    }
}

impl Part {
    fn last(&self) -> usize {
        self.first + self.count.saturating_sub(1)
    }
}

fn file_rows(file: &FileUpdateChange, look: &Look) -> Vec<Row> {
    let lines = |sign: char| file.diff.lines().filter(|line| line.starts_with(sign)).count();
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
    for (count, sign, role) in [(lines('+'), '+', Role::Good), (lines('-'), '−', Role::Bad)] {
        if count > 0 {
            name.push(look.span(&format!(" {sign}{count}"), role));
        }
    }
    wrap(&name, look.width, &row(look, &[("    ", Role::Plain)]))
}

/// The hunks of `change`. Nothing is cut: what is agreed to must be there to be read.
fn parts(file: usize, change: &FileUpdateChange) -> Vec<Part> {
    let is_removed = change.kind == PatchChangeKind::Delete;
    let mut found: Vec<Part> = Vec::new();
    for line in change.diff.lines() {
        if let (Some(old), Some(new)) = (range(line, '-'), range(line, '+')) {
            let (first, count) = if is_removed { old } else { new };
            let hunk = Hunk { old: old.0, new: new.0, lines: Vec::new() };
            found.push(Part { file, first, count, hunk, is_unwanted: false });
            continue;
        }
        let mark = line.chars().next().filter(|mark| matches!(mark, ' ' | '-' | '+'));
        let text = if mark.is_some() { line.get(1..).unwrap_or_default() } else { line };
        let line = Line { mark: mark.unwrap_or('\\'), text: text.to_owned() };
        match found.last_mut() {
            Some(part) => part.hunk.lines.push(line),
            // Servers of others send files without headers.
            None => {
                let hunk = Hunk { old: 1, new: 1, lines: vec![line] };
                found.push(Part { file, first: 1, count: change.diff.lines().count(), hunk, is_unwanted: false });
            }
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
