//! Everything that may cross between a client and a server, and nothing else.
//!
//! Names and shapes are those of the Codex app-server protocol, version 2, of which this is a closed subset, so that
//! programs written for it work against this server. No logic lives here: no defaults that decide anything, no I/O.
//! Variety goes into [`ThreadItem`], not into new notifications.

/// The revision of what this program's own clients and servers say to each other. It is another one when something that an
/// older one says, or counts on, is not understood any more; what is added does not change it.
pub const REVISION: u32 = 1;

mod agents;
mod approvals;
mod commands;
mod compaction;
mod config;
mod diff;
mod elicitation;
mod event;
mod files;
mod hooks;
mod item;
mod items;
mod mcp;
mod methods;
mod models;
mod permissions;
mod plugins;
mod review;
mod rewind;
mod rpc;
#[cfg(test)]
mod schema_tests;
mod settings;
mod skills;
mod terminals;
mod thread;
mod turn;
mod usage;

pub use agents::{
    AgentListParams, AgentListResult, AgentStartParams, AgentStarted, CollabAgentState, CollabAgentStatus,
    CollabAgentTool, CollabAgentToolCallStatus, SubAgent,
};
pub use approvals::{
    ApprovalAnswer, ApprovalDecision, ApprovalRule, ApprovalTerms, CommandApprovalParams, FileChangeApprovalParams,
    HeldSetting, McpApproval, ProjectTrustParams, ServerRequestAnswerParams, ServerRequestResolved, UntrustedFile,
};
pub use commands::{CommandListParams, CommandListResult, OwnCommand};
pub use compaction::{CompactionReport, ContextPart, ThreadCompactStartParams, ThreadCompactUndoParams, ThreadContext};
pub use config::{ConfigReadParams, ConfigReadResult, PermissionProfile, PermissionProfileListResult};
pub use diff::{FileDiff, ThreadDiff, ThreadDiffParams};
pub use elicitation::{Asked, ElicitationParams};
pub use event::{Event, Position, ServerMessage};
pub use files::{FoundFile, FoundKind, FuzzyFileSearchParams, FuzzyFileSearchResult};
pub use hooks::{
    HookErrorInfo, HookEventName, HookMetadata, HookOutputEntry, HookOutputEntryKind, HookRun, HookRunStatus,
    HookRunSummary, HookSource, HooksListEntry, HooksListParams, HooksListResponse,
};
pub use item::{
    CommandExecutionSource, CommandExecutionStatus, DynamicToolCallOutput, DynamicToolCallStatus, FileUpdateChange,
    PatchApplyStatus, PatchChangeKind, ThreadItem, UserInput, WebSearchAction, WebSource,
};
pub use items::{
    SortDirection, ThreadItemEntry, ThreadItemsListParams, ThreadItemsListResult, ThreadTurnsListParams,
    ThreadTurnsListResult,
};
pub use mcp::{
    ListMcpServerStatusParams, ListMcpServerStatusResponse, McpAuthStatus, McpConnection, McpServerAction,
    McpServerControlParams, McpServerOauthLoginCompleted, McpServerOauthLoginParams, McpServerOauthLoginResponse,
    McpServerOauthPasteParams, McpServerStarted, McpServerStatus, McpStartup, McpToolCallError, McpToolCallProgress,
    McpToolCallResult, McpToolCallStatus,
};
pub use methods::{ClientRequest, ClientResponse, Method, MethodClass, ServerNotification, ServerRequest, methods};
pub use models::{Model, ModelListParams, ModelListResult, ReasoningEffortOption};
pub use permissions::{
    NetworkReach, PermissionDecision, PermissionRule, PermissionsForgetParams, PermissionsReadParams, ThreadPermissions,
};
pub use plugins::{
    KeptPlugin, PluginAddition, PluginInstalledParams, PluginInstalledResponse, PluginMarketplaceEntry,
    PluginSetParams, PluginSource, PluginSummary, PluginsListParams, PluginsListResult,
};
pub use review::{
    ReviewFinding, ReviewResult, ReviewSeverity, ReviewStartParams, ReviewStartResult, ReviewTarget, ReviewTestStatus,
    ReviewTests,
};
pub use rewind::{
    RewindFailure, RewindFile, RewindPreview, RewindTurn, RewindWhat, ThreadRevertParams, ThreadReverted,
    ThreadRewindListParams, ThreadRewindListResult, ThreadRewindParams, ThreadRewindRedoParams, ThreadRewound,
};
pub use rpc::{ErrorKind, RpcError};
pub use settings::{
    CollaborationMode, ModeKind, ModeSettings, SettingsChange, ThreadSettings, ThreadSettingsUpdateParams,
    ThreadSettingsUpdated,
};
pub use skills::{
    SkillError, SkillInfo, SkillScope, SkillsConfigWriteParams, SkillsConfigWriteResult, SkillsListEntry,
    SkillsListParams, SkillsListResult,
};
pub use terminals::{
    BackgroundTerminal, BackgroundTerminalResizeParams, BackgroundTerminalTerminateParams,
    BackgroundTerminalTerminated, BackgroundTerminalsParams, BackgroundTerminalsResult, ThreadShellCommandParams,
};
pub use thread::{
    ApprovalPolicy, Empty, GitInfo, SandboxMode, SessionSource, Thread, ThreadClosed, ThreadForkParams,
    ThreadListParams, ThreadListResult, ThreadLoadedListParams, ThreadLoadedListResult, ThreadNameUpdated,
    ThreadOpened, ThreadReadParams, ThreadReadResult, ThreadResumeParams, ThreadSearchParams, ThreadSearchResponse,
    ThreadSearchResult, ThreadSetNameParams, ThreadStartParams, ThreadStarted, ThreadStatus, ThreadStatusChanged,
    ThreadUnsubscribeParams, ThreadUnsubscribed, TypedFlag, UnsubscribeStatus, Warning,
};
pub use turn::{
    Delta, ItemCompleted, ItemStarted, ItemsView, PlanStep, PlanStepStatus, ReasoningDelta, ReasoningPartAdded,
    RetryWait, ThreadTokenUsage, TokenUsage, TokenUsageUpdated, Turn, TurnChanged, TurnDiffUpdated, TurnError,
    TurnFailed, TurnInterruptParams, TurnPlanUpdated, TurnStartParams, TurnStartResult, TurnStatus, TurnSteerParams,
    TurnSteerResult,
};
pub use usage::{ModelUsage, ThreadUsage, ThreadUsageReadParams};
