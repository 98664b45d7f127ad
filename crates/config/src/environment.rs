//! The environment of the process, read once. No other code of this program reads a variable, and nothing writes one.
//!
//! What commands get of it is decided here too: everything that is neither a secret nor a way to run code in, or
//! redirect, a program that the user did not ask to be changed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::variables::{self, Variable};
use crate::{ConfigError, Origin};

/// Parts of a name, in upper case, that say the value is a secret.
const SECRET_PARTS: &[&str] = &["KEY", "TOKEN", "SECRET", "PASS", "CRED", "AUTH"];

/// Names, in upper case, that commands never see: secrets, sockets that act for the user, start-up code of shells and
/// interpreters. Exported shell functions (`BASH_FUNC_`) could replace a command that was allowed by its name.
const HIDDEN_NAMES: &[&str] =
    &["DATABASE_URL", "SSH_AUTH_SOCK", "BASH_ENV", "ENV", "PYTHONSTARTUP", "NODE_OPTIONS", "TMP", "TEMP"];

/// Beginnings of such names.
const HIDDEN_PREFIXES: &[&str] = &["DBUS_", "LD_", "GIT_", "CODEX_", "BASH_FUNC_"];

/// The exceptions: who commits is no secret, though `AUTHOR` contains `AUTH`.
const SHOWN_NAMES: &[&str] = &[
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
];

/// A snapshot of the environment variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes the snapshot. Meant to be called once, by `main`.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// An environment of these variables alone; a later pair replaces an earlier one of the same name.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// This environment with one variable set otherwise.
    #[must_use]
    pub fn with(mut self, variable: Variable, value: impl Into<OsString>) -> Self {
        self.variables.insert(variable.name().into(), value.into());
        self
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

    /// What commands are started with: these variables less secrets and less what loads code into programs.
    ///
    /// `extra_hidden` are further names to leave out, whatever they look like: the variables that hold API keys.
    /// `private_temp` is where commands see their own temporary directory; it becomes `TMPDIR`. `None` keeps the
    /// user's, for commands without a sandbox.
    pub fn for_commands(&self, extra_hidden: &[&str], private_temp: Option<&Path>) -> BTreeMap<OsString, OsString> {
        let mut kept: BTreeMap<_, _> = self
            .variables
            .iter()
            .filter(|(name, value)| {
                let name = name.to_string_lossy();
                let users_temp = private_temp.is_none() && matches!(&*name, "TMP" | "TEMP");
                users_temp || (!extra_hidden.contains(&&*name) && !is_hidden(&name, &value.to_string_lossy()))
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(temp) = private_temp {
            kept.insert("TMPDIR".into(), temp.into());
        }
        kept
    }
}

/// Names only: values may be secrets, and this may end in a log.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// Whether a name, in upper case, says that the value is a secret.
pub(crate) fn has_secret_part(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether commands must not see a variable. Case does not count: tools read `http_proxy` and `HTTP_PROXY` alike.
fn is_hidden(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if SHOWN_NAMES.contains(&name.as_str()) {
        return false;
    }
    has_secret_part(&name)
        || HIDDEN_NAMES.contains(&name.as_str())
        || HIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        // `MYSQL_PWD`; the shell's own `PWD` and `OLDPWD` have no such ending.
        || name.ends_with("_PWD")
        // Any `@`: in a proxy's address it can only end a user name, and a password may hold every other character.
        || (name.ends_with("_PROXY") && value.contains('@'))
        || has_url_password(value)
}

/// Whether a value holds an address such as `redis://user:password@host`.
fn has_url_password(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn commands_see_what_is_neither_secret_nor_code() {
        let shown = [
            ("PATH", "/bin"),
            ("HOME", "/home/me"),
            ("LANG", "C.UTF-8"),
            ("OLDPWD", "/home"),
            ("PWD", "/"),
            ("EDITOR", "vi"),
            ("GIT_AUTHOR_NAME", "Me"),
            ("GIT_COMMITTER_EMAIL", "me@example.org"),
            ("HTTP_PROXY", "http://proxy:3128"),
            ("no_proxy", "localhost,.example.org"),
            ("HOMEPAGE", "https://example.org/@me"),
            ("REGISTRY", "https://me@example.org/x"),
            ("RUST_LOG", "debug"),
            ("ENVIRONMENT", "test"),
        ];
        let hidden = [
            ("OPENAI_API_KEY", "sk"),
            ("aws_secret_access_key", "x"),
            ("GITHUB_TOKEN", "x"),
            ("PGPASSWORD", "x"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/x"),
            ("XAUTHORITY", "/x"),
            ("MYSQL_PWD", "x"),
            ("DATABASE_URL", "postgres://localhost/x"),
            ("SSH_AUTH_SOCK", "/x"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:x"),
            ("https_proxy", "http://me:pw@proxy:3128"),
            ("ALL_PROXY", "me:p/w@proxy"),
            ("REDIS_URL", "redis://:pw@host/0"),
            ("BASH_ENV", "/x"),
            ("ENV", "/x"),
            ("BASH_FUNC_ls%%", "() { :; }"),
            ("LD_PRELOAD", "/x.so"),
            ("PYTHONSTARTUP", "/x"),
            ("NODE_OPTIONS", "--require x"),
            ("GIT_DIR", "/x"),
            ("GIT_SSH_COMMAND", "x"),
            ("GIT_AUTHOR_TOKEN", "x"),
            ("CODEX_HOME", "/x"),
            ("MY_LLM", "sk"),
        ];
        let environment = Environment::from_pairs(shown.iter().chain(&hidden).copied());
        let seen: Vec<_> = environment.for_commands(&["MY_LLM"], None).into_iter().collect();
        let mut expected: Vec<_> =
            shown.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        expected.sort();
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_temporary_directory_is_the_private_one_or_the_users() {
        let user = Environment::from_pairs([("TMPDIR", "/mine"), ("TMP", "/mine"), ("A", "b")]);
        let names = |map: BTreeMap<OsString, OsString>| format!("{map:?}");
        assert_eq!(names(user.for_commands(&[], Some(Path::new("/tmp")))), r#"{"A": "b", "TMPDIR": "/tmp"}"#);
        assert_eq!(names(user.for_commands(&[], None)), r#"{"A": "b", "TMP": "/mine", "TMPDIR": "/mine"}"#);
    }

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
