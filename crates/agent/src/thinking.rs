//! The model's thinking while it arrives: told to a client that wants it, recorded with its item.

use std::collections::VecDeque;

use codex_protocol::{ReasoningDelta, ReasoningPartAdded, ServerNotification, ThreadItem};

use crate::{recorder::Recorder, turn::TurnRun};

/// The thinking of an answer that is still arriving.
#[derive(Default)]
pub(crate) struct Thinking {
    thoughts: Vec<Thought>,
    /// Items that were begun by an answer that does not count; the next ones take them over.
    begun: VecDeque<String>,
}

struct Thought {
    part: usize,
    item_id: String,
    /// Each with its index.
    paragraphs: Vec<(u32, String)>,
    /// Bytes of the last paragraph that were told.
    told: usize,
}

impl Thinking {
    /// As it is after an answer that does not count.
    pub(crate) fn discard(self) -> Self {
        let ids = self.thoughts.into_iter().map(|thought| thought.item_id);
        Self { thoughts: Vec::new(), begun: ids.chain(self.begun).collect() }
    }

    /// The ids of what was told, in order.
    pub(crate) fn ids(self) -> impl Iterator<Item = String> {
        self.thoughts.into_iter().map(|thought| thought.item_id)
    }

    /// What was told of an answer that will not be whole.
    pub(crate) fn items(self) -> impl Iterator<Item = ThreadItem> {
        self.thoughts.into_iter().map(|thought| ThreadItem::Reasoning {
            id: thought.item_id,
            summary: thought.paragraphs.into_iter().map(|(_, text)| text).collect(),
        })
    }
}

impl TurnRun {
    /// Takes the next piece in; what a new paragraph needs is told at once.
    pub(crate) async fn think(
        &mut self,
        recorder: &Recorder,
        thinking: &mut Thinking,
        (part, paragraph): (usize, u32),
        text: &str,
    ) {
        if thinking.thoughts.last().is_none_or(|open| open.part != part) {
            self.tell_thinking(recorder, thinking).await;
            let item_id = match thinking.begun.pop_front() {
                Some(begun) => begun,
                None => {
                    let id = self.next_item_id();
                    let item = ThreadItem::Reasoning { id: id.clone(), summary: Vec::new() };
                    recorder.tell(self.item_started(item)).await;
                    id
                }
            };
            thinking.thoughts.push(Thought { part, item_id, paragraphs: Vec::new(), told: 0 });
        }
        if thinking.thoughts.last().is_some_and(|open| open.paragraphs.last().is_none_or(|(at, _)| *at != paragraph)) {
            self.tell_thinking(recorder, thinking).await;
            self.begin_paragraph(recorder, thinking, paragraph).await;
        }
        if let Some((_, open)) = thinking.thoughts.last_mut().and_then(|open| open.paragraphs.last_mut()) {
            open.push_str(text);
        }
    }

    async fn begin_paragraph(&self, recorder: &Recorder, thinking: &mut Thinking, paragraph: u32) {
        let Some(open) = thinking.thoughts.last_mut() else { return };
        open.paragraphs.push((paragraph, String::new()));
        open.told = 0;
        recorder
            .tell(ServerNotification::ReasoningPartAdded(ReasoningPartAdded {
                thread_id: self.thread_id.clone(),
                turn_id: self.turn.id.clone(),
                item_id: open.item_id.clone(),
                summary_index: paragraph.into(),
            }))
            .await;
    }

    /// Tells what has arrived since the last time.
    pub(crate) async fn tell_thinking(&self, recorder: &Recorder, thinking: &mut Thinking) {
        let Some(open) = thinking.thoughts.last_mut() else { return };
        let Some((paragraph, text)) = open.paragraphs.last().filter(|(_, text)| open.told < text.len()) else { return };
        let notification = ServerNotification::ReasoningDelta(ReasoningDelta {
            thread_id: self.thread_id.clone(),
            turn_id: self.turn.id.clone(),
            item_id: open.item_id.clone(),
            summary_index: (*paragraph).into(),
            delta: text[open.told..].to_owned(),
        });
        let offset = open.told as u64;
        open.told = text.len();
        recorder.tell_part(notification, offset).await;
    }
}
