//! The subcommands, a file or folder each.

pub mod demo;
pub mod exec;
pub mod sandbox;
mod slash;
