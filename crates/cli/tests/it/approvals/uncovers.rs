//! Commands that let git change what commands may not write: asked about before, refused where nobody can be asked, and
//! never half done.

use std::{
    fs,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use codex_protocol::{ApprovalPolicy, ThreadStartParams};
use rustix::{
    fs::inotify,
    process::{Pid, Signal, kill_process},
};
use serde_json::json;
use tempfile::TempDir;

use super::{last_request, run};
use crate::{
    session::{Session, command, no, yes},
    support::{Place, wait_for},
};

/// A repository with branches that change `AGENTS.md` (`other`), make `CLAUDE.md` (`brings`), change a file in `.vscode`
/// (`folder`), or nothing of that kind (`plain`); and with a remote whose `main` is as `other` is.
const SET_UP: &str = "set -e; git init -q -b main .; git config user.name n; git config user.email e; mkdir sub .vscode; \
    for file in AGENTS.md sub/file .vscode/settings.json; do echo one > $file; done; \
    git add -A; git commit -qm first; \
    branch() { git checkout -qb $1 main; echo $1 > $2; git add $2; git commit -qm $1; git checkout -q main; }; \
    branch other AGENTS.md; branch brings CLAUDE.md; branch folder .vscode/settings.json; branch plain sub/file; \
    git clone -q --bare . .git/remote; git -C .git/remote update-ref refs/heads/main refs/heads/other; \
    git remote add origin $PWD/.git/remote; git fetch -q; git branch -q --set-upstream-to origin/main; \
    git update-ref refs/remotes/origin/main main; git update-ref refs/remotes/origin/further other";

/// A place with that repository, and a model that runs `commands`.
fn place(commands: &[&str]) -> Place {
    let steps: Vec<_> = commands.iter().map(|cmd| run(cmd)).chain([json!({ "text": "ok" })]).collect();
    let place = Place::new(json!(steps));
    git(&place, SET_UP);
    place
}

/// What a script prints that runs without walls.
fn git(place: &Place, script: &str) -> String {
    let output = place.codex(&["sandbox", "-s", "danger-full-access", "--", "bash", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The files, the commit, and what git says of the work tree.
fn state(place: &Place) -> String {
    git(place, "cat AGENTS.md .vscode/*; ls; git rev-parse HEAD; git status --porcelain=v2 --branch; git stash list")
}

#[tokio::test]
async fn a_yes_takes_away_the_covers_that_git_needs_and_leaves_nothing_half_done() {
    not_inside_another_sandbox!();
    const WOULD: &str = "would change AGENTS.md,";
    const LONG_PATCH: &str = "(head -c 1048576 /dev/zero | tr '\\0' '\\n'; git diff main other) > .git/long";
    const MAY: &str = "may change .vscode/settings.json, AGENTS.md,";
    let table = [
        // What is done before, the command, what would change, and what there is afterwards.
        ("", "git checkout -q other", WOULD, "other"),
        ("", "git switch -q other", WOULD, "other"),
        ("", "git merge -q other", WOULD, "other"),
        ("git checkout -q plain", "git rebase -q other", WOULD, "other"),
        ("git checkout -q plain", "git cherry-pick other", WOULD, "other"),
        ("git checkout -q other", "git checkout -q -", WOULD, "one"),
        ("git checkout -q other", "git revert --no-edit HEAD", WOULD, "one"),
        ("", "git pull -q", MAY, "other"),
        ("", "git fetch -q && git merge -q", MAY, "other"),
        ("", "git checkout -q further", WOULD, "other"),
        ("echo two > AGENTS.md", "git stash -q", WOULD, "one"),
        ("echo two > AGENTS.md; git stash -q", "git stash pop -q && git commit -qam x", WOULD, "two"),
        ("git diff main other > .git/patch", "git apply .git/patch && git commit -qam x", WOULD, "other"),
        // Of what may be long, or have no end, git is not asked.
        ("git diff main other > .git/p; ln -s p .git/link", "git apply .git/link && git commit -qam x", MAY, "other"),
        (LONG_PATCH, "git apply .git/long && git commit -qam x", MAY, "other"),
        ("echo two > AGENTS.md", "git checkout -q AGENTS.md", WOULD, "one"),
        ("", "cd sub && git checkout -q other", WOULD, "other"),
        ("", "git -C sub checkout -q other", WOULD, "other"),
        ("", "env A=1 git checkout -q other", WOULD, "other"),
        ("", "x=other; git checkout -q $x", WOULD, "other"),
        ("ln -s AGENTS.md CLAUDE.md; git add -A; git commit -qm x", "git merge -q other", WOULD, "other"),
    ];
    for (before, line, changes, after) in table {
        let place = place(&[line, "echo three > AGENTS.md"]);
        git(&place, before);
        let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
        let seen = session.turn(&[yes()]).await;
        let asked = command(&seen.asked[0]);
        let reason = asked.reason.as_deref().unwrap();
        assert!(asked.command == line && reason.contains(changes), "{line}: {reason}");
        let uncovered = format!("this once {}", place.workspace.display());
        let walls = &asked.terms.confinement;
        assert!(walls.starts_with("in the sandbox") && walls.contains(&uncovered), "{line}: {walls}");
        let now = git(&place, "cat AGENTS.md; git status --porcelain; ls | grep undone || true");
        assert_eq!(now, format!("{after}\n"), "{line}");
    }
}

#[tokio::test]
async fn names_that_come_stay_and_folders_are_uncovered_as_a_whole() {
    not_inside_another_sandbox!();
    for (branch, file, cover) in [("brings", "CLAUDE.md", "CLAUDE.md"), ("folder", ".vscode/settings.json", ".vscode/")]
    {
        let line = format!("git checkout -q {branch}");
        let again = format!("echo two > {file}");
        let place = place(&[&line, &again]);
        let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
        let seen = session.turn(&[yes()]).await;
        let reason = command(&seen.asked[0]).reason.as_deref().unwrap();
        assert!(
            reason.contains(&format!("would change {file}")) && reason.contains(&format!("write {cover};")),
            "{reason}"
        );
        assert_eq!(git(&place, &format!("cat {file}; git status --porcelain")), format!("{branch}\n"));
    }
}

#[tokio::test]
async fn a_no_leaves_everything_as_it_was() {
    for line in ["git checkout other", "git merge other", "git pull --rebase", "git stash pop"] {
        let place = place(&[line]);
        git(&place, "echo two > AGENTS.md; git stash -q");
        let before = state(&place);
        let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
        session.turn(&[no()]).await;
        assert_eq!(state(&place), before, "{line}");
    }
}

#[tokio::test]
async fn what_changes_nothing_protected_is_not_asked_about() {
    let lines = [
        "git checkout -q plain",
        "git checkout -q -",
        "git checkout -qb new",
        "git merge -q plain",
        "echo more >> sub/file; git stash -q; git stash pop -q; git commit -qam more",
        "git rebase -q main",
        "git cherry-pick --keep-redundant-commits plain || git cherry-pick --abort",
        "git revert --no-edit HEAD",
    ];
    let place = place(&lines);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[]).await;
    assert_eq!(git(&place, "cat AGENTS.md; git status --porcelain; git branch --show-current"), "one\nnew\n");
}

#[test]
fn where_nobody_can_be_asked_it_is_refused_with_the_reason() {
    let place = place(&["git checkout other", "git pull", "git checkout -q plain"]);
    let before = git(&place, "cat AGENTS.md");
    let output = place.codex(&["exec", "go"]).output().unwrap();
    assert!(output.status.success());
    let request = last_request(&place);
    for told in [
        "Refused: `git checkout other` would change AGENTS.md, which commands may not change, and nobody can be asked",
        "Refused: `git pull` may change .vscode/settings.json, AGENTS.md",
        "do that first in a command of its own",
    ] {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
    assert_eq!(git(&place, "cat AGENTS.md; git branch --show-current; git status --porcelain"), before + "plain\n");
}

/// As to a patch: to what agents are told, not to what runs code.
#[tokio::test]
async fn full_auto_says_yes_to_what_agents_are_told() {
    let place = place(&["git checkout -q folder", "git checkout -q other"]);
    let params = ThreadStartParams { full_auto: Some(true), ..Default::default() };
    let mut session = Session::with(&place, params).await;
    session.turn(&[]).await;
    assert!(last_request(&place).contains("`git checkout -q folder` would change .vscode/settings.json"));
    assert_eq!(git(&place, "cat AGENTS.md; git status --porcelain; git branch --show-current"), "other\nother\n");
}

/// A branch must not bring settings of our own that nobody was shown.
#[tokio::test]
async fn what_holds_our_own_home_stays_covered() {
    let mut place = place(&["git checkout -q home"]);
    let script = "git checkout -qb home; mkdir .codex; echo one > .codex/config.toml; git add -f .codex; git commit -qm x; \
        git checkout -q main";
    git(&place, script);
    let home = place.workspace.join(".codex");
    fs::create_dir(&home).unwrap();
    fs::copy(place.home.join("config.toml"), home.join("config.toml")).unwrap();
    place.home = home;
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[]).await;
    assert!(last_request(&place).contains("holds settings of this program"), "{}", last_request(&place));
}

/// Nor settings of ours that a project has, also where git cannot be asked what a branch has.
#[tokio::test]
async fn settings_of_ours_in_a_project_stay_covered() {
    let lines = ["git checkout -q ours", "git --git-dir=.git checkout -q ours"];
    let place = place(&lines);
    git(
        &place,
        "mkdir .codex; echo '# one' > .codex/config.toml; git add -f .codex; git commit -qm x; git checkout -qb ours; \
        echo '# two' > .codex/config.toml; git commit -qam y; git checkout -q main",
    );
    let before = state(&place);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[]).await;
    let request = last_request(&place);
    let told = format!("{} holds settings of this program", place.workspace.join(".codex").display());
    assert_eq!(request.matches(&told).count(), lines.len(), "{request}");
    assert_eq!(state(&place), before);
}

#[test]
fn codex_sandbox_and_permissions_say_so_too() {
    let place = place(&[]);
    let before = state(&place);
    let ran = |arguments: &[&str]| -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = place.codex(arguments).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    };
    for command in [&["git", "checkout", "other"][..], &["bash", "-c", "cd sub; git merge other"]] {
        let (code, text) = ran(&[&["sandbox", "--"], command].concat());
        assert!(code == Some(2) && text.contains("other` would change AGENTS.md"), "{code:?}: {text}");
    }
    assert_eq!(state(&place), before);
    for (approval, verdict) in [("on-request", "ask: "), ("never", "deny: ")] {
        let (_, text) = ran(&["permissions", "why", "-a", approval, "git checkout other"]);
        assert!(text.starts_with(&format!("{verdict}`git checkout other` would change AGENTS.md")), "{text}");
    }
    // What else is in the command may write there, too.
    let (_, text) = ran(&["permissions", "why", "git checkout folder; echo x >> .vscode/settings.json"]);
    let whole = "would change .vscode/settings.json, which commands may not change; a yes lets everything in this command \
                 write .vscode/; later commands cannot\n";
    assert!(text.contains(whole), "{text}");
    assert_eq!(ran(&["sandbox", "--", "git", "checkout", "-q", "plain"]).0, Some(0));
    assert_eq!(git(&place, "git branch --show-current; git status --porcelain"), "plain\n");
}

/// A line of so many commands that git cannot be asked about each.
const LONG: usize = 40;

/// A git that never answers. It looks at a file when it is asked something, for it can write nowhere.
struct Hanging {
    /// Where commands can see it.
    directory: TempDir,
    /// Tells of each look.
    asked: File,
}

impl Hanging {
    fn new() -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (git, seen) = (directory.path().join("git"), directory.path().join("seen"));
        fs::write(&seen, "").unwrap();
        let asked = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&asked, &seen, inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE_NOWRITE).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" cat-file \"* | *\" ls-tree \"*) : < {}; exec sleep 1000;; esac\n\
             exec /usr/bin/git \"$@\"\n",
            seen.display()
        );
        fs::write(&git, script).unwrap();
        fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory, asked: asked.into() }
    }

    /// The program, which finds it.
    fn codex(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = place.codex(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.directory.path().display()));
        command
    }

    /// How often it was asked.
    fn count(mut self) -> usize {
        let mut told = [0; 16 << 10];
        // inotify(7): 16 bytes for each time it was opened, and as many for each time it was closed, which the last time
        // may not have come to yet where it was killed meanwhile.
        self.asked.read(&mut told).unwrap_or_default().div_ceil(32)
    }
}

#[test]
fn what_takes_too_long_is_given_up_once_for_the_whole_line() {
    let place = place(&[]);
    let line = "git merge other; ".repeat(LONG);
    let git = Hanging::new();
    let output = git.codex(&place, &["permissions", "why", &line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("ask: `git merge other` may change"), "{text}");
    // What changes, and what is tracked.
    assert_eq!(git.count(), 2);
}

#[test]
fn an_interrupt_ends_the_asking() {
    let place = place(&[&"git merge other; ".repeat(LONG)]);
    let git = Hanging::new();
    let child = git.codex(&place, &["exec", "go"]).spawn().unwrap();
    wait_for(&git.asked, &child);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(git.count(), 1);
}
