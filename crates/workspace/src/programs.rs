//! Where the programs lie that a command line names.
//!
//! It must never run one; and it must never judge: whether what is found can be trusted is for the permissions to say.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io,
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, open, readlinkat, statat},
    path::Arg,
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
    let entries: BTreeSet<&Path> = entries.chain(STANDARD.iter().map(Path::new)).collect();
    let directories = entries.into_iter().filter(|entry| entry.is_absolute());
    let directories: BTreeSet<PathBuf> = directories.filter_map(|entry| entry.canonicalize().ok()).collect();
    let ours = |path: &Path| roots.iter().any(|root| path.starts_with(root));
    let wanted = |name: &OsStr| name.to_str().is_some_and(&wanted);
    let mut programs = Programs::default();
    for directory in directories.iter().filter(|directory| !ours(directory)) {
        // What cannot be read to its end holds what was read of it.
        let _ = programs.look_into(directory, wanted);
    }
    let Programs { found, linked, others } = programs;
    let of_links = linked.into_iter().filter(|(real, _)| real.file_name().is_some_and(wanted) && !ours(real));
    let all = found.into_iter().chain(of_links).filter(|(_, file)| !others.contains(file));
    let mut all: Vec<PathBuf> = all.map(|(real, _)| real).collect();
    // Whole texts are compared several times as fast as paths.
    all.sort_unstable_by(|one, two| one.as_os_str().cmp(two.as_os_str()));
    all.dedup_by(|one, two| one.as_os_str() == two.as_os_str());
    all
}

/// What is found in the directories of programs.
#[derive(Debug, Default)]
struct Programs {
    /// The real paths of those that are wanted, each with its file.
    found: Vec<(PathBuf, FileId)>,
    /// The same of those to which links lead that are wanted.
    linked: Vec<(PathBuf, FileId)>,
    /// Where links of other names lead.
    others: Vec<FileId>,
}

/// What tells a file from all others: its device and its number there.
type FileId = (u64, u64);

impl Programs {
    /// `directory` is a real path. There are many entries, most of no interest: nothing is allocated for these, and they
    /// are asked for by their names in the directory, not by whole paths.
    fn look_into(&mut self, directory: &Path, wanted: impl Fn(&OsStr) -> bool) -> io::Result<()> {
        /// As much as the standard library reads at once, in bytes.
        const ROOM: usize = 32 * 1024;
        let opened = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut room = Vec::with_capacity(ROOM);
        let mut entries = RawDir::new(&opened, room.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let is_link = match entry.file_type() {
                // There are file systems that do not say it with the name.
                FileType::Unknown => is_link(&opened, name),
                kind => kind.is_symlink(),
            };
            let is_wanted = wanted(name);
            if !is_wanted && !is_link {
                continue;
            }
            let Some((file, runs)) = look_at(&opened, name) else { continue };
            match (is_wanted, is_link) {
                // There are many of them: their real paths would cost milliseconds.
                (false, _) => self.others.push(file),
                (true, _) if !runs => {}
                (true, true) => self.linked.extend(end_of_link(&opened, directory, name).map(|real| (real, file))),
                // In a real directory what is no link is real.
                (true, false) => self.found.push((directory.join(name), file)),
            }
        }
        Ok(())
    }
}

/// The real path of that to which the link `name` leads, in the directory `opened`, whose real path is `directory`. Most
/// lead to a neighbour, and only that is looked at.
fn end_of_link(opened: impl AsFd, directory: &Path, name: &OsStr) -> Option<PathBuf> {
    let target = readlinkat(&opened, name, Vec::new()).ok()?;
    let target = OsStr::from_bytes(target.to_bytes());
    let is_neighbour = !target.as_bytes().contains(&b'/') && target != "." && target != "..";
    if is_neighbour && !is_link(&opened, target) {
        return Some(directory.join(target));
    }
    directory.join(name).canonicalize().ok()
}

/// Whether the file `name` in `directory` is a link.
fn is_link(directory: impl AsFd, name: &OsStr) -> bool {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink())
}

/// The file `path` in `directory`, links followed, and whether it is one that somebody may run.
fn look_at(directory: impl AsFd, path: impl Arg) -> Option<(FileId, bool)> {
    let stat = statat(directory, path, AtFlags::empty()).ok()?;
    let runs = FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_mode & 0o111 != 0;
    Some(((stat.st_dev, stat.st_ino), runs))
}

/// The real path of `program`, if that is a file that somebody may run.
pub(crate) fn executable(program: &Path) -> Option<PathBuf> {
    let real = program.canonicalize().ok()?;
    let (_, runs) = look_at(CWD, &real)?;
    runs.then_some(real)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn programs_are_found_by_name_unless_they_are_others_too() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in
            ["bin/su", "bin/mkfs.x", "bin/ls", "bin/many", "bin/lvm", "else/sudo", "else/mkfs.z", "work/su", "plain/su"]
        {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let mode = if name.starts_with("plain") { 0o644 } else { 0o755 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        // Two names of one program, both wanted; a link to what is many programs; one of those is a wanted name.
        let links = [
            ("bin/sudoedit", "../else/sudo"),
            ("bin/doas", "many"),
            ("bin/lvs", "lvm"),
            ("bin/sg", "none"),
            ("bin/mkfs.1", "mkfs.2"),
            ("bin/mkfs.2", "mkfs.3"),
            ("else/mkfs.y", "mkfs.z"),
            ("bin/mkfs.3", "../else/mkfs.y"),
        ];
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
        assert_eq!(found, ["bin/mkfs.x", "bin/su", "else/mkfs.z", "else/sudo"].map(|name| base.join(name)));
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
