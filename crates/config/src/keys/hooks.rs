//! The keys of `[hooks]`: what users have started at steps of a session.

use super::{Key, Kind, ignored, key, later};

/// The keys of `[hooks]`. What is not understood may have been meant to forbid something.
pub(super) const HOOKS: &[Key] = &[
    key("enabled", Kind::Flag, "Whether hooks are started at all").default("true"),
    key("claude_user_settings", Kind::Flag, "Take the hooks of `~/.claude/settings.json` too").default("false"),
    key("SessionStart", Kind::Hooks, "Before the first turn of a session, and after a summary").appends(),
    key("SessionEnd", Kind::Hooks, "When a session is left").appends(),
    key("UserPromptSubmit", Kind::Hooks, "Before the model reads what you said").appends(),
    key("PreToolUse", Kind::Hooks, "Before a call of a tool").appends(),
    key("PermissionRequest", Kind::Hooks, "Before you are asked whether a call may run").appends(),
    key("PostToolUse", Kind::Hooks, "After a call of a tool").appends(),
    key("PreCompact", Kind::Hooks, "Before the conversation is summed up").appends(),
    key("Stop", Kind::Hooks, "Before a turn ends").appends(),
    key("SubagentStop", Kind::Hooks, "Before a sub-agent ends").appends(),
    key("Notification", Kind::Hooks, "When you are asked something, and when you are waited for").appends(),
    key(
        "idle_ms",
        Kind::Count(0, 86_400_000),
        "Milliseconds after the end of a turn, in which nothing was said, when you are taken to be waited for",
    )
    .default("60000"),
    later("Interrupt", "When a turn is interrupted"),
    later("PostCompact", "After the conversation was summed up"),
    later("PostModelRequest", "After the model has answered"),
    later("PostToolUseFailure", "After a call of a tool has failed"),
    later("PreModelRequest", "Before the model is asked"),
    later("SubagentStart", "When a sub-agent begins"),
    ignored("state", "What the existing CLI remembers of hooks"),
];
