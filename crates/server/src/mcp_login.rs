//! Logging in to servers of tools: for `codex mcp login`, for clients, and the tokens that connections show.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_config::{
    ConfigError, Environment, McpAddress, McpOauthSettings, McpSettings, McpTransport, forget_mcp_tokens,
    has_mcp_tokens, keep_mcp_tokens, mcp_tokens, renewing_mcp_tokens,
};
use codex_mcp::{
    TokenWanted, Tokens,
    oauth::{Back, Grant, Login, LoginWanted, Loopback, NotRenewed},
};
use codex_net::HttpClients;
use futures_util::FutureExt as _;

use crate::network;

/// How long a person may take, if nobody says.
pub const LOGIN_TIME: Duration = Duration::from_secs(300);

/// How a server knows the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpAuth {
    /// Not at all: it is a program that is started here.
    None,
    /// By a header that the settings name.
    Header,
    /// By a login.
    LoggedIn,
    /// Not yet; whether it wants to is not known until it is asked.
    NotLoggedIn,
}

impl McpAuth {
    /// Its name for programs, as the existing CLI has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "unsupported",
            Self::Header => "bearer_token",
            Self::LoggedIn => "o_auth",
            Self::NotLoggedIn => "not_logged_in",
        }
    }
}

/// How a server that is reached as `transport` says knows the user.
pub fn mcp_auth(environment: &Environment, name: &str, transport: &McpTransport) -> McpAuth {
    match transport {
        McpTransport::Stdio(_) => McpAuth::None,
        McpTransport::Http(address) if has_header(address) => McpAuth::Header,
        McpTransport::Http(address) => match has_mcp_tokens(environment, name, &address.url) {
            Ok(true) => McpAuth::LoggedIn,
            _ => McpAuth::NotLoggedIn,
        },
    }
}

/// Whether the settings say what is shown to it.
fn has_header(address: &McpAddress) -> bool {
    let mut names = address.headers.keys().chain(address.env_headers.keys());
    address.bearer_token_env_var.is_some() || names.any(|name| name.eq_ignore_ascii_case("authorization"))
}

/// A login that waits for a person.
pub struct McpLogin {
    environment: Environment,
    name: String,
    login: Login,
    loopback: Option<Loopback>,
    in_keyring: bool,
}

impl McpLogin {
    /// Begins to log in to the server `name` of `settings`, with rights of `scopes` if there are any.
    ///
    /// # Errors
    /// A sentence for the user.
    pub async fn begin(
        environment: &Environment,
        settings: &McpSettings,
        name: &str,
        scopes: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let address = address(settings, name)?;
        if has_header(address) {
            return Err(format!(
                "the server of tools `{name}` takes the token that the settings name: there is no login"
            ));
        }
        let (loopback, redirect) = led_back(&settings.oauth).await?;
        let secret =
            match &address.client_secret_env_var {
                Some(variable) => {
                    let value = environment.get_named(variable);
                    Some(value.ok_or_else(|| {
                        format!("the variable `{variable}` of the server of tools `{name}` is not set")
                    })?)
                }
                None => None,
            };
        let wanted = LoginWanted {
            url: address.url.clone(),
            scopes: scopes.or_else(|| address.scopes.clone()),
            resource: address.resource.clone(),
            client: address.client_id.clone().map(|id| (id, secret.map(str::to_owned))),
            redirect,
        };
        let login = Login::begin(wanted, Arc::new(network::clients(environment))).await;
        let login = login.map_err(|why| format!("the server of tools `{name}` {why}"))?;
        let (environment, name, in_keyring) = (environment.clone(), name.to_owned(), settings.oauth.keyring);
        Ok(Self { environment, name, login, loopback, in_keyring })
    }

    /// Where a person agrees to it.
    pub fn address(&self) -> &str {
        self.login.address()
    }

    /// Where the person is led back to.
    pub fn redirect(&self) -> &str {
        self.login.redirect()
    }

    /// Waits until the person is led back here, and keeps what comes of it.
    ///
    /// # Errors
    /// A sentence for the user: it took longer than `limit`, was refused, or cannot be kept.
    pub async fn wait(&self, limit: Duration) -> Result<(), String> {
        let Some(loopback) = &self.loopback else { return std::future::pending().await };
        let back = tokio::time::timeout(limit, loopback.answer(&self.login)).await;
        let back = back.map_err(|_| format!("nobody has logged in to `{}` within {} s", self.name, limit.as_secs()))?;
        self.keep(back.map_err(|error| format!("the port that you are led back to is gone: {error}"))?).await
    }

    /// Takes what a person has pasted: a code, or the address that the person was led back to.
    ///
    /// # Errors
    /// As [`McpLogin::wait`]; another may be pasted then.
    pub async fn pasted(&self, text: &str) -> Result<(), String> {
        let back = Back::read(text).map_err(|why| format!("the server of tools `{}` {why}", self.name))?;
        self.keep(back).await
    }

    async fn keep(&self, back: Back) -> Result<(), String> {
        let grant = self.login.finish(back).await;
        let grant = grant.map_err(|why| format!("the server of tools `{}` {why}", self.name))?;
        keep(&self.environment, &self.name, &grant, self.in_keyring).map_err(|error| error.to_string())
    }
}

/// The port that a person is led back to, and its address. There may be no port: what is behind an address of the user's
/// own is the user's affair.
async fn led_back(settings: &McpOauthSettings) -> Result<(Option<Loopback>, String), String> {
    let own = match &settings.callback_url {
        Some(own) => {
            Some(url::Url::parse(own).map_err(|error| format!("`mcp_oauth_callback_url` is no address: {error}"))?)
        }
        None => None,
    };
    let loopback = Loopback::bind(settings.callback_port, own.as_ref().map(url::Url::path)).await;
    match (loopback, settings.callback_url.clone()) {
        (Ok(loopback), None) => {
            let redirect = loopback.redirect().map_err(|error| error.to_string())?;
            Ok((Some(loopback), redirect))
        }
        (Ok(loopback), Some(own)) => Ok((Some(loopback), own)),
        (Err(_), Some(own)) => Ok((None, own)),
        (Err(error), None) => Err(format!("no port to be led back to can be opened: {error}")),
    }
}

fn address<'a>(settings: &'a McpSettings, name: &str) -> Result<&'a McpAddress, String> {
    match settings.servers.get(name).map(|server| &server.transport) {
        Some(McpTransport::Http(address)) => Ok(address),
        Some(McpTransport::Stdio(_)) => Err(format!("the server of tools `{name}` is a program: there is no login")),
        None => {
            let known: Vec<&str> = settings.servers.keys().map(String::as_str).collect();
            Err(format!("there is no server of tools `{name}`; known: {}", known.join(", ")))
        }
    }
}

fn keep(environment: &Environment, name: &str, grant: &Grant, in_keyring: bool) -> Result<(), ConfigError> {
    let text = serde_json::to_string(grant).unwrap_or_default();
    keep_mcp_tokens(environment, (name, &grant.url), &text, in_keyring)
}

fn kept(environment: &Environment, name: &str, url: &str) -> Result<Option<Grant>, ConfigError> {
    Ok(mcp_tokens(environment, name, url)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Forgets what a login came to, and gives it back where that can be done. `None`: there was nothing; else whether it was
/// given back.
///
/// # Errors
/// A sentence for the user when it cannot be forgotten.
pub async fn mcp_logout(environment: &Environment, settings: &McpSettings, name: &str) -> Result<Option<bool>, String> {
    let url = address(settings, name).map(|address| address.url.clone()).unwrap_or_default();
    let grant = kept(environment, name, &url).ok().flatten();
    let was_there = forget_mcp_tokens(environment, name).map_err(|error| error.to_string())?;
    if !was_there {
        return Ok(None);
    }
    match grant {
        Some(grant) => Ok(Some(grant.revoke(&network::clients(environment)).await)),
        None => Ok(Some(false)),
    }
}

/// What connections show to servers: tokens that are kept, renewed before they end, by one at a time.
pub(crate) fn tokens(environment: Environment, in_keyring: bool, clients: Arc<HttpClients>) -> Tokens {
    type Turn = Arc<tokio::sync::Mutex<()>>;
    let turns: Arc<Mutex<HashMap<String, Turn>>> = Arc::default();
    Arc::new(move |wanted: TokenWanted| {
        let (environment, clients) = (environment.clone(), Arc::clone(&clients));
        let turn =
            Arc::clone(turns.lock().unwrap_or_else(PoisonError::into_inner).entry(wanted.server.clone()).or_default());
        async move {
            let _one_at_a_time = turn.lock().await;
            token(environment, in_keyring, clients, wanted).await
        }
        .boxed()
    })
}

/// A token; none if somebody has to log in, or none can be had just now.
async fn token(
    environment: Environment,
    in_keyring: bool,
    clients: Arc<HttpClients>,
    wanted: TokenWanted,
) -> Option<String> {
    let TokenWanted { server, url, refused } = wanted;
    let usable = |grant: &Grant| grant.is_fresh() && refused.as_ref() != Some(&grant.access_token);
    let look = {
        let (environment, server, url) = (environment.clone(), server.clone(), url.clone());
        move || kept(&environment, &server, &url).ok().flatten()
    };
    let first = look.clone();
    let grant = tokio::task::spawn_blocking(first).await.ok()??;
    if usable(&grant) {
        return Some(grant.access_token);
    }
    let locked = environment.clone();
    let held = tokio::task::spawn_blocking(move || renewing_mcp_tokens(&locked)).await.ok()?.ok()?;
    // Another may have had it renewed meanwhile.
    let grant = tokio::task::spawn_blocking(look).await.ok()??;
    if usable(&grant) {
        return Some(grant.access_token);
    }
    let renewed = grant.renewed(clients).await;
    let token = tokio::task::spawn_blocking(move || match renewed {
        Ok(renewed) => {
            // What cannot be kept serves this process all the same.
            let _ = keep(&environment, &server, &renewed, in_keyring);
            Some(renewed.access_token)
        }
        Err(NotRenewed::Refused) => {
            let _ = forget_mcp_tokens(&environment, &server);
            None
        }
        // The old one may do once more.
        Err(NotRenewed::Failed(_)) => Some(grant.access_token).filter(|token| refused.as_ref() != Some(token)),
    });
    let token = token.await.ok()?;
    drop(held);
    token
}
