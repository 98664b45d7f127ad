//! What was typed after `codex config`.

use clap::{Args, Subcommand};

use super::ThreadOptions;

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum ConfigCommand {
    /// Print the value in force of a setting, as TOML
    Get {
        #[command(flatten)]
        thread: ThreadOptions,
        /// The key: names joined by dots
        key: String,
    },
    /// Write a setting into your file, or a project's
    Set {
        #[command(flatten)]
        layer: Layer,
        /// Named group of settings that it belongs to
        #[arg(short, long, value_name = "NAME")]
        profile: Option<String>,
        /// The key: names joined by dots
        key: String,
        /// The value: TOML, or a bare word
        value: String,
    },
    /// Take a setting out of your file, or a project's
    Unset {
        #[command(flatten)]
        layer: Layer,
        /// Named group of settings that it belongs to
        #[arg(short, long, value_name = "NAME")]
        profile: Option<String>,
        /// The key: names joined by dots
        key: String,
    },
    /// Open your file, or a project's, in your editor; it is replaced only by what loads
    Edit {
        #[command(flatten)]
        layer: Layer,
    },
    /// Show where each value comes from, what it overrides, and what an untrusted project wanted
    Explain {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
        /// Only this key, or those of this table
        key: Option<String>,
    },
    /// List the files that settings are read from here, those that count most last
    Path,
    /// Print the JSON Schema of files of settings
    Schema,
}

// Which file is meant. No doc comment: it would become what `--help` says of the commands that have these flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Layer {
    /// The project's file, `.codex/config.toml`
    #[arg(long)]
    pub project: bool,
    /// Your own file in the project, `.codex/config.local.toml`
    #[arg(long, conflicts_with = "project")]
    pub local: bool,
}
