//! The calls that a server has not answered yet, and what it says about them meanwhile.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rmcp::model::ProgressToken;
use tokio::sync::Notify;

use crate::{CallContext, Elicit, Progress, Progressed};

/// One of them.
#[derive(Default)]
pub(crate) struct Call {
    progress: Option<Progress>,
    elicit: Option<Elicit>,
    /// Told when something happens that starts its time anew.
    pub(crate) activity: Notify,
    /// How many questions for it a person has not answered.
    asking: AtomicUsize,
    /// Whether one was answered since that was looked at last.
    answered: AtomicBool,
}

impl Call {
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed) > 0
    }

    /// Whether a person has answered since this was asked last.
    pub(crate) fn has_asked(&self) -> bool {
        self.answered.swap(false, Ordering::Relaxed)
    }
}

/// A question that is being asked: the call's time stands still meanwhile.
pub(crate) struct Asking(Arc<Call>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
        self.0.answered.store(true, Ordering::Relaxed);
        self.0.activity.notify_one();
    }
}

/// All of one server.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    /// Each with the name that its progress is told by, once it was sent.
    calls: BTreeMap<u64, (Option<ProgressToken>, Arc<Call>)>,
}

/// A call that is known as long as this is there.
pub(crate) struct Known {
    calls: Calls,
    number: u64,
    pub(crate) call: Arc<Call>,
}

impl Known {
    /// It was sent, and its progress is told by `token`.
    pub(crate) fn sent(&self, token: ProgressToken) {
        self.calls.with(|table| {
            if let Some((of, _)) = table.calls.get_mut(&self.number) {
                *of = Some(token);
            }
        });
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.calls.with(|table| table.calls.remove(&self.number));
    }
}

impl Calls {
    fn with<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be told before a call is sent: a server may ask something before the sender knows that it was sent.
    pub(crate) fn add(&self, context: &CallContext) -> Known {
        let call = Call { progress: context.progress.clone(), elicit: context.elicit.clone(), ..Call::default() };
        let call = Arc::new(call);
        let number = self.with(|table| {
            table.next += 1;
            table.calls.insert(table.next, (None, Arc::clone(&call)));
            table.next
        });
        Known { calls: self.clone(), number, call }
    }

    /// Passes on how far the call with this token is.
    pub(crate) fn progressed(&self, token: &ProgressToken, progressed: Progressed) {
        let found = |table: &mut Table| {
            table.calls.values().find(|(other, _)| other.as_ref() == Some(token)).map(|(_, call)| Arc::clone(call))
        };
        let Some(call) = self.with(found) else { return };
        call.activity.notify_one();
        if let Some(progress) = &call.progress {
            progress(progressed);
        }
    }

    /// Whom to ask what the server wants to know. It does not say what for: the call that began last.
    pub(crate) fn ask(&self) -> Option<(Elicit, Asking)> {
        let newest = |table: &mut Table| table.calls.values().next_back().map(|(_, call)| Arc::clone(call));
        let call = self.with(newest)?;
        let elicit = call.elicit.clone()?;
        call.asking.fetch_add(1, Ordering::Relaxed);
        call.activity.notify_one();
        Some((elicit, Asking(call)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Elicited;

    #[test]
    fn a_call_is_asked_about_before_it_is_known_to_be_sent() {
        let calls = Calls::default();
        let elicit: Elicit = Arc::new(|_| Box::pin(async { Elicited::Cancelled }));
        let known = calls.add(&CallContext { elicit: Some(elicit), ..CallContext::default() });
        assert!(calls.ask().is_some());
        known.sent(ProgressToken(rmcp::model::NumberOrString::Number(1)));
        assert!(calls.ask().is_some());
        drop(known);
        assert!(calls.ask().is_none());
    }
}
