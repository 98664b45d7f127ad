//! What was typed after `codex mcp`.

use clap::{Args, Subcommand};

use super::ThreadOptions;

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum McpCommand {
    /// List the servers that are configured here, where each is from, and whether it is in use
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show what is configured of a server
    Get {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Its name
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write a server into your own file of settings
    Add(McpAddArguments),
    /// Start a server as a session would, and tell what it says: its version, tools, prompts, resources, errors
    Test {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Its name
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Log in to a server that is reached over HTTP: in your browser, or in another with the address that is shown
    Login {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Its name
        name: String,
        /// Rights to ask for, with commas between them; what the settings or the server propose if not given
        #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
        scopes: Vec<String>,
        /// Open no browser: show the address, and take the code or the address that you are led to
        #[arg(long)]
        no_browser: bool,
        /// Seconds that it may take; 300 if not given
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// End a login
    Logout {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Its name
        name: String,
    },
    /// Take a server out of your own file of settings
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct McpAddArguments {
    /// What it is to be called: letters, digits, `-` and `_`
    pub name: String,
    /// A variable that its program gets; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", requires = "command")]
    pub env: Vec<String>,
    /// Address of a server that is reached over HTTP, in place of a command
    #[arg(long, value_name = "ADDRESS", conflicts_with = "command")]
    pub url: Option<String>,
    /// Environment variable that holds the token for it
    #[arg(long, value_name = "VARIABLE", requires = "url")]
    pub bearer_token_env_var: Option<String>,
    /// Its program and the arguments of that
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}
