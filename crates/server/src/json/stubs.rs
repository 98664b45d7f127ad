//! Answers to what clients ask when they begin and this server has nothing to say about: data.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::value::RawValue;

/// The results by method.
const STUBS: &str = include_str!("../../compat/stubs.json");

fn stubs() -> &'static BTreeMap<String, Box<RawValue>> {
    static READ: OnceLock<BTreeMap<String, Box<RawValue>>> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(STUBS).unwrap_or_default())
}

/// The answer to `method`, if it is always the same.
pub(super) fn answer(method: &str) -> Option<&'static RawValue> {
    stubs().get(method).map(AsRef::as_ref)
}

/// The methods whose answers are always the same.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    stubs().keys().map(String::as_str)
}
