//! The programs that are measured: where they are, what they are told, how they are called.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use crate::{cases::Task, kept, screens::Started};

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Agent {
    /// This repository's program.
    Ours,
    /// The peer, to which the ratios are taken.
    Codex,
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
        }
    }

    /// The text of `config.toml`: the scripted model, and whatever keeps the program from asking and from telling.
    pub(crate) fn config(self, task: Task, base_url: &str, workspace: &Path) -> String {
        self.config_with(if matches!(task, Task::Configured(_)) { CONFIGURED } else { "" }, base_url, workspace)
    }

    /// The same for the program in a terminal, with so many servers of tools, which say nothing. The peer looks for news of
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
            (Self::Ours, _) => &[],
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
            Self::Ours => shared,
            Self::Codex => format!(
                "{shared}\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n\n[analytics]\nenabled = false\n",
                workspace.display()
            ),
        }
    }

    /// The arguments for `task` in `workspace`. Both programs get the sandbox that is their default for work: theirs
    /// has to be asked for.
    pub(crate) fn arguments(self, task: Task, workspace: &Path) -> Vec<OsString> {
        let turn: &[&str] = match (task, self) {
            (Task::Version, _) => return vec!["--version".into()],
            (Task::Sandbox(level), Self::Ours) => return words(&["sandbox", "-s", level, "--", "true"]),
            (Task::Sandbox(level), Self::Codex) => {
                return words(&["sandbox", "-c", &format!("sandbox_mode=\"{level}\""), "--", "true"]);
            }
            (Task::List { .. }, _) => return words(&["sessions", "list", "--all"]),
            (Task::Turn(_) | Task::Configured(_) | Task::Resume(_), Self::Ours) => {
                &["exec", "--skip-git-repo-check", "-C"]
            }
            (Task::Turn(_) | Task::Configured(_) | Task::Resume(_), Self::Codex) => {
                &["exec", "--skip-git-repo-check", "-s", "workspace-write", "-C"]
            }
        };
        let earlier: &[&str] = if matches!(task, Task::Resume(_)) { &["resume", kept::ID] } else { &[] };
        let typed = words(earlier).into_iter().chain([PROMPT.into()]);
        words(turn).into_iter().chain([workspace.into()]).chain(typed).collect()
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The peer's program below the directory in which npm has installed it.
///
/// # Errors
///
/// There is none for this machine's processor.
pub(crate) fn peer(directory: &Path) -> Result<PathBuf, String> {
    let (package, target) = match std::env::consts::ARCH {
        "x86_64" => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        "aarch64" => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        other => return Err(format!("the peer has no program for {other}")),
    };
    Ok(directory.join("node_modules/@openai").join(package).join("vendor").join(target).join("bin/codex"))
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
