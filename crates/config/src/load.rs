//! Reads the files and puts the layers on top of each other. It never reads a `.env` file.
//!
//! Lowest first: defaults, the user's `config.toml`, the project's `.codex/config.toml`, the command line.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::layer::Layer;
use crate::merge::{Merged, providers, split_model};
use crate::source::{Name, Source};
use crate::trust::hold_back;
use crate::value::Base;
use crate::{ConfigError, Environment, Origin, Origins, Override, Settings, Warning, resolve};

/// Name of a file of settings.
pub(crate) const FILE: &str = "config.toml";
/// Directory of a project's files.
const DIR: &str = ".codex";
/// Largest file that is read, in bytes: a project may hold anything under this name.
pub(crate) const LARGEST: u64 = 1 << 18;

/// What to load settings for.
#[derive(Debug, Clone)]
pub struct LoadRequest<'a> {
    /// The environment, for the user's home.
    pub environment: &'a Environment,
    /// The directory of the user's settings, absolute; see [`Environment::codex_home`].
    pub codex_home: &'a Path,
    /// The directory to work in, absolute.
    pub workspace: &'a Path,
    /// The settings of the command line; of two for the same key, the later wins.
    pub overrides: &'a [Override],
    /// The name given with `--profile`.
    pub profile: Option<&'a str>,
    /// Whether the user trusts the project's file. If not, it can only make things stricter.
    pub trust_project: bool,
}

/// Settings, and what there is to say about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each came from.
    pub origins: Origins,
    /// What the user should know, in the order of layers.
    pub warnings: Vec<Warning>,
    /// The files that were read, lowest layer first.
    pub files: Vec<PathBuf>,
}

/// Loads the settings for a directory. Files that do not exist are no error.
///
/// # Errors
/// A file cannot be read, or is not TOML; a value, of a file or of the command line, has the wrong type or is not one
/// of those allowed; a setting asks for something that this version cannot do and that must not be left out in silence.
/// This holds for the project's file too, trusted or not.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, ConfigError> {
    let mut warnings = Vec::new();
    match load_layers(request, &mut warnings) {
        Ok((settings, origins, files)) => Ok(Loaded { settings, origins, warnings, files }),
        Err(error) => Err(error.after(warnings)),
    }
}

/// As [`load`]; the warnings outlive an error, for they may explain it.
fn load_layers(
    request: &LoadRequest<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(Settings, Origins, Vec<PathBuf>), ConfigError> {
    if let Some(name) = request.profile {
        let origin = Origin::Override(format!("--profile {name}"));
        return Err(ConfigError::new(origin, "profiles are not available in this version yet"));
    }
    let home = request.environment.home();
    let user_file = request.codex_home.join(FILE);
    let root = project_root(request.workspace, home.unwrap_or(Path::new("/")));
    let project_dir = root.as_deref().unwrap_or(request.workspace);
    let mut user = read(&user_file, Base { dir: request.codex_home, project: project_dir, home })?;
    warnings.extend(user.iter_mut().flat_map(|layer| std::mem::take(&mut layer.warnings)));
    let (project_file, mut project) = match &root {
        Some(root) => {
            let path = root.join(DIR).join(FILE);
            let layer =
                if same_file(&path, &user_file) { None } else { read(&path, Base { dir: root, project: root, home })? };
            (Some(path), layer)
        }
        None => (None, None),
    };
    warnings.extend(project.iter_mut().flat_map(|layer| std::mem::take(&mut layer.warnings)));
    let mut typed = command_line(request.overrides, Base { dir: request.workspace, project: request.workspace, home })?;

    let trusted = project.as_ref().filter(|_| request.trust_project);
    let known: BTreeSet<String> =
        user.iter().chain(trusted).chain([&typed]).flat_map(providers).map(String::from).collect();

    let mut files = Vec::new();
    let mut merged = Merged::default();
    merged.add(Layer::defaults());
    if let Some(mut layer) = user {
        split_model(&mut layer, &known);
        files.push(user_file);
        merged.add(layer);
    }
    if let Some(mut layer) = project {
        split_model(&mut layer, &known);
        files.extend(project_file);
        if !request.trust_project {
            warnings.extend(hold_back(&mut layer, &merged));
        }
        merged.add(layer);
    }
    split_model(&mut typed, &known);
    warnings.append(&mut typed.warnings);
    merged.add(typed);

    let settings = resolve::settings(&merged, project_dir, home, warnings)?;
    Ok((settings, merged.origins(), files))
}

/// The nearest directory at or above `workspace` that holds `.git` or `.codex`, as its real path; never `home`, what
/// is above it, or `/`; and nothing above `workspace` that belongs to anybody but its owner and root, for in a shared
/// directory anybody can make a `.codex` (CVE-2022-24765 was this of git).
pub fn project_root(workspace: &Path, home: &Path) -> Option<PathBuf> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let (workspace, home) = (real(workspace), real(home));
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid()).ok();
    let ours = [Some(0), owner(&workspace)];
    let is_ours = |path: &Path| owner(path).is_some_and(|owner| ours.contains(&Some(owner)));
    workspace
        .ancestors()
        .take_while(|dir| *dir != home && dir.parent().is_some())
        .take_while(|dir| *dir == workspace || is_ours(dir))
        .find(|dir| [".git", DIR].iter().any(|name| is_ours(&dir.join(name))))
        .map(Path::to_path_buf)
}

/// All settings of the command line as one layer: `-m openai/gpt-4o` must know of `-c model_provider=…` beside it.
fn command_line(overrides: &[Override], base: Base<'_>) -> Result<Layer, ConfigError> {
    let mut all = Layer::default();
    for each in overrides {
        let mut layer =
            Layer::parse(each.source(), base).map_err(|error| error.after(std::mem::take(&mut all.warnings)))?;
        all.leaves.append(&mut layer.leaves);
        all.warnings.append(&mut layer.warnings);
    }
    Ok(all)
}

/// Reads one file; `None` if it does not exist.
fn read(path: &Path, base: Base<'_>) -> Result<Option<Layer>, ConfigError> {
    read_source(path)?.map(|source| Layer::parse(source, base)).transpose()
}

/// The text of one file; `None` if it does not exist.
pub(crate) fn read_source(path: &Path) -> Result<Option<Source>, ConfigError> {
    let fault = |message: String| ConfigError::new(Origin::WholeFile(path.into()), message);
    let unreadable = |error: std::io::Error| fault(format!("cannot be read: {error}"));
    let missing = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
    };
    match fs::metadata(path) {
        // Opening a pipe would wait for ever, and a device may have no end.
        Ok(metadata) if !metadata.is_file() => return Err(fault("is not a file".into())),
        Ok(_) => {}
        // A link to nowhere is not a missing file: somebody meant it to be there.
        Err(error) if missing(&error) && fs::symlink_metadata(path).is_err() => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(unreadable)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(fault("is larger than 256 KiB, too large for settings".into()));
    }
    let name = Name::File(path.into());
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Source::new(name, text))),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Err(Source::new(name, text).error(at..at, "this is not UTF-8 text"))
        }
    }
}

/// Whether two paths are one file, by whatever links.
fn same_file(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    a == b || identity(a).is_some_and(|id| identity(b) == Some(id))
}
