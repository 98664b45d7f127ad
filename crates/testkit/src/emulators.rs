//! Two terminals without a window.
#![allow(clippy::unwrap_used, reason = "a position that is none is a failed test")]

use alacritty_terminal::{
    event::VoidListener,
    grid::Dimensions,
    index::{Column, Line, Point},
    term::{Config, Term, cell::Flags},
    vte::ansi::Processor,
};

/// Columns and rows.
pub type Size = (usize, usize);

/// Longer than any test prints.
const SCROLLBACK: usize = 10_000;

/// A terminal.
pub trait Emulator {
    /// Whether it wraps rows anew at another width.
    const REFLOWS: bool;

    /// One of this size.
    fn new(size: Size) -> Self;

    /// Takes what a program has written.
    fn feed(&mut self, bytes: &[u8]);

    /// Gets another size.
    fn resize(&mut self, size: Size);

    /// All lines, those of the scrollback first, as they were before they were wrapped; without blanks at their ends,
    /// and without empty ones at the end of the screen.
    fn lines(&mut self) -> Vec<String>;

    /// The rows that are on the screen, without blanks at their ends.
    fn screen(&mut self) -> Vec<String>;

    /// How many rows are in the scrollback.
    fn scrolled(&mut self) -> usize;

    /// Row and column on the screen.
    fn cursor(&self) -> (usize, usize);
}

fn without_empty_end(mut lines: Vec<String>) -> Vec<String> {
    lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    lines
}

/// alacritty: it reflows.
pub struct Alacritty {
    term: Term<VoidListener>,
    parser: Processor,
}

struct Cells(Size);

impl Dimensions for Cells {
    fn total_lines(&self) -> usize {
        self.0.1
    }

    fn screen_lines(&self) -> usize {
        self.0.1
    }

    fn columns(&self) -> usize {
        self.0.0
    }
}

impl Emulator for Alacritty {
    const REFLOWS: bool = true;

    fn new(size: Size) -> Self {
        let config = Config { scrolling_history: SCROLLBACK, ..Config::default() };
        Self { term: Term::new(config, &Cells(size), VoidListener), parser: Processor::new() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    fn resize(&mut self, size: Size) {
        self.term.resize(Cells(size));
    }

    fn lines(&mut self) -> Vec<String> {
        let grid = self.term.grid();
        let (mut lines, mut line) = (Vec::new(), String::new());
        for index in grid.topmost_line().0..=grid.bottommost_line().0 {
            for column in 0..grid.columns() {
                let cell = &grid[Point::new(Line(index), Column(column))];
                if !cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                    line.push(cell.c);
                    line.extend(cell.zerowidth().into_iter().flatten());
                }
            }
            let last = &grid[Point::new(Line(index), grid.last_column())];
            if !last.flags.contains(Flags::WRAPLINE) {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
        }
        lines.push(line.trim_end().to_owned());
        without_empty_end(lines)
    }

    fn screen(&mut self) -> Vec<String> {
        let grid = self.term.grid();
        let row =
            |line| (0..grid.columns()).map(|column| grid[Point::new(Line(line), Column(column))].c).collect::<String>();
        (0..=grid.bottommost_line().0).map(|line| row(line).trim_end().to_owned()).collect()
    }

    fn scrolled(&mut self) -> usize {
        self.term.grid().history_size()
    }

    fn cursor(&self) -> (usize, usize) {
        let point = self.term.grid().cursor.point;
        (usize::try_from(point.line.0).unwrap(), point.column.0)
    }
}

/// vt100: at another width it cuts rows, at another height it cuts the screen.
pub struct Vt100(vt100::Parser);

impl Emulator for Vt100 {
    const REFLOWS: bool = false;

    fn new(size: Size) -> Self {
        Self(vt100::Parser::new(size.1 as u16, size.0 as u16, SCROLLBACK))
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.0.process(bytes);
    }

    fn resize(&mut self, size: Size) {
        self.0.screen_mut().set_size(size.1 as u16, size.0 as u16);
    }

    fn lines(&mut self) -> Vec<String> {
        let scrolled = self.scrolled();
        let screen = self.0.screen_mut();
        let (height, width) = screen.size();
        let (mut lines, mut line) = (Vec::new(), String::new());
        // Each row by itself, once it is the first that is seen.
        for index in 0..scrolled + usize::from(height) {
            let back = scrolled.saturating_sub(index);
            screen.set_scrollback(back);
            let row = index.saturating_sub(scrolled) as u16;
            line += &screen.rows(0, width).nth(row.into()).unwrap_or_default();
            if !screen.row_wrapped(row) {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
        }
        screen.set_scrollback(0);
        lines.push(line.trim_end().to_owned());
        without_empty_end(lines)
    }

    fn screen(&mut self) -> Vec<String> {
        let (_, width) = self.0.screen().size();
        self.0.screen().rows(0, width).map(|row| row.trim_end().to_owned()).collect()
    }

    fn scrolled(&mut self) -> usize {
        let screen = self.0.screen_mut();
        screen.set_scrollback(usize::MAX);
        let scrolled = screen.scrollback();
        screen.set_scrollback(0);
        scrolled
    }

    fn cursor(&self) -> (usize, usize) {
        let (row, column) = self.0.screen().cursor_position();
        (row.into(), column.into())
    }
}
