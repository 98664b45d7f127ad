//! The table of methods: one line each. A method that is not here does not exist.

#[cfg(test)]
use schemars::{Schema as Shape, SchemaGenerator as Shapes};
use serde::{Deserialize, Serialize};

use crate::{
    AgentListParams, AgentListResult, AgentStartParams, AgentStarted, BackgroundTerminalResizeParams,
    BackgroundTerminalTerminateParams, BackgroundTerminalTerminated, BackgroundTerminalsParams,
    BackgroundTerminalsResult, CommandApprovalParams, CommandListParams, CommandListResult, ConfigReadParams,
    ConfigReadResult, Delta, ElicitationParams, Empty, FileChangeApprovalParams, FuzzyFileSearchParams,
    FuzzyFileSearchResult, HookRun, HooksListParams, HooksListResponse, ItemCompleted, ItemStarted,
    ListMcpServerStatusParams, ListMcpServerStatusResponse, McpServerControlParams, McpServerOauthLoginCompleted,
    McpServerOauthLoginParams, McpServerOauthLoginResponse, McpServerOauthPasteParams, McpServerStarted,
    McpToolCallProgress, ModelListParams, ModelListResult, PermissionProfileListResult, PermissionsForgetParams,
    PermissionsReadParams, PluginInstalledParams, PluginInstalledResponse, PluginSetParams, PluginsListParams,
    PluginsListResult, ProjectTrustParams, ReasoningDelta, ReasoningPartAdded, ReviewStartParams, ReviewStartResult,
    RewindPreview, ServerRequestAnswerParams, ServerRequestResolved, SkillsConfigWriteParams, SkillsConfigWriteResult,
    SkillsListParams, SkillsListResult, ThreadClosed, ThreadCompactStartParams, ThreadCompactUndoParams, ThreadContext,
    ThreadDiff, ThreadDiffParams, ThreadForkParams, ThreadItemsListParams, ThreadItemsListResult, ThreadListParams,
    ThreadListResult, ThreadLoadedListParams, ThreadLoadedListResult, ThreadNameUpdated, ThreadOpened,
    ThreadPermissions, ThreadReadParams, ThreadReadResult, ThreadResumeParams, ThreadRevertParams, ThreadReverted,
    ThreadRewindListParams, ThreadRewindListResult, ThreadRewindParams, ThreadRewindRedoParams, ThreadRewound,
    ThreadSearchParams, ThreadSearchResponse, ThreadSetNameParams, ThreadSettingsUpdateParams, ThreadSettingsUpdated,
    ThreadShellCommandParams, ThreadStartParams, ThreadStarted, ThreadStatusChanged, ThreadTurnsListParams,
    ThreadTurnsListResult, ThreadUnsubscribeParams, ThreadUnsubscribed, ThreadUsage, ThreadUsageReadParams,
    TokenUsageUpdated, TurnChanged, TurnDiffUpdated, TurnFailed, TurnInterruptParams, TurnPlanUpdated, TurnStartParams,
    TurnStartResult, TurnSteerParams, TurnSteerResult, Warning,
};

/// Whose method it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodClass {
    /// In the app-server protocol, version 2, its experimental methods included.
    Theirs,
    /// An addition of this program.
    Ours,
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Name on the wire.
    pub name: &'static str,
    /// Whose it is.
    pub class: MethodClass,
}

macro_rules! client_requests {
    ($($variant:ident $name:literal $params:ty => $result:ty, $class:ident;)*) => {
        /// What a client may ask of a server.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum ClientRequest {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant($params),)*
        }

        impl ClientRequest {
            /// Its method's name on the wire.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }
        }

        /// A server's answer, one variant for each [`ClientRequest`].
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum ClientResponse {
            $(#[doc = concat!("Answer to `", $name, "`")] $variant($result),)*
        }

        impl ClientRequest {
            /// What reads the answer to this request from its JSON.
            pub fn reader(&self) -> fn(&str) -> serde_json::Result<ClientResponse> {
                match self {
                    $(Self::$variant(_) => |text| serde_json::from_str(text).map(ClientResponse::$variant),)*
                }
            }
        }

        /// Of each method: its name, whose it is, and the shapes of its parameters and its result.
        #[cfg(test)]
        pub(crate) fn request_shapes(all: &mut Shapes) -> Vec<(&'static str, MethodClass, Shape, Shape)> {
            vec![$((
                $name,
                MethodClass::$class,
                all.subschema_for::<$params>(),
                all.subschema_for::<$result>(),
            ),)*]
        }

        /// All methods a client may call.
        pub fn methods() -> &'static [Method] {
            &[$(Method { name: $name, class: MethodClass::$class },)*]
        }
    };
}

macro_rules! server_notifications {
    ($($variant:ident $name:literal $params:ty;)*) => {
        /// What a server tells its clients without being asked.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum ServerNotification {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant($params),)*
        }

        /// Of each notification: its name, and the shape of its parameters.
        #[cfg(test)]
        pub(crate) fn notification_shapes(all: &mut Shapes) -> Vec<(&'static str, Shape)> {
            vec![$(($name, all.subschema_for::<$params>()),)*]
        }

        impl ServerNotification {
            /// Its name on the wire.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }
        }
    };
}

macro_rules! server_requests {
    ($($variant:ident $name:literal $params:ty;)*) => {
        /// What a server asks of its clients. The answer to each is an [`crate::ApprovalAnswer`]; the first counts.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum ServerRequest {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant($params),)*
        }

        /// Of each question: its name, and the shape of its parameters.
        #[cfg(test)]
        pub(crate) fn question_shapes(all: &mut Shapes) -> Vec<(&'static str, Shape)> {
            vec![$(($name, all.subschema_for::<$params>()),)*]
        }
    };
}

client_requests! {
    ThreadStart       "thread/start"        ThreadStartParams       => ThreadOpened,        Theirs;
    ThreadResume      "thread/resume"       ThreadResumeParams      => ThreadOpened,        Theirs;
    ThreadDiff        "thread/diff"         ThreadDiffParams        => ThreadDiff,          Ours;
    ThreadFork        "thread/fork"         ThreadForkParams        => ThreadOpened,        Theirs;
    ThreadList        "thread/list"         ThreadListParams        => ThreadListResult,    Theirs;
    ThreadLoadedList  "thread/loaded/list"  ThreadLoadedListParams  => ThreadLoadedListResult, Theirs;
    ThreadRead        "thread/read"         ThreadReadParams        => ThreadReadResult,    Theirs;
    ThreadItemsList   "thread/items/list"   ThreadItemsListParams   => ThreadItemsListResult, Theirs;
    ThreadTurnsList   "thread/turns/list"   ThreadTurnsListParams   => ThreadTurnsListResult, Theirs;
    ThreadShellCommand "thread/shellCommand" ThreadShellCommandParams => Empty,              Theirs;
    ThreadRevert      "thread/revert"       ThreadRevertParams      => ThreadReadResult,    Theirs;
    ThreadRewind        "thread/rewind"         ThreadRewindParams     => ThreadRewound,          Ours;
    ThreadRewindList    "thread/rewind/list"    ThreadRewindListParams => ThreadRewindListResult, Ours;
    ThreadRewindPreview "thread/rewind/preview" ThreadRewindParams     => RewindPreview,          Ours;
    ThreadRewindRedo    "thread/rewind/redo"    ThreadRewindRedoParams => ThreadRewound,          Ours;
    ThreadSearch      "thread/search"       ThreadSearchParams      => ThreadSearchResponse, Ours;
    ThreadSetName     "thread/name/set"     ThreadSetNameParams     => Empty,               Theirs;
    ThreadArchive     "thread/archive"      ThreadReadParams        => Empty,               Theirs;
    ThreadUnarchive   "thread/unarchive"    ThreadReadParams        => ThreadReadResult,    Theirs;
    ThreadDelete      "thread/delete"       ThreadReadParams        => Empty,               Theirs;
    ThreadCompactStart "thread/compact/start" ThreadCompactStartParams => Empty,              Theirs;
    ThreadContextRead "thread/context/read"  ThreadReadParams        => ThreadContext,       Ours;
    ThreadCompactUndo "thread/compact/undo"  ThreadCompactUndoParams => Empty,               Ours;
    TerminalsList     "thread/backgroundTerminals/list"      BackgroundTerminalsParams         => BackgroundTerminalsResult, Theirs;
    TerminalsClean    "thread/backgroundTerminals/clean"     BackgroundTerminalsParams         => Empty,               Theirs;
    TerminalTerminate "thread/backgroundTerminals/terminate" BackgroundTerminalTerminateParams => BackgroundTerminalTerminated, Theirs;
    TerminalResize    "thread/backgroundTerminals/resize"    BackgroundTerminalResizeParams    => Empty,               Ours;
    ThreadSettingsUpdate "thread/settings/update" ThreadSettingsUpdateParams => Empty,      Theirs;
    ThreadUnsubscribe "thread/unsubscribe"  ThreadUnsubscribeParams => ThreadUnsubscribed,  Theirs;
    AgentsStart       "thread/agents/start" AgentStartParams        => AgentStarted,        Ours;
    AgentsList        "thread/agents/list"  AgentListParams         => AgentListResult,     Ours;
    McpServerStatusList "mcpServerStatus/list" ListMcpServerStatusParams => ListMcpServerStatusResponse, Theirs;
    McpServerControl  "mcpServer/control"   McpServerControlParams  => Empty,               Ours;
    McpServerOauthLogin "mcpServer/oauth/login" McpServerOauthLoginParams => McpServerOauthLoginResponse, Theirs;
    McpServerOauthPaste "mcpServer/oauth/paste" McpServerOauthPasteParams => Empty,          Ours;
    PermissionsRead   "thread/permissions/read"   PermissionsReadParams   => ThreadPermissions, Ours;
    PermissionsForget "thread/permissions/forget" PermissionsForgetParams => Empty,          Ours;
    PluginsList       "thread/plugins/list" PluginsListParams       => PluginsListResult,   Ours;
    PluginInstalled   "plugin/installed"    PluginInstalledParams   => PluginInstalledResponse, Theirs;
    PluginsSet        "thread/plugins/set"  PluginSetParams         => Empty,               Ours;
    ThreadUsageRead   "thread/usage/read"   ThreadUsageReadParams   => ThreadUsage,         Ours;
    TurnStart         "turn/start"          TurnStartParams         => TurnStartResult,     Theirs;
    TurnSteer         "turn/steer"          TurnSteerParams         => TurnSteerResult,     Theirs;
    TurnInterrupt     "turn/interrupt"      TurnInterruptParams     => Empty,               Theirs;
    TurnRetry         "turn/retry"          TurnInterruptParams     => Empty,               Ours;
    ReviewStart       "review/start"        ReviewStartParams       => ReviewStartResult,   Theirs;
    CommandList       "command/list"        CommandListParams       => CommandListResult,   Ours;
    SkillsList        "skills/list"         SkillsListParams        => SkillsListResult,    Theirs;
    SkillsConfigWrite "skills/config/write" SkillsConfigWriteParams => SkillsConfigWriteResult, Theirs;
    FuzzyFileSearch   "fuzzyFileSearch"     FuzzyFileSearchParams   => FuzzyFileSearchResult, Theirs;
    HooksList         "hooks/list"          HooksListParams         => HooksListResponse,   Theirs;
    ModelList         "model/list"          ModelListParams         => ModelListResult,     Theirs;
    ConfigRead        "config/read"         ConfigReadParams        => ConfigReadResult,    Theirs;
    PermissionProfileList "permissionProfile/list" ConfigReadParams => PermissionProfileListResult, Theirs;
    ServerRequestAnswer "serverRequest/answer" ServerRequestAnswerParams => Empty,           Ours;
}

server_notifications! {
    ThreadStarted         "thread/started"                      ThreadStarted;
    ThreadStatusChanged   "thread/status/changed"               ThreadStatusChanged;
    ThreadClosed          "thread/closed"                       ThreadClosed;
    ThreadReverted        "thread/reverted"                     ThreadReverted;
    ThreadNameUpdated     "thread/name/updated"                 ThreadNameUpdated;
    ThreadArchived        "thread/archived"                     ThreadClosed;
    ThreadUnarchived      "thread/unarchived"                   ThreadClosed;
    ThreadDeleted         "thread/deleted"                      ThreadClosed;
    ThreadSettingsUpdated "thread/settings/updated"             ThreadSettingsUpdated;
    TokenUsageUpdated     "thread/tokenUsage/updated"           TokenUsageUpdated;
    TurnStarted           "turn/started"                        TurnChanged;
    TurnCompleted         "turn/completed"                      TurnChanged;
    TurnDiffUpdated       "turn/diff/updated"                   TurnDiffUpdated;
    TurnPlanUpdated       "turn/plan/updated"                   TurnPlanUpdated;
    ItemStarted           "item/started"                        ItemStarted;
    ItemCompleted         "item/completed"                      ItemCompleted;
    AgentMessageDelta     "item/agentMessage/delta"             Delta;
    PlanDelta             "item/plan/delta"                     Delta;
    CommandOutputDelta    "item/commandExecution/outputDelta"   Delta;
    ReasoningDelta        "item/reasoning/summaryTextDelta"     ReasoningDelta;
    ReasoningPartAdded    "item/reasoning/summaryPartAdded"     ReasoningPartAdded;
    HookStarted           "hook/started"                        HookRun;
    HookCompleted         "hook/completed"                      HookRun;
    McpServerStarted      "mcpServer/startupStatus/updated"     McpServerStarted;
    McpServerOauthLoginCompleted "mcpServer/oauthLogin/completed" McpServerOauthLoginCompleted;
    McpToolCallProgress   "item/mcpToolCall/progress"           McpToolCallProgress;
    ServerRequestResolved "serverRequest/resolved"              ServerRequestResolved;
    Error                 "error"                               TurnFailed;
    Warning               "warning"                             Warning;
}

server_requests! {
    CommandApproval    "item/commandExecution/requestApproval" CommandApprovalParams;
    FileChangeApproval "item/fileChange/requestApproval"       FileChangeApprovalParams;
    ProjectTrust       "project/requestTrust"                  ProjectTrustParams;
    Elicitation        "mcpServer/elicitation/request"         ElicitationParams;
}
