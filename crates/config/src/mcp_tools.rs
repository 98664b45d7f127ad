//! Tools of servers that the user has allowed for always: `mcp_tools.toml` in the user's home, each with what its server
//! said of it then.
//!
//! It must never say of a tool that it is allowed that the user has not seen as it is. So a file that is not in order allows
//! nothing, and a project never brings its own.

use std::{collections::BTreeMap, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::edit::{Readers, lock, replace};
use crate::files::{LARGEST, read_own};
use crate::{ConfigError, Origin};

/// Name of the file.
const FILE: &str = "mcp_tools.toml";
/// What a reader is told first.
const HEAD: &str = "# Tools of MCP servers that you have allowed for always, as they were described then. What is removed\n\
    # here is asked about again.\n";
/// What to do about a file that cannot be used.
const REPAIR: &str = "repair it; or remove it, and allow again what you want to allow";

/// A tool as it was when the user allowed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedTool {
    /// Of all that its server said about it, and of what that server was: SHA-256 in hexadecimal digits.
    pub digest: String,
    /// The most important part of that.
    pub description: String,
    /// What its server was, and what it was held to, less secrets.
    #[serde(default)]
    pub place: String,
}

/// All of them, by server and tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedTools {
    #[serde(default)]
    servers: BTreeMap<String, BTreeMap<String, AllowedTool>>,
}

impl AllowedTools {
    /// Reads the file of `codex_home`; none is an empty one.
    ///
    /// # Errors
    /// It cannot be read, or is not in order.
    pub fn read(codex_home: &Path) -> Result<Self, ConfigError> {
        read_own(&codex_home.join(FILE), REPAIR)
    }

    /// The tool as it was allowed, if it was.
    pub fn get(&self, server: &str, tool: &str) -> Option<&AllowedTool> {
        self.servers.get(server)?.get(tool)
    }
}

/// Allows a tool as it is now. One process at a time.
///
/// # Errors
/// The file cannot be read or written. It is as before then.
pub fn allow_tool(codex_home: &Path, server: &str, tool: &str, now: AllowedTool) -> Result<(), ConfigError> {
    let path = codex_home.join(FILE);
    let fault = |message: String| ConfigError::new(Origin::WholeFile(path.clone()), message);
    let failed = |error: io::Error| fault(format!("cannot be changed: {error}"));
    let _one_at_a_time = lock(codex_home).map_err(failed)?;
    let mut all = AllowedTools::read(codex_home)?;
    if all.get(server, tool) == Some(&now) {
        return Ok(());
    }
    all.servers.entry(server.to_owned()).or_default().insert(tool.to_owned(), now);
    let text = toml::to_string(&all).map_err(|error| fault(format!("cannot be changed: {error}")))?;
    let text = format!("{HEAD}\n{text}");
    if text.len() as u64 > LARGEST {
        return Err(fault("would be larger than 256 KiB: remove what is not needed any more".into()));
    }
    replace(&path, &text, Readers::UserAlone).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allowed_is_kept_as_it_was_and_a_broken_file_allows_nothing() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let tool = |digest: &str| AllowedTool {
            digest: digest.into(),
            description: "Reads \"a\"\nfile.".into(),
            place: "p".into(),
        };
        assert_eq!(AllowedTools::read(home).unwrap(), AllowedTools::default());
        allow_tool(home, "files", "read.text", tool("1")).unwrap();
        allow_tool(home, "files", "list", tool("2")).unwrap();
        allow_tool(home, "files", "list", tool("3")).unwrap();
        let all = AllowedTools::read(home).unwrap();
        assert_eq!(all.get("files", "read.text"), Some(&tool("1")));
        assert_eq!(all.get("files", "list"), Some(&tool("3")), "the newest counts");
        assert_eq!((all.get("files", "read"), all.get("other", "list")), (None, None));
        std::fs::write(home.join(FILE), "servers = 3").unwrap();
        assert!(AllowedTools::read(home).unwrap_err().to_string().contains("mcp_tools.toml"));
        allow_tool(home, "files", "list", tool("4")).unwrap_err();
        assert_eq!(std::fs::read_to_string(home.join(FILE)).unwrap(), "servers = 3", "it is as it was");
    }
}
