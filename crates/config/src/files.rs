//! Which files hold settings for a directory, and their text. It never reads a `.env` file.
//!
//! Lowest first: the system's, the user's, the `.mcp.json` of the project's root, then from the project's root down to the directory each `.codex/config.toml`,
//! and in the same order each `.codex/config.local.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::mcp_json;
use crate::source::{Name, Source};
use crate::{ConfigError, LoadRequest, Origin};

/// The settings of the machine.
pub(crate) const SYSTEM_FILE: &str = "/etc/codex/config.toml";
/// Name of a file of settings.
pub(crate) const FILE: &str = "config.toml";
/// Name of a project's file that is not shared with others.
pub(crate) const LOCAL_FILE: &str = "config.local.toml";
/// Directory of a project's files.
pub(crate) const DIR: &str = ".codex";
/// Largest file that is read, in bytes: a project may hold anything under this name.
pub(crate) const LARGEST: u64 = 1 << 18;

/// Whose settings a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The machine's.
    System,
    /// The user's.
    User,
    /// A project's, for everybody who works on it.
    Project,
    /// A project's, for this user alone.
    Local,
    /// A project's `.mcp.json`, with servers of tools and nothing else.
    McpJson,
}

impl FileKind {
    /// Whether it comes with the project, so that somebody else may have written it.
    pub fn is_of_project(self) -> bool {
        matches!(self, Self::Project | Self::Local | Self::McpJson)
    }
}

/// Where settings may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose they are.
    pub kind: FileKind,
    /// The file, absolute. It may not exist.
    pub path: PathBuf,
    /// What its relative paths are relative to.
    pub directory: PathBuf,
}

/// All files that settings for a request may stand in, lowest layer first.
pub fn settings_files(request: &LoadRequest<'_>) -> Vec<Place> {
    let home = request.environment.home().unwrap_or(Path::new("/"));
    places(request, project_root(request.workspace, home).as_deref())
}

/// The places for a request, lowest layer first. `root` is the project's, if there is one.
pub(crate) fn places(request: &LoadRequest<'_>, root: Option<&Path>) -> Vec<Place> {
    let own = |kind, path: PathBuf| {
        let directory = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        Place { kind, path, directory }
    };
    let mut places =
        vec![own(FileKind::System, request.system_file.into()), own(FileKind::User, request.codex_home.join(FILE))];
    // Each file once, by whatever links; a stranger's project may have any number of directories one in another.
    let mut seen: BTreeSet<_> = places.iter().filter_map(|place| identity(&place.path)).collect();
    let own: Vec<PathBuf> = places.iter().map(|place| place.path.clone()).collect();
    let directories = root.map(|root| directories(root, request.workspace)).unwrap_or_default();
    if let Some(root) = root.filter(|root| is_ours(&root.join(mcp_json::FILE), &real(request.workspace))) {
        places.push(Place { kind: FileKind::McpJson, path: root.join(mcp_json::FILE), directory: root.into() });
    }
    for (kind, name) in [(FileKind::Project, FILE), (FileKind::Local, LOCAL_FILE)] {
        for directory in &directories {
            let path = directory.join(DIR).join(name);
            if !own.contains(&path) && identity(&path).is_none_or(|identity| seen.insert(identity)) {
                places.push(Place { kind, path, directory: directory.clone() });
            }
        }
    }
    places
}

/// From the root of a project down to the directory, those whose `.codex` belongs to whom the project belongs to.
pub(crate) fn directories(root: &Path, workspace: &Path) -> Vec<PathBuf> {
    let workspace = real(workspace);
    let mut found: Vec<_> =
        workspace.ancestors().take_while(|directory| directory.starts_with(root)).map(PathBuf::from).collect();
    found.reverse();
    found.retain(|directory| is_ours(&directory.join(DIR), &workspace));
    found
}

/// The root of the project that `workspace` belongs to, as its real path: the nearest directory at or above it that holds
/// `.git`, else the nearest that holds `.codex`. Never `home`, what is above it, or `/`; and nothing above `workspace`
/// that belongs to anybody but its owner and root, for in a shared directory anybody can make a `.codex`
/// (CVE-2022-24765 was this of git).
pub fn project_root(workspace: &Path, home: &Path) -> Option<PathBuf> {
    let (workspace, home) = (real(workspace), real(home));
    let within: Vec<&Path> = workspace
        .ancestors()
        .take_while(|directory| *directory != home && directory.parent().is_some())
        .take_while(|directory| *directory == workspace || is_ours(directory, &workspace))
        .collect();
    let nearest = |name: &str| within.iter().find(|directory| is_ours(&directory.join(name), &workspace));
    nearest(".git").or_else(|| nearest(DIR)).map(|directory| directory.to_path_buf())
}

/// Refuses a directory that can have no settings of its own: `home`, what is above it, or `/`. Both are real paths.
pub(crate) fn refuse_home(directory: &Path, home: &Path) -> Result<(), ConfigError> {
    match home.starts_with(directory) {
        true => {
            let message = "this is no project: your home, what is above it, and `/` have no settings of their own";
            Err(ConfigError::new(Origin::WholeFile(directory.into()), message))
        }
        false => Ok(()),
    }
}

/// Whether a path is there and belongs to root or to the owner of `workspace`.
fn is_ours(path: &Path, workspace: &Path) -> bool {
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid()).ok();
    owner(path).is_some_and(|of_path| of_path == 0 || Some(of_path) == owner(workspace))
}

/// The path without links; as it is if it is not there.
pub(crate) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A file that this program keeps itself; none is an empty one. `repair` says what to do with one that is not in order.
///
/// # Errors
/// It cannot be read, or is not in order.
pub(crate) fn read_own<T: DeserializeOwned + Default>(path: &Path, repair: &str) -> Result<T, ConfigError> {
    let broken = |error: ConfigError| error.hint(Some(repair.into()));
    let Some(source) = read_source(path).map_err(broken)? else { return Ok(T::default()) };
    toml::from_str(&source.text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        broken(source.error(error.span().unwrap_or_default(), format!("is not in order: {message}")))
    })
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

/// As [`read_source`], of a file that may have come with the project `root`. It may be a link, but not to somewhere else:
/// errors show lines, and what they show may be read by whoever sent the project.
pub(crate) fn read_of_project(path: &Path, root: &Path) -> Result<Option<Source>, ConfigError> {
    match leads_out(path, root) {
        Some(target) => {
            let message = format!("is not read: it leads out of its project, to {}", target.display());
            let hint = "put a file in its place; what is yours alone belongs in your own `config.toml`";
            Err(ConfigError::new(Origin::WholeFile(path.into()), message).hint(Some(hint.into())))
        }
        None => read_source(path),
    }
}

/// Where a path leads, if that is out of `directory`. What leads nowhere does not.
pub(crate) fn leads_out(path: &Path, directory: &Path) -> Option<PathBuf> {
    let target = path.canonicalize().ok()?;
    (!target.starts_with(real(directory))).then_some(target)
}

/// What a file is known by, whatever links lead to it.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}
