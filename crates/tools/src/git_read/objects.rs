//! What git is asked of the revisions in its arguments before it is given them, while an ignore file is in force.
//!
//! The same word may name a commit, a tag, a file or a directory, and git knows more ways to write each than are known here. So it
//! must never be given a word as it came: git says which object a word means and of what type that is, and is given the object's id.

use std::{ffi::OsStr, path::Path, time::Duration};

use codex_sandbox::{Command, Confinement, Exit, Sandbox, Streams};
use codex_workspace::git_command;
use tokio::io::{AsyncReadExt, copy, sink};
use tokio_util::sync::CancellationToken;

use super::{Operation, kept::options};

/// Most objects that are looked up for a call.
const MOST: usize = 16;
/// How long git may take to say what a word means.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Most that is read of what it says then, in bytes: an id is shorter.
const LONGEST: u64 = 1 << 10;
/// Fewest digits that git takes for the beginning of an id.
const SHORTEST_ID: usize = 4;
/// Options that name whatever a repository has names for: not commits alone.
const OF_ALL: &[&str] = &["--all", "--branches", "--remotes", "--tags"];

/// A part of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// It must mean a commit, or a tag of one.
    Commit(String),
    /// A file of this commit, or of the index where that is empty.
    File { commit: String, path: String },
}

/// Arguments that are given as they came.
pub(super) fn as_they_are(args: Vec<String>) -> Vec<Vec<Piece>> {
    args.into_iter().map(|argument| vec![Piece::Text(argument)]).collect()
}

/// The pieces of each of `args`, as [`super::kept::without_ignored`] gave them.
///
/// # Errors
/// A sentence: what one of them shows is not known, or there are too many.
pub(super) fn pieces(operation: Operation, args: Vec<String>) -> Result<Vec<Vec<Piece>>, String> {
    if !matches!(operation, Operation::Show | Operation::Diff) {
        return Ok(as_they_are(args));
    }
    let options = options(&args)?;
    if let Some(all) = options.iter().filter_map(|at| args.get(*at)).find(|option| OF_ALL.contains(&option.as_str())) {
        return Err(format!("`{all}`: an ignore file is in force, so git_read shows only what is named: name commits"));
    }
    let end = args.iter().position(|argument| argument == "--").unwrap_or(args.len());
    let mut found = Vec::with_capacity(args.len() + 1);
    for (at, argument) in args.into_iter().enumerate() {
        found.push(match at >= end || options.contains(&at) {
            true => vec![Piece::Text(argument)],
            false => revision(operation, &argument)?,
        });
    }
    let is_text = |word: &Vec<Piece>| matches!(word[..], [Piece::Text(_)]);
    if operation == Operation::Show && found.iter().all(is_text) {
        found.insert(end, vec![Piece::Commit("HEAD".into())]);
    }
    match found.iter().flatten().filter(|piece| !matches!(piece, Piece::Text(_))).count() {
        0..=MOST => Ok(found),
        _ => Err(format!("an ignore file is in force, so git_read takes fewer revisions: at most {MOST}")),
    }
}

/// The pieces of a revision (gitrevisions(7)).
fn revision(operation: Operation, argument: &str) -> Result<Vec<Piece>, String> {
    let text = |text: &str| Piece::Text(text.to_owned());
    let commit = |name: &str| Piece::Commit(if name.is_empty() { "HEAD" } else { name }.to_owned());
    // `:/TEXT` looks for a commit.
    let colon = outside(argument, ":").filter(|_| !argument.starts_with(":/"));
    if let Some((commit, path)) = colon {
        if operation == Operation::Diff {
            return Err(format!(
                "`{argument}`: an ignore file is in force, so git_read compares commits: put the file behind `--`"
            ));
        }
        if is_described(path) {
            return Err(format!("`{argument}`: git may take its end for the id of another object; name a commit"));
        }
        return Ok(vec![Piece::File { commit: commit.to_owned(), path: path.to_owned() }]);
    }
    if let Some((from, to)) = outside(argument, "..").filter(|_| !argument.starts_with(":/")) {
        let (dots, to) = to.strip_prefix('.').map_or(("..", to), |to| ("...", to));
        return Ok(vec![commit(from), text(dots), commit(to)]);
    }
    if let Some(name) = argument.strip_prefix('^') {
        return Ok(vec![text("^"), commit(name)]);
    }
    let parents = ["^!", "^@"].into_iter().find(|end| argument.ends_with(end)).map(|end| argument.len() - end.len());
    let number = argument.trim_end_matches(|c: char| c.is_ascii_digit());
    let parents = parents.or_else(|| number.ends_with("^-").then(|| number.len() - 2));
    Ok(match parents.and_then(|at| argument.split_at_checked(at)) {
        Some((name, which)) => vec![commit(name), text(which)],
        None => vec![commit(argument)],
    })
}

/// What is before and behind the first `mark` that is not in braces, as those of `@{…}` and `^{…}`.
fn outside<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let depth = |before: &str| before.matches('{').count().checked_sub(before.matches('}').count());
    let (at, _) =
        text.match_indices(mark).find(|(at, _)| text.get(..*at).and_then(depth).is_none_or(|depth| depth == 0))?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// Whether git could take `path` for what `git describe` prints, `NAME-gID`, of which only the id counts.
fn is_described(path: &str) -> bool {
    path.match_indices("-g").any(|(at, mark)| {
        let digits = path.bytes().skip(at + mark.len()).take_while(u8::is_ascii_hexdigit);
        digits.count() >= SHORTEST_ID
    })
}

/// Asks git which objects are meant.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) walls: &'a Confinement,
    pub(super) cancel: &'a CancellationToken,
    pub(super) program: &'a Path,
    pub(super) filters: &'a [String],
    pub(super) directory: &'a Path,
    /// The `PATH` for programs of git's own.
    pub(super) path: &'a OsStr,
}

impl Asking<'_> {
    /// The arguments that git is given.
    ///
    /// # Errors
    /// A sentence: a piece does not mean what it must, or git could not be asked.
    pub(super) async fn arguments(&self, words: Vec<Vec<Piece>>) -> Result<Vec<String>, String> {
        let mut arguments = Vec::with_capacity(words.len());
        for word in words {
            let mut argument = String::new();
            for piece in word {
                argument.push_str(&self.piece(piece).await?);
            }
            arguments.push(argument);
        }
        Ok(arguments)
    }

    async fn piece(&self, piece: Piece) -> Result<String, String> {
        match piece {
            Piece::Text(text) => Ok(text),
            Piece::Commit(name) => self.commit(&name).await,
            Piece::File { commit, path } => {
                let from = if commit.is_empty() { String::new() } else { self.commit(&commit).await? };
                let file = self.typed(&format!("{from}:{path}"), "blob").await?;
                file.ok_or_else(|| {
                    format!(
                        "`{commit}:{path}` is no file, and an ignore file is in force, so git_read shows nothing else by its path: \
                         a directory's list may have what it names. Name a file as `COMMIT:PATH`"
                    )
                })
            }
        }
    }

    async fn commit(&self, name: &str) -> Result<String, String> {
        let id = self.typed(name, "commit").await?;
        id.ok_or_else(|| {
            format!(
                "`{name}` is no commit, and an ignore file is in force, so git_read shows nothing of which the path is not known. \
                 Name a commit, or a file as `COMMIT:PATH`; `--` goes before other paths"
            )
        })
    }

    /// The id of the object that `name` means, if it is of this type, or a tag of one that is.
    async fn typed(&self, name: &str, kind: &str) -> Result<Option<String>, String> {
        let Some(id) = self.id(name).await? else { return Ok(None) };
        Ok(self.id(&format!("{id}^{{{kind}}}")).await?.map(|_| id))
    }

    /// The id of the one object that `name` means. What git says besides, warnings too, is not looked at.
    async fn id(&self, name: &str) -> Result<Option<String>, String> {
        let args = ["--verify", "--end-of-options", name];
        let command = git_command(self.program, "rev-parse", args, self.filters, self.directory, self.path);
        let said = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err("interrupted by the user".into()),
            said = tokio::time::timeout(TIMEOUT, self.said(command)) => said,
        };
        let said = said.map_err(|_| format!("git took longer than {} s and was killed", TIMEOUT.as_secs()))??;
        let id = said.as_deref().map(str::trim_end);
        let is_id = |id: &&str| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(id.filter(is_id).map(str::to_owned))
    }

    /// What it prints, if it ends well.
    async fn said(&self, command: Command) -> Result<Option<String>, String> {
        let not_run = |error| format!("git was not run: {error}");
        let mut child = self.sandbox.spawn(self.walls, command, Streams::Separate).await.map_err(not_run)?;
        let (mut printed, mut warnings) = (Vec::new(), child.stderr.take());
        let mut answer = (&mut child.stdout).take(LONGEST);
        let read = answer.read_to_end(&mut printed);
        let unread = async {
            if let Some(warnings) = &mut warnings {
                // It is read so that git need not wait.
                let _ = copy(warnings, &mut sink()).await;
            }
        };
        let (read, ()) = tokio::join!(read, unread);
        let exit = child.wait().await.map_err(|error| format!("git was lost: {error}"))?;
        Ok(match (read, exit) {
            (Ok(_), Exit::Code(0)) => String::from_utf8(printed).ok(),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is read: `<COMMIT>`, `<COMMIT|PATH>`.
    fn read(operation: Operation, args: &str) -> Result<String, String> {
        let words = pieces(operation, args.split(' ').map(str::to_owned).collect())?;
        let told = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Commit(name) => format!("<{name}>"),
            Piece::File { commit, path } => format!("<{commit}|{path}>"),
        };
        let words: Vec<String> = words.iter().map(|word| word.iter().map(told).collect()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn what_may_mean_any_object_is_looked_up() {
        use Operation::{Diff, Log, Show};
        let table = [
            (Show, "v1 -s -- b", "<v1> -s -- b"),
            (Show, "-s -- b", "-s <HEAD> -- b"),
            (Show, "-s", "-s <HEAD>"),
            (Show, "-S word ^c -M 1a2b", "-S word ^<c> -M <1a2b>"),
            (Show, "1a2b:key :0:b HEAD:", "<1a2b|key> <|0:b> <HEAD|>"),
            (Show, "HEAD:../b", "<HEAD|../b>"),
            (Show, "x-g1a2b", "<x-g1a2b>"),
            (Show, "HEAD^{/x:}^{tree}", "<HEAD^{/x:}^{tree}>"),
            (Show, "HEAD@{12:00}:b HEAD@{12:00}", "<HEAD@{12:00}|b> <HEAD@{12:00}>"),
            (Show, ":/a:b..c", "<:/a:b..c>"),
            (Show, "HEAD^! a^@ b^- c^-2 d^2", "<HEAD>^! <a>^@ <b>^- <c>^-2 <d^2>"),
            (Diff, "a..b c...d ..e f..", "<a>..<b> <c>...<d> <HEAD>..<e> <f>..<HEAD>"),
            (Log, "1a2b --all", "1a2b --all"),
        ];
        for (operation, args, expected) in table {
            assert_eq!(read(operation, args).unwrap(), expected, "{operation:?} {args}");
        }
        for (operation, args, why) in [
            (Show, "--tags", "name commits"),
            (Show, "x:y-g1a2b", "the id of another object"),
            (Show, ":y-g1a2b^{}", "the id of another object"),
            (Show, "-S", "value"),
            (Show, "-S -S 1a2b", "value"),
            (Diff, "HEAD:sub", "behind `--`"),
            (Show, &"a ".repeat(17), "at most 16"),
        ] {
            let refused = read(operation, args.trim_end()).unwrap_err();
            assert!(refused.contains(why), "{operation:?} {args}: {refused}");
        }
    }
}
