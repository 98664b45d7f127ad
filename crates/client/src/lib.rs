//! A handle to a server, in this process or elsewhere, and a view of what it tells.
//!
//! A client knows [`codex_protocol`] and nothing of the loop behind it: that the server is in the same process is
//! not visible here.

mod connection;
mod money;
mod view;

pub use connection::{Call, Client, Connection};
pub use money::usd;
pub use view::View;
