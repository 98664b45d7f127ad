//! The keyring of the system: the Secret Service of the session's D-Bus (specifications.freedesktop.org/secret-service),
//! which GNOME Keyring, KWallet and others are.
//!
//! Nothing is asked of it unless the user said that a key is to be kept there. Over the bus the key goes as it is: its
//! socket is the user's own, and commands in the sandbox do not reach it.

use std::collections::HashMap;

use dbus_secret_service::{Collection, EncryptionType, Error, Item, SecretService};

use crate::{Environment, variables};

/// How long the user may take to unlock the keyring, in seconds.
const PATIENCE: u64 = 120;
/// Kind of the contents.
const TEXT: &str = "text/plain";

/// Keeps `key` for `provider`; one it had is replaced.
///
/// # Errors
/// Why it is not kept, in words for people.
pub(crate) fn keep(environment: &Environment, provider: &str, key: &str) -> Result<(), String> {
    let service = connect(environment)?;
    let kept = (|| {
        let collection = unlocked(&service)?;
        let label = format!("codex: key of {provider}");
        collection.create_item(&label, attributes(provider), key.as_bytes(), true, TEXT)?;
        Ok(())
    })();
    kept.map_err(|error| words(&error))
}

/// The key of `provider`; `None` if there is none.
///
/// # Errors
/// Why it cannot be had, in words for people.
pub(crate) fn find(environment: &Environment, provider: &str) -> Result<Option<String>, String> {
    let service = connect(environment)?;
    let found = (|| {
        let Some(item) = items(&service, provider)?.into_iter().next() else { return Ok(None) };
        item.ensure_unlocked().or_else(|_| item.unlock())?;
        Ok(Some(item.get_secret()?))
    })();
    let Some(secret) = found.map_err(|error| words(&error))? else { return Ok(None) };
    String::from_utf8(secret).map(Some).map_err(|_| "what it holds is not text".into())
}

/// Removes the key of `provider`. That there is none is no error.
///
/// # Errors
/// Why it is still there, in words for people.
pub(crate) fn forget(environment: &Environment, provider: &str) -> Result<(), String> {
    let service = connect(environment)?;
    let forgotten = items(&service, provider).and_then(|items| {
        items.iter().try_for_each(|item| {
            item.ensure_unlocked().or_else(|_| item.unlock())?;
            item.delete()
        })
    });
    forgotten.map_err(|error| words(&error))
}

/// Without an address the D-Bus library would start a bus of its own (dbus-launch(1)), in which nobody keeps anything.
fn connect(environment: &Environment) -> Result<SecretService, String> {
    if environment.get_os(variables::DBUS_SESSION_BUS_ADDRESS).is_none() {
        return Err("there is none here: DBUS_SESSION_BUS_ADDRESS is not set".into());
    }
    SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, PATIENCE).map_err(|error| words(&error))
}

fn unlocked(service: &SecretService) -> Result<Collection<'_>, Error> {
    let collection = service.get_default_collection()?;
    collection.ensure_unlocked().or_else(|_| collection.unlock())?;
    Ok(collection)
}

/// What is kept for `provider`, what is not locked first.
fn items<'a>(service: &'a SecretService, provider: &str) -> Result<Vec<Item<'a>>, Error> {
    let found = service.search_items(attributes(provider))?;
    Ok(found.unlocked.into_iter().chain(found.locked).collect())
}

fn attributes(provider: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", "codex"), ("provider", provider)])
}

fn words(error: &Error) -> String {
    match error {
        Error::Unavailable => "no keyring service answers on this session's D-Bus".into(),
        Error::NoResult => {
            "it has no default collection; make one with its own program (Seahorse, KWalletManager)".into()
        }
        Error::Locked | Error::Prompt => "it stays locked".into(),
        other => other.to_string(),
    }
}
