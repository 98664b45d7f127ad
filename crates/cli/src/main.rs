//! The `codex` command.

mod args;
mod commands;
mod editor;
mod examples;
mod exec;
mod hidden;
mod resolve;
mod stdin;
mod terminal;

use std::process::ExitCode;

use args::{Arguments, Command, RunOptions, ThreadOptions};
use clap::Parser;
use codex_config::Environment;
use codex_sandbox::Helper;
use exec::ExitStatus;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    // Nothing may come before: a sandbox helper is this program started again, and must be small.
    codex_sandbox::run_helper_if_requested();
    keep_to_itself();
    codex_sandbox::ignore_file_size_signal();
    let arguments = Arguments::parse();
    // Before there is a second thread, and anything that commands must not know.
    let ahead = matches!(arguments.command, Some(Command::Sandbox(_))).then(Helper::fork).flatten();
    let environment = Environment::from_process();
    // One thread: the loop waits far more than it works, and a stream of events is several times cheaper so.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(&format!("cannot start: {error}"));
            return ExitCode::from(ExitStatus::Failed as u8);
        }
    };
    let status = runtime.block_on(run(arguments, environment, ahead));
    // A read of standard input that never ends must not keep the program.
    runtime.shutdown_background();
    codex_sandbox::remove_groups();
    ExitCode::from(status as u8)
}

/// Keeps what this program knows, keys among it, from other processes of the user and out of core dumps. The helper
/// does this later: it must still write its own id maps.
fn keep_to_itself() {
    // Where one is refused the other helps.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // Only the lower limit: commands without a sandbox may have dumps again.
    let kept = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    let _ = setrlimit(Resource::Core, kept);
}

/// Whether something was typed that has no meaning for a command that runs no turn.
fn takes_no(run: &RunOptions, prompt: &Option<String>) -> bool {
    *run != RunOptions::default() || prompt.is_some()
}

async fn run(arguments: Arguments, environment: Environment, ahead: Option<Helper>) -> ExitStatus {
    let Arguments { thread, run, prompt, command } = arguments;
    let result = match command {
        Some(Command::Exec(exec)) => Ok(commands::exec::run(thread, run, prompt, *exec, environment).await),
        _ if run.not_yet.refusal().is_some() => Err(run.not_yet.refusal().unwrap_or_default()),
        Some(Command::Demo(_)) if thread != ThreadOptions::default() || takes_no(&run, &prompt) => {
            Err("demo takes its own flags only, after the word demo".into())
        }
        Some(Command::Demo(demo)) => commands::demo::run(demo, environment).await,
        Some(Command::Sandbox(_)) if takes_no(&run, &prompt) => {
            Err("sandbox takes a command after `--`, and no prompt or flags of a run".into())
        }
        Some(Command::Sandbox(sandbox)) => commands::sandbox::run(thread, sandbox, environment, ahead).await,
        Some(Command::Trust(_)) if takes_no(&run, &prompt) => {
            Err("trust takes no prompt or flags of a run before it".into())
        }
        Some(Command::Trust(trust)) => commands::trust::run(thread, trust, environment),
        Some(Command::Permissions(_)) if takes_no(&run, &prompt) => {
            Err("permissions takes no prompt or flags of a run before it".into())
        }
        Some(Command::Permissions(permissions)) => commands::permissions::run(thread, permissions, environment).await,
        Some(Command::Login(_) | Command::Logout(_)) if takes_no(&run, &prompt) => {
            Err("login and logout take no prompt or flags of a run before them".into())
        }
        Some(Command::Login(login)) => commands::login::run(thread, login, environment).await,
        Some(Command::Logout(logout)) => commands::login::forget(&thread, logout, &environment),
        Some(Command::Doctor(_)) if takes_no(&run, &prompt) => {
            Err("doctor takes no prompt or flags of a run before it".into())
        }
        Some(Command::Doctor(doctor)) => commands::doctor::run(thread, doctor, environment).await,
        Some(Command::Init { .. }) if takes_no(&run, &prompt) => {
            Err("init takes no prompt or flags of a run before it".into())
        }
        Some(Command::Init { directory }) => commands::init::run(&thread, directory, &environment),
        Some(Command::Config(_)) if takes_no(&run, &prompt) => {
            Err("config takes no prompt or flags of a run before it".into())
        }
        Some(Command::Config(config)) => commands::config::run(thread, config, environment),
        Some(Command::Completion { .. } | Command::Man(_))
            if thread != ThreadOptions::default() || takes_no(&run, &prompt) =>
        {
            Err("completion and man take nothing before them".into())
        }
        Some(Command::Completion { shell }) => commands::completion::run(shell),
        Some(Command::Man(man)) => commands::man::run(&man),
        None => Err("the interactive screen is not part of this version yet: use `codex exec \"PROMPT\"`".into()),
    };
    result.unwrap_or_else(|message| {
        terminal::complain(&message);
        ExitStatus::Usage
    })
}
