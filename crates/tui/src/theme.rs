//! Themes: what each role of text looks like. Renderers name roles, never colours.

use crate::text::{Color, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Text to read.
    Plain,
    /// Beside the point: hints, times, details.
    Quiet,
    /// What stands out without a meaning of its own: names, keys.
    Strong,
    /// What can be chosen, and is: the row of a list.
    Selected,
    /// What the user said.
    User,
    /// The mark before what the model says and does.
    Mark,
    /// A heading of Markdown.
    Heading,
    /// Code within text.
    Code,
    /// A link.
    Link,
    /// A quotation.
    Quote,
    /// A shell command.
    Command,
    /// A file's name.
    Path,
    /// It went well.
    Good,
    /// It needs attention.
    Warning,
    /// It went wrong.
    Bad,
    /// A line that was added.
    Added,
    /// A line that was removed.
    Removed,
    /// The words of an added line that differ.
    AddedWord,
    /// The words of a removed line that differ.
    RemovedWord,
    /// Source: words of the language.
    Keyword,
    /// Source: text in quotation marks.
    String,
    /// Source: numbers and constants.
    Number,
    /// Source: comments.
    Comment,
    /// Source: names of functions.
    Function,
    /// Source: names of types.
    Type,
}

/// A theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own 16 colours; right on any background.
    Ansi,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Few colours, far apart; weight in place of faintness.
    HighContrast,
}

impl Theme {
    /// All, with the names that the configuration has for them.
    pub const ALL: &[(&str, Self)] =
        &[("ansi", Self::Ansi), ("dark", Self::Dark), ("light", Self::Light), ("high-contrast", Self::HighContrast)];

    /// What `role` looks like.
    pub fn style(self, role: Role) -> Style {
        match self {
            Self::Ansi => ansi(role),
            Self::Dark => dark(role),
            Self::Light => light(role),
            Self::HighContrast => high_contrast(role),
        }
    }
}

const fn of(color: u8) -> Style {
    Style::color(Color::Ansi(color))
}

const fn rgb(red: u8, green: u8, blue: u8) -> Style {
    Style::color(Color::Rgb(red, green, blue))
}

const fn on(style: Style, red: u8, green: u8, blue: u8) -> Style {
    Style { background: Some(Color::Rgb(red, green, blue)), ..style }
}

/// The weights that all themes share; colour is laid over them.
fn weight(role: Role) -> Style {
    let plain = Style::plain();
    match role {
        Role::Quiet | Role::Comment | Role::Quote => plain.dim(),
        Role::Strong | Role::Heading | Role::User | Role::Mark | Role::Bad => plain.bold(),
        Role::Selected => Style { reverse: true, ..plain },
        Role::Link => Style { underline: true, ..plain },
        Role::AddedWord | Role::RemovedWord => Style { reverse: true, ..plain },
        _ => plain,
    }
}

fn ansi(role: Role) -> Style {
    let color = match role {
        Role::Mark | Role::Code | Role::Command | Role::Link => of(6),
        Role::Heading | Role::Keyword => of(5),
        Role::Path | Role::Function => of(4),
        Role::Good | Role::Added | Role::AddedWord | Role::String => of(2),
        Role::Warning | Role::Number | Role::Type => of(3),
        Role::Bad | Role::Removed | Role::RemovedWord => of(1),
        _ => Style::plain(),
    };
    weight(role).over(color)
}

fn dark(role: Role) -> Style {
    let plain = Style::plain();
    let color = match role {
        Role::Quiet | Role::Comment | Role::Quote => return rgb(138, 143, 152),
        Role::Selected => return on(rgb(236, 239, 244), 58, 66, 84),
        Role::Added => return on(plain, 22, 48, 32),
        Role::Removed => return on(plain, 62, 26, 32),
        Role::AddedWord => return on(plain, 34, 92, 56),
        Role::RemovedWord => return on(plain, 118, 42, 52),
        Role::Mark | Role::Code | Role::Command => rgb(136, 192, 208),
        Role::Link | Role::Path | Role::Function => rgb(129, 172, 232),
        Role::Heading | Role::Keyword => rgb(190, 150, 220),
        Role::Good | Role::String => rgb(152, 195, 121),
        Role::Warning | Role::Number | Role::Type => rgb(229, 192, 123),
        Role::Bad => rgb(232, 108, 117),
        _ => plain,
    };
    weight(role).over(color)
}

fn light(role: Role) -> Style {
    let plain = Style::plain();
    let color = match role {
        Role::Quiet | Role::Comment | Role::Quote => return rgb(100, 105, 115),
        Role::Selected => return on(rgb(20, 24, 32), 208, 220, 240),
        Role::Added => return on(plain, 218, 246, 224),
        Role::Removed => return on(plain, 255, 226, 226),
        Role::AddedWord => return on(plain, 160, 226, 176),
        Role::RemovedWord => return on(plain, 250, 176, 176),
        Role::Mark | Role::Code | Role::Command => rgb(0, 104, 132),
        Role::Link | Role::Path | Role::Function => rgb(20, 84, 180),
        Role::Heading | Role::Keyword => rgb(124, 40, 150),
        Role::Good | Role::String => rgb(24, 110, 44),
        Role::Warning | Role::Number | Role::Type => rgb(140, 86, 0),
        Role::Bad => rgb(178, 24, 40),
        _ => plain,
    };
    weight(role).over(color)
}

fn high_contrast(role: Role) -> Style {
    let plain = Style::plain();
    match role {
        Role::Quiet | Role::Comment | Role::Quote => plain,
        Role::Good | Role::Added => of(10).bold(),
        Role::Bad | Role::Removed => of(9).bold(),
        Role::Warning => of(11).bold(),
        Role::AddedWord | Role::RemovedWord => Style { underline: true, ..weight(role).bold() },
        Role::Code | Role::Command | Role::Path => plain.bold(),
        _ => weight(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_meaning_differs_without_colours() {
        // With colours off, an added word, a chosen row and a failure must still be seen.
        for (name, theme) in Theme::ALL {
            for role in [Role::Strong, Role::Bad] {
                assert!(theme.style(role).bold, "{name}: {role:?}");
            }
        }
    }
}
