//! The only part that writes to the terminal: finished rows go out once, above; the live area below them is redrawn.
//!
//! The terminal's own buffer is used and never asked about. Only relative movements are written, so nothing has to be
//! known about where on the screen the live area is: what is known is its rows, and in which of them the cursor stands.
//! See `docs/design/0004-inline-screen.md`.

mod capabilities;
mod color;
mod input;
mod output;
mod parse;
mod pen;
mod raw_mode;
mod restore;
mod shown;
#[cfg(test)]
mod tests;

use std::{io, time::Instant};

pub use capabilities::Capabilities;
pub use input::{Input, inputs};
pub use output::{Output, size};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use parse::Parser;
pub use raw_mode::{RawMode, restore_terminal};

use crate::text::{Live, Row, Size};
use pen::Pen;
use shown::Shown;

/// More than any screen has: a movement by so much stops at its edge.
const EDGE: usize = 9999;
/// Asks for the colour of the background; the answer comes as an [`Input::Background`], from terminals that know it. What
/// every terminal answers is asked behind it (DA1): when that has come, as [`Input::Answered`], nothing more comes.
const ASK_BACKGROUND: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

/// What is on the screen, and what is to come onto it.
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
    size: Size,
    terminal: Capabilities,
    /// Whether all of the screen is ours: the alternate one.
    is_full: bool,
    /// Whether that was entered.
    is_entered: bool,
    /// If the alternate buffer is shown for a while: the live area in the ordinary one, behind it.
    behind: Option<Shown>,
    /// Whether that is what the next frame is drawn for.
    is_page: bool,
    shown: Shown,
    /// Rows that go out above the live area with the next frame.
    finished: Vec<Row>,
    /// Other sequences that go out with it.
    sequences: Vec<u8>,
    /// Whether the screen is wiped with it.
    clears: bool,
    /// When it is drawn again, after the size has changed.
    settles_at: Option<Instant>,
    /// Whether the terminal was asked something and has not answered.
    is_asked: bool,
    /// Bytes of a frame, kept for the next.
    buffer: Vec<u8>,
}

impl<W: io::Write> Screen<W> {
    /// In the terminal's ordinary buffer, from the row on where the cursor stands.
    pub fn inline(out: W, size: Size, terminal: Capabilities) -> Self {
        Self {
            out,
            size,
            terminal,
            is_full: false,
            is_entered: false,
            behind: None,
            is_page: false,
            shown: Shown::default(),
            finished: Vec::new(),
            sequences: Vec::new(),
            clears: false,
            settles_at: None,
            is_asked: false,
            buffer: Vec::new(),
        }
    }

    /// In the alternate buffer, all of which is the live area. What is printed there comes out when it is left.
    pub fn full(out: W, size: Size, terminal: Capabilities) -> Self {
        Self { is_full: true, ..Self::inline(out, size, terminal) }
    }

    /// The size that frames are drawn for.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Finished rows: the next frame writes them above the live area, and they are the terminal's from then on.
    pub fn print(&mut self, rows: Vec<Row>) {
        self.finished.extend(rows);
    }

    /// Whether the frames from now on are for the alternate buffer, for a while: what is printed waits, and the
    /// ordinary buffer comes back as it was.
    pub fn page(&mut self, is_page: bool) {
        self.is_page = is_page && !self.is_full;
    }

    /// A sequence that is no text (a bell, a title, a notification): it goes out with the next frame.
    pub fn send(&mut self, sequence: &[u8]) {
        self.sequences.extend_from_slice(sequence);
    }

    /// Asks the terminal for the colour of its background, with the next frame. It answers with an
    /// [`Input::Background`], or not at all, and then with an [`Input::Answered`].
    pub fn ask_background(&mut self) {
        self.send(ASK_BACKGROUND);
        self.is_asked = true;
    }

    /// The terminal has answered.
    pub fn answered(&mut self) {
        self.is_asked = false;
    }

    /// Whether an answer is on its way: who reads the terminal next would take it for keys.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// The terminal has `size` now: the next frame erases what it made of the live area, and paints it again. Also
    /// for the same size, if something else may have written to the screen.
    ///
    /// After another size, nothing is drawn for a moment: what is drawn for a width that the terminal has left already
    /// cannot be found again, and so would stay.
    pub fn resize(&mut self, size: Size) {
        if size != self.size {
            self.settles_at = Some(Instant::now() + self.terminal.settles);
        }
        self.size = size;
        self.shown.resized(size, self.terminal.reflows);
        if let Some(behind) = &mut self.behind {
            behind.resized(size, self.terminal.reflows);
        }
    }

    /// Rows of the live area that a lower screen has pushed into the scrollback, from where nothing takes them away: what
    /// is printed next and is the same as these stands there already. Without those that are to be printed as it is.
    pub fn left_behind(&self) -> Vec<Row> {
        let is_ordinary = !self.is_full && self.behind.is_none();
        if is_ordinary { self.shown.left_behind(&self.finished) } else { Vec::new() }
    }

    /// Until when frames do nothing. One has to be drawn then.
    pub fn settles_at(&self) -> Option<Instant> {
        self.settles_at
    }

    /// Wipes what is visible with the next frame, and leaves the scrollback alone.
    pub fn clear(&mut self) {
        self.clears = true;
    }

    /// Something else wrote to the terminal since the last frame, from a fresh row on: nothing of ours is there.
    pub fn lost(&mut self) {
        self.shown = Shown::default();
        self.behind = None;
    }

    /// Makes the screen show `live` below what was printed: one write, of what differs. Nothing is written if nothing
    /// differs, and before a new size [has settled](Self::settles_at). Nor if the terminal has another size `now`, looked
    /// at last of all: what was made for the old one would be found again nowhere. It is kept, and
    /// [the new size](Self::resize) comes first.
    ///
    /// # Errors
    /// When the terminal cannot be written to; nothing is known about the screen then.
    pub fn frame(&mut self, live: &Live, now: Size) -> io::Result<()> {
        if now != self.size || self.settles_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.settles_at = None;
        let mut next = Shown::of(live, self.size);
        let turns = self.is_page != self.behind.is_some();
        let mut above = if self.is_full || self.is_page { Vec::new() } else { std::mem::take(&mut self.finished) };
        above.drain(..self.behind.as_mut().unwrap_or(&mut self.shown).already_printed(&above));
        let paints_all = turns || self.clears || !above.is_empty() || self.shown.is_stale();
        if !paints_all && self.sequences.is_empty() && next == self.shown {
            return Ok(());
        }
        let mut pen = self.pen();
        pen.begin();
        pen.raw(&std::mem::take(&mut self.sequences));
        self.enter_alternate(&mut pen);
        self.turn_page(&mut pen);
        if std::mem::take(&mut self.clears) {
            self.shown.erase(&mut pen);
            self.home(&mut pen);
            pen.erase_below();
            self.shown = Shown::default();
        }
        if paints_all {
            self.repaint(&mut pen, &above, &next);
        } else {
            self.shown.repair(&mut pen, &next);
        }
        let old = std::mem::take(&mut self.shown);
        if above.is_empty() {
            next.follows(old);
        }
        self.shown = next;
        self.shown.end(&mut pen);
        self.write(pen)
    }

    /// Erases the live area, writes what is still to be printed and `last`, and leaves the cursor on a fresh row of
    /// the ordinary buffer. The next frame begins there.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn finish(&mut self, last: &[Row]) -> io::Result<()> {
        let mut above = std::mem::take(&mut self.finished);
        above.extend_from_slice(last);
        let mut pen = self.pen();
        pen.begin();
        pen.raw(&std::mem::take(&mut self.sequences));
        if self.is_full {
            restore::set_alternate(false);
            if std::mem::take(&mut self.is_entered) {
                pen.raw(restore::LEAVE_ALTERNATE);
            }
        } else {
            self.is_page = false;
            self.turn_page(&mut pen);
            self.shown.erase(&mut pen);
        }
        above.iter().for_each(|row| self.finished_row(&mut pen, row));
        self.shown = Shown::default();
        self.clears = false;
        pen.show_cursor(true);
        pen.end();
        self.write(pen)
    }

    fn pen(&mut self) -> Pen {
        Pen::new(std::mem::take(&mut self.buffer), self.terminal)
    }

    fn enter_alternate(&mut self, pen: &mut Pen) {
        if self.is_full && !std::mem::replace(&mut self.is_entered, true) {
            restore::set_alternate(true);
            pen.raw(restore::ENTER_ALTERNATE);
            self.home(pen);
        }
    }

    /// To the alternate buffer for a while, or back.
    fn turn_page(&mut self, pen: &mut Pen) {
        match (self.is_page, self.behind.take()) {
            (true, None) => {
                self.behind = Some(std::mem::take(&mut self.shown));
                restore::set_alternate(true);
                pen.raw(restore::ENTER_PAGE);
                self.home(pen);
            }
            (false, Some(behind)) => {
                self.shown = behind;
                restore::set_alternate(false);
                pen.raw(restore::LEAVE_PAGE);
            }
            (_, behind) => self.behind = behind,
        }
    }

    /// To the first column of the first row.
    fn home(&self, pen: &mut Pen) {
        pen.up(EDGE);
        pen.carriage_return();
    }

    /// Paints all from the top of the old live area on: first what is finished, then the live area.
    fn repaint(&mut self, pen: &mut Pen, above: &[Row], next: &Shown) {
        if self.is_full || self.is_page {
            self.home(pen);
        } else {
            self.shown.to_top(pen);
        }
        // Rows of the old live area that are still below the cursor. Each is erased before it is written over: what
        // scrolls out of the screen is finished by then.
        let mut old = self.shown.height();
        if self.shown.is_stale() || above.iter().any(|row| pen::width(row) > self.size.columns) {
            pen.erase_below();
            old = 0;
        }
        for row in above {
            if old > 0 {
                pen.erase_right();
                old -= 1;
            }
            self.finished_row(pen, row);
        }
        for (at, row) in next.rows().iter().enumerate() {
            let is_last = at + 1 == next.height();
            match old {
                0 => {}
                2.. if is_last => pen.erase_below(),
                _ => pen.erase_right(),
            }
            old = old.saturating_sub(1);
            pen.live(row, 0);
            if !is_last {
                pen.next_row();
            }
        }
        if next.height() == 0 && old > 0 {
            pen.erase_below();
        }
        next.move_cursor(pen, next.height().saturating_sub(1));
    }

    fn finished_row(&self, pen: &mut Pen, row: &Row) {
        pen.finished(row);
        // Room was made for it by its rows, if these are not gone already.
        if let Some(picture) = row.drawn().filter(|picture| picture.rows < self.size.rows) {
            pen.picture(picture);
        }
    }

    /// One write, and what a crash has to erase is known from then on.
    fn write(&mut self, pen: Pen) -> io::Result<()> {
        self.buffer = pen.into_bytes();
        let ordinary = self.behind.as_ref().unwrap_or(&self.shown);
        restore::set_above(if self.is_full { 0 } else { ordinary.above() });
        let written = self.out.write_all(&self.buffer).and_then(|()| self.out.flush());
        self.buffer.clear();
        // A long transcript at once is no measure for the frames after it.
        self.buffer.shrink_to(1 << 16);
        written
    }
}
