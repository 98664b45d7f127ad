//! What patterns name, and what is refused.

use std::{fs, os::unix::fs::symlink};

use super::*;

/// A directory with these files in it, each with its text.
fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    for (name, text) in files {
        fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
        fs::write(base.join(name), text).unwrap();
    }
    (directory, base)
}

fn look(base: &Path, roots: &[&str], names: &[&str], is_deeper: bool) -> Result<Ignored, String> {
    let roots: Vec<PathBuf> = roots.iter().map(|root| base.join(root).canonicalize().unwrap()).collect();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Ignored::look(&roots, &[base.to_owned()], &names, is_deeper)
}

fn found(base: &Path, ignored: &Ignored) -> Vec<String> {
    ignored.found().iter().map(|path| path.strip_prefix(base).unwrap().display().to_string()).collect()
}

#[test]
fn patterns_name_what_gitignore_would() {
    let (_directory, base) = project(&[
        (".codexignore", "# all keys\n*.pem\n/top\nbuild/\n!keep.pem\nsub/only.txt\n"),
        ("a.pem", ""),
        ("keep.pem", ""),
        ("top", ""),
        ("sub/top", ""),
        ("sub/a.pem", ""),
        ("sub/only.txt", ""),
        ("only.txt", ""),
        ("sub/build/x/y", ""),
        ("build", "a file"),
        ("nested/.codexignore", "!a.pem\nlocal\n"),
        ("nested/a.pem", ""),
        ("nested/local", ""),
        ("local", ""),
        (".git/config", ""),
        ("README", ""),
    ]);
    let ignored = look(&base, &[""], &[IGNORE_FILE], false).unwrap();
    let expected = ["a.pem", "nested/local", "sub/a.pem", "sub/build", "sub/only.txt", "top"];
    assert_eq!(found(&base, &ignored), expected);
    let table = [
        ("a.pem", true),
        ("new/deep/b.pem", true),
        ("keep.pem", false),
        ("sub/top", false),
        ("sub/build/x/new", true),
        ("build", false),
        ("new/build", true),
        ("nested/a.pem", false),
        ("nested/more/a.pem", false),
        ("nested/b.pem", true),
        (".codexignore", false),
        ("README", false),
        ("../a.pem", false),
        ("", false),
    ];
    for (path, expected) in table {
        let path = if path.is_empty() { base.clone() } else { base.join(path) };
        let path = if path.ends_with("../a.pem") { base.parent().unwrap().join("a.pem") } else { path };
        assert_eq!(ignored.names(&path), expected, "{}", path.display());
    }
    assert!(Ignored::default().is_empty() && !Ignored::default().names(&base.join("a.pem")));
}

#[test]
fn git_and_ignore_files_themselves_stay() {
    let (_directory, base) =
        project(&[(".codexignore", "*\n"), (".gitignore", ""), (".git/HEAD", ""), ("a", ""), ("b/c", "")]);
    let ignored = look(&base, &[""], &[IGNORE_FILE], false).unwrap();
    assert_eq!(found(&base, &ignored), ["a", "b"]);
    assert!(ignored.names(&base.join("b/.git/x")) && !ignored.names(&base.join(".git/HEAD")));
}

#[test]
fn what_guards_a_project_is_not_named() {
    let (_directory, base) = project(&[
        (".codexignore", "\u{feff}hooks/\n*.sh\n/.claude\n"),
        (".claude/hooks/guard.sh", ""),
        ("sub/.codex/x.sh", ""),
        (".claude/worktrees/w/a.sh", ""),
        (".claude/worktrees/w/.agents/b.sh", ""),
        ("hooks/x", ""),
    ]);
    // A link does not reach it either.
    symlink("../.claude/hooks/guard.sh", base.join("sub/link.sh")).unwrap();
    let ignored = look(&base, &[""], &[IGNORE_FILE], false).unwrap();
    assert_eq!(found(&base, &ignored), [".claude/worktrees/w/a.sh", "hooks"]);
    assert!(!ignored.names(&base.join(".claude/hooks/guard.sh")) && !ignored.names(&base.join("sub/.codex/y.sh")));
    assert!(ignored.names(&base.join(".claude/worktrees/w/b.sh")) && ignored.names(&base.join("hooks/y")));
    assert_eq!(ignored.pathspecs(&base)[0], ":(top,exclude,glob)**/hooks");
}

#[test]
fn files_above_the_root_count_up_to_its_project_and_those_below_where_asked_for() {
    let (_directory, base) = project(&[
        ("a/.codexignore", "secret\n"),
        ("a/w/secret", ""),
        ("a/beside/secret", ""),
        ("c/d/.aiexclude", "x\n"),
        ("c/d/x", ""),
        ("c/d/y", ""),
    ]);
    let ignored = look(&base, &["a/w"], &[IGNORE_FILE], false).unwrap();
    assert_eq!(found(&base, &ignored), ["a/beside/secret", "a/w/secret"]);
    assert_eq!(ignored.files().collect::<Vec<_>>(), [base.join("a/.codexignore")]);
    for (names, is_deeper, expected) in [
        (&[IGNORE_FILE][..], false, &[][..]),
        (&[".aiexclude"], false, &[]),
        (&[".aiexclude"], true, &["c/d/x"]),
        (&[IGNORE_FILE, ".aiexclude"], true, &["a/beside/secret", "a/w/secret", "c/d/x"]),
    ] {
        let ignored = look(&base, &["c"], names, is_deeper).unwrap();
        assert_eq!(found(&base, &ignored), expected, "{names:?} {is_deeper}");
    }
}

#[test]
fn what_is_worked_in_is_not_hidden_and_links_lead_nowhere_else() {
    let (directory, base) = project(&[
        ("p/.codexignore", "w\nlink\nout\nloop\ndirectory-link\n"),
        ("p/w/w", ""),
        ("p/w/other", ""),
        ("p/data/real", ""),
        ("outside", ""),
    ]);
    let top = base.join("p");
    symlink(top.join("data/real"), top.join("link")).unwrap();
    symlink(base.join("outside"), top.join("out")).unwrap();
    symlink("loop", top.join("loop")).unwrap();
    symlink("data", top.join("directory-link")).unwrap();
    let names = [IGNORE_FILE.to_owned()];
    let ignored = Ignored::look(&[top.join("w")], std::slice::from_ref(&top), &names, false).unwrap();
    assert_eq!(found(&base, &ignored), ["p/data/real", "p/w/w"]);
    drop(directory);
}

#[test]
fn what_cannot_be_held_is_refused() {
    let long = "x\n".repeat(600_000);
    let many: String = (0..=MOST_IGNORED).map(|number| format!("n{number}\n")).collect();
    let table: &[(&str, &str)] =
        &[("a\n[z-a]\n", "line 2"), (&long, "longer than 1 MiB"), (&many, "names more than 1000 files")];
    for (text, expected) in table {
        let (_directory, base) = project(&[(".codexignore", text)]);
        (0..=MOST_IGNORED).for_each(|number| fs::write(base.join(format!("n{number}")), "").unwrap());
        let error = look(&base, &[""], &[IGNORE_FILE], false).unwrap_err();
        assert!(error.contains(expected) && error.contains(".codexignore"), "{error}");
    }
    let (_directory, base) = project(&[]);
    fs::write(base.join(IGNORE_FILE), b"caf\xe9\n").unwrap();
    let error = look(&base, &[""], &[IGNORE_FILE], false).unwrap_err();
    assert!(error.contains("not UTF-8"), "{error}");
    fs::remove_file(base.join(IGNORE_FILE)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, base.join(IGNORE_FILE), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let error = look(&base, &[""], &[IGNORE_FILE], false).unwrap_err();
    assert!(error.contains("a named pipe"), "{error}");
    fs::remove_file(base.join(IGNORE_FILE)).unwrap();
    symlink("/nowhere", base.join(IGNORE_FILE)).unwrap();
    assert!(look(&base, &[""], &[IGNORE_FILE], false).is_err());
    fs::remove_file(base.join(IGNORE_FILE)).unwrap();
    // The stand-in that a command sees.
    fs::create_dir(base.join(IGNORE_FILE)).unwrap();
    assert!(look(&base, &[""], &[IGNORE_FILE], false).unwrap().is_empty());
}

#[test]
fn looks_are_equal_if_they_say_the_same() {
    let (_directory, base) = project(&[(".codexignore", "a\n"), ("a", "")]);
    let again = || look(&base, &[""], &[IGNORE_FILE], false).unwrap();
    let first = again();
    assert_eq!(first, again());
    fs::write(base.join("x.pem"), "").unwrap();
    assert_eq!(first, again());
    fs::write(base.join(".codexignore"), "a\n*.pem\n").unwrap();
    assert_ne!(first, again());
    assert_ne!(first, Ignored::default());
}

#[test]
fn git_is_told_to_leave_out_at_least_as_much() {
    let (_directory, base) = project(&[
        (".codexignore", "# x\n*.pem\n/top/\n!keep.pem\nsub/a\n"),
        ("odd[1]/.codexignore", "x\n"),
        ("r/.git/HEAD", ""),
    ]);
    let ignored = look(&base, &[""], &[IGNORE_FILE], false).unwrap();
    let spec = |text: &str| format!(":(top,exclude,glob){text}");
    let own = ["**/*.pem", "**/*.pem/**", "top", "top/**", "sub/a", "sub/a/**"];
    let all = [&own[..], &["odd\\[1]/**/x", "odd\\[1]/**/x/**"]].concat();
    assert_eq!(ignored.pathspecs(&base), all.iter().map(|text| spec(text)).collect::<Vec<_>>());
    assert_eq!(ignored.pathspecs(&base.join("r"))[..2], [spec("**/*.pem"), spec("**/*.pem/**")]);
}
