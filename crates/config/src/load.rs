//! Reads the layers and puts them on top of each other. Which files there are is known to `files`.
//!
//! Lowest first: defaults, the files, the profile that was asked for, the environment, the command line. A profile that
//! a file makes the default ranks just above that file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::agent_files::{AgentFile, agent_files};
use crate::built_in;
use crate::command_files::command_files;
use crate::explain::{self, Effective};
use crate::files::{FileKind, Place, SYSTEM_FILE, places, project_root, read_of_project, read_source};
use crate::hook_files::hook_files;
use crate::hooks::{self, HookEntry, HookSource, of_layers};
use crate::keys;
use crate::layer::Layer;
use crate::mcp_json;
use crate::merge::{Merged, is_another_server, providers, split_model};
use crate::origin::dotted;
use crate::project_trust::{ProjectTrust, conclude, judge, wanting};
use crate::source::{Name, Source};
use crate::suggest::did_you_mean;
use crate::trust::hold_back;
use crate::trust_store::Hash;
use crate::value::Base;
use crate::variables::{CODEX_PROFILE, VARIABLES};
use crate::{ConfigError, Environment, Origin, Origins, Override, Settings, Warning, resolve};

/// What to load settings for.
#[derive(Debug, Clone)]
pub struct LoadRequest<'a> {
    /// The environment, for the user's home and for the variables that set something.
    pub environment: &'a Environment,
    /// The settings of the machine; `/etc/codex/config.toml` but in tests.
    pub system_file: &'a Path,
    /// The directory of the user's settings, absolute; see [`Environment::codex_home`].
    pub codex_home: &'a Path,
    /// The directory to work in, absolute.
    pub workspace: &'a Path,
    /// The settings of the command line; of two for the same key, the later wins.
    pub overrides: &'a [Override],
    /// The name given with `--profile`.
    pub profile: Option<&'a str>,
    /// Whether the user trusts the project's files. If not, they can only make things stricter.
    pub trust_project: bool,
    /// Files of the project that the user trusts as they were hashed, remembered or not: paths below its root.
    pub accepted: &'a [(PathBuf, Hash)],
    /// Whether what would be a warning is an error.
    pub strict: bool,
}

impl<'a> LoadRequest<'a> {
    /// For `workspace`, with nothing typed and nothing trusted but what is remembered.
    pub fn new(environment: &'a Environment, codex_home: &'a Path, workspace: &'a Path) -> Self {
        Self {
            environment,
            system_file: Path::new(SYSTEM_FILE),
            codex_home,
            workspace,
            overrides: &[],
            profile: None,
            trust_project: false,
            accepted: &[],
            strict: false,
        }
    }
}

/// Settings, and what there is to say about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each came from.
    pub origins: Origins,
    /// What the user should know, in the order of layers.
    pub warnings: Vec<Warning>,
    /// The files that were read, lowest layer first.
    pub files: Vec<PathBuf>,
    /// The profile in force, and where it was named.
    pub profile: Option<(String, Origin)>,
    /// What files of the project want that only a trusted one may have; those that want nothing are not there.
    pub trust: ProjectTrust,
    /// Descriptions of sub-agents, sorted by name.
    pub agents: Vec<AgentFile>,
    pub(crate) merged: Merged,
}

impl Loaded {
    /// Where values can come from besides flags and defaults, lowest layer first, in words for people.
    pub fn sources(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| file.display().to_string());
        files.chain(self.profile.iter().map(|(name, origin)| format!("profile {name} ({origin})"))).collect()
    }

    /// Every key that has a value, or was to have one: in the order of the table of keys.
    pub fn explain(&self) -> Vec<Effective> {
        explain::effective(&self.merged)
    }
}

/// A file that was read.
pub(crate) struct Read {
    pub(crate) place: Place,
    pub(crate) layer: Layer,
    pub(crate) trusted: bool,
}

/// A profile that was asked for: its name, where, and the number of the file whose default it is, if a file asked.
struct Selected {
    name: String,
    origin: Origin,
    file: Option<usize>,
}

/// Loads the settings for a directory. Files that do not exist are no error.
///
/// # Errors
/// A file cannot be read, or is not TOML; a value, of a file, a variable or the command line, has the wrong type or is
/// not one of those allowed; there is no such profile. This holds for the project's files too, trusted or not. With
/// [`LoadRequest::strict`], whatever would have been a warning.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, ConfigError> {
    let mut warnings = Vec::new();
    let mut loaded = load_layers(request, &mut warnings).map_err(|error| error.after(std::mem::take(&mut warnings)))?;
    if request.strict && !warnings.is_empty() {
        let first = warnings.remove(0);
        let hint = "`--strict-config` makes what would be a warning an error";
        return Err(first.into_error().hint(Some(hint.into())).after(warnings));
    }
    loaded.warnings = warnings;
    Ok(loaded)
}

/// What files of the project want that only a trusted one may have, in profiles that are not selected too.
///
/// # Errors
/// As [`load`], but for what all layers come to.
pub fn project_trust(request: &LoadRequest<'_>) -> Result<ProjectTrust, ConfigError> {
    let mut warnings = Vec::new();
    let all = layers(request, true, &mut warnings).map_err(|error| error.after(warnings))?;
    Ok(all.trust)
}

/// As [`load`]; the warnings outlive an error, for they may explain it.
fn load_layers(request: &LoadRequest<'_>, warnings: &mut Vec<Warning>) -> Result<Loaded, ConfigError> {
    let Layers { files, selected, merged, trust, root, agents, hooks } = layers(request, false, warnings)?;
    let project = root.as_deref().unwrap_or(request.workspace);
    let mut expanded = merged.clone();
    warnings.extend(mcp_json::expand(&mut expanded, request.environment));
    let mut settings = resolve::settings(&expanded, project, request.environment.home(), warnings)?;
    settings.hooks.enabled = hooks::switches(&merged)[0];
    settings.hooks.entries = of_layers(&merged, |origin| whose(origin, &files), warnings);
    settings.hooks.entries.extend(hooks);
    Ok(Loaded {
        settings,
        origins: merged.origins(),
        warnings: Vec::new(),
        files: files.into_iter().map(|file| file.place.path).collect(),
        profile: selected.map(|it| (it.name, it.origin)),
        trust,
        agents,
        merged,
    })
}

/// All layers, on top of each other.
struct Layers {
    files: Vec<Read>,
    selected: Option<Selected>,
    merged: Merged,
    trust: ProjectTrust,
    root: Option<PathBuf>,
    agents: Vec<AgentFile>,
    /// The hooks of files of JSON.
    hooks: Vec<HookEntry>,
}

/// Who brought what is written there.
fn whose(origin: &Origin, files: &[Read]) -> HookSource {
    let (Origin::File { path, .. } | Origin::WholeFile(path)) = origin else { return HookSource::Flags };
    match files.iter().find(|file| file.place.path == *path).map(|file| file.place.kind) {
        Some(FileKind::System) => HookSource::System,
        Some(FileKind::User) | None => HookSource::User,
        Some(_) => HookSource::Project,
    }
}

/// Takes from a project's layer what only the user's own file may say, in its profiles too.
fn only_the_users(layer: &mut Layer) {
    let (taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut layer.leaves).into_iter().partition(|leaf| {
        let is_of_profile = leaf.path.first().is_some_and(|first| first == "profiles");
        let path = if is_of_profile { leaf.path.get(2..).unwrap_or_default() } else { &leaf.path };
        path.first().is_some_and(|first| keys::ONLY_THE_USERS.contains(&first.as_str()))
    });
    layer.leaves = kept;
    for leaf in taken {
        if let Some(site) = leaf.site {
            let name = dotted(&leaf.path);
            layer
                .warnings
                .push(site.warning(format!("`{name}` is taken from your own file alone, and has no effect here")));
        }
    }
}

/// Reads the layers and puts them together; `all` as for [`wanting`].
fn layers(request: &LoadRequest<'_>, all: bool, warnings: &mut Vec<Warning>) -> Result<Layers, ConfigError> {
    let home = request.environment.home();
    let root = project_root(request.workspace, home.unwrap_or(Path::new("/")));
    let project = root.as_deref().unwrap_or(request.workspace);
    let mut files = Vec::new();
    for place in places(request, root.as_deref()) {
        let base = Base { dir: &place.directory, project, home };
        let trusted = !place.kind.is_of_project();
        // While commands run, an empty directory keeps the place of a file that is not there.
        if place.kind == FileKind::McpJson && place.path.is_dir() {
            continue;
        }
        let source = if trusted { read_source(&place.path) } else { read_of_project(&place.path, project) };
        let source = match source {
            Err(error) if place.kind == FileKind::McpJson => {
                warnings.push(mcp_json::unreadable(error));
                continue;
            }
            source => source?,
        };
        let Some(source) = source else { continue };
        if place.kind == FileKind::McpJson {
            let mut layer = mcp_json::layer(source, base);
            warnings.append(&mut layer.warnings);
            files.push(Read { place, layer, trusted });
            continue;
        }
        let mut layer = Layer::parse(source, base).map_err(|error| error.after(std::mem::take(warnings)))?;
        if !trusted {
            only_the_users(&mut layer);
        }
        warnings.append(&mut layer.warnings);
        files.push(Read { place, layer, trusted });
    }
    let typed_base = Base { dir: request.workspace, project: request.workspace, home };
    let environment = environment_layer(request.environment, typed_base)?;
    let mut typed = command_line(request.overrides, typed_base)?;
    warnings.append(&mut typed.warnings);

    // First as if nothing were trusted; only if something is held back then does it matter what is. With one file
    // trusted, another may come to be held back.
    let (defaults, above) = (Layer::defaults(), [environment, typed]);
    let mut found = Vec::new();
    let (selected, merged, more) = loop {
        let selected = selected(request, &above[1], &files)?;
        let mut more = Vec::new();
        let merged = put_together(&defaults, &files, &above, selected.as_ref(), &mut more);
        let mut new = wanting(&files, &merged, &found, all);
        let again = judge(request, project, &mut files, &mut new)?;
        found.extend(new);
        if !again {
            break (selected, merged, more);
        }
    };
    warnings.extend(more);
    let (mut trust, held) = conclude(root.as_deref(), &files, found, &merged);
    warnings.extend(held);
    let agents = agent_files(request, root.as_deref(), &mut trust, warnings)?;
    command_files(request, root.as_deref(), &mut trust)?;
    let [enabled, claude] = hooks::switches(&merged);
    let read = || hook_files(request, root.as_deref(), claude, &mut trust, warnings);
    let hooks = enabled.then(read).transpose()?.unwrap_or_default();
    Ok(Layers { files, selected, merged, trust, root, agents, hooks })
}

/// All layers on top of each other.
fn put_together(
    defaults: &Layer,
    files: &[Read],
    above: &[Layer; 2],
    selected: Option<&Selected>,
    warnings: &mut Vec<Warning>,
) -> Merged {
    let profile_of = |file: &Read| selected.map(|it| (file.layer.profile(&it.name), file.trusted));
    let mut layers: Vec<(Layer, bool)> = vec![(defaults.clone(), true)];
    for (number, file) in files.iter().enumerate() {
        layers.push((file.layer.clone(), file.trusted));
        match selected.and_then(|it| it.file) {
            Some(naming) if naming == number => layers.extend(files[..=number].iter().filter_map(profile_of)),
            Some(naming) if naming < number => layers.extend(profile_of(file)),
            _ => {}
        }
    }
    if selected.is_some_and(|it| it.file.is_none()) {
        layers.extend(files.iter().filter_map(profile_of));
    }
    layers.extend(above.iter().map(|layer| (layer.clone(), true)));

    let trusted = layers.iter().filter(|(_, trusted)| *trusted);
    let known: BTreeSet<String> = trusted.flat_map(|(layer, _)| providers(layer)).map(String::from).collect();
    let built_in = built_in::leaves(layers.iter().map(|(layer, _)| layer));
    if let Some((defaults, _)) = layers.first_mut() {
        defaults.leaves.extend(built_in);
    }
    let mut merged = Merged::default();
    for (mut layer, trusted) in layers {
        split_model(&mut layer, &known);
        let held = if trusted { Vec::new() } else { hold_back(&mut layer, &merged) };
        merged.note_held(held);
        merged.replace_servers(&layer);
        warnings.extend(merged.add(layer));
    }
    merged
}

/// The profile in force: of the command line, else of the environment, else the default of the highest file that may
/// name one.
fn selected(request: &LoadRequest<'_>, typed: &Layer, files: &[Read]) -> Result<Option<Selected>, ConfigError> {
    let named = |layer: &Layer| {
        let leaf = layer.leaves.iter().rev().find(|leaf| leaf.path == ["default_profile"])?;
        Some((leaf.value.as_str()?.to_owned(), leaf.site.as_ref()?.clone()))
    };
    let of_files = || {
        let trusted = files.iter().enumerate().rev().filter(|(_, file)| file.trusted);
        trusted.filter_map(|(number, file)| Some((named(&file.layer)?, Some(number)))).next()
    };
    let (name, origin, file, site) = if let Some(name) = request.profile {
        (name.to_owned(), Origin::Override(format!("--profile {name}")), None, None)
    } else if let Some((name, site)) = named(typed) {
        (name, site.origin(), None, Some(site))
    } else if let Some(name) = request.environment.get(CODEX_PROFILE) {
        (name.to_owned(), Origin::Environment(CODEX_PROFILE.name().into()), None, None)
    } else if let Some(((name, site), file)) = of_files() {
        (name, site.origin(), file, Some(site))
    } else {
        return Ok(None);
    };
    let known: BTreeSet<&str> = files.iter().flat_map(|file| file.layer.profiles()).collect();
    if known.contains(name.as_str()) {
        return Ok(Some(Selected { name, origin, file }));
    }
    let listed = match known.is_empty() {
        true => "no file has a table `[profiles.NAME]`".to_owned(),
        false => format!("known: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is no profile `{name}`; {listed}");
    let error = site.map_or_else(|| ConfigError::new(origin, &message), |site| site.error(&message));
    Err(error.hint(did_you_mean(&name, known)))
}

/// What the environment sets.
fn environment_layer(environment: &Environment, base: Base<'_>) -> Result<Layer, ConfigError> {
    let mut all = Layer::default();
    for variable in VARIABLES {
        let (Some(key), Some(value)) = (variable.sets(), environment.get(*variable)) else { continue };
        let text = format!("{key} = {}", toml::Value::String(value.into()));
        let name = Name::Variable(variable.name().into());
        all.leaves.append(&mut Layer::parse(Source::new(name, text), base)?.leaves);
    }
    Ok(all)
}

/// All settings of the command line as one layer: `-m openai/gpt-4o` must know of `-c model_provider=…` beside it.
fn command_line(overrides: &[Override], base: Base<'_>) -> Result<Layer, ConfigError> {
    let mut all = Layer::default();
    for each in overrides {
        let mut layer =
            Layer::parse(each.source(), base).map_err(|error| error.after(std::mem::take(&mut all.warnings)))?;
        // A whole server of tools is another one than that of its name which was given before.
        all.leaves.retain(|before| !is_another_server(&layer, before));
        all.leaves.append(&mut layer.leaves);
        all.warnings.append(&mut layer.warnings);
    }
    Ok(all)
}
