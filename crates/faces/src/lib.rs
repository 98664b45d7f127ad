//! Other protocols over a client of the server: editors speak the Agent Client Protocol, other agents the Model Context
//! Protocol. Each is JSON-RPC 2.0, a message a string; where the strings come from and go to is the transport's.

mod acp;
mod mcp;
mod rpc;

pub use acp::serve_acp;
pub use mcp::serve_mcp;
