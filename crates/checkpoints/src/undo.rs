//! What undoing some of the agent's changes means for a tree in which the user, too, may have changed things. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{Change, State, Why};

/// What to do, and what is better not done unasked. Each list is sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    /// Steps for [`Checkpoints::restore`](crate::Checkpoints::restore): each brings a path to its `before`.
    pub restore: Vec<Change>,
    /// Paths that somebody else changed too.
    pub conflicts: Vec<Conflict>,
    /// Paths that cannot be brought back, as they were not saved.
    pub unsaved: Vec<(PathBuf, Why)>,
}

/// A path that the agent changed, and somebody else between or after its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Absolute.
    pub path: PathBuf,
    /// What was there before the agent's first change.
    pub before: Option<State>,
    /// What the agent's last change left.
    pub left: Option<State>,
    /// What is there now.
    pub now: Option<State>,
}

impl Conflict {
    /// The step that undoes both the agent's changes and the others'.
    pub fn step(&self) -> Change {
        Change { path: self.path.clone(), before: self.before.clone(), after: self.now.clone() }
    }
}

fn unsaved(state: Option<&State>) -> Option<Why> {
    match state {
        Some(State::Unsaved { why }) => Some(*why),
        _ => None,
    }
}

/// All changes of a path.
struct Course<'span> {
    before: &'span Option<State>,
    left: &'span Option<State>,
    /// Each change began with what the one before it left.
    alone: bool,
    /// What was there before the first change is not known, as an earlier one was of something above it that was not saved.
    hidden: Option<Why>,
    /// What was there at some time between was not saved.
    unsaved: Option<Why>,
}

/// What undoing `spans` means. Each is what one action, or turn, of the agent changed, the oldest first; `now` is what is at
/// the paths of the spans, as [`Checkpoints::states`](crate::Checkpoints::states) says of a state that was just taken.
///
/// A path that is as it was before the first change needs nothing. One that is not as the agent left it, or was not when
/// the agent changed it again, is a conflict. So is one that cannot be what it was because of a conflict above it.
pub fn undo(spans: &[Vec<Change>], now: &BTreeMap<PathBuf, State>) -> Undo {
    let mut courses: BTreeMap<&Path, Course<'_>> = BTreeMap::new();
    let mut hidden: BTreeMap<&Path, Why> = BTreeMap::new();
    for change in spans.iter().flatten() {
        let course = courses.entry(&change.path).or_insert_with(|| Course {
            before: &change.before,
            left: &change.before,
            alone: true,
            unsaved: None,
            hidden: change.path.ancestors().skip(1).find_map(|above| hidden.get(above).copied()),
        });
        course.alone &= *course.left == change.before;
        course.left = &change.after;
        if let Some(why) = [&change.before, &change.after].into_iter().find_map(|state| unsaved(state.as_ref())) {
            course.unsaved = Some(why);
            hidden.insert(&change.path, why);
        }
    }
    let mut undo = Undo::default();
    let mut blocked: BTreeSet<&Path> = BTreeSet::new();
    for (path, course) in courses {
        let is = now.get(path);
        // Of a directory that was not saved for a while, what is in it is not known.
        let unknown = course.hidden.or(course.unsaved.filter(|_| matches!(is, Some(State::Directory { .. }))));
        if unknown.is_none() && is == course.before.as_ref() && is.is_none_or(State::is_saved) {
            continue;
        }
        if let Some(why) = unknown.or_else(|| unsaved(course.before.as_ref())).or_else(|| unsaved(is)) {
            undo.unsaved.push((path.to_owned(), why));
            continue;
        }
        let has_no_place = course.before.is_some() && path.ancestors().skip(1).any(|above| blocked.contains(above));
        if course.alone && is == course.left.as_ref() && !has_no_place {
            undo.restore.push(Change { path: path.to_owned(), before: course.before.clone(), after: is.cloned() });
            continue;
        }
        if matches!(course.before, Some(State::Directory { .. })) && !matches!(is, Some(State::Directory { .. })) {
            blocked.insert(path);
        }
        let (before, left) = (course.before.clone(), course.left.clone());
        undo.conflicts.push(Conflict { path: path.to_owned(), before, left, now: is.cloned() });
    }
    undo
}
