//! What the user trusts: `trust.toml` in the user's home, by project and file, each with the hash of its bytes.
//!
//! It must never say of bytes that nobody has trusted that they are. So a file that is not in order is an error, not an
//! empty one, and a project never brings its own.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::edit::{Readers, lock, replace};
use crate::files::{LARGEST, read_own, read_source};
use crate::{ConfigError, Origin};

/// Name of the file.
const FILE: &str = "trust.toml";
/// What a reader is told first.
const HEAD: &str = "# Projects whose settings you trust, as these files were then. `codex trust --list` shows them,\n\
    # `codex trust DIR --revoke` takes one back.\n";
/// What to do about a file that cannot be used.
const REPAIR: &str = "repair it; or remove it, and trust again what you trust";

/// The SHA-256 of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fault = "a hash is `sha256:` and 64 digits from 0 to f";
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.is_ascii());
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let pair = digits.and_then(|digits| digits.get(at..at + 2)).filter(|pair| !pair.starts_with('+'));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(fault)?;
        }
        Ok(Self(bytes))
    }
}

/// Whether the user trusts a file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These bytes were trusted.
    Trusted,
    /// Others were, when the user was asked of this project last: as `trusted_at` says.
    Changed(String),
    /// None ever were.
    Unknown,
}

/// A project that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedProject {
    /// When the user said so last (RFC 3339).
    pub trusted_at: String,
    /// The files as they were: their paths below the root, and the hashes of their bytes.
    pub files: BTreeMap<PathBuf, Hash>,
}

/// All that is trusted, by the real paths of the projects' roots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustStore {
    #[serde(default)]
    projects: BTreeMap<PathBuf, TrustedProject>,
}

impl TrustStore {
    /// Reads the file of `codex_home`; none is an empty one.
    ///
    /// # Errors
    /// It cannot be read, or is not in order: then nothing in it can be relied on.
    pub fn read(codex_home: &Path) -> Result<Self, ConfigError> {
        read_own(&codex_home.join(FILE), REPAIR)
    }

    /// Whether the bytes with this hash are trusted as the file `relative` of the project `root`.
    pub fn verdict(&self, root: &Path, relative: &Path, hash: &Hash) -> Verdict {
        let Some(project) = self.projects.get(root) else { return Verdict::Unknown };
        match project.files.get(relative) {
            Some(trusted) if trusted == hash => Verdict::Trusted,
            Some(_) => Verdict::Changed(project.trusted_at.clone()),
            None => Verdict::Unknown,
        }
    }

    /// The projects, by their roots.
    pub fn projects(&self) -> impl Iterator<Item = (&Path, &TrustedProject)> {
        self.projects.iter().map(|(root, project)| (root.as_path(), project))
    }
}

impl TrustedProject {
    /// The files, each with whether it is as it was (`None`: it is gone), or why that cannot be told.
    pub fn now<'a>(&'a self, root: &'a Path) -> impl Iterator<Item = (&'a Path, Result<Option<bool>, ConfigError>)> {
        self.files.iter().map(move |(relative, hash)| {
            let source = read_source(&root.join(relative));
            let same = source.map(|source| source.map(|source| Hash::of(source.text.as_bytes()) == *hash));
            (relative.as_path(), same)
        })
    }
}

/// Trusts these files of the project `root` (its real path) as they were hashed. What else of it is trusted stays so.
///
/// # Errors
/// A path is not UTF-8, or the file cannot be read or written. It is as before then.
pub fn trust(codex_home: &Path, root: &Path, files: &[(PathBuf, Hash)]) -> Result<(), ConfigError> {
    let unnamed = std::iter::once(root).chain(files.iter().map(|(path, _)| &**path)).find(|it| it.to_str().is_none());
    if let Some(path) = unnamed {
        let message = "cannot be remembered as trusted: its path is not UTF-8";
        return Err(ConfigError::new(Origin::WholeFile(path.into()), message));
    }
    // What is known need not be written again, where nothing can be written perhaps.
    let store = TrustStore::read(codex_home)?;
    if files.iter().all(|(path, hash)| store.verdict(root, path, hash) == Verdict::Trusted) {
        return Ok(());
    }
    change(codex_home, |store| {
        let new = || TrustedProject { trusted_at: String::new(), files: BTreeMap::new() };
        let project = store.projects.entry(root.into()).or_insert_with(new);
        project.files.extend(files.iter().cloned());
        project.trusted_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        true
    })
    .map(drop)
}

/// Trusts nothing of the project `root` any more. `false`: nothing of it was trusted.
///
/// # Errors
/// The file cannot be read or written. It is as before then.
pub fn revoke(codex_home: &Path, root: &Path) -> Result<bool, ConfigError> {
    // What is not there need not be made.
    let known = TrustStore::read(codex_home)?.projects.contains_key(root);
    if !known { Ok(false) } else { change(codex_home, |store| store.projects.remove(root).is_some()) }
}

/// Lets `work` change what is trusted, and writes it if `work` says that it has. One process at a time.
fn change(codex_home: &Path, work: impl FnOnce(&mut TrustStore) -> bool) -> Result<bool, ConfigError> {
    let path = codex_home.join(FILE);
    let fault = |message: String| ConfigError::new(Origin::WholeFile(path.clone()), message);
    let failed = |error: io::Error| fault(format!("cannot be changed: {error}"));
    let _one_at_a_time = lock(codex_home).map_err(failed)?;
    let mut store = TrustStore::read(codex_home)?;
    if !work(&mut store) {
        return Ok(false);
    }
    let text = toml::to_string(&store).map_err(|error| fault(format!("cannot be changed: {error}")))?;
    let text = format!("{HEAD}\n{text}");
    if text.len() as u64 > LARGEST {
        let message = "would be larger than 256 KiB: `codex trust DIR --revoke` takes back what is not needed any more";
        return Err(fault(message.into()));
    }
    replace(&path, &text, Readers::UserAlone).map_err(failed)?;
    Ok(true)
}
