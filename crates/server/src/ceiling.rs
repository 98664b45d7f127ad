//! What clients from elsewhere may ask for: never more than the server was started with.
//!
//! A client may choose the model, how it thinks, whom to ask, tighter walls and tighter limits. What else its settings say is
//! left out, and it is told so; where it asks for a directory or walls that it cannot have, its request is refused.

use std::path::{Path, PathBuf};

use codex_config::LimitSettings;
use codex_protocol::{
    ClientRequest, ErrorKind, RpcError, SandboxMode, SettingsChange, ThreadStartParams, TypedFlag, UserInput,
};
use serde_json::{Map, Value, json};

/// The most that clients from elsewhere get.
#[derive(Debug, Clone)]
pub struct Ceiling {
    /// Directories at or below which threads may work, real paths.
    pub roots: Vec<PathBuf>,
    /// The loosest level of the sandbox.
    pub sandbox: SandboxMode,
    /// The most that a thread may use.
    pub limits: LimitSettings,
    /// What the server was started with.
    pub defaults: ThreadStartParams,
}

/// Keys that a client may set: they loosen nothing.
const OPEN: &[&str] = &[
    "ask_for_approval",
    "approval_policy",
    "auto_compact",
    "model",
    "model_auto_compact_token_limit",
    "model_max_output_tokens",
    "model_provider",
    "model_reasoning_effort",
    "model_reasoning_summary",
    "model_temperature",
    "model_verbosity",
    "network_wait",
    "oss_provider",
    "plan_mode_reasoning_effort",
    "sandbox",
    "sandbox_mode",
];
/// The key that only tightens when it is `true`.
const TIGHTENS: &str = "oss";
/// Directories in settings.
const DIRECTORIES: &str = "add_dir";

/// The settings of a request, wherever it has them.
struct Asked<'a> {
    cwd: &'a mut Option<String>,
    sandbox: Option<SandboxMode>,
    config: &'a mut Option<Map<String, Value>>,
    flags: &'a mut Vec<TypedFlag>,
    trust: [&'a mut Option<bool>; 2],
}

impl Ceiling {
    /// Holds the request to this, before anything else is done with it. Returns what was left out, as warnings.
    pub(crate) fn hold(&self, request: &mut ClientRequest) -> Result<Vec<String>, RpcError> {
        match request {
            ClientRequest::ThreadStart(params) => {
                let cwd = params.cwd.take().or_else(|| self.defaults.cwd.clone());
                params.cwd = cwd;
                self.settings(Asked {
                    cwd: &mut params.cwd,
                    sandbox: params.sandbox,
                    config: &mut params.config,
                    flags: &mut params.flags,
                    trust: [&mut params.trust_project, &mut params.ask_trust],
                })
            }
            ClientRequest::ThreadResume(params) => self.settings(Asked {
                cwd: &mut params.cwd,
                sandbox: params.sandbox,
                config: &mut params.config,
                flags: &mut params.flags,
                trust: [&mut params.trust_project, &mut params.ask_trust],
            }),
            ClientRequest::ThreadFork(params) => self.settings(Asked {
                cwd: &mut params.from.cwd,
                sandbox: params.from.sandbox,
                config: &mut params.from.config,
                flags: &mut params.from.flags,
                trust: [&mut params.from.trust_project, &mut params.from.ask_trust],
            }),
            ClientRequest::ThreadSettingsUpdate(params) => self.change(&params.change).map(|()| Vec::new()),
            ClientRequest::TurnStart(params) => {
                self.change(&params.change)?;
                self.said(&params.input).map(|()| Vec::new())
            }
            ClientRequest::TurnSteer(params) => self.said(&params.input).map(|()| Vec::new()),
            ClientRequest::FuzzyFileSearch(params) => {
                let all = params.roots.iter().try_for_each(|root| self.directory(root).map(drop));
                all.map(|()| Vec::new())
            }
            ClientRequest::HooksList(params) => {
                let all = params.cwds.iter().try_for_each(|cwd| self.directory(cwd).map(drop));
                all.map(|()| Vec::new())
            }
            ClientRequest::PluginInstalled(params) => {
                let all = params.cwds.iter().flatten().try_for_each(|cwd| self.directory(cwd).map(drop));
                all.map(|()| Vec::new())
            }
            ClientRequest::SkillsList(params) => {
                let named = std::mem::take(&mut params.cwds);
                params.cwds = named.iter().map(|cwd| self.directory(cwd)).collect::<Result<_, _>>()?;
                if params.cwds.is_empty() {
                    params.cwds.push(self.directory(".")?);
                }
                Ok(Vec::new())
            }
            ClientRequest::ConfigRead(params) | ClientRequest::PermissionProfileList(params) => {
                params.cwd = params.cwd.take().map(|cwd| self.directory(&cwd)).transpose()?;
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The real path of a directory in which threads may work.
    pub(crate) fn directory(&self, typed: &str) -> Result<String, RpcError> {
        let base = self.defaults.cwd.as_deref().map_or_else(|| Path::new("/"), Path::new);
        let real = base.join(typed).canonicalize();
        let real = real.map_err(|error| refused(format!("{typed}: {error} (on the server)")))?;
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            let roots: Vec<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
            let message = format!(
                "{} is not in what this server lets others work in ({}); `codex serve --allow-cwd DIR` adds a directory",
                real.display(),
                roots.join(", ")
            );
            return Err(refused(message));
        }
        real.into_os_string().into_string().map_err(|path| refused(format!("{}: it is not UTF-8", path.display())))
    }

    /// Whether a session that worked in `cwd`, absolute, is one of those that others may have. The directory may be gone
    /// meanwhile; what is left of the way there counts then.
    pub(crate) fn recorded(&self, cwd: &Path) -> Result<(), RpcError> {
        let there = cwd.ancestors().find(|place| place.symlink_metadata().is_ok()).unwrap_or(cwd);
        self.directory(&there.to_string_lossy()).map(drop)
    }

    fn settings(&self, asked: Asked<'_>) -> Result<Vec<String>, RpcError> {
        if let Some(cwd) = asked.cwd {
            *cwd = self.directory(cwd)?;
        }
        asked.sandbox.map_or(Ok(()), |level| self.level(level))?;
        // Trust is given where the files can be looked at.
        let [trust, ask] = asked.trust;
        *ask = None;
        if *trust == Some(true) && self.defaults.trust_project != Some(true) {
            return Err(refused("a project is trusted on the server's machine: `codex trust DIR`".into()));
        }
        let mut left_out = Vec::new();
        if let Some(config) = asked.config {
            let keys: Vec<String> = config.keys().cloned().collect();
            for key in keys {
                let value = config.get(&key).cloned().unwrap_or_default();
                if !self.is_open(&key, &value)? {
                    config.shift_remove(&key);
                    // What is switched off is nothing to speak of: there is less of it, or none.
                    if value != Value::Bool(false) {
                        left_out.push(key);
                    }
                }
            }
        }
        for flag in std::mem::take(asked.flags) {
            if self.defaults.flags.contains(&flag) || self.is_open(&flag.key, &flag.value)? {
                asked.flags.push(flag);
            } else {
                return Err(refused(format!("{} is for whoever starts the server to say", flag.typed)));
            }
        }
        let said = "is set on the server only, and was left out";
        Ok(left_out.into_iter().map(|key| format!("`{key}` {said}")).collect())
    }

    /// Whether a client may set the key so.
    fn is_open(&self, key: &str, value: &Value) -> Result<bool, RpcError> {
        if self.defaults.config.as_ref().and_then(|config| config.get(key)) == Some(value) {
            return Ok(true);
        }
        if key == TIGHTENS {
            return Ok(*value == Value::Bool(true));
        }
        if key == DIRECTORIES {
            for directory in value.as_array().into_iter().flatten() {
                self.directory(directory.as_str().unwrap_or_default())?;
            }
            return Ok(value.is_array());
        }
        if key.starts_with("sandbox") && OPEN.contains(&key) {
            return match serde_json::from_value::<SandboxMode>(value.clone()) {
                Ok(level) => self.level(level).map(|()| true),
                // A table may say more than a level.
                Err(_) => Ok(false),
            };
        }
        if let Some(limit) = key.strip_prefix("limits.") {
            return Ok(self.is_tighter(limit, value));
        }
        Ok(OPEN.contains(&key) || key.starts_with("tui."))
    }

    /// Whether the limit is no higher than the server's own, if that has one.
    fn is_tighter(&self, limit: &str, value: &Value) -> bool {
        let own = json!(self.limits).get(limit).and_then(Value::as_f64);
        own.is_none_or(|own| value.as_f64().is_some_and(|wanted| wanted <= own))
    }

    fn change(&self, change: &SettingsChange) -> Result<(), RpcError> {
        change.sandbox.map_or(Ok(()), |level| self.level(level))?;
        let Some(policy) = &change.sandbox_policy else { return Ok(()) };
        if policy.get("type") == Some(&json!("dangerFullAccess")) {
            self.level(SandboxMode::DangerFullAccess)?;
        }
        if policy.get("type") == Some(&json!("workspaceWrite")) {
            self.level(SandboxMode::WorkspaceWrite)?;
        }
        Ok(())
    }

    /// Pictures in files are the server's: they lie where threads may work.
    fn said(&self, input: &[UserInput]) -> Result<(), RpcError> {
        let paths = input.iter().filter_map(|input| match input {
            UserInput::LocalImage { path } => Some(path),
            _ => None,
        });
        for path in paths {
            if !Path::new(path).is_absolute() {
                return Err(refused(format!("{path}: give the whole path of a picture on the server, or its data")));
            }
            let real =
                Path::new(path).canonicalize().map_err(|error| refused(format!("{path}: {error} (on the server)")))?;
            if !self.roots.iter().any(|root| real.starts_with(root)) {
                return Err(refused(format!("{path}: it is not in what this server lets others work in")));
            }
        }
        Ok(())
    }

    fn level(&self, wanted: SandboxMode) -> Result<(), RpcError> {
        if rank(wanted) <= rank(self.sandbox) {
            return Ok(());
        }
        let (wanted, most) = (spelled(wanted), spelled(self.sandbox));
        let message = format!("this server gives `{most}` at most; for `{wanted}` start it with --sandbox {wanted}");
        Err(refused(message))
    }
}

fn rank(level: SandboxMode) -> u8 {
    match level {
        SandboxMode::ReadOnly => 0,
        SandboxMode::WorkspaceWrite => 1,
        SandboxMode::DangerFullAccess => 2,
    }
}

fn spelled(level: SandboxMode) -> String {
    json!(level).as_str().unwrap_or_default().to_owned()
}

fn refused(message: String) -> RpcError {
    RpcError::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use codex_protocol::{ThreadResumeParams, TurnStartParams};

    use super::*;

    fn ceiling(root: &Path) -> Ceiling {
        let cwd = Some(root.join("project").display().to_string());
        let config = [("model_providers.x.base_url".to_owned(), json!("http://localhost"))].into_iter().collect();
        let defaults = ThreadStartParams { cwd, config: Some(config), ..ThreadStartParams::default() };
        let limits = LimitSettings { turns: Some(5), cost: Some(1.5), ..LimitSettings::default() };
        Ceiling { roots: vec![root.join("project")], sandbox: SandboxMode::WorkspaceWrite, limits, defaults }
    }

    #[test]
    fn a_client_gets_no_more_than_the_server_was_started_with() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in ["project/below", "project-evil", "outside"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(root.join("outside"), root.join("project/link")).unwrap();
        let start = |params: Value| serde_json::from_value::<ThreadStartParams>(params).unwrap();
        let flag = |key: &str, value: Value| json!({ "flags": [{ "typed": "--x", "key": key, "value": value }] });
        let table = [
            (json!({}), true),
            (json!({ "cwd": "below" }), true),
            (json!({ "cwd": root.join("project/below") }), true),
            (json!({ "cwd": "/" }), false),
            (json!({ "cwd": ".." }), false),
            (json!({ "cwd": "link" }), false),
            (json!({ "cwd": "missing" }), false),
            (json!({ "cwd": root.join("project-evil") }), false),
            (json!({ "sandbox": "read-only" }), true),
            (json!({ "sandbox": "workspace-write" }), true),
            (json!({ "sandbox": "danger-full-access" }), false),
            (json!({ "config": { "sandbox": "danger-full-access" } }), false),
            (json!({ "config": { "sandbox_mode": "danger-full-access" } }), false),
            (json!({ "trustProject": true }), false),
            (json!({ "approvalPolicy": "never" }), true),
            (flag("add_dir", json!(["below"])), true),
            (flag("add_dir", json!(["below", "/"])), false),
            (flag("search", json!(true)), false),
            (flag("oss", json!(true)), true),
            (flag("oss", json!(false)), false),
            (flag("limits.turns", json!(3)), true),
            (flag("limits.turns", json!(5)), true),
            (flag("limits.turns", json!(6)), false),
            (flag("limits.cost", json!(1.6)), false),
            (flag("limits.cost", json!("1")), false),
            (flag("limits.tokens", json!(1_000_000)), true),
        ];
        for (params, expected) in table {
            let mut request = ClientRequest::ThreadStart(start(params.clone()));
            assert_eq!(ceiling(&root).hold(&mut request).is_ok(), expected, "{params}");
        }
    }

    #[test]
    fn settings_that_loosen_are_left_out_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("project")).unwrap();
        let config = json!({
            "model": "m",
            "model_reasoning_effort": "low",
            "model_temperature": 0.5,
            "plan_mode_reasoning_effort": "high",
            "oss": true,
            "model_providers.x.base_url": "http://localhost",
            "features.x": false,
            "sandbox_workspace_write.network_access": true,
            "permissions.allow": ["*"],
            "model_providers.y.base_url": "http://evil",
            "profile": "loose",
            "sandbox": { "mode": "workspace-write", "network_access": true },
        });
        let params = ThreadResumeParams { config: config.as_object().cloned(), ..ThreadResumeParams::default() };
        let mut request = ClientRequest::ThreadResume(ThreadResumeParams { ask_trust: Some(true), ..params });
        let left_out = ceiling(&root).hold(&mut request).unwrap();
        let ClientRequest::ThreadResume(params) = request else { panic!() };
        let kept: Vec<String> = params.config.unwrap().keys().cloned().collect();
        let expected = [
            "model",
            "model_reasoning_effort",
            "model_temperature",
            "plan_mode_reasoning_effort",
            "oss",
            "model_providers.x.base_url",
        ];
        assert_eq!(kept, expected);
        assert_eq!(left_out.len(), 5, "{left_out:?}");
        assert_eq!(params.ask_trust, None);
        // It cannot be switched off where the server has it on.
        let config = json!({ "oss": false }).as_object().cloned();
        let mut request = ClientRequest::ThreadResume(ThreadResumeParams { config, ..ThreadResumeParams::default() });
        ceiling(&root).hold(&mut request).unwrap();
        let ClientRequest::ThreadResume(params) = request else { panic!() };
        assert_eq!(params.config.unwrap().len(), 0);
    }

    #[test]
    fn walls_are_not_loosened_later_either() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("project")).unwrap();
        let ceiling = Ceiling { sandbox: SandboxMode::ReadOnly, ..ceiling(&root) };
        let table = [
            (json!({ "sandbox": "read-only" }), true),
            (json!({ "sandbox": "workspace-write" }), false),
            (json!({ "sandboxPolicy": { "type": "readOnly" } }), true),
            (json!({ "sandboxPolicy": { "type": "workspaceWrite" } }), false),
            (json!({ "sandboxPolicy": { "type": "dangerFullAccess" } }), false),
            (json!({ "input": [{ "type": "localImage", "path": "/etc/hostname" }] }), false),
            (json!({ "input": [{ "type": "localImage", "path": "../outside.png" }] }), false),
        ];
        for (params, expected) in table {
            let params: TurnStartParams = serde_json::from_value(params.clone()).unwrap();
            let mut request = ClientRequest::TurnStart(params.clone());
            assert_eq!(ceiling.hold(&mut request).is_ok(), expected, "{params:?}");
        }
    }
}
