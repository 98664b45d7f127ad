//! Tool calls that come in fragments, and which fragment belongs to which call.
//!
//! OpenAI numbers calls, gives id and name with the first fragment of each, and the arguments in pieces. Others leave out
//! the number, or give all calls the same; leave out the id, or give it with each fragment; repeat the name; send a call
//! at once, with an object for its arguments.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::events::{Called, Fragment};

/// A call in the making.
#[derive(Debug, Default)]
pub(super) struct Call {
    index: Option<u64>,
    /// Empty while none has come.
    pub(super) id: String,
    /// Empty while none has come.
    pub(super) name: String,
    pub(super) arguments: String,
    /// What the vendor wants back with it; null if nothing.
    pub(super) extra: Value,
}

impl Call {
    /// Whether `fragment` may be a part of this one, of which `is_last` says whether it is the one begun last.
    pub(super) fn takes(&self, fragment: &Fragment, is_last: bool) -> bool {
        let id = fragment.id();
        let name = fragment.function.as_ref().and_then(|called| called.name.as_deref()).unwrap_or_default();
        let is_other = !id.is_empty() && !self.id.is_empty() && id != self.id;
        let begins_anew = !name.is_empty() && (self.has_whole_arguments() || name != self.name);
        match (self.index, fragment.index()) {
            // A number that is given to all calls does not tell them apart.
            (Some(own), Some(asked)) => own == asked && (name.is_empty() || !is_other),
            _ if !id.is_empty() && !self.id.is_empty() => id == self.id,
            _ => is_last && (self.name.is_empty() || !begins_anew),
        }
    }

    /// Takes in `fragment`, and gives what it adds to the arguments.
    pub(super) fn add(&mut self, fragment: Fragment) -> String {
        self.index = self.index.or_else(|| fragment.index());
        if self.id.is_empty() {
            self.id = fragment.id();
        }
        if !fragment.extra_content.is_null() {
            self.extra = fragment.extra_content;
        }
        let mut called: Called = fragment.function.unwrap_or_default();
        if self.name.is_empty() {
            self.name = called.name.take().unwrap_or_default();
        }
        let text = called.text();
        self.arguments.push_str(&text);
        text
    }

    /// Whether its arguments are whole, as far as JSON tells.
    pub(super) fn has_whole_arguments(&self) -> bool {
        serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }
}
