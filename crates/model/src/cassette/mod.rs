//! Recorded exchanges with models: a session is written down as it happens, and played again without a network.
//!
//! Both are models, above all wires and all repetitions, so that what is recorded is what the rest of the program sees.
//! `docs/cassettes.md` has the format and the rules by which a request is found again.

mod differ;
mod fits;
mod format;
mod plain;
mod record;
mod replay;
#[cfg(test)]
mod tests;
mod words;

use std::{path::Path, sync::Arc};

pub use format::Facts;
pub use record::Recorder;
pub use replay::Player;
pub use words::Surroundings;

/// The exchanges of all threads of a program.
#[derive(Debug, Clone)]
pub enum Cassette {
    /// They are written down.
    Recording(Arc<Recorder>),
    /// They are those of an earlier session.
    Playing(Arc<Player>),
}

impl Cassette {
    /// One that is written into a new file at `path`.
    ///
    /// # Errors
    /// A sentence: the file is there already, or cannot be made.
    pub fn record(path: &Path) -> Result<Self, String> {
        Recorder::create(path).map(|recorder| Self::Recording(Arc::new(recorder)))
    }

    /// The one in the file at `path`, to be played.
    ///
    /// # Errors
    /// A sentence: it cannot be read, or is no cassette.
    pub fn replay(path: &Path) -> Result<Self, String> {
        Player::open(path).map(|player| Self::Playing(Arc::new(player)))
    }

    /// As [`Cassette::replay`], of what the file would hold.
    ///
    /// # Errors
    /// A sentence: it is no cassette.
    pub fn of_text(text: &str) -> Result<Self, String> {
        Player::from_text(Path::new("the cassette"), text).map(|player| Self::Playing(Arc::new(player)))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Recording(recorder) => recorder.path(),
            Self::Playing(player) => player.path(),
        }
    }

    /// Whether it answers in the place of models.
    pub fn is_played(&self) -> bool {
        matches!(self, Self::Playing(_))
    }
}
