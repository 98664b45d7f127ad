//! Going back in a conversation. What is gone stays in the journal: the record says where the conversation went back, and
//! a replay comes to the same.

use codex_protocol::{ServerNotification, ThreadReverted};
use codex_store::{Conversation, Record, Replayed, Summaries};

use crate::{Thread, ThreadError, change::Settled, rewind::blocking};

impl Thread {
    /// Takes the conversation back to how it was when the turn began. Ids of turns are not used again.
    ///
    /// # Errors
    /// When a turn runs, the conversation has no such turn, nothing of it is kept, or it cannot be recorded.
    pub async fn revert(&self, before_turn_id: &str) -> Result<(), ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForGoingBack)?;
        let conversation = settled.replayed(Some(before_turn_id)).await?.conversation;
        settled.revert(self.id(), conversation, before_turn_id).await
    }
}

impl Settled<'_> {
    /// What the journal says, with what summaries stand for: all that was ever said is in memory then. It is read on the blocking
    /// pool.
    pub(crate) async fn conversation(&self) -> Result<Conversation, ThreadError> {
        let path = self.state.recorder.journal_path().ok_or(ThreadError::Unkept)?;
        blocking(move || Ok(codex_store::replayed(&path, Summaries::CanBeUndone)?.conversation)).await
    }

    /// What the journal says, with as much of what summaries stand for as it takes to go back before a turn, if it is to. It is read
    /// on the blocking pool.
    pub(crate) async fn replayed(&self, before_turn_id: Option<&str>) -> Result<Replayed, ThreadError> {
        let path = self.state.recorder.journal_path().ok_or(ThreadError::Unkept)?;
        let to = before_turn_id.map(str::to_owned);
        blocking(move || {
            let replayed = codex_store::replayed(&path, Summaries::Stand)?;
            match to {
                Some(turn) if !replayed.conversation.reaches(&turn) => {
                    Ok(codex_store::replayed(&path, Summaries::CanBeUndone)?)
                }
                _ => Ok(replayed),
            }
        })
        .await
    }

    /// Takes `conversation`, which is the one of the journal, back.
    pub(crate) async fn revert(
        &mut self,
        thread_id: &str,
        mut conversation: Conversation,
        before_turn_id: &str,
    ) -> Result<(), ThreadError> {
        conversation.revert(before_turn_id).ok_or_else(|| ThreadError::NoSuchTurn(before_turn_id.to_owned()))?;
        let record = Record::Reverted { before_turn_id: before_turn_id.to_owned() };
        self.go_to(thread_id, conversation, &record).await
    }

    pub(crate) async fn go_to(
        &mut self,
        thread_id: &str,
        to: Conversation,
        record: &Record,
    ) -> Result<(), ThreadError> {
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
