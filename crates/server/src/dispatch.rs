//! Each method of the protocol to the one call that does it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use codex_agent::{
    AnswerError, Budget, Mode, Thread, ThreadError, ThreadParts, ThreadSettings, TurnOptions, UserCommand,
};
use codex_history::Usage;
use codex_protocol::{
    ApprovalPolicy, ClientRequest, ClientResponse, Empty, ErrorKind, Event, GitInfo, ModeKind, Position, RpcError,
    ServerMessage, ServerNotification, ServerRequestAnswerParams, SessionSource, Thread as ThreadInfo, ThreadClosed,
    ThreadOpened, ThreadResumeParams, ThreadStartParams, ThreadStarted, ThreadStatus, ThreadUnsubscribed,
    TurnStartParams, TurnStartResult, TurnSteerParams, TurnSteerResult, UnsubscribeStatus, Warning,
};
use codex_store::{FORMAT, Header, Journal, Replayed, StoreError, TempDirectory};

use crate::{
    Kept, Known, Server,
    agents::{Place, Ties},
    build::{self, Built, Wanted},
    holding::open_journal,
    limits::usage,
    log, mcp,
};

impl Server {
    /// Answers a request.
    pub(crate) async fn dispatch(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        let method = request.method();
        self.answer_to(request).await.inspect_err(|error| log::refused(method, error))
    }

    async fn answer_to(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        Ok(match request {
            ClientRequest::ThreadStart(params) => ClientResponse::ThreadStart(self.start(params).await?),
            ClientRequest::ThreadResume(params) => ClientResponse::ThreadResume(self.resume(params).await?),
            ClientRequest::ThreadDiff(params) => ClientResponse::ThreadDiff(self.diff(params).await?),
            ClientRequest::ThreadFork(params) => ClientResponse::ThreadFork(self.start_fork(params).await?),
            ClientRequest::ThreadList(_)
            | ClientRequest::ThreadRead(_)
            | ClientRequest::ThreadSearch(_)
            | ClientRequest::ThreadSetName(_)
            | ClientRequest::ThreadArchive(_)
            | ClientRequest::ThreadUnarchive(_)
            | ClientRequest::ThreadDelete(_) => self.of_the_store(request).await?,
            ClientRequest::ThreadLoadedList(params) => ClientResponse::ThreadLoadedList(self.loaded(&params)),
            ClientRequest::ThreadItemsList(params) => ClientResponse::ThreadItemsList(self.items(params).await?),
            ClientRequest::ThreadTurnsList(params) => ClientResponse::ThreadTurnsList(self.turns(params).await?),
            ClientRequest::ThreadRevert(params) => ClientResponse::ThreadRevert(self.revert(&params).await?),
            ClientRequest::ThreadRewind(params) => ClientResponse::ThreadRewind(self.rewind(params).await?),
            ClientRequest::ThreadRewindList(params) => {
                ClientResponse::ThreadRewindList(self.rewind_list(&params.thread_id).await?)
            }
            ClientRequest::ThreadRewindPreview(params) => {
                ClientResponse::ThreadRewindPreview(self.rewind_preview(&params).await?)
            }
            ClientRequest::ThreadRewindRedo(params) => {
                ClientResponse::ThreadRewindRedo(self.rewind_redo(params).await?)
            }
            ClientRequest::ThreadShellCommand(params) => {
                let typed = UserCommand { command: params.command, timeout: params.timeout_ms };
                self.thread(&params.thread_id)?.run_command(typed).await.map_err(thread_error)?;
                ClientResponse::ThreadShellCommand(Empty {})
            }
            ClientRequest::ThreadCompactStart(params) => {
                self.thread(&params.thread_id)?.compact(params.focus).await.map_err(thread_error)?;
                ClientResponse::ThreadCompactStart(Empty {})
            }
            ClientRequest::ThreadContextRead(params) => {
                ClientResponse::ThreadContextRead(self.thread(&params.thread_id)?.context().await)
            }
            ClientRequest::ThreadCompactUndo(params) => {
                self.thread(&params.thread_id)?.undo_compaction().await.map_err(thread_error)?;
                ClientResponse::ThreadCompactUndo(Empty {})
            }
            ClientRequest::FuzzyFileSearch(params) => ClientResponse::FuzzyFileSearch(self.find_files(params).await?),
            ClientRequest::ConfigRead(_)
            | ClientRequest::HooksList(_)
            | ClientRequest::ModelList(_)
            | ClientRequest::PermissionProfileList(_) => self.of_the_settings(request).await?,
            ClientRequest::TerminalsList(params) => ClientResponse::TerminalsList(self.terminals(&params.thread_id)?),
            ClientRequest::TerminalsClean(params) => {
                self.thread(&params.thread_id)?.stop_processes().await.map_err(thread_error)?;
                ClientResponse::TerminalsClean(Empty {})
            }
            ClientRequest::TerminalTerminate(params) => {
                ClientResponse::TerminalTerminate(self.end_terminal(params).await?)
            }
            ClientRequest::TerminalResize(params) => ClientResponse::TerminalResize(self.resize_terminal(&params)?),
            ClientRequest::ThreadSettingsUpdate(params) => {
                self.change(&params.thread_id, &params.change).await?;
                ClientResponse::ThreadSettingsUpdate(Empty {})
            }
            ClientRequest::ThreadUnsubscribe(params) => {
                let status = self.close(params.thread_id).await;
                ClientResponse::ThreadUnsubscribe(ThreadUnsubscribed { status })
            }
            ClientRequest::AgentsStart(params) => ClientResponse::AgentsStart(self.start_agent(params).await?),
            ClientRequest::AgentsList(params) => ClientResponse::AgentsList(self.list_agents(&params.thread_id)?),
            ClientRequest::PermissionsRead(params) => {
                ClientResponse::PermissionsRead(self.permissions(&params.thread_id)?)
            }
            ClientRequest::PermissionsForget(params) => {
                self.forget(&params.thread_id, &params.rule).await?;
                ClientResponse::PermissionsForget(Empty {})
            }
            ClientRequest::CommandList(_)
            | ClientRequest::SkillsList(_)
            | ClientRequest::SkillsConfigWrite(_)
            | ClientRequest::McpServerStatusList(_)
            | ClientRequest::McpServerControl(_)
            | ClientRequest::McpServerOauthLogin(_)
            | ClientRequest::McpServerOauthPaste(_)
            | ClientRequest::PluginInstalled(_)
            | ClientRequest::PluginsList(_)
            | ClientRequest::PluginsSet(_) => self.of_what_is_plugged_in(request).await?,
            ClientRequest::ThreadUsageRead(params) => {
                ClientResponse::ThreadUsageRead(usage(&*self.thread(&params.thread_id)?))
            }
            ClientRequest::TurnStart(params) => ClientResponse::TurnStart(self.start_turn(params).await?),
            ClientRequest::TurnSteer(params) => ClientResponse::TurnSteer(self.steer(params).await?),
            ClientRequest::TurnInterrupt(params) => ClientResponse::TurnInterrupt(self.interrupt(&params)?),
            ClientRequest::TurnRetry(params) => ClientResponse::TurnRetry(self.hurry(&params)?),
            ClientRequest::ReviewStart(params) => ClientResponse::ReviewStart(self.review(params).await?),
            ClientRequest::ServerRequestAnswer(params) => {
                self.answer(params)?;
                ClientResponse::ServerRequestAnswer(Empty {})
            }
        })
    }

    async fn start_turn(&self, params: TurnStartParams) -> Result<TurnStartResult, RpcError> {
        let spoken = self.expand(&params.thread_id, params.input, &params.change).await?;
        let thread = self.thread(&params.thread_id)?;
        let output_schema = params.output_schema.map(Arc::new);
        let (max_requests, approved_plan) = (params.max_requests, params.approved_plan);
        let options = TurnOptions { output_schema, max_requests, approved_plan };
        let turn = thread.start_turn(spoken, options).await.map_err(thread_error)?;
        Ok(TurnStartResult { turn })
    }

    async fn steer(&self, params: TurnSteerParams) -> Result<TurnSteerResult, RpcError> {
        let spoken = self.expand_midway(&params.thread_id, params.input).await?;
        let thread = self.thread(&params.thread_id)?;
        let turn_id = thread.steer(&params.expected_turn_id, spoken).await.map_err(thread_error)?;
        Ok(TurnSteerResult { turn_id })
    }

    async fn start(&self, params: ThreadStartParams) -> Result<ThreadOpened, RpcError> {
        let id = uuid::Uuid::now_v7().to_string();
        let codex_home = self.codex_home()?;
        let ephemeral = params.ephemeral.unwrap_or_default();
        let thread_source = params.thread_source.clone();
        let live = params.live_output.unwrap_or_default();
        let mut wanted = Wanted::start(params)?.under(self.ceiling);
        let temp = TempDirectory::create(&codex_home, &id).map_err(store_error)?;
        let mut built = build::thread(self, &id, &codex_home, &mut wanted, temp.path()).await?;
        let held_by = build::held_by(&mut built).await;
        mcp::require(&built).await?;
        self.check_keeping(&codex_home, &mut built.warnings);
        let journal = if ephemeral {
            Journal::ephemeral()
        } else {
            let header = Header {
                format: FORMAT,
                thread_id: id.clone(),
                program_version: env!("CARGO_PKG_VERSION").to_owned(),
                cwd: built.settings.workplace.roots.workspace.clone(),
                source: source_name(self.source).to_owned(),
                thread_source,
                forked_from: None,
                parent: None,
            };
            Journal::create(&codex_home, header).map_err(store_error)?
        };
        let begun = Begun {
            at: now(),
            source: self.source,
            version: None,
            preview: String::new(),
            name: None,
            forked_from: None,
        };
        let opened = opened(&id, &built, held_by, journal.path(), begun);
        log::opened("begun", self.source, &codex_home, &built.log_level, &opened);
        self.tell(ServerNotification::ThreadStarted(ThreadStarted { thread: opened.thread.clone() })).await;
        self.warn(&id, &built.warnings).await;
        let known = Known { wanted, held_by: held_by.to_owned(), told: built.warnings.clone(), model_before: None };
        let budget = budget(&built, &BTreeMap::new());
        self.retain(&id, &built.sessions);
        let (parts, temp) = self.parts(&id, built, journal, temp, (live, budget));
        let thread = Arc::new(Thread::start(parts).map_err(thread_error)?);
        self.keep(id, Kept { thread, temp, known: Mutex::new(known) });
        Ok(opened)
    }

    async fn resume(&self, params: ThreadResumeParams) -> Result<ThreadOpened, RpcError> {
        let codex_home = self.codex_home()?;
        let path = codex_store::find_current(&codex_home, &params.thread_id).map_err(store_error)?;
        if self.has_open(&path) {
            let message = format!("the session `{}` is open here already", params.thread_id);
            return Err(RpcError::new(ErrorKind::Configuration, message));
        }
        let takes_over = params.take_over.unwrap_or_default();
        let (mut journal, replayed, unreadable) = open_journal(&path, takes_over).await.map_err(store_error)?;
        // Who only looks, or goes back, need not leave a trace.
        journal.hold(params.without_model.unwrap_or_default());
        let id = replayed.header.thread_id.clone();
        let live = params.live_output.unwrap_or_default();
        let mut wanted = Wanted::resume(params, replayed.epoch.clone(), &replayed.cwd)?.under(self.ceiling);
        let temp = TempDirectory::create(&codex_home, &id).map_err(store_error)?;
        let mut built = build::thread(self, &id, &codex_home, &mut wanted, temp.path()).await?;
        let held_by = build::held_by(&mut built).await;
        mcp::require(&built).await?;
        self.check_keeping(&codex_home, &mut built.warnings);
        for (count, what) in [(unreadable, "lines"), (replayed.orphans, "tool results")] {
            if count > 0 {
                built.warnings.push(format!("{count} {what} of {} could not be read and are left out", path.display()));
            }
        }
        let begun = Begun {
            at: replayed.started_at / 1000,
            source: source_of(&replayed.header.source),
            version: Some(replayed.header.program_version.clone()),
            preview: replayed.preview.clone(),
            forked_from: replayed.header.forked_from.clone().map(|from| from.thread_id),
            name: replayed.name.clone(),
        };
        let opened = opened(&id, &built, held_by, Some(&path), begun);
        let opened = ThreadOpened { mode: mode_of(&replayed), cut_off: replayed.cut_off, ..opened };
        log::opened("resumed", self.source, &codex_home, &built.log_level, &opened);
        self.warn(&id, &built.warnings).await;
        // Clients count the thread's tokens, not the turn's.
        let budget = budget(&built, &replayed.usage);
        let spent = codex_agent::token_usage(&id, "", &budget, Usage::default(), None);
        self.tell(ServerNotification::TokenUsageUpdated(spent)).await;
        let known = Known { wanted, held_by: held_by.to_owned(), told: built.warnings.clone(), model_before: None };
        self.retain(&id, &built.sessions);
        let (parts, temp) = self.parts(&id, built, journal, temp, (live, budget));
        let thread = Arc::new(Thread::resume(parts, replayed).map_err(thread_error)?);
        self.keep(id, Kept { thread, temp, known: Mutex::new(known) });
        Ok(opened)
    }

    /// Closes a thread.
    pub(crate) async fn close(&self, thread_id: String) -> UnsubscribeStatus {
        let Some(kept) = self.release(&thread_id) else { return UnsubscribeStatus::NotLoaded };
        kept.thread.close().await;
        if kept.thread.journal().is_some() {
            codex_log::info!("{thread_id}: closed");
        }
        self.tell(ServerNotification::ThreadClosed(ThreadClosed { thread_id })).await;
        UnsubscribeStatus::Unsubscribed
    }

    fn answer(&self, params: ServerRequestAnswerParams) -> Result<(), RpcError> {
        let save = |workspace: &Path, rule: &str| self.remember(workspace, rule);
        self.questions.answer(params.request_id, params.answer, save).map_err(|error| {
            let kind = match error {
                AnswerError::NotOpen(_) => ErrorKind::NotFound,
                AnswerError::NotOffered(_) => ErrorKind::Configuration,
                AnswerError::NotSaved { .. } => ErrorKind::Internal,
            };
            RpcError::new(kind, error.to_string())
        })
    }

    /// Saves a rule for the project that `workspace` belongs to. One from elsewhere holds for the session and no longer.
    fn remember(&self, workspace: &Path, rule: &str) -> Result<(), String> {
        if self.ceiling.is_some() {
            return Ok(());
        }
        let home = self.codex_home().map_err(|error| error.to_string())?;
        let project = build::project(&self.environment, workspace);
        codex_config::remember(&home, Some(&project), rule).map(drop).map_err(|error| error.to_string())
    }

    /// What a thread is made of that works for nobody; `live`: it tells what is not whole yet as well.
    pub(crate) fn parts(
        &self,
        id: &str,
        built: Built,
        journal: Journal,
        temp: TempDirectory,
        (live, budget): (bool, Budget),
    ) -> (ThreadParts, PathBuf) {
        let place = Place::root(&built);
        self.parts_at(id, built, journal, temp, Ties { live, budget, events: self.events.clone(), place })
    }

    /// What a thread is made of that is tied to others by `ties`.
    pub(crate) fn parts_at(
        &self,
        id: &str,
        built: Built,
        journal: Journal,
        temp: TempDirectory,
        ties: Ties,
    ) -> (ThreadParts, PathBuf) {
        let (id, questions, path) = (id.to_owned(), Arc::clone(&self.questions), temp.path().to_owned());
        let settings = ThreadSettings { agents: self.agents_of(&id, &ties), ..built.settings };
        let Ties { live, budget, events, place } = ties;
        let keeping = self.keeping(built.sessions.keep_checkpoints_days);
        self.put(&id, place);
        (ThreadParts { id, settings, journal, temp, events, questions, live, budget, keeping }, path)
    }

    pub(crate) fn codex_home(&self) -> Result<PathBuf, RpcError> {
        self.environment.codex_home().map_err(|error| RpcError::new(ErrorKind::Configuration, error.to_string()))
    }

    pub(crate) async fn warn(&self, thread_id: &str, warnings: &[String]) {
        for message in warnings {
            codex_log::warn!("{message}");
            let warning = Warning { thread_id: Some(thread_id.to_owned()), message: message.clone() };
            self.tell(ServerNotification::Warning(warning)).await;
        }
    }

    pub(crate) async fn tell(&self, notification: ServerNotification) {
        let position = Position::Transient {};
        let _ = self.events.send(ServerMessage::Event(Event { notification, position })).await;
    }
}

/// How a thread worked last.
pub(crate) fn mode_of(replayed: &Replayed) -> ModeKind {
    match replayed.epoch.as_ref().and_then(|epoch| epoch.mode.as_deref()).and_then(Mode::named) {
        Some(Mode::Plan) => ModeKind::Plan,
        Some(Mode::Default) | None => ModeKind::Default,
    }
}

/// What a thread may use that has used `before` in earlier sessions.
pub(crate) fn budget(built: &Built, before: &BTreeMap<String, Usage>) -> Budget {
    Budget::new(built.limits, before, &built.settings.model.prices)
}

/// Where and when a thread began.
pub(crate) struct Begun {
    /// Seconds since the epoch.
    pub(crate) at: i64,
    pub(crate) source: SessionSource,
    /// Version of the program that began it, if that was another.
    pub(crate) version: Option<String>,
    pub(crate) preview: String,
    /// Id of the thread that it was forked from.
    pub(crate) forked_from: Option<String>,
    pub(crate) name: Option<String>,
}

pub(crate) fn opened(id: &str, built: &Built, held_by: &str, path: Option<&Path>, begun: Begun) -> ThreadOpened {
    let settings = &built.settings;
    let cwd = settings.workplace.roots.workspace.display().to_string();
    let thread = ThreadInfo {
        id: id.to_owned(),
        session_id: id.to_owned(),
        cli_version: begun.version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        created_at: begun.at,
        updated_at: now(),
        cwd: cwd.clone(),
        git_info: git_info(&settings.workplace.roots.workspace),
        ephemeral: path.is_none(),
        forked_from_id: begun.forked_from,
        model_provider: settings.model.provider.clone(),
        name: begun.name,
        path: path.map(|path| path.display().to_string()),
        preview: begun.preview,
        project_id: None,
        source: begun.source,
        status: ThreadStatus::Idle,
        turns: Vec::new(),
    };
    let instruction_sources = settings.instructions.iter().map(|found| found.path.display().to_string()).collect();
    ThreadOpened {
        thread,
        cwd,
        model: settings.model.id.clone(),
        model_provider: settings.model.provider.clone(),
        approval_policy: approval_policy(settings.workplace.policy.approval),
        approvals_reviewer: "user".into(),
        sandbox: build::sandbox_policy(&settings.workplace.policy),
        reasoning_effort: settings.model.reasoning_effort.clone(),
        held_by: held_by.to_owned(),
        mode: ModeKind::Default,
        cut_off: false,
        config_sources: built.config_sources.clone(),
        instruction_sources,
        instruction_notes: built.instruction_notes.clone(),
    }
}

pub(crate) fn git_info(directory: &Path) -> Option<GitInfo> {
    codex_workspace::branch(directory).map(|branch| GitInfo { branch: Some(branch) })
}

pub(crate) fn source_name(source: SessionSource) -> &'static str {
    match source {
        SessionSource::Cli => "cli",
        SessionSource::Exec => "exec",
        SessionSource::AppServer => "appServer",
    }
}

pub(crate) fn source_of(name: &str) -> SessionSource {
    match name {
        "cli" => SessionSource::Cli,
        "exec" => SessionSource::Exec,
        _ => SessionSource::AppServer,
    }
}

pub(crate) fn approval_policy(approval: codex_permissions::Approval) -> ApprovalPolicy {
    match approval {
        codex_permissions::Approval::Untrusted => ApprovalPolicy::Untrusted,
        codex_permissions::Approval::OnRequest => ApprovalPolicy::OnRequest,
        codex_permissions::Approval::Never => ApprovalPolicy::Never,
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

pub(crate) fn store_error(error: StoreError) -> RpcError {
    let error = error.with_holder();
    let kind = match error {
        StoreError::Locked { .. } => ErrorKind::OpenElsewhere,
        StoreError::NotFound(_) | StoreError::Ambiguous { .. } | StoreError::NoTurn { .. } => ErrorKind::NotFound,
        StoreError::Archived(_) | StoreError::Name(_) | StoreError::HasForks { .. } => ErrorKind::Configuration,
        StoreError::Io { .. } | StoreError::Unreadable { .. } => ErrorKind::Internal,
    };
    RpcError::new(kind, error.to_string())
}

pub(crate) fn thread_error(error: ThreadError) -> RpcError {
    match error {
        ThreadError::Store(error) => store_error(error),
        ThreadError::Busy
        | ThreadError::BusyForWalls
        | ThreadError::AgentsWork(_)
        | ThreadError::BusyForCommands
        | ThreadError::BusyForGoingBack
        | ThreadError::BusyForCompaction
        | ThreadError::AgentsMayChangeFiles(_)
        | ThreadError::MayChangeFiles(_)
        | ThreadError::States(_)
        | ThreadError::StillRuns(_) => RpcError::new(ErrorKind::Internal, error.to_string()),
        ThreadError::NoActiveTurn
        | ThreadError::NotSteerable
        | ThreadError::AnotherTurn { .. }
        | ThreadError::NoSuchTurn(_)
        | ThreadError::NothingToRedo
        | ThreadError::NothingToSumUp
        | ThreadError::NotSummedUp => RpcError::new(ErrorKind::NotFound, error.to_string()),
        ThreadError::EmptyInput
        | ThreadError::EmptyCommand
        | ThreadError::EmptyReview
        | ThreadError::NoAgents
        | ThreadError::Agent(_)
        | ThreadError::ReadOnly
        | ThreadError::Planning
        | ThreadError::Unkept
        | ThreadError::NoStates
        | ThreadError::Hook(_)
        | ThreadError::Picture { .. } => RpcError::new(ErrorKind::Configuration, error.to_string()),
    }
}
