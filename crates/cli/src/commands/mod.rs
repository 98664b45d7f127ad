//! The subcommands, a file or folder each.

pub mod app_server;
pub mod apply;
pub mod completion;
pub mod config;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod exec;
pub mod init;
pub mod login;
pub mod man;
pub mod mcp;
pub mod models;
pub mod permissions;
pub mod plugin;
pub mod remote;
pub mod review;
pub mod rewind;
pub mod sandbox;
pub mod screen;
pub mod serve;
pub mod sessions;
mod slash;
pub mod trust;

use crate::{exec::ExitStatus, terminal};

/// Prints what a command that runs no turn has found or done; nothing in it drives the terminal.
///
/// # Errors
/// When standard output is closed or full.
fn say(text: &str) -> Result<ExitStatus, String> {
    write(terminal::harmless(text).as_bytes())
}

/// As [`say`], for what is read by programs: JSON, scripts, pages of the manual. It stays as it is.
///
/// # Errors
/// As [`say`].
fn write(bytes: &[u8]) -> Result<ExitStatus, String> {
    terminal::write(bytes).map_err(|error| format!("standard output: {error}"))?;
    Ok(ExitStatus::Done)
}
