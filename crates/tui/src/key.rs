//! A key with its modifiers, and how it is written: `ctrl+r`, `alt+enter`, `shift+tab`, `f5`, `a`.

use std::{fmt, str::FromStr};

use bitflags::bitflags;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum KeyCode {
    Backspace,
    Enter,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    Tab,
    /// Tab with shift, as terminals of old say it.
    BackTab,
    Delete,
    Insert,
    Esc,
    /// From 1 on.
    F(u8),
    /// What it types.
    Char(char),
}

bitflags! {
    /// What is held with a key.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct KeyModifiers: u8 {
        /// Shift.
        const SHIFT = 1;
        /// Alt, also as an Esc before the key.
        const ALT = 2;
        /// Control.
        const CONTROL = 4;
        /// Nothing.
        const NONE = 0;
    }
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which. A letter as it was typed: `A` has no shift.
    pub code: KeyCode,
    /// Held with it: control, alt, shift (never with a letter).
    pub modifiers: KeyModifiers,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
];

const MODIFIERS: &[(&str, KeyModifiers)] =
    &[("ctrl", KeyModifiers::CONTROL), ("alt", KeyModifiers::ALT), ("shift", KeyModifiers::SHIFT)];

impl Key {
    /// The one way in which `code` with `modifiers` is written.
    pub fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        match code {
            // Terminals of old say so; the newer ones say what was held.
            KeyCode::BackTab => Self { code: KeyCode::Tab, modifiers: modifiers | KeyModifiers::SHIFT },
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => {
                let lower = c.to_lowercase().next().unwrap_or(c);
                Self { code: KeyCode::Char(lower), modifiers }
            }
            KeyCode::Char(c) => {
                let typed =
                    if modifiers.contains(KeyModifiers::SHIFT) { c.to_uppercase().next().unwrap_or(c) } else { c };
                Self { code: KeyCode::Char(typed), modifiers: modifiers - KeyModifiers::SHIFT }
            }
            code => Self { code, modifiers },
        }
    }

    /// The character that it types, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// # Errors
    /// A sentence that says what is not understood.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut modifiers, mut rest) = (KeyModifiers::NONE, text);
        // `+` itself is a key: `ctrl++`.
        while let Some((before, after)) =
            rest.split_once('+').filter(|(before, after)| !before.is_empty() && !after.is_empty())
        {
            let known = MODIFIERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(before));
            let (_, modifier) = known.ok_or_else(|| format!("`{before}` is none of ctrl, alt, shift"))?;
            modifiers |= *modifier;
            rest = after;
        }
        let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)).map(|(_, code)| *code);
        let function = || rest.strip_prefix(['f', 'F'])?.parse().ok().filter(|n| (1..=24).contains(n)).map(KeyCode::F);
        let letter = || Some(rest.chars().next()?).filter(|c| c.len_utf8() == rest.len()).map(KeyCode::Char);
        let code = named.or_else(function).or_else(letter);
        code.map(|code| Self::new(code, modifiers)).ok_or_else(|| format!("`{rest}` is no key"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, modifier) in MODIFIERS {
            if self.modifiers.contains(*modifier) {
                write!(f, "{name}+")?;
            }
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            (None, other) => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_in_one_way() {
        let table = [
            ("ctrl+r", "ctrl+r"),
            ("Ctrl+R", "ctrl+r"),
            ("alt+enter", "alt+enter"),
            ("shift+tab", "shift+tab"),
            ("ctrl+alt+x", "ctrl+alt+x"),
            ("alt+ctrl+x", "ctrl+alt+x"),
            ("shift+a", "A"),
            ("ctrl++", "ctrl++"),
            ("+", "+"),
            ("f5", "f5"),
            ("f", "f"),
            ("space", "space"),
            ("ä", "ä"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Key>().map(|key| key.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "hyper+x", "ctrl+", "abc", "f25"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
        assert_eq!(Key::new(KeyCode::BackTab, KeyModifiers::NONE).to_string(), "shift+tab");
    }
}
