//! `git_read`: what git tells about the repository, without changing it.
//!
//! It must never pass an option that is not on its list: options of git write files and run programs, and git takes
//! unique beginnings of long options for them.

mod kept;
mod objects;

use std::{ffi::OsStr, path::PathBuf, sync::Arc, time::Duration};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_workspace::{filters, find_git, git_command, list_filters};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Effect, Permission, Prepared, Tool, ToolContext, ToolError, arguments, output,
    plain_call::{Answer, PlainCall},
    processes::{End, Ended, run_to_end},
};

use kept::without_ignored;
use objects::{Asking, as_they_are, pieces};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Programs of git's own are looked for here where the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Options that every operation takes. A name that ends in `=` takes a value after it, one that ends in `*` anything.
/// The value of an option may also be an argument of its own, and is then held to the same list.
const COMMON: &[&str] = &["--"];

/// Options about diffs.
const DIFF: &[&str] = &[
    "--cached",
    "--check",
    "--color-words",
    "--compact-summary",
    "--diff-filter=",
    "--dirstat",
    "--find-renames",
    "--full-index",
    "--function-context",
    "--histogram",
    "--ignore-all-space",
    "--ignore-blank-lines",
    "--ignore-space-at-eol",
    "--ignore-space-change",
    "--inter-hunk-context=",
    "--merge-base",
    "--minimal",
    "--name-only",
    "--name-status",
    "--no-patch",
    "--no-prefix",
    "--no-renames",
    "--numstat",
    "--patch",
    "--patch-with-stat",
    "--patience",
    "--pickaxe-all",
    "--pickaxe-regex",
    "--raw",
    "--shortstat",
    "--staged",
    "--stat",
    "--stat=",
    "--summary",
    "--unified=",
    "--word-diff",
    "--word-diff=",
    "-G*",
    "-M*",
    "-R",
    "-S*",
    "-U*",
    "-W",
    "-b",
    "-p",
    "-s",
    "-u",
    "-w",
];

/// Options about commits.
const LOG: &[&str] = &[
    "--abbrev-commit",
    "--after=",
    "--all",
    "--all-match",
    "--ancestry-path",
    "--author-date-order",
    "--author=",
    "--before=",
    "--branches",
    "--cc",
    "--committer=",
    "--date-order",
    "--date=",
    "--decorate",
    "--decorate=",
    "--first-parent",
    "--follow",
    "--format=",
    "--graph",
    "--grep=",
    "--invert-grep",
    "--left-right",
    "--max-count=",
    "--merges",
    "--no-decorate",
    "--no-merges",
    "--oneline",
    "--pretty",
    "--pretty=",
    "--regexp-ignore-case",
    "--remotes",
    "--reverse",
    "--since=",
    "--skip=",
    "--tags",
    "--topo-order",
    "--until=",
    "-E",
    "-F",
    "-L*",
    "-c",
    "-i",
    "-m",
    "-n*",
];

const STATUS: &[&str] = &[
    "--ahead-behind",
    "--branch",
    "--ignored",
    "--long",
    "--no-renames",
    "--porcelain",
    "--porcelain=",
    "--short",
    "--show-stash",
    "--untracked-files",
    "--untracked-files=",
    "--verbose",
    "-b",
    "-s",
    "-sb",
    "-u*",
    "-v",
];

const BLAME: &[&str] = &[
    "--abbrev=",
    "--date=",
    "--first-parent",
    "--line-porcelain",
    "--porcelain",
    "--reverse",
    "--root",
    "--show-email",
    "--show-name",
    "--show-number",
    "--since=",
    "-C*",
    "-L*",
    "-M*",
    "-c",
    "-e",
    "-f",
    "-l",
    "-n",
    "-p",
    "-s",
    "-t",
    "-w",
];

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    operation: Operation,
    /// Options, revisions and paths, one each; `--` before paths.
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Status,
    Diff,
    Log,
    Show,
    Blame,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Diff => "diff",
            Self::Log => "log",
            Self::Show => "show",
            Self::Blame => "blame",
        }
    }

    fn options(self) -> [&'static [&'static str]; 3] {
        match self {
            Self::Status => [COMMON, STATUS, &[]],
            Self::Diff => [COMMON, DIFF, &[]],
            Self::Log | Self::Show => [COMMON, DIFF, LOG],
            Self::Blame => [COMMON, BLAME, &[]],
        }
    }

    /// Whether git may be given `argument`. Whatever begins with a dash must be on the list, after `--` too: that may
    /// have been the value of the option before it.
    fn takes(self, argument: &str) -> bool {
        if argument.contains('\0') {
            return false;
        }
        let Some(option) = argument.strip_prefix('-') else { return true };
        if matches!(self, Self::Log | Self::Show) && !option.is_empty() && option.bytes().all(|b| b.is_ascii_digit()) {
            return true;
        }
        self.options().into_iter().flatten().any(|allowed| match allowed.strip_suffix('*') {
            Some(start) => argument.starts_with(start),
            None if allowed.ends_with('=') => argument.starts_with(allowed),
            None => argument == *allowed,
        })
    }
}

/// Most that the names of a repository's filters take, in bytes: less than is kept of an output.
const FILTER_BYTES: usize = 16 << 10;

/// Asks git.
#[derive(Debug)]
pub(crate) struct GitRead;

impl Tool for GitRead {
    fn name(&self) -> &str {
        "git_read"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("git_read.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { operation, args } = arguments::parse(arguments)?;
        if let Some(refused) = args.iter().find(|argument| !operation.takes(argument)) {
            return Err(ToolError(format!(
                "`args`: `{refused}` is not among the options that git_read takes for {}; use exec_command for it",
                operation.name()
            )));
        }
        let args = without_ignored(&context.roots, operation, args).map_err(ToolError)?;
        let words = match context.roots.ignored.is_empty() {
            true => as_they_are(args),
            false => pieces(operation, args).map_err(ToolError)?,
        };
        let path = context.environment.get(OsStr::new("PATH")).map_or(OsStr::new(DEFAULT_PATH), |path| path);
        let program = find_git(path, &context.roots.writable)
            .ok_or_else(|| ToolError("git is not installed outside the workspace".into()))?;
        let directory: PathBuf = context.roots.workspace.clone();
        let path = path.to_owned();
        let access = Access { reads: vec![directory.clone()], read_only_program: true, ..Access::default() };
        let call = PlainCall::new(self.name(), arguments, context);
        let started = Some(call.started());
        let (sandbox, cancel) = (Arc::clone(&context.sandbox), context.cancel.clone());
        let run = Box::new(move |Permission { confinement, .. }| {
            let work = async move {
                let keep = output::model_bytes(None);
                let run = async |command| run_to_end(&sandbox, &confinement, command, TIMEOUT, keep, &cancel).await;
                // What a filter would do is not known, and a repository may be a stranger's.
                let filters = match run(list_filters(&program, &directory, &path)).await {
                    Ok((ended, text)) if text.len() > FILTER_BYTES => {
                        return call.finished(Err("the repository names too many filters".into()), ended.duration);
                    }
                    Ok((Ended { end: End::Exited(exit), .. }, text)) if exit.shell_code() < 2 => filters(&text),
                    Ok((ended, text)) => return call.finished(report(ended.end, text), ended.duration),
                    Err(error) => return call.finished(Err(format!("git was not run: {error}")), Duration::ZERO),
                };
                let asking = Asking {
                    sandbox: &sandbox,
                    walls: &confinement,
                    cancel: &cancel,
                    program: &program,
                    filters: &filters,
                    directory: &directory,
                    path: &path,
                };
                let args = match asking.arguments(words).await {
                    Ok(args) => args,
                    Err(why) => return call.finished(Err(why), Duration::ZERO),
                };
                let command = git_command(&program, operation.name(), &args, &filters, &directory, &path);
                match run(command).await {
                    Ok((ended, text)) => call.finished(report(ended.end, text), ended.duration),
                    Err(error) => call.finished(Err(format!("git was not run: {error}")), Duration::ZERO),
                }
            };
            Box::pin(work) as _
        });
        Ok(Prepared { access, started, run })
    }
}

fn report(end: End, text: String) -> Answer {
    match end {
        End::Exited(exit) if exit.shell_code() == 0 && text.is_empty() => Ok("(no output)".into()),
        End::Exited(exit) if exit.shell_code() == 0 => Ok(text),
        // `diff --check` answers 2, so this need not be a failure of git.
        End::Exited(exit) => Err(format!("git ended with exit code {}:\n{text}", exit.shell_code())),
        End::TimedOut(limit) => Err(format!("git took longer than {} s and was killed:\n{text}", limit.as_secs())),
        End::Stopped => Err("interrupted by the user".into()),
        End::Lost(error) => Err(format!("git was lost: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Exit;

    use super::*;
    use crate::testing::{context, json};

    #[test]
    fn only_listed_options_pass() {
        use Operation::{Blame, Diff, Log, Show, Status};
        let table = [
            (Diff, "HEAD~3..main", true),
            (Diff, "--", true),
            (Diff, "a b/c", true),
            (Diff, "--stat", true),
            (Diff, "-U5", true),
            (Diff, "--output=/etc/passwd", false),
            (Diff, "--outpu=/etc/passwd", false),
            (Diff, "--stat --output=x", false),
            (Diff, "--ext-diff", false),
            (Diff, "--textconv", false),
            (Diff, "--no-index", false),
            (Diff, "-O/etc/passwd", false),
            (Diff, "-5", false),
            (Diff, "a\0b", false),
            (Log, "-5", true),
            (Log, "-", false),
            (Log, "-5--output=x", false),
            (Log, "-n", true),
            (Log, "--format=%H %s", true),
            (Log, "--show-signature", false),
            (Log, "--exec=x", false),
            (Show, "HEAD:a/b", true),
            (Show, "--config=x", false),
            (Status, "-sb", true),
            (Status, "--stat", false),
            (Status, "--exec-path=x", false),
            (Blame, "-L1,5", true),
            (Blame, "--contents=/etc/shadow", false),
            (Blame, "--ignore-revs-file=x", false),
        ];
        for (operation, argument, expected) in table {
            assert_eq!(operation.takes(argument), expected, "{operation:?} {argument}");
        }
    }

    #[test]
    fn lists_are_sorted() {
        for list in [COMMON, DIFF, LOG, STATUS, BLAME] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn a_call_runs_under_read_only_walls() {
        let mut scene = context();
        let programs = scene.directory.path().canonicalize().unwrap().join("bin");
        std::fs::create_dir(&programs).unwrap();
        std::fs::write(programs.join("git"), "").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(programs.join("git"), executable).unwrap();
        let environment = [("PATH".into(), programs.into_os_string())].into_iter().collect();
        scene.context.environment = Arc::new(environment);
        let prepared = GitRead.prepare(&json(r#"{"operation":"log","args":["-3"]}"#), &scene.context).unwrap();
        assert!(prepared.access.read_only_program && prepared.access.command.is_none());
        for (call, expected) in [
            (r#"{"operation":"push"}"#, "`operation`"),
            (r#"{"operation":"diff","args":["--output=x"]}"#, "`--output=x`"),
        ] {
            let error = GitRead.prepare(&json(call), &scene.context).unwrap_err();
            assert!(error.0.contains(expected), "{error}");
        }
    }

    #[test]
    fn reports() {
        let table = [
            (End::Exited(Exit::Code(0)), "text", Ok("text")),
            (End::Exited(Exit::Code(0)), "", Ok("(no output)")),
            (End::Exited(Exit::Code(128)), "fatal", Err("git ended with exit code 128:\nfatal")),
            (End::Stopped, "", Err("interrupted by the user")),
        ];
        for (end, text, expected) in table {
            let answer = report(end, text.into());
            assert_eq!(answer.as_deref().map_err(String::as_str), expected);
        }
    }
}
