//! Walks a directory as ignore rules allow: `.gitignore`, `.ignore` and `.git/info/exclude`, and never into `.git`.
//!
//! It must never follow symbolic links, read the user's own git settings (they are not ours to read), nor heed what
//! lies above the repository: a `.gitignore` in somebody's home directory is not about a project below it.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use codex_workspace::View;
use ignore::{DirEntry, Walk, WalkBuilder};

use crate::ignored::Ignored;

/// The entries below `top`, a real path, itself first; names sorted within each directory. `depth` 1 is its own
/// entries. What `view` does not meet is left out.
pub(crate) fn walk(top: &Path, depth: Option<usize>, view: View) -> Walk {
    // Outside of any repository, ignore files are heeded from `top` on.
    let repository = top.ancestors().find(|directory| directory.join(".git").symlink_metadata().is_ok());
    let ignored = Mutex::new(Ignored::new(repository.unwrap_or(top), view.clone()));
    WalkBuilder::new(top)
        .max_depth(depth)
        // The crate itself reads no ignore file and leaves nothing out, hidden names neither.
        .standard_filters(false)
        .follow_links(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry: &DirEntry| {
            if entry.depth() == 0 {
                return true;
            }
            let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
            let mut ignored = ignored.lock().unwrap_or_else(PoisonError::into_inner);
            entry.file_name() != ".git" && view.meets(entry.path()) && !ignored.leaves_out(entry.path(), is_directory)
        })
        .build()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use crate::testing::make_pipe;

    use super::*;

    /// The regular files below `top` that are met.
    fn files_met(top: &Path, view: &View) -> Vec<String> {
        walk(top, None, view.clone())
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            .map(|entry| entry.path().strip_prefix(top).unwrap().display().to_string())
            .collect()
    }

    fn everything_seen() -> View {
        View::of(&codex_workspace::Roots {
            workspace: "/w".into(),
            writable: vec![],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        })
    }

    fn put(base: &Path, files: &[(&str, &str)]) {
        for (name, content) in files {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

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
            // Negation, within a file and against one further up.
            (
                &[("p/.gitignore", "*.log\n!keep.log\n"), ("p/a.log", ""), ("p/keep.log", "")],
                "p",
                &[".gitignore", "keep.log"],
            ),
            (
                &[("p/.gitignore", "\u{feff}*.log\r\n"), ("p/d/.gitignore", "!keep.log"), ("p/d/keep.log", "")],
                "p",
                &[".gitignore", "d/.gitignore", "d/keep.log"],
            ),
            // The deepest of a kind decides; it does not count for the directory beside it.
            (
                &[
                    ("r/.git/HEAD", ""),
                    ("r/.gitignore", "x\n"),
                    ("r/d/.gitignore", "!x\ny\n"),
                    ("r/d/e/.gitignore", "/x\n!y\n"),
                    ("r/d/e/f/x", ""),
                    ("r/d/e/x", ""),
                    ("r/d/e/y", ""),
                    ("r/d/x", ""),
                    ("r/d/y", ""),
                    ("r/f/x", ""),
                    ("r/f/y", ""),
                ],
                "r",
                &[".gitignore", "d/.gitignore", "d/e/.gitignore", "d/e/f/x", "d/e/y", "d/x", "f/y"],
            ),
            // `.ignore` before `.gitignore`, and that before `.git/info/exclude`, wherever they are.
            (
                &[
                    ("r/.git/info/exclude", "a\nb\n"),
                    ("r/.gitignore", "!b\nc\nd\n"),
                    ("r/.ignore", "!d\n"),
                    ("r/s/.gitignore", "d\n"),
                    ("r/s/a", ""),
                    ("r/s/b", ""),
                    ("r/s/c", ""),
                    ("r/s/d", ""),
                ],
                "r/s",
                &[".gitignore", "b", "d"],
            ),
            // A line that is no pattern does not spoil the others; a directory's pattern is not about files.
            (
                &[("p/.gitignore", "[\na\nd/\n# b\n"), ("p/a", ""), ("p/b", ""), ("p/d/c", ""), ("p/e/d", "")],
                "p",
                &[".gitignore", "b", "e/d"],
            ),
            // A repository within does not heed the git files of the outer one, but its `.ignore`.
            (
                &[
                    ("r/.git/info/exclude", "b\n"),
                    ("r/.gitignore", "a\n"),
                    ("r/.ignore", "c\n"),
                    ("r/n/.git/HEAD", ""),
                    ("r/n/a", ""),
                    ("r/n/b", ""),
                    ("r/n/c", ""),
                ],
                "r",
                &[".gitignore", ".ignore", "n/a", "n/b"],
            ),
            // What was asked for is walked, even where it is ignored.
            (&[("r/.git/HEAD", ""), ("r/.gitignore", "t/\nx\n"), ("r/t/x", ""), ("r/t/y", "")], "r/t", &["y"]),
        ];
        let view = everything_seen();
        for (files, top, expected) in table {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(".gitignore"), &everything).unwrap();
            put(directory.path(), files);
            let top = directory.path().join(top);
            assert_eq!(files_met(&top, &view), *expected, "{files:?} from {}", top.display());
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
        let view = View::of(&codex_workspace::Roots {
            workspace,
            writable: vec![],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp,
        });
        let met: Vec<_> = walk(&base, None, view).skip(1).map(|entry| entry.unwrap().into_path()).collect();
        assert_eq!(met, ["temp", "temp/b", "w", "w/a"].map(|name| base.join(name)));
    }

    /// What would hang whoever opens it, or never end, instead of a file.
    #[derive(Debug, Clone, Copy)]
    enum Trap {
        Pipe,
        Zeros,
        /// A link to a named pipe.
        Away,
        Directory,
        Dangling,
        Environment,
    }

    fn set(trap: Trap, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match trap {
            Trap::Pipe => make_pipe(path),
            Trap::Zeros => symlink("/dev/zero", path).unwrap(),
            Trap::Away => {
                let target = path.with_extension("pipe");
                make_pipe(&target);
                symlink(&target, path).unwrap();
            }
            Trap::Directory => fs::create_dir(path).unwrap(),
            Trap::Dangling => symlink("nowhere", path).unwrap(),
            Trap::Environment => symlink("/proc/self/environ", path).unwrap(),
        }
    }

    #[test]
    fn what_only_looks_like_an_ignore_file_is_not_opened() {
        use Trap::{Away, Dangling, Directory, Environment, Pipe, Zeros};
        // In the tree, above its top, in a repository within; `commondir` of a `.git` file.
        let places = ["r/t/.gitignore", "r/t/.ignore", "r/.gitignore", "r/.ignore", "r/.git/info/exclude"];
        let inner = ["r/t/n/.git/info/exclude", "r/t/n/.gitignore", "r/t/n/.git", "elsewhere/commondir"];
        for place in places.into_iter().chain(inner) {
            for trap in [Pipe, Zeros, Away, Directory, Dangling, Environment] {
                let directory = tempfile::tempdir().unwrap();
                let base = directory.path().canonicalize().unwrap();
                set(trap, &base.join(place));
                let head = ("r/.git/HEAD", "");
                put(&base, &[head, ("r/t/a", ""), ("r/t/d/.gitignore", "b"), ("r/t/d/b", ""), ("r/t/d/c", "")]);
                if place.starts_with("elsewhere") {
                    let elsewhere = format!("gitdir: {}", base.join("elsewhere").display());
                    put(&base, &[("r/t/n/.git", &*elsewhere), ("r/t/n/b", "")]);
                }
                let met = files_met(&base.join("r/t"), &everything_seen());
                let rest: Vec<_> = met.iter().filter(|name| !name.starts_with("n/")).collect();
                assert_eq!(rest, ["a", "d/.gitignore", "d/c"], "{trap:?} at {place}");
            }
        }
    }

    #[test]
    fn an_ignore_file_that_is_too_large_says_nothing() {
        for (size, expected) in [
            (1 << 20, &[".gitignore", "d/.gitignore", "d/c"][..]),
            ((1 << 20) + 1, &[".gitignore", "a", "d/.gitignore", "d/c"]),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mut large = String::from("a\n");
            large.push_str(&"#".repeat(size - large.len()));
            put(
                directory.path(),
                &[(".gitignore", &*large), ("a", ""), ("d/.gitignore", "b"), ("d/b", ""), ("d/c", "")],
            );
            assert_eq!(files_met(directory.path(), &everything_seen()), expected, "{size}");
        }
        // It has an end that nobody would reach.
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), &[("a", "")]);
        fs::File::create(directory.path().join(".ignore")).unwrap().set_len(200 << 30).unwrap();
        assert_eq!(files_met(directory.path(), &everything_seen()), [".ignore", "a"]);
    }

    #[test]
    fn links_to_ignore_files_are_heeded_where_they_may_be_read() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(
            &base,
            &[("w/shared", "a\n"), ("hidden/shared", "b\n"), ("w/d/a", ""), ("w/d/b", ""), ("temp/.ignore", "b")],
        );
        put(&base, &[("temp/a", ""), ("temp/b", "")]);
        symlink("../shared", base.join("w/d/.ignore")).unwrap();
        symlink("../../hidden/shared", base.join("w/d/.gitignore")).unwrap();
        let (workspace, temp) = (base.join("w"), Some(base.join("temp")));
        let view = View::of(&codex_workspace::Roots {
            workspace,
            writable: vec![],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp,
        });
        assert_eq!(files_met(&base.join("w/d"), &view), ["b"]);
        // The session's own `/tmp` lies in the host's here: its paths are the host's.
        assert_eq!(files_met(&base.join("temp"), &view), [".ignore", "a"]);
    }
}
