//! What the model's context is filled with, for people.

use std::sync::Arc;

use codex_history::{Sizes, ToolSpec, text_tokens};
use codex_protocol::{ContextPart, ThreadContext};

use crate::{Thread, compaction::tool_tokens, thread::ThreadState, turn::offered};

/// What a request is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filling {
    sizes: Sizes,
    /// What the vendor counted last, and an estimate of what came since.
    counted: Option<u64>,
    tools: Arc<[ToolSpec]>,
    /// Estimated tokens of the project's instructions.
    project: u64,
}

impl Thread {
    /// What the model's context is filled with: now, or with the last request if a turn runs.
    pub async fn context(&self) -> ThreadContext {
        let filling = match self.state.try_lock() {
            Ok(state) => state.filling(&offered(&state)),
            Err(_) => self.standing.filling(),
        };
        let model = self.standing().model;
        ThreadContext {
            tokens: filling.tokens(),
            counted: filling.counted.is_some(),
            window: model.context_window,
            compact_at: model.compact_at,
            parts: filling.parts(),
        }
    }
}

impl ThreadState {
    pub(crate) fn filling(&self, tools: &Arc<[ToolSpec]>) -> Filling {
        let instructions = self.settings.instructions.iter();
        Filling {
            sizes: self.history.sizes(),
            counted: self.history.counted(),
            tools: Arc::clone(tools),
            project: instructions.map(|instruction| text_tokens(&instruction.text)).sum(),
        }
    }
}

impl Filling {
    fn tools(&self) -> u64 {
        self.tools.iter().map(tool_tokens).sum()
    }

    fn tokens(&self) -> u64 {
        self.counted.unwrap_or_else(|| self.sizes.total() + self.tools())
    }

    fn parts(&self) -> Vec<ContextPart> {
        let Sizes { instructions, user, answers, reasoning, calls, results, pictures } = self.sizes;
        let project = self.project.min(user);
        let table = [
            ("instructions of this program", instructions),
            ("instructions of the project", project),
            ("your messages, surroundings, summaries", user - project),
            ("answers of the model", answers),
            ("thoughts of the model", reasoning),
            ("calls of tools", calls),
            ("results of tools", results),
            ("pictures", pictures),
            ("tools on offer", self.tools()),
        ];
        let parts = table.into_iter().filter(|(_, tokens)| *tokens > 0);
        let mut parts: Vec<_> = parts.map(|(name, tokens)| ContextPart { name: name.into(), tokens }).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.tokens));
        parts
    }
}
