//! Programs that are started at steps of the session: the page of `/hooks`.

use codex_protocol::{HookMetadata, HookSource, HooksListResponse};

use crate::{
    look::Look,
    overlays::{Overlay, Pager, PagerEntry},
    text::Row,
    theme::Role,
};

/// The hooks of the session, by event, and those that are held back.
pub fn page(listed: &HooksListResponse, look: &Look) -> Box<dyn Overlay> {
    let mut rows = Vec::new();
    for entry in &listed.data {
        let mut event = None;
        for hook in &entry.hooks {
            if event != Some(hook.event_name) {
                event = Some(hook.event_name);
                rows.push(Row::new(&name(hook), look.style(Role::Heading)));
            }
            rows.push(Row::new(&format!("  {}", hook.command), look.style(Role::Plain)));
            rows.push(Row::new(&format!("    {}", about(hook)), look.style(Role::Quiet)));
        }
        for message in entry.errors.iter().map(|error| &error.message).chain(&entry.warnings) {
            rows.push(Row::new(message, look.style(Role::Warning)));
        }
    }
    if rows.is_empty() {
        rows.push(Row::new("there are no hooks; `[hooks]` in the settings brings some", look.style(Role::Quiet)));
    }
    Box::new(Pager::new("Hooks", vec![PagerEntry::rows(rows)]))
}

/// The event, as settings name it.
fn name(hook: &HookMetadata) -> String {
    let name = serde_json::to_value(hook.event_name).unwrap_or_default();
    let name = name.as_str().unwrap_or_default();
    let (first, rest) = name.split_at(name.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn about(hook: &HookMetadata) -> String {
    let of = hook.matcher.as_deref().map_or_else(|| "everything".to_owned(), |matcher| format!("of {matcher}"));
    let source = match hook.source {
        HookSource::System => "the machine's",
        HookSource::User => "yours",
        HookSource::Project => "the project's, trusted",
        HookSource::SessionFlags => "typed",
        HookSource::Plugin => "a plugin's",
    };
    let walls = if hook.sandbox { "inside the sandbox" } else { "without a sandbox" };
    let place = if hook.source_path.is_empty() { String::new() } else { format!(" · {}", hook.source_path) };
    format!("{of} · at most {} s · {walls} · {source}{place}", hook.timeout_sec)
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
    fn hooks_are_listed_with_where_they_are_from() {
        let look = Look { width: 80, theme: Theme::Ansi };
        let hook = |event: &str, more: serde_json::Value| {
            let mut hook = json!({
                "key": "k", "eventName": event, "handlerType": "command", "command": "./check.sh", "async": false,
                "displayOrder": 0, "enabled": true, "isManaged": false, "source": "user", "sourcePath": "/h/config.toml",
                "timeoutSec": 60, "currentHash": "x", "trustStatus": "trusted", "sandbox": true,
            });
            hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            hook
        };
        let hooks = [hook("preToolUse", json!({ "matcher": "Bash" })), hook("stop", json!({ "sandbox": false }))];
        let held = ["held back, /p/.codex/hooks.json is not trusted: hooks.Stop = { command = \"x\" }"];
        let entry = json!({ "cwd": "/p", "hooks": hooks, "warnings": held, "errors": [] });
        let read = |data: serde_json::Value| {
            let page = page(&serde_json::from_value(json!({ "data": data })).unwrap(), &look);
            SIZES.iter().for_each(|size| drop(screen(&*page, *size)));
            screen(&*page, (80, 24)).join("\n")
        };
        let shown = read(json!([entry]));
        for expected in [
            "PreToolUse",
            "./check.sh",
            "of Bash · at most 60 s · inside the sandbox · yours · /h/config.toml",
            "Stop",
            "everything · at most 60 s · without a sandbox",
            "is not trusted: hooks.Stop",
        ] {
            assert!(shown.contains(expected), "{expected}\n{shown}");
        }
        assert!(read(json!([])).contains("there are no hooks"));
    }
}
