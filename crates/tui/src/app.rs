//! The state of the screen, and what each event makes of it. It calls nothing and writes nothing: what is to be done comes
//! out as [`Effect`]s, what is to be shown as rows.

mod again;
mod agents;
mod answers;
mod compaction;
mod draw;
mod effect;
mod export;
mod fork;
mod going_back;
mod hooks;
mod intents;
mod keys;
mod manage;
mod messages;
mod own_commands;
mod plans;
mod questions;
mod resuming;
mod reviews;
mod servers;
mod session;
mod skills;
#[cfg(test)]
mod tests;
mod whose;

use std::time::{Duration, Instant};

use codex_protocol::{
    ClientResponse, RpcError, ServerMessage, ThreadForkParams, ThreadResumeParams, ThreadStartParams,
};

use crate::{
    composer::Composer,
    intent::{Draft, Intent},
    keymap::Keymap,
    look::Look,
    notify,
    overlays::{self, Overlay},
    popup::Popup,
    queue::Queue,
    screen::Input,
    status_line,
    text::{Row, Size},
    theme::Theme,
    transcript::Feed,
};

pub use effect::{Effect, Purpose};
pub use plans::Proposed;
use questions::Questions;
use session::Before;
pub use session::Session;

/// How long after the last change what is not sent is kept for the next time.
const UNSAVED: Duration = Duration::from_secs(1);

/// What the screen begins with.
#[derive(Debug, Clone)]
pub enum Opening {
    /// A new session.
    Start(ThreadStartParams),
    /// An earlier one, by id, its beginning, or its name.
    Resume(ThreadResumeParams),
    /// The newest of a directory, or of all.
    Last {
        /// With the id to be filled in.
        params: ThreadResumeParams,
        /// Absolute directory.
        of: Option<String>,
    },
    /// One that the person chooses.
    Pick {
        /// With the id to be filled in.
        params: ThreadResumeParams,
        /// Of all directories.
        all: bool,
    },
    /// A branch of an earlier one.
    Fork(Box<ThreadForkParams>),
    /// A branch of the newest of a directory, or of all.
    ForkLast {
        /// With the id to be filled in.
        params: Box<ThreadForkParams>,
        /// Absolute directory.
        of: Option<String>,
    },
    /// A branch of one that the person chooses.
    ForkPick {
        /// Of all directories.
        all: bool,
    },
}

/// How the screen is set up; changes seldom.
#[derive(Debug)]
pub struct Setup {
    /// Looks.
    pub look: Look,
    /// Name of the theme, as it is configured.
    pub theme_name: String,
    /// Size of the terminal.
    pub size: Size,
    /// What each key does.
    pub keymap: Keymap,
    /// Items of the line at the bottom.
    pub status: Vec<status_line::Item>,
    /// Where directories are.
    pub whereabouts: status_line::Whereabouts,
    /// Whether the whole screen is ours, and the transcript is kept here.
    pub full: bool,
    /// How a person who looks elsewhere is told.
    pub notifications: notify::Method,
    /// What the model that is configured lacks, in rows for people: the key.
    pub onboarding: Vec<Row>,
    /// How a new session is started here.
    pub start: ThreadStartParams,
    /// How an earlier one is gone on with here; the id is filled in.
    pub resume: ThreadResumeParams,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// How the screen is set up.
    pub setup: Setup,
    /// The session, once it is open.
    pub session: Option<Session>,
    before: Before,
    /// The transcript's open end.
    pub feed: Feed,
    /// What is being typed.
    pub composer: Composer,
    /// What waits for its turn.
    pub queue: Queue,
    /// Whether what runs is stopped at the end, if the person has said so.
    stops: Option<bool>,
    overlays: Vec<Box<dyn Overlay>>,
    questions: Questions,
    focus: Focus,
    effects: Vec<Effect>,
}

/// Where the person is, and what they were last told.
#[derive(Debug)]
struct Focus {
    /// Whether the terminal has the keyboard, as far as it says.
    focused: bool,
    /// When a key was last pressed.
    last_key: Option<Instant>,
    /// The list above the composer.
    popup: Option<Popup>,
    /// Said in place of the status line until the next key.
    hint: Option<String>,
    /// Whether the next Ctrl+C leaves.
    leaving: bool,
    /// Whether the next Esc goes back.
    going_back: bool,
    /// Rows that the transcript is scrolled up, where the whole screen is ours.
    scroll: usize,
    /// Whether the servers of tools are asked for again.
    servers: servers::Asked,
    /// When what is typed or waits was last another.
    unsaved: Option<Instant>,
    /// The transcript's rows, where the whole screen is ours.
    kept: std::collections::VecDeque<Row>,
}

/// What happens.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "answers are few, and events do not wait in numbers")]
pub enum AppEvent {
    /// At the terminal.
    Input(Input),
    /// At the server.
    Server(ServerMessage),
    /// A line was typed, where nothing can be drawn.
    Line(String),
    /// A request was answered.
    Answered(Purpose, Result<ClientResponse, RpcError>),
    /// Something was done here: an editor was closed, a file written.
    Local(Local),
    /// The program was sent SIGINT: Ctrl+C where nothing is drawn, or from elsewhere.
    Interrupted,
    /// The server is gone.
    Lost,
}

/// Something that was done here.
#[derive(Debug)]
pub enum Local {
    /// The editor was closed; what it left.
    Edited(Result<String, String>),
    /// The clipboard was looked at: the absolute path of a picture.
    Picture(Result<String, String>),
    /// Something was written, and this is to be said of it.
    Told(Result<String, String>),
}

impl App {
    /// A screen without a session; `opening` says how it gets one, `first` what is said in it first.
    pub fn new(setup: Setup, composer: Composer, opening: Opening, first: Option<Draft>) -> Self {
        let mut app = Self {
            setup,
            session: None,
            before: Before::default(),
            feed: Feed::new(),
            composer,
            queue: Queue::default(),
            stops: None,
            overlays: Vec::new(),
            questions: Questions::default(),
            focus: Focus {
                focused: true,
                last_key: None,
                popup: None,
                hint: None,
                leaving: false,
                going_back: false,
                scroll: 0,
                servers: servers::Asked::default(),
                unsaved: None,
                kept: std::collections::VecDeque::new(),
            },
            effects: Vec::new(),
        };
        if !app.composer.is_empty() {
            app.focus.hint = Some("put back: what was typed here and not sent".into());
        }
        app.queue.extend(first);
        if !app.setup.onboarding.is_empty() {
            app.feed.notice(app.setup.onboarding.clone());
        }
        app.open(opening);
        app
    }

    /// Takes an event in, which happened at `now`.
    pub fn handle(&mut self, event: AppEvent, now: Instant) {
        let waited = self.queue.drafts().count();
        let typed = matches!(
            event,
            AppEvent::Input(Input::Key(_) | Input::Paste(_))
                | AppEvent::Line(_)
                | AppEvent::Local(Local::Edited(_) | Local::Picture(Ok(_)))
        );
        match event {
            AppEvent::Input(input) => self.input(input, now),
            AppEvent::Line(line) => self.line(&line),
            AppEvent::Server(message) => self.message(message, now),
            AppEvent::Answered(purpose, result) => self.answered(purpose, result, now),
            AppEvent::Local(Local::Edited(Ok(text))) => {
                if !self.plan_edited(&text) {
                    self.composer.set(Draft { text, pictures: Vec::new() });
                }
            }
            AppEvent::Local(Local::Picture(Ok(path))) => {
                self.focus.hint = None;
                self.composer.paste(&path);
            }
            AppEvent::Local(Local::Told(Ok(text))) => self.say(&text),
            AppEvent::Local(Local::Picture(Err(text))) => self.focus.hint = Some(text),
            AppEvent::Local(Local::Edited(Err(text)) | Local::Told(Err(text))) => self.complain(&text),
            AppEvent::Interrupted => self.interrupted(),
            AppEvent::Lost => {
                self.complain("the server is gone; what it wrote is kept");
                self.effects.push(Effect::Quit);
            }
        }
        if typed || waited != self.queue.drafts().count() {
            self.focus.unsaved = Some(now);
        }
        self.raise_question(now);
    }

    /// What is to be done, in order; each is given out once.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When something changes without an event: the time of what runs, a question that waits for the keys to rest,
    /// a draft that is to be kept.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let ticks = self.session.as_ref().and_then(|session| session.next_second(now));
        let saves = self.focus.unsaved.map(|at| at + UNSAVED);
        // One question at a time: where one is up, the next waits for its answer.
        let raises = if self.is_asking() { None } else { self.questions.raised_at(self.focus.last_key) };
        [ticks, saves, raises].into_iter().flatten().min()
    }

    /// Time has come.
    pub fn wake(&mut self, now: Instant) {
        if self.focus.unsaved.take_if(|at| now.saturating_duration_since(*at) >= UNSAVED).is_some() {
            let draft = self.draft();
            self.effects.push(Effect::KeepDraft(draft));
        }
        self.raise_question(now);
    }

    fn notify(&mut self, event: notify::Event) {
        let bytes = notify::sequence(event, self.setup.notifications);
        self.effects.push(Effect::Send(bytes));
    }

    fn theme(&mut self, name: &str) {
        self.setup.look.theme = overlays::theme(name).unwrap_or(Theme::Ansi);
        self.setup.theme_name = name.to_owned();
        self.effects.push(if name == "auto" { Effect::AskBackground } else { Effect::Redraw });
    }

    /// The terminal's background is this: a theme that follows it is known now.
    fn background(&mut self, red: u8, green: u8, blue: u8) {
        if self.setup.theme_name == "auto" {
            // Rec. 601 luma, of 255.
            let luma = (299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue)) / 1000;
            self.setup.look.theme = if luma < 128 { Theme::Dark } else { Theme::Light };
            self.effects.push(Effect::Redraw);
        }
    }

    /// Lays `overlay` over the composer.
    fn lay(&mut self, mut overlay: Box<dyn Overlay>) {
        overlay.bind(&self.setup.keymap);
        self.focus.popup = None;
        self.overlays.push(overlay);
    }

    fn want(&mut self, intents: Vec<Intent>) {
        for intent in intents {
            self.intend(intent);
        }
    }
}
