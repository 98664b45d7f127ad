//! Where a value came from. Plain data; a place in a file never holds the value itself, which may be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The place that a value, a warning or an error belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A place in a file.
    File {
        /// The file, absolute.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
        /// In characters, counted from 1.
        column: u32,
    },
    /// A file as a whole.
    WholeFile(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// The command line: a flag as typed, or `-c key=…`. Of `-c` the value is shown only if it is a number, a boolean or
    /// one of a few words: others may be secrets.
    Override(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Override(typed) => f.write_str(typed),
        }
    }
}

/// The origin of every value that is not a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(crate) fn new(origins: BTreeMap<String, Origin>) -> Self {
        Self(origins)
    }

    /// Where the value of a key came from. `key` is a dotted path of canonical names, such as `sandbox` or
    /// `model_providers.local.base_url`; one entry of a list that several layers append to is `add_dir[0]`.
    pub fn get(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }

    /// All keys that were set, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(key, origin)| (key.as_str(), origin))
    }
}

/// A path of keys as TOML writes it: joined by dots, with quotes where a name needs them.
pub(crate) fn dotted(path: &[String]) -> String {
    let bare = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let quote = |name: &String| if bare(name) { name.clone() } else { format!("{name:?}") };
    path.iter().map(quote).collect::<Vec<_>>().join(".")
}
