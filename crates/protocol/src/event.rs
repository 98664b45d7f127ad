//! What a server sends of its own accord: notifications, each with its place in the session's record, and questions.

use serde::{Deserialize, Serialize};

use crate::{ServerNotification, ServerRequest};

/// What a server sends of its own accord, in one stream: a question comes after the item that it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServerMessage {
    /// A question, answered by [`crate::ClientRequest::ServerRequestAnswer`] or a response with its id.
    Request {
        /// No other question of this server has it.
        id: u64,
        /// What is asked.
        #[serde(flatten)]
        request: ServerRequest,
    },
    /// Something that happened.
    Event(Event),
}

/// What a server tells its clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub notification: ServerNotification,
    /// Where it stands in the record.
    #[serde(flatten)]
    pub position: Position,
}

/// Where an event stands in the session's journal; what a client that comes back needs to miss nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Position {
    /// The event is the journal record with this ordinal, and was written before it was sent.
    Recorded {
        /// Ordinal of the record: 0 is the session's header.
        seq: u64,
    },
    /// Text appended to an item that is still open.
    #[serde(rename_all = "camelCase")]
    Delta {
        /// The last record written before it.
        after_seq: u64,
        /// Where in the item's text it begins, in bytes of UTF-8.
        offset: u64,
    },
    /// Not part of the record: notices, status, usage.
    Transient {},
}
