//! What commands cannot look into, or run: an empty directory or an empty file lies on top of it.
//!
//! Looked at again for each command, because what a path means may change: an editor that saves puts another file in
//! its place, and the kernel then takes the mask away. Nothing here may treat a path that cannot be resolved as
//! hidden already, unless the command cannot reach it either.
//!
//! Another name of the same file (a hard link, a bind mount of its directory) is not hidden: it is another path.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use super::{
    devices::{COMMAND, NO_FILE, NOTHING, tmpfs},
    plan::Plan,
    tree::{self, Depth, READ_ONLY, TAME, Tree},
};
use crate::{
    Command,
    wire::{Failure, OrFailure, Stage, quoted},
};

/// Masks everything that is hidden and not masked yet, in the current mount namespace. What comes back are the real
/// places of the hidden files.
pub(crate) fn mask_all(plan: &Plan) -> Result<Vec<PathBuf>, Failure> {
    if plan.hidden.is_empty() {
        return Ok(Vec::new());
    }
    let masks = fs::metadata(NO_FILE).or_failure(Stage::Mounts, || format!("reading {NO_FILE}"))?.dev();
    let mut files = Vec::new();
    for path in &plan.hidden {
        let masked = mask(path, masks).or_failure(Stage::Policy, || format!("hiding {}", quoted(path)))?;
        files.extend(masked);
    }
    Ok(files)
}

/// Masks the programs that are not to be run, and are not masked yet, in the current mount namespace. Whoever may run
/// anything cannot run an empty file that nobody may run (execve(2), `EACCES`), nor copy from it.
pub(crate) fn mask_programs(plan: &Plan) -> Result<(), Failure> {
    if plan.denied_programs.is_empty() {
        return Ok(());
    }
    let masks = fs::metadata(NO_FILE).or_failure(Stage::Mounts, || format!("reading {NO_FILE}"))?.dev();
    for path in &plan.denied_programs {
        // For each command, so this looks no further than it must: the paths are resolved already.
        let masked = match fs::metadata(path) {
            Ok(found) if found.dev() == masks => continue,
            Err(error) if is_out_of_reach(&error) => continue,
            Ok(_) => put_mask(NO_FILE, path),
            Err(error) => Err(error),
        };
        let masked = match masked {
            // It has become a symbolic link since.
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => mask(path, masks).map(drop),
            masked => masked,
        };
        masked.or_failure(Stage::Policy, || format!("masking the program {}", quoted(path)))?;
    }
    Ok(())
}

/// Masks what `path` leads to. Its real place, if it is a file.
fn mask(path: &Path, masks: u64) -> io::Result<Option<PathBuf>> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        // Not there, or out of the helper's reach, and so of the commands', which have fewer rights.
        Err(error) if is_out_of_reach(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let real = fs::canonicalize(path)?;
    if found.dev() != masks {
        put_mask(if found.is_dir() { NOTHING } else { NO_FILE }, &real)?;
    }
    Ok((!found.is_dir()).then_some(real))
}

fn put_mask(mask: &str, real: &Path) -> io::Result<()> {
    let place = tree::place(real)?;
    Tree::copy(mask, Depth::One)?.limit(TAME | READ_ONLY, Depth::One)?.attach(place).map(drop)
}

fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES | libc::ELOOP | libc::ENAMETOOLONG))
}

/// Makes git overlook the hidden `files`: it would take each for an emptied one, and `git add -A` would stage it so.
/// And the stubs, which `git clean` and `git stash -u` would fail to remove.
///
/// They go, with the user's own list, into the list of ignored files that git reads for every repository
/// (gitignore(5), `core.excludesFile`). Must run in the mount namespace of the command.
pub(crate) fn ignore_in_git(plan: &Plan, files: &[PathBuf], command: &mut Command) -> Result<(), Failure> {
    let work = |file: &&PathBuf| {
        let mut places = plan.roots.iter().chain(&plan.shown);
        // A repository may be larger than the root that lies in it.
        file.parent().is_some_and(|parent| places.any(|root| parent.starts_with(root) || root.starts_with(parent)))
    };
    let files = files.iter().filter(work).flat_map(|file| patterns(file, b"\n"));
    // What somebody has put something into is no stub any more; git does not look into its own directory.
    let is_stub = |path: &&PathBuf| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let in_work = |path: &&PathBuf| !path.components().any(|part| part.as_os_str() == ".git");
    let stubs = plan.stubs.iter().filter(in_work).filter(is_stub).flat_map(|stub| patterns(stub, b"/\n"));
    let lines: Vec<u8> = files.chain(stubs).collect();
    if lines.is_empty() {
        return Ok(());
    }
    tmpfs(Path::new(COMMAND), c"mode=755,size=2m")?;
    let list = Path::new(COMMAND).join("gitignore");
    // A list that is too long is the user's own; without it git shows more, which harms nobody.
    let mut content = fs::read(users_list(&command.environment)).unwrap_or_default();
    content.truncate(1 << 20);
    content.push(b'\n');
    content.extend(lines);
    fs::write(&list, content).or_failure(Stage::Mounts, || format!("writing {}", list.display()))?;
    tree::limit(Path::new(COMMAND), TAME | READ_ONLY, Depth::One)
        .or_failure(Stage::Mounts, || format!("making {COMMAND} read-only"))?;
    configure(&mut command.environment, "core.excludesFile", list.into_os_string());
    Ok(())
}

/// Adds a setting of git's to an environment (git-config(1), `GIT_CONFIG_COUNT`).
fn configure(environment: &mut BTreeMap<OsString, OsString>, key: &str, value: OsString) {
    let count = environment.get(OsStr::new("GIT_CONFIG_COUNT")).and_then(|count| count.to_str()?.parse().ok());
    let count: u32 = count.unwrap_or_default();
    environment.insert(format!("GIT_CONFIG_KEY_{count}").into(), key.into());
    environment.insert(format!("GIT_CONFIG_VALUE_{count}").into(), value);
    environment.insert("GIT_CONFIG_COUNT".into(), (count + 1).to_string().into());
}

/// Lines that match `file` from whatever directory above it is the top of a repository: `/c` for `/b`, `/b/c` for `/`.
/// Each ends in `end`.
fn patterns(file: &Path, end: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut pattern = Vec::new();
    for name in file.components().rev() {
        let std::path::Component::Normal(name) = name else { break };
        let mut longer = vec![b'/'];
        for byte in name.as_bytes() {
            match byte {
                // No list can name a line break; any character stands for it.
                b'\n' | b'\r' => longer.push(b'?'),
                b'*' | b'?' | b'[' | b'\\' | b' ' => longer.extend([b'\\', *byte]),
                _ => longer.push(*byte),
            }
        }
        longer.append(&mut pattern);
        pattern = longer;
        lines.extend(&pattern);
        lines.extend(end);
    }
    lines
}

/// Where git finds the user's list with this environment: as `core.excludesFile` says, or at its usual place.
fn users_list(environment: &BTreeMap<OsString, OsString>) -> PathBuf {
    let variable = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_else(|| "/".into());
    let settings = variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("git");
    let files = match variable("GIT_CONFIG_GLOBAL") {
        Some(file) => vec![file],
        None => vec![home.join(".gitconfig"), settings.join("config")],
    };
    let named = files.iter().find_map(|file| excludes_file(&fs::read(file).ok()?));
    match named {
        Some(path) => match path.strip_prefix("~") {
            Ok(below) => home.join(below),
            Err(_) => home.join(path),
        },
        None => settings.join("ignore"),
    }
}

/// The last `excludesFile` of a `[core]` section.
fn excludes_file(config: &[u8]) -> Option<PathBuf> {
    let mut in_core = false;
    let mut found = None;
    for line in config.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"[") {
            in_core = line.eq_ignore_ascii_case(b"[core]");
        } else if in_core
            && let Some((key, value)) = line.iter().position(|byte| *byte == b'=').map(|at| line.split_at(at))
            && key.trim_ascii().eq_ignore_ascii_case(b"excludesfile")
        {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
            found = Some(PathBuf::from(OsString::from_vec(value.to_vec())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_file_is_named_from_every_directory_above() {
        let text = |path: &str| String::from_utf8(patterns(Path::new(path), b"\n")).unwrap();
        assert_eq!(text("/a/b/.env"), "/.env\n/b/.env\n/a/b/.env\n");
        assert_eq!(text("/a b/#x*[\n]"), "/#x\\*\\[?]\n/a\\ b/#x\\*\\[?]\n");
    }

    #[test]
    fn the_users_list_is_found_as_git_finds_it() {
        let table: &[(&str, Option<&str>)] = &[
            ("", None),
            ("[core]\n\texcludesFile = ~/ignored\n", Some("~/ignored")),
            ("[user]\nexcludesfile = no\n[Core]\n editor=vi\n EXCLUDESFILE=\"/a b\"\n", Some("/a b")),
            ("[core]\nexcludesfile=a\n[core]\nexcludesfile=b\n", Some("b")),
            ("[core \"x\"]\nexcludesfile = no\n", None),
        ];
        for (config, expected) in table {
            assert_eq!(excludes_file(config.as_bytes()).as_deref(), expected.map(Path::new), "{config}");
        }
    }

    #[test]
    fn a_setting_comes_after_those_that_are_there() {
        let mut environment: BTreeMap<OsString, OsString> = [("GIT_CONFIG_COUNT".into(), "2".into())].into();
        configure(&mut environment, "a.b", "c".into());
        assert_eq!(environment[OsStr::new("GIT_CONFIG_KEY_2")], "a.b");
        assert_eq!(environment[OsStr::new("GIT_CONFIG_COUNT")], "3");
    }
}
