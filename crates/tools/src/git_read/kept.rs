//! Arguments for git, less what ignore files name.
//!
//! git reads what a repository holds from its own store, where nothing is hidden. It must never give git a path that is named,
//! nor a revision's file by such a path, nor ask for a difference without leaving such paths out, nor for an object whose path is
//! not known.

use std::path::Path;

use codex_workspace::{IGNORED, Roots};

use super::Operation;

/// Options that take the next argument as their value, if it is not joined to them.
const WITH_VALUE: &[&str] = &["-C", "-G", "-L", "-M", "-S", "-U", "-n"];

/// `args` so that git tells nothing of what ignore files name.
///
/// # Errors
/// A sentence, if one of them names such a thing.
pub(super) fn without_ignored(roots: &Roots, operation: Operation, args: Vec<String>) -> Result<Vec<String>, String> {
    if roots.ignored.is_empty() {
        return Ok(args);
    }
    let workspace = &roots.workspace;
    let top = workspace.ancestors().find(|at| at.join(".git").symlink_metadata().is_ok()).unwrap_or(workspace);
    let is_named =
        |path: &str| [workspace, top].iter().any(|base| roots.ignored.names(&roots.absolute(&base.join(path))));
    for argument in &args {
        // `REVISION:PATH`, `:STAGE:PATH`, `-L1,2:PATH`: whatever stands behind a colon may be a path.
        let mut behind = argument.match_indices(':').map(|(at, _)| argument.get(at + 1..).unwrap_or_default());
        let is_path = operation == Operation::Blame || workspace.join(argument).symlink_metadata().is_ok();
        if behind.any(|path| !path.is_empty() && is_named(path)) || (is_path && is_named(argument)) {
            return Err(format!("`{argument}`: {IGNORED}"));
        }
    }
    // These say which files by themselves.
    if operation == Operation::Blame || args.iter().any(|argument| argument.starts_with("-L")) {
        return Ok(args);
    }
    let (mut before, mut paths) = apart(workspace, args);
    before.push("--".to_owned());
    before.append(&mut paths);
    before.extend(roots.ignored.pathspecs(top));
    Ok(before)
}

/// Most objects that are looked up for a call.
const MOST_OBJECTS: usize = 16;

/// Something that git is asked the type of before it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// As git takes it.
    pub(super) name: String,
    /// The types that it may not be of.
    pub(super) refused: &'static [&'static str],
}

/// The objects in `args`, which [`without_ignored`] gave, that could be what is named without its path: a blob, or a
/// directory's tree, by its id. Which of them are, only git knows.
///
/// # Errors
/// A sentence: there are too many.
pub(super) fn objects(operation: Operation, args: &[String]) -> Result<Vec<Object>, String> {
    if !matches!(operation, Operation::Show | Operation::Diff) {
        return Ok(Vec::new());
    }
    let revisions = args.iter().take_while(|argument| *argument != "--").filter(|argument| !argument.starts_with('-'));
    let sides = revisions.flat_map(|argument| argument.split("..")).map(|side| side.trim_start_matches(['.', '^']));
    let mut found = Vec::new();
    for side in sides.filter(|side| !side.is_empty()) {
        let peeled = |name: &str| Object { name: format!("{name}^{{}}"), refused: &["blob", "tree"] };
        let colons = side.match_indices(':').filter_map(|(at, _)| side.get(..at).filter(|before| !before.is_empty()));
        found.extend(colons.map(peeled));
        match side.contains(':') {
            true if operation == Operation::Diff => found.push(Object { name: side.to_owned(), refused: &["tree"] }),
            true => {}
            false => found.push(peeled(side)),
        }
    }
    match found.len() > MOST_OBJECTS {
        true => Err(format!("an ignore file is in force, so git_read takes fewer revisions: at most {MOST_OBJECTS}")),
        false => Ok(found),
    }
}

/// Why `object` is not shown.
pub(super) fn nameless(object: &str) -> String {
    let object = object.trim_end_matches("^{}");
    format!(
        "`{object}` is no commit, and an ignore file may name what it is: its path is not known. Name a commit, or a file as \
         `COMMIT:PATH`"
    )
}

/// Options and revisions, and paths, as git would tell them from one another.
fn apart(workspace: &Path, mut args: Vec<String>) -> (Vec<String>, Vec<String>) {
    if let Some(at) = args.iter().position(|argument| argument == "--") {
        let paths = args.split_off(at + 1);
        args.pop();
        return (args, paths);
    }
    let (mut before, mut paths) = (Vec::<String>::new(), Vec::new());
    for argument in args {
        let is_value = before.last().is_some_and(|last| WITH_VALUE.contains(&last.as_str()));
        let is_pattern = argument.contains(['*', '?', '[']) || argument.starts_with(":(") || argument.starts_with(":!");
        let is_path = is_pattern || workspace.join(&argument).symlink_metadata().is_ok();
        match !is_value && !argument.starts_with('-') && is_path {
            true => paths.push(argument),
            false => before.push(argument),
        }
    }
    (before, paths)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use codex_workspace::Ignored;

    use super::*;

    #[test]
    fn what_has_no_path_is_looked_up() {
        use Operation::{Diff, Log, Show};
        type Words = &'static [&'static str];
        let table: &[(Operation, Words, Words)] = &[
            (Show, &["HEAD", "-s", "--", "b"], &["HEAD^{}"]),
            (Show, &["1a2b", "^c"], &["1a2b^{}", "c^{}"]),
            (Show, &["1a2b:key", ":0:b", "HEAD:"], &["1a2b^{}", ":0^{}", "HEAD^{}"]),
            (Diff, &["a..b", "c...d"], &["a^{}", "b^{}", "c^{}", "d^{}"]),
            (Diff, &["HEAD:sub"], &["HEAD^{}", "HEAD:sub"]),
            (Log, &["1a2b"], &[]),
        ];
        for (operation, args, expected) in table {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let found = objects(*operation, &args).unwrap();
            let names: Vec<&str> = found.iter().map(|object| object.name.as_str()).collect();
            assert_eq!(names, *expected, "{operation:?} {args:?}");
        }
        assert!(objects(Show, &vec!["a".to_owned(); 17]).is_err());
    }

    #[test]
    fn what_is_named_is_refused_and_all_else_leaves_it_out() {
        use Operation::{Blame, Diff, Log, Show, Status};
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        fs::create_dir_all(base.join(".git")).unwrap();
        for (name, text) in [(".codexignore", "*.pem\n"), ("a.pem", ""), ("b", ""), ("sub/c", "")] {
            fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
            fs::write(base.join(name), text).unwrap();
        }
        let names = [codex_workspace::IGNORE_FILE.to_owned()];
        let ignored = Ignored::look(std::slice::from_ref(&base), &[], &names, false).unwrap();
        let workspace = base.join("sub");
        let roots = Roots { workspace, writable: vec![], hidden: vec![], ignored, temp: None };
        type Words = &'static [&'static str];
        let table: &[(Operation, Words, Option<Words>)] = &[
            (Show, &["HEAD:a.pem"], None),
            (Show, &["HEAD:./../a.pem"], None),
            (Show, &[":0:gone.pem"], None),
            (Show, &["HEAD:b"], Some(&["HEAD:b", "--"])),
            (Log, &["-L1,2:../a.pem"], None),
            (Log, &["-L", "1,2:a.pem"], None),
            (Log, &["-L1,2:c"], Some(&["-L1,2:c"])),
            (Blame, &["gone.pem"], None),
            (Blame, &["HEAD", "--", "../a.pem"], None),
            (Blame, &["c"], Some(&["c"])),
            (Diff, &["../a.pem"], None),
            (Diff, &["HEAD", "--", "../a.pem"], None),
            (Diff, &[], Some(&["--"])),
            (Diff, &["HEAD~1", "c", "--stat"], Some(&["HEAD~1", "--stat", "--", "c"])),
            (Diff, &["HEAD", "--", "gone"], Some(&["HEAD", "--", "gone"])),
            (Log, &["-S", "c", "-p", "*.rs"], Some(&["-S", "c", "-p", "--", "*.rs"])),
            (Status, &["-v"], Some(&["-v", "--"])),
        ];
        for (operation, args, expected) in table {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let got = without_ignored(&roots, *operation, args.clone());
            let Some(expected) = expected else {
                assert!(got.unwrap_err().contains("ignore file"), "{operation:?} {args:?}");
                continue;
            };
            let mut expected: Vec<String> = expected.iter().map(|arg| (*arg).to_owned()).collect();
            if expected.contains(&"--".to_owned()) {
                expected.extend(["**/*.pem", "**/*.pem/**"].map(|spec| format!(":(top,exclude,glob){spec}")));
            }
            assert_eq!(got.unwrap(), expected, "{operation:?} {args:?}");
        }
        let plain = Roots { ignored: Ignored::default(), ..roots };
        assert_eq!(without_ignored(&plain, Show, vec!["HEAD:a.pem".into()]).unwrap(), ["HEAD:a.pem"]);
    }
}
