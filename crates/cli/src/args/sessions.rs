//! What was typed after `codex sessions`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

// Without a command, they are listed.
#[derive(Debug, Args)]
pub struct SessionsArguments {
    #[command(flatten)]
    pub list: SessionsShown,
    #[command(subcommand)]
    pub command: Option<SessionsCommand>,
}

// Which sessions are listed, and how. No doc comment, as above.
#[derive(Debug, Clone, Default, Args)]
pub struct SessionsShown {
    /// Sessions of all directories, not of this one alone
    #[arg(long)]
    pub all: bool,
    /// Those that were laid aside, and no others
    #[arg(long)]
    pub archived: bool,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum SessionsCommand {
    /// List sessions, those last written first
    List(SessionsShown),
    /// Find sessions by what was said in them, by you or by the agent
    Search {
        #[command(flatten)]
        shown: SessionsShown,
        /// The words, as they stand there; upper and lower case are the same
        #[arg(value_name = "WORDS", required = true)]
        words: Vec<String>,
    },
    /// Show what is known of a session
    Show {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Its id, the beginning of it, or its name
        session: String,
    },
    /// Give a session a name, by which it is found wherever an id is asked for
    Rename {
        /// Its id, the beginning of it, or its name
        session: String,
        /// The new name; an empty one takes it away
        name: String,
    },
    /// Lay sessions aside: they are not listed any more
    Archive {
        /// The id of each, the beginning of it, or its name
        #[arg(value_name = "SESSION", required = true)]
        sessions: Vec<String>,
    },
    /// Bring sessions back that were laid aside
    Unarchive {
        /// The id of each, the beginning of it, or its name
        #[arg(value_name = "SESSION", required = true)]
        sessions: Vec<String>,
    },
    /// Delete sessions for good, after a question
    Delete {
        /// Delete without a question
        #[arg(short, long)]
        yes: bool,
        /// The id of each, the beginning of it, or its name
        #[arg(value_name = "SESSION", required = true)]
        sessions: Vec<String>,
    },
    /// Print what was said and done in a session, or write it to a file
    Export {
        /// How it is written; without it, as the file's name ends, else Markdown
        #[arg(long, value_name = "FORMAT")]
        format: Option<ExportFormat>,
        /// Write to this file, which must not be there yet
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// Its id, the beginning of it, or its name
        session: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A document for people
    Markdown,
    /// A JSON object a line, one for each item
    Jsonl,
    /// A page for a browser
    Html,
}
