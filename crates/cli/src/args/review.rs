//! `codex review`: what is to be looked at.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{CassetteOptions, ColorChoice, Limits, OUTPUT, ThreadOptions};

// Its flags. No doc comment, as above.
#[derive(Debug, Args)]
pub struct ReviewArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// What is in no commit: staged, changed and new files. Meant where nothing else is said
    #[arg(long, group = "target")]
    pub uncommitted: bool,
    /// What has changed since this branch was left
    #[arg(long, value_name = "BRANCH", group = "target")]
    pub base: Option<String>,
    /// This commit
    #[arg(long, value_name = "SHA", group = "target")]
    pub commit: Option<String>,
    /// What to look at, in your words
    #[arg(value_name = "PROMPT", group = "target")]
    pub prompt: Option<String>,
    /// Print what was found as one JSON object on stdout
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Write what is printed to a file too
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Colours on stderr
    #[arg(long, value_name = "WHEN", help_heading = OUTPUT)]
    pub color: Option<ColorChoice>,
    /// Keep no record of the session
    #[arg(long, help_heading = OUTPUT)]
    pub ephemeral: bool,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub cassette: CassetteOptions,
}
