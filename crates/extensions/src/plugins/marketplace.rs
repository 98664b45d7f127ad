//! Marketplaces: lists of plugins, in a directory or a git repository. Ours is `marketplace.toml`; those that other agents'
//! users have are read too.

use std::{fs, path::Path};

use serde_json::{Map, Value};

use super::{GitSource, Source, is_name};
use crate::plugins::source::{check_reference, check_subdirectory, is_address, of_github};

/// Where an index lies, in the order in which it is looked for.
const FILES: &[&str] = &[
    "marketplace.toml",
    ".agents/plugins/marketplace.json",
    ".codex-plugin/marketplace.json",
    ".claude-plugin/marketplace.json",
];
/// Largest index, in bytes.
const LARGEST: u64 = 1 << 20;
/// Most plugins of one.
const MOST: usize = 1_000;

/// What a marketplace has.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// Its name for itself.
    pub name: String,
    /// Its plugins, by name; each once.
    pub plugins: Vec<Listed>,
    /// The whole index.
    whole: Map<String, Value>,
}

/// A plugin of a marketplace.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its version, if the index says it.
    pub version: Option<String>,
    /// All that the index says of it.
    pub whole: Value,
}

impl Index {
    /// Reads the index in `tree`.
    ///
    /// # Errors
    /// A sentence: there is none, or it is none.
    pub fn read(tree: &Path) -> Result<Self, String> {
        let Some(file) = FILES.iter().find(|file| tree.join(file).is_file()) else {
            return Err(format!("this is no marketplace: it has none of {}", FILES.join(", ")));
        };
        let path = tree.join(file).canonicalize().map_err(|error| format!("{file}: {error}"))?;
        let real = tree.canonicalize().map_err(|error| format!("{}: {error}", tree.display()))?;
        if !path.starts_with(real) || path.metadata().is_ok_and(|found| found.len() > LARGEST) {
            return Err(format!("{file}: it leads out, or is larger than {} MiB", LARGEST >> 20));
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let text = match file.ends_with(".toml") {
            true => toml::from_str::<Value>(&text).map_err(|error| format!("{file}: {error}"))?.to_string(),
            false => text,
        };
        Self::parse(&text).map_err(|error| format!("{file}: {error}"))
    }

    /// Reads an index that is JSON.
    ///
    /// # Errors
    /// A sentence: what in it is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = whole.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !is_name(&name) {
            return Err(format!("`{name}` is no name of a marketplace: use a-z, 0-9, `-` and `_`, at most 40"));
        }
        let Some(listed) = whole.get("plugins").and_then(Value::as_array) else {
            return Err("`plugins` is missing: a list".into());
        };
        if listed.len() > MOST {
            return Err(format!("a marketplace has at most {MOST} plugins"));
        }
        let mut plugins: Vec<Listed> = Vec::new();
        for it in listed {
            let text = |key: &str| it.get(key).and_then(Value::as_str).map(str::to_owned);
            let name = text("name").unwrap_or_default();
            if !is_name(&name) || plugins.iter().any(|known| known.name == name) {
                return Err(format!("`{name}` is no name of a plugin, or there twice"));
            }
            let description = text("description").unwrap_or_default();
            plugins.push(Listed { name, description, version: text("version"), whole: it.clone() });
        }
        plugins.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { name, plugins, whole })
    }

    /// The index as JSON, for [`Index::parse`].
    pub fn to_text(&self) -> String {
        Value::Object(self.whole.clone()).to_string()
    }

    /// The plugin `name`, and where it is from: `marketplace` is where this index is from, at `commit`.
    ///
    /// # Errors
    /// A sentence: there is no such plugin, or it is nowhere that is read.
    pub fn find(&self, name: &str, marketplace: &Source, commit: Option<&str>) -> Result<(Source, &Listed), String> {
        let Some(listed) = self.plugins.iter().find(|listed| listed.name == name) else {
            let names: Vec<&str> = self.plugins.iter().map(|listed| listed.name.as_str()).collect();
            return Err(format!("the marketplace {} has no plugin `{name}`; it has {}", self.name, names.join(", ")));
        };
        let source = self.source(listed, marketplace, commit);
        Ok((source.map_err(|error| format!("the marketplace {}: {name}: {error}", self.name))?, listed))
    }

    fn source(&self, listed: &Listed, marketplace: &Source, commit: Option<&str>) -> Result<Source, String> {
        let wanted = listed.whole.get("source").unwrap_or(&Value::Null);
        if let Some(path) = wanted.as_str() {
            return self.inside(path, marketplace, commit);
        }
        let text = |key: &str| wanted.get(key).and_then(Value::as_str);
        let git = |url: &str, subdirectory: Option<&str>| {
            let reference = check_reference(text("sha").or(text("ref")).unwrap_or_default())?;
            let subdirectory = subdirectory.map(check_subdirectory).transpose()?;
            match is_address(url)? {
                true => Ok(Source::Git(GitSource { url: url.to_owned(), reference, subdirectory })),
                false => Err(format!("`{url}` is no address")),
            }
        };
        match (text("source").or(text("type")), text("url"), text("repo"), text("path")) {
            (Some("github"), _, Some(repository), path) => {
                git(&of_github(repository).ok_or_else(|| format!("`{repository}` is no OWNER/REPOSITORY"))?, path)
            }
            (Some("url" | "git" | "git-subdir"), Some(url), _, path) => git(url, path),
            (Some("local"), _, _, Some(path)) => self.inside(path, marketplace, commit),
            _ => Err(format!("`source` {wanted} is not read here")),
        }
    }

    /// A directory of the marketplace itself.
    fn inside(&self, path: &str, marketplace: &Source, commit: Option<&str>) -> Result<Source, String> {
        let base = self.whole.get("metadata").and_then(|data| data.get("pluginRoot")).and_then(Value::as_str);
        let joined = match base {
            Some(base) if !path.starts_with("./") => format!("{}/{path}", base.trim_end_matches('/')),
            _ => path.to_owned(),
        };
        let is_all = matches!(joined.as_str(), "." | "./");
        let directory = if is_all { None } else { Some(check_subdirectory(joined.trim_end_matches('/'))?) };
        Ok(match marketplace {
            Source::Directory { path } => {
                Source::Directory { path: directory.map_or_else(|| path.clone(), |directory| path.join(directory)) }
            }
            Source::Git(GitSource { url, reference, subdirectory }) => {
                let above = subdirectory.clone().into_iter().chain(directory);
                Source::Git(GitSource {
                    url: url.clone(),
                    reference: commit.map(str::to_owned).or_else(|| reference.clone()),
                    subdirectory: above.reduce(|above, below| above.join(below)),
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_plugins_are_from() {
        let mut whole = json!({ "name": "team", "metadata": { "pluginRoot": "./all" } });
        whole["plugins"] = json!([
            { "name": "a", "source": "./a" },
            { "name": "b", "source": "b" },
            { "name": "c", "source": { "source": "github", "repo": "o/r", "ref": "v1" } },
            { "name": "d", "source": { "source": "git-subdir", "url": "https://h/r", "path": "x/y", "sha": "abc" } },
            { "name": "e", "source": "../out" },
            { "name": "f", "source": { "source": "npm", "package": "x" } },
            { "name": "g", "source": { "source": "url", "url": "ext::sh" } },
        ]);
        let index = Index::parse(&whole.to_string()).unwrap();
        assert_eq!(Index::parse(&index.to_text()).unwrap(), index);
        let directory = Source::Directory { path: "/m".into() };
        let git = |subdirectory: Option<&str>| {
            let subdirectory = subdirectory.map(Into::into);
            Source::Git(GitSource { url: "https://h/m".into(), reference: Some("main".into()), subdirectory })
        };
        let shown = |name: &str, from: &Source| index.find(name, from, Some("c0")).map(|(source, _)| source.shown());
        assert_eq!(shown("a", &directory).unwrap(), "/m/a");
        assert_eq!(shown("b", &directory).unwrap(), "/m/all/b");
        assert_eq!(shown("a", &git(Some("sub"))).unwrap(), "https://h/m#c0:sub/a");
        assert_eq!(shown("c", &directory).unwrap(), "https://github.com/o/r.git#v1");
        assert_eq!(shown("d", &directory).unwrap(), "https://h/r#abc:x/y");
        for (name, said) in [
            ("e", "no directory below"),
            ("f", "is not read here"),
            ("g", "remote helpers"),
            ("z", "has no plugin `z`"),
        ] {
            let refused = shown(name, &directory).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
        for (text, said) in [
            (json!({ "name": "../x", "plugins": [] }), "no name of a marketplace"),
            (json!({ "name": "x" }), "`plugins` is missing"),
            (json!({ "name": "x", "plugins": [{ "name": "a" }, { "name": "a" }] }), "there twice"),
        ] {
            let refused = Index::parse(&text.to_string()).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
