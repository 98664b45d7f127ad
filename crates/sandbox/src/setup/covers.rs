//! What stays read-only inside the writable roots, and what has to be pinned so that it stays where it is.
//!
//! Looks at the file system and changes nothing. A path that does not exist needs no cover; what cannot be covered is
//! refused by name.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::plan::{directory, refuse_kernel_place};
use crate::wire::{Failure, OrFailure, Stage, quoted};

/// How a path below a writable root is bound onto itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Writable, but a mount point: it cannot be renamed away together with what is protected inside.
    Pinned,
    /// Read-only, with everything below it.
    ReadOnly,
    /// A symbolic link that stays what it is; where it leads is covered by itself.
    Link,
}

impl Cover {
    /// Whether this cover of `path` keeps all of `root` read-only.
    pub(crate) fn holds(self, path: &Path, root: &Path) -> bool {
        self == Self::ReadOnly && root.starts_with(path)
    }
}

/// Each place with its cover, ancestors first.
pub(crate) type Covers = BTreeMap<PathBuf, Cover>;

/// Names that may be symbolic links: files for people, of which projects keep one under several names. Any other link
/// among the protected names of a root is refused, because what it leads to is chosen by whoever can write there. In
/// repositories further below, which commands can make themselves, it stays what it is.
const MAY_BE_LINKS: &[&str] = &["AGENTS.md", "CLAUDE.md"];

/// Writable roots, by the name they were given, to what that name means.
#[derive(Debug)]
pub(crate) struct Roots(pub(crate) BTreeMap<PathBuf, PathBuf>);

/// What was found on the way to a protected path.
enum Found {
    /// It exists (or a file in its way does): the places on the way below the root, itself last.
    Way(Vec<PathBuf>),
    /// It does not exist; `last`: but the directory that it would be in does, and is reached over no link.
    Nothing { last: bool },
    /// A symbolic link, at the end of the way or before it.
    Link { at: PathBuf, before: Vec<PathBuf>, last: bool },
}

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// Something, over which a file lies in the way.
    Blocked,
    Link,
    Other,
}

/// What was seen in one look at the file system: many protected paths have their ways in common.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<PathBuf, Kind>);

impl Seen {
    fn kind(&mut self, place: &Path) -> io::Result<Kind> {
        if let Some(kind) = self.0.get(place) {
            return Ok(*kind);
        }
        let kind = match fs::symlink_metadata(place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kind::Nothing,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Kind::Blocked,
            Err(error) => return Err(error),
            Ok(found) if found.file_type().is_symlink() => Kind::Link,
            Ok(_) => Kind::Other,
        };
        self.0.insert(place.to_owned(), kind);
        Ok(kind)
    }

    /// That what was at `place` may have changed since.
    pub(crate) fn forget(&mut self, place: &Path) {
        self.0.remove(place);
    }

    /// Goes from `root` to `rest` without following links.
    fn look(&mut self, root: &Path, rest: &Path) -> Result<Found, Failure> {
        let mut place = root.to_path_buf();
        let mut way = Vec::new();
        let count = rest.components().count();
        for (number, name) in rest.components().enumerate() {
            place.push(name);
            let last = number + 1 == count;
            match self.kind(&place).or_failure(Stage::Policy, || protecting(&place))? {
                Kind::Nothing => return Ok(Found::Nothing { last }),
                // The part before is a file that may say where the rest is: `.git` in a worktree or submodule.
                Kind::Blocked => break,
                Kind::Link => return Ok(Found::Link { at: place, before: way, last }),
                Kind::Other => way.push(place.clone()),
            }
        }
        Ok(Found::Way(way))
    }
}

/// Of protected paths, those that no cover holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lacking {
    /// Nothing is there.
    pub(crate) missing: Vec<PathBuf>,
    /// The symbolic links that stand where something protected belongs, or on the way there.
    pub(crate) links: Vec<PathBuf>,
}

impl Roots {
    /// Of `writable`, those that are `real` may lead nowhere else.
    pub(crate) fn resolve(writable: &[PathBuf], real: &[PathBuf]) -> Result<Self, Failure> {
        let mut roots = BTreeMap::new();
        for path in writable {
            let root = directory(path, "the writable root")?;
            if real.contains(path) && root != *path {
                let step = format!("making {} writable, which leads to {} by now,", quoted(path), quoted(&root));
                return Err(Failure::new(Stage::Policy, step, libc::ELOOP));
            }
            refuse_kernel_place(&root)?;
            roots.insert(path.clone(), root);
        }
        Ok(Self(roots))
    }

    /// The deepest root that holds `path`, and the rest of the way.
    fn holding<'path>(&self, path: &'path Path) -> Option<(&Path, &'path Path)> {
        let names = self.0.iter().flat_map(|(given, real)| [(given, real), (real, real)]);
        let holding = names.filter_map(|(name, real)| Some((real.as_path(), path.strip_prefix(name).ok()?)));
        holding.min_by_key(|(_, rest)| rest.components().count())
    }

    /// As [`Roots::holding`], also for a path that leads to a root over links outside it.
    pub(crate) fn place(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        let owned = |(root, rest): (&Path, &Path)| (root.to_path_buf(), rest.to_path_buf());
        self.holding(path).map(owned).or_else(|| {
            let resolved = fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?);
            self.holding(&resolved).map(owned)
        })
    }

    pub(crate) fn covers(&self, protected: &[PathBuf], seen: &mut Seen) -> Result<Covers, Failure> {
        let mut covers = BTreeMap::new();
        for path in protected {
            self.protect(path, &mut covers, seen)?;
        }
        Ok(covers)
    }

    /// Pins the directories above `hidden` paths and above roots that lie in other roots. Renamed away, a hidden file
    /// could be read by the next cell, and something else could be put where the user believes a root to be.
    pub(crate) fn pin_ways(&self, hidden: &[PathBuf], covers: &mut Covers) {
        let hidden = hidden.iter().filter_map(|path| fs::canonicalize(path).ok());
        for place in hidden.chain(self.0.values().cloned()) {
            let roots = self.0.values().filter(|root| place.starts_with(root) && place != **root);
            let Some(outermost) = roots.min_by_key(|root| root.components().count()) else { continue };
            let above = place.ancestors().skip(1).take_while(|above| above != outermost);
            // A root is a mount of its own.
            let above = above.filter(|above| !self.0.values().any(|root| root == above));
            above.for_each(|above| pin(above.to_owned(), covers));
        }
    }

    /// Plans the covers for one protected path. One that does not exist, or is not writable anyway, needs none;
    /// where a file is in its way, that file is covered.
    fn protect(&self, path: &Path, covers: &mut Covers, seen: &mut Seen) -> Result<(), Failure> {
        let Some((root, rest)) = self.place(path) else { return Ok(()) };
        match seen.look(&root, &rest)? {
            Found::Nothing { .. } => return Ok(()),
            Found::Link { at, before, last } if last && may_be_link(&at) || is_further_below(&root, &at) => {
                before.into_iter().for_each(|ancestor| pin(ancestor, covers));
                // Where it leads to nothing, there is nothing to cover; a loop leads nowhere either. A directory may be
                // all of the root.
                let leads = fs::canonicalize(&at).ok().filter(|target| last && target.is_file());
                covers.insert(at, Cover::Link);
                // Resolved, so this goes one step deep.
                return leads.map_or(Ok(()), |target| self.protect(&target, covers, seen));
            }
            Found::Link { at, .. } => {
                let step = format!("{}, which is a symbolic link,", protecting(&at));
                return Err(Failure::new(Stage::Policy, step, libc::ELOOP));
            }
            Found::Way(mut way) => {
                covers.insert(way.pop().unwrap_or(root), Cover::ReadOnly);
                way.into_iter().for_each(|ancestor| pin(ancestor, covers));
            }
        }
        Ok(())
    }

    pub(crate) fn lacking(&self, protected: &[PathBuf], seen: &mut Seen) -> Lacking {
        let mut lacking = Lacking::default();
        for path in protected {
            let Some((root, rest)) = self.place(path) else { continue };
            let is_missing = match seen.look(&root, &rest) {
                Ok(Found::Nothing { .. }) | Err(_) => true,
                Ok(Found::Way(way)) => way.last().is_some_and(|last| *last != root.join(&rest)),
                Ok(Found::Link { at, last, .. }) => {
                    // Where it leads is another place.
                    let is_missing = !last && fs::symlink_metadata(path).is_err();
                    if !(last && may_be_link(&at)) {
                        lacking.links.push(at);
                    }
                    is_missing
                }
            };
            if is_missing {
                lacking.missing.push(path.clone());
            }
        }
        lacking
    }

    /// Whether nothing is at a place of `root`, and the directory that it would be in is a real one.
    pub(crate) fn is_missing(root: &Path, rest: &Path, seen: &mut Seen) -> bool {
        matches!(seen.look(root, rest), Ok(Found::Nothing { last: true }))
    }
}

fn pin(place: PathBuf, covers: &mut Covers) {
    covers.entry(place).or_insert(Cover::Pinned);
}

fn may_be_link(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| MAY_BE_LINKS.contains(&name))
}

/// Whether `path` is in a repository or directory below `root`, rather than one of its own protected names.
fn is_further_below(root: &Path, path: &Path) -> bool {
    let Ok(rest) = path.strip_prefix(root) else { return false };
    let own = rest.components().count() == 1 || rest.starts_with(".git");
    !own || [".git/modules", ".git/worktrees"].iter().any(|place| rest != Path::new(place) && rest.starts_with(place))
}

pub(crate) fn protecting(path: &Path) -> String {
    format!("protecting {}", quoted(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_root_holds_a_path() {
        let pairs = [("/a", "/real/a"), ("/a/b", "/real/a/b"), ("/", "/")];
        let roots = Roots(pairs.map(|(given, real)| (given.into(), real.into())).into());
        let cases = [
            ("/a/b/c", Some(("/real/a/b", "c"))),
            ("/real/a/b/c", Some(("/real/a/b", "c"))),
            ("/a/x/y", Some(("/real/a", "x/y"))),
            ("/ab/c", Some(("/", "ab/c"))),
        ];
        for (path, expected) in cases {
            let expected = expected.map(|(root, rest)| (Path::new(root), Path::new(rest)));
            assert_eq!(roots.holding(Path::new(path)), expected, "{path}");
        }
    }
}
