//! The names of the MCP servers that files of settings hold. They are not started in this version.

use std::path::PathBuf;

use toml::Table;

use crate::files::read_source;

/// The names in the tables `[mcp_servers]` of `files`, each once, in alphabetical order. A file that cannot be read holds
/// none.
pub fn mcp_servers(files: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = files
        .iter()
        .filter_map(|file| read_source(file).ok().flatten()?.text.parse::<Table>().ok())
        .filter_map(|file| file.get("mcp_servers")?.as_table().cloned())
        .flat_map(|servers| servers.keys().cloned().collect::<Vec<_>>())
        .collect();
    names.sort();
    names.dedup();
    names
}
