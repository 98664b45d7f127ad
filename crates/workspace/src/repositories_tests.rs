//! Trees with repositories in them, and what is found there.

use std::os::unix::fs::{PermissionsExt, chown};

use rustix::{process::Uid, thread::set_thread_res_uid};

use super::*;

/// Makes files with their contents; a name that ends in a slash is a directory.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    for (name, content) in files {
        let path = base.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.replace("~", base.to_str().unwrap())).unwrap();
        }
    }
    (directory, base)
}

#[test]
fn tables_are_sorted() {
    assert!(STEERING.is_sorted() && OF_WORKTREES.is_sorted() && SKIPPED.is_sorted());
}

const REPOSITORY: &[(&str, &str)] = &[
    ("r/.git/HEAD", "ref: refs/heads/main\n"),
    ("r/.git/objects/", ""),
    ("r/.git/worktrees/w/commondir", "../..\n"),
    ("r/.git/worktrees/w/gitdir", "~/w/.git\n"),
    ("r/.git/modules/a/b/HEAD", "x"),
    ("r/.git/modules/a/b/config", "[core]\n\tworktree = ../../../../../s\n"),
    ("r/sub/x", ""),
    ("w/.git", "gitdir: ~/r/.git/worktrees/w\n"),
    ("w/sub/x", ""),
    ("s/.git", "gitdir: ../r/.git/modules/a/b\n"),
    ("planted/.git", "gitdir: ~/r/.git/worktrees/w\n"),
    ("module/.git", "gitdir: ~/r/.git/modules/a/b\n"),
    ("plain/.git", "gitdir: ~/r/.git\n"),
    ("none/x", ""),
];

#[test]
fn the_git_directory_in_use_is_writable_if_it_says_so_too() {
    let (_directory, base) = tree(REPOSITORY);
    let table: &[(&str, &[&str])] = &[
        ("r", &[]),
        ("r/sub", &["r/.git"]),
        ("w", &["r/.git"]),
        ("w/sub", &["r/.git"]),
        ("s", &["r/.git/modules/a/b"]),
        ("planted", &[]),
        ("module", &[]),
        ("plain", &[]),
        ("none", &[]),
    ];
    for (root, expected) in table {
        let found = repositories(&[base.join(root)], None);
        let expected: Vec<PathBuf> = expected.iter().map(|path| base.join(path)).collect();
        assert_eq!(found.writable, expected, "{root}");
    }
    assert_eq!(repositories(&[base.join("r/sub")], Some(&base.join("r"))).writable, Vec::<PathBuf>::new());
    assert_eq!(repositories(&[base.join("r"), base.join("w")], None).writable, Vec::<PathBuf>::new());
}

#[test]
fn what_steers_git_is_covered() {
    let (_directory, base) = tree(REPOSITORY);
    for root in ["r/sub", "w", "r"] {
        let covered = repositories(&[base.join(root)], None).covered;
        let names = ["config", "hooks", "commondir", "worktrees/w/gitdir", "modules/a/b/config"];
        for name in names.map(|name| base.join("r/.git").join(name)) {
            assert!(covered.contains(&name), "{root}: {name:?} is not in {covered:?}");
        }
        assert!(covered.contains(&base.join(root).join("AGENTS.md")));
    }
}

#[test]
fn what_is_planted_inside_a_git_directory_leaves_nothing_uncovered() {
    let (_directory, base) = tree(REPOSITORY);
    tree_of(&base, "r/.git/worktrees/a");
    for root in ["r/sub", "w"] {
        let found = repositories(&[base.join(root)], None);
        assert_eq!(found.writable, [base.join("r/.git")]);
        for name in ["r/.git/config", "r/.git/hooks", "r/.git/modules/a/b/config"] {
            assert!(found.covered.contains(&base.join(name)), "{root}: {name}");
        }
    }
    fs::create_dir_all(base.join("r/nested/.git")).unwrap();
    fs::create_dir_all(base.join("other/.git")).unwrap();
    fs::create_dir_all(base.join("other/sub")).unwrap();
    let found = repositories(&["r", "other/sub"].map(|name| base.join(name)), None);
    assert_eq!(found.writable, [base.join("other/.git")]);
    for name in ["r/.git/config", "r/nested/.git/config", "other/.git/config"] {
        assert!(found.covered.contains(&base.join(name)), "{name}");
    }
}

/// As many directories as count.
fn tree_of(base: &Path, name: &str) {
    for number in 0..MOST_REPOSITORIES {
        fs::create_dir_all(base.join(format!("{name}{number}"))).unwrap();
    }
}

#[test]
fn repositories_below_are_found() {
    let (_directory, base) = tree(&[
        ("w/third/party/.git/HEAD", ""),
        ("w/linked/.git", "gitdir: /nowhere"),
        ("w/bare.git/HEAD", ""),
        ("w/bare.git/objects/", ""),
        ("w/bare.git/refs/", ""),
        ("w/docs/CLAUDE.md", ""),
        ("w/node_modules/x/.git/HEAD", ""),
    ]);
    let covered = repositories(&[base.join("w")], None).covered;
    let table = [
        ("third/party/.git/hooks", true),
        ("third/party/.git/config", true),
        ("linked/.git", true),
        ("bare.git/config", true),
        ("docs/CLAUDE.md", true),
        ("docs/AGENTS.md", false),
        ("node_modules/x/.git/config", false),
    ];
    for (path, expected) in table {
        assert_eq!(covered.contains(&base.join("w").join(path)), expected, "{path}");
    }
}

/// A chain that a command made, each link of which names the next, is followed for a while, by no recursion.
#[test]
fn a_long_chain_of_git_directories_ends_the_search_and_nothing_else() {
    let (_directory, base) = tree(&[("w/x/.git/commondir", "n0"), ("w/zz/own/.git/HEAD", "x")]);
    let link = |number: usize| {
        let link = base.join(format!("w/x/.git/n{number}"));
        fs::create_dir(&link).unwrap();
        fs::write(link.join("commondir"), format!("../n{}", number + 1)).unwrap();
    };
    let root = base.join("w");
    let found = || {
        let small = std::thread::Builder::new().stack_size(512 << 10);
        let root = root.clone();
        small.spawn(move || repositories(&[root], None)).unwrap().join().unwrap()
    };
    (0..10).for_each(link);
    fs::create_dir(base.join("w/x/.git/n10")).unwrap();
    let short = found();
    assert!(short.found.is_whole && short.covered.contains(&base.join("w/x/.git/n10/config")));
    fs::remove_dir(base.join("w/x/.git/n10")).unwrap();
    (10..MOST_DIRECTORIES + 10).for_each(link);
    let long = found();
    assert!(!long.found.is_whole);
    assert!(long.covered.contains(&base.join("w/zz/own/.git/config")));
}

/// A directory that is closed to a look is not one in which nothing is.
#[test]
fn what_cannot_be_listed_is_not_taken_for_empty() {
    let (_directory, base) = tree(&[("w/a/b/.git/HEAD", "x"), ("w/c/.git/modules/m/HEAD", "x"), ("w/d/e", "")]);
    let root = base.join("w");
    let theirs = ["", "a", "a/b", "c", "c/.git", "c/.git/modules", "d"].map(|name| root.join(name));
    // Root could list all of them.
    let user = Uid::from_raw(54_321);
    // In a sandbox of ours there is no other user; whoever is root there has no rights, and can close them to itself.
    let is_root = geteuid().is_root() && chown(&root, Some(user.as_raw()), None).is_ok();
    if is_root {
        theirs.iter().for_each(|path| chown(path, Some(user.as_raw()), None).unwrap());
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let as_user = || {
        let root = root.clone();
        let look = move || {
            if is_root {
                set_thread_res_uid(user, user, user).unwrap();
            }
            repositories(&[root], None).found.is_whole
        };
        std::thread::spawn(look).join().unwrap()
    };
    assert!(as_user());
    let cases = [("a", 0o311, None, false), ("c/.git/modules", 0o311, None, false), ("c/.git", 0o000, None, false)];
    let others = [("d", 0o700, Some(0), true), ("d", 0o711, Some(0), false)];
    for (name, mode, owner, expected) in cases.into_iter().chain(others.into_iter().filter(|_| is_root)) {
        let path = root.join(name);
        chown(&path, owner.filter(|_| is_root), None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(as_user(), expected, "{name} {mode:o}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn bare_ones_push_out_no_others_and_a_bound_that_is_reached_shows() {
    let (_directory, base) = tree(&[("w/zz/own/.git/HEAD", "x"), ("w/HEAD", "x"), ("w/refs/", ""), ("w/objects/", "")]);
    let look = |name: &str| {
        (0..MOST_REPOSITORIES).for_each(|number| {
            let bare = base.join(format!("w/{name}{number}"));
            ["objects", "refs"].iter().for_each(|name| fs::create_dir_all(bare.join(name)).unwrap());
            fs::write(bare.join("HEAD"), "ref: refs/heads/main").unwrap();
        })
    };
    let own = base.join("w/zz/own/.git/config");
    let found = repositories(&[base.join("w")], None);
    assert!(found.found.is_whole && found.covered.contains(&own));
    look("b");
    let found = repositories(&[base.join("w")], None);
    assert!(!found.found.is_whole && found.covered.contains(&own));
}

/// As git itself tells a git directory that is not called `.git`.
#[test]
fn bare_repositories_are_found_by_their_looks() {
    let (_directory, base) = tree(&[
        ("w/plain/HEAD", "x"),
        ("w/plain/objects/", ""),
        ("w/plain/refs/", ""),
        ("w/linked/HEAD", "x"),
        ("w/linked/refs/", ""),
        ("w/shared/HEAD", "x"),
        ("w/shared/commondir", "../node_modules/c"),
        ("w/node_modules/c/config", ""),
        ("w/head/objects/", ""),
        ("w/head/refs/", ""),
        ("w/directory/HEAD/", ""),
        ("w/directory/objects/", ""),
        ("w/directory/refs/", ""),
        ("w/half/HEAD", "x"),
        ("w/half/refs/", ""),
    ]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, base.join("w").join(name)).unwrap();
    link("../plain/objects", "linked/objects");
    link("refs/heads/main", "head/HEAD");
    let found = repositories(&[base.join("w")], None);
    let table = [
        ("plain", true),
        ("linked", true),
        ("shared", true),
        ("node_modules/c", true),
        ("head", true),
        ("directory", false),
        ("half", false),
    ];
    for (name, expected) in table {
        let path = base.join("w").join(name);
        assert_eq!(found.covered.contains(&path.join("config")), expected, "{name}");
        assert_eq!(found.found.places.contains_key(&path), expected, "{name}");
    }
}

#[test]
fn a_link_past_what_is_not_looked_into_shows_the_repository_there() {
    let (_directory, base) = tree(&[
        ("w/node_modules/a/.git/HEAD", "x"),
        ("w/node_modules/b/.git", "gitdir: ../c\n"),
        ("w/node_modules/c/HEAD", "x"),
        ("w/node_modules/d/HEAD", "x"),
        ("w/node_modules/d/commondir", "x"),
        ("w/node_modules/e/.git/HEAD", "x"),
        ("w/.git/x/.git/HEAD", "x"),
        ("out/node_modules/f/.git/HEAD", "x"),
        ("w/sub/", ""),
    ]);
    let root = base.join("w");
    for name in ["a", "b", "d"] {
        std::os::unix::fs::symlink(format!("../node_modules/{name}"), root.join("sub").join(name)).unwrap();
    }
    std::os::unix::fs::symlink(".git/x", root.join("x")).unwrap();
    std::os::unix::fs::symlink("../out/node_modules/f", root.join("f")).unwrap();
    let table = [
        ("w/node_modules/a/.git/config", true),
        ("w/node_modules/b/.git", true),
        ("w/node_modules/c/config", true),
        ("w/node_modules/d/config", true),
        ("w/node_modules/e/.git/config", false),
        ("w/.git/x/.git/config", true),
        ("out/node_modules/f/.git/config", false),
    ];
    let found = repositories(std::slice::from_ref(&root), None);
    for (path, expected) in table {
        assert_eq!(found.covered.contains(&base.join(path)), expected, "{path}");
    }
    assert!(found.found.is_whole);
    for number in 0..MOST_DIRECTORIES {
        std::os::unix::fs::symlink(".", root.join(format!("sub/more{number}"))).unwrap();
    }
    assert!(!repositories(&[root], None).found.is_whole, "a bound on links");
}
