//! What is hidden: it cannot be read under any name, and git does not trip over it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use codex_sandbox::{Confined, Confinement};

use super::Place;

/// Lets git commit.
const IDENTITY: &str = "git() { command git -c user.name=n -c user.email=e \"$@\"; }";

/// A workspace with secrets in it, and some outside.
fn secrets() -> (Place, Confined) {
    let place = Place::new();
    let work = &place.workspace;
    for (path, content) in [(work.join(".env"), "SECRET"), (work.join("keys/key"), "SECRET")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::write(place.outside.join("netrc"), "SECRET").unwrap();
    symlink(".env", work.join("link")).unwrap();
    symlink("outside/netrc", work.join("../alias")).unwrap();
    // The last is named by a link only, so what it leads to has to be found.
    let hidden = [".env", "keys", "missing", "missing/deeper", ".env/deeper", "../alias"];
    let hidden = hidden.map(|name| work.join(name)).into();
    let confined = Confined { hidden, protected: vec![], ..place.confined() };
    (place, confined)
}

#[tokio::test]
async fn what_is_hidden_is_empty_under_every_name() {
    not_inside_another_sandbox!();
    let (place, writing) = secrets();
    let work = place.workspace.clone();
    let reading = Confined { writable: vec![work.clone()], protected: vec![work], temp: None, ..writing.clone() };
    let everything = Confined { writable: vec!["/".into()], ..writing.clone() };
    let script = "cat .env link ../alias $OUTSIDE/netrc; ls -A keys; cat keys/key 2>/dev/null; \
        for name in .env keys; do stat -c %a $name; done; \
        (echo x > .env; echo x > keys/new; rm .env; mv .env moved; mv keys moved; ln .env hard; ln link hard) 2>/dev/null; \
        cat hard moved/key 2>/dev/null; echo end";
    for confined in [writing, reading, everything] {
        let (code, output) = place.run(&Confinement::Confined(confined.clone()), place.shell(script)).await;
        assert_eq!((code, output.as_str()), (0, "444\n555\nend\n"), "{confined:?}");
        for (file, content) in [(".env", "SECRET"), ("keys/key", "SECRET"), ("../outside/netrc", "SECRET")] {
            assert_eq!(fs::read_to_string(place.workspace.join(file)).unwrap(), content, "{file}");
        }
        assert_eq!(fs::metadata(place.workspace.join("keys")).unwrap().permissions().mode() & 0o777, 0o755);
    }
}

/// An editor puts another file in place of the old one; the kernel then drops what was mounted there.
#[tokio::test]
async fn what_is_hidden_stays_so_when_it_is_saved_anew() {
    not_inside_another_sandbox!();
    let (place, confined) = secrets();
    let confinement = Confinement::Confined(confined);
    for content in ["first", "second"] {
        fs::write(place.workspace.join("new"), content).unwrap();
        fs::rename(place.workspace.join("new"), place.workspace.join(".env")).unwrap();
        assert_eq!(place.run(&confinement, place.shell("cat .env link")).await, (0, String::new()), "{content}");
    }
    fs::write(place.workspace.join("missing"), "SECRET").unwrap();
    assert_eq!(place.run(&confinement, place.shell("cat missing")).await, (0, String::new()));
}

#[tokio::test]
async fn git_neither_fails_on_what_is_hidden_nor_takes_it() {
    not_inside_another_sandbox!();
    let (place, confined) = secrets();
    fs::create_dir_all(place.outside.join(".config/git")).unwrap();
    fs::write(place.outside.join(".config/git/ignore"), "*.swp\n").unwrap();
    fs::write(place.workspace.join("a.swp"), "x").unwrap();
    fs::remove_dir_all(place.workspace.join("keys")).unwrap();
    let git = |script: &str| {
        let mut command = place.shell(&format!("{IDENTITY}; {script}"));
        command.environment.insert("HOME".into(), place.outside.clone().into());
        command
    };
    let set_up = git("git init -q && git commit -q --allow-empty -m first && mkdir sub && touch file sub/file");
    assert_eq!(place.run(&Confinement::Unconfined, set_up).await, (0, String::new()));
    let confinement = Confinement::Confined(confined);
    let cases = [
        ("git status --porcelain", "?? file\n?? link\n?? sub/\n"),
        ("cd sub && git add -A && git commit -qm second && git ls-files --full-name :/", "file\nlink\nsub/file\n"),
        ("git stash -q -u 2>&1; git clean -nd; git status --porcelain", ""),
    ];
    for (script, expected) in cases {
        assert_eq!(place.run(&confinement, git(script)).await, (0, expected.to_owned()), "{script}");
    }
}

/// What is staged is what the index has, whether git compares size and time alone (`old`) or more (`vault`, which is as old
/// as the index); and nothing that has the name of a hidden file further up is taken for one.
#[tokio::test]
async fn git_takes_what_it_tracks_and_is_hidden_for_unchanged() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let work = place.workspace.clone();
    let git = |script: &str| place.shell(&format!("{IDENTITY}; {script}"));
    let set_up = "git init -q; mkdir -p vault/deep; for file in old vault/a vault/deep/b \"vault/it's [1]\"; do \
        echo SECRET > \"$file\"; done; ln -s deep/b vault/link; chmod +x vault/a; touch -d 2020-01-01 old; \
        git add -A; git commit -qm first; echo SECRET > vault/untracked; echo new > a";
    assert_eq!(place.run(&Confinement::Unconfined, git(set_up)).await, (0, String::new()));
    let in_git = ["old", "vault/a", "vault/deep/b", "vault/it's [1]", "vault/link"].map(|name| work.join(name)).into();
    let hidden = vec![work.join("old"), work.join("vault")];
    let confinement = Confinement::Confined(Confined { hidden, in_git, protected: vec![], ..place.confined() });
    let cases = [
        ("cat old vault/* vault/deep/* 2>/dev/null | grep -ac SECRET; ls vault", "0\na\ndeep\nit's [1]\nlink\n"),
        ("git status --porcelain; git diff", "?? a\n"),
        ("git add -A && git commit -qam second && git show --format= --name-only", "a\n"),
        ("echo more >> a; git stash -q && git stash pop -q && git status --porcelain", " M a\n"),
        ("git commit -qam third; git checkout -q HEAD~1 && git checkout -q - && git status --porcelain", ""),
        ("git rm -rq --cached old vault; git add -A; git status --porcelain | grep -c '^[^D]'; git reset -q", "0\n"),
        ("(rm -rf vault; git rm -qf old; echo x > vault/a) >/dev/null 2>&1; git status --porcelain", ""),
    ];
    for (script, expected) in cases {
        assert_eq!(place.run(&confinement, git(script)).await, (0, expected.to_owned()), "{script}");
    }
    let after = "git status --porcelain; git show HEAD:old HEAD:vault/a; cat old vault/a vault/untracked";
    let expected = (0, format!("?? vault/untracked\n{}", "SECRET\n".repeat(5)));
    assert_eq!(place.run(&Confinement::Unconfined, git(after)).await, expected);
    // What the user has changed is staged by nobody else.
    fs::write(work.join("old"), "SECRET and more\n").unwrap();
    let script = "git add -A; git commit -qm fourth --allow-empty; git show --format= --name-only";
    assert_eq!(place.run(&confinement, git(script)).await, (0, String::new()));
    let after = place.run(&Confinement::Unconfined, git("git status --porcelain; git show HEAD:old")).await;
    assert_eq!(after, (0, " M old\n?? vault/untracked\nSECRET\n".to_owned()));
}

/// Renamed away, it would be where nobody looks for it the next time.
#[tokio::test]
async fn what_is_hidden_stays_where_it_is() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::create_dir_all(place.workspace.join("a/b")).unwrap();
    fs::write(place.workspace.join("a/b/.env"), "SECRET").unwrap();
    let hidden = vec![place.workspace.join("a/b/.env")];
    let confinement = Confinement::Confined(Confined { hidden, ..place.confined() });
    for path in ["a", "a/b", "a/b/.env"] {
        let (code, output) = place.run(&confinement, place.shell(&format!("mv {path} moved"))).await;
        assert!(code == 1 && output.contains("busy"), "{path}: {code} {output}");
    }
}

/// Neither a program nor a copy of it runs; nothing else changes.
#[tokio::test]
async fn denied_programs_cannot_be_run_by_anybody() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let program = place.outside.join("program");
    fs::copy("/bin/true", &program).unwrap();
    let script = "for way in '$OUTSIDE/program' '/bin/sh -c $OUTSIDE/program' 'env $OUTSIDE/program'; do \
        eval $way 2>/dev/null; echo $?; done; \
        cp $OUTSIDE/program copy && chmod u+wx copy && wc -c < copy; /bin/true && echo end";
    let free = place.run(&place.write(), place.shell(script)).await;
    assert!(free.1.starts_with("0\n0\n0\n") && free.1.ends_with("end\n"), "{free:?}");
    let denied_programs = vec![program.clone(), place.outside.join("missing")];
    let confinement = Confinement::Confined(Confined { denied_programs, ..place.confined() });
    let denied = "126\n126\n126\n0\nend\n".to_owned();
    assert_eq!(place.run(&confinement, place.shell(script)).await, (0, denied.clone()));
    // As a package manager does it: the kernel then drops the mask.
    fs::copy("/bin/true", place.outside.join("new")).unwrap();
    fs::rename(place.outside.join("new"), &program).unwrap();
    assert_eq!(place.run(&confinement, place.shell(script)).await, (0, denied));
}

#[tokio::test]
async fn what_is_worked_in_cannot_be_hidden() {
    let place = Place::new();
    let hidden = [place.workspace.join(".."), place.workspace.clone(), place.temp.clone(), "relative".into()];
    for path in hidden {
        let confined = Confined { hidden: vec![path.clone()], ..place.confined() };
        let error = place.error(&Confinement::Confined(confined), place.shell("true")).await.to_string();
        assert!(error.contains(&format!("hiding `{}`", path.display())), "{error}");
    }
}
