//! Arguments for git, less what ignore files name.
//!
//! git reads what a repository holds from its own store, where nothing is hidden. It must never give git a path that is named,
//! nor a revision's file by such a path, nor ask for a difference without leaving such paths out. What has no path is the business
//! of [`super::objects`].

use std::path::Path;

use codex_workspace::{IGNORED, Roots};

use super::Operation;

/// Options that take the next argument as their value, if none is joined to them. No other one ever does.
const WITH_VALUE: &[&str] = &["-G", "-L", "-S", "-n"];

/// `args` so that git tells nothing of what ignore files name.
///
/// # Errors
/// A sentence, if one of them names such a thing.
pub(super) fn without_ignored(roots: &Roots, operation: Operation, args: Vec<String>) -> Result<Vec<String>, String> {
    if roots.ignored.is_empty() {
        return Ok(args);
    }
    let options = options(&args)?;
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
    // These say which files by themselves, and git refuses others besides.
    let of_lines = |at: &usize| args.get(*at).is_some_and(|option| option.starts_with("-L"));
    if operation == Operation::Blame || options.iter().any(of_lines) {
        return Ok(args);
    }
    let (mut before, mut paths) = apart(workspace, args);
    before.push("--".to_owned());
    before.append(&mut paths);
    before.extend(roots.ignored.pathspecs(top));
    Ok(before)
}

/// Which of `args` are options, or the values of those: none of them is a revision or a path.
///
/// # Errors
/// A sentence: git could take the value of one for something else.
pub(super) fn options(args: &[String]) -> Result<Vec<usize>, String> {
    let (mut found, mut rest) = (Vec::new(), args.iter().enumerate().take_while(|(_, argument)| *argument != "--"));
    while let Some((at, option)) = rest.next() {
        if !option.starts_with('-') {
            continue;
        }
        found.push(at);
        if WITH_VALUE.contains(&option.as_str()) {
            match rest.next() {
                Some((at, value)) if !value.starts_with('-') => found.push(at),
                _ => return Err(format!("`{option}` needs a value; one that begins with a dash is joined to it")),
            }
        }
    }
    Ok(found)
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
            (Log, &["-p", "--", ".", "-L1"], Some(&["-p", "--", ".", "-L1"])),
            (Log, &["-M", "c"], Some(&["-M", "--", "c"])),
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
