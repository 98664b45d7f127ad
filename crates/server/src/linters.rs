//! What looks at files after they were changed, as the settings of a thread say.

use std::{collections::BTreeMap, sync::Arc};

use codex_config::{CheckSettings, CheckerCommand, CheckerSettings};
use codex_extensions::checkers::{self, CheckerSpec, Checkers, Tables};

/// All that is configured, and what is wrong with the rest; nothing where nothing is.
pub(crate) fn checkers(
    settings: &CheckSettings,
    of_plugins: Vec<Tables>,
    warnings: &mut Vec<String>,
) -> Option<Arc<Checkers>> {
    let linters = if settings.diagnostics { specs(&settings.linters) } else { BTreeMap::new() };
    let tables = Tables { plugin: None, linters, formatters: specs(&settings.formatters) };
    let of_plugins = of_plugins.into_iter().map(|tables| match settings.diagnostics {
        true => tables,
        false => Tables { linters: BTreeMap::new(), ..tables },
    });
    let all: Vec<Tables> = std::iter::once(tables).chain(of_plugins).collect();
    let (checkers, unusable) = checkers::load(&all);
    warnings.extend(unusable);
    (!checkers.linters.is_empty() || !checkers.formatters.is_empty()).then(|| Arc::new(checkers))
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
