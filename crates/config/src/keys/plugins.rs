//! The keys of plugins and of where they come from: `[plugins.NAME]`, `[marketplaces.NAME]`.

use super::{Key, Kind, ignored, key};

/// The keys of a table of `[plugins]`.
pub(super) const PLUGIN: &[Key] = &[key("enabled", Kind::Flag, "Whether it is used; it is if not set")];

/// The keys of a table of `[marketplaces]`.
pub(super) const MARKETPLACE: &[Key] = &[
    key("source", Kind::Text, "Where it is: a directory, or a git repository"),
    key("ref", Kind::Text, "Branch, tag or commit of a git repository; what it has checked out if not set"),
    ignored("source_type", "Whether it is a directory or a git repository is seen"),
    ignored("sparse_paths", "Only the index is looked at"),
    ignored("last_updated", "A note of the existing CLI"),
    ignored("last_revision", "A note of the existing CLI"),
];
