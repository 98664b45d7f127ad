//! Going back in a conversation. What is gone stays in the journal: the record says where the conversation went back, and
//! a replay comes to the same.

use std::path::Path;

use codex_protocol::{ServerNotification, ThreadReverted};
use codex_store::{Conversation, Record, StoreError};

use crate::{Thread, ThreadError, change::Settled};

impl Thread {
    /// Takes the conversation back to how it was when the turn began. Ids of turns are not used again.
    ///
    /// # Errors
    /// When a turn runs, the conversation has no such turn, nothing of it is kept, or it cannot be recorded.
    pub async fn revert(&self, before_turn_id: &str) -> Result<(), ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let mut conversation = settled.conversation().await?;
        conversation.revert(before_turn_id).ok_or_else(|| ThreadError::NoSuchTurn(before_turn_id.to_owned()))?;
        let record = Record::Reverted { before_turn_id: before_turn_id.to_owned() };
        settled.go_to(self.id(), conversation, &record).await
    }

    /// Takes back the last [`Thread::revert`].
    ///
    /// # Errors
    /// As there; also when there is nothing to redo.
    pub async fn unrevert(&self) -> Result<(), ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let mut conversation = settled.conversation().await?;
        if !conversation.unrevert() {
            return Err(ThreadError::NothingToRedo);
        }
        settled.go_to(self.id(), conversation, &Record::Unreverted {}).await
    }
}

impl Settled<'_> {
    /// What the journal says. It is read on the blocking pool.
    pub(crate) async fn conversation(&self) -> Result<Conversation, ThreadError> {
        let path = self.state.recorder.journal_path().ok_or(ThreadError::Unkept)?;
        let read = tokio::task::spawn_blocking(move || conversation(&path)).await;
        let read = read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        Ok(read?)
    }

    async fn go_to(&mut self, thread_id: &str, to: Conversation, record: &Record) -> Result<(), ThreadError> {
        let state = &mut *self.state;
        let told = ServerNotification::ThreadReverted(ThreadReverted { thread_id: thread_id.to_owned() });
        state.recorder.record_and_tell(record, told).await?;
        state.history = to.history;
        state.recorder.set_pinned(to.pinned);
        // The model may have been told of where it works in what is gone.
        state.record_news()?;
        state.recorder.flush();
        Ok(())
    }
}

fn conversation(journal: &Path) -> Result<Conversation, StoreError> {
    let lines = codex_store::lines(journal)?;
    // A journal without a header is refused before.
    Ok(codex_store::replay(lines).map(|replayed| replayed.conversation).unwrap_or_default())
}
