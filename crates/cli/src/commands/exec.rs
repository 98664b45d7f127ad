//! `codex exec`, `codex exec resume` and `codex exec fork`: flags to a run.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use codex_client::Connection;
use codex_config::Environment;
use codex_protocol::{ApprovalPolicy, SandboxMode, SessionSource, ThreadForkParams, UserInput};
use codex_server::{Cassette, Server};

use crate::{
    args::{ExecArguments, ExecCommand, ForkArguments, ResumeArguments, RunOptions, ThreadOptions},
    commands::{remote::Elsewhere, slash},
    exec::{self, ExitStatus, Opening, PromptSource, Run, Shown},
    resolve,
    terminal::{self, Progress},
};

/// Runs one turn to its end, or says what is wrong with what was typed.
pub async fn run(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    arguments: ExecArguments,
    environment: Environment,
    elsewhere: Option<Elsewhere>,
) -> ExitStatus {
    let of_resume = |command: &ExecCommand| match command {
        ExecCommand::Resume(resume) | ExecCommand::Fork(ForkArguments { resume, .. }) => resume.run.no_stdin,
    };
    let no_stdin = run.no_stdin || arguments.run.no_stdin || arguments.command.as_ref().is_some_and(of_resume);
    match attempt(thread, run, prompt, arguments, environment, elsewhere).await {
        Ok(status) => status,
        Err(message) => {
            terminal::complain(&message);
            PromptSource { argument: None, no_stdin, may_go_on: false }.give_up().await;
            ExitStatus::Usage
        }
    }
}

async fn attempt(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    arguments: ExecArguments,
    environment: Environment,
    elsewhere: Option<Elsewhere>,
) -> Result<ExitStatus, String> {
    let thread = thread.then(arguments.thread);
    let run = run.then(arguments.run);
    let prompt = one(prompt, arguments.prompt)?;
    let (thread, run, opening, prompt) = match arguments.command {
        None => {
            let mut params = resolve::thread_start(&thread, &run)?;
            // Nobody is there to answer.
            params.approval_policy = Some(ApprovalPolicy::Never);
            (thread, run, Opening::Start(params), prompt)
        }
        Some(ExecCommand::Resume(resume)) => resumed(thread, run, prompt, resume)?,
        Some(ExecCommand::Fork(fork)) => forked(thread, run, prompt, fork)?,
    };
    if let Some(refusal) = prompt.as_deref().and_then(slash::refusal) {
        return Err(refusal);
    }
    if thread.full_auto && thread.sandbox.map(resolve::sandbox_mode) == Some(SandboxMode::DangerFullAccess) {
        terminal::complain("warning: --full-auto without a sandbox: nothing is asked and nothing is held back");
    }
    if let Some(elsewhere) = &elsewhere {
        elsewhere.check(&thread)?;
        elsewhere.check_cassette(&run.cassette)?;
    }
    let workspace = resolve::workspace(&thread)?;
    let output_schema = run.output_schema.map(|path| schema(&workspace.join(path))).transpose()?;
    let pictures = run.image.iter().map(|path| picture(&workspace.join(path))).collect::<Result<Vec<_>, _>>()?;
    let pictures = match &elsewhere {
        Some(_) => codex_client::pictures(&pictures).map_err(|error| format!("--image: {error}"))?,
        None => pictures.into_iter().map(|path| UserInput::LocalImage { path }).collect(),
    };
    // Opened now: an answer that was paid for must not be lost to a wrong path.
    let last_message =
        run.output_last_message.map(|path| writable("--output-last-message", &workspace.join(path))).transpose()?;
    let may_go_on = matches!(opening, Opening::Resume(_) | Opening::ResumeLast { .. });
    let prompt = PromptSource { argument: prompt, no_stdin: run.no_stdin, may_go_on };
    prompt.check()?;
    let progress = Progress::new(run.color.unwrap_or_default(), &environment);
    let shown = Shown { json: run.json, progress, last_message, verbose: run.verbose, hint: true };
    let lets_go = elsewhere.is_some();
    let connection = match elsewhere {
        Some(elsewhere) => elsewhere.connect(&environment).await?,
        None => connect_with(environment, resolve::cassette(&run.cassette, &workspace)?),
    };
    let (plan, timeout, review) = (run.plan, run.limits.timeout, None);
    let run = Run { opening, prompt, pictures, output_schema, review, plan, timeout, lets_go, shown };
    let (status, _) = exec::run(run, connection).await;
    Ok(status)
}

/// A connection to a server in this process.
pub fn connect(environment: Environment) -> Connection {
    connect_with(environment, None)
}

/// As [`connect`], to one whose models are recorded or played if there is a cassette.
pub fn connect_with(environment: Environment, cassette: Option<Cassette>) -> Connection {
    let (calls, events) = Server::in_process(environment, OWN_PROGRAM.into(), SessionSource::Exec, cassette);
    Connection::new(calls, events)
}

/// This program as it runs, for the sandbox helper (proc_pid_exe(5)). Not by its path: what lies there may have been
/// replaced since, by an update, or by a command that may write there.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// What was typed, put together: flags of the thread and of the run, which thread, the prompt.
type Typed = (ThreadOptions, RunOptions, Opening, Option<String>);

fn resumed(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    resume: ResumeArguments,
) -> Result<Typed, String> {
    if run.ephemeral || resume.run.ephemeral {
        return Err("--ephemeral: a session that is gone on with is kept already".into());
    }
    earlier(thread, run, prompt, resume)
}

fn forked(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    fork: ForkArguments,
) -> Result<Typed, String> {
    let ForkArguments { resume, at } = fork;
    let (thread, run, opening, prompt) = earlier(thread, run, prompt, resume)?;
    let params = |from| ThreadForkParams {
        from,
        last_turn_id: at,
        ephemeral: run.ephemeral.then_some(true),
        thread_source: run.thread_source.clone(),
    };
    let opening = match opening {
        Opening::Resume(from) => Opening::Fork(Box::new(params(from))),
        Opening::ResumeLast { params: from, of } => Opening::ForkLast { params: Box::new(params(from)), of },
        other => other,
    };
    Ok((thread, run, opening, prompt))
}

/// A session of before, as it is resumed.
fn earlier(
    thread: ThreadOptions,
    run: RunOptions,
    prompt: Option<String>,
    resume: ResumeArguments,
) -> Result<Typed, String> {
    let thread = thread.then(resume.thread);
    let run = run.then(resume.run);
    let mut params = resolve::thread_resume(&thread, &run)?;
    params.approval_policy = Some(ApprovalPolicy::Never);
    params.take_over = resume.take_over.then_some(true);
    let (opening, typed) = if resume.last {
        // Without an id, the first word after `--last` is the prompt.
        let of = if resume.all { None } else { resolve::sessions_of(&thread)? };
        (Opening::ResumeLast { params, of }, one(resume.session, resume.prompt)?)
    } else {
        let Some(id) = resume.session else {
            return Err("which session? Give its id, or --last".into());
        };
        params.thread_id = id;
        (Opening::Resume(params), resume.prompt)
    };
    Ok((thread, run, opening, one(prompt, typed)?))
}

/// The one prompt among two places for it.
fn one(outer: Option<String>, inner: Option<String>) -> Result<Option<String>, String> {
    match (outer, inner) {
        (Some(outer), Some(inner)) => Err(format!("two prompts, `{outer}` and `{inner}`: give one, in quotes")),
        (outer, inner) => Ok(outer.or(inner)),
    }
}

/// Missing files are said before anything else is done; the rest when they are read, which the server does.
pub fn picture(path: &Path) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| format!("--image: {}: {error}", path.display()))?;
    resolve::utf8("--image", &real)
}

/// Opens the file that `flag` names. What it holds stays until there is something to put in its place.
///
/// # Errors
/// A sentence that names the flag.
pub fn writable(flag: &str, path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|error| format!("{flag}: {}: {error}", path.display()))
}

fn schema(path: &Path) -> Result<serde_json::Value, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("--output-schema: {}: {error}", path.display()))?;
    let schema: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("--output-schema: {}: {error}", path.display()))?;
    if !schema.is_object() {
        return Err(format!("--output-schema: {} is not a JSON object", path.display()));
    }
    Ok(schema)
}
