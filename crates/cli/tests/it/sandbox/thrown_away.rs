//! What commands of a review write: they see it, and nothing of it is ever there.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use codex_permissions::{Policy, SandboxLevel};

use super::Place;

/// Everything below `directory`, the times of change and the numbers of files included.
pub fn state(directory: &Path) -> Vec<(PathBuf, [i64; 7], Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let it = fs::symlink_metadata(&path).unwrap();
        let content = match it.is_file() {
            true => fs::read(&path).unwrap(),
            false => fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes()).unwrap_or_default(),
        };
        if it.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let of = [it.ino() as i64, it.mode().into(), it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
        found.push((path, [of[0], of[1], of[2], of[3], of[4], of[5], it.nlink() as i64], content));
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_is_written_is_seen_and_never_there() {
    not_inside_another_sandbox!();
    // Where the private `/tmp` lies on top too.
    let hidden_by_tmp = tempfile::tempdir_in("/tmp").unwrap();
    for place in [Place::new(), Place::below(hidden_by_tmp.path())] {
        let workspace = &place.workspace;
        for (file, content) in [("kept", "kept"), (".git/HEAD", "ref: x"), (".git/index", "DIRC"), ("deep/er/file", "")]
        {
            let path = workspace.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        symlink("kept", workspace.join("link")).unwrap();
        fs::write(workspace.join(".env"), "SECRET").unwrap();
        fs::set_permissions(workspace.join("kept"), fs::Permissions::from_mode(0o640)).unwrap();
        let before = [state(workspace), state(&place.outside)];
        let policy = Policy {
            level: SandboxLevel::WorkspaceWrite,
            writable: vec![workspace.clone()],
            git: vec![workspace.join(".git")],
            protected: vec![workspace.join(".git/hooks")],
            hidden: vec![workspace.join(".env")],
            state: place.temp.with_file_name("run"),
            ..Policy::default()
        };
        let confinement = policy.thrown_away(place.temp.clone()).confinement();
        let work = "echo changed >> kept && echo x > .git/index && mkdir -p .git/hooks && echo h > .git/hooks/pre-commit && \
            rm -r deep && rm link && ln -s /etc link && chmod 600 kept && touch -d 2001-01-01 kept && mv kept moved && \
            mkfifo pipe && echo t > /tmp/t && cat moved .git/index .env && ! echo x > $OUTSIDE/new";
        let (code, output) = place.run(&confinement, place.shell(work)).await;
        assert_eq!(code, 0, "{output}");
        assert!(
            output.starts_with("keptchanged\nx\n") && output.contains("cannot create") && !output.contains("SECRET"),
            "{output}"
        );
        let look = place.shell("cat moved .git/hooks/pre-commit /tmp/t; ls -d deep");
        let (_, output) = place.run(&confinement, look).await;
        assert!(output.starts_with("keptchanged\nh\nt\n") && output.contains("No such file"), "the next one: {output}");
        assert_eq!([state(workspace), state(&place.outside)], before);

        let mut runs_on = place.start(&confinement, place.shell("echo up; exec sleep 100000")).await;
        super::read_until(&mut runs_on.stdout, "up").await;
        place.sandbox.forget(&confinement).await;
        assert_eq!(super::read_all(&mut runs_on.stdout).await.trim(), "", "its commands end");
        let (_, output) = place.run(&confinement, place.shell("cat kept; ls moved deep")).await;
        assert!(output.starts_with("kept") && output.contains("deep:\ner"), "all as it was: {output}");
        assert_eq!([state(workspace), state(&place.outside)], before);
    }
}

/// What was changed in the view keeps what the user changes really out of it, and the user's own stays.
#[tokio::test]
async fn what_the_user_changes_meanwhile_stays() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let file = place.workspace.join("file");
    fs::write(&file, "one").unwrap();
    let policy = Policy {
        level: SandboxLevel::DangerFullAccess,
        writable: vec![place.workspace.clone()],
        state: place.temp.with_file_name("run"),
        ..Policy::default()
    };
    let confinement = policy.thrown_away(place.temp.clone()).confinement();
    assert_eq!(place.run(&confinement, place.shell("printf theirs > file; cat file")).await, (0, "theirs".into()));
    let mut open = fs::File::options().read(true).write(true).open(&file).unwrap();
    open.write_all(b"two").unwrap();
    open.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    place.sandbox.forget(&confinement).await;
    assert_eq!((text, fs::read_to_string(&file).unwrap()), ("two".to_owned(), "two".to_owned()));
}
