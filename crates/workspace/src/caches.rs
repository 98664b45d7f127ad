//! Where build tools keep what they fetched and built before: directories that commands change in their own view only.
//!
//! It must never name what a tool is configured or started from (`~/.cargo/bin`, `~/.rustup`): those stay read-only.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::secrets::without;

/// A tool's caches.
struct Cache {
    /// The environment variable that says where the tool keeps its things; empty if there is none.
    variable: &'static str,
    /// Where it keeps them otherwise, below the home directory.
    usual: &'static str,
    /// The caches there; empty for all of it.
    inside: &'static [&'static str],
}

const fn cache(variable: &'static str, usual: &'static str, inside: &'static [&'static str]) -> Cache {
    Cache { variable, usual, inside }
}

/// Sorted by the usual place.
const CACHES: &[Cache] = &[
    cache("BUN_INSTALL", ".bun", &["install/cache"]),
    cache("XDG_CACHE_HOME", ".cache", &[]),
    cache("CARGO_HOME", ".cargo", &["git", "registry"]),
    cache("", ".gradle", &[]),
    cache("", ".ivy2", &[]),
    cache("PNPM_HOME", ".local/share/pnpm", &["store"]),
    cache("", ".m2", &[]),
    cache("npm_config_cache", ".npm", &[]),
    cache("NUGET_PACKAGES", ".nuget/packages", &[]),
    cache("", ".pnpm-store", &[]),
    cache("PUB_CACHE", ".pub-cache", &[]),
    cache("", ".sbt", &[]),
    cache("", ".yarn", &["berry"]),
    cache("GOPATH", "go", &[]),
];

/// The caches that exist, by their real paths, each once, and nothing that holds or lies in one of `roots`: there what
/// is written is meant to stay. `variable` looks an environment variable up.
pub fn caches<'a>(home: &Path, variable: impl Fn(&str) -> Option<&'a OsStr>, roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for cache in CACHES {
        let set = variable(cache.variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let place = set.unwrap_or_else(|| home.join(cache.usual));
        let inside = if cache.inside.is_empty() { &[""][..] } else { cache.inside };
        let there = inside.iter().map(|inside| place.join(inside)).filter(|path| path.is_dir());
        let real = there.filter_map(|path| path.canonicalize().ok());
        found.extend(real.flat_map(|path| without(&path, roots)));
    }
    found.retain(|path| path.is_dir());
    found.sort();
    found.dedup();
    // One below another is changed with it. Sorted, so that the outer one comes first.
    let mut outer: Vec<PathBuf> = Vec::new();
    for path in found {
        if !outer.iter().any(|outer| path.starts_with(outer)) {
            outer.push(path);
        }
    }
    outer
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CACHES.is_sorted_by_key(|cache| cache.usual));
    }

    #[test]
    fn caches_that_exist_and_hold_no_root() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for name in ["h/.cache/pip", "h/.cargo/registry", "h/.cargo/bin", "h/go/pkg", "h/go/src/mine", "other/git"] {
            fs::create_dir_all(base.join(name)).unwrap();
        }
        fs::write(base.join("h/.npm"), "").unwrap();
        let other = base.join("other");
        let table: &[(Option<&str>, &[&str], &[&str])] = &[
            (None, &[], &["h/.cache", "h/.cargo/registry", "h/go"]),
            (None, &["h/go/src/mine"], &["h/.cache", "h/.cargo/registry", "h/go/pkg"]),
            (None, &["h"], &[]),
            (Some("CARGO_HOME"), &[], &["h/.cache", "h/go", "other/git"]),
            (Some("GOPATH"), &[], &["h/.cache", "h/.cargo/registry", "other"]),
        ];
        for (set, roots, expected) in table {
            let roots: Vec<PathBuf> = roots.iter().map(|root| base.join(root)).collect();
            let variable = |name: &str| (Some(name) == *set).then_some(other.as_os_str());
            let found = caches(&base.join("h"), variable, &roots);
            let expected: Vec<PathBuf> = expected.iter().map(|path| base.join(path)).collect();
            assert_eq!(found, expected, "{set:?} {roots:?}");
        }
    }
}
