//! The servers of tools of a session: how each stands, what it offers and says, and what can be done about one.

mod login;

use codex_protocol::{McpAuthStatus, McpConnection, McpServerAction, McpServerStatus};

pub use login::login;

use super::{
    Outcome, Overlay, Pager, PagerEntry,
    picker::{Entry, Picker},
};
use crate::{
    intent::{Fetch, Intent},
    key::Key,
    keymap::Keymap,
    look::Look,
    text::{Live, Row, Size},
};

/// Those that there are, to choose one and then what is to be done.
pub fn servers(list: Vec<McpServerStatus>) -> Box<dyn Overlay> {
    let enter = |entry: &mut Entry<McpServerStatus>| Outcome::done(Intent::Open(deeds(&entry.value)));
    let picker = Picker::new("MCP servers", entries(list), enter);
    Box::new(Page::List(picker.empty("there are none; `codex mcp add` adds one")))
}

/// One of the pages about servers. What it shows is what holds now.
#[derive(Debug)]
enum Page {
    /// All of them.
    List(Picker<McpServerStatus>),
    /// What can be done about the one of this name.
    Deeds(String, Picker<Deed>),
    /// All that is known of it.
    Look(String, Box<Pager>),
}

impl Page {
    fn inner(&self) -> &dyn Overlay {
        match self {
            Self::List(picker) => picker,
            Self::Deeds(_, picker) => picker,
            Self::Look(_, pager) => &**pager,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Overlay {
        match self {
            Self::List(picker) => picker,
            Self::Deeds(_, picker) => picker,
            Self::Look(_, pager) => &mut **pager,
        }
    }
}

impl Overlay for Page {
    fn live(&self, size: Size, look: &Look) -> Live {
        self.inner().live(size, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        self.inner_mut().key(key)
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.inner_mut().bind(keymap);
    }

    fn paste(&mut self, text: &str) {
        self.inner_mut().paste(text);
    }

    fn is_page(&self) -> bool {
        self.inner().is_page()
    }

    fn whole(&self, look: &Look) -> Option<(Vec<Row>, bool)> {
        self.inner().whole(look)
    }

    fn servers(&mut self, list: Option<&[McpServerStatus]>) -> bool {
        let Some(list) = list else { return true };
        let named = |name: &str| list.iter().find(|server| server.name == name);
        match self {
            Self::List(picker) => picker.renew(entries(list.to_vec())),
            Self::Deeds(name, picker) => named(name).into_iter().for_each(|server| picker.renew(deeds_of(server))),
            Self::Look(name, pager) => named(name).into_iter().for_each(|server| pager.renew(all_of(server))),
        }
        true
    }
}

fn entries(list: Vec<McpServerStatus>) -> Vec<Entry<McpServerStatus>> {
    let entry = |server: McpServerStatus| Entry {
        name: server.name.clone(),
        about: about(&server),
        is_on: Some(server.runtime_status == Some(McpConnection::Connected)),
        value: server,
    };
    list.into_iter().map(entry).collect()
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
    let error = server.error.as_ref().map(|error| error.lines().next().unwrap_or_default().to_owned());
    parts.extend(error.filter(|error| error != stands));
    parts.join(" · ")
}

/// What can be done about one.
#[derive(Debug, Clone)]
enum Deed {
    Look(Box<McpServerStatus>),
    LogIn(String),
    Do(String, McpServerAction),
}

fn deeds(server: &McpServerStatus) -> Box<dyn Overlay> {
    let enter = |entry: &mut Entry<Deed>| match entry.value.clone() {
        Deed::Look(server) => Outcome::done(Intent::Open(page(&server))),
        Deed::LogIn(name) => Outcome::done(Intent::Fetch(Fetch::McpLogin(name))),
        Deed::Do(name, action) => Outcome::done(Intent::Fetch(Fetch::McpServer(name, action))),
    };
    Box::new(Page::Deeds(server.name.clone(), Picker::new(&server.name, deeds_of(server), enter)))
}

fn deeds_of(server: &McpServerStatus) -> Vec<Entry<Deed>> {
    let entry = |name: &str, about: &str, value| Entry { name: name.into(), about: about.into(), is_on: None, value };
    let name = || server.name.clone();
    let mut entries =
        vec![entry("look", "its tools, why it failed, what it wrote", Deed::Look(Box::new(server.clone())))];
    if wants_login(server) {
        entries.push(entry("log in", "in your browser, or in another with the address", Deed::LogIn(name())));
    }
    if server.runtime_status == Some(McpConnection::Disabled) {
        entries.push(entry("enable", "until the session ends", Deed::Do(name(), McpServerAction::Enable)));
    } else {
        entries.push(entry("restart", "for all sessions that share it", Deed::Do(name(), McpServerAction::Restart)));
        entries.push(entry("disable", "until the session ends", Deed::Do(name(), McpServerAction::Disable)));
    }
    entries
}

fn wants_login(server: &McpServerStatus) -> bool {
    server.runtime_status == Some(McpConnection::AuthenticationRequired)
        || server.auth_status == McpAuthStatus::NotLoggedIn
}

/// All that is known of one.
fn page(server: &McpServerStatus) -> Box<dyn Overlay> {
    Box::new(Page::Look(server.name.clone(), Box::new(Pager::new(&server.name, all_of(server)))))
}

fn all_of(server: &McpServerStatus) -> Vec<PagerEntry> {
    let mut rows = vec![Row::plain(&about(server))];
    let how = || Row::plain(&format!("log in from the list before this one, or with: codex mcp login {}", server.name));
    rows.extend(wants_login(server).then(how));
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
    vec![PagerEntry::rows(rows)]
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
            server("notes", "authenticationRequired", Some("wants a login")),
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
            ("notes", "down down enter", "Restart"),
        ];
        for (name, keys, expected) in table {
            let server = list().into_iter().find(|server| server.name == name).unwrap();
            let done = said(&press(&mut *deeds(&server), keys));
            assert!(done.contains(&format!("McpServer({name:?}, {expected})")), "{name} {keys}: {done}");
        }
    }

    #[test]
    fn a_server_that_wants_a_login_is_logged_in_to() {
        let server = &list()[3];
        assert_eq!(said(&press(&mut *deeds(server), "down enter")), "closes Fetch(McpLogin(\"notes\"))");
        assert!(screen(&*page(server), (80, 24)).join("\n").contains("codex mcp login notes"));
    }

    #[test]
    fn what_is_shown_is_what_holds_now() {
        let mut now = list();
        now[1].runtime_status = Some(McpConnection::Connected);
        (now[1].error, now[1].stderr) = (None, "line three\n".into());
        let mut overlay = servers(list());
        press(&mut *overlay, "down");
        assert!(overlay.servers(None) && overlay.servers(Some(&now)));
        let shown = screen(&*overlay, (80, 24)).join("\n");
        assert!(shown.contains("› ● broken  ready · 1 tools") && !shown.contains("status 3"), "{shown}");
        // What is typed stays, too.
        press(&mut *overlay, "q u i");
        overlay.servers(Some(&list()));
        assert!(!screen(&*overlay, (80, 24)).join("\n").contains("broken"));
        let mut overlay = deeds(&list()[1]);
        press(&mut *overlay, "down");
        overlay.servers(Some(&now));
        assert!(screen(&*overlay, (80, 24)).join("\n").contains("› restart"));
        let mut overlay = page(&list()[1]);
        screen(&*overlay, (80, 24));
        overlay.servers(Some(&now));
        let shown = screen(&*overlay, (80, 24)).join("\n");
        assert!(shown.contains("line three") && !shown.contains("What went wrong"), "{shown}");
        // One that is not there any more stays as it was.
        overlay.servers(Some(&now[2..]));
        assert!(screen(&*overlay, (80, 24)).join("\n").contains("line three"));
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
