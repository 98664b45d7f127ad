//! The keys of skills: `[skills]`.

use super::{Key, Kind, key, later};

/// The keys of `[skills]`.
pub(super) const SKILLS: &[Key] = &[
    key("disabled", Kind::Texts, "Skills that are not in use, by name or by the path of their `SKILL.md`"),
    later("config", "Skills and whether each is in use, as the existing CLI has it"),
];
