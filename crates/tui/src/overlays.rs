//! What lies over the composer and takes the keys: questions, pickers, the pager.

mod agents;
pub(crate) mod diff;
mod elsewhere;
pub(crate) mod fork;
mod keys;
mod leave;
mod line;
pub(crate) mod list;
mod mcp;
mod pager;
pub(crate) mod panel;
mod parts;
mod permissions;
mod picker;
pub(crate) mod pickers;
mod plan;
mod plugins;
mod question;
mod reviews;
mod rewind;
mod sessions;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt::Debug;

use codex_protocol::{McpServerStatus, ThreadItem, ThreadSearchResult};

use crate::{
    intent::{Intent, Manage},
    key::Key,
    keymap::Keymap,
    look::Look,
    text::{Live, Row, Size},
};

pub use agents::agents;
pub use elsewhere::elsewhere;
pub use leave::leave;
pub use mcp::{login, servers};
pub use pager::{Pager, PagerEntry};
pub use permissions::{permissions, remembered};
pub use picker::{Entry, More, MoreKey, Picker};
pub use pickers::{keep_theme, mode, mode_names, models, modes, terminals, theme, theme_names, themes};
pub use plan::plan;
pub use plugins::plugins;
pub use question::question;
pub use reviews::{review, reviews, typed as review_typed};
pub use rewind::{rewind, rewinds};
pub use sessions::sessions;

/// The items of a transcript in the pager, the newest seen first. `earlier`: where those before them are.
pub fn transcript(items: Vec<ThreadItem>, earlier: Option<String>) -> Box<dyn Overlay> {
    let items = items.into_iter().map(PagerEntry::item).collect();
    Box::new(Pager::new("Transcript", items).at_end().earlier_at(earlier))
}

/// Something that lies over the composer. The topmost one takes all keys.
pub trait Overlay: Debug {
    /// Its rows, no more than `size` has.
    fn live(&self, size: Size, look: &Look) -> Live;

    /// Takes a key.
    fn key(&mut self, key: Key) -> Outcome;

    /// Told before it is drawn first: which keys the user has.
    fn bind(&mut self, _keymap: &Keymap) {}

    /// Takes what was pasted.
    fn paste(&mut self, _text: &str) {}

    /// Whether it is read for a while on a screen of its own, and what was there before comes back after it.
    fn is_page(&self) -> bool {
        false
    }

    /// All of it in rows, where there is no screen to scroll on, and whether nothing is left to do with it then.
    fn whole(&self, _look: &Look) -> Option<(Vec<Row>, bool)> {
        None
    }

    /// Takes items that come before those it shows, and where those before them are, if it has asked for them.
    fn earlier(&mut self, _items: &mut Vec<ThreadItem>, _cursor: &mut Option<String>) {}

    /// Takes the sessions in which `term` was said, if it has asked for them.
    fn said(&mut self, _term: &str, _found: &mut Vec<ThreadSearchResult>) {}

    /// Something was done to a session that it may list.
    fn managed(&mut self, _done: &Manage) {}

    /// Whether it shows servers of tools; it takes how they stand now, if that is told.
    fn servers(&mut self, _now: Option<&[McpServerStatus]>) -> bool {
        false
    }

    /// The login that it waits for. It goes away when that has come to something.
    fn login(&self) -> Option<&str> {
        None
    }

    /// The question of the server that it asks. It goes away when that is answered elsewhere.
    fn question(&self) -> Option<u64> {
        None
    }
}

/// What becomes of an overlay after a key.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the person wants, in order.
    pub intents: Vec<Intent>,
    /// Whether it goes away.
    pub closes: bool,
}

impl Outcome {
    /// It stays as it is.
    pub fn stay() -> Self {
        Self::default()
    }

    /// It goes away.
    pub fn close() -> Self {
        Self { closes: true, ..Self::default() }
    }

    /// It goes away, and this is wanted.
    pub fn done(intent: Intent) -> Self {
        Self { intents: vec![intent], closes: true }
    }

    /// It stays, and this is wanted.
    pub fn want(intent: Intent) -> Self {
        Self { intents: vec![intent], closes: false }
    }
}
