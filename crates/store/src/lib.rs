//! Sessions on disk. Only this crate writes them, and what it has written it never changes.
//!
//! A session is one journal ([`Journal`]); [`replay`] turns its lines back into a conversation; [`find`] and
//! [`list`] look for one. See `docs/design/0002-journal.md` and, for the format, `docs/journal.md`.

mod conversation;
mod describe;
mod directory;
mod disk;
mod error;
#[cfg(debug_assertions)]
pub mod faults;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod holder;
mod index;
mod items;
mod journal;
mod lineage;
mod long;
mod manage;
mod name;
mod pinned;
mod point;
mod preview;
mod reading;
mod record;
mod remove;
mod replay;
mod retain;
mod rollout;
mod search;
mod states;
mod temp;
#[cfg(test)]
mod testing;
mod turns;

pub use conversation::{Conversation, Mark};
pub use describe::Facts;
pub use directory::{Listed, SessionsWanted, find, find_current, find_journal, list, look};
pub use disk::{Disk, disk};
pub use error::StoreError;
pub use holder::{Door, Holder, LET_GO, ask_for, holder};
pub use items::{ItemsPage, ItemsWanted, StoredItem, items, lines_after};
pub use journal::Journal;
pub use lineage::fork_at;
pub use manage::{archive, delete, rename, session_name};
pub use pinned::Pinned;
pub use reading::{forked, replayed};
pub use record::{Answered, Answerer, Epoch, FORMAT, ForkedFrom, Header, Line, Record, TurnOutcome};
pub use replay::{Replayed, Summaries, replay};
pub use retain::{Removed, Retention, retain, retention_due};
pub use search::{Said, search};
pub use states::{ChangedBy, Span, States, Undone};
pub use temp::TempDirectory;
pub use turns::{StoredTurn, turns};
