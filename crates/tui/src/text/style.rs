//! How text looks, and how much of it a terminal can show.

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Of the characters; the terminal's own without.
    pub foreground: Option<Color>,
    /// Behind the characters; the terminal's own without.
    pub background: Option<Color>,
    /// Heavier.
    pub bold: bool,
    /// Fainter.
    pub dim: bool,
    /// Slanted.
    pub italic: bool,
    /// With a line below.
    pub underline: bool,
    /// With a line through it.
    pub strike: bool,
    /// Foreground and background exchanged.
    pub reverse: bool,
}

impl Style {
    /// A colour and nothing else.
    pub const fn color(color: Color) -> Self {
        let plain = Self::plain();
        Self { foreground: Some(color), ..plain }
    }

    /// As the terminal writes by itself.
    pub const fn plain() -> Self {
        Self {
            foreground: None,
            background: None,
            bold: false,
            dim: false,
            italic: false,
            underline: false,
            strike: false,
            reverse: false,
        }
    }

    /// The same, heavier.
    #[must_use]
    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The same, fainter.
    #[must_use]
    pub const fn dim(self) -> Self {
        Self { dim: true, ..self }
    }

    /// This with what `over` sets.
    #[must_use]
    pub fn over(self, over: Self) -> Self {
        Self {
            foreground: over.foreground.or(self.foreground),
            background: over.background.or(self.background),
            bold: self.bold || over.bold,
            dim: self.dim || over.dim,
            italic: self.italic || over.italic,
            underline: self.underline || over.underline,
            strike: self.strike || over.strike,
            reverse: self.reverse || over.reverse,
        }
    }
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// One of the terminal's 16, which its user chose: 0 to 7, then the same brighter.
    Ansi(u8),
    /// One of 256.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    /// None (no-color.org): weight and underline are left.
    None,
    /// The 16 that its user chose.
    Ansi,
    /// 256.
    Indexed,
    /// 24 bits.
    True,
}
