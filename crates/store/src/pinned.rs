//! What of the records is kept word for word when the conversation is summed up.

use std::{collections::BTreeSet, sync::Arc};

use codex_history::{Content, Message};
use codex_protocol::{FileUpdateChange, PatchApplyStatus, PlanStep, ThreadItem};
use serde::{Deserialize, Serialize};

use crate::Record;

/// What the model is told of an approved plan begins with this.
const APPROVED_PLAN: &str = "<approved_plan>";

/// What the records say of the work itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The plan, as it was recorded last.
    pub plan: Vec<PlanStep>,
    /// The plan that the user approved last, as the model was told it.
    pub approved_plan: Option<String>,
    /// The files that patches changed: absolute paths. What commands changed is known from states of files.
    pub changed_files: BTreeSet<String>,
}

impl Pinned {
    /// Takes in a record that follows those before. Most say nothing of the work, and cost nothing.
    pub fn note(pinned: &mut Arc<Self>, record: &Record) {
        match record {
            Record::Plan { steps, .. } => Arc::make_mut(pinned).plan.clone_from(steps),
            Record::Message { message: Message::User { content } } => {
                let approved = content.iter().find_map(|piece| match piece {
                    Content::Text { text } if text.starts_with(APPROVED_PLAN) => Some(text),
                    _ => None,
                });
                if let Some(approved) = approved {
                    Arc::make_mut(pinned).approved_plan = Some(approved.clone());
                }
            }
            Record::Item {
                item: ThreadItem::FileChange { changes, status: PatchApplyStatus::Completed, .. }, ..
            } => {
                changes.iter().flat_map(FileUpdateChange::paths).for_each(|path| {
                    // Each turn remembers what there was before it: it is copied where it grows, and only there.
                    if !pinned.changed_files.contains(path) {
                        Arc::make_mut(pinned).changed_files.insert(path.clone());
                    }
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use codex_protocol::{PatchChangeKind, PlanStepStatus};

    use super::*;

    #[test]
    fn the_plan_that_was_approved_last() {
        let said = |texts: &[&str]| {
            let text = |text: &&str| Content::Text { text: (*text).to_owned() };
            Record::Message { message: Message::User { content: texts.iter().map(text).collect() } }
        };
        let mut pinned = Arc::<Pinned>::default();
        for record in [said(&["go", "<approved_plan>\none"]), said(&["go", "<approved_plan>\ntwo"]), said(&["more"])] {
            Pinned::note(&mut pinned, &record);
        }
        assert_eq!(pinned.approved_plan.as_deref(), Some("<approved_plan>\ntwo"));
    }

    #[test]
    fn the_newest_plan_and_every_changed_file() {
        let plan = |step: &str| {
            let steps = vec![PlanStep { step: step.into(), status: PlanStepStatus::Pending }];
            Record::Plan { turn_id: "1".into(), explanation: None, steps }
        };
        let patch = |path: &str, to: Option<&str>, status| {
            let kind = PatchChangeKind::Update { move_path: to.map(str::to_owned) };
            let changes = vec![FileUpdateChange { path: path.into(), kind, diff: String::new() }];
            Record::Item { turn_id: "1".into(), item: ThreadItem::FileChange { id: "i".into(), changes, status } }
        };
        let (done, failed) = (PatchApplyStatus::Completed, PatchApplyStatus::Failed);
        let mut pinned = Arc::<Pinned>::default();
        let records =
            [plan("a"), patch("/b", None, done), patch("/a", Some("/c"), done), patch("/d", None, failed), plan("b")];
        records.iter().for_each(|record| Pinned::note(&mut pinned, record));
        assert_eq!(pinned.plan[0].step, "b");
        assert!(pinned.changed_files.iter().eq(["/a", "/b", "/c"]));
    }
    #[test]
    fn what_says_nothing_new_copies_nothing() {
        let changes = vec![FileUpdateChange { path: "/a".into(), kind: PatchChangeKind::Add, diff: String::new() }];
        let item = ThreadItem::FileChange { id: "i".into(), changes, status: PatchApplyStatus::Completed };
        let patch = Record::Item { turn_id: "1".into(), item };
        let mut pinned = Arc::<Pinned>::default();
        Pinned::note(&mut pinned, &patch);
        let before = Arc::clone(&pinned);
        for record in [patch, Record::Message { message: Message::user("go") }, Record::Unreverted {}] {
            Pinned::note(&mut pinned, &record);
            assert!(Arc::ptr_eq(&before, &pinned), "{record:?}");
        }
    }
}
