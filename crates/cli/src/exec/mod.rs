//! `codex exec`: one turn without a screen. A client of the server like any other.

mod human;
mod interrupts;
mod jsonl;
mod own_command;
mod prompt;
mod verbose;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use codex_client::{Client, Connection, GO_ON, View, thread_of};
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, BackgroundTerminalsParams, CollaborationMode, ErrorKind, Event, ModeKind,
    ReviewStartParams, ReviewTarget, RpcError, ServerMessage, ServerNotification, ServerRequestAnswerParams,
    SettingsChange, ThreadForkParams, ThreadItem, ThreadListParams, ThreadOpened, ThreadReadParams, ThreadResumeParams,
    ThreadStartParams, ThreadStatus, ThreadUnsubscribeParams, TurnInterruptParams, TurnStartParams, TurnStatus,
    UserInput,
};
use serde_json::Value;
use tokio::sync::mpsc;

pub use self::{human::diff, prompt::PromptSource};
use self::{interrupts::Interrupt, verbose::Verbose};
use crate::terminal::{self, Progress};

/// How a run ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Done = 0,
    /// The turn failed.
    Failed = 1,
    /// What was typed or configured is wrong.
    Usage = 2,
    /// It came to a limit of what it may use.
    LimitReached = 3,
    /// Its time was up, as timeout(1) has it.
    TimedOut = 124,
    /// The user stopped it (128 + SIGINT).
    Interrupted = 130,
    /// Whoever started the program stopped it (128 + SIGTERM).
    Terminated = 143,
}

/// Which thread the turn runs in.
#[derive(Debug)]
pub enum Opening {
    /// A new one.
    Start(ThreadStartParams),
    /// An earlier one, by id.
    Resume(ThreadResumeParams),
    /// The newest one, of `cwd` or of all directories.
    ResumeLast {
        /// The rest of what resuming takes.
        params: ThreadResumeParams,
        /// Of this directory only.
        of: Option<String>,
    },
    /// A branch of an earlier one, by id.
    Fork(Box<ThreadForkParams>),
    /// A branch of the newest one, of `cwd` or of all directories.
    ForkLast {
        /// The rest of what branching takes.
        params: Box<ThreadForkParams>,
        /// Of this directory only.
        of: Option<String>,
    },
}

/// How the run is shown.
#[derive(Debug)]
pub struct Shown {
    /// As JSON lines.
    pub json: bool,
    /// Where progress goes.
    pub progress: Progress,
    /// File for the final message, open for writing.
    pub last_message: Option<File>,
    /// Whether to say more of what happens, beside JSON lines too.
    pub verbose: bool,
    /// Whether to say how to go on with the session.
    pub hint: bool,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// Its thread.
    pub opening: Opening,
    /// What the user says, as far as it was typed.
    pub prompt: PromptSource,
    /// Pictures that the user shows.
    pub pictures: Vec<UserInput>,
    /// What the final message must satisfy.
    pub output_schema: Option<Value>,
    /// What is to be reviewed, in place of saying something.
    pub review: Option<Review>,
    /// Whether it plans, and changes nothing.
    pub plan: bool,
    /// The longest time that it may take.
    pub timeout: Option<Duration>,
    /// Whether the server lives on: leaving the thread is not waited for long.
    pub lets_go: bool,
    /// How it is shown.
    pub shown: Shown,
}

/// A review.
#[derive(Debug)]
pub struct Review {
    /// What is looked at.
    pub target: ReviewTarget,
    /// Whether what was found is printed as JSON.
    pub json: bool,
}

/// What is shown of a run.
struct Renderer {
    format: Format,
    verbose: Option<Verbose>,
}

enum Format {
    Human(human::Human),
    Jsonl(jsonl::Jsonl),
}

impl Renderer {
    fn new(shown: &Shown) -> Self {
        let progress = shown.progress;
        let format = match shown.json {
            true => Format::Jsonl(jsonl::Jsonl::default()),
            false => Format::Human(human::Human::new(progress, shown.hint)),
        };
        Self { format, verbose: shown.verbose.then(|| Verbose::new(progress)) }
    }

    /// The turn is being stopped because its time is up.
    fn time_is_up(&mut self) {
        match &mut self.format {
            Format::Human(human) => human.time_is_up = true,
            Format::Jsonl(jsonl) => jsonl.time_is_up = true,
        }
    }

    fn opened(&mut self, opened: &ThreadOpened) -> io::Result<()> {
        match &mut self.format {
            Format::Human(human) => human.opened(opened),
            Format::Jsonl(jsonl) => jsonl.opened(opened)?,
        }
        if let Some(verbose) = &self.verbose {
            verbose.opened(opened);
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, view: &View) -> io::Result<()> {
        if let Some(verbose) = &mut self.verbose {
            verbose.event(event);
        }
        match &mut self.format {
            Format::Human(human) => human.event(event),
            Format::Jsonl(jsonl) => jsonl.event(event, view)?,
        }
        Ok(())
    }
}

/// How long a server elsewhere may take to let go of a thread whose turn has ended.
const LETTING_GO: Duration = Duration::from_secs(3);

/// Runs one turn and shows it. Returns how it ended and what is known of it.
pub async fn run(run: Run, mut connection: Connection) -> (ExitStatus, View) {
    let Run { opening, prompt, pictures, output_schema, review, plan, timeout, lets_go, shown } = run;
    // From here on a Ctrl-C is the turn's, even if it comes before the turn has begun.
    let mut interrupts = match interrupts::listen(timeout) {
        Ok(interrupts) => interrupts,
        Err(error) => return (refused(&error), View::default()),
    };
    let mut renderer = Renderer::new(&shown);
    let begun = tokio::select! {
        begun = begin(&connection, opening, prompt) => begun,
        Some(interrupt) = interrupts.recv() => {
            if interrupt == Interrupt::TimeOut {
                terminal::complain("the time of --timeout was up before the turn began");
            }
            Err(interrupt.status())
        }
    };
    let (opened, prompt) = match begun {
        Ok(begun) => begun,
        Err(status) => return (status, View::default()),
    };
    if let Err(error) = renderer.opened(&opened) {
        return (unwritable(&error), View::default());
    }
    let thread_id = opened.thread.id.clone();
    let said = match own_command::input(&connection.client, &thread_id, prompt).await {
        Ok(said) => said,
        Err(error) => return (refused(&error), View::default()),
    };
    let input = std::iter::once(said).chain(pictures).collect();
    let started = match &review {
        None => {
            // A session that goes on may have planned.
            let mode = CollaborationMode::only(if plan { ModeKind::Plan } else { ModeKind::Default });
            let change = SettingsChange { collaboration_mode: Some(mode), ..SettingsChange::default() };
            let (thread_id, rest) = (thread_id.clone(), TurnStartParams::default());
            let start = TurnStartParams { thread_id, input, change, output_schema, ..rest };
            connection.client.turn_start(start).await.map(drop)
        }
        Some(Review { target, .. }) => {
            let (thread_id, target) = (thread_id.clone(), target.clone());
            let start = ReviewStartParams { thread_id, target, delivery: None };
            connection.client.review_start(start).await.map(drop)
        }
    };
    if let Err(error) = started {
        return (refused(&error), View::default());
    }
    let (mut view, stopped) = follow(&mut connection, &mut renderer, &thread_id, &mut interrupts).await;
    // Hooks are told that the session is left.
    let leaving = async {
        end_what_runs_on(&mut connection, &mut renderer, &thread_id, &view).await;
        let params = ThreadUnsubscribeParams { thread_id: thread_id.clone() };
        let _ = connection.client.thread_unsubscribe(params).await;
    };
    if lets_go {
        // Where this fails it is closed when it has been idle for some time.
        let _ = tokio::time::timeout(LETTING_GO, leaving).await;
    } else {
        leaving.await;
    }
    let status = match stopped {
        Some(Stopped::By(interrupt)) if view.ended() == Some(TurnStatus::Interrupted) => interrupt.status(),
        Some(Stopped::Unwritable(error)) => unwritable(&error),
        _ => match review {
            Some(Review { json: true, .. }) => conclude_review(&mut view, shown.last_message),
            _ => conclude(&view, shown.json, shown.last_message),
        },
    };
    (status, view)
}

/// Why a turn was stopped before its time.
enum Stopped {
    /// Somebody asked for it.
    By(Interrupt),
    /// Nobody can read what it shows.
    Unwritable(io::Error),
}

/// The thread and the prompt. What is wrong is said before a pipe is read to its end: with the configuration of a new
/// session, with the id of an earlier one. An earlier one is opened only when the prompt is there, because a run that
/// is still going on may be writing both.
async fn begin(
    connection: &Connection,
    opening: Opening,
    source: PromptSource,
) -> Result<(ThreadOpened, String), ExitStatus> {
    let none = |message| refused(&RpcError::new(ErrorKind::Configuration, message));
    let wrong = match &opening {
        Opening::Start(_) => {
            let opened = open(connection, opening).await;
            return match opened {
                Ok(opened) => Ok((opened, prompt::read(source).await.map_err(none)?)),
                Err(error) => Err(given_up(&error, source).await),
            };
        }
        Opening::Resume(params) => is_missing(connection, &params.thread_id).await,
        Opening::Fork(params) => is_missing(connection, &params.from.thread_id).await,
        Opening::ResumeLast { .. } | Opening::ForkLast { .. } => None,
    };
    if let Some(error) = wrong {
        return Err(given_up(&error, source).await);
    }
    let prompt = match source.goes_on() {
        true => None,
        false => Some(prompt::read(source).await.map_err(none)?),
    };
    let opened = open(connection, opening).await.map_err(|error| refused(&error))?;
    match prompt {
        Some(prompt) => Ok((opened, prompt)),
        None if opened.cut_off => Ok((opened, GO_ON.to_owned())),
        // It is not let go of: its server would end the turn, if nobody else follows it.
        None if matches!(opened.thread.status, ThreadStatus::Active { .. }) => {
            Err(none(format!("no prompt, and nothing to go on with: a turn is running in {}", opened.thread.id)))
        }
        None => {
            let thread_id = opened.thread.id;
            let message = format!("no prompt, and nothing to go on with: the last turn of {thread_id} was not cut off");
            // A server that lives on needs not keep it open. Where this fails it is closed when it has been idle.
            let _ = connection.client.thread_unsubscribe(ThreadUnsubscribeParams { thread_id }).await;
            Err(none(message))
        }
    }
}

async fn is_missing(connection: &Connection, thread_id: &str) -> Option<RpcError> {
    connection.client.thread_read(ThreadReadParams { thread_id: thread_id.to_owned() }).await.err()
}

async fn given_up(error: &RpcError, source: PromptSource) -> ExitStatus {
    let status = refused(error);
    source.give_up().await;
    status
}

async fn open(connection: &Connection, opening: Opening) -> Result<ThreadOpened, RpcError> {
    let client = &connection.client;
    match opening {
        Opening::Start(params) => client.thread_start(params).await,
        Opening::Resume(params) => client.thread_resume(params).await,
        Opening::ResumeLast { params, of } => {
            let thread_id = newest(client, of, WITH_ALL).await?;
            client.thread_resume(ThreadResumeParams { thread_id, ..params }).await
        }
        Opening::Fork(params) => client.thread_fork(*params).await,
        Opening::ForkLast { mut params, of } => {
            params.from.thread_id = newest(client, of, WITH_ALL).await?;
            client.thread_fork(*params).await
        }
    }
}

/// The session that was named, or the newest of the directory `of`; its id, or what else it was named by.
///
/// # Errors
/// When there is none.
pub async fn named_or_newest(client: &Client, named: Option<String>, of: String) -> Result<String, RpcError> {
    match named {
        Some(session) => Ok(session),
        None => newest(client, Some(of), "name one of another; `codex sessions --all` lists them").await,
    }
}

/// Id of the newest session, of the directory `of` or of all. Where that has none, `elsewhere` says how others are found.
async fn newest(client: &Client, of: Option<String>, elsewhere: &str) -> Result<String, RpcError> {
    let list = ThreadListParams { limit: Some(1), cwd: of.clone(), ..Default::default() };
    let newest = client.thread_list(list).await?.data.pop().ok_or_else(|| {
        let of = of.map(|cwd| format!(" that began in {cwd}; {elsewhere}")).unwrap_or_default();
        RpcError::new(ErrorKind::NotFound, format!("there is no session{of}"))
    })?;
    Ok(newest.id)
}

/// How sessions of other directories are found where `--all` can be typed.
const WITH_ALL: &str = "--all looks everywhere";

fn refused(error: &RpcError) -> ExitStatus {
    let more = match error.data {
        Some(ErrorKind::OpenElsewhere) => "; --take-over closes it there, `codex exec fork` goes on beside it",
        _ => "",
    };
    terminal::complain(&format!("{}{more}", error.message));
    status_of(error)
}

/// Whether what was typed is wrong, or something failed.
pub fn status_of(error: &RpcError) -> ExitStatus {
    match error.data {
        Some(ErrorKind::Internal) | None => ExitStatus::Failed,
        Some(ErrorKind::Configuration | ErrorKind::NotFound | ErrorKind::OpenElsewhere) => ExitStatus::Usage,
    }
}

/// Shows events until the turn has ended.
async fn follow(
    connection: &mut Connection,
    renderer: &mut Renderer,
    thread_id: &str,
    interrupts: &mut mpsc::UnboundedReceiver<Interrupt>,
) -> (View, Option<Stopped>) {
    let mut view = View::default();
    let mut stopped = None;
    while view.ended().is_none() {
        let message = tokio::select! {
            message = connection.events.recv() => message,
            Some(interrupt) = interrupts.recv() => {
                if interrupt == Interrupt::TimeOut {
                    renderer.time_is_up();
                }
                stopped = Some(Stopped::By(interrupt));
                stop(connection, thread_id).await;
                continue;
            }
        };
        let Some(message) = message else { break };
        if is_of_another(&message, thread_id) {
            continue;
        }
        view.apply(&message);
        let event = match message {
            ServerMessage::Event(event) => event,
            ServerMessage::Request { id, .. } => {
                decline(connection, id).await;
                continue;
            }
        };
        if matches!(stopped, Some(Stopped::Unwritable(_))) || is_terminated(&stopped, renderer, &event) {
            continue;
        }
        if let Err(error) = renderer.event(&event, &view) {
            stopped = Some(Stopped::Unwritable(error));
            stop(connection, thread_id).await;
        }
    }
    (view, stopped)
}

/// Whether `message` tells of another thread: a sub-agent's, of which its parent's own items tell what there is to know.
/// A question of it is answered as any other.
fn is_of_another(message: &ServerMessage, thread_id: &str) -> bool {
    let ServerMessage::Event(event) = message else { return false };
    thread_of(&event.notification).is_some_and(|thread| thread != thread_id)
}

/// Commands that run on end with the program; here they do it where it is seen. Errors change nothing: they end all the
/// same, and the turn is over.
async fn end_what_runs_on(connection: &mut Connection, renderer: &mut Renderer, thread_id: &str, view: &View) {
    let params = BackgroundTerminalsParams { thread_id: thread_id.to_owned() };
    let _ = connection.client.terminals_clean(params).await;
    while let Ok(message) = connection.events.try_recv() {
        if is_of_another(&message, thread_id) {
            continue;
        }
        if let ServerMessage::Event(event) = message
            && renderer.event(&event, view).is_err()
        {
            return;
        }
    }
}

/// Nobody is there to be asked. A server knows that of a thread that never asks; one that asks all the same is not kept
/// waiting.
async fn decline(connection: &Connection, request_id: u64) {
    let answer = ApprovalAnswer { decision: ApprovalDecision::Decline, message: None };
    // It may have been taken back in the meantime.
    let _ = connection.client.answer(ServerRequestAnswerParams { request_id, answer }).await;
}

/// Whether `event` would tell a program that its turn failed, after it has ended the turn itself with SIGTERM: client
/// programs then report their own abort, unless they are told of a failure before.
fn is_terminated(stopped: &Option<Stopped>, renderer: &Renderer, event: &Event) -> bool {
    let ServerNotification::TurnCompleted(changed) = &event.notification else { return false };
    matches!(stopped, Some(Stopped::By(Interrupt::Terminate)))
        && matches!(renderer.format, Format::Jsonl(_))
        && changed.turn.status == TurnStatus::Interrupted
}

async fn stop(connection: &Connection, thread_id: &str) {
    let params = TurnInterruptParams { thread_id: thread_id.to_owned(), turn_id: String::new() };
    // It may have ended in the meantime.
    let _ = connection.client.turn_interrupt(params).await;
}

fn conclude(view: &View, json: bool, last_message: Option<File>) -> ExitStatus {
    let message = view.last_message.as_deref().unwrap_or_default();
    let mut status = match view.ended() {
        Some(TurnStatus::Completed) => ExitStatus::Done,
        Some(TurnStatus::Interrupted) => ExitStatus::Interrupted,
        _ if is_limit(view) => ExitStatus::LimitReached,
        _ => ExitStatus::Failed,
    };
    if status != ExitStatus::Done {
        // What an earlier run had left there would be taken for the answer of this one.
        let _ = last_message.map(|file| replace(file, ""));
        return status;
    }
    if let Some(file) = last_message
        && let Err(error) = replace(file, message)
    {
        terminal::complain(&format!("--output-last-message: {error}"));
        // The answer was paid for: it is shown all the same.
        status = ExitStatus::Failed;
    }
    if json {
        return status;
    }
    let message = match io::stdout().is_terminal() {
        true => terminal::harmless(message),
        false => message.to_owned(),
    };
    let newline = if message.is_empty() || message.ends_with('\n') { "" } else { "\n" };
    match terminal::print(&format!("{message}{newline}")) {
        Ok(()) => status,
        Err(error) => unwritable(&error),
    }
}

/// Whether the turn was stopped because it has used what it may use.
fn is_limit(view: &View) -> bool {
    let info = view.error.as_ref().and_then(|error| error.codex_error_info.as_ref());
    info.is_some_and(|info| info == "sessionBudgetExceeded")
}

/// Prints what a review has found, as data.
fn conclude_review(view: &mut View, last_message: Option<File>) -> ExitStatus {
    let result = view.items.iter().rev().find_map(|item| match item {
        ThreadItem::ExitedReviewMode { result, .. } => result.as_ref(),
        _ => None,
    });
    match result {
        Some(result) => view.last_message = serde_json::to_string_pretty(result).ok(),
        None if view.ended() == Some(TurnStatus::Completed) => {
            let said = view.last_message.take().unwrap_or_default();
            terminal::complain(&format!("the model's answer is no review; it said:\n{said}"));
            let _ = last_message.map(|file| replace(file, ""));
            return ExitStatus::Failed;
        }
        None => {}
    }
    conclude(view, false, last_message)
}

/// Puts `text` in place of what `file` holds. A pipe or a device holds nothing, and refuses to be cut.
fn replace(mut file: File, text: &str) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

fn unwritable(error: &io::Error) -> ExitStatus {
    terminal::complain(&format!("cannot write to standard output: {error}"));
    ExitStatus::Failed
}
