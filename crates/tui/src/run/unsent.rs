//! What was typed in a directory and not sent: in a file, for the next time. Each screen has one of its own, which no
//! other touches while it runs.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use crate::{
    composer::{load, save},
    intent::Draft,
};

/// Screens of one directory that keep what is typed. More of them at once keep nothing.
const MOST: usize = 16;

/// What was typed here and not sent.
#[derive(Debug)]
pub struct Unsent {
    /// What the names of this directory's files begin with. None where nothing that is written is to be kept.
    beginning: Option<PathBuf>,
    /// The file of this screen, once it needs one.
    own: Option<Own>,
    /// What is in it, as far as this program has read or written it.
    draft: Draft,
}

/// A file that is this screen's.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    lock_path: PathBuf,
    /// Held as long as the screen is there; the kernel lets go of it when a screen crashes.
    _lock: File,
}

impl Unsent {
    /// What was typed in `directory`, or in the current one; nothing unless it `keeps` what is written.
    pub fn open(codex_home: &Path, directory: Option<&str>, keeps: bool) -> Self {
        let directory = directory.map(PathBuf::from).or_else(|| std::env::current_dir().ok());
        let beginning = directory.filter(|_| keeps).map(|directory| {
            let hash = Sha256::digest(directory.as_os_str().as_encoded_bytes());
            let name: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            codex_home.join("drafts").join(name)
        });
        Self { beginning, own: None, draft: Draft::default() }
    }

    /// The newest of what screens that are gone have left, to be put back: its file is this screen's now. What is not
    /// put back stays where it is.
    pub fn read(&mut self) -> Draft {
        let Some(beginning) = &self.beginning else { return Draft::default() };
        let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
        let mut left: Vec<(SystemTime, usize)> =
            (0..MOST).filter_map(|number| Some((changed(&path(beginning, number))?, number))).collect();
        left.sort_unstable();
        for (_, number) in left.into_iter().rev() {
            let Some(own) = Own::take(beginning, number) else { continue };
            if let Some(draft) = load(&own.path) {
                (self.own, self.draft) = (Some(own), draft.clone());
                return draft;
            }
        }
        Draft::default()
    }

    /// Puts `draft` in its place.
    pub fn keep(&mut self, draft: Draft) {
        let Some(beginning) = &self.beginning else { return };
        if draft == self.draft {
            return;
        }
        // A file that holds something is not written over: it may be put back the next time.
        let free = || (0..MOST).filter(|number| !path(beginning, *number).exists());
        let own = self.own.take().or_else(|| free().find_map(|number| Own::take(beginning, number)));
        // A disk that is full keeps nobody from working.
        if own.as_ref().is_some_and(|own| save(&own.path, &draft).is_ok()) {
            self.draft = draft;
        }
        self.own = own;
    }
}

impl Own {
    /// The file of this number, unless another screen has it.
    fn take(beginning: &Path, number: usize) -> Option<Self> {
        let lock_path = beginning.with_extension(format!("{number}.lock"));
        DirBuilder::new().recursive(true).mode(0o700).create(lock_path.parent()?).ok()?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path).ok()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
        // Whoever had it may have removed it just now, and another made it anew.
        let (ours, theirs) = (lock.metadata().ok()?, lock_path.metadata().ok()?);
        let is_same = (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino());
        is_same.then(|| Self { path: path(beginning, number), lock_path, _lock: lock })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// The file of this number; the first one has none.
fn path(beginning: &Path, number: usize) -> PathBuf {
    beginning.with_extension(if number == 0 { "json".to_owned() } else { format!("{number}.json") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_sent_is_there_the_next_time() {
        let home = tempfile::tempdir().unwrap();
        let open = |directory: &str, keeps| Unsent::open(home.path(), Some(directory), keeps);
        let draft = |text: &str| Draft { text: text.into(), pictures: Vec::new() };
        let mut unsent = open("/a", true);
        assert_eq!(unsent.read(), Draft::default());
        unsent.keep(draft("half"));
        drop(unsent);
        open("/a", true).keep(Draft::default());
        assert_eq!(open("/a", true).read(), draft("half"), "it was not put back, so it is not forgotten");
        assert_eq!(open("/b", true).read(), Draft::default());
        assert_eq!(open("/a", false).read(), Draft::default());
        let mut unsent = open("/a", true);
        unsent.read();
        unsent.keep(Draft::default());
        drop(unsent);
        assert_eq!(open("/a", true).read(), Draft::default());
        open("/d", false).keep(draft("secret"));
        assert_eq!(open("/d", true).read(), Draft::default());
        let left: Vec<_> = std::fs::read_dir(home.path().join("drafts")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn each_screen_of_a_directory_has_its_own() {
        let home = tempfile::tempdir().unwrap();
        let open = || Unsent::open(home.path(), Some("/a"), true);
        let draft = |text: &str| Draft { text: text.into(), pictures: Vec::new() };
        let (mut one, mut two) = (open(), open());
        one.keep(draft("of one"));
        two.keep(draft("of two"));
        assert_eq!(open().read(), Draft::default(), "both are there, and keep what is theirs");
        one.keep(draft("of one, changed"));
        two.keep(Draft::default());
        drop((one, two));
        assert_eq!(open().read(), draft("of one, changed"));
        // The newest comes first; the other waits for its turn.
        let mut three = open();
        three.keep(draft("of three"));
        drop(three);
        let older = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        let first = path(&open().beginning.unwrap(), 0);
        File::options().write(true).open(first).unwrap().set_modified(older).unwrap();
        let (mut newest, mut next) = (open(), open());
        assert_eq!((newest.read(), next.read()), (draft("of three"), draft("of one, changed")));
    }
}
