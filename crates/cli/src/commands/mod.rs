//! The subcommands, a file or folder each.

pub mod demo;
pub mod exec;
pub mod permissions;
pub mod sandbox;
mod slash;
