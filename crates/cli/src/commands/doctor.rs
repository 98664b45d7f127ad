//! `codex doctor`: what a session would stumble over here, a line each, and what to do about it.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use codex_config::{Environment, variables};
use codex_server::{Check, Status, diagnose};
use rustix::termios::tcgetwinsize;
use serde_json::json;

use crate::{
    args::{DoctorArguments, RunOptions, ThreadOptions},
    commands::{exec::OWN_PROGRAM, say},
    exec::ExitStatus,
    resolve, terminal,
};

/// Looks, and prints what was found.
///
/// # Errors
/// A sentence for the user when what was typed is wrong.
pub async fn run(
    thread: ThreadOptions,
    arguments: DoctorArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let params = resolve::thread_start(&thread.then(arguments.thread), &RunOptions::default())?;
    let mut checks = vec![terminal_check(&environment)];
    checks.extend(diagnose(&environment, Path::new(OWN_PROGRAM), params, arguments.offline).await);
    let worst = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    match arguments.json {
        true => super::write(format!("{}\n", object(&checks, worst)).as_bytes())?,
        false => say(&checks.iter().map(lines).collect::<String>())?,
    };
    Ok(if worst == Status::Fail { ExitStatus::Failed } else { ExitStatus::Done })
}

fn object(checks: &[Check], worst: Status) -> serde_json::Value {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({
                "name": check.name,
                "status": check.status.word(),
                "detail": check.detail,
                "advice": check.advice,
            })
        })
        .collect();
    json!({ "checks": checks, "status": worst.word() })
}

fn lines(check: &Check) -> String {
    let one_line = |text: &str| terminal::harmless(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = format!("{:<5} {:<14} {}\n", check.status.word(), check.name, one_line(&check.detail));
    if let Some(advice) = &check.advice {
        text += &format!("{:21}→ {}\n", "", one_line(advice));
    }
    text
}

/// What the terminal can do. Where there is none, nothing is missing.
fn terminal_check(environment: &Environment) -> Check {
    const NAME: &str = "terminal";
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return Check::ok(NAME, "standard output is not a terminal");
    }
    let term = environment.get(variables::TERM).unwrap_or("dumb");
    let size = tcgetwinsize(&stdout).ok().filter(|size| size.ws_col > 0);
    let size_words = size.map_or("of unknown size".to_owned(), |size| format!("{}×{}", size.ws_col, size.ws_row));
    let unicode = [variables::LC_ALL, variables::LC_CTYPE, variables::LANG]
        .into_iter()
        .find_map(|name| environment.get(name))
        .is_some_and(is_utf8);
    let detail = [
        term.to_owned(),
        size_words,
        colors(term, environment).to_owned(),
        if unicode { "UTF-8" } else { "no UTF-8" }.to_owned(),
    ]
    .join(", ");
    if term == "dumb" {
        return Check::warn(NAME, detail, "set TERM to what your terminal is, such as xterm-256color");
    }
    if !unicode {
        return Check::warn(NAME, detail, "set LANG to a locale with UTF-8, such as C.UTF-8");
    }
    if size.is_some_and(|size| size.ws_col < 40) {
        return Check::warn(NAME, detail, "make it wider: lines of less than 40 columns break badly");
    }
    Check::ok(NAME, detail)
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn colors(term: &str, environment: &Environment) -> &'static str {
    match environment.get(variables::COLORTERM) {
        _ if environment.get(variables::NO_COLOR).is_some() => "colours off (NO_COLOR)",
        _ if term == "dumb" => "no colours",
        Some("truecolor" | "24bit") => "24-bit colours",
        _ if term.contains("256color") => "256 colours",
        _ => "8 colours",
    }
}
