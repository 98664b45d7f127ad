//! Where a plugin comes from, as it is typed.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::is_name;

/// Where a plugin, or a marketplace, comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Source {
    /// A directory, as it is: absolute.
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// A commit of a git repository.
    Git(GitSource),
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSource {
    /// An address, or an absolute path.
    pub url: String,
    /// A branch, a tag or a commit; `None`: what the repository has checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The directory in it, relative; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdirectory: Option<PathBuf>,
}

impl GitSource {
    /// Where it lies, if that is on this machine.
    pub(super) fn local(&self) -> Option<&Path> {
        Some(Path::new(self.url.strip_prefix("file://").unwrap_or(&self.url))).filter(|path| path.is_absolute())
    }
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A place.
    Source(Source),
    /// `NAME@MARKETPLACE`.
    Listed {
        /// The plugin's name.
        name: String,
        /// The marketplace's name.
        marketplace: String,
    },
}

impl Source {
    /// Reads `typed`: a directory, a git repository's path or address with `#REF`, `#REF:DIRECTORY` or `#:DIRECTORY` after
    /// it, `OWNER/REPOSITORY` of GitHub, or `NAME@MARKETPLACE`. Paths are relative to `cwd`.
    ///
    /// # Errors
    /// A sentence: it is none of them.
    pub fn parse(typed: &str, cwd: &Path) -> Result<Typed, String> {
        let whole = cwd.join(typed);
        let (place, fragment) = match typed.rsplit_once('#') {
            Some((place, fragment)) if !whole.is_dir() => (place, Some(fragment)),
            _ => (typed, None),
        };
        let (reference, subdirectory) = fragment.map_or(Ok((None, None)), parse_fragment)?;
        let git = |url: String| Typed::Source(Self::Git(GitSource { url, reference, subdirectory }));
        if is_address(place)? {
            return Ok(git(place.to_owned()));
        }
        let path = cwd.join(place);
        if path.is_dir() {
            let path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
            return match fragment.is_some() || is_repository(&path) {
                true => Ok(git(path.to_str().ok_or("the path is not UTF-8")?.to_owned())),
                false => Ok(Typed::Source(Self::Directory { path })),
            };
        }
        if let (None, Some((name, marketplace))) = (fragment, place.split_once('@'))
            && is_name(name)
            && is_name(marketplace)
        {
            return Ok(Typed::Listed { name: name.to_owned(), marketplace: marketplace.to_owned() });
        }
        if let Some(url) = of_github(place) {
            return Ok(git(url));
        }
        Err(format!(
            "{typed}: there is no such directory, and it is no address (https://…, ssh://…, git@HOST:…), no \
             OWNER/REPOSITORY of GitHub and no NAME@MARKETPLACE"
        ))
    }

    /// Where it lies, if that is on this machine.
    pub(super) fn local(&self) -> Option<&Path> {
        match self {
            Self::Directory { path } => Some(path),
            Self::Git(source) => source.local(),
        }
    }

    /// As a person would type it.
    pub fn shown(&self) -> String {
        match self {
            Self::Directory { path } => path.display().to_string(),
            Self::Git(GitSource { url, reference, subdirectory }) => {
                let reference = reference.as_deref().unwrap_or_default();
                match subdirectory {
                    Some(directory) => format!("{url}#{reference}:{}", directory.display()),
                    None if reference.is_empty() => url.clone(),
                    None => format!("{url}#{reference}"),
                }
            }
        }
    }
}

/// The address of a repository of GitHub that is named `OWNER/REPOSITORY`.
pub(super) fn of_github(text: &str) -> Option<String> {
    let (owner, repository) = text.split_once('/')?;
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['-', '.'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    (is_part(owner) && is_part(repository))
        .then(|| format!("https://github.com/{owner}/{}.git", repository.trim_end_matches(".git")))
}

/// Whether `text` is the address of a repository.
///
/// # Errors
/// It is one that is not taken.
pub(super) fn is_address(text: &str) -> Result<bool, String> {
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) && text.contains("://") {
        return Err("an address holds no blanks".into());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return match scheme {
            "https" | "ssh" | "file" if host.starts_with('-') => Err(format!("{text}: no host begins with `-`")),
            "https" if host.contains('@') => {
                Err("an address with a password in it would be kept as it is: use one without".into())
            }
            "https" | "ssh" | "file" => Ok(true),
            _ => Err(format!("`{scheme}://` is not taken: use https://, ssh:// or git@HOST:PATH")),
        };
    }
    if text.contains("::") {
        return Err("remote helpers of git are not taken: use https://, ssh:// or git@HOST:PATH".into());
    }
    let scp = text.split_once(':').and_then(|(host, path)| Some((host.split_once('@')?, path)));
    Ok(scp.is_some_and(|((user, host), path)| {
        let is_plain = |text: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        is_plain(user) && is_plain(host) && !path.is_empty()
    }))
}

/// Whether the directory is a git repository's, with a tree or bare.
fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || ["HEAD", "objects", "refs"].iter().all(|name| path.join(name).exists())
}

fn parse_fragment(fragment: &str) -> Result<(Option<String>, Option<PathBuf>), String> {
    let (reference, directory) = match fragment.split_once(':') {
        Some((reference, directory)) => (reference, Some(directory)),
        None => (fragment, None),
    };
    let reference = check_reference(reference)?;
    let directory = directory.filter(|directory| !directory.is_empty()).map(check_subdirectory).transpose()?;
    Ok((reference, directory))
}

/// `reference`, if there is one and git may be given it.
pub(super) fn check_reference(reference: &str) -> Result<Option<String>, String> {
    let is_plain =
        reference.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '@'));
    match reference {
        "" => Ok(None),
        _ if !is_plain || reference.starts_with('-') || reference.contains("..") || reference.contains("@{") => {
            Err(format!("`{reference}` is no name of a branch, a tag or a commit"))
        }
        _ => Ok(Some(reference.to_owned())),
    }
}

/// `text` as a path that stays inside of where it begins.
pub(super) fn check_subdirectory(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text.strip_prefix("./").unwrap_or(text));
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_plain = !text.contains(char::is_control) && path.components().all(|part| part.as_os_str() != ".git");
    match is_inside && is_plain && path.as_os_str() != "" {
        true => Ok(path.to_owned()),
        false => Err(format!("`{text}` is no directory below its root")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        let scratch = tempfile::tempdir().unwrap();
        let cwd = scratch.path().canonicalize().unwrap();
        std::fs::create_dir_all(cwd.join("repository/.git")).unwrap();
        std::fs::create_dir_all(cwd.join("plain")).unwrap();
        let git = |url: &str, reference: Option<&str>, directory: Option<&str>| {
            let (reference, subdirectory) = (reference.map(str::to_owned), directory.map(PathBuf::from));
            Typed::Source(Source::Git(GitSource { url: url.to_owned(), reference, subdirectory }))
        };
        let repository = cwd.join("repository").display().to_string();
        let listed = |name: &str, at: &str| Typed::Listed { name: name.into(), marketplace: at.into() };
        for (typed, expected) in [
            ("plain", Typed::Source(Source::Directory { path: cwd.join("plain") })),
            ("./plain/", Typed::Source(Source::Directory { path: cwd.join("plain") })),
            ("repository", git(&repository, None, None)),
            ("repository#v1.2", git(&repository, Some("v1.2"), None)),
            ("repository#main:a/b", git(&repository, Some("main"), Some("a/b"))),
            ("repository#:a", git(&repository, None, Some("a"))),
            ("https://h/r.git#v1", git("https://h/r.git", Some("v1"), None)),
            ("git@h.org:o/r", git("git@h.org:o/r", None, None)),
            ("o/r", git("https://github.com/o/r.git", None, None)),
            ("o/r.git#x", git("https://github.com/o/r.git", Some("x"), None)),
            ("greet@team", listed("greet", "team")),
        ] {
            assert_eq!(Source::parse(typed, &cwd), Ok(expected), "{typed}");
        }
        for (typed, said) in [
            ("none", "no such directory"),
            ("http://h/r", "is not taken"),
            ("ext::sh -c x", "remote helpers"),
            ("https://user:pw@h/r", "password"),
            ("ssh://-oProxyCommand=x/r", "no host begins"),
            ("repository#--upload-pack=x", "no name of a branch"),
            ("repository#a..b", "no name of a branch"),
            ("repository#:../x", "no directory below"),
            ("repository#:/etc", "no directory below"),
            ("repository#:a/.git", "no directory below"),
        ] {
            let refused = Source::parse(typed, &cwd).unwrap_err();
            assert!(refused.contains(said), "{typed}: {refused}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for typed in ["https://h/r.git", "https://h/r.git#v1", "https://h/r.git#v1:a/b", "https://h/r.git#:a"] {
            let Ok(Typed::Source(source)) = Source::parse(typed, Path::new("/")) else { panic!("{typed}") };
            assert_eq!(source.shown(), typed);
        }
    }
}
