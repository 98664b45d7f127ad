//! What is different about a request that a cassette does not have, in few lines.

use std::path::Path;

use serde_json::Value;
use similar::{DiffOp, TextDiff};

use super::{
    fits::{Ids, Rules},
    format::{ANY, written},
    replay::{Exchange, Now},
};

/// Lines of a difference that are shown.
const LINES: usize = 16;
/// Characters of each.
const WIDTH: usize = 160;

/// What is asked, to be held against what a cassette has.
pub(super) struct Difference<'a> {
    pub(super) rules: &'a Rules<'a>,
    pub(super) now: &'a Now,
    pub(super) ids: &'a Ids,
}

impl Difference<'_> {
    /// What is different from the nearest of `unused`, and what to do about it. `count` is how many requests the cassette has.
    pub(super) fn told<'e>(
        &self,
        path: &Path,
        count: usize,
        unused: impl Iterator<Item = (&'e Exchange, Vec<&'e Value>)>,
    ) -> String {
        let path = path.display();
        // Of several, the first.
        let nearest = unused.fold(None, |best: Option<(usize, _)>, one: (_, Vec<_>)| {
            let common = self.common(&one.1);
            if best.as_ref().is_some_and(|(most, _)| *most >= common) { best } else { Some((common, one)) }
        });
        let Some((_, (exchange, said))) = nearest else {
            return format!(
                "{path} ends here: it has {count} requests, and all were made. Record the longer session anew with --record"
            );
        };
        let number = exchange.asked.request;
        let what = self.of_terms(exchange).unwrap_or_else(|| self.of_messages(&said));
        format!(
            "this request is not in {path}. It is nearest to request {number} there:\n{what}\nStart from the files and settings \
             of the recording, or record anew with --record, or write {ANY} into the file where it may differ \
             (docs/cassettes.md)"
        )
    }

    /// How many messages are the same, from the first on.
    fn common(&self, said: &[&Value]) -> usize {
        let mut ids = self.ids.clone();
        let pairs = said.iter().zip(&self.now.messages);
        pairs.take_while(|(recorded, now)| self.rules.fits(recorded, now, &mut ids)).count()
    }

    fn of_terms(&self, exchange: &Exchange) -> Option<String> {
        let mut ids = self.ids.clone();
        let pairs = exchange.terms.pairs(&self.now.terms);
        let (name, recorded, now) = pairs.into_iter().find(|(_, one, other)| !self.rules.fits(one, other, &mut ids))?;
        Some(match (recorded.as_object(), now.as_object()) {
            (Some(recorded), Some(now)) if name == "tools" => {
                let names = |found: Vec<&String>| found.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
                let gone = recorded.keys().filter(|name| !now.contains_key(*name)).collect();
                let new = now.keys().filter(|name| !recorded.contains_key(*name)).collect();
                let is_other = |name: &&String| now.get(*name).is_some_and(|now| *now != recorded[*name]);
                let other = recorded.keys().filter(is_other).collect();
                let told = [("offered there only", gone), ("offered here only", new), ("described otherwise", other)];
                let told = told.into_iter().filter(|(_, found): &(_, Vec<&String>)| !found.is_empty());
                let told: Vec<String> = told.map(|(how, found)| format!("{how}: {}", names(found))).collect();
                format!("  tools {}", told.join("; "))
            }
            _ => format!("  {name}: {recorded} there, {now} here"),
        })
    }

    fn of_messages(&self, said: &[&Value]) -> String {
        let at = self.common(said);
        let (there, here) = (said.get(at).copied(), self.now.messages.get(at));
        let what = role(there.or(here));
        let number = at + 1;
        match (there, here) {
            (Some(there), Some(here)) => format!("  message {number}, {what}, differs:\n{}", self.diff(there, here)),
            (Some(there), None) => format!("  message {number}, {what}, is missing here:\n{}", shown(there, '-')),
            (None, Some(here)) => format!("  message {number}, {what}, is only here:\n{}", shown(here, '+')),
            (None, None) => "  it was made before, and is in the file once".to_owned(),
        }
    }

    /// The lines that differ.
    fn diff(&self, there: &Value, here: &Value) -> String {
        let (there, here) = (text(there), text(here));
        let (old, new): (Vec<&str>, Vec<&str>) = (there.lines().collect(), here.lines().collect());
        let mut lines = Vec::new();
        for op in TextDiff::from_slices(&old, &new).ops() {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let (mut gone, mut come) = (old[op.old_range()].to_vec(), new[op.new_range()].to_vec());
            if gone.len() == come.len() {
                let fit = |one: &str, other: &str| self.rules.fits(&one.into(), &other.into(), &mut self.ids.clone());
                let differ: Vec<bool> = gone.iter().zip(&come).map(|(one, other)| !fit(one, other)).collect();
                let mut kept = differ.iter();
                gone.retain(|_| kept.next() == Some(&true));
                kept = differ.iter();
                come.retain(|_| kept.next() == Some(&true));
            }
            lines.extend(gone.into_iter().map(|line| ('-', line)));
            lines.extend(come.into_iter().map(|line| ('+', line)));
        }
        cut(lines)
    }
}

/// A message of which there is only one.
fn shown(message: &Value, sign: char) -> String {
    let text = text(message);
    cut(text.lines().map(|line| (sign, line)).collect())
}

/// A few of these lines.
fn cut(lines: Vec<(char, &str)>) -> String {
    let more = lines.len().saturating_sub(LINES);
    let line = |(sign, line): (char, &str)| {
        let short: String = line.chars().take(WIDTH).collect();
        let dots = if short.len() < line.len() { "…" } else { "" };
        format!("  {sign} {short}{dots}")
    };
    let mut told: Vec<String> = lines.into_iter().take(LINES).map(line).collect();
    if more > 0 {
        told.push(format!("  … and {more} lines more"));
    }
    told.join("\n")
}

/// A message as the file has it.
fn text(message: &Value) -> String {
    written(message).unwrap_or_default()
}

/// Whose message it is.
fn role(message: Option<&Value>) -> String {
    let Some(message) = message else { return String::new() };
    match message["role"].as_str() {
        Some("developer") => "instructions of this program".to_owned(),
        Some("user") => "what the user or this program says".to_owned(),
        Some("assistant") => "an answer of the model".to_owned(),
        Some("toolResult") => format!("the result of {}", message["callId"].as_str().unwrap_or("a call")),
        _ => "any".to_owned(),
    }
}
