//! The file system as a cell's commands see it.
//!
//! Everything of the host that stays reachable is copied first; then a limited copy of `/` becomes the root and the
//! host's own tree is let go; then the private and the writable places are put on top, outer ones first. So a step
//! that fails leaves less visible, never more.

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::FileTypeExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags, mount_change, unmount},
    process::{chdir, fchdir, pivot_root},
};

use super::{
    caches::Overlays,
    covers::{Cover, Covers},
    devices::{Nodes, private},
    hidden,
    plan::Plan,
    proc::{mask, skip_missing},
    tree::{self, Depth, READ_ONLY, TAME, Tree},
};
use crate::{
    rung,
    wire::{Failure, OrFailure, Stage, quoted},
};

/// Something to put at a path.
enum Place {
    /// An empty directory of the cell's own.
    Empty,
    /// The minimal `/dev`.
    Devices(Nodes),
    /// A copy of one of the host's directories.
    Directory(Tree),
    /// A copy of one of the host's files.
    File(Tree),
}

/// A view that was made, and what is to be known of it.
#[derive(Default)]
pub(crate) struct View {
    /// Build caches without an overlay.
    pub(crate) read_only_caches: Vec<PathBuf>,
    /// Work directories of overlays, until they are tidied.
    pub(crate) works: Vec<OwnedFd>,
    /// The files that are hidden, as long as it is just made: then nothing of it has to be made good for a command.
    pub(crate) fresh: Option<Vec<PathBuf>>,
}

/// Builds the view and enters it. Must run in the cell's own user and mount namespaces.
pub(crate) fn enter(plan: &Plan) -> Result<View, Failure> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).or_failure(Stage::Mounts, || "mount(2) of / as private")?;
    let mut places = places(plan)?;
    let base = copy_base(plan)?;
    let mut overlays = Overlays::make(plan);
    places.extend(overlays.trees.drain(..).map(|(path, tree)| (path, Place::Directory(tree))));
    // Ancestors sort before what is below them; the sort is stable, so a root ends up on top of a private place.
    places.sort_by(|(one, _), (other, _)| one.cmp(other));
    change_root(base)?;
    for (path, place) in places {
        put(&path, place)?;
    }
    // For a sandbox inside this one. Without a private `/run` there is none, and nothing to be left.
    if Path::new("/run").is_dir() {
        fs::write(rung::MARK, "").or_failure(Stage::Mounts, || "marking the private /run")?;
    }
    mask_sockets(plan)?;
    for path in &plan.kernel {
        seal(path, Depth::All)?;
    }
    for path in ["/dev", "/run"].map(Path::new).into_iter().filter(|path| !plan.roots.iter().any(|root| root == path)) {
        seal(path, Depth::One)?;
    }
    put_covers(&plan.standing)?;
    hidden::mask_programs(plan)?;
    let fresh = Some(hidden::mask_all(plan)?);
    Ok(View { read_only_caches: overlays.refused, works: overlays.works, fresh })
}

/// Makes a mount read-only now that everything below it is in place.
fn seal(path: &Path, depth: Depth) -> Result<(), Failure> {
    match tree::limit(path, READ_ONLY, depth) {
        // Hidden by a private place (`EINVAL`: a directory there, but no mount), or not there at all.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINVAL)) => Ok(()),
        other => other.or_failure(Stage::Mounts, || format!("making {} read-only", quoted(path))),
    }
}

/// A copy of `/` in which nothing can be written, unless `/` itself is a writable root.
fn copy_base(plan: &Plan) -> Result<Tree, Failure> {
    let step = || "mount_setattr(2) of a read-only /";
    let attributes = if writable_base(plan) { TAME } else { TAME | READ_ONLY };
    let base = Tree::copy("/", Depth::All).or_failure(Stage::Mounts, || "open_tree(2) of /")?;
    base.limit(attributes, Depth::All).or_failure(Stage::Mounts, step)
}

fn writable_base(plan: &Plan) -> bool {
    plan.roots.iter().any(|root| root == Path::new("/"))
}

/// Makes `base` the root and lets go of the old one (pivot_root(2), its section "pivot_root(., .)").
fn change_root(base: Tree) -> Result<(), Failure> {
    let base = tree::place(Path::new("/"))
        .and_then(|root| base.attach(root))
        .or_failure(Stage::Mounts, || "move_mount(2) of the new root")?;
    fchdir(&base).or_failure(Stage::Mounts, || "entering the new root")?;
    pivot_root(".", ".").or_failure(Stage::Mounts, || "pivot_root(2)")?;
    unmount(".", UnmountFlags::DETACH).or_failure(Stage::Mounts, || "umount2(2) of the old root")?;
    chdir("/").or_failure(Stage::Mounts, || "entering the new root")
}

/// What of the host goes on top of the base, and the private places; copies are taken while the host can still be seen.
fn places(plan: &Plan) -> Result<Vec<(PathBuf, Place)>, Failure> {
    let mut places = vec![(PathBuf::from("/dev"), Place::Devices(Nodes::copy()?))];
    let mut temporary: Vec<PathBuf> =
        ["/tmp", "/var/tmp"].iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    temporary.dedup();
    for path in temporary {
        let place = plan.temp.as_deref().map(|temp| host(temp, TAME)).transpose()?.unwrap_or(Place::Empty);
        places.push((path, place));
    }
    if Path::new("/run").is_dir() {
        places.push(("/run".into(), Place::Empty));
    }
    for path in &plan.run {
        places.push((path.clone(), host(path, TAME | READ_ONLY)?));
    }
    for root in plan.roots.iter().filter(|root| *root != Path::new("/")) {
        places.push((root.clone(), root_of_host(root, TAME)?));
    }
    for root in plan.shown.iter().filter(|root| *root != Path::new("/")) {
        places.push((root.clone(), root_of_host(root, TAME | READ_ONLY)?));
    }
    Ok(places)
}

/// A copy of what the host has at `path`.
fn host(path: &Path, attributes: MountAttrFlags) -> Result<Place, Failure> {
    let tree = Tree::copy(path, Depth::All).and_then(|tree| tree.limit(attributes, Depth::All));
    let tree = tree.or_failure(Stage::Mounts, || format!("open_tree(2) of {}", quoted(path)))?;
    Ok(if path.is_dir() { Place::Directory(tree) } else { Place::File(tree) })
}

/// A copy of the host's directory `root`, a resolved path. A link that took its place meanwhile is refused.
fn root_of_host(root: &Path, attributes: MountAttrFlags) -> Result<Place, Failure> {
    let tree = tree::place(root).and_then(|place| Tree::copy_at(place.as_fd(), Depth::All));
    let tree = tree.and_then(|tree| tree.limit(attributes, Depth::All));
    tree.map(Place::Directory).or_failure(Stage::Mounts, || format!("open_tree(2) of {}", quoted(root)))
}

fn put(path: &Path, place: Place) -> Result<(), Failure> {
    let attach = |tree: Tree, make: fn(&Path) -> io::Result<()>| {
        let attached = mount_point(path, make).and_then(|place| tree.attach(place));
        attached.map(drop).or_failure(Stage::Mounts, || format!("mounting {}", quoted(path)))
    };
    match place {
        Place::Empty => private(path),
        Place::Devices(nodes) => nodes.mount(),
        Place::Directory(tree) => attach(tree, |path| fs::create_dir_all(path)),
        Place::File(tree) => attach(tree, |path| fs::write(path, "")),
    }
}

/// Opens the place to mount on. Below a private directory it may be missing; then `make` makes it, in the cell only.
fn mount_point(path: &Path, make: fn(&Path) -> io::Result<()>) -> io::Result<OwnedFd> {
    match tree::place(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    make(path)?;
    tree::place(path)
}

/// Covers what is protected and masks what appeared since the cell was made, in the mount namespace of one command.
/// What comes back are the files that are hidden.
pub(crate) fn protect(plan: &Plan) -> Result<Vec<PathBuf>, Failure> {
    if !plan.shares_sockets() {
        mask_sockets(plan)?;
    }
    put_covers(&plan.missing_covers()?)?;
    hidden::mask_programs(plan)?;
    hidden::mask_all(plan)
}

fn put_covers(covers: &Covers) -> Result<(), Failure> {
    for (path, cover) in covers {
        let put = match cover {
            Cover::Pinned => tree::cover(path, TAME),
            Cover::ReadOnly => tree::cover(path, TAME | READ_ONLY),
            Cover::Link => tree::pin_link(path),
        };
        // It was there when the plan was made: hidden by a private place, or removed since.
        skip_missing(put).or_failure(Stage::Policy, || format!("protecting {}", quoted(path)))?;
    }
    Ok(())
}

/// A read-only mount does not stop connect(2). What cannot be seen, or is no socket here, needs no mask.
fn mask_sockets(plan: &Plan) -> Result<(), Failure> {
    for path in plan.host_sockets()? {
        // Names that lead through a symbolic link are resolved: the mask must lie on the socket itself.
        let Ok(real) = fs::canonicalize(&path) else { continue };
        if fs::symlink_metadata(&real).is_ok_and(|found| found.file_type().is_socket()) {
            // Its owner may have removed it by now.
            skip_missing(mask(&real)).or_failure(Stage::Mounts, || format!("masking the socket {}", quoted(&real)))?;
        }
    }
    Ok(())
}
