//! Hooks: from settings to what threads run, and the list of them for clients.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_agent::Notify;
use codex_config::{Hash, HookEntry, HookEvent, HookSource, LoadRequest, Origin, Settings, hooks_of_json};
use codex_extensions::hooks::{Event, Hook, Hooks, Matcher, Source};
use codex_protocol::{
    HookErrorInfo, HookMetadata, HookSource as Told, HooksListEntry, HooksListParams, HooksListResponse, RpcError,
    ThreadStartParams,
};

use crate::{
    Server,
    build::{configuration, project},
    plugins,
};

/// The hooks that settings and plugins bring to a project.
///
/// # Errors
/// What is wrong with one: what it was meant to forbid is not known then.
pub(crate) fn hooks(settings: &Settings, of_plugins: Vec<Hook>, project: PathBuf) -> Result<Hooks, RpcError> {
    let all: Result<Vec<Hook>, RpcError> = settings.hooks.entries.iter().map(hook).collect();
    Ok(Hooks::new(all?.into_iter().chain(of_plugins).collect(), project))
}

/// The program that is told of the end of turns.
pub(crate) fn notify(server: &Server, settings: &Settings) -> Option<Arc<Notify>> {
    let argv = settings.hooks.notify.clone();
    if argv.is_empty() {
        return None;
    }
    let secrets: Vec<&str> = settings.secret_variables.iter().map(String::as_str).collect();
    let environment = server.environment.for_commands(&settings.shell_environment_policy, &secrets, None);
    // What lies in the workspace is not what it runs by a bare name.
    let directory = server.environment.home().unwrap_or(Path::new("/")).to_owned();
    Some(Arc::new(Notify { argv, directory, environment }))
}

/// The hooks of the plugin `name` in `root`: `text` is JSON, as in `hooks.json`. They run inside the sandbox, whatever they ask
/// for.
///
/// # Errors
/// What is wrong with one, as [`hooks`].
pub(crate) fn of_plugin(name: &str, root: &Path, text: &str) -> Result<(Vec<Hook>, Vec<String>), RpcError> {
    let wrong = |why: &str| configuration(&format!("plugin {name}: its hooks: {why}; `codex plugin disable {name}`"));
    let path = root.join("hooks").join("hooks.json");
    let (entries, warnings) = hooks_of_json(text, HookSource::User, &path).map_err(|why| wrong(&why))?;
    let mut hooks = Vec::new();
    for entry in &entries {
        let hook = hook(entry).map_err(|error| wrong(&error.message))?;
        let source = Source::Plugin(name.to_owned());
        hooks.push(Hook { source, sandbox: true, plugin_root: Some(root.to_owned()), ..hook });
    }
    Ok((hooks, warnings))
}

fn hook(entry: &HookEntry) -> Result<Hook, RpcError> {
    let matcher = Matcher::new(&entry.matcher).map_err(|error| configuration(&format!("{}: {error}", entry.origin)))?;
    let path = match &entry.origin {
        Origin::File { path, .. } | Origin::WholeFile(path) => path.clone(),
        _ => PathBuf::new(),
    };
    let source = match entry.source {
        HookSource::System => Source::System,
        HookSource::User => Source::User,
        HookSource::Project => Source::Project,
        HookSource::Flags => Source::Flags,
    };
    Ok(Hook {
        event: event(entry.event),
        matcher,
        command: entry.command.clone(),
        timeout: entry.timeout,
        sandbox: entry.sandbox,
        fails_closed: entry.fails_closed,
        status_message: entry.status_message.clone(),
        source,
        path,
        plugin_root: None,
    })
}

fn event(event: HookEvent) -> Event {
    match event {
        HookEvent::SessionStart => Event::SessionStart,
        HookEvent::SessionEnd => Event::SessionEnd,
        HookEvent::UserPromptSubmit => Event::UserPromptSubmit,
        HookEvent::PreToolUse => Event::PreToolUse,
        HookEvent::PermissionRequest => Event::PermissionRequest,
        HookEvent::PostToolUse => Event::PostToolUse,
        HookEvent::PreCompact => Event::PreCompact,
        HookEvent::Stop => Event::Stop,
        HookEvent::SubagentStop => Event::SubagentStop,
        HookEvent::Notification => Event::Notification,
    }
}

impl Server {
    /// The hooks of directories: of a thread as it has them, of others as their settings say now.
    pub(crate) fn list_hooks(&self, params: HooksListParams) -> Result<HooksListResponse, RpcError> {
        if let (true, Some(id)) = (params.cwds.is_empty(), &params.thread_id) {
            let standing = self.thread(id)?.standing();
            let hooks = standing.plugged.hooks.all().iter().enumerate();
            let hooks = hooks.map(|(at, hook)| told(at, hook)).collect();
            let cwd = standing.roots.workspace.clone();
            let warnings = self.held_back(&cwd)?;
            let cwd = cwd.display().to_string();
            return Ok(HooksListResponse { data: vec![HooksListEntry { cwd, hooks, warnings, errors: Vec::new() }] });
        }
        Ok(HooksListResponse { data: params.cwds.iter().map(|cwd| self.hooks_of(cwd)).collect() })
    }

    fn hooks_of(&self, cwd: &str) -> HooksListEntry {
        let listed = || {
            let loaded = crate::settings(
                &self.environment,
                ThreadStartParams { cwd: Some(cwd.to_owned()), ..ThreadStartParams::default() },
            )?;
            let path = PathBuf::from(cwd);
            let plugins = plugins::in_use(&self.codex_home()?, &loaded.settings.plugins);
            let of_plugins = plugins.hooks(&loaded.settings.hooks, &mut Vec::new())?;
            let hooks = hooks(&loaded.settings, of_plugins, project(&self.environment, &path))?;
            let hooks: Vec<_> = hooks.all().iter().enumerate().map(|(at, hook)| told(at, hook)).collect();
            Ok::<_, RpcError>((hooks, self.held_back(&path)?))
        };
        let (hooks, warnings, errors) = match listed() {
            Ok((hooks, warnings)) => (hooks, warnings, Vec::new()),
            Err(error) => {
                let path = cwd.to_owned();
                (Vec::new(), Vec::new(), vec![HookErrorInfo { path, message: error.message }])
            }
        };
        HooksListEntry { cwd: cwd.to_owned(), hooks, warnings, errors }
    }

    /// A sentence for each hook that is held back because its project is not trusted.
    fn held_back(&self, cwd: &Path) -> Result<Vec<String>, RpcError> {
        let codex_home = self.codex_home()?;
        let request = LoadRequest::new(&self.environment, &codex_home, cwd);
        let trust = codex_config::project_trust(&request).map_err(|error| configuration(&error.to_string()))?;
        let held = trust.untrusted().flat_map(|file| file.held.iter().map(move |held| (file, held)));
        let held = held.filter(|(_, held)| held.key.starts_with("hooks."));
        let sentence = |(file, held): (&codex_config::ProjectFile, &codex_config::Held)| {
            format!("held back, {} is not trusted: {} = {}", file.path.display(), held.key, held.value)
        };
        Ok(held.map(sentence).collect())
    }
}

fn told(at: usize, hook: &Hook) -> HookMetadata {
    let path = hook.path.display().to_string();
    let said = format!("{}\n{}\n{}\n{}", hook.event.name(), hook.matcher.text(), hook.command, hook.sandbox);
    let (source, plugin_id) = match &hook.source {
        Source::System => (Told::System, None),
        Source::User => (Told::User, None),
        Source::Project => (Told::Project, None),
        Source::Flags => (Told::SessionFlags, None),
        Source::Plugin(name) => (Told::Plugin, Some(name.clone())),
    };
    HookMetadata {
        key: format!("{path}:{}:{at}", hook.event.name()),
        event_name: hook.event,
        handler_type: "command".into(),
        command: hook.command.clone(),
        is_async: false,
        matcher: Some(hook.matcher.text().to_owned()).filter(|text| !text.is_empty()),
        display_order: at as i64,
        enabled: true,
        is_managed: false,
        source,
        source_path: path,
        plugin_id,
        timeout_sec: hook.timeout().as_secs_f64().ceil() as u64,
        status_message: hook.status_message.clone(),
        current_hash: Hash::of(said.as_bytes()).to_string(),
        trust_status: "trusted".into(),
        sandbox: hook.sandbox,
    }
}
