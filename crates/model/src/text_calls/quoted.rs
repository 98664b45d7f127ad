//! What a model has read in the results of tools: a call that stands there is the words of somebody else.

use std::cell::OnceCell;

use codex_history::{Content, History, Message};

/// The results of tools in a conversation.
pub(super) struct Results<'a> {
    history: &'a History,
    texts: OnceCell<Vec<String>>,
}

impl<'a> Results<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        Self { history, texts: OnceCell::new() }
    }

    /// Whether `said` stands in one of them, word for word; however it is indented, and whether it is a list there or not.
    pub(super) fn hold(&self, said: &str) -> bool {
        let said = words(said.trim_matches(|c: char| c.is_whitespace() || "[],".contains(c)));
        self.texts.get_or_init(|| self.read()).iter().any(|text| text.contains(&said))
    }

    fn read(&self) -> Vec<String> {
        let contents = self.history.messages().filter_map(|message| match message {
            Message::ToolResult { content, .. } => Some(content),
            _ => None,
        });
        let texts = contents.flatten().filter_map(|content| match content {
            Content::Text { text } => Some(words(text)),
            Content::Image { .. } => None,
        });
        texts.collect()
    }
}

/// Without blanks, and without what text within text is escaped by.
fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect()
}
