//! Reading the items of a thread, page by page.

use serde::{Deserialize, Serialize};

use crate::{ItemsView, ThreadItem, Turn};

/// `thread/items/list`: finished items of a thread that is open or on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadItemsListParams {
    /// The thread's id.
    pub thread_id: String,
    /// Where to go on, as an earlier answer said; from the beginning or the end when absent.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Which come first; the oldest when absent.
    pub sort_direction: Option<SortDirection>,
    /// Only those of this turn.
    pub turn_id: Option<String>,
}

/// Which come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SortDirection {
    /// The oldest.
    #[default]
    Asc,
    /// The newest.
    Desc,
}

/// Answer to `thread/items/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadItemsListResult {
    /// In the direction that was asked for.
    pub data: Vec<ThreadItemEntry>,
    /// Where to go on in the same direction; null at the end.
    pub next_cursor: Option<String>,
    /// Where to go the other way from the first of `data`, without it.
    pub backwards_cursor: Option<String>,
}

/// `thread/turns/list`: turns of a thread that is open or on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadTurnsListParams {
    /// The thread's id.
    pub thread_id: String,
    /// Where to go on, as an earlier answer said.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Which come first; the newest when absent.
    pub sort_direction: Option<SortDirection>,
    /// Which of their items are told; the summary when absent.
    pub items_view: Option<ItemsView>,
}

/// Answer to `thread/turns/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadTurnsListResult {
    /// In the direction that was asked for.
    pub data: Vec<Turn>,
    /// Where to go on in the same direction; null at the end.
    pub next_cursor: Option<String>,
    /// Where to begin in the other direction with the first of `data`.
    pub backwards_cursor: Option<String>,
}

/// A finished item and where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadItemEntry {
    /// Id of the turn.
    pub turn_id: String,
    /// The item.
    pub item: ThreadItem,
    /// Milliseconds since the epoch. Not recorded.
    pub started_at_ms: Option<i64>,
    /// Milliseconds since the epoch.
    pub completed_at_ms: Option<i64>,
}
