//! The lists that branch a session: which one, and where.

use codex_protocol::{Thread, ThreadItem, ThreadItemEntry, UserInput};
use jiff::Timestamp;

use super::{
    Outcome, Overlay,
    picker::{Entry, More, MoreKey, Picker},
    pickers::age,
};
use crate::intent::{Fork, Intent};

/// Sessions to branch, the newest first; `all`: of all directories.
pub fn sessions(list: Vec<Thread>, all: bool) -> Box<dyn Overlay> {
    let now = Timestamp::now().as_second();
    let entries = list.into_iter().map(|thread| {
        let age = age(now - thread.updated_at);
        let place = if all { format!(" · {}", thread.cwd) } else { String::new() };
        let name = if thread.preview.trim().is_empty() { "(nothing was said)" } else { &thread.preview };
        Entry { name: name.to_owned(), about: format!("{age}{place} · {}", thread.id), is_on: None, value: thread.id }
    });
    let enter = |entry: &mut Entry<String>| {
        Outcome::done(Intent::ForkThread(Fork { thread_id: Some(entry.value.clone()), ..Fork::default() }))
    };
    let title = if all { "Branch a session of any directory" } else { "Branch a session of this directory" };
    let about = if all { "this directory" } else { "all directories" };
    let picker = Picker::new(title, entries.collect(), enter).empty("there are none");
    Box::new(picker.more(MoreKey { key: "tab", about, wants: More::SessionsToFork { all: !all } }))
}

/// Where the session can branch: now, or before something that was said, the newest first. `list`: its items, the newest
/// first; `goes_on`: there are older ones, which are not offered.
pub fn points(list: &[ThreadItemEntry], goes_on: bool) -> Box<dyn Overlay> {
    Box::new(points_at(list, goes_on, Timestamp::now().as_millisecond()))
}

fn points_at(list: &[ThreadItemEntry], goes_on: bool, now: i64) -> Picker<Point> {
    let mut entries = vec![Entry {
        name: "now".into(),
        about: "with all that was said".into(),
        is_on: None,
        value: Point::After(Fork::default()),
    }];
    let prompts = prompts(list);
    for (at, prompt) in prompts.iter().enumerate() {
        let value = match prompts.get(at + 1) {
            Some(before) => Point::After(Fork {
                last_turn_id: Some(before.turn_id.to_owned()),
                prompt: Some(prompt.text.clone()).filter(|text| !text.is_empty()),
                thread_id: None,
            }),
            None if goes_on => continue,
            None => Point::Beginning(prompt.text.clone()),
        };
        let words = prompt.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = if words.is_empty() { "a command of your own".into() } else { words };
        let about = prompt.at.map(|at| age((now - at) / 1000)).unwrap_or_default();
        entries.push(Entry { name: format!("before: {name}"), about, is_on: None, value });
    }
    Picker::new("Branch the session", entries, |entry| entry.value.outcome())
}

/// Where a session branches.
#[derive(Debug, Clone)]
enum Point {
    /// After something.
    After(Fork),
    /// Before anything was said: that is a new session. What was said first.
    Beginning(String),
}

impl Point {
    fn outcome(&self) -> Outcome {
        let intents = match self {
            Self::After(fork) => vec![Intent::ForkThread(fork.clone())],
            Self::Beginning(text) => vec![Intent::NewThread, Intent::Compose(text.clone())],
        };
        Outcome { intents, closes: true }
    }
}

/// What a turn began with.
struct Prompt<'list> {
    turn_id: &'list str,
    text: String,
    /// Milliseconds since the epoch.
    at: Option<i64>,
}

/// What each turn began with, the newest first. What was said while one ran is none.
fn prompts(list: &[ThreadItemEntry]) -> Vec<Prompt<'_>> {
    let mut prompts: Vec<Prompt<'_>> = Vec::new();
    for entry in list {
        let text = match &entry.item {
            ThreadItem::UserMessage { content, .. } => text(content),
            _ => String::new(),
        };
        match prompts.last_mut().filter(|prompt| prompt.turn_id == entry.turn_id) {
            Some(prompt) if !text.is_empty() => (prompt.text, prompt.at) = (text, entry.completed_at_ms),
            Some(_) => {}
            None => prompts.push(Prompt { turn_id: &entry.turn_id, text, at: entry.completed_at_ms }),
        }
    }
    prompts
}

fn text(content: &[UserInput]) -> String {
    let texts = content.iter().filter_map(UserInput::typed);
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overlays::testing::{press, said};

    fn item(turn_id: &str, item: serde_json::Value) -> ThreadItemEntry {
        serde_json::from_value(json!({ "turnId": turn_id, "item": item, "completedAtMs": 0, "startedAtMs": null }))
            .unwrap()
    }

    fn user(turn_id: &str, text: &str) -> ThreadItemEntry {
        item(turn_id, json!({ "type": "userMessage", "id": text, "content": [{ "type": "text", "text": text }] }))
    }

    fn agent(turn_id: &str) -> ThreadItemEntry {
        item(turn_id, json!({ "type": "agentMessage", "id": "a", "text": "done" }))
    }

    /// Newest first, as the server gives them.
    fn list() -> Vec<ThreadItemEntry> {
        vec![
            agent("turn_2"),
            user("turn_2", "third"),
            agent("turn_1"),
            user("turn_1", "and that"),
            user("turn_1", "second\n line"),
            agent("turn_0"),
            user("turn_0", "first"),
        ]
    }

    #[test]
    fn a_session_branches_now_or_before_what_was_said() {
        let table = [
            ("enter", false, "thread_id: None, last_turn_id: None, prompt: None"),
            ("down enter", false, r#"last_turn_id: Some("turn_1"), prompt: Some("third")"#),
            ("down down enter", false, r#"last_turn_id: Some("turn_0"), prompt: Some("second\n line")"#),
            ("down down down enter", false, r#"NewThread Compose("first")"#),
            // What was said before is not known, so that there is no place after it.
            ("up enter", true, r#"last_turn_id: Some("turn_0"), prompt: Some("second\n line")"#),
        ];
        for (keys, goes_on, expected) in table {
            let mut picker = points_at(&list(), goes_on, 60_000);
            let wanted = said(&press(&mut picker, keys));
            assert!(wanted.contains(expected), "{keys}: {wanted}");
        }
    }

    #[test]
    fn a_session_is_chosen_from_a_list() {
        let thread = serde_json::from_value(json!({
            "id": "id-1", "sessionId": "id-1", "cliVersion": "0", "createdAt": 0, "updatedAt": 0, "cwd": "/w",
            "ephemeral": false, "modelProvider": "openai", "preview": "Fix the tests", "projectId": null, "source": "cli",
            "status": { "type": "notLoaded" }, "turns": [],
        }));
        let mut picker = sessions(vec![thread.unwrap()], false);
        let wanted = said(&press(picker.as_mut(), "enter"));
        assert!(wanted.contains(r#"thread_id: Some("id-1"), last_turn_id: None"#), "{wanted}");
        let wanted = said(&press(picker.as_mut(), "tab"));
        assert!(wanted.contains("SessionsToFork { all: true }"), "{wanted}");
    }
}
