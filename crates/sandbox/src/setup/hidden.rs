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
    devices::{COMMAND, LOOK_ALIKES, NO_FILE, NOTHING, tmpfs},
    look_alikes::{LookAlikes, tracked},
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
    let device = |path: &str| fs::metadata(path).map(|found| found.dev());
    let masks = device(NO_FILE).and_then(|masks| Ok([masks, device(LOOK_ALIKES)?]));
    let masks = masks.or_failure(Stage::Mounts, || format!("reading {NO_FILE}"))?;
    let mut look_alikes = LookAlikes::new(plan);
    let mut files = Vec::new();
    for path in &plan.hidden {
        let masked = mask(path, masks, |real| look_alikes.of(real))
            .or_failure(Stage::Policy, || format!("hiding {}", quoted(path)))?;
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
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => mask(path, [masks; 2], |_| Ok(None)).map(drop),
            masked => masked,
        };
        masked.or_failure(Stage::Policy, || format!("masking the program {}", quoted(path)))?;
    }
    Ok(())
}

/// Masks what `path` leads to: by what `stand_in` makes for its real place, if it does, and by nothing otherwise. Masks lie on
/// the devices `masks`. Its real place, if it is a file.
fn mask(
    path: &Path,
    masks: [u64; 2],
    stand_in: impl FnOnce(&Path) -> io::Result<Option<PathBuf>>,
) -> io::Result<Option<PathBuf>> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        // Not there, or out of the helper's reach, and so of the commands', which have fewer rights.
        Err(error) if is_out_of_reach(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let real = fs::canonicalize(path)?;
    if !masks.contains(&found.dev()) {
        let nothing = || PathBuf::from(if found.is_dir() { NOTHING } else { NO_FILE });
        put_mask(stand_in(&real)?.unwrap_or_else(nothing), &real)?;
    }
    Ok((!found.is_dir()).then_some(real))
}

fn put_mask(mask: impl AsRef<Path>, real: &Path) -> io::Result<()> {
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
    let files = files.iter().filter(work).flat_map(|file| patterns(file, top(file), b"\n"));
    let tracked = Tracked::of(plan);
    let directories = tracked.0.iter().filter(|(path, _)| path.is_dir());
    let directories = directories.flat_map(|(path, top)| patterns(path, Some(top.clone()), b"/\n"));
    // What somebody has put something into is no stub any more; git does not look into its own directory.
    let is_stub = |path: &&PathBuf| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let in_work = |path: &&PathBuf| !path.components().any(|part| part.as_os_str() == ".git");
    let stubs = plan.stubs.iter().filter(in_work).filter(is_stub).flat_map(|stub| patterns(stub, None, b"/\n"));
    let lines: Vec<u8> = files.chain(directories).chain(stubs).collect();
    if lines.is_empty() {
        return Ok(());
    }
    tmpfs(Path::new(COMMAND), c"mode=755,size=2m")?;
    let list = Path::new(COMMAND).join("gitignore");
    // A list that is too long is the user's own; without it git shows more, which harms nobody.
    let mut content = fs::read(users_file(&command.environment, "excludesfile", "ignore")).unwrap_or_default();
    content.truncate(1 << 20);
    content.push(b'\n');
    content.extend(lines);
    fs::write(&list, content).or_failure(Stage::Mounts, || format!("writing {}", list.display()))?;
    if !tracked.0.is_empty() {
        tracked
            .keep_unchanged(&mut command.environment)
            .or_failure(Stage::Mounts, || format!("writing below {COMMAND}"))?;
    }
    tree::limit(Path::new(COMMAND), TAME | READ_ONLY, Depth::One)
        .or_failure(Stage::Mounts, || format!("making {COMMAND} read-only"))?;
    configure(&mut command.environment, "core.excludesFile", list.into_os_string());
    Ok(())
}

/// What is hidden and tracked, or holds something that is, each with the top of its repository.
struct Tracked(Vec<(PathBuf, PathBuf)>);

impl Tracked {
    fn of(plan: &Plan) -> Self {
        if plan.in_git.is_empty() {
            return Self(Vec::new());
        }
        let real = plan.hidden.iter().filter_map(|path| fs::canonicalize(path).ok());
        let with_top = |path: PathBuf| top(&path).map(|top| (path, top));
        Self(real.filter(|path| !tracked(plan, path).is_empty()).filter_map(with_top).collect())
    }

    /// Has git take them for what its index has, where it compares more than size and time, which it does as far as a
    /// stand-in can be alike.
    fn keep_unchanged(&self, environment: &mut BTreeMap<OsString, OsString>) -> io::Result<()> {
        let mut attributes = fs::read(users_file(environment, "attributesfile", "attributes")).unwrap_or_default();
        attributes.truncate(1 << 20);
        let mut script = b"case \"$(pwd -P)/$1\" in\n".to_vec();
        for (path, top) in &self.0 {
            let is_directory = path.is_dir();
            let line = patterns(path, Some(top.clone()), if is_directory { b"/**" } else { b"" });
            attributes.extend(b"\n\"");
            line.iter().for_each(|byte| attributes.extend(escaped(*byte, b"\"\\")));
            attributes.extend(b"\" filter=codex-hidden -text\n");
            script.push(b'\'');
            for byte in path.as_os_str().as_bytes() {
                if *byte == b'\'' { script.extend(b"'\\''") } else { script.push(*byte) }
            }
            script.extend(if is_directory { &b"'/*"[..] } else { b"'" });
            script.extend(b") git cat-file blob \":$1\" 2>/dev/null || git cat-file blob \"HEAD:$1\"; exit ;;\n");
        }
        script.extend(b"esac\nexec cat\n");
        let file = |name: &str| Path::new(COMMAND).join(name);
        fs::write(file("attributes"), attributes)?;
        fs::write(file("clean"), script)?;
        let clean = format!("sh {} %f", file("clean").display());
        let settings = [
            ("core.checkStat", "minimal".into()),
            ("core.trustctime", "false".into()),
            ("core.attributesFile", file("attributes").into_os_string()),
            ("filter.codex-hidden.clean", clean.into()),
            ("filter.codex-hidden.smudge", "cat".into()),
            ("filter.codex-hidden.required", "true".into()),
        ];
        settings.into_iter().for_each(|(key, value)| configure(environment, key, value));
        Ok(())
    }
}

/// The top of the work tree that holds `path`, where there is one.
fn top(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|at| at.join(".git").symlink_metadata().is_ok()).map(Path::to_owned)
}

fn escaped(byte: u8, special: &[u8]) -> impl Iterator<Item = u8> {
    special.contains(&byte).then_some(b'\\').into_iter().chain([byte])
}

/// Adds a setting of git's to an environment (git-config(1), `GIT_CONFIG_COUNT`).
fn configure(environment: &mut BTreeMap<OsString, OsString>, key: &str, value: OsString) {
    let count = environment.get(OsStr::new("GIT_CONFIG_COUNT")).and_then(|count| count.to_str()?.parse().ok());
    let count: u32 = count.unwrap_or_default();
    environment.insert(format!("GIT_CONFIG_KEY_{count}").into(), key.into());
    environment.insert(format!("GIT_CONFIG_VALUE_{count}").into(), value);
    environment.insert("GIT_CONFIG_COUNT".into(), (count + 1).to_string().into());
}

/// A line that matches `file` from the `top` of its repository; where there is none yet, one for each directory above it that
/// may become one: `/c` for `/b`, `/b/c` for `/`. Each ends in `end`.
fn patterns(file: &Path, top: Option<PathBuf>, end: &[u8]) -> Vec<u8> {
    if let Some(inside) = top.and_then(|top| file.strip_prefix(top).ok()) {
        // The last is for the whole of it.
        let all = patterns(inside, None, b"\0");
        let last = all.split(|byte| *byte == 0).rev().nth(1).unwrap_or_default();
        return [last, end].concat();
    }
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

/// Where git finds a file of the user's with this environment: as `key` of `[core]` says, in lower case, or at its usual place.
fn users_file(environment: &BTreeMap<OsString, OsString>, key: &str, usual: &str) -> PathBuf {
    let variable = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_else(|| "/".into());
    let settings = variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("git");
    let files = match variable("GIT_CONFIG_GLOBAL") {
        Some(file) => vec![file],
        None => vec![home.join(".gitconfig"), settings.join("config")],
    };
    let named = files.iter().find_map(|file| core_setting(&fs::read(file).ok()?, key));
    match named {
        Some(path) => match path.strip_prefix("~") {
            Ok(below) => home.join(below),
            Err(_) => home.join(path),
        },
        None => settings.join(usual),
    }
}

/// The last value of `wanted` in a `[core]` section.
fn core_setting(config: &[u8], wanted: &str) -> Option<PathBuf> {
    let mut in_core = false;
    let mut found = None;
    for line in config.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"[") {
            in_core = line.eq_ignore_ascii_case(b"[core]");
        } else if in_core
            && let Some((key, value)) = line.iter().position(|byte| *byte == b'=').map(|at| line.split_at(at))
            && key.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
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
        let text = |path: &str| String::from_utf8(patterns(Path::new(path), None, b"\n")).unwrap();
        let from =
            |path: &str, top: &str| String::from_utf8(patterns(Path::new(path), Some(top.into()), b"/**")).unwrap();
        assert_eq!(from("/a/b/c*", "/a"), "/b/c\\*/**");
        assert_eq!(from("/a/b", "/a"), "/b/**");
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
            assert_eq!(core_setting(config.as_bytes(), "excludesfile").as_deref(), expected.map(Path::new), "{config}");
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
