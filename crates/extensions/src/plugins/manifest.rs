//! What a directory says that it is and brings: our `plugin.toml`, or the layouts that other agents' users have.
//!
//! It must never run anything, nor read what lies outside of the directory.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{powers::is_outside, source::check_subdirectory};
use crate::checkers::CheckerSpec;

/// Our manifest.
const OURS: &str = "plugin.toml";
/// Those of others, in the order in which they are looked for.
const OTHERS: &[&str] = &[".codex-plugin/plugin.json", ".claude-plugin/plugin.json"];
/// Largest manifest, in bytes.
const LARGEST: u64 = 256 << 10;
/// Most things of a kind.
const MOST: usize = 32;
/// Longest description of a tool, in characters.
const LONGEST: usize = 1_024;
/// Longest schema of a tool, in bytes.
const LONGEST_SCHEMA: usize = 8 << 10;
/// Longest name of a tool with its plugin's, in bytes: what models' servers take.
const LONGEST_NAME: usize = 64;
/// How others write the plugin's own directory in their files.
pub(crate) const ROOTS: &[&str] = &["${CLAUDE_PLUGIN_ROOT}", "${CODEX_PLUGIN_ROOT}", "${PLUGIN_ROOT}"];
/// What others' manifests say about a plugin that changes nothing.
const TOLD: &[&str] =
    &["$schema", "author", "category", "homepage", "interface", "keywords", "license", "repository", "strict", "tags"];

/// A plugin as its manifest has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// As its author counts.
    pub version: Option<String>,
    /// What it is for, in a line.
    pub description: String,
    /// Its directory, absolute.
    pub root: PathBuf,
    /// What it brings.
    pub parts: Parts,
    /// What of the manifest is not honoured, a sentence each.
    pub warnings: Vec<String>,
    /// Whether it was written for another agent.
    pub is_foreign: bool,
}

/// What a plugin brings. Of tables, `${CODEX_PLUGIN_ROOT}` stands for its directory: see [`rooted`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// Tools for the model.
    pub tools: Vec<ToolPart>,
    /// Servers of tools by name, as `[mcp_servers]` has them.
    pub servers: Map<String, Value>,
    /// Linters by name, as `[linters]` has them.
    pub linters: Map<String, Value>,
    /// Formatters by name, as `[formatters]` has them.
    pub formatters: Map<String, Value>,
    /// Hooks by event, each a list of `{matcher, hooks}`.
    pub hooks: Map<String, Value>,
    /// Directories of own commands, relative.
    pub commands: Vec<PathBuf>,
    /// Directories that hold directories of skills, relative.
    pub skills: Vec<PathBuf>,
    /// Directories of descriptions of sub-agents, relative.
    pub agents: Vec<PathBuf>,
}

/// A tool that is a program.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolPart {
    /// Its name in the plugin.
    pub name: String,
    /// What the model is told about it.
    pub description: String,
    /// A JSON schema of type `object`: its arguments, which it gets on standard input.
    pub schema: Value,
    /// Program and arguments. A program with a slash is a file of the plugin, relative; another one is looked up in `PATH`.
    pub command: Vec<String>,
    /// Seconds after which it is killed.
    pub timeout: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    name: String,
    version: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tools: BTreeMap<String, RawTool>,
    #[serde(default)]
    mcp_servers: Map<String, Value>,
    #[serde(default)]
    linters: Map<String, Value>,
    #[serde(default)]
    formatters: Map<String, Value>,
    #[serde(default)]
    hooks: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTool {
    description: String,
    command: Vec<String>,
    schema: Option<Value>,
    schema_file: Option<String>,
    timeout: Option<u64>,
}

impl Plugin {
    /// Reads the plugin in `root`, an absolute directory. Where it has no manifest, `listed`, which a marketplace says of it,
    /// is one.
    ///
    /// # Errors
    /// A sentence: there is no manifest, or it says what cannot be.
    pub fn read(root: &Path, listed: Option<&Value>) -> Result<Self, String> {
        let mut plugin = if root.join(OURS).is_file() {
            let text = read_text(root, OURS)?;
            ours(root, toml::from_str(&text).map_err(|error| format!("{OURS}: {error}"))?)?
        } else if let Some(name) = OTHERS.iter().find(|name| root.join(name).is_file()) {
            others(root, name, &json_object(name, &read_text(root, name)?)?)?
        } else if let Some(Value::Object(listed)) = listed {
            others(root, "marketplace", listed)?
        } else {
            return Err(format!(
                "{} is no plugin: it has neither {OURS} nor {}; `codex plugin new DIR` writes one",
                root.display(),
                OTHERS.join(" nor ")
            ));
        };
        plugin.check()?;
        Ok(plugin)
    }

    fn check(&mut self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!("`{}` is no name of a plugin: use a-z, 0-9, `-` and `_`, at most 40", self.name));
        }
        let Parts { tools, servers, linters, formatters, hooks, .. } = &self.parts;
        let counts = [tools.len(), servers.len(), linters.len(), formatters.len(), hooks.len()];
        if counts.iter().any(|count| *count > MOST) {
            return Err(format!("a plugin brings at most {MOST} things of a kind"));
        }
        let names = [servers, linters, formatters].into_iter().flat_map(Map::keys);
        let is_plain = |name: &str| is_name(&name.to_ascii_lowercase());
        if let Some(name) = names.chain(tools.iter().map(|tool| &tool.name)).find(|name| !is_plain(name)) {
            return Err(format!("`{name}` is no name: use letters, digits, `-` and `_`, at most 40"));
        }
        if let Some(tool) = tools.iter().find(|tool| self.name.len() + 2 + tool.name.len() > LONGEST_NAME) {
            return Err(format!("tool {}: this name and the plugin's together are too long", tool.name));
        }
        if let Some((name, _)) = [servers, linters, formatters].into_iter().flatten().find(|(_, it)| !it.is_object()) {
            return Err(format!("`{name}` is no table"));
        }
        tools.iter().try_for_each(|tool| check_tool(&self.root, tool))?;
        for (kind, tables) in [("linter", linters), ("formatter", formatters)] {
            for (name, table) in tables {
                let spec: Result<CheckerSpec, _> = serde_json::from_value(table.clone());
                spec.map_err(|error| format!("{kind} {name}: {error}"))?;
            }
        }
        for (event, entries) in hooks {
            let entries = entries.as_array().into_iter().flatten();
            let listed = entries.flat_map(|entry| {
                let inner = entry.get("hooks").and_then(Value::as_array).into_iter().flatten();
                inner.chain([entry])
            });
            if listed.into_iter().any(is_outside) {
                self.warnings
                    .push(format!("hook {event}: `sandbox = false` is not honoured: hooks of plugins run inside"));
            }
        }
        self.description = one_line(&self.description);
        Ok(())
    }

    /// The absolute paths of `directories`, which are relative to the plugin.
    pub fn absolute(&self, directories: &[PathBuf]) -> Vec<PathBuf> {
        directories.iter().map(|directory| self.root.join(directory)).collect()
    }
}

/// Whether `text` names a plugin, a marketplace or a part of a plugin.
pub fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=40).contains(&text.len()) && text.chars().all(is_plain) && !text.starts_with('-')
}

impl Plugin {
    /// What `word` is started as: with a slash a file of the plugin, never one of where it is started; without one a program of
    /// `PATH`.
    pub fn program(&self, word: &str) -> String {
        match word.contains('/') {
            true => self.root.join(word.trim_start_matches("./")).to_string_lossy().into_owned(),
            false => word.to_owned(),
        }
    }
}

/// `value` with the plugin's directory where it names that.
pub fn rooted(value: &Value, root: &Path) -> Value {
    match value {
        Value::String(text) => Value::String(rooted_text(text, root)),
        Value::Array(items) => items.iter().map(|item| rooted(item, root)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), rooted(value, root))).collect(),
        other => other.clone(),
    }
}

/// `text` with the plugin's directory where it names that.
fn rooted_text(text: &str, root: &Path) -> String {
    let root = root.to_string_lossy();
    ROOTS.iter().fold(text.to_owned(), |text, name| text.replace(name, &root))
}

/// `tables` as a document in TOML, below `name`.
///
/// # Errors
/// A sentence: TOML has no such value.
pub fn to_toml(name: &str, tables: Map<String, Value>) -> Result<String, String> {
    let whole: Map<String, Value> = [(name.to_owned(), Value::Object(tables))].into_iter().collect();
    toml::to_string(&whole).map_err(|error| error.to_string())
}

fn ours(root: &Path, manifest: Ours) -> Result<Plugin, String> {
    let Ours { name, version, description, tools, mcp_servers, linters, formatters, hooks } = manifest;
    let tools = tools.into_iter().map(|(name, raw)| tool(root, name, raw)).collect::<Result<_, _>>()?;
    let mut parts = Parts { tools, servers: mcp_servers, linters, formatters, hooks, ..Parts::default() };
    let mut warnings = Vec::new();
    usual_places(root, &mut parts, &mut warnings)?;
    Ok(Plugin { name, version, description, root: root.to_owned(), parts, warnings, is_foreign: false })
}

fn tool(root: &Path, name: String, raw: RawTool) -> Result<ToolPart, String> {
    let RawTool { description, command, schema, schema_file, timeout } = raw;
    let schema = match (schema, schema_file) {
        (Some(schema), None) => schema,
        (None, Some(file)) => {
            let path =
                check_subdirectory(&file).map_err(|_| format!("tool {name}: `{file}` is no file of the plugin"))?;
            Value::Object(json_object(&file, &read_text(root, &path.to_string_lossy())?)?)
        }
        (None, None) => json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        (Some(_), Some(_)) => return Err(format!("tool {name}: `schema` and `schema_file` exclude each other")),
    };
    Ok(ToolPart { name, description: description.trim().to_owned(), schema, command, timeout: timeout.unwrap_or(60) })
}

fn check_tool(root: &Path, tool: &ToolPart) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("tool {}: {what}", tool.name));
    let length = tool.description.chars().count();
    if length == 0 || length > LONGEST {
        return wrong(&format!("its description has 1 to {LONGEST} characters"));
    }
    if tool.schema.get("type").and_then(Value::as_str) != Some("object") {
        return wrong("its schema is not of type `object`");
    }
    if tool.schema.to_string().len() > LONGEST_SCHEMA {
        return wrong(&format!("its schema is longer than {} KiB", LONGEST_SCHEMA >> 10));
    }
    if !(1..=3_600).contains(&tool.timeout) {
        return wrong("its timeout is 1 to 3600 seconds");
    }
    let Some(program) = tool.command.first().filter(|program| !program.is_empty()) else {
        return wrong("its command is empty");
    };
    if tool.command.iter().any(|word| word.contains(char::is_control)) {
        return wrong("its command has control characters in it");
    }
    if !program.contains('/') {
        return Ok(());
    }
    let Ok(path) = check_subdirectory(program) else {
        return wrong(&format!("`{program}` is no file of the plugin, nor a program of PATH"));
    };
    match inside(root, &path).and_then(|path| path.metadata().ok()) {
        Some(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Ok(()),
        Some(_) => wrong(&format!("`{program}` is no program")),
        None => wrong(&format!("there is no `{program}`")),
    }
}

/// A manifest of another agent's.
fn others(root: &Path, file: &str, manifest: &Map<String, Value>) -> Result<Plugin, String> {
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(name) = text("name") else { return Err(format!("{file}: `name` is missing")) };
    let mut parts = Parts::default();
    let mut warnings = Vec::new();
    usual_places(root, &mut parts, &mut warnings)?;
    for (key, value) in manifest {
        match key.as_str() {
            "name" | "version" | "description" | "source" => {}
            "commands" => more_places(root, key, value, &mut parts.commands, &mut warnings),
            "skills" => more_places(root, key, value, &mut parts.skills, &mut warnings),
            "agents" => more_places(root, key, value, &mut parts.agents, &mut warnings),
            "hooks" => tables(root, key, value, |it| add(&mut parts.hooks, hooks_of(it)))?,
            "mcpServers" => tables(root, key, value, |it| add(&mut parts.servers, servers_of(it)))?,
            key if TOLD.contains(&key) => {}
            key => warnings.push(format!("{file}: `{key}` means nothing here, and is left out")),
        }
    }
    let description = text("description").unwrap_or_default();
    let version = text("version");
    Ok(Plugin { name, version, description, root: root.to_owned(), parts, warnings, is_foreign: true })
}

/// What lies where every layout has it.
fn usual_places(root: &Path, parts: &mut Parts, warnings: &mut Vec<String>) -> Result<(), String> {
    let there = |name: &str| root.join(name).is_dir().then(|| PathBuf::from(name));
    parts.commands.extend(there("commands"));
    parts.skills.extend(there("skills"));
    parts.agents.extend(there("agents"));
    if root.join("hooks/hooks.json").is_file() {
        tables(root, "hooks", &"hooks/hooks.json".into(), |it| add(&mut parts.hooks, hooks_of(it)))?;
    }
    if root.join(".mcp.json").is_file() {
        tables(root, "mcpServers", &".mcp.json".into(), |it| add(&mut parts.servers, servers_of(it)))?;
    }
    for name in ["output-styles", "monitors", ".lsp.json", ".app.json", "settings.json"] {
        if root.join(name).exists() {
            warnings.push(format!("{name} means nothing here, and is left out"));
        }
    }
    Ok(())
}

/// Adds to `known` the directories that `value`, a path or a list of paths, names.
fn more_places(root: &Path, key: &str, value: &Value, known: &mut Vec<PathBuf>, warnings: &mut Vec<String>) {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for value in values {
        let Some(text) = value.as_str() else {
            warnings.push(format!("`{key}`: only directories are read here: {value} is left out"));
            continue;
        };
        let directory = check_subdirectory(text.trim_end_matches('/'));
        match directory.ok().filter(|path| inside(root, path).is_some_and(|path| path.is_dir())) {
            Some(path) if known.contains(&path) => {}
            Some(path) => known.push(path),
            None => warnings.push(format!("`{key}`: `{text}` is no directory of the plugin, and is left out")),
        }
    }
}

/// Gives `take` each object that `value` is: written there, or in the files that it names.
fn tables(root: &Path, key: &str, value: &Value, mut take: impl FnMut(&Map<String, Value>)) -> Result<(), String> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for value in values {
        match value {
            Value::Object(table) => take(table),
            Value::String(file) => {
                let path =
                    check_subdirectory(file).map_err(|_| format!("`{key}`: `{file}` is no file of the plugin"))?;
                take(&json_object(file, &read_text(root, &path.to_string_lossy())?)?);
            }
            _ => return Err(format!("`{key}` is an object, or the path of a file")),
        }
    }
    Ok(())
}

/// The events of a file of hooks, with or without a table around them.
fn hooks_of(table: &Map<String, Value>) -> &Map<String, Value> {
    table.get("hooks").and_then(Value::as_object).unwrap_or(table)
}

/// The servers of a file of servers, with or without a table around them.
fn servers_of(table: &Map<String, Value>) -> &Map<String, Value> {
    table.get("mcpServers").and_then(Value::as_object).unwrap_or(table)
}

/// Adds what `known` does not have; lists grow.
fn add(known: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (known.get_mut(name), value) {
            (Some(Value::Array(known)), Value::Array(more)) => {
                known.extend(more.iter().filter(|item| !known.contains(item)).cloned().collect::<Vec<_>>());
            }
            (Some(_), _) => {}
            (None, value) => {
                known.insert(name.clone(), value.clone());
            }
        }
    }
}

fn json_object(name: &str, text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(format!("{name}: this is no JSON object")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// The text of a file of the plugin.
fn read_text(root: &Path, name: &str) -> Result<String, String> {
    let Some(path) = inside(root, Path::new(name)) else { return Err(format!("{name}: there is no such file here")) };
    let length = path.metadata().map_err(|error| format!("{name}: {error}"))?.len();
    if length > LARGEST || !path.is_file() {
        return Err(format!("{name}: a file of at most {} KiB is read", LARGEST >> 10));
    }
    fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))
}

/// The real path of `path` below `root`; `None`: it is not there, or a link leads out.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let real = root.join(path).canonicalize().ok()?;
    real.starts_with(root.canonicalize().ok()?).then_some(real)
}

/// The beginning of `text`, on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Plugin, String>) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let read = Plugin::read(&root, None);
        (scratch, read)
    }

    #[test]
    fn our_manifest() {
        let manifest = r#"
            name = "words"
            version = "1.0"
            description = "Counts\nwords"
            [tools.count]
            description = "Counts words."
            command = ["bin/count", "-w"]
            schema = { type = "object", properties = { text = { type = "string" } } }
            [linters.long]
            command = ["${CODEX_PLUGIN_ROOT}/bin/count"]
            files = ["*.md"]
            [hooks]
            Stop = [{ hooks = [{ type = "command", command = "true" }] }]
        "#;
        let (_scratch, read) = plugin(&[("plugin.toml", manifest), ("bin/count", ""), ("commands/go.md", "x")]);
        let plugin = read.unwrap();
        assert_eq!((plugin.name.as_str(), plugin.description.as_str()), ("words", "Counts words"));
        assert_eq!(plugin.parts.tools[0].command, ["bin/count", "-w"]);
        assert_eq!(plugin.parts.commands, [Path::new("commands")]);
        assert!(plugin.parts.hooks.contains_key("Stop") && plugin.warnings.is_empty());
        let linter = rooted(&plugin.parts.linters["long"], Path::new("/p"));
        assert_eq!(linter, json!({ "command": ["/p/bin/count"], "files": ["*.md"] }));
    }

    #[test]
    fn others_manifests() {
        let manifest = r#"{"name":"n","version":"2","author":{"name":"x"},"commands":["./more/","./none/"],
            "hooks":{"Stop":[{"hooks":[]}]},"outputStyles":"./s"}"#;
        let files = [
            (".claude-plugin/plugin.json", manifest),
            ("hooks/hooks.json", r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"a"}]}]}}"#),
            (".mcp.json", r#"{"mcpServers":{"s":{"command":"${CLAUDE_PLUGIN_ROOT}/s"}}}"#),
            ("commands/a.md", ""),
            ("more/b.md", ""),
            ("skills/k/SKILL.md", ""),
            ("agents/a.md", ""),
        ];
        let (_scratch, read) = plugin(&files);
        let Plugin { name, parts, warnings, .. } = read.unwrap();
        assert_eq!(name, "n");
        assert_eq!(parts.commands, [Path::new("commands"), Path::new("more")]);
        assert_eq!((parts.skills.len(), parts.agents.len()), (1, 1));
        assert_eq!(parts.hooks["Stop"].as_array().unwrap().len(), 2);
        assert_eq!(rooted(&parts.servers["s"], Path::new("/p")), json!({ "command": "/p/s" }));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("./none/") && warnings[1].contains("`outputStyles`"), "{warnings:?}");
    }

    #[test]
    fn a_manifest_that_lies_is_refused() {
        let tool = |rest: &str| format!("name = \"n\"\n[tools.t]\ndescription = \"d\"\n{rest}");
        for (manifest, said) in [
            ("name = \"../n\"".to_owned(), "no name of a plugin"),
            ("name = \"n\"\nother = 1".to_owned(), "unknown field `other`"),
            (tool("command = [\"bin/none\"]"), "there is no `bin/none`"),
            (tool("command = [\"../bin/x\"]"), "no file of the plugin"),
            (tool("command = [\"/bin/sh\"]"), "no file of the plugin"),
            (tool("command = [\"./plugin.toml\"]"), "is no program"),
            (tool("command = [\"./link\"]"), "there is no `./link`"),
            (tool("command = []"), "is empty"),
            (tool("command = [\"sh\"]\nschema = { type = \"string\" }"), "not of type `object`"),
            (tool("command = [\"sh\"]\nschema_file = \"../x\""), "no file of the plugin"),
            (tool("command = [\"sh\"]\ntimeout = 0"), "1 to 3600"),
            (tool("command = [\"sh\", \"\\u001b[2J\"]"), "control characters"),
            ("name = \"n\"\n[linters]\nx = 1".to_owned(), "is no table"),
            (
                "name = \"n\"\n[linters.x]\ncommand = \"x\"\nfiles = []\nfile = 1".to_owned(),
                "linter x: unknown field `file`",
            ),
            ("name = \"n\"\n[formatters.x]\ncommand = \"x\"".to_owned(), "formatter x: missing field `files`"),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let root = scratch.path().canonicalize().unwrap();
            fs::write(root.join("plugin.toml"), &manifest).unwrap();
            std::os::unix::fs::symlink("/bin/sh", root.join("link")).unwrap();
            let refused = Plugin::read(&root, None).unwrap_err();
            assert!(refused.contains(said), "{manifest}: {refused}");
        }
        let (_scratch, read) = plugin(&[("readme", "")]);
        assert!(read.unwrap_err().contains("is no plugin"));
    }
}
