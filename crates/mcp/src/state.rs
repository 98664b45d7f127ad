//! How a server is, for people to look at.

/// How one server is now.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerState {
    /// What the user calls it.
    pub name: String,
    /// The plugin that it comes with.
    pub plugin: Option<String>,
    /// What it is doing.
    pub status: Status,
    /// Why it is not ready, in a sentence without a full stop.
    pub error: Option<String>,
    /// The end of what it wrote to standard error, and of lines on standard output that were no messages.
    pub stderr: String,
    /// What it calls itself, and its version, if it is ready.
    pub title: Option<String>,
    /// Names of the tools that it has for us, as it calls them, in its order.
    pub tools: Vec<String>,
    /// Names of its prompts.
    pub prompts: Vec<String>,
    /// Addresses of its resources.
    pub resources: Vec<String>,
    /// How it knows us.
    pub auth: Auth,
}

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Switched off.
    Disabled,
    /// Nobody has needed it yet.
    NotStarted,
    /// It is being started.
    Starting,
    /// It answers.
    Ready,
    /// It wants to know who we are: `codex mcp login NAME`.
    NeedsLogin,
    /// It was lost, and is started again in a moment.
    Restarting,
    /// It could not be started, or was lost too often.
    Failed,
}

impl Status {
    /// Whether something may still come of it without anybody's doing.
    pub fn is_on_its_way(self) -> bool {
        matches!(self, Self::Starting | Self::Restarting)
    }
}

/// How a server knows us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nothing is asked, as far as we know.
    #[default]
    Unsupported,
    /// It asks, and we have nothing to show.
    NotLoggedIn,
    /// By a token that was given to us: from the settings or the store.
    Token,
}
