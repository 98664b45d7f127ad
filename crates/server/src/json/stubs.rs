//! Answers to what clients ask when they begin and this server has nothing to say about: data.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

/// The results by method.
const STUBS: &str = include_str!("../../compat/stubs.json");

fn stubs() -> &'static BTreeMap<String, Box<RawValue>> {
    static READ: OnceLock<BTreeMap<String, Box<RawValue>>> = OnceLock::new();
    READ.get_or_init(|| {
        let stubs: BTreeMap<String, Value> = serde_json::from_str(STUBS).unwrap_or_default();
        // A message is one line, which the file is not.
        stubs.into_iter().filter_map(|(method, result)| Some((method, to_raw_value(&result).ok()?))).collect()
    })
}

/// The answer to `method`, if it is always the same.
pub(super) fn answer(method: &str) -> Option<&'static RawValue> {
    stubs().get(method).map(AsRef::as_ref)
}

/// The methods whose answers are always the same.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    stubs().keys().map(String::as_str)
}
