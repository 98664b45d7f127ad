//! Every environment variable that product code names is in the table of `codex_config::variables`.
//!
//! The compiler sees to it where the environment of the process is read. Here the rest: names that crates below
//! `config` look up through others, and what is taken from the environment of a command.

use codex_config::variables;

use super::{Finding, Source, all, finds, hold};

/// Beginnings of calls that take the name of a variable as their first argument.
const CALLS: [&str; 3] = ["cache(\"", "OsStr::new(\"", "variable(\""];

/// Variables that only this program gives to commands; it reads them to add to them.
const OWN: [&str; 2] = ["GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL"];

fn undeclared(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.path == "crates/config/src/variables.rs" {
        return findings;
    }
    for (line, code) in source.product() {
        for call in CALLS {
            for (at, _) in code.match_indices(call) {
                let name = code[at + call.len()..].split('"').next().unwrap_or_default();
                let is_upper = name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
                let is_name = !name.is_empty() && (is_upper || call == CALLS[0]);
                if is_name && variables::find(name).is_none() && !OWN.contains(&name) {
                    findings.push((line, format!("`{name}` is not in the table of environment variables")));
                }
            }
        }
    }
    findings
}

#[test]
fn every_variable_that_is_named_is_declared() {
    let sources = all("crates", "rs");
    hold(&sources, undeclared);
    // The calls are still spelled so.
    for call in CALLS {
        assert!(sources.iter().any(|source| source.product().iter().any(|(_, code)| code.contains(call))), "{call}");
    }
}

#[test]
fn undeclared_variables_are_found() {
    finds(
        undeclared,
        &[
            (
                "crates/a/src/b.rs",
                "environment.get(OsStr::new(\"PATH\"))\nenvironment.get(OsStr::new(\"GOROOT\"))\n",
                &[2],
            ),
            ("crates/a/src/b.rs", "cache(\"npm_config_cache\", 1)\ncache(\"npm_cache\", 1)\ncache(\"\", 1)\n", &[2]),
            ("crates/a/src/b.rs", "variable(\"HOME\")\nvariable(\"SHELL\")\nvariable(\"name\")\n", &[2]),
            ("crates/a/tests/b.rs", "variable(\"SHELL\")\n", &[]),
        ],
    );
}
