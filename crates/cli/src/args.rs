//! What was typed. Every flag is declared here once, with its help; what it means is in `resolve`.

mod cassette;
mod config;
mod mcp;
mod plugin;
mod remote;
mod review;
mod rewind;
mod run;
mod sessions;
mod typed;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::examples;

pub use cassette::CassetteOptions;
pub use config::{ConfigCommand, Layer};
pub use mcp::{McpAddArguments, McpCommand};
pub use plugin::{MarketplaceCommand, PluginCommand};
pub use remote::{Access, RemoteOptions, ServeArguments, ServeCommand, TokenCommand};
pub use review::ReviewArguments;
pub use rewind::RewindArguments;
pub use run::{Limits, RunOptions};
pub use sessions::{ExportFormat, SessionsArguments, SessionsCommand, SessionsShown};

/// A coding agent for the terminal
///
/// You say what you want; a model reads the code and proposes edits and commands; each is judged by a policy and run
/// inside a kernel sandbox.
#[derive(Debug, Parser)]
#[command(name = "codex", version, subcommand_negates_reqs = true, disable_help_subcommand = true)]
#[command(after_help = examples::CODEX)]
pub struct Arguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    #[command(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    pub screen: ScreenOptions,
    #[command(flatten)]
    pub remote: RemoteOptions,
    /// What to do; without it, the screen waits for what you type
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

// What is below a command is declared only when it is typed: a start builds nothing that it does not need.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Run one task to its end without asking, and print the final message
    #[command(visible_alias = "e", after_help = examples::EXEC)]
    Exec(Box<ExecArguments>),
    /// Go on with an earlier session on the screen
    #[command(after_help = examples::RESUME_SCREEN)]
    Resume(ResumeScreenArguments),
    /// Branch an earlier session and go on with the branch on the screen
    #[command(after_help = examples::FORK_SCREEN)]
    Fork(ForkScreenArguments),
    /// List the sessions that are kept, find, name, export and delete them
    #[command(args_conflicts_with_subcommands = true, after_help = examples::SESSIONS)]
    Sessions(Box<SessionsArguments>),
    /// Take a session back to an earlier prompt: the conversation, the files that the agent changed, or both
    #[command(after_help = examples::REWIND)]
    Rewind(Box<RewindArguments>),
    /// Print all that the agent changed in a session, as a patch
    #[command(after_help = examples::DIFF)]
    Diff(DiffArguments),
    /// Do in a directory what the agent did in a session: all of it, or nothing
    #[command(after_help = examples::APPLY)]
    Apply(ApplyArguments),
    /// Show the whole program at work on a small project, with no key and no network
    Demo(DemoArguments),
    /// Have changes and failing tests looked at, and leave everything as it is
    #[command(after_help = examples::REVIEW)]
    Review(Box<ReviewArguments>),
    /// Run a command inside the sandbox
    #[command(after_help = examples::SANDBOX)]
    Sandbox(SandboxArguments),
    /// Trust a project's own settings, after showing what they loosen
    #[command(after_help = examples::TRUST)]
    Trust(TrustArguments),
    /// Show the rules for commands, and what they come to
    #[command(subcommand, after_help = examples::PERMISSIONS)]
    Permissions(PermissionsCommand),
    /// Keep the key of a provider of models, or show who has one
    #[command(args_conflicts_with_subcommands = true, after_help = examples::LOGIN)]
    Login(LoginArguments),
    /// Forget the key of a provider of models
    Logout(LogoutArguments),
    /// List providers of models, which of them have a key, and their models
    #[command(after_help = examples::MODELS)]
    Models(ModelsArguments),
    /// Look at what a session would stumble over here, and say what to do about it
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArguments),
    /// Make a file of settings for a project, with every setting shown and none in force
    Init {
        /// The project's directory; the current one if none is given
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
    /// Let programs elsewhere work here, over a WebSocket or a local socket
    #[command(after_help = examples::SERVE, args_conflicts_with_subcommands = true)]
    Serve(Box<ServeArguments>),
    /// Serve a program that has started this one, over standard input and output
    #[command(after_help = examples::APP_SERVER)]
    AppServer(AppServerArguments),
    /// Be the agent of an editor, by the Agent Client Protocol over standard input and output
    #[command(after_help = examples::ACP)]
    Acp(FaceArguments),
    /// Configure servers of tools, see what they offer, and log in to them
    #[command(subcommand, after_help = examples::MCP)]
    Mcp(Box<McpCommand>),
    /// Be a tool of another agent, by the Model Context Protocol over standard input and output
    #[command(after_help = examples::MCP_SERVER)]
    McpServer(FaceArguments),
    /// Show the settings and where each comes from, and change them
    #[command(subcommand, after_help = examples::CONFIG)]
    Config(ConfigCommand),
    /// Add tools, servers, linters, commands, skills and hooks that come together, and say what they may do
    #[command(subcommand, after_help = examples::PLUGIN)]
    Plugin(PluginCommand),
    /// Print a script that completes this program's commands and flags in a shell
    #[command(after_help = examples::COMPLETION)]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print a page of the manual, or write all of them
    #[command(after_help = examples::MAN)]
    Man(ManArguments),
}

// The groups of flags in `--help`, in the guide's order.
const SAFETY: &str = "Automation and Safety";
const MODEL: &str = "Model and Identity";
const FILES: &str = "Workspace and Files";
const OPEN: &str = "Open Source and Remote";
const CONFIGURATION: &str = "Configuration";
const SCREEN: &str = "Screen";
const INPUT: &str = "Input";
const OUTPUT: &str = "Output";
const LIMITS: &str = "Limits";

// Flags that shape a thread: which model, which walls, which directory. No doc comment: it would become what `--help`
// says of the commands that have these flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ThreadOptions {
    /// Never ask; inside the sandbox all the same
    #[arg(long, help_heading = SAFETY)]
    pub full_auto: bool,
    /// What the agent may touch
    #[arg(short, long, value_name = "LEVEL", help_heading = SAFETY)]
    pub sandbox: Option<SandboxLevel>,
    /// When to ask before acting; exec never asks
    #[arg(short, long, value_name = "WHEN", help_heading = SAFETY)]
    pub ask_for_approval: Option<ApprovalLevel>,
    /// Model to use, as the provider calls it; `provider/model` selects a provider too
    #[arg(short, long, help_heading = MODEL)]
    pub model: Option<String>,
    /// Named group of settings from the configuration
    #[arg(short, long, value_name = "NAME", help_heading = MODEL)]
    pub profile: Option<String>,
    /// Directory to work in
    #[arg(short = 'C', long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = FILES)]
    pub cd: Option<PathBuf>,
    /// Another directory that may be written; repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = FILES)]
    pub add_dir: Vec<PathBuf>,
    /// Let the model search the web
    #[arg(long, help_heading = FILES)]
    pub search: bool,
    /// Use open-weight models only
    #[arg(long, help_heading = OPEN)]
    pub oss: bool,
    /// Set a configuration key: a dotted path and a TOML value
    ///
    /// A bare word is taken as a string. Of two settings for one key the later counts; flags outrank both.
    #[arg(short, long, value_name = "KEY=VALUE", help_heading = CONFIGURATION)]
    pub config: Vec<String>,
    /// Honour all of this project's configuration, also what loosens
    #[arg(long, help_heading = CONFIGURATION)]
    pub trust: bool,
    /// Make what would be a warning about the configuration an error
    #[arg(long, help_heading = CONFIGURATION)]
    pub strict_config: bool,
    /// Whether directories are those of another machine: set by `--remote`.
    #[arg(skip)]
    pub elsewhere: bool,
}

// Flags of the screen. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ScreenOptions {
    /// Go on with an earlier session: the one with this id or name, or one that you choose
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", help_heading = SCREEN)]
    pub resume: Option<String>,
    /// With --resume: the newest session of this directory
    #[arg(long, requires = "resume", help_heading = SCREEN)]
    pub last: bool,
    /// With --resume: sessions of all directories
    #[arg(long, requires = "resume", help_heading = SCREEN)]
    pub all: bool,
    /// With --resume: another process that has the session open lets it go
    #[arg(long, requires = "resume", help_heading = SCREEN)]
    pub take_over: bool,
    /// Use the whole screen, and scroll here instead of in the terminal
    #[arg(long, help_heading = SCREEN)]
    pub alt_screen: bool,
    /// What `codex fork` opens in place of a session of its own.
    #[arg(skip)]
    pub fork: Option<ForkPlace>,
}

/// Where a session branches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForkPlace {
    /// The last turn that is shared; all of them if none is named.
    pub at: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExecArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    #[command(flatten)]
    pub run: RunOptions,
    /// What to do; `-` or nothing reads it from standard input
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    #[command(subcommand)]
    pub command: Option<ExecCommand>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum ExecCommand {
    /// Go on with an earlier session
    #[command(after_help = examples::RESUME)]
    Resume(ResumeArguments),
    /// Go on with a branch of an earlier session, which stays as it is
    #[command(after_help = examples::FORK)]
    Fork(ForkArguments),
}

#[derive(Debug, Args)]
pub struct ResumeArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    #[command(flatten)]
    pub run: RunOptions,
    /// The newest session of this directory
    #[arg(long)]
    pub last: bool,
    /// With --last: of any directory
    #[arg(long, requires = "last")]
    pub all: bool,
    /// Another process that has the session open lets it go
    #[arg(long)]
    pub take_over: bool,
    /// Id of the session, its beginning, or the session's name; with --last, the prompt
    #[arg(value_name = "ID")]
    pub session: Option<String>,
    /// What to do; `-` or a pipe has it read from standard input. Without any, `resume` goes on with a turn that was cut off
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
}

#[derive(Debug, Args)]
pub struct ForkArguments {
    #[command(flatten)]
    pub resume: ResumeArguments,
    /// The last turn that the branch shares, such as turn_3; all without it
    #[arg(long, value_name = "TURN")]
    pub at: Option<String>,
}

#[derive(Debug, Args)]
pub struct DiffArguments {
    /// Id of the session, or its beginning; without it, the newest of this directory
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,
    /// Only what this turn changed, such as turn_3
    #[arg(long, value_name = "TURN")]
    pub turn: Option<String>,
    /// Only the names, and how many lines came and went
    #[arg(long, conflicts_with_all = ["name_only", "json"])]
    pub stat: bool,
    /// Only the names
    #[arg(long, conflicts_with = "json")]
    pub name_only: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Id of the session, or its beginning; without it, the newest of this directory
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,
    /// Only look whether it fits
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct ForkScreenArguments {
    #[command(flatten)]
    pub resume: ResumeScreenArguments,
    /// The last turn that the branch shares, such as turn_3; all without it
    #[arg(long, value_name = "TURN")]
    pub at: Option<String>,
}

#[derive(Debug, Args)]
pub struct ResumeScreenArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// The newest session of this directory
    #[arg(long)]
    pub last: bool,
    /// Sessions of all directories
    #[arg(long)]
    pub all: bool,
    /// Another process that has the session open lets it go
    #[arg(long)]
    pub take_over: bool,
    /// Use the whole screen, and scroll here instead of in the terminal
    #[arg(long)]
    pub alt_screen: bool,
    #[command(flatten)]
    pub cassette: CassetteOptions,
    /// Id of the session, its beginning, or the session's name; without it, you choose. With --last, the prompt
    #[arg(value_name = "ID")]
    pub session: Option<String>,
    /// What to say first
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// What the agent may touch
    #[arg(short, long, value_name = "LEVEL")]
    pub sandbox: Option<SandboxLevel>,
    /// Leave the project and the session in this new or empty directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Make the project's test impossible to pass: the demo must then fail
    #[arg(long)]
    pub sabotage: bool,
    /// Colours on stderr
    #[arg(long, value_name = "WHEN")]
    pub color: Option<ColorChoice>,
}

#[derive(Debug, Parser)]
pub struct SandboxArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Let the command reach the network
    #[arg(long)]
    pub allow_network: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub struct LoginArguments {
    /// The provider; without it, the selected one
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Read the key from standard input: what is done anyway, by a question where that is a terminal
    #[arg(long)]
    pub with_api_key: bool,
    /// Keep the key in the keyring of the system, not in a file
    #[arg(long)]
    pub keyring: bool,
    #[command(subcommand)]
    pub command: Option<LoginCommand>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum LoginCommand {
    /// Say which providers have a key, and from where; fails if the selected one has none
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct LogoutArguments {
    /// The provider; without it, the selected one
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub provider: Option<String>,
    /// Forget the keys of all providers
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct AppServerArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    #[command(flatten)]
    pub cassette: CassetteOptions,
    /// Where to listen: stdio://, which is standard input and output; ws://HOST:PORT or unix://PATH, as `codex serve` does
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The same as --listen stdio://
    #[arg(long, conflicts_with = "listen")]
    pub stdio: bool,
}

#[derive(Debug, Args)]
pub struct FaceArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    #[command(flatten)]
    pub cassette: CassetteOptions,
}

#[derive(Debug, Args)]
pub struct DoctorArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Do not ask the server of the provider
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(flatten)]
    pub thread: ThreadOptions,
    /// Ask this provider alone; without it, those that have a key, and those on this machine
    #[arg(value_name = "PROVIDER")]
    pub provider: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ManArguments {
    /// The command whose page to print; without one, that of the whole program
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write the page of each command into this directory, which is made if it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub out: Option<PathBuf>,
    /// Print all commands and flags as one document in Markdown
    #[arg(long, conflicts_with_all = ["command", "out"])]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub struct TrustArguments {
    /// A directory of the project; the current one if none is given
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
    /// Trust it without a question
    #[arg(short, long)]
    pub yes: bool,
    /// Show all that is trusted, and whether it still is as it was
    #[arg(long, conflicts_with_all = ["directory", "yes", "revoke"])]
    pub list: bool,
    /// Trust nothing of it any more
    #[arg(long, conflicts_with = "yes")]
    pub revoke: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum PermissionsCommand {
    /// Say whether a command would run, be asked about or be refused, and by which rule
    Why {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// The command line, in one argument
        #[arg(value_name = "COMMAND", allow_hyphen_values = true)]
        command: String,
    },
    /// List all rules in force here, those that decide first above
    List {
        #[command(flatten)]
        thread: ThreadOptions,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show which commands are in a class
    Show {
        /// destructive-commands, disk-operations, privilege-escalation; read-only for what runs without asking
        class: String,
    },
    /// Forget a rule that was remembered, for this project or for all
    Remove {
        #[command(flatten)]
        thread: ThreadOptions,
        /// The rule, as `list` shows it
        #[arg(allow_hyphen_values = true)]
        rule: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SandboxLevel {
    /// Nothing is written, and the model runs no command; `codex sandbox` runs one that can read
    ReadOnly,
    /// Commands run; they write in the workspace, added directories, a private /tmp and copies of build caches
    WorkspaceWrite,
    /// No walls
    DangerFullAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApprovalLevel {
    /// Before every edit and every command that is not pre-approved
    Untrusted,
    /// When an action needs more than the sandbox gives
    OnRequest,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// When stderr is a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ThreadOptions {
    /// Whether nothing was typed but perhaps the directory.
    pub fn says_only_where(&self) -> bool {
        *self == Self { cd: self.cd.clone(), ..Self::default() }
    }

    /// These flags, with those typed nearer to the prompt on top: single values replace, lists append.
    pub fn then(self, nearer: Self) -> Self {
        Self {
            config: [self.config, nearer.config].concat(),
            model: nearer.model.or(self.model),
            profile: nearer.profile.or(self.profile),
            sandbox: nearer.sandbox.or(self.sandbox),
            ask_for_approval: nearer.ask_for_approval.or(self.ask_for_approval),
            full_auto: self.full_auto || nearer.full_auto,
            cd: nearer.cd.or(self.cd),
            add_dir: [self.add_dir, nearer.add_dir].concat(),
            search: self.search || nearer.search,
            oss: self.oss || nearer.oss,
            trust: self.trust || nearer.trust,
            strict_config: self.strict_config || nearer.strict_config,
            elsewhere: self.elsewhere || nearer.elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_of_flags_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_are_accepted_before_and_after_exec_and_resume() {
        let line = "codex -c a=1 -m one --max-turns 1 exec -c b=2 --json --sandbox read-only --timeout 1m \
            --max-turns 2 resume -c c=3 -m two ID -i x.png";
        let arguments = Arguments::parse_from(line.split_whitespace());
        let Some(Command::Exec(exec)) = arguments.command else { panic!("not exec") };
        let Some(ExecCommand::Resume(resume)) = exec.command else { panic!("not resume") };
        let thread = arguments.thread.then(exec.thread).then(resume.thread);
        let run = arguments.run.then(exec.run).then(resume.run);
        assert_eq!(thread.config, ["a=1", "b=2", "c=3"]);
        assert_eq!(thread.model.as_deref(), Some("two"));
        assert_eq!(thread.sandbox, Some(SandboxLevel::ReadOnly));
        assert!(run.json);
        assert_eq!(run.limits.max_turns.map(NonZeroU32::get), Some(2));
        assert_eq!(run.limits.timeout.unwrap().as_secs(), 60);
        assert_eq!(run.image, [PathBuf::from("x.png")]);
        assert_eq!(resume.session.as_deref(), Some("ID"));
    }
}
