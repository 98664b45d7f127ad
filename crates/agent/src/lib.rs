//! The loop: a thread of turns, each a small machine that asks the model, runs what it asks for, and ends.
//!
//! Everything the loop does is recorded before it is told. This crate never starts a process itself, never reads
//! configuration, and knows no client: it sends events to whoever holds the other end.

mod agents;
mod answers;
mod approvals;
mod budget;
mod calls;
mod change;
mod checkpoints;
mod compaction;
mod context;
mod decisions;
mod diagnostics;
mod diff;
mod filling;
mod ignored;
mod input;
mod known_pages;
mod mcp_tools;
mod mode;
mod new_repositories;
mod plugged;
mod questions;
mod recorder;
mod repetition;
mod rerouted;
mod revert;
mod review;
mod rewind;
mod sample;
mod save_first;
mod searches;
mod settings;
mod standing;
mod steers;
mod thinking;
mod thread;
mod turn;
mod turn_diff;
mod uncovers;
mod user_command;
mod weaker_walls;
mod with_more;
mod writing_plan;

pub use agents::{AgentChanges, AgentInfo, AgentOrder, AgentRequest, Agents, AgentsParts, BuiltAgent};
pub use budget::{Budget, Limits, Reached, Spent};
pub use change::Settled;
pub use checkpoints::{Keeping, checkpoint_scope};
pub use decisions::{Decision, Decisions};
pub use diff::{Changed, SessionDiff, file_diffs, session_diff};
pub use ignored::IgnoreFiles;
pub use mcp_tools::{Keep, Leave, McpLimits, McpUse, Recall, Remembered, ServerRules};
pub use mode::Mode;
pub use new_repositories::KnownRepositories;
pub use plugged::Plugged;
pub use questions::{AnswerError, Questions, THIS_SESSION};
pub use review::Review;
pub use rewind::Rewind;
pub use sample::{token_usage, tokens};
pub use settings::{ModelChoice, ProjectTests, ThreadSettings, Users, Workplace};
pub use standing::Standing;
pub use thread::{Thread, ThreadError, ThreadParts};
pub use turn::TurnOptions;
pub use uncovers::uncovers;
pub use user_command::UserCommand;
