//! `codex mcp login` and `logout`: a person agrees in a browser, here or elsewhere.

use std::{
    io::{self, IsTerminal as _, Read as _},
    time::Duration,
};

use codex_config::{Environment, Loaded};
use codex_server::{LOGIN_TIME, McpLogin, mcp_logout};
use codex_tui::Page;

use crate::{
    args::ColorChoice,
    browser,
    commands::say,
    exec::ExitStatus,
    hidden::{self, Typed},
    terminal::{self, Progress, Style},
};

/// Most bytes that are read from a pipe.
const MOST: u64 = 64 * 1024;

/// How to log in.
pub struct How {
    /// The server.
    pub name: String,
    /// Rights to ask for.
    pub scopes: Vec<String>,
    /// Whether the person's browser is left alone.
    pub no_browser: bool,
    /// Seconds that it may take.
    pub timeout: Option<u64>,
}

/// How a wait for a person ended.
enum Ended {
    Done,
    Failed(String),
    Status(ExitStatus),
}

/// Logs in.
///
/// # Errors
/// A sentence for the user when there is no such server, or no login.
pub async fn run(loaded: &Loaded, how: How, environment: &Environment) -> Result<ExitStatus, String> {
    let How { name, scopes, no_browser, timeout } = how;
    let scopes = (!scopes.is_empty()).then_some(scopes);
    let login = match McpLogin::begin(environment, &loaded.settings.mcp, &name, scopes).await {
        Ok(login) => login,
        Err(message) => return failed(&message),
    };
    let opened = match Page::read(login.address()) {
        Ok(page) if !no_browser => browser::open(environment, &page).await,
        _ => None,
    };
    let lead = if opened.is_some() { "Your browser is asked to open" } else { "Log in at" };
    let progress = Progress::new(ColorChoice::Never, environment);
    progress.line(Style::Plain, &format!("{lead}\n\n  {}\n", login.address()));
    let limit = timeout.map_or(LOGIN_TIME, Duration::from_secs);
    let ended = if opened.is_some() { by_browser(&login, limit).await } else { by_hand(&login, limit).await };
    drop(opened);
    match ended {
        Ended::Done => say(&format!("You are logged in to `{name}`; `codex mcp logout {name}` ends it.\n")),
        Ended::Failed(message) => failed(&message),
        Ended::Status(status) => Ok(status),
    }
}

fn failed(message: &str) -> Result<ExitStatus, String> {
    terminal::complain(message);
    Ok(ExitStatus::Failed)
}

async fn by_browser(login: &McpLogin, limit: Duration) -> Ended {
    match login.wait(limit).await {
        Ok(()) => Ended::Done,
        Err(message) => Ended::Failed(message),
    }
}

/// Waits for what comes first: the browser of this machine, or what is pasted.
async fn by_hand(login: &McpLogin, limit: Duration) -> Ended {
    let waits = login.wait(limit);
    tokio::select! {
        done = waits => match done {
            Ok(()) => Ended::Done,
            Err(message) => Ended::Failed(message),
        },
        ended = pasted(login) => ended,
        () = tokio::time::sleep(limit) => Ended::Failed(format!("nobody has logged in within {} s", limit.as_secs())),
    }
}

async fn pasted(login: &McpLogin) -> Ended {
    let question =
        format!("Paste the code, or the address that you were led to ({}…); it is not shown: ", login.redirect());
    if !io::stdin().is_terminal() {
        let read = tokio::task::spawn_blocking(|| {
            let mut text = String::new();
            io::stdin().lock().take(MOST).read_to_string(&mut text).map(|_| text)
        });
        return match read.await.unwrap_or_else(|_| Ok(String::new())) {
            // Nobody says anything here: the browser may yet.
            Ok(text) if text.trim().is_empty() => std::future::pending().await,
            Ok(text) => match login.pasted(&text).await {
                Ok(()) => Ended::Done,
                Err(message) => Ended::Failed(message),
            },
            Err(error) => Ended::Failed(format!("standard input: {error}")),
        };
    }
    loop {
        match hidden::line(&terminal::harmless(&question)).await {
            Err(error) => return Ended::Failed(format!("the terminal: {error}")),
            Ok(Typed::Interrupted) => return Ended::Status(ExitStatus::Interrupted),
            Ok(Typed::Terminated) => return Ended::Status(ExitStatus::Terminated),
            Ok(Typed::Line(line)) => match login.pasted(&String::from_utf8_lossy(&line)).await {
                Ok(()) => return Ended::Done,
                Err(message) => terminal::complain(&message),
            },
        }
    }
}

/// Ends a login, also to a server that is not configured any more.
///
/// # Errors
/// A sentence for the user when it cannot be forgotten; `missing` if there is neither a login nor such a server.
pub async fn forget(
    loaded: &Loaded,
    name: &str,
    environment: &Environment,
    missing: String,
) -> Result<ExitStatus, String> {
    match mcp_logout(environment, &loaded.settings.mcp, name).await {
        Ok(None) if !loaded.settings.mcp.servers.contains_key(name) => Err(missing),
        Ok(None) => say(&format!("You were not logged in to `{name}`.\n")),
        Ok(Some(true)) => say(&format!("You are logged out of `{name}`; its token is given back.\n")),
        Ok(Some(false)) => say(&format!("You are logged out of `{name}`.\n")),
        Err(message) => failed(&message),
    }
}
