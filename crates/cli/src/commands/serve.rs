//! `codex serve` and `--serve`: sessions for programs elsewhere, until it is stopped; and the tokens that open them.

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use codex_config::{Environment, Settings};
use codex_protocol::{SandboxMode, SessionSource, ThreadStartParams};
use codex_server::{
    Ceiling, Facts, Hub,
    auth::{self, Tokens},
    transports::{Bound, Certificate, Gate, Listening, Origins, bind},
};
use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::{Access, CassetteOptions, RunOptions, ServeArguments, ServeCommand, ThreadOptions, TokenCommand},
    commands::{exec::OWN_PROGRAM, say},
    exec::ExitStatus,
    open_files, resolve, terminal,
};

/// How long turns that run may take when the server is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// How long clients may take to hear what was said last.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Lets others work here until somebody says to stop, or does what is wanted with tokens.
///
/// # Errors
/// A sentence for the user.
pub async fn run(
    outer: ThreadOptions,
    arguments: ServeArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let ServeArguments { thread, address, access, cassette, command } = arguments;
    let home = environment.codex_home().map_err(|error| error.to_string())?;
    if let Some(ServeCommand::Token(command)) = command {
        return token(&home, command);
    }
    let thread = outer.then(thread);
    let defaults = resolve::thread_start(&thread, &RunOptions::default())?;
    // What is wrong with the configuration is said now, not to the first client.
    let found = codex_server::settings(&environment, defaults.clone()).map_err(|error| error.message)?;
    let ceiling = ceiling(&thread, &access, &defaults, found.settings)?;
    let cassette = resolve::cassette(&cassette, &resolve::workspace(&thread)?)?;
    let failed = |error: io::Error| format!("cannot listen: {error}");
    let (mut stop, mut interrupt) =
        (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?);
    let bound = bind(&address).await?;
    let gate = gate(&access, &bound, &home)?;
    let certificate = certificate(&access, &bound, &home)?;
    let facts = Facts { codex_home: resolve::utf8("CODEX_HOME", Path::new(&home))?, defaults };
    let secrets = [access.token_file.as_deref(), access.tls_key.as_deref(), bound.file()];
    let secrets: io::Result<Vec<_>> = secrets.into_iter().flatten().map(std::path::absolute).collect();
    let environment = environment.hiding(secrets.map_err(failed)?);
    open_files::as_many_as_allowed();
    let hub = Hub::start(environment, OWN_PROGRAM.into(), SessionSource::AppServer, Some(ceiling), cassette);
    announce(&bound, &gate, certificate.as_ref(), &access, &home)?;
    let listening = Listening::new(Arc::clone(&hub), facts, gate, certificate);
    let stopped = tokio::select! {
        () = listening.serve(&bound) => ExitStatus::Failed,
        _ = stop.recv() => ExitStatus::Done,
        _ = interrupt.recv() => ExitStatus::Done,
    };
    // Who is connected hears how turns end; a second signal does not wait.
    let end = async {
        hub.drain(GRACE).await;
        listening.quiet(LAST_WORDS).await;
    };
    tokio::select! {
        () = end => {}
        () = listening.serve(&bound) => {}
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(stopped)
}

/// Where sessions may work, behind which walls and with what limits.
fn ceiling(
    thread: &ThreadOptions,
    access: &Access,
    defaults: &ThreadStartParams,
    settings: Settings,
) -> Result<Ceiling, String> {
    let mut roots = vec![resolve::workspace(thread)?];
    for path in access.allow_cwd.iter().chain(&thread.add_dir) {
        roots.push(resolve::directory("--allow-cwd", path)?);
    }
    let configured = match settings.sandbox {
        codex_config::SandboxMode::ReadOnly => SandboxMode::ReadOnly,
        // Others work without walls only where the command line says so.
        _ => SandboxMode::WorkspaceWrite,
    };
    let sandbox = thread.sandbox.map_or(configured, resolve::sandbox_mode);
    Ok(Ceiling { roots, sandbox, limits: settings.limits, defaults: defaults.clone() })
}

/// Who is let in.
fn gate(access: &Access, bound: &Bound, home: &Path) -> Result<Gate, String> {
    let is_local = bound.is_local();
    let tokens = match (&access.token_file, bound) {
        _ if access.insecure_no_auth && !is_local => {
            return Err(
                "--insecure-no-auth: others than this machine can connect; only a loopback address goes without \
                a token"
                    .into(),
            );
        }
        _ if access.insecure_no_auth => None,
        // The kernel says whose client it is.
        (_, Bound::Unix(..)) => None,
        (Some(path), _) => Some(Tokens::only(auth::read_token(path)?)?),
        (None, _) => Some(Tokens::of(home)?),
    };
    let origins = Origins {
        origins: access.allow_origin.iter().cloned().collect(),
        hosts: access.allow_host.iter().cloned().collect(),
    };
    Ok(Gate { tokens: tokens.map(Arc::new), origins, is_local })
}

/// What makes connections secret, if they are to be.
fn certificate(access: &Access, bound: &Bound, home: &Path) -> Result<Option<Certificate>, String> {
    match (&access.tls_cert, &access.tls_key, bound) {
        (None, None, _) if !access.tls => Ok(None),
        (_, _, Bound::Unix(..)) => Err("TLS is for HOST:PORT: a local socket needs none".into()),
        (Some(certificate), Some(key), _) => Certificate::read(certificate, key).map(Some),
        _ => Certificate::own(home).map(Some),
    }
}

/// Says where it listens and what to type elsewhere. The token is for the terminal alone, never for a log.
fn announce(
    bound: &Bound,
    gate: &Gate,
    certificate: Option<&Certificate>,
    access: &Access,
    home: &Path,
) -> Result<(), String> {
    let secured = |url: String| match certificate {
        Some(certificate) => url.replacen("ws://", "wss://", 1) + &certificate.suffix(),
        None => url,
    };
    let mut text = format!("listening on {}\n", secured(bound.url()));
    text += &format!("type elsewhere: codex --remote {}\n", secured(bound.url_elsewhere()));
    if let Some(tokens) = &gate.tokens {
        let file = access.token_file.clone().unwrap_or_else(|| codex_client::remote::token_file(home));
        if io::stdout().is_terminal() {
            text += &format!("token: {}\n", tokens.own());
        }
        text += &format!("the token is in {}\n", file.display());
    }
    terminal::print(&terminal::harmless(&text)).map_err(|error| format!("standard output: {error}"))?;
    if access.insecure_no_auth {
        terminal::complain("warning: --insecure-no-auth: every program on this machine can work here as you");
    }
    if !bound.is_local() && certificate.is_none() {
        let port = bound.port().unwrap_or_default();
        terminal::complain(&format!(
            "warning: without TLS whoever is on the way can read and change everything. Listen on 127.0.0.1 and use \
             `ssh -L {port}:localhost:{port} HOST` elsewhere, with `codex --remote ws://localhost:{port}`",
        ));
    }
    Ok(())
}

fn token(home: &Path, command: TokenCommand) -> Result<ExitStatus, String> {
    match command {
        TokenCommand::Add { name, expires } => {
            let expires_at = expires.map(|after| now() + i64::try_from(after.as_secs()).unwrap_or(i64::MAX / 2));
            let token = auth::add_token(home, &name, expires_at)?;
            say(&format!("{token}\n"))
        }
        TokenCommand::List { json: true } => {
            let tokens = auth::list_tokens(home)?;
            let object = |token: &auth::NamedToken| json!({ "name": token.name, "madeAt": token.made_at, "expiresAt": token.expires_at });
            let tokens: Vec<_> = tokens.iter().map(object).collect();
            super::write(format!("{}\n", json!({ "tokens": tokens })).as_bytes())
        }
        TokenCommand::List { json: false } => {
            let tokens = auth::list_tokens(home)?;
            if tokens.is_empty() {
                return say("there are no tokens with names; `codex serve token add NAME` makes one\n");
            }
            say(&tokens.iter().map(line).collect::<String>())
        }
        TokenCommand::Revoke { name } => {
            auth::revoke_token(home, &name)?;
            say(&format!("{name} opens nothing any more\n"))
        }
    }
}

fn line(token: &auth::NamedToken) -> String {
    let until = match token.expires_at {
        None => "for ever".to_owned(),
        Some(end) if end <= now() => "no more".to_owned(),
        Some(end) => format!("until {}", day(end)),
    };
    format!("{}  made {}, opens {until}\n", token.name, day(token.made_at))
}

fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| "?".into(), |at| at.to_string())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The arguments of `--serve ADDRESS`.
pub fn at(address: String, cassette: CassetteOptions) -> ServeArguments {
    let (thread, access) = (ThreadOptions::default(), Access::default());
    ServeArguments { thread, address, access, cassette, command: None }
}
