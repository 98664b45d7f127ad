//! What was asked of sub-agents, in sentences for people.

use codex_protocol::{
    CollabAgentState, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallStatus as CallStatus, FileUpdateChange,
    ThreadItem,
};

/// What there is to say of one sub-agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLine {
    /// A short sentence without a full stop.
    pub said: String,
    /// Its task, its result, or why it has none; empty if there is nothing to say.
    pub more: String,
    /// Whether something went wrong.
    pub is_bad: bool,
    /// What it has changed elsewhere, for who wants to take it over.
    pub changes: Vec<FileUpdateChange>,
    /// The command that takes them over; empty if there are none.
    pub takes_over: String,
}

/// What an item says of sub-agents: a line each. Empty for items of other kinds.
pub fn agent_lines(item: &ThreadItem) -> Vec<AgentLine> {
    let ThreadItem::CollabAgentToolCall { tool, status, prompt, agents_states, .. } = item else {
        return Vec::new();
    };
    let prompt = prompt.clone().unwrap_or_default();
    let names: Vec<&str> = agents_states.values().map(|state| state.name.as_str()).collect();
    let names = if names.is_empty() { "sub-agent".to_owned() } else { names.join(", ") };
    let is_bad = matches!(status, CallStatus::Failed | CallStatus::Interrupted);
    let line = |said: String, more: String| {
        let (changes, takes_over) = (Vec::new(), String::new());
        vec![AgentLine { said, more, is_bad, changes, takes_over }]
    };
    match (tool, status) {
        (CollabAgentTool::SpawnAgent, CallStatus::InProgress) => line("Starts a sub-agent".into(), prompt),
        (CollabAgentTool::SpawnAgent, CallStatus::Completed) => line(format!("Started {names}"), prompt),
        (CollabAgentTool::SpawnAgent, _) => line("No sub-agent was started".into(), prompt),
        (CollabAgentTool::SendMessage, CallStatus::Completed) => line(format!("Told {names}"), prompt),
        (CollabAgentTool::SendMessage, CallStatus::InProgress) => line(format!("Tells {names}"), prompt),
        (CollabAgentTool::SendMessage, _) => line(format!("Could not tell {names}"), prompt),
        (CollabAgentTool::Wait, CallStatus::InProgress) => line(format!("Waits for {names}"), prompt),
        (_, CallStatus::InProgress) => line(format!("Stops {names}"), prompt),
        (_, CallStatus::Completed) => agents_states.iter().map(state).collect(),
        (CollabAgentTool::Wait, _) => line(format!("Waited in vain for {names}"), prompt),
        (CollabAgentTool::CloseAgent, _) => line(format!("Could not stop {names}"), prompt),
    }
}

/// How a sub-agent stands, in words.
pub fn agent_status(status: CollabAgentStatus) -> &'static str {
    match status {
        CollabAgentStatus::Running => "works",
        CollabAgentStatus::Completed => "is done",
        CollabAgentStatus::Errored => "failed",
        CollabAgentStatus::Interrupted => "was stopped",
    }
}

fn state((id, state): (&String, &CollabAgentState)) -> AgentLine {
    let CollabAgentState { status, message, name, changes } = state;
    AgentLine {
        said: format!("{name} {}", agent_status(*status)),
        more: message.clone().unwrap_or_default(),
        is_bad: matches!(status, CollabAgentStatus::Errored | CollabAgentStatus::Interrupted),
        changes: changes.clone(),
        takes_over: if changes.is_empty() { String::new() } else { format!("codex apply {id}") },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_call_is_a_sentence() {
        use CollabAgentTool::{CloseAgent, SendMessage, SpawnAgent, Wait};
        let state = |status, message: &str| CollabAgentState {
            status,
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
            name: "agent-1".into(),
            changes: Vec::new(),
        };
        let works = state(CollabAgentStatus::Running, "");
        let table = [
            (SpawnAgent, CallStatus::InProgress, None, "Starts a sub-agent: look"),
            (SpawnAgent, CallStatus::Completed, Some(works.clone()), "Started agent-1: look"),
            (SpawnAgent, CallStatus::Failed, None, "No sub-agent was started: look!"),
            (SendMessage, CallStatus::Completed, Some(works.clone()), "Told agent-1: look"),
            (Wait, CallStatus::InProgress, Some(works.clone()), "Waits for agent-1: look"),
            (Wait, CallStatus::Completed, Some(state(CollabAgentStatus::Completed, "42")), "agent-1 is done: 42"),
            (Wait, CallStatus::Completed, Some(state(CollabAgentStatus::Errored, "no")), "agent-1 failed: no!"),
            (
                CloseAgent,
                CallStatus::Completed,
                Some(state(CollabAgentStatus::Interrupted, "")),
                "agent-1 was stopped: !",
            ),
        ];
        for (tool, status, state, expected) in table {
            let item = ThreadItem::CollabAgentToolCall {
                id: "1".into(),
                tool,
                status,
                sender_thread_id: "p".into(),
                receiver_thread_ids: Vec::new(),
                prompt: Some("look".into()),
                model: None,
                agents_states: BTreeMap::from_iter(state.map(|state| ("c".to_owned(), state))),
            };
            let line = agent_lines(&item).remove(0);
            let bad = if line.is_bad { "!" } else { "" };
            assert_eq!(format!("{}: {}{bad}", line.said, line.more), expected);
        }
        assert_eq!(agent_lines(&ThreadItem::AgentMessage { id: "1".into(), text: String::new() }), []);
    }
}
