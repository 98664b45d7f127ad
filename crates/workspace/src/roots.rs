//! The roots of a thread and the meaning of paths in it.

use std::path::{Component, Path, PathBuf};

use crate::Ignored;

/// The directories a thread works in. All paths absolute, existing and canonical when they were put here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The workspace: relative paths are relative to it.
    pub workspace: PathBuf,
    /// Directories that may be written, the workspace first (where it may be written at all). `/` alone where there
    /// are no walls.
    pub writable: Vec<PathBuf>,
    /// Real paths that nothing looks into, in `writable` or elsewhere: secrets.
    pub hidden: Vec<PathBuf>,
    /// What ignore files name, in the roots and beside them in their projects: not looked into either, whenever it comes to
    /// be.
    pub ignored: Ignored,
    /// The host directory that commands see as `/tmp` and `/var/tmp`; `None` where they see the host's own.
    pub temp: Option<PathBuf>,
}

impl Roots {
    /// Where commands see the session's temporary directory.
    pub(crate) const TEMP_ALIASES: [&str; 2] = ["/tmp", "/var/tmp"];

    /// The host path that `path` means to this thread's commands: relative to the workspace, `.` and `..` removed by
    /// their text, and `/tmp` mapped to the session's own (a root that lies under `/tmp` keeps its path).
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let absolute = self.absolute(path);
        let Some(temp) = &self.temp else { return absolute };
        if self.writable.iter().chain([&self.workspace]).any(|root| absolute.starts_with(root)) {
            return absolute;
        }
        for alias in Self::TEMP_ALIASES {
            if let Ok(inside) = absolute.strip_prefix(alias) {
                return normalise(&temp.join(inside));
            }
        }
        absolute
    }

    /// The absolute path that `path` is to this thread's commands and to the user: as [`Roots::resolve`], but `/tmp`
    /// stays `/tmp`.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        normalise(&self.workspace.join(path))
    }

    /// Whether anything may be written (`danger-full-access`).
    pub fn unrestricted(&self) -> bool {
        self.writable.iter().any(|root| root == Path::new("/"))
    }
}

/// `path` without `.` and `..`; `..` at the root stays at the root.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_what_commands_see() {
        let roots = Roots {
            workspace: "/tmp/w".into(),
            writable: vec!["/tmp/w".into(), "/added".into()],
            hidden: vec![],
            ignored: Ignored::default(),
            temp: Some("/state/t".into()),
        };
        let table = [
            ("a", "/tmp/w/a"),
            ("./b/../a", "/tmp/w/a"),
            ("/tmp/w/a", "/tmp/w/a"),
            ("../x", "/state/t/x"),
            ("/tmp/x", "/state/t/x"),
            ("/var/tmp/x/y", "/state/t/x/y"),
            ("/tmp/w-evil", "/state/t/w-evil"),
            ("/etc/passwd", "/etc/passwd"),
            ("/../etc", "/etc"),
            ("../../../../etc", "/etc"),
        ];
        for (path, expected) in table {
            assert_eq!(roots.resolve(Path::new(path)), Path::new(expected), "{path}");
        }
        let plain = Roots { temp: None, ..roots };
        assert_eq!(plain.resolve(Path::new("/tmp/x")), Path::new("/tmp/x"));
    }
}
