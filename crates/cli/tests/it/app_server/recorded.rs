//! What clients of the Codex CLI's own server were seen to say, said to ours: answers, notifications and questions have the
//! members that theirs had. `tests/app_server/recorded.json` has what was said, the shapes of what came back, and how ours
//! differs, which is all of it: a difference that is gone must go from there too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use crate::support::Place;

/// Paths of members, and the types that were seen there. `a[].b`: of each of a list.
type Shape = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Recorded {
    /// By method, and the type of the item that it is about.
    notifications: BTreeMap<String, Shape>,
    questions: BTreeMap<String, Shape>,
    results: BTreeMap<String, Shape>,
    sessions: Vec<Conversation>,
    /// Where ours differs, and why: one place, or a member wherever it would be.
    differences: BTreeMap<String, String>,
    /// What ours need not tell or ask here, and why.
    untold: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Conversation {
    client: String,
    model: Value,
    messages: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    method: String,
    /// With `{cwd}`, `{thread}` and `{turn}` in the places of what they were.
    params: Value,
    /// The client says nothing more until it was told this.
    until: Option<String>,
    /// What it answers to questions meanwhile.
    answer: Option<Value>,
    /// What a command waits for that is written before `until`.
    write: Option<String>,
    /// What it was told of the turn, in this order.
    told: Option<Vec<String>>,
}

/// What was found.
#[derive(Default)]
struct Found {
    differences: BTreeMap<String, String>,
    kinds: BTreeSet<String>,
}

#[test]
fn recorded_clients_hear_what_they_heard_then() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/app_server/recorded.json")).unwrap();
    let recorded: Recorded = serde_json::from_str(&text).unwrap();
    let mut found = Found::default();
    for conversation in &recorded.sessions {
        replay(&recorded, conversation, &mut found);
    }
    let all = recorded.notifications.keys().chain(recorded.questions.keys());
    let missed: Vec<&String> =
        all.filter(|kind| !found.kinds.contains(*kind) && !recorded.untold.contains_key(*kind)).collect();
    let mut unused: BTreeSet<&str> = recorded.differences.keys().map(String::as_str).collect();
    let mut new = Vec::new();
    for (at, what) in &found.differences {
        let member = at.rsplit(['.', ' ']).next().unwrap_or_default().trim_end_matches("[]");
        let known = [at.as_str(), member].into_iter().find(|name| recorded.differences.contains_key(*name));
        match known {
            Some(known) => drop(unused.remove(known)),
            None => new.push(format!("{at}: {what}")),
        }
    }
    assert!(
        missed.is_empty() && new.is_empty() && unused.is_empty(),
        "never told: {missed:#?}\ndifferent: {new:#?}\nnot different any more: {unused:#?}"
    );
}

fn replay(recorded: &Recorded, conversation: &Conversation, found: &mut Found) {
    let place = Place::new(conversation.model.clone());
    place.unopened_pipe("go");
    place.unopened_pipe("never");
    fs::write(place.workspace.join("a.txt"), "a\n").unwrap();
    let mut client = Client::unknown(place.codex(&["app-server"]));
    let (mut thread, mut turn) = (String::new(), String::new());
    for (id, said) in conversation.messages.iter().enumerate() {
        let at = format!("{}, message {id}, {}", conversation.client, said.method);
        let cwd = place.workspace.to_str().unwrap();
        let params = filled(&said.params, &[("{cwd}", cwd), ("{thread}", &thread), ("{turn}", &turn)]);
        if said.params.is_null() {
            client.send(&json!({ "method": said.method }));
            continue;
        }
        client.send(&json!({ "id": id, "method": said.method, "params": params }));
        let (mut answered, mut reached, mut told) = (false, said.until.is_none(), Vec::new());
        while !answered || !reached {
            let message = client.message();
            let Some(method) = message["method"].as_str() else {
                assert_eq!(message["id"], id, "{at}: {message}");
                let result = message.get("result").unwrap_or_else(|| panic!("{at}: {message}"));
                found.differ(&said.method, recorded.results.get(&said.method), result);
                let named = |of: &Value| of["id"].as_str().map(str::to_owned);
                if matches!(said.method.as_str(), "thread/start" | "thread/resume") {
                    thread = named(&result["thread"]).unwrap();
                }
                turn = named(&result["turn"]).unwrap_or(turn);
                answered = true;
                if let Some(name) = &said.write {
                    fs::write(place.workspace.join(name), "on\n").unwrap();
                }
                continue;
            };
            let kind = kind(method, &message);
            if message.get("id").is_some() {
                found.differ(&kind, recorded.questions.get(&kind), &message["params"]);
                let answer = said.answer.as_ref().unwrap_or_else(|| panic!("{at}: it asks {message}"));
                client.send(&json!({ "id": message["id"], "result": answer }));
            } else {
                found.differ(&kind, recorded.notifications.get(&kind), &message["params"]);
            }
            reached |= said.until.as_ref().is_some_and(|until| *until == kind || *until == method);
            told.push(kind.clone());
            found.kinds.insert(kind);
        }
        if let Some(expected) = &said.told {
            told.retain(|kind| expected.contains(kind));
            assert_eq!(told, *expected, "{at}");
        }
    }
    assert!(client.end().status.success(), "{}", conversation.client);
}

/// The method of a notification or question, and the type of the item that it is about.
fn kind(method: &str, message: &Value) -> String {
    match message["params"]["item"]["type"].as_str() {
        Some(item) => format!("{method} {item}"),
        None => method.to_owned(),
    }
}

/// `value` with the texts that are names of places in their places.
fn filled(value: &Value, places: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => {
            json!(places.iter().find(|(name, _)| name == text).map_or(text.as_str(), |(_, value)| value))
        }
        Value::Array(values) => values.iter().map(|value| filled(value, places)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, places)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

impl Found {
    /// Notes where `value` has not the shape that was seen.
    fn differ(&mut self, at: &str, shape: Option<&Shape>, value: &Value) {
        for (path, types) in shape.into_iter().flatten() {
            let (parent, name) = match path.strip_suffix("[]") {
                Some(list) => (list, None),
                None => path.rsplit_once('.').map_or(("", Some(&**path)), |(parent, name)| (parent, Some(name))),
            };
            for of in all_at(value, parent) {
                let members = match (name, of) {
                    (None, Value::Array(members)) => members.iter().map(Some).collect(),
                    (Some(name), Value::Object(members)) => vec![members.get(name)],
                    // That it is none is told of its own path.
                    _ => Vec::new(),
                };
                for member in members {
                    let what = match member {
                        None => "it is not there".to_owned(),
                        // Of what was always null nothing is known but that it may be.
                        Some(_) if types == "null" => continue,
                        Some(member) if types.split('|').any(|one| one == type_of(member)) => continue,
                        Some(member) => format!("{} in the place of {types}", type_of(member)),
                    };
                    self.differences.insert(format!("{at}: {path}"), what);
                }
            }
        }
    }
}

/// All that stands at `path`.
fn all_at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        found = found.into_iter().filter_map(|value| value.get(name)).collect();
        for _ in 0..(step.len() - name.len()) / 2 {
            found = found.into_iter().filter_map(Value::as_array).flatten().collect();
        }
    }
    found
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
