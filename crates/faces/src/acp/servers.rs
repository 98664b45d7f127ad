//! Servers of tools that an editor has for a session, as settings of its thread.

use std::collections::BTreeMap;

use agent_client_protocol_schema::v1::McpServer;
use serde_json::{Map, Value, json};

use crate::rpc::{Failure, INVALID_PARAMS};

/// Adds to `config` what makes `servers` those of a thread. Each is a whole server: nothing that the user's own settings say of
/// one of its name is for it.
///
/// # Errors
/// When one is of a kind that was not offered, or two have the same name.
pub(super) fn add(config: &mut Option<Map<String, Value>>, servers: Vec<McpServer>) -> Result<(), Failure> {
    let mut names = BTreeMap::new();
    for server in servers {
        let (name, table) = match server {
            McpServer::Stdio(server) => {
                let env: BTreeMap<String, String> = server.env.into_iter().map(|one| (one.name, one.value)).collect();
                (server.name, json!({ "command": server.command, "args": server.args, "env": env }))
            }
            McpServer::Http(server) => {
                let headers = server.headers.into_iter().map(|header| (header.name, header.value));
                let headers: BTreeMap<String, String> = headers.collect();
                (server.name, json!({ "url": server.url, "http_headers": headers }))
            }
            _ => return Err((INVALID_PARAMS, "`mcpServers`: one is neither of `stdio` nor of `http`".into())),
        };
        let key = key(&name);
        if let Some(other) = names.insert(key.clone(), name.clone()) {
            let what =
                format!("`mcpServers`: {other:?} and {name:?} are both `{key}` here: give one of them another name");
            return Err((INVALID_PARAMS, what));
        }
        // It stands last: a whole server takes away what is said of its name before it.
        let (config, key) = (config.get_or_insert_default(), format!("mcp_servers.{key}"));
        config.shift_remove(&key);
        config.insert(key, table);
    }
    Ok(())
}

/// A name that the settings take: people call servers what they like.
fn key(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = name.chars().take(64).map(plain).collect();
    if name.is_empty() { "server".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_an_editor_become_settings() {
        let servers = json!([
            { "name": "my docs.v2", "command": "/bin/docs", "args": ["-x"], "env": [{ "name": "A", "value": "1" }] },
            { "type": "http", "name": "tracker", "url": "https://t.example/mcp", "headers": [{ "name": "X", "value": "y" }] },
        ]);
        let mut config = None;
        add(&mut config, serde_json::from_value(servers).unwrap()).unwrap();
        let expected = json!({
            "mcp_servers.my-docs-v2": { "command": "/bin/docs", "args": ["-x"], "env": { "A": "1" } },
            "mcp_servers.tracker": { "url": "https://t.example/mcp", "http_headers": { "X": "y" } },
        });
        assert_eq!(config.map(Value::Object), Some(expected));
        // What the command line says of a server of that name stands before it, and so is not for it.
        let typed = json!({ "mcp_servers.a": { "command": "/mine" }, "mcp_servers.a.env.TOKEN": "sk-1" });
        let mut config = typed.as_object().cloned();
        let one = json!([{ "name": "a", "command": "/x", "args": [], "env": [] }]);
        add(&mut config, serde_json::from_value(one).unwrap()).unwrap();
        let keys: Vec<String> = config.unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["mcp_servers.a.env.TOKEN", "mcp_servers.a"]);
        let twice = json!([{ "name": "a b", "command": "/x", "args": [], "env": [] }, { "name": "a-b", "command": "/y", "args": [], "env": [] }]);
        let refused = add(&mut None, serde_json::from_value(twice).unwrap()).unwrap_err().1;
        assert!(refused.contains("\"a b\" and \"a-b\" are both `a-b`"), "{refused}");
        let sse = json!([{ "type": "sse", "name": "s", "url": "https://t.example", "headers": [] }]);
        assert!(add(&mut None, serde_json::from_value(sse).unwrap()).is_err());
    }
}
