//! What is known of a server before it is asked anything: how to reach it, behind which walls, for how long.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    path::PathBuf,
    time::Duration,
};

/// A server, as the settings or a plugin have it. Servers that are equal, in equal walls, are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerSpec {
    /// What the user calls it.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// What a program is held to. Says nothing about a server that is reached over HTTP.
    pub walls: Walls,
    /// How long it may take until it has said what it offers.
    pub startup_timeout: Duration,
    /// How long a call may take; progress starts it anew.
    pub tool_timeout: Duration,
    /// How long it is waited before a lost server is started again; each time in a row twice as long.
    pub first_wait: Duration,
    /// Whether it is started.
    pub enabled: bool,
    /// Which of its tools there are for us.
    pub tools: ToolFilter,
    /// The plugin that it comes with.
    pub plugin: Option<String>,
}

impl ServerSpec {
    /// How long a server may take to start, if nobody says.
    pub const STARTUP_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a call may take, if nobody says.
    pub const TOOL_TIMEOUT: Duration = Duration::from_secs(60);
    /// How long it is waited before a lost server is started again the first time.
    pub const FIRST_WAIT: Duration = Duration::from_millis(500);

    /// An enabled server with the usual limits and walls, and all its tools.
    pub fn new(name: &str, transport: Transport) -> Self {
        Self {
            name: name.to_owned(),
            transport,
            walls: Walls::default(),
            startup_timeout: Self::STARTUP_TIMEOUT,
            tool_timeout: Self::TOOL_TIMEOUT,
            first_wait: Self::FIRST_WAIT,
            enabled: true,
            tools: ToolFilter::default(),
            plugin: None,
        }
    }
}

/// How a server is reached.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A program of this machine, over its standard streams.
    Stdio {
        /// Program and arguments; looked up in `PATH` if it has no slash.
        argv: Vec<OsString>,
        /// Variables that it gets beside those that commands get.
        env: BTreeMap<OsString, OsString>,
        /// Absolute directory that it starts in; `None`: the workspace.
        cwd: Option<PathBuf>,
    },
    /// Streamable HTTP.
    Http {
        /// Its address: `http` or `https`.
        url: String,
        /// Headers of each request, checked already. Values may be secrets.
        headers: BTreeMap<String, String>,
    },
}

/// Values of variables and of headers may be secrets.
impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { argv, cwd, .. } => {
                formatter.debug_struct("Stdio").field("argv", argv).field("cwd", cwd).finish()
            }
            Self::Http { .. } => formatter.debug_struct("Http").finish_non_exhaustive(),
        }
    }
}

/// What a server's program is held to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Walls {
    /// Those of the thread's commands, with a private `/tmp` and a network of its own.
    Confined {
        /// Absolute, existing directories that it may write besides, where commands may write at all.
        extra_roots: Vec<PathBuf>,
        /// What it reaches.
        network: Reach,
    },
    /// The rights of the user. Somebody who may agreed to it.
    None,
}

impl Default for Walls {
    fn default() -> Self {
        Self::Confined { extra_roots: Vec::new(), network: Reach::Nothing }
    }
}

/// What a confined server reaches over the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Itself.
    #[default]
    Nothing,
    /// These domains, through a proxy; entries as of `sandbox.allow_domains`, checked already.
    Domains(Vec<String>),
    /// Everything.
    Everything,
}

/// Which tools of a server there are for us, by the server's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ToolFilter {
    /// These and no others; `None`: all.
    pub only: Option<BTreeSet<String>>,
    /// But for these.
    pub not: BTreeSet<String>,
}

impl ToolFilter {
    /// Whether the tool `name` passes.
    pub fn passes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(name)) && !self.not.contains(name)
    }
}
