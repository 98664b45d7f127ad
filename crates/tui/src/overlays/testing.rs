//! What tests of overlays share: keys as text, screens as text.

use super::{Outcome, Overlay};
use crate::{look::Look, text::Size, theme::Theme};

/// The sizes that every overlay is drawn at, and some that are hardly any.
pub(crate) const SIZES: [(usize, usize); 6] = [(80, 24), (40, 12), (200, 60), (10, 3), (1, 1), (4, 40)];

/// What `overlay` shows, row by row.
pub(crate) fn screen(overlay: &dyn Overlay, (columns, rows): (usize, usize)) -> Vec<String> {
    let look = Look { width: columns, theme: Theme::Ansi };
    let live = overlay.live(Size { columns, rows }, &look);
    assert!(live.rows.len() <= rows, "{} rows in {rows}", live.rows.len());
    for row in &live.rows {
        // A character of two columns has no other place where there is one.
        assert!(row.width() <= columns.max(2), "{columns}: {row:?}");
        assert!(!row.text().chars().any(char::is_control), "{row:?}");
    }
    if let Some((row, column)) = live.cursor {
        assert!(row < live.rows.len() && column < columns, "the cursor is outside: {:?}", live.cursor);
    }
    live.rows.iter().map(crate::text::Row::text).collect()
}

/// Presses `keys`, which stand between spaces, and gives what came of the last.
pub(crate) fn press(overlay: &mut dyn Overlay, keys: &str) -> Outcome {
    let mut outcome = Outcome::stay();
    for key in keys.split_whitespace() {
        outcome = overlay.key(key.parse().unwrap_or_else(|error| panic!("{error}")));
    }
    outcome
}

/// What is wanted, in words, and whether the overlay goes away.
pub(crate) fn said(outcome: &Outcome) -> String {
    let wanted = outcome.intents.iter().map(|intent| match intent {
        // The name of the list or the question.
        crate::intent::Intent::Open(overlay) => format!("open {}", screen(&**overlay, (80, 24)).remove(0)),
        other => format!("{other:?}"),
    });
    let wanted = wanted.collect::<Vec<_>>().join(" ");
    if outcome.closes { format!("closes {wanted}") } else { wanted }
}
