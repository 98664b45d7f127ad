//! The names inside a writable directory that stay read-only: what runs code, or steers this program, when the user
//! comes by later.
//!
//! It must never look at the disk: a name that does not exist yet is protected too.

use std::path::{Path, PathBuf};

/// Names below a writable root that commands and patches may not change. Sorted.
const NAMES: &[&str] = &[
    ".agents",
    ".bash_profile",
    ".bashrc",
    ".claude",
    ".codex",
    ".codexignore",
    ".cursor",
    ".envrc",
    ".gemini",
    ".git/commondir",
    ".git/config",
    ".git/config.worktree",
    ".git/hooks",
    ".git/info/attributes",
    ".git/objects/info/alternates",
    ".gitconfig",
    ".gitmodules",
    ".husky",
    ".idea",
    ".mcp.json",
    ".profile",
    ".vscode",
    ".zed",
    ".zshrc",
];

/// What agents are told by a project. Commands may not change it anywhere below a writable root; a patch may, as it is
/// shown to a person first. Sorted.
pub(crate) const INSTRUCTIONS: &[&str] = &["AGENTS.md", "CLAUDE.md"];

/// The protected paths below `root`, whether they exist or not. Sorted.
pub fn protected_paths(root: &Path) -> Vec<PathBuf> {
    NAMES.iter().map(|name| root.join(name)).collect()
}

/// Whether a patch may not touch `path`, where `protected` stays read-only. All absolute and normalised.
///
/// What is in `temp`, the thread's own temporary directory, is not protected by what lies around it: that may be our
/// home inside a workspace.
///
/// Stricter than equality, as `path` may come to mean more than it says: the case of ASCII letters does not count (some
/// file systems ignore it), and git's own protected names count in nested repositories too, as does `.git` itself (as
/// a file it names another git directory). An empty `protected` protects nothing. What agents are told (`AGENTS.md`) is
/// protected from commands only.
pub fn is_protected(path: &Path, protected: &[PathBuf], temp: Option<&Path>) -> bool {
    let temporary = temp.is_some_and(|temp| path != temp && path.starts_with(temp));
    let names = || protected.iter().filter(|name| !is_instructions(name));
    let named = || !temporary && names().any(|name| starts_with(path, name));
    !protected.is_empty() && (named() || steers_git(path) || path.ends_with(".git"))
}

fn is_instructions(path: &Path) -> bool {
    INSTRUCTIONS.iter().any(|name| path.ends_with(name))
}

fn starts_with(path: &Path, start: &Path) -> bool {
    let mut components = path.components();
    start
        .components()
        .all(|wanted| components.next().is_some_and(|found| found.as_os_str().eq_ignore_ascii_case(wanted.as_os_str())))
}

/// Whether some part of `path` is one of git's protected names.
fn steers_git(path: &Path) -> bool {
    let git = NAMES.iter().filter(|name| name.starts_with(".git/"));
    let mut rest = path.components();
    while rest.next().is_some() {
        if git.clone().any(|name| starts_with(rest.as_path(), Path::new(name))) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_joined() {
        assert!(NAMES.is_sorted() && INSTRUCTIONS.is_sorted());
        assert!(protected_paths(Path::new("/w")).contains(&PathBuf::from("/w/.git/hooks")));
    }

    #[test]
    fn what_is_protected() {
        let mut protected = protected_paths(Path::new("/w"));
        protected.push("/w/AGENTS.md".into());
        let table = [
            ("/w/AGENTS.md", false),
            ("/w/.git/hooks/pre-commit", true),
            ("/w/.git/hooks", true),
            ("/w/.git/config", true),
            ("/w/.git/config.lock", false),
            ("/w/.git/index", false),
            ("/w/.git", true),
            ("/w/.Codex/Config.toml", true),
            ("/w/.codex", true),
            ("/w/.codexrc", false),
            ("/w/.codexignore", true),
            ("/w/sub/.git/hooks/x", true),
            ("/w/sub/.git", true),
            ("/w/sub/.vscode/settings.json", false),
            ("/w/.mcp.json", true),
            ("/w/src/main.rs", false),
            ("/w/.gitignore", false),
        ];
        for (path, expected) in table {
            assert_eq!(is_protected(Path::new(path), &protected, None), expected, "{path}");
        }
        assert!(!is_protected(Path::new("/w/.git/hooks/x"), &[], None));
    }

    #[test]
    fn the_temporary_directory_is_not_protected_by_what_lies_around_it() {
        let protected = protected_paths(Path::new("/w"));
        let temp = Path::new("/w/.codex/tmp/s");
        let table = [
            ("/w/.codex/tmp/s/x", false),
            ("/w/.codex/tmp/s/d/x", false),
            ("/w/.codex/tmp/s/r/.git/config", true),
            ("/w/.codex/tmp/s/.git", true),
            ("/w/.codex/tmp/s", true),
            ("/w/.codex/tmp/s2/x", true),
            ("/w/.codex/tmp", true),
            ("/w/.codex/config.toml", true),
            ("/w/.envrc", true),
            ("/w/a", false),
        ];
        for (path, expected) in table {
            assert_eq!(is_protected(Path::new(path), &protected, Some(temp)), expected, "{path}");
        }
    }
}
