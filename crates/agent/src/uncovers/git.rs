//! The questions to git: each a disarmed call inside read-only walls. A review asks it too.
//!
//! It must never take a failure for a no: what git cannot answer is `None`. A revision that does not exist is an answer.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use codex_sandbox::{Confinement, Exit, Sandbox, Streams};
use codex_workspace::{filters, find_git, git_command, list_filters};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Workplace;

/// Longest answer that is read, in bytes.
const LONGEST: u64 = 1 << 18;
/// Longest patch that git is given to read, in bytes.
const LONGEST_PATCH: u64 = 1 << 20;
/// Most words that are looked up.
const MOST_WORDS: usize = 32;

/// What git has printed.
pub(crate) struct Printed {
    /// Its exit code; `None` if it was not waited for, because there was more than was wanted.
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

/// Asks git in one work tree.
pub(crate) struct Git<'a> {
    sandbox: &'a Sandbox,
    walls: Confinement,
    program: PathBuf,
    /// `PATH`, for programs of git's own.
    path: &'a OsStr,
    top: PathBuf,
}

impl<'a> Git<'a> {
    /// Nothing if git is not installed outside of what commands can write.
    pub(crate) fn new(workplace: &'a Workplace, top: &Path) -> Option<Self> {
        let path = workplace.environment.get(OsStr::new("PATH"))?;
        Some(Self {
            sandbox: &workplace.sandbox,
            walls: workplace.policy.confinement_for_our_programs(),
            program: find_git(path, &workplace.roots.writable)?,
            path,
            top: top.to_owned(),
        })
    }

    /// Runs git: its exit code, and what it printed.
    async fn run<S: AsRef<OsStr>>(
        &self,
        subcommand: &str,
        args: impl IntoIterator<Item = S>,
        filters: &[String],
        input: Option<&[u8]>,
    ) -> Option<(i32, Vec<u8>)> {
        let mut command = git_command(&self.program, subcommand, args, filters, &self.top, self.path);
        // A name may look like a pattern.
        command.environment.insert("GIT_LITERAL_PATHSPECS".into(), "1".into());
        self.output(command, input).await
    }

    async fn output(&self, command: codex_sandbox::Command, input: Option<&[u8]>) -> Option<(i32, Vec<u8>)> {
        let mut child = match input {
            Some(_) => self.sandbox.spawn_with_input(&self.walls, command, Streams::Separate).await,
            None => self.sandbox.spawn(&self.walls, command, Streams::Separate).await,
        }
        .ok()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // It may have ended at a word before the last.
            let _ = stdin.write_all(input).await;
        }
        let mut answer = Vec::new();
        (&mut child.stdout).take(LONGEST + 1).read_to_end(&mut answer).await.ok()?;
        if answer.len() as u64 > LONGEST {
            return None;
        }
        match child.wait().await {
            Ok(Exit::Code(code)) => Some((code, answer)),
            _ => None,
        }
    }

    /// What git prints, at most `most` bytes of it. What filters would make of files is left out.
    pub(crate) async fn printed(&self, subcommand: &str, args: &[&str], most: usize) -> Option<Printed> {
        let (code, listed) = self.output(list_filters(&self.program, &self.top, self.path), None).await?;
        if code > 1 {
            return None;
        }
        let filters = filters(&String::from_utf8_lossy(&listed));
        let command = git_command(&self.program, subcommand, args, &filters, &self.top, self.path);
        let mut child = self.sandbox.spawn(&self.walls, command, Streams::Separate).await.ok()?;
        let mut text = Vec::new();
        (&mut child.stdout).take(most as u64 + 1).read_to_end(&mut text).await.ok()?;
        let is_whole = text.len() <= most;
        text.truncate(most);
        let code = match is_whole {
            true => match child.wait().await {
                Ok(Exit::Code(code)) => Some(code),
                _ => return None,
            },
            false => None,
        };
        Some(Printed { code, text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// The names that git prints, each ended by a NUL.
    async fn names(&self, subcommand: &str, args: &[&str], names: &[&Path]) -> Option<Vec<PathBuf>> {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).chain([OsStr::new("--")]).collect();
        let names = names.iter().map(|name| name.as_os_str());
        match self.run(subcommand, args.into_iter().chain(names), &[], None).await? {
            (0, answer) => Some(paths(&answer)),
            _ => None,
        }
    }

    /// The objects that `words` name, in their order.
    pub(crate) async fn resolve(&self, words: &[String]) -> Option<Vec<Option<String>>> {
        if words.len() > MOST_WORDS || words.iter().any(|word| word.contains('\n')) {
            return None;
        }
        let mut found = Vec::new();
        // It gives up at a word like `@{upstream}` of a branch that has none: asked again from the next on.
        while found.len() < words.len() {
            let input: String = words[found.len()..].iter().map(|word| format!("{word}\n")).collect();
            let args = ["--batch-check=%(objectname) %(objecttype)"];
            let (code, answer) = self.run("cat-file", args, &[], Some(input.as_bytes())).await?;
            let object = |line: &str| {
                let (object, kind) = line.rsplit_once(' ')?;
                ["commit", "tag", "tree"].contains(&kind).then(|| object.to_owned())
            };
            found.extend(String::from_utf8_lossy(&answer).lines().map(object));
            if found.len() < words.len() {
                if code == 0 {
                    return None;
                }
                found.push(None);
            }
        }
        Some(found)
    }

    /// The branches of all remotes that are called `word`.
    pub(super) async fn of_remotes(&self, word: &str) -> Option<Vec<String>> {
        if word.starts_with('-') || word.contains(['*', '?', '[', '\\', ':', '^', '~']) || word.starts_with('/') {
            return Some(Vec::new());
        }
        let pattern = format!("refs/remotes/*/{word}");
        match self.run("for-each-ref", ["--count=8", "--format=%(objectname)", &pattern], &[], None).await? {
            (0, answer) => Some(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect()),
            _ => None,
        }
    }

    /// What differs between two trees; what the second has, if the first is not there yet.
    pub(super) async fn between(&self, one: &str, other: &str, names: &[&Path]) -> Option<Vec<PathBuf>> {
        match self.names("diff-tree", &["-r", "-z", "--name-only", "--no-renames", one, other], names).await {
            Some(found) => Some(found),
            None => self.in_tree(other, names).await,
        }
    }

    /// What a tree has.
    pub(super) async fn in_tree(&self, tree: &str, names: &[&Path]) -> Option<Vec<PathBuf>> {
        self.names("ls-tree", &["-r", "-z", "--name-only", "--full-tree", tree], names).await
    }

    /// What commits change that `words` and `HEAD` do not share; `dots` as in gitrevisions(7).
    pub(super) async fn by_history(&self, words: &[String], dots: &str, names: &[&Path]) -> Option<Vec<PathBuf>> {
        let mut changed = Vec::new();
        for object in self.resolve(words).await?.into_iter().flatten() {
            changed.extend(self.log(&[&format!("HEAD{dots}{object}")], names).await?);
        }
        Some(changed)
    }

    async fn log(&self, revisions: &[&str], names: &[&Path]) -> Option<Vec<PathBuf>> {
        let options = ["-z", "-m", "--full-history", "--no-renames", "--name-only", "--format="];
        self.names("log", &[&options, revisions].concat(), names).await
    }

    /// What these commits, or ranges of commits, change.
    pub(super) async fn by_commits(&self, words: &[String], names: &[&Path]) -> Option<Vec<PathBuf>> {
        let is_range = |word: &&String| word.contains("..") || word.contains('^');
        let (ranges, single): (Vec<&String>, Vec<&String>) = words.iter().partition(is_range);
        let mut changed = Vec::new();
        for range in ranges {
            changed.extend(self.log(&[range], names).await?);
        }
        let single: Vec<String> = single.into_iter().cloned().collect();
        for object in self.resolve(&single).await?.into_iter().flatten() {
            changed.extend(self.log(&["--no-walk", &object], names).await?);
        }
        Some(changed)
    }

    /// What an entry of the stash brings back.
    pub(super) async fn by_stash(&self, entry: &str, names: &[&Path]) -> Option<Vec<PathBuf>> {
        let words = ["", "^1", "^3"].map(|of| format!("{entry}{of}"));
        match self.resolve(&words).await?.as_slice() {
            [Some(stashed), Some(base), untracked] => {
                let mut changed = self.between(base, stashed, names).await?;
                if let Some(untracked) = untracked {
                    changed.extend(self.in_tree(untracked, names).await?);
                }
                Some(changed)
            }
            [None, ..] => Some(Vec::new()),
            _ => None,
        }
    }

    /// What differs between the work tree and a revision, or the index.
    pub(super) async fn in_place(&self, revision: Option<&str>, names: &[&Path]) -> Option<Vec<PathBuf>> {
        let (code, printed) = self.output(list_filters(&self.program, &self.top, self.path), None).await?;
        if code > 1 {
            return None;
        }
        let filters = filters(&String::from_utf8_lossy(&printed));
        let found = match revision {
            Some(word) => match self.resolve(&[word.to_owned()]).await?.pop()? {
                Some(object) => Some(object),
                // git will say that there is none.
                None => return Some(Vec::new()),
            },
            None => None,
        };
        let options = ["-z", "--name-only", "--no-renames"].map(OsString::from);
        let rest = found.map(OsString::from).into_iter().chain(["--".into()]);
        let args = options.into_iter().chain(rest).chain(names.iter().map(|name| name.as_os_str().to_owned()));
        match self.run("diff", args, &filters, None).await? {
            (0, answer) => Some(paths(&answer)),
            _ => None,
        }
    }

    /// What is there and not tracked; with what is ignored.
    pub(crate) async fn untracked(&self, ignored: bool, names: &[&Path]) -> Option<Vec<PathBuf>> {
        let options: &[&str] = if ignored { &["-z", "-o"] } else { &["-z", "-o", "--exclude-standard"] };
        self.names("ls-files", options, names).await
    }

    /// What patches change: by their new names, and by their old ones.
    pub(super) async fn by_patches(&self, files: &[String], directory: &Path) -> Option<Vec<PathBuf>> {
        let files: Vec<PathBuf> = files.iter().map(|file| directory.join(file)).collect();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        // git holds a patch in memory as a whole: `/dev/zero` has no end.
        let is_short = |file: &&Path| {
            fs::symlink_metadata(file).is_ok_and(|found| found.is_file() && found.len() <= LONGEST_PATCH)
        };
        if !files.iter().all(is_short) {
            return None;
        }
        let mut changed = self.names("apply", &["--numstat", "-z"], &files).await?;
        changed.extend(self.names("apply", &["--numstat", "-z", "--reverse"], &files).await?);
        Some(changed)
    }
}

/// Names that each end in a NUL; counts before a name, and blanks between lists, are left out.
fn paths(answer: &[u8]) -> Vec<PathBuf> {
    let names = answer.split(|byte| *byte == 0).map(|name| name.rsplit(|byte| *byte == b'\t').next().unwrap_or(name));
    let names = names.map(|name| name.strip_prefix(b"\n").unwrap_or(name)).filter(|name| !name.is_empty());
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}
