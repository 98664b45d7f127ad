//! The plugins that are kept, with what each adds; one key switches one on or off.

use codex_protocol::KeptPlugin;

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::intent::{Fetch, Intent};

/// Letters of a commit that are shown.
const COMMIT: usize = 10;

/// A plugin that can be switched, and whether it is to be in use then; `None`: it is held back.
type Switch = Option<(String, bool)>;

/// Those that there are; below each what it adds.
pub fn plugins(list: Vec<KeptPlugin>) -> Box<dyn Overlay> {
    let entries: Vec<Entry<Switch>> = list.into_iter().flat_map(rows).collect();
    // What is told takes the place of this list: what it says then is what is so.
    let enter = |entry: &mut Entry<Switch>| match entry.value.clone() {
        Some((id, enabled)) => Outcome::done(Intent::Fetch(Fetch::SetPlugin { id, enabled })),
        None => Outcome::stay(),
    };
    let picker =
        Picker::new("Plugins (enter: on or off; tools follow next turn, the rest next session)", entries, enter);
    Box::new(picker.empty("there are none; `codex plugin add SOURCE` adds one"))
}

fn rows(plugin: KeptPlugin) -> Vec<Entry<Switch>> {
    let switch = plugin.error.is_none().then(|| (plugin.id.clone(), !plugin.enabled));
    let below = |name: String, about: String| Entry {
        name: format!("    {name}"),
        about,
        is_on: None,
        // On any of its rows one is at the plugin.
        value: switch.clone(),
    };
    let adds = plugin.adds.iter().map(|it| {
        let walls = if it.outside_sandbox { ", OUTSIDE the sandbox" } else { "" };
        below(format!("{} {}", it.kind, it.name), format!("{}{walls}", it.does))
    });
    let warnings = plugin.warnings.iter().map(|warning| below("!".to_owned(), warning.clone()));
    let mut rows: Vec<_> = adds.chain(warnings).collect();
    let is_on = Some(plugin.enabled && plugin.error.is_none());
    rows.insert(0, Entry { name: plugin.id.clone(), about: about(&plugin), is_on, value: switch });
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overlays::testing::{press, said, screen};

    #[test]
    fn on_each_row_of_a_plugin_enter_switches_it() {
        let plugin = |id: &str, enabled: bool, error: Option<&str>| {
            let adds = json!([{ "kind": "hook", "name": "Stop", "does": "runs `x`", "outsideSandbox": false }]);
            let all = json!({
                "id": id, "version": null, "source": "/p", "commit": null, "enabled": enabled, "error": error,
                "warnings": ["not read"], "adds": adds,
            });
            serde_json::from_value::<KeptPlugin>(all).unwrap()
        };
        let list = || vec![plugin("one", true, None), plugin("held", true, Some("it is held back"))];
        let shown = screen(&*plugins(list()), (80, 24)).join("\n");
        assert!(shown.contains("hook Stop") && shown.contains("it is held back"), "{shown}");
        for (keys, expected) in [
            ("enter", "SetPlugin { id: \"one\", enabled: false }"),
            ("down enter", "SetPlugin { id: \"one\", enabled: false }"),
            ("down down enter", "SetPlugin { id: \"one\", enabled: false }"),
            ("down down down enter", ""),
            ("down down down down enter", ""),
        ] {
            let done = said(&press(&mut *plugins(list()), keys));
            assert!(done.contains(expected) && (!expected.is_empty() || !done.contains("SetPlugin")), "{keys}: {done}");
        }
    }
}
