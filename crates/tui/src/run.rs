//! The loop: what happens goes into the state, what the state wants is done, what it shows is drawn.
//!
//! It never waits for the server: each request is a task whose answer comes back as an event. Keys are drawn at once,
//! what streams in at most once in [`FRAME`].

mod crash;
mod doing;
mod face;
mod unsent;

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    time::{Duration, Instant},
};

use codex_client::{Client, Connection};
use codex_config::{Environment, ScreenSettings};
use codex_protocol::{
    BackgroundTerminalsParams, ClientRequest, ServerMessage, ThreadResumeParams, ThreadStartParams, TurnInterruptParams,
};
use futures_util::{FutureExt, StreamExt};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    app::{App, AppEvent, Opening, Purpose},
    intent::Draft,
    screen::Input,
};
use face::{Face, Inputs};
use unsent::Unsent;

/// Least time between two frames of what streams in.
const FRAME: Duration = Duration::from_millis(16);
/// Longest time that messages are taken in before keys are looked at again.
const BATCH: Duration = Duration::from_millis(4);
/// How long a turn is given to stop at the end. What it did is on disk by then in any case.
const GRACE: Duration = Duration::from_secs(2);
/// How long an answer of the terminal is waited for at the end: the shell would take it for keys.
const ANSWER: Duration = Duration::from_secs(1);

/// What the screen is opened with.
#[derive(Debug)]
pub struct Options {
    /// The environment, read once.
    pub environment: Environment,
    /// Absolute directory of sessions, history and settings.
    pub codex_home: PathBuf,
    /// How the session comes to be.
    pub opening: Opening,
    /// How a new session is started.
    pub start: ThreadStartParams,
    /// How an earlier one is gone on with; the id is filled in.
    pub resume: ThreadResumeParams,
    /// What is said first.
    pub first: Option<Draft>,
    /// Keys, theme, items.
    pub settings: ScreenSettings,
    /// What the selected provider of models lacks: the variable or the provider's name.
    pub lacks_key: Option<String>,
    /// Whether the session begins in plan mode.
    pub plan: bool,
    /// The address of the machine that the session is on, if it is another.
    pub machine: Option<String>,
    /// Programs of the person's own.
    pub programs: Programs,
}

/// What starts programs of the person's own. An error is a sentence for people.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// Opens the editor on a file and waits for its end.
    pub editor: fn(&Environment, &Path) -> Result<(), String>,
    /// Puts the picture that is in the clipboard into a file below the directory of sessions, and says where it is.
    pub clipboard: fn(Environment, PathBuf) -> Looked,
    /// Opens an address in the browser, and says so.
    pub browser: fn(Environment, String) -> Looked,
}

/// A look into the clipboard, or for a browser, under way.
pub type Looked = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The session that was open, if anything of it was kept.
    pub session: Option<String>,
    /// Whether a turn of it goes on, on another machine.
    pub runs_on: bool,
}

/// What the loop works with besides the state.
struct Surroundings {
    client: Client,
    events: mpsc::UnboundedSender<AppEvent>,
    face: Face,
    environment: Environment,
    codex_home: PathBuf,
    programs: Programs,
    unsent: Unsent,
}

/// Shows the screen until the person leaves, or the terminal does.
///
/// # Errors
/// When the terminal cannot be used as one; nothing has been changed then.
pub async fn run(connection: Connection, options: Options) -> io::Result<Ending> {
    let Connection { client, events: messages } = connection;
    let (sender, answers) = mpsc::unbounded_channel();
    let (mut app, mut surroundings) = doing::set_up(client, sender, options)?;
    let result = turn_over(&mut app, &mut surroundings, messages, answers).await;
    let runs_on = !app.stops();
    if !runs_on {
        let _ = tokio::time::timeout(GRACE, stop(&app, &surroundings.client)).await;
    }
    result?;
    Ok(Ending { session: app.kept_session(), runs_on })
}

async fn turn_over(
    app: &mut App,
    surroundings: &mut Surroundings,
    mut messages: mpsc::Receiver<ServerMessage>,
    mut answers: mpsc::UnboundedReceiver<AppEvent>,
) -> io::Result<()> {
    let mut inputs = surroundings.face.inputs();
    let result = go_on(app, surroundings, &mut inputs, &mut messages, &mut answers).await;
    surroundings.unsent.keep(app.draft());
    let left = surroundings.face.leave(app);
    let end = Instant::now() + ANSWER;
    while left.is_ok() && surroundings.face.is_asked() {
        match tokio::time::timeout_at(end.into(), inputs.next()).await {
            Ok(Some(AppEvent::Input(Input::Answered | Input::Gone)) | None) | Err(_) => surroundings.face.answered(),
            Ok(Some(_)) => {}
        }
    }
    surroundings.face.give_back();
    result.and(left)
}

/// Until the person leaves, or the terminal does.
async fn go_on(
    app: &mut App,
    surroundings: &mut Surroundings,
    inputs: &mut Inputs,
    messages: &mut mpsc::Receiver<ServerMessage>,
    answers: &mut mpsc::UnboundedReceiver<AppEvent>,
) -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // Before anything slow: keys are taken from here on.
    let mut is_behind = surroundings.face.show(app)?;
    let (mut shown, mut show_at) = (Instant::now(), is_behind.then(Instant::now));
    loop {
        for effect in app.effects() {
            if !doing::carry_out(effect, app, surroundings)? {
                return Ok(());
            }
        }
        let now = Instant::now();
        if show_at.is_some_and(|at| at <= now) {
            is_behind = surroundings.face.show(app)?;
            shown = Instant::now();
            // After another size, nothing is drawn for a moment.
            show_at = surroundings.face.settles_at().or(is_behind.then_some(shown));
        }
        let wakes_at = [show_at, app.wakes_at(now)].into_iter().flatten().min();
        let event = tokio::select! {
            biased;
            input = inputs.next() => Some(input.unwrap_or(AppEvent::Input(Input::Gone))),
            _ = terminated.recv() => return Ok(()),
            _ = hung_up.recv() => return Ok(()),
            _ = interrupted.recv() => Some(AppEvent::Interrupted),
            Some(answer) = answers.recv() => Some(answer),
            // What comes faster than it can be shown waits with whoever tells it.
            message = messages.recv(), if !is_behind => Some(message.map_or(AppEvent::Lost, AppEvent::Server)),
            () = until(wakes_at) => None,
        };
        let now = Instant::now();
        let soonest = if matches!(event, Some(AppEvent::Server(_))) { shown + FRAME } else { now };
        take_in(event, app, surroundings, inputs, messages);
        show_at = Some(show_at.map_or(soonest, |at: Instant| at.min(soonest)));
    }
}

/// Takes an event in, and those that have come with it: a frame for each of a hundred would be wasted.
fn take_in(
    event: Option<AppEvent>,
    app: &mut App,
    surroundings: &mut Surroundings,
    inputs: &mut Inputs,
    messages: &mut mpsc::Receiver<ServerMessage>,
) {
    let now = Instant::now();
    match event {
        Some(AppEvent::Server(message)) => {
            app.handle(AppEvent::Server(message), now);
            while now.elapsed() < BATCH {
                let Ok(message) = messages.try_recv() else { break };
                app.handle(AppEvent::Server(message), now);
            }
        }
        Some(AppEvent::Input(input)) => {
            let mut next = Some(AppEvent::Input(input));
            while let Some(event) = next {
                match event {
                    AppEvent::Input(Input::Resize(_)) => surroundings.face.resize(app),
                    AppEvent::Input(Input::Answered) => surroundings.face.answered(),
                    _ => {}
                }
                app.handle(event, now);
                // A paste that the terminal does not mark is many keys.
                next = inputs.next().now_or_never().flatten();
            }
        }
        Some(event) => app.handle(event, now),
        None => app.wake(now),
    }
    crash::remember(app.kept_session());
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Asks the server; the answer comes back as an event.
fn ask(surroundings: &Surroundings, request: ClientRequest, purpose: Purpose) {
    let (client, events) = (surroundings.client.clone(), surroundings.events.clone());
    tokio::spawn(async move {
        let answer = client.call(request).await;
        let _ = events.send(AppEvent::Answered(purpose, answer));
    });
}

/// Stops what runs.
async fn stop(app: &App, client: &Client) {
    let Some(session) = &app.session else { return };
    let thread_id = session.id();
    if let Some(turn) = &session.turn {
        let params = TurnInterruptParams { thread_id: thread_id.clone(), turn_id: turn.id.clone() };
        let _ = client.turn_interrupt(params).await;
    }
    let _ = client.terminals_clean(BackgroundTerminalsParams { thread_id }).await;
}
