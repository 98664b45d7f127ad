//! `exec_command`: runs a shell command inside the walls of the verdict.
//!
//! It must never use a login shell, which would run the workspace's or the user's start-up files.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::{Access, bare_programs, patch_heredoc};
use codex_protocol::{CommandExecutionSource, CommandExecutionStatus, ThreadItem};
use codex_sandbox::{Command, Exit, shown};
use codex_workspace::find_program;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Effect, ForUser, Outcome, Permission, Prepared, Tool, ToolContext, ToolError, apply_patch, arguments, output,
    plain_call::milliseconds,
    processes::{End, Ended, Kept, LONGEST_DEATH, Live, Running, Start, Waited},
};

/// How long a call waits for its command unless it says otherwise, in milliseconds.
const DEFAULT_YIELD: u64 = 10_000;

/// Longest that a call waits for a command, in milliseconds.
pub(crate) const MOST_YIELD: u64 = 300_000;

/// Longest `timeout`, in milliseconds: a day.
const MOST_TIMEOUT: u64 = 86_400_000;

/// How long a command of the user is waited for, in milliseconds: it is interrupted before.
const TO_ITS_END: u64 = 365 * MOST_TIMEOUT;

/// What the model can be given at most of what a command puts out between two looks, in bytes.
const UNREAD_BYTES: usize = (output::MOST_TOKENS * output::TOKEN_BYTES) as usize;

/// What programs in a terminal are told: nobody is there to see colours or to turn pages.
const TERMINAL_ENVIRONMENT: &[(&str, &str)] = &[("TERM", "dumb"), ("PAGER", "cat"), ("GIT_PAGER", "cat")];

/// Where a shell is looked for, best first. Not in `PATH`: the workspace could bring its own.
const SHELLS: &[&str] = &["/bin/bash", "/usr/bin/bash", "/run/current-system/sw/bin/bash", "/bin/sh"];

#[derive(Default, Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Shell command line (bash).
    cmd: String,
    /// Directory to run in; default: the workspace.
    workdir: Option<PathBuf>,
    /// Milliseconds to wait for its end before the call returns and it runs on; default 10000, at most 300000.
    yield_time_ms: Option<u64>,
    /// Run it in a terminal, so that write_stdin can type to it. Default: no terminal, empty stdin.
    tty: Option<bool>,
    /// Milliseconds until it is killed; default: never.
    #[serde(alias = "timeout_ms")]
    timeout: Option<u64>,
    /// Most output returned, in tokens; default 10000, at most 50000.
    max_output_tokens: Option<u64>,
    /// `require_escalated` asks the user, if somebody can be asked, to run it outside the sandbox.
    sandbox_permissions: Option<SandboxPermissions>,
    /// With `require_escalated`: one sentence for the user, why.
    justification: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SandboxPermissions {
    UseDefault,
    RequireEscalated,
}

/// Runs shell commands.
#[derive(Debug)]
pub(crate) struct ExecCommand;

impl Tool for ExecCommand {
    fn name(&self) -> &str {
        "exec_command"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("exec_command.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Runs
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        if args.cmd.trim().is_empty() {
            return Err(ToolError("`cmd` is empty. Nothing was done".into()));
        }
        // As the command itself will see it: its `/tmp` is mapped by the walls, not here.
        let directory = context.roots.absolute(args.workdir.as_deref().unwrap_or(Path::new("")));
        if let Some(found) = patch_heredoc(&args.cmd) {
            let base = directory.join(found.directory.as_deref().unwrap_or(""));
            return apply_patch::prepare(&found.patch, &base, context);
        }
        Ok(prepare_command(args, directory, CommandExecutionSource::Agent, None, context))
    }
}

/// A command line that the user typed: it runs as a call of the model would, in the workspace and to its end. `timeout`
/// is in milliseconds.
pub fn user_command(command: String, timeout: Option<u64>, context: &ToolContext) -> Prepared {
    let directory = context.roots.absolute(Path::new(""));
    let args = Args { cmd: command, timeout, ..Args::default() };
    let wait = Some(TO_ITS_END);
    prepare_command(args, directory, CommandExecutionSource::UserShell, wait, context)
}

/// A command line that this program runs on behalf of the agent, in the workspace and to its end. `timeout` is in
/// milliseconds.
pub fn command_to_its_end(command: String, timeout: u64, context: &ToolContext) -> Prepared {
    let directory = context.roots.absolute(Path::new(""));
    let args = Args { cmd: command, timeout: Some(timeout), ..Args::default() };
    prepare_command(args, directory, CommandExecutionSource::Agent, Some(TO_ITS_END), context)
}

/// `wait` is how long the call waits for the end, in milliseconds; otherwise as `args` say.
fn prepare_command(
    args: Args,
    directory: PathBuf,
    source: CommandExecutionSource,
    wait: Option<u64>,
    context: &ToolContext,
) -> Prepared {
    let escalated = args.sandbox_permissions == Some(SandboxPermissions::RequireEscalated);
    let access = Access {
        command: Some(args.cmd.clone()),
        directory: Some(directory.clone()),
        programs: programs(&args.cmd, &directory, context),
        outside_sandbox: escalated.then(|| args.justification.unwrap_or_else(|| "no reason was given".into())),
        ..Access::default()
    };
    let shown = Shown {
        id: context.item_id.clone(),
        turn_id: context.turn_id.clone(),
        command: args.cmd.clone(),
        directory: directory.clone(),
        source,
    };
    let started = Some(shown.item(CommandExecutionStatus::InProgress, None, None, None));
    let live = context.live.clone().map(|to| Live::new(to, context.turn_id.clone(), context.item_id.clone()));
    let terminal = args.tty.unwrap_or_default();
    let timeout = args.timeout.map(|timeout| timeout.clamp(1, MOST_TIMEOUT));
    // Who sets a time to live wants the end, not a look on the way; what is killed takes some time to be gone.
    let end = timeout.map(|timeout| timeout.saturating_add(milliseconds(LONGEST_DEATH)));
    let wait = wait.unwrap_or_else(|| args.yield_time_ms.or(end).unwrap_or(DEFAULT_YIELD).min(MOST_YIELD));
    let call = Call {
        shown,
        start: Start {
            command: Command {
                argv: vec![shell().into(), "-c".into(), args.cmd.into()],
                directory,
                environment: environment(context, terminal),
            },
            terminal,
            timeout: timeout.map(Duration::from_millis),
            keep: [output::ITEM_BYTES, UNREAD_BYTES],
            live,
        },
        wait: Duration::from_millis(wait),
        for_model: output::model_bytes(args.max_output_tokens),
        context: context.clone(),
    };
    Prepared { access, started, run: Box::new(move |permission| Box::pin(call.run(permission)) as _) }
}

/// Where the programs lie that a plain command line names, in the `PATH` that it gets.
fn programs(command: &str, directory: &Path, context: &ToolContext) -> BTreeMap<String, PathBuf> {
    let Some(path) = context.environment.get(OsStr::new("PATH")) else { return BTreeMap::new() };
    let found = |name: String| find_program(&name, path, directory).map(|real| (name, real));
    bare_programs(command).into_iter().filter_map(found).collect()
}

fn environment(context: &ToolContext, terminal: bool) -> BTreeMap<OsString, OsString> {
    let mut environment = (*context.environment).clone();
    if terminal {
        environment.extend(TERMINAL_ENVIRONMENT.iter().map(|(name, value)| (name.into(), value.into())));
    }
    environment
}

/// A call that is about to run.
struct Call {
    shown: Shown,
    start: Start,
    /// How long it waits for the end of its command.
    wait: Duration,
    /// Most bytes of output that it returns.
    for_model: usize,
    context: ToolContext,
}

impl Call {
    async fn run(self, Permission { confinement, disarm_git, .. }: Permission) -> Outcome {
        let Self { shown, mut start, wait, for_model, context } = self;
        if disarm_git {
            codex_workspace::disarm_git(&mut start.command.environment);
        }
        let ToolContext { sandbox, processes, cancel, .. } = context;
        if !processes.has_room() {
            return shown.not_started("too many commands run on already; end some with manage_processes");
        }
        if cancel.is_cancelled() {
            return shown.not_started("the user interrupted the turn");
        }
        // Not given up half-way: then nobody could say whether it had begun.
        let running = Running::start(&sandbox, &confinement, start, processes.count_ends()).await;
        let running = match running {
            Ok(running) => running,
            Err(error) => return shown.not_started(&error.to_string()),
        };
        if running.wait(wait, &cancel).await == Waited::Cancelled {
            running.stop().await;
        }
        let (ended, text) = running.look(for_model);
        match ended {
            Some(ended) => {
                let item = shown.ended(&running, &ended);
                processes.note_aside(&ended);
                let blocked = ended.noticed.network || !ended.noticed.refused.is_empty();
                let missed_network = blocked && ended.failed();
                let missed_writes = if ended.failed() { ended.noticed.writes.clone() } else { Vec::new() };
                let outcome = Outcome::text(report(&ended, "Interrupted by the user", &text), ForUser::Item(item));
                Outcome { missed_network, missed_writes, ..outcome }
            }
            None => {
                let running_for = running.running_for();
                let id = processes.keep(Kept::new(shown, running, confinement));
                Outcome::text(report_running(id, running_for, &text), ForUser::Nothing)
            }
        }
    }
}

fn shell() -> &'static str {
    SHELLS.iter().find(|shell| Path::new(shell).exists()).unwrap_or(&"/bin/sh")
}

/// What of a command is shown all along.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Id of its item.
    pub(crate) id: String,
    /// Id of the turn that it was started in.
    pub(crate) turn_id: String,
    /// The command line.
    pub(crate) command: String,
    /// Absolute directory it runs in.
    pub(crate) directory: PathBuf,
    /// Whose command it is.
    pub(crate) source: CommandExecutionSource,
}

impl Shown {
    fn item(
        &self,
        status: CommandExecutionStatus,
        output: Option<String>,
        exit_code: Option<i32>,
        duration: Option<Duration>,
    ) -> ThreadItem {
        ThreadItem::CommandExecution {
            id: self.id.clone(),
            command: self.command.clone(),
            cwd: self.directory.display().to_string(),
            source: self.source,
            status,
            command_actions: Vec::new(),
            aggregated_output: output,
            exit_code,
            duration_ms: duration.map(milliseconds),
        }
    }

    /// The item of a command that has ended.
    pub(crate) fn ended(&self, running: &Running, ended: &Ended) -> ThreadItem {
        let exit_code = match ended.end {
            End::Exited(exit) => Some(exit.shell_code()),
            _ => None,
        };
        let status = match ended.failed() {
            false => CommandExecutionStatus::Completed,
            true => CommandExecutionStatus::Failed,
        };
        let mut output = running.text(output::ITEM_BYTES);
        for why in why_without_code(&ended.end).into_iter().chain(noticed(ended)) {
            let newline = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
            output = format!("{output}{newline}[{why}]\n");
        }
        self.item(status, Some(output), exit_code, Some(ended.duration))
    }

    fn not_started(&self, reason: &str) -> Outcome {
        let sentence = format!("The command was not run: {reason}");
        let item = self.item(CommandExecutionStatus::Failed, Some(sentence.clone()), None, None);
        Outcome::text(sentence, ForUser::Item(item))
    }
}

/// What the user is told of a command that did not end by itself.
fn why_without_code(end: &End) -> Option<String> {
    match end {
        End::Exited(_) => None,
        End::TimedOut(limit) => Some(format!("timed out after {} ms", limit.as_millis())),
        End::Stopped => Some("stopped".to_owned()),
        End::Lost(error) => Some(format!("lost: {error}")),
    }
}

/// What the model is told of a command that has ended. `stopped` says why it was stopped, if it was.
pub(crate) fn report(ended: &Ended, stopped: &str, output: &str) -> String {
    const UNTIL_THEN: &str = "what follows is its output until then";
    let how = match &ended.end {
        End::Exited(Exit::Code(code)) => format!("Exit code: {code}"),
        End::Exited(exit @ Exit::Signal(number)) => format!("Exit code: {} (signal {number})", exit.shell_code()),
        End::TimedOut(limit) => format!(
            "Timed out after {} ms and was killed with all it had started; {UNTIL_THEN}. A larger `timeout` gives it longer",
            limit.as_millis()
        ),
        End::Stopped => format!("{stopped} and killed; {UNTIL_THEN}"),
        End::Lost(error) => format!("Lost: {error}; {UNTIL_THEN}"),
    };
    let noticed: String = noticed(ended).map(|line| line + "\n").collect();
    let seconds = ended.duration.as_secs_f64();
    format!("{how}\nWall time: {seconds:.1} s\n{noticed}Output:\n{}", or_none(output))
}

/// What the walls noticed of a command, a line each.
fn noticed(ended: &Ended) -> impl Iterator<Item = String> {
    let Ended { noticed, proxied, .. } = ended;
    let way = match proxied {
        true => "commands reach named domains only, through the proxy in `HTTPS_PROXY` and its like",
        false => "it is off for commands",
    };
    let network = noticed.network.then(|| format!("The sandbox blocked an attempt to reach the network: {way}"));
    let changes = noticed.changes.iter().map(|change| {
        let path = shown(&change.path);
        match change.undone {
            true => format!("The sandbox put back {path}, which is protected and was changed"),
            false => format!("{path} is protected and was changed, and could not be put back: tell the user"),
        }
    });
    let refused = noticed.refused.iter().map(|sentence| format!("The proxy of the sandbox refused: {sentence}"));
    // Whatever else it was, a command that succeeded did not miss them.
    let failed = !matches!(ended.end, End::Exited(Exit::Code(0)));
    let caches = noticed.read_only_caches.iter().filter(move |_| failed);
    let caches = caches.map(|path| format!("The cache {} is read-only here: no overlay can lie on it", shown(path)));
    let writes: Vec<String> = noticed.writes.iter().map(|path| shown(path)).collect();
    let writes = (failed && !writes.is_empty())
        .then(|| format!("The sandbox did not let it make, change or remove {}", writes.join(", ")));
    network.into_iter().chain(writes).chain(refused).chain(changes).chain(caches)
}

/// What the model is told of a command that runs on.
pub(crate) fn report_running(id: u64, running_for: Duration, output: &str) -> String {
    let seconds = running_for.as_secs_f64();
    format!("Still running after {seconds:.1} s, session ID {id}\nOutput since the last look:\n{}", or_none(output))
}

fn or_none(output: &str) -> &str {
    if output.is_empty() { "(none)" } else { output }
}

#[cfg(test)]
mod tests {
    use codex_sandbox::{Change, Noticed};

    use super::*;
    use crate::testing::{context, json};

    #[test]
    fn reports() {
        let table = [
            (End::Exited(Exit::Code(0)), "hi\n", "Exit code: 0\nWall time: 1.2 s\nOutput:\nhi\n"),
            (End::Exited(Exit::Code(3)), "", "Exit code: 3\nWall time: 1.2 s\nOutput:\n(none)"),
            (End::Exited(Exit::Signal(9)), "x", "Exit code: 137 (signal 9)\n"),
            (End::TimedOut(Duration::from_secs(1)), "part", "Timed out after 1000 ms"),
            (End::Stopped, "part", "Interrupted and killed"),
            (End::Lost("it ended".into()), "part", "Lost: it ended"),
        ];
        for (end, text, expected) in table {
            let ended = Ended::unnoticed(end, Duration::from_millis(1234));
            let report = report(&ended, "Interrupted", text);
            assert!(report.starts_with(expected) && report.contains(text), "{report}");
        }
    }

    #[test]
    fn what_the_walls_noticed_is_reported() {
        let changes = [true, false].map(|undone| Change { path: "/w/.git/config".into(), undone });
        let noticed = Noticed {
            network: true,
            writes: vec!["/o/a".into(), "/p/b".into()],
            changes: changes.into(),
            aside: Vec::new(),
            refused: vec!["x:1 is not allowed".into()],
            read_only_caches: vec!["/h/.m2".into()],
        };
        let ended = Ended { end: End::Exited(Exit::Code(0)), duration: Duration::ZERO, noticed, proxied: false };
        let report = report(&ended, "Interrupted", "out");
        let lines: Vec<_> = report.lines().collect();
        assert!(lines[2].contains("blocked an attempt to reach the network: it is off"), "{report}");
        assert_eq!(lines[3], "The proxy of the sandbox refused: x:1 is not allowed");
        assert!(lines[4].contains("put back /w/.git/config") && lines[5].contains("could not be put back"), "{report}");
        assert_eq!(lines[6..], ["Output:", "out"]);
        let failed = Ended { proxied: true, end: End::Exited(Exit::Code(1)), ..ended };
        let report = self::report(&failed, "Interrupted", "out");
        assert!(report.contains("The cache /h/.m2 is read-only here"), "{report}");
        assert!(report.contains("did not let it make, change or remove /o/a, /p/b\n"), "{report}");
        assert!(report.contains("named domains only, through the proxy") && !report.contains("off"), "{report}");
    }

    #[test]
    fn a_call_declares_what_it_is() {
        let mut scene = context();
        let path = OsString::from("/usr/bin:/bin");
        scene.context.environment = std::sync::Arc::new([("PATH".into(), path.clone())].into());
        let prepare = |text: &str| ExecCommand.prepare(&json(text), &scene.context);
        let access = prepare(r#"{"cmd":"ls && none-such","workdir":"sub/.."}"#).unwrap().access;
        let ls = find_program("ls", &path, Path::new("/")).unwrap();
        let expected = Access {
            command: Some("ls && none-such".into()),
            directory: Some(scene.workspace().to_owned()),
            programs: [("ls".to_owned(), ls)].into(),
            ..Access::default()
        };
        assert_eq!(access, expected);
        let escalated = r#"{"cmd":"ls","sandbox_permissions":"require_escalated","justification":"why"}"#;
        assert_eq!(prepare(escalated).unwrap().access.outside_sandbox.as_deref(), Some("why"));
        assert!(prepare(r#"{"cmd":" "}"#).unwrap_err().0.contains("`cmd`"));
        assert!(prepare(r#"{"cmd":"x","timeout":"soon"}"#).unwrap_err().0.contains("`timeout`"));
    }

    #[test]
    fn a_patch_in_a_here_document_is_a_patch() {
        let scene = context();
        let body = "*** Begin Patch\\n*** Add File: new\\n+x\\n*** End Patch\\nEOF";
        let call = format!(r#"{{"cmd":"cd sub && apply_patch <<'EOF'\n{body}"}}"#);
        let prepared = ExecCommand.prepare(&json(&call), &scene.context).unwrap();
        assert_eq!(prepared.access.command, None);
        assert_eq!(prepared.access.writes, [scene.workspace().join("sub/new")]);
        assert!(matches!(prepared.started, Some(ThreadItem::FileChange { .. })));
    }
}
