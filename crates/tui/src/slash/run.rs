//! What the commands want.

use codex_protocol::Thread;

use super::{Snapshot, document};
use crate::{
    intent::{Change, Draft, Fetch, Fork, GoBack, Intent, Manage},
    overlays::{self, pickers},
    text::Row,
    theme::{Role, Theme},
};

/// What is said to have `AGENTS.md` written.
const WRITE_AGENTS: &str = include_str!("write_agents.md");

type Wanted = Result<Vec<Intent>, String>;

/// For commands that a later version has: they are refused before.
pub(super) fn nothing(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(Vec::new())
}

pub(super) fn agent(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    match (arguments, snapshot.opened) {
        ("", _) => Err("/agent takes a task: /agent find out why the build fails".into()),
        (_, None) => Err("there is no session yet".into()),
        (task, Some(_)) => Ok(vec![Intent::Agent(task.to_owned())]),
    }
}

pub(super) fn agents(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Agents)])
}

pub(super) fn plugins(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Plugins)])
}

pub(super) fn mcp(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::McpServers)])
}

pub(super) fn clear(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::NewThread])
}

pub(super) fn compact(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![if arguments == "undo" { Intent::UndoCompaction } else { Intent::Compact(some(arguments)) }])
}

pub(super) fn again(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Again])
}

pub(super) fn diagnostics(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    let is_on = match arguments {
        "on" => true,
        "off" => false,
        "" => {
            return Err(
                "/diagnostics takes `on` or `off`; `diagnostics = false` in the settings is for all sessions".into()
            );
        }
        other => return Err(unknown("choice", other, ["on", "off"].into_iter())),
    };
    let said =
        if is_on { "what linters and language servers find is told" } else { "nothing of what they find is told" };
    let row = Row::new(&format!("  diagnostics {arguments}: {said}"), snapshot.look.style(Role::Quiet));
    let change = Change { diagnostics: Some(is_on), ..Change::default() };
    Ok(vec![Intent::Change(change), Intent::Print(vec![row])])
}

pub(super) fn diff(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Diff)])
}

pub(super) fn branch(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    match arguments {
        "" => Ok(vec![Intent::Fetch(Fetch::ForkPoints)]),
        "now" => Ok(vec![Intent::ForkThread(Fork::default())]),
        other => Err(unknown("choice", other, ["now"].into_iter())),
    }
}

pub(super) fn init(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    match arguments {
        "" => {
            let sources = snapshot.opened.map(|opened| (&opened.cwd, &opened.instruction_sources));
            let has_own = sources.is_none_or(|(cwd, sources)| sources.iter().any(|source| source.starts_with(cwd)));
            let offer = "there is no AGENTS.md here: /init agents has one written, for you to look at";
            let rows = vec![Row::new(&format!("  {offer}"), snapshot.look.style(Role::Quiet))];
            Ok(std::iter::once(Intent::Init).chain((!has_own).then_some(Intent::Print(rows))).collect())
        }
        "agents" => {
            Ok(vec![Intent::Queue(Draft { text: WRITE_AGENTS.trim_end().replace('\n', " "), pictures: Vec::new() })])
        }
        other => Err(unknown("choice", other, ["agents"].into_iter())),
    }
}

pub(super) fn quit(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Quit])
}

pub(super) fn status(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Status)])
}

pub(super) fn skills(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    let fetch = match arguments.split_whitespace().collect::<Vec<_>>()[..] {
        [] => Fetch::Skills,
        ["on", name] => Fetch::SwitchSkill { name: name.to_owned(), enabled: true },
        ["off", name] => Fetch::SwitchSkill { name: name.to_owned(), enabled: false },
        _ => return Err("/skills takes nothing, or `on` or `off` and the name of a skill".into()),
    };
    Ok(vec![Intent::Fetch(fetch)])
}

pub(super) fn context(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Context)])
}

pub(super) fn hooks(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Hooks)])
}

pub(super) fn cost(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Cost)])
}

pub(super) fn ps(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::Terminals)])
}

pub(super) fn rewind(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::GoBack(GoBack::List)])
}

pub(super) fn undo(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::GoBack(GoBack::Undo)])
}

pub(super) fn redo(_: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::GoBack(GoBack::Redo)])
}

pub(super) fn stop(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Fetch(Fetch::StopTerminals(some(arguments)))])
}

pub(super) fn export(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![Intent::Export(some(arguments))])
}

pub(super) fn model(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    let mut words = arguments.split_whitespace().map(str::to_owned);
    let Some(model) = words.next() else { return Ok(vec![Intent::Fetch(Fetch::Models)]) };
    let effort = words.next();
    match words.next() {
        Some(more) => Err(format!("/model takes a name and how long it thinks, not `{more}` besides")),
        None => Ok(vec![Intent::Change(Change { model: Some(model), effort, ..Change::default() })]),
    }
}

pub(super) fn permissions(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    if arguments.is_empty() {
        return Ok(vec![Intent::Fetch(Fetch::Permissions)]);
    }
    let change = pickers::mode(arguments).ok_or_else(|| unknown("mode", arguments, pickers::mode_names()))?;
    Ok(vec![Intent::Change(change)])
}

pub(super) fn plan(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    let change = |plans| Intent::Change(Change { plans: Some(plans), ..Change::default() });
    match arguments {
        "" if snapshot.has_plan || snapshot.is_planning && snapshot.last_message.is_some() => {
            Ok(vec![Intent::AskAboutPlan])
        }
        "" if snapshot.is_planning => Err("this is plan mode; /plan off leaves it".into()),
        "" | "on" => Ok(vec![change(true)]),
        "off" => Ok(vec![change(false)]),
        prompt => {
            let draft = Draft { text: prompt.to_owned(), pictures: Vec::new() };
            let change = (!snapshot.is_planning).then(|| change(true));
            Ok(change.into_iter().chain([Intent::Queue(draft)]).collect())
        }
    }
}

pub(super) fn resume(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    match arguments {
        "" => Ok(vec![Intent::Fetch(Fetch::Sessions { all: false })]),
        "all" => Ok(vec![Intent::Fetch(Fetch::Sessions { all: true })]),
        id if snapshot.opened.is_some_and(|opened| is_called(&opened.thread, id)) => {
            Err("this is the session that is open".into())
        }
        id => Ok(vec![Intent::ResumeThread(id.to_owned())]),
    }
}

fn is_called(thread: &Thread, wanted: &str) -> bool {
    thread.id == wanted || thread.name.as_ref().is_some_and(|name| name.to_lowercase() == wanted.to_lowercase())
}

pub(super) fn rename(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    let Some(opened) = snapshot.opened else { return Err("the session is not open yet".into()) };
    let name = match arguments {
        "" => return Err("/rename takes the new name; `-` takes it away".into()),
        "-" => "",
        name => name,
    };
    Ok(vec![Intent::Manage(Manage::Rename { id: opened.thread.id.clone(), name: name.to_owned() })])
}

pub(super) fn review(arguments: &str, _: &Snapshot<'_>) -> Wanted {
    Ok(vec![match arguments {
        "" => Intent::Open(overlays::reviews()),
        typed => Intent::Review(overlays::review(typed)?),
    }])
}

pub(super) fn theme(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    if arguments.is_empty() {
        let current = Theme::ALL.iter().find(|(_, theme)| *theme == snapshot.look.theme);
        return Ok(vec![Intent::Open(pickers::themes(current.map_or("auto", |(name, _)| name)))]);
    }
    match pickers::theme_names().find(|name| *name == arguments) {
        Some(name) => Ok(pickers::keep_theme(name)),
        None => Err(unknown("theme", arguments, pickers::theme_names())),
    }
}

pub(super) fn vim(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    let is_on = match arguments {
        "" => !snapshot.is_vim,
        "on" => true,
        "off" => false,
        other => return Err(unknown("choice", other, ["on", "off"].into_iter())),
    };
    let change = Change { vim: Some(is_on), ..Change::default() };
    Ok(vec![Intent::Change(change), Intent::Keep { key: "tui.vim".into(), value: is_on.to_string() }])
}

pub(super) fn copy(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    let answer = snapshot.last_message.ok_or("there is no answer to copy yet")?;
    match arguments {
        "" => Ok(vec![Intent::Copy(answer.to_owned())]),
        "code" => match last_code(answer) {
            Some(code) => Ok(vec![Intent::Copy(code)]),
            None => Err("there is no code in the last answer".into()),
        },
        other => Err(unknown("choice", other, ["code"].into_iter())),
    }
}

pub(super) fn help(arguments: &str, snapshot: &Snapshot<'_>) -> Wanted {
    if arguments.is_empty() {
        let entries = document::help(&snapshot.look, snapshot.keymap);
        return Ok(vec![Intent::Open(Box::new(overlays::Pager::new("Help", entries)))]);
    }
    let name = arguments.trim_start_matches('/');
    let command = super::find(name).ok_or_else(|| format!("there is no command /{name}; /help lists them"))?;
    Ok(vec![Intent::Print(document::command_rows(command, &snapshot.look))])
}

fn some(arguments: &str) -> Option<String> {
    Some(arguments.to_owned()).filter(|text| !text.is_empty())
}

fn unknown(what: &str, given: &str, known: impl Iterator<Item = &'static str>) -> String {
    format!("`{given}` is no {what}; there is {}", known.collect::<Vec<_>>().join(", "))
}

/// What stands in the last fenced block of `markdown`.
fn last_code(markdown: &str) -> Option<String> {
    let mut last = None;
    let mut open: Option<(String, String)> = None;
    for line in markdown.lines() {
        let trimmed = line.trim_start();
        let fence: String = trimmed.chars().take_while(|c| matches!(c, '`' | '~')).collect();
        match &mut open {
            Some((opened, _)) if fence.starts_with(opened.as_str()) && trimmed.trim_end() == fence => {
                last = open.take().map(|(_, code)| code);
            }
            Some((_, code)) => {
                code.push_str(line);
                code.push('\n');
            }
            None if fence.len() >= 3 => open = Some((fence, String::new())),
            None => {}
        }
    }
    open.map(|(_, code)| code).or(last).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_code_is_found() {
        let table = [
            ("no code", None),
            ("```\na\n```\ntext\n```sh\nb\nc\n```\n", Some("b\nc\n")),
            ("````\n```\na\n```\n````", Some("```\na\n```\n")),
            ("~~~\na\n~~~", Some("a\n")),
            ("```rs\nstill open", Some("still open\n")),
        ];
        for (markdown, expected) in table {
            assert_eq!(last_code(markdown).as_deref(), expected, "{markdown}");
        }
    }
}
