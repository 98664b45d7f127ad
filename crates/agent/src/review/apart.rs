//! A conversation apart from the thread's: in its place for as long as a review takes, with walls, tools and commands of
//! its own.
//!
//! It must never be mixed with the thread's: what is said in it is recorded as such, and the thread's own comes back
//! whatever happens.

use std::sync::Arc;

use codex_history::History;
use codex_permissions::{Approval, Policy, SandboxLevel};
use codex_sandbox::{Command, Confinement, Rung, Streams};
use codex_store::TempDirectory;
use codex_tools::Processes;
use codex_workspace::Roots;

use crate::{ThreadSettings, Workplace, thread::ThreadState};

/// The tools of a review that read, and those that run commands.
const TOOLS: &[&str] =
    &["exec_command", "git_read", "list_dir", "manage_processes", "read_file", "search_files", "write_stdin"];

/// What is the thread's own.
#[derive(Debug)]
pub(crate) struct Apart {
    settings: ThreadSettings,
    history: History,
    processes: Arc<Processes>,
}

impl Apart {
    /// Who else may change files meanwhile.
    pub(super) fn others_at_work(&self) -> Option<&'static str> {
        let agents = self.settings.agents.as_ref().map_or(0, |agents| agents.working());
        match (self.processes.list().is_empty(), agents) {
            (false, _) => Some("commands of the session run on, which may change files"),
            (_, 1..) => Some("sub-agents are at work, which may change files"),
            _ => None,
        }
    }
}

/// Where the commands of a review run.
pub(super) struct Ground {
    workplace: Workplace,
    /// What they see as `/tmp`, beside which lies what they write; or why none can run.
    pub(super) temp: Result<TempDirectory, String>,
    /// Where the project's tests run if what they write cannot be thrown away: what they change is put back.
    pub(super) put_back: Option<Workplace>,
}

/// Why nothing can be thrown away.
enum Kept {
    /// The machine has nothing to do it with.
    NoOverlay(String),
    Otherwise(String),
}

impl Ground {
    /// Finds out whether commands can write there without changing anything.
    pub(super) async fn prepare(state: &ThreadState) -> Self {
        let mut workplace = state.settings.workplace.clone();
        let made = match workplace.policy.level {
            SandboxLevel::ReadOnly => Err(Kept::Otherwise("the sandbox is read-only".into())),
            SandboxLevel::WorkspaceWrite | SandboxLevel::DangerFullAccess => thrown_away(state).await,
        };
        let mut put_back = None;
        let temp = match made {
            Ok((policy, temp)) => {
                let roots = Roots::clone(&workplace.roots);
                workplace.roots = Arc::new(Roots { temp: Some(temp.path().to_owned()), ..roots });
                workplace.policy = Arc::new(policy);
                // Without walls it may lie elsewhere, where nothing can be written now.
                Arc::make_mut(&mut workplace.environment).insert("TMPDIR".into(), "/tmp".into());
                Ok(temp)
            }
            Err(kept) => {
                let why = match kept {
                    Kept::NoOverlay(why) => {
                        let policy = Arc::new(workplace.policy.to_be_put_back());
                        put_back = Some(Workplace { policy, ..workplace.clone() });
                        why
                    }
                    Kept::Otherwise(why) => why,
                };
                Arc::make_mut(&mut workplace.policy).level = SandboxLevel::ReadOnly;
                Err(why)
            }
        };
        Self { workplace, temp, put_back }
    }

    /// Ends what runs there, and removes what was written.
    pub(super) async fn end(self) {
        let Ok(temp) = self.temp else { return };
        self.workplace.sandbox.forget(&self.workplace.policy.confinement()).await;
        let _ = tokio::task::spawn_blocking(move || drop(temp)).await;
    }
}

/// Walls inside which everything that is written goes elsewhere, and where; or why there are none.
async fn thrown_away(state: &ThreadState) -> Result<(Policy, TempDirectory), Kept> {
    let otherwise = |error: &dyn std::fmt::Display| Kept::Otherwise(error.to_string());
    let Workplace { policy, sandbox, roots, .. } = &state.settings.workplace;
    let temp = state.temp.as_ref().ok_or_else(|| otherwise(&"the session is being closed"))?;
    let temp = temp.beside(&format!("review-{}", state.turns)).map_err(|error| otherwise(&error))?;
    let may_ask = policy.weak || policy.approval != Approval::Never;
    let policy = policy.thrown_away(temp.path().to_owned());
    let walls = policy.confinement();
    if sandbox.rung().await.map_err(|error| otherwise(&error))? == Rung::LandlockOnly {
        let why = "this machine has no namespaces, so that what they write could not be kept out of the project";
        // There commands that write need consent.
        return Err(if may_ask { Kept::NoOverlay(why.into()) } else { Kept::Otherwise(why.into()) });
    }
    let refused = look(sandbox, &walls, roots).await.map_err(|error| otherwise(&error))?;
    match refused.iter().find(|path| policy.writable.contains(path)) {
        None => Ok((policy, temp)),
        Some(path) => {
            sandbox.forget(&walls).await;
            let path = path.display();
            let why = format!("no overlay can lie on {path} here, so that what they write could not be kept out of it");
            Err(Kept::NoOverlay(why))
        }
    }
}

/// What no overlay can lie on.
async fn look(
    sandbox: &codex_sandbox::Sandbox,
    walls: &Confinement,
    roots: &Roots,
) -> Result<Vec<std::path::PathBuf>, String> {
    let argv = ["/bin/sh", "-c", ":"].map(Into::into).into();
    let command = Command { argv, directory: roots.workspace.clone(), environment: [].into() };
    let mut child = sandbox.spawn(walls, command, Streams::Merged).await.map_err(|error| error.to_string())?;
    child.wait().await.map_err(|error| error.to_string())?;
    Ok(child.process.noticed().read_only_caches.clone())
}

impl ThreadState {
    /// Puts an empty conversation in the place of the thread's own.
    pub(super) fn go_apart(&mut self, ground: &Ground) {
        let mut settings = self.settings.clone();
        settings.workplace = ground.workplace.clone();
        settings.tools.retain(|tool| TOOLS.contains(&tool.name()));
        // What they report is for the thread: it waits for its next turn.
        settings.agents = None;
        // A summary would begin with the thread's instructions.
        settings.model.compact_at = None;
        self.apart = Some(Apart {
            settings: std::mem::replace(&mut self.settings, settings),
            history: std::mem::take(&mut self.history),
            processes: std::mem::replace(&mut self.processes, Arc::new(Processes::new(1))),
        });
    }

    /// Puts the thread's own back, if it is not there. A rule that the user added meanwhile stays.
    pub(crate) fn come_back(&mut self) {
        let Some(Apart { mut settings, history, processes }) = self.apart.take() else { return };
        let rules = self.settings.workplace.policy.rules.clone();
        Arc::make_mut(&mut settings.workplace.policy).rules = rules;
        (self.settings, self.history, self.processes) = (settings, history, processes);
        self.standing.show(&self.settings);
    }
}
