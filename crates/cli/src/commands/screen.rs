//! `codex`, `codex resume` and `codex fork`: the screen. Flags to what it is opened with.

use std::io::{self, IsTerminal};

use codex_config::{Environment, KeySource, Settings, key_source};
use codex_protocol::{SessionSource, ThreadForkParams, ThreadReadParams, ThreadResumeParams, ThreadStartParams};
use codex_server::Server;
use codex_tui::{Draft, Opening, Options, Programs};

use crate::{
    args::{ForkPlace, ForkScreenArguments, Limits, ResumeScreenArguments, RunOptions, ScreenOptions, ThreadOptions},
    browser, clipboard,
    commands::{
        exec::{self, OWN_PROGRAM},
        remote::Elsewhere,
    },
    editor,
    exec::ExitStatus,
    resolve, terminal,
};

/// Shows the screen until the person leaves.
///
/// # Errors
/// A sentence for the user when what was typed, or the configuration, is wrong, or there is no terminal.
pub async fn run(
    thread: ThreadOptions,
    run: RunOptions,
    screen: ScreenOptions,
    prompt: Option<String>,
    environment: Environment,
    elsewhere: Option<Elsewhere>,
) -> Result<ExitStatus, String> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(
            "the screen needs a terminal; without one use `codex exec \"PROMPT\"`, which reads a prompt from a \
            pipe too"
                .into(),
        );
    }
    of_the_screen(&run)?;
    if let Some(elsewhere) = &elsewhere {
        elsewhere.check(&thread)?;
        elsewhere.check_cassette(&run.cassette)?;
    }
    let (ask_trust, live_output) = (Some(true), Some(true));
    let start = ThreadStartParams { ask_trust, live_output, ..resolve::thread_start(&thread, &run)? };
    let resume = ThreadResumeParams { ask_trust, live_output, ..resolve::thread_resume(&thread, &run)? };
    let workspace = resolve::workspace(&thread)?;
    let pictures = run.image.iter().map(|path| exec::picture(&workspace.join(path))).collect::<Result<Vec<_>, _>>()?;
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    // The screen is the person's, wherever the session is.
    let here = match elsewhere {
        Some(_) => ThreadStartParams { cwd: Some(resolve::utf8("--cd", &workspace)?), ..ThreadStartParams::default() },
        None => start.clone(),
    };
    let found = codex_server::settings(&environment, here).map_err(|error| error.to_string())?;
    let settings = found.settings;
    // A cassette that is played answers instead; with `oss`, whom to ask is yet to be found.
    let needs_none = elsewhere.is_some() || run.cassette.replay.is_some() || settings.oss;
    let lacks_key = if needs_none { None } else { lacks_key(&settings, &environment) };
    let mut own = settings.tui;
    own.alternate_screen |= screen.alt_screen;
    let mut opening = opening(&screen, resolve::sessions_of(&thread)?, &start, &resume)?;
    let first = Draft { text: prompt.unwrap_or_default(), pictures };
    let machine = elsewhere.as_ref().map(|elsewhere| elsewhere.address.to_string());
    let connection = match &elsewhere {
        Some(elsewhere) => elsewhere.connect(&environment).await?,
        None => {
            let cassette = resolve::cassette(&run.cassette, &workspace)?;
            let (calls, events) =
                Server::in_process(environment.clone(), OWN_PROGRAM.into(), SessionSource::Cli, cassette);
            codex_client::Connection::new(calls, events)
        }
    };
    let go_on = machine.as_ref().map(|url| format!(" --remote {url}")).unwrap_or_default();
    let named = match &mut opening {
        Opening::Resume(params) => Some(&mut params.thread_id),
        Opening::Fork(params) => Some(&mut params.from.thread_id),
        _ => None,
    };
    if let Some(thread_id) = named {
        // Said here, not on a screen that has no session then.
        let wanted = ThreadReadParams { thread_id: thread_id.clone() };
        *thread_id = connection.client.thread_read(wanted).await.map_err(|error| error.message)?.thread.id;
    }
    let options = Options {
        environment,
        codex_home,
        opening,
        start,
        resume,
        first: (!first.is_empty()).then_some(first),
        settings: own,
        lacks_key,
        plan: run.plan,
        machine,
        programs: Programs {
            editor: editor::open,
            browser: browser::show,
            clipboard: |environment, codex_home| Box::pin(clipboard::picture(environment, codex_home)),
        },
    };
    let ending = codex_tui::run(connection, options).await.map_err(|error| format!("the terminal: {error}"))?;
    if let Some(id) = ending.session {
        let how = if ending.runs_on { "the turn goes on there; come back with" } else { "go on with" };
        let _ = terminal::print(&format!("{how}: codex{go_on} --resume {id}\n"));
    }
    Ok(ExitStatus::Done)
}

/// Flags of the thread, of the run and of the screen, and the prompt.
type Typed = (ThreadOptions, RunOptions, ScreenOptions, Option<String>);

/// `codex resume`, as the flags that mean the same.
pub fn resumed(arguments: ResumeScreenArguments) -> Typed {
    let ResumeScreenArguments { thread, last, all, take_over, alt_screen, cassette, session, prompt } = arguments;
    // Without an id, the first word after `--last` is the prompt.
    let (session, prompt) = if last && prompt.is_none() { (None, session) } else { (session, prompt) };
    let resume = Some(session.unwrap_or_default());
    let screen = ScreenOptions { resume, last, all, take_over, alt_screen, ..ScreenOptions::default() };
    (thread, RunOptions { cassette, ..RunOptions::default() }, screen, prompt)
}

/// `codex fork`, as what it opens.
pub fn forked(arguments: ForkScreenArguments) -> Typed {
    let ForkScreenArguments { resume, at } = arguments;
    let (thread, run, screen, prompt) = resumed(resume);
    (thread, run, ScreenOptions { fork: Some(ForkPlace { at }), ..screen }, prompt)
}

fn opening(
    screen: &ScreenOptions,
    here: Option<String>,
    start: &ThreadStartParams,
    resume: &ThreadResumeParams,
) -> Result<Opening, String> {
    let params = ThreadResumeParams { take_over: screen.take_over.then_some(true), ..resume.clone() };
    if let Some(ForkPlace { at }) = &screen.fork {
        return fork_opening(
            screen,
            here,
            ThreadForkParams { from: params, last_turn_id: at.clone(), ..Default::default() },
        );
    }
    Ok(match screen.resume.as_deref() {
        None => Opening::Start(start.clone()),
        Some("") if screen.last => {
            let of = here.filter(|_| !screen.all);
            Opening::Last { params, of }
        }
        Some("") => Opening::Pick { params, all: screen.all },
        Some(_) if screen.last => return Err("--last is the newest session: give an id or --last, not both".into()),
        Some(id) => Opening::Resume(ThreadResumeParams { thread_id: id.to_owned(), ..params }),
    })
}

fn fork_opening(screen: &ScreenOptions, here: Option<String>, mut params: ThreadForkParams) -> Result<Opening, String> {
    let session = screen.resume.as_deref().unwrap_or_default();
    Ok(match session {
        "" if screen.last => {
            let of = here.filter(|_| !screen.all);
            Opening::ForkLast { params: Box::new(params), of }
        }
        "" if params.last_turn_id.is_some() => {
            return Err("--at is a turn of one session: give its id, or --last".into());
        }
        "" => Opening::ForkPick { all: screen.all },
        _ if screen.last => return Err("--last is the newest session: give an id or --last, not both".into()),
        id => {
            params.from.thread_id = id.to_owned();
            Opening::Fork(Box::new(params))
        }
    })
}

/// What is typed of a run without a screen has no meaning here.
fn of_the_screen(run: &RunOptions) -> Result<(), String> {
    let kept = RunOptions {
        plan: run.plan,
        image: run.image.clone(),
        ephemeral: run.ephemeral,
        skip_git_repo_check: run.skip_git_repo_check,
        thread_source: run.thread_source.clone(),
        color: run.color,
        limits: Limits { timeout: None, ..run.limits.clone() },
        cassette: run.cassette.clone(),
        ..RunOptions::default()
    };
    if *run == kept {
        return Ok(());
    }
    Err("--json, --output-last-message, --output-schema, --verbose, --no-stdin and --timeout belong to `codex exec`"
        .into())
}

/// The provider that is selected and has no key, with what to set.
fn lacks_key(settings: &Settings, environment: &Environment) -> Option<String> {
    let id = &settings.model_provider;
    match key_source(settings, id, environment) {
        Ok(KeySource::Missing) => {
            let variable = settings.model_providers.get(id).and_then(|provider| provider.env_key.clone());
            Some(variable.unwrap_or_else(|| id.clone()))
        }
        _ => None,
    }
}
