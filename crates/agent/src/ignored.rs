//! The ignore files of a thread: looked at anew when a turn begins, for the user may have changed them or what they name.
//!
//! It must never let a call go on while it is not known what they name.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use codex_permissions::Policy;
use codex_protocol::UserInput;
use codex_workspace::{Ignored, Roots};
use tokio::task::JoinHandle;

use crate::{Spoken, ThreadError, settings::Workplace, thread::ThreadState, tracked::tracked};

/// Where ignore files are looked for.
#[derive(Debug, Clone, Default)]
pub struct IgnoreFiles {
    /// The directories to work in: absolute and real.
    pub roots: Vec<PathBuf>,
    /// The projects that they are parts of.
    pub projects: Vec<PathBuf>,
    /// How the files are called; if none, none are looked for.
    pub names: Vec<String>,
    /// What the settings hide: real paths.
    pub chosen: Vec<PathBuf>,
    /// What is hidden whatever they say.
    pub hidden: Vec<PathBuf>,
    /// What is protected whatever they say.
    pub protected: Vec<PathBuf>,
}

impl IgnoreFiles {
    /// What they name now. `is_deeper`: further down than the roots, too, even if there is none above.
    ///
    /// # Errors
    /// As [`Ignored::look`].
    pub fn look(&self, is_deeper: bool) -> Result<Ignored, String> {
        match self.names.is_empty() {
            true => Ok(Ignored::default()),
            false => Ignored::look(&self.roots, &self.projects, &self.names, is_deeper),
        }
    }

    /// Whether there is one in a root or above it.
    fn is_near(&self) -> bool {
        !self.names.is_empty() && Ignored::is_near(&self.roots, &self.projects, &self.names)
    }

    /// Lets `policy` hide what `ignored` has found and protect the files that say so, in place of what `before` had.
    pub fn enforce(&self, policy: &mut Policy, before: &Ignored, ignored: &Ignored) {
        if before == ignored {
            return;
        }
        let change = |list: &mut Vec<PathBuf>, always: &[PathBuf], old: &[PathBuf], new: &[PathBuf]| {
            list.retain(|path| always.contains(path) || !old.contains(path));
            list.extend(new.iter().cloned());
            list.sort();
            list.dedup();
        };
        let files = |ignored: &Ignored| ignored.files().map(PathBuf::from).collect::<Vec<_>>();
        change(&mut policy.hidden, &self.hidden, before.found(), ignored.found());
        let (old, new) = (files(before), files(ignored));
        // The order of those that are always protected says nothing.
        change(&mut policy.protected, &self.protected, &old, &new);
    }
}

/// The look at them when a turn begins, under way while the model thinks.
#[derive(Debug, Clone, Default)]
pub(crate) struct IgnoreLook(Arc<Mutex<Look>>);

#[derive(Debug, Default)]
enum Look {
    /// Nothing is to be waited for.
    #[default]
    Over,
    UnderWay(JoinHandle<Result<Found, String>>),
    /// Why it is not known what they name.
    Failed(String),
}

/// What they name, and what git tracks of it.
type Found = (Ignored, Vec<PathBuf>);

impl IgnoreLook {
    /// Begins it. Where there was none so far and none is near, it costs a few looks at what is there.
    pub(crate) fn begin(&self, state: &ThreadState) {
        if state.may_be_ignored() {
            self.look(state, true);
        }
    }

    /// Begins it where one was found further down.
    pub(crate) fn deeper(&self, state: &ThreadState) {
        if state.settings.workplace.roots.ignored.is_empty() {
            self.look(state, true);
        }
    }

    fn look(&self, state: &ThreadState, is_deeper: bool) {
        let workplace = state.settings.workplace.clone();
        self.put(Look::UnderWay(tokio::spawn(async move { found(&workplace, is_deeper).await })));
    }

    /// Before a call. If it fails, no call of the turn runs.
    ///
    /// # Errors
    /// Why it is not known what they name, a sentence.
    pub(crate) async fn end(&self, state: &mut ThreadState) -> Result<(), String> {
        let look = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let found = match look {
            Look::Over => return Ok(()),
            Look::Failed(sentence) => Err(sentence),
            Look::UnderWay(look) => look.await.unwrap_or_else(|error| Err(format!("ignore files: {error}"))),
        };
        match found {
            Ok(found) => state.ignore(found),
            Err(sentence) => {
                self.put(Look::Failed(sentence.clone()));
                return Err(sentence);
            }
        }
        Ok(())
    }

    fn put(&self, look: Look) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = look;
    }
}

async fn found(workplace: &Workplace, is_deeper: bool) -> Result<Found, String> {
    let Workplace { ignore_files: files, sandbox, users, policy, .. } = workplace;
    let look = Arc::clone(files);
    let ignored = tokio::task::spawn_blocking(move || look.look(is_deeper)).await;
    let ignored = ignored.map_err(|error| format!("ignore files: {error}"))??;
    let hidden = [&files.chosen, ignored.found()].concat();
    let in_git = tracked(sandbox, &users.path, &policy.writable, &hidden).await?;
    Ok((ignored, in_git))
}

impl ThreadState {
    /// Whether there are ignore files, by what is seen without walking.
    fn may_be_ignored(&self) -> bool {
        let Workplace { ignore_files: files, roots, .. } = &self.settings.workplace;
        !roots.ignored.is_empty() || files.names.len() > 1 || files.is_near()
    }

    /// The roots to read the pictures in `input` by, with what ignore files name now: the user may have changed them since
    /// the last turn.
    ///
    /// # Errors
    /// It is not known what they name.
    pub(crate) async fn roots_to_read(&self, input: &[Spoken]) -> Result<Arc<Roots>, ThreadError> {
        let Workplace { ignore_files, roots, .. } = &self.settings.workplace;
        let picture = input.iter().find_map(|piece| match &piece.shown {
            UserInput::LocalImage { path } => Some(path),
            _ => None,
        });
        let Some(picture) = picture.filter(|_| self.may_be_ignored()) else { return Ok(Arc::clone(roots)) };
        let files = Arc::clone(ignore_files);
        let ignored = tokio::task::spawn_blocking(move || files.look(true)).await;
        let ignored = ignored.unwrap_or_else(|error| Err(format!("ignore files: {error}")));
        let unreadable = |sentence| ThreadError::Picture { path: picture.into(), sentence };
        Ok(Arc::new(Roots { ignored: ignored.map_err(unreadable)?, ..Roots::clone(roots) }))
    }

    /// From now on what `ignored` names is kept from the model. Commands that run already have the walls they have.
    fn ignore(&mut self, (ignored, in_git): Found) {
        let Workplace { roots, policy, ignore_files: files, .. } = &mut self.settings.workplace;
        if roots.ignored == ignored && policy.in_git == in_git {
            return;
        }
        let before = roots.ignored.clone();
        let policies = std::iter::once(&mut *policy).chain(self.settings.after_planning.as_mut());
        for policy in policies.map(Arc::make_mut) {
            files.enforce(policy, &before, &ignored);
            policy.in_git.clone_from(&in_git);
        }
        let hidden = policy.hidden.clone();
        *roots = Arc::new(Roots { ignored, hidden, ..Roots::clone(roots) });
        self.standing.show(&self.settings);
    }
}
