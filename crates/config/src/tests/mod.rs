//! What loading comes to, as data: files and arguments in, a few lines out.

mod built_in;
mod credentials;
mod document;
mod edit;
mod edit_settings;
mod errors;
mod existing;
mod init;
mod layers;
mod linters;
mod mcp;
mod mcp_tokens;
mod profiles;
mod project_trust;
mod schema;
mod screen;
mod search;
mod shell_environment;
mod trust;
mod trust_store;
mod variables;

use std::fs;
use std::path::Path;

use crate::{ConfigError, Environment, LoadRequest, Loaded, Override, Settings, load};

/// The user's file, the machine's, the project's, and where the program is started. All below a temporary `HOME`, shown as `~`.
const USER: &str = ".codex/config.toml";
const SYSTEM: &str = "etc/config.toml";
const PROJECT: &str = "p/.codex/config.toml";
const WORKSPACE: &str = "p/src";

/// Loads `files` (path below the home, text; `~` in a text is the home's path) with arguments of `-c`. The arguments
/// `--trust` and `--strict-config` are the flags of these names.
fn load_files(files: &[(&str, &str)], arguments: &[&str]) -> Result<Loaded, String> {
    let temp = tempfile::tempdir().unwrap();
    let home = fs::canonicalize(temp.path()).unwrap();
    fs::create_dir_all(home.join(WORKSPACE)).unwrap();
    for (path, text) in files {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    load_in(&home, arguments).map_err(|error| short(&home, &error.to_string()))
}

/// As [`load_files`] with an argument `$NAME=value` for each variable, and `-p=NAME` for a profile.
fn load_in(home: &Path, arguments: &[&str]) -> Result<Loaded, ConfigError> {
    let (flags, typed): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|it| it.starts_with(['-', '$']));
    let overrides: Result<Vec<_>, _> = typed.iter().map(|it| Override::parse(it)).collect();
    let variables = flags.iter().filter_map(|it| it.strip_prefix('$')?.split_once('='));
    let home_variable = ("HOME", home.to_str().unwrap());
    let environment = Environment::from_pairs(variables.chain([home_variable]));
    let has = |flag: &str| flags.contains(&flag);
    let mut loaded = load(&LoadRequest {
        overrides: &overrides?,
        profile: flags.iter().find_map(|it| it.strip_prefix("-p=")),
        trust_project: has("--trust"),
        strict: has("--strict-config"),
        system_file: &home.join(SYSTEM),
        ..LoadRequest::new(&environment, &environment.codex_home()?, &home.join(WORKSPACE))
    })?;
    let Settings { add_dir, sandbox_details, .. } = &mut loaded.settings;
    for dir in add_dir.iter_mut().chain(&mut sandbox_details.hide) {
        *dir = short(home, &dir.display().to_string()).into();
    }
    for warning in &mut loaded.warnings {
        warning.message = format!("{warning}");
        warning.message = short(home, &warning.message);
    }
    Ok(loaded)
}

fn short(home: &Path, text: &str) -> String {
    text.replace(home.to_str().unwrap(), "~")
}

/// `files` load without an error, and with exactly these warnings.
fn check(files: &[(&str, &str)], arguments: &[&str], warnings: &[&str]) -> Loaded {
    let loaded = load_files(files, arguments).unwrap();
    let got: Vec<_> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(got, warnings, "{files:?} {arguments:?}");
    loaded
}

/// `files` do not load, and this is what the user reads.
fn check_error(files: &[(&str, &str)], arguments: &[&str], expected: &str) {
    let error = load_files(files, arguments).map(|loaded| loaded.settings).unwrap_err();
    assert_eq!(error, expected, "{files:?} {arguments:?}");
}
