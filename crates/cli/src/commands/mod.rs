//! The subcommands, a file or folder each.

pub mod completion;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod exec;
pub mod init;
pub mod login;
pub mod man;
pub mod permissions;
pub mod sandbox;
mod slash;
pub mod trust;
