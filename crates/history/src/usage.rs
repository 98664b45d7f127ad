//! Tokens, as the vendor counts them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Token counts of one response, or of several added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: u64,
    /// Those of them that the vendor had cached.
    pub cached_input_tokens: u64,
    /// Those of them that the vendor put into its cache.
    pub cache_write_input_tokens: u64,
    /// Tokens of the response, reasoning included.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_output_tokens: u64,
}

impl Usage {
    /// Tokens of the request and the response.
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// Saturates: a vendor's nonsense must not end a session.
impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.cache_write_input_tokens = self.cache_write_input_tokens.saturating_add(other.cache_write_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_output_tokens = self.reasoning_output_tokens.saturating_add(other.reasoning_output_tokens);
    }
}
