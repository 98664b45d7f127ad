//! Sessions for tests.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use codex_history::Message;
use codex_protocol::{ThreadItem, UserInput};

use crate::{
    FORMAT, Header, Journal, Line, Record, StoreError,
    journal::{check_header, parse},
    lineage::inherited,
};

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

/// The lines of the journal `path`, those that it shares with others before its own.
pub fn lines(path: &Path) -> Result<Vec<Line>, StoreError> {
    let (own, _) = parse(&std::fs::read(path).map_err(StoreError::io("read", path))?);
    check_header(path, own.first())?;
    let Record::Header(header) = &own[0].record else { unreachable!("that was checked") };
    let mut lines = vec![own[0].clone()];
    for part in inherited(path, header.forked_from.clone())? {
        let mut bytes = Vec::new();
        part.reader(0).read_to_end(&mut bytes).unwrap();
        lines.extend(parse(&bytes).0.into_iter().filter(|line| line.seq > 0));
    }
    lines.extend(own.into_iter().skip(1));
    Ok(lines)
}

/// The journal `path`, opened to go on with it, its lines, and how many others there are.
pub fn opened(path: &Path) -> (Journal, Vec<Line>, usize) {
    let (journal, _, unreadable) = Journal::open(path).unwrap();
    (journal, lines(path).unwrap(), unreadable)
}
