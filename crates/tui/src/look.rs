//! How things are drawn here and now: what every renderer gets.

use crate::{
    text::{Span, Style},
    theme::{Role, Theme},
};

/// How things are drawn here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the screen.
    pub width: usize,
    /// What each role of text looks like.
    pub theme: Theme,
}

impl Look {
    /// Style of `role`.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// `text` as `role`.
    pub fn span(&self, text: &str, role: Role) -> Span {
        Span::new(text, self.style(role))
    }
}
