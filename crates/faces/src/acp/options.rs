//! What an editor can choose for a session: how it works, the model, and how long that thinks.

use agent_client_protocol_schema::v1::{
    SessionConfigOption, SessionConfigOptionCategory, SessionConfigOptionValue, SessionConfigSelectOption,
};
use codex_protocol::{Model, SettingsChange, ThreadOpened, ThreadSettings};

use super::modes;
use crate::rpc::{Failure, INVALID_PARAMS};

const MODE: &str = "mode";
const MODEL: &str = "model";
const EFFORT: &str = "thought_level";

/// What is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) mode: &'static str,
    provider: String,
    model: String,
    effort: Option<String>,
}

impl From<&ThreadOpened> for Chosen {
    fn from(opened: &ThreadOpened) -> Self {
        Self {
            mode: modes::of(opened.mode, &opened.sandbox, opened.approval_policy),
            provider: opened.model_provider.clone(),
            model: opened.model.clone(),
            effort: opened.reasoning_effort.clone(),
        }
    }
}

impl From<&ThreadSettings> for Chosen {
    fn from(settings: &ThreadSettings) -> Self {
        Self {
            mode: modes::of(settings.collaboration_mode.mode, &settings.sandbox_policy, settings.approval_policy),
            provider: settings.model_provider.clone(),
            model: settings.model.clone(),
            effort: settings.effort.clone(),
        }
    }
}

impl Chosen {
    /// All that can be chosen. `models`: those that are known so far.
    pub(super) fn options(&self, models: &[Model]) -> Vec<SessionConfigOption> {
        let current = id(&self.provider, &self.model);
        let offered = models.iter().map(|model| {
            let option = SessionConfigSelectOption::new(id(&model.model_provider, &model.model), &*model.display_name);
            option.description(&model.description)
        });
        let mut options = vec![
            select(MODE, "Mode", SessionConfigOptionCategory::Mode, self.mode, modes::options()),
            select(MODEL, "Model", SessionConfigOptionCategory::Model, &current, offered.collect()),
        ];
        if let Some(model) = self.known(models)
            && !model.supported_reasoning_efforts.is_empty()
        {
            let effort = self.effort.as_ref().unwrap_or(&model.default_reasoning_effort);
            let offered = model.supported_reasoning_efforts.iter().map(|option| {
                let effort = &option.reasoning_effort;
                SessionConfigSelectOption::new(effort.clone(), effort).description(&option.description)
            });
            let category = SessionConfigOptionCategory::ThoughtLevel;
            options.push(select(EFFORT, "Thinking", category, effort, offered.collect()));
        }
        options
    }

    fn known<'a>(&self, models: &'a [Model]) -> Option<&'a Model> {
        models.iter().find(|model| model.model_provider == self.provider && model.model == self.model)
    }

    /// What is chosen when `option` is set to `value`, and the change that this takes.
    ///
    /// # Errors
    /// When there is no such option, or it has no such value.
    pub(super) fn with(
        &self,
        option: &str,
        value: &SessionConfigOptionValue,
        models: &[Model],
    ) -> Result<(Self, SettingsChange), Failure> {
        let value = value.as_value_id().map(ToString::to_string).unwrap_or_default();
        let wrong = |what: &str| (INVALID_PARAMS, format!("there is no {what} `{value}`"));
        let (mut chosen, change) = (self.clone(), SettingsChange::default());
        let change = match option {
            MODE => {
                let wrong = || {
                    let names = modes::names().join(", ");
                    (INVALID_PARAMS, format!("there is no mode `{value}`: {names}"))
                };
                let change;
                (chosen.mode, change) = modes::change(&value).ok_or_else(wrong)?;
                change
            }
            MODEL => {
                let is_it = |model: &&Model| id(&model.model_provider, &model.model) == value;
                let model = models.iter().find(is_it).ok_or_else(|| wrong("model"))?;
                (chosen.provider, chosen.model) = (model.model_provider.clone(), model.model.clone());
                let (model, model_provider) = (Some(chosen.model.clone()), Some(chosen.provider.clone()));
                SettingsChange { model, model_provider, ..change }
            }
            EFFORT => {
                let offered = self.known(models).map(|model| model.supported_reasoning_efforts.as_slice());
                let is_offered = offered.unwrap_or_default().iter().any(|effort| effort.reasoning_effort == value);
                if !is_offered {
                    return Err(wrong("thought level"));
                }
                chosen.effort = Some(value.clone());
                SettingsChange { effort: chosen.effort.clone(), ..change }
            }
            _ => return Err((INVALID_PARAMS, format!("there is no option `{option}`: {MODE}, {MODEL}, {EFFORT}"))),
        };
        Ok((chosen, change))
    }
}

/// A model and who has it, as an editor names it.
fn id(provider: &str, model: &str) -> String {
    format!("{provider}/{model}")
}

/// A choice among values, of which the current one is always one.
fn select(
    option: &'static str,
    name: &str,
    category: SessionConfigOptionCategory,
    current: &str,
    mut offered: Vec<SessionConfigSelectOption>,
) -> SessionConfigOption {
    if !offered.iter().any(|offered| &*offered.value.0 == current) {
        offered.insert(0, SessionConfigSelectOption::new(current.to_owned(), current));
    }
    SessionConfigOption::select(option, name, current.to_owned(), offered).category(category)
}

#[cfg(test)]
mod tests {
    use codex_protocol::ReasoningEffortOption;
    use serde_json::{Value, json};

    use super::*;

    fn model(provider: &str, model: &str, efforts: &[&str]) -> Model {
        let effort = |effort: &&str| ReasoningEffortOption {
            reasoning_effort: (*effort).to_owned(),
            description: String::new(),
        };
        Model {
            id: model.into(),
            model: model.into(),
            model_provider: provider.into(),
            display_name: model.into(),
            description: String::new(),
            hidden: false,
            is_default: false,
            default_reasoning_effort: "medium".into(),
            supported_reasoning_efforts: efforts.iter().map(effort).collect(),
            context_window: None,
        }
    }

    fn told(options: &[SessionConfigOption]) -> Vec<(String, String, Vec<String>)> {
        let options = serde_json::to_value(options).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |option: &Value| {
            let values = option["options"].as_array().unwrap().iter().map(|option| text(&option["value"])).collect();
            (text(&option["category"]), text(&option["currentValue"]), values)
        };
        options.as_array().unwrap().iter().map(one).collect()
    }

    #[test]
    fn what_can_be_chosen_has_what_is_chosen_and_a_choice_is_one_of_it() {
        let chosen = Chosen { mode: "ask", provider: "p".into(), model: "a".into(), effort: None };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let option = |category: &str, current: &str, values: &[&str]| (category.into(), current.into(), names(values));
        let modes = option("mode", "ask", &["read-only", "ask", "full-auto", "plan"]);
        assert_eq!(told(&chosen.options(&[])), [modes.clone(), option("model", "p/a", &["p/a"])]);
        let models = [model("p", "a", &["low", "medium"]), model("q", "b/c", &[])];
        let expected =
            [modes, option("model", "p/a", &["p/a", "q/b/c"]), option("thought_level", "medium", &["low", "medium"])];
        assert_eq!(told(&chosen.options(&models)), expected);

        let set = |option: &str, value: Value| {
            let value = serde_json::from_value(json!({ "value": value })).unwrap();
            chosen.with(option, &value, &models).map_err(|(_, message)| message)
        };
        let (other, change) = set("model", json!("q/b/c")).unwrap();
        assert_eq!((change.model.as_deref(), change.model_provider.as_deref()), (Some("b/c"), Some("q")));
        assert_eq!(told(&other.options(&models)).len(), 2);
        assert_eq!(set("thought_level", json!("low")).unwrap().1.effort.as_deref(), Some("low"));
        assert_eq!(set("mode", json!("plan")).unwrap().0.mode, "plan");
        for (option, value, words) in [
            ("model", "p/none", "no model `p/none`"),
            ("thought_level", "max", "no thought level `max`"),
            ("mode", "yolo", "no mode `yolo`: read-only, "),
            ("colour", "red", "no option `colour`"),
        ] {
            let error = set(option, json!(value)).unwrap_err();
            assert!(error.contains(words), "{option}: {error}");
        }
    }
}
