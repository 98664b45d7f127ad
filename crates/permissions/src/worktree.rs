//! Which commands of a line let git change the work tree, and what they take from where, as far as their words say.
//!
//! git goes on over files that it cannot write and leaves half of a checkout. So whoever runs a command asks git first
//! what it would change; this module says what is to be asked. It finds too much rather than too little, but nothing
//! rests on it: what commands may not write is held by the sandbox. Aliases are not followed.

use std::path::{Path, PathBuf};

use crate::shell::{self, Simple, is_open};

/// A command that lets git change the work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// The command, for people.
    pub line: String,
    /// The directory that git works in, as its words say: `None` if they do not.
    pub directory: Option<PathBuf>,
    /// Where what it writes comes from.
    pub sources: Vec<Source>,
}

/// Where git takes from what it writes into the work tree. Words need not name anything: what is none is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `git checkout`, without a `--`: the trees of words that name revisions; with words that name none, these paths.
    Words(Vec<String>),
    /// The trees of these revisions, in place of that of `HEAD`.
    Trees(Vec<String>),
    /// The commits that these revisions have and `HEAD` has not.
    Ahead(Vec<String>),
    /// The commits that only these revisions or only `HEAD` have.
    Apart(Vec<String>),
    /// These commits, or ranges of commits.
    Commits(Vec<String>),
    /// An entry of the stash.
    Stash(String),
    /// The tree of this revision, or the index, in place of what is in the work tree: all of it, or these paths.
    Discard {
        /// `None`: the index.
        revision: Option<String>,
        /// Empty: all of it.
        paths: Vec<String>,
    },
    /// Nothing: what is there and not tracked is taken away; what is ignored too, if this says so.
    Untracked(bool),
    /// These files, each a patch.
    Patches(Vec<String>),
    /// What submodules are at.
    Submodules,
    /// What is left of a series of commits that was interrupted.
    Series,
    /// It cannot be told before it runs.
    Unknown,
}

/// The commands of git that may change the work tree. Sorted.
const VERBS: &[&str] = &[
    "am",
    "apply",
    "bisect",
    "checkout",
    "cherry-pick",
    "merge",
    "pull",
    "read-tree",
    "rebase",
    "reset",
    "restore",
    "revert",
    "stash",
    "submodule",
    "switch",
];

const UPSTREAM: &str = "@{upstream}";

/// What `command`, which starts in `directory`, lets git change.
pub fn tree_changes(command: &str, directory: &Path) -> Vec<TreeChange> {
    if !command.contains("git") || !VERBS.iter().any(|verb| command.contains(verb)) {
        return Vec::new();
    }
    let reading = shell::read(command);
    // In a plain line a directory stands until the next; elsewhere one may be left again.
    let plain = shell::plain(command).is_some();
    let mut directories = vec![directory.to_owned()];
    let (mut found, mut fetched) = (Vec::new(), false);
    let guesses = reading.guesses.iter().filter(|guess| guess.begins).map(|guess| &guess.command);
    for simple in reading.commands.iter().chain(guesses) {
        match simple.program().as_str() {
            "cd" | "pushd" => enter(simple, plain, &mut directories),
            "git" => {
                let Some(call) = Call::of(simple) else { continue };
                let mut sources = call.sources();
                if fetched && !sources.is_empty() {
                    // What revisions mean by then is not known now.
                    sources = vec![Source::Unknown];
                }
                fetched |= matches!(call.verb, "fetch" | "pull" | "remote");
                if sources.is_empty() {
                    continue;
                }
                let line = simple.line();
                found.extend(directories.iter().map(|from| TreeChange {
                    line: line.clone(),
                    directory: call.directory.as_ref().map(|directory| from.join(directory).components().collect()),
                    sources: sources.clone(),
                }));
            }
            _ => {}
        }
    }
    found
}

/// Takes a `cd` into account.
fn enter(simple: &Simple, plain: bool, directories: &mut Vec<PathBuf>) {
    const MOST: usize = 8;
    let Some(to) = simple.words.iter().skip(1).find(|word| !word.starts_with('-') && !is_open(word)) else { return };
    let entered: Vec<PathBuf> = directories.iter().map(|from| from.join(to)).collect();
    if plain {
        *directories = entered;
    } else {
        directories.extend(entered);
        directories.dedup();
        directories.truncate(MOST);
    }
}

/// A call of git.
struct Call<'a> {
    /// As [`TreeChange::directory`], below where it is called.
    directory: Option<PathBuf>,
    verb: &'a str,
    /// What follows the verb.
    arguments: &'a [String],
    /// What it reads on standard input, where that is known.
    input: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn of(simple: &'a Simple) -> Option<Self> {
        let (_, all) = simple.words.split_first()?;
        let (verb, arguments) = shell::beyond_git_options(all).split_first()?;
        let options = &all[..all.len() - arguments.len() - 1];
        let mut directory = Some(PathBuf::new());
        for (at, option) in options.iter().enumerate() {
            if option == "-C" {
                let to = options.get(at + 1).filter(|to| !is_open(to));
                directory = directory.zip(to).map(|(directory, to)| directory.join(to));
            } else if option.starts_with("--git-dir") || option.starts_with("--work-tree") {
                directory = None;
            }
        }
        Some(Self { directory, verb, arguments, input: simple.input.as_deref() })
    }

    fn has(&self, options: &[&str]) -> bool {
        self.arguments.iter().take_while(|word| *word != "--").any(|word| options.contains(&word.as_str()))
    }

    /// The words before `--` that are no options, and the values of long options.
    fn words(&self) -> Vec<String> {
        let before = self.arguments.iter().take_while(|word| *word != "--");
        let word = |word: &String| match word.strip_prefix("--") {
            Some(option) => option.split_once('=').map(|(_, value)| value.to_owned()),
            None if word == "-" => Some("@{-1}".to_owned()),
            None => (!word.starts_with('-') || is_open(word)).then(|| word.clone()),
        };
        before.filter_map(word).collect()
    }

    /// As [`Call::words`], or `default` if there are none.
    fn words_or(&self, default: &str) -> Vec<String> {
        let words = self.words();
        if words.is_empty() { vec![default.to_owned()] } else { words }
    }

    /// What follows `--`, if that is there. A name that is not known may be any.
    fn paths(&self) -> Option<Vec<String>> {
        let at = self.arguments.iter().position(|word| word == "--")?;
        Some(known_paths(&self.arguments[at + 1..]))
    }

    fn sources(&self) -> Vec<Source> {
        if self.has(&["--help", "-h"]) {
            return Vec::new();
        }
        let sources = match self.verb {
            "am" => self.am(),
            "apply" => self.apply(),
            "bisect" => self.bisect(),
            "checkout" => self.checkout(),
            "cherry-pick" | "revert" => self.picked(),
            "merge" => self.merge(),
            "pull" => vec![Source::Unknown],
            "read-tree" if self.has(&["-u"]) => vec![Source::Trees(self.words()), discard_all("HEAD")],
            "rebase" => self.rebase(),
            "reset" if self.has(&["--hard", "--keep", "--merge"]) => {
                self.words_or("HEAD").iter().map(|word| discard_all(word)).collect()
            }
            "restore" => self.restore(),
            "stash" => self.stash(),
            "submodule" if self.words().first().is_some_and(|word| word == "update") => vec![Source::Submodules],
            "switch" if self.has(&["--orphan"]) => vec![Source::Unknown],
            "switch" => self.tree_of(self.words()),
            _ => Vec::new(),
        };
        let is_unknown = |source: &Source| match source {
            Source::Words(words)
            | Source::Trees(words)
            | Source::Ahead(words)
            | Source::Apart(words)
            | Source::Commits(words)
            | Source::Patches(words) => words.iter().any(|word| is_open(word)),
            Source::Stash(word) | Source::Discard { revision: Some(word), .. } => is_open(word),
            _ => false,
        };
        if sources.iter().any(is_unknown) { vec![Source::Unknown] } else { sources }
    }

    /// The trees of `words`, and with `--force` instead of what was changed too.
    fn tree_of(&self, words: Vec<String>) -> Vec<Source> {
        let forced = self.has(&["-f", "--force", "--discard-changes"]).then(|| discard_all("HEAD"));
        let trees = (!words.is_empty()).then_some(Source::Trees(words));
        trees.into_iter().chain(forced).collect()
    }

    fn checkout(&self) -> Vec<Source> {
        let words = self.words();
        let names_paths = self.arguments.last().is_some_and(|word| word != "--");
        match self.paths() {
            Some(paths) if names_paths => vec![Source::Discard { revision: words.first().cloned(), paths }],
            Some(_) => self.tree_of(words),
            None if words.is_empty() => self.tree_of(words),
            None => {
                let forced = self.tree_of(Vec::new());
                let open = words.iter().any(|word| is_open(word));
                // What is not known may be paths, or a revision.
                let source = if open { Source::Unknown } else { Source::Words(words) };
                std::iter::once(source).chain(forced).collect()
            }
        }
    }

    fn restore(&self) -> Vec<Source> {
        if self.has(&["--staged", "-S"]) && !self.has(&["--worktree", "-W"]) {
            return Vec::new();
        }
        let next = |at: usize| self.arguments.get(at + 1).cloned();
        let source = self.arguments.iter().enumerate().find_map(|(at, word)| match word.as_str() {
            "-s" | "--source" => next(at),
            word => word.strip_prefix("--source=").or_else(|| word.strip_prefix("-s")).map(str::to_owned),
        });
        let operands: Vec<String> = self.arguments.iter().filter(|word| !word.starts_with('-')).cloned().collect();
        let paths = if self.has(&["-p", "--patch"]) && operands.is_empty() { vec![".".into()] } else { operands };
        if paths.is_empty() {
            Vec::new()
        } else {
            vec![Source::Discard { revision: source, paths: known_paths(&paths) }]
        }
    }

    fn merge(&self) -> Vec<Source> {
        if self.has(&["--continue", "--quit"]) {
            return Vec::new();
        }
        let mut sources = Vec::new();
        if self.has(&["--abort", "--autostash"]) {
            sources.push(discard_all("HEAD"));
        }
        if !self.has(&["--abort"]) {
            sources.push(Source::Ahead(self.words_or(UPSTREAM)));
        }
        sources
    }

    fn rebase(&self) -> Vec<Source> {
        if self.has(&["--continue", "--skip", "--abort"]) {
            let words = ["ORIG_HEAD", "rebase-merge/orig-head", "rebase-apply/orig-head"].map(str::to_owned);
            return vec![Source::Apart(words.into()), discard_all("HEAD")];
        }
        if self.has(&["--quit", "--edit-todo", "--show-current-patch"]) {
            return Vec::new();
        }
        if self.has(&["--root"]) {
            return vec![Source::Unknown];
        }
        let stashed = self.has(&["--autostash"]).then(|| discard_all("HEAD"));
        std::iter::once(Source::Apart(self.words_or(UPSTREAM))).chain(stashed).collect()
    }

    fn picked(&self) -> Vec<Source> {
        if self.has(&["--continue", "--skip", "--abort"]) {
            return vec![Source::Series, Source::Trees(vec!["sequencer/head".into()]), discard_all("HEAD")];
        }
        let words = self.words();
        if words.is_empty() { Vec::new() } else { vec![Source::Commits(words)] }
    }

    fn am(&self) -> Vec<Source> {
        if self.has(&["--quit", "--show-current-patch"]) {
            return Vec::new();
        }
        if self.has(&["--continue", "--resolved", "-r", "--skip", "--abort"]) {
            return vec![Source::Series, Source::Trees(vec!["ORIG_HEAD".into()]), discard_all("HEAD")];
        }
        self.patches()
    }

    fn apply(&self) -> Vec<Source> {
        let only_looks = ["--check", "--numstat", "--stat", "--summary"];
        let in_index = self.has(&["--cached"]) && !self.has(&["--index"]);
        if (self.has(&only_looks) && !self.has(&["--apply"])) || in_index {
            return Vec::new();
        }
        self.patches()
    }

    fn patches(&self) -> Vec<Source> {
        let moved = |word: &String| word.starts_with("--directory") || word.starts_with("-p");
        let files: Vec<String> = self.arguments.iter().filter(|word| !word.starts_with('-')).cloned().collect();
        let from_input = files.is_empty() || self.has(&["-"]) || self.input.is_some();
        if from_input || self.arguments.iter().any(moved) {
            vec![Source::Unknown]
        } else {
            vec![Source::Patches(files)]
        }
    }

    fn bisect(&self) -> Vec<Source> {
        let mut words = self.words();
        if words.is_empty() || ["help", "log", "terms", "view", "visualize"].contains(&words[0].as_str()) {
            return Vec::new();
        }
        words[0] = "refs/bisect/bad".into();
        vec![Source::Apart(words)]
    }

    fn stash(&self) -> Vec<Source> {
        let words = self.words();
        let (action, rest) = words.split_first().map_or(("push", &[][..]), |(word, rest)| (word.as_str(), rest));
        let entry = |word: Option<&String>| match word {
            Some(number) if number.chars().all(|c| c.is_ascii_digit()) => format!("stash@{{{number}}}"),
            Some(word) => word.clone(),
            None => "stash@{0}".to_owned(),
        };
        match action {
            "apply" | "pop" => vec![Source::Stash(entry(rest.first()))],
            "branch" => {
                let entry = entry(rest.get(1));
                vec![Source::Trees(vec![format!("{entry}^1")]), Source::Stash(entry)]
            }
            "clear" | "create" | "drop" | "list" | "show" | "store" => Vec::new(),
            _ => {
                let all = self.has(&["-a", "--all"]);
                let untracked = all || self.has(&["-u", "--include-untracked"]);
                let paths = self.paths().unwrap_or_default();
                let discard = Source::Discard { revision: Some("HEAD".into()), paths };
                std::iter::once(discard).chain(untracked.then_some(Source::Untracked(all))).collect()
            }
        }
    }
}

fn discard_all(revision: &str) -> Source {
    Source::Discard { revision: Some(revision.to_owned()), paths: Vec::new() }
}

/// `paths`, or nothing, which means all, if one of them may be any.
fn known_paths(paths: &[String]) -> Vec<String> {
    let any = paths.iter().any(|path| is_open(path) || path.starts_with(':') || path.contains(['*', '?', '[']));
    if any { Vec::new() } else { paths.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The changes of a line as text.
    fn found(line: &str) -> Vec<String> {
        let shown = |change: TreeChange| {
            let directory = change.directory.map_or("?".into(), |directory| directory.display().to_string());
            format!("{directory}: {:?}", change.sources).replace('"', "")
        };
        tree_changes(line, Path::new("/w")).into_iter().map(shown).collect()
    }

    #[test]
    fn tables_are_sorted() {
        assert!(VERBS.is_sorted());
    }

    #[test]
    fn what_git_takes_from_where() {
        const HEAD: &str = "Discard { revision: Some(HEAD), paths: [] }";
        let table = [
            ("git checkout other", "/w: [Words([other])]".to_owned()),
            ("git checkout -", "/w: [Words([@{-1}])]".into()),
            ("git checkout -f other", format!("/w: [Words([other]), {HEAD}]")),
            ("git checkout -q a -- b c", "/w: [Discard { revision: Some(a), paths: [b, c] }]".into()),
            ("git checkout -- b", "/w: [Discard { revision: None, paths: [b] }]".into()),
            ("git checkout -- *.rs", "/w: [Discard { revision: None, paths: [] }]".into()),
            ("git checkout a --", "/w: [Trees([a])]".into()),
            ("git checkout $x", "/w: [Unknown]".into()),
            ("git switch -c new main", "/w: [Trees([new, main])]".into()),
            ("git switch --orphan new", "/w: [Unknown]".into()),
            ("git restore -s a b", "/w: [Discard { revision: Some(a), paths: [a, b] }]".into()),
            ("git restore --source=a -SW b", "/w: [Discard { revision: Some(a), paths: [b] }]".into()),
            ("git restore .", "/w: [Discard { revision: None, paths: [.] }]".into()),
            ("git merge --no-ff other", "/w: [Ahead([other])]".into()),
            ("git merge", "/w: [Ahead([@{upstream}])]".into()),
            ("git merge --abort", format!("/w: [{HEAD}]")),
            ("git rebase --onto=a b", "/w: [Apart([a, b])]".into()),
            ("git rebase --root", "/w: [Unknown]".into()),
            ("git cherry-pick a b..c", "/w: [Commits([a, b..c])]".into()),
            ("git revert HEAD", "/w: [Commits([HEAD])]".into()),
            ("git pull", "/w: [Unknown]".into()),
            ("git stash", format!("/w: [{HEAD}]")),
            ("git stash -u", format!("/w: [{HEAD}, Untracked(false)]")),
            ("git stash push -m x -- b", "/w: [Discard { revision: Some(HEAD), paths: [b] }]".into()),
            ("git stash pop", "/w: [Stash(stash@{0})]".into()),
            ("git stash apply 2", "/w: [Stash(stash@{2})]".into()),
            ("git stash branch b", "/w: [Trees([stash@{0}^1]), Stash(stash@{0})]".into()),
            ("git reset --hard", format!("/w: [{HEAD}]")),
            ("git reset --keep a", "/w: [Discard { revision: Some(a), paths: [] }]".into()),
            ("git read-tree -u -m a", format!("/w: [Trees([a]), {HEAD}]")),
            ("git apply a.patch", "/w: [Patches([a.patch])]".into()),
            ("git apply -p2 a.patch", "/w: [Unknown]".into()),
            ("cat a | git am", "/w: [Unknown]".into()),
            ("git bisect start a b", "/w: [Apart([refs/bisect/bad, a, b])]".into()),
            ("git submodule update --init", "/w: [Submodules]".into()),
            ("cd sub && git checkout a", "/w/sub: [Words([a])]".into()),
            ("git -C sub -C .. checkout a", "/w/sub/..: [Words([a])]".into()),
            ("git --git-dir x checkout a", "?: [Words([a])]".into()),
            ("env A=1 git checkout a", "/w: [Words([a])]".into()),
            ("bash -c 'git checkout a'", "/w: [Words([a])]".into()),
            ("git fetch && git merge origin/a", "/w: [Unknown]".into()),
        ];
        for (line, expected) in table {
            assert_eq!(found(line), [expected], "{line}");
        }
        assert_eq!(found("(cd sub; git checkout a); ls"), ["/w: [Words([a])]", "/w/sub: [Words([a])]"]);
    }

    #[test]
    fn what_changes_no_work_tree() {
        let table = [
            "git status",
            "git checkout",
            "git checkout --help",
            "git commit -m 'merge and rebase'",
            "git reset",
            "git reset --soft HEAD~1",
            "git restore --staged a",
            "git stash list",
            "git merge --continue",
            "git apply --check a",
            "git apply --cached a",
            "git submodule status",
            "git read-tree a",
            "git bisect log",
            "git log merge",
            "echo git checkout a",
            "make checkout",
        ];
        for line in table {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }
}
