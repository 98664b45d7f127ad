//! The sub-agents of a thread: threads of their own that work for it, and what becomes of them.
//!
//! The loop never builds a thread: it asks whoever does ([`AgentRequest`]). A sub-agent must never outlive the thread that
//! it works for, and what it has come to reaches that thread exactly once.

mod above;
mod follow;
mod report;
mod tools;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use codex_history::Usage;
use codex_protocol::{
    CollabAgentState, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallStatus, Event, FileUpdateChange, Position,
    ServerMessage, ThreadItem, UserInput,
};
use codex_store::{Record, StoreError};
use tokio::sync::{mpsc, oneshot, watch};

use self::above::Records;
pub(crate) use self::{
    above::Above,
    report::{Report, take_between_turns},
    tools::agent_tools,
};
use crate::{Thread, TurnOptions, recorder::SharedJournal, turn::item_completed};

/// What is asked of whoever builds threads.
#[derive(Debug)]
pub enum AgentRequest {
    /// A thread for a task.
    Build {
        /// Id of the thread that it will work for.
        parent: String,
        /// What it is for.
        order: AgentOrder,
        /// The thread, or why there is none, in a sentence. If nobody takes it, it is to be closed.
        answer: oneshot::Sender<Result<BuiltAgent, String>>,
    },
    /// What was changed in a worktree that was made so.
    Changes {
        /// Id of the thread that the sub-agent works for.
        parent: String,
        /// The worktree.
        worktree: PathBuf,
        /// What the sub-agent is called.
        name: String,
        /// What was changed, if something was; or why that is not known, in a sentence.
        answer: oneshot::Sender<Result<Option<AgentChanges>, String>>,
    },
    /// To remove the worktrees of which nothing is needed any more.
    Settle {
        /// Id of the thread whose sub-agents they were made for.
        parent: String,
        /// It is done.
        answer: oneshot::Sender<()>,
    },
    /// A thread that was built so is closed.
    Closed {
        /// Its id.
        id: String,
    },
}

/// What a sub-agent is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentOrder {
    /// Its task: the first thing that it is told.
    pub task: String,
    /// Name of the description that it is made by; one like its parent without.
    pub kind: Option<String>,
    /// Whether it works in a git worktree of its own, if that is said.
    pub worktree: Option<bool>,
}

/// A thread that was built for a task and has not begun with it.
#[derive(Debug)]
pub struct BuiltAgent {
    /// The thread.
    pub thread: Arc<Thread>,
    /// Its id.
    pub id: String,
    /// What it tells.
    pub events: mpsc::Receiver<ServerMessage>,
    /// What its name begins with.
    pub kind: String,
    /// Model id.
    pub model: String,
    /// Its own git worktree, absolute.
    pub worktree: Option<PathBuf>,
}

/// What was changed in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentChanges {
    /// The files, below the top of the repository.
    pub files: Vec<String>,
    /// The patch, where commands of the parent find it.
    pub patch: PathBuf,
    /// The changes as they are shown.
    pub shown: Vec<FileUpdateChange>,
}

/// How a sub-agent stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    /// What it is called in its parent.
    pub name: String,
    /// Id of its thread.
    pub id: String,
    /// Its task.
    pub task: String,
    /// How it stands.
    pub status: CollabAgentStatus,
    /// Whether it waits for a person's answer.
    pub waits: bool,
    /// Its result, or why it has none.
    pub message: Option<String>,
    /// All its tokens.
    pub tokens: u64,
    /// Since it was started, in milliseconds; until it ended.
    pub duration_ms: u64,
    /// Its own git worktree, absolute.
    pub worktree: Option<PathBuf>,
    /// What it has changed there, once it has ended.
    pub changes: Option<AgentChanges>,
}

/// The sub-agents of a thread.
#[derive(Debug)]
pub struct Agents {
    parent: String,
    /// Most that work at once, in the whole tree.
    most: u32,
    /// How many do.
    running: Arc<AtomicU32>,
    requests: mpsc::Sender<AgentRequest>,
    /// Where their events go, and where a thread tells of them.
    events: mpsc::Sender<ServerMessage>,
    /// The descriptions that there are: their names, and what each is for.
    kinds: Vec<(String, String)>,
    table: Mutex<Table>,
    changed: watch::Sender<u64>,
    records: Records,
}

/// What [`Agents`] are made of.
#[derive(Debug)]
pub struct AgentsParts {
    /// Id of the thread that they work for.
    pub parent: String,
    /// Most that work at once, in the whole tree.
    pub most: u32,
    /// How many do, in the whole tree.
    pub running: Arc<AtomicU32>,
    /// Where threads are asked for.
    pub requests: mpsc::Sender<AgentRequest>,
    /// Where all that they tell goes.
    pub events: mpsc::Sender<ServerMessage>,
    /// The descriptions that there are: their names, and what each is for.
    pub kinds: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Table {
    /// How many there ever were, or more.
    numbered: u64,
    all: Vec<Agent>,
}

/// A sub-agent.
#[derive(Debug)]
struct Agent {
    name: String,
    id: String,
    task: String,
    model: String,
    thread: Arc<Thread>,
    /// The turn that has started it; `None`: the user has.
    of_turn: Option<String>,
    began: Instant,
    worktree: Option<PathBuf>,
    state: State,
}

/// What changes of a sub-agent.
#[derive(Debug, Default)]
struct State {
    /// `None`: it works.
    ended: Option<(CollabAgentStatus, u64)>,
    waits: bool,
    message: Option<String>,
    changes: Option<AgentChanges>,
    /// Whether its thread knows what it has come to.
    reported: bool,
    closed: bool,
    total: Usage,
    /// What its thread has not counted yet.
    uncounted: Usage,
    /// Held while it works.
    _slot: Option<Slot>,
}

/// A place among those that work.
#[derive(Debug)]
struct Slot(Arc<AtomicU32>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Agents {
    /// None yet.
    pub fn new(parts: AgentsParts) -> Self {
        let AgentsParts { parent, most, running, requests, events, kinds } = parts;
        let (changed, table, records) = (watch::Sender::new(0), Mutex::default(), Records::default());
        Self { parent, most, running, requests, events, kinds, table, changed, records }
    }

    /// The first number that is given out: no name comes twice in a thread.
    pub(crate) fn number_from(&self, first: u64) {
        self.table().numbered = first;
    }

    /// How all of them stand that are not forgotten, the oldest first.
    pub fn list(&self) -> Vec<AgentInfo> {
        self.table().all.iter().map(Agent::info).collect()
    }

    /// How many of them work.
    pub fn working(&self) -> usize {
        self.table().all.iter().filter(|agent| agent.works()).count()
    }

    /// Told when something about them changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Starts one.
    ///
    /// # Errors
    /// A sentence: too many work already, or it cannot be built.
    pub(crate) async fn spawn(
        self: &Arc<Self>,
        order: AgentOrder,
        of_turn: Option<String>,
    ) -> Result<AgentInfo, String> {
        if order.task.trim().is_empty() {
            return Err("the task is empty: say what the sub-agent is to do".into());
        }
        let slot = self.slot()?;
        let (answer, answered) = oneshot::channel();
        let request = AgentRequest::Build { parent: self.parent.clone(), order: order.clone(), answer };
        let gone = || "nobody builds sub-agents any more: the session is being closed".to_owned();
        self.requests.send(request).await.map_err(|_| gone())?;
        let BuiltAgent { thread, id, events, kind, model, worktree } = answered.await.map_err(|_| gone())??;
        if worktree.is_none() {
            self.tie(&thread, &id).await;
        }
        let name = {
            let mut table = self.table();
            table.numbered += 1;
            let name = format!("{kind}-{}", table.numbered);
            table.all.push(Agent {
                name: name.clone(),
                id: id.clone(),
                task: order.task.clone(),
                model,
                thread: Arc::clone(&thread),
                of_turn,
                began: Instant::now(),
                worktree,
                state: State { _slot: Some(slot), ..State::default() },
            });
            name
        };
        follow::follow(self, &name, id, events);
        if let Err(error) = thread.start_turn(text(&order.task), TurnOptions::default()).await {
            self.ended(&name, CollabAgentStatus::Errored, Some(error.to_string()));
            self.update(&name, |agent| agent.state.reported = true);
            self.close(&name).await;
            return Err(error.to_string());
        }
        self.update(&name, |agent| agent.info()).ok_or_else(gone)
    }

    /// Tells one something: it reads it with its next request, or begins anew with it.
    ///
    /// # Errors
    /// A sentence: there is none of that name, or it takes nothing.
    pub(crate) async fn message(&self, name: &str, said: &str) -> Result<AgentInfo, String> {
        let unknown = || self.unknown(name);
        let found = self.update(name, |agent| (Arc::clone(&agent.thread), agent.works(), agent.state.closed));
        let (thread, works, closed) = found.ok_or_else(unknown)?;
        if closed {
            return Err(format!("`{name}` is closed: start another one"));
        }
        if works && thread.steer_any(text(said)).await.is_ok() {
            return self.update(name, |agent| agent.info()).ok_or_else(unknown);
        }
        // It has ended, perhaps just now.
        self.until(|table| table.all.iter().all(|agent| agent.name != name || !agent.works())).await;
        let slot = self.slot()?;
        self.update(name, |agent| {
            let (total, uncounted) = (agent.state.total, agent.state.uncounted);
            agent.state = State { _slot: Some(slot), total, uncounted, ..State::default() };
        });
        if let Err(error) = thread.start_turn(text(said), TurnOptions::default()).await {
            self.ended(name, CollabAgentStatus::Errored, Some(error.to_string()));
            return Err(error.to_string());
        }
        self.update(name, |agent| agent.info()).ok_or_else(unknown)
    }

    /// Waits until one of `names` has ended, of all if there are none, and takes the reports of those that have.
    pub(crate) async fn wait(&self, names: &[String]) -> Vec<Report> {
        let wanted = |agent: &Agent| names.is_empty() || names.contains(&agent.name);
        self.until(|table| {
            let mut some = table.all.iter().filter(|agent| wanted(agent) && !agent.state.reported).peekable();
            some.peek().is_none() || some.any(|agent| !agent.works())
        })
        .await;
        self.reports(wanted)
    }

    /// The reports of those that have ended and were not reported before.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        self.reports(|_| true)
    }

    fn reports(&self, wanted: impl Fn(&Agent) -> bool) -> Vec<Report> {
        let mut table = self.table();
        let ended = |agent: &&mut Agent| wanted(agent) && !agent.works() && !agent.state.reported;
        let report = |agent: &mut Agent| {
            agent.state.reported = true;
            Report { info: agent.info(), by_user: agent.of_turn.is_none() }
        };
        table.all.iter_mut().filter(ended).map(report).collect()
    }

    /// Whether some that the turn has started still work.
    pub(crate) fn work_for(&self, turn_id: &str) -> bool {
        self.table().all.iter().any(|agent| agent.works() && agent.of_turn.as_deref() == Some(turn_id))
    }

    /// Whether there are reports to take.
    pub(crate) fn has_reports(&self) -> bool {
        self.table().all.iter().any(|agent| !agent.works() && !agent.state.reported)
    }

    /// Tokens that were used since the last time, each with its model.
    pub(crate) fn take_usage(&self) -> Vec<(String, Usage)> {
        let mut table = self.table();
        let used = table.all.iter_mut().map(|agent| (agent.model.clone(), std::mem::take(&mut agent.state.uncounted)));
        used.filter(|(_, usage)| *usage != Usage::default()).collect()
    }

    /// Stops one and all that it has started, and returns how it stands then.
    ///
    /// # Errors
    /// A sentence: there is none of that name.
    pub(crate) async fn stop(&self, name: &str) -> Result<Report, String> {
        let thread = self.update(name, |agent| Arc::clone(&agent.thread)).ok_or_else(|| self.unknown(name))?;
        let _ = thread.interrupt("");
        self.until(|table| table.all.iter().all(|agent| agent.name != name || !agent.works())).await;
        self.close(name).await;
        let report = self.update(name, |agent| {
            agent.state.reported = true;
            Report { info: agent.info(), by_user: agent.of_turn.is_none() }
        });
        report.ok_or_else(|| self.unknown(name))
    }

    /// Stops all of them, together.
    pub(crate) async fn stop_all(&self) {
        let all: Vec<Arc<Thread>> = self.table().all.iter().map(|agent| Arc::clone(&agent.thread)).collect();
        all.iter().for_each(|thread| drop(thread.interrupt("")));
        self.until(|table| table.all.iter().all(|agent| !agent.works())).await;
        self.close_ended().await;
    }

    /// Closes those that have ended, so that nothing of them stays in memory but how they stand.
    pub(crate) async fn close_ended(&self) {
        let ended: Vec<String> = {
            let table = self.table();
            let ended = table.all.iter().filter(|agent| !agent.works() && !agent.state.closed);
            ended.map(|agent| agent.name.clone()).collect()
        };
        for name in ended {
            self.close(&name).await;
        }
    }

    async fn close(&self, name: &str) {
        let open = self.update(name, |agent| {
            let was_closed = std::mem::replace(&mut agent.state.closed, true);
            (!was_closed).then(|| (Arc::clone(&agent.thread), agent.id.clone()))
        });
        let Some((thread, id)) = open.flatten() else { return };
        closing(thread).await;
        let _ = self.requests.send(AgentRequest::Closed { id }).await;
    }

    /// Records and tells that the user has started one.
    pub(crate) async fn tell_started(
        &self,
        record: &SharedJournal,
        turn_id: String,
        task: String,
        info: &AgentInfo,
    ) -> Result<(), StoreError> {
        let (tool, status) = (CollabAgentTool::SpawnAgent, CollabAgentToolCallStatus::Completed);
        let id = format!("{turn_id}_{}_started", info.name);
        let item = self.item(id, tool, status, Some(task), std::slice::from_ref(info));
        let seq = record.append(&Record::Item { turn_id: turn_id.clone(), item: item.clone() })?;
        let notification = item_completed(&self.parent, &turn_id, item);
        let event = Event { notification, position: Position::Recorded { seq } };
        let _ = self.events.send(ServerMessage::Event(event)).await;
        Ok(())
    }

    /// An item about those of these names; of no others is something said.
    pub(crate) fn item(
        &self,
        id: String,
        tool: CollabAgentTool,
        status: CollabAgentToolCallStatus,
        prompt: Option<String>,
        about: &[AgentInfo],
    ) -> ThreadItem {
        ThreadItem::CollabAgentToolCall {
            id,
            tool,
            status,
            sender_thread_id: self.parent.clone(),
            receiver_thread_ids: about.iter().map(|info| info.id.clone()).collect(),
            prompt,
            model: None,
            agents_states: about.iter().map(|info| (info.id.clone(), info.state())).collect::<BTreeMap<_, _>>(),
        }
    }

    fn slot(&self) -> Result<Slot, String> {
        let more = |running: u32| (running < self.most).then_some(running + 1);
        let taken = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let full = |_| format!("{} sub-agents work already, and no more may at once: wait for one of them", self.most);
        taken.map_err(full).map(|_| Slot(Arc::clone(&self.running)))
    }

    fn unknown(&self, name: &str) -> String {
        let table = self.table();
        let known: Vec<&str> = table.all.iter().map(|agent| agent.name.as_str()).collect();
        match known.is_empty() {
            true => format!("there is no sub-agent `{name}`: none was started"),
            false => format!("there is no sub-agent `{name}`; there is {}", known.join(", ")),
        }
    }

    /// Looks what one has changed in its worktree.
    async fn look_at_changes(&self, name: &str) {
        let Some(worktree) = self.update(name, |agent| agent.worktree.clone()).flatten() else { return };
        let (answer, answered) = oneshot::channel();
        let (parent, name_of) = (self.parent.clone(), name.to_owned());
        let request = AgentRequest::Changes { parent, worktree, name: name_of, answer };
        if self.requests.send(request).await.is_err() {
            return;
        }
        let changes = answered.await.unwrap_or_else(|_| Err("nobody has looked".into()));
        self.update(name, |agent| match changes {
            Ok(changes) => agent.state.changes = changes,
            Err(error) => {
                let said = agent.state.message.take().unwrap_or_default();
                agent.state.message =
                    Some(format!("{said}\n\nWhat it changed is not known: {error}").trim().to_owned());
            }
        });
    }

    /// Has those worktrees removed of which nothing is needed any more.
    pub(crate) async fn settle(&self) {
        if !self.table().all.iter().any(|agent| agent.worktree.is_some()) {
            return;
        }
        let (answer, answered) = oneshot::channel();
        if self.requests.send(AgentRequest::Settle { parent: self.parent.clone(), answer }).await.is_ok() {
            let _ = answered.await;
        }
    }

    /// It has ended.
    fn ended(&self, name: &str, status: CollabAgentStatus, message: Option<String>) {
        self.update(name, |agent| {
            let took = agent.began.elapsed().as_millis() as u64;
            let State { total, uncounted, changes, message: noted, .. } = std::mem::take(&mut agent.state);
            let message = message.or(noted);
            let ended = Some((status, took));
            agent.state = State { ended, message, changes, total, uncounted, ..State::default() };
        });
    }

    /// Does something with one, and tells that it changed.
    fn update<T>(&self, name: &str, work: impl FnOnce(&mut Agent) -> T) -> Option<T> {
        let done = self.table().all.iter_mut().find(|agent| agent.name == name).map(work);
        self.changed.send_modify(|times| *times += 1);
        done
    }

    /// Waits until `is_so`.
    async fn until(&self, is_so: impl Fn(&Table) -> bool) {
        let mut changes = self.changed.subscribe();
        while !is_so(&self.table()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agent {
    fn works(&self) -> bool {
        self.state.ended.is_none()
    }

    fn info(&self) -> AgentInfo {
        let running = || (CollabAgentStatus::Running, self.began.elapsed().as_millis() as u64);
        let (status, duration_ms) = self.state.ended.unwrap_or_else(running);
        let total = self.state.total;
        AgentInfo {
            name: self.name.clone(),
            id: self.id.clone(),
            task: self.task.clone(),
            status,
            waits: self.state.waits,
            message: self.state.message.clone(),
            tokens: total.input_tokens.saturating_add(total.output_tokens),
            duration_ms,
            worktree: self.worktree.clone(),
            changes: self.state.changes.clone(),
        }
    }
}

impl AgentInfo {
    /// As the wire has it.
    pub fn state(&self) -> CollabAgentState {
        CollabAgentState {
            status: self.status,
            message: self.message.as_deref().map(report::cut),
            name: self.name.clone(),
            changes: self.changes.as_ref().map(|changes| changes.shown.clone()).unwrap_or_default(),
        }
    }
}

/// A thread closes its own sub-agents, which are threads.
fn closing(thread: Arc<Thread>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move { thread.close().await })
}

fn text(text: &str) -> Vec<UserInput> {
    vec![UserInput::Text { text: text.to_owned() }]
}
