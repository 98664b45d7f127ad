//! `propose_plan`: the model shows the user a plan to decide about.
//!
//! It must never do anything else: what becomes of the plan is for the user to say.

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::ThreadItem;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, arguments};

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Markdown.
    plan: String,
}

/// Proposes a plan.
#[derive(Debug)]
pub(crate) struct ProposePlan;

impl Tool for ProposePlan {
    fn name(&self) -> &str {
        "propose_plan"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("propose_plan.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { plan } = arguments::parse(arguments)?;
        if plan.trim().is_empty() {
            return Err(ToolError("`plan` is empty: say what is to be done".into()));
        }
        let item = ThreadItem::Plan { id: context.item_id.clone(), text: plan };
        let outcome = Outcome::text("The user sees the plan and decides about it.", ForUser::Item(item));
        let run = Box::new(move |_| Box::pin(std::future::ready(outcome)) as _);
        Ok(Prepared { access: Access::default(), started: None, run })
    }
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Confinement;

    use super::*;
    use crate::testing::{context, json};

    #[tokio::test]
    async fn a_plan_is_an_item_and_an_empty_one_is_none() {
        let scene = context();
        let prepared = ProposePlan.prepare(&json(r##"{"plan":"# A plan"}"##), &scene.context).unwrap();
        assert_eq!((&prepared.access, &prepared.started), (&Access::default(), &None));
        let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
        let item = ThreadItem::Plan { id: scene.context.item_id.clone(), text: "# A plan".into() };
        assert_eq!(outcome.for_user, ForUser::Item(item));
        assert!(ProposePlan.prepare(&json(r#"{"plan":" "}"#), &scene.context).is_err());
    }
}
