//! What matching a patch may cost: a patch is matched on the thread that everything else runs on too.
//!
//! It must never look at a clock: the same patch is taken or refused on every machine.

use tokio_util::sync::CancellationToken;

/// Most that matching one patch costs, in comparisons of line numbers.
const MOST: u64 = 200_000_000;

/// How often the user's interruption is looked for, in comparisons.
const LOOK: u64 = 1 << 16;

/// What a line costs to be put into an index, or to be looked up among others, in comparisons.
pub(super) const INDEXING: u64 = 16;

/// The budget of one patch.
#[derive(Debug)]
pub(super) struct Work {
    spent: u64,
    most: u64,
    look: u64,
    cancel: CancellationToken,
}

impl Work {
    /// A whole budget; `cancel` ends the work early.
    pub(super) fn new(cancel: CancellationToken) -> Self {
        Self { spent: 0, most: MOST, look: 0, cancel }
    }

    /// Takes `cost` from the budget.
    ///
    /// # Errors
    /// A sentence for the model: it was interrupted, or the budget is used up.
    pub(super) fn spend(&mut self, cost: u64) -> Result<(), String> {
        self.spent += cost;
        if self.spent > self.most {
            return Err("the patch takes too long to match: use smaller hunks and fewer of them, or a command".into());
        }
        if self.spent < self.look {
            return Ok(());
        }
        self.look()
    }

    /// Looks for the user's interruption.
    ///
    /// # Errors
    /// A sentence for the model: it was interrupted.
    pub(super) fn look(&mut self) -> Result<(), String> {
        self.look = self.spent + LOOK;
        if self.cancel.is_cancelled() { Err("interrupted by the user".into()) } else { Ok(()) }
    }

    /// A budget for tests.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn at_most(most: u64) -> Self {
        Self { most, ..Self::new(CancellationToken::new()) }
    }

    /// What was spent so far.
    #[cfg(test)]
    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let mut work = Work::at_most(10);
        assert!(work.spend(10).is_ok());
        assert!(work.spend(1).unwrap_err().contains("smaller hunks"));
        let cancel = CancellationToken::new();
        let mut work = Work::new(cancel.clone());
        assert!(work.spend(1).is_ok());
        cancel.cancel();
        assert_eq!(work.spend(LOOK).unwrap_err(), "interrupted by the user");
    }
}
