//! The models that a thread can run with: those that the configuration and open threads name, and what the servers of
//! providers list.

use codex_config::{Loaded, Settings, load};
use codex_model::{Efforts, Known, ListedModel};
use codex_protocol::{Model, ModelListParams, ModelListResult, ReasoningEffortOption, RpcError, ThreadStartParams};

use crate::{Server, build, catalog};

/// How long models think unless told otherwise.
const DEFAULT_EFFORT: &str = "medium";

/// How long models that think can do so, and what that is good for.
const EFFORTS: &[(&str, &str)] = &[
    ("none", "No thinking"),
    ("minimal", "Hardly any thinking: the quickest answers"),
    ("low", "Little thinking: quick answers to plain tasks"),
    ("medium", "Enough thinking for most tasks"),
    ("high", "Much thinking, for what is hard"),
    ("xhigh", "Very much thinking, for what is very hard"),
    ("max", "As much thinking as the model can"),
];
/// The efforts of models of which nothing is known.
const USUAL: [&str; 4] = ["minimal", "low", "medium", "high"];

/// A model and who has it.
#[derive(PartialEq)]
struct Choice {
    provider: String,
    model: String,
    effort: Option<String>,
    window: Option<u64>,
}

impl Server {
    /// The configured model first, then those that open threads run with, then what servers list.
    pub(crate) async fn models(&self, params: &ModelListParams) -> Result<ModelListResult, RpcError> {
        let home = self.codex_home()?.display().to_string();
        let start = ThreadStartParams { cwd: params.cwd.clone().or(Some(home)), ..ThreadStartParams::default() };
        let Loaded { mut settings, origins, .. } = build::settings(&self.environment, start)?;
        let mut choices = vec![Choice {
            provider: settings.model_provider.clone(),
            model: settings.model.clone(),
            effort: settings.model_reasoning_effort.clone(),
            window: settings.model_context_window,
        }];
        let add = |choices: &mut Vec<Choice>, new: Choice| {
            let known = |choice: &Choice| choice.provider == new.provider && choice.model == new.model;
            if !choices.iter().any(known) {
                choices.push(new);
            }
        };
        for model in self.all_threads().iter().map(|thread| thread.standing().model) {
            let (provider, effort, window) = (model.provider, model.reasoning_effort, model.context_window);
            add(&mut choices, Choice { provider, model: model.id, effort, window });
        }
        self.add_providers_of_threads(&mut settings)?;
        for (provider, ListedModel { id, context_window: window }) in self.listed(&settings, &origins).await {
            let window = catalog::window(&settings, &provider, &id, window);
            add(&mut choices, Choice { provider, model: id, effort: None, window });
        }
        let wanted =
            |model: &Model| params.model_provider.as_ref().is_none_or(|wanted| *wanted == model.model_provider);
        let models = choices.into_iter().enumerate().map(|(at, choice)| {
            let known = catalog::known(&settings, &choice.provider, &choice.model);
            choice.told(known, at == 0)
        });
        let data = models.filter(wanted).take(params.limit.unwrap_or(usize::MAX)).collect();
        Ok(ModelListResult { data, next_cursor: None })
    }
}

impl Server {
    /// Adds to `settings` the providers that open threads ask, as those know them. Where one is held to models with open
    /// weights, so is what is listed.
    fn add_providers_of_threads(&self, settings: &mut Settings) -> Result<(), RpcError> {
        let home = self.codex_home()?;
        for kept in self.all_kept() {
            let (wanted, id) = (kept.wanted(), kept.thread.standing().model.provider);
            let theirs = load(&wanted.request(&self.environment, &home)).map(|found| found.settings);
            settings.oss |= theirs.as_ref().map_or_else(|_| wanted.says("oss"), |theirs| theirs.oss);
            let provider = theirs.ok().and_then(|theirs| theirs.with_built_in().model_providers.remove(&id));
            if let Some(provider) = provider {
                settings.model_providers.entry(id).or_insert(provider);
            }
        }
        Ok(())
    }
}

impl Choice {
    fn told(self, known: Known, is_default: bool) -> Model {
        let Self { provider, model, effort, window } = self;
        let can = known.efforts().unwrap_or_else(|| Efforts::new(USUAL));
        let efforts = EFFORTS.iter().filter(|(effort, _)| can.iter().any(|one| one == *effort));
        let option = |(effort, description): &(&str, &str)| ReasoningEffortOption {
            reasoning_effort: (*effort).to_owned(),
            description: (*description).to_owned(),
        };
        Model {
            id: if is_default { model.clone() } else { format!("{provider}/{model}") },
            display_name: model.clone(),
            description: format!("Of the provider {provider}"),
            hidden: false,
            is_default,
            default_reasoning_effort: can
                .nearest(effort.as_deref().unwrap_or(DEFAULT_EFFORT))
                .unwrap_or("none")
                .to_owned(),
            supported_reasoning_efforts: efforts.map(option).collect(),
            context_window: window.or(known.context_window),
            model,
            model_provider: provider,
        }
    }
}
