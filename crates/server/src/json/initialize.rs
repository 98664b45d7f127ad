//! The first request of a connection: who the client is, and what it wants to hear.

use std::collections::BTreeSet;

use codex_protocol::{ErrorKind, REVISION, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Facts, incoming::wrong};

/// The version of the protocol's own server that this one is like. Clients decide by it what they may ask for; the
/// version of this program stands beside it.
const LIKE: &str = "0.169.0";

/// A client that has introduced itself.
pub(super) struct Client {
    /// Whether it is one of this program's own.
    pub(super) native: bool,
    opted_out: BTreeSet<String>,
}

impl Client {
    /// Whether it wants to be told of `method`.
    pub(super) fn wants(&self, method: &str) -> bool {
        !self.opted_out.contains(method)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InitializeParams {
    client_info: ClientInfo,
    #[serde(default)]
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
struct ClientInfo {
    name: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    /// Methods of notifications that are not to be sent.
    #[serde(default)]
    opt_out_notification_methods: Option<BTreeSet<String>>,
    /// Whether the client knows what this program has added to the protocol, and wants ids of turns as they are. (Ours.)
    #[serde(default)]
    native: bool,
    /// The revision that a native client speaks. (Ours.)
    #[serde(default = "first")]
    revision: u32,
}

/// That of clients that do not say.
fn first() -> u32 {
    1
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { opt_out_notification_methods: None, native: false, revision: first() }
    }
}

/// Answer to `initialize`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Introduced {
    /// `NAME/VERSION (SYSTEM; MACHINE) codex/VERSION (NAME; VERSION)`: the client's name, and the version of the protocol.
    user_agent: String,
    codex_home: String,
    platform_family: &'static str,
    platform_os: &'static str,
    /// Version of this program. (Ours.)
    server_version: &'static str,
    /// The revision that it speaks with its own clients. (Ours.)
    revision: u32,
}

/// Takes down who the client is.
///
/// # Errors
/// When it does not say, or when it is a native client of another revision.
pub(super) fn introduce(params: Option<&RawValue>, facts: &Facts) -> Result<(Client, Introduced), RpcError> {
    let params = params.map_or("{}", RawValue::get);
    let InitializeParams { client_info, capabilities } = serde_json::from_str(params).map_err(|error| wrong(&error))?;
    let Capabilities { opt_out_notification_methods, native, revision } = capabilities.unwrap_or_default();
    let ours = env!("CARGO_PKG_VERSION");
    if native && revision != REVISION {
        let message = codex_client::other_revision((ours, REVISION), (&client_info.version, revision));
        return Err(RpcError::new(ErrorKind::Configuration, message));
    }
    let opted_out = opt_out_notification_methods.unwrap_or_default();
    let (name, version) = (token(&client_info.name), token(&client_info.version));
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let introduced = Introduced {
        user_agent: format!("{name}/{LIKE} ({system}; {machine}) codex/{ours} ({name}; {version})"),
        codex_home: facts.codex_home.clone(),
        platform_family: std::env::consts::FAMILY,
        platform_os: system,
        server_version: ours,
        revision: REVISION,
    };
    Ok((Client { native, opted_out }, introduced))
}

/// `text` as it can stand in a user agent (RFC 9110, section 5.6.2).
fn token(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._+".contains(c) { c } else { '_' };
    let token: String = text.chars().take(64).map(plain).collect();
    if token.is_empty() { "client".into() } else { token }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;

    #[test]
    fn native_clients_of_another_revision_are_refused_with_what_to_do() {
        let introduce = |capabilities: serde_json::Value| {
            let params = json!({ "clientInfo": { "name": "codex", "version": "9.9.9" }, "capabilities": capabilities });
            introduce(Some(&to_raw_value(&params).unwrap()), &Facts::default()).map(|(client, _)| client.native)
        };
        for (capabilities, expected) in [
            (json!({ "native": true, "revision": REVISION }), true),
            (json!({ "native": true }), true),
            // Others speak the protocol, and know of no revision.
            (json!({ "revision": 77 }), false),
            (serde_json::Value::Null, false),
        ] {
            assert_eq!(introduce(capabilities).unwrap(), expected);
        }
        let refused = introduce(json!({ "native": true, "revision": REVISION + 1 })).unwrap_err().message;
        assert!(refused.contains("9.9.9") && refused.contains("the server is older"), "{refused}");
    }
}
