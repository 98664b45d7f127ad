//! Real files, real links: what is held must be held by the kernel.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::*;

/// `base/root` is the root; `base/outside` and `base/root-evil` are not in it.
fn scene() -> (tempfile::TempDir, PathBuf, Beneath) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    for name in ["root/sub", "outside", "root-evil"] {
        fs::create_dir_all(base.join(name)).unwrap();
    }
    for name in ["root/file", "root/sub/file", "outside/secret", "root-evil/file"] {
        fs::write(base.join(name), name).unwrap();
    }
    symlink(base.join("outside/secret"), base.join("root/file-link")).unwrap();
    symlink(base.join("outside"), base.join("root/directory-link")).unwrap();
    symlink("file", base.join("root/inner-link")).unwrap();
    symlink(base.join("outside/new"), base.join("root/dangling")).unwrap();
    let beneath = Beneath::new([base.join("root").as_path()]).unwrap();
    (directory, base, beneath)
}

fn word(error: &BeneathError) -> &'static str {
    match error {
        BeneathError::Outside(_) => "outside",
        BeneathError::Symlink(_) => "symlink",
        BeneathError::NotRegular(_) => "not regular",
        BeneathError::TooLarge { .. } => "too large",
        BeneathError::Io { .. } if error.is_not_found() => "not found",
        BeneathError::Io { .. } => "io",
    }
}

#[test]
fn what_is_behind_links_is_told_within_the_root_alone() {
    let (_kept, base, beneath) = scene();
    let root = base.join("root");
    symlink("sub", root.join("sub-link")).unwrap();
    symlink("../root/file", root.join("out-and-in")).unwrap();
    symlink("directory-link/secret", root.join("two-links")).unwrap();
    symlink("nowhere", root.join("nowhere-link")).unwrap();
    let table = [
        ("inner-link", Some("file")),
        ("sub-link/file", Some("sub/file")),
        ("sub-link/new", Some("sub/new")),
        ("sub-link/../inner-link", Some("file")),
        ("file-link", None),
        ("directory-link/secret", None),
        ("out-and-in", None),
        ("two-links", None),
        ("dangling", None),
        ("nowhere-link", None),
        ("file", None),
        ("../outside/secret", None),
    ];
    for (path, expected) in table {
        assert_eq!(beneath.behind_links(&root.join(path)), expected.map(|path| root.join(path)), "{path}");
    }
}

#[test]
fn nothing_leads_outside() {
    let (_kept, base, beneath) = scene();
    let table = [
        ("outside/secret", "outside", "outside"),
        ("root-evil/file", "outside", "outside"),
        ("root/../outside/secret", "outside", "outside"),
        ("root/file-link", "symlink", "symlink"),
        ("root/inner-link", "symlink", "symlink"),
        ("root/directory-link/secret", "symlink", "symlink"),
        ("root/directory-link/new", "symlink", "symlink"),
        ("root/dangling", "symlink", "symlink"),
        ("root/sub", "not regular", "not regular"),
        ("root", "not regular", "not regular"),
        ("root/file/below", "io", "io"),
        ("root/missing/below", "not found", "not found"),
    ];
    for (path, read, write) in table {
        let full = base.join(path);
        assert_eq!(word(&beneath.read(&full, 100).unwrap_err()), read, "read {path}");
        assert_eq!(word(&beneath.write(&full, b"x", None).unwrap_err()), write, "write {path}");
        assert!(beneath.remove(&full).is_err(), "remove {path}");
    }
    for made in ["root/directory-link/a/b", "outside/a/b", "root/../outside/a/b", "root/file/a/b"] {
        assert!(beneath.create_parents(&base.join(made)).is_err(), "{made}");
    }
    assert_eq!(fs::read_to_string(base.join("outside/secret")).unwrap(), "outside/secret");
    assert_eq!(fs::read_dir(base.join("outside")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(base.join("root")).unwrap().count(), 6, "a temporary file was left");
}

#[test]
fn a_root_that_is_gone_is_named_and_not_made() {
    let (_kept, base, _) = scene();
    let gone = base.join("gone");
    let beneath = Beneath::new([gone.as_path(), &base.join("root")]).unwrap();
    for path in ["gone", "gone/new", "gone/sub/new"] {
        let full = base.join(path);
        let errors = [
            beneath.read(&full, 100).unwrap_err(),
            beneath.write(&full, b"x", None).unwrap_err(),
            beneath.create_parents(&full).unwrap_err(),
        ];
        for error in errors {
            let expected = format!("`{}`: No such file or directory (os error 2)", gone.display());
            assert!(error.is_not_found() && error.to_string() == expected, "{path}: {error}");
        }
    }
    assert_eq!(word(&beneath.read(&base.join("gone-not/file"), 100).unwrap_err()), "outside");
    assert!(!gone.exists());
}

#[test]
fn kinds() {
    let (_kept, base, beneath) = scene();
    rustix::fs::mknodat(rustix::fs::CWD, base.join("root/pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let table = [
        ("root/file", Some(Kind::File)),
        ("root/sub", Some(Kind::Directory)),
        ("root", Some(Kind::Directory)),
        ("root/file-link", Some(Kind::Symlink)),
        ("root/pipe", Some(Kind::Other)),
        ("root/none", None),
    ];
    for (path, kind) in table {
        assert_eq!(beneath.kind(&base.join(path)).unwrap(), kind, "{path}");
    }
    assert_eq!(word(&beneath.read(&base.join("root/pipe"), 9).unwrap_err()), "not regular");
}

#[test]
fn files_are_read_written_and_removed() {
    let (_kept, base, beneath) = scene();
    let file = base.join("root/file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o751)).unwrap();
    // Only root can give it away; who cannot sees that it stays.
    let _ = std::os::unix::fs::chown(&file, Some(4321), Some(4322));
    let owner = |path: &Path| fs::metadata(path).map(|metadata| (metadata.uid(), metadata.gid())).unwrap();
    let (user, group) = owner(&file);
    let attributes = Attributes { mode: 0o751, user, group };
    let snapshot = Snapshot { bytes: b"root/file".to_vec(), attributes, read_only: false, links: 1 };
    assert_eq!(beneath.read(&file, 9).unwrap(), snapshot);
    assert_eq!(word(&beneath.read(&file, 8).unwrap_err()), "too large");
    beneath.write(&file, b"new", None).unwrap();
    assert_eq!(beneath.read(&file, 9).unwrap(), Snapshot { bytes: b"new".to_vec(), ..snapshot });
    let deep = base.join("root/a/b/c");
    let made = beneath.create_parents(&deep).unwrap();
    assert_eq!(made, [base.join("root/a"), base.join("root/a/b")]);
    assert!(beneath.create_parents(&deep).unwrap().is_empty());
    let given = Attributes { mode: 0o700, ..attributes };
    beneath.write(&deep, b"deep", Some(given)).unwrap();
    assert_eq!(beneath.read(&deep, 9).unwrap().attributes, given);
    let stamp = beneath.stamp(&deep).unwrap();
    assert_eq!((stamp.bytes, stamp.mode, beneath.stamp(&deep).unwrap()), (4, 0o700, stamp));
    assert_ne!(beneath.stamp(&file).unwrap(), stamp);
    assert_eq!(word(&beneath.stamp(&base.join("root/file-link")).unwrap_err()), "symlink");
    assert_eq!(word(&beneath.stamp(&base.join("root")).unwrap_err()), "not regular");
    beneath.remove(&deep).unwrap();
    for directory in made.iter().rev() {
        beneath.remove_directory(directory).unwrap();
    }
    assert!(!base.join("root/a").exists());
}

#[test]
fn what_is_not_to_be_written_is_known() {
    let (_kept, base, beneath) = scene();
    let file = base.join("root/file");
    for (mode, read_only) in [(0o644, false), (0o200, false), (0o444, true), (0o555, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode | 0o400)).unwrap();
        assert_eq!(beneath.read(&file, 9).unwrap().read_only, read_only, "{mode:o}");
    }
    fs::hard_link(&file, base.join("root/second")).unwrap();
    assert_eq!(beneath.read(&file, 9).unwrap().links, 2);
    beneath.write(&file, b"new", None).unwrap();
    assert_eq!(fs::read(base.join("root/second")).unwrap(), b"root/file");
}

#[test]
fn the_outermost_root_decides() {
    let (_kept, base, _) = scene();
    let (outer, inner) = (base.join("root"), base.join("root/sub"));
    let beneath = Beneath::new([inner.as_path(), outer.as_path(), Path::new("/none/such")]).unwrap();
    fs::rename(&inner, base.join("root/moved")).unwrap();
    symlink(base.join("outside"), &inner).unwrap();
    assert_eq!(word(&beneath.write(&inner.join("new"), b"x", None).unwrap_err()), "symlink");
    assert_eq!(word(&Beneath::new([inner.as_path()]).unwrap_err()), "symlink");
}

#[test]
fn without_walls_links_are_followed_and_stay() {
    let (_kept, base, _) = scene();
    let beneath = Beneath::unrestricted().unwrap();
    let link = base.join("root/file-link");
    assert_eq!(beneath.read(&link, 99).unwrap().bytes, b"outside/secret");
    beneath.write(&link, b"changed", None).unwrap();
    assert_eq!(fs::read(base.join("outside/secret")).unwrap(), b"changed");
    assert!(link.is_symlink());
    assert_eq!(beneath.kind(&link).unwrap(), Some(Kind::File));
    beneath.remove(&link).unwrap();
    assert!(base.join("outside/secret").exists());
}

#[test]
fn without_walls_no_magic_link_is_followed() {
    let (kept, base, _) = scene();
    let beneath = Beneath::unrestricted().unwrap();
    symlink("/proc/self/root", base.join("root/magic")).unwrap();
    let hidden = base.strip_prefix("/").unwrap().join("outside/secret");
    for path in [base.join("root/magic").join(&hidden), Path::new("/proc/self/root").join(&hidden)] {
        assert_eq!(word(&beneath.read(&path, 99).unwrap_err()), "symlink", "{path:?}");
    }
    drop(kept);
}

/// As on a kernel before 5.6, and in a sandbox of ours.
#[test]
fn where_openat2_is_missing_all_of_this_holds() {
    let tests = [
        what_is_behind_links_is_told_within_the_root_alone,
        nothing_leads_outside,
        a_root_that_is_gone_is_named_and_not_made,
        kinds,
        files_are_read_written_and_removed,
        what_is_not_to_be_written_is_known,
        the_outermost_root_decides,
        without_walls_links_are_followed_and_stay,
        without_walls_no_magic_link_is_followed,
    ];
    let filter = SeccompFilter::new(
        [(libc::SYS_openat2, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let filter: BpfProgram = filter.unwrap().try_into().unwrap();
    let without_the_call = || {
        seccompiler::apply_filter(&filter).unwrap();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let opened = rustix::fs::openat2(rustix::fs::CWD, "/", flags, Mode::empty(), ResolveFlags::empty());
        assert_eq!(opened.map(drop), Err(Errno::NOSYS));
        tests.iter().for_each(|test| test());
    };
    std::thread::scope(|scope| scope.spawn(without_the_call).join().unwrap());
}
