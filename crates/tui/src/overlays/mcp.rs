//! The servers of tools of a session: how each stands, what it offers and says, and what can be done about one.

use codex_protocol::{McpConnection, McpServerAction, McpServerStatus};

use super::{
    Outcome, Overlay, Pager, PagerEntry,
    picker::{Entry, Picker},
};
use crate::{
    intent::{Fetch, Intent},
    text::Row,
};

/// Those that there are, to choose one and then what is to be done.
pub fn servers(list: Vec<McpServerStatus>) -> Box<dyn Overlay> {
    let entries = list.into_iter().map(|server| Entry {
        name: server.name.clone(),
        about: about(&server),
        is_on: Some(server.runtime_status == Some(McpConnection::Connected)),
        value: server,
    });
    let enter = |entry: &mut Entry<McpServerStatus>| Outcome::done(Intent::Open(deeds(&entry.value)));
    let picker = Picker::new("MCP servers", entries.collect(), enter);
    Box::new(picker.empty("there are none; `codex mcp add` adds one"))
}

fn about(server: &McpServerStatus) -> String {
    let stands = match server.runtime_status {
        Some(McpConnection::Connected) => "ready",
        Some(McpConnection::Starting) => "starting",
        Some(McpConnection::AuthenticationRequired) => "wants a login",
        Some(McpConnection::Failed) => "failed",
        Some(McpConnection::Disabled) => "switched off",
        Some(McpConnection::NotStarted) | None => "not started",
    };
    let mut parts = vec![stands.to_owned()];
    for (count, what) in
        [(server.tools.len(), "tools"), (server.prompts.len(), "prompts"), (server.resources.len(), "resources")]
    {
        parts.extend((count > 0).then(|| format!("{count} {what}")));
    }
    parts.extend(server.plugin_id.as_ref().map(|plugin| format!("of the plugin {plugin}")));
    parts.extend(server.error.as_ref().map(|error| error.lines().next().unwrap_or_default().to_owned()));
    parts.join(" · ")
}

/// What can be done about one.
#[derive(Debug, Clone)]
enum Deed {
    Look(Box<McpServerStatus>),
    Do(String, McpServerAction),
}

fn deeds(server: &McpServerStatus) -> Box<dyn Overlay> {
    let entry = |name: &str, about: &str, value| Entry { name: name.into(), about: about.into(), is_on: None, value };
    let name = || server.name.clone();
    let mut entries =
        vec![entry("look", "its tools, why it failed, what it wrote", Deed::Look(Box::new(server.clone())))];
    let is_off = server.runtime_status == Some(McpConnection::Disabled);
    if is_off {
        entries.push(entry("enable", "until the session ends", Deed::Do(name(), McpServerAction::Enable)));
    } else {
        entries.push(entry("restart", "for all sessions that share it", Deed::Do(name(), McpServerAction::Restart)));
        entries.push(entry("disable", "until the session ends", Deed::Do(name(), McpServerAction::Disable)));
    }
    let enter = |entry: &mut Entry<Deed>| match entry.value.clone() {
        Deed::Look(server) => Outcome::done(Intent::Open(page(&server))),
        Deed::Do(name, action) => Outcome::done(Intent::Fetch(Fetch::McpServer(name, action))),
    };
    Box::new(Picker::new(&server.name, entries, enter))
}

/// All that is known of one.
fn page(server: &McpServerStatus) -> Box<dyn Overlay> {
    let mut rows = vec![Row::plain(&about(server))];
    let login = server.runtime_status == Some(McpConnection::AuthenticationRequired);
    rows.extend(login.then(|| Row::plain(&format!("log in with: codex mcp login {}", server.name))));
    let lists = [
        ("Tools", server.tools.iter().map(|(name, tool)| described(name, tool)).collect::<Vec<_>>()),
        ("Prompts", server.prompts.clone()),
        ("Resources", server.resources.iter().map(|it| it["uri"].as_str().unwrap_or_default().to_owned()).collect()),
        ("What went wrong", server.error.iter().flat_map(|error| error.lines()).map(str::to_owned).collect()),
        ("Standard error", server.stderr.lines().map(str::to_owned).collect()),
    ];
    for (title, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        rows.extend([Row::empty(), Row::plain(title)]);
        rows.extend(list.iter().map(|line| Row::plain(&format!("  {line}"))));
    }
    Box::new(Pager::new(&server.name, vec![PagerEntry::rows(rows)]))
}

fn described(name: &str, tool: &serde_json::Value) -> String {
    let about = tool["description"].as_str().and_then(|text| text.lines().next()).unwrap_or_default();
    format!("{name}  {}", about.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overlays::testing::{SIZES, press, said, screen};

    fn list() -> Vec<McpServerStatus> {
        let server = |name: &str, status: &str, error: Option<&str>| {
            json!({
                "name": name, "authStatus": "unsupported", "runtimeStatus": status, "resources": [], "resourceTemplates": [],
                "tools": { "read_file": { "description": "Reads a file.\u{1b}[2J\nMore." } },
                "error": error, "stderr": "line one\n\u{1b}]52;c;aGk=\u{7}line two\n",
            })
        };
        serde_json::from_value(json!([
            server("files", "connected", None),
            server("broken", "failed", Some("ended with status 3")),
            server("quiet", "disabled", None),
        ]))
        .unwrap()
    }

    #[test]
    fn each_server_says_how_it_stands_and_what_can_be_done() {
        let shown = screen(&*servers(list()), (80, 24)).join("\n");
        for expected in ["files", "ready · 1 tools", "failed · 1 tools · ended with status 3", "switched off"] {
            assert!(shown.contains(expected), "{expected} in\n{shown}");
        }
        assert!(screen(&*servers(Vec::new()), (80, 24)).join("\n").contains("codex mcp add"));
        let table = [
            ("files", "down enter", "Restart"),
            ("files", "down down enter", "Disable"),
            ("quiet", "down enter", "Enable"),
        ];
        for (name, keys, expected) in table {
            let server = list().into_iter().find(|server| server.name == name).unwrap();
            let done = said(&press(&mut *deeds(&server), keys));
            assert!(done.contains(&format!("McpServer({name:?}, {expected})")), "{name} {keys}: {done}");
        }
    }

    #[test]
    fn all_that_a_server_says_is_shown_and_drives_no_terminal() {
        for server in list() {
            for size in SIZES {
                // `screen` itself looks for control characters.
                screen(&*page(&server), size);
                screen(&*deeds(&server), size);
            }
        }
        let shown = screen(&*page(&list()[1]), (80, 24)).join("\n");
        for expected in ["read_file  Reads a file.", "ended with status 3", "Standard error", "line two"] {
            assert!(shown.contains(expected), "{expected} in\n{shown}");
        }
    }
}
