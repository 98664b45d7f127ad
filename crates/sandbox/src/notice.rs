//! What is to be said of a command besides how it ended: what the kernel saw, and what had to be put back.
//!
//! Facts only: never a guess from what the command printed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustix::thread::set_no_new_privs;

use crate::{
    helper::Walls,
    setup::{
        alone::Alone,
        covers::Lacking,
        kept::{self, Kept},
        plan::Plan,
        stubs,
        traffic::Attempts,
    },
    wire::Failure,
};

/// What the proxy of a cell refused, a sentence each. Who serves its socket adds to it, and keeps it short; the end of
/// a command takes what is there.
pub type Refusals = Arc<Mutex<Vec<String>>>;

/// What was noticed while a command ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Something in its cell tried to reach another machine, by address or by name, and there was no way.
    pub network: bool,
    /// What it was about to make, write or remove and the walls keep as it is: some of the paths, one for each
    /// directory. Nothing, unless [`crate::Sandbox::noticing_writes`] asks for it and the kernel can tell.
    pub writes: Vec<PathBuf>,
    /// Protected paths that it changed or made, where nothing could stop it.
    pub changes: Vec<Change>,
    /// What of these it made where nothing was: the path, and where it is now.
    pub aside: Vec<(PathBuf, PathBuf)>,
    /// What the proxy of its cell did not let commands reach since the last of them ended; see [`Refusals`].
    pub refused: Vec<String>,
    /// Build caches that it could not write, because the machine cannot lay anything over them.
    pub read_only_caches: Vec<PathBuf>,
}

/// A protected path that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which; what lay there afterwards is beside it, under a name that ends in `.undone-` and a number.
    pub path: PathBuf,
    /// Whether it is again as it was.
    pub undone: bool,
}

/// How things stood before a command.
pub(crate) struct Before {
    attempts: Option<Attempts>,
    kept: Option<Kept>,
    /// What was lacking. Its links are pinned; what is missing must not come to exist, and no cover can stop that.
    lacking: Lacking,
}

impl Before {
    /// Looks, in the command's own namespaces.
    pub(crate) fn look(walls: &Walls) -> Result<Self, Failure> {
        let own_network = walls.plan.as_ref().is_some_and(|plan| !plan.shares_sockets());
        let look = |plan: &Plan| {
            // Where the walls were just put up, this is what was seen then.
            let Lacking { missing, links } =
                if walls.view.fresh.is_some() { plan.lacking.clone() } else { plan.look() };
            Lacking { missing: stubs::watched(&missing), links }
        };
        Ok(Self {
            attempts: own_network.then(Attempts::now),
            kept: walls.alone.as_ref().map(|alone| alone.keep()).transpose()?,
            lacking: walls.plan.as_ref().map(look).unwrap_or_default(),
        })
    }

    /// Looks again, now that nothing of the command is left, and puts back what has to be.
    pub(crate) fn compare(self, walls: &Walls, writes: Vec<PathBuf>) -> Noticed {
        let network = self.attempts.is_some_and(|before| Attempts::now().went_on_since(before));
        let (changes, aside) = match (&walls.alone, self.kept) {
            (Some(alone), Some(kept)) if kept.is_changed() => (put_back(alone, &kept), Vec::new()),
            _ => walls.plan.as_ref().map(|plan| move_aside(plan, &self.lacking)).unwrap_or_default(),
        };
        Noticed {
            network,
            writes,
            changes,
            aside,
            refused: Vec::new(),
            read_only_caches: walls.view.read_only_caches.clone(),
        }
    }
}

/// Takes away what a command made where nothing may be: among it symbolic links in place of something protected, for
/// which every later command would be refused.
fn move_aside(plan: &Plan, before: &Lacking) -> (Vec<Change>, Vec<(PathBuf, PathBuf)>) {
    let now = plan.look();
    let made = before.missing.iter().filter(|path| !now.missing.contains(path) && !is_of_samples(path)).cloned();
    let planted = now.links.iter().filter(|link| !before.links.contains(link)).cloned();
    let places: BTreeSet<PathBuf> = made.chain(planted).collect();
    let mut aside = Vec::new();
    let change = |path: PathBuf| {
        let moved = kept::move_aside(&path);
        let undone = moved.is_ok();
        // A link would stop every later command.
        aside.extend(moved.ok().filter(|aside| !aside.is_symlink()).map(|aside| (path.clone(), aside)));
        Change { path, undone }
    };
    (places.into_iter().map(change).collect(), aside)
}

/// Whether it is a directory of hooks as `git init` makes it: samples, which git does not run.
fn is_of_samples(path: &Path) -> bool {
    let is_sample = |entry: fs::DirEntry| entry.path().extension().is_some_and(|extension| extension == "sample");
    let is_directory = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    let mut entries = fs::read_dir(path).into_iter().flatten();
    is_directory && path.ends_with("hooks") && entries.all(|entry| entry.is_ok_and(is_sample))
}

/// Behind the command's own walls: what it left may lead anywhere.
fn put_back(alone: &Alone, kept: &Kept) -> Vec<Change> {
    match set_no_new_privs(true).is_ok() && alone.restrict().is_ok() {
        true => kept.put_back(),
        false => kept.paths().map(|path| Change { path: path.clone(), undone: false }).collect(),
    }
}
