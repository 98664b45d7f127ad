//! Decides: may this action run, and inside which walls? Pure: data in, data out; it touches no file and asks nobody.
//!
//! The sandbox is the boundary, this is the guard rail: a verdict that allows always names the [`Confinement`] the
//! action runs under, and no rule ever widens it.
//!
//! [`Confinement`]: codex_sandbox::Confinement

mod access;
mod decide;
mod policy;
mod rules;
mod shell_parse;

pub use access::Access;
pub use decide::{Question, Verdict, decide};
pub use policy::{Approval, Policy, SandboxLevel};
pub use rules::{RuleError, RuleKind, RuleText, Rules};
pub use shell_parse::{PatchHeredoc, patch_heredoc};
