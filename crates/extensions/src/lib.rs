//! What users plug in: hooks, skills, plugins, own commands, linters, language servers.
//!
//! Whatever of it is a program is started by `sandbox`, inside walls that its caller names, through [`program`]. Whether a
//! project is trusted with any of it is decided before it gets here.

pub mod checkers;
pub mod commands;
pub mod diagnostics;
mod files;
pub mod formatters;
pub mod front_matter;
pub mod hooks;
pub mod linters;
pub mod lsp;
pub mod plugins;
pub mod program;
pub mod skills;

pub use files::{Place, Source};
