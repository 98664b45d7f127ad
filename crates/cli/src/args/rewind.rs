//! What was typed after `codex rewind`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::ThreadOptions;

#[derive(Debug, Args)]
pub struct RewindArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Id of the session, or its beginning; the newest of this directory without
    #[arg(value_name = "ID")]
    pub session: Option<String>,
    /// To before the prompt with this number, as --list shows it
    #[arg(long, value_name = "N", conflicts_with_all = ["last", "list", "redo"])]
    pub to: Option<usize>,
    /// To before the last prompt
    #[arg(long, conflicts_with_all = ["list", "redo"])]
    pub last: bool,
    /// Only files; the model is told with the next prompt
    #[arg(long, conflicts_with_all = ["list", "redo"])]
    pub files: bool,
    /// Only the conversation
    #[arg(long, conflicts_with_all = ["files", "list", "redo"])]
    pub conversation: bool,
    /// Show the prompts that can be gone back to, and change nothing
    #[arg(long, conflicts_with = "redo")]
    pub list: bool,
    /// Show what would happen to files, and change nothing
    #[arg(long, conflicts_with_all = ["list", "redo"])]
    pub dry_run: bool,
    /// Take back the last rewind
    #[arg(long)]
    pub redo: bool,
    /// Take this file back although somebody else changed it too; repeatable
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub overwrite: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
