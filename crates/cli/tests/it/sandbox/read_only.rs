//! What stays read-only: roots that are protected as a whole, pipes, sockets, and files in the way of a protected path.

use std::{fs, os::unix::net::UnixListener, path::Path};

use codex_sandbox::{Confined, Confinement};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Place, visible_directory};

/// Makes a named pipe, open for both, so that nobody waits for another end.
fn pipe(path: &Path) -> fs::File {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[tokio::test]
async fn what_is_read_only_is_shown_wherever_it_lies_and_not_written() {
    let script = "cat file; [ ! -w /etc ] || echo /etc; for name in new file; do \
        (echo x > $name) 2>/dev/null && echo $name; done; :";
    for parent in [visible_directory(), "/tmp".into()] {
        let place = Place::below(&parent);
        fs::write(place.workspace.join("file"), "shown").unwrap();
        for roots in [vec![place.workspace.clone()], vec!["/".into(), place.workspace.clone()]] {
            let seen = place.run(&Confinement::read_only(&roots), place.shell(script)).await;
            assert_eq!(seen, (0, "shown".to_owned()), "{roots:?}");
        }
    }
}

/// Mounts do not hold this one; Landlock does.
#[tokio::test]
async fn a_pipe_outside_takes_no_writes() {
    let place = Place::new();
    let _pipes = [&place.outside, &place.workspace].map(|directory| pipe(&directory.join("pipe")));
    let cases = [
        (place.write(), "$OUTSIDE/pipe"),
        (Confinement::read_only(std::slice::from_ref(&place.workspace)), "pipe"),
        (Confinement::read_only(&["/".into()]), "pipe"),
    ];
    for (confinement, path) in cases {
        takes_nothing(&place, &confinement, path).await;
    }
}

/// What Landlock lets be written there it lets be written in whatever is mounted below, so it lets nothing; programs are
/// led to another place.
#[tokio::test]
async fn a_pipe_in_a_private_place_takes_no_writes_where_that_is_read_only() {
    not_inside_another_sandbox!();
    for parent in ["/tmp", "/var/tmp", "/dev/shm"] {
        let place = Place::below(Path::new(parent));
        let _pipe = pipe(&place.workspace.join("pipe"));
        let reading = Confined { protected: vec![place.workspace.clone()], ..place.confined() };
        let alone = Confinement::read_only(std::slice::from_ref(&place.workspace));
        for confinement in [alone, Confinement::Confined(reading)] {
            takes_nothing(&place, &confinement, "pipe").await;
            let script = "file=$(mktemp) && echo made > $file && cat $file && rm $file";
            assert_eq!(place.run(&confinement, place.shell(script)).await, (0, "made\n".into()), "{confinement:?}");
        }
    }
}

async fn takes_nothing(place: &Place, confinement: &Confinement, path: &str) {
    let (code, output) = place.run(confinement, place.shell(&format!("echo x > {path} || exit 2"))).await;
    assert!(code == 2 && output.contains("Permission denied"), "{confinement:?}: {output}");
}

/// Names can be hidden from the kernel's table; without local sockets none of them leads anywhere.
#[tokio::test]
async fn where_nothing_is_written_there_are_no_local_sockets() {
    let place = Place::new();
    let _host = UnixListener::bind(place.outside.join("bound")).unwrap();
    fs::rename(place.outside.join("bound"), place.outside.join("moved")).unwrap();
    for roots in [vec![], vec![place.workspace.clone()], vec!["/".into()]] {
        let deed = place.deed("pairs only", place.outside.join("moved").display());
        let (code, output) = place.run(&Confinement::read_only(&roots), deed).await;
        assert_eq!(code, 0, "{roots:?} {output}");
    }
}

/// `.git` of a worktree or submodule says where the real one is.
#[tokio::test]
async fn a_file_in_the_way_of_a_protected_path_is_protected() {
    not_inside_another_sandbox!();
    let place = Place::new();
    let git = place.workspace.join(".git");
    fs::write(&git, "gitdir: /here\n").unwrap();
    let protected = vec![git.join("config"), git.join("hooks/deeper")];
    let confinement = Confinement::Confined(Confined { protected, ..place.confined() });
    let cases = [
        ("echo 'gitdir: /there' > .git || exit 1", "Read-only"),
        ("chmod 777 .git", "Read-only"),
        ("rm -f .git", "busy"),
        ("mv .git old", "busy"),
        ("echo 'gitdir: /there' > new; mv new .git", "busy"),
    ];
    for (script, part) in cases {
        let (code, output) = place.run(&confinement, place.shell(script)).await;
        assert!(code == 1 && output.contains(part), "{script}: {code} {output}");
    }
    assert_eq!(fs::read_to_string(&git).unwrap(), "gitdir: /here\n");
}
