//! Answers as a cassette does: no network, no key, and each exchange once.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use super::{
    Surroundings,
    differ::Difference,
    fits::{Ids, Rules},
    format::{ANY, Answered, Asked, End, Facts, Object, Terms, each_text, read, unseal},
    plain::{implied, message, terms},
};
use crate::{EventStream, Failure, FailureKind, Model, Request, StreamEvent};

/// How long an answer waits at most for what came before it when it was recorded.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing waits any more.
const NO_ORDER: usize = usize::MAX;

/// A cassette that is played.
#[derive(Debug)]
pub struct Player {
    path: PathBuf,
    facts: Facts,
    exchanges: Vec<Exchange>,
    /// Days of the recording.
    days: BTreeSet<String>,
    progress: Mutex<Progress>,
    /// How many of the first requests and answers, in the order of the file, have been made and given.
    order: watch::Sender<usize>,
}

/// A request and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) asked: Asked,
    /// Those of the requests before it too.
    pub(super) terms: Terms,
    /// Where the one is that it goes on from.
    before: Option<usize>,
    /// As the file has it; `None`: what wrote it was killed before.
    answer: Option<Value>,
    /// The answer as a message, if it is whole.
    said: Option<Value>,
    /// How many messages the conversation has; `None`: any number.
    length: Option<usize>,
    /// How many requests and answers the file has before the request, and before the answer.
    places: (usize, usize),
}

#[derive(Debug, Default)]
struct Progress {
    used: BTreeSet<usize>,
    ids: Ids,
    /// The last exchange of each thread, by its id.
    last: HashMap<String, usize>,
    /// Places of requests that were made and of answers that were given.
    done: BTreeSet<usize>,
    /// Why nothing more is answered.
    failed: Option<Failure>,
}

/// A request as it is compared.
pub(super) struct Now {
    pub(super) terms: Terms,
    pub(super) messages: Vec<Value>,
}

impl Player {
    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a cassette.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let player = Self::from_text(&path.canonicalize().unwrap_or_else(|_| path.to_owned()), &text);
        player.map_err(|error| format!("{shown} cannot be played: {error}"))
    }

    pub(super) fn from_text(path: &Path, text: &str) -> Result<Self, String> {
        let mut objects = read(text)?.into_iter();
        let Some(Object::Header(header)) = objects.next() else {
            return Err("it does not begin as a cassette; was a request made when it was recorded?".into());
        };
        let mut exchanges: Vec<Exchange> = Vec::new();
        for (place, object) in objects.enumerate() {
            match object {
                Object::Header(_) => return Err("it begins twice".into()),
                Object::Asked(asked) => {
                    let exchange = Exchange::new(asked, place, &exchanges)?;
                    exchanges.push(exchange);
                }
                Object::Answered(number, answer) => {
                    let asked = exchanges.iter_mut().find(|exchange| exchange.asked.request == number);
                    let Some(exchange) = asked.filter(|exchange| exchange.answer.is_none()) else {
                        return Err(format!("answer {number} has no request before it, or is there twice"));
                    };
                    exchange.said = said(&answer);
                    exchange.answer = Some(answer);
                    exchange.places.1 = place;
                }
            }
        }
        let days = exchanges.iter().filter_map(|exchange| exchange.asked.at.as_deref()?.get(..10));
        let days = days.map(str::to_owned).collect();
        // Written by hand, it has no order but that of what goes on from what.
        let is_ordered = exchanges.iter().all(|exchange| exchange.asked.thread.is_some());
        let (order, progress) = (watch::Sender::new(if is_ordered { 0 } else { NO_ORDER }), Mutex::default());
        Ok(Self { path: path.to_owned(), facts: header.facts, exchanges, days, progress, order })
    }

    /// A model that answers as it was recorded.
    pub fn model(self: &Arc<Self>, surroundings: Surroundings) -> Arc<dyn Model> {
        Arc::new(Replayed { player: Arc::clone(self), surroundings })
    }

    /// Who was asked.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The answer, and its place in the order.
    fn answer(&self, request: &Request, surroundings: &Surroundings) -> Result<(Vec<StreamEvent>, usize), Failure> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &progress.failed {
            return Err(failure.clone());
        }
        let answered = self.find(request, surroundings, &mut progress).map_err(|message| Failure {
            kind: FailureKind::Configuration,
            message: format!("--replay: {message}"),
            retry_after: None,
        });
        if let Err(failure) = &answered {
            progress.failed = Some(failure.clone());
            self.order.send_replace(NO_ORDER);
        }
        answered
    }

    /// Waits for what came before `place` when it was recorded. What never comes is waited for once.
    async fn turn_of(&self, place: usize) {
        let mut order = self.order.subscribe();
        if timeout(PATIENCE, order.wait_for(|done| *done >= place)).await.is_err() {
            self.order.send_replace(NO_ORDER);
        }
        self.done(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner), place);
    }

    /// What has this place was made or given.
    fn done(&self, progress: &mut Progress, place: usize) {
        progress.done.insert(place);
        self.order.send_if_modified(|order| {
            let before = *order;
            while progress.done.contains(order) {
                *order += 1;
            }
            *order != before
        });
    }

    fn find(
        &self,
        request: &Request,
        surroundings: &Surroundings,
        progress: &mut Progress,
    ) -> Result<(Vec<StreamEvent>, usize), String> {
        let mut now = Now { terms: terms(request), messages: request.history.messages().map(message).collect() };
        for value in &mut now.messages {
            each_text(value, &mut |text| *text = surroundings.hide(text));
        }
        let today = format!("{:.0}", jiff::Timestamp::now());
        let rules = Rules { days: &self.days, today: &today[..10] };
        let last = progress.last.get(&request.thread_id).copied();
        // Of several that fit, the one that this thread comes to next.
        let mut unused: Vec<usize> = (0..self.exchanges.len()).filter(|at| !progress.used.contains(at)).collect();
        unused.sort_by_key(|at| self.exchanges[*at].before != last);
        let found = unused.iter().find_map(|at| {
            let mut ids = progress.ids.clone();
            self.is(*at, &now, &rules, &mut ids).then_some((*at, ids))
        });
        let Some((at, ids)) = found else {
            let difference = Difference { rules: &rules, now: &now, ids: &progress.ids };
            let nearest = unused.iter().map(|at| (&self.exchanges[*at], self.conversation(*at)));
            return Err(difference.told(&self.path, self.exchanges.len(), nearest));
        };
        progress.used.insert(at);
        progress.ids = ids;
        progress.last.insert(request.thread_id.clone(), at);
        let (asked, answered) = self.exchanges[at].places;
        self.done(progress, asked);
        let events = self.exchanges[at].events(surroundings, &progress.ids, &self.path)?;
        Ok((events, answered))
    }

    /// Whether the exchange is the one that is asked for now.
    fn is(&self, at: usize, now: &Now, rules: &Rules, ids: &mut Ids) -> bool {
        let exchange = &self.exchanges[at];
        exchange.length.is_none_or(|length| length == now.messages.len())
            && exchange.terms.fit(&now.terms, rules, ids)
            && rules.fit_all(&self.conversation(at), &now.messages.iter().collect::<Vec<_>>(), ids)
    }

    /// All that was said when the request was made.
    fn conversation(&self, at: usize) -> Vec<&Value> {
        let mut chain = vec![at];
        while let Some(before) = chain.last().and_then(|at| self.exchanges[*at].before) {
            chain.push(before);
        }
        let mut messages = Vec::new();
        for (place, at) in chain.iter().enumerate().rev() {
            let exchange = &self.exchanges[*at];
            messages.extend(&exchange.asked.messages);
            messages.extend(exchange.said.iter().filter(|_| place > 0));
        }
        messages
    }
}

impl Exchange {
    fn new(asked: Asked, place: usize, earlier: &[Self]) -> Result<Self, String> {
        let number = asked.request;
        if earlier.iter().any(|exchange| exchange.asked.request == number) {
            return Err(format!("request {number} is there twice"));
        }
        let before = match asked.after {
            None => None,
            Some(after) => {
                let at = earlier.iter().position(|exchange| exchange.asked.request == after && exchange.said.is_some());
                let error = || format!("request {number} goes on from {after}, which has no whole answer before it");
                Some(at.ok_or_else(error)?)
            }
        };
        let before_it = before.map(|at| &earlier[at]);
        let terms = asked.terms.clone().or(&before_it.map(|exchange| exchange.terms.clone()).unwrap_or_default());
        let own = (!asked.messages.iter().any(|message| message == ANY)).then_some(asked.messages.len());
        let earlier = before_it.map_or(Some(0), |exchange| exchange.length.map(|length| length + 1));
        let length = earlier.zip(own).map(|(earlier, own)| earlier + own);
        Ok(Self { asked, terms, before, answer: None, said: None, length, places: (place, 0) })
    }

    /// The answer, with the places of this machine.
    fn events(&self, surroundings: &Surroundings, ids: &Ids, path: &Path) -> Result<Vec<StreamEvent>, String> {
        let number = self.asked.request;
        let Some(mut answer) = self.answer.clone() else {
            let path = path.display();
            return Err(format!(
                "{path} has no answer to request {number}: what recorded it ended before there was one"
            ));
        };
        each_text(&mut answer, &mut |text| {
            *text = surroundings.show(text);
            ids.show(text);
        });
        let answered: Answered = serde_json::from_value(answer).map_err(|error| format!("answer {number}: {error}"))?;
        let (before_it, end) = match answered.end {
            End::Completed { content, usage } => (implied(&content), StreamEvent::Completed { content, usage }),
            End::Failed(failure) => (Vec::new(), StreamEvent::Failed(failure)),
            End::Cut {} => {
                let message =
                    format!("--replay: here the turn was interrupted when it was recorded (request {number})");
                let failure = Failure { kind: FailureKind::Configuration, message, retry_after: None };
                (Vec::new(), StreamEvent::Failed(failure))
            }
        };
        let mut events = answered.events.unwrap_or(before_it);
        events.push(end);
        Ok(events)
    }
}

impl Terms {
    /// Whether `now` are these, as far as these say anything.
    fn fit(&self, now: &Self, rules: &Rules, ids: &mut Ids) -> bool {
        let pairs = self.pairs(now);
        pairs.iter().all(|(_, recorded, now)| rules.fits(recorded, now, ids))
    }

    /// Each term that these have, with its name and what it is now.
    pub(super) fn pairs(&self, now: &Self) -> Vec<(&'static str, Value, Value)> {
        let all = [
            ("model", json!(self.model), json!(now.model)),
            ("options", json!(self.options), json!(now.options)),
            ("tools", json!(self.tools), json!(now.tools)),
            ("output schema", json!(self.output_schema), json!(now.output_schema)),
        ];
        all.into_iter().filter(|(_, recorded, _)| !recorded.is_null()).collect()
    }
}

/// The answer as a message of the conversation; `None` if it is not whole.
fn said(answer: &Value) -> Option<Value> {
    let content = answer["end"].get("completed")?.get("content")?;
    let mut said = json!({ "role": "assistant", "content": content });
    unseal(&mut said);
    Some(said)
}

/// A model that answers as a cassette does.
#[derive(Debug)]
struct Replayed {
    player: Arc<Player>,
    surroundings: Surroundings,
}

impl Model for Replayed {
    fn stream(&self, request: Request) -> EventStream {
        let (events, place) = match self.player.answer(&request, &self.surroundings) {
            Ok(answer) => answer,
            Err(failure) => return Box::pin(stream::iter([StreamEvent::Failed(failure)])),
        };
        let player = Arc::clone(&self.player);
        let in_turn = async move {
            player.turn_of(place).await;
            stream::iter(events)
        };
        Box::pin(stream::once(in_turn).flatten())
    }

    fn takes_grammars(&self) -> bool {
        true
    }
}
