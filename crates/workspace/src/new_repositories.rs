//! Repositories that commands have made: what runs code in them is taken out of use as soon as they are found, and put
//! back if somebody says so.
//!
//! Whatever a command left may lead anywhere, so all is done beneath the roots; nothing is ever deleted.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use codex_sandbox::{aside, quoted, shown};

use crate::{
    Beneath, BeneathError, Kind, Repositories, Stamp,
    git_settings::{Setting, sift},
    repositories::{self, Found, repositories},
};

/// Longest configuration that is sifted, in bytes; a longer one is taken out of use as a whole.
const LONGEST_CONFIGURATION: u64 = 1 << 20;

/// Most settings that are named one by one.
const MOST_NAMED: usize = 20;

/// Most of a file that is shown, in bytes.
const MOST_SHOWN: u64 = 16 << 10;

/// What tells something, and all that is in it, from anything else.
type Marks = Vec<(PathBuf, Stamp)>;

/// What a person has said yes to: where it is, as it was then.
#[derive(Debug, Clone, Default)]
pub struct Accepted(BTreeMap<PathBuf, Marks>);

/// Something that was taken out of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Where it was.
    pub path: PathBuf,
    /// Where it is now, as it was.
    pub aside: PathBuf,
    /// What it is, in a few words of ours.
    pub what: String,
    /// Its content, for people, as far as that is text.
    pub shown: String,
    /// `None`: too much to tell later whether it is still the same.
    marks: Option<Marks>,
    /// What is in its place now; `None`: nothing.
    left: Option<Vec<u8>>,
}

/// What a look at the repositories came to.
#[derive(Debug, Default)]
pub struct Disarmed {
    /// All repositories that there are.
    pub now: Repositories,
    /// What was taken out of use.
    pub removed: Vec<Removed>,
    /// What could not be judged or taken out of use, a sentence each, without a full stop.
    pub failed: Vec<String>,
}

impl Disarmed {
    /// What was done and what could not be, a sentence each, without a full stop; `removed` comes first.
    pub fn sentences(&self) -> Vec<String> {
        self.removed.iter().map(Removed::sentence).chain(self.failed.iter().cloned()).collect()
    }

    /// That not all directories were looked into, in a sentence without a full stop. `None`: they were.
    pub fn not_whole(&self) -> Option<String> {
        (!self.now.found.is_whole).then(|| {
            "not all directories could be looked into for new repositories, as there are too many here or some cannot be \
             listed: look what is in them before you use git there"
                .to_owned()
        })
    }
}

/// Looks for repositories below `roots`, and in `git`, the git directories that commands may write besides, that were
/// not there `before`, and takes out of use what runs code in them: hooks but for samples, settings that name programs,
/// and what leads git elsewhere. `home` as for [`repositories`].
pub fn disarm_new(
    before: &Found,
    roots: &[PathBuf],
    git: &[PathBuf],
    home: Option<&Path>,
    accepted: &Accepted,
) -> Disarmed {
    let now = repositories(roots, home);
    let (mut new, mut failed) = (Vec::new(), Vec::new());
    for (path, kind) in &now.found.places {
        match before.is_new(path) {
            Some(true) => new.push((path, *kind)),
            Some(false) => {}
            None => failed.push(format!(
                "nobody can tell whether {} was made while commands ran: this file system keeps no time of birth; look \
                 what is in it before you use git there",
                quoted(path)
            )),
        }
    }
    if new.is_empty() {
        return Disarmed { now, failed, ..Disarmed::default() };
    }
    let places = || roots.iter().chain(git);
    let beneath = match Beneath::new(places().map(PathBuf::as_path)) {
        Ok(beneath) => beneath,
        Err(error) => {
            failed.push(format!("new repositories could not be looked at: {error}"));
            return Disarmed { now, failed, ..Disarmed::default() };
        }
    };
    let writable = places().cloned().collect();
    let mut look = Look { beneath, writable, accepted, removed: Vec::new(), failed };
    for (path, kind) in new {
        let looked = match kind {
            repositories::Kind::Directory => look.git_directory(path),
            repositories::Kind::Pointer => look.pointer(path),
        };
        if let Err(error) = looked {
            look.failed.push(failure(path, &error));
        }
    }
    let Look { removed, failed, .. } = look;
    Disarmed { now, removed, failed }
}

impl Found {
    /// Whether `path` was not there when these were found; `None`: that cannot be told. Where not all was looked into then,
    /// only what was made since counts: the kernel's time of birth cannot be set.
    fn is_new(&self, path: &Path) -> Option<bool> {
        // The kernel's clock for files is a little behind.
        const BEHIND: Duration = Duration::from_secs(1);
        if self.is_whole || self.places.contains_key(path) {
            return Some(!self.places.contains_key(path));
        }
        let born = fs::symlink_metadata(path).and_then(|found| found.created());
        born.ok().map(|born| born + BEHIND >= self.at)
    }
}

struct Look<'a> {
    beneath: Beneath,
    /// What commands may write below.
    writable: Vec<PathBuf>,
    accepted: &'a Accepted,
    removed: Vec<Removed>,
    failed: Vec<String>,
}

impl Look<'_> {
    fn git_directory(&mut self, directory: &Path) -> Result<(), BeneathError> {
        if self.is_accepted(directory) {
            return Ok(());
        }
        let before = self.removed.len();
        // Each for itself: what cannot be done of one must not leave the others in use.
        let mut done = vec![
            self.configuration(&directory.join("config"), directory),
            self.configuration(&directory.join("config.worktree"), directory),
            self.common(directory),
        ];
        done.extend(self.hooks(&directory.join("hooks")));
        let failed: Vec<BeneathError> = done.into_iter().filter_map(Result::err).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let moved = self.beneath.move_out_of_reach(directory);
        let Ok(aside) = moved else {
            self.failed.extend(failed.iter().map(|error| failure(directory, error)));
            return moved.map(drop);
        };
        // It lies there as it was made, so that it can come back as a whole.
        let removed = self.removed.split_off(before);
        let inside = removed.into_iter().filter_map(|removed| removed.back_inside(&self.beneath, directory, &aside));
        let inside: Vec<Removed> = inside.collect();
        let what = "a git directory of which not all could be judged or taken out of use".to_owned();
        self.removed.push(Removed::of(&self.beneath, directory, aside, what));
        self.removed.extend(inside);
        Ok(())
    }

    fn common(&mut self, directory: &Path) -> Result<(), BeneathError> {
        let common = directory.join("commondir");
        match self.beneath.kind(&common)? {
            Some(_) => self.leading(&common, repositories::common(directory)),
            None => Ok(()),
        }
    }

    fn pointer(&mut self, pointer: &Path) -> Result<(), BeneathError> {
        self.leading(pointer, repositories::target(pointer))
    }

    /// Something that leads git to a directory. Inside the roots that is looked at by itself.
    fn leading(&mut self, path: &Path, to: io::Result<Option<PathBuf>>) -> Result<(), BeneathError> {
        match to {
            Ok(None) => Ok(()),
            Ok(Some(to)) if self.holds(&to) => Ok(()),
            Ok(Some(to)) => self.take(path, format!("leads git to {}", quoted(&to))),
            Err(_) => self.take(path, "leads git elsewhere".to_owned()),
        }
    }

    /// What came of each.
    fn hooks(&mut self, hooks: &Path) -> Vec<Result<(), BeneathError>> {
        match self.beneath.kind(hooks) {
            Ok(None) => Vec::new(),
            Ok(Some(Kind::Directory)) => {
                let Ok(names) = self.beneath.names(hooks) else {
                    return vec![self.take(hooks, "hooks that cannot be read".to_owned())];
                };
                let runs = |name: &OsStr| !name.as_bytes().ends_with(b".sample") && aside::number(name).is_none();
                let hook = |name| self.take(&hooks.join(name), "a hook, which git runs".to_owned());
                names.into_iter().filter(|name| runs(name)).map(hook).collect()
            }
            Ok(Some(_)) => vec![self.take(hooks, "hooks of another place".to_owned())],
            Err(error) => vec![Err(error)],
        }
    }

    fn configuration(&mut self, path: &Path, directory: &Path) -> Result<(), BeneathError> {
        let snapshot = match self.beneath.read(path, LONGEST_CONFIGURATION) {
            Ok(snapshot) => snapshot,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(_) => return self.take(path, "a configuration that cannot be read".to_owned()),
        };
        let unwanted = |setting: &Setting| setting.runs_code() || self.leads_out(setting, directory);
        if sift(&snapshot.bytes, unwanted).removed.is_empty() {
            // By another name it could still be changed when this one cannot.
            return if snapshot.links > 1 { self.beneath.write(path, &snapshot.bytes, None) } else { Ok(()) };
        }
        if self.is_accepted(path) {
            return Ok(());
        }
        let aside = self.beneath.move_aside(path)?;
        // What was moved counts: something may have been written in between. It is told of whatever comes next.
        let mut removed = Removed::of(&self.beneath, path, aside, "a configuration that cannot be read".to_owned());
        if let Ok(snapshot) = self.beneath.read(&removed.aside, LONGEST_CONFIGURATION) {
            let sifted = sift(&snapshot.bytes, unwanted);
            let written = self.beneath.write(path, &sifted.kept, Some(snapshot.attributes));
            removed.what = "settings that run programs, or that git could read in another way".to_owned();
            removed.shown = sifted.removed.join("\n");
            removed.left = written.is_ok().then_some(sifted.kept);
        }
        self.removed.push(removed);
        Ok(())
    }

    /// Whether it has git work in a directory that commands may not write.
    fn leads_out(&self, setting: &Setting, directory: &Path) -> bool {
        let is_worktree = setting.section == "core" && setting.key == "worktree";
        is_worktree && setting.value.as_ref().is_none_or(|path| !self.holds(&real(&directory.join(path))))
    }

    fn holds(&self, path: &Path) -> bool {
        self.writable.iter().any(|root| path.starts_with(root))
    }

    fn is_accepted(&self, path: &Path) -> bool {
        let marks = self.accepted.0.get(path);
        marks.is_some_and(|marks| self.beneath.marks(path).is_ok_and(|now| now.as_ref() == Some(marks)))
    }

    fn take(&mut self, path: &Path, what: String) -> Result<(), BeneathError> {
        if self.is_accepted(path) {
            return Ok(());
        }
        let aside = self.beneath.move_aside(path)?;
        self.removed.push(Removed::of(&self.beneath, path, aside, what));
        Ok(())
    }
}

impl Removed {
    /// What was done with it, in a sentence without a full stop.
    pub fn sentence(&self) -> String {
        let settings: Vec<&str> = self.shown.lines().filter(|_| self.left.is_some()).take(MOST_NAMED).collect();
        let what = if settings.is_empty() { self.what.clone() } else { settings.join(", ") };
        Self::told(&shown(&self.path), &what, &shown(&self.aside))
    }

    /// The same for a model: nothing in it that a command has chosen but names, and these between quotes.
    pub fn for_model(&self) -> String {
        Self::told(&quoted(&self.path), &self.what, &quoted(&self.aside))
    }

    fn told(path: &str, what: &str, aside: &str) -> String {
        format!("{path}, which was made while commands ran, was taken out of use ({what}): it is {aside} now")
    }

    /// Of something that was moved from `path` to `aside`, both below `roots`.
    ///
    /// # Errors
    /// It is not there, or cannot be looked at.
    pub fn moved(roots: &[PathBuf], path: &Path, aside: PathBuf, what: &str) -> Result<Self, BeneathError> {
        let beneath = Beneath::new(roots.iter().map(PathBuf::as_path))?;
        match beneath.kind(&aside)? {
            Some(_) => Ok(Self::of(&beneath, path, aside, what.to_owned())),
            None => Err(BeneathError::Io { path: aside, source: io::ErrorKind::NotFound.into() }),
        }
    }

    /// It has been moved, and is told of, whatever cannot be found out about it.
    fn of(beneath: &Beneath, path: &Path, aside: PathBuf, what: String) -> Self {
        let marks = beneath.marks(&aside).ok().flatten();
        let content = beneath.read(&aside, MOST_SHOWN).map(|snapshot| snapshot.bytes).unwrap_or_default();
        let shown = String::from_utf8(content).unwrap_or_default();
        Self { path: path.to_owned(), aside, what, shown, marks, left: None }
    }

    /// Gives it its name again, `directory`, which it lies in, having been moved to `now`. Returns it if that fails.
    fn back_inside(mut self, beneath: &Beneath, directory: &Path, now: &Path) -> Option<Self> {
        for path in [&mut self.path, &mut self.aside] {
            *path = now.join(path.strip_prefix(directory).unwrap_or(path));
        }
        let moved = match self.left {
            Some(_) => beneath.move_over(&self.aside, &self.path),
            None => beneath.move_back(&self.aside, &self.path),
        };
        moved.is_err().then_some(self)
    }

    /// Puts it back where it was, `roots` being what commands may write, and notes that this was accepted.
    ///
    /// # Errors
    /// Why not, in words without a full stop: it, or what is in its place, is not as it was when it was taken out of use.
    pub fn put_back(&self, roots: &[PathBuf], accepted: &mut Accepted) -> Result<(), String> {
        let told = |error: BeneathError| error.to_string();
        let beneath = Beneath::new(roots.iter().map(PathBuf::as_path)).map_err(told)?;
        if self.marks.is_none() || beneath.marks(&self.aside).map_err(told)? != self.marks {
            return Err(format!("`{}` is not as it was", shown(&self.aside)));
        }
        match &self.left {
            None => beneath.move_back(&self.aside, &self.path).map_err(told)?,
            Some(left) => {
                let now = beneath.read(&self.path, LONGEST_CONFIGURATION).map_err(told)?;
                if now.bytes != *left {
                    return Err(format!("`{}` was changed since", shown(&self.path)));
                }
                beneath.move_over(&self.aside, &self.path).map_err(told)?;
            }
        }
        if let Ok(Some(marks)) = beneath.marks(&self.path) {
            accepted.0.insert(self.path.clone(), marks);
        }
        Ok(())
    }
}

fn failure(path: &Path, error: &BeneathError) -> String {
    format!("what the new {} does could not be found out: {error}", quoted(path))
}

/// The path without links, and without `..` where nothing is.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        path.components().fold(PathBuf::new(), |mut real, part| {
            match part {
                Component::ParentDir => drop(real.pop()),
                Component::CurDir => {}
                part => real.push(part),
            }
            real
        })
    })
}

#[cfg(test)]
#[path = "new_repositories_tests.rs"]
mod tests;
