//! The sub-agents of a session: how each stands, and what can be done about one.

use codex_client::agent_status;
use codex_protocol::{CollabAgentStatus, SubAgent};

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
    pickers::lasting,
};
use crate::{
    intent::{Fetch, Intent},
    status_line::thousands,
};

/// Those that there are, to choose one and then what is to be done.
pub fn agents(list: Vec<SubAgent>) -> Box<dyn Overlay> {
    let entries = list.into_iter().map(|agent| Entry {
        name: format!("{} {}", agent.name, first_line(&agent.task)),
        about: about(&agent),
        is_on: Some(agent.status == CollabAgentStatus::Running),
        value: agent,
    });
    let enter = |entry: &mut Entry<SubAgent>| Outcome::done(Intent::Open(deeds(&entry.value)));
    let picker = Picker::new("Sub-agents", entries.collect(), enter);
    Box::new(picker.empty("there are none; /agent TASK starts one"))
}

fn about(agent: &SubAgent) -> String {
    let stands = if agent.waits { "waits for your answer" } else { agent_status(agent.status) };
    let mut parts = vec![stands.to_owned(), lasting(agent.duration_ms / 1000)];
    if agent.tokens > 0 {
        parts.push(format!("{} tokens", thousands(agent.tokens)));
    }
    parts.extend(agent.message.as_deref().map(first_line).filter(|said| !said.is_empty()));
    parts.join(" · ")
}

/// What can be done about one.
#[derive(Debug, Clone)]
enum Deed {
    Transcript(String),
    Stop(String),
    Apply(String),
}

fn deeds(agent: &SubAgent) -> Box<dyn Overlay> {
    let entry = |name: &str, about: &str, value| Entry { name: name.into(), about: about.into(), is_on: None, value };
    let mut entries = vec![entry("transcript", "what it said and did", Deed::Transcript(agent.thread_id.clone()))];
    if agent.status == CollabAgentStatus::Running {
        entries.push(entry("stop", "what it has done stays", Deed::Stop(agent.thread_id.clone())));
    }
    if let Some(patch) = &agent.patch {
        entries.push(entry("apply", "its changes, here", Deed::Apply(format!("git apply {patch}"))));
    }
    let enter = |entry: &mut Entry<Deed>| match entry.value.clone() {
        Deed::Transcript(id) => Outcome::done(Intent::Fetch(Fetch::AgentTranscript(id))),
        Deed::Stop(id) => Outcome::done(Intent::Fetch(Fetch::StopAgent(id))),
        Deed::Apply(command) => Outcome::done(Intent::Shell(command)),
    };
    Box::new(Picker::new(&agent.name, entries, enter))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}
