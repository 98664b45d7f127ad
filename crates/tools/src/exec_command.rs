//! `exec_command`: runs a shell command inside the walls of the verdict.
//!
//! It must never use a login shell, which would run the workspace's or the user's start-up files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::{Access, patch_heredoc};
use codex_protocol::{CommandExecutionStatus, ThreadItem};
use codex_sandbox::{Command, SandboxError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, apply_patch, arguments, output,
    plain_call::milliseconds,
    process::{self, End, Finished},
};

const DEFAULT_TIMEOUT: u64 = 120_000;
const MOST_TIMEOUT: u64 = 3_600_000;

/// Where a shell is looked for, best first. Not in `PATH`: the workspace could bring its own.
const SHELLS: &[&str] = &["/bin/bash", "/usr/bin/bash", "/run/current-system/sw/bin/bash", "/bin/sh"];

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Shell command line (bash).
    cmd: String,
    /// Directory to run in; default: the workspace.
    workdir: Option<PathBuf>,
    /// Milliseconds until it is killed; default 120000, at most 3600000.
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
    fn name(&self) -> &'static str {
        "exec_command"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name(),
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
        Ok(prepare_command(args, directory, context))
    }
}

fn prepare_command(args: Args, directory: PathBuf, context: &ToolContext) -> Prepared {
    let escalated = args.sandbox_permissions == Some(SandboxPermissions::RequireEscalated);
    let access = Access {
        command: Some(args.cmd.clone()),
        outside_sandbox: escalated.then(|| args.justification.unwrap_or_else(|| "no reason was given".into())),
        ..Access::default()
    };
    let shown = Shown { id: context.item_id.clone(), command: args.cmd.clone(), directory: directory.clone() };
    let timeout = Duration::from_millis(args.timeout.unwrap_or(DEFAULT_TIMEOUT).clamp(1, MOST_TIMEOUT));
    let for_model = output::model_bytes(args.max_output_tokens);
    let started = Some(shown.item(CommandExecutionStatus::InProgress, None, None, None));
    let environment = (*context.environment).clone();
    let (sandbox, cancel) = (Arc::clone(&context.sandbox), context.cancel.clone());
    let run = Box::new(move |confinement| {
        let work = async move {
            let argv = vec![shell().into(), "-c".into(), args.cmd.into()];
            let command = Command { argv, directory, environment };
            let keep = for_model.max(output::ITEM_BYTES);
            match process::run(&sandbox, &confinement, command, timeout, keep, &cancel).await {
                Ok(finished) => shown.finished(&finished, timeout, for_model),
                Err(error) => shown.not_started(&error),
            }
        };
        Box::pin(work) as _
    });
    Prepared { access, started, run }
}

fn shell() -> &'static str {
    SHELLS.iter().find(|shell| Path::new(shell).exists()).unwrap_or(&"/bin/sh")
}

/// What of a command is shown all along.
struct Shown {
    id: String,
    command: String,
    directory: PathBuf,
}

impl Shown {
    fn item(
        self: &Shown,
        status: CommandExecutionStatus,
        output: Option<String>,
        exit_code: Option<i32>,
        duration: Option<Duration>,
    ) -> ThreadItem {
        ThreadItem::CommandExecution {
            id: self.id.clone(),
            command: self.command.clone(),
            cwd: self.directory.display().to_string(),
            status,
            command_actions: Vec::new(),
            aggregated_output: output,
            exit_code,
            duration_ms: duration.map(milliseconds),
        }
    }

    fn finished(&self, finished: &Finished, timeout: Duration, most: usize) -> Outcome {
        let exit_code = match &finished.end {
            End::Exited(exit) => Some(exit.shell_code()),
            _ => None,
        };
        let status = match exit_code {
            Some(0) => CommandExecutionStatus::Completed,
            _ => CommandExecutionStatus::Failed,
        };
        let shown = finished.output.text(output::ITEM_BYTES);
        let item = self.item(status, Some(shown), exit_code, Some(finished.duration));
        Outcome { for_model: report(finished, timeout, most), for_user: ForUser::Item(item) }
    }

    fn not_started(&self, error: &SandboxError) -> Outcome {
        let sentence = format!("The command was not run: {error}");
        let item = self.item(CommandExecutionStatus::Failed, Some(sentence.clone()), None, None);
        Outcome { for_model: sentence, for_user: ForUser::Item(item) }
    }
}

/// What the model is told of a command that ran.
fn report(finished: &Finished, timeout: Duration, most: usize) -> String {
    let how = match &finished.end {
        End::Exited(exit) => match exit {
            codex_sandbox::Exit::Code(code) => format!("Exit code: {code}"),
            codex_sandbox::Exit::Signal(number) => format!("Exit code: {} (signal {number})", exit.shell_code()),
        },
        End::TimedOut => format!(
            "Timed out after {} ms and was killed with all it had started; what follows is its output until then. \
             A larger `timeout` gives it longer",
            timeout.as_millis()
        ),
        End::Cancelled => "Interrupted by the user and killed; what follows is its output until then".to_owned(),
        End::Lost(error) => format!("Lost: {error}; what follows is its output until then"),
    };
    let text = finished.output.text(most);
    let text = if text.is_empty() { "(none)" } else { &text };
    format!("{how}\nWall time: {:.1} s\nOutput:\n{text}", finished.duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Exit;

    use super::*;
    use crate::testing::{context, json};

    fn finished(end: End, text: &str) -> Finished {
        let mut output = output::Capture::new(100);
        output.push(text.as_bytes());
        Finished { end, output, duration: Duration::from_millis(1234) }
    }

    #[test]
    fn reports() {
        let lost = SandboxError::Lost("it ended".into());
        let table = [
            (End::Exited(Exit::Code(0)), "hi\n", "Exit code: 0\nWall time: 1.2 s\nOutput:\nhi\n", Some(0)),
            (End::Exited(Exit::Code(3)), "", "Exit code: 3\nWall time: 1.2 s\nOutput:\n(none)", Some(3)),
            (End::Exited(Exit::Signal(9)), "x", "Exit code: 137 (signal 9)\n", Some(137)),
            (End::TimedOut, "part", "Timed out after 50 ms", None),
            (End::Cancelled, "part", "Interrupted by the user", None),
            (End::Lost(lost), "part", "Lost: ", None),
        ];
        let shown = Shown { id: "i".into(), command: "c".into(), directory: "/w".into() };
        for (end, text, expected, code) in table {
            let finished = finished(end, text);
            let outcome = shown.finished(&finished, Duration::from_millis(50), 100);
            assert!(outcome.for_model.starts_with(expected), "{}", outcome.for_model);
            assert!(outcome.for_model.contains(text));
            let ForUser::Item(ThreadItem::CommandExecution { status, exit_code, aggregated_output, .. }) =
                outcome.for_user
            else {
                panic!("not a command")
            };
            assert_eq!((exit_code, aggregated_output.as_deref()), (code, Some(text)));
            assert_eq!(status == CommandExecutionStatus::Completed, code == Some(0));
        }
    }

    #[test]
    fn a_call_declares_what_it_is() {
        let scene = context();
        let prepare = |text: &str| ExecCommand.prepare(&json(text), &scene.context);
        let access = prepare(r#"{"cmd":"ls","workdir":"sub/.."}"#).unwrap().access;
        assert_eq!(access, Access { command: Some("ls".into()), ..Access::default() });
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
