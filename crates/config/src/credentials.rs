//! Keys that `codex login` keeps: in `credentials.toml` of the user's own directory, readable by the user alone, or in
//! the keyring of the system, where the file says so.
//!
//! A key is kept with the server that it was given for and is offered to no other: a provider may come to have another
//! address, by a project's file or a slip, and its name is no proof. No key is ever shown, or part of an error.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::edit::lock;
use crate::files::read_source;
use crate::{ConfigError, Environment, Origin, keyring};

/// Name of the file.
const FILE: &str = "credentials.toml";
/// What the file begins with.
const HEAD: &str =
    "# Keys kept by `codex login`. Whoever can read this file can use them; `codex logout` removes them.\n\n";
/// Longest key, in bytes: there are tokens of some thousands.
const LONGEST: usize = 16 * 1024;

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// In `credentials.toml`.
    File,
    /// In the keyring of the system; the file only says so.
    Keyring,
}

/// What is kept for one provider.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Scheme, host and port of the server that the key was given for.
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keyring: bool,
}

/// The key is a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("server", &self.server).field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

type Entries = BTreeMap<String, Entry>;

/// The file, whether it exists or not.
pub fn credentials_file(codex_home: &Path) -> PathBuf {
    codex_home.join(FILE)
}

/// A key as it was typed or read, without the blanks and line breaks around it.
///
/// # Errors
/// A sentence for the user when it cannot be one.
pub fn check_key(typed: &str) -> Result<&str, String> {
    let key = typed.trim();
    if key.is_empty() {
        return Err("the key is empty: nothing was stored".into());
    }
    if key.len() > LONGEST {
        return Err(format!("the key is longer than {LONGEST} bytes: nothing was stored"));
    }
    // What a header cannot hold (RFC 9110, section 5.5) no key does; a blank is a sign that more was pasted than the key.
    if let Some(wrong) = key.chars().find(|c| !c.is_ascii_graphic()) {
        let what = match wrong {
            c if c.is_control() => "a control character or line break",
            c if c.is_whitespace() => "a blank",
            _ => "a character beyond ASCII",
        };
        return Err(format!("the key holds {what}, which no key does: nothing was stored"));
    }
    Ok(key)
}

/// Keeps `key` for `provider`, whose server is `base_url`; one it had is replaced.
///
/// # Errors
/// The file cannot be read or written, or there is no keyring; then nothing is kept anywhere.
pub fn keep_key(
    environment: &Environment,
    (provider, base_url): (&str, &str),
    key: &str,
    keeper: Keeper,
) -> Result<(), ConfigError> {
    let codex_home = environment.codex_home()?;
    let server = server(base_url);
    change(&codex_home, false, |entries| {
        let old = entries.get(provider).is_some_and(|entry| entry.keyring);
        let entry = match keeper {
            Keeper::File => {
                if old {
                    // Where the keyring is gone, so is the old key.
                    let _ = keyring::forget(environment, provider);
                }
                Entry { server, api_key: Some(key.into()), keyring: false }
            }
            Keeper::Keyring => {
                keyring::keep(environment, provider, key).map_err(|error| {
                    let message =
                        format!("nothing was stored: the keyring cannot keep the key of `{provider}`: {error}");
                    fault(&codex_home, &message)
                })?;
                Entry { server, api_key: None, keyring: true }
            }
        };
        entries.insert(provider.into(), entry);
        Ok(true)
    })?;
    Ok(())
}

/// Forgets the key of `provider`, or of all: the names of those that had one.
///
/// # Errors
/// As [`keep_key`]; what could not be removed is still named in the file.
pub fn forget_keys(environment: &Environment, provider: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let codex_home = environment.codex_home()?;
    let mut forgotten = Vec::new();
    change(&codex_home, provider.is_none(), |entries| {
        let names: Vec<String> =
            entries.keys().filter(|name| provider.is_none_or(|wanted| *name == wanted)).cloned().collect();
        for name in names {
            if entries.get(&name).is_some_and(|entry| entry.keyring) {
                forget_in_keyring(environment, &codex_home, &name)?;
            }
            entries.remove(&name);
            forgotten.push(name);
        }
        // Of all: also a file that is not in order goes.
        Ok(!forgotten.is_empty() || provider.is_none())
    })?;
    Ok(forgotten)
}

/// Whether others than the user may read the file.
pub fn is_open_to_others(codex_home: &Path) -> bool {
    fs::metadata(credentials_file(codex_home)).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// The key that is kept for `provider`, and where; `None` if there is none.
pub(crate) fn kept(
    environment: &Environment,
    provider: &str,
    base_url: &str,
) -> Result<Option<(String, Keeper)>, ConfigError> {
    let Some((entry, codex_home)) = entry(environment, provider, base_url)? else { return Ok(None) };
    match entry.api_key {
        _ if entry.keyring => {
            let key = keyring::find(environment, provider)
                .map_err(|error| fault(&codex_home, &format!("the key of `{provider}` is in the keyring: {error}")))?;
            Ok(key.map(|key| (key, Keeper::Keyring)))
        }
        key => Ok(key.map(|key| (key, Keeper::File))),
    }
}

/// Where a key is kept for `provider`; the keyring is not asked whether it still has it.
pub(crate) fn keeper(environment: &Environment, provider: &str, base_url: &str) -> Result<Option<Keeper>, ConfigError> {
    let found = entry(environment, provider, base_url)?;
    Ok(found.map(|(entry, _)| if entry.keyring { Keeper::Keyring } else { Keeper::File }))
}

/// What is kept for `provider`, if it may be sent to `base_url`; with our directory.
fn entry(environment: &Environment, provider: &str, base_url: &str) -> Result<Option<(Entry, PathBuf)>, ConfigError> {
    // Without a home there is nothing kept.
    let Ok(codex_home) = environment.codex_home() else { return Ok(None) };
    let Some(entry) = read(&codex_home)?.remove(provider) else { return Ok(None) };
    let server = server(base_url);
    if entry.server != server {
        let message = format!(
            "the key of `{provider}` was given for {}, and the provider is now at {server}: it is not sent there; \
             `codex login --provider {provider}` keeps one for this server, `codex logout --provider {provider}` forgets it",
            entry.server
        );
        return Err(fault(&codex_home, &message));
    }
    Ok(Some((entry, codex_home)))
}

/// Scheme, host and port of an address, without what may be a secret in it.
fn server(base_url: &str) -> String {
    match url::Url::parse(base_url.trim()) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "an address that is none".into(),
    }
}

fn fault(codex_home: &Path, message: &str) -> ConfigError {
    ConfigError::new(Origin::WholeFile(credentials_file(codex_home)), message)
}

fn forget_in_keyring(environment: &Environment, codex_home: &Path, provider: &str) -> Result<(), ConfigError> {
    keyring::forget(environment, provider)
        .map_err(|error| fault(codex_home, &format!("the key of `{provider}` is in the keyring: {error}")))
}

fn read(codex_home: &Path) -> Result<Entries, ConfigError> {
    let Some(source) = read_source(&credentials_file(codex_home))? else { return Ok(Entries::new()) };
    // Not in the parser's words: they show the line.
    let wrong = |error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| source.text.get(..span.start))
            .map_or(1, |text| text.matches('\n').count() + 1);
        fault(codex_home, &format!("line {line} is not in order; `codex logout --all` starts afresh"))
    };
    toml::from_str(&source.text).map_err(wrong)
}

/// Lets `work` change what is kept, and writes it if `work` says that it has. One process at a time.
///
/// With `afresh` a file that is not in order is taken for an empty one.
fn change(
    codex_home: &Path,
    afresh: bool,
    work: impl FnOnce(&mut Entries) -> Result<bool, ConfigError>,
) -> Result<(), ConfigError> {
    let failed = |error: io::Error| fault(codex_home, &format!("cannot be written: {error}"));
    let _one_at_a_time = lock(codex_home).map_err(failed)?;
    let mut entries = match read(codex_home) {
        Err(_) if afresh => Entries::new(),
        found => found?,
    };
    if !work(&mut entries)? {
        return Ok(());
    }
    write(codex_home, &entries).map_err(failed)
}

/// Puts a whole new file in the place of the old one, or removes it if nothing is kept. What was there, a link or a file
/// that others may read, is replaced and never written to.
fn write(codex_home: &Path, entries: &Entries) -> io::Result<()> {
    let path = credentials_file(codex_home);
    if entries.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let text = toml::to_string(entries).map_err(io::Error::other)?;
    // Made readable by the user alone.
    let mut file = tempfile::Builder::new().prefix(".credentials.toml-").tempfile_in(codex_home)?;
    file.write_all(HEAD.as_bytes())?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
