//! The plugins that are kept, below `$CODEX_HOME/plugins`: a directory for each, and `plugins.lock`, which says where each
//! is from, at which commit, and what the user agreed to.
//!
//! A plugin that is not as it was when it was added, or may do more than was agreed to, is not given out.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use super::{Git, GitSource, Index, Plugin, Power, Source, content_hash, copy, hash_of, powers};

/// The file that says what is kept.
const LOCK: &str = "plugins.lock";
/// Largest such file, in bytes.
const LARGEST: u64 = 4 << 20;

/// The plugins that are kept.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Plugins, by `NAME` or `NAME@MARKETPLACE`.
    #[serde(default)]
    pub plugins: BTreeMap<String, Installed>,
    /// Marketplaces by name.
    #[serde(default)]
    pub marketplaces: BTreeMap<String, MarketplaceLock>,
}

/// A plugin that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its version, as its author counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The commit, in hexadecimal; `None`: it is from a plain directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// [`content_hash`] of its files.
    pub hash: String,
    /// [`hash_of`] what was shown when the user agreed.
    pub agreed: String,
    /// When it was added, or updated last: seconds since 1970.
    pub at: u64,
    /// What its marketplace says of it, as JSON, where that is all there is of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    /// Where it is from.
    pub source: Source,
}

/// A marketplace that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketplaceLock {
    /// The commit of its index; `None`: it is a plain directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where it is from.
    pub source: Source,
}

/// A plugin that was got and is not kept yet.
#[derive(Debug)]
pub struct Staged {
    /// The plugin, in a directory that goes when this does.
    pub plugin: Plugin,
    /// What it may do.
    pub powers: Vec<Power>,
    /// What is kept of it then.
    pub installed: Installed,
    directory: TempDir,
}

/// Why a plugin is not given out, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Held(pub String);

impl Store {
    /// The store below `codex_home`; it need not be there.
    pub fn new(codex_home: &Path) -> Self {
        Self { root: codex_home.join("plugins") }
    }

    /// Whether there is any.
    pub fn is_there(&self) -> bool {
        self.root.join(LOCK).exists()
    }

    /// What is kept.
    ///
    /// # Errors
    /// A sentence: the file that says it cannot be read.
    pub fn lock(&self) -> Result<Lock, String> {
        let path = self.root.join(LOCK);
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
            Err(error) => return Err(failed(&error)),
            Ok(found) if found.len() > LARGEST => return Err(failed(&"is too large")),
            Ok(_) => {}
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
        toml::from_str(&text).map_err(|error| failed(&error))
    }

    /// Gets the plugin at `source`, for the user to look at. `listed` is what a marketplace says of it.
    ///
    /// # Errors
    /// A sentence: it cannot be got, is no plugin, or is too large.
    pub async fn fetch(&self, git: &Git<'_>, source: &Source, listed: Option<&Value>) -> Result<Staged, String> {
        let directory = self.scratch()?;
        let (from, commit) = self.tree(git, source, directory.path()).await?;
        let target = directory.path().join("plugin");
        copy(&from, &target)?;
        let plugin = Plugin::read(&target, listed)?;
        let powers = powers(&plugin);
        let installed = Installed {
            version: plugin.version.clone(),
            commit,
            hash: content_hash(&target)?,
            agreed: hash_of(&powers),
            at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            listed: listed.map(Value::to_string),
            source: source.clone(),
        };
        Ok(Staged { plugin, powers, installed, directory })
    }

    /// Gets the index of the marketplace at `source`, with the commit that it is of.
    ///
    /// # Errors
    /// A sentence: it cannot be got, or is none.
    pub async fn fetch_index(&self, git: &Git<'_>, source: &Source) -> Result<(Index, Option<String>), String> {
        let scratch = self.scratch()?;
        let (tree, commit) = self.tree(git, source, scratch.path()).await?;
        Ok((Index::read(&tree)?, commit))
    }

    /// Where the files of `source` are, and their commit.
    async fn tree(&self, git: &Git<'_>, source: &Source, scratch: &Path) -> Result<(PathBuf, Option<String>), String> {
        if let Some(gone) = source.local().filter(|path| !path.is_dir()) {
            let stays = "What was got from it stays as it is; `codex plugin add` gets it from another place";
            return Err(format!("there is no directory {} now. {stays}", gone.display()));
        }
        let source = match source {
            Source::Directory { path } => return Ok((path.clone(), None)),
            Source::Git(source) => source,
        };
        let tree = scratch.join("repository");
        DirBuilder::new().mode(0o700).create(&tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        let commit = git.fetch(source, &tree).await?;
        let from = source.subdirectory.as_ref().map_or_else(|| tree.clone(), |directory| tree.join(directory));
        // A link in the repository may lead anywhere.
        match (from.canonicalize(), tree.canonicalize()) {
            (Ok(from), Ok(tree)) if from.starts_with(&tree) && from.is_dir() => Ok((from, Some(commit))),
            _ => {
                let GitSource { url, subdirectory, .. } = source;
                let directory = subdirectory.as_deref().unwrap_or(Path::new("."));
                Err(format!("there is no directory {} in {url}", directory.display()))
            }
        }
    }

    /// Keeps what was got as `id`, in place of what was kept so before.
    ///
    /// # Errors
    /// A sentence: another plugin has its name, or it cannot be written. All is as before then.
    pub fn install(&self, id: &str, staged: Staged) -> Result<Installed, String> {
        let Staged { plugin, installed, directory, .. } = staged;
        let mut change = self.change()?;
        if let Some(other) = change.lock.plugins.keys().find(|other| *other != id && name_of(other) == plugin.name) {
            return Err(format!("there is a plugin `{}` already, {other}: remove it first", plugin.name));
        }
        let place = self.place(id, &installed);
        let failed = |error: io::Error| format!("{}: {error}", place.display());
        if let Some(parent) = place.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        }
        if place.exists() {
            fs::remove_dir_all(&place).map_err(failed)?;
        }
        fs::rename(directory.path().join("plugin"), &place).map_err(failed)?;
        let before = change.lock.plugins.insert(id.to_owned(), installed.clone());
        change.write()?;
        // Sessions that are open run programs of the one before.
        let before = before.map(|before| self.place(id, &before));
        self.sweep(id, &[Some(place), before].into_iter().flatten().collect::<Vec<_>>());
        Ok(installed)
    }

    /// Removes `id`. Whether it was there.
    ///
    /// # Errors
    /// A sentence: it cannot be.
    pub fn remove(&self, id: &str) -> Result<bool, String> {
        let mut change = self.change()?;
        if change.lock.plugins.remove(id).is_none() {
            return Ok(false);
        }
        change.write()?;
        self.sweep(id, &[]);
        Ok(true)
    }

    /// Keeps the index of a marketplace.
    ///
    /// # Errors
    /// A sentence: it cannot be written.
    pub fn keep_index(&self, name: &str, index: &Index, lock: MarketplaceLock) -> Result<(), String> {
        let mut change = self.change()?;
        let path = self.index_path(name);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        }
        replace(&path, index.to_text().as_bytes()).map_err(failed)?;
        change.lock.marketplaces.insert(name.to_owned(), lock);
        change.write()
    }

    /// The index of a marketplace that is kept.
    ///
    /// # Errors
    /// A sentence: there is none, or it cannot be read.
    pub fn index(&self, name: &str) -> Result<Index, String> {
        let path = self.index_path(name);
        let text = fs::read_to_string(&path)
            .map_err(|_| format!("there is no marketplace `{name}`: `codex plugin marketplace add SOURCE` adds one"))?;
        Index::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Removes a marketplace. Whether it was there.
    ///
    /// # Errors
    /// A sentence: plugins are from it, or it cannot be.
    pub fn remove_index(&self, name: &str) -> Result<bool, String> {
        let mut change = self.change()?;
        let suffix = format!("@{name}");
        if let Some(id) = change.lock.plugins.keys().find(|id| id.ends_with(&suffix)) {
            return Err(format!("{id} is from it: `codex plugin remove {id}` first"));
        }
        if change.lock.marketplaces.remove(name).is_none() {
            return Ok(false);
        }
        change.write()?;
        let _ = fs::remove_file(self.index_path(name));
        Ok(true)
    }

    /// The plugin `id`, as it was when the user agreed to it.
    ///
    /// # Errors
    /// Why it is not given out.
    pub fn plugin(&self, id: &str, installed: &Installed) -> Result<Plugin, Held> {
        let root = self.place(id, installed);
        let held = |why: String| Held(format!("plugin {id} is held back: {why}"));
        let hash = content_hash(&root).map_err(|error| held(error.clone()))?;
        if hash != installed.hash {
            let again = "its files were changed since it was added; `codex plugin update` gets them anew";
            return Err(held(again.to_owned()));
        }
        let listed = installed.listed.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let plugin = Plugin::read(&root, listed.as_ref()).map_err(held)?;
        if hash_of(&powers(&plugin)) != installed.agreed {
            let again = "what it may do is not what was agreed to; `codex plugin update` shows it";
            return Err(held(again.to_owned()));
        }
        Ok(plugin)
    }

    /// Where the files of a plugin are.
    pub fn place(&self, id: &str, installed: &Installed) -> PathBuf {
        self.root.join("installed").join(id).join(installed.hash.get(..16).unwrap_or("none"))
    }

    fn index_path(&self, name: &str) -> PathBuf {
        self.root.join("marketplaces").join(format!("{name}.json"))
    }

    /// A directory of this program's own, which goes with what is returned.
    fn scratch(&self) -> Result<TempDir, String> {
        let failed = |error: io::Error| format!("{}: {error}", self.root.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root).map_err(failed)?;
        let root = self.root.canonicalize().map_err(failed)?;
        tempfile::Builder::new().prefix(".new-").tempdir_in(root).map_err(failed)
    }

    /// Removes what is kept of `id` but `but`. What cannot be removed is in nobody's way.
    fn sweep(&self, id: &str, but: &[PathBuf]) {
        let directory = self.root.join("installed").join(id);
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !but.contains(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        if but.is_empty() {
            let _ = fs::remove_dir(&directory);
        }
    }

    /// The right to change what is kept; whoever else wants it waits.
    fn change(&self) -> Result<LockChange<'_>, String> {
        let failed = |error: io::Error| format!("{}: {error}", self.root.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root).map_err(failed)?;
        let right = File::open(&self.root).map_err(failed)?;
        right.lock().map_err(failed)?;
        Ok(LockChange { store: self, lock: self.lock()?, _right: right })
    }
}

/// A change of what is kept, under way.
struct LockChange<'a> {
    store: &'a Store,
    lock: Lock,
    /// Dropped, another may change it.
    _right: File,
}

impl LockChange<'_> {
    fn write(&self) -> Result<(), String> {
        let path = self.store.root.join(LOCK);
        let text = toml::to_string_pretty(&self.lock).map_err(|error| format!("{}: {error}", path.display()))?;
        let head = "# Written by `codex plugin`. What is changed here by hand is held back.\n\n";
        replace(&path, (head.to_owned() + &text).as_bytes()).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The plugin's own name in an id.
pub(super) fn name_of(id: &str) -> &str {
    id.split_once('@').map_or(id, |(name, _)| name)
}

/// Puts a whole new file in the place of `path`.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
