//! Settings of a thread that a client changes while it is open.
//!
//! They are built from the configuration as at the start, with what is wanted as flags: a client gets nothing here that a
//! flag could not have given.

use std::sync::{MutexGuard, PoisonError};

use codex_agent::{Mode, Standing};
use codex_permissions::SandboxLevel;
use codex_protocol::{
    CollaborationMode, ErrorKind, ModeKind, ModeSettings, RpcError, ServerNotification, SettingsChange,
    ThreadSettings as SettingsInfo, ThreadSettingsUpdated,
};
use serde_json::{Value, json};

use crate::{
    Kept, Known, Server,
    build::{self, Built, Wanted, configuration},
    dispatch::{approval_policy, thread_error},
};

/// What is to change, flag by flag: the key that it sets, and the value.
#[derive(Default)]
struct Flags {
    model: Vec<(&'static str, Value)>,
    walls: Vec<(&'static str, Value)>,
}

impl Server {
    /// Changes the settings of a thread, if what is wanted is not in force already.
    pub(crate) async fn change(&self, thread_id: &str, change: &SettingsChange) -> Result<(), RpcError> {
        if *change == SettingsChange::default() {
            return Ok(());
        }
        let kept = self.kept(thread_id)?;
        if self.place(thread_id)?.depth > 0 {
            return Err(configuration("a sub-agent runs with what its parent gave it: change the parent's settings"));
        }
        let mut wanted = kept.wanted();
        let standing = kept.thread.standing();
        let flags =
            Flags { model: self.model_flags(&wanted, &standing, change)?, walls: walls_flags(&standing, change)? };
        if self.ceiling.is_some() && flags.walls.contains(&("sandbox_workspace_write.network_access", true.into())) {
            return Err(configuration("whether commands reach the network is for whoever starts the server to say"));
        }
        let mode = change.collaboration_mode.as_ref().map(|wanted| mode(wanted.mode));
        let mode = mode.filter(|wanted| *wanted != standing.mode);
        if flags.model.is_empty() && flags.walls.is_empty() && mode.is_none() {
            return Ok(());
        }
        for (key, value) in flags.model.iter().chain(&flags.walls) {
            wanted.set(key, value)?;
        }
        let held_by = match flags.walls.is_empty() {
            true if flags.model.is_empty() => kept.held_by(),
            true => {
                let (model, tools, warnings) = build::model_choice(self, &self.codex_home()?, &mut wanted).await?;
                kept.thread.set_model(model, tools).await.map_err(thread_error)?;
                self.warn(thread_id, &kept.untold(warnings)).await;
                kept.held_by()
            }
            false => self.rebuild(thread_id, &kept, &mut wanted).await?,
        };
        if let Some(mode) = mode {
            kept.thread.set_mode(mode).await.map_err(thread_error)?;
        }
        kept.keep(wanted, &held_by);
        let standing = kept.thread.standing();
        let updated =
            ThreadSettingsUpdated { thread_id: thread_id.to_owned(), thread_settings: settings(&standing, held_by) };
        self.tell(ServerNotification::ThreadSettingsUpdated(updated)).await;
        Ok(())
    }

    /// Builds everything anew. Returns what holds commands now.
    async fn rebuild(&self, thread_id: &str, kept: &Kept, wanted: &mut Wanted) -> Result<String, RpcError> {
        let settled = kept.thread.settle().await.map_err(thread_error)?;
        let mut built = build::thread(self, thread_id, &self.codex_home()?, wanted, &kept.temp).await?;
        let held_by = build::held_by(&mut built).await.to_owned();
        let Built { settings, warnings, .. } = built;
        if let (Some(before), Some(now)) = (&kept.thread.standing().plugged.mcp, &settings.plugged.mcp) {
            now.servers().switch_as_in(before.servers());
        }
        settled.set(settings).map_err(thread_error)?;
        let new: Vec<String> = kept.untold(warnings);
        self.warn(thread_id, &new).await;
        Ok(held_by)
    }

    /// A model without a provider stays with the one that is asked now.
    fn model_flags(
        &self,
        wanted: &Wanted,
        standing: &Standing,
        change: &SettingsChange,
    ) -> Result<Vec<(&'static str, Value)>, RpcError> {
        let now = &standing.model;
        let mut flags = Vec::new();
        let of_mode = change.collaboration_mode.as_ref().map(|wanted| &wanted.settings);
        let of_mode = of_mode.filter(|settings| !settings.model.is_empty());
        let effort = change.effort.as_ref().or(of_mode.and_then(|settings| settings.reasoning_effort.as_ref()));
        let of_mode = of_mode.map(|settings| settings.model.clone());
        let (mut provider, mut model) = (change.model_provider.clone(), change.model.clone().or(of_mode));
        if let (None, Some(typed)) = (&provider, &model)
            && let Some((first, rest)) = typed.split_once('/')
            && *typed != now.id
            && build::knows_provider(self, &self.codex_home()?, wanted, first)?
        {
            if rest.is_empty() {
                let what =
                    format!("`{typed}` names no model: write `{first}/MODEL` (`codex models {first}` lists them)");
                return Err(RpcError::new(ErrorKind::Configuration, what));
            }
            (provider, model) = (Some(first.to_owned()), Some(rest.to_owned()));
        }
        let provider = provider.unwrap_or_else(|| now.provider.clone());
        let model = model.unwrap_or_else(|| now.id.clone());
        if provider != now.provider || model != now.id {
            flags.extend([("model_provider", provider.into()), ("model", model.into())]);
        }
        if let Some(effort) = effort.filter(|effort| now.reasoning_effort.as_ref() != Some(effort)) {
            flags.push(("model_reasoning_effort", effort.as_str().into()));
        }
        Ok(flags)
    }
}

impl Kept {
    pub(crate) fn wanted(&self) -> Wanted {
        self.lock().wanted.clone()
    }

    pub(crate) fn held_by(&self) -> String {
        self.lock().held_by.clone()
    }

    fn keep(&self, wanted: Wanted, held_by: &str) {
        let mut known = self.lock();
        (known.wanted, known.held_by) = (wanted, held_by.to_owned());
    }

    /// What is to be asked again, where a command had another model asked.
    pub(crate) fn take_model_before(&self) -> Option<SettingsChange> {
        self.lock().model_before.take()
    }

    /// Has this asked again in the next turn.
    pub(crate) fn keep_model_before(&self, before: SettingsChange) {
        self.lock().model_before = Some(before);
    }

    /// Those of `warnings` that were not told before.
    pub(crate) fn untold(&self, warnings: Vec<String>) -> Vec<String> {
        let told = &mut self.lock().told;
        let new: Vec<String> = warnings.into_iter().filter(|warning| !told.contains(warning)).collect();
        told.extend(new.iter().cloned());
        new
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn walls_flags(standing: &Standing, change: &SettingsChange) -> Result<Vec<(&'static str, Value)>, RpcError> {
    let policy = &standing.policy;
    let mut flags = Vec::new();
    if let Some(approval) = change.approval_policy.filter(|wanted| *wanted != approval_policy(policy.approval)) {
        flags.push(("ask_for_approval", json!(approval)));
    }
    if let Some(on) = change.diagnostics.filter(|wanted| *wanted != tells(standing)) {
        flags.push(("diagnostics", on.into()));
    }
    let (level, network) = match (&change.sandbox, &change.sandbox_policy) {
        (Some(mode), _) => (Some(json!(mode)), None),
        (None, Some(wanted)) => {
            let (level, network) = of_policy(standing, wanted)?;
            (Some(level), network)
        }
        (None, None) => (None, None),
    };
    if let Some(level) = level.filter(|level| *level != json!(policy.level)) {
        flags.push(("sandbox", level));
    }
    if let Some(network) = network.filter(|network| *network != policy.network) {
        flags.push(("sandbox_workspace_write.network_access", network.into()));
    }
    Ok(flags)
}

/// Whether the model is told what is found in files that were changed.
fn tells(standing: &Standing) -> bool {
    let checkers = standing.plugged.checkers.as_ref();
    checkers.is_some_and(|checkers| checkers.tells_servers || !checkers.linters.is_empty())
}

/// The level that the wire's spelling of a policy names, and what it says of the network.
fn of_policy(standing: &Standing, wanted: &Value) -> Result<(Value, Option<bool>), RpcError> {
    let network = wanted.get("networkAccess").and_then(Value::as_bool);
    let refused = |message: &str| Err(configuration(&format!("sandboxPolicy: {message}")));
    match wanted.get("type").and_then(Value::as_str) {
        Some("readOnly") if network == Some(true) => refused("`readOnly` has no network here"),
        Some("readOnly") => Ok((json!(SandboxLevel::ReadOnly), None)),
        Some("dangerFullAccess") => Ok((json!(SandboxLevel::DangerFullAccess), None)),
        Some("workspaceWrite") => {
            let roots = wanted.get("writableRoots").and_then(Value::as_array).into_iter().flatten();
            let is_new = |root: &&Value| {
                let root = root.as_str().unwrap_or_default();
                !standing.policy.writable.iter().any(|known| known.as_os_str() == root)
            };
            match roots.into_iter().find(is_new) {
                Some(new) => refused(&format!("{new} is not writable in this thread; --add-dir adds a directory")),
                None => Ok((json!(SandboxLevel::WorkspaceWrite), network)),
            }
        }
        _ => refused("`type` is `readOnly`, `workspaceWrite` or `dangerFullAccess`"),
    }
}

fn mode(wanted: ModeKind) -> Mode {
    match wanted {
        ModeKind::Plan => Mode::Plan,
        ModeKind::Default => Mode::Default,
    }
}

/// The settings as the wire spells them.
pub(crate) fn settings(standing: &Standing, held_by: String) -> SettingsInfo {
    let Standing { model, roots, policy, .. } = standing;
    let collaboration_mode = CollaborationMode {
        mode: match standing.mode {
            Mode::Plan => ModeKind::Plan,
            Mode::Default => ModeKind::Default,
        },
        settings: ModeSettings {
            model: model.id.clone(),
            reasoning_effort: model.reasoning_effort.clone(),
            developer_instructions: None,
        },
    };
    SettingsInfo {
        cwd: roots.workspace.display().to_string(),
        model: model.id.clone(),
        model_provider: model.provider.clone(),
        effort: model.reasoning_effort.clone(),
        approval_policy: approval_policy(policy.approval),
        approvals_reviewer: "user".into(),
        sandbox_policy: build::sandbox_policy(policy),
        collaboration_mode,
        held_by,
    }
}
