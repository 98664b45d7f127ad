//! A thread: a conversation that turns are started in, one at a time.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use codex_history::{Content, History, Message};
use codex_model::Model;
use codex_protocol::{
    CollabAgentState, Event, ItemsView, Position, ServerMessage, ServerNotification, ThreadItem, ThreadStatus, Turn,
    TurnChanged, TurnStatus, UserInput,
};
use codex_store::{Epoch, Journal, Record, Replayed, StoreError, TempDirectory};
use codex_tools::{EndedProcess, ProcessInfo, Processes, TerminalSize};
use codex_workspace::Roots;
use futures_util::{FutureExt, future::OptionFuture};
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    AgentInfo, AgentOrder, Agents, Budget, Decisions, Mode, Part, Questions, Spoken, Standing, ThreadSettings,
    UserCommand,
    agents::take_between_turns,
    approvals::Granted,
    checkpoints::{Keeper, Keeping},
    context,
    diagnostics::Checks,
    hooks,
    input::said,
    mode::{self, Next},
    nested_instructions::Nested,
    recorder::{Recorder, SharedJournal},
    review::{Apart, Review},
    spoken::{read, waits},
    standing::SharedStanding,
    steers::Said,
    titles::Titling,
    turn::{Reach, TurnOptions, TurnRun, complete, status_changed},
};

const ENDED_WITH_THE_PROGRAM: &str = include_str!("prompts/ended_with_the_program.md");
const FORKED: &str = include_str!("prompts/forked.md");
const UNANSWERED: &str = include_str!("prompts/unanswered.md");

/// A conversation. Turns run on their own task; what happens in them arrives as events.
#[derive(Debug)]
pub struct Thread {
    id: String,
    /// Its record on disk; `None`: nothing of it is kept.
    journal: Option<PathBuf>,
    record: SharedJournal,
    budget: Budget,
    pub(crate) state: Arc<tokio::sync::Mutex<ThreadState>>,
    running: Arc<Mutex<Option<Running>>>,
    processes: Arc<Processes>,
    pub(crate) standing: SharedStanding,
    pub(crate) keeping: Option<Keeping>,
    /// What is in force from the next turn on.
    next: Arc<Mutex<Next>>,
    agents: Option<Arc<Agents>>,
}

/// What a thread is made of.
#[derive(Debug)]
pub struct ThreadParts {
    /// Its id: a UUID, version 7.
    pub id: String,
    /// What it runs with.
    pub settings: ThreadSettings,
    /// Its record. That of a new thread holds its header and nothing else.
    pub journal: Journal,
    /// What its commands see as `/tmp`.
    pub temp: TempDirectory,
    /// Where it tells what happens.
    pub events: mpsc::Sender<ServerMessage>,
    /// Where its questions wait for their answers.
    pub questions: Arc<Questions>,
    /// Whether the output of commands and the model's thinking are told while they come.
    pub live: bool,
    /// What it may use, and has used.
    pub budget: Budget,
    /// Where the states of files are kept; `None`: none are.
    pub keeping: Option<Keeping>,
}

/// What a turn works on. Held by the running turn, by nobody between turns.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub(crate) settings: ThreadSettings,
    pub(crate) recorder: Recorder,
    pub(crate) history: History,
    pub(crate) budget: Budget,
    pub(crate) turns: u64,
    pub(crate) processes: Arc<Processes>,
    pub(crate) questions: Arc<Questions>,
    pub(crate) granted: Granted,
    pub(crate) standing: SharedStanding,
    /// What it knows of its hooks.
    pub(crate) hooks: hooks::OfThread,
    /// The states that files go through.
    pub(crate) checkpoints: Keeper,
    /// What there is to look at, and what was found.
    pub(crate) checks: Checks,
    /// Kept for its `Drop`: the directory goes with the thread.
    pub(crate) temp: Option<TempDirectory>,
    /// What is the thread's own, while a review has its place.
    pub(crate) apart: Option<Apart>,
    /// The directories below the workspace that were touched.
    pub(crate) nested: Nested,
}

/// When settings come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// When the thread is opened.
    Opened,
    /// While it is open: what runs on does so still.
    Midway,
}

/// A turn whose user message is recorded.
struct Begun {
    state: OwnedMutexGuard<ThreadState>,
    turn_id: String,
    /// What the user said, and the ordinal of its record.
    item: ThreadItem,
    seq: u64,
    /// What the model reads of it, where something is to be run first.
    unread: Vec<Vec<Part>>,
}

/// Why a turn is there.
pub(crate) enum Because {
    /// The user said something, which is recorded with this ordinal. Where something is to be run before the model can read
    /// it, `unread` is what it will read.
    Said { item: ThreadItem, seq: u64, unread: Vec<Vec<Part>> },
    /// The user typed a command.
    Typed(UserCommand),
    /// The user wants changes looked at.
    Review(Review),
    /// The user wants the conversation summed up, and the summary to dwell on something.
    Compaction(Option<String>),
}

#[derive(Debug, Default)]
pub(crate) struct Running {
    turn_id: String,
    reach: Reach,
    /// What the user's pictures are looked for in.
    roots: Option<Arc<Roots>>,
    /// Who is asked about what the user says meanwhile.
    hooks: Option<hooks::Caller>,
    /// Who is asked; nobody yet, or none is.
    model: Option<Arc<dyn Model>>,
}

/// Why a thread did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ThreadError {
    /// One turn at a time.
    #[error("a turn is already running in this thread")]
    Busy,
    /// Walls change between turns only.
    #[error("a turn is running: the sandbox and the approvals can be changed when it has ended")]
    BusyForWalls,
    /// Commands would keep walls that the thread does not have any more.
    #[error("commands still run in this thread ({0}), and keep the walls they have: stop them to change the sandbox")]
    StillRuns(usize),
    /// Sub-agents would keep walls that the thread does not have any more.
    #[error(
        "sub-agents still work for this thread ({0}), and keep the walls they have: stop them to change the sandbox"
    )]
    AgentsWork(usize),
    /// One turn at a time.
    #[error("a turn is running: run the command when it has ended, or interrupt it first")]
    BusyForCommands,
    /// One turn at a time, and a summary is one.
    #[error("a turn is running: sum the conversation up when it has ended, or interrupt it first")]
    BusyForCompaction,
    /// The model has said nothing yet.
    #[error("there is nothing to sum up yet")]
    NothingToSumUp,
    /// No summary is in force.
    #[error("the conversation was not summed up: there is nothing to undo")]
    NotSummedUp,
    /// Nothing was typed.
    #[error("there is no command to run")]
    EmptyCommand,
    /// One turn at a time.
    #[error("a turn is running: go back when it has ended, or interrupt it first")]
    BusyForGoingBack,
    /// The conversation has no such turn.
    #[error("the conversation has no turn `{0}` to go back to")]
    NoSuchTurn(String),
    /// It did not go back, or went on since.
    #[error("there is nothing to redo: the session did not go back, or has gone on since")]
    NothingToRedo,
    /// They would change what is restored.
    #[error("commands still run in this thread ({0}), and may change files: stop them first, in /ps or with /stop")]
    MayChangeFiles(usize),
    /// They would change what is restored.
    #[error("sub-agents still work for this thread ({0}), and may change files: stop them first, in /agents")]
    AgentsMayChangeFiles(usize),
    /// There is nothing to restore files from.
    #[error("no states of files are kept for this thread, so that none can be restored")]
    NoStates,
    /// States of files cannot be taken or read.
    #[error("files cannot go back: {0}")]
    States(String),
    /// Nothing says what it was.
    #[error("the thread is ephemeral: nothing of it is kept, so that it cannot go back")]
    Unkept,
    /// The level of the sandbox lets no command run.
    #[error("no command runs in read-only mode: switch to workspace-write first, in /permissions or with --sandbox")]
    ReadOnly,
    /// Nothing is run for the user either while the thread plans.
    #[error("no command runs in plan mode: Shift+Tab, or /plan off, leaves it")]
    Planning,
    /// There is no such turn, or it has ended.
    #[error("no active turn to interrupt")]
    NoActiveTurn,
    /// There is no turn, or it takes nothing more.
    #[error("no active turn to steer")]
    NotSteerable,
    /// Another turn runs than the one that was meant.
    #[error("expected active turn id `{expected}` but found `{found}`")]
    AnotherTurn {
        /// The one that was meant.
        expected: String,
        /// The one that runs.
        found: String,
    },
    /// What is to be looked at has no name.
    #[error("the review has nothing to look at: name a branch, a commit, or what is to be reviewed")]
    EmptyReview,
    /// Sub-agents are switched off, or this is one that may have none.
    #[error(
        "there are no sub-agents here: `[agents]` in the configuration switches them on, and says how deep they go"
    )]
    NoAgents,
    /// A sub-agent was not started.
    #[error("{0}")]
    Agent(String),
    /// Nothing was said.
    #[error("the prompt is empty: say what is to be done")]
    EmptyInput,
    /// A picture that the user names cannot be shown to the model.
    #[error("the picture `{}`: {sentence}", path.display())]
    Picture {
        /// The file, as it was named.
        path: PathBuf,
        /// What is wrong with it.
        sentence: String,
    },
    /// A hook is against what the user said.
    #[error("a hook refused it, and the model has not read it: {0}")]
    Hook(String),
    /// The session cannot be written.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl Thread {
    /// Starts a thread: records the settings and what the model is told first. To be called on a runtime, as
    /// [`Thread::resume`].
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn start(parts: ThreadParts) -> Result<Self, ThreadError> {
        let (id, mut state) = ThreadState::new(parts);
        state.record_epoch(Whence::Opened)?;
        for message in state.opening() {
            state.record_message(message)?;
        }
        Ok(Self::of(id, state))
    }

    /// Goes on with a thread: repairs what a cut left, and tells the model where it works now.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn resume(parts: ThreadParts, replayed: Replayed) -> Result<Self, ThreadError> {
        let told = replayed.ran_on.then_some(ENDED_WITH_THE_PROGRAM);
        let (lost, cut_off) = (replayed.agents.clone(), replayed.states.cut_off());
        Self::go_on(parts, replayed, told, (lost, cut_off))
    }

    /// Goes on from what another thread has recorded, as [`Thread::resume`] does; what that one does besides is none of it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn resume_forked(parts: ThreadParts, replayed: Replayed) -> Result<Self, ThreadError> {
        Self::go_on(parts, replayed, Some(FORKED), (BTreeMap::new(), None))
    }

    /// Goes on with a thread, whose model is told this first. `lost` are the sub-agents that it had, `cut_off` the turn and
    /// the item of an action that had not ended.
    fn go_on(
        parts: ThreadParts,
        replayed: Replayed,
        told: Option<&str>,
        (lost, cut_off): (BTreeMap<String, CollabAgentState>, Option<(String, String)>),
    ) -> Result<Self, ThreadError> {
        let left = parts.journal.left();
        let (id, mut state) = ThreadState::new(parts);
        (state.history, state.turns) = (replayed.conversation.history, replayed.turns);
        (state.hooks.is_resumed, state.settings.titles) = (true, state.settings.titles && replayed.turns == 0);
        state.recorder.set_pinned(replayed.conversation.pinned);
        state.checkpoints.last = replayed.states.last.and_then(|last| last.parse().ok());
        let mode = replayed.epoch.as_ref().and_then(|epoch| Mode::named(epoch.mode.as_deref()?));
        state.settings = state.settings.clone().in_mode(mode.unwrap_or_default());
        state.standing.show(&state.settings);
        for repair in &replayed.repairs {
            state.recorder.record(repair)?;
        }
        let epoch = state.record_epoch(Whence::Opened)?;
        // Every command that ever ran on left more than one line, so no id comes twice in a thread.
        state.processes = Arc::new(Processes::new(epoch));
        if let Some(agents) = &state.settings.agents {
            agents.number_from(epoch);
        }
        if let Some(text) = told {
            state.record_message(Message::Developer { text: text.trim_end().to_owned() })?;
        }
        state.record_lost_agents(&id, lost)?;
        state.record_news()?;
        state.checkpoint_cut_off(cut_off, left);
        Ok(Self::of(id, state))
    }

    fn of(id: String, state: ThreadState) -> Self {
        let processes = Arc::clone(&state.processes);
        let (journal, record) = (state.recorder.journal_path(), state.recorder.journal());
        let (standing, budget, agents) = (state.standing.clone(), state.budget.clone(), state.settings.agents.clone());
        let (keeping, last) = (state.checkpoints.keeping.clone(), state.turns.saturating_sub(1));
        let state = Arc::new(tokio::sync::Mutex::new(state));
        tokio::spawn(tell_ends(id.clone(), Arc::downgrade(&state), processes.ends()));
        if let Some(agents) = &agents {
            agents.record_in(record.clone());
            agents.turn_is(&format!("turn_{last}"));
            tokio::spawn(take_between_turns(id.clone(), Arc::downgrade(&state), Arc::downgrade(agents)));
        }
        let (running, next) = (Arc::default(), Arc::default());
        Self { id, journal, record, budget, state, running, processes, standing, keeping, next, agents }
    }

    /// Starts a turn and returns as soon as the user's message is recorded.
    ///
    /// # Errors
    /// When a turn already runs, nothing was said, or the message cannot be recorded.
    pub async fn start_turn(&self, input: Vec<impl Into<Spoken>>, options: TurnOptions) -> Result<Turn, ThreadError> {
        let input = input.into_iter().map(Into::into).collect();
        let reach = self.reserve()?;
        let begun =
            self.begin_turn(input, options.approved_plan.clone()).await.inspect_err(|_| drop(self.running().take()))?;
        let Begun { state, turn_id, item, seq, unread } = begun;
        let run = self.begin_run(&state, turn_id, reach, options);
        let turn = run.turn.clone();
        self.spawn(state, run, Because::Said { item, seq, unread });
        Ok(turn)
    }

    /// The turn that begins now.
    pub(crate) fn begin_run(
        &self,
        state: &ThreadState,
        turn_id: String,
        reach: Reach,
        options: TurnOptions,
    ) -> TurnRun {
        let roots = Some(Arc::clone(&state.settings.workplace.roots));
        if let Some(agents) = &self.agents {
            agents.turn_is(&turn_id);
        }
        let model = Some(Arc::clone(&state.settings.model.client));
        let hooks = state.prompt_hooks((&self.id, Some(&turn_id)), &reach.cancel);
        *self.running() = Some(Running { turn_id: turn_id.clone(), reach: reach.clone(), roots, hooks, model });
        let turn = Turn {
            id: turn_id,
            items: Vec::new(),
            items_view: ItemsView::NotLoaded,
            status: TurnStatus::InProgress,
            error: None,
            started_at: Some(context::now_ms() / 1000),
            completed_at: None,
            duration_ms: None,
        };
        TurnRun::new(self.id.clone(), turn, reach, options)
    }

    /// Has a turn run on its own task, and tells of its end.
    pub(crate) fn spawn(&self, mut state: OwnedMutexGuard<ThreadState>, run: TurnRun, because: Because) {
        let (running, thread) = (Arc::clone(&self.running), Arc::downgrade(&self.state));
        tokio::spawn(async move {
            let (spare, asked) = (run.clone(), state.untitled(&because));
            let ended = match AssertUnwindSafe(because.run(run, &mut state)).catch_unwind().await {
                Ok(ended) => ended,
                Err(_) => spare.broken(&mut state).await,
            };
            let titling = asked.and_then(|asked| state.titling(&ended.turn, &asked, &ended.thread_id));
            let (idle, id) = (state.idle(), ended.thread_id.clone());
            end(state, &running, ended).await;
            let titled = OptionFuture::from(titling.map(Titling::run));
            let is_busy = || running.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            let told = OptionFuture::from(idle.map(|idle| idle.tell(&id, thread, is_busy)));
            tokio::join!(titled, told);
        });
    }

    /// Records what the user said.
    async fn begin_turn(&self, input: Vec<Spoken>, approved_plan: Option<String>) -> Result<Begun, ThreadError> {
        // Between turns nobody holds it for longer than it takes to tell that a command ended.
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let next = std::mem::take(&mut *self.next());
        state.enter(next)?;
        let (mut parts, input) = said(state.roots_to_read(&input).await?, input).await?;
        parts.extend(approved_plan.map(|plan| vec![Part::Content(mode::approved(&plan))]));
        let is_guarded = state.prompt_hooks((&self.id, None), &CancellationToken::new()).is_some();
        let must_wait = is_guarded || parts.iter().any(|piece| waits(piece));
        let (content, unread) = if must_wait { (None, parts) } else { (Some(read(parts)), Vec::new()) };
        let turn_id = format!("turn_{}", state.turns);
        let item = ThreadItem::UserMessage { id: format!("{turn_id}_item_0"), content: input };
        let seq = state.record_turn_start(&turn_id, content, &item)?;
        Ok(Begun { state, turn_id, item, seq, unread })
    }

    /// Says something to the running turn: the model reads it with the next request, and there is one. Returns the turn's
    /// id. If the turn cannot go on, what was said is kept for the next one.
    ///
    /// # Errors
    /// When another turn runs than `expected`, none that takes anything, or nothing was said.
    pub async fn steer(&self, expected: &str, input: Vec<impl Into<Spoken>>) -> Result<String, ThreadError> {
        let input: Vec<Spoken> = input.into_iter().map(Into::into).collect();
        let (reach, roots, hooks) = {
            let running = self.running();
            let running = running.as_ref().filter(|running| !running.turn_id.is_empty());
            let running = running.ok_or(ThreadError::NotSteerable)?;
            if running.turn_id != expected {
                let found = running.turn_id.clone();
                return Err(ThreadError::AnotherTurn { expected: expected.to_owned(), found });
            }
            (running.reach.clone(), running.roots.clone(), running.hooks.clone())
        };
        let (parts, input) = said(roots.ok_or(ThreadError::NotSteerable)?, input).await?;
        if parts.iter().any(|piece| waits(piece)) {
            return Err(ThreadError::BusyForCommands);
        }
        let mut content = read(parts);
        if let Some(hooks) = hooks {
            content.extend(hooks.prompt(hooks::prompt(&input, &content)).await.map_err(ThreadError::Hook)?);
        }
        let item = ThreadItem::UserMessage { id: reach.next_item_id(expected), content: input };
        match reach.steers.put(Said { content, item }, expected, &self.record)? {
            true => Ok(expected.to_owned()),
            false => Err(ThreadError::NotSteerable),
        }
    }

    /// As [`Thread::steer`], whichever turn runs.
    pub(crate) async fn steer_any(&self, input: Vec<UserInput>) -> Result<String, ThreadError> {
        let running = self.running().as_ref().map(|running| running.turn_id.clone());
        self.steer(&running.unwrap_or_default(), input).await
    }

    /// Starts a sub-agent for the user, beside whatever runs. What it comes to becomes part of the conversation.
    ///
    /// # Errors
    /// When the thread may have none, too many work already, or it cannot be built or recorded.
    pub async fn start_agent(&self, order: AgentOrder) -> Result<AgentInfo, ThreadError> {
        let agents = self.agents.as_ref().ok_or(ThreadError::NoAgents)?;
        let task = order.task.clone();
        let info = agents.spawn(order, None).await.map_err(ThreadError::Agent)?;
        let turn_id = self.running().as_ref().map(|running| running.turn_id.clone()).filter(|id| !id.is_empty());
        let last = || self.state.try_lock().map_or(0, |state| state.turns.saturating_sub(1));
        let turn_id = turn_id.unwrap_or_else(|| format!("turn_{}", last()));
        agents.tell_started(&self.record, turn_id, task, &info).await?;
        Ok(info)
    }

    /// Its sub-agents; `None`: it may have none.
    pub(crate) fn own_agents(&self) -> Option<&Arc<Agents>> {
        self.agents.as_ref()
    }

    /// How many sub-agents work for it, if some do.
    pub(crate) fn working_agents(&self) -> Option<usize> {
        self.agents.as_ref().map(|agents| agents.working()).filter(|working| *working > 0)
    }

    /// How its sub-agents stand, the oldest first.
    pub fn agents(&self) -> Vec<AgentInfo> {
        self.agents.as_ref().map(|agents| agents.list()).unwrap_or_default()
    }

    /// Stops the running turn and what it runs. Its end arrives as an event.
    ///
    /// # Errors
    /// When no turn with that id runs. An empty id means whichever runs.
    pub fn interrupt(&self, turn_id: &str) -> Result<(), ThreadError> {
        match self.running().as_ref() {
            Some(running) if turn_id.is_empty() || running.turn_id == turn_id => {
                running.reach.cancel.cancel();
                Ok(())
            }
            _ => Err(ThreadError::NoActiveTurn),
        }
    }

    /// Has the running turn wait no longer before it asks the model again, if it does.
    ///
    /// # Errors
    /// When no turn with that id runs. An empty id means whichever runs.
    pub fn hurry(&self, turn_id: &str) -> Result<(), ThreadError> {
        match self.running().as_ref() {
            Some(running) if turn_id.is_empty() || running.turn_id == turn_id => {
                running.model.iter().for_each(|model| model.hurry());
                Ok(())
            }
            _ => Err(ThreadError::NoActiveTurn),
        }
    }

    /// Its record on disk; `None`: nothing of it is kept.
    pub fn journal(&self) -> Option<&Path> {
        self.journal.as_deref()
    }

    /// Gives it a name, or none; a turn may run.
    ///
    /// # Errors
    /// When that cannot be recorded.
    pub fn rename(&self, name: Option<String>) -> Result<(), ThreadError> {
        self.record.append(&Record::Renamed { name }).map(drop).map_err(ThreadError::from)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What it may use, and has used.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What it runs under now, whether a turn runs or not.
    pub fn standing(&self) -> Standing {
        self.standing.now()
    }

    /// What was decided last.
    pub fn decisions(&self) -> Decisions {
        self.standing.decisions()
    }

    pub(crate) fn next(&self) -> std::sync::MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commands that run on after their call.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.processes.list()
    }

    /// Ends a command that runs on, with all it started; false if none of that id runs. Its end arrives as an event.
    pub async fn stop_process(&self, id: u64) -> bool {
        self.processes.stop(id).await
    }

    /// Changes the size of the terminal of a command that runs on; false if none of that id runs.
    pub fn resize_process(&self, id: u64, size: TerminalSize) -> bool {
        self.processes.resize(id, size)
    }

    /// Ends all commands that run on; between turns, their ends are told when this returns, and what they made since the
    /// last turn ended.
    ///
    /// # Errors
    /// When that cannot be recorded.
    pub async fn stop_processes(&self) -> Result<(), ThreadError> {
        self.processes.stop_all().await;
        if self.running().is_none() {
            let mut state = self.state.lock().await;
            state.tell_ended(&self.id).await?;
            state.disarm_last(&self.id).await?;
        }
        Ok(())
    }

    /// Lets go of everything: its turn is interrupted, its commands end, their `/tmp` goes, and others can open its
    /// journal. It is of no use any more.
    pub async fn close(&self) {
        let _ = self.interrupt("");
        if let Some(agents) = &self.agents {
            agents.stop_all().await;
        }
        // A turn holds it until it has ended.
        let mut state = self.state.lock().await;
        let _ = self.reserve();
        state.session_ends(&self.id).await;
        self.processes.stop_all().await;
        // What cannot be recorded has been done all the same.
        let _ = state.tell_ended(&self.id).await;
        let _ = state.disarm_last(&self.id).await;
        state.checkpoint_taken(&self.id).await;
        state.recorder.flush();
        state.recorder.flushed(&self.id).await;
        state.recorder.close();
        state.settings.workplace.sandbox.close();
        let temp = state.temp.take();
        // It may hold much.
        let _ = tokio::task::spawn_blocking(move || drop(temp)).await;
    }

    /// Makes sure that one turn runs at a time.
    pub(crate) fn reserve(&self) -> Result<Reach, ThreadError> {
        let mut running = self.running();
        if running.is_some() {
            return Err(ThreadError::Busy);
        }
        let reach = Reach::default();
        *running = Some(Running { reach: reach.clone(), ..Running::default() });
        Ok(reach)
    }

    pub(crate) fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Because {
    async fn run(self, run: TurnRun, state: &mut ThreadState) -> Ended {
        run.announce(&state.recorder).await;
        match self {
            Self::Said { item, seq, unread } => {
                state.recorder.send(run.item_completed(item.clone()), Position::Recorded { seq }).await;
                let ThreadItem::UserMessage { content, .. } = &item else { return run.run(state).await };
                run.run_said(state, unread, content).await
            }
            Self::Typed(command) => run.run_typed(state, command).await,
            Self::Review(review) => run.run_review(state, review).await,
            Self::Compaction(focus) => run.run_compaction(state, focus).await,
        }
    }
}

/// Tells of commands that end between turns, as long as the thread is there.
async fn tell_ends(thread_id: String, state: Weak<tokio::sync::Mutex<ThreadState>>, mut ends: watch::Receiver<u64>) {
    while ends.changed().await.is_ok() {
        let Some(state) = state.upgrade() else { return };
        // If it cannot be recorded, the next turn fails of the same, and says so.
        let _ = state.lock().await.tell_ended(&thread_id).await;
    }
}

/// Gives the thread back before it tells of the turn's end: a client may start the next turn on hearing it.
async fn end(state: OwnedMutexGuard<ThreadState>, running: &Mutex<Option<Running>>, ended: Ended) {
    let events = state.recorder.events();
    running.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(state);
    let status = match ended.turn.status {
        TurnStatus::Failed => ThreadStatus::SystemError,
        _ => ThreadStatus::Idle,
    };
    let notification = status_changed(&ended.thread_id, status);
    let _ = events.send(ServerMessage::Event(Event { notification, position: Position::Transient {} })).await;
    let notification = ServerNotification::TurnCompleted(TurnChanged { thread_id: ended.thread_id, turn: ended.turn });
    let _ = events.send(ServerMessage::Event(Event { notification, position: ended.position })).await;
}

/// A turn that ended, and where that stands in the record.
pub(crate) struct Ended {
    pub(crate) thread_id: String,
    pub(crate) turn: Turn,
    pub(crate) position: Position,
}

impl ThreadState {
    fn new(parts: ThreadParts) -> (String, Self) {
        let ThreadParts { id, settings, journal, temp, events, questions, live, budget, keeping } = parts;
        let mut settings = settings.with_agent_tools();
        settings.titles &= journal.path().is_some() && settings.agent_kind.is_none();
        // Without a journal nothing would say what they are of.
        let keeping = keeping.filter(|_| journal.path().is_some());
        let recorder = Recorder::new(journal, events, live);
        let history = History::default();
        let processes = Arc::new(Processes::new(1));
        let standing = SharedStanding::new(&settings);
        let state = Self {
            settings,
            recorder,
            history,
            budget,
            turns: 0,
            processes,
            questions,
            granted: Granted::default(),
            standing,
            hooks: hooks::OfThread::default(),
            checkpoints: Keeper::new(keeping),
            checks: Checks::default(),
            temp: Some(temp),
            apart: None,
            nested: Nested::default(),
        };
        (id, state)
    }

    /// Appends a message to the record and the conversation.
    pub(crate) fn record_message(&mut self, message: Message) -> Result<u64, StoreError> {
        let record = match self.apart {
            None => Record::Message { message },
            Some(_) => Record::Aside { message },
        };
        let seq = self.recorder.record(&record)?;
        if let Record::Message { message } | Record::Aside { message } = record {
            self.history.push(message);
        }
        Ok(seq)
    }

    /// Answers the calls that a turn left open: a model refuses a conversation with such. Kept in the conversation
    /// even if it cannot be recorded; a replay comes to the same.
    pub(crate) fn close_calls(&mut self) {
        let open = self.history.open_calls();
        let open: Vec<Message> = open.into_iter().map(|call| call.answer(UNANSWERED.trim_end())).collect();
        for message in open {
            if self.record_message(message.clone()).is_err() {
                self.history.push(message);
            }
        }
    }

    /// Records and tells the ends of commands that ran on after their call.
    pub(crate) async fn tell_ended(&mut self, thread_id: &str) -> Result<(), StoreError> {
        while let Some(EndedProcess { id, turn_id, item }) = self.processes.next_ended() {
            let item_id = item.id().to_owned();
            complete(&mut self.recorder, thread_id, &turn_id, item).await?;
            self.processes.told(id);
            self.checkpoint_ended(thread_id, turn_id, item_id).await;
        }
        Ok(())
    }

    /// Returns the ordinal of the record.
    pub(crate) fn record_epoch(&mut self, whence: Whence) -> Result<u64, StoreError> {
        let level = serde_json::to_value(self.settings.policy_of_default().level).unwrap_or_default();
        let mode = self.settings.mode();
        let record = Record::Epoch(Epoch {
            provider: self.settings.model.provider.clone(),
            model: self.settings.model.id.clone(),
            sandbox: level.as_str().unwrap_or_default().to_owned(),
            cwd: self.settings.workplace.roots.workspace.clone(),
            effort: self.settings.model.reasoning_effort.clone(),
            mode: (mode != Mode::Default).then(|| mode.name().to_owned()),
            midway: whence == Whence::Midway,
        });
        self.recorder.record(&record)
    }

    /// Tells the model what has changed around it.
    pub(crate) fn record_news(&mut self) -> Result<(), StoreError> {
        let ThreadSettings { workplace, instructions, .. } = &self.settings;
        let (roots, policy) = (&workplace.roots, &workplace.policy);
        if let Some(news) = context::news(&self.history, instructions, roots, policy, &context::today()) {
            self.record_message(news)?;
        }
        match context::news_of_skills(&self.history, self.offered_skills()) {
            Some(news) => self.record_message(news).map(drop),
            None => Ok(()),
        }
    }

    /// Records that a turn began and what the user said; returns the ordinal of the item. Without `content`, what the model
    /// reads of it is recorded later.
    fn record_turn_start(
        &mut self,
        turn_id: &str,
        content: Option<Vec<Content>>,
        item: &ThreadItem,
    ) -> Result<u64, StoreError> {
        self.recorder.record(&Record::TurnStarted { turn_id: turn_id.to_owned() })?;
        self.turns += 1;
        if let Some(content) = content {
            self.record_message(Message::User { content })?;
        }
        let seq = self.recorder.record(&Record::Item { turn_id: turn_id.to_owned(), item: item.clone() })?;
        self.recorder.flush();
        Ok(seq)
    }
}
