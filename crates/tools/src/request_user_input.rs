//! `request_user_input`: asks the user. Where nobody can be asked, the model is told so and decides itself.
//!
//! It must never wait for somebody who is not there.

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Effect, Prepared, Tool, ToolContext, ToolError, arguments, plain_call::PlainCall};

const NOBODY: &str = include_str!("request_user_input_nobody.md");

/// Most questions of one call: a person answers them one after the other.
const MOST_QUESTIONS: usize = 5;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// At most 5.
    questions: Vec<Question>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
#[allow(dead_code, reason = "read to see that they are there; nobody is asked yet")]
struct Question {
    /// Names it in the answer.
    id: String,
    /// One sentence.
    question: String,
    /// Two to four answers to choose from, the best first.
    #[serde(default)]
    options: Vec<Choice>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
#[allow(dead_code, reason = "as above")]
struct Choice {
    label: String,
    /// What choosing it means.
    description: Option<String>,
}

/// Asks the user.
#[derive(Debug)]
pub(crate) struct RequestUserInput;

impl Tool for RequestUserInput {
    fn name(&self) -> &str {
        "request_user_input"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("request_user_input.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { questions } = arguments::parse(arguments)?;
        if questions.is_empty() || questions.len() > MOST_QUESTIONS {
            return Err(ToolError(format!("`questions`: 1 to {MOST_QUESTIONS} are asked at once. Nobody was asked")));
        }
        let call = PlainCall::new(self.name(), arguments, context);
        Ok(call.waiting(Access::default(), std::future::ready(Err(NOBODY.trim_end().to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, context, json};

    #[tokio::test]
    async fn where_nobody_is_the_model_is_told() {
        let call = r#"{"questions":[{"id":"a","question":"Which?","options":[{"label":"x"}]}]}"#;
        assert!(answer(&RequestUserInput, call, &context()).await.unwrap_err().contains("Nobody can be asked"));
    }

    #[test]
    fn the_number_of_questions_is_limited() {
        let question = r#"{"id":"a","question":"?"}"#;
        for (count, fits) in [(0, false), (1, true), (MOST_QUESTIONS, true), (MOST_QUESTIONS + 1, false)] {
            let call = format!(r#"{{"questions":[{}]}}"#, vec![question; count].join(","));
            let prepared = RequestUserInput.prepare(&json(&call), &context().context);
            assert_eq!(prepared.is_ok(), fits, "{count}");
        }
    }
}
