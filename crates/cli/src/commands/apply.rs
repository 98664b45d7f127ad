//! `codex apply`: does in a directory what the agent did in a session.

use codex_config::Environment;
use codex_server::{Applied, Apply};

use crate::{
    args::{ApplyArguments, ThreadOptions},
    commands::exec::connect,
    exec::{ExitStatus, named_or_newest},
    resolve, terminal,
};

/// Applies all of it, or says what does not fit.
///
/// # Errors
/// A sentence for the user when there is no such session, or something cannot be read.
pub async fn run(
    outer: ThreadOptions,
    arguments: ApplyArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let ApplyArguments { thread, session, check } = arguments;
    let directory = resolve::workspace(&outer.then(thread))?;
    let of = resolve::utf8("--cd", &directory)?;
    let client = connect(environment.clone()).client;
    let thread_id = named_or_newest(&client, session, of).await.map_err(|error| error.message)?;
    let apply = Apply { thread_id, directory, check };
    let Applied { changed, already, misfits } =
        codex_server::apply(&environment, &apply).map_err(|error| error.message)?;
    if !misfits.is_empty() {
        for (path, why) in &misfits {
            let path = if path.as_os_str().is_empty() { String::new() } else { format!("{}: ", path.display()) };
            terminal::complain(&format!("{path}{why}"));
        }
        terminal::complain("this does not fit, and nothing was changed");
        return Ok(ExitStatus::Failed);
    }
    let mut text: String = changed.iter().map(|path| format!("{}\n", path.display())).collect();
    text += &match (changed.len(), check) {
        (0, _) if already.is_empty() => "the agent has changed nothing\n".to_owned(),
        (0, _) => "all of it is there already\n".to_owned(),
        (count, true) => format!("{count} paths would change, and all fit\n"),
        (count, false) => format!("{count} paths changed\n"),
    };
    super::say(&text)
}
