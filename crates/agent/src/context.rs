//! What the model is told before the user says anything. Pure: settings in, messages out.

use codex_extensions::skills;
use codex_history::{Content, History, Message};
use codex_permissions::{Approval, Policy, SandboxLevel};
use codex_workspace::{Instruction, Roots};

use crate::{hooks::HOOK_CONTEXT, mcp_tools::MCP_PROMPT};

const BASE: &str = include_str!("prompts/base.md");
const BASE_SMALL: &str = include_str!("prompts/base_small.md");
const ENVIRONMENT: &str = include_str!("prompts/environment.md");
const INSTRUCTIONS: &str = include_str!("prompts/instructions.md");
const USER_COMMAND: &str = include_str!("prompts/user_command.md");
const AGENT_REPORT: &str = include_str!("prompts/agent_report.md");
const SUMMED_UP: &str = include_str!("prompts/summed_up.md");
const APPROVED_PLAN: &str = include_str!("prompts/approved_plan.md");
const REVIEW_REQUEST: &str = include_str!("prompts/review_request.md");
const REVIEW_AGAIN: &str = include_str!("prompts/review_again.md");
const REVIEW_DONE: &str = include_str!("prompts/review_done.md");
const READ_ONLY: &str = include_str!("prompts/sandbox_read_only.md");
const WORKSPACE_WRITE: &str = include_str!("prompts/sandbox_workspace_write.md");
const DANGER_FULL_ACCESS: &str = include_str!("prompts/sandbox_danger_full_access.md");
const PLANNING: &str = include_str!("prompts/sandbox_planning.md");
const PLAN_MODE: &str = include_str!("prompts/plan_mode.md");
const DEFAULT_MODE: &str = include_str!("prompts/default_mode.md");
const NETWORK_DOMAINS: &str = include_str!("prompts/network_domains.md");

/// The first messages of a thread: `base`, then the project's instructions and the environment.
pub(crate) fn opening(
    base: String,
    instructions: &[Instruction],
    roots: &Roots,
    policy: &Policy,
    date: &str,
) -> Vec<Message> {
    let content = surroundings(instructions, roots, policy, date).into_iter().map(text).collect();
    vec![Message::Developer { text: base }, Message::User { content }]
}

/// Our instructions; `is_small`: in few words.
pub(crate) fn base(is_small: bool) -> &'static str {
    if is_small { BASE_SMALL } else { BASE }.trim_end()
}

/// What has changed around a thread that goes on: the parts that its conversation does not say, or says otherwise.
pub(crate) fn news(
    history: &History,
    instructions: &[Instruction],
    roots: &Roots,
    policy: &Policy,
    date: &str,
) -> Option<Message> {
    let mut parts = surroundings(instructions, roots, policy, date);
    if !policy.is_planning && says(history, PLAN_MODE) {
        parts.push(DEFAULT_MODE.to_owned());
    }
    let content: Vec<Content> = parts.into_iter().filter(|part| !says(history, part)).map(text).collect();
    (!content.is_empty()).then_some(Message::User { content })
}

pub(crate) fn surroundings(instructions: &[Instruction], roots: &Roots, policy: &Policy, date: &str) -> Vec<String> {
    let mut parts: Vec<String> = instructions.iter().map(said_of).collect();
    parts.push(environment(roots, policy, date));
    parts.extend(policy.is_planning.then(|| PLAN_MODE.to_owned()));
    parts
}

fn environment(roots: &Roots, policy: &Policy, date: &str) -> String {
    let writable: Vec<String> = policy.writable.iter().map(|path| path.display().to_string()).collect();
    let sandbox = match policy.level {
        SandboxLevel::ReadOnly if policy.is_planning => PLANNING.to_owned(),
        SandboxLevel::ReadOnly => READ_ONLY.to_owned(),
        SandboxLevel::WorkspaceWrite => fill(WORKSPACE_WRITE, &[("writable", &writable.join(", "))]),
        SandboxLevel::DangerFullAccess => DANGER_FULL_ACCESS.to_owned(),
    };
    let network = match policy.level {
        SandboxLevel::ReadOnly => "none".to_owned(),
        SandboxLevel::DangerFullAccess => "full".to_owned(),
        SandboxLevel::WorkspaceWrite if policy.network => "full".to_owned(),
        SandboxLevel::WorkspaceWrite if policy.domains.is_empty() => "loopback only".to_owned(),
        SandboxLevel::WorkspaceWrite => fill(NETWORK_DOMAINS, &[("domains", &policy.domains.join(", "))]),
    };
    let approval = match policy.approval {
        Approval::Never => "nobody can be asked; what needs more than the sandbox gives is refused",
        Approval::OnRequest => "the user is asked when an action needs more than the sandbox gives",
        Approval::Untrusted => "the user is asked before every edit and every command that is not pre-approved",
    };
    let workspace = roots.workspace.display().to_string();
    let values = [
        ("workspace", workspace.as_str()),
        ("date", date),
        ("sandbox", sandbox.trim_end()),
        ("network", network.trim_end()),
        ("approval", approval),
    ];
    fill(ENVIRONMENT, &values)
}

/// `messages` with what is said of skills, behind what the model is told of its surroundings.
pub(crate) fn with_skills(mut messages: Vec<Message>, offered: Option<String>) -> Vec<Message> {
    if let (Some(Message::User { content }), Some(offered)) = (messages.last_mut(), offered) {
        content.push(text(offered));
    }
    messages
}

/// What is said of skills, if the conversation does not say it, or says otherwise.
pub(crate) fn news_of_skills(history: &History, offered: Option<String>) -> Option<Message> {
    let offered = offered.filter(|offered| !says(history, offered))?;
    Some(Message::User { content: vec![text(offered)] })
}

/// The instructions of a directory below the workspace, if the conversation does not say them.
pub(crate) fn news_of_instruction(history: &History, instruction: &Instruction) -> Option<Message> {
    let part = said_of(instruction);
    (!says(history, &part)).then(|| Message::User { content: vec![text(part)] })
}

fn said_of(instruction: &Instruction) -> String {
    let path = instruction.path.display().to_string();
    fill(INSTRUCTIONS, &[("path", &path), ("text", instruction.text.trim_end())])
}

/// Whether the last text in `history` that begins with the first line of `part` is `part`.
fn says(history: &History, part: &str) -> bool {
    let marker = part.lines().next().unwrap_or_default();
    let users = history.messages().rev().filter_map(|message| match message {
        Message::User { content } => Some(content.iter().rev()),
        _ => None,
    });
    users
        .flatten()
        .find_map(|content| match content {
            Content::Text { text } if text.lines().next() == Some(marker) => Some(text.trim_end() == part.trim_end()),
            _ => None,
        })
        .unwrap_or(false)
}

/// Whether what a user message says comes from this program.
pub(crate) fn is_of_program(content: &[Content]) -> bool {
    let Some(Content::Text { text }) = content.first() else { return false };
    begins_as(text, &[skills::MARK, ENVIRONMENT, INSTRUCTIONS, USER_COMMAND, AGENT_REPORT, SUMMED_UP])
}

/// Whether a text of a user message is not the user's own: this program put it there, or another model's words.
pub(crate) fn is_said_for_user(text: &str) -> bool {
    let templates = [
        [skills::MARK, skills::READ, ENVIRONMENT, INSTRUCTIONS, USER_COMMAND, AGENT_REPORT, SUMMED_UP, PLAN_MODE]
            .as_slice(),
        &[DEFAULT_MODE, APPROVED_PLAN, REVIEW_REQUEST, REVIEW_AGAIN, REVIEW_DONE, HOOK_CONTEXT, MCP_PROMPT],
    ];
    templates.iter().any(|templates| begins_as(text, templates))
}

/// Whether `text` begins as one of `templates` does, up to its first value.
fn begins_as(text: &str, templates: &[&str]) -> bool {
    templates.iter().any(|template| {
        let line = template.lines().next().unwrap_or_default();
        text.starts_with(line.split('{').next().unwrap_or(line))
    })
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Today's date in UTC, `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

fn text(text: String) -> Content {
    Content::Text { text: text.trim_end().to_owned() }
}

/// `template` with each `{name}` replaced. One pass: what a value contains is not looked at again.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after
            .split_once('}')
            .and_then(|(name, tail)| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, tail)));
        match value {
            Some((value, tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_templates() {
        let values = [("x", "{y}"), ("y", "no"), ("n", "1")];
        let table = [("a {x} b", "a {y} b"), ("{unknown} {", "{unknown} {"), ("{n}{n}", "11"), ("{{n}}", "{1}")];
        for (template, expected) in table {
            assert_eq!(fill(template, &values), expected, "{template}");
        }
    }

    #[test]
    fn every_placeholder_of_the_prompts_is_filled() {
        let roots = Roots {
            workspace: "/w".into(),
            writable: vec!["/w".into()],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        for level in [SandboxLevel::ReadOnly, SandboxLevel::WorkspaceWrite, SandboxLevel::DangerFullAccess] {
            let policy = Policy {
                level,
                approval: Approval::Never,
                writable: vec!["/w".into()],
                temp: "/t".into(),
                domains: vec!["crates.io".into(), "*.npmjs.org".into()],
                ..Policy::default()
            };
            let instructions = [Instruction { path: "/w/AGENTS.md".into(), text: "Be kind.".into() }];
            let messages = opening(base(false).to_owned(), &instructions, &roots, &policy, "2026-11-22");
            let all = format!("{messages:?}");
            for expected in ["/w/AGENTS.md", "Be kind.", "2026-11-22"] {
                assert!(all.contains(expected), "{expected} is missing: {all}");
            }
            assert!(!all.contains("{sandbox") && !all.contains("{network"), "{all}");
            let says_domains = all.contains("no others: crates.io, *.npmjs.org\\nApproval");
            assert_eq!(says_domains, level == SandboxLevel::WorkspaceWrite, "{all}");
        }
    }

    #[test]
    fn what_this_program_says_for_the_user_is_told_apart() {
        let roots = Roots {
            workspace: "/w".into(),
            writable: vec!["/w".into()],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        let instructions = [Instruction { path: "/w/AGENTS.md".into(), text: "Be kind.".into() }];
        let policy = Policy { level: SandboxLevel::WorkspaceWrite, ..Policy::default() };
        for instructions in [&instructions[..], &[]] {
            let messages = opening(base(false).to_owned(), instructions, &roots, &policy, "2026-11-22");
            assert!(matches!(&messages[1], Message::User { content } if is_of_program(content)), "{messages:?}");
        }
        let said = |said: &str| is_of_program(&[text(said.to_owned())]);
        assert!(said(&fill(USER_COMMAND, &[("command", "ls")])) && said(SUMMED_UP));
        assert!(!said("") && !said("<b>bold</b>") && !said("The user is me"));
    }

    /// Each template is known as one that stands in user messages, or listed here as one that never does.
    #[test]
    fn every_prompt_that_stands_in_the_users_place_is_told_apart() {
        const ELSEWHERE: &str = "agent_changes agents_lost base base_small compact compact_focus declined \
            declined_with_message ended_with_the_program files_redone files_rewound forked hook_go_on interrupted \
            mcp_answer mcp_ready more_granted \
            more_refused more_unasked network_domains never_writable new_repositories output_left_out picture_left_out \
            refused_again repeated review sandbox_danger_full_access sandbox_planning sandbox_read_only \
            sandbox_workspace_write stopped title unanswered weaker_walls_declined";
        let mut elsewhere: Vec<&str> = ELSEWHERE.split_whitespace().collect();
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/prompts")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let listed = elsewhere.iter().position(|elsewhere| *elsewhere == name);
            let template = std::fs::read_to_string(&path).unwrap();
            let filled = fill(&template, &[("target", "it"), ("path", "/w"), ("name", "a"), ("error", "e")]);
            assert_eq!(is_said_for_user(&filled), listed.is_none(), "{name}");
            listed.map(|at| elsewhere.swap_remove(at));
        }
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        assert!(!is_said_for_user("Review https://a.example/") && !is_said_for_user(""));
    }

    #[test]
    fn only_what_changed_is_said_again() {
        let roots = Roots {
            workspace: "/w".into(),
            writable: vec!["/w".into()],
            hidden: vec![],
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        let policy = Policy {
            level: SandboxLevel::WorkspaceWrite,
            approval: Approval::Never,
            writable: vec!["/w".into()],
            temp: "/t".into(),
            ..Policy::default()
        };
        let rules = |text: &str| [Instruction { path: "/w/AGENTS.md".into(), text: text.into() }];
        let mut history: History =
            opening(base(false).to_owned(), &rules("old"), &roots, &policy, "2026-01-01").into_iter().collect();
        let mut say = |rule: &str, date: &str| {
            let news = news(&history, &rules(rule), &roots, &policy, date);
            let said = news.as_ref().map(|news| format!("{news:?}")).unwrap_or_default();
            news.into_iter().for_each(|news| history.push(news));
            (said.contains("/w/AGENTS.md"), said.contains("<environment>"))
        };
        assert_eq!(say("old", "2026-01-01"), (false, false));
        assert_eq!(say("new", "2026-01-01"), (true, false));
        assert_eq!(say("new", "2026-01-02"), (false, true));
        assert_eq!(say("new", "2026-01-02"), (false, false));
        assert_eq!(say("old", "2026-01-02"), (true, false), "what was said last counts");
    }
}
