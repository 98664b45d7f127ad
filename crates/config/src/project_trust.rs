//! What the files of a project want that only a trusted one may have, and which of them are trusted.
//!
//! A file is asked about by the bytes that were parsed. What is not held back today costs nothing: then nobody looks up
//! what is trusted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::plain;
use crate::explain::{shown, shown_to_trust};
use crate::layer::Leaf;
use crate::load::Read;
use crate::merge::{Merged, removed};
use crate::origin::dotted;
use crate::source::Name;
use crate::trust::{hold_back, warning};
use crate::trust_store::{Hash, TrustStore, Verdict};
use crate::{ConfigError, LoadRequest, Origin, Warning};

/// A project, and those of its files that want what only a trusted one may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectTrust {
    /// The project's root, as its real path.
    pub root: PathBuf,
    /// The files, lowest layer first.
    pub files: Vec<ProjectFile>,
}

/// A file of a project that wants something that only a trusted one may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its path below the project's root.
    pub relative: PathBuf,
    /// The hash of the bytes that were read.
    pub hash: Hash,
    /// Whether the user trusts it, by what is remembered; with [`LoadRequest::trust_project`] that is not looked up.
    pub verdict: Verdict,
    /// What it wants, in the order of its layer; in profiles that are not selected too.
    pub held: Vec<Held>,
}

/// A setting that is held back unless its file is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its dotted path.
    pub key: String,
    /// Where it stands.
    pub origin: Origin,
    /// What it would be, as TOML on one line, less what may be a secret.
    pub value: String,
    /// What is in force instead, if there is something.
    pub instead: Option<String>,
    /// Whether it is a list that is added to what is in force.
    pub adds: bool,
    /// Whether it takes something out of that list.
    pub removes: bool,
}

impl ProjectTrust {
    /// The files that are not trusted as they are.
    pub fn untrusted(&self) -> impl Iterator<Item = &ProjectFile> {
        self.files.iter().filter(|file| file.verdict != Verdict::Trusted)
    }

    /// What [`crate::trust`] takes: the files that are not trusted as they were read.
    pub fn hashes(&self) -> Vec<(PathBuf, Hash)> {
        self.untrusted().map(|file| (file.relative.clone(), file.hash)).collect()
    }
}

/// What the user trusts, read when it is first asked about: where nothing wants anything, it need not be in order.
#[derive(Debug, Default)]
pub(crate) struct WhatIsTrusted(Option<TrustStore>);

impl WhatIsTrusted {
    /// Whether the bytes with this hash are trusted as the file `relative` of the project `root`: by a yes of this moment, or
    /// by what is remembered.
    ///
    /// # Errors
    /// What is remembered cannot be read, or is not in order.
    pub(crate) fn verdict(
        &mut self,
        request: &LoadRequest<'_>,
        root: &Path,
        relative: &Path,
        hash: &Hash,
    ) -> Result<Verdict, ConfigError> {
        if request.accepted.iter().any(|(path, known)| path == relative && known == hash) {
            return Ok(Verdict::Trusted);
        }
        let store = match &mut self.0 {
            Some(store) => store,
            none => none.insert(TrustStore::read(request.codex_home)?),
        };
        Ok(store.verdict(root, relative, hash))
    }
}

/// A file that wants something, while layers are put together.
#[derive(Debug)]
pub(crate) struct Wanting {
    /// Its number among the files.
    number: usize,
    hash: Hash,
    verdict: Verdict,
    /// What it wants now.
    leaves: Vec<Leaf>,
    /// What it wants in profiles that are not selected.
    in_profiles: Vec<Leaf>,
}

/// Those of the project's files that are not trusted and are not among `known`, and of which something was held back in
/// `merged`; with `all`, those too that want something in a profile only.
pub(crate) fn wanting(files: &[Read], merged: &Merged, known: &[Wanting], all: bool) -> Vec<Wanting> {
    let mut found = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let is_known = known.iter().any(|it| it.number == number);
        if is_known || !file.place.kind.is_of_project() || file.trusted {
            continue;
        }
        let leaves = held_of(file, merged);
        let in_profiles = if all || !leaves.is_empty() { held_in_profiles(file, merged, &leaves) } else { Vec::new() };
        if let Some(site) = leaves.iter().chain(&in_profiles).find_map(|leaf| leaf.site.as_ref()) {
            let hash = Hash::of(site.source.text.as_bytes());
            found.push(Wanting { number, hash, verdict: Verdict::Unknown, leaves, in_profiles });
        }
    }
    found
}

/// Makes those files trusted that the user trusts. Whether any is.
pub(crate) fn judge(
    request: &LoadRequest<'_>,
    root: &Path,
    files: &mut [Read],
    found: &mut [Wanting],
) -> Result<bool, ConfigError> {
    let mut trusted = WhatIsTrusted::default();
    for it in found.iter_mut() {
        let file = &mut files[it.number];
        let relative = relative(root, &file.place.path);
        if !request.trust_project {
            it.verdict = trusted.verdict(request, root, relative, &it.hash)?;
        }
        file.trusted = request.trust_project || it.verdict == Verdict::Trusted;
    }
    Ok(found.iter().any(|it| files[it.number].trusted))
}

/// What there is to say of files that want something, once all layers are put together; and the warnings about it.
pub(crate) fn conclude(
    root: Option<&Path>,
    files: &[Read],
    found: Vec<Wanting>,
    merged: &Merged,
) -> (ProjectTrust, Vec<Warning>) {
    let root = root.map(Path::to_path_buf).unwrap_or_default();
    let (mut trust, mut warnings) = (ProjectTrust { root, files: Vec::new() }, Vec::new());
    let mut found = found;
    found.sort_by_key(|it| it.number);
    for it in found {
        let file = &files[it.number];
        // With others trusted, it may be held back something else.
        let leaves = if file.trusted { it.leaves } else { held_of(file, merged) };
        if !file.trusted {
            warnings.extend(warning(&leaves, &it.verdict));
        }
        trust.files.push(ProjectFile {
            path: file.place.path.clone(),
            relative: relative(&trust.root, &file.place.path).to_path_buf(),
            hash: it.hash,
            verdict: it.verdict,
            held: leaves.iter().chain(&it.in_profiles).map(|leaf| held(leaf, merged)).collect(),
        });
    }
    (trust, warnings)
}

/// What was held back of a file.
fn held_of(file: &Read, merged: &Merged) -> Vec<Leaf> {
    let is_of = |leaf: &Leaf| {
        let source = leaf.site.as_ref().map(|site| &site.source.name);
        matches!(source, Some(Name::File(path)) if *path == file.place.path)
    };
    merged.held().map(|(_, leaf)| leaf).filter(|leaf| is_of(leaf)).cloned().collect()
}

/// What would be held back of a file's profiles, less what is known.
fn held_in_profiles(file: &Read, merged: &Merged, known: &[Leaf]) -> Vec<Leaf> {
    let start = |leaf: &Leaf| leaf.site.as_ref().map(|site| site.span.start);
    let known: BTreeSet<_> = known.iter().map(start).collect();
    let mut found = Vec::new();
    for (name, mut profile) in file.layer.all_profiles() {
        for mut leaf in hold_back(&mut profile, merged) {
            if !known.contains(&start(&leaf)) {
                leaf.path.splice(0..0, ["profiles".into(), name.into()]);
                found.push(leaf);
            }
        }
    }
    found
}

fn held(leaf: &Leaf, merged: &Merged) -> Held {
    let path = match &leaf.path[..] {
        [first, _, path @ ..] if first == "profiles" => path,
        path => path,
    };
    let instead = merged.get(&dotted(path)).filter(|it| !it.value.as_array().is_some_and(Vec::is_empty));
    Held {
        key: plain(&dotted(&leaf.path)),
        origin: leaf.site.as_ref().map_or(Origin::Default, |site| site.origin()),
        value: shown_to_trust(leaf),
        adds: leaf.key.appends,
        removes: leaf.key.appends && leaf.value.as_array().into_iter().flatten().any(|item| removed(item).is_some()),
        instead: instead.map(shown),
    }
}

fn relative<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}
