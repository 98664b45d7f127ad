//! What commands get of the environment: `[shell_environment_policy]`, and what no setting gives them.
//!
//! The settings choose among what is left when everything is taken out that acts for the user, or runs code in, or
//! redirects, a program that nobody asked to be changed. Nothing here gives that back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use crate::{Environment, variables};

/// Parts of a name, in upper case, that say the value is a secret.
const SECRET_PARTS: &[&str] = &["KEY", "TOKEN", "SECRET", "PASS", "CRED", "AUTH"];

/// Names, in upper case, that commands never see: sockets that act for the user, programs that ask for passwords,
/// start-up code of shells and interpreters.
const NEVER: &[&str] =
    &["BASH_ENV", "ENV", "NODE_OPTIONS", "PYTHONSTARTUP", "SSH_ASKPASS", "SSH_AUTH_SOCK", "SUDO_ASKPASS", "XAUTHORITY"];

/// Beginnings of such names. Exported shell functions (`BASH_FUNC_`) could replace a command that was allowed by its
/// name.
const NEVER_PREFIXES: &[&str] = &["DBUS_", "LD_", "GIT_", "CODEX_", "BASH_FUNC_"];

/// The exceptions: who commits is no secret, though `AUTHOR` contains `AUTH`.
const SHOWN_NAMES: &[&str] = &[
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
];

/// What `inherit = "core"` keeps, beside all that begins with `LC_`.
const CORE: &[&str] = &["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TEMP", "TMP", "TMPDIR", "USER", "USERNAME"];

/// Where commands, and git for them, are looked for when the policy leaves them no `PATH`: what shells do themselves.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What commands inherit, before anything is taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inherit {
    /// Everything.
    #[default]
    All,
    /// What programs need to find their way about.
    Core,
    /// Nothing.
    None,
}

/// What commands get of the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvironmentPolicy {
    /// Where to begin.
    pub inherit: Inherit,
    /// Whether variables that look like secrets are passed on.
    pub ignore_default_excludes: bool,
    /// What is taken out.
    pub exclude: Patterns,
    /// What is put in then.
    pub set: BTreeMap<String, String>,
    /// If there are any: what is left at last.
    pub include_only: Patterns,
}

/// Values may be secrets.
impl fmt::Debug for EnvironmentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentPolicy")
            .field("inherit", &self.inherit)
            .field("ignore_default_excludes", &self.ignore_default_excludes)
            .field("exclude", &self.exclude)
            .field("set", &self.set.keys())
            .field("include_only", &self.include_only)
            .finish()
    }
}

/// Patterns for names of variables: `*` is any text, `?` any character, and case does not count.
#[derive(Clone, Default)]
pub struct Patterns {
    texts: Vec<String>,
    globs: GlobSet,
}

impl Patterns {
    /// # Errors
    /// The number of a text that is no pattern, and why. Of several that are too much together, the last.
    pub(crate) fn new(texts: Vec<String>) -> Result<Self, (usize, String)> {
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let mut builder = GlobSetBuilder::new();
        for (number, text) in texts.iter().enumerate() {
            let glob = Glob::new(&text.to_ascii_uppercase()).map_err(|error| (number, error.kind().to_string()))?;
            builder.add(glob);
        }
        let globs = builder.build().map_err(|error| (texts.len() - 1, error.kind().to_string()))?;
        Ok(Self { texts, globs })
    }

    /// Whether one fits a name in upper case.
    fn fit(&self, name: &str) -> bool {
        !self.texts.is_empty() && self.globs.is_match(name)
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Patterns {}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts.fmt(f)
    }
}

impl Environment {
    /// What commands are started with: what `policy` leaves, less what they never see.
    ///
    /// `never` are further names to leave out, whatever they look like: the variables that hold API keys.
    /// `private_temp` is where commands see their own temporary directory; it becomes `TMPDIR`. `None` keeps the
    /// user's, for commands without a sandbox. There is always a `PATH`.
    pub fn for_commands(
        &self,
        policy: &EnvironmentPolicy,
        never: &[&str],
        private_temp: Option<&Path>,
    ) -> BTreeMap<OsString, OsString> {
        let is_out = |name: &str, value: &str| {
            let upper = name.to_ascii_uppercase();
            let private = private_temp.is_some() && ["TMP", "TEMP"].contains(&name);
            let secret = !policy.ignore_default_excludes && is_secret(&upper, value);
            private || secret || never.contains(&name) || is_never_seen(&upper) || policy.exclude.fit(&upper)
        };
        let is_inherited = |name: &str| match policy.inherit {
            Inherit::All => true,
            Inherit::Core => CORE.contains(&name) || name.starts_with("LC_"),
            Inherit::None => false,
        };
        let mut kept: BTreeMap<OsString, OsString> = self
            .variables()
            .filter(|(name, _)| is_inherited(&name.to_string_lossy()))
            .filter(|(name, value)| !is_out(&name.to_string_lossy(), &value.to_string_lossy()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        kept.extend(policy.set.iter().map(|(name, value)| (name.into(), value.into())));
        if !policy.include_only.texts.is_empty() {
            kept.retain(|name, _| policy.include_only.fit(&name.to_string_lossy().to_ascii_uppercase()));
        }
        if let Some(temp) = private_temp
            && !policy.set.contains_key(variables::TMPDIR.name())
        {
            kept.insert(variables::TMPDIR.name().into(), temp.into());
        }
        kept.entry(variables::PATH.name().into()).or_insert_with(|| USUAL_PATH.into());
        kept
    }
}

impl Environment {
    /// Values of the variables that look like secrets, and of those that `named` names.
    pub fn secrets(&self, named: &BTreeSet<String>) -> Vec<String> {
        let pairs = self.variables().filter_map(|(name, value)| name.to_str().zip(value.to_str()));
        let secrets =
            pairs.filter(|(name, value)| named.contains(*name) || is_secret(&name.to_ascii_uppercase(), value));
        secrets.map(|(_, value)| value.to_owned()).collect()
    }
}

/// Why no variable of this name and value can be given to commands by the settings; to follow the name.
pub(crate) fn refusal(name: &str, value: &str) -> Option<&'static str> {
    match name {
        _ if name.is_empty() || name.contains(['=', '\0']) => Some("no environment variable has this name"),
        _ if value.contains('\0') => Some("no environment variable has such a value"),
        _ if is_never_seen(&name.to_ascii_uppercase()) => {
            Some("commands never get it: by it code is loaded into programs, or they act for you")
        }
        _ => None,
    }
}

/// Whether a name, in upper case, says that the value is a secret.
pub(crate) fn has_secret_part(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether commands never see a variable of this name, in upper case.
fn is_never_seen(name: &str) -> bool {
    !SHOWN_NAMES.contains(&name)
        && (NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Whether a variable looks like a secret. The name is in upper case: tools read `http_proxy` and `HTTP_PROXY` alike.
fn is_secret(name: &str, value: &str) -> bool {
    if SHOWN_NAMES.contains(&name) {
        return false;
    }
    has_secret_part(name)
        || name == "DATABASE_URL"
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

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::new(texts.iter().map(|text| (*text).into()).collect()).unwrap()
    }

    /// What commands without a sandbox get, as `NAME=VALUE` with blanks between.
    fn seen(policy: &EnvironmentPolicy, pairs: Pairs) -> String {
        let seen = Environment::from_pairs(pairs.iter().copied()).for_commands(policy, &["MY_LLM"], None);
        let shown = seen.iter().map(|(name, value)| format!("{}={}", name.display(), value.display()));
        shown.collect::<Vec<_>>().join(" ")
    }

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
        let secret = [
            ("OPENAI_API_KEY", "sk"),
            ("aws_secret_access_key", "x"),
            ("GITHUB_TOKEN", "x"),
            ("PGPASSWORD", "x"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/x"),
            ("MYSQL_PWD", "x"),
            ("DATABASE_URL", "postgres://localhost/x"),
            ("https_proxy", "http://me:pw@proxy:3128"),
            ("ALL_PROXY", "me:p/w@proxy"),
            ("REDIS_URL", "redis://:pw@host/0"),
        ];
        let never = [
            ("XAUTHORITY", "/x"),
            ("SSH_AUTH_SOCK", "/x"),
            ("SSH_ASKPASS", "/x"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:x"),
            ("BASH_ENV", "/x"),
            ("ENV", "/x"),
            ("BASH_FUNC_ls%%", "() { :; }"),
            ("LD_PRELOAD", "/x.so"),
            ("ld_preload", "/x.so"),
            ("PYTHONSTARTUP", "/x"),
            ("NODE_OPTIONS", "--require x"),
            ("GIT_DIR", "/x"),
            ("GIT_SSH_COMMAND", "x"),
            ("GIT_AUTHOR_TOKEN", "x"),
            ("CODEX_HOME", "/x"),
            ("MY_LLM", "sk"),
        ];
        let environment = Environment::from_pairs(shown.iter().chain(&secret).chain(&never).copied());
        let pairs = |given: &[Pairs]| -> BTreeMap<OsString, OsString> {
            given.concat().iter().map(|(name, value)| (name.into(), value.into())).collect()
        };
        let default = EnvironmentPolicy::default();
        assert_eq!(environment.for_commands(&default, &["MY_LLM"], None), pairs(&[&shown]));
        let all = EnvironmentPolicy { ignore_default_excludes: true, ..EnvironmentPolicy::default() };
        assert_eq!(environment.for_commands(&all, &["MY_LLM"], None), pairs(&[&shown, &secret]));
        for (name, _) in never {
            assert_eq!(refusal(name, "x").is_some(), name != "MY_LLM", "{name}");
        }
        assert!(secret.iter().chain(&shown).all(|(name, value)| refusal(name, value).is_none()));
        assert!(refusal("", "x").and(refusal("A=B", "x")).and(refusal("A", "\0")).is_some());
    }

    #[test]
    fn policies() {
        let pairs = [
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("LC_ALL", "C"),
            ("USER", "me"),
            ("AWS_REGION", "eu"),
            ("aws_profile", "p"),
            ("GITHUB_TOKEN", "t"),
            ("LD_PRELOAD", "/x"),
        ];
        let default = EnvironmentPolicy::default;
        let set = |pairs: Pairs| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let usual = "PATH=/usr/local/bin:/usr/bin:/bin";
        let table = [
            (default(), "AWS_REGION=eu HOME=/h LC_ALL=C PATH=/bin USER=me aws_profile=p".to_owned()),
            (EnvironmentPolicy { inherit: Inherit::Core, ..default() }, "HOME=/h LC_ALL=C PATH=/bin USER=me".into()),
            (EnvironmentPolicy { inherit: Inherit::None, ..default() }, usual.into()),
            (
                EnvironmentPolicy { ignore_default_excludes: true, exclude: patterns(&["aws_*", "us?r"]), ..default() },
                "GITHUB_TOKEN=t HOME=/h LC_ALL=C PATH=/bin".into(),
            ),
            // What is set was not excluded; what nothing includes is left out all the same.
            (
                EnvironmentPolicy {
                    inherit: Inherit::None,
                    exclude: patterns(&["*"]),
                    set: set(&[("MY_TOKEN", "1"), ("PATH", "/x"), ("USER", "you")]),
                    ..default()
                },
                "MY_TOKEN=1 PATH=/x USER=you".into(),
            ),
            (
                EnvironmentPolicy {
                    set: set(&[("CI", "1"), ("DEBUG", "1")]),
                    include_only: patterns(&["path", "c?", "home"]),
                    ..default()
                },
                "CI=1 HOME=/h PATH=/bin".into(),
            ),
            // A list of what to include brings nothing back.
            (EnvironmentPolicy { include_only: patterns(&["LD_*", "*TOKEN", "MY_LLM"]), ..default() }, usual.into()),
        ];
        for (policy, expected) in table {
            assert_eq!(seen(&policy, &pairs), expected, "{policy:?}");
        }
    }

    #[test]
    fn the_temporary_directory_is_the_private_one_or_the_users() {
        let user = Environment::from_pairs([("TMPDIR", "/mine"), ("TMP", "/mine"), ("PATH", "b")]);
        let names = |map: BTreeMap<OsString, OsString>| format!("{map:?}");
        let default = EnvironmentPolicy::default();
        let private = user.for_commands(&default, &[], Some(Path::new("/tmp")));
        assert_eq!(names(private), r#"{"PATH": "b", "TMPDIR": "/tmp"}"#);
        let plain = user.for_commands(&default, &[], None);
        assert_eq!(names(plain), r#"{"PATH": "b", "TMP": "/mine", "TMPDIR": "/mine"}"#);
        let set = [("TMPDIR".to_owned(), "/w/tmp".to_owned())].into();
        let policy = EnvironmentPolicy { inherit: Inherit::None, set, ..default };
        let set = user.for_commands(&policy, &[], Some(Path::new("/tmp")));
        assert_eq!(names(set), r#"{"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": "/w/tmp"}"#);
    }

    #[test]
    fn no_value_is_shown() {
        let policy = EnvironmentPolicy { set: [("A".into(), "sk-123".into())].into(), ..EnvironmentPolicy::default() };
        assert!(format!("{policy:?}").contains(r#"set: ["A"]"#) && !format!("{policy:?}").contains("sk-123"));
    }
}
