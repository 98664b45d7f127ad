//! `codex sessions`: what is kept, and what is done to it while it is not open. A client of the server, as all that runs turns.

mod export;

use codex_client::{Client, called};
use codex_config::Environment;
use codex_protocol::{
    ErrorKind, RpcError, Thread, ThreadListParams, ThreadReadParams, ThreadSearchParams, ThreadSearchResult,
    ThreadSetNameParams,
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{exec, say, write};
use crate::{
    args::{SessionsArguments, SessionsCommand, SessionsShown, ThreadOptions},
    exec::ExitStatus,
    resolve, terminal,
};

/// Most sessions that the server is asked for at once.
const PAGE: usize = 500;

/// Why it was not done: what is to be said of it, and whether that is because of what was typed.
enum Failure {
    Typed(String),
    Server(RpcError),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Typed(message)
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Server(error)
    }
}

/// Runs one of the commands.
///
/// # Errors
/// A sentence for the user when what was typed is wrong, or there is no such session.
pub async fn run(
    thread: &ThreadOptions,
    arguments: SessionsArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let here = resolve::utf8("--cd", &resolve::workspace(thread)?)?;
    let client = exec::connect(environment).client;
    let command = arguments.command.unwrap_or(SessionsCommand::List(arguments.list));
    match carry_out(command, here, &client).await {
        Ok(status) => Ok(status),
        Err(Failure::Typed(message)) => Err(message),
        Err(Failure::Server(error)) if matches!(error.data, Some(ErrorKind::Internal | ErrorKind::OpenElsewhere)) => {
            terminal::complain(&error.message);
            Ok(ExitStatus::Failed)
        }
        Err(Failure::Server(error)) => Err(error.message),
    }
}

async fn carry_out(command: SessionsCommand, here: String, client: &Client) -> Result<ExitStatus, Failure> {
    let of = |thread_id: &str| ThreadReadParams { thread_id: thread_id.to_owned() };
    match command {
        SessionsCommand::List(shown) => list(client, &shown, here).await,
        SessionsCommand::Search { shown, words } => search(client, &shown, here, &words.join(" ")).await,
        SessionsCommand::Show { json, session } => {
            let thread = client.thread_read(of(&session)).await?.thread;
            Ok(if json { write(format!("{}\n", object(&thread, None)).as_bytes())? } else { say(&page(&thread))? })
        }
        SessionsCommand::Rename { session, name } => {
            let thread = client.thread_read(of(&session)).await?.thread;
            client.thread_set_name(ThreadSetNameParams { thread_id: thread.id.clone(), name: name.clone() }).await?;
            let name = name.trim();
            let said = if name.is_empty() { "has no name any more".into() } else { format!("is called `{name}`") };
            Ok(say(&format!("{} {said}\n", thread.id))?)
        }
        SessionsCommand::Archive { sessions } => {
            for thread in all(client, &sessions).await? {
                client.thread_archive(of(&thread.id)).await?;
                say(&format!("{} is laid aside; `codex sessions unarchive {0}` brings it back\n", thread.id))?;
            }
            Ok(ExitStatus::Done)
        }
        SessionsCommand::Unarchive { sessions } => {
            for thread in all(client, &sessions).await? {
                client.thread_unarchive(of(&thread.id)).await?;
                say(&format!("{} is listed again\n", thread.id))?;
            }
            Ok(ExitStatus::Done)
        }
        SessionsCommand::Delete { yes, sessions } => delete(client, &sessions, yes).await,
        SessionsCommand::Export { format, output, session } => {
            let thread = client.thread_read(of(&session)).await?.thread;
            export::run(client, &thread, format, output).await
        }
    }
}

/// All of them, so that nothing is done if one is not there.
async fn all(client: &Client, sessions: &[String]) -> Result<Vec<Thread>, RpcError> {
    let mut found: Vec<Thread> = Vec::new();
    for session in sessions {
        let thread = client.thread_read(ThreadReadParams { thread_id: session.clone() }).await?.thread;
        if !found.iter().any(|known| known.id == thread.id) {
            found.push(thread);
        }
    }
    Ok(found)
}

async fn list(client: &Client, shown: &SessionsShown, here: String) -> Result<ExitStatus, Failure> {
    let cwd = (!shown.all).then_some(here);
    let (mut threads, mut cursor) = (Vec::new(), None);
    loop {
        let limit = Some(PAGE.min(shown.limit - threads.len()));
        let archived = Some(shown.archived);
        let params = ThreadListParams { cursor, limit, cwd: cwd.clone(), archived, ..ThreadListParams::default() };
        let page = client.thread_list(params).await?;
        threads.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() || threads.len() >= shown.limit {
            break;
        }
    }
    let found: Vec<_> = threads.into_iter().map(|thread| (thread, None)).collect();
    Ok(show(&found, cursor.is_some(), shown)?)
}

async fn search(client: &Client, shown: &SessionsShown, here: String, words: &str) -> Result<ExitStatus, Failure> {
    let params = ThreadSearchParams {
        search_term: words.to_owned(),
        cursor: None,
        limit: Some(shown.limit),
        cwd: (!shown.all).then_some(here),
        archived: Some(shown.archived),
    };
    let page = client.thread_search(params).await?;
    let found = page.data.into_iter().map(|ThreadSearchResult { snippet, thread }| (thread, Some(snippet)));
    Ok(show(&found.collect::<Vec<_>>(), page.next_cursor.is_some(), shown)?)
}

/// Sessions, each with what was found in it.
fn show(found: &[(Thread, Option<String>)], more: bool, shown: &SessionsShown) -> Result<ExitStatus, String> {
    if shown.json {
        let all = found.iter().map(|(thread, snippet)| object(thread, snippet.as_deref())).collect::<Value>();
        return write(format!("{all}\n").as_bytes());
    }
    let mut text = String::new();
    for (thread, snippet) in found {
        let called = one_line(&called(thread));
        text += &format!("{}  {}  {called}\n", thread.id, time(thread.updated_at));
        if shown.all {
            text += &format!("  {}\n", one_line(&thread.cwd));
        }
        if let Some(snippet) = snippet {
            text += &format!("  {}\n", one_line(snippet));
        }
    }
    if found.is_empty() {
        let elsewhere = if shown.all { "" } else { "; --all looks in all directories" };
        terminal::complain(&format!("there are none{elsewhere}"));
    } else if more {
        terminal::complain(&format!("there are more than {}; -n shows more", shown.limit));
    }
    say(&text)
}

async fn delete(client: &Client, sessions: &[String], yes: bool) -> Result<ExitStatus, Failure> {
    let threads = all(client, sessions).await?;
    for thread in &threads {
        let called = one_line(&called(thread));
        let question = format!("Delete {} ({called}) for good?", thread.id);
        if !yes && !terminal::confirmed(&question, "look at it with `codex sessions show`")? {
            terminal::complain("not deleted");
            return Ok(ExitStatus::Failed);
        }
        client.thread_delete(ThreadReadParams { thread_id: thread.id.clone() }).await?;
        say(&format!("{} is deleted\n", thread.id))?;
    }
    Ok(ExitStatus::Done)
}

fn is_archived(thread: &Thread) -> bool {
    thread.path.as_deref().is_some_and(|path| path.contains("/archived_sessions/"))
}

fn object(thread: &Thread, snippet: Option<&str>) -> Value {
    let mut object = json!({
        "id": thread.id,
        "name": thread.name,
        "title": called(thread),
        "preview": thread.preview,
        "cwd": thread.cwd,
        "createdAt": thread.created_at,
        "updatedAt": thread.updated_at,
        "source": thread.source,
        "programVersion": thread.cli_version,
        "archived": is_archived(thread),
        "path": thread.path,
    });
    if let (Some(snippet), Value::Object(members)) = (snippet, &mut object) {
        members.insert("snippet".into(), snippet.into());
    }
    object
}

fn page(thread: &Thread) -> String {
    let source = json!(thread.source);
    let lines = [
        ("Session", thread.id.clone()),
        ("Name", thread.name.clone().unwrap_or_else(|| "none".into())),
        ("Directory", thread.cwd.clone()),
        ("Begun", time(thread.created_at)),
        ("Last written", time(thread.updated_at)),
        ("Begun by", format!("{} {}", source.as_str().unwrap_or_default(), thread.cli_version)),
        ("Archived", if is_archived(thread) { "yes".into() } else { "no".into() }),
        ("File", thread.path.clone().unwrap_or_default()),
        ("First said", thread.preview.clone()),
    ];
    lines.iter().map(|(name, value)| format!("{name:<13}{}\n", one_line(value))).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A time in seconds since the epoch, to the minute, where the user is.
fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}
