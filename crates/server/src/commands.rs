//! Own commands of a thread: which there are, and what the model reads of one that is used.
//!
//! It must never run a command, or ask a model, that only an untrusted project wants: what is trusted is the bytes of a file,
//! as they are when it is used.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use codex_agent::{Mode, Part, Spoken, Standing};
use codex_config::{Environment, Hash, TrustStore, Verdict, command_directories};
use codex_extensions::{
    Place, Source,
    commands::{self, Command, CommandFile, Piece},
};
use codex_history::Content;
use codex_protocol::{
    CollaborationMode, CommandListResult, ErrorKind, ModeKind, OwnCommand, RpcError, SettingsChange, UserInput,
};
use codex_workspace::{Bounds, Roots, View, open_to_read, read_picture};

use crate::{
    Kept, Server,
    build::{self, configuration},
    mcp, plugins,
    reading::blocking,
};

/// Most bytes of a file that a command includes.
const INCLUDED: usize = 64 << 10;
/// What the name of a picture ends with.
const PICTURES: &[&str] = &["png", "jpg", "jpeg", "gif", "webp"];
const HELD_BACK: &str =
    "this project is not trusted with it: `codex trust` shows what it wants and asks, `--trust` honours it";

/// Where the commands of a thread are looked for.
#[derive(Debug, Clone)]
struct Places {
    sources: Vec<Source>,
    /// The project's root.
    project: PathBuf,
}

/// What a command comes to.
struct Expanded {
    parts: Vec<Part>,
    model: Option<String>,
    mode: Option<ModeKind>,
    warnings: Vec<String>,
}

impl Server {
    /// The commands of a thread that are not built in.
    pub(crate) async fn list_commands(&self, thread_id: &str) -> Result<CommandListResult, RpcError> {
        let standing = self.kept(thread_id)?.thread.standing();
        let places = self.command_places(&standing)?;
        let (found, warnings) = blocking(move || Ok(commands::load(&places.sources))).await?;
        let data = found.into_iter().map(|command| OwnCommand {
            source: command.place.name().to_owned(),
            name: command.name,
            description: command.description,
            argument_hint: command.argument_hint,
        });
        let mut data: Vec<OwnCommand> = data.collect();
        data.extend(mcp::commands(standing.plugged.mcp.as_deref()).await);
        Ok(CommandListResult { data, warnings })
    }

    fn command_places(&self, standing: &Standing) -> Result<Places, RpcError> {
        let (codex_home, workspace) = (self.codex_home()?, &standing.roots.workspace);
        let mut places = places(&self.environment, &codex_home, &standing.roots);
        let of_plugins = plugins::sources(&self.environment, (&codex_home, workspace), |parts| &parts.commands);
        places.sources.extend(of_plugins);
        Ok(places)
    }

    /// What the user says to a thread, with what the model reads of it; changes the thread's settings as `change` and the
    /// commands in `input` want it.
    pub(crate) async fn expand(
        &self,
        thread_id: &str,
        input: Vec<UserInput>,
        change: &SettingsChange,
    ) -> Result<Vec<Spoken>, RpcError> {
        let kept = self.kept(thread_id)?;
        let (mut spoken, mut change, mut warnings) = (Vec::with_capacity(input.len()), change.clone(), Vec::new());
        let mut model = None;
        for shown in input {
            let UserInput::Command { name, arguments } = &shown else {
                spoken.push(shown.into());
                continue;
            };
            let expanded = self.expanded(&kept, name, arguments).await?;
            model = model.or(expanded.model);
            warnings.extend(expanded.warnings);
            change.collaboration_mode = expanded.mode.map(CollaborationMode::only).or(change.collaboration_mode);
            spoken.push(Spoken { shown, read: Some(expanded.parts) });
        }
        let spoken = self.with_skills(&kept, spoken).await?;
        self.change_for_turn(thread_id, &kept, change, model).await?;
        self.warn(thread_id, &warnings).await;
        Ok(spoken)
    }

    /// As [`Server::expand`], while a turn runs, whose settings stay as they are.
    pub(crate) async fn expand_midway(&self, thread_id: &str, input: Vec<UserInput>) -> Result<Vec<Spoken>, RpcError> {
        let kept = self.kept(thread_id)?;
        let mut spoken = Vec::with_capacity(input.len());
        for shown in input {
            let UserInput::Command { name, arguments } = &shown else {
                spoken.push(shown.into());
                continue;
            };
            let expanded = self.expanded(&kept, name, arguments).await?;
            let is_plain = expanded.model.is_none() && expanded.mode.is_none();
            if !is_plain || expanded.parts.iter().any(|part| matches!(part, Part::Output(_))) {
                let message = format!("/{name} waits until the turn has ended: it runs commands, or changes settings");
                return Err(configuration(&message));
            }
            spoken.push(Spoken { shown, read: Some(expanded.parts) });
        }
        self.with_skills(&kept, spoken).await
    }

    /// Changes the settings; a model that a command wants is asked in this turn, and the one before in the next.
    async fn change_for_turn(
        &self,
        thread_id: &str,
        kept: &Kept,
        mut change: SettingsChange,
        model: Option<String>,
    ) -> Result<(), RpcError> {
        let before = kept.take_model_before();
        let says = change.model.is_some() || change.model_provider.is_some();
        match (model, before) {
            (Some(model), before) if !says => {
                let now = kept.thread.standing().model;
                let now = SettingsChange {
                    model: Some(now.id),
                    model_provider: Some(now.provider),
                    effort: now.reasoning_effort,
                    ..SettingsChange::default()
                };
                change.model = Some(model);
                self.change(thread_id, &change).await?;
                kept.keep_model_before(before.unwrap_or(now));
                Ok(())
            }
            (_, Some(before)) if !says => {
                let effort = change.effort.take().or(before.effort);
                let (model, model_provider) = (before.model, before.model_provider);
                self.change(thread_id, &SettingsChange { model, model_provider, effort, ..change }).await
            }
            _ => self.change(thread_id, &change).await,
        }
    }

    async fn expanded(&self, kept: &Kept, name: &str, arguments: &str) -> Result<Expanded, RpcError> {
        let standing = kept.thread.standing();
        if let Some(mcp) = standing.plugged.mcp.as_ref().filter(|_| name.starts_with("mcp__"))
            && let Some(parts) = mcp.prompt(name, arguments).await.map_err(|why| configuration(&why))?
        {
            return Ok(Expanded { parts, model: None, mode: None, warnings: Vec::new() });
        }
        let (places, codex_home) = (self.command_places(&standing)?, self.codex_home()?);
        let (name, arguments, accepted) = (name.to_owned(), arguments.to_owned(), kept.wanted().accepted);
        blocking(move || {
            let (found, _) = commands::load(&places.sources);
            let Some(command) = commands::find(&found, &name) else {
                let message = format!("there is no command `/{name}` here");
                return Err(RpcError::new(ErrorKind::NotFound, message));
            };
            let file = command.read().map_err(|why| configuration(&why))?;
            let is_trusted = || is_trusted(&codex_home, &places.project, command, &file, &accepted);
            Ok(expanded(command, &file, &arguments, &standing, is_trusted))
        })
        .await
    }
}

/// Where the commands of whoever works in `roots` are looked for, the nearest first.
fn places(environment: &Environment, codex_home: &Path, roots: &Roots) -> Places {
    let workspace = &roots.workspace;
    let project = build::project(environment, workspace);
    let bounds = Bounds::of(project.clone(), roots);
    let home = environment.home().map(|home| home.join(".claude/commands"));
    let users = [codex_home.join("commands"), codex_home.join("prompts")].into_iter().chain(home);
    let users: Vec<Source> = users.map(Source::user).collect();
    let is_users = |directory: &PathBuf| users.iter().any(|source| source.directory == *directory);
    let projects = command_directories(&project, workspace).into_iter().filter(|directory| !is_users(directory));
    let projects = projects.map(|directory| Source::project(directory, &bounds));
    Places { sources: projects.collect::<Vec<_>>().into_iter().chain(users).collect(), project }
}

/// Whether what a command wants may be done. A file that cannot be looked up is not trusted.
fn is_trusted(
    codex_home: &Path,
    project: &Path,
    command: &Command,
    file: &CommandFile,
    accepted: &[(PathBuf, Hash)],
) -> bool {
    if command.place != Place::Project {
        return true;
    }
    let hash = Hash::of(file.text.as_bytes());
    let relative = command.path.strip_prefix(project).unwrap_or(&command.path);
    accepted.iter().any(|(path, known)| path == relative && *known == hash)
        || TrustStore::read(codex_home).is_ok_and(|store| store.verdict(project, relative, &hash) == Verdict::Trusted)
}

fn expanded(
    command: &Command,
    file: &CommandFile,
    arguments: &str,
    standing: &Standing,
    is_trusted: impl Fn() -> bool,
) -> Expanded {
    let pieces = commands::expand(&file.body, arguments);
    let wants = file.model.is_some() || pieces.iter().any(|piece| matches!(piece, Piece::Run(_)));
    let may = !wants || is_trusted();
    let (mut warnings, mut behind) = (Vec::new(), Vec::new());
    if !may {
        warnings.push(format!("{}: commands and a model in it are held back; {HELD_BACK}", command.path.display()));
    }
    let parts = pieces.into_iter().flat_map(|piece| match piece {
        Piece::Text(text) => vec![Part::text(text)],
        Piece::Run(line) if may => vec![Part::Output(line)],
        Piece::Run(line) => vec![Part::text(format!("[`{line}` was not run: this project is not trusted]"))],
        Piece::File { path, written } => match included(&path, &standing.roots) {
            Ok(parts) => {
                behind.extend(parts);
                vec![Part::text(format!("`{path}`"))]
            }
            Err(why) => {
                // A word that begins so may be anything: only what is there, and cannot be read, is worth a word.
                warnings.extend(why.map(|why| format!("{}: `{written}`: {why}", command.path.display())));
                vec![Part::text(written)]
            }
        },
    });
    let mut parts: Vec<Part> = parts.collect();
    parts.extend(behind);
    let mode = file.mode.as_deref().map(|mode| if mode == "plan" { ModeKind::Plan } else { ModeKind::Default });
    let mode = mode.filter(|mode| (*mode == ModeKind::Plan) != (standing.mode == Mode::Plan));
    Expanded { parts, model: file.model.clone().filter(|_| may), mode, warnings }
}

/// What is in a file below the roots of the thread. Without one of this name, no reason.
fn included(path: &str, roots: &Roots) -> Result<Vec<Part>, Option<String>> {
    let sentence = |error: std::io::Error| Some(error.to_string());
    let real = View::of(roots).real_path(Path::new(path)).map_err(sentence)?;
    if !real.is_file() {
        return Err(None);
    }
    let within = roots.writable.iter().chain([&roots.workspace]).chain(&roots.temp);
    if !within.into_iter().any(|root| real.starts_with(root)) {
        return Err(Some("it is not in a directory that this session works in".into()));
    }
    let ending = real.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if ending.is_some_and(|ending| PICTURES.contains(&ending.as_str())) {
        let picture = read_picture(&real).map_err(Some)?;
        let image = Content::Image { media_type: picture.media_type.to_owned(), data: picture.data };
        return Ok(vec![Part::text(format!("\n\nPicture `{path}`:")), Part::Content(image)]);
    }
    let mut bytes = Vec::new();
    let file = open_to_read(&real).map_err(sentence)?;
    file.take(INCLUDED as u64 + 1).read_to_end(&mut bytes).map_err(sentence)?;
    let is_cut = bytes.len() > INCLUDED;
    bytes.truncate(INCLUDED);
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.utf8_error().error_len().is_none() => {
            String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned()
        }
        Err(_) => return Err(Some("it is not UTF-8 text".into())),
    };
    let cut =
        if is_cut { format!("\n[cut here: {} KiB of a file are included]", INCLUDED >> 10) } else { String::new() };
    let text = text.trim_end();
    Ok(vec![Part::text(format!("\n\nWhat is in `{path}`:\n\n{text}{cut}"))])
}
