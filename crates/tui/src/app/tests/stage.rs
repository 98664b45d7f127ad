//! An app with a terminal before it and a server behind it that a test speaks for.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use codex_protocol::{
    ClientRequest, ClientResponse, CommandListResult, Empty, Event, OwnCommand, Position, RpcError, ServerMessage,
    ServerNotification, ServerRequest, ThreadOpened, ThreadStartParams,
};
use codex_testkit::emulators::{Alacritty, Emulator};
use serde_json::{Value, json};

use super::super::{App, AppEvent, Effect, Opening, Purpose, Setup};
use crate::{
    composer::{Composer, History},
    intent::Draft,
    keymap::Keymap,
    look::Look,
    notify,
    screen::{Capabilities, Input, Screen},
    status_line,
    text::{ColorDepth, Size},
    theme::Theme,
};

/// Rows that the terminal keeps.
const SCROLLBACK: usize = 1000;

/// An emulator as something that is written to, and one that wraps rows anew.
#[derive(Clone)]
struct Terminal(Rc<RefCell<vt100::Parser>>, Rc<RefCell<Alacritty>>);

impl io::Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().process(bytes);
        self.1.borrow_mut().feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a stage is set up.
pub struct Plan {
    /// Columns and rows.
    pub size: (usize, usize),
    /// Whether the whole screen is ours.
    pub full: bool,
    /// How the session comes to be.
    pub opening: Opening,
    /// What is said first.
    pub first: Option<&'static str>,
    /// What the composer has from the time before.
    pub typed: Option<&'static str>,
    /// What the model that is configured lacks.
    pub lacks_key: bool,
    /// Whether the terminal wraps rows anew at another width, and shows pages on a screen of their own.
    pub reflows: bool,
}

impl Plan {
    /// A new session, of which nothing is special.
    pub fn usual(size: (usize, usize)) -> Self {
        let opening = Opening::Start(ThreadStartParams::default());
        Self { size, full: false, opening, first: None, typed: None, lacks_key: false, reflows: false }
    }
}

/// An app, its terminal and its server.
pub struct Stage {
    /// The app.
    pub app: App,
    /// What was asked of the server and is not answered, the oldest first.
    pub asked: VecDeque<(ClientRequest, Purpose)>,
    /// What else was wanted.
    pub done: Vec<Effect>,
    /// How often the branch was asked for.
    pub branch_asked: usize,
    /// Drafts that were kept for the next time.
    pub kept: Vec<Draft>,
    /// The commands that are not built in.
    pub own: Vec<OwnCommand>,
    now: Instant,
    screen: Screen<Terminal>,
    terminal: Terminal,
    reflows: bool,
}

impl Stage {
    pub fn new(plan: Plan) -> Self {
        let (columns, rows) = plan.size;
        let size = Size { columns, rows };
        let look = Look { width: columns, theme: Theme::Ansi };
        let guide = crate::onboarding::guide("its key is missing", "OPENAI_API_KEY", &look);
        let setup = Setup {
            look,
            theme_name: "ansi".into(),
            size,
            keymap: Keymap::new(&Default::default()).unwrap(),
            status: status_line::USUAL.to_vec(),
            whereabouts: status_line::Whereabouts { home: Some("/home/u".into()), machine: None },
            full: plan.full,
            notifications: notify::Method::Osc9,
            onboarding: if plan.lacks_key { guide } else { Vec::new() },
            start: ThreadStartParams::default(),
            resume: Default::default(),
        };
        let first = plan.first.map(draft);
        let mut composer = Composer::new(History::default());
        if let Some(typed) = plan.typed {
            composer.set(draft(typed));
        }
        let terminal = Terminal(
            Rc::new(RefCell::new(vt100::Parser::new(rows as u16, columns as u16, SCROLLBACK))),
            Rc::new(RefCell::new(Alacritty::new(plan.size))),
        );
        let can = Capabilities {
            colors: ColorDepth::True,
            reflows: plan.reflows,
            links: true,
            modified_keys: false,
            pictures: None,
            settles: Duration::ZERO,
            is_dumb: false,
        };
        let mut stage = Self {
            app: App::new(setup, composer, plan.opening, first),
            asked: VecDeque::new(),
            done: Vec::new(),
            branch_asked: 0,
            kept: Vec::new(),
            own: Vec::new(),
            now: Instant::now(),
            // Not the alternate buffer: the process has one for all tests. What is drawn is the same.
            screen: Screen::inline(terminal.clone(), size, can),
            terminal,
            reflows: plan.reflows,
        };
        stage.draw();
        stage
    }

    /// One whose session is open.
    pub fn opened(size: (usize, usize)) -> Self {
        let mut stage = Self::new(Plan::usual(size));
        stage.open();
        stage
    }

    /// Something happens.
    pub fn event(&mut self, event: AppEvent) -> &mut Self {
        self.app.handle(event, self.now);
        self.draw()
    }

    fn draw(&mut self) -> &mut Self {
        let mut effects = VecDeque::from(self.app.effects());
        while let Some(effect) = effects.pop_front() {
            match effect {
                // The server knows at once.
                Effect::Call(_, purpose @ Purpose::OwnCommands) => {
                    let found = CommandListResult { data: self.own.clone(), warnings: Vec::new() };
                    let answer = AppEvent::Answered(purpose, Ok(ClientResponse::CommandList(found)));
                    self.app.handle(answer, self.now);
                    effects.extend(self.app.effects());
                }
                // Asked after each turn, and shown by a test of its own.
                Effect::Call(_, Purpose::Branch) => self.branch_asked += 1,
                Effect::KeepDraft(draft) => self.kept.push(draft),
                Effect::Call(request, purpose) => self.asked.push_back((*request, purpose)),
                other => self.done.push(other),
            }
        }
        let has_pages = self.reflows && self.app.is_page();
        self.screen.page(has_pages);
        if has_pages {
            self.screen.frame(&self.app.live(self.now), self.screen.size()).unwrap();
            return self;
        }
        self.screen.print(self.app.finished());
        while self.app.is_behind() {
            self.screen.print(self.app.finished());
        }
        self.screen.frame(&self.app.live(self.now), self.screen.size()).unwrap();
        self
    }

    /// Presses keys, which stand between spaces.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            self.event(AppEvent::Input(Input::Key(key.parse().unwrap_or_else(|error| panic!("{error}")))));
        }
        self
    }

    /// Types text.
    pub fn types(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            let key = if letter == ' ' { "space".to_owned() } else { letter.to_string() };
            self.keys(&key);
        }
        self
    }

    /// Types text and sends it.
    pub fn says(&mut self, text: &str) -> &mut Self {
        self.types(text).keys("enter")
    }

    /// The terminal has another size.
    pub fn resize(&mut self, (columns, rows): (usize, usize)) -> &mut Self {
        let size = Size { columns, rows };
        self.terminal.1.borrow_mut().resize((columns, rows));
        self.screen.resize(size);
        let left = self.screen.left_behind();
        self.screen.print(self.app.left_behind(left));
        self.input(Input::Resize(size))
    }

    /// All lines of the terminal that wraps rows anew: those of the scrollback and of the screen.
    pub fn lines(&self) -> Vec<String> {
        self.terminal.1.borrow_mut().lines()
    }

    /// The rows of its screen.
    pub fn screen_lines(&self) -> Vec<String> {
        self.terminal.1.borrow_mut().screen()
    }

    /// Something else comes from the terminal.
    pub fn input(&mut self, input: Input) -> &mut Self {
        self.event(AppEvent::Input(input))
    }

    /// The server answers none of what it was asked.
    pub fn clear_asked(&mut self) -> &mut Self {
        self.asked.clear();
        self
    }

    /// Time passes.
    pub fn waits(&mut self, milliseconds: u64) -> &mut Self {
        self.now += Duration::from_millis(milliseconds);
        self.app.wake(self.now);
        self.draw()
    }

    /// When the app wants to be woken, in milliseconds from now.
    pub fn wakes_in(&self) -> Option<u128> {
        self.app.wakes_at(self.now).map(|at| at.saturating_duration_since(self.now).as_millis())
    }

    /// The server tells something.
    pub fn told(&mut self, method: &str, params: Value) -> &mut Self {
        let notification: ServerNotification =
            serde_json::from_value(json!({ "method": method, "params": params })).unwrap();
        self.event(AppEvent::Server(ServerMessage::Event(Event { notification, position: Position::Transient {} })))
    }

    /// The server asks something.
    pub fn is_asked(&mut self, id: u64, method: &str, params: Value) -> &mut Self {
        let request: ServerRequest = serde_json::from_value(json!({ "method": method, "params": params })).unwrap();
        self.event(AppEvent::Server(ServerMessage::Request { id, request }))
    }

    /// The oldest request is answered.
    pub fn answered(&mut self, response: ClientResponse) -> &mut Self {
        let (_, purpose) = self.asked.pop_front().expect("something was asked");
        self.event(AppEvent::Answered(purpose, Ok(response)))
    }

    /// The oldest request is refused.
    pub fn refused(&mut self, message: &str) -> &mut Self {
        self.refused_as(codex_protocol::ErrorKind::Internal, message)
    }

    /// The oldest request is refused, and what is to be concluded from it.
    pub fn refused_as(&mut self, kind: codex_protocol::ErrorKind, message: &str) -> &mut Self {
        let (_, purpose) = self.asked.pop_front().expect("something was asked");
        self.event(AppEvent::Answered(purpose, Err(RpcError::new(kind, message))))
    }

    /// The session opens.
    pub fn open(&mut self) -> &mut Self {
        self.answered(ClientResponse::ThreadStart(thread("")))
    }

    /// A turn begins, as it was asked.
    pub fn begins(&mut self, id: &str) -> &mut Self {
        self.told("turn/started", json!({ "threadId": "t", "turn": turn(id, "inProgress") }))
    }

    /// A turn ends.
    pub fn ends(&mut self, id: &str, status: &str) -> &mut Self {
        self.told("turn/completed", json!({ "threadId": "t", "turn": turn(id, status) }))
    }

    /// An item begins.
    pub fn item_begins(&mut self, item: Value) -> &mut Self {
        self.told("item/started", json!({ "threadId": "t", "turnId": "1", "startedAtMs": 0, "item": item }))
    }

    /// An item is complete.
    pub fn item(&mut self, item: Value) -> &mut Self {
        self.told("item/completed", json!({ "threadId": "t", "turnId": "1", "completedAtMs": 0, "item": item }))
    }

    /// The oldest request is done, and there is nothing to say of it.
    pub fn done(&mut self, answer: fn(Empty) -> ClientResponse) -> &mut Self {
        self.answered(answer(Empty {}))
    }

    /// A turn runs in which `text` was said.
    pub fn works(&mut self, text: &str) -> &mut Self {
        self.says(text).begins("1");
        self.asked.clear();
        self.item(json!({ "type": "userMessage", "id": "u1", "content": [{ "type": "text", "text": text }] }))
    }

    /// Methods that were asked for and are not answered.
    pub fn methods(&self) -> Vec<String> {
        let method = |(request, _): &(ClientRequest, Purpose)| {
            json!(request).get("method").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        self.asked.iter().map(method).collect()
    }

    /// What is seen, row by row, and where the cursor stands.
    pub fn shown(&self) -> String {
        let terminal = self.terminal.0.borrow();
        let screen = terminal.screen();
        let (_, columns) = screen.size();
        let mut rows: Vec<String> = screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        rows.truncate(rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1));
        let (row, column) = screen.cursor_position();
        let cursor =
            if screen.hide_cursor() { "no cursor".to_owned() } else { format!("cursor {}, {}", row + 1, column + 1) };
        let text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
        text.replace(&format!("codex {}", env!("CARGO_PKG_VERSION")), "codex VERSION") + &format!("[{cursor}]\n")
    }
}

/// Text alone.
pub fn draft(text: &str) -> Draft {
    Draft { text: text.into(), pictures: Vec::new() }
}

/// A session that has opened, in which `preview` was said first.
pub fn thread(preview: &str) -> ThreadOpened {
    serde_json::from_value(json!({
        "thread": {
            "id": "t", "sessionId": "t", "cliVersion": "1.0.0", "createdAt": 0, "updatedAt": 0, "ephemeral": false,
            "cwd": "/home/u/work/project", "gitInfo": { "branch": "main" }, "modelProvider": "openai", "path": null,
            "preview": preview, "projectId": null, "source": "cli", "status": { "type": "idle" }, "turns": [],
        },
        "cwd": "/home/u/work/project", "model": "gpt-5.5-codex", "modelProvider": "openai",
        "approvalPolicy": "on-request", "approvalsReviewer": "user", "sandbox": { "type": "workspaceWrite" },
        "heldBy": "namespaces, Landlock and seccomp",
    }))
    .unwrap()
}

/// A turn without its items.
pub fn turn(id: &str, status: &str) -> Value {
    json!({ "id": id, "items": [], "status": status, "error": null })
}

/// A question about a command.
pub fn command_question() -> Value {
    json!({
        "kind": "command", "threadId": "t", "turnId": "1", "itemId": "c1", "startedAtMs": 0, "reason": "it is on no list",
        "command": "cargo test --all", "cwd": "/home/u/work/project",
        "availableDecisions": ["accept", "acceptForSession",
            { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["cargo", "test"] } }, "decline", "cancel"],
        "terms": { "confinement": "in the sandbox: writes /home/u/work/project; no network", "remember": "cargo test" },
    })
}
