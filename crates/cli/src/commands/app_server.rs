//! `codex app-server`, `codex acp`, `codex mcp-server`: servers for a program that has started this one, each in a protocol
//! of its own.

use std::path::Path;

use codex_client::Connection;
use codex_config::Environment;
use codex_faces::{serve_acp, serve_mcp};
use codex_protocol::ThreadStartParams;
use codex_server::{Facts, serve_json};
use tokio::sync::mpsc;

use crate::{
    args::{AppServerArguments, FaceArguments, RunOptions, ThreadOptions},
    commands::serve,
    exec::ExitStatus,
    resolve, stdio,
};

/// Serves until standard input ends, or somebody says to stop.
///
/// # Errors
/// A sentence for the user when what was typed is wrong, or nothing can be read.
pub async fn run(
    outer: ThreadOptions,
    arguments: AppServerArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let AppServerArguments { thread, cassette, listen, stdio: _ } = arguments;
    if let Some(address) = listen.filter(|address| address != "stdio://") {
        return serve::run(outer.then(thread), serve::at(address, cassette), environment).await;
    }
    let home = environment.codex_home().map_err(|error| error.to_string())?;
    let thread = outer.then(thread);
    let defaults = resolve::thread_start(&thread, &RunOptions::default())?;
    let cassette = resolve::cassette(&cassette, &resolve::workspace(&thread)?)?;
    let facts = Facts { codex_home: resolve::utf8("CODEX_HOME", Path::new(&home))?, defaults };
    stdio::serve(environment, cassette, |pair, incoming, outgoing| serve_json(pair, facts, incoming, outgoing)).await
}

/// As [`run`], for editors.
///
/// # Errors
/// As [`run`].
pub async fn acp(
    outer: ThreadOptions,
    arguments: FaceArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    face(outer, arguments, environment, serve_acp).await
}

/// As [`run`], for other agents.
///
/// # Errors
/// As [`run`].
pub async fn mcp(
    outer: ThreadOptions,
    arguments: FaceArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    face(outer, arguments, environment, serve_mcp).await
}

/// Serves in another program's protocol, which `serve` speaks.
async fn face<F: Future<Output = ()>>(
    outer: ThreadOptions,
    FaceArguments { thread, cassette }: FaceArguments,
    environment: Environment,
    serve: impl FnOnce(Connection, ThreadStartParams, mpsc::Receiver<String>, mpsc::Sender<String>) -> F,
) -> Result<ExitStatus, String> {
    let thread = outer.then(thread);
    let defaults = resolve::thread_start(&thread, &RunOptions::default())?;
    let cassette = resolve::cassette(&cassette, &resolve::workspace(&thread)?)?;
    stdio::serve(environment, cassette, |(calls, events), incoming, outgoing| {
        serve(Connection::new(calls, events), defaults, incoming, outgoing)
    })
    .await
}
