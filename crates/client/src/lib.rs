//! A handle to a server, in this process or elsewhere, and a view of what it tells.
//!
//! A client knows [`codex_protocol`] and nothing of the loop behind it: that the server is in the same process is
//! not visible here.

mod agents;
mod connection;
mod hook_lines;
mod money;
mod own_commands;
mod picture;
pub mod remote;
mod revision;
mod title;
mod view;
mod whole;
mod whose;

/// What the model is told to go on with a turn that was cut off.
pub const GO_ON: &str = "Go on with what was cut off. Look first at how far it came: the last step may be half done.";

pub use agents::{AgentLine, agent_lines, agent_status};
pub use connection::{Call, Client, Connection};
pub use hook_lines::{HookLine, hook_lines, hook_name};
pub use money::{Cost, usd};
pub use own_commands::{command_word, own_command};
pub use picture::pictures;
pub use revision::other_revision;
pub use title::{called, title};
pub use view::View;
pub use whole::OpenItems;
pub use whose::thread_of;
