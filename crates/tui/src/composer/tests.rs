//! What keys make of a text: tables of (text with `|` as cursor, keys) → (text with `|`).

mod drawing;
mod editing;
mod pasting;
mod properties;
mod recalling;
mod vim;

use crate::key::{KeyCode, KeyModifiers};

use super::*;

/// A composer with `text`, whose cursor is at `|`.
fn composer(text: &str) -> Composer {
    let mut composer = Composer::default();
    write(&mut composer, text);
    composer
}

fn write(composer: &mut Composer, text: &str) {
    let cursor = text.find('|').unwrap_or(text.len());
    composer.buffer.reset();
    composer.buffer.replace(0..0, &text.replacen('|', "", 1));
    composer.buffer.go(cursor);
}

/// Presses keys with spaces between them, `quote` for the quotation mark; `"text"` types it.
fn press(composer: &mut Composer, keys: &str) -> Pressed {
    let keymap = Keymap::default();
    let mut last = Pressed::Ignored;
    for (number, piece) in keys.split('"').enumerate() {
        let keys: Vec<Key> = if number % 2 == 1 {
            piece.chars().map(|c| Key::new(KeyCode::Char(c), KeyModifiers::NONE)).collect()
        } else {
            piece.split_whitespace().map(|key| if key == "quote" { "\"" } else { key }.parse().unwrap()).collect()
        };
        for key in keys {
            last = composer.press(key, &keymap);
        }
    }
    last
}

/// The text with a `|` where the cursor is.
fn state(composer: &Composer) -> String {
    let mut text = composer.buffer.text().to_owned();
    text.insert(composer.buffer.cursor(), '|');
    text
}

fn check(table: &[(&str, &str, &str)]) {
    for (text, keys, expected) in table {
        let mut composer = composer(text);
        press(&mut composer, keys);
        assert_eq!(state(&composer), *expected, "{text:?} {keys}");
    }
}
