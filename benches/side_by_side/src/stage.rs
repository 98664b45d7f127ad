//! The place of one run: a home and a git workspace of its own, removed with it.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts git and cp to lay out its places")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use codex_testkit::run_to_end;
use tempfile::TempDir;

/// The file that every workspace has.
const FILE: (&str, &str) = ("src/lib.rs", "pub fn a() {}\n");

/// Bytes of each of many files.
const FILE_BYTES: usize = 4_000;

/// Files of a directory.
const FILES: usize = 100;

/// What the last of many files has, and no other.
pub(crate) const NEEDLE: &str = "needle_in_the_haystack";

/// A place.
#[derive(Debug)]
pub(crate) struct Stage {
    // Held for its end, which removes it.
    _root: TempDir,
    /// The home directory.
    pub(crate) home: PathBuf,
    /// The workspace, with one file, committed.
    pub(crate) workspace: PathBuf,
    /// Where standard output is written to.
    pub(crate) stdout: PathBuf,
    /// Where standard error is written to.
    pub(crate) stderr: PathBuf,
}

impl Stage {
    /// Lays out a place below `parent`; `path` is the variable `PATH`, in which git is looked for. The home is a copy of
    /// that of `earlier`, else empty.
    ///
    /// # Errors
    ///
    /// What could not be written or run.
    pub(crate) fn set(parent: &Path, path: &OsStr, earlier: Option<&Self>) -> Result<Self, String> {
        let root = tempfile::Builder::new().prefix("side-by-side-").tempdir_in(parent).map_err(text)?;
        let place = root.path().canonicalize().map_err(text)?;
        let [home, workspace, stdout, stderr] = ["home", "workspace", "stdout", "stderr"].map(|name| place.join(name));
        let stage = Self { _root: root, home, workspace, stdout, stderr };
        fs::create_dir_all(stage.workspace.join("src")).map_err(text)?;
        fs::write(stage.workspace.join(FILE.0), FILE.1).map_err(text)?;
        if let Some(earlier) = earlier {
            let copy = [OsStr::new("-a"), earlier.home.as_os_str(), stage.home.as_os_str()];
            stage.run("cp", copy, path)?;
        }
        fs::create_dir_all(stage.codex_home()).map_err(text)?;
        let commit = "-c user.name=a -c user.email=a@example.invalid commit -q -m start";
        for line in ["init -q", "add -A", commit] {
            stage.run("git", line.split(' '), path)?;
        }
        Ok(stage)
    }

    /// Runs a program that helps to lay out the place, in the workspace.
    fn run(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        path: &OsStr,
    ) -> Result<(), String> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.workspace).env_clear().env("PATH", path).env("HOME", &self.home);
        let finished = run_to_end(&mut command, "")?;
        if finished.exit == 0 { Ok(()) } else { Err(format!("{program}: {}", finished.stderr)) }
    }

    /// Writes a file below the home directory.
    ///
    /// # Errors
    ///
    /// It could not be written.
    pub(crate) fn write(&self, file: &str, content: &str) -> Result<(), String> {
        let path = self.home.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content)).map_err(text)
    }

    /// Puts so many files of prose into the workspace, in directories; the last one has the [`NEEDLE`].
    ///
    /// # Errors
    ///
    /// They could not be written.
    pub(crate) fn fill(&self, files: usize) -> Result<(), String> {
        let prose = "Nothing that anybody looks for is in this line.\n".repeat(FILE_BYTES / 48);
        for number in 0..files {
            let path = self.workspace.join(name_of(number));
            if number % FILES == 0 {
                path.parent().map_or(Ok(()), fs::create_dir_all).map_err(text)?;
            }
            let found = if number + 1 == files { NEEDLE } else { "" };
            fs::write(path, format!("{prose}{found}\n")).map_err(text)?;
        }
        Ok(())
    }

    /// The directory of ours and codex's settings.
    pub(crate) fn codex_home(&self) -> PathBuf {
        self.home.join(".codex")
    }
}

/// The path of one of many files in the workspace.
fn name_of(number: usize) -> String {
    format!("prose/chapter{:04}/page{number:06}.txt", number / FILES)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
