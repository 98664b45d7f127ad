//! What typed flags mean: parameters of the protocol. Reads no configuration; that is the server's.

use std::path::{Path, PathBuf};

use codex_config::{Override, keys};
use codex_protocol::{ApprovalPolicy, SandboxMode, ThreadResumeParams, ThreadStartParams, TypedFlag};
use codex_server::Cassette;
use serde_json::{Map, Value, json};

use crate::args::{ApprovalLevel, CassetteOptions, Limits, RunOptions, SandboxLevel, ThreadOptions};

/// The meaning of the flags that shape a thread.
///
/// # Errors
/// A sentence for the user when a directory is missing, or flags contradict each other.
pub fn thread_start(options: &ThreadOptions, run: &RunOptions) -> Result<ThreadStartParams, String> {
    let there = options.elsewhere;
    let cwd = workspace(options)?;
    let mut config = Map::new();
    for text in &options.config {
        let (key, value) =
            Override::parse(text).and_then(|parsed| parsed.to_json()).map_err(|error| error.to_string())?;
        // Of two settings the later counts, whatever stands between them; lists that add up do so here too.
        let value = match (config.shift_remove(&key), value) {
            (Some(Value::Array(earlier)), Value::Array(later)) if keys::appends(&key) => {
                [earlier, later].concat().into()
            }
            (_, value) => value,
        };
        config.insert(key, value);
    }
    let mut flags = Vec::new();
    for path in &options.add_dir {
        let value = if there { path.clone() } else { directory("--add-dir", &cwd.join(path))? };
        let value = utf8("--add-dir", &value)?;
        let typed = format!("--add-dir {}", path.display());
        flags.push(TypedFlag { typed, key: "add_dir".into(), value: Value::Array(vec![value.into()]) });
    }
    for (name, on) in [("search", options.search), ("oss", options.oss)] {
        if on {
            flags.push(TypedFlag { typed: format!("--{name}"), key: name.into(), value: true.into() });
        }
    }
    flags.extend(limits(&run.limits));
    if let Some(profile) = &options.profile {
        config.insert("profile".into(), Value::String(profile.clone()));
    }
    Ok(ThreadStartParams {
        cwd: match &options.cd {
            // Without one, it is the server's.
            cd if there => cd.as_deref().map(|cd| utf8("--cd", cd)).transpose()?,
            _ => Some(utf8("--cd", &cwd)?),
        },
        model: options.model.clone(),
        model_provider: None,
        sandbox: options.sandbox.map(sandbox_mode),
        approval_policy: approval(options)?,
        config: (!config.is_empty()).then_some(config),
        flags,
        ephemeral: run.ephemeral.then_some(true),
        thread_source: run.thread_source.clone(),
        trust_project: options.trust.then_some(true),
        ask_trust: None,
        full_auto: options.full_auto.then_some(true),
        strict_config: options.strict_config.then_some(true),
        live_output: None,
    })
}

/// What limits set, by the keys of the configuration.
fn limits(limits: &Limits) -> impl Iterator<Item = TypedFlag> {
    let Limits { max_turns, max_cost, max_tokens, max_time, timeout: _ } = *limits;
    let seconds = max_time.map(|time| time.as_secs());
    let typed = [
        ("--max-turns", "limits.turns", max_turns.map(|most| json!(most))),
        ("--max-cost", "limits.cost", max_cost.map(|most| json!(most))),
        ("--max-tokens", "limits.tokens", max_tokens.map(|most| json!(most))),
        ("--max-time", "limits.time", seconds.map(|most| json!(most))),
    ];
    typed.into_iter().filter_map(|(flag, key, value)| {
        let value = value?;
        let unit = if flag == "--max-time" { "s" } else { "" };
        Some(TypedFlag { typed: format!("{flag} {value}{unit}"), key: key.into(), value })
    })
}

/// The same for a thread that is resumed: without `--cd`, it goes on where it worked.
///
/// # Errors
/// As [`thread_start`].
pub fn thread_resume(options: &ThreadOptions, run: &RunOptions) -> Result<ThreadResumeParams, String> {
    let start = thread_start(options, run)?;
    let cwd = options.cd.as_ref().and(start.cwd.clone());
    Ok(ThreadResumeParams { cwd, ..ThreadResumeParams::under(String::new(), start) })
}

/// The directory to work in: `--cd`, else the current one. Other relative paths of flags are relative to it. Where the work is done
/// elsewhere, it is the current one: files that flags name are here.
///
/// # Errors
/// A sentence for the user when it is missing.
pub fn workspace(options: &ThreadOptions) -> Result<PathBuf, String> {
    let cd = options.cd.as_deref().filter(|_| !options.elsewhere);
    directory("--cd", cd.unwrap_or(Path::new(".")))
}

/// The cassette that is to be recorded or played, in a file relative to `workspace`.
///
/// # Errors
/// A sentence for the user when its file cannot be made or read.
pub fn cassette(options: &CassetteOptions, workspace: &Path) -> Result<Option<Cassette>, String> {
    let (flag, cassette) = match (&options.record, &options.replay) {
        (Some(path), _) => ("--record", Cassette::record(&workspace.join(path))),
        (None, Some(path)) => ("--replay", Cassette::replay(&workspace.join(path))),
        (None, None) => return Ok(None),
    };
    cassette.map(Some).map_err(|error| format!("{flag}: {error}"))
}

/// The directory whose sessions are meant; elsewhere, those of all unless one is named.
///
/// # Errors
/// As [`workspace`].
pub fn sessions_of(options: &ThreadOptions) -> Result<Option<String>, String> {
    match (&options.cd, options.elsewhere) {
        (None, true) => Ok(None),
        (Some(cd), true) => utf8("--cd", cd).map(Some),
        (_, false) => utf8("--cd", &workspace(options)?).map(Some),
    }
}

/// `path` as text, as it travels.
///
/// # Errors
/// A sentence that names the flag when it is not UTF-8: another directory may have its name with the bytes replaced.
pub fn utf8(flag: &str, path: &Path) -> Result<String, String> {
    let refusal = || format!("{flag}: {} is not UTF-8: give it another name", path.display());
    path.to_str().map(str::to_owned).ok_or_else(refusal)
}

/// The level as the protocol spells it.
pub fn sandbox_mode(level: SandboxLevel) -> SandboxMode {
    match level {
        SandboxLevel::ReadOnly => SandboxMode::ReadOnly,
        SandboxLevel::WorkspaceWrite => SandboxMode::WorkspaceWrite,
        SandboxLevel::DangerFullAccess => SandboxMode::DangerFullAccess,
    }
}

fn approval(options: &ThreadOptions) -> Result<Option<ApprovalPolicy>, String> {
    let typed = options.ask_for_approval.map(|level| match level {
        ApprovalLevel::Untrusted => ApprovalPolicy::Untrusted,
        ApprovalLevel::OnRequest => ApprovalPolicy::OnRequest,
        ApprovalLevel::Never => ApprovalPolicy::Never,
    });
    match typed {
        Some(typed) if options.full_auto && typed != ApprovalPolicy::Never => {
            Err("--full-auto never asks: it contradicts --ask-for-approval; give one of them".into())
        }
        typed => Ok(typed.or(options.full_auto.then_some(ApprovalPolicy::Never))),
    }
}

/// The absolute path of an existing directory, links resolved.
///
/// # Errors
/// A sentence that names the flag.
pub fn directory(flag: &str, path: &Path) -> Result<PathBuf, String> {
    let canonical = path.canonicalize().map_err(|error| format!("{flag}: {}: {error}", path.display()))?;
    if canonical.is_dir() { Ok(canonical) } else { Err(format!("{flag}: {} is not a directory", path.display())) }
}
