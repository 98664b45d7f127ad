//! The live area as it is on the screen: its rows, and where the cursor stands.

use super::pen::{self, Pen};
use crate::text::{Live, Row, Size, graphemes, truncate};

/// The live area as it is on the screen. Without rows, the cursor stands where its first one will be.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    rows: Vec<Row>,
    /// Row and column of the terminal's cursor.
    at: (usize, usize),
    /// Whether the cursor is to be seen.
    has_cursor: bool,
    /// Of the screen that this was drawn for.
    screen_rows: usize,
    /// Old rows of the live area that a screen became too low for: they are in the scrollback, right above, and come
    /// back with a higher screen.
    pushed: usize,
    /// What of them is there as a whole.
    left: Left,
    /// If the terminal has made something else of these rows: what.
    stale: Option<Stale>,
}

/// Rows of the live area that are in the scrollback, right above: nothing takes them away any more.
#[derive(Debug, Clone, Default)]
struct Left {
    /// Of live areas before.
    before: Vec<Row>,
    /// Of this one.
    here: Vec<Row>,
    /// Rows of the screen on which the last of these ends.
    rest: usize,
    /// The width for which the terminal wraps them; as wide as can be where it does not.
    columns: usize,
}

impl Left {
    fn height(&self, row: &Row) -> usize {
        wrapped_height(row, self.columns)
    }

    /// How many of `finished` these rows begin with: of those of before and of these. Or only of these, if that is more.
    fn same(&self, finished: &[Row]) -> (usize, usize) {
        fn same<'a>(rows: impl Iterator<Item = &'a Row>, finished: &[Row]) -> usize {
            rows.zip(finished).take_while(|(left, row)| left == row).count()
        }
        let all = same(self.before.iter().chain(&self.here), finished);
        let here = same(self.here.iter(), finished);
        if here > all { (0, here) } else { (all.min(self.before.len()), all.saturating_sub(self.before.len())) }
    }
}

/// What a terminal of another size has made of the live area.
#[derive(Debug, Clone, Copy)]
struct Stale {
    /// Rows from the cursor up to the first that has to be erased.
    above: usize,
    /// Rows above it that are in the scrollback.
    pushed: usize,
}

/// Whether the same is to be seen.
impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.at == other.at && self.has_cursor == other.has_cursor
    }
}

impl Shown {
    /// What is shown of `live` on a screen of `size`: where it is too high, its end, or what begins with its cursor.
    pub fn of(live: &Live, size: Size) -> Self {
        let over = live.rows.len().saturating_sub(size.rows);
        let first = live.cursor.map_or(over, |(row, _)| over.min(row));
        let rows: Vec<Row> =
            live.rows.iter().skip(first).take(size.rows).map(|row| truncate(row, size.columns)).collect();
        // A hidden cursor rests at the top: a screen that becomes lower loses what is below the cursor first.
        let (row, column) = live.cursor.unwrap_or((first, 0));
        let row = (row - first).min(rows.len().saturating_sub(1));
        let at = (row, column.min(size.columns - 1));
        let has_cursor = live.cursor.is_some();
        Self { rows, at, has_cursor, screen_rows: size.rows, ..Self::default() }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// Whether the terminal has made something else of the rows.
    pub fn is_stale(&self) -> bool {
        self.stale.is_some()
    }

    /// Rows between the first one and the cursor.
    pub fn above(&self) -> usize {
        self.stale.map_or(self.at.0, |stale| stale.above)
    }

    /// Takes the place of `old`, below which nothing was printed.
    pub fn follows(&mut self, old: Self) {
        self.pushed = old.stale.map_or(old.pushed, |stale| stale.pushed);
        let Left { mut before, mut here, rest, columns } = old.left;
        if rest > 0 {
            // Its end was erased.
            here.pop();
        }
        before.extend(here);
        self.left = Left { before, columns, ..Left::default() };
    }

    /// The rows of this live area that are in the scrollback, the last of them perhaps in part; without those that are
    /// `finished` already, and are to be printed next.
    pub fn left_behind(&self, finished: &[Row]) -> Vec<Row> {
        let (of_before, of_here) = self.left.same(finished);
        let is_last = of_before + of_here == finished.len();
        if is_last { self.left.here[of_here..].to_vec() } else { Vec::new() }
    }

    /// How many of `finished`, which are to be printed next, stand right above already: as rows of the live area that a
    /// screen became too low for. They are finished rows from then on.
    pub fn already_printed(&mut self, finished: &[Row]) -> usize {
        let (of_before, of_here) = self.left.same(finished);
        let same = of_before + of_here;
        // What stands above these, and is none of them, was to be seen for a while, and stays too.
        let of_before = if of_here > 0 { self.left.before.len() } else { of_before };
        let printed: Vec<Row> = self.left.before.drain(..of_before).chain(self.left.here.drain(..of_here)).collect();
        let mut height: usize = printed.iter().map(|row| self.left.height(row)).sum();
        if self.left.here.is_empty() {
            // The end of the last one stays on the screen.
            let rest = std::mem::take(&mut self.left.rest);
            height -= rest.min(height);
            self.stale.iter_mut().for_each(|stale| stale.above = stale.above.saturating_sub(rest));
        }
        let pushed = self.stale.as_mut().map_or(&mut self.pushed, |stale| &mut stale.pushed);
        *pushed = pushed.saturating_sub(height);
        same
    }

    /// The terminal has another size. One that reflows has wrapped each row that is longer; the cursor stays with
    /// the character on which it was. Rows that a lower screen has no room for are pushed out at its top; a higher one
    /// takes them back, or has room below, and then there is nothing of ours above.
    pub fn resized(&mut self, size: Size, reflows: bool) {
        let above = if reflows { self.wrapped_above(size.columns) } else { self.at.0 };
        let back = self.pushed.min(size.rows.saturating_sub(self.screen_rows));
        let on_screen = (above + back).min(size.rows - 1);
        let pushed = self.pushed + above - on_screen;
        self.stale = Some(Stale { above: on_screen, pushed });
        self.left.columns = if reflows { size.columns } else { usize::MAX };
        let mut height = self.pushed;
        let begins_above = |row: &&Row| {
            let begins = height < pushed;
            height += if begins { self.left.height(row) } else { 0 };
            begins
        };
        let here: Vec<Row> = self.rows.iter().take(self.at.0).take_while(begins_above).cloned().collect();
        self.left.rest = if here.is_empty() { 0 } else { height.saturating_sub(pushed) };
        self.left.here = here;
        if back > 0 {
            // They are on the screen again, and erased with the rest.
            self.left.before.clear();
        }
    }

    fn wrapped_above(&self, columns: usize) -> usize {
        let (row, column) = self.at;
        let wrapped: usize = self.rows.iter().take(row).map(|row| wrapped_height(row, columns)).sum();
        let within = self.rows.get(row).map_or(1, |row| wrapped_height(row, columns)) - 1;
        wrapped + within.min(column / columns)
    }

    /// From the cursor to the beginning of the first row.
    pub fn to_top(&self, pen: &mut Pen) {
        pen.up(self.above());
        pen.carriage_return();
    }

    /// Erases all rows; the cursor is where the first one was.
    pub fn erase(&self, pen: &mut Pen) {
        if !self.rows.is_empty() {
            self.to_top(pen);
            pen.erase_below();
        }
    }

    /// From the row `from` to where the cursor belongs.
    pub fn move_cursor(&self, pen: &mut Pen, from: usize) {
        pen.row(from, self.at.0);
        pen.column(self.at.1);
    }

    /// Makes `next` of these rows, by what differs.
    pub fn repair(&self, pen: &mut Pen, next: &Self) {
        let mut at = self.at.0;
        for (index, row) in next.rows.iter().enumerate() {
            let old = self.rows.get(index);
            if old == Some(row) {
                continue;
            }
            match old {
                Some(old) => {
                    pen.row(at, index);
                    pen.change(old, row);
                }
                None => {
                    // The row is not there yet: a line feed makes it, and scrolls where it must.
                    if index > 0 {
                        pen.row(at, index - 1);
                        pen.next_row();
                    }
                    pen.live(row, 0);
                }
            }
            at = index;
        }
        if next.height() < self.height() {
            pen.row(at, next.height());
            at = next.height();
            pen.carriage_return();
            pen.erase_below();
        }
        next.move_cursor(pen, at);
    }

    /// The end of a frame that shows this.
    pub fn end(&self, pen: &mut Pen) {
        if self.has_cursor {
            pen.show_cursor(true);
        }
        pen.end();
    }
}

/// Rows that `row` takes on a terminal of `columns`, wrapped as terminals do it: anywhere.
fn wrapped_height(row: &Row, columns: usize) -> usize {
    if pen::width(row) <= columns {
        return 1;
    }
    let (mut height, mut used) = (1, 0);
    for (_, wide) in pen::visible(row).flat_map(|(_, text)| graphemes(text)) {
        if used + wide > columns {
            height += 1;
            used = 0;
        }
        used += wide;
    }
    height
}
