//! Protected names that do not exist: they cannot be made, and what holds them is gone when nobody needs it.

use std::{
    fs::{self, File},
    io::{self, BufRead},
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use codex_sandbox::{Confined, Confinement, Sandbox};
use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};

use super::{Place, marked, parent, read_until};

/// Protected names of which none exists, in a workspace that has something in it.
fn names(place: &Place) -> (Confinement, PathBuf) {
    fs::create_dir_all(place.workspace.join(".git/objects/info")).unwrap();
    let names = [".codex", ".envrc", ".git/hooks", ".git/commondir", ".git/objects/info/alternates", "no/parent"];
    let state = place.outside.join("state");
    let protected = names.map(|name| place.workspace.join(name)).into();
    let confined = Confined { protected, state: Some(state.clone()), ..place.confined() };
    (Confinement::Confined(confined), state.join("stubs"))
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const STUBS: [&str; 3] = [".codex", ".envrc", ".git"];

#[tokio::test]
async fn a_protected_name_that_does_not_exist_cannot_be_made() {
    not_inside_another_sandbox!();
    let mut place = Place::new();
    let (confinement, notes) = names(&place);
    let cases = [
        ("mkdir .codex/x", "Read-only"),
        ("echo x > .codex/config.toml || exit 1", "Read-only"),
        ("echo x > .envrc || exit 1", "directory"),
        ("rmdir .envrc", "busy"),
        ("mv .envrc x", "busy"),
        ("touch x && mv -T x .envrc", "directory"),
        ("mkdir x; mv -T x .codex", "busy"),
        ("touch .git/hooks/pre-commit", "Read-only"),
        ("mv .git x", "busy"),
    ];
    for (script, part) in cases {
        let (code, output) = place.run(&confinement, place.shell(script)).await;
        assert!(code == 1 && output.contains(part), "{script}: {code} {output}");
        place.run(&confinement, place.shell("rm -rf x")).await;
    }
    assert_eq!(entries(&place.workspace), STUBS);
    place.sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
    assert_eq!(entries(&place.workspace), [".git"]);
    assert_eq!(entries(&place.workspace.join(".git")), ["objects"]);
    assert_eq!(entries(&notes), [".lock"]);
}

#[tokio::test]
async fn stubs_stay_as_long_as_some_cell_needs_them() {
    not_inside_another_sandbox!();
    let mut place = Place::new();
    let (confinement, _) = names(&place);
    let other = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
    assert_eq!(place.run(&confinement, place.shell("true")).await.0, 0);
    let first = std::mem::replace(&mut place.sandbox, other);
    assert_eq!(place.run(&confinement, place.shell("true")).await.0, 0);
    drop(first);
    let (code, output) = place.run(&confinement, place.shell("mkdir .codex/x")).await;
    assert!(code == 1 && output.contains("Read-only"), "{output}");
    assert_eq!(entries(&place.workspace), STUBS);
    // What the user puts into one is the user's.
    fs::remove_dir(place.workspace.join(".envrc")).unwrap();
    fs::write(place.workspace.join(".envrc"), "mine").unwrap();
    place.sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
    assert_eq!(entries(&place.workspace), [".envrc", ".git"]);
}

#[tokio::test]
async fn an_empty_workspace_gets_no_stubs() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let protected = [".codex", ".git/config", ".git/hooks"].map(|name| place.workspace.join(name)).into();
    let state = Some(place.outside.join("state"));
    let confinement = Confinement::Confined(Confined { protected, state, ..place.confined() });
    let script = "ls -A && git init -q . && touch new && git add -A && git -c user.name=n -c user.email=e commit -qm x";
    assert_eq!(place.run(&confinement, place.shell(script)).await, (0, String::new()));
    // What came to exist is protected from then on.
    let (code, output) = place.run(&confinement, place.shell("echo x >> .git/config || exit 1")).await;
    assert!(code == 1 && output.contains("Read-only"), "{output}");
}

/// The next cell finds the notes of one that could not clean up.
#[tokio::test]
async fn stubs_of_a_killed_helper_are_swept() {
    not_inside_another_sandbox!();
    let mut place = Place::new();
    let (confinement, notes) = names(&place);
    let mark = place.workspace.display().to_string();
    let mut command = place.shell("echo up; sleep 100000; true");
    command.argv.push(mark.clone().into());
    let mut child = place.start(&confinement, command).await;
    read_until(&mut child.stdout, "up").await;
    let helper = Pid::from_raw(parent(parent(marked(&mark)))).unwrap();
    kill_process(helper, Signal::KILL).unwrap();
    let _ = child.wait().await;
    place.sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
    assert_eq!(entries(&place.workspace), STUBS);
    // A cell for another root sweeps as well.
    let state = notes.parent().unwrap().to_owned();
    let other = Confined { writable: vec![place.temp.clone()], temp: None, state: Some(state), ..place.confined() };
    assert_eq!(place.run(&Confinement::Confined(other), place.shell("true")).await.0, 0);
    assert_eq!(entries(&place.workspace), [".git"]);
}

/// `kill -9` of the program itself: its helper cleans up. Its note is unlocked when it has.
#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn stubs_go_when_the_program_is_killed() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::write(place.workspace.join("file"), "").unwrap();
    let home = place.outside.join("home");
    fs::create_dir(&home).unwrap();
    let mut command = crate::support::codex(&home);
    command.args(["sandbox", "--", "sh", "-c", "ls -A; echo up; exec sleep 100000"]).current_dir(&place.workspace);
    let mut program = command.spawn().unwrap();
    let mut lines = io::BufReader::new(program.stdout.take().unwrap()).lines();
    let seen: Vec<String> = lines.by_ref().map(Result::unwrap).take_while(|line| line != "up").collect();
    assert!(seen.contains(&".codex".to_owned()), "{seen:?}");
    let root = fs::metadata(&place.workspace).unwrap();
    let note = home.join(format!("run/stubs/{}-{}", root.dev(), root.ino()));
    let note = File::open(note).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    flock(&note, FlockOperation::LockExclusive).unwrap();
    assert_eq!(entries(&place.workspace), ["file"]);
}

#[tokio::test]
async fn git_overlooks_stubs() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::create_dir_all(place.outside.join(".config/git")).unwrap();
    fs::write(place.outside.join(".config/git/ignore"), "*.swp\n").unwrap();
    let git = |script: &str| {
        let script = format!("git() {{ command git -c user.name=n -c user.email=e \"$@\"; }}; {script}");
        let mut command = place.shell(&script);
        command.environment.insert("HOME".into(), place.outside.clone().into());
        command
    };
    let set_up = git("git init -q && echo 1 > file && git add file && git commit -qm first && rm -r .git/hooks");
    assert_eq!(place.run(&Confinement::Unconfined, set_up).await, (0, String::new()));
    let (confinement, _) = names(&place);
    let cases = [
        ("touch new a.swp && git clean -fdq && ls", "a.swp\nfile\n"),
        ("echo 2 > file; mkdir hooks; touch new hooks/x; git stash -q -u; ls", "a.swp\nfile\n"),
        ("git stash pop -q && cat file && git status --porcelain", "2\n M file\n?? hooks/\n?? new\n"),
    ];
    for (script, expected) in cases {
        assert_eq!(place.run(&confinement, git(script)).await, (0, expected.to_owned()), "{script}");
    }
    assert_eq!(entries(&place.workspace), [".codex", ".envrc", ".git", "a.swp", "file", "hooks", "new"]);
}

/// git fails where one of these is a directory, so there is no stub.
#[tokio::test]
async fn what_leads_a_git_directory_elsewhere_is_moved_aside() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let (confinement, _) = names(&place);
    let script = "echo . > .git/commondir; echo /tmp > .git/objects/info/alternates";
    let mut child = place.start(&confinement, place.shell(script)).await;
    child.wait().await.unwrap();
    let mut changed: Vec<PathBuf> = child.process.noticed().changes.iter().map(|change| change.path.clone()).collect();
    changed.sort();
    assert_eq!(changed, [".git/commondir", ".git/objects/info/alternates"].map(|name| place.workspace.join(name)));
    for name in ["commondir", "objects/info/alternates"] {
        let path = place.workspace.join(".git").join(name);
        assert!(!path.exists() && path.with_extension("undone-1").is_file(), "{name}");
    }
}

/// Where no stub can be: in the user's shell or git it would be in the way, it cannot be made, or its directory is
/// missing.
#[tokio::test]
async fn what_comes_to_exist_without_a_stub_is_moved_aside() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::create_dir(place.workspace.join(".git")).unwrap();
    let names = [".gitconfig", ".bashrc", ".gitmodules", ".git/info/attributes", "AGENTS.md", ".git/config"];
    let protected = names.map(|name| place.workspace.join(name)).into();
    let mut confined = Confined { protected, state: Some(place.outside.join("state")), ..place.confined() };
    let script = format!("ls -A; mkdir .git/info; for name in {}; do echo x > $name; done; :", names.join(" "));
    let mut child = place.start(&Confinement::Confined(confined.clone()), place.shell(&script)).await;
    assert_eq!(super::read_all(&mut child.stdout).await, ".git\n");
    child.wait().await.unwrap();
    let mut changed: Vec<PathBuf> = child.process.noticed().changes.iter().map(|change| change.path.clone()).collect();
    changed.sort();
    let mut expected = names.iter().map(|name| place.workspace.join(name)).collect::<Vec<_>>();
    expected.sort();
    assert_eq!(changed, expected);
    assert!(changed.iter().all(|path| !path.exists()));
    // Without stubs at all, everything is watched.
    let bare = Confined { protected: vec![place.workspace.join(".codex")], state: None, ..confined.clone() };
    assert_eq!(place.run(&Confinement::Confined(bare), place.shell("mkdir .codex")).await.0, 0);
    assert!(!place.workspace.join(".codex").exists() && place.workspace.join(".codex.undone-1").is_dir());
    // A new repository is no such thing; what comes with it is.
    fs::remove_dir_all(place.workspace.join(".git")).unwrap();
    confined.protected.push(place.workspace.join(".git/hooks"));
    let samples = "git init -q && mkdir -p .git/hooks && echo x > .git/hooks/pre-commit.sample";
    let walls = Confinement::Confined(confined.clone());
    assert_eq!(place.run(&walls, place.shell(samples)).await, (0, String::new()));
    assert!(place.workspace.join(".git/hooks/pre-commit.sample").exists(), "samples are never run");
    fs::remove_dir_all(place.workspace.join(".git")).unwrap();
    let script = "git init -q && mkdir -p .git/hooks && echo x > .git/hooks/pre-commit && git status --porcelain -uno";
    assert_eq!(place.run(&Confinement::Confined(confined), place.shell(script)).await, (0, String::new()));
    let [config, hooks] = ["config", "hooks"].map(|name| place.workspace.join(".git").join(name));
    assert!(config.is_file() && !hooks.exists() && hooks.with_extension("undone-1").is_dir());
}

/// Links in repositories that a command can make itself must not stop the next, nor widen what is read-only.
#[tokio::test]
async fn links_further_below_stay_what_they_are() {
    not_inside_another_sandbox!();
    let place = Place::new();
    for directory in ["n/.git/tracked", "x", "src", ".git/modules/m"] {
        fs::create_dir_all(place.workspace.join(directory)).unwrap();
    }
    fs::write(place.workspace.join("src/file"), "kept").unwrap();
    let links = [
        ("/etc/passwd", "n/.git/config"),
        ("tracked", "n/.git/hooks"),
        ("tracked", "n/.git/objects"),
        ("..", "x/CLAUDE.md"),
        ("../src/file", "x/AGENTS.md"),
        ("loop", ".git/modules/m/loop"),
    ];
    for (target, link) in links {
        symlink(target, place.workspace.join(link)).unwrap();
    }
    let below = ["n/.git/objects/info/alternates"].into_iter().chain(links.map(|(_, link)| link));
    let protected = below.filter(|name| *name != "n/.git/objects").map(|name| place.workspace.join(name)).collect();
    let confinement = Confinement::Confined(Confined { protected, ..place.confined() });
    for (_, link) in links {
        let (code, output) = place.run(&confinement, place.shell(&format!("touch new && rm {link}"))).await;
        assert!(code == 1 && output.contains("busy"), "{link}: {code} {output}");
    }
    let (code, output) = place.run(&confinement, place.shell("echo x > src/file || exit 1")).await;
    assert!(code == 1 && output.contains("Read-only"), "{code} {output}");
    let unchanged =
        links.iter().all(|(target, link)| fs::read_link(place.workspace.join(link)).unwrap() == Path::new(target));
    assert!(unchanged);
}

/// A link that was there is refused before anything runs; one that a command makes must not stop the next.
#[tokio::test]
async fn a_planted_link_is_moved_aside() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let protected = [".codex", ".git/config"].map(|name| place.workspace.join(name)).into();
    let state = Some(place.outside.join("state"));
    let confinement = Confinement::Confined(Confined { protected, state, ..place.confined() });
    assert_eq!(place.run(&confinement, place.shell("ln -s /tmp .codex; ln -s /tmp .git")).await.0, 0);
    assert_eq!(entries(&place.workspace), [".codex.undone-1", ".git.undone-1"]);
    assert_eq!(place.run(&confinement, place.shell("echo on")).await, (0, "on\n".to_owned()));
}

#[tokio::test]
async fn instructions_may_be_links_and_are_not_written() {
    not_inside_another_sandbox!();
    let place = Place::new();
    for name in ["docs/agents.md", "AGENTS.md", "file"] {
        fs::create_dir_all(place.workspace.join("docs")).unwrap();
        fs::write(place.workspace.join(name), "kept").unwrap();
    }
    symlink("docs/agents.md", place.workspace.join("CLAUDE.md")).unwrap();
    let protected = ["AGENTS.md", "CLAUDE.md"].map(|name| place.workspace.join(name)).into();
    let confinement = Confinement::Confined(Confined { protected, ..place.confined() });
    let cases = [
        ("echo x > AGENTS.md || exit 1", "Read-only"),
        ("echo x > CLAUDE.md || exit 1", "Read-only"),
        ("echo x > docs/agents.md || exit 1", "Read-only"),
        ("rm CLAUDE.md", "busy"),
        ("mv docs away", "busy"),
        ("ln -sf file CLAUDE.md", "busy"),
        ("mv file CLAUDE.md", "busy"),
    ];
    for (script, part) in cases {
        let (code, output) = place.run(&confinement, place.shell(script)).await;
        assert!(code == 1 && output.contains(part), "{script}: {code} {output}");
    }
    let (code, output) = place.run(&confinement, place.shell("cat AGENTS.md CLAUDE.md; touch docs/new")).await;
    assert_eq!((code, output.as_str()), (0, "keptkept"));
}
