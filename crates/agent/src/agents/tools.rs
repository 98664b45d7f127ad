//! The tools with which a model has sub-agents work for it: start one, wait, say something, stop.
//!
//! They must never decide what a sub-agent may do: that is decided where it is built.

use std::sync::Arc;

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{CollabAgentTool, CollabAgentToolCallStatus as Status, ThreadItem};
use codex_tools::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, Work, arguments};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{AgentInfo, AgentOrder, Agents, Report};

/// The tools of a thread that may have sub-agents, sorted by name.
pub(crate) fn agent_tools(agents: &Arc<Agents>) -> Vec<Arc<dyn Tool>> {
    let tool = |what| Arc::new(AgentTool { what, agents: Arc::clone(agents) }) as _;
    [What::Message, What::Spawn, What::Stop, What::Wait].into_iter().map(tool).collect()
}

/// One of the family.
#[derive(Debug)]
struct AgentTool {
    what: What,
    agents: Arc<Agents>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Message,
    Spawn,
    Stop,
    Wait,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Spawn {
    /// All it needs to know: it sees nothing of this conversation.
    task: String,
    /// Name of a kind; like you without.
    kind: Option<String>,
    /// Own git worktree of the last commit.
    worktree: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Wait {
    /// Any of these; of all without.
    #[serde(default)]
    agents: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Said {
    agent: String,
    message: String,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Stop {
    agent: String,
}

/// A call, its arguments read.
enum Call {
    Message(Said),
    Spawn(AgentOrder),
    Stop(Stop),
    Wait(Wait),
}

/// What a call came to: the text for the model, and those that it was about.
type Answer = Result<(String, Vec<AgentInfo>), String>;

impl Tool for AgentTool {
    fn name(&self) -> &str {
        match self.what {
            What::Message => "message_agent",
            What::Spawn => "spawn_agent",
            What::Stop => "stop_agent",
            What::Wait => "wait_agent",
        }
    }

    fn spec(&self) -> ToolSpec {
        let (words, schema) = match self.what {
            What::Message => (include_str!("message_agent.md"), arguments::schema::<Said>()),
            What::Spawn => (include_str!("spawn_agent.md"), arguments::schema::<Spawn>()),
            What::Stop => (include_str!("stop_agent.md"), arguments::schema::<Stop>()),
            What::Wait => (include_str!("wait_agent.md"), arguments::schema::<Wait>()),
        };
        let mut description = words.trim().to_owned();
        if matches!(self.what, What::Spawn) && !self.agents.kinds.is_empty() {
            let kinds = self.agents.kinds.iter().map(|(name, about)| format!("\n- {name}: {about}"));
            description.push_str(&format!("\nKinds:{}", kinds.collect::<String>()));
        }
        ToolSpec { name: self.name().to_owned().into(), description, input: ToolInput::Json { schema } }
    }

    /// What a sub-agent does is decided and asked about call by call, as for its parent.
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let call = match self.what {
            What::Message => Call::Message(arguments::parse(arguments)?),
            What::Spawn => {
                let Spawn { task, kind, worktree } = arguments::parse(arguments)?;
                Call::Spawn(AgentOrder { task, kind, worktree })
            }
            What::Stop => Call::Stop(arguments::parse(arguments)?),
            What::Wait => Call::Wait(arguments::parse(arguments)?),
        };
        let shown = Shown { agents: Arc::clone(&self.agents), id: context.item_id.clone(), call: call.shown() };
        let started = Some(shown.item(Status::InProgress, &self.agents.named(call.names())));
        let (agents, turn_id, cancel) = (Arc::clone(&self.agents), context.turn_id.clone(), context.cancel.clone());
        let run = Box::new(move |_| {
            let work = async move {
                tokio::select! {
                    answer = call.run(&agents, turn_id) => shown.outcome(answer),
                    () = cancel.cancelled() => shown.interrupted(),
                }
            };
            Box::pin(work) as Work
        });
        Ok(Prepared { access: Access::default(), started, run })
    }
}

impl Call {
    /// Those that it is about, as far as they are there already.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Message(Said { agent, .. }) | Self::Stop(Stop { agent }) => vec![agent.clone()],
            Self::Wait(Wait { agents }) => agents.clone(),
            Self::Spawn(_) => Vec::new(),
        }
    }

    fn shown(&self) -> (CollabAgentTool, Option<String>) {
        match self {
            Self::Message(Said { message, .. }) => (CollabAgentTool::SendMessage, Some(message.clone())),
            Self::Spawn(order) => (CollabAgentTool::SpawnAgent, Some(order.task.clone())),
            Self::Stop(_) => (CollabAgentTool::CloseAgent, None),
            Self::Wait(_) => (CollabAgentTool::Wait, None),
        }
    }

    async fn run(self, agents: &Arc<Agents>, turn_id: String) -> Answer {
        match self {
            Self::Spawn(order) => {
                let info = agents.spawn(order, Some(turn_id)).await?;
                let place = info.worktree.as_ref().map(|path| format!(" in the worktree {}", path.display()));
                Ok((format!("`{}` works{}.", info.name, place.unwrap_or_default()), vec![info]))
            }
            Self::Message(Said { agent, message }) => {
                let info = agents.message(&agent, &message).await?;
                Ok((format!("`{agent}` was told."), vec![info]))
            }
            Self::Stop(Stop { agent }) => {
                let report = agents.stop(&agent).await?;
                Ok((report.text(), vec![report.info]))
            }
            Self::Wait(Wait { agents: names }) => {
                if let Some(name) = names.iter().find(|name| agents.named(vec![(*name).clone()]).is_empty()) {
                    return Err(agents.unknown(name));
                }
                let reports = agents.wait(&names).await;
                if reports.is_empty() {
                    return Err("None of them works, and all have reported.".into());
                }
                let mut texts: Vec<String> = reports.iter().map(Report::text).collect();
                let working = agents.list().into_iter().filter(|info| info.works()).map(|info| info.name);
                let working: Vec<String> = working.collect();
                if !working.is_empty() {
                    texts.push(format!("Still working: {}.", working.join(", ")));
                }
                Ok((texts.join("\n\n"), reports.into_iter().map(|report| report.info).collect()))
            }
        }
    }
}

/// How a call is shown.
struct Shown {
    agents: Arc<Agents>,
    id: String,
    call: (CollabAgentTool, Option<String>),
}

impl Shown {
    fn item(&self, status: Status, about: &[AgentInfo]) -> ThreadItem {
        let (tool, prompt) = self.call.clone();
        self.agents.item(self.id.clone(), tool, status, prompt, about)
    }

    fn outcome(self, answer: Answer) -> Outcome {
        match answer {
            Ok((text, about)) => Outcome::text(text, ForUser::Item(self.item(Status::Completed, &about))),
            Err(sentence) => {
                let mut item = self.item(Status::Failed, &[]);
                if let ThreadItem::CollabAgentToolCall { prompt, .. } = &mut item {
                    *prompt = Some(sentence.clone());
                }
                Outcome::text(sentence, ForUser::Item(item))
            }
        }
    }

    fn interrupted(self) -> Outcome {
        Outcome::text("The user interrupted this.", ForUser::Item(self.item(Status::Interrupted, &[])))
    }
}

impl Agents {
    fn named(&self, names: Vec<String>) -> Vec<AgentInfo> {
        self.list().into_iter().filter(|info| names.contains(&info.name)).collect()
    }
}

impl AgentInfo {
    fn works(&self) -> bool {
        self.status == codex_protocol::CollabAgentStatus::Running
    }
}
