//! The instructions that users and projects leave for agents: `AGENTS.md`, from the general to the particular.
//!
//! Their text is data from whoever wrote the repository: this module must never act on it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Most instructions that are taken, all files together, in bytes.
pub const INSTRUCTIONS_LIMIT: usize = 32 << 10;

const FILE_NAME: &str = "AGENTS.md";

/// One file of instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The file, absolute.
    pub path: PathBuf,
    /// What it says; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// All instructions that hold in a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions {
    /// The files, the most general first.
    pub files: Vec<Instruction>,
    /// What was left out and why, a sentence each, for the user.
    pub warnings: Vec<String>,
}

/// Reads the instructions that hold in `workspace` (absolute, canonical): the user's own in `codex_home`, then one
/// file a directory from `top`, the project's (canonical), down to the workspace.
pub fn instructions(codex_home: &Path, workspace: &Path, top: &Path) -> Instructions {
    let mut directories: Vec<&Path> =
        workspace.ancestors().take_while(|directory| directory.starts_with(top)).collect();
    directories.reverse();
    let mut found = Instructions::default();
    let mut left = INSTRUCTIONS_LIMIT;
    // The user's own file may be a link to anywhere; a project's may not lead out of the project.
    found.add(codex_home.join(FILE_NAME), None, &mut left);
    for directory in directories {
        if directory != codex_home {
            found.add(directory.join(FILE_NAME), Some(top), &mut left);
        }
    }
    found
}

impl Instructions {
    fn add(&mut self, path: PathBuf, within: Option<&Path>, left: &mut usize) {
        let (bytes, more) = match read_within(&path, within, *left) {
            Ok(Some(read)) => read,
            Ok(None) => return,
            Err(error) => return self.warnings.push(format!("{} was not read: {error}", path.display())),
        };
        if bytes.is_empty() {
            if more {
                self.warnings.push(format!("{} was left out: {}", path.display(), over_limit()));
            }
            return;
        }
        *left -= bytes.len();
        let mut text = lossy(&bytes, more);
        if more {
            *left = 0;
            text.push_str(&format!("\n[cut here: {}]\n", over_limit()));
            self.warnings.push(format!("{} was cut: {}", path.display(), over_limit()));
        }
        if !text.trim().is_empty() {
            self.files.push(Instruction { path, text });
        }
    }
}

fn over_limit() -> String {
    format!("instruction files together may have {} KiB", INSTRUCTIONS_LIMIT >> 10)
}

/// The first `limit` bytes of a regular file, and whether it has more; `None` if there is no such file.
///
/// # Errors
/// The system's; it is no regular file, or a link that leads out of `within`.
pub fn read_within(path: &Path, within: Option<&Path>, limit: usize) -> io::Result<Option<(Vec<u8>, bool)>> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if let Some(top) = within
        && !real.starts_with(top.canonicalize()?)
    {
        return Err(io::Error::other("it is a symbolic link that leads out of the project"));
    }
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits().cast_signed())
        .open(&real)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let more = bytes.len() > limit;
    bytes.truncate(limit);
    Ok(Some((bytes, more)))
}

/// The text of `bytes`; a character that the cut split is dropped, not replaced.
fn lossy(bytes: &[u8], cut: bool) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if cut && error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    };
    String::from_utf8_lossy(whole).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for (path, content) in files {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (directory, base)
    }

    fn texts(found: &Instructions) -> Vec<&str> {
        found.files.iter().map(|file| file.text.as_str()).collect()
    }

    #[test]
    fn the_general_comes_before_the_particular() {
        let (_kept, base) = tree(&[
            ("codex/AGENTS.md", b"user"),
            ("AGENTS.md", b"above the project"),
            ("p/.git/x", b""),
            ("p/AGENTS.md", b"top"),
            ("p/a/AGENTS.md", b" \n"),
            ("p/a/b/AGENTS.md", b"bad \xff byte"),
            ("p/a/b/c/AGENTS.md", b"below the workspace"),
        ]);
        let found = instructions(&base.join("codex"), &base.join("p/a/b"), &base.join("p"));
        assert_eq!(texts(&found), ["user", "top", "bad \u{fffd} byte"]);
        assert_eq!(found.files[1].path, base.join("p/AGENTS.md"));
        assert!(found.warnings.is_empty());
        let alone = instructions(&base.join("none"), &base.join("codex"), &base.join("codex"));
        assert_eq!(texts(&alone), ["user"]);
    }

    #[test]
    fn links_may_not_leave_the_project() {
        let (_kept, base) = tree(&[("p/.git", b""), ("p/CLAUDE.md", b"inside"), ("p/a/x", b""), ("secret", b"secret")]);
        symlink("CLAUDE.md", base.join("p/AGENTS.md")).unwrap();
        symlink(base.join("secret"), base.join("p/a/AGENTS.md")).unwrap();
        let found = instructions(&base.join("codex"), &base.join("p/a"), &base.join("p"));
        assert_eq!(texts(&found), ["inside"]);
        assert_eq!(found.warnings.len(), 1);
        assert!(found.warnings[0].contains("leads out of the project"), "{:?}", found.warnings);
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        let long = "é".repeat(INSTRUCTIONS_LIMIT);
        let (_kept, base) = tree(&[
            ("p/.git", b""),
            ("p/AGENTS.md", b"x"),
            ("p/a/AGENTS.md", long.as_bytes()),
            ("p/a/b/AGENTS.md", b"y"),
        ]);
        let found = instructions(&base.join("codex"), &base.join("p/a/b"), &base.join("p"));
        assert_eq!(found.files.len(), 2);
        assert!(found.files[1].text.ends_with("é\n[cut here: instruction files together may have 32 KiB]\n"));
        assert!(found.files[1].text.len() < INSTRUCTIONS_LIMIT + 100);
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
    }
}
