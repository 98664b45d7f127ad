//! Where commands may write: which directories can be a root, and what in them cannot be held.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use codex_sandbox::{Confined, Confinement, SandboxError};

use super::Place;

#[tokio::test]
async fn a_workspace_below_tmp_stays_where_it_is() {
    not_inside_another_sandbox!();
    let place = Place::below(Path::new("/tmp"));
    for temp in [Some(place.temp.clone()), None] {
        let confinement = Confinement::Confined(Confined { temp, ..place.confined() });
        let (code, output) = place.run(&confinement, place.shell("pwd; echo x > new; ls $OUTSIDE")).await;
        assert_ne!(code, 0);
        assert!(
            output.starts_with(&format!("{}\n", place.workspace.display())) && output.contains("No such"),
            "{output}"
        );
        assert_eq!(fs::read_to_string(place.workspace.join("new")).unwrap(), "x\n");
        fs::remove_file(place.workspace.join("new")).unwrap();
    }
}

#[tokio::test]
async fn what_becomes_protected_later_is_protected_for_the_next_command() {
    not_inside_another_sandbox!();
    let place = Place::new();
    assert_eq!(place.run(&place.write(), place.shell("mkdir .git && touch .git/x")).await.0, 0);
    let (code, output) = place.run(&place.write(), place.shell("touch .git/y")).await;
    assert!(code == 1 && output.contains("Read-only"), "{output}");
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_by_name() {
    let place = Place::new();
    symlink("/etc", place.workspace.join(".git")).unwrap();
    let missing = place.workspace.join("missing");
    let file = place.outside.join("file");
    let plain = || Confined { protected: vec![], ..place.confined() };
    let two_ways =
        Confined { temp: Some(place.workspace.clone()), protected: vec![place.workspace.join("kept")], ..plain() };
    fs::create_dir(place.workspace.join("kept")).unwrap();
    let away = place.outside.join("away");
    symlink(&place.workspace, &away).unwrap();
    let cases = [
        (Confined { writable: vec![away.clone()], real: vec![away], ..plain() }, "away` writable, which leads to"),
        (place.confined(), ".git`, which is a symbolic link"),
        (Confined { writable: vec![missing], ..plain() }, "/missing`"),
        (Confined { writable: vec![file], ..plain() }, "Not a directory"),
        (Confined { writable: vec!["relative".into()], ..plain() }, "`relative`"),
        (Confined { writable: vec!["/proc".into()], ..plain() }, "`/proc` writable"),
        (two_ways, "also visible below /tmp"),
    ];
    for (confined, part) in cases {
        let error = place.error(&Confinement::Confined(confined), place.shell("true")).await;
        assert!(matches!(error, SandboxError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Names of roots are bytes, and what is in them is protected all the same.
#[tokio::test]
async fn a_root_may_have_any_name() {
    not_inside_another_sandbox!();
    let place = Place::new();
    for name in [&b"a b"[..], b"a\nb", b"\xff\xfe", b"a\\040b", b"-rf", b"$(x)`x`'\""] {
        let root = place.workspace.join(OsStr::from_bytes(name));
        fs::create_dir_all(root.join(".git/hooks")).unwrap();
        let names = [".git/hooks", ".codex", ".env"].map(|name| root.join(name));
        fs::write(&names[2], "SECRET").unwrap();
        let confined = Confined {
            writable: vec![root.clone()],
            protected: names[..2].to_vec(),
            hidden: vec![names[2].clone()],
            state: Some(place.outside.join("state")),
            ..place.confined()
        };
        let mut command = place
            .shell("touch new && cat new .env && ls -A; touch .git/hooks/x .codex/x ../x 2>/dev/null || echo held");
        command.directory = root.clone();
        let seen = place.run(&Confinement::Confined(confined), command).await;
        assert_eq!(seen, (0, ".codex\n.env\n.git\nnew\nheld\n".to_owned()), "{root:?}");
    }
}

/// A directory that is mounted, in memory or elsewhere, is a root as any other: whole, and with what is mounted below.
#[tokio::test]
async fn a_root_may_be_a_mount() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let shared = Path::new("/dev/shm");
    let memory = tempfile::tempdir_in(shared).unwrap();
    let root = memory.path().to_owned();
    fs::create_dir(root.join(".codex")).unwrap();
    let confined = Confined { writable: vec![root.clone()], protected: vec![root.join(".codex")], ..place.confined() };
    let script = format!("cd {} && touch new && ls -A; touch .codex/x 2>/dev/null || echo held", root.display());
    let seen = place.run(&Confinement::Confined(confined), place.shell(&script)).await;
    assert_eq!(seen, (0, ".codex\nnew\nheld\n".to_owned()));
}

/// The home directory is a workspace like others: its secrets stay hidden, its shells' files stay as they are.
#[tokio::test]
async fn home_may_be_the_workspace() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let home = place.workspace.clone();
    fs::create_dir(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/id"), "SECRET").unwrap();
    fs::write(home.join(".bashrc"), "kept").unwrap();
    let confined = Confined {
        protected: [".bashrc", ".profile"].map(|name| home.join(name)).into(),
        hidden: vec![home.join(".ssh")],
        state: Some(home.join("state")),
        ..place.confined()
    };
    let script = "cat .ssh/id; echo x >> .bashrc; echo x > .profile; rm -rf .ssh; echo x > new; ls -A .ssh";
    let (_, output) = place.run(&Confinement::Confined(confined), place.shell(script)).await;
    assert!(!output.contains("SECRET") && home.join("new").exists(), "{output}");
    assert_eq!(fs::read_to_string(home.join(".bashrc")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(home.join(".ssh/id")).unwrap(), "SECRET");
}

/// One root in another, each with names of its own: what either protects is protected.
#[tokio::test]
async fn roots_may_lie_in_one_another() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let inner = place.workspace.join("a/inner");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("file"), "").unwrap();
    let roots: [PathBuf; 2] = [place.workspace.clone(), inner.clone()];
    for writable in [roots.to_vec(), roots.iter().rev().cloned().collect()] {
        let confined = Confined {
            protected: roots.iter().map(|root| root.join(".codex")).collect(),
            writable,
            state: Some(place.outside.join("state")),
            ..place.confined()
        };
        let script =
            "touch new a/new a/inner/new; touch .codex/x a/inner/.codex/x; mv a b; mv a/inner a/b; ls -A a/inner";
        let (code, output) = place.run(&Confinement::Confined(confined.clone()), place.shell(script)).await;
        assert!(code == 0 && output.ends_with(".codex\nfile\nnew\n"), "{output}");
        assert_eq!(output.matches("Read-only").count(), 2, "{output}");
    }
}
