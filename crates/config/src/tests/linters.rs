//! Linters, formatters and language servers.

use std::time::Duration;

use super::{PROJECT, USER, check};
use crate::CheckerCommand;

#[test]
fn tables_are_merged_key_by_key_and_what_is_incomplete_is_named() {
    let user = "[linters.a]\ncommand = 'lint \"$@\"'\nfiles = ['*.py']\n[linters.b]\ncommand = ['b']\n[formatters.c]\nfiles = ['*']\ntimeout = 3\n";
    let project = "[linters.a]\ntimeout = 60\n[formatters.c]\ncommand = ['c', '{files}']\n[lsp.servers.rust-analyzer]\nenabled = false\n";
    let warning =
        "~/.codex/config.toml:5:11: `[linters.b]` is not used, for it has no `files`, as in `files = [\"*.py\"]`";
    let loaded = check(&[(USER, user), (PROJECT, project)], &["--trust"], &[warning]);
    let checks = loaded.settings.checks;
    let a = &checks.linters["a"];
    assert_eq!((&a.command, a.timeout), (&CheckerCommand::Shell("lint \"$@\"".into()), Duration::from_secs(60)));
    let c = &checks.formatters["c"];
    assert_eq!(
        (&c.command, c.timeout),
        (&CheckerCommand::Words(vec!["c".into(), "{files}".into()]), Duration::from_secs(3))
    );
    assert!(!checks.linters.contains_key("b"));
    assert_eq!(checks.language_servers["rust-analyzer"].enabled, Some(false));
}

#[test]
fn all_of_it_can_be_switched_off() {
    assert!(check(&[], &[], &[]).settings.checks.lsp);
    let checks = check(&[(USER, "lsp = false\ndiagnostics = false\n")], &[], &[]).settings.checks;
    assert!(!checks.lsp && !checks.diagnostics);
}
