//! Servers of tools as they are shown, and logins to them.

use codex_protocol::{
    ClientRequest, ClientResponse, ListMcpServerStatusParams, McpServerOauthLoginCompleted, McpServerOauthLoginParams,
    McpServerOauthLoginResponse, McpServerStatus,
};

use super::{App, Effect, Purpose};
use crate::{
    intent::{Fetch, Intent},
    overlays,
};

/// What is wanted of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfServers {
    /// To show them.
    Show,
    /// To show how they stand now, where they are shown.
    Again,
    /// To have one of them switched on or off, or started again.
    Changed,
    /// To log in to this one.
    LogIn(String),
}

/// Whether it is asked how servers stand, because one has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
    /// It is, and another has changed since.
    Again,
}

impl App {
    /// One has changed: where they are shown, it is asked how they stand, once for all that change meanwhile.
    pub(super) fn servers_changed(&mut self) {
        if !self.overlays.iter_mut().any(|overlay| overlay.servers(None)) {
            return;
        }
        if self.focus.servers != Asked::No {
            self.focus.servers = Asked::Again;
            return;
        }
        self.focus.servers = Asked::Yes;
        let params = ListMcpServerStatusParams { thread_id: self.thread_id(), server_name: None };
        self.call(ClientRequest::McpServerStatusList(params), Purpose::McpServers(OfServers::Again));
    }

    /// Takes an answer about them.
    pub(super) fn of_servers(&mut self, asked: OfServers, response: ClientResponse) {
        match (asked, response) {
            (OfServers::Show, ClientResponse::McpServerStatusList(list)) => {
                self.lay(overlays::servers(list.data));
                // One may have changed, and told so, before this answer came.
                self.servers_changed();
            }
            (OfServers::Again, ClientResponse::McpServerStatusList(list)) => self.servers_came(&list.data),
            (OfServers::Changed, _) => self.intend(Intent::Fetch(Fetch::McpServers)),
            (OfServers::LogIn(name), ClientResponse::McpServerOauthLogin(begun)) => self.login_begun(&name, begun),
            _ => {}
        }
    }

    /// So they stand; none where that cannot be said.
    pub(super) fn servers_came(&mut self, list: &[McpServerStatus]) {
        if !list.is_empty() {
            for overlay in &mut self.overlays {
                overlay.servers(Some(list));
            }
        }
        if std::mem::take(&mut self.focus.servers) == Asked::Again {
            self.servers_changed();
        }
    }

    /// Begins to log in to the server `name`.
    pub(super) fn log_in(&mut self, name: String) {
        let thread_id = self.thread_id();
        let params = McpServerOauthLoginParams { name: name.clone(), thread_id, ..Default::default() };
        self.call(ClientRequest::McpServerOauthLogin(params), Purpose::McpServers(OfServers::LogIn(name)));
    }

    /// The person agrees to it in a browser. What a server elsewhere names is not opened before the person has seen it.
    fn login_begun(&mut self, name: &str, begun: McpServerOauthLoginResponse) {
        let is_elsewhere = self.setup.whereabouts.machine.is_some();
        if !is_elsewhere {
            self.effects.push(Effect::Browse { address: begun.authorization_url.clone(), is_shown: true });
        }
        self.lay(overlays::login(name, begun, is_elsewhere));
    }

    /// A login has come to something.
    pub(super) fn logged_in(&mut self, completed: &McpServerOauthLoginCompleted) {
        let McpServerOauthLoginCompleted { name, error, login_id, .. } = completed;
        self.overlays.retain(|overlay| overlay.login().is_none_or(|login| Some(login) != login_id.as_deref()));
        match error {
            None => self.say(&format!("you are logged in to {name}; `codex mcp logout {name}` ends it")),
            Some(why) => self.complain(why),
        }
        self.servers_changed();
    }
}
