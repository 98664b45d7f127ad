//! What the agent changed in a session: shown, as a patch, and done again elsewhere.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

use crate::{approvals::run, support::Place};

/// Files before the session, with one of each kind.
fn lay_out(directory: &Path) {
    fs::write(directory.join("edited.txt"), "one\ntwo\nthree\n").unwrap();
    fs::write(directory.join("gone.txt"), "gone\n").unwrap();
    fs::write(directory.join("moved from.txt"), "moved and not changed\n").unwrap();
    fs::write(directory.join("script.sh"), "true\n").unwrap();
    fs::write(directory.join("binary"), b"\0old").unwrap();
    fs::write(directory.join("becomes-link"), "a file\n").unwrap();
    fs::write(directory.join("untouched.txt"), "as it was\n").unwrap();
}

/// What the agent's command does to them.
const CHANGES: &str = "printf 'one\\n2\\nthree\\nfour' > edited.txt; rm gone.txt; mv 'moved from.txt' 'moved to.txt'; \
     chmod +x script.sh; printf '\\000new' > binary; mkdir -p new/deep; echo new > new/deep/file.txt; : > empty; \
     ln -s edited.txt link; rm becomes-link; ln -s edited.txt becomes-link";

fn codex(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    let output = place.codex(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A session in which the agent has made the changes.
fn changed() -> Place {
    let place = Place::new(json!([run(CHANGES), { "text": "Done." }]));
    lay_out(&place.workspace);
    let (status, _, said) = codex(&place, &["exec", "go"]);
    assert_eq!(status, 0, "{said}");
    assert!(place.workspace.join("empty").exists(), "{said}");
    place
}

/// Each path below `directory`, with what is there.
fn tree(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            let metadata = path.symlink_metadata().unwrap();
            let what = if metadata.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                if name != ".git" {
                    directories.push(path);
                }
                continue;
            } else {
                let runs = metadata.permissions().mode() & 0o100 != 0;
                format!("{:?}, runs: {runs}", fs::read(&path).unwrap())
            };
            found.push((name, what));
        }
    }
    found.sort();
    found
}

#[allow(clippy::disallowed_methods, reason = "git is asked whether it takes the patch")]
fn git(directory: &Path, arguments: &[&str], input: &str) {
    use std::io::Write;
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "git {arguments:?}: {input}");
}

#[test]
fn git_takes_the_patch_of_a_session_without_git() {
    let place = changed();
    let (status, patch, said) = codex(&place, &["diff"]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("not in the patch: binary: it is no text: 4 bytes before, 4 after"), "{said}");
    assert!(!patch.contains("untouched") && patch.contains("new file mode 120000"), "{patch}");
    let clean = place.home.join("clean");
    fs::create_dir(&clean).unwrap();
    lay_out(&clean);
    git(&clean, &["init", "-q"], "");
    git(&clean, &["apply"], &patch);
    fs::write(clean.join("binary"), b"\0new").unwrap();
    assert_eq!(tree(&clean), tree(&place.workspace));

    let (_, names, _) = codex(&place, &["diff", "--name-only"]);
    assert!(names.contains("moved from.txt -> moved to.txt\n") && names.contains("new/deep/file.txt\n"), "{names}");
    let (_, stats, _) = codex(&place, &["diff", "--stat"]);
    assert!(stats.contains("M edited.txt") && stats.contains("+2 -1"), "{stats}");
    let (_, object, _) = codex(&place, &["diff", "--json"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["cwd"], json!(place.workspace));
    for (arguments, expected) in [
        (&["diff", "00000000"][..], "no session has the id 00000000"),
        (&["diff", "--turn", "turn_9"], "the session has no turn `turn_9`"),
    ] {
        let (status, _, said) = codex(&place, arguments);
        assert!(status == 2 && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_session_is_applied_to_a_clean_tree_wholly_or_not_at_all() {
    let place = changed();
    let id = place.journals()[0].split("\"threadId\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let clean = place.home.join("clean");
    fs::create_dir(&clean).unwrap();
    lay_out(&clean);
    let before = tree(&clean);
    let apply = |more: &[&str]| codex(&place, &[&["apply", &id, "-C", clean.to_str().unwrap()], more].concat());
    let (status, would, said) = apply(&["--check"]);
    assert!(status == 0 && would.contains("edited.txt\n") && would.contains("all fit"), "{would}{said}");
    assert_eq!(tree(&clean), before);

    // What does not fit is named, and nothing is changed.
    fs::write(clean.join("edited.txt"), "other\n").unwrap();
    symlink("/", clean.join("link")).unwrap();
    let misfit = tree(&clean);
    let (status, _, said) = apply(&[]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("edited.txt: it is not as it was before the agent changed it"), "{said}");
    assert!(said.contains("link: something is there already") && said.contains("nothing was changed"), "{said}");
    assert_eq!(tree(&clean), misfit);

    fs::write(clean.join("edited.txt"), "one\ntwo\nthree\n").unwrap();
    fs::remove_file(clean.join("link")).unwrap();
    let (status, done, said) = apply(&[]);
    assert_eq!(status, 0, "{done}{said}");
    assert_eq!(tree(&clean), tree(&place.workspace));
    let (status, done, _) = apply(&[]);
    assert!(status == 0 && done.contains("all of it is there already"), "{done}");
}

#[test]
fn what_the_user_changed_in_between_is_not_the_agents() {
    let place = Place::new(json!([
        run("sed -i s/one/1/ file; echo new > made"), { "text": "Done." },
        run("sed -i s/nine/9/ file"), { "text": "Done." }
    ]));
    let lines = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    fs::write(place.workspace.join("file"), lines.join("\n") + "\n").unwrap();
    let (status, _, said) = codex(&place, &["exec", "first"]);
    assert_eq!(status, 0, "{said}");
    let now = fs::read_to_string(place.workspace.join("file")).unwrap();
    fs::write(place.workspace.join("file"), now.replace("five", "mine")).unwrap();
    fs::write(place.workspace.join("mine"), "mine\n").unwrap();
    fs::remove_file(place.workspace.join("made")).unwrap();
    let (status, _, said) = codex(&place, &["exec", "resume", "--last", "second"]);
    assert_eq!(status, 0, "{said}");
    let (_, patch, said) = codex(&place, &["diff"]);
    assert!(patch.contains("-one\n+1\n") && patch.contains("-nine\n+9\n"), "{patch}{said}");
    assert!(!patch.contains("mine"), "{patch}");
    // Of one turn.
    let (_, patch, _) = codex(&place, &["diff", "--turn", "turn_1"]);
    assert!(!patch.contains("+1\n") && patch.contains("-nine\n+9\n"), "{patch}");
}
