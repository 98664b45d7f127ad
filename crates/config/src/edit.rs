//! Changes of files of settings that the user asked for.
//!
//! They must never lose what else a file says, its comments and its order included, leave a half-written file behind, or
//! write one that does not load.

mod rules;
mod setting;
mod text;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::files::{DIR, FILE, LOCAL_FILE, leads_out, project_root, read_source, real, refuse_home};
use crate::ignore::{self, ignore_local};
use crate::layer::Layer;
use crate::source::{Name, Source};
use crate::value::Base;
use crate::{ConfigError, Hash, Origin, TrustStore, Verdict, Warning, trust};

pub use rules::{forget, remember};
pub use setting::{CanonicalKey, Edit, canonical, edit};

/// A file of settings that may be changed. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    path: PathBuf,
    /// What its relative paths are relative to.
    directory: PathBuf,
    /// The user's own directory: whoever changes a file waits here for others who do.
    codex_home: PathBuf,
    home: Option<PathBuf>,
    /// Whether it comes with a project, which may lead it elsewhere.
    of_project: bool,
}

impl SettingsFile {
    /// The user's own file. `home` is what `~/` in it stands for.
    pub fn user(codex_home: &Path, home: Option<&Path>) -> Self {
        Self::of(codex_home, home, codex_home, codex_home.join(FILE), false)
    }

    /// The file of a project, in the `.codex` of one of its directories; `local` is the one that is not shared.
    pub fn project(codex_home: &Path, home: Option<&Path>, directory: &Path, local: bool) -> Self {
        let path = directory.join(DIR).join(if local { LOCAL_FILE } else { FILE });
        Self::of(codex_home, home, directory, path, true)
    }

    fn of(codex_home: &Path, home: Option<&Path>, directory: &Path, path: PathBuf, of_project: bool) -> Self {
        let home = home.map(Path::to_path_buf);
        Self { path, directory: directory.into(), codex_home: codex_home.into(), home, of_project }
    }

    /// The file of the project that `workspace` belongs to: of its nearest directory with a `.codex`, else of its root;
    /// without a project, of `workspace` itself.
    ///
    /// # Errors
    /// `workspace` is the home, is above it, or is `/`: what lies there is no project.
    pub fn nearest(codex_home: &Path, home: Option<&Path>, workspace: &Path, local: bool) -> Result<Self, ConfigError> {
        let (workspace, at_home) = (real(workspace), real(home.unwrap_or(Path::new("/"))));
        refuse_home(&workspace, &at_home)?;
        let root = project_root(&workspace, &at_home).unwrap_or_else(|| workspace.clone());
        let mut within = workspace.ancestors().take_while(|directory| directory.starts_with(&root));
        let nearest = within.find(|directory| directory.join(DIR).is_dir()).unwrap_or(&root);
        Ok(Self::project(codex_home, home, nearest, local))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text; `None` if it does not exist.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is not UTF-8; or it is a project's and leads out of that.
    pub fn read(&self) -> Result<Option<String>, ConfigError> {
        self.stays_inside()?;
        Ok(read_source(&self.path)?.map(|source| source.text))
    }

    /// Whether it is the user's own, in a project.
    fn is_local(&self) -> bool {
        self.of_project && self.path.ends_with(LOCAL_FILE)
    }

    fn readers(&self) -> Readers {
        if self.of_project && !self.is_local() { Readers::Everybody } else { Readers::UserAlone }
    }

    /// What its paths mean. What `sandbox.hide` comes to does not matter where one file is looked at by itself.
    fn base(&self) -> Base<'_> {
        let home = self.home.as_deref().unwrap_or(Path::new("/"));
        Base { dir: &self.directory, project: &self.directory, home: Some(home) }
    }

    /// The root of its project, and its own path below that; both without links.
    pub(crate) fn within_project(&self) -> (PathBuf, PathBuf) {
        let directory = real(&self.directory);
        let home = self.home.as_deref().unwrap_or(Path::new("/"));
        let path = directory.join(DIR).join(self.path.file_name().unwrap_or_default());
        let root = project_root(&directory, home).unwrap_or(directory);
        let relative = path.strip_prefix(&root).unwrap_or(&path).to_path_buf();
        (root, relative)
    }

    fn fault(&self, message: &str) -> ConfigError {
        ConfigError::new(Origin::WholeFile(self.path.clone()), message)
    }

    /// Holds a project to itself: its files may be links, but not to somewhere else.
    fn stays_inside(&self) -> Result<(), ConfigError> {
        if !self.of_project {
            return Ok(());
        }
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        match [&self.path, parent].iter().find_map(|path| leads_out(path, &self.directory)) {
            Some(target) => {
                Err(self.fault(&format!("is not changed: it leads out of its project, to {}", target.display())))
            }
            None => Ok(()),
        }
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the file said before; `None` if it did not exist.
    pub before: Option<String>,
    /// What it says now.
    pub after: String,
    /// What there is to say about it.
    pub warnings: Vec<Warning>,
}

/// Reads a file, lets `work` make a new text of its text, and puts that in its place if it loads. `None`: nothing was to be
/// changed.
///
/// One process at a time: another that changes something at this moment waits.
pub(crate) fn change(
    file: &SettingsFile,
    work: impl FnOnce(&str) -> Result<Option<String>, ConfigError>,
) -> Result<Option<Change>, ConfigError> {
    let failed = |error: io::Error| file.fault(&format!("cannot be changed: {error}"));
    let _one_at_a_time = lock(&file.codex_home).map_err(failed)?;
    let before = file.read()?;
    let Some(after) = work(before.as_deref().unwrap_or_default())? else { return Ok(None) };
    // Not shown where it would stand: it is not there.
    let warnings = check(file, &after)
        .map_err(|error| file.fault(&format!("was not changed, for it would not load: {}", error.message)))?;
    if let Some(directory) = file.path.parent() {
        let mode = if file.of_project { 0o777 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(directory).map_err(failed)?;
    }
    file.stays_inside()?;
    if let (true, None, Some(own)) = (file.is_local(), &before, file.path.parent()) {
        let why = "was not made, for it would not be kept out of git";
        let failed = |error: io::Error| file.fault(&format!("{why}: {} beside it: {error}", ignore::FILE));
        ignore_local(own).map_err(failed)?;
    }
    replace(&file.path, &after, file.readers()).map_err(failed)?;
    Ok(Some(Change { before, after, warnings }))
}

/// Trusts a project's file as the user has just changed it, if it was trusted before, or made by this change. Whether it is
/// trusted now; what is no project's always is.
///
/// # Errors
/// What is trusted cannot be read or written.
pub fn keep_trust(file: &SettingsFile, change: &Change) -> Result<bool, ConfigError> {
    if !file.of_project {
        return Ok(true);
    }
    let (root, relative) = file.within_project();
    let after = Hash::of(change.after.as_bytes());
    if let Some(before) = &change.before {
        let store = TrustStore::read(&file.codex_home)?;
        if store.verdict(&root, &relative, &Hash::of(before.as_bytes())) != Verdict::Trusted {
            return Ok(store.verdict(&root, &relative, &after) == Verdict::Trusted);
        }
    }
    trust(&file.codex_home, &root, &[(relative, after)])?;
    Ok(true)
}

/// Puts a text that was made from `before` in the place of a file, if it loads and nobody has changed the file meanwhile.
///
/// # Errors
/// It does not load, shown as the file would be; the file was changed, or cannot be written. It is as before then.
pub fn replace_text(file: &SettingsFile, before: Option<&str>, text: &str) -> Result<Change, ConfigError> {
    check(file, text)?;
    let changed = change(file, |now| match now == before.unwrap_or_default() {
        true => Ok(Some(text.to_owned())),
        false => Err(file.fault("was changed by somebody else meanwhile")),
    })?;
    changed.ok_or_else(|| file.fault("was not changed"))
}

/// Whether a text would load as this file, by itself; with what there is to say about it.
///
/// # Errors
/// It would not.
pub fn check(file: &SettingsFile, text: &str) -> Result<Vec<Warning>, ConfigError> {
    let source = Source::new(Name::File(file.path.clone()), text.to_owned());
    Layer::parse(source, file.base()).map(|layer| layer.warnings)
}

/// The right to change the files of the user's home, which is made if it is missing. Whoever else wants it waits until
/// this one is dropped.
pub(crate) fn lock(codex_home: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(codex_home)?;
    let lock = File::open(codex_home)?;
    lock.lock()?;
    Ok(lock)
}

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The user.
    UserAlone,
    /// Who may read what the user makes: it goes to others with the project.
    Everybody,
}

/// Puts a whole new file in the place of `path`, or of the file that it links to, with the old one's mode and owner.
pub(crate) fn replace(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let (target, old) = match path.canonicalize() {
        Ok(target) => (target.clone(), Some(fs::metadata(target)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (PathBuf::from(path), None),
        Err(error) => return Err(error),
    };
    let directory = target.parent().unwrap_or(Path::new("/"));
    let mode = match readers {
        Readers::UserAlone => 0o600,
        // Less what the user's mask takes away.
        Readers::Everybody => 0o666,
    };
    let mut new = tempfile::Builder::new();
    let mut file = new.prefix(".new-").permissions(fs::Permissions::from_mode(mode)).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    if let Some(old) = old {
        // Only root can give a file away, and only root has to.
        let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}
