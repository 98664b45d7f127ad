//! Flags of recorded exchanges with models.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::MODEL;

// Where exchanges go to or come from. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CassetteOptions {
    /// Write all exchanges with models into this new file, without secrets, to be played again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "replay", help_heading = MODEL)]
    pub record: Option<PathBuf>,
    /// Have the model's answers from a file that --record wrote: no network and no key is needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = MODEL)]
    pub replay: Option<PathBuf>,
}

impl CassetteOptions {
    /// As [`super::ThreadOptions::then`].
    pub fn then(self, nearer: Self) -> Self {
        if nearer == Self::default() { self } else { nearer }
    }
}
