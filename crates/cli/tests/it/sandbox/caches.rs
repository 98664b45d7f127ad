//! Build caches: written in the cell's own view, never really, and with the same walls around what is in them.

use std::{
    fs,
    io::{self, BufRead},
    os::unix::{fs::symlink, net::UnixListener},
    path::PathBuf,
};

use codex_sandbox::{Confined, Confinement, Network, Sandbox};

use super::{Place, visible_directory};

/// Two caches, one with files in it.
fn caches() -> (Place, Confined) {
    let place = Place::new();
    for (file, content) in [("registry/index/one", "one"), ("registry/two", "two"), ("modules/.keep", "")] {
        let path = place.outside.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let caches = ["registry", "modules", "missing"].map(|name| place.outside.join(name)).into();
    let confined = Confined { caches, ..place.confined() };
    (place, confined)
}

/// What is really in the caches: paths and what the files hold.
fn really(place: &Place) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left = vec![place.outside.clone()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => found.push((
                    path.strip_prefix(&place.outside).unwrap().display().to_string(),
                    fs::read_to_string(&path).unwrap(),
                )),
            }
        }
    }
    found.sort();
    found
}

/// Where cells keep what was written: beside the private `/tmp`.
fn kept(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.temp.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let is_upper = |name: &str| name.starts_with("caches-") && !name.ends_with("-work");
    entries.filter(|path| is_upper(path.file_name().unwrap().to_str().unwrap())).collect()
}

#[tokio::test]
async fn what_is_written_stays_in_the_session() {
    not_inside_another_sandbox!();
    let (mut place, confined) = caches();
    let confinement = Confinement::Confined(confined);
    let before = really(&place);
    // Writing anew, changing, deleting, and putting something in place of what was there.
    let work = "cd $OUTSIDE && echo new > modules/new && echo changed > registry/two && rm -r registry/index && \
        mkdir registry/index && echo other > registry/index/other && echo moved > modules/moved && \
        mv modules/moved registry/three && mkdir modules/made && mv modules/made modules/renamed && \
        printf '#!/bin/sh\\necho runs' > modules/run && chmod +x modules/run && modules/run";
    assert_eq!(place.run(&confinement, place.shell(work)).await, (0, "runs\n".to_owned()));
    let look = "cd $OUTSIDE && cat modules/new registry/two registry/three registry/index/* && ls -A modules registry";
    let expected = "new\nchanged\nmoved\nother\nmodules:\n.keep\nnew\nrenamed\nrun\n\nregistry:\nindex\nthree\ntwo\n";
    assert_eq!(place.run(&confinement, place.shell(look)).await, (0, expected.to_owned()), "the next command");
    assert_eq!(really(&place), before);
    place.sandbox = Sandbox::new(env!("CARGO_BIN_EXE_codex").into());
    let list = "cd $OUTSIDE && cat registry/two registry/index/one && ls -A modules registry";
    let expected = "twoonemodules:\n.keep\n\nregistry:\nindex\ntwo\n";
    assert_eq!(place.run(&confinement, place.shell(list)).await, (0, expected.to_owned()), "the next session");
    assert_eq!(kept(&place).len(), 2);
}

/// Each confinement has a cell of its own, and where nothing may be written, that holds for caches too.
#[tokio::test]
async fn cells_do_not_share_what_is_written() {
    not_inside_another_sandbox!();
    let (place, confined) = caches();
    let write = "cd $OUTSIDE/registry && cat two && echo changed > two && cat two";
    for network in [Network::LoopbackOnly, Network::Host] {
        let confinement = Confinement::Confined(Confined { network, ..confined.clone() });
        assert_eq!(place.run(&confinement, place.shell(write)).await, (0, "twochanged\n".to_owned()), "{network:?}");
    }
    let reading = Confined { protected: confined.writable.clone(), ..confined.clone() };
    let without_a_place = Confined { temp: None, ..confined };
    for confined in [reading, without_a_place] {
        let (code, output) = place.run(&Confinement::Confined(confined), place.shell(write)).await;
        assert!(code != 0 && output.contains("Read-only file system"), "{output}");
    }
    assert_eq!(kept(&place).len(), 2);
}

#[tokio::test]
async fn what_is_hidden_in_a_cache_stays_hidden() {
    not_inside_another_sandbox!();
    let (place, confined) = caches();
    let cache = place.outside.join("registry");
    fs::create_dir_all(cache.join("keys/deep")).unwrap();
    for file in ["token", "keys/deep/key"] {
        fs::write(cache.join(file), "SECRET").unwrap();
    }
    symlink("registry/token", place.outside.join("alias")).unwrap();
    let hidden = [cache.join("token"), cache.join("keys/deep"), cache.join("later")];
    let confinement = Confinement::Confined(Confined { hidden: hidden.into(), ..confined });
    let attack = "cd $OUTSIDE/registry && cat token ../alias; ls -A keys/deep; \
        (rm -rf token keys; mv token moved; mv keys moved-keys; ln token hard; cp -r keys copied; echo x > token; \
        mkdir new && mv -T new keys || echo kept > other; cat keys/deep/key copied/deep/key moved-keys/deep/key) 2>/dev/null; \
        cat moved hard token 2>/dev/null; grep -rs SECRET . ; echo end";
    for _ in 0..2 {
        assert_eq!(place.run(&confinement, place.shell(attack)).await, (0, "end\n".to_owned()));
    }
    // What comes to be there is hidden from the next command.
    fs::write(cache.join("later"), "SECRET").unwrap();
    assert_eq!(
        place.run(&confinement, place.shell("cat $OUTSIDE/registry/later 2>/dev/null; true")).await,
        (0, String::new())
    );
    assert_eq!(fs::read_to_string(cache.join("token")).unwrap(), "SECRET");
}

/// Nobody gets rights from a file there, and what is no file leads nowhere.
#[tokio::test]
async fn files_with_rights_have_none() {
    not_inside_another_sandbox!();
    let (place, confined) = caches();
    let cache = place.outside.join("registry");
    let _server = UnixListener::bind(cache.join("socket")).unwrap();
    let confinement = Confinement::Confined(confined);
    let mounts = r#"grep "/outside/registry " /proc/self/mountinfo | cut -d " " -f 6"#;
    assert_eq!(place.run(&confinement, place.shell(mounts)).await, (0, "rw,nosuid,nodev,relatime\n".to_owned()));
    let attack = "cd $OUTSIDE/registry && touch made && ! chmod u+s made 2>/dev/null && ! mknod disk b 8 0 2>/dev/null && echo held";
    assert_eq!(place.run(&confinement, place.shell(attack)).await, (0, "held\n".to_owned()));
    let (code, output) = place.run(&confinement, place.deed("no stream", cache.join("socket").display())).await;
    assert_eq!(code, 0, "{output}");
}

/// What cannot lie below an overlay stays as it is, and what failed there is explained.
#[tokio::test]
async fn a_cache_that_takes_no_overlay_is_read_only() {
    not_inside_another_sandbox!();
    let (place, confined) = caches();
    // Here it would have to hold its own changes.
    let around = place.temp.parent().unwrap().to_owned();
    let good = place.outside.join("registry");
    let link = place.outside.join("link");
    symlink("registry", &link).unwrap();
    let caches = vec![around.clone(), good.clone(), link.clone(), "/".into(), "/proc".into()];
    let confinement = Confinement::Confined(Confined { caches, ..confined });
    let mut command = place.shell("touch ../new $OUTSIDE/new; touch $OUTSIDE/registry/new made && ls ..");
    command.environment.insert("LC_ALL".into(), "C".into());
    let mut child = place.start(&confinement, command).await;
    let output = super::read_all(&mut child.stdout).await;
    assert_eq!(child.wait().await.unwrap().shell_code(), 0, "{output}");
    assert_eq!(output.matches("Read-only file system").count(), 2, "{output}");
    assert_eq!(child.process.noticed().read_only_caches, [around, link]);
}

/// What lies below a mount is not uncovered.
#[test]
fn a_cache_with_a_mount_in_it_is_read_only() {
    not_inside_another_sandbox!();
    let directory = tempfile::tempdir_in(visible_directory()).unwrap();
    let home = fs::canonicalize(directory.path()).unwrap();
    for name in [".cache/mount", ".m2", "work"] {
        fs::create_dir_all(home.join(name)).unwrap();
    }
    fs::write(home.join(".cache/mount/below"), "SECRET").unwrap();
    let script = "ls -A ~/.cache/mount; touch ~/.m2/new && touch ~/.cache/new";
    let program = env!("CARGO_BIN_EXE_codex");
    let argv = [program, "sandbox", "-s", "workspace-write", "-C", "work", "--", "sh", "-c", script];
    let mut command = super::rungs::surrounded("mount -t tmpfs none .cache/mount", &argv);
    let command = command.current_dir(&home).env("HOME", &home).env("CODEX_HOME", home.join(".codex"));
    let output = command.env("LC_ALL", "C").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*stdout), (Some(1), ""), "{stderr}");
    let [refused, told] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{stderr}") };
    assert!(refused.contains(".cache/new': Read-only file system"), "{stderr}");
    assert_eq!(told, format!("codex: sandbox: {}/.cache is read-only: no overlay can lie on it", home.display()));
}

/// `kill -9` of the program leaves nothing that its next start does not remove.
#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn what_a_killed_session_wrote_is_swept() {
    not_inside_another_sandbox!();
    let directory = tempfile::tempdir_in(visible_directory()).unwrap();
    let (home, work) = (directory.path().join("home"), directory.path().join("work"));
    fs::create_dir_all(home.join(".cache/pip")).unwrap();
    fs::create_dir(&work).unwrap();
    let codex = |script: &str| {
        let mut command = crate::support::codex(&home);
        command.args(["sandbox", "-s", "workspace-write", "--", "sh", "-c", script]).current_dir(&work);
        command
    };
    let script = "mkdir -m 0 ~/.cache/shut; rmdir ~/.cache/pip && echo x > ~/.cache/made && echo up; exec sleep 100000";
    let mut program = codex(script).spawn().unwrap();
    let mut lines = io::BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "up");
    assert_eq!(fs::read_dir(home.join("tmp")).unwrap().count(), 1);
    program.kill().unwrap();
    program.wait().unwrap();
    // The pipe ends with the command.
    assert!(lines.next().is_none());
    let output = codex("ls -A ~/.cache").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pip\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(home.join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(home.join(".cache")).unwrap().count(), 1);
}
