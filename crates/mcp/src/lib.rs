//! The MCP client: servers of tools, their life, and what they offer.
//!
//! A server says what it offers in its own words, and answers with what it likes: all of that is data of a stranger. This
//! crate must never let it decide what is asked, shown or run.

mod answers;
mod call;
mod calls;
mod client;
mod connect;
mod elicitation;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod ground;
mod guarded;
mod http;
#[cfg(test)]
mod http_tests;
mod limits;
mod names;
pub mod oauth;
mod offer;
mod program;
mod resources;
mod schema;
mod server;
mod servers;
mod spec;
mod state;
mod stdio;
#[cfg(test)]
mod tests;

pub use codex_forms::Form;
pub use limits::is_hidden;

pub use call::{CallContext, CallError, CallOutcome, Content, Elicit, Elicitation, Elicited, Progress, Progressed};
pub use ground::{Ground, MakeSandbox, MakeTemp, Pool, TokenWanted, Tokens};
pub use names::digest;
pub use offer::{PromptArgument, PromptMessage, RemotePrompt, RemoteResource, RemoteTool, ResourceText};
pub use servers::McpServers;
pub use spec::{Reach, ServerSpec, ToolFilter, Transport, Walls};
pub use state::{Auth, ServerState, Status};
