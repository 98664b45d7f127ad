//! Logging in to a server that is reached over HTTP (OAuth 2.1): from its address to a token, and from an old token to a new
//! one. Discovery (RFC 9728, RFC 8414), registration (RFC 7591), PKCE and the checks of issuers are rmcp's; requests go out
//! through `net`'s clients.
//!
//! What a server says here is a stranger's too: where a person is sent is held to `http` and `https`, and no redirect is
//! followed.

mod back;
mod loopback;
mod requests;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use codex_net::HttpClients;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, CredentialStore as _, InMemoryCredentialStore,
    InMemoryStateStore, OAuthClientConfig, OAuthTokenResponse, StateStore as _, StoredAuthorizationState,
    StoredCredentials,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use self::requests::Requests;

pub use self::{back::Back, loopback::Loopback};

/// What this program is called where it has itself registered.
const NAME: &str = "codex";
/// The right to new tokens, which some servers want to be asked for.
const OFFLINE: &str = "offline_access";
/// A token that ends sooner is taken for ended: a request takes its time.
const SOON: u64 = 60;
/// Most characters of what a server says that is passed on.
const SAID: usize = 300;

/// What a login needs to know.
#[derive(Clone)]
pub struct LoginWanted {
    /// Address of the server.
    pub url: String,
    /// Rights to ask for; `None`: those that the server proposes.
    pub scopes: Option<Vec<String>>,
    /// What tokens are to be for, if not for what the server says.
    pub resource: Option<String>,
    /// What this program is called there, with the secret that was given with it; `None`: it has itself registered.
    pub client: Option<(String, Option<String>)>,
    /// Where the person is led back to.
    pub redirect: String,
}

/// A login that waits for a person to agree to it.
pub struct Login {
    manager: AuthorizationManager,
    /// Where `manager` looks for what it has begun.
    store: InMemoryStateStore,
    begun: StoredAuthorizationState,
    url: String,
    address: String,
    state: String,
    resource: String,
    client: OAuthClientConfig,
    metadata: AuthorizationMetadata,
}

/// What came of a login: all that is needed to show a token, to have a new one, and to give it back. It is a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Address of the server; nobody else is shown the token.
    pub url: String,
    /// What is shown.
    pub access_token: String,
    /// When that ends, in seconds since 1970; `None`: it is not said.
    pub expires_at: Option<u64>,
    refresh_token: Option<String>,
    scopes: Vec<String>,
    resource: String,
    issuer: Option<String>,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    client_id: String,
    client_secret: Option<String>,
    redirect: String,
}

/// Nothing of it but where it is for.
impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("url", &self.url)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why there is no new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRenewed {
    /// Whoever gives them has refused, or there is nothing to ask with: a person must log in.
    Refused,
    /// Just now, for this reason.
    Failed(String),
}

impl Login {
    /// Finds out where to log in, has this program registered if need be, and makes the address for a person to go to.
    ///
    /// # Errors
    /// Why that cannot be, in words that follow the server's name.
    pub async fn begin(wanted: LoginWanted, clients: Arc<HttpClients>) -> Result<Self, String> {
        let LoginWanted { url, scopes, resource, client, redirect } = wanted;
        let requests = Arc::new(Requests { clients, resource: resource.clone() });
        let manager = AuthorizationManager::new_with_oauth_http_client(url.as_str(), requests).await;
        let mut manager = manager.map_err(|error| words(&error))?;
        let store = InMemoryStateStore::new();
        manager.set_state_store(store.clone());
        let metadata = manager.resolve_metadata().await.map_err(|error| words(&error))?.metadata;
        manager.set_metadata(metadata.clone());
        let mut scopes = match scopes {
            Some(scopes) => scopes,
            None => manager.select_initial_scopes(&[]).await,
        };
        let offers = |scope: &str| metadata.scopes_supported.iter().flatten().any(|offered| offered == scope);
        if offers(OFFLINE) && !scopes.iter().any(|scope| scope == OFFLINE) {
            scopes.push(OFFLINE.to_owned());
        }
        let asked: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let client = match client {
            Some((id, secret)) => {
                let config = OAuthClientConfig::new(id, redirect.as_str()).with_scopes(scopes.clone());
                let config = match secret {
                    Some(secret) => config.with_client_secret(secret),
                    None => config,
                };
                manager.configure_client(config.clone()).map_err(|error| words(&error))?;
                config
            }
            None => manager.register_client(NAME, &redirect, &asked).await.map_err(|error| words(&error))?,
        };
        let address = manager.get_authorization_url(&asked).await.map_err(|error| words(&error))?;
        let mut address = Url::parse(&address).map_err(|_| "names no address to log in at".to_owned())?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err("names an address to log in at that is none of the web".into());
        }
        if let Some(resource) = &resource {
            requests::replace(&mut address, "resource", resource);
        }
        let of = |name: &str| address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let state = of("state").unwrap_or_default();
        let resource = of("resource").unwrap_or_else(|| url.clone());
        let begun = store.load(&state).await.map_err(|error| words(&error))?.ok_or("cannot be logged in to")?;
        Ok(Self { manager, store, begun, url, address: address.into(), state, resource, client, metadata })
    }

    /// Where a person agrees to it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the person is led back to.
    pub fn redirect(&self) -> &str {
        &self.client.redirect_uri
    }

    /// Whether what came back belongs to this login.
    pub(crate) fn is_answered_by(&self, back: &Back) -> bool {
        back.state().is_some_and(|state| state == self.state)
    }

    /// Has what came back made into a token.
    ///
    /// # Errors
    /// Why there is none, in words that follow the server's name. If it was another's answer, this login still waits.
    pub async fn finish(&self, back: Back) -> Result<Grant, String> {
        if back.state().is_some() && !self.is_answered_by(&back) {
            return Err("was not answered: this is the answer to another login (its `state` is another)".into());
        }
        let code = back.code()?;
        // It is taken out by each attempt; one that failed for a wrong code must not be the last.
        self.store.save(&self.state, self.begun.clone()).await.map_err(|error| words(&error))?;
        let answer = self.manager.exchange_code_for_token_with_issuer(code, &self.state, back.issuer()).await;
        let tokens = answer.map_err(|error| match error {
            AuthError::AuthorizationServerMissingIssuer { .. } => {
                "wants its name in the answer: give the whole address that you were led to, not the code alone"
                    .to_owned()
            }
            error => words(&error),
        })?;
        let revocation = self.metadata.additional_fields.get("revocation_endpoint").and_then(Value::as_str);
        let mut grant = Grant {
            url: self.url.clone(),
            access_token: String::new(),
            expires_at: None,
            refresh_token: None,
            scopes: self.client.scopes.clone(),
            resource: self.resource.clone(),
            issuer: self.metadata.issuer.clone(),
            authorization_endpoint: self.metadata.authorization_endpoint.clone(),
            token_endpoint: self.metadata.token_endpoint.clone(),
            revocation_endpoint: revocation.map(str::to_owned),
            client_id: self.client.client_id.clone(),
            client_secret: self.client.client_secret.clone(),
            redirect: self.client.redirect_uri.clone(),
        };
        grant.take(&tokens)?;
        Ok(grant)
    }
}

impl Grant {
    /// Whether the token may be shown for a while yet.
    pub fn is_fresh(&self) -> bool {
        self.expires_at.is_none_or(|end| end > now() + SOON)
    }

    /// Asks for a new token. Whoever gives them may give the right to the next one only once, so nobody else may ask
    /// meanwhile.
    ///
    /// # Errors
    /// Why there is none; the old one is as it was.
    pub async fn renewed(&self, clients: Arc<HttpClients>) -> Result<Self, NotRenewed> {
        let failed = |error: AuthError| match error {
            AuthError::TokenRefreshRejected(_) | AuthError::AuthorizationRequired => NotRenewed::Refused,
            error => NotRenewed::Failed(words(&error)),
        };
        let Some(refresh_token) = &self.refresh_token else { return Err(NotRenewed::Refused) };
        let requests = Arc::new(Requests { clients, resource: Some(self.resource.clone()) });
        let manager = AuthorizationManager::new_with_oauth_http_client(self.url.as_str(), requests).await;
        let mut manager = manager.map_err(failed)?;
        // As they were at the login: nobody who speaks for the server today gets the right that was given then.
        let mut metadata = AuthorizationMetadata::default();
        metadata.authorization_endpoint.clone_from(&self.authorization_endpoint);
        metadata.token_endpoint.clone_from(&self.token_endpoint);
        metadata.issuer.clone_from(&self.issuer);
        manager.set_metadata(metadata);
        let client = OAuthClientConfig::new(self.client_id.as_str(), self.redirect.as_str());
        let client = match &self.client_secret {
            Some(secret) => client.with_client_secret(secret.as_str()),
            None => client,
        };
        manager.configure_client(client).map_err(failed)?;
        let old = json!({ "access_token": self.access_token, "token_type": "bearer", "refresh_token": refresh_token });
        let old: OAuthTokenResponse =
            serde_json::from_value(old).map_err(|_| NotRenewed::Failed("what is kept is not in order".into()))?;
        let store = InMemoryCredentialStore::new();
        let kept = StoredCredentials::new(self.client_id.clone(), Some(old), self.scopes.clone(), None);
        store.save(kept.with_issuer(self.issuer.clone())).await.map_err(failed)?;
        manager.set_credential_store(store);
        let tokens = manager.refresh_token().await.map_err(failed)?;
        let mut grant = self.clone();
        grant.take(&tokens).map_err(NotRenewed::Failed)?;
        Ok(grant)
    }

    /// Gives the right to new tokens back, or the token itself, where that can be done (RFC 7009). Whether it was.
    pub async fn revoke(&self, clients: &HttpClients) -> bool {
        let Some(endpoint) = self.revocation_endpoint.as_deref().and_then(|url| Url::parse(url).ok()) else {
            return false;
        };
        let (token, hint) = match &self.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&self.access_token, "access_token"),
        };
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("token", token).append_pair("token_type_hint", hint).append_pair("client_id", &self.client_id);
        if let Some(secret) = &self.client_secret {
            body.append_pair("client_secret", secret);
        }
        let question = codex_net::Question {
            url: endpoint,
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            body: Some(body.finish()),
            most: 64 << 10,
            limit: Duration::from_secs(15),
            clients,
        };
        question.ask().await.is_ok_and(|(status, _)| (200..300).contains(&status))
    }

    fn take(&mut self, tokens: &OAuthTokenResponse) -> Result<(), String> {
        let tokens = serde_json::to_value(tokens).map_err(|_| "gave no token that can be read".to_owned())?;
        let text = |name: &str| tokens.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let token = text("access_token").ok_or("gave no token")?;
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err("gave a token that no request can carry".into());
        }
        self.access_token = token.to_owned();
        self.expires_at = tokens.get("expires_in").and_then(Value::as_u64).map(|seconds| now().saturating_add(seconds));
        if let Some(refresh_token) = text("refresh_token") {
            self.refresh_token = Some(refresh_token.to_owned());
        }
        if let Some(scopes) = text("scope") {
            self.scopes = scopes.split_whitespace().map(str::to_owned).collect();
        }
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An error in words that follow the server's name. What a server says is cut short, and holds nothing that drives a terminal.
fn words(error: &AuthError) -> String {
    let said = match error {
        AuthError::NoAuthorizationSupport => return "offers no login".into(),
        AuthError::RegistrationFailed(why) => {
            format!("does not have this program registered: {why}; `oauth.client_id` names one that is")
        }
        AuthError::PkceUnsupported => return "offers no login that is safe: it does not know PKCE with S256".into(),
        error => format!("cannot be logged in to: {error}"),
    };
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    said.chars().take(SAID).map(harmless).collect()
}

#[cfg(test)]
mod tests;
