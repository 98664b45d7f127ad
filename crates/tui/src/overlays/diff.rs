//! All that the agent changed, file by file.

use codex_protocol::{FileDiff, PatchChangeKind, ThreadDiff};

use super::{Overlay, Pager, PagerEntry};
use crate::{
    diff::{Layout, diff_rows},
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// Rows of a file that are shown of a long one, until it is expanded.
const ROWS: usize = 400;

/// The changes, each file a part of its own; `None`: there are none.
pub fn page(diff: ThreadDiff, look: &Look) -> Option<Box<dyn Overlay>> {
    if diff.files.is_empty() && diff.notes.is_empty() {
        return None;
    }
    let count = |mark: char| {
        let lines = diff.files.iter().flat_map(|file| file.change.diff.lines());
        lines.filter(|line| line.starts_with(mark)).count()
    };
    let files = if diff.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", diff.files.len()) };
    let title = format!("What the agent changed: {files}, +{} −{}", count('+'), count('-'));
    let notes: Vec<Row> = diff.notes.iter().map(|note| Row::new(note, look.style(Role::Warning))).collect();
    let mut entries = if notes.is_empty() { Vec::new() } else { vec![PagerEntry::rows(notes)] };
    entries.extend(diff.files.into_iter().map(|file| PagerEntry::File(Box::new(seen_from(&diff.cwd, file)))));
    Some(Box::new(Pager::new(&title, entries)))
}

/// The file with its path as seen from `directory`.
fn seen_from(directory: &str, mut file: FileDiff) -> FileDiff {
    let shorten = |path: &mut String| {
        let inner = path.strip_prefix(directory).and_then(|inner| inner.strip_prefix('/'));
        if let Some(inner) = inner.map(str::to_owned) {
            *path = inner;
        }
    };
    shorten(&mut file.change.path);
    if let PatchChangeKind::Update { move_path: Some(to) } = &mut file.change.kind {
        shorten(to);
    }
    file
}

/// A file: what happened to it, what is to be known of it, and its lines.
pub fn rows(file: &FileDiff, look: &Look, expanded: bool) -> Vec<Row> {
    let layout = Layout { side_by_side: true, most_rows: (!expanded).then_some(ROWS) };
    let mut rows = diff_rows(&file.change, look, layout);
    let modes = file.header.lines().filter(|line| line.contains("mode ") && !line.contains("100644"));
    let notes: Vec<Row> = modes
        .chain(file.notes.iter().map(String::as_str))
        .flat_map(|note| wrap(&Row::new(&format!("  {note}"), look.style(Role::Quiet)), look.width, &Row::plain("  ")))
        .collect();
    rows.splice(1..1, notes);
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overlays::testing::{SIZES, press, said, screen};

    fn diff() -> ThreadDiff {
        let file = |path: &str, kind: &str, diff: &str, header: &str, notes: &[&str]| json!({ "path": path, "kind": { "type": kind }, "diff": diff, "header": header, "notes": notes });
        serde_json::from_value(json!({
            "cwd": "/w",
            "files": [
                file("/w/a.rs", "update", "@@ -1 +1 @@\n-one\n+two\n", "diff --git a/a.rs b/a.rs\n", &[]),
                file("/w/run.sh", "add", "@@ -0,0 +1 @@\n+true\n", "new file mode 100755\n", &[]),
                file("/w/x.png", "add", "", "", &["it is no text: 0 bytes before, 12 after"]),
                file("/elsewhere/b", "delete", "@@ -1 +0,0 @@\n-gone\n", "", &[]),
            ],
            "notes": ["nobody knows what turn_3 changed: no states of files were kept"],
        }))
        .unwrap()
    }

    #[test]
    fn each_file_is_a_part_that_can_be_chosen_and_copied() {
        let look = Look { width: 80, theme: crate::theme::Theme::Ansi };
        let mut page = page(diff(), &look).unwrap();
        for size in SIZES {
            screen(page.as_ref(), size);
        }
        let text = screen(page.as_ref(), (80, 30)).join("\n");
        for expected in [
            "What the agent changed: 4 files, +2 −2",
            "nobody knows what turn_3 changed",
            "Edited a.rs +1 −1",
            "Added run.sh +1",
            "new file mode 100755",
            "Added x.png",
            "it is no text: 0 bytes before, 12 after",
            "Deleted /elsewhere/b −1",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let copied = said(&press(page.as_mut(), "tab tab y"));
        assert!(copied.contains("-one") && copied.contains("+two"), "{copied}");
        assert!(super::page(ThreadDiff::default(), &look).is_none());
    }
}
