//! What commands and tools cannot look into unless the user says otherwise: files and directories that hold credentials.
//!
//! The list names only what holds credentials and nothing that builds need besides. `~/.npmrc`, `~/.m2/settings.xml`,
//! `~/.gradle/gradle.properties` and the like are not on it though they may hold a token: they also say which registry
//! a build takes its packages from. `[sandbox] hide` adds them.
//!
//! It must never hide a file that the last commit holds, which would then look changed, nor read what it finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Below the home directory. Sorted.
const BELOW_HOME: &[&str] = &[
    ".aws",
    ".azure",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude/.credentials.json",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".config/containers/auth.json",
    ".config/doctl",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/github-copilot",
    ".config/glab-cli",
    ".config/hub",
    ".config/op",
    ".config/rclone",
    ".config/sops",
    ".docker",
    ".gem/credentials",
    ".gemini/oauth_creds.json",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".m2/settings-security.xml",
    ".netrc",
    ".password-store",
    ".pgpass",
    ".pypirc",
    ".ssh",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
];

/// Below the directory of our own settings: credentials of this program and of the existing CLI. Sorted.
const BELOW_OUR_HOME: &[&str] = &[
    ".credentials.json",
    "auth.json",
    "credentials.toml",
    "mcp_credentials.json",
    "remote-tokens.json",
    "serve",
    "tokens",
];

/// Directories that hold what was installed or built, in which nobody keeps settings. Sorted.
const NOT_ENTERED: &[&str] =
    &[".git", ".venv", "__pycache__", "build", "dist", "node_modules", "target", "vendor", "venv"];

/// How many directories below a root are looked into one in another for files of settings.
const DEPTH: usize = 3;
/// Most directories that are listed below one root, nearest first: starting must stay quick in a large tree. Files do not
/// count: any command can make many.
const MOST_DIRECTORIES: usize = 2000;
/// Names that are looked for in a directory that is not listed too.
const LOOKED_FOR: &[&str] = &[".env", ".env.local"];

/// The credentials below the home directory and below our own that exist, by their real paths.
pub fn credentials(home: Option<&Path>, our_home: &Path) -> Vec<PathBuf> {
    let below = |base: &Path, names: &[&str]| names.iter().map(|name| base.join(name)).collect::<Vec<_>>();
    let mut paths = home.map(|home| below(home, BELOW_HOME)).unwrap_or_default();
    paths.extend(below(our_home, BELOW_OUR_HOME));
    // Few of them exist, and finding the real path of one takes a call for each part of it.
    paths.into_iter().filter(|path| path.exists()).filter_map(|path| path.canonicalize().ok()).collect()
}

/// The files below `root` that are named as those which keep a project's secrets (`.env`, `.env.local`,
/// `.env.*.local`): the directories that hold some, each with their names.
///
/// Whether git tracks them is not looked at. Those further down than a few directories, or below the first 2000
/// directories, are not found.
pub fn environment_files(root: &Path) -> BTreeMap<PathBuf, Vec<OsString>> {
    let mut found: BTreeMap<PathBuf, Vec<OsString>> = BTreeMap::new();
    let (mut level, mut left) = (vec![root.to_owned()], MOST_DIRECTORIES);
    for _ in 0..=DEPTH {
        let mut below = Vec::new();
        for directory in level {
            let mut names = BTreeSet::new();
            let is_file =
                |name: &&&str| directory.join(name).symlink_metadata().is_ok_and(|metadata| !metadata.is_dir());
            names.extend(LOOKED_FOR.iter().filter(is_file).map(OsString::from));
            let listed = (left > 0).then(|| fs::read_dir(&directory).ok()).flatten();
            left = left.saturating_sub(1);
            for entry in listed.into_iter().flatten().flatten() {
                let name = entry.file_name();
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_directory && !NOT_ENTERED.iter().any(|other| name == *other) {
                    below.push(entry.path());
                } else if !is_directory && name.to_str().is_some_and(keeps_secrets) {
                    names.insert(name);
                }
            }
            if !names.is_empty() {
                found.insert(directory, names.into_iter().collect());
            }
        }
        level = below;
    }
    found
}

fn keeps_secrets(name: &str) -> bool {
    matches!(name, ".env" | ".env.local")
        || name
            .strip_prefix(".env.")
            .and_then(|rest| rest.strip_suffix(".local"))
            .is_some_and(|stage| !stage.is_empty())
}

/// `path` less `kept`, which may be named by links: all of it if none of them lies in it, nothing if one of them holds
/// it, and what lies beside them otherwise.
pub fn without(path: &Path, kept: &[PathBuf]) -> Vec<PathBuf> {
    let kept: Vec<PathBuf> = kept.iter().filter_map(|kept| kept.canonicalize().ok()).collect();
    let (mut rest, mut open) = (Vec::new(), vec![path.to_owned()]);
    while let Some(path) = open.pop() {
        if kept.iter().any(|kept| path.starts_with(kept)) {
            continue;
        }
        if kept.iter().any(|kept| kept.starts_with(&path)) {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else {
            rest.push(path);
        }
    }
    rest.sort();
    rest
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(base: &Path, names: &[&str]) {
        for name in names {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    fn below(base: &Path, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(base).unwrap().display().to_string()).collect()
    }

    #[test]
    fn tables_are_sorted() {
        assert!(BELOW_HOME.is_sorted() && BELOW_OUR_HOME.is_sorted() && NOT_ENTERED.is_sorted());
    }

    #[test]
    fn credentials_that_exist_by_their_real_paths() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["h/.ssh/id", "h/.npmrc", "h/.cargo/credentials.toml", "h/.cargo/config.toml", "dotfiles/netrc"]);
        put(&base, &["c/auth.json", "c/config.toml"]);
        symlink(base.join("dotfiles/netrc"), base.join("h/.netrc")).unwrap();
        let found = credentials(Some(&base.join("h")), &base.join("c"));
        assert_eq!(below(&base, &found), ["h/.cargo/credentials.toml", "dotfiles/netrc", "h/.ssh", "c/auth.json"]);
        assert_eq!(below(&base, &credentials(None, &base.join("c"))), ["c/auth.json"]);
    }

    #[test]
    fn files_of_settings_by_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        let secret = [".env", ".env.local", ".env.production.local", "apps/web/api/.env"];
        let plain =
            [".env.example", ".env.sample", ".env.template", ".env.production", ".envrc", "a.env", ".env..local"];
        let far = ["node_modules/x/.env", "a/b/c/d/.env", ".env.d/.env2"];
        put(base, &[&secret[..], &plain, &far].concat());
        fs::create_dir(base.join("a/.env")).unwrap();
        let found = environment_files(base)
            .into_iter()
            .flat_map(|(directory, names)| names.into_iter().map(move |name| directory.join(name)).collect::<Vec<_>>());
        let mut found = below(base, &found.collect::<Vec<_>>());
        found.sort();
        assert_eq!(found, secret);
        assert!(environment_files(&base.join("none")).is_empty());
    }

    #[test]
    fn no_crowd_of_others_keeps_files_of_settings_from_being_found() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        put(base, &["zz/app/.env"]);
        for number in 0..MOST_DIRECTORIES + 100 {
            fs::write(base.join(format!("junk{number}")), "").unwrap();
        }
        assert!(environment_files(base).contains_key(&base.join("zz/app")));
        for number in 0..MOST_DIRECTORIES + 100 {
            put(base, &[&format!("full/{number}/.env")]);
        }
        let found = environment_files(base);
        assert!((0..MOST_DIRECTORIES + 100).all(|number| found.contains_key(&base.join(format!("full/{number}")))));
    }

    #[test]
    fn what_is_kept_is_cut_out() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["a/b/c", "a/b/d", "a/e", "f"]);
        symlink(base.join("a/b/c"), base.join("link")).unwrap();
        let table: &[(&str, &[&str], &[&str])] = &[
            ("a", &[], &["a"]),
            ("a", &["f"], &["a"]),
            ("a", &["a"], &[]),
            ("a", &[""], &[]),
            ("a", &["a/b"], &["a/e"]),
            ("a", &["link"], &["a/b/d", "a/e"]),
            ("a", &["a/b/c", "a/e"], &["a/b/d"]),
            ("a", &["a/bb"], &["a"]),
        ];
        for (path, kept, expected) in table {
            let kept: Vec<PathBuf> = kept.iter().map(|kept| base.join(kept)).collect();
            assert_eq!(below(&base, &without(&base.join(path), &kept)), *expected, "{path} {kept:?}");
        }
    }
}
