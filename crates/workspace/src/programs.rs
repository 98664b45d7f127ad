//! Where the programs lie that a command line names.
//!
//! It must never run one; and it must never judge: whether what is found can be trusted is for the permissions to say.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// The real path of the program that a shell finds for the bare word `name`: the first hit in `path`, a `PATH`, whose
/// empty and relative entries count from `directory` (POSIX.1-2024, Environment Variables, 8.3).
pub fn find_program(name: &str, path: &OsStr, directory: &Path) -> Option<PathBuf> {
    path.as_bytes()
        .split(|byte| *byte == b':')
        .map(|entry| Path::new(OsStr::from_bytes(entry)))
        .find_map(|entry| executable(&directory.join(entry).join(name)))
}

/// Where systems keep their programs.
const STANDARD: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The real paths of the programs whose names are `wanted`: in the absolute directories of `path`, a `PATH`, and where
/// systems keep theirs. Sorted.
///
/// Left out is what lies in one of `roots`, and a file that is another program as well: whose own name is not wanted, or
/// to which a link of another name leads (busybox, coreutils, `lvs` of `lvm`).
pub fn programs_named(wanted: impl Fn(&str) -> bool, path: &OsStr, roots: &[PathBuf]) -> Vec<PathBuf> {
    let entries = path.as_bytes().split(|byte| *byte == b':').map(|entry| Path::new(OsStr::from_bytes(entry)));
    let entries = entries.filter(|entry| entry.is_absolute()).chain(STANDARD.iter().map(Path::new));
    let directories: BTreeSet<PathBuf> = entries.filter_map(|entry| entry.canonicalize().ok()).collect();
    let ours = |path: &Path| roots.iter().any(|root| path.starts_with(root));
    let wanted = |name: Option<&OsStr>| name.and_then(OsStr::to_str).is_some_and(&wanted);
    let (mut found, mut others) = (BTreeSet::new(), BTreeSet::new());
    for directory in directories.iter().filter(|directory| !ours(directory)) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if wanted(Some(&entry.file_name())) {
                found.extend(executable(&entry.path()));
            } else if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                // There are many of them: their real paths would cost milliseconds.
                others.extend(fs::metadata(entry.path()).ok().map(|real| (real.dev(), real.ino())));
            }
        }
    }
    let is_other = |real: &Path| fs::metadata(real).is_ok_and(|real| others.contains(&(real.dev(), real.ino())));
    found.into_iter().filter(|real| wanted(real.file_name()) && !is_other(real) && !ours(real)).collect()
}

/// The real path of `program`, if that is a file that somebody may run.
pub(crate) fn executable(program: &Path) -> Option<PathBuf> {
    let real = program.canonicalize().ok()?;
    let metadata = real.metadata().ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(real)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn programs_are_found_by_name_unless_they_are_others_too() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in ["bin/su", "bin/mkfs.x", "bin/ls", "bin/many", "bin/lvm", "else/sudo", "work/su", "plain/su"] {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let mode = if name.starts_with("plain") { 0o644 } else { 0o755 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        // Two names of one program, both wanted; a link to what is many programs; one of those is a wanted name.
        let links = [("bin/sudoedit", "../else/sudo"), ("bin/doas", "many"), ("bin/lvs", "lvm"), ("bin/sg", "none")];
        for (link, target) in links {
            symlink(target, base.join(link)).unwrap();
        }
        symlink("bin", base.join("linked")).unwrap();
        let wanted = ["su", "sudo", "sudoedit", "doas", "lvm", "sg"];
        let wanted = |name: &str| wanted.contains(&name) || name.starts_with("mkfs.");
        let path =
            ["bin", "linked", "work", "plain", "none"].map(|name| base.join(name).display().to_string()).join(":");
        let mut found = programs_named(wanted, OsStr::new(&format!("bin:{path}")), &[base.join("work")]);
        found.retain(|path| path.starts_with(&base));
        assert_eq!(found, ["bin/mkfs.x", "bin/su", "else/sudo"].map(|name| base.join(name)));
    }

    #[test]
    fn the_first_hit_counts_wherever_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for (name, mode) in [("w/tool", 0o755), ("w/bin/tool", 0o755), ("plain/tool", 0o644), ("good/tool", 0o755)] {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(base.join("linked")).unwrap();
        symlink(base.join("w/bin/tool"), base.join("linked/tool")).unwrap();
        let table = [
            ("/plain:/good", Some("good/tool")),
            ("/good:/w/bin", Some("good/tool")),
            ("bin:/good", Some("w/bin/tool")),
            (":/good", Some("w/tool")),
            ("/good:", Some("good/tool")),
            ("/none:.", Some("w/tool")),
            ("/linked:/good", Some("w/bin/tool")),
            ("/plain", None),
        ];
        for (path, expected) in table {
            // What begins with a slash is below the base.
            let whole = |entry: &str| match entry.strip_prefix('/') {
                Some(inside) => base.join(inside).display().to_string(),
                None => entry.to_owned(),
            };
            let path: Vec<String> = path.split(':').map(whole).collect();
            let found = find_program("tool", OsStr::new(&path.join(":")), &base.join("w"));
            assert_eq!(found, expected.map(|expected| base.join(expected)), "{path:?}");
        }
    }
}
