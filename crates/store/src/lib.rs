//! Sessions on disk. Only this crate writes them, and what it has written it never changes.

mod record;

pub use record::{Header, Line, Record, TurnOutcome};
