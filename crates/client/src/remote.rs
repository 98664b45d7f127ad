//! A server elsewhere: the same [`Connection`] as in this process, carried as JSON over a WebSocket that may be lost and
//! found again. `docs/design/0013-remote-sessions.md` says how.

mod address;
mod link;
mod socket;
mod tls;
mod unconfirmed;

use std::path::PathBuf;

use tokio::sync::mpsc;

pub use self::{
    address::{Address, AddressError, Trust},
    socket::{Refused, Secret, proof},
    unconfirmed::Unconfirmed,
};
use self::{link::Link, socket::dial};
use crate::Connection;

/// The header that names a session, in both directions; in an answer, only where the session is still there.
pub const SESSION: &str = "codex-session";
/// The header that says how many texts of the other side have come.
pub const RECEIVED: &str = "codex-received";
/// The header with a question that only who knows the token can answer, and the one with the answer.
pub const NONCE: &str = "codex-nonce";
/// As [`NONCE`].
pub const PROOF: &str = "codex-proof";
/// The largest message in either direction, in bytes: pictures travel in messages.
pub const LARGEST: usize = 32 * 1024 * 1024;
/// How many texts, and how often, one side confirms what it has received.
pub const CONFIRM_EVERY: u64 = 128;

/// Where to connect, and as whom.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// What opens it.
    pub secret: Option<Secret>,
    /// Version of this program.
    pub version: String,
}

/// Where a server on this machine keeps what its clients need: the token of its owner.
pub fn token_file(codex_home: &std::path::Path) -> PathBuf {
    codex_home.join("serve").join("token")
}

/// Connects, and stays connected as far as that is possible.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn connect(endpoint: Endpoint) -> Result<Connection, Refused> {
    let session = uuid::Uuid::now_v7().simple().to_string();
    let dialled = dial(&endpoint, &session, 0).await?;
    let (calls, called) = mpsc::channel(16);
    let (events, told) = mpsc::channel(1024);
    tokio::spawn(Link::new(endpoint, session, called, events).run(dialled));
    Ok(Connection::new(calls, told))
}
