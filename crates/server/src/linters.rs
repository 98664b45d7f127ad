//! What looks at files after they were changed, as the settings of a thread say.

use std::{collections::BTreeMap, sync::Arc};

use codex_agent::{Standing, ThreadSettings, Workplace};
use codex_config::{CheckSettings, CheckerCommand, CheckerSettings, Environment, Settings};
use codex_extensions::{
    checkers::{self, CheckerSpec, Checkers, Tables},
    lsp::{self, Ground, KNOWN, KnownServer, LanguageServers, ServerSpec, is_found},
};
use serde_json::Value;

/// All that is configured or found, and what is wrong with the rest; nothing where nothing is. No program is started.
pub(crate) fn checkers(
    settings: &CheckSettings,
    of_plugins: Vec<Tables>,
    workplace: &Workplace,
    warnings: &mut Vec<String>,
) -> Option<Arc<Checkers>> {
    let linters = if settings.diagnostics { specs(&settings.linters) } else { BTreeMap::new() };
    let tables = Tables { plugin: None, linters, formatters: specs(&settings.formatters) };
    let of_plugins = of_plugins.into_iter().map(|tables| match settings.diagnostics {
        true => tables,
        false => Tables { linters: BTreeMap::new(), ..tables },
    });
    let all: Vec<Tables> = std::iter::once(tables).chain(of_plugins).collect();
    let (mut checkers, unusable) = checkers::load(&all);
    warnings.extend(unusable);
    if let Some(servers) = servers(settings, workplace, warnings).map(Arc::new) {
        if servers.are_for_the_project() {
            checkers.tools = servers.tools();
        }
        (checkers.servers, checkers.tells_servers) = (Some(servers), settings.diagnostics);
    }
    let is_empty = checkers.linters.is_empty() && checkers.formatters.is_empty() && checkers.servers.is_none();
    (!is_empty).then(|| Arc::new(checkers))
}

/// The language servers that may be started in a workplace; `None`: none are wanted.
fn servers(settings: &CheckSettings, workplace: &Workplace, warnings: &mut Vec<String>) -> Option<LanguageServers> {
    if !settings.lsp {
        return None;
    }
    let ground = Ground {
        sandbox: Arc::clone(&workplace.sandbox),
        walls: lsp::walls(&workplace.policy),
        roots: Arc::clone(&workplace.roots),
        environment: Arc::clone(&workplace.environment),
    };
    let (servers, unusable) = LanguageServers::new(server_specs(settings, warnings), ground, settings.lsp_wait);
    warnings.extend(unusable);
    Some(servers)
}

/// Those that are configured, then those that are known.
fn server_specs(settings: &CheckSettings, warnings: &mut Vec<String>) -> Vec<ServerSpec> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut specs = Vec::new();
    for (name, server) in settings.language_servers.iter().filter(|(_, server)| server.enabled != Some(false)) {
        let known = KNOWN.iter().find(|known| known.name == name);
        let files = server.files.clone().or_else(|| known.map(|known| owned(known.files))).unwrap_or_default();
        let command = server.command.clone().or_else(|| known.map(|known| owned(known.command))).unwrap_or_default();
        if files.is_empty() || command.is_empty() {
            let missing = if command.is_empty() { "command" } else { "files" };
            warnings.push(format!("the language server `{name}` is not used: it has no `{missing}`"));
            continue;
        }
        let root_markers = server.root_markers.clone().or_else(|| known.map(|known| owned(known.root_markers)));
        specs.push(ServerSpec {
            name: name.clone(),
            command,
            files,
            root_markers: root_markers.unwrap_or_default(),
            options: known.map(options).unwrap_or_default(),
            environment: known.map(variables).unwrap_or_default(),
            is_configured: server.enabled == Some(true) || server.command.is_some(),
        });
    }
    let known = KNOWN.iter().filter(|known| !settings.language_servers.contains_key(known.name));
    specs.extend(known.map(|known| ServerSpec {
        name: known.name.to_owned(),
        command: owned(known.command),
        files: owned(known.files),
        root_markers: owned(known.root_markers),
        options: options(known),
        environment: variables(known),
        is_configured: false,
    }));
    specs
}

/// The language servers that a session would start, for `codex doctor`.
pub(crate) fn found(settings: &Settings, environment: &Environment) -> Vec<String> {
    let variables = environment.for_commands(&settings.shell_environment_policy, &[], None);
    let settings = &settings.checks;
    let is_there = |spec: &ServerSpec| {
        spec.is_configured || spec.command.first().is_some_and(|program| is_found(program, &variables, &[]))
    };
    let specs = if settings.lsp { server_specs(settings, &mut Vec::new()) } else { Vec::new() };
    specs.into_iter().filter(is_there).map(|spec| spec.name).collect()
}

fn options(known: &KnownServer) -> Value {
    serde_json::from_str(known.options).unwrap_or_default()
}

fn variables(known: &KnownServer) -> Vec<(String, String)> {
    known.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Lets a sub-agent that works where its parent does use the language servers of that.
pub(crate) fn share(settings: &mut ThreadSettings, parent: &Standing) {
    let (Some(own), Some(parents)) = (&settings.plugged.checkers, &parent.plugged.checkers) else { return };
    if settings.workplace.roots.workspace != parent.roots.workspace {
        return;
    }
    let shared = Arc::clone(parents);
    let names: Vec<String> = own.tools.iter().map(|tool| tool.name().to_owned()).collect();
    settings.tools.retain(|tool| !names.iter().any(|name| name == tool.name()));
    settings.tools.extend(shared.tools.iter().cloned());
    settings.tools.sort_by(|one, other| one.name().cmp(other.name()));
    settings.plugged.checkers = Some(shared);
}

fn specs(settings: &BTreeMap<String, CheckerSettings>) -> BTreeMap<String, CheckerSpec> {
    let spec = |settings: &CheckerSettings| CheckerSpec {
        command: match settings.command.clone() {
            CheckerCommand::Shell(line) => checkers::CheckerCommand::Shell(line),
            CheckerCommand::Words(words) => checkers::CheckerCommand::Words(words),
        },
        files: settings.files.clone(),
        timeout: Some(settings.timeout.as_secs()),
        pattern: settings.pattern.clone(),
    };
    settings.iter().map(|(name, settings)| (name.clone(), spec(settings))).collect()
}
