//! Which branch of git a directory is on, read from the repository's own file. No git is started.

use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Bytes that are read of a file that should hold one line.
const LINE: u64 = 4096;

/// The branch that `directory`, absolute, is on; where there is none, the commit, cut to 7 characters. `None`: it is in no
/// repository, or that cannot be read.
pub fn branch(directory: &Path) -> Option<String> {
    let git = directory.ancestors().map(|ancestor| ancestor.join(".git")).find(|git| git.exists())?;
    let head = line(&git_directory(git)?.join("HEAD"))?;
    let name = match head.strip_prefix("ref: ") {
        Some(reference) => reference.strip_prefix("refs/heads/").unwrap_or(reference).to_owned(),
        None => head.chars().take(7).collect(),
    };
    (!name.is_empty()).then_some(name)
}

/// Where the repository is: in a linked worktree or a submodule `.git` is a file that says so.
fn git_directory(git: PathBuf) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git);
    }
    let target = line(&git)?;
    Some(git.parent()?.join(target.strip_prefix("gitdir: ")?))
}

/// The first line of a file. A pipe or a device is none, and is not waited for.
fn line(path: &Path) -> Option<String> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).ok()?;
    let mut text = String::new();
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(LINE).read_to_string(&mut text).ok()?;
    text.lines().next().map(|line| line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_branch_is_read_from_where_git_keeps_it() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for directory in ["a/.git", "a/deep/er", "linked", "real", "none"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        fs::write(at("a/.git/HEAD"), "ref: refs/heads/feature/x\n").unwrap();
        fs::write(at("linked/.git"), "gitdir: ../real\n").unwrap();
        fs::write(at("real/HEAD"), "0123456789abcdef\n").unwrap();
        let table = [("a", Some("feature/x")), ("a/deep/er", Some("feature/x")), ("linked", Some("0123456"))];
        for (directory, expected) in table {
            assert_eq!(branch(&at(directory)).as_deref(), expected, "{directory}");
        }
        fs::remove_file(at("a/.git/HEAD")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("a/.git/HEAD"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        assert_eq!(branch(&at("a")), None);
    }
}
