//! Looking for words in what was said: by the user and by the agent, in every session. Reads only.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use codex_protocol::{ThreadItem, UserInput};

use crate::{
    Line, Listed, Record, SessionsWanted,
    directory::{listed, newest_first, walk},
    index::Index,
    name, rollout,
};

/// A session in which the words were said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The session.
    pub session: Listed,
    /// The words with some around them, on one line.
    pub snippet: String,
}

/// How far into a line it says what item it records, at most, in bytes.
const NEAR: u64 = 160;
/// How much is shown before and behind the words, in characters.
const BEFORE: usize = 40;
const BEHIND: usize = 80;

/// Sessions in which `wanted.term` was said, by the user or by the agent, or in whose name it is: the last written first, with
/// the place where it was said last; and after which one the next list goes on. Upper and lower case are the same. What a
/// conversation went back before is none of it.
pub fn search(codex_home: &Path, wanted: &SessionsWanted<'_>) -> (Vec<Said>, Option<String>) {
    let all = walk(codex_home);
    let mut index = Index::open(codex_home);
    let term = wanted.term.to_lowercase();
    let mut sessions = newest_first(&all, wanted.archived);
    if let Some(id) = wanted.after {
        let at = sessions.iter().position(|file| name::id_of(&file.path) == Some(id));
        sessions.drain(..at.map_or(sessions.len(), |at| at + 1));
    }
    let mut found: Vec<Said> = sessions
        .into_iter()
        .filter_map(|file| Some((file, index.facts(file)?)))
        .filter(|(_, facts)| facts.begun && wanted.cwd.is_none_or(|cwd| facts.header.cwd == cwd))
        .filter_map(|(file, facts)| {
            let named = facts.name.as_deref().and_then(|name| snippet(name, &term));
            let snippet = named.or_else(|| said(&file.path, &term).ok().flatten())?;
            Some(Said { session: listed(file.clone(), facts), snippet })
        })
        .take(wanted.limit.saturating_add(1))
        .collect();
    index.keep(&all);
    let more = found.len() > wanted.limit;
    found.truncate(wanted.limit);
    let next = found.last().filter(|_| more).map(|last| last.session.id().to_owned());
    (found, next)
}

/// Where `term`, in lower case, was said last in the journal `path`.
fn said(path: &Path, term: &str) -> io::Result<Option<String>> {
    if name::is_rollout(path) {
        return rollout::said_last(path, |text| snippet(text, term));
    }
    let mut lines = BufReader::with_capacity(256 << 10, File::open(path)?);
    let (mut line, mut found) = (Vec::new(), Found::default());
    loop {
        line.clear();
        if lines.by_ref().take(NEAR).read_until(b'\n', &mut line)? == 0 {
            return Ok(found.last());
        }
        let wanted = has(&line, br#""type":"item""#)
            && (has(&line, br#""type":"userMessage""#) || has(&line, br#""type":"agentMessage""#));
        let wanted = wanted || OF_TURNS.iter().any(|mark| has(&line, mark));
        if line.last() != Some(&b'\n') {
            let _ = if wanted { lines.read_until(b'\n', &mut line)? } else { lines.skip_until(b'\n')? };
        }
        if wanted && let Ok(Line { record, .. }) = serde_json::from_slice(&line) {
            found.take(record, |item| texts(item).find_map(|text| snippet(&text, term)));
        }
    }
}

/// What lines record that say which turns count.
const OF_TURNS: [&[u8]; 3] = [br#""type":"turnStarted""#, br#""type":"reverted""#, br#""type":"unreverted""#];

/// Where the words were said, in the turns that count.
#[derive(Debug, Default)]
struct Found {
    before_turns: Option<String>,
    /// Each turn with the last place in it.
    turns: Vec<(String, Option<String>)>,
    /// What the conversation went back before, the last at the end.
    undone: Vec<Vec<(String, Option<String>)>>,
}

impl Found {
    fn take(&mut self, record: Record, snippet: impl Fn(&ThreadItem) -> Option<String>) {
        match record {
            Record::Item { item, .. } => {
                let last = self.turns.last_mut().map_or(&mut self.before_turns, |(_, last)| last);
                *last = snippet(&item).or(last.take());
            }
            Record::TurnStarted { turn_id } => {
                self.undone.clear();
                self.turns.push((turn_id, None));
            }
            Record::Reverted { before_turn_id } => {
                // Of a fork that went back beyond its own beginning, nothing is left.
                let at = self.turns.iter().position(|(turn, _)| *turn == before_turn_id).unwrap_or_default();
                self.undone.push(self.turns.split_off(at));
            }
            Record::Unreverted {} => self.turns.extend(self.undone.pop().into_iter().flatten()),
            _ => {}
        }
    }

    fn last(self) -> Option<String> {
        self.turns.into_iter().rev().find_map(|(_, said)| said).or(self.before_turns)
    }
}

fn has(line: &[u8], mark: &[u8]) -> bool {
    line.windows(mark.len()).any(|window| window == mark)
}

/// What was said in an item.
fn texts(item: &ThreadItem) -> impl Iterator<Item = Cow<'_, str>> {
    let (content, text): (&[UserInput], Option<&str>) = match item {
        ThreadItem::UserMessage { content, .. } => (content, None),
        ThreadItem::AgentMessage { text, .. } => (&[], Some(text)),
        _ => (&[], None),
    };
    content.iter().filter_map(UserInput::typed).chain(text.map(Cow::Borrowed))
}

/// `term`, in lower case, where it stands in `text`, with some around it.
fn snippet(text: &str, term: &str) -> Option<String> {
    // Lower case may be longer or shorter: places are counted in characters, of which each becomes one or more.
    let mut lower = String::with_capacity(text.len());
    let mut places = Vec::new();
    for (at, character) in text.char_indices() {
        places.push((lower.len(), at));
        lower.extend(character.to_lowercase());
    }
    let found = lower.find(term)?;
    let of = |place: usize| places.partition_point(|(lower, _)| *lower <= place).saturating_sub(1);
    let (first, last) = (of(found), of(found + term.len().saturating_sub(1)));
    let (begin, end) = (first.saturating_sub(BEFORE), (last + 1 + BEHIND).min(places.len()));
    let begin_at = places.get(begin).map_or(0, |(_, at)| *at);
    let end_at = places.get(end).map_or(text.len(), |(_, at)| *at);
    let words: Vec<&str> = text.get(begin_at..end_at)?.split_whitespace().collect();
    let (before, behind) = (if begin > 0 { "…" } else { "" }, if end < places.len() { "…" } else { "" });
    Some(format!("{before}{}{behind}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_the_words_with_some_around_them() {
        let long = format!("{}needle{}", "a ".repeat(100), " b".repeat(100));
        let cut = format!("…{}needle{}…", "a ".repeat(20), " b".repeat(40));
        let table = [
            ("one two three", "two", Some("one two three")),
            ("ONE\nTwo  three", "two", Some("ONE Two three")),
            ("Ärger im İstanbul", "ärger", Some("Ärger im İstanbul")),
            ("İİİ needle", "needle", Some("İİİ needle")),
            ("one", "two", None),
            ("", "x", None),
            (&long, "needle", Some(cut.as_str())),
        ];
        for (text, term, expected) in table {
            assert_eq!(snippet(text, term).as_deref(), expected, "{text} {term}");
        }
    }

    #[test]
    fn sessions_are_found_by_what_was_said_in_them() {
        use crate::{Journal, archive, rename, testing::session};
        let home = tempfile::tempdir().unwrap();
        let path = session(home.path(), "one", "/w", "Mend the parser");
        let (mut journal, ..) = Journal::open(&path).unwrap();
        let text = "The lexer was \"wrong\",\nnot the Größe".to_owned();
        let item = ThreadItem::AgentMessage { id: "a".into(), text };
        journal.append(&Record::Item { turn_id: "1".into(), item }).unwrap();
        journal.append(&Record::Partial { item_id: "a".into(), offset: 0, text: "a partial text".into() }).unwrap();
        drop(journal);
        let other = session(home.path(), "other", "/v", "Write a poem");
        rename(&other, Some("Poetry".into())).unwrap();
        let aside = session(home.path(), "aside", "/w", "parser, laid aside");
        archive(home.path(), &aside, true).unwrap();
        let found = |term: &str, wanted: SessionsWanted<'_>| -> Vec<(String, String)> {
            let (found, _) = search(home.path(), &SessionsWanted { term, limit: 9, ..wanted });
            found.into_iter().map(|said| (said.session.id().to_owned(), said.snippet)).collect()
        };
        let table = [
            ("PARSER", vec![("one", "Mend the parser")]),
            ("größe", vec![("one", "The lexer was \"wrong\", not the Größe")]),
            ("\"wrong\",\nnot", vec![("one", "The lexer was \"wrong\", not the Größe")]),
            ("poetry", vec![("other", "Poetry")]),
            ("poem", vec![("other", "Write a poem")]),
            // Neither of what this program tells the model, nor of what was repeated whole later.
            ("context", vec![]),
            ("partial", vec![]),
            ("agentmessage", vec![]),
        ];
        for (term, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect();
            assert_eq!(found(term, SessionsWanted::default()), expected, "{term}");
        }
        let elsewhere = SessionsWanted { cwd: Some(Path::new("/v")), ..SessionsWanted::default() };
        assert_eq!(found("parser", elsewhere), []);
        let archived = SessionsWanted { archived: true, ..SessionsWanted::default() };
        assert_eq!(found("parser", archived)[0].0, "aside");
        let (page, next) = search(home.path(), &SessionsWanted { term: "e", limit: 1, ..SessionsWanted::default() });
        let after = SessionsWanted { term: "e", limit: 1, after: next.as_deref(), ..SessionsWanted::default() };
        let (rest, end) = search(home.path(), &after);
        assert_eq!((page.len() + rest.len(), end), (2, None));
        assert_ne!(page, rest);
    }

    #[test]
    fn what_a_conversation_went_back_before_is_not_found() {
        use crate::{Journal, testing::header};
        let said = |turn: &str, text: &str| {
            let content = vec![UserInput::Text { text: text.into() }];
            let item = ThreadItem::UserMessage { id: "i".into(), content };
            [Record::TurnStarted { turn_id: turn.into() }, Record::Item { turn_id: turn.into(), item }]
        };
        let back = |turn: &str| Record::Reverted { before_turn_id: turn.into() };
        let forth = || Record::Unreverted {};
        let two = || [said("1", "parser one"), said("2", "parser two")].concat();
        let table = [
            (two(), Some("parser two")),
            ([two(), vec![back("2")]].concat(), Some("parser one")),
            ([two(), vec![back("1")]].concat(), None),
            ([two(), vec![back("2"), back("1"), forth()]].concat(), Some("parser one")),
            ([two(), vec![back("2"), back("1"), forth(), forth()]].concat(), Some("parser two")),
            ([two(), vec![back("1")], said("3", "other").to_vec(), vec![forth()]].concat(), None),
            ([two(), vec![back("of another journal")]].concat(), None),
        ];
        for (records, expected) in table {
            let home = tempfile::tempdir().unwrap();
            let mut journal = Journal::create(home.path(), header("one", "/")).unwrap();
            records.iter().for_each(|record| _ = journal.append(record).unwrap());
            let wanted = SessionsWanted { term: "parser", limit: 9, ..SessionsWanted::default() };
            let found = search(home.path(), &wanted).0.pop().map(|said| said.snippet);
            assert_eq!(found.as_deref(), expected, "{records:?}");
        }
    }
}
