//! `codex init`: a project gets a file of settings, with all of them shown and none in force.

use std::path::PathBuf;

use codex_config::Environment;

use crate::{args::ThreadOptions, commands::say, exec::ExitStatus, resolve};

/// Makes the files, and says which and what comes next.
///
/// # Errors
/// A sentence for the user when there is one already, or something cannot be made.
pub fn run(
    thread: &ThreadOptions,
    directory: Option<PathBuf>,
    environment: &Environment,
) -> Result<ExitStatus, String> {
    if !thread.says_only_where() {
        return Err("init takes a directory only".into());
    }
    let cwd = resolve::workspace(thread)?;
    let directory = directory.map_or(Ok(cwd.clone()), |directory| resolve::directory("init", &cwd.join(directory)))?;
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    let made = codex_config::init(&codex_home, environment.home(), &directory).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for path in made {
        text += &format!("made {}\n", path.display());
    }
    text += "The file is trusted as it is; none of its settings is in force yet. Next: `codex config edit --project`, or\n\
        `codex config set --project KEY VALUE`. What the agent should know of the project goes to AGENTS.md.\n";
    say(&text)
}
