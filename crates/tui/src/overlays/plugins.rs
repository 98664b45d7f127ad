//! The plugins that are kept, with what each adds; one key switches one on or off.

use codex_protocol::KeptPlugin;

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::intent::{Fetch, Intent};

/// Letters of a commit that are shown.
const COMMIT: usize = 10;

/// Those that there are; below each what it adds.
pub fn plugins(list: Vec<KeptPlugin>) -> Box<dyn Overlay> {
    let entries: Vec<Entry<Option<KeptPlugin>>> = list.into_iter().flat_map(rows).collect();
    // What is told takes the place of this list: what it says then is what is so.
    let enter = |entry: &mut Entry<Option<KeptPlugin>>| match &entry.value {
        Some(plugin) if plugin.error.is_none() => {
            Outcome::done(Intent::Fetch(Fetch::SetPlugin { id: plugin.id.clone(), enabled: !plugin.enabled }))
        }
        _ => Outcome::stay(),
    };
    let picker = Picker::new("Plugins: enter switches one on or off, from the next turn on", entries, enter);
    Box::new(picker.empty("there are none; `codex plugin add SOURCE` adds one"))
}

fn rows(plugin: KeptPlugin) -> Vec<Entry<Option<KeptPlugin>>> {
    let below = |name: String, about: String| Entry { name: format!("    {name}"), about, is_on: None, value: None };
    let adds = plugin.adds.iter().map(|it| {
        let walls = if it.outside_sandbox { ", OUTSIDE the sandbox" } else { "" };
        below(format!("{} {}", it.kind, it.name), format!("{}{walls}", it.does))
    });
    let warnings = plugin.warnings.iter().map(|warning| below("!".to_owned(), warning.clone()));
    let mut rows: Vec<_> = adds.chain(warnings).collect();
    let is_on = Some(plugin.enabled && plugin.error.is_none());
    rows.insert(0, Entry { name: plugin.id.clone(), about: about(&plugin), is_on, value: Some(plugin) });
    rows
}

fn about(plugin: &KeptPlugin) -> String {
    let state = match (&plugin.error, plugin.enabled) {
        (Some(error), _) => error.clone(),
        (None, true) => "in use".to_owned(),
        (None, false) => "not in use".to_owned(),
    };
    let commit = plugin.commit.as_deref().map(|commit| format!("commit {}", commit.get(..COMMIT).unwrap_or(commit)));
    let parts = [Some(state), plugin.version.clone(), commit, Some(plugin.source.clone())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
