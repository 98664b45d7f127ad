//! The programs that are measured: where they are, what they are told, how they are called.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::json;

use crate::{cases::Task, kept, screens::Started};

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Agent {
    /// This repository's program.
    Ours,
    /// The peer, to which the ratios are taken: @openai/codex.
    Codex,
    /// A peer: opencode-ai. It has no sandbox.
    Opencode,
    /// A peer: @mariozechner/pi-coding-agent. It has no sandbox.
    Pi,
}

/// What a full configuration says besides.
const CONFIGURED: &str = include_str!("configured.toml");

/// The prompt of every turn. What is to be done, the scripted model knows.
const PROMPT: &str = "go";

impl Agent {
    /// As it is named on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Codex => "codex",
            Self::Opencode => "opencode",
            Self::Pi => "pi",
        }
    }

    /// Whether it can be asked for `task` in the same way as the others.
    pub(crate) fn can(self, task: Task) -> bool {
        let is_plain = matches!(task, Task::Version | Task::Turn(_));
        is_plain
            || self == Self::Ours
            || self == Self::Codex && !matches!(task, Task::Configured(_) | Task::List { .. })
    }

    /// Whether it is played in a terminal and as a server.
    pub(crate) fn is_played(self) -> bool {
        matches!(self, Self::Ours | Self::Codex)
    }

    /// The file of its settings, below the home directory, and their text: the scripted model, and whatever keeps the program
    /// from asking and from telling.
    pub(crate) fn settings(self, task: Task, base_url: &str, workspace: &Path) -> (&'static str, String) {
        match self {
            Self::Ours | Self::Codex => {
                let more = if matches!(task, Task::Configured(_)) { CONFIGURED } else { "" };
                (".codex/config.toml", self.config_with(more, base_url, workspace))
            }
            Self::Opencode => (".config/opencode/opencode.json", opencode(base_url)),
            Self::Pi => (".pi/agent/models.json", pi(base_url)),
        }
    }

    /// Variables of its environment that keep it from the network.
    pub(crate) fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Ours | Self::Codex => &[],
            Self::Opencode => &[
                ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
                ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
                ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            ],
            Self::Pi => &[("PI_OFFLINE", "1"), ("PI_SKIP_VERSION_CHECK", "1")],
        }
    }

    /// The same for codex and ours in a terminal, with so many servers of tools, which say nothing. The peer looks for news of
    /// itself on the net there.
    pub(crate) fn screen_config(self, servers: usize, base_url: &str, workspace: &Path) -> String {
        let news = if self == Self::Codex { "check_for_update_on_startup = false\n" } else { "" };
        let server = |number| format!("\n[mcp_servers.server{number}]\ncommand = \"sleep\"\nargs = [\"600\"]\n");
        let more: String = std::iter::once(news.to_owned()).chain((0..servers).map(server)).collect();
        self.config_with(&more, base_url, workspace)
    }

    /// The arguments for a program that is played. In a terminal, the peer's server in the background would outlast a run,
    /// and holds as much memory again; the peer does without.
    pub(crate) fn played_arguments(self, started: Started) -> Vec<OsString> {
        let own: &[&str] = match (self, started) {
            (_, Started::AsServer) => &["app-server"],
            (Self::Codex, _) => &["--no-daemon"],
            (_, _) => &[],
        };
        words(own).into_iter().chain((started == Started::WithPrompt).then(|| PROMPT.into())).collect()
    }

    fn config_with(self, more: &str, base_url: &str, workspace: &Path) -> String {
        let shared = format!(
            "model = \"mock\"\nmodel_provider = \"mock\"\n\n[model_providers.mock]\nname = \"mock\"\n\
             base_url = \"{base_url}\"\nwire_api = \"responses\"\n"
        );
        let shared = shared.replacen("\n\n", &format!("\n{more}\n"), 1);
        match self {
            Self::Codex => format!(
                "{shared}\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n\n[analytics]\nenabled = false\n",
                workspace.display()
            ),
            _ => shared,
        }
    }

    /// The arguments for `task` in `workspace`. Both programs get the sandbox that is their default for work: theirs
    /// has to be asked for. The peers without a sandbox work where they are started.
    pub(crate) fn arguments(self, task: Task, workspace: &Path) -> Vec<OsString> {
        let turn: &[&str] = match (task, self) {
            (Task::Version, _) => return vec!["--version".into()],
            (_, Self::Opencode) => return words(&["run", PROMPT]),
            (_, Self::Pi) => return words(&["--provider", "mock", "--model", "mock", "-p", PROMPT]),
            (Task::Sandbox(level), Self::Ours) => return words(&["sandbox", "-s", level, "--", "true"]),
            (Task::Sandbox(level), Self::Codex) => {
                return words(&["sandbox", "-c", &format!("sandbox_mode=\"{level}\""), "--", "true"]);
            }
            (Task::List { .. }, _) => return words(&["sessions", "list", "--all"]),
            (_, Self::Ours) => &["exec", "--skip-git-repo-check", "-C"],
            (_, Self::Codex) => &["exec", "--skip-git-repo-check", "-s", "workspace-write", "-C"],
        };
        let earlier: &[&str] = if matches!(task, Task::Resume(_)) { &["resume", kept::ID] } else { &[] };
        let typed = words(earlier).into_iter().chain([PROMPT.into()]);
        words(turn).into_iter().chain([workspace.into()]).chain(typed).collect()
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// opencode's settings: the scripted model by Chat Completions, every action allowed, nothing shared or updated.
fn opencode(base_url: &str) -> String {
    let model = json!({ "name": "mock", "limit": { "context": 200_000, "output": 8_000 } });
    let options = json!({ "baseURL": base_url, "apiKey": "x" });
    let provider =
        json!({ "npm": "@ai-sdk/openai-compatible", "name": "mock", "options": options, "models": { "mock": model } });
    json!({
        "autoupdate": false,
        "share": "disabled",
        "model": "mock/mock",
        "small_model": "mock/mock",
        "permission": { "*": "allow" },
        "provider": { "mock": provider },
    })
    .to_string()
}

/// pi's models: the scripted one by Responses.
fn pi(base_url: &str) -> String {
    let model = json!({
        "id": "mock",
        "name": "mock",
        "reasoning": false,
        "input": ["text"],
        "cost": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0 },
        "contextWindow": 200_000,
        "maxTokens": 8_000,
    });
    let provider = json!({ "baseUrl": base_url, "api": "openai-responses", "apiKey": "x", "models": [model] });
    json!({ "providers": { "mock": provider } }).to_string()
}

/// The program of a peer below the directory in which npm has installed it.
///
/// # Errors
///
/// There is none for this machine's processor.
pub(crate) fn peer(agent: Agent, directory: &Path) -> Result<PathBuf, String> {
    let (codex, target, opencode) = match std::env::consts::ARCH {
        "x86_64" => ("codex-linux-x64", "x86_64-unknown-linux-musl", "opencode-linux-x64"),
        "aarch64" => ("codex-linux-arm64", "aarch64-unknown-linux-musl", "opencode-linux-arm64"),
        other => return Err(format!("the peers have no program for {other}")),
    };
    let modules = directory.join("node_modules");
    Ok(match agent {
        Agent::Opencode => modules.join(opencode).join("bin/opencode"),
        Agent::Pi => modules.join(".bin/pi"),
        Agent::Ours | Agent::Codex => modules.join("@openai").join(codex).join("vendor").join(target).join("bin/codex"),
    })
}

#[cfg(test)]
mod tests {
    use codex_testkit::Script;

    use super::*;

    #[test]
    fn command_lines() {
        let turn = Task::Turn(Script::default);
        for (agent, task, expected) in [
            (Agent::Ours, Task::Version, "--version"),
            (Agent::Codex, Task::Version, "--version"),
            (Agent::Ours, Task::Sandbox("read-only"), "sandbox -s read-only -- true"),
            (Agent::Codex, Task::Sandbox("read-only"), "sandbox -c sandbox_mode=\"read-only\" -- true"),
            (Agent::Ours, turn, "exec --skip-git-repo-check -C /w go"),
            (Agent::Codex, turn, "exec --skip-git-repo-check -s workspace-write -C /w go"),
            (Agent::Opencode, turn, "run go"),
            (Agent::Pi, turn, "--provider mock --model mock -p go"),
            (Agent::Ours, Task::List { is_known: true }, "sessions list --all"),
            (
                Agent::Codex,
                Task::Resume(1),
                "exec --skip-git-repo-check -s workspace-write -C /w resume 0198c5f2-7a6e-7000-8000-0123456789ab go",
            ),
        ] {
            let arguments = agent.arguments(task, Path::new("/w")).join(" ".as_ref());
            assert_eq!(arguments, expected, "{agent:?}");
        }
        assert_eq!(Agent::Ours.played_arguments(Started::InTerminal), words(&[]));
        assert_eq!(Agent::Codex.played_arguments(Started::WithPrompt), words(&["--no-daemon", "go"]));
    }
}
