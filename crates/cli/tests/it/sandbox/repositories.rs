//! git where commands use it: at the top of a repository, in a directory of one, in a linked worktree, in a submodule.
//! It works there, and what steers it stays as it is.

use std::{fs, path::PathBuf, process::Output};

use super::visible_directory;
use crate::support;

/// Repositories below a new directory: `main` with a directory `sub` and a submodule `module`, and its worktree
/// `linked`.
const SET_UP: &str = "set -e; \
    git config --global user.name n; git config --global user.email e; \
    git config --global protocol.file.allow always; git config --global init.defaultBranch main; \
    git init -q origin; cd origin; touch file; git add file; git commit -qm first; cd ..; \
    git init -q main; cd main; mkdir sub; touch sub/file; git submodule --quiet add $PWD/../origin module; \
    git add -A; git commit -qm first; git worktree add -q ../linked; \
    mkdir -p vendored/deep; git clone -q ../origin vendored/deep/nested; echo vendored > .git/info/exclude";

struct Place {
    _directory: tempfile::TempDir,
    base: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir_in(visible_directory()).unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(base.join("home")).unwrap();
        let place = Self { _directory: directory, base };
        let output = place.run("", &["-s", "danger-full-access"], SET_UP);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place
    }

    /// Runs a script as the agent's commands run, in a directory below the base.
    #[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
    fn run(&self, directory: &str, options: &[&str], script: &str) -> Output {
        let mut command = support::codex(&self.base.join("home"));
        command.arg("sandbox").args(options).args(["--", "bash", "-c", script]);
        command.current_dir(self.base.join(directory)).output().unwrap()
    }
}

#[test]
fn git_works_wherever_the_workspace_lies_in_a_repository() {
    not_inside_another_sandbox!();
    let script = "set -e; echo 1 > new; git add new; git commit -qm second; git branch -q other; \
        echo 2 > new; git stash -q; git stash pop -q; git commit -qam third; git checkout -q other; \
        echo 3 > newer; git add newer; git commit -qm fourth; git rebase -q @{-1}; git status --porcelain; \
        git log --format=%s | head -n 4";
    for directory in ["main", "main/sub", "linked", "main/module", "main/vendored/deep/nested"] {
        let place = Place::new();
        let output = place.run(directory, &[], script);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text == "fourth\nthird\nsecond\nfirst\n", "{directory}: {text}");
    }
}

#[test]
fn what_steers_git_is_not_written_anywhere() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let writes = [
        ("main", ".git/config .git/hooks/post-checkout .git/info/attributes"),
        ("main", ".git/modules/module/config .git/modules/module/hooks/post-checkout"),
        ("main", ".git/worktrees/linked/commondir .git/worktrees/linked/gitdir module/.git"),
        ("main", "vendored/deep/nested/.git/config vendored/deep/nested/.git/hooks/post-checkout"),
        ("main/sub", "../.git/config ../.git/hooks/post-checkout ../.git/modules/module/config ../sub2"),
        ("linked", ".git ../main/.git/config ../main/.git/hooks/post-checkout ../main/.git/worktrees/linked/commondir"),
        ("linked", "../main/new ../main/sub/file"),
        ("main/module", ".git ../.git/modules/module/config ../.git/modules/module/hooks/post-checkout ../.git/config"),
    ];
    for (directory, paths) in writes {
        let script = format!("for path in {paths}; do (echo x >> $path) 2>/dev/null && echo $path; done; true");
        let output = place.run(directory, &[], &script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{directory}: written");
    }
    let moves = [
        ("main", ".git"),
        ("main", "module"),
        ("main", "vendored"),
        ("main", "vendored/deep"),
        ("main", "vendored/deep/nested/.git"),
        ("main", ".git/modules"),
        ("main", ".git/worktrees/linked"),
        ("main/sub", "../.git/modules"),
        ("linked", "../main/.git"),
    ];
    for (directory, path) in moves {
        let output = place.run(directory, &[], &format!("mv {path} {path}.moved"));
        assert!(!output.status.success(), "{directory}: {path} was moved");
    }
}

/// A `.git` file is believed only if the directory it names says the same.
#[test]
fn a_planted_git_file_opens_nothing() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let planted = place.base.join("planted");
    fs::create_dir(&planted).unwrap();
    for named in ["main/.git", "main/.git/worktrees/linked", "main/.git/modules/module"] {
        fs::write(planted.join(".git"), format!("gitdir: {}\n", place.base.join(named).display())).unwrap();
        let script = format!("touch ../{named}/new ../main/.git/new");
        let output = place.run("planted", &[], &script);
        assert!(!output.status.success() && !place.base.join(named).join("new").exists(), "{named}");
    }
}
