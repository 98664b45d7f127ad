//! What a command line would destroy, and what of that can be saved before it runs.
//!
//! It must never call something saved that may not be: what is not known of a command is [`Files::Anything`].

use crate::{
    Access,
    classes::{Class, Saves},
    shell::{self, Simple, is_open},
};

/// A command that destroys something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destroys {
    /// The command, for people.
    pub line: String,
    /// Files of the directories that may be written.
    pub files: Files,
    /// Branches, tags and the stash of a repository.
    pub refs: bool,
    /// Whether it only takes names away: what has another one stays whole.
    pub unlinks: bool,
}

/// Which files a command destroys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// None.
    No,
    /// These and what lies in them, as the command names them: relative to its directory.
    Named(Vec<String>),
    /// Some of the work tree around its directory, but nothing that is ignored.
    Tree,
    /// Whatever there is.
    Anything,
}

impl Destroys {
    /// Whether nothing of that it destroys can be saved: it lies elsewhere, or is no file.
    pub fn is_beyond_saving(&self) -> bool {
        self.files == Files::No && !self.refs
    }
}

/// Commands after which a shell, or what they start, is in a directory that their words do not plainly say.
const MOVES: [&str; 4] = ["pushd", "popd", "env", "chroot"];

/// Most commands `cd` of a line that are followed.
const MOST_MOVES: usize = 4;

/// The directories that commands of a line may be in, relative to where it begins. `None`: it is not known.
fn directories(commands: &[Simple]) -> Option<Vec<String>> {
    let mut bases = vec![String::new()];
    for command in commands {
        match (command.program().as_str(), command.words.get(1..)?) {
            ("cd", [to]) if !to.starts_with(['-', '~']) && !is_open(to) && bases.len() < 1 << MOST_MOVES => {
                // It may be in a subshell, or not have come to it.
                bases.extend(bases.iter().map(|base| below(base, to)).collect::<Vec<_>>());
            }
            ("cd", _) => return None,
            (program, _) if MOVES.contains(&program) => return None,
            _ => {}
        }
    }
    Some(bases)
}

fn below(base: &str, name: &str) -> String {
    if base.is_empty() || name.starts_with('/') { name.to_owned() } else { format!("{base}/{name}") }
}

/// What the command line of `access` would destroy, each simple command by itself, those inside of others too. Empty: it is
/// in none of the classes for that, or is too long to be read.
pub fn destroys(access: &Access) -> Vec<Destroys> {
    let Some(command) = &access.command else { return Vec::new() };
    let reading = shell::read(command);
    let bases = directories(&reading.commands);
    let moved: Vec<&Simple> = reading.commands.iter().filter(|command| command.program() == "mv").collect();
    let mut found: Vec<Destroys> = Vec::new();
    for command in &reading.commands {
        // A list that is broken has refused the command already.
        let saves = [Class::Destructive, Class::Disk].map(|class| class.saves(command).ok().flatten());
        let saves: Vec<Saves> = match saves {
            [None, None] => continue,
            // What it does to disks is in no directory.
            [_, Some(_)] => Vec::new(),
            [Some(saves), None] => saves,
        };
        let files = match () {
            () if saves.contains(&Saves::Anything) => Files::Anything,
            () if saves.contains(&Saves::Tree) => Files::Tree,
            () if saves.contains(&Saves::Files) => named(command, &moved, bases.as_deref()),
            () => Files::No,
        };
        let refs = saves.contains(&Saves::Refs);
        let next = Destroys { line: command.line(), files, refs, unlinks: unlinks(command) };
        if !found.contains(&next) {
            found.push(next);
        }
    }
    found
}

/// Whether a command is one that takes names away and never writes into a file.
fn unlinks(command: &Simple) -> bool {
    let has = |word: &str| command.words.iter().any(|other| other == word);
    match command.program().as_str() {
        "rm" | "rmdir" | "unlink" => command.writes.is_empty(),
        "find" => has("-delete") && !has("-exec") && !has("-execdir") && !has("-ok") && !has("-okdir"),
        "git" => command.words.get(1).is_some_and(|word| word == "clean"),
        _ => false,
    }
}

/// The words of a command that may be names of files, in each of the directories. What other commands of its line have `moved` may
/// be there by then under a name that it has.
fn named(command: &Simple, moved: &[&Simple], bases: Option<&[String]>) -> Files {
    let mut words = operands(command);
    // None at all: they come from elsewhere, as for xargs.
    let is_said = !words.is_empty();
    words.extend(moved.iter().flat_map(|moved| operands(moved)));
    let Some(bases) = bases.filter(|_| is_said && !words.iter().any(|word| is_open(word))) else {
        return Files::Anything;
    };
    Files::Named(bases.iter().flat_map(|base| words.iter().map(|word| below(base, word))).collect())
}

/// The words of a command that are no options.
fn operands(command: &Simple) -> Vec<&String> {
    let arguments = command.words.get(1..).unwrap_or_default();
    let operands_from = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let operands = arguments.iter().enumerate().filter(|(at, word)| *at > operands_from || !word.starts_with('-'));
    operands.map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_what_can_be_saved_before_a_command() {
        type Row<'a> = (&'a str, &'a [(&'a str, Files, bool)]);
        let named = |names: &[&str]| Files::Named(names.iter().map(|name| (*name).to_owned()).collect());
        let table: &[Row<'_>] = &[
            ("ls; rm x; git status", &[]),
            ("rm -rf build -- -x", &[("rm -rf build -- -x", named(&["build", "-x"]), false)]),
            ("rm -rf 'b c'", &[("rm -rf 'b c'", named(&["b c"]), false)]),
            ("cd a && rm -rf b /c", &[("rm -rf b /c", named(&["b", "/c", "a/b", "/c"]), false)]),
            ("cd a; cd b; rm -r c", &[("rm -r c", named(&["c", "a/c", "b/c", "a/b/c"]), false)]),
            ("mv -n a b && rm -rf b", &[("rm -rf b", named(&["b", "a", "b"]), false)]),
            ("cd d; mv a b; rm -rf b", &[("rm -rf b", named(&["b", "a", "b", "d/b", "d/a", "d/b"]), false)]),
            ("mv \"$a\" b; rm -rf b", &[("rm -rf b", Files::Anything, false)]),
            ("cd && rm -rf b", &[("rm -rf b", Files::Anything, false)]),
            ("cd \"$a\" && rm -rf b", &[("rm -rf b", Files::Anything, false)]),
            ("pushd a && rm -rf b", &[("rm -rf b", Files::Anything, false)]),
            ("rm -rf \"$x\" y", &[("rm -rf … y", Files::Anything, false)]),
            ("rm -rf build/*", &[("rm -rf 'build/*'", Files::Anything, false)]),
            ("find src -name '*.o' -delete", &[("find src -name '*.o' -delete", named(&["src", "*.o"]), false)]),
            ("ls | xargs rm -f", &[("rm -f …", Files::Anything, false)]),
            ("git clean -fd", &[("git clean -fd", Files::Tree, false)]),
            ("git clean -fdx", &[("git clean -fdx", Files::Anything, false)]),
            ("git -C sub reset --hard", &[("git -C sub reset --hard", Files::Tree, false)]),
            ("git branch -D topic", &[("git branch -D topic", Files::No, true)]),
            ("git filter-branch --all", &[("git filter-branch --all", Files::Tree, true)]),
            (
                "bash -c 'rm -r d'; git stash clear",
                &[("rm -r d", named(&["d"]), false), ("git stash clear", Files::No, true)],
            ),
            ("git push -f", &[("git push -f", Files::No, false)]),
            ("mkfs.ext4 /dev/sda1", &[("mkfs.ext4 /dev/sda1", Files::No, false)]),
            ("psql -c 'DROP TABLE users'", &[("psql -c 'DROP TABLE users'", Files::No, false)]),
        ];
        for (command, expected) in table {
            let found = destroys(&Access { command: Some((*command).into()), ..Access::default() });
            let destroys = |(line, files, refs): &(&str, Files, bool)| Destroys {
                line: (*line).into(),
                files: files.clone(),
                unlinks: ["rm ", "find ", "git clean "].iter().any(|start| line.starts_with(start)),
                refs: *refs,
            };
            assert_eq!(found, expected.iter().map(destroys).collect::<Vec<_>>(), "{command}");
            let beyond = ["git push", "mkfs", "psql"].iter().any(|word| command.contains(word));
            assert_eq!(found.iter().any(Destroys::is_beyond_saving), beyond, "{command}");
        }
        assert_eq!(destroys(&Access::default()), []);
    }
}
