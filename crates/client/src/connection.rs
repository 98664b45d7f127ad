//! Asking a server, and hearing from it.

use codex_protocol::{
    AgentListParams, AgentListResult, AgentStartParams, AgentStarted, BackgroundTerminalResizeParams,
    BackgroundTerminalTerminateParams, BackgroundTerminalTerminated, BackgroundTerminalsParams,
    BackgroundTerminalsResult, ClientRequest, ClientResponse, CommandListParams, CommandListResult, Empty, ErrorKind,
    FuzzyFileSearchParams, FuzzyFileSearchResult, HooksListParams, HooksListResponse, ModelListParams, ModelListResult,
    PermissionsForgetParams, PermissionsReadParams, PluginSetParams, PluginsListParams, PluginsListResult,
    ReviewStartParams, ReviewStartResult, RewindPreview, RpcError, ServerMessage, ServerRequestAnswerParams,
    SkillsConfigWriteParams, SkillsConfigWriteResult, SkillsListParams, SkillsListResult, ThreadCompactStartParams,
    ThreadCompactUndoParams, ThreadContext, ThreadDiff, ThreadDiffParams, ThreadForkParams, ThreadItemsListParams,
    ThreadItemsListResult, ThreadListParams, ThreadListResult, ThreadLoadedListParams, ThreadLoadedListResult,
    ThreadOpened, ThreadPermissions, ThreadReadParams, ThreadReadResult, ThreadResumeParams, ThreadRevertParams,
    ThreadRewindListParams, ThreadRewindListResult, ThreadRewindParams, ThreadRewindRedoParams, ThreadRewound,
    ThreadSearchParams, ThreadSearchResponse, ThreadSetNameParams, ThreadSettingsUpdateParams,
    ThreadShellCommandParams, ThreadStartParams, ThreadUnsubscribeParams, ThreadUnsubscribed, TurnInterruptParams,
    TurnStartParams, TurnStartResult, TurnSteerParams, TurnSteerResult,
};
use tokio::sync::{mpsc, oneshot};

/// A request and where its answer goes.
pub type Call = (ClientRequest, oneshot::Sender<Result<ClientResponse, RpcError>>);

/// Both directions of a connection.
#[derive(Debug)]
pub struct Connection {
    /// Asks.
    pub client: Client,
    /// Hears, in the order things happened.
    pub events: mpsc::Receiver<ServerMessage>,
}

/// Asks a server. Clones ask the same one.
#[derive(Debug, Clone)]
pub struct Client {
    calls: mpsc::Sender<Call>,
}

impl Connection {
    /// A connection over a pair of channels.
    pub fn new(calls: mpsc::Sender<Call>, events: mpsc::Receiver<ServerMessage>) -> Self {
        Self { client: Client { calls }, events }
    }
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident $variant:ident($params:ty) -> $result:ty;)*) => {
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// What the server says, or that it is gone.
                pub async fn $name(&self, params: $params) -> Result<$result, RpcError> {
                    match self.call(ClientRequest::$variant(params)).await? {
                        ClientResponse::$variant(result) => Ok(result),
                        other => Err(lost(&format!("the server gave the answer to another question: {other:?}"))),
                    }
                }
            )*
        }
    };
}

calls! {
    /// Starts a thread.
    thread_start ThreadStart(ThreadStartParams) -> ThreadOpened;
    /// Goes on with a thread.
    thread_resume ThreadResume(ThreadResumeParams) -> ThreadOpened;
    /// Starts a thread that goes on from another.
    thread_fork ThreadFork(ThreadForkParams) -> ThreadOpened;
    /// Tells all that the agent changed in a thread.
    thread_diff ThreadDiff(ThreadDiffParams) -> ThreadDiff;
    /// Tells what is known of a thread on disk.
    thread_read ThreadRead(ThreadReadParams) -> ThreadReadResult;
    /// Lists threads on disk.
    thread_list ThreadList(ThreadListParams) -> ThreadListResult;
    /// Lists the threads that are open.
    thread_loaded_list ThreadLoadedList(ThreadLoadedListParams) -> ThreadLoadedListResult;
    /// Finds threads on disk by what was said in them.
    thread_search ThreadSearch(ThreadSearchParams) -> ThreadSearchResponse;
    /// Gives a thread a name.
    thread_set_name ThreadSetName(ThreadSetNameParams) -> Empty;
    /// Lays a thread aside.
    thread_archive ThreadArchive(ThreadReadParams) -> Empty;
    /// Brings a thread back that was laid aside.
    thread_unarchive ThreadUnarchive(ThreadReadParams) -> ThreadReadResult;
    /// Deletes a thread.
    thread_delete ThreadDelete(ThreadReadParams) -> Empty;
    /// Sums the conversation up, in a turn of its own.
    thread_compact_start ThreadCompactStart(ThreadCompactStartParams) -> Empty;
    /// Tells what the model's context is filled with.
    thread_context ThreadContextRead(ThreadReadParams) -> ThreadContext;
    /// Brings back what the newest summary stands for.
    thread_compact_undo ThreadCompactUndo(ThreadCompactUndoParams) -> Empty;
    /// Reads items of a thread that is open or on disk.
    thread_items_list ThreadItemsList(ThreadItemsListParams) -> ThreadItemsListResult;
    /// Takes the conversation back to how it was when a turn began.
    thread_revert ThreadRevert(ThreadRevertParams) -> ThreadReadResult;
    /// Goes back to how it was when a turn began.
    thread_rewind ThreadRewind(ThreadRewindParams) -> ThreadRewound;
    /// Lists the turns that a thread can go back to.
    thread_rewind_list ThreadRewindList(ThreadRewindListParams) -> ThreadRewindListResult;
    /// Tells what going back would do to files.
    thread_rewind_preview ThreadRewindPreview(ThreadRewindParams) -> RewindPreview;
    /// Takes back the last rewind.
    thread_rewind_redo ThreadRewindRedo(ThreadRewindRedoParams) -> ThreadRewound;
    /// Runs a command that the user typed.
    thread_shell_command ThreadShellCommand(ThreadShellCommandParams) -> Empty;
    /// Lists the commands of a thread that are not built in.
    command_list CommandList(CommandListParams) -> CommandListResult;
    /// Lists the skills of directories.
    skills_list SkillsList(SkillsListParams) -> SkillsListResult;
    /// Takes a skill out of use, or back into it.
    skills_config_write SkillsConfigWrite(SkillsConfigWriteParams) -> SkillsConfigWriteResult;
    /// Finds files by a few letters of their names.
    fuzzy_file_search FuzzyFileSearch(FuzzyFileSearchParams) -> FuzzyFileSearchResult;
    /// Lists the hooks of a thread, or of directories.
    hooks_list HooksList(HooksListParams) -> HooksListResponse;
    /// Lists the models that a thread can run with.
    model_list ModelList(ModelListParams) -> ModelListResult;
    /// Lists the commands that run on after their call.
    terminals_list TerminalsList(BackgroundTerminalsParams) -> BackgroundTerminalsResult;
    /// Ends all of them; between turns, their ends were told when this returns.
    terminals_clean TerminalsClean(BackgroundTerminalsParams) -> Empty;
    /// Ends one of them.
    terminal_terminate TerminalTerminate(BackgroundTerminalTerminateParams) -> BackgroundTerminalTerminated;
    /// Changes the size of the terminal of one of them.
    terminal_resize TerminalResize(BackgroundTerminalResizeParams) -> Empty;
    /// Changes the settings of a thread.
    thread_settings_update ThreadSettingsUpdate(ThreadSettingsUpdateParams) -> Empty;
    /// Starts a sub-agent for the user.
    agents_start AgentsStart(AgentStartParams) -> AgentStarted;
    /// Lists the sub-agents of a thread.
    agents_list AgentsList(AgentListParams) -> AgentListResult;
    /// Tells what commands may do, and what was decided last.
    permissions_read PermissionsRead(PermissionsReadParams) -> ThreadPermissions;
    /// Forgets a rule that was remembered.
    permissions_forget PermissionsForget(PermissionsForgetParams) -> Empty;
    /// Lists the plugins that are kept.
    plugins_list PluginsList(PluginsListParams) -> PluginsListResult;
    /// Switches a plugin on or off.
    plugins_set PluginsSet(PluginSetParams) -> Empty;
    /// Lets go of a thread.
    thread_unsubscribe ThreadUnsubscribe(ThreadUnsubscribeParams) -> ThreadUnsubscribed;
    /// Starts a turn.
    turn_start TurnStart(TurnStartParams) -> TurnStartResult;
    /// Says something to the turn that runs.
    turn_steer TurnSteer(TurnSteerParams) -> TurnSteerResult;
    /// Starts a turn that looks at changes.
    review_start ReviewStart(ReviewStartParams) -> ReviewStartResult;
    /// Stops a turn.
    turn_interrupt TurnInterrupt(TurnInterruptParams) -> Empty;
    /// Has a turn that waits to ask the model again ask now.
    turn_retry TurnRetry(TurnInterruptParams) -> Empty;
    /// Answers a question of the server; the first answer counts.
    answer ServerRequestAnswer(ServerRequestAnswerParams) -> Empty;
}

impl Client {
    /// Asks `request`, whatever it is.
    ///
    /// # Errors
    /// What the server says, or that it is gone.
    pub async fn call(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        let (answer, answered) = oneshot::channel();
        self.calls.send((request, answer)).await.map_err(|_| lost("the server is gone"))?;
        answered.await.map_err(|_| lost("the server went away before it answered"))?
    }
}

fn lost(message: &str) -> RpcError {
    RpcError::new(ErrorKind::Internal, message)
}
