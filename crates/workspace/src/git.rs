//! Our own calls of git, disarmed: a repository's configuration may name programs that git would run.
//!
//! This module must never start git; it only says how it is to be started, inside read-only walls. Most of what a
//! repository can name is switched off by its key; filters have names of the repository's choosing, so they are asked
//! for first ([`list_filters`]) and switched off by name.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use codex_sandbox::Command;

use crate::programs::executable;

/// Settings that override the repository's: nothing in it may name a program that runs. Every key is documented in
/// git-config(1), `GIT_*` variables in git(1).
const SETTINGS: &[&str] = &[
    "color.ui=false",
    "core.alternateRefsCommand=false",
    "core.askPass=false",
    "core.attributesFile=/dev/null",
    "core.editor=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "core.sshCommand=false",
    "core.untrackedCache=false",
    "core.warnAmbiguousRefs=false",
    "credential.helper=",
    // With an empty command git fails rather than runs something, should `--no-ext-diff` ever be missing.
    "diff.external=",
    "diff.ignoreSubmodules=dirty",
    "gpg.openpgp.program=false",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    // Ownership guards against the configuration of others, which is disarmed here.
    "safe.directory=*",
    "submodule.recurse=false",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_EDITOR", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C.UTF-8"),
];

/// Options that a sub-command needs besides, where it takes them. `dirty`: a submodule's own state is not looked at,
/// which would run git in it, by its configuration.
const OPTIONS: &[(&str, &[&str])] = &[
    ("blame", &["--no-textconv"]),
    ("diff", &["--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"]),
    ("log", &["--no-ext-diff", "--no-textconv"]),
    ("show", &["--no-ext-diff", "--no-textconv"]),
    ("status", &["--ignore-submodules=dirty"]),
];

/// What is set of a filter so that git passes it by (gitattributes(5), "filter").
const FILTER_SETTINGS: &[(&str, &str)] = &[("clean", ""), ("process", ""), ("required", "false"), ("smudge", "")];

/// The call that prints the settings of the filters that are named in `directory`'s repository, as [`filters`] reads
/// them. It ends with exit code 1 if there is none.
pub fn list_filters(program: &Path, directory: &Path, path: &OsStr) -> Command {
    git_command(program, "config", ["--null", "--name-only", "--get-regexp", r"^filter\."], &[], directory, path)
}

/// The names of the filters in what [`list_filters`] has printed, between warnings perhaps. No name holds a line break.
pub fn filters(printed: &str) -> Vec<String> {
    let key = |key: &str| Some(key.strip_prefix("filter.")?.rsplit_once('.')?.0.to_owned());
    let mut names: Vec<String> = printed.split(['\0', '\n']).filter_map(key).collect();
    names.sort();
    names.dedup();
    names
}

/// The call `git SUBCOMMAND ARGS` in `directory`, disarmed; `filters` are the names of those to be switched off.
///
/// `program` is what [`find_git`] found, `path` the `PATH` for programs of git's own. The caller has checked `args`:
/// an option in them can undo what is set here.
pub fn git_command<S: AsRef<OsStr>>(
    program: &Path,
    subcommand: &str,
    args: impl IntoIterator<Item = S>,
    filters: &[String],
    directory: &Path,
    path: &OsStr,
) -> Command {
    let mut argv: Vec<OsString> = vec![program.into(), "--no-pager".into()];
    for setting in SETTINGS {
        argv.extend(["-c".into(), (*setting).into()]);
    }
    argv.push(subcommand.into());
    let options = OPTIONS.iter().find(|(name, _)| *name == subcommand).map_or(&[][..], |(_, options)| options);
    argv.extend(options.iter().map(Into::into));
    argv.extend(args.into_iter().map(|argument| argument.as_ref().to_owned()));
    let mut environment: BTreeMap<OsString, OsString> =
        ENVIRONMENT.iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.insert("PATH".into(), path.to_owned());
    // Not by `-c`: a name may hold an equals sign.
    let off = filters.iter().flat_map(|name| FILTER_SETTINGS.iter().map(move |setting| (name, setting)));
    let mut count = 0;
    for (name, (key, value)) in off {
        environment.insert(format!("GIT_CONFIG_KEY_{count}").into(), format!("filter.{name}.{key}").into());
        environment.insert(format!("GIT_CONFIG_VALUE_{count}").into(), value.into());
        count += 1;
    }
    environment.insert("GIT_CONFIG_COUNT".into(), count.to_string().into());
    Command { argv, directory: directory.to_owned(), environment }
}

/// Settings for a git that a command of the model's starts unasked, to look. Nothing in them changes what it prints.
/// Not `diff.external`: git takes an empty one for a program without a name, and fails.
const WHILE_LOOKING: &[(&str, &str)] = &[
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.pager", "cat"),
    ("log.showSignature", "false"),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
];

/// Makes git, where a command with this `environment` starts it, run less of what a repository names. The settings come
/// after those that are there.
pub fn disarm_git(environment: &mut BTreeMap<OsString, OsString>) {
    let there = environment.get(OsStr::new("GIT_CONFIG_COUNT")).and_then(|count| count.to_str()?.parse().ok());
    let mut count: u32 = there.unwrap_or_default();
    for (key, value) in WHILE_LOOKING {
        environment.insert(format!("GIT_CONFIG_KEY_{count}").into(), key.into());
        environment.insert(format!("GIT_CONFIG_VALUE_{count}").into(), value.into());
        count += 1;
    }
    environment.insert("GIT_CONFIG_COUNT".into(), count.to_string().into());
    environment.insert("GIT_PAGER".into(), "cat".into());
}

/// The absolute path of git: from the first entry of `path` that is absolute, lies in none of the `writable`
/// directories (a repository could bring its own git) and has it.
pub fn find_git(path: &OsStr, writable: &[PathBuf]) -> Option<PathBuf> {
    path.as_bytes().split(|byte| *byte == b':').map(|entry| Path::new(OsStr::from_bytes(entry))).find_map(|entry| {
        let program = entry.is_absolute().then(|| entry.join("git"))?;
        let real = executable(&program)?;
        let planted = writable
            .iter()
            .any(|root| root != Path::new("/") && [&program, &real].iter().any(|program| program.starts_with(root)));
        (!planted).then_some(real)
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn every_call_is_disarmed() {
        let command = git_command(
            Path::new("/usr/bin/git"),
            "diff",
            ["HEAD", "--", "a b"],
            &["a=b".to_owned()],
            Path::new("/w"),
            OsStr::new("/usr/bin"),
        );
        let argv: Vec<&str> = command.argv.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(&argv[..2], ["/usr/bin/git", "--no-pager"]);
        assert!(argv.windows(2).any(|pair| pair == ["-c", "core.fsmonitor=false"]));
        assert!(argv.ends_with(&[
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=dirty",
            "HEAD",
            "--",
            "a b"
        ]));
        assert_eq!(command.environment[OsStr::new("GIT_CONFIG_NOSYSTEM")], "1");
        assert_eq!(command.environment[OsStr::new("GIT_CONFIG_COUNT")], "4");
        assert_eq!(command.environment[OsStr::new("GIT_CONFIG_KEY_1")], "filter.a=b.process");
        assert!(!command.environment.contains_key(OsStr::new("HOME")));
        assert_eq!(command.directory, Path::new("/w"));
    }

    #[test]
    fn filters_are_found_by_their_settings() {
        let printed = "warning: x\nfilter.lfs.clean\0filter.a.b=c.process\0filter.lfs.required\0filter.odd\0other\0";
        assert_eq!(filters(printed), ["a.b=c", "lfs"]);
        assert_eq!(filters(""), [""; 0]);
    }

    #[test]
    fn tables_are_sorted() {
        assert!(SETTINGS.is_sorted() && WHILE_LOOKING.is_sorted() && ENVIRONMENT.is_sorted() && OPTIONS.is_sorted());
    }

    #[test]
    fn a_planted_git_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let workspace = base.join("w");
        for (name, mode) in [("w/bin/git", 0o755), ("plain/git", 0o644), ("good/git", 0o755)] {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(base.join("linked")).unwrap();
        symlink(workspace.join("bin/git"), base.join("linked/git")).unwrap();
        // What begins with a slash is below the base.
        let path = |entries: &[&str]| -> OsString {
            let whole = |entry: &&str| match entry.strip_prefix('/') {
                Some(inside) => base.join(inside).display().to_string(),
                None => (*entry).to_owned(),
            };
            entries.iter().map(whole).collect::<Vec<String>>().join(":").into()
        };
        let writable = [workspace.clone()];
        let all = path(&["", ".", "bin", "/w/bin", "/linked", "/plain", "/none", "/good"]);
        assert_eq!(find_git(&all, &writable), Some(base.join("good/git")));
        assert_eq!(find_git(&path(&["/w/bin", "/linked"]), &writable), None);
        assert_eq!(find_git(OsStr::new(""), &writable), None);
    }
}
