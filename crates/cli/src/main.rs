//! The `codex` command.

mod args;
mod browser;
mod clipboard;
mod commands;
mod desktop;
mod editor;
mod examples;
mod exec;
mod hidden;
mod misplaced;
mod open_files;
mod resolve;
mod stdin;
mod stdio;
mod terminal;

use std::process::ExitCode;

use args::{Arguments, CassetteOptions, Command, RemoteOptions, RunOptions, ScreenOptions, ThreadOptions};
use codex_config::Environment;
use codex_sandbox::Helper;
use commands::remote::Elsewhere;
use exec::ExitStatus;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    // Nothing may come before: a sandbox helper is this program started again, and must be small.
    codex_sandbox::run_helper_if_requested();
    keep_to_itself();
    codex_sandbox::ignore_file_size_signal();
    codex_sandbox::give_large_blocks_back();
    let arguments = match Arguments::typed() {
        Ok(arguments) => arguments,
        Err(error) => {
            let Some(refusal) = misplaced::refusal(&error) else { error.exit() };
            terminal::complain(refusal);
            return ExitCode::from(ExitStatus::Usage as u8);
        }
    };
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

/// Why `command` does not run: something was typed before it that has no meaning for it.
fn refusal(command: &Command, thread: &ThreadOptions, run: &RunOptions, prompt: Option<&String>) -> Option<String> {
    let of_a_run = *run != RunOptions::default() || prompt.is_some();
    let anything = of_a_run || *thread != ThreadOptions::default();
    let name = match command {
        Command::Exec(_) => return None,
        Command::Resume(_) | Command::Fork(_) if prompt.is_some() => {
            return Some("the prompt comes after the session's id".into());
        }
        Command::Resume(_) | Command::Fork(_) => return None,
        Command::Demo(_) => return anything.then(|| "demo takes its own flags only, after the word demo".into()),
        Command::Sandbox(_) => {
            return of_a_run.then(|| "sandbox takes a command after `--`, and no prompt or flags of a run".into());
        }
        Command::Sessions(_) => return anything_but_where(thread, of_a_run),
        Command::Completion { .. } | Command::Man(_) => {
            return anything.then(|| "completion and man take nothing before them".into());
        }
        Command::Review(_) => "review",
        Command::Diff(_) => "diff",
        Command::Apply(_) => "apply",
        Command::Trust(_) => "trust",
        Command::Permissions(_) => "permissions",
        Command::Plugin(_) => "plugin",
        Command::Login(_) => "login",
        Command::Logout(_) => "logout",
        Command::Models(_) => "models",
        Command::Doctor(_) => "doctor",
        Command::AppServer(_) => "app-server",
        Command::Serve(_) => "serve",
        Command::Acp(_) => "acp",
        Command::Mcp(_) => "mcp",
        Command::McpServer(_) => "mcp-server",
        Command::Init { .. } => "init",
        Command::Rewind(_) => "rewind",
        Command::Config(_) => "config",
    };
    of_a_run.then(|| format!("{name} takes no prompt or flags of a run before it"))
}

/// Where the command works, and the command that `--serve` means.
///
/// # Errors
/// A sentence when these flags have no meaning for the command.
fn place(
    remote: &RemoteOptions,
    command: Option<Command>,
    prompt: Option<&String>,
) -> Result<(Option<Elsewhere>, Option<Command>), String> {
    let elsewhere = Elsewhere::typed(remote)?;
    match (&remote.serve, command) {
        (Some(_), Some(_)) => Err("--serve takes no command after it; `codex serve` has more flags".into()),
        (Some(_), None) if prompt.is_some() => Err("--serve takes no prompt".into()),
        (Some(address), None) => {
            Ok((None, Some(Command::Serve(Box::new(commands::serve::at(address.clone(), CassetteOptions::default()))))))
        }
        (None, Some(command)) if elsewhere.is_some() && !works_elsewhere(&command) => {
            Err("--remote works with the screen, `exec`, `resume` and `fork`; other commands are typed on that machine"
                .into())
        }
        (None, command) => Ok((elsewhere, command)),
    }
}

fn works_elsewhere(command: &Command) -> bool {
    matches!(command, Command::Exec(_) | Command::Resume(_) | Command::Fork(_))
}

/// Why what was typed before a command that works on what is kept has no meaning.
fn anything_but_where(thread: &ThreadOptions, of_a_run: bool) -> Option<String> {
    (of_a_run || !thread.says_only_where()).then(|| "sessions takes nothing before it but --cd".into())
}

async fn run(arguments: Arguments, environment: Environment, ahead: Option<Helper>) -> ExitStatus {
    let Arguments { mut thread, run, screen, remote, prompt, command } = arguments;
    let (elsewhere, command) = match place(&remote, command, prompt.as_ref()) {
        Ok(place) => place,
        Err(message) => {
            terminal::complain(&message);
            return ExitStatus::Usage;
        }
    };
    thread.elsewhere = elsewhere.is_some();
    if command.is_some() && screen != ScreenOptions::default() {
        let message = "--resume, --last, --all, --take-over and --alt-screen belong to the screen: `codex exec resume` goes on without one";
        terminal::complain(message);
        return ExitStatus::Usage;
    }
    if let Some(message) = command.as_ref().and_then(|command| refusal(command, &thread, &run, prompt.as_ref())) {
        terminal::complain(&message);
        return ExitStatus::Usage;
    }
    let result = match command {
        Some(Command::Exec(exec)) => Ok(commands::exec::run(thread, run, prompt, *exec, environment, elsewhere).await),
        Some(Command::Sessions(sessions)) => commands::sessions::run(&thread, *sessions, environment).await,
        Some(Command::Demo(demo)) => commands::demo::run(demo, environment).await,
        Some(Command::Review(review)) => commands::review::run(thread, *review, environment).await,
        Some(Command::Sandbox(sandbox)) => commands::sandbox::run(thread, sandbox, environment, ahead).await,
        Some(Command::Diff(diff)) => commands::diff::run(thread, diff, environment).await,
        Some(Command::Apply(apply)) => commands::apply::run(thread, apply, environment).await,
        Some(Command::Trust(trust)) => commands::trust::run(thread, trust, environment),
        Some(Command::Permissions(permissions)) => commands::permissions::run(thread, permissions, environment).await,
        Some(Command::Plugin(plugin)) => commands::plugin::run(thread, plugin, environment).await,
        Some(Command::Login(login)) => commands::login::run(thread, login, environment).await,
        Some(Command::Logout(logout)) => commands::login::forget(&thread, logout, &environment),
        Some(Command::Models(models)) => commands::models::run(thread, models, environment).await,
        Some(Command::Doctor(doctor)) => commands::doctor::run(thread, doctor, environment).await,
        Some(Command::Serve(serve)) => commands::serve::run(thread, *serve, environment).await,
        Some(Command::AppServer(served)) => commands::app_server::run(thread, served, environment).await,
        Some(Command::Acp(face)) => commands::app_server::acp(thread, face, environment).await,
        Some(Command::Mcp(mcp)) => commands::mcp::run(thread, *mcp, environment).await,
        Some(Command::McpServer(face)) => commands::app_server::mcp(thread, face, environment).await,
        Some(Command::Init { directory }) => commands::init::run(&thread, directory, &environment),
        Some(Command::Rewind(rewind)) => commands::rewind::run(thread, *rewind, environment).await,
        Some(Command::Config(config)) => commands::config::run(thread, config, environment),
        Some(Command::Completion { shell }) => commands::completion::run(shell),
        Some(Command::Man(man)) => commands::man::run(&man),
        Some(Command::Resume(resume)) => {
            let (nearer, own, screen, prompt) = commands::screen::resumed(resume);
            commands::screen::run(thread.then(nearer), run.then(own), screen, prompt, environment, elsewhere).await
        }
        Some(Command::Fork(fork)) => {
            let (nearer, own, screen, prompt) = commands::screen::forked(fork);
            commands::screen::run(thread.then(nearer), run.then(own), screen, prompt, environment, elsewhere).await
        }
        None => commands::screen::run(thread, run, screen, prompt, environment, elsewhere).await,
    };
    result.unwrap_or_else(|message| {
        terminal::complain(&message);
        ExitStatus::Usage
    })
}
