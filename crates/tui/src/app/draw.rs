//! What is on the screen: finished rows to be printed, and the live area below them.

use std::time::Instant;

use super::App;
use crate::{
    look::Look,
    overlays::Overlay,
    status_line::{self, Told},
    text::{Live, Row, Size, truncate, wrap},
    theme::Role,
    transcript::Feed,
};

/// Rows of the transcript that are kept where the whole screen is ours.
const KEPT: usize = 20_000;
/// Rows that the composer takes at most, unless there is more room than anybody needs.
const COMPOSER: usize = 12;

/// Rows of a screen on which everything is seen.
const ALL: usize = 1_000_000;

/// Said in place of the status line where there is no session.
const NO_SESSION: &str = "  no session: /new begins one, /resume chooses an earlier one, /quit leaves";

/// Said there where what a session said last is shown, and it is not open yet.
const OPENING: &str = "  opening the session · what you send waits for it";

impl App {
    /// Rows that are finished, to be printed once. Where the whole screen is ours they are kept here instead.
    pub fn finished(&mut self) -> Vec<Row> {
        // The transcript's open end may take half of the screen.
        let rows = self.feed.finished(&self.setup.look, (self.setup.size.rows / 2).max(1));
        if !self.setup.full {
            return rows;
        }
        if self.focus.scroll > 0 {
            // What is looked at stays where it is.
            self.focus.scroll += rows.len();
        }
        self.focus.kept.extend(rows);
        let over = self.focus.kept.len().saturating_sub(KEPT);
        self.focus.kept.drain(..over);
        Vec::new()
    }

    /// Whether there are more of them than were given out the last time.
    pub fn is_behind(&self) -> bool {
        self.feed.is_behind()
    }

    /// Those of `left` that are finished from now on: the upper rows of the live area, which are in the scrollback.
    pub fn left_behind(&mut self, left: Vec<Row>) -> Vec<Row> {
        if self.setup.full || self.is_page() { Vec::new() } else { self.feed.left_behind(left, &self.setup.look) }
    }

    /// The live area, no higher than the screen.
    pub fn live(&self, now: Instant) -> Live {
        let size = self.setup.size;
        let bottom = self.bottom(size, now);
        let room = size.rows.saturating_sub(bottom.rows.len());
        let mut live = Live::default();
        if self.is_page() {
            // Nothing of the transcript beside it.
        } else if self.setup.full {
            live.rows = self.window(room, now);
        } else {
            let mut open = self.open_rows(now);
            open.drain(..open.len().saturating_sub(room));
            live.rows = open;
        }
        live.append(bottom);
        live
    }

    /// Whether what is shown now takes the whole screen for a while, which is given back as it was.
    pub fn is_page(&self) -> bool {
        self.overlays.last().is_some_and(|overlay| overlay.is_page())
    }

    /// The rows of the topmost overlay, where nothing can be drawn: all of a page, which is left then, and all that a
    /// question is about. Whether that was a page.
    pub fn overlay_rows(&mut self) -> (Vec<Row>, bool) {
        let (size, look) = (self.setup.size, self.setup.look);
        let Some(overlay) = self.overlays.last() else { return Default::default() };
        if let Some((rows, is_read)) = overlay.whole(&look) {
            if is_read {
                self.overlays.pop();
            }
            return (rows, is_read);
        }
        let rows = if overlay.question().is_some() { ALL } else { size.rows };
        (overlay.live(Size { rows, ..size }, &look).rows, false)
    }

    /// Whether the next line that is typed begins something.
    pub fn waits_for_a_line(&self) -> bool {
        let works = self.session.as_ref().is_none_or(|session| session.turn.is_some());
        !works || !self.overlays.is_empty()
    }

    /// What is left on the ordinary screen, where the whole screen was ours: as much as fits.
    pub fn last_rows(&self) -> Vec<Row> {
        let from = self.focus.kept.len().saturating_sub(self.setup.size.rows);
        self.focus.kept.iter().skip(from).cloned().collect()
    }

    /// The transcript's open end.
    fn open_rows(&self, now: Instant) -> Vec<Row> {
        let asks = self.overlays.last().is_some_and(|overlay| overlay.question().is_some());
        let open = if asks { Feed::live_above_question } else { Feed::live };
        open(&self.feed, &self.setup.look, now)
    }

    /// Everything below the transcript.
    fn bottom(&self, size: Size, now: Instant) -> Live {
        let mut live = Live::default();
        if let Some(overlay) = self.overlays.last() {
            return self.with_overlay(overlay.as_ref(), size);
        }
        let working = self.working(now);
        if working.is_some() && size.rows > 6 {
            live.rows.push(Row::empty());
        }
        live.rows.extend(working);
        live.rows.extend(self.session.as_ref().and_then(|session| session.agents.row(&self.setup.look)));
        live.rows.extend(self.unread());
        live.rows.extend(self.queue.rows(&self.setup.look, &self.setup.keymap));
        if size.rows > 4 {
            live.rows.push(Row::empty());
        }
        if let Some(popup) = &self.focus.popup {
            let rows = size.rows.saturating_sub(live.rows.len() + 3).min(8);
            live.append(popup.live(&self.setup.look, rows));
        }
        let room = size.rows.saturating_sub(live.rows.len() + 1).clamp(1, COMPOSER.max(size.rows / 3));
        live.append(self.composer.live(&self.setup.look, room));
        if size.rows > 2 {
            live.rows.push(self.status(now));
        }
        let over = live.rows.len().saturating_sub(size.rows);
        live.rows.drain(..over);
        live.cursor = live.cursor.map(|(row, column)| (row.saturating_sub(over), column));
        live
    }

    fn with_overlay(&self, overlay: &dyn Overlay, size: Size) -> Live {
        let mut live = Live::default();
        // The composer's text is still there, below: it was not lost.
        let draft = self.composer.text();
        let kept = if draft.is_empty() || size.rows < 12 {
            Row::empty()
        } else {
            let first = draft.lines().next().unwrap_or_default();
            truncate(&Row::new(&format!("  draft kept: {first}"), self.setup.look.style(Role::Quiet)), size.columns)
        };
        let below = usize::from(!kept.is_empty());
        // It stands apart from the transcript.
        let above = usize::from(!overlay.is_page() && size.rows >= 16);
        live.rows.resize(above, Row::empty());
        let room = Size { rows: size.rows.saturating_sub(above + below).max(1), ..size };
        live.append(overlay.live(room, &self.setup.look));
        if below > 0 {
            live.rows.push(kept);
        }
        live
    }

    /// What runs, since when, and how it is stopped.
    fn working(&self, now: Instant) -> Option<Row> {
        let look = &self.setup.look;
        let Some(session) = &self.session else {
            let row = Row::new("• ", look.style(Role::Mark)).with("Starting", look.style(Role::Quiet));
            return self.feed.is_working().then_some(row);
        };
        let turn = session.turn.as_ref()?;
        if let Some(waiting) = self.waiting(now) {
            return Some(waiting);
        }
        let elapsed = status_line::duration(now.saturating_duration_since(turn.since));
        let (word, hint) = match (turn.stopping, self.questions.len()) {
            (true, _) => ("Stopping", String::new()),
            (false, 0) => (
                self.hook_runs(now).unwrap_or("Working"),
                format!(" · {} stops it", self.setup.keymap.shown(crate::keymap::Action::Interrupt)),
            ),
            (false, _) => ("A question waits", " · it comes up when you stop typing".into()),
        };
        let row = Row::new("• ", look.style(Role::Mark))
            .with(word, look.style(Role::Strong))
            .with(&format!(" {elapsed}{hint}"), look.style(Role::Quiet));
        Some(truncate(&row, look.width))
    }

    /// What was said to the turn and not read yet, a row each.
    fn unread(&self) -> Vec<Row> {
        let look = &self.setup.look;
        let turn = self.session.as_ref().and_then(|session| session.turn.as_ref());
        let row = |text: &String| {
            let first = text.lines().next().unwrap_or_default();
            let row = Row::new("  ⤷ ", look.style(Role::Mark)).with(first, look.style(Role::Plain));
            truncate(&row.with("  read with the next step", look.style(Role::Quiet)), look.width)
        };
        turn.map(|turn| turn.unread.iter().map(row).collect()).unwrap_or_default()
    }

    fn status(&self, now: Instant) -> Row {
        let look = &self.setup.look;
        if let Some(hint) = &self.focus.hint {
            return truncate(&Row::new(&format!("  {hint}"), look.style(Role::Quiet)), look.width);
        }
        let mode = self.composer.mode().map(|mode| Row::new(&format!("  {mode}"), look.style(Role::Strong)));
        let room = look.width.saturating_sub(mode.as_ref().map_or(0, Row::width));
        let row = match &self.session {
            Some(session) => {
                let told = Told {
                    opened: &session.opened,
                    usage: &session.usage,
                    whereabouts: &self.setup.whereabouts,
                    elapsed: now.saturating_duration_since(session.since),
                    is_planning: self.is_planning(),
                    cost: session.cost,
                    full_auto: self.setup.start.full_auto.unwrap_or_default(),
                    agents: session.agents.working(),
                };
                status_line::row(&self.setup.status, &told, &Look { width: room, ..*look })
            }
            None if self.before.is_opening && self.before.tail.is_here() => Row::new(OPENING, look.style(Role::Quiet)),
            None if self.before.is_opening => Row::new("  starting", look.style(Role::Quiet)),
            None => Row::new(NO_SESSION, look.style(Role::Quiet)),
        };
        truncate(&mode.unwrap_or_default().joined(row), look.width)
    }

    /// The part of the kept transcript that is looked at, with its open end, in exactly `room` rows.
    fn window(&self, room: usize, now: Instant) -> Vec<Row> {
        let open = self.open_rows(now);
        let width = self.setup.size.columns;
        let all = self.focus.kept.iter().chain(open.iter());
        let mut rows: Vec<Row> = Vec::with_capacity(room);
        // From below, as many as are looked at: a narrower screen has more rows of the same text.
        let wanted = room + self.focus.scroll;
        for row in all.rev() {
            if rows.len() >= wanted {
                break;
            }
            rows.extend(wrap(row, width, &Row::empty()).into_iter().rev());
        }
        rows.truncate(wanted);
        rows.drain(..self.focus.scroll.min(rows.len()));
        rows.truncate(room);
        rows.resize(room, Row::empty());
        rows.reverse();
        // Little text stands at the top, as in any terminal.
        let blank = rows.iter().take_while(|row| row.is_empty()).count();
        rows.rotate_left(blank);
        rows
    }

    /// Scrolls the kept transcript by so many rows, up if positive.
    pub(super) fn scroll(&mut self, rows: isize) {
        let most = self.focus.kept.len().saturating_sub(1);
        self.focus.scroll = self.focus.scroll.saturating_add_signed(rows).min(most);
    }
}
