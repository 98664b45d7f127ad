//! What stays of a conversation that is summed up. Pure: messages in, messages out.

use std::sync::Arc;

use codex_extensions::skills;
use codex_history::{Content, History, Message, Sizes};
use codex_protocol::PlanStepStatus;
use codex_store::Pinned;

use crate::context::{fill, is_of_program, is_said_for_user};

const SUMMED_UP: &str = include_str!("../prompts/summed_up.md");

/// The section with the skills that were read.
const SKILLS: &str = "skills_read";
/// Most changed files that are listed.
const FILES: usize = 500;
/// Bytes that make a token, about.
const BYTES_PER_TOKEN: u64 = 4;

/// What is kept word for word.
#[derive(Debug, Default)]
pub(crate) struct Stays {
    /// The first messages of the conversation as they are now.
    pub(crate) opening: Vec<Message>,
    /// The plan and the changed files.
    pub(crate) pinned: Arc<Pinned>,
    /// What the user has allowed or denied, a line each.
    pub(crate) rules: Vec<String>,
    /// The commands that run on, a line each.
    pub(crate) running: Vec<String>,
    /// Most tokens of the user's last messages, and of the summary.
    pub(crate) budget: u64,
    /// Whether pictures are kept in the user's last messages.
    pub(crate) pictures: bool,
    /// The names of the skills that were read.
    pub(crate) skills: Vec<String>,
}

/// A conversation that was summed up.
#[derive(Debug)]
pub(crate) struct SummedUp {
    /// It, from now on.
    pub(crate) messages: Vec<Message>,
    /// What was kept word for word, for people.
    pub(crate) kept: Vec<String>,
    /// What was not, for people.
    pub(crate) dropped: Vec<String>,
}

/// `history` with `summary` in the place of all but what stays.
pub(crate) fn summed_up(history: &History, stays: &Stays, summary: &str) -> SummedUp {
    let said = last_said(history, stays);
    let mut kept = vec!["the instructions".to_owned()];
    if said.count > 0 {
        let cut = if said.is_cut { " (cut)" } else { "" };
        kept.push(counted(said.count, "message of yours", "messages of yours") + cut);
    }
    let pinned = on_record(stays, &mut kept);
    let summary = cut(summary.trim(), bytes(stays.budget));
    let values = [("pinned", pinned.as_str()), ("summary", summary.as_str())];
    let summary = Message::user(fill(SUMMED_UP.trim_end(), &values));
    let dropped = dropped(history, said.of - said.count);
    let messages = stays.opening.iter().cloned().chain(said.messages).chain([summary]).collect();
    SummedUp { messages, kept, dropped }
}

/// What the user said last.
#[derive(Default)]
struct Said {
    /// Oldest first.
    messages: Vec<Message>,
    count: usize,
    /// How many there were in all.
    of: usize,
    is_cut: bool,
}

fn last_said(history: &History, stays: &Stays) -> Said {
    let mut said = Said::default();
    let mut left = Some(stays.budget);
    for message in history.messages().rev() {
        let Message::User { content } = message else { continue };
        if is_of_program(content) {
            continue;
        }
        said.of += 1;
        let Some(room) = left else { continue };
        let message = if stays.pictures { message.clone() } else { without_pictures(content) };
        let size = Sizes::of(&message).total();
        left = room.checked_sub(size);
        if left.is_some() {
            said.messages.push(message);
        } else if said.messages.is_empty() {
            // What it begins and ends with is better than nothing.
            said.messages.push(Message::User { content: cut_content(content, room) });
            said.is_cut = true;
        }
    }
    said.count = said.messages.len();
    said.messages.reverse();
    said
}

/// Tokens of what the user said since the model spoke last.
pub(crate) fn unread(history: &History) -> u64 {
    let since = history.messages().rev().take_while(|message| !matches!(message, Message::Assistant { .. }));
    let said = since.filter(|message| matches!(message, Message::User { content } if !is_of_program(content)));
    said.map(|message| Sizes::of(message).total()).sum()
}

fn without_pictures(content: &[Content]) -> Message {
    let texts = content.iter().filter(|piece| matches!(piece, Content::Text { .. }));
    Message::User { content: texts.cloned().collect() }
}

fn cut_content(content: &[Content], room: u64) -> Vec<Content> {
    let texts = content.iter().filter_map(|piece| match piece {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    // What stands there that is not the user's own keeps its mark, or goes.
    let (others, own): (Vec<&str>, Vec<&str>) = texts.partition(|text| is_said_for_user(text));
    let room = if others.is_empty() { bytes(room) } else { bytes(room) / 2 };
    let others = others.join("\n");
    let shortened = |text: &str| Content::Text { text: cut(text, room) };
    let with_mark = (!others.is_empty()).then(|| shortened(&others)).filter(|piece| match piece {
        Content::Text { text } => is_said_for_user(text),
        Content::Image { .. } => false,
    });
    [shortened(&own.join("\n"))].into_iter().chain(with_mark).collect()
}

fn bytes(tokens: u64) -> usize {
    usize::try_from(tokens.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX)
}

/// The beginning and the end of `text`, if it is longer than `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let half = most / 2;
    let (head, tail) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
    format!("{}\n[{} bytes were left out here]\n{}", &text[..head], tail - head, &text[tail..])
}

/// What is on record, in sections; `kept` gets a line for each.
fn on_record(stays: &Stays, kept: &mut Vec<String>) -> String {
    let plan: Vec<String> =
        stays.pinned.plan.iter().map(|step| format!("[{}] {}", status(step.status), step.step)).collect();
    let files = &stays.pinned.changed_files;
    let mut listed: Vec<String> = files.iter().take(FILES).cloned().collect();
    if files.len() > FILES {
        listed.push(format!("and {} more", files.len() - FILES));
    }
    let mut text = String::new();
    if let Some(approved) = &stays.pinned.approved_plan {
        text.push_str(&format!("\n{approved}"));
        kept.push("the approved plan".to_owned());
    }
    let mut section = |name: &str, lines: &[String], what: String| {
        if !lines.is_empty() {
            text.push_str(&format!("\n<{name}>\n{}\n</{name}>", lines.join("\n")));
            kept.push(what);
        }
    };
    section("plan", &plan, counted(plan.len(), "step of the plan", "steps of the plan"));
    section(
        "changed_files",
        &listed,
        counted(files.len(), "changed file, by its name", "changed files, by their names"),
    );
    section("rules", &stays.rules, counted(stays.rules.len(), "rule", "rules"));
    let running = counted(stays.running.len(), "command that runs on", "commands that run on");
    section("running_commands", &stays.running, running);
    let again = |name: &String| format!("{name}: read it again before you go on with what it is for");
    let skills: Vec<String> = stays.skills.iter().map(again).collect();
    section(
        SKILLS,
        &skills,
        counted(skills.len(), "skill that was read, by its name", "skills that were read, by their names"),
    );
    text
}

/// The names of the skills that the model has read, in order, those too that an earlier summary names.
pub(crate) fn skills_read(history: &History) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for message in history.messages() {
        let (Message::User { content } | Message::ToolResult { content, .. }) = message else { continue };
        for piece in content {
            let Content::Text { text } = piece else { continue };
            let section = text.split_once(&format!("<{SKILLS}>\n")).filter(|_| text.starts_with(first_line(SUMMED_UP)));
            let named = section.and_then(|(_, rest)| rest.split_once(&format!("</{SKILLS}>")));
            let listed =
                named.into_iter().flat_map(|(lines, _)| lines.lines()).filter_map(|line| line.split_once(": "));
            let listed = listed.map(|(name, _)| name);
            let read = text.strip_prefix(skills::READ).and_then(|rest| rest.split('"').next());
            for name in listed.chain(read) {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn status(status: PlanStepStatus) -> &'static str {
    match status {
        PlanStepStatus::Pending => "pending",
        PlanStepStatus::InProgress => "in progress",
        PlanStepStatus::Completed => "completed",
    }
}

/// What the summary stands for.
fn dropped(history: &History, users: usize) -> Vec<String> {
    let (mut answers, mut results) = (0, 0);
    for message in history.messages() {
        match message {
            Message::Assistant { .. } => answers += 1,
            Message::ToolResult { .. } => results += 1,
            Message::Developer { .. } | Message::User { .. } => {}
        }
    }
    let table = [
        (answers, "answer of the model", "answers of the model"),
        (results, "result of a tool", "results of tools"),
        (users, "earlier message of yours", "earlier messages of yours"),
    ];
    table.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| counted(count, one, many)).collect()
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use codex_history::{Arguments, AssistantPart, ToolCall};
    use codex_protocol::PlanStep;

    use super::*;

    fn call() -> Message {
        let arguments = Arguments::Json("{}".into());
        let call = ToolCall { call_id: "1".into(), name: "shell".into(), arguments, opaque: None };
        Message::Assistant { content: vec![AssistantPart::Call(call)] }
    }

    fn result() -> Message {
        Message::ToolResult { call_id: "1".into(), freeform: false, content: vec![] }
    }

    fn stays(budget: u64) -> Stays {
        Stays {
            opening: vec![Message::Developer { text: "Be kind.".into() }],
            budget,
            pictures: true,
            ..Stays::default()
        }
    }

    /// The texts of the user's messages that were kept.
    fn kept(messages: &[Message]) -> Vec<String> {
        let texts = messages.iter().filter_map(|message| match message {
            Message::User { content } if !is_of_program(content) => Some(content),
            _ => None,
        });
        texts
            .map(|content| match content.as_slice() {
                [Content::Text { text }] => text.clone(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_users_last_messages_stay_as_far_as_the_budget_goes() {
        let (short, long) = ("s".repeat(40), "l".repeat(400));
        let of_ours = "<environment>\nx\n</environment>";
        // A short one takes 14 tokens, a long one 104.
        let table: [(&[&str], u64, &[&str]); 6] = [
            (&[&long, &short, &short], 200, &[&long, &short, &short]),
            (&[&long, &short, &short], 100, &[&short, &short]),
            (&[&short, &long, &short], 100, &[&short]),
            (&[&long, of_ours, &short], 14, &[&short]),
            (&[&short, &long], 10, &["llllllllllllllllllll\n[360 bytes were left out here]\nllllllllllllllllllll"]),
            (&[], 100, &[]),
        ];
        for (said, budget, expected) in table {
            let history: History = said.iter().map(|text| Message::user(*text)).chain([call(), result()]).collect();
            let summed = summed_up(&history, &stays(budget), "In short.");
            assert_eq!(kept(&summed.messages), expected, "{said:?} {budget}");
            assert!(format!("{:?}", summed.messages.last()).contains("In short."));
            assert_eq!(summed.messages[0], Message::Developer { text: "Be kind.".into() });
        }
    }

    #[test]
    fn a_plan_is_not_cut_into_the_users_words() {
        let plan = crate::mode::approved(&"p".repeat(4_000));
        for (budget, pieces) in [(200, 2), (4, 1)] {
            let content = vec![Content::Text { text: "u".repeat(4_000) }, plan.clone()];
            let history: History = [Message::User { content }, call()].into_iter().collect();
            let summed = summed_up(&history, &stays(budget), "");
            let Message::User { content } = &summed.messages[1] else { panic!("{summed:?}") };
            let texts: Vec<&str> = content
                .iter()
                .filter_map(|piece| match piece {
                    Content::Text { text } => Some(text.as_str()),
                    Content::Image { .. } => None,
                })
                .collect();
            assert!(texts.len() == pieces && texts[0].starts_with('u') && !texts[0].contains('p'), "{texts:?}");
            assert!(texts.iter().skip(1).all(|text| text.starts_with("<approved_plan>")), "{texts:?}");
        }
    }

    #[test]
    fn pictures_stay_with_their_message_unless_there_was_no_room_before() {
        let picture = Content::Image { media_type: "image/png".into(), data: "AA==".into() };
        let content = vec![Content::Text { text: "look".into() }, picture];
        let history: History = [Message::User { content: content.clone() }, call()].into_iter().collect();
        for (pictures, budget, expected) in
            [(true, 2_000, &content[..]), (false, 2_000, &content[..1]), (true, 1_000, &content[..1])]
        {
            let summed = summed_up(&history, &Stays { pictures, ..stays(budget) }, "");
            assert_eq!(summed.messages[1], Message::User { content: expected.to_vec() }, "{pictures} {budget}");
        }
    }

    #[test]
    fn what_is_on_record_stands_there_word_for_word_and_the_report_counts_it() {
        let mut stays = stays(1_000);
        stays.pinned = Arc::new(Pinned {
            plan: vec![PlanStep { step: "Do {it}".into(), status: PlanStepStatus::InProgress }],
            approved_plan: Some("<approved_plan>\nthe whole {plan}\n</approved_plan>".into()),
            changed_files: ["/w/a".to_owned(), "/w/b".to_owned()].into(),
        });
        stays.rules = vec!["allow: make".into()];
        stays.running = vec!["session 3: npm start".into()];
        let history: History = [Message::user("a"), call(), result(), Message::user("b")].into_iter().collect();
        let summed = summed_up(&history, &stays, "In short: {plan}.");
        let Some(Message::User { content }) = summed.messages.last() else { panic!("{summed:?}") };
        let [Content::Text { text }] = content.as_slice() else { panic!("{content:?}") };
        for expected in [
            "<plan>\n[in progress] Do {it}\n</plan>",
            "<approved_plan>\nthe whole {plan}\n</approved_plan>",
            "<changed_files>\n/w/a\n/w/b\n</changed_files>",
            "<rules>\nallow: make\n</rules>",
            "<running_commands>\nsession 3: npm start\n</running_commands>",
            "<summary>\nIn short: {plan}.\n</summary>",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert_eq!(
            summed.kept,
            [
                "the instructions",
                "2 messages of yours",
                "the approved plan",
                "1 step of the plan",
                "2 changed files, by their names",
                "1 rule",
                "1 command that runs on"
            ]
        );
        assert_eq!(summed.dropped, ["1 answer of the model", "1 result of a tool"]);
        // Summed up again, the summary is none of the user's messages.
        let again = summed_up(&summed.messages.into_iter().collect(), &stays, "Shorter.");
        assert_eq!(kept(&again.messages), ["a", "b"]);
        assert!(again.dropped.is_empty(), "{:?}", again.dropped);
    }
}
