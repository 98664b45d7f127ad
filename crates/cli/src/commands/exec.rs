//! `codex exec` and `codex exec resume`: flags to a run.

use std::path::Path;

use codex_client::Connection;
use codex_config::Environment;
use codex_protocol::{ApprovalPolicy, SandboxMode, SessionSource};
use codex_server::Server;

use crate::{
    args::{ExecArguments, ExecCommand, ResumeArguments, RunOptions, ThreadOptions},
    exec::{self, ExitStatus, Opening, PromptSource, Run, Shown},
    resolve,
    terminal::{self, Progress},
};

/// Runs one turn to its end.
///
/// # Errors
/// A sentence for the user when what was typed is wrong.
pub async fn run(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    arguments: ExecArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let thread = thread.then(arguments.thread);
    let run = run.then(arguments.run);
    let prompt = arguments.prompt.or(prompt);
    let (thread, run, opening, prompt) = match arguments.command {
        None => {
            let mut params = resolve::thread_start(&thread, &run)?;
            // Nobody is there to answer.
            params.approval_policy = Some(ApprovalPolicy::Never);
            (thread, run, Opening::Start(params), prompt)
        }
        Some(ExecCommand::Resume(resume)) => resumed(thread, run, prompt, resume)?,
    };
    if !run.image.is_empty() {
        return Err("--image: pictures are not supported by this version yet".into());
    }
    if thread.full_auto && thread.sandbox.map(resolve::sandbox_mode) == Some(SandboxMode::DangerFullAccess) {
        terminal::complain("warning: --full-auto without a sandbox: nothing is asked and nothing is held back");
    }
    let output_schema = run.output_schema.as_deref().map(schema).transpose()?;
    let source = PromptSource { argument: prompt, no_stdin: run.no_stdin };
    let prompt = exec::read_prompt(source)?;
    let progress = Progress::new(run.color.unwrap_or_default(), environment.get("NO_COLOR").is_some());
    let shown = Shown { json: run.json, progress, last_message: run.output_last_message };
    let connection = connect(environment)?;
    let (status, _) = exec::run(Run { opening, prompt, output_schema, shown }, connection).await;
    Ok(status)
}

/// A connection to a server in this process.
///
/// # Errors
/// When the program does not know where it itself is.
pub fn connect(environment: Environment) -> Result<Connection, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let (calls, events) = Server::in_process(environment, program, SessionSource::Exec);
    Ok(Connection::new(calls, events))
}

fn resumed(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    resume: ResumeArguments,
) -> Result<(ThreadOptions, RunOptions, Opening, Option<String>), String> {
    let thread = thread.then(resume.thread);
    let run = run.then(resume.run);
    let mut params = resolve::thread_resume(&thread, &run)?;
    params.approval_policy = Some(ApprovalPolicy::Never);
    let (opening, prompt) = if resume.last {
        // Without an id, the first word after `--last` is the prompt.
        let prompt = resume.session.or(resume.prompt).or(prompt);
        let here = resolve::directory("--cd", thread.cd.as_deref().unwrap_or(Path::new(".")))?;
        let of = (!resume.all).then(|| here.display().to_string());
        (Opening::ResumeLast { params, of }, prompt)
    } else {
        let Some(id) = resume.session else {
            return Err("which session? Give its id, or --last".into());
        };
        params.thread_id = id;
        (Opening::Resume(params), resume.prompt.or(prompt))
    };
    Ok((thread, run, opening, prompt))
}

fn schema(path: &Path) -> Result<serde_json::Value, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("--output-schema: {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("--output-schema: {}: {error}", path.display()))
}
