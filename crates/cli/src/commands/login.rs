//! `codex login` and `codex logout`: keys of providers are kept, told of and forgotten. No key is ever shown.

use std::io::{self, IsTerminal, Read};

use codex_config::{ConfigError, Environment, Keeper, KeySource, check_key, credentials_file, forget_keys, keep_key};
use codex_server::{ProviderKey, key_words, provider_keys};
use serde_json::json;

use crate::{
    args::{LoginArguments, LoginCommand, LogoutArguments, RunOptions, ThreadOptions},
    commands::say,
    exec::ExitStatus,
    hidden::{self, Typed},
    resolve, terminal,
};

/// Most bytes that are read from a pipe: more than the longest key.
const MOST: u64 = 64 * 1024;

/// Keeps a key, or says who has one.
///
/// # Errors
/// A sentence for the user when the configuration is wrong, or there is no such provider.
pub async fn run(
    thread: ThreadOptions,
    arguments: LoginArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let params = resolve::thread_start(&thread, &RunOptions::default())?;
    let found = provider_keys(&environment, params).map_err(|error| error.to_string())?;
    terminal::warn(&found.warnings);
    match arguments.command {
        Some(LoginCommand::Status { json }) => status(&found.providers, json, &environment),
        None => {
            let provider = chosen(&found.providers, arguments.provider.as_deref())?;
            let keeper = if arguments.keyring { Keeper::Keyring } else { Keeper::File };
            keep(provider, keeper, &environment).await
        }
    }
}

/// The provider of a name, or the selected one.
fn chosen<'a>(providers: &'a [ProviderKey], name: Option<&str>) -> Result<&'a ProviderKey, String> {
    let mut found = providers.iter().filter(|provider| name.map_or(provider.selected, |name| provider.id == name));
    found.next().ok_or_else(|| {
        let known: Vec<&str> = providers.iter().map(|provider| provider.id.as_str()).collect();
        format!("there is no provider `{}`; known: {}", name.unwrap_or_default(), known.join(", "))
    })
}

async fn keep(provider: &ProviderKey, keeper: Keeper, environment: &Environment) -> Result<ExitStatus, String> {
    let id = &provider.id;
    let Some(base_url) = &provider.base_url else {
        return Err(match provider.variable {
            Some(_) => {
                format!("the provider `{id}` has no address yet: set `base_url` in [model_providers.{id}] first")
            }
            None => format!("the provider `{id}` talks to no server, and takes no key"),
        });
    };
    let typed = match read(id).await.map_err(|error| format!("standard input: {error}"))? {
        Typed::Line(typed) => typed,
        Typed::Interrupted => return Ok(ExitStatus::Interrupted),
        Typed::Terminated => return Ok(ExitStatus::Terminated),
    };
    // What is no text has characters that no key has.
    let typed = String::from_utf8_lossy(&typed);
    let kept = check_key(&typed).and_then(|key| {
        keep_key(environment, (id, base_url), key, keeper).map_err(|error: ConfigError| error.to_string())
    });
    if let Err(message) = kept {
        terminal::complain(&message);
        return Ok(ExitStatus::Failed);
    }
    let place = match keeper {
        Keeper::Keyring => "the keyring".to_owned(),
        Keeper::File => {
            let home = environment.codex_home().map_err(|error| error.to_string())?;
            format!("{}, which you alone can read", credentials_file(&home).display())
        }
    };
    let outranked = match &provider.source {
        Ok(KeySource::Variable(name)) => format!("${name} is set, and outranks it.\n"),
        _ => String::new(),
    };
    say(&format!("The key of `{id}` is kept in {place}.\n{outranked}"))
}

/// From a person, or what is piped in.
async fn read(provider: &str) -> io::Result<Typed> {
    if io::stdin().is_terminal() {
        return hidden::line(&terminal::harmless(&format!("Key of `{provider}` (it is not shown): "))).await;
    }
    let mut piped = Vec::new();
    io::stdin().lock().take(MOST).read_to_end(&mut piped)?;
    Ok(Typed::Line(piped))
}

fn status(providers: &[ProviderKey], as_json: bool, environment: &Environment) -> Result<ExitStatus, String> {
    let home = environment.codex_home().map_err(|error| error.to_string())?;
    let has_key = |provider: &ProviderKey| !matches!(provider.source, Ok(KeySource::Missing | KeySource::NotNeeded));
    let providers: Vec<_> = providers.iter().filter(|provider| provider.configured || has_key(provider)).collect();
    let has_none = |provider: &ProviderKey| matches!(provider.source, Ok(KeySource::Missing) | Err(_));
    let missing = providers.iter().any(|provider| provider.selected && has_none(provider));
    if as_json {
        let all: Vec<_> = providers.iter().map(|provider| object(provider)).collect();
        super::write(format!("{}\n", json!({ "providers": all })).as_bytes())?;
    } else {
        say(&providers.iter().map(|provider| line(provider, &home)).collect::<String>())?;
    }
    Ok(if missing { ExitStatus::Failed } else { ExitStatus::Done })
}

fn object(provider: &ProviderKey) -> serde_json::Value {
    let (source, problem) = match &provider.source {
        Ok(source) => (source.word(), None),
        Err(problem) => ("error", Some(problem)),
    };
    json!({
        "id": provider.id,
        "selected": provider.selected,
        "source": source,
        "variable": provider.variable,
        "error": problem,
    })
}

fn line(provider: &ProviderKey, home: &std::path::Path) -> String {
    let name = if provider.selected { format!("{} (selected)", provider.id) } else { provider.id.clone() };
    let said = match &provider.source {
        Ok(KeySource::Missing) => {
            let variable = provider.variable.as_ref().map(|name| format!(", or set {name}")).unwrap_or_default();
            format!("no key; `codex login --provider {}` keeps one{variable}", provider.id)
        }
        Ok(source) => format!("key {}", key_words(source, home)),
        Err(problem) => problem.clone(),
    };
    format!("{name}: {said}\n")
}

/// Forgets keys.
///
/// # Errors
/// A sentence for the user when the configuration, which says whose key is meant, is wrong.
pub fn forget(
    thread: &ThreadOptions,
    arguments: LogoutArguments,
    environment: &Environment,
) -> Result<ExitStatus, String> {
    let provider = match (arguments.all, arguments.provider) {
        (true, _) => None,
        // Whatever it is called: the configuration may not know it any more.
        (false, Some(name)) => Some(name),
        (false, None) => {
            let params = resolve::thread_start(thread, &RunOptions::default())?;
            let found = provider_keys(environment, params).map_err(|error| error.to_string())?;
            Some(chosen(&found.providers, None)?.id.clone())
        }
    };
    match forget_keys(environment, provider.as_deref()) {
        Ok(forgotten) if forgotten.is_empty() => {
            let whose = provider.map(|name| format!(" of `{name}`")).unwrap_or_default();
            say(&format!("No key{whose} was kept.\n"))
        }
        Ok(forgotten) => {
            say(&forgotten.iter().map(|name| format!("The key of `{name}` is forgotten.\n")).collect::<String>())
        }
        Err(error) => {
            terminal::complain(&error.to_string());
            Ok(ExitStatus::Failed)
        }
    }
}
