//! Leaving while a turn runs on another machine: it may go on there.

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::{
    intent::Intent,
    key::Key,
    keymap::Keymap,
    look::Look,
    text::{Live, Size},
};

/// The question, and its answers: whether the turn is stopped.
#[derive(Debug)]
struct Leave(Picker<bool>);

/// Asks what becomes of the turn that runs on `machine`.
pub fn leave(machine: &str) -> Box<dyn Overlay> {
    let entry = |name: &str, about: &str, stops| Entry {
        name: name.to_owned(),
        about: about.to_owned(),
        is_on: None,
        value: stops,
    };
    let entries = vec![
        entry("leave it running", "you can come back to it; Ctrl-C does this too", false),
        entry("stop it", "and leave; what was done is kept", true),
    ];
    let title = format!("A turn runs on {machine}");
    Box::new(Leave(Picker::new(&title, entries, |entry| Outcome::done(Intent::Leave { stops: entry.value }))))
}

impl Overlay for Leave {
    fn live(&self, size: Size, look: &Look) -> Live {
        self.0.live(size, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        // Who presses it twice wants out, and no harm done.
        match key.to_string().as_str() {
            "ctrl+c" | "ctrl+d" => Outcome::done(Intent::Leave { stops: false }),
            _ => self.0.key(key),
        }
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.0.bind(keymap);
    }
}
