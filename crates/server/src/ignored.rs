//! The ignore files of a directory become part of the policy: what they name is hidden, and they are protected.

use std::path::PathBuf;

use codex_agent::{IgnoreFiles, tracked};
use codex_permissions::Policy;
use codex_protocol::RpcError;
use codex_sandbox::Sandbox;
use codex_workspace::{Found, IGNORE_FILE, Ignored};

use crate::{
    build::configuration,
    policy::{Ground, places},
};

/// A policy, and what it was made for.
pub(crate) struct Held {
    pub(crate) policy: Policy,
    /// The repositories that there were.
    pub(crate) found: Found,
    /// What ignore files name.
    pub(crate) ignored: Ignored,
    /// Where they are looked for.
    pub(crate) ignore_files: IgnoreFiles,
}

/// `policy` with what ignore files name hidden. `is_deeper`: whether there is one somewhere below; `None`: it was not
/// looked for.
///
/// # Errors
/// One cannot be held to: it cannot be read, has a line that means nothing, or names too much.
pub(crate) async fn hold(
    ground: &Ground<'_>,
    mut policy: Policy,
    found: Found,
    is_deeper: Option<bool>,
) -> Result<Held, RpcError> {
    let mut names = vec![IGNORE_FILE.to_owned()];
    names.extend(ground.settings.ignore_files.iter().filter(|name| *name != IGNORE_FILE).cloned());
    let projects = places(ground.environment, &policy.writable);
    let in_project = |path: &PathBuf| projects.iter().any(|project| path.starts_with(project));
    let chosen = ground.settings.sandbox_details.hide.iter().filter_map(|path| path.canonicalize().ok());
    let chosen: Vec<PathBuf> = chosen.filter(in_project).collect();
    let ignore_files = IgnoreFiles {
        chosen,
        roots: policy.writable.clone(),
        projects,
        names,
        hidden: policy.hidden.clone(),
        protected: policy.protected.clone(),
    };
    let is_deeper = ignore_files.names.len() > 1 || is_deeper.unwrap_or_else(|| is_below(ground, &policy));
    let ignored = ignore_files.look(is_deeper).map_err(|sentence| configuration(&sentence))?;
    ignore_files.enforce(&mut policy, &Ignored::default(), &ignored);
    let hidden = [&ignore_files.chosen, ignored.found()].concat();
    if !hidden.is_empty() {
        // Of its own, so that nothing of it is left when the answer is there.
        let sandbox = Sandbox::new(ground.helper.to_owned()).remembering(ground.codex_home.join("run"));
        let path = ground.environment.path().unwrap_or_default();
        let in_git = tracked(&sandbox, path, &policy.writable, &hidden).await;
        policy.in_git = in_git.map_err(|sentence| configuration(&sentence))?;
    }
    Ok(Held { policy, found, ignored, ignore_files })
}

/// Whether there is one somewhere below, where nobody has looked yet.
fn is_below(ground: &Ground<'_>, policy: &Policy) -> bool {
    codex_workspace::repositories(&policy.writable, ground.environment.home()).ignores
}
