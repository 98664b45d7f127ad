//! Starts processes, confined. The only crate of this program that starts any.
//!
//! A cell is one helper process (this program started again) that holds the namespaces of one session under one
//! [`Confinement`]; every [`Command`] is forked inside it. See `docs/design/0001-cell.md`. The parent's side is
//! `sandbox`, `cell` and `child`; the helper's is `helper`, then `supervisor` for each command, then `launch`.
//!
//! This crate must never decide *whether* something may run (that is `permissions`), and must never fall back to a
//! weaker confinement than it was asked for: what the kernel cannot hold is an error.
#![allow(unsafe_code)]

pub mod aside;
mod cell;
mod channel;
mod child;
mod codec;
mod command;
mod confinement;
mod descendants;
mod detached;
mod helper;
mod hint;
mod launch;
mod memory;
mod notice;
mod openat2;
mod process;
mod refused_writes;
mod rung;
mod sandbox;
pub mod seatbelt;
mod setup;
mod shown;
mod supervisor;
mod terminal;
mod wire;

pub use child::{Child, Process};
pub use command::{Command, Exit, SandboxError};
pub use confinement::{Confined, Confinement, Network};
pub use detached::start_detached;
pub use helper::run_helper_if_requested;
pub use memory::remove_groups;
pub use notice::{Change, Noticed, Refusals};
pub use openat2::openat2;
pub use process::{give_large_blocks_back, ignore_file_size_signal};
pub use rung::{NOT_HELD_ALONE, Rung};
pub use sandbox::{Helper, Sandbox, Streams};
pub use shown::{one_line, quoted, shown};
pub use terminal::{Terminal, TerminalChild, TerminalSize};
