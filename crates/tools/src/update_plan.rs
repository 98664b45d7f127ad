//! `update_plan`: the model shows the user its steps.
//!
//! It must never do anything else: the plan is not acted on.

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{PlanStep, PlanStepStatus};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, arguments};

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Why the plan changed, in a sentence.
    explanation: Option<String>,
    /// All steps, in order.
    plan: Vec<Step>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Step {
    step: String,
    status: Status,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    InProgress,
    Completed,
}

/// Shows a plan.
#[derive(Debug)]
pub(crate) struct UpdatePlan;

impl Tool for UpdatePlan {
    fn name(&self) -> &str {
        "update_plan"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("update_plan.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, _: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { explanation, plan } = arguments::parse(arguments)?;
        let steps = plan.into_iter().map(|Step { step, status }| PlanStep { step, status: status.into() }).collect();
        let outcome = Outcome::text("Plan updated", ForUser::Plan { explanation, steps });
        let run = Box::new(move |_| Box::pin(std::future::ready(outcome)) as _);
        Ok(Prepared { access: Access::default(), started: None, run })
    }
}

impl From<Status> for PlanStepStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::InProgress => Self::InProgress,
            Status::Completed => Self::Completed,
        }
    }
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Confinement;

    use super::*;
    use crate::testing::{context, json};

    #[tokio::test]
    async fn a_plan_is_shown() {
        let scene = context();
        let call =
            r#"{"explanation":"e","plan":[{"step":"a","status":"in_progress"},{"step":"b","status":"pending"}]}"#;
        let prepared = UpdatePlan.prepare(&json(call), &scene.context).unwrap();
        assert_eq!((&prepared.access, &prepared.started), (&Access::default(), &None));
        let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
        let steps = vec![
            PlanStep { step: "a".into(), status: PlanStepStatus::InProgress },
            PlanStep { step: "b".into(), status: PlanStepStatus::Pending },
        ];
        assert_eq!(outcome.for_user, ForUser::Plan { explanation: Some("e".into()), steps });
        let wrong = r#"{"plan":[{"step":"a","status":"done"}]}"#;
        let error = UpdatePlan.prepare(&json(wrong), &scene.context).unwrap_err();
        assert!(error.0.contains("`plan`") && error.0.contains("in_progress"), "{error}");
    }
}
