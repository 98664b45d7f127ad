//! What a login to a server of tools came to: in `mcp_credentials.json` of the user's own directory, readable by the user
//! alone, or in the keyring of the system, where the file says so. What it means is not known here.
//!
//! It is kept with the address that it was given for and is offered to no other.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::edit::lock;
use crate::files::read_source;
use crate::{ConfigError, Environment, Origin, keyring};

/// Name of the file.
const FILE: &str = "mcp_credentials.json";
/// Name of the file that one who has a token renewed holds.
const LOCK: &str = "mcp_credentials.lock";
/// Before the names of servers in the keyring.
const IN_KEYRING: &str = "mcp:";

/// What is kept for one server.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Address of the server.
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keyring: bool,
}

type Entries = BTreeMap<String, Entry>;

/// The file, whether it exists or not.
pub fn mcp_tokens_file(codex_home: &Path) -> PathBuf {
    codex_home.join(FILE)
}

/// Keeps what a login to `server` at `url` came to; what it had is replaced.
///
/// # Errors
/// The file cannot be read or written, or there is no keyring; then nothing is kept anywhere.
pub fn keep_mcp_tokens(
    environment: &Environment,
    (server, url): (&str, &str),
    tokens: &str,
    in_keyring: bool,
) -> Result<(), ConfigError> {
    let codex_home = environment.codex_home()?;
    change(&codex_home, |entries| {
        let name = format!("{IN_KEYRING}{server}");
        if in_keyring {
            keyring::keep(environment, &name, tokens).map_err(|error| {
                fault(&codex_home, &format!("nothing was stored: the keyring cannot keep it: {error}"))
            })?;
        } else if entries.get(server).is_some_and(|old| old.keyring) {
            // Where the keyring is gone, so is what it had.
            let _ = keyring::forget(environment, &name);
        }
        let tokens = (!in_keyring).then(|| tokens.to_owned());
        entries.insert(server.to_owned(), Entry { url: url.to_owned(), tokens, keyring: in_keyring });
        Ok(true)
    })
}

/// What is kept for `server`, if it was given for `url`.
///
/// # Errors
/// The file cannot be read, or the keyring cannot be asked.
pub fn mcp_tokens(environment: &Environment, server: &str, url: &str) -> Result<Option<String>, ConfigError> {
    // Without a home there is nothing kept.
    let Ok(codex_home) = environment.codex_home() else { return Ok(None) };
    match read(&codex_home)?.remove(server).filter(|entry| entry.url == url) {
        Some(entry) if entry.keyring => keyring::find(environment, &format!("{IN_KEYRING}{server}"))
            .map_err(|error| fault(&codex_home, &format!("the tokens of `{server}` are in the keyring: {error}"))),
        entry => Ok(entry.and_then(|entry| entry.tokens)),
    }
}

/// Whether something is kept for `server` at `url`; the keyring is not asked whether it still has it.
///
/// # Errors
/// The file cannot be read.
pub fn has_mcp_tokens(environment: &Environment, server: &str, url: &str) -> Result<bool, ConfigError> {
    let Ok(codex_home) = environment.codex_home() else { return Ok(false) };
    Ok(read(&codex_home)?.get(server).is_some_and(|entry| entry.url == url))
}

/// Forgets what is kept for `server`. Whether there was something.
///
/// # Errors
/// As [`keep_mcp_tokens`]; what could not be removed is still named in the file.
pub fn forget_mcp_tokens(environment: &Environment, server: &str) -> Result<bool, ConfigError> {
    let codex_home = environment.codex_home()?;
    let mut was_there = false;
    change(&codex_home, |entries| {
        if entries.get(server).is_some_and(|entry| entry.keyring) {
            keyring::forget(environment, &format!("{IN_KEYRING}{server}")).map_err(|error| {
                fault(&codex_home, &format!("the tokens of `{server}` are in the keyring: {error}"))
            })?;
        }
        was_there = entries.remove(server).is_some();
        Ok(was_there)
    })?;
    Ok(was_there)
}

/// The right to have tokens renewed: whoever else wants it, in whatever process, waits until this is dropped. Takes as long
/// as others need.
///
/// # Errors
/// It cannot be made.
pub fn renewing_mcp_tokens(environment: &Environment) -> Result<File, ConfigError> {
    let codex_home = environment.codex_home()?;
    let failed = |error: io::Error| fault(&codex_home, &format!("cannot be locked: {error}"));
    DirBuilder::new().recursive(true).mode(0o700).create(&codex_home).map_err(failed)?;
    let mut options = File::options();
    let file =
        options.write(true).create(true).truncate(false).mode(0o600).open(codex_home.join(LOCK)).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn fault(codex_home: &Path, message: &str) -> ConfigError {
    ConfigError::new(Origin::WholeFile(mcp_tokens_file(codex_home)), message)
}

fn read(codex_home: &Path) -> Result<Entries, ConfigError> {
    let Some(source) = read_source(&mcp_tokens_file(codex_home))? else { return Ok(Entries::new()) };
    // Not in the parser's words: they may show what stands there.
    serde_json::from_str(&source.text).map_err(|error| {
        let message = format!("line {} is not in order; remove the file and log in again", error.line());
        fault(codex_home, &message)
    })
}

/// Lets `work` change what is kept, and writes it if `work` says that it has. One process at a time.
fn change(codex_home: &Path, work: impl FnOnce(&mut Entries) -> Result<bool, ConfigError>) -> Result<(), ConfigError> {
    let failed = |error: io::Error| fault(codex_home, &format!("cannot be written: {error}"));
    let _one_at_a_time = lock(codex_home).map_err(failed)?;
    let mut entries = read(codex_home)?;
    if !work(&mut entries)? {
        return Ok(());
    }
    write(codex_home, &entries).map_err(failed)
}

/// Puts a whole new file in the place of the old one, or removes it if nothing is kept. What was there, a link or a file
/// that others may read, is replaced and never written to.
fn write(codex_home: &Path, entries: &Entries) -> io::Result<()> {
    let path = mcp_tokens_file(codex_home);
    if entries.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    // Made readable by the user alone.
    let mut file = tempfile::Builder::new().prefix(".mcp_credentials-").tempfile_in(codex_home)?;
    file.write_all(serde_json::to_string_pretty(entries).map_err(io::Error::other)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
