//! The table of all settings: name, aliases, type, default, and what a project that nobody trusted may do with it.
//!
//! Checks, suggestions, defaults and the documentation derive from this table; a setting is defined nowhere else. A key
//! that is not here is unknown, and what is not marked otherwise is held back from an untrusted project.

mod hooks;
mod linters;
mod mcp;
mod plugins;
mod providers;
mod skills;

pub use linters::{FORMATTER, LANGUAGE_SERVER, LINTER, LSP};
pub(crate) use mcp::FORBIDS_TOOLS;
pub use providers::{PROVIDER, QUIRKS};

/// One setting, or a table of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The canonical name: one segment of a dotted path.
    pub name: &'static str,
    /// Other names of the same setting, most of them from the existing Codex CLI.
    pub aliases: &'static [&'static str],
    /// One sentence for people, without a full stop.
    pub about: &'static str,
    /// What may be written after the `=`.
    pub kind: Kind,
    /// The default as TOML; empty if there is none.
    pub default: &'static str,
    /// What an untrusted project's file may do with it.
    pub project: Project,
    /// Whether it has an effect in this version.
    pub status: Status,
    /// Whether a higher layer's list is appended to the lower ones' instead of replacing them. With `"!ITEM"` it takes from
    /// them.
    pub appends: bool,
}

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string that is not empty and has no control characters.
    Text,
    /// Such a string, or `false`.
    TextOrFalse,
    /// A string of as many lines as it takes.
    Prose,
    /// The name of an environment variable: letters, digits and `_`. What is none may be a secret, and is not shown.
    Variable,
    /// An address that begins with `http://` or `https://`.
    Url,
    /// One of these strings. Where the order matters ([`Project::Stricter`]), the strictest comes first.
    Choice(&'static [&'static str]),
    /// Usually one of these strings; another is passed on, with a warning, for a server may know it.
    Suggested(&'static [&'static str]),
    /// One of these strings; another, which a file of the existing CLI may have, is passed over with a warning.
    Known(&'static [&'static str]),
    /// A list of such strings.
    KnownTexts(&'static [&'static str]),
    /// `true`, `false` or a list of such strings.
    FlagOrKnownTexts(&'static [&'static str]),
    /// `true`, `false` or one of these strings.
    FlagOrChoice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number in this range, both ends included.
    Count(i64, i64),
    /// A number, 0 or more, with or without a fraction.
    Amount,
    /// A list of such paths.
    Paths,
    /// A list of paths: absolute, below `~/`, or relative to the project's root, whichever file names them (the
    /// workspace where there is no project; on the command line always the workspace). Patterns are not understood.
    ProjectPaths,
    /// One such path.
    ProjectPath,
    /// An address as for [`Kind::Url`], kept as it is: with a slash at its end, if it has one.
    Endpoint,
    /// A list of strings.
    Texts,
    /// A list of strings that a program is started with: any that have no NUL.
    Arguments,
    /// A list of names of environment variables. A table `{ name = "…" }`, which the existing CLI has there, is its name.
    Variables,
    /// `true`, `false` or a list of strings.
    FlagOrTexts,
    /// A string, or a list of strings.
    TextOrTexts,
    /// A table of strings with names of the user's choice.
    TextMap,
    /// A table of strings, or lists of strings, with names of the user's choice. A table in it, which the existing CLI
    /// has there, is passed over with a warning.
    Lists,
    /// A table of headers of requests: names to values.
    Headers,
    /// A table of headers of requests: names to the names of environment variables.
    VariableHeaders,
    /// A table of these keys.
    Table(&'static [Key]),
    /// A table of these keys, where an unknown one is an error, since it may have been meant to forbid something.
    Strict(&'static [Key]),
    /// A table as [`Kind::Strict`]; a value that is no table is one of its first key.
    StrictOrFirst(&'static [Key]),
    /// Tables of these keys, with names of the user's choice; strict if the table that holds them is.
    Named(&'static [Key]),
    /// Tables of the top-level keys, with names of the user's choice.
    Profiles,
    /// A list of tables: which tools they are about, and the programs that are started.
    Hooks,
    /// Not looked at.
    Any,
}

/// What the file of a project that is not trusted may do with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// Nothing.
    Held,
    /// Set it: it cannot loosen anything.
    Harmless,
    /// Make it stricter than the layers below have it.
    Stricter,
    /// Set it as long as the provider of the layers below stays.
    OwnProvider,
}

/// Whether a setting has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has, or using it is an error that says why not.
    Used,
    /// It has none yet; a warning names it.
    Later,
    /// It has none and nobody will miss it: a switch for something that this program never does, or remembers.
    Ignored,
}

/// Levels of the sandbox, strictest first.
const LEVELS: &[&str] = &["read-only", "workspace-write", "danger-full-access"];
/// When a person is asked, most often first.
const APPROVAL: &[&str] = &["untrusted", "on-request", "never"];
/// Values that the existing CLI has, of a key, and what they are called here.
const OTHER_VALUES: &[(&str, &str, &str)] = &[("ask_for_approval", "on-failure", "on-request")];
const EFFORT: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// How what a model thinks is told.
const SUMMARY: &[&str] = &["auto", "concise", "detailed", "none"];
/// How much a model writes.
const VERBOSITY: &[&str] = &["low", "medium", "high"];
/// Queues of providers.
const TIERS: &[&str] = &["auto", "default", "flex", "priority", "fast", "standard_only", "on_demand"];
/// A day in milliseconds: longer than any stream may be silent.
const DAY_MS: i64 = 86_400_000;
/// A year in seconds.
const YEAR_S: i64 = 365 * 86_400;
/// More tokens than any session uses.
const MOST_TOKENS: i64 = 1_000_000_000_000;

/// What is taken from the user's own file alone, trusted or not: what runs without walls, what becomes of sessions of all
/// projects, and a file whose words stand in place of the program's own, which a command could write or link after the project
/// was trusted.
pub(crate) const ONLY_THE_USERS: [&str; 4] =
    ["notify", "sessions", "model_instructions_file", "experimental_instructions_file"];

pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, aliases: &[], about, kind, default: "", project: Project::Held, status: Status::Used, appends: false }
}

pub(super) const fn later(name: &'static str, about: &'static str) -> Key {
    Key { status: Status::Later, ..key(name, Kind::Any, about) }
}

pub(super) const fn ignored(name: &'static str, about: &'static str) -> Key {
    Key { status: Status::Ignored, ..key(name, Kind::Any, about) }
}

impl Key {
    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn project(self, project: Project) -> Self {
        Self { project, ..self }
    }

    pub(super) const fn appends(self) -> Self {
        Self { appends: true, ..self }
    }

    /// The default; `None` if there is none. This is done at every start, so no parser is asked about a word.
    pub fn default_value(&self) -> Option<toml::Value> {
        let plain = |text: &&str| !text.contains(['"', '\\']);
        let text = self.default.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(plain);
        match (self.default, text) {
            ("", _) => None,
            (_, Some(text)) => Some(toml::Value::String(text.into())),
            ("true" | "false", _) => Some(toml::Value::Boolean(self.default == "true")),
            ("[]", _) => Some(toml::Value::Array(Vec::new())),
            (number, _) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().ok().map(toml::Value::Integer)
            }
            // One that does not parse cannot be tolerated in silence: a test reads every one.
            (other, _) => format!("value = {other}").parse::<toml::Table>().ok()?.remove("value"),
        }
    }
}

impl Kind {
    /// Whether it is a table of texts with names of the user's choice.
    pub(crate) fn is_map(self) -> bool {
        matches!(self, Self::TextMap | Self::Lists | Self::Headers | Self::VariableHeaders)
    }

    /// The only strings that a value of this kind may have, where others are passed over.
    pub(crate) fn known(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Known(names) | Self::KnownTexts(names) | Self::FlagOrKnownTexts(names) => Some(names),
            _ => None,
        }
    }

    /// The keys of a table of this kind that has one name.
    pub(crate) fn own_children(self) -> Option<&'static [Key]> {
        match self {
            Self::Table(keys) | Self::Strict(keys) | Self::StrictOrFirst(keys) => Some(keys),
            _ => None,
        }
    }

    /// The keys of a table of this kind, below a name of the user's choice for [`Kind::Named`] and [`Kind::Profiles`].
    pub fn children(self) -> Option<&'static [Key]> {
        match self {
            Self::Table(keys) | Self::Strict(keys) | Self::StrictOrFirst(keys) | Self::Named(keys) => Some(keys),
            Self::Profiles => Some(KEYS),
            _ => None,
        }
    }
}

/// The top level of `config.toml`: first what has an effect, then what existing files may contain.
pub const KEYS: &[Key] = &[
    key("model", Kind::Text, "Model, by the provider's name for it; `provider/model` selects the provider too")
        .default("\"o4-mini\"")
        .project(Project::OwnProvider),
    key(
        "model_provider",
        Kind::Text,
        "Provider of the model: a built-in one (`codex models` lists them) or a table of `[model_providers]`",
    )
    .default("\"openai\"")
    .project(Project::OwnProvider),
    key(
        "model_providers",
        Kind::Named(PROVIDER),
        "Providers of models, by name; single keys of a built-in one may be set too",
    ),
    key("openai_base_url", Kind::Url, "Address of the provider `openai`").default("\"https://api.openai.com/v1\""),
    key("api_key_env", Kind::Variable, "Environment variable that holds the API key of the provider `openai`")
        .default("\"OPENAI_API_KEY\""),
    key("model_reasoning_effort", Kind::Suggested(EFFORT), "How long the model thinks").project(Project::Harmless),
    key("plan_mode_reasoning_effort", Kind::Suggested(EFFORT), "How long the model thinks in plan mode"),
    key("model_reasoning_summary", Kind::Choice(SUMMARY), "How the model's thoughts are summarised; `auto` if not set"),
    key("model_supports_reasoning_summaries", Kind::Flag, "Whether the model thinks, and summarises its thoughts"),
    key("model_verbosity", Kind::Suggested(VERBOSITY), "How much the model writes"),
    key("service_tier", Kind::Suggested(TIERS), "The provider's queue; `fast` is `priority`"),
    key("model_temperature", Kind::Amount, "How much the model leaves to chance; most take up to 1 or 2"),
    key("model_max_output_tokens", Kind::Count(1, MOST_TOKENS), "Longest answer, in tokens, thinking included"),
    key(
        "models",
        Kind::Named(MODEL),
        "What is known of models, by their ids or as `provider/model`; known ones need none",
    ),
    key("model_context_window", Kind::Count(1_000, 100_000_000), "Size of the model's context, in tokens"),
    key("auto_compact", Kind::Flag, "Sum the conversation up by itself when it comes near the model's limit")
        .default("true"),
    key(
        "model_auto_compact_token_limit",
        Kind::Count(1_000, 100_000_000),
        "Sum up from so many tokens on; without it from 85 % of the model's context, which is taken for 200,000 tokens if \
         it is not known",
    ),
    key(
        "model_fallback",
        Kind::Texts,
        "Models, as `provider/model`, of which the first that can takes over for 10 minutes where the model is out of quota, \
         overloaded or not there",
    ),
    key(
        "network_wait",
        Kind::Count(0, YEAR_S),
        "Seconds for which a provider is waited for that has answered before and cannot be connected to any more",
    )
    .default("600"),
    key("sandbox", Kind::StrictOrFirst(SANDBOX), "The walls around commands; a level alone is its `mode`")
        .aliases(&["sandbox_mode"]),
    key("sandbox_workspace_write", Kind::Table(WORKSPACE_WRITE), "Details of the level `workspace-write`"),
    key("ask_for_approval", Kind::Choice(APPROVAL), "When you are asked before something is done")
        .aliases(&["approval_policy"])
        .default("\"untrusted\"")
        .project(Project::Stricter),
    key("add_dir", Kind::Paths, "Directories besides the workspace that may be read and written").appends(),
    key("ignore_files", Kind::Texts, "Names of files that keep others from the model, besides `.codexignore`")
        .project(Project::Harmless)
        .appends(),
    key("permissions", Kind::Strict(PERMISSIONS), "Rules for commands"),
    key("shell_environment_policy", Kind::Strict(ENVIRONMENT_POLICY), "What commands see of the environment"),
    key("limits", Kind::Strict(LIMITS), "The most that a session may use, sub-agents included"),
    key("prices", Kind::Named(PRICE), "What models cost, by their ids; known ones need none"),
    key("diagnostics", Kind::Flag, "Tell the model what linters and language servers find in files that were changed")
        .default("true"),
    key("formatters", Kind::Named(FORMATTER), "Programs that bring files into shape after the model has edited them"),
    key("linters", Kind::Named(LINTER), "Programs that look at files after the model has changed them"),
    key("lsp", Kind::StrictOrFirst(LSP), "Language servers; `false` alone is their `enabled`"),
    key("review", Kind::Table(REVIEW), "Reviews"),
    key("log", Kind::Table(LOG), "The log in `$CODEX_HOME/log`"),
    key("search", Kind::StrictOrFirst(SEARCH), "Web search; `true` alone is its `enabled`"),
    key(
        "web_search",
        Kind::FlagOrChoice(&["disabled", "cached", "indexed", "live"]),
        "Web search, as the existing CLI names it",
    ),
    key("oss", Kind::Flag, "Use only providers of open-weight models").default("false"),
    key("oss_provider", Kind::Text, "Provider that `oss` asks; without it the first that answers"),
    key("profiles", Kind::Profiles, "Settings to select by a name"),
    key("default_profile", Kind::Text, "Profile to use without `--profile`").aliases(&["profile"]),
    key("agents", Kind::Table(AGENTS), "Sub-agents"),
    key("hooks", Kind::Strict(hooks::HOOKS), "Programs that are started at steps of a session"),
    key(
        "notify",
        Kind::Texts,
        "Program that is told of each turn's end, and its first arguments; of your own file alone",
    ),
    later("approvals_reviewer", "Who answers questions; here it is always you"),
    later("auto_review", "Instructions for a model that answers questions"),
    later("background_terminal_max_timeout", "How long a command that runs on may be waited for"),
    key("history", Kind::Table(HISTORY), "What was written in the screen before"),
    key(
        "sessions",
        Kind::Table(SESSIONS),
        "How long sessions are kept, and what they are called; of your own file alone",
    ),
    key("skills", Kind::Table(skills::SKILLS), "Skills, and which are not in use"),
    key("tui", Kind::Table(TUI), "The screen"),
    later("commit_attribution", "Line about this program in messages of commits"),
    later("compact_prompt", "Prompt for compaction"),
    later("default_permissions", "Named permissions of the existing CLI"),
    key("developer_instructions", Kind::Prose, "Said to the model behind the program's own instructions"),
    later("experimental_compact_prompt_file", "File with the prompt for compaction"),
    later("experimental_use_unified_exec_tool", "Another tool for commands"),
    later("features", "Switches of single features"),
    later("ghost_snapshot", "What is saved of the workspace"),
    later("instructions", "Further instructions"),
    later("log_dir", "Directory of log files"),
    key("marketplaces", Kind::Named(plugins::MARKETPLACE), "Sources of plugins, by name"),
    key(
        "mcp_oauth_callback_port",
        Kind::Count(1, 65_535),
        "Port of this machine that logging in to servers of tools leads back to; any that is free if not set",
    ),
    key(
        "mcp_oauth_callback_url",
        Kind::Url,
        "Address that logging in to servers of tools leads back to, if that is not the port itself",
    ),
    key(
        "mcp_oauth_credentials_store",
        Kind::Choice(&["auto", "file", "keyring"]),
        "Where tokens for servers of tools are kept; `auto` is `file`",
    )
    .default("\"auto\""),
    key(
        "mcp_offered_bytes",
        Kind::Count(0, 1 << 20),
        "Most bytes that tools of servers take of a request; beyond it they are found by a search",
    )
    .default("6144"),
    key("mcp_servers", Kind::Named(mcp::MCP_SERVER), "Servers of tools, by name"),
    key(
        "mcp_startup_wait_ms",
        Kind::Count(0, 60_000),
        "Most milliseconds that the first request waits for servers of tools that are starting",
    )
    .default("1000"),
    later("memories", "What is remembered from session to session"),
    later("model_auto_compact_token_limit_scope", "What counts towards the limit for compaction"),
    later("model_catalog_json", "File that describes models"),
    key(
        "model_instructions_file",
        Kind::ProjectPath,
        "File that is said to the model in place of the program's own instructions; of your own file alone",
    )
    .aliases(&["experimental_instructions_file"]),
    key("plugins", Kind::Named(plugins::PLUGIN), "Plugins that `codex plugin` keeps, by `NAME` or `NAME@MARKETPLACE`"),
    key("project_doc_fallback_filenames", Kind::Texts, "Names of files that count where a directory has no AGENTS.md"),
    key(
        "project_doc_max_bytes",
        Kind::Count(0, 1 << 20),
        "Most bytes of AGENTS.md and the like, all together; 0: none is read",
    )
    .default("32768"),
    later("project_root_markers", "Names that mark a project's root"),
    later("review_model", "Model for reviews"),
    later("tool_output_token_limit", "Longest output of a tool, in tokens"),
    later("tools", "Switches of single tools"),
    ignored("allow_login_shell", "Commands never run in a login shell"),
    ignored("analytics", "There is no telemetry"),
    ignored("apps", "There are no connectors"),
    ignored("apps_mcp_product_sku", "There are no connectors"),
    ignored("audio", "There is no voice"),
    ignored("auth_credentials_store", "There is no login but API keys"),
    ignored("browser_use", "There is no browser"),
    ignored("chatgpt_base_url", "There is no login but API keys"),
    ignored("check_for_update_on_startup", "Updates are not looked for"),
    ignored("cli_auth_credentials_store", "There is no login but API keys"),
    ignored("client_search_provider", "A matter of the desktop app"),
    ignored("computer_use", "Other programs' windows are never touched"),
    ignored("desktop", "A matter of the desktop app"),
    ignored("disable_paste_burst", "Pastes are recognised by the terminal's own marks"),
    ignored("disable_response_storage", "Responses are never stored by the provider"),
    ignored("experimental_realtime_ws_base_url", "There is no voice"),
    ignored("experimental_use_freeform_apply_patch", "Whether a server takes tools with a grammar is found out"),
    ignored("experimental_use_rmcp_client", "A switch of the existing CLI's innards"),
    ignored("feedback", "There is no telemetry"),
    ignored("file_opener", "Links to files are the terminal's affair"),
    ignored("forced_chatgpt_workspace_id", "There is no login but API keys"),
    ignored("forced_login_method", "There is no login but API keys"),
    ignored("hide_agent_reasoning", "A matter of display"),
    ignored("include_apply_patch_tool", "Edits are always patches"),
    ignored("js_repl_node_path", "There is no JavaScript session"),
    ignored("model_availability_nux", "A hint of the existing CLI"),
    ignored("notice", "Hints of the existing CLI that were dismissed"),
    ignored("otel", "There is no telemetry"),
    ignored("personality", "A matter of tone"),
    ignored("preferred_auth_method", "There is no login but API keys"),
    ignored("projects", "The existing CLI's notes on trust; trust is never taken from them"),
    ignored("realtime", "There is no voice"),
    ignored("show_raw_agent_reasoning", "A matter of display"),
    ignored("show_tooltips", "A matter of display"),
    ignored("sqlite_home", "There is no database"),
    ignored("suppress_unstable_features_warning", "A hint of the existing CLI"),
    ignored("tool_suggest", "There are no connectors"),
    ignored("windows", "A matter of Windows"),
    ignored("windows_wsl_setup_acknowledged", "A hint of the existing CLI"),
    ignored("zsh_path", "Commands never run in zsh"),
];

/// The keys of `[sandbox_workspace_write]`.
pub const WORKSPACE_WRITE: &[Key] = &[
    key("network_access", Kind::Flag, "Whether commands reach the network").default("false").project(Project::Stricter),
    key("writable_roots", Kind::Paths, "Another name of `add_dir`; both lists are used").appends(),
    ignored("exclude_slash_tmp", "Commands have a `/tmp` of their own"),
    ignored("exclude_tmpdir_env_var", "Commands have a `/tmp` of their own"),
];

/// The keys of `[sandbox]`.
pub const SANDBOX: &[Key] = &[
    key("mode", Kind::Choice(LEVELS), "What commands and edits may change")
        .default("\"workspace-write\"")
        .project(Project::Stricter),
    key("hide", Kind::ProjectPaths, "Files and directories that commands and tools cannot look into")
        .project(Project::Harmless)
        .appends(),
    key("show", Kind::ProjectPaths, "Of what is hidden unless you say otherwise, what is not to be").appends(),
    key("allow_domains", Kind::Texts, "Hosts that commands reach though the network is off").appends(),
    key("allow_weak", Kind::Flag, "Whether commands may write where the kernel cannot hold all walls").default("false"),
];

/// The keys of `[search]`.
pub const SEARCH: &[Key] = &[
    key("enabled", Kind::Flag, "Whether the model may search the web and read its pages").default("false"),
    key(
        "provider",
        Kind::Choice(&["searxng", "brave", "tavily"]),
        "Search engine to ask where the provider of the model does not search itself",
    ),
    key("base_url", Kind::Url, "Address of the search engine; SearXNG needs one"),
    key("api_key_env", Kind::Variable, "Environment variable that holds its key; `BRAVE_API_KEY` or `TAVILY_API_KEY` if not set"),
    key("max_results", Kind::Count(1, 50), "Most results of a search").default("8"),
    key("open", Kind::Flag, "Whether it may be asked under `oss`").default("false"),
    key(
        "allow_domains",
        Kind::Texts,
        "If there are any: the only hosts whose pages are read, with what lies below them; then you are not asked. `*`: all",
    )
    .appends(),
    key("deny_domains", Kind::Texts, "Hosts whose pages are never read, with what lies below them")
        .project(Project::Harmless)
        .appends(),
    key("private_hosts", Kind::Texts, "Hosts whose pages are read though their addresses are not public: at the usual ports, or `HOST:PORT`").appends(),
];

/// The keys of `[limits]`.
pub const LIMITS: &[Key] = &[
    key("turns", Kind::Count(1, u32::MAX as i64), "Requests to the model in one turn"),
    key("tokens", Kind::Count(1, MOST_TOKENS), "Tokens since the session was opened, sent and received together"),
    key("cost", Kind::Amount, "USD since the session was opened; the price of the model must be known"),
    key("time", Kind::Count(1, YEAR_S), "Seconds of one turn; looked at between its steps"),
];

/// The keys of `[review]`.
pub const REVIEW: &[Key] = &[key(
    "test_command",
    Kind::TextOrFalse,
    "What runs the project's tests in a review; `false` runs none. Without it, the files of the project say",
)];

/// The keys of `[log]`.
pub const LOG: &[Key] = &[key(
    "level",
    Kind::Choice(&["off", "error", "warn", "info", "debug"]),
    "What is written there: nothing, what failed, what may be wrong too, sessions and turns too, or all",
)
.default("\"info\"")];

/// The keys of a table of `[prices]`.
pub const PRICE: &[Key] = &[
    key("input", Kind::Amount, "USD per million tokens of requests"),
    key("cached_input", Kind::Amount, "The same for those that the provider had cached; as `input` if not set"),
    key("output", Kind::Amount, "USD per million tokens of responses, thinking included"),
];

/// The keys of a table of `[models]`.
const MODEL: &[Key] = &[
    key("context_window", Kind::Count(1_000, 100_000_000), "Tokens that a request may hold"),
    key("max_output_tokens", Kind::Count(1, 100_000_000), "Tokens that an answer may have"),
    key("images", Kind::Flag, "Whether messages may hold images"),
    key("reasoning", Kind::FlagOrKnownTexts(EFFORT), "Whether it thinks; or how much it can be told to"),
    key("temperature", Kind::Flag, "Whether it takes `model_temperature`"),
    key("verbosity", Kind::Flag, "Whether it takes `model_verbosity`"),
    key("input_price", Kind::Amount, "As `input` of `[prices]`"),
    key("cached_input_price", Kind::Amount, "As `cached_input` of `[prices]`"),
    key("output_price", Kind::Amount, "As `output` of `[prices]`"),
];

/// The keys of `[agents]`.
const AGENTS: &[Key] = &[
    key("enabled", Kind::Flag, "Whether there may be any").default("true"),
    key("max_depth", Kind::Count(0, 8), "How many levels of them: 1 lets none have sub-agents of its own").default("1"),
    key("max_parallel", Kind::Count(1, 64), "How many may work at once").aliases(&["max_threads"]).default("4"),
];

/// The keys of `[history]`.
const HISTORY: &[Key] = &[
    key(
        "persistence",
        Kind::Choice(&["none", "save-all"]),
        "Whether it is kept for later sessions, in `history.jsonl`, and in `drafts` until it is sent",
    )
    .default("\"save-all\""),
    later("max_bytes", "How long the file may become"),
];

/// A hundred years in days.
const CENTURY_DAYS: i64 = 36_500;

/// The keys of `[sessions]`.
const SESSIONS: &[Key] = &[
    key(
        "keep_days",
        Kind::Count(1, CENTURY_DAYS),
        "Days after which a session that nobody has gone on with is deleted; for ever if not set. Those that are named, archived or forked \
         from stay",
    ),
    key(
        "max_total_mb",
        Kind::Count(1, 1_000_000_000),
        "Megabytes that the sessions that may be deleted may take together before the oldest of them are; without end if not set. The same \
         stay, and do not count; nor do the Codex CLI's own",
    ),
    key(
        "keep_checkpoints_days",
        Kind::Count(1, CENTURY_DAYS),
        "Days for which states of files are kept, to go back to",
    )
    .default("30"),
    key(
        "titles",
        Kind::Choice(&["prompt", "model"]),
        "Where a session's title comes from: the first sentence that you write; or the model, which is asked for one once, after the first \
         turn (not by `exec`, nor with a cassette), and the first sentence where it gives none",
    )
    .default("\"prompt\""),
];

/// Looks of the screen.
const THEMES: &[&str] = &["auto", "ansi", "dark", "light", "high-contrast"];
/// What a notification may be about.
const EVENTS: &[&str] = &["agent-turn-complete", "approval-requested"];
/// Items of the status line.
const STATUS: &[&str] = &[
    "model",
    "directory",
    "branch",
    "sandbox",
    "approval",
    "context",
    "tokens",
    "cost",
    "elapsed",
    "session",
    "name",
    "agents",
];

/// The keys of `[tui]`. A project that is not trusted says nothing about keys and the status line: they are how a person
/// answers, and sees what holds.
pub const TUI: &[Key] = &[
    key("theme", Kind::Known(THEMES), "Colours; `auto` takes the terminal's own")
        .default("\"auto\"")
        .project(Project::Harmless),
    key("alternate_screen", Kind::FlagOrChoice(&["auto", "always", "never"]), "Whether the whole screen is used")
        .default("false")
        .project(Project::Harmless),
    key("vim", Kind::Flag, "Whether the composer has the keys of vi").aliases(&["vim_mode_default"]).default("false"),
    key("keymap", Kind::Lists, "Keys, by the name of what they do; `docs/keys.md` has the names"),
    key(
        "status_line",
        Kind::KnownTexts(STATUS),
        "Items of the status line, in their order; all but `session` and `agents` if not set",
    ),
    key("notifications", Kind::FlagOrKnownTexts(EVENTS), "What you are told of while you look elsewhere")
        .default("true"),
    key(
        "notification_method",
        Kind::Known(&["auto", "osc9", "osc777", "bel"]),
        "How the terminal is asked to tell you",
    )
    .default("\"auto\""),
    key(
        "images",
        Kind::Known(&["auto", "on", "off"]),
        "Whether pictures are drawn: in terminals that are known to do so, in others as well (as kitty takes them), or nowhere; never \
         in tmux and screen",
    )
    .default("\"auto\""),
    key("screen_reader", Kind::Flag, "Whether all is written as plain lines, one after another").default("false"),
    later("notification_condition", "When you are told"),
    key(
        "terminal_title",
        Kind::FlagOrTexts,
        "Whether the title of the terminal says which session it is, and whether it works (`…`) or asks (`?`); a list, which \
         the existing CLI has here, is `true`, an empty one `false`",
    )
    .default("true"),
    ignored("animations", "There are none"),
    ignored("model_availability_nux", "A hint of the existing CLI"),
    ignored("show_tooltips", "There are none"),
    ignored("status_line_use_colors", "Colours are those of the theme"),
];

/// The keys of `[shell_environment_policy]`.
pub const ENVIRONMENT_POLICY: &[Key] = &[
    key("inherit", Kind::Choice(&["none", "core", "all"]), "What commands inherit, before anything is taken out")
        .default("\"all\""),
    key("ignore_default_excludes", Kind::Flag, "Whether variables that look like secrets are passed on")
        .default("false"),
    key("exclude", Kind::Texts, "Patterns of names that are taken out: `*` any text, `?` any character, in any case"),
    key("set", Kind::TextMap, "Variables that are set for commands"),
    key("include_only", Kind::Texts, "If there are any: patterns of the only names that commands see"),
    ignored("experimental_use_profile", "Shells of commands read no start-up files"),
];

/// The keys of `[permissions]`. All lists grow from layer to layer; a project that is not trusted removes nothing.
pub const PERMISSIONS: &[Key] = &[
    RULES[0],
    RULES[1],
    RULES[2],
    key(
        "projects",
        Kind::Named(RULES),
        "The same lists for one project each, by its absolute path; what forbids counts below it too",
    ),
];

/// The lists of rules: the beginnings of commands (`git diff`), whole commands (`=make all`), names of classes.
const RULES: &[Key] = &[
    key("deny", Kind::Texts, "Commands that never run").project(Project::Harmless).appends(),
    key("ask", Kind::Texts, "Commands that always ask").project(Project::Harmless).appends(),
    key("allow", Kind::Texts, "Commands that run without a question, inside the sandbox").appends(),
];

/// The key of a table that goes by a name or an alias.
pub(crate) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.name == name || key.aliases.contains(&name))
}

/// What a value of the existing CLI is called here.
pub(crate) fn other_value(key: &Key, value: &str) -> Option<&'static str> {
    OTHER_VALUES.iter().find(|(name, other, _)| *name == key.name && *other == value).map(|(.., here)| *here)
}

/// Whether a key of this name, in whatever table, takes one of a few words, which are no secret.
pub(crate) fn is_choice(name: &str) -> bool {
    let choice = |key: &Key| matches!(key.kind, Kind::Choice(_) | Kind::FlagOrChoice(_) | Kind::Flag);
    let first = |key: &Key| matches!(key.kind, Kind::StrictOrFirst([first, ..]) if choice(first));
    [KEYS, PROVIDER, WORKSPACE_WRITE, SANDBOX, SEARCH, ENVIRONMENT_POLICY]
        .iter()
        .any(|keys| find(keys, name).is_some_and(|it| choice(it) || first(it)))
}

/// Whether lists for the key of a dotted path add up, in one layer too.
pub fn appends(path: &str) -> bool {
    let mut keys = KEYS;
    for name in path.split('.') {
        match find(keys, name.trim().trim_matches(['"', '\''])) {
            Some(key) if key.appends => return true,
            Some(key) => keys = key.kind.own_children().unwrap_or_default(),
            None => return false,
        }
    }
    false
}

/// All names and aliases of a table that have an effect.
pub(crate) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> {
    keys.iter()
        .filter(|key| key.status == Status::Used)
        .flat_map(|key| std::iter::once(key.name).chain(key.aliases.iter().copied()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(keys: &'static [Key]) {
        let all: Vec<_> = keys.iter().flat_map(|key| std::iter::once(&key.name).chain(key.aliases)).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a name is used twice");
        for key in keys {
            assert!(!key.about.is_empty() && !key.about.ends_with('.'), "{}", key.name);
            let default = key.default_value().map(|value| value.to_string()).unwrap_or_default();
            assert_eq!(default, key.default, "{}", key.name);
            assert_eq!(key.kind == Kind::Any, key.status != Status::Used, "{}", key.name);
            if let Some(children) = key.kind.children().filter(|_| key.kind != Kind::Profiles) {
                assert_eq!((key.project, key.default), (Project::Held, ""), "{}: its children decide", key.name);
                check(children);
            }
        }
    }

    #[test]
    fn the_table_is_sound() {
        check(KEYS);
    }

    /// Adding to this list is a security decision.
    #[test]
    fn an_untrusted_project_may_touch_these_only() {
        fn touched(keys: &'static [Key]) -> Vec<&'static str> {
            keys.iter()
                .filter(|key| key.kind != Kind::Profiles)
                .flat_map(|key| match key.kind.children() {
                    Some(children) => touched(children),
                    None => Vec::from_iter((key.project != Project::Held).then_some(key.name)),
                })
                .collect()
        }
        let expected = [
            "theme",
            "alternate_screen",
            "model",
            "model_provider",
            "model_reasoning_effort",
            "network_access",
            "mode",
            "hide",
            "ignore_files",
            "ask_for_approval",
            "deny",
            "ask",
            "deny_domains",
        ];
        assert_eq!(touched(KEYS).iter().collect::<BTreeSet<_>>(), expected.iter().collect());
    }
}
