//! What is known of models with what the settings say of them above, and how one is to answer by the settings.

use codex_config::{ModelSettings, ReasoningSettings, Settings};
use codex_model::{Efforts, Known, Options, Said, Takes, Thinking};

/// What the Codex CLI calls a queue, and what its provider calls it.
const FAST: &str = "fast";
const PRIORITY: &str = "priority";

/// What is known of `model` as `provider` has it.
pub(crate) fn known(settings: &Settings, provider: &str, model: &str) -> Known {
    let known = Known::of(provider, model);
    let whole = settings.models.get(&format!("{provider}/{model}"));
    let own = [settings.models.get(model), whole].into_iter().flatten();
    own.fold(known, with)
}

/// Tokens that a request to `model` may hold: as the user says, else as its server `listed`, else as is known.
pub(crate) fn window(settings: &Settings, provider: &str, model: &str, listed: Option<u64>) -> Option<u64> {
    let said = |id: &str| settings.models.get(id).and_then(|own| own.context_window);
    let said = said(&format!("{provider}/{model}")).or_else(|| said(model));
    said.or(listed).or_else(|| Known::of(provider, model).context_window)
}

/// `known` with what the user says above.
fn with(known: Known, own: &ModelSettings) -> Known {
    let usual = known.takes.unwrap_or(Takes { images: true, temperature: true, verbosity: true });
    let takes = Takes {
        images: own.images.unwrap_or(usual.images),
        temperature: own.temperature.unwrap_or(usual.temperature),
        verbosity: own.verbosity.unwrap_or(usual.verbosity),
    };
    Known {
        said: Said {
            temperature: own.temperature.unwrap_or(known.said.temperature),
            verbosity: own.verbosity.unwrap_or(known.said.verbosity),
            efforts: match &own.reasoning {
                None => known.said.efforts,
                Some(reasoning) => matches!(reasoning, ReasoningSettings::Efforts(efforts) if !efforts.is_empty()),
            },
        },
        context_window: own.context_window.or(known.context_window),
        max_output_tokens: own.max_output_tokens.or(known.max_output_tokens),
        takes: known.takes.or((takes != usual).then_some(takes)).map(|_| takes),
        thinking: match (&own.reasoning, known.thinking) {
            (None, thinking) => thinking,
            (Some(ReasoningSettings::Thinks(false)), _) => Thinking::No,
            (Some(ReasoningSettings::Thinks(true)), Thinking::No) => Thinking::Unknown,
            (Some(ReasoningSettings::Thinks(true)), thinking) => thinking,
            (Some(ReasoningSettings::Efforts(own)), thinking) => {
                let efforts = Efforts::new(own.iter().map(String::as_str));
                let adapts = matches!(thinking, Thinking::Adaptive(_));
                if adapts { Thinking::Adaptive(efforts) } else { Thinking::Efforts(efforts) }
            }
        },
        ..known
    }
}

/// How a model of which this is known is to answer, and how in plan mode.
pub(crate) fn options(settings: &Settings, known: &Known) -> (Options, Options) {
    let own = &settings.answers;
    let wanted = Options {
        reasoning_effort: settings.model_reasoning_effort.clone(),
        reasoning_summary: own.reasoning_summary.clone(),
        verbosity: own.verbosity.clone(),
        service_tier: own
            .service_tier
            .as_ref()
            .map(|tier| if tier == FAST { PRIORITY.to_owned() } else { tier.clone() }),
        temperature: own.temperature,
        max_output_tokens: own.max_output_tokens,
    };
    let effort = own.effort_of_plan_mode.clone().or_else(|| wanted.reasoning_effort.clone());
    let planning = Options { reasoning_effort: effort, ..wanted.clone() };
    (known.fit(&wanted), known.fit(&planning))
}
