//! The environment of the process, read once. No other code of this program reads a variable, and nothing writes one.
//! What commands get of it is decided in `shell_environment`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::variables::{self, Variable};
use crate::{ConfigError, Origin};

/// A snapshot of the environment variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    hidden: Vec<PathBuf>,
}

impl Environment {
    /// Takes the snapshot. Meant to be called once, by `main`.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// An environment of these variables alone; a later pair replaces an earlier one of the same name.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, hidden: Vec::new() }
    }

    /// This environment with one variable set otherwise.
    #[must_use]
    pub fn with(mut self, variable: Variable, value: impl Into<OsString>) -> Self {
        self.variables.insert(variable.name().into(), value.into());
        self
    }

    /// This environment with files of this process, absolute paths, that no command may reach: sockets and secrets.
    #[must_use]
    pub fn hiding(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.hidden.extend(files);
        self
    }

    /// The files that no command may reach.
    pub fn hidden(&self) -> &[PathBuf] {
        &self.hidden
    }

    /// The value of a variable; `None` if it is unset or empty.
    pub fn get_os(&self, variable: Variable) -> Option<&OsStr> {
        self.value(variable.name())
    }

    /// The value of a variable; `None` if it is unset, empty or not UTF-8.
    pub fn get(&self, variable: Variable) -> Option<&str> {
        self.get_os(variable).and_then(OsStr::to_str)
    }

    /// The value of a variable that the settings name, as `api_key_env` does: such a name is in no table. `None` if it
    /// is unset, empty or not UTF-8.
    pub fn get_named(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(OsStr::to_str)
    }

    /// Where a test of the built program wants it to end: in the middle of a write. In no release, and so in no table.
    #[cfg(debug_assertions)]
    pub fn end_at_write(&self) -> Option<&str> {
        self.get_named("CODEX_END_AT_WRITE")
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// `$HOME`, if it is absolute.
    pub fn home(&self) -> Option<&Path> {
        self.get_os(variables::HOME).map(Path::new).filter(|path| path.is_absolute())
    }

    /// The directory of the user's settings and sessions: `$CODEX_HOME`, else `$HOME/.codex`. It may not exist.
    ///
    /// # Errors
    /// `$CODEX_HOME` is relative (it would then depend on the directory, which may belong to a stranger's project), or
    /// neither variable is usable.
    pub fn codex_home(&self) -> Result<PathBuf, ConfigError> {
        let named = |message: &str| ConfigError::new(Origin::Environment("CODEX_HOME".into()), message);
        match (self.get_os(variables::CODEX_HOME).map(Path::new), self.home()) {
            (Some(path), _) if path.is_absolute() => Ok(path.to_path_buf()),
            (Some(path), _) => Err(named(&format!("must be an absolute path, not `{}`", path.display()))),
            (None, Some(home)) => Ok(home.join(".codex")),
            (None, None) => Err(named("is not set, and `HOME` is not an absolute path either")),
        }
    }

    /// A directory for short-lived files: `$XDG_RUNTIME_DIR`, else `$TMPDIR`, each only if it is absolute and exists,
    /// else `/tmp`.
    pub fn temp_dir(&self) -> PathBuf {
        [variables::XDG_RUNTIME_DIR, variables::TMPDIR]
            .into_iter()
            .filter_map(|variable| self.get_os(variable).map(Path::new))
            .find(|path| path.is_absolute() && path.is_dir())
            .unwrap_or(Path::new("/tmp"))
            .to_path_buf()
    }

    /// `$PATH`, as it is.
    pub fn path(&self) -> Option<&OsStr> {
        self.get_os(variables::PATH)
    }

    /// All variables, by name.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }
}

/// Names only: values may be secrets, and this may end in a log.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn homes() {
        let cases: &[(Pairs, Result<&str, &str>)] = &[
            (&[("HOME", "/home/me")], Ok("/home/me/.codex")),
            (&[("HOME", "/home/me"), ("CODEX_HOME", "/c")], Ok("/c")),
            (&[("HOME", "/home/me"), ("CODEX_HOME", "")], Ok("/home/me/.codex")),
            (
                &[("HOME", "/home/me"), ("CODEX_HOME", "./.codex")],
                Err("$CODEX_HOME: must be an absolute path, not `./.codex`"),
            ),
            (&[("HOME", "me")], Err("$CODEX_HOME: is not set, and `HOME` is not an absolute path either")),
        ];
        for (pairs, expected) in cases {
            let got = Environment::from_pairs(pairs.iter().copied()).codex_home();
            let got = got.map(|path| path.display().to_string()).map_err(|error| error.to_string());
            assert_eq!(got, expected.map(String::from).map_err(String::from), "{pairs:?}");
        }
    }

    #[test]
    fn temporary_directories() {
        let real = tempfile::tempdir().unwrap();
        let real = real.path().to_str().unwrap();
        let cases: &[(Pairs, &str)] = &[
            (&[], "/tmp"),
            (&[("XDG_RUNTIME_DIR", real), ("TMPDIR", "/")], real),
            (&[("XDG_RUNTIME_DIR", "/no/such"), ("TMPDIR", real)], real),
            (&[("XDG_RUNTIME_DIR", "."), ("TMPDIR", "")], "/tmp"),
        ];
        for (pairs, expected) in cases {
            assert_eq!(Environment::from_pairs(pairs.iter().copied()).temp_dir(), Path::new(expected));
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::from_pairs([("OPENAI_API_KEY", "sk-123")]);
        assert_eq!(format!("{environment:?}"), r#"{"OPENAI_API_KEY"}"#);
    }
}
