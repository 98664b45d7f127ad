//! What is typed after `codex plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::examples;

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum PluginCommand {
    /// Get a plugin, show what it may do, and keep it if you say yes
    #[command(after_help = examples::PLUGIN_ADD)]
    Add {
        /// A directory, a git repository with #REF or #REF:DIRECTORY after it, or NAME@MARKETPLACE
        #[arg(value_name = "SOURCE", value_hint = ValueHint::DirPath)]
        source: String,
        /// Keep it without a question
        #[arg(short, long)]
        yes: bool,
    },
    /// List the plugins that are kept, what each adds, and why one is held back
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove a plugin
    Remove(PluginName),
    /// Use a plugin again, from the next session on
    Enable(PluginName),
    /// Keep a plugin and do not use it
    Disable(PluginName),
    /// Get what is newest of a plugin; asks if it may do something else then
    Update {
        /// The plugin; all of them without one
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Agree to what it may do then
        #[arg(short, long)]
        yes: bool,
    },
    /// Write a plugin to begin with
    New {
        /// A new or empty directory, named as the plugin is to be
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
    /// Lists of plugins
    #[command(subcommand)]
    Marketplace(MarketplaceCommand),
}

#[derive(Debug, Args)]
pub struct PluginName {
    /// The plugin, as `list` shows it
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum MarketplaceCommand {
    /// Add a list of plugins: a directory or a git repository with an index file
    Add {
        /// As for `codex plugin add`
        #[arg(value_name = "SOURCE", value_hint = ValueHint::DirPath)]
        source: String,
    },
    /// List the marketplaces, and the plugins of each
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Forget a marketplace
    Remove {
        /// The marketplace
        #[arg(value_name = "NAME")]
        name: String,
    },
}
