//! What the state wants done, done.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use codex_client::Client;
use codex_config::{Environment, SettingsFile};
use tokio::sync::mpsc;

use super::{Options, Surroundings, ask, crash, face::Face, unsent::Unsent};
use crate::{
    app::{App, AppEvent, Effect, Local, Setup},
    composer::{Composer, History},
    keymap::Keymap,
    look::Look,
    notify, onboarding, overlays,
    picture::Protocol,
    screen::{Capabilities, Output, RawMode, Screen},
    status_line,
    theme::Theme,
};

/// Opens the person's editor on a file and waits for its end.
type Editor = fn(&Environment, &Path) -> Result<(), String>;

/// The state and its surroundings; the terminal is ours from here on.
pub fn set_up(
    client: Client,
    events: mpsc::UnboundedSender<AppEvent>,
    options: Options,
) -> io::Result<(App, Surroundings)> {
    let Options {
        environment,
        codex_home,
        opening,
        start,
        resume,
        first,
        settings,
        lacks_key,
        plan,
        programs,
        machine,
    } = options;
    let pictures = Protocol::of(&environment, &settings.images);
    let capabilities = Capabilities { pictures, ..Capabilities::of(&environment) };
    let keymap =
        Keymap::new(&settings.keymap).map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
    let size = crate::screen::size();
    crash::install();
    let full = settings.alternate_screen;
    let mut face = if settings.screen_reader || capabilities.is_dumb {
        Face::Lines { shown: Vec::new(), prompted: false }
    } else {
        // Who does not know a link's sequence may show that of a title as well.
        let has_title = settings.terminal_title && capabilities.links;
        let raw = RawMode::enter(capabilities, has_title)?;
        let screen = if full { Screen::full } else { Screen::inline };
        Face::Drawn { screen: Box::new(screen(Output, size, capabilities)), raw, title: has_title.then(String::new) }
    };
    if settings.theme == "auto" {
        // The answer comes with the keys, if it comes.
        face.ask_background();
    }
    let look = Look { width: size.columns, theme: overlays::theme(&settings.theme).unwrap_or(Theme::Ansi) };
    let history =
        if settings.keeps_history { History::open(&codex_home.join("history.jsonl")) } else { History::default() };
    let mut composer = Composer::new(history);
    composer.set_vim(settings.vim);
    let mut unsent = Unsent::open(&codex_home, start.cwd.as_deref(), settings.keeps_history);
    if first.is_none() {
        composer.set(unsent.read());
    }
    let setup = Setup {
        look,
        theme_name: settings.theme.clone(),
        size,
        keymap,
        status: status_line::items(settings.status_line.as_deref()),
        whereabouts: status_line::Whereabouts {
            home: environment.home().map(|home| home.display().to_string()),
            machine,
        },
        full: full && matches!(face, Face::Drawn { .. }),
        notifications: notify::method(&settings),
        onboarding: lacks_key.map(|lack| onboarding::guide("its key is missing", &lack, &look)).unwrap_or_default(),
        start,
        resume,
    };
    // Files of another machine are not here.
    let draws = matches!(face, Face::Drawn { .. }) && !setup.full && setup.whereabouts.machine.is_none();
    let mut app = App::new(setup, composer, opening, first);
    app.feed.draws(capabilities.pictures.filter(|_| draws));
    if plan {
        app.plan_first();
    }
    Ok((app, Surroundings { client, events, face, environment, codex_home, programs, unsent }))
}

/// Carries `effect` out. `false`: the person leaves.
pub fn carry_out(effect: Effect, app: &mut App, surroundings: &mut Surroundings) -> io::Result<bool> {
    let directory = || PathBuf::from(app.setup.start.cwd.clone().unwrap_or_default());
    let told = match effect {
        Effect::Quit => return Ok(false),
        Effect::Call(request, purpose) => {
            ask(surroundings, *request, purpose);
            return Ok(true);
        }
        Effect::KeepDraft(draft) => {
            surroundings.unsent.keep(draft);
            return Ok(true);
        }
        Effect::Suspend => return surroundings.face.suspend().map(|()| true),
        Effect::Send(bytes) => {
            surroundings.face.send(&bytes);
            return Ok(true);
        }
        Effect::Clear => {
            surroundings.face.clear();
            return Ok(true);
        }
        Effect::AskBackground => {
            surroundings.face.ask_background();
            surroundings.face.resize(app);
            return Ok(true);
        }
        Effect::Redraw => {
            surroundings.face.resize(app);
            return Ok(true);
        }
        Effect::TakePicture => {
            let (environment, codex_home) = (surroundings.environment.clone(), surroundings.codex_home.clone());
            let (looked, events) =
                ((surroundings.programs.clipboard)(environment, codex_home), surroundings.events.clone());
            tokio::spawn(async move { events.send(AppEvent::Local(Local::Picture(looked.await))) });
            return Ok(true);
        }
        Effect::Browse { address, is_shown } => {
            let asked = (surroundings.programs.browser)(surroundings.environment.clone(), address);
            let events = surroundings.events.clone();
            tokio::spawn(async move {
                let told = asked.await;
                if !is_shown {
                    let _ = events.send(AppEvent::Local(Local::Told(told)));
                }
            });
            return Ok(true);
        }
        Effect::Edit(text) => {
            let (editor, environment) = (surroundings.programs.editor, surroundings.environment.clone());
            Local::Edited(surroundings.face.lend(|| edit(&text, editor, &environment))?)
        }
        Effect::Keep(key, value) => Local::Told(keep(&key, &value, surroundings)),
        // Files that the person names are here, wherever the session is.
        Effect::Write { path, text } if app.setup.whereabouts.machine.is_some() => {
            Local::Told(write(Path::new("."), path, &text))
        }
        Effect::Write { path, text } => Local::Told(write(&directory(), path, &text)),
        Effect::Init if app.setup.whereabouts.machine.is_some() => {
            Local::Told(Err("settings of a project are made on its machine: `codex init` there".into()))
        }
        Effect::Init => Local::Told(init(&directory(), surroundings)),
    };
    let _ = surroundings.events.send(AppEvent::Local(told));
    Ok(true)
}

/// `text` as the person's editor leaves it.
fn edit(text: &str, editor: Editor, environment: &Environment) -> Result<String, String> {
    let failed = |error: io::Error| format!("the text cannot be given to an editor: {error}");
    let mut file = tempfile::Builder::new().prefix("codex-").suffix(".md").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    editor(environment, file.path())?;
    let left = std::fs::read_to_string(file.path()).map_err(failed)?;
    Ok(left.strip_suffix('\n').unwrap_or(&left).to_owned())
}

/// Keeps a setting in the user's own file.
fn keep(key: &str, value: &str, surroundings: &Surroundings) -> Result<String, String> {
    let file = SettingsFile::user(&surroundings.codex_home, surroundings.environment.home());
    let edit = codex_config::Edit { profile: None, key, value: Some(value) };
    match codex_config::edit(&file, &edit) {
        Ok(_) => Ok(format!("kept: {key} = {value}")),
        Err(error) => Err(format!("not kept: {error}")),
    }
}

/// Writes an export. It replaces no file.
fn write(directory: &Path, path: Option<String>, text: &str) -> Result<String, String> {
    let path = directory.join(path.unwrap_or_else(|| "codex-transcript.md".into()));
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = std::fs::File::create_new(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(format!("written to {}", path.display()))
}

fn init(directory: &Path, surroundings: &Surroundings) -> Result<String, String> {
    let home: Option<&Path> = Environment::home(&surroundings.environment);
    let made = codex_config::init(&surroundings.codex_home, home, directory).map_err(|error| error.to_string())?;
    let made = made.iter().map(|path| format!("made {}\n", path.display())).collect::<String>();
    Ok(made + "None of its settings is in force yet.")
}
