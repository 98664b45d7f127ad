//! Walks a directory as ignore rules allow: `.gitignore`, `.ignore` and `.git/info/exclude`, and never into `.git`.
//!
//! It must never follow symbolic links, read the user's own git settings (they are not ours to read), nor heed what
//! lies above the repository: a `.gitignore` in somebody's home directory is not about a project below it.

use std::path::Path;

use codex_workspace::View;
use ignore::{DirEntry, Walk, WalkBuilder};

/// The entries below `top`, itself first; names sorted within each directory. `depth` 1 is its own entries.
/// What `view` does not meet is left out.
pub(crate) fn walk(top: &Path, depth: Option<usize>, view: View) -> Walk {
    // `ignore` ends at the root of a repository only where it is told to require one. Outside of any, ignore files
    // are heeded from `top` on.
    let repository = top.ancestors().find(|directory| directory.join(".git").symlink_metadata().is_ok());
    WalkBuilder::new(top)
        .max_depth(depth)
        .hidden(false)
        .git_global(false)
        .require_git(repository.is_some())
        .parents(repository.is_some_and(|repository| repository != top))
        .follow_links(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry: &DirEntry| {
            entry.depth() == 0 || entry.file_name() != ".git" && view.meets(entry.path())
        })
        .build()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn ignore_files_end_at_the_repository_or_at_the_top() {
        let everything = ["*\n", "!/.gitignore\n"].concat();
        // The files, the top, and the files below the top that are met.
        type Row = (&'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);
        let table: &[Row] = &[
            (&[("r/.git/HEAD", ""), ("r/a", ""), ("r/d/b", "")], "r", &["a", "d/b"]),
            (&[("r/.git/HEAD", ""), ("r/d/b", "")], "r/d", &["b"]),
            (&[("r/.git", "gitdir: x"), ("r/a", "")], "r", &["a"]),
            (&[("r/.git/HEAD", ""), ("r/.gitignore", "b\n"), ("r/d/a", ""), ("r/d/b", "")], "r/d", &["a"]),
            (&[("r/.git/HEAD", ""), ("r/.git/info/exclude", "b\n"), ("r/a", ""), ("r/b", "")], "r", &["a"]),
            (&[("p/a", ""), ("p/d/b", "")], "p", &["a", "d/b"]),
            (
                &[("p/.gitignore", "b\n"), ("p/a", ""), ("p/d/b", ""), ("p/d/.ignore", "c"), ("p/d/c", "")],
                "p",
                &[".gitignore", "a", "d/.ignore"],
            ),
        ];
        let roots = codex_workspace::Roots { workspace: "/w".into(), writable: vec![], temp: None };
        let view = View::of(&roots);
        for (files, top, expected) in table {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(".gitignore"), &everything).unwrap();
            for (name, content) in *files {
                let path = directory.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            let top = directory.path().join(top);
            let met: Vec<String> = walk(&top, None, view.clone())
                .map(Result::unwrap)
                .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
                .map(|entry| entry.path().strip_prefix(&top).unwrap().display().to_string())
                .collect();
            assert_eq!(met, *expected, "{files:?} from {}", top.display());
        }
    }

    #[test]
    fn the_temporary_directory_of_the_host_is_not_entered() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in ["w/a", "temp/b", "other/c"] {
            fs::create_dir_all(base.join(name)).unwrap();
        }
        let (workspace, temp) = (base.join("w"), Some(base.join("temp")));
        let view = View::of(&codex_workspace::Roots { workspace, writable: vec![], temp });
        let met: Vec<_> = walk(&base, None, view).skip(1).map(|entry| entry.unwrap().into_path()).collect();
        assert_eq!(met, ["temp", "temp/b", "w", "w/a"].map(|name| base.join(name)));
    }
}
