//! Sessions for tests.

use std::path::{Path, PathBuf};

use codex_history::Message;
use codex_protocol::{ThreadItem, UserInput};

use crate::{FORMAT, Header, Journal, Record};

/// A first line.
pub fn header(id: &str, cwd: &str) -> Header {
    Header {
        format: FORMAT,
        thread_id: id.into(),
        program_version: "0".into(),
        cwd: cwd.into(),
        source: "exec".into(),
        thread_source: None,
        forked_from: None,
        parent: None,
    }
}

/// A session below `home` in which the user has said something; its journal.
pub fn session(home: &Path, id: &str, cwd: &str, said: &str) -> PathBuf {
    let mut journal = Journal::create(home, header(id, cwd)).unwrap();
    let content = vec![UserInput::Text { text: said.into() }];
    let item = ThreadItem::UserMessage { id: "i".into(), content };
    for record in [
        Record::Message { message: Message::user("context, not said by the user") },
        Record::TurnStarted { turn_id: "1".into() },
        Record::Message { message: Message::user(said) },
        Record::Item { turn_id: "1".into(), item },
    ] {
        journal.append(&record).unwrap();
    }
    journal.path().unwrap().to_owned()
}
