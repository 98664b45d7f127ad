//! What was typed in a directory and not sent: in a file, for the next time.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{
    composer::{load, save},
    intent::Draft,
};

/// What was typed here and not sent.
#[derive(Debug)]
pub struct Unsent {
    /// No file where nothing that is written is to be kept.
    path: Option<PathBuf>,
    /// What is in it, as far as this program has read or written it.
    draft: Draft,
}

impl Unsent {
    /// What was typed in `directory`, or in the current one; nothing unless it `keeps` what is written.
    pub fn open(codex_home: &Path, directory: Option<&str>, keeps: bool) -> Self {
        let directory = directory.map(PathBuf::from).or_else(|| std::env::current_dir().ok());
        let path = directory.filter(|_| keeps).map(|directory| {
            let hash = Sha256::digest(directory.as_os_str().as_encoded_bytes());
            let name: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            codex_home.join("drafts").join(name + ".json")
        });
        Self { path, draft: Draft::default() }
    }

    /// What is in the file, to be put back. What is not put back stays there until something new takes its place.
    pub fn read(&mut self) -> Draft {
        self.draft = self.path.as_deref().and_then(load).unwrap_or_default();
        self.draft.clone()
    }

    /// Puts `draft` in its place. What another screen in the same directory wrote stays, unless there is something new.
    pub fn keep(&mut self, draft: Draft) {
        let Some(path) = &self.path else { return };
        // A disk that is full keeps nobody from working.
        if draft != self.draft && save(path, &draft).is_ok() {
            self.draft = draft;
        }
    }
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
        open("/a", true).keep(Draft::default());
        assert_eq!(open("/a", true).read(), draft("half"), "it was not put back, so it is not forgotten");
        assert_eq!(open("/b", true).read(), Draft::default());
        assert_eq!(open("/a", false).read(), Draft::default());
        // Another screen that never had a draft forgets none.
        let mut other = open("/c", true);
        open("/c", true).keep(draft("mine"));
        other.keep(Draft::default());
        assert_eq!(open("/c", true).read(), draft("mine"));
        unsent.keep(Draft::default());
        assert_eq!(open("/a", true).read(), Draft::default());
        open("/d", false).keep(draft("secret"));
        assert_eq!(open("/d", true).read(), Draft::default());
    }
}
