//! What git tracks of what is hidden: files that git takes for unchanged, and that hold nothing.
//!
//! git compares size and time first, and only where these leave a doubt what a file holds (racy-git, in git's own
//! documentation). So a stand-in has the size, the time and the kind of the file that it hides, and where git looks
//! closer, a filter (gitattributes(5)) gives it what its index has: whatever is staged, it is that. It must never put
//! anything of the file itself into a stand-in.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::{
    devices::{LOOK_ALIKES, tmpfs},
    plan::Plan,
};
use crate::wire::Failure;

/// What a file that is hidden by itself begins with, as far as it goes.
const TEXT: &[u8] = b"This file is kept from you. Its content is not here.\n";

/// Makes stand-ins in one mount namespace.
pub(crate) struct LookAlikes<'plan> {
    plan: &'plan Plan,
    /// How many there are; none before the first is needed.
    count: usize,
}

impl<'plan> LookAlikes<'plan> {
    pub(crate) fn new(plan: &'plan Plan) -> Self {
        Self { plan, count: 0 }
    }

    /// The stand-in for the real path `hidden`, if git tracks that or something in it.
    pub(crate) fn of(&mut self, hidden: &Path) -> io::Result<Option<PathBuf>> {
        let tracked = tracked(self.plan, hidden);
        if tracked.is_empty() {
            return Ok(None);
        }
        if self.count == 0 {
            tmpfs(Path::new(LOOK_ALIKES), c"mode=755")
                .map_err(|failure: Failure| io::Error::from_raw_os_error(failure.errno))?;
        }
        let place = Path::new(LOOK_ALIKES).join(self.count.to_string());
        self.count += 1;
        for path in tracked {
            match path.strip_prefix(hidden) {
                Ok(inner) if inner != Path::new("") => look_alike(path, &place.join(inner), b"")?,
                _ => look_alike(path, &place, TEXT)?,
            }
        }
        // Nothing of it may be there any more.
        if fs::metadata(hidden)?.is_dir() {
            fs::create_dir_all(&place)?;
        }
        Ok(place.exists().then_some(place))
    }
}

/// What git tracks of the real path `hidden`.
pub(crate) fn tracked<'plan>(plan: &'plan Plan, hidden: &Path) -> &'plan [PathBuf] {
    // Sorted part by part, so that what is below a path comes right after it.
    let from = plan.in_git.partition_point(|path| path.as_path() < hidden);
    let rest = plan.in_git.get(from..).unwrap_or_default();
    let count = rest.iter().take_while(|path| path.starts_with(hidden)).count();
    rest.get(..count).unwrap_or_default()
}

/// Makes `place` look like `path`, with `text` in it.
fn look_alike(path: &Path, place: &Path, text: &[u8]) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        // git shows it as removed, which it is.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let kind = found.file_type();
    if kind.is_dir() {
        // A submodule; an empty directory is one that was not asked for.
        return fs::create_dir_all(place);
    } else if kind.is_symlink() {
        symlink(fs::read_link(path)?, place)?;
    } else if kind.is_file() {
        let mut file = File::create(place)?;
        let length = usize::try_from(found.len()).unwrap_or(usize::MAX).min(text.len());
        file.write_all(text.get(..length).unwrap_or_default())?;
        // The rest takes no room.
        file.set_len(found.len())?;
        let mode = if found.mode() & 0o100 == 0 { 0o444 } else { 0o555 };
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    } else {
        return Ok(());
    }
    let time = Timespec { tv_sec: found.mtime(), tv_nsec: found.mtime_nsec() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}
