//! Where the programs lie that a command line names.
//!
//! It must never run one; and it must never judge: whether what is found can be trusted is for the permissions to say.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
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

/// The real path of `program`, if that is a file that somebody may run.
pub(crate) fn executable(program: &Path) -> Option<PathBuf> {
    let real = program.canonicalize().ok()?;
    let metadata = real.metadata().ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(real)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

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
