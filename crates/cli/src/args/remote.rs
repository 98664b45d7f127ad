//! Flags of sessions elsewhere: where a server listens, whom it lets in, and where one is.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueHint};

use super::{CassetteOptions, OPEN, ThreadOptions, run};

// Flags that come before the command. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RemoteOptions {
    /// Let others work here: HOST:PORT or unix://PATH; the same as `codex serve`
    #[arg(long, value_name = "ADDRESS", conflicts_with = "remote", help_heading = OPEN)]
    pub serve: Option<String>,
    /// Work on another machine: ws://HOST:PORT, wss://HOST:PORT or unix://PATH of its `codex serve`
    #[arg(long, value_name = "URL", help_heading = OPEN)]
    pub remote: Option<String>,
    /// With --remote: dangerous flags too where others on the way can change what is said
    #[arg(long, requires = "remote", help_heading = OPEN)]
    pub insecure_plaintext: bool,
    /// With --remote: file with the token of the server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "remote", help_heading = OPEN)]
    pub remote_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Where to listen: HOST:PORT or unix://PATH
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub address: String,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub cassette: CassetteOptions,
    #[command(subcommand)]
    pub command: Option<ServeCommand>,
}

// Who is let in, and how far. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Access {
    /// File with the one token that opens the server, instead of those that it keeps
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// Encrypt with a certificate of the server's own, which clients know by its fingerprint
    #[arg(long, conflicts_with = "tls_cert")]
    pub tls: bool,
    /// Encrypt with the certificate in this file (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Another directory in which sessions may work, besides the one to work in; repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub allow_cwd: Vec<PathBuf>,
    /// Web page that may connect, by its origin, such as https://example.org; repeatable
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Name that clients may call this machine by; repeatable
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Let everybody in who can connect; only where nobody but this machine can
    #[arg(long, conflicts_with = "token_file")]
    pub insecure_no_auth: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum ServeCommand {
    /// Make, list and revoke tokens that open the server
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Add {
        /// What it is called
        name: String,
        /// How long it opens the server: `90` or `90s`, `10m`, `1h`; for ever without it
        #[arg(long, value_name = "TIME", value_parser = run::time)]
        expires: Option<Duration>,
    },
    /// List the tokens that have names; none is printed
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token: it opens nothing any more
    Revoke {
        /// What it is called
        name: String,
    },
}
