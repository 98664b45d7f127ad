//! What a server of tools is, and what holds it: what a yes to its tools is bound to, and whether the model could change it.

use std::path::{Path, PathBuf};

use codex_agent::Workplace;
use codex_config::{McpServerSettings, McpTransport, Origin, Settings};
use codex_permissions::SandboxLevel;

/// What a server is, and what it is held to, in words; values of variables and headers, which may be secrets, are left out.
/// A program of which a word names something in `workspace` is another one in each.
pub(super) fn place(server: &McpServerSettings, is_confined: bool, workspace: &Path) -> String {
    let file = match &server.origin {
        Origin::File { path, .. } | Origin::WholeFile(path) => format!(", of {}", path.display()),
        _ => String::new(),
    };
    match &server.transport {
        McpTransport::Http(address) => format!("the address {:?}{file}", address.shown_url()),
        McpTransport::Stdio(program) => {
            let argv: Vec<&String> = std::iter::once(&program.command).chain(&program.args).collect();
            let is_here = argv.iter().any(|word| names(word, workspace).is_some());
            let directory = match &program.cwd {
                Some(cwd) => format!(" in {cwd:?}"),
                None if is_here => format!(" in {workspace:?}"),
                None => String::new(),
            };
            let variables: Vec<&String> = program.env.keys().chain(&program.env_vars).collect();
            let variables = if variables.is_empty() { String::new() } else { format!(" with {variables:?}") };
            let walls = match (is_confined, &server.walls) {
                (false, _) => "without walls".to_owned(),
                (true, walls) => {
                    format!("inside walls (network: {:?}, writes also: {:?})", walls.network, walls.writable_roots)
                }
            };
            format!("the program {argv:?}{directory}{variables}{file}, {walls}")
        }
    }
}

/// What a relative `word` names below `directory`, if it is there.
fn names(word: &str, directory: &Path) -> Option<PathBuf> {
    (!word.is_empty() && Path::new(word).is_relative()).then(|| directory.join(word).canonicalize().ok())?
}

/// A warning that names the programs without walls that commands of the model could rewrite, if there are such.
pub(super) fn rewritable(settings: &Settings, workplace: &Workplace) -> Option<String> {
    let policy = &workplace.policy;
    if policy.level != SandboxLevel::WorkspaceWrite {
        return None;
    }
    let file = |word: &str, directory: &Path| {
        let real = directory.join(word).canonicalize().ok().filter(|real| real.is_file())?;
        policy.writable.iter().any(|root| real.starts_with(root)).then_some(real)
    };
    let mut found = Vec::new();
    for (name, server) in settings.mcp.servers.iter().filter(|(_, it)| it.enabled && !it.walls.sandbox) {
        let McpTransport::Stdio(program) = &server.transport else { continue };
        let directory = program.cwd.as_ref().unwrap_or(&workplace.roots.workspace);
        let mut words = std::iter::once(&program.command).chain(&program.args);
        found.extend(words.find_map(|it| file(it, directory)).map(|it| format!("{} (server `{name}`)", it.display())));
    }
    for hook in settings.hooks.entries.iter().filter(|hook| !hook.sandbox) {
        let mut words = hook.command.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
        let it = words.find_map(|word| file(word, &workplace.roots.workspace));
        found.extend(it.map(|it| format!("{} (a hook)", it.display())));
    }
    (!found.is_empty()).then(|| {
        let list = found.join(", ");
        format!(
            "the model can rewrite what runs without walls (`sandbox = false`): {list}; keep it outside the workspace"
        )
    })
}

#[cfg(test)]
mod tests {
    use codex_config::{Environment, LoadRequest};

    use super::*;

    #[test]
    fn another_program_or_other_walls_are_another_place() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("here")).unwrap();
        let of = |text: &str, is_confined: bool| {
            std::fs::write(temp.path().join("config.toml"), format!("[mcp_servers.a]\n{text}")).unwrap();
            let environment = Environment::from_pairs([("HOME", temp.path().to_str().unwrap())]);
            let loaded = codex_config::load(&LoadRequest::new(&environment, temp.path(), temp.path())).unwrap();
            place(&loaded.settings.mcp.servers["a"], is_confined, temp.path())
        };
        let first = of("command = \"x\"\nargs = [\"y\"]\nenv = { K = \"s3cret\" }", true);
        assert!(first.contains(r#"["x", "y"] with ["K"]"#) && !first.contains("s3cret"), "{first}");
        let mut all = vec![first];
        for (text, is_confined) in [
            ("command = \"x\"\nargs = [\"y\"]\nenv = { K = \"s3cret\" }", false),
            ("command = \"x\"\nargs = [\"z\"]", true),
            ("command = \"x\"\nargs = [\"here\"]", true),
            ("command = \"x\"\nargs = [\"z\"]\nnetwork = true", true),
            ("command = \"x\"\nargs = [\"z\"]\nwritable_roots = [\"/w\"]", true),
            ("url = \"https://h/\"", false),
        ] {
            all.push(of(text, is_confined));
        }
        assert!(all[3].contains(&format!("in {:?}", temp.path())), "a word that is here binds it to here: {}", all[3]);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:?}");
    }
}
