//! What tools without an item kind of their own share: how a call is shown, and work off the runtime's thread.
//!
//! It must never decide what a tool does.

use std::time::{Duration, Instant};

use codex_history::{Arguments, Content};
use codex_permissions::Access;
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{ForUser, Outcome, Prepared, ToolContext, output};

/// Most of a result that the user's item repeats, in bytes. The model's copy has all of it.
const ITEM_BYTES: usize = 16 << 10;

/// What a call came to: the text for the model, which is a sentence where it failed.
pub(crate) type Answer = Result<String, String>;

/// A call as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct PlainCall {
    id: String,
    tool: String,
    arguments: Value,
}

impl PlainCall {
    pub(crate) fn new(tool: &str, arguments: &Arguments, context: &ToolContext) -> Self {
        let text = arguments.text();
        let arguments = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        Self { id: context.item_id.clone(), tool: tool.to_owned(), arguments }
    }

    /// The item of the call while it runs.
    pub(crate) fn started(&self) -> ThreadItem {
        self.clone().item(DynamicToolCallStatus::InProgress, None, None)
    }

    /// The outcome of the call that took `duration`.
    pub(crate) fn finished(self, answer: Answer, duration: Duration) -> Outcome {
        let (status, for_model) = match answer {
            Ok(text) => (DynamicToolCallStatus::Completed, text),
            Err(sentence) => (DynamicToolCallStatus::Failed, sentence),
        };
        let shown = output::cut(for_model.clone(), ITEM_BYTES);
        Outcome::text(for_model, ForUser::Item(self.item(status, Some(shown), Some(duration))))
    }

    fn item(self, status: DynamicToolCallStatus, text: Option<String>, duration: Option<Duration>) -> ThreadItem {
        let ended = status != DynamicToolCallStatus::InProgress;
        ThreadItem::DynamicToolCall {
            id: self.id,
            tool: self.tool,
            arguments: self.arguments,
            status,
            content_items: text.map(|text| vec![DynamicToolCallOutput::InputText { text }]),
            success: ended.then_some(status == DynamicToolCallStatus::Completed),
            duration_ms: duration.map(milliseconds),
        }
    }

    /// The call of a tool that reads files: `work` runs on the blocking pool and looks at the token now and then.
    pub(crate) fn reading(
        self,
        access: Access,
        cancel: CancellationToken,
        work: impl FnOnce(&CancellationToken) -> Answer + Send + 'static,
    ) -> Prepared {
        self.waiting(access, blocking(move || work(&cancel)))
    }

    /// The call of a tool that shows pictures, which `work` reads on the blocking pool: the text and the pictures.
    pub(crate) fn showing(
        self,
        access: Access,
        work: impl FnOnce() -> Result<(String, Vec<Content>), String> + Send + 'static,
    ) -> Prepared {
        self.answering(access, async move {
            match blocking(work).await {
                Ok((text, pictures)) => (Ok(text), pictures),
                Err(sentence) => (Err(sentence), Vec::new()),
            }
        })
    }

    /// The call of a tool that waits for something and does no work of its own.
    pub(crate) fn waiting(self, access: Access, answer: impl Future<Output = Answer> + Send + 'static) -> Prepared {
        self.answering(access, async move { (answer.await, Vec::new()) })
    }

    /// The call whose answer, and the pictures with it, `answer` comes to.
    fn answering(
        self,
        access: Access,
        answer: impl Future<Output = (Answer, Vec<Content>)> + Send + 'static,
    ) -> Prepared {
        let started = Some(self.started());
        let run = Box::new(move |_| {
            let work = async move {
                let begun = Instant::now();
                let (answer, pictures) = answer.await;
                Outcome { pictures, ..self.finished(answer, begun.elapsed()) }
            };
            Box::pin(work) as _
        });
        Prepared { access, started, run }
    }
}

/// Does `work` on the blocking pool.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(format!("the tool broke down: {error}")))
}

/// A duration in whole milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
