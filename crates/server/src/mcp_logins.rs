//! Logging in to servers of tools for clients: begun here, finished by a browser or by what is pasted, and told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use codex_config::McpSettings;
use codex_mcp::{McpServers, Status};
use codex_protocol::{
    ErrorKind, Event, McpServerOauthLoginCompleted, McpServerOauthLoginParams, McpServerOauthLoginResponse,
    McpServerOauthPasteParams, Position, RpcError, ServerMessage, ServerNotification, ThreadStartParams,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{LOGIN_TIME, McpLogin, Server, build::configuration, plugins};

/// Longest that a client may have a login wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// The logins that wait for a person, by their ids.
#[derive(Debug, Default, Clone)]
pub(crate) struct Logins(Arc<Mutex<HashMap<String, Waiting>>>);

/// One of them.
#[derive(Clone)]
struct Waiting {
    name: String,
    login: Arc<McpLogin>,
    /// Told when what was pasted did.
    done: Arc<Notify>,
    /// Ended by another login to the same server.
    stop: CancellationToken,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Logins {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends those to the server `name`: the port that they are led back to may be needed.
    fn end(&self, name: &str) {
        self.all().retain(|_, waiting| {
            let goes_on = waiting.name != name;
            if !goes_on {
                waiting.stop.cancel();
            }
            goes_on
        });
    }
}

impl Server {
    /// Begins to log in to a server of tools. That it has come to something is told.
    pub(crate) async fn mcp_login(
        &self,
        params: McpServerOauthLoginParams,
    ) -> Result<McpServerOauthLoginResponse, RpcError> {
        let McpServerOauthLoginParams { name, thread_id, scopes, timeout_secs } = params;
        let settings = self.mcp_settings(thread_id.as_deref())?;
        self.logins.end(&name);
        let login = McpLogin::begin(&self.environment, &settings, &name, scopes).await;
        let login = Arc::new(login.map_err(|why| configuration(&why))?);
        let address = login.address().to_owned();
        let id = uuid::Uuid::now_v7().to_string();
        let (done, stop) = (Arc::default(), CancellationToken::new());
        let waiting = Waiting { name, login, done, stop };
        self.logins.all().insert(id.clone(), waiting.clone());
        let users: Vec<Weak<McpServers>> = self
            .all_threads()
            .iter()
            .filter_map(|thread| thread.standing().plugged.mcp.map(|mcp| Arc::downgrade(mcp.servers())))
            .collect();
        let limit = timeout_secs.map_or(LOGIN_TIME, Duration::from_secs).min(LONGEST);
        let (logins, events, login_id) = (self.logins.clone(), self.events.clone(), id.clone());
        tokio::spawn(async move {
            let ended = ended(&waiting, limit).await;
            logins.all().remove(&login_id);
            let name = waiting.name.clone();
            // With it goes the port.
            drop(waiting);
            if ended.is_ok() {
                users.iter().filter_map(Weak::upgrade).for_each(|servers| again(&servers, &name));
            }
            let told = McpServerOauthLoginCompleted {
                name,
                success: ended.is_ok(),
                error: ended.err(),
                login_id: Some(login_id),
                thread_id,
            };
            let notification = ServerNotification::McpServerOauthLoginCompleted(told);
            let _ = events.send(ServerMessage::Event(Event { notification, position: Position::Transient {} })).await;
        });
        Ok(McpServerOauthLoginResponse { authorization_url: address, login_id: Some(id) })
    }

    /// Takes what a person has pasted for a login that waits.
    pub(crate) async fn mcp_pasted(&self, params: McpServerOauthPasteParams) -> Result<(), RpcError> {
        let waiting = self.logins.all().get(&params.login_id).cloned();
        let gone = || RpcError::new(ErrorKind::NotFound, "this login does not wait any more: begin another");
        let waiting = waiting.ok_or_else(gone)?;
        waiting.login.pasted(&params.text).await.map_err(|why| configuration(&why))?;
        waiting.done.notify_one();
        Ok(())
    }

    /// The servers of tools as a thread has them; those of the user where there is none.
    fn mcp_settings(&self, thread_id: Option<&str>) -> Result<McpSettings, RpcError> {
        let codex_home = self.codex_home()?;
        let Some(id) = thread_id else {
            let params = ThreadStartParams { cwd: Some(codex_home.display().to_string()), ..Default::default() };
            return Ok(plugins::settings_with_servers(&self.environment, params)?.0.settings.mcp);
        };
        let wanted = self.kept(id)?.wanted();
        let loaded = codex_config::load(&wanted.request(&self.environment, &codex_home));
        let mut settings = loaded.map_err(|error| configuration(&error.to_string()))?.settings;
        plugins::with_servers(&codex_home, &mut settings);
        Ok(settings.mcp)
    }
}

/// How a login ended.
async fn ended(waiting: &Waiting, limit: Duration) -> Result<(), String> {
    tokio::select! {
        ended = waiting.login.wait(limit) => ended,
        () = waiting.done.notified() => Ok(()),
        () = waiting.stop.cancelled() => Err(format!("another login to `{}` has begun", waiting.name)),
        () = tokio::time::sleep(limit) => Err(format!("nobody has logged in to `{}` within {} s", waiting.name, limit.as_secs())),
    }
}

/// Has the server `name` started again, if it was waiting for a login.
fn again(servers: &McpServers, name: &str) {
    let waits = |status| matches!(status, Status::NeedsLogin | Status::Failed);
    if servers.states().iter().any(|state| state.name == name && waits(state.status)) {
        let _ = servers.restart(name);
    }
}
