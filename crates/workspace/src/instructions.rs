//! The instructions that users and projects leave for agents: `AGENTS.md`, from the general to the particular.
//!
//! Their text is data from whoever wrote the repository: this module must never act on it. What one imports is read only
//! inside the project.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::Bounds;

/// Most instructions that are taken, all files together, in bytes; unless the user says otherwise.
pub const INSTRUCTIONS_LIMIT: usize = 32 << 10;

/// Names of a file of instructions, of which the first that is there counts; then those that the user adds, then [`FOREIGN`].
const NAMES: [&str; 2] = ["AGENTS.override.md", "AGENTS.md"];
/// What another agent's users have in its place. It may import files.
const FOREIGN: &str = "CLAUDE.md";
/// How many files may import one another in a row.
const DEEPEST: usize = 4;
/// Most files that are imported.
const IMPORTED: usize = 32;

/// One file of instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The file, absolute.
    pub path: PathBuf,
    /// What it says; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// All instructions that hold in a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions {
    /// The files, the most general first.
    pub files: Vec<Instruction>,
    /// What was left out and why, a sentence each, for the user.
    pub warnings: Vec<String>,
}

/// How instructions are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionRules {
    /// The project, its root canonical: no file of it may lead out of it, or to what is kept from the model.
    pub bounds: Bounds,
    /// Most bytes, all files together.
    pub limit: usize,
    /// Other names of `AGENTS.md`, the first before the others.
    pub fallbacks: Vec<String>,
}

impl InstructionRules {
    /// As they are where the user says nothing.
    pub fn usual(top: &Path) -> Self {
        Self { bounds: top.into(), limit: INSTRUCTIONS_LIMIT, fallbacks: Vec::new() }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let more = self.fallbacks.iter().map(String::as_str).filter(|name| !name.contains('/'));
        NAMES.into_iter().chain(more).chain([FOREIGN])
    }
}

/// Reads the instructions that hold in `workspace` (absolute, canonical): the user's own in `codex_home`, then one
/// file a directory from the project's root down to the workspace, and what these import.
pub fn instructions(codex_home: &Path, workspace: &Path, rules: &InstructionRules) -> Instructions {
    let mut directories: Vec<&Path> =
        workspace.ancestors().take_while(|directory| directory.starts_with(&rules.bounds.top)).collect();
    directories.reverse();
    let mut reading = Reading { rules, found: Instructions::default(), left: rules.limit, imported: 0 };
    // The user's own file may be a link to anywhere; a project's may not lead out of the project.
    reading.first(codex_home, NAMES.into_iter(), None);
    for directory in directories {
        if directory != codex_home {
            reading.first(directory, rules.names(), Some(&rules.bounds));
        }
    }
    reading.found
}

/// The instructions of one directory of the project, which has at most `left` bytes for them.
pub fn instructions_of(directory: &Path, rules: &InstructionRules, left: usize) -> Instructions {
    let mut reading = Reading { rules, found: Instructions::default(), left, imported: 0 };
    reading.first(directory, rules.names(), Some(&rules.bounds));
    reading.found
}

/// Files that are being read.
struct Reading<'a> {
    rules: &'a InstructionRules,
    found: Instructions,
    /// Bytes that there is room for.
    left: usize,
    imported: usize,
}

impl Reading<'_> {
    /// The first file of these names that is there.
    fn first<'n>(&mut self, directory: &Path, names: impl Iterator<Item = &'n str>, within: Option<&Bounds>) {
        let mut there = names.map(|name| directory.join(name)).filter(|path| path.symlink_metadata().is_ok());
        if self.rules.limit > 0
            && let Some(path) = there.next()
        {
            let imports = path.file_name().is_some_and(|name| name == FOREIGN);
            self.add(path, within, if imports { DEEPEST } else { 0 });
        }
    }

    /// Adds a file; what it imports follows it, as long as it may: `deep`.
    fn add(&mut self, path: PathBuf, within: Option<&Bounds>, deep: usize) {
        let (bytes, more) = match read_within(&path, within, self.left) {
            Ok(Some(read)) => read,
            Ok(None) => return,
            Err(error) => return self.found.warnings.push(format!("{} was not read: {error}", path.display())),
        };
        let over_limit =
            format!("instruction files together may have {} (`project_doc_max_bytes`)", size(self.rules.limit));
        if bytes.is_empty() {
            if more {
                self.found.warnings.push(format!("{} was left out: {over_limit}", path.display()));
            }
            return;
        }
        self.left -= bytes.len();
        let mut text = lossy(&bytes, more);
        if more {
            self.left = 0;
            text.push_str(&format!("\n[cut here: {over_limit}]\n"));
            self.found.warnings.push(format!("{} was cut: {over_limit}", path.display()));
        }
        let imports = if deep > 0 { imports(&text) } else { Vec::new() };
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        if !text.trim().is_empty() {
            self.found.files.push(Instruction { path, text });
        }
        for import in imports {
            let Ok(real) = directory.join(&import).canonicalize() else { continue };
            if !real.is_file() || self.found.files.iter().any(|file| file.path == real) {
                continue;
            }
            if self.imported == IMPORTED {
                return self.found.warnings.push(format!("more than {IMPORTED} files are imported: not all were read"));
            }
            if let Some(why) = within.and_then(|bounds| bounds.refusal(&real, &real)) {
                let place = directory.display();
                self.found.warnings.push(format!("`@{import}` in {place} was not read: {why}"));
                continue;
            }
            self.imported += 1;
            self.add(real, within, deep - 1);
        }
    }
}

/// The paths that `text` imports: words that begin with `@`, outside of code.
fn imports(text: &str) -> Vec<String> {
    let (mut found, mut in_block) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        // Every second part of a line stands between backticks.
        let outside = line.split('`').step_by(2).filter(|_| !in_block);
        let words = outside.flat_map(str::split_whitespace).filter_map(|word| word.strip_prefix('@'));
        found.extend(words.map(|word| word.trim_end_matches([',', ';', ':', '.', ')', '!', '?']).to_owned()));
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Bytes, for people.
fn size(bytes: usize) -> String {
    if bytes >= 1024 { format!("{} KiB", bytes >> 10) } else { format!("{bytes} bytes") }
}

/// The first `limit` bytes of a regular file, and whether it has more; `None` if there is no such file.
///
/// # Errors
/// The system's; it is no regular file, or is not read by `within`.
pub fn read_within(path: &Path, within: Option<&Bounds>, limit: usize) -> io::Result<Option<(Vec<u8>, bool)>> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if let Some(why) = within.and_then(|bounds| bounds.refusal(path, &real)) {
        return Err(io::Error::other(why));
    }
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits().cast_signed())
        .open(&real)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let more = bytes.len() > limit;
    bytes.truncate(limit);
    Ok(Some((bytes, more)))
}

/// The text of `bytes`; a character that the cut split is dropped, not replaced.
fn lossy(bytes: &[u8], cut: bool) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if cut && error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    };
    String::from_utf8_lossy(whole).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for (path, content) in files {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (directory, base)
    }

    fn read(base: &Path, workspace: &str) -> Instructions {
        instructions(&base.join("codex"), &base.join(workspace), &InstructionRules::usual(&base.join("p")))
    }

    fn texts(found: &Instructions) -> Vec<&str> {
        found.files.iter().map(|file| file.text.as_str()).collect()
    }

    #[test]
    fn the_general_comes_before_the_particular() {
        let (_kept, base) = tree(&[
            ("codex/AGENTS.md", b"user"),
            ("AGENTS.md", b"above the project"),
            ("p/.git/x", b""),
            ("p/AGENTS.md", b"top"),
            ("p/a/AGENTS.md", b" \n"),
            ("p/a/b/AGENTS.md", b"bad \xff byte"),
            ("p/a/b/c/AGENTS.md", b"below the workspace"),
        ]);
        let found = read(&base, "p/a/b");
        assert_eq!(texts(&found), ["user", "top", "bad \u{fffd} byte"]);
        assert_eq!(found.files[1].path, base.join("p/AGENTS.md"));
        assert!(found.warnings.is_empty());
        let alone =
            instructions(&base.join("none"), &base.join("codex"), &InstructionRules::usual(&base.join("codex")));
        assert_eq!(texts(&alone), ["user"]);
    }

    #[test]
    fn links_may_not_leave_the_project() {
        let (_kept, base) = tree(&[("p/.git", b""), ("p/CLAUDE.md", b"inside"), ("p/a/x", b""), ("secret", b"secret")]);
        symlink("CLAUDE.md", base.join("p/AGENTS.md")).unwrap();
        symlink(base.join("secret"), base.join("p/a/AGENTS.md")).unwrap();
        let found = read(&base, "p/a");
        assert_eq!(texts(&found), ["inside"]);
        assert_eq!(found.warnings.len(), 1);
        assert!(found.warnings[0].contains("leads out of the project"), "{:?}", found.warnings);
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        let long = "é".repeat(INSTRUCTIONS_LIMIT);
        let (_kept, base) = tree(&[
            ("p/.git", b""),
            ("p/AGENTS.md", b"x"),
            ("p/a/AGENTS.md", long.as_bytes()),
            ("p/a/b/AGENTS.md", b"y"),
        ]);
        let found = read(&base, "p/a/b");
        assert_eq!(found.files.len(), 2);
        assert!(
            found.files[1]
                .text
                .ends_with("é\n[cut here: instruction files together may have 32 KiB (`project_doc_max_bytes`)]\n")
        );
        assert!(found.files[1].text.len() < INSTRUCTIONS_LIMIT + 150);
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
    }

    #[test]
    fn the_first_name_that_is_there_counts() {
        let (_kept, base) = tree(&[
            ("codex/AGENTS.md", b"user"),
            ("codex/AGENTS.override.md", b"user's override"),
            ("codex/CLAUDE.md", b"of another agent"),
            ("p/AGENTS.md", b"top"),
            ("p/CLAUDE.md", b"not this"),
            ("p/a/AGENTS.override.md", b"override"),
            ("p/a/AGENTS.md", b"not this"),
            ("p/a/b/CLAUDE.md", b"claude"),
            ("p/a/b/c/RULES.md", b"rules"),
            ("p/a/b/c/CLAUDE.md", b"not this"),
        ]);
        let rules = InstructionRules { fallbacks: vec!["RULES.md".into()], ..InstructionRules::usual(&base.join("p")) };
        let found = instructions(&base.join("codex"), &base.join("p/a/b/c"), &rules);
        assert_eq!(texts(&found), ["user's override", "top", "override", "claude", "rules"]);
        let none = instructions(&base.join("codex"), &base.join("p"), &InstructionRules { limit: 0, ..rules });
        assert!(none.files.is_empty() && none.warnings.is_empty(), "{none:?}");
    }

    #[test]
    fn what_is_kept_from_the_model_is_not_told() {
        let (_kept, base) = tree(&[
            ("p/.codexignore", b"config/\nnotes.txt\n"),
            ("p/.git/secret", b"s3cret"),
            ("p/.env", b"s3cret"),
            ("p/notes.txt", b"s3cret"),
            ("p/config/prod.key", b"s3cret"),
            ("p/CLAUDE.md", b"@config/prod.key @.git/secret @.env @open.md"),
            ("p/open.md", b"open"),
            ("p/a/CLAUDE.md", b"@../config/prod.key"),
            ("p/a/b/x", b""),
        ]);
        symlink("../../notes.txt", base.join("p/a/b/AGENTS.md")).unwrap();
        let top = base.join("p");
        let names = [crate::IGNORE_FILE.to_owned()];
        let ignored = crate::Ignored::look(std::slice::from_ref(&top), &[], &names, false).unwrap();
        let bounds = Bounds { top: top.clone(), hidden: vec![top.join(".env")], ignored };
        let rules = InstructionRules { bounds, ..InstructionRules::usual(&top) };
        let found = instructions(&base.join("codex"), &top.join("a/b"), &rules);
        assert_eq!(texts(&found)[1..], ["open", "@../config/prod.key"]);
        assert_eq!(found.warnings.len(), 5, "{:?}", found.warnings);
        for why in ["among git's own files", "is hidden from the model", "an ignore file keeps it from the model"] {
            assert!(found.warnings.iter().any(|warning| warning.contains(why)), "{why}: {:?}", found.warnings);
        }
    }

    #[test]
    fn what_is_imported_stays_in_the_project() {
        let (_kept, base) = tree(&[
            ("secret.md", b"secret"),
            ("p/x", b""),
            ("p/a/CLAUDE.md", b"See @docs/style.md, @../top.md and @/etc/passwd @nothing @me.\n@../../secret.md `@code.md`\n```\n@code.md\n```"),
            ("p/a/docs/style.md", b"style @deep.md"),
            ("p/a/docs/deep.md", b"deep @style.md @../CLAUDE.md"),
            ("p/top.md", b"top"),
            ("p/a/code.md", b"code"),
        ]);
        let found = read(&base, "p/a");
        assert_eq!(texts(&found)[1..], ["style @deep.md", "deep @style.md @../CLAUDE.md", "top"]);
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
        assert!(
            found.warnings.iter().all(|warning| warning.contains("leads out of the project")),
            "{:?}",
            found.warnings
        );
    }
}
