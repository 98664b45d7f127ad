//! `codex rewind`: takes a session back to an earlier prompt, its files or both, without a screen.

use codex_client::{Client, Connection};
use codex_config::Environment;
use codex_protocol::{
    ApprovalPolicy, ErrorKind, PatchChangeKind, RewindFailure, RewindFile, RewindPreview, RewindWhat, RpcError,
    ThreadResumeParams, ThreadRewindListParams, ThreadRewindListResult, ThreadRewindParams, ThreadRewindRedoParams,
    ThreadRewound, ThreadUnsubscribeParams,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    args::{RewindArguments, RunOptions, ThreadOptions},
    commands::exec::connect,
    exec::{ExitStatus, named_or_newest, status_of},
    resolve, terminal,
};

/// Where to, and what the session is.
struct Session {
    client: Client,
    id: String,
}

/// Does what was typed after `codex rewind`.
///
/// # Errors
/// A sentence for the user when what was typed is wrong, or there is no such session or prompt.
pub async fn run(
    thread: ThreadOptions,
    arguments: RewindArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let thread = thread.then(arguments.thread.clone());
    if !arguments.list && !arguments.redo && !arguments.last && arguments.to.is_none() {
        return Err("rewind where to? --last or --to N; --list shows the prompts with their numbers".into());
    }
    let mut params = resolve::thread_resume(&thread, &RunOptions::default())?;
    params.approval_policy = Some(ApprovalPolicy::Never);
    params.without_model = Some(true);
    let workspace = resolve::workspace(&thread)?;
    let overwrite = arguments.overwrite.iter().map(|path| resolve::utf8("--overwrite", &workspace.join(path)));
    let overwrite = overwrite.collect::<Result<Vec<_>, _>>()?;
    let connection = connect(environment);
    let of = resolve::utf8("--cd", &workspace)?;
    let opened = open(&connection, params, arguments.session.clone(), of).await;
    let session = match opened {
        Ok(id) => Session { client: connection.client.clone(), id },
        Err(error) => return Ok(refused(&error)),
    };
    let done = session.act(&arguments, overwrite).await;
    let _ = session.client.thread_unsubscribe(ThreadUnsubscribeParams { thread_id: session.id.clone() }).await;
    match done {
        Ok((text, status)) => super::write(text.as_bytes()).map(|_| status),
        Err(error) => Ok(refused(&error)),
    }
}

/// Opens the session that was named, or the newest of the directory.
async fn open(
    connection: &Connection,
    params: ThreadResumeParams,
    session: Option<String>,
    of: String,
) -> Result<String, RpcError> {
    let client = &connection.client;
    let thread_id = named_or_newest(client, session, of).await?;
    Ok(client.thread_resume(ThreadResumeParams { thread_id, ..params }).await?.thread.id)
}

fn refused(error: &RpcError) -> ExitStatus {
    terminal::complain(&error.message);
    status_of(error)
}

impl Session {
    /// Returns what is printed.
    async fn act(&self, arguments: &RewindArguments, overwrite: Vec<String>) -> Result<(String, ExitStatus), RpcError> {
        let thread_id = self.id.clone();
        if arguments.redo {
            let params = ThreadRewindRedoParams { thread_id, overwrite };
            let rewound = self.client.thread_rewind_redo(params).await?;
            return Ok(self.done(arguments, &rewound, true));
        }
        let list = self.client.thread_rewind_list(ThreadRewindListParams { thread_id: thread_id.clone() }).await?;
        if arguments.list {
            let text =
                if arguments.json { json(serde_json::to_string(&list)) } else { terminal::harmless(&listed(&list)) };
            return Ok((text, ExitStatus::Done));
        }
        let before_turn_id = turn(arguments, &list)?;
        let what = match (arguments.files, arguments.conversation) {
            (true, false) => RewindWhat::Files,
            (false, true) => RewindWhat::Conversation,
            _ => RewindWhat::Both,
        };
        let params = ThreadRewindParams { thread_id, before_turn_id, what, overwrite };
        if arguments.dry_run {
            let preview = self.client.thread_rewind_preview(params).await?;
            let text = if arguments.json {
                json(serde_json::to_string(&preview))
            } else {
                terminal::harmless(&previewed(&preview))
            };
            return Ok((text, ExitStatus::Done));
        }
        let rewound = self.client.thread_rewind(params).await?;
        Ok(self.done(arguments, &rewound, false))
    }

    /// What was done, and how that ended: not well if something that was to go back did not.
    fn done(&self, arguments: &RewindArguments, rewound: &ThreadRewound, redo: bool) -> (String, ExitStatus) {
        let all = rewound.conflicts.is_empty() && rewound.failed.is_empty();
        let status = if all { ExitStatus::Done } else { ExitStatus::Failed };
        if arguments.json {
            return (json(serde_json::to_string(rewound)), status);
        }
        let mut text = String::new();
        if rewound.what != RewindWhat::Conversation {
            let count = rewound.restored.len();
            let verb = if redo { "brought forth again" } else { "taken back" };
            text += &format!("{verb}: {count} {}\n", if count == 1 { "path" } else { "paths" });
            rewound.restored.iter().for_each(|path| text += &format!("  {path}\n"));
        }
        text += &conflicts(
            &rewound.conflicts,
            "stays, changed by somebody else too; --overwrite PATH takes it all the same",
        );
        text += &failures(&rewound.failed);
        if rewound.what != RewindWhat::Files {
            text +=
                if redo { "the conversation goes on where it was\n" } else { "the conversation goes on from there\n" };
        }
        if !redo {
            text += &format!("to have it as before: codex rewind --redo {}\n", self.id);
        }
        (terminal::harmless(&text), status)
    }
}

/// The turn that was meant.
fn turn(arguments: &RewindArguments, list: &ThreadRewindListResult) -> Result<String, RpcError> {
    let count = list.turns.len();
    let number = arguments.to.unwrap_or(count);
    let turn = number.checked_sub(1).and_then(|index| list.turns.get(index));
    turn.map(|turn| turn.turn_id.clone()).ok_or_else(|| {
        let message = match count {
            0 => "the session has no prompt to go back to".to_owned(),
            _ => format!("there is no prompt {number}: they are 1 to {count}; --list shows them"),
        };
        RpcError::new(ErrorKind::NotFound, message)
    })
}

fn listed(list: &ThreadRewindListResult) -> String {
    let line = |(index, turn): (usize, &codex_protocol::RewindTurn)| {
        let at = Timestamp::from_second(turn.at).unwrap_or_default().to_zoned(TimeZone::system());
        let files = match turn.files_changed {
            Some(1) => "1 path".to_owned(),
            Some(count) => format!("{count} paths"),
            None => "files unknown".to_owned(),
        };
        let prompt = if turn.prompt.is_empty() { "(no prompt)" } else { &turn.prompt };
        format!("{:>4}  {}  {files:>13}  {prompt}\n", index + 1, at.strftime("%Y-%m-%d %H:%M"))
    };
    let mut text: String = list.turns.iter().enumerate().map(line).collect();
    if list.turns.is_empty() {
        text += "nothing was said in this session\n";
    }
    if list.redo.is_some() {
        text += "the last rewind can be taken back: --redo\n";
    }
    text
}

fn previewed(preview: &RewindPreview) -> String {
    let RewindPreview { files, conflicts: both, not_restorable } = preview;
    let mut text: String = files.iter().map(|file| format!("{}\n", step(file))).collect();
    if files.is_empty() {
        text += "no file would change\n";
    }
    text + &conflicts(both, "would stay, changed by somebody else too") + &failures(not_restorable)
}

/// A file and what happens to it.
fn step(file: &RewindFile) -> String {
    let what = match file.kind {
        PatchChangeKind::Add => "add",
        PatchChangeKind::Delete => "delete",
        PatchChangeKind::Update { .. } => "change",
    };
    format!("{what:>6}  {} (+{} -{})", file.path, file.added, file.removed)
}

fn conflicts(files: &[RewindFile], what: &str) -> String {
    files.iter().map(|file| format!("conflict: {} (+{} -{}): {what}\n", file.path, file.added, file.removed)).collect()
}

fn failures(failed: &[RewindFailure]) -> String {
    let line = |RewindFailure { path, reason }: &RewindFailure| match path.is_empty() {
        true => format!("not restorable: {reason}\n"),
        false => format!("not restorable: {path}: {reason}\n"),
    };
    failed.iter().map(line).collect()
}

fn json(text: serde_json::Result<String>) -> String {
    text.unwrap_or_default() + "\n"
}
