//! Starts processes, confined. The only crate of this program that starts any.
//!
//! A [`Cell`] is one helper process (this program started again) that holds the namespaces of one session under one
//! [`Confinement`]; every [`Command`] is forked inside it. See `docs/design/0001-cell.md`.
//!
//! This crate must never decide *whether* something may run (that is `permissions`), and must never fall back to a
//! weaker confinement than it was asked for: what the kernel cannot hold is an error.
#![allow(unsafe_code)]

mod command;
mod confinement;

pub use command::{Command, Exit, SandboxError};
pub use confinement::{Confined, Confinement, Network};
