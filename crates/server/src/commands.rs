//! Own commands of a thread: which there are, and what the model reads of one that is used.
//!
//! It must never run a command, or ask a model, that only an untrusted project wants: what is trusted is the bytes of a file,
//! as they are when it is used.

mod includes;

use std::path::{Path, PathBuf};

use codex_agent::{Mode, Part, Spoken, Standing};
use codex_config::{Environment, Hash, TrustStore, Verdict, command_directories};
use codex_extensions::{
    Place, Source,
    commands::{self, Command, CommandFile, Piece},
};
use codex_protocol::{
    CollaborationMode, CommandListParams, CommandListResult, ErrorKind, ModeKind, OwnCommand, RpcError, SettingsChange,
    UserInput,
};
use codex_workspace::{Bounds, Roots};
use tokio_util::sync::CancellationToken;

use self::includes::{Includes, Shown};
use crate::{
    Kept, Server,
    build::{self, configuration},
    mcp, plugins,
    reading::blocking,
};

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
    pub(crate) async fn list_commands(&self, params: &CommandListParams) -> Result<CommandListResult, RpcError> {
        let kept = self.kept(&params.thread_id)?;
        let (standing, accepted) = (kept.thread.standing(), kept.wanted().accepted);
        let (places, codex_home) = (self.command_places(&standing)?, self.codex_home()?);
        let (found, warnings) = blocking(move || Ok(load(&places, &codex_home, &accepted))).await?;
        let data = found.into_iter().map(|command| OwnCommand {
            source: command.place.name().to_owned(),
            name: command.name,
            description: command.description,
            argument_hint: command.argument_hint,
        });
        let mut data: Vec<OwnCommand> = data.collect();
        if let Some(mcp) = &standing.plugged.mcp {
            if !params.no_wait {
                mcp.ready_for_list().await;
            }
            data.extend(mcp::commands(mcp));
        }
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
        let (mut model, stop) = (None, CancellationToken::new());
        let (mut includes, _guard) = (Includes::new(stop.clone()), stop.drop_guard());
        for shown in input {
            let UserInput::Command { name, arguments } = &shown else {
                spoken.push(shown.into());
                continue;
            };
            let expanded;
            (expanded, includes) = self.expanded(&kept, name, arguments, includes).await?;
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
        let (mut spoken, stop) = (Vec::with_capacity(input.len()), CancellationToken::new());
        let (mut includes, _guard) = (Includes::new(stop.clone()), stop.drop_guard());
        for shown in input {
            let UserInput::Command { name, arguments } = &shown else {
                spoken.push(shown.into());
                continue;
            };
            let expanded;
            (expanded, includes) = self.expanded(&kept, name, arguments, includes).await?;
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

    async fn expanded(
        &self,
        kept: &Kept,
        name: &str,
        arguments: &str,
        mut includes: Includes,
    ) -> Result<(Expanded, Includes), RpcError> {
        let standing = kept.thread.standing();
        if let Some(mcp) = standing.plugged.mcp.as_ref().filter(|_| name.starts_with("mcp__"))
            && let Some(parts) = mcp.prompt(name, arguments).await.map_err(|why| configuration(&why))?
        {
            return Ok((Expanded { parts, model: None, mode: None, warnings: Vec::new() }, includes));
        }
        let (places, codex_home) = (self.command_places(&standing)?, self.codex_home()?);
        let (name, arguments, accepted) = (name.to_owned(), arguments.to_owned(), kept.wanted().accepted);
        blocking(move || {
            let (found, _) = load(&places, &codex_home, &accepted);
            let Some(command) = commands::find(&found, &name) else {
                let message = format!("there is no command `/{name}` here");
                return Err(RpcError::new(ErrorKind::NotFound, message));
            };
            let file = command.read().map_err(|why| configuration(&why))?;
            let is_trusted = || is_trusted(&codex_home, &places.project, command, &file, &accepted);
            let pieces = file.expand(&arguments).map_err(|why| configuration(&format!("/{name}: {why}")))?;
            let expanded = expanded(command, &file, pieces, (&standing, &mut includes), is_trusted);
            Ok((expanded, includes))
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

/// The commands that there are; one of the project takes the place of the user's only where the user trusts it.
fn load(places: &Places, codex_home: &Path, accepted: &[(PathBuf, Hash)]) -> (Vec<Command>, Vec<String>) {
    commands::load(&places.sources, &|command| {
        command.read().is_ok_and(|file| is_trusted(codex_home, &places.project, command, &file, accepted))
    })
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
    pieces: Vec<Piece>,
    (standing, includes): (&Standing, &mut Includes),
    is_trusted: impl Fn() -> bool,
) -> Expanded {
    let mode = file.mode.as_deref().map(|mode| if mode == "plan" { ModeKind::Plan } else { ModeKind::Default });
    let mode = mode.filter(|mode| (*mode == ModeKind::Plan) != (standing.mode == Mode::Plan));
    let runs = pieces.iter().any(|piece| matches!(piece, Piece::Run(_)));
    let wants = [
        (runs, "commands in it"),
        (file.model.is_some(), "its `model`"),
        (mode == Some(ModeKind::Default), "its `mode`, which leaves plan mode"),
    ];
    let wants: Vec<&str> = wants.into_iter().filter_map(|(is_wanted, what)| is_wanted.then_some(what)).collect();
    let may = wants.is_empty() || is_trusted();
    let (mut warnings, mut behind) = (Vec::new(), Vec::new());
    if !may {
        let wants = wants.join(" and ");
        warnings.push(format!("{}: held back: {wants}; {HELD_BACK}", command.path.display()));
    }
    let parts = pieces.into_iter().flat_map(|piece| match piece {
        Piece::Text(text) => vec![Part::text(text)],
        Piece::Run(line) if !may => vec![Part::text(format!("[`{line}` was not run: this project is not trusted]"))],
        Piece::Run(line) if includes.may_run() => vec![Part::Output(line)],
        Piece::Run(line) => vec![Part::text(format!("[`{line}` was not run: there are too many]"))],
        Piece::File { path, written } => match includes.file(&path, &standing.roots) {
            Shown::File(parts) => {
                behind.extend(parts);
                vec![Part::text(format!("`{path}`"))]
            }
            Shown::Word(why) => {
                // A word that begins so may be anything: only what is there, and cannot be read, is worth a word.
                warnings.extend(why.map(|why| format!("{}: `{written}`: {why}", command.path.display())));
                vec![Part::text(written)]
            }
        },
    });
    let mut parts: Vec<Part> = parts.collect();
    parts.extend(behind);
    let left_out = includes.left_out().into_iter();
    warnings.extend(left_out.map(|what| format!("{}: {what}", command.path.display())));
    let mode = mode.filter(|mode| may || *mode == ModeKind::Plan);
    Expanded { parts, model: file.model.clone().filter(|_| may), mode, warnings }
}
