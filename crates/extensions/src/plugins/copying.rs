//! Copies a plugin's files, within limits, and hashes them.
//!
//! What is copied is regular files, directories and links that stay inside. It must never follow a link out of the plugin,
//! nor copy what git keeps for itself.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

/// Most files and directories.
const MOST: usize = 2_000;
/// Largest file, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most bytes of all files.
const MOST_BYTES: u64 = 16 << 20;
/// Most directories inside each other.
const DEEPEST: usize = 16;

/// Something in a plugin.
enum Entry {
    Directory,
    /// Its length, and whether it may be run.
    File(u64, bool),
    Link(PathBuf),
}

/// All that is in `root`, sorted, by path relative to it.
///
/// # Errors
/// A sentence: something in it is no file, directory or link, or there is too much of it.
fn entries(root: &Path) -> Result<Vec<(PathBuf, Entry)>, String> {
    let mut found = Vec::new();
    let mut directories = vec![(PathBuf::new(), 0)];
    let mut bytes = 0;
    while let Some((directory, depth)) = directories.pop() {
        let shown = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let whole = root.join(&directory);
        for entry in fs::read_dir(&whole).map_err(|error| shown(&whole, &error))? {
            let entry = entry.map_err(|error| shown(&whole, &error))?;
            let name = entry.file_name();
            let path = directory.join(&name);
            if name.to_str().is_none_or(|name| name.contains(char::is_control)) {
                return Err(format!("{}: this name is not plain text", path.display()));
            }
            if name == ".git" {
                continue;
            }
            let kind = entry.metadata().map_err(|error| shown(&path, &error))?;
            let entry = match kind.file_type() {
                kind if kind.is_dir() => Entry::Directory,
                kind if kind.is_symlink() => {
                    Entry::Link(fs::read_link(root.join(&path)).map_err(|error| shown(&path, &error))?)
                }
                file if file.is_file() => Entry::File(kind.len(), kind.permissions().mode() & 0o111 != 0),
                _ => return Err(format!("{}: this is no file, directory or link", path.display())),
            };
            match entry {
                Entry::Directory if depth + 1 == DEEPEST => {
                    return Err(format!("{}: more than {DEEPEST} directories inside each other", path.display()));
                }
                Entry::Directory => directories.push((path.clone(), depth + 1)),
                Entry::File(length, _) if length > LARGEST => {
                    return Err(format!("{}: a file of a plugin has at most {} MiB", path.display(), LARGEST >> 20));
                }
                Entry::File(length, _) => bytes += length,
                Entry::Link(_) => {}
            }
            found.push((path, entry));
            if found.len() > MOST || bytes > MOST_BYTES {
                return Err(format!("a plugin has at most {MOST} files and {} MiB", MOST_BYTES >> 20));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Copies what is in `from` to `to`, a new directory.
///
/// # Errors
/// A sentence: there is too much of it, a link leads out of it or nowhere, or it cannot be read or written. What was copied
/// until then is left to the caller.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let shown = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let directory = |path: &Path| DirBuilder::new().mode(0o755).create(path).map_err(|error| shown(path, error));
    directory(to)?;
    let entries = entries(from)?;
    let mut links = Vec::new();
    for (path, entry) in entries {
        let (source, target) = (from.join(&path), to.join(&path));
        match entry {
            Entry::Directory => directory(&target)?,
            Entry::Link(leads) => links.push((path, target, leads)),
            Entry::File(length, runs) => {
                let bytes = read(&source, length)?;
                let mode = if runs { 0o755 } else { 0o644 };
                let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
                file.and_then(|mut file| file.write_all(&bytes)).map_err(|error| shown(&target, error))?;
            }
        }
    }
    let real = to.canonicalize().map_err(|error| shown(to, error))?;
    for (path, target, leads) in &links {
        // Where it lay it may have led elsewhere than where it lies now: only what is relative means the same.
        if leads.is_absolute() {
            return Err(format!("{}: this link leads out of the plugin, to {}", path.display(), leads.display()));
        }
        symlink(leads, target).map_err(|error| shown(target, error))?;
    }
    for (path, target, leads) in &links {
        match target.canonicalize() {
            Ok(end) if end.starts_with(&real) => {}
            Ok(_) => {
                return Err(format!("{}: this link leads out of the plugin, to {}", path.display(), leads.display()));
            }
            Err(_) => return Err(format!("{}: this link leads nowhere", path.display())),
        }
    }
    Ok(())
}

/// A hash of all files in `root`, of what they are called and of which may be run, in hexadecimal.
///
/// # Errors
/// As [`copy`].
pub fn content_hash(root: &Path) -> Result<String, String> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (path, entry) in entries(root)? {
        part(path.as_os_str().as_encoded_bytes());
        match entry {
            Entry::Directory => part(b"directory"),
            Entry::Link(leads) => {
                part(b"link");
                part(leads.as_os_str().as_encoded_bytes());
            }
            Entry::File(length, runs) => {
                part(if runs { b"program" } else { b"file" });
                part(&read(&root.join(&path), length)?);
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bytes of a file that had `length` of them just now. No link is followed.
fn read(path: &Path, length: u64) -> Result<Vec<u8>, String> {
    let shown = |error: std::io::Error| format!("{}: {error}", path.display());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| shown(error.into()))?);
    let mut bytes = Vec::new();
    file.take(length + 1).read_to_end(&mut bytes).map_err(shown)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(format!("{}: it was changed while it was read", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts something into a plugin.
    type Make<'a> = &'a dyn Fn(&Path);

    fn put(root: &Path, name: &str, bytes: &[u8]) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_copy_has_the_hash_of_what_it_is_of() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        put(&from, "a/tool", b"x");
        put(&from, "b", b"y");
        put(&from, ".git/config", b"z");
        fs::set_permissions(from.join("a/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a/tool", from.join("link")).unwrap();
        copy(&from, &to).unwrap();
        assert!(!to.join(".git").exists());
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a/tool"));
        let hash = content_hash(&to).unwrap();
        assert_eq!(hash, content_hash(&from).unwrap());
        // Each of what the hash is over makes it another.
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(to.join("b"), "Y").unwrap(),
            &|| fs::rename(to.join("b"), to.join("c")).unwrap(),
            &|| fs::set_permissions(to.join("a/tool"), fs::Permissions::from_mode(0o644)).unwrap(),
            &|| {
                fs::remove_file(to.join("link")).unwrap();
                symlink("c", to.join("link")).unwrap();
            },
        ];
        let mut seen = vec![hash];
        for change in changes {
            change();
            let hash = content_hash(&to).unwrap();
            assert!(!seen.contains(&hash));
            seen.push(hash);
        }
    }

    #[test]
    fn what_is_not_copied() {
        let cases: [(&str, Make<'_>); 7] = [
            ("leads out of the plugin", &|root| symlink("/etc/passwd", root.join("l")).unwrap()),
            ("leads out of the plugin", &|root| symlink("../secret", root.join("l")).unwrap()),
            // Part by part it stays inside; the kernel goes elsewhere.
            ("leads out of the plugin", &|root| {
                symlink(".", root.join("here")).unwrap();
                symlink("here/../secret", root.join("l")).unwrap();
            }),
            ("leads nowhere", &|root| symlink("none", root.join("l")).unwrap()),
            ("at most 4 MiB", &|root| File::create(root.join("huge")).unwrap().set_len(LARGEST + 1).unwrap()),
            ("at most 2000 files", &|root| (0..=MOST).for_each(|n| put(root, &format!("f{n}"), b""))),
            ("directories inside each other", &|root| fs::create_dir_all(root.join("d/".repeat(DEEPEST))).unwrap()),
        ];
        for (said, make) in cases {
            let scratch = tempfile::tempdir().unwrap();
            put(scratch.path(), "secret", b"s");
            let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
            fs::create_dir(&from).unwrap();
            make(&from);
            let refused = copy(&from, &to).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
