//! What the session has cost, by model: the page of `/cost`.

use codex_client::usd;
use codex_protocol::{ModelUsage, ThreadUsage};

use crate::{
    look::Look,
    overlays::{Overlay, Pager, PagerEntry},
    status_line::thousands,
    text::Row,
    theme::Role,
};

/// Said in place of a price that is not known.
const UNKNOWN: &str = "not known; [prices] in the settings gives a model its price";

/// What the session has cost.
pub fn page(usage: &ThreadUsage, look: &Look) -> Box<dyn Overlay> {
    let line = |name: &str, value: &str| {
        Row::new(&format!("{name:<12} "), look.style(Role::Quiet)).with(value, look.style(Role::Plain))
    };
    let mut rows = Vec::new();
    for ModelUsage { model, usage, cost_usd } in &usage.models {
        rows.push(Row::new(model, look.style(Role::Heading)));
        rows.push(line(
            "  Sent",
            &format!("{}, {} of them cached", thousands(usage.input_tokens), thousands(usage.cached_input_tokens)),
        ));
        rows.push(line(
            "  Received",
            &format!(
                "{}, {} of them thinking",
                thousands(usage.output_tokens),
                thousands(usage.reasoning_output_tokens)
            ),
        ));
        rows.push(line("  Money", &cost_usd.map_or_else(|| UNKNOWN.to_owned(), usd)));
    }
    if usage.models.is_empty() {
        rows.push(Row::new("nothing was used yet", look.style(Role::Quiet)));
    } else if usage.models.len() > 1 {
        rows.push(line("Together", &usage.cost_usd.map_or_else(|| UNKNOWN.to_owned(), usd)));
    }
    let limit =
        [usage.limit_cost_usd.map(usd), usage.limit_tokens.map(|tokens| format!("{} tokens", thousands(tokens)))];
    let limit: Vec<String> = limit.into_iter().flatten().collect();
    if !limit.is_empty() {
        rows.push(line("At most", &format!("{} from when the session was opened", limit.join(", "))));
    }
    Box::new(Pager::new("Cost", vec![PagerEntry::rows(rows)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        overlays::testing::{SIZES, screen},
        theme::Theme,
    };

    #[test]
    fn each_model_has_its_tokens_and_its_money() {
        let look = Look { width: 80, theme: Theme::Ansi };
        let tokens = json!({ "inputTokens": 1200, "cachedInputTokens": 200, "outputTokens": 30 });
        let read = |models: serde_json::Value, cost: serde_json::Value| {
            let usage = json!({ "models": models, "costUsd": cost, "limitTokens": 5000, "limitCostUsd": 2.5 });
            let page = page(&serde_json::from_value(usage).unwrap(), &look);
            SIZES.iter().for_each(|size| drop(screen(&*page, *size)));
            screen(&*page, (80, 24)).join("\n")
        };
        let two = json!([{ "model": "a", "usage": tokens, "costUsd": 0.5 }, { "model": "b", "usage": tokens, "costUsd": null }]);
        let shown = read(two, json!(null));
        for expected in
            ["1.2k, 200 of them cached", "30, 0 of them thinking", "$0.50", "not known; [prices]", "$2.50, 5.0k tokens"]
        {
            assert!(shown.contains(expected), "{expected}\n{shown}");
        }
        assert!(read(json!([]), json!(null)).contains("nothing was used yet"));
    }
}
