//! What models call the tools of servers.

use std::{collections::HashSet, fmt::Write as _};

use sha2::{Digest, Sha256};

use crate::RemoteTool;

/// Longest name that models' servers take.
const LONGEST: usize = 64;

/// SHA-256 of `parts`, in hexadecimal digits.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `mcp__SERVER__TOOL`. Where something had to be changed, or it could be read as a name of something else, the end is the
/// hash of what is meant: the name says the same server and tool at all times, whichever others there are.
pub(crate) fn called(server: &str, tool: &str) -> String {
    let plain = |text: &str| text.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'), "_");
    let name = format!("mcp__{}__{}", plain(server), plain(tool));
    let is_clear = plain(server) == server
        && plain(tool) == tool
        && !server.contains("__")
        && !server.ends_with('_')
        && !tool.contains("__")
        && !tool.starts_with('_')
        && !tool.is_empty();
    if is_clear && name.len() <= LONGEST { name } else { hashed(&name, &[server, tool]) }
}

fn hashed(name: &str, parts: &[&str]) -> String {
    const DIGITS: usize = 10;
    let kept: String = name.chars().take(LONGEST - DIGITS - 1).collect();
    format!("{kept}_{}", &digest(parts)[..DIGITS])
}

/// Gives each tool that has the name of one before it another one.
pub(crate) fn tell_apart(tools: &mut [RemoteTool]) {
    let mut taken = HashSet::new();
    for tool in tools {
        let mut number = 0u32;
        while !taken.insert(tool.called.clone()) {
            number += 1;
            tool.called = hashed(&tool.called, &[&tool.server, &tool.name, &number.to_string()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_models_and_say_one_thing() {
        assert_eq!(called("files", "read_file"), "mcp__files__read_file");
        let odd = [
            ("files", "read file"),
            ("files", "read.file"),
            ("files", "read/file"),
            ("files", ""),
            ("files", "日本"),
            ("a__b", "c"),
            ("a", "b__c"),
            ("a_", "b"),
            ("a", "_b"),
            ("a", &"x".repeat(100)),
            ("a", &"x".repeat(101)),
            (&"s".repeat(64), "t"),
        ];
        let names: HashSet<String> = odd.iter().map(|(server, tool)| called(server, tool)).collect();
        assert_eq!(names.len(), odd.len());
        for name in names {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(name.starts_with("mcp__") && name.len() <= LONGEST && name.chars().all(is_plain), "{name}");
        }
    }

    #[test]
    fn equal_names_are_told_apart() {
        let tool = |name: &str| crate::answers::tests::tool("s", name);
        let crafted = called("s", "a b");
        let mut tools = [tool("a b"), tool(crafted.strip_prefix("mcp__s__").unwrap())];
        tools[1].called = crafted;
        tell_apart(&mut tools);
        assert_ne!(tools[0].called, tools[1].called);
    }
}
