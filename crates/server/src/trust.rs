//! Whether the user trusts a project: asked of the client before a thread is built, and remembered.
//!
//! It must never trust other bytes than those that were shown: what is accepted is hashes, and the files are read anew.

use std::path::Path;

use codex_config::{Held, LoadRequest, Origin, ProjectFile, ProjectTrust, Verdict};
use codex_protocol::{
    ApprovalDecision, HeldSetting, ProjectTrustParams, RpcError, ServerMessage, ServerNotification, ServerRequest,
    ServerRequestResolved, UntrustedFile,
};

use crate::{
    Server,
    build::{Wanted, configuration},
};

/// Asks a client that can be asked whether it trusts what the project's files would set, if something would be held back.
/// With a yes, `wanted` accepts these files as they were shown. What the user should know of it.
pub(crate) async fn ask(
    server: &Server,
    thread_id: &str,
    codex_home: &Path,
    wanted: &mut Wanted,
) -> Result<Vec<String>, RpcError> {
    if !wanted.asks_trust {
        return Ok(Vec::new());
    }
    // What is held back is a warning: a strict load would end with it.
    let request = LoadRequest { strict: false, ..wanted.request(&server.environment, codex_home) };
    let trust = codex_config::load(&request).map_err(|error| configuration(&error.to_string()))?.trust;
    if trust.untrusted().next().is_none() {
        return Ok(Vec::new());
    }
    let params = ProjectTrustParams {
        thread_id: thread_id.to_owned(),
        cwd: wanted.cwd.display().to_string(),
        root: trust.root.display().to_string(),
        files: trust.untrusted().map(untrusted_file).collect(),
        available_decisions: vec![ApprovalDecision::Accept, ApprovalDecision::Decline],
    };
    if !answered_yes(server, thread_id, params).await {
        return Ok(Vec::new());
    }
    wanted.accepted = trust.hashes();
    Ok(remember(codex_home, &trust).into_iter().collect())
}

/// Remembers what is trusted; the warning, if that cannot be done.
pub(crate) fn remember(codex_home: &Path, trust: &ProjectTrust) -> Option<String> {
    let hashes = trust.hashes();
    if hashes.is_empty() {
        return None;
    }
    let error = codex_config::trust(codex_home, &trust.root, &hashes).err()?;
    Some(format!("this project is trusted for this time only: {error}"))
}

/// Whoever has gone, or goes, has said no.
async fn answered_yes(server: &Server, thread_id: &str, params: ProjectTrustParams) -> bool {
    let (id, answered) = server.questions.put_plain();
    let request = ServerRequest::ProjectTrust(params);
    let heard = server.events.send(ServerMessage::Request { id, request }).await.is_ok();
    let yes = tokio::select! {
        yes = answered, if heard => yes,
        () = server.events.closed() => false,
    };
    server.questions.withdraw(id);
    let resolved = ServerRequestResolved { thread_id: thread_id.to_owned(), request_id: id };
    server.tell(ServerNotification::ServerRequestResolved(resolved)).await;
    yes
}

fn untrusted_file(file: &ProjectFile) -> UntrustedFile {
    let trusted_at = match &file.verdict {
        Verdict::Changed(at) => Some(at.clone()),
        Verdict::Trusted | Verdict::Unknown => None,
    };
    UntrustedFile {
        path: file.path.display().to_string(),
        changed: trusted_at.is_some(),
        trusted_at,
        held: file.held.iter().map(held_setting).collect(),
    }
}

fn held_setting(held: &Held) -> HeldSetting {
    let (line, column) = match held.origin {
        Origin::File { line, column, .. } => (line, column),
        _ => (1, 1),
    };
    let Held { key, value, instead, adds, removes, .. } = held.clone();
    HeldSetting { key, line, column, value, instead, adds, removes }
}
