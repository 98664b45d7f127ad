//! The steps and the kernel, side by side. Where the kernel's call is missing, in a sandbox of ours, the tables alone say
//! what is right.

use std::{
    fs, iter,
    os::unix::fs::{MetadataExt, lchown, symlink},
    path::PathBuf,
    thread,
};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::*;
use crate::setup::seccomp;

const STRICT: ResolveFlags = RULES;
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS;
const NO_MAGIC: ResolveFlags = ResolveFlags::NO_MAGICLINKS;
const LINK_ITSELF: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW);

/// `base/root` is where the steps start; `base/outside` is not in it. Three names lead no further up than what is the
/// test's own.
fn scene() -> (tempfile::TempDir, PathBuf, OwnedFd) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap().join("above/base");
    for name in ["root/sub/deep", "outside"] {
        fs::create_dir_all(base.join(name)).unwrap();
    }
    for name in ["root/file", "root/sub/file", "root/sub/deep/file", "outside/file"] {
        fs::write(base.join(name), name).unwrap();
    }
    let absolute = base.join("root/sub").into_os_string().into_string().unwrap();
    for (text, name) in [
        ("file", "root/to-file"),
        ("sub", "root/to-sub"),
        ("sub/", "root/to-sub-slash"),
        ("file/", "root/to-file-slash"),
        ("..", "root/up"),
        (".", "root/here"),
        ("../outside", "root/out"),
        ("../root/sub", "root/out-and-in"),
        (&absolute, "root/absolute"),
        ("/", "root/top"),
        ("loop", "root/loop"),
        ("nowhere", "root/dangling"),
        ("../to-file", "root/sub/back"),
        ("../../file", "root/sub/deep/two-up"),
    ] {
        symlink(text, base.join(name)).unwrap();
    }
    let root = openat(CWD, base.join("root"), ENTERING, Mode::empty()).unwrap();
    (directory, base, root)
}

/// What was opened: device and inode.
type Opened = Result<(u64, u64), Errno>;

fn identity(opened: Result<OwnedFd, Errno>) -> Opened {
    opened.and_then(|descriptor| fstat(&descriptor)).map(|found| (found.st_dev, found.st_ino))
}

/// By the steps, and by the kernel, which must agree.
fn both(start: BorrowedFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Opened {
    let flags = flags | OFlags::CLOEXEC;
    let steps = identity(walk(start, path, flags, resolve));
    let ask = || identity(rustix::fs::openat2(start, path, flags, Mode::empty(), resolve));
    // It does not know what `..` is while anything on the machine is renamed or mounted.
    let kernel = iter::repeat_with(ask).find(|answer| *answer != Err(Errno::AGAIN)).unwrap();
    assert!(kernel == steps || kernel == Err(Errno::NOSYS), "{path:?} {flags:?} {resolve:?}: {kernel:?}, {steps:?}");
    steps
}

#[test]
fn paths_lead_where_they_should() {
    let (_directory, base, root) = scene();
    let read = OFlags::RDONLY;
    let unfollowed = OFlags::RDONLY.union(OFlags::NOFOLLOW);
    let directory = OFlags::PATH.union(OFlags::DIRECTORY);
    let table = [
        ("file", STRICT, read, Ok("root/file")),
        ("sub//deep/./file", STRICT, read, Ok("root/sub/deep/file")),
        (".", STRICT, OFlags::PATH, Ok("root")),
        ("sub/", STRICT, OFlags::PATH, Ok("root/sub")),
        ("sub/..", STRICT, OFlags::PATH, Ok("root")),
        ("sub/../file", STRICT, read, Ok("root/file")),
        ("..", STRICT, OFlags::PATH, Err(Errno::XDEV)),
        ("../root/file", STRICT, read, Err(Errno::XDEV)),
        ("sub/../../outside/file", STRICT, read, Err(Errno::XDEV)),
        ("/", STRICT, OFlags::PATH, Err(Errno::XDEV)),
        ("", STRICT, OFlags::PATH, Err(Errno::NOENT)),
        ("none", STRICT, read, Err(Errno::NOENT)),
        ("none/", STRICT, read, Err(Errno::NOENT)),
        ("none/file", STRICT, read, Err(Errno::NOENT)),
        ("file/", STRICT, read, Err(Errno::NOTDIR)),
        ("file/below", STRICT, read, Err(Errno::NOTDIR)),
        ("file/..", STRICT, OFlags::PATH, Err(Errno::NOTDIR)),
        ("file", STRICT, directory, Err(Errno::NOTDIR)),
        ("to-sub/file", STRICT, read, Err(Errno::LOOP)),
        ("to-file", STRICT, read, Err(Errno::LOOP)),
        ("to-file", STRICT, unfollowed, Err(Errno::LOOP)),
        ("to-file", STRICT, OFlags::PATH, Err(Errno::LOOP)),
        ("to-file", STRICT, LINK_ITSELF, Ok("root/to-file")),
        ("to-sub", STRICT, directory, Err(Errno::LOOP)),
        ("to-sub/", STRICT, LINK_ITSELF, Err(Errno::LOOP)),
        ("to-sub", STRICT, LINK_ITSELF | OFlags::DIRECTORY, Err(Errno::NOTDIR)),
        ("to-sub/file", BENEATH, read, Ok("root/sub/file")),
        ("to-sub/back", BENEATH, read, Ok("root/file")),
        ("to-sub-slash", BENEATH, read, Ok("root/sub")),
        ("to-sub-slash/file", BENEATH, read, Ok("root/sub/file")),
        ("to-file-slash", BENEATH, read, Err(Errno::NOTDIR)),
        ("sub/deep/two-up", BENEATH, read, Ok("root/file")),
        ("out/file", BENEATH, read, Err(Errno::XDEV)),
        ("out-and-in", BENEATH, read, Err(Errno::XDEV)),
        ("absolute", BENEATH, read, Err(Errno::XDEV)),
        ("loop", BENEATH, read, Err(Errno::LOOP)),
        ("dangling", BENEATH, read, Err(Errno::NOENT)),
        ("out/file", NO_MAGIC, read, Ok("outside/file")),
        ("absolute/file", NO_MAGIC, read, Ok("root/sub/file")),
        ("../outside/file", NO_LINKS, read, Ok("outside/file")),
        ("up/root/file", NO_LINKS, read, Err(Errno::LOOP)),
    ];
    for (path, resolve, flags, expected) in table {
        let expected = expected.map(|place| {
            let found = fs::symlink_metadata(base.join(place)).unwrap();
            (found.dev(), found.ino())
        });
        assert_eq!(both(root.as_fd(), Path::new(path), flags, resolve), expected, "{path} {flags:?} {resolve:?}");
        if !resolve.contains(ResolveFlags::BENEATH) && !path.is_empty() {
            let absolute = base.join("root").join(path);
            assert_eq!(both(CWD, &absolute, flags, resolve), expected, "{absolute:?} {flags:?} {resolve:?}");
        }
    }
}

/// All paths of three names and fewer, opened in every way.
#[test]
fn the_steps_and_the_kernel_agree() {
    const NAMES: [&str; 13] =
        [".", "..", "file", "sub", "none", "back", "to-file", "to-sub", "up", "out", "out-and-in", "top", "loop"];
    let (_directory, _, root) = scene();
    let shorter = |paths: &[String]| -> Vec<String> {
        paths.iter().flat_map(|path| NAMES.map(|name| format!("{path}/{name}"))).collect()
    };
    let one = NAMES.map(str::to_owned).to_vec();
    let two = shorter(&one);
    let three = shorter(&two);
    let ways = [
        OFlags::PATH,
        LINK_ITSELF,
        LINK_ITSELF | OFlags::DIRECTORY,
        OFlags::RDONLY,
        OFlags::RDONLY | OFlags::NOFOLLOW,
        OFlags::RDONLY | OFlags::DIRECTORY,
    ];
    let mut opened = 0;
    for path in [one, two, three].concat() {
        for path in [format!("{path}/"), path] {
            for flags in ways {
                for resolve in [STRICT, BENEATH, NO_LINKS, NO_MAGIC] {
                    opened += usize::from(both(root.as_fd(), Path::new(&path), flags, resolve).is_ok());
                }
            }
        }
    }
    assert!(opened > 1000, "{opened}");
}

#[test]
fn magic_links_lead_nowhere() {
    let file = tempfile::tempfile().unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    for (path, expected) in [
        (format!("/proc/self/fd/{number}"), Err(Errno::LOOP)),
        ("/proc/self/fd/0".into(), Err(Errno::LOOP)),
        ("/proc/self/root".into(), Err(Errno::LOOP)),
        ("/proc/self/root/etc".into(), Err(Errno::LOOP)),
        ("/proc/self/cwd/".into(), Err(Errno::LOOP)),
        ("/proc/self/exe".into(), Err(Errno::LOOP)),
        ("/proc/self/ns/mnt".into(), Err(Errno::LOOP)),
        ("/proc/self/status".into(), Ok(())),
        ("/proc/thread-self/status".into(), Ok(())),
        ("/proc/mounts".into(), Ok(())),
        ("/proc/net/dev".into(), Ok(())),
    ] {
        let opened = both(CWD, Path::new(&path), OFlags::PATH, NO_MAGIC);
        assert_eq!(opened.map(drop), expected, "{path}");
    }
    let opened = both(CWD, Path::new("/proc/self/fd/0"), LINK_ITSELF, NO_MAGIC);
    assert!(opened.is_ok(), "the link itself: {opened:?}");
}

#[test]
fn what_is_too_long_is_refused() {
    let (_directory, base, root) = scene();
    for (count, expected) in [(40, Ok(())), (41, Err(Errno::LOOP))] {
        let directory = base.join("root").join(count.to_string());
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("0"), "").unwrap();
        for link in 1..=count {
            symlink((link - 1).to_string(), directory.join(link.to_string())).unwrap();
        }
        let path = format!("{count}/{count}");
        assert_eq!(both(root.as_fd(), Path::new(&path), OFlags::PATH, BENEATH).map(drop), expected, "{path}");
    }
    for (length, expected) in [(4095, Ok(())), (4096, Err(Errno::NAMETOOLONG))] {
        let path = format!(".{}file", "/".repeat(length - 5));
        assert_eq!(path.len(), length);
        assert_eq!(both(root.as_fd(), Path::new(&path), OFlags::PATH, STRICT).map(drop), expected, "{length}");
    }
    let name = "x".repeat(256);
    assert_eq!(both(root.as_fd(), Path::new(&name), OFlags::PATH, STRICT), Err(Errno::NAMETOOLONG));
}

/// Only root can lay it out.
#[test]
fn links_that_somebody_else_put_where_all_may_write_are_not_followed() {
    let (_directory, base, root) = scene();
    let open = base.join("root/open");
    fs::create_dir(&open).unwrap();
    symlink("../file", open.join("own")).unwrap();
    symlink("../file", open.join("planted")).unwrap();
    if lchown(open.join("planted"), Some(4321), None).is_err() {
        return;
    }
    let set = fs::read("/proc/sys/fs/protected_symlinks").is_ok_and(|set| set == b"1\n");
    for (mode, expected) in [(0o777, Ok(())), (0o1755, Ok(())), (0o1777, Err(Errno::ACCESS))] {
        rustix::fs::chmod(&open, Mode::from_raw_mode(mode)).unwrap();
        for (path, expected) in [("open/own", Ok(())), ("open/planted", expected)] {
            let opened = match set {
                true => both(root.as_fd(), Path::new(path), OFlags::RDONLY, BENEATH),
                false => identity(walk(root.as_fd(), Path::new(path), OFlags::RDONLY, BENEATH)),
            };
            assert_eq!(opened.map(drop), expected, "{path} {mode:o}");
        }
    }
}

/// Only root can lay it out, in a mount namespace of its own.
#[test]
fn where_a_mount_follows_no_links_none_is_followed() {
    let (_directory, base, _root) = scene();
    let on_the_mount = || {
        // SAFETY: this thread shares none of its descriptors.
        let own = unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) };
        if own.and_then(|()| mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)).is_err() {
            return;
        }
        mount("tmpfs", base.join("root/sub"), "tmpfs", MountFlags::NOSYMFOLLOW, None).unwrap();
        fs::write(base.join("root/sub/file"), "").unwrap();
        symlink("file", base.join("root/sub/link")).unwrap();
        let sub = openat(CWD, base.join("root/sub"), ENTERING, Mode::empty()).unwrap();
        for (path, expected) in [("file", Ok(())), ("link", Err(Errno::LOOP)), ("link/x", Err(Errno::LOOP))] {
            assert_eq!(both(sub.as_fd(), Path::new(path), OFlags::PATH, BENEATH).map(drop), expected, "{path}");
        }
    };
    thread::scope(|scope| scope.spawn(on_the_mount).join().unwrap());
}

#[test]
fn what_the_steps_cannot_hold_is_refused() {
    let (_directory, _, root) = scene();
    for (flags, resolve) in [
        (OFlags::PATH, ResolveFlags::empty()),
        (OFlags::PATH, ResolveFlags::BENEATH),
        (OFlags::PATH, STRICT | ResolveFlags::NO_XDEV),
        (OFlags::PATH, NO_LINKS | ResolveFlags::IN_ROOT),
        (OFlags::WRONLY | OFlags::CREATE, STRICT),
        (OFlags::WRONLY | OFlags::TMPFILE, STRICT),
    ] {
        let refused = openat2(root.as_fd(), Path::new("."), flags, resolve);
        assert_eq!(refused.map(drop), Err(Errno::INVAL), "{flags:?} {resolve:?}");
    }
    assert!(openat2(root.as_fd(), Path::new("sub"), OFlags::RDONLY | OFlags::DIRECTORY, STRICT).is_ok());
}

/// What a command is told of the call, and what comes of ours then.
#[test]
fn told_that_it_is_missing_the_steps_are_taken() {
    let (_directory, base, root) = scene();
    let calls = seccomp::Calls { local: seccomp::LocalSockets::Streams, internet: true, alone: false, metadata: true };
    let program = seccomp::from_bytes(&seccomp::program(calls).unwrap()).unwrap();
    let as_a_command = || {
        seccomp::install(&program).unwrap();
        let kernel = rustix::fs::openat2(&root, "file", OFlags::PATH, Mode::empty(), STRICT);
        assert_eq!(kernel.map(drop), Err(Errno::NOSYS));
        let opened = openat2(root.as_fd(), Path::new("sub/file"), OFlags::RDONLY, STRICT);
        let found = fs::metadata(base.join("root/sub/file")).unwrap();
        assert_eq!(identity(opened), Ok((found.dev(), found.ino())));
        let refused = openat2(root.as_fd(), Path::new("to-sub/file"), OFlags::RDONLY, STRICT);
        assert_eq!(refused.map(drop), Err(Errno::LOOP));
    };
    thread::scope(|scope| scope.spawn(as_a_command).join().unwrap());
}
