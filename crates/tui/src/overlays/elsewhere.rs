//! A session that another process has open: it can be taken over, or branched.

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::intent::{Fork, Intent};

/// What can be done.
#[derive(Debug, Clone, Copy)]
enum Choice {
    TakeOver,
    Fork,
}

/// What can be done about the session `id`, of which `message` says who has it open.
pub fn elsewhere(message: &str, id: &str) -> Box<dyn Overlay> {
    let entry = |name: &str, about: &str, choice| Entry {
        name: name.to_owned(),
        about: about.to_owned(),
        is_on: None,
        value: (choice, id.to_owned()),
    };
    let entries = vec![
        entry("fork it", "goes on here with a branch; the other process keeps the session", Choice::Fork),
        entry("take it over", "it is closed there as soon as what runs in it has ended", Choice::TakeOver),
    ];
    let enter = |entry: &mut Entry<(Choice, String)>| {
        let (choice, id) = entry.value.clone();
        Outcome::done(match choice {
            Choice::TakeOver => Intent::TakeOver(id),
            Choice::Fork => Intent::ForkThread(Fork { thread_id: Some(id), ..Fork::default() }),
        })
    };
    Box::new(Picker::new(message, entries, enter))
}
