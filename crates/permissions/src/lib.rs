//! Decides: may this action run, and inside which walls? Pure: data in, data out; it touches no file and asks nobody.
//!
//! The sandbox is the boundary, this is the guard rail: a verdict that allows always names the [`Confinement`] the
//! action runs under, and no rule ever widens it.
//!
//! [`Confinement`]: codex_sandbox::Confinement

mod access;
mod classes;
mod decide;
mod destroys;
mod fetching;
mod narrow;
mod pattern;
mod planning;
mod policy;
mod read_only;
mod remote;
mod rules;
mod shell;
mod shell_parse;
mod unasked;
mod uncover;
mod worktree;

pub use access::{Access, Fetch, RemoteCall, Uncovers};
pub use classes::{class_data, class_names};
pub use decide::{Explanation, Judgement, Question, Verdict, decide, explain, judge};
pub use destroys::{Destroys, Files, destroys};
pub use policy::{Approval, Policy, SandboxLevel};
pub use remote::ToolApproval;
pub use rules::{ProgramNames, RuleError, RuleKind, RuleText, Rules};
pub use shell::is_prompt;
pub use shell_parse::{PatchHeredoc, patch_heredoc};
pub use unasked::{bare_programs, disarms_git, prefix_rule, rule_words};
pub use uncover::refusal;
pub use worktree::{Source, TreeChange, tree_changes};
