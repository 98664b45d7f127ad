//! Writes down what is asked of models and what they answer, as it happens.

use std::{
    fmt::Display,
    fs::{File, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use codex_history::{AssistantPart, History, Message};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;

use super::{
    Surroundings,
    fits::Ids,
    format::{Answered, Asked, End, FORMAT, Facts, Header, Terms, each_text, written},
    plain::{implied, message, terms},
};
use crate::{EventStream, Failure, FailureKind, Model, Request, StreamEvent};

/// A cassette that is being written. Its objects are appended whole, each when it is known, so that whoever is killed leaves a
/// cassette.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    past: Vec<Past>,
    threads: Vec<String>,
    ids: Ids,
    /// Why nothing more is written.
    broken: Option<String>,
}

/// A request that was made.
#[derive(Debug)]
struct Past {
    thread_id: String,
    history: History,
    terms: Terms,
    /// Its answer, once that is whole.
    answer: Option<Message>,
}

impl Recorder {
    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file, which its owner alone may read. One that has nothing in it, as a run leaves that failed before it asked
    /// anything, is taken.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let file = file.or_else(|error| empty(path).ok_or(error)).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("{} is there already, and is not overwritten: name another file, or remove it", path.display())
            }
            _ => format!("{}: {error}", path.display()),
        })?;
        let state = State { file, past: Vec::new(), threads: Vec::new(), ids: Ids::default(), broken: None };
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, state: Mutex::new(state) })
    }

    /// `model`, whose exchanges are written down.
    pub fn model(self: &Arc<Self>, model: Arc<dyn Model>, facts: Facts, surroundings: Surroundings) -> Arc<dyn Model> {
        let (recorder, surroundings) = (Arc::clone(self), Arc::new(surroundings));
        Arc::new(Recorded { inner: model, recorder, facts, surroundings })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down; its number.
    ///
    /// # Errors
    /// It cannot be written: then it must not be made, for nobody would know of it.
    fn ask(&self, request: &Request, facts: &Facts, surroundings: &Surroundings) -> Result<u64, Failure> {
        let mut state = self.state();
        state.ask(request, facts, surroundings).map_err(|error| {
            let message = format!("--record: {}: {error}; nothing more is asked", self.path.display());
            state.broken.get_or_insert(error);
            Failure { kind: FailureKind::Configuration, message, retry_after: None }
        })
    }

    /// Writes the answer to the request with this number down.
    fn answered(&self, number: u64, events: Vec<StreamEvent>, end: End, surroundings: &Surroundings) {
        let mut state = self.state();
        let content: &[AssistantPart] = match &end {
            End::Completed { content, .. } => content,
            End::Failed(_) | End::Cut {} => &[],
        };
        let events = Some(events).filter(|events| !is_implied(events, content));
        if let (End::Completed { content, .. }, Some(past)) = (&end, state.past.get_mut(number as usize - 1)) {
            past.answer = Some(Message::Assistant { content: content.clone() });
        }
        if let Err(error) = state.write(&Answered { answer: number, events, end }, surroundings, false) {
            state.broken.get_or_insert(error);
        }
    }
}

/// The file at `path`, if it is one, no link, and has nothing in it. Nobody but its owner may read it from then on.
fn empty(path: &Path) -> Option<File> {
    let found = path.symlink_metadata().ok().filter(|found| found.is_file() && found.len() == 0)?;
    let file = OpenOptions::new().append(true).open(path).ok()?;
    let opened = file.metadata().ok()?;
    file.set_permissions(Permissions::from_mode(0o600)).ok()?;
    ((opened.dev(), opened.ino(), opened.len()) == (found.dev(), found.ino(), 0)).then_some(file)
}

impl State {
    fn ask(&mut self, request: &Request, facts: &Facts, surroundings: &Surroundings) -> Result<u64, String> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if self.past.is_empty() {
            let program = concat!("codex ", env!("CARGO_PKG_VERSION")).to_owned();
            self.write(&Header { cassette: FORMAT, program, facts: facts.clone() }, surroundings, false)?;
        }
        let after = self.goes_on_from(request);
        let (before, known) = match after.map(|at| &self.past[at]) {
            Some(past) => (past.terms.clone(), past.history.len() + 1),
            None => (Terms::default(), 0),
        };
        let terms = terms(request);
        let thread = self.threads.iter().position(|id| *id == request.thread_id).unwrap_or_else(|| {
            self.threads.push(request.thread_id.clone());
            self.threads.len() - 1
        });
        let number = self.past.len() as u64 + 1;
        let asked = Asked {
            request: number,
            at: Some(format!("{:.0}", jiff::Timestamp::now())),
            thread: Some(thread as u64 + 1),
            after: after.map(|at| at as u64 + 1),
            terms: terms.beyond(&before),
            messages: request.history.messages().skip(known).map(message).collect(),
        };
        self.write(&asked, surroundings, true)?;
        let (thread_id, history) = (request.thread_id.clone(), request.history.clone());
        self.past.push(Past { thread_id, history, terms, answer: None });
        Ok(number)
    }

    /// The request whose conversation `request` goes on with: of its own thread if there is one, and else of any.
    fn goes_on_from(&self, request: &Request) -> Option<usize> {
        let newest = |of_own: bool| {
            let mut past = self.past.iter().enumerate().rev();
            past.find(|(_, past)| {
                (past.thread_id == request.thread_id) == of_own && past.is_gone_on_with(&request.history)
            })
        };
        newest(true).or_else(|| newest(false)).map(|(at, _)| at)
    }

    /// Appends an object. `learns`: ids in it are those of this machine.
    fn write(&mut self, object: &impl Serialize, surroundings: &Surroundings, learns: bool) -> Result<(), String> {
        let said = |error: &dyn Display| error.to_string();
        let mut value: Value = serde_json::to_value(object).map_err(|error| said(&error))?;
        each_text(&mut value, &mut |text| {
            *text = surroundings.hide(text);
            self.ids.hide(text, learns);
        });
        let text = written(&value).map_err(|error| said(&error))?;
        self.file.write_all(text.as_bytes()).map_err(|error| said(&error))
    }
}

impl Past {
    /// Whether `history` begins with this conversation and its answer.
    fn is_gone_on_with(&self, history: &History) -> bool {
        let Some(answer) = &self.answer else { return false };
        let mut said = history.messages();
        // The answer first: it is what tells conversations apart.
        said.nth(self.history.len()) == Some(answer)
            && self.history.messages().eq(history.messages().take(self.history.len()))
    }
}

/// A model whose exchanges are written down.
#[derive(Debug)]
struct Recorded {
    inner: Arc<dyn Model>,
    recorder: Arc<Recorder>,
    facts: Facts,
    surroundings: Arc<Surroundings>,
}

impl Model for Recorded {
    fn stream(&self, request: Request) -> EventStream {
        let number = match self.recorder.ask(&request, &self.facts, &self.surroundings) {
            Ok(number) => number,
            Err(failure) => return Box::pin(stream::iter([StreamEvent::Failed(failure)])),
        };
        let (recorder, surroundings) = (Arc::clone(&self.recorder), Arc::clone(&self.surroundings));
        let heard = Heard { recorder, surroundings, number, events: Vec::new(), ended: false };
        Box::pin(stream::unfold((self.inner.stream(request), heard), async |(mut inner, mut heard)| {
            let event = inner.next().await?;
            heard.hear(&event);
            Some((event, (inner, heard)))
        }))
    }

    fn takes_grammars(&self) -> bool {
        self.inner.takes_grammars()
    }

    fn hurry(&self) {
        self.inner.hurry();
    }
}

/// What has come of an answer so far.
struct Heard {
    recorder: Arc<Recorder>,
    surroundings: Arc<Surroundings>,
    number: u64,
    /// Without the end; texts in one piece.
    events: Vec<StreamEvent>,
    ended: bool,
}

impl Heard {
    fn hear(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Completed { content, usage } => {
                self.forget_counts();
                self.end(End::Completed { content: content.clone(), usage: *usage });
            }
            StreamEvent::Failed(failure) => self.end(End::Failed(failure.clone())),
            event => self.push(event),
        }
    }

    fn push(&mut self, event: &StreamEvent) {
        if !self.events.last_mut().is_some_and(|last| join(last, event)) {
            self.events.push(event.clone());
        }
    }

    /// The end of an answer says all that was counted of it; of attempts that failed, nothing else does.
    fn forget_counts(&mut self) {
        let fails = |event: &StreamEvent| matches!(event, StreamEvent::Retrying { .. } | StreamEvent::Rerouted { .. });
        let from = self.events.iter().rposition(fails).map_or(0, |at| at + 1);
        for event in self.events.split_off(from) {
            if !matches!(event, StreamEvent::Counted(_)) {
                self.push(&event);
            }
        }
    }

    fn end(&mut self, end: End) {
        if !std::mem::replace(&mut self.ended, true) {
            self.recorder.answered(self.number, std::mem::take(&mut self.events), end, &self.surroundings);
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.end(End::Cut {});
    }
}

/// Whether this is what comes before the end of an answer with this content anyway.
fn is_implied(events: &[StreamEvent], content: &[AssistantPart]) -> bool {
    let is_freeform = |event: &&StreamEvent| match event {
        StreamEvent::ArgumentsDelta { part, .. } => {
            matches!(content.get(*part), Some(AssistantPart::Call(call)) if call.arguments.is_freeform())
        }
        _ => false,
    };
    events.iter().filter(|event| !is_freeform(event)).eq(&implied(content))
}

/// Appends the text of `next` to `last`, if both are pieces of the same.
fn join(last: &mut StreamEvent, next: &StreamEvent) -> bool {
    use StreamEvent::{ArgumentsDelta, ReasoningDelta, TextDelta};
    let (said, more) = match (last, next) {
        (TextDelta { part, text }, TextDelta { part: same, text: more }) if part == same => (text, more),
        (ReasoningDelta { part, paragraph, text }, ReasoningDelta { part: same, paragraph: same_too, text: more })
            if (*part, *paragraph) == (*same, *same_too) =>
        {
            (text, more)
        }
        (ArgumentsDelta { part, text, .. }, ArgumentsDelta { part: same, text: more, .. }) if part == same => {
            (text, more)
        }
        _ => return false,
    };
    said.push_str(more);
    true
}
