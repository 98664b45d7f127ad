//! Ways in which servers of Chat Completions differ from each other: a closed table. Which server has which, the settings say.

/// One of them. What holds where nothing is said is in [`Quirks::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// Instructions may stand anywhere, in the role `developer`. Elsewhere there is one message of the role `system`, at the
    /// beginning: templates of open models refuse another.
    DeveloperRole,
    /// A message of the user may follow a tool's result at once.
    UserAfterResult,
    /// `stream_options` are taken. Where they are not, usage comes unasked.
    StreamOptions,
    /// It must be told that it may call several tools at once. Vendors do so by default, and some of their models refuse the
    /// word.
    ParallelToolCalls,
    /// It can be told where to look for a cached prefix, and to store nothing.
    CacheKeys,
    /// It holds an answer to a JSON Schema; else to JSON of any shape.
    JsonSchema,
    /// The limit of an answer is called `max_completion_tokens`, else `max_tokens`.
    MaxCompletionTokens,
    /// Models that think take a `temperature`.
    TemperatureWhenThinking,
    /// `reasoning_effort` is taken.
    ReasoningEffort,
    /// `verbosity` is taken.
    Verbosity,
}

impl Quirk {
    /// All of them, as the settings spell them.
    pub const ALL: [(&'static str, Self); 10] = [
        ("developer_role", Self::DeveloperRole),
        ("user_after_result", Self::UserAfterResult),
        ("stream_options", Self::StreamOptions),
        ("parallel_tool_calls", Self::ParallelToolCalls),
        ("cache_keys", Self::CacheKeys),
        ("json_schema", Self::JsonSchema),
        ("max_completion_tokens", Self::MaxCompletionTokens),
        ("temperature_when_thinking", Self::TemperatureWhenThinking),
        ("reasoning_effort", Self::ReasoningEffort),
        ("verbosity", Self::Verbosity),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, quirk)| quirk)
    }

    fn bit(self) -> u64 {
        1 << self as u64
    }
}

/// What a server takes and wants in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks(u64);

/// What most servers do.
impl Default for Quirks {
    fn default() -> Self {
        use Quirk::{JsonSchema, ReasoningEffort, StreamOptions, TemperatureWhenThinking, UserAfterResult};
        let usual = [UserAfterResult, StreamOptions, JsonSchema, TemperatureWhenThinking, ReasoningEffort];
        Self(usual.into_iter().fold(0, |bits, quirk| bits | quirk.bit()))
    }
}

impl Quirks {
    /// These, but `quirk` as `holds` says.
    #[must_use]
    pub fn with(self, quirk: Quirk, holds: bool) -> Self {
        Self(if holds { self.0 | quirk.bit() } else { self.0 & !quirk.bit() })
    }

    /// Whether `quirk` holds.
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// For the words of a conversation, which are different in each.
    pub(super) fn number(self) -> u64 {
        self.0 & (Quirk::DeveloperRole.bit() | Quirk::UserAfterResult.bit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_switched_by_its_name_alone() {
        for (name, quirk) in Quirk::ALL {
            let usual = Quirks::default();
            let other = usual.with(Quirk::named(name).unwrap(), !usual.has(quirk));
            for (_, each) in Quirk::ALL {
                assert_eq!(usual.has(each) != other.has(each), each == quirk, "{name}");
            }
            assert_eq!(other.with(quirk, usual.has(quirk)), usual);
        }
        assert_eq!(Quirk::named("Verbosity"), None);
    }
}
