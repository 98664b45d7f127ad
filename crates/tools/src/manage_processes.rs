//! `manage_processes`: lists the commands that run on, and ends them.

use std::sync::Arc;

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments,
    plain_call::{Answer, PlainCall},
    processes::Processes,
};

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Session IDs of commands to kill first.
    #[serde(default)]
    stop: Vec<u64>,
}

/// Lists and ends commands.
#[derive(Debug)]
pub(crate) struct ManageProcesses;

impl Tool for ManageProcesses {
    fn name(&self) -> &str {
        "manage_processes"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("manage_processes.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Runs
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        let call = PlainCall::new(self.name(), arguments, context);
        let processes = Arc::clone(&context.processes);
        Ok(call.waiting(Access::default(), async move { manage(args, &processes).await }))
    }
}

async fn manage(args: Args, processes: &Processes) -> Answer {
    let mut lines = Vec::new();
    for id in args.stop {
        let what = if processes.stop(id).await { "stopped" } else { "was not running" };
        lines.push(format!("{id} {what}"));
    }
    let running = processes.list();
    lines.push(if running.is_empty() { "No command runs on.".into() } else { "Running:".to_owned() });
    lines.extend(running.iter().map(|process| {
        let seconds = process.running_for.as_secs();
        format!("{} for {seconds} s in {}: {}", process.id, process.directory.display(), process.command)
    }));
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, context};

    #[tokio::test]
    async fn what_does_not_run_cannot_be_stopped() {
        let answer = answer(&ManageProcesses, r#"{"stop":[3]}"#, &context()).await;
        assert_eq!(answer.as_deref(), Ok("3 was not running\nNo command runs on."));
    }
}
