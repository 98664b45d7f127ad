//! May this command run, may these files be changed, may commands run behind weaker walls?

use std::{cell::RefCell, rc::Rc};

use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalTerms, CommandApprovalParams, FileChangeApprovalParams, McpApproval,
    ThreadItem,
};

use super::{
    choices::{Answer, Choices, answers},
    command::parts,
    hunks::Hunks,
    rule::Rule,
};
use crate::{
    highlight,
    intent::Intent,
    key::Key,
    keymap::{Action, Context, Keymap},
    look::Look,
    overlays::{
        Outcome, Overlay,
        keys::Keys,
        line::Line,
        panel::{Panel, Scroll, labelled, paragraph, row},
    },
    text::{Live, Row, Size, truncate},
    theme::Role,
};

/// Between the sentence why it is asked and what the model says of it, which stands in a place of its own here.
const MODEL_SAYS: &str = "; the model says: “";

/// What is said of a yes, to all and to what is not marked.
const YES: &str = "yes, this once";
const YES_TO_THE_REST: &str = "yes, to all that is not marked";

/// A question about what the agent wants to do.
#[derive(Debug)]
pub(super) struct Approval {
    id: u64,
    reason: Option<String>,
    terms: ApprovalTerms,
    about: About,
    choices: Choices,
    stage: Stage,
    scroll: Scroll,
    keys: Keys,
    drawn: Drawn,
}

/// What there is to read as it was drawn last, and for which look: highlighting takes its time.
type Drawn = RefCell<Option<(Look, Rc<Text>)>>;

/// What there is to read, and the rows of it that must be seen: the first of them, and how many.
type Text = (Vec<Row>, Option<(usize, usize)>);

/// What it is about.
#[derive(Debug)]
enum About {
    Command {
        command: String,
        cwd: String,
        rule: Option<Rule>,
    },
    /// A page of the web, by its address.
    Page(String),
    /// A call of a tool of a server.
    Tool(Box<McpApproval>),
    Files(Hunks),
}

/// What is being done about it.
#[derive(Debug)]
enum Stage {
    /// An answer is chosen.
    Choosing,
    /// The rule is looked at that would be saved.
    Remembering,
    /// A word to the model is typed.
    Writing(Line),
}

impl Approval {
    pub(super) fn of_command(id: u64, params: CommandApprovalParams) -> Self {
        let rule = Rule::offered(&params);
        let CommandApprovalParams { kind, reason, command, cwd, available_decisions, terms, mcp, .. } = params;
        let about = match (kind.as_str(), mcp) {
            (_, Some(call)) => About::Tool(call),
            ("webPage", None) => About::Page(command),
            (_, None) => About::Command { command, cwd, rule },
        };
        Self::new(id, reason, terms, about, &available_decisions)
    }

    pub(super) fn of_files(id: u64, params: FileChangeApprovalParams, item: Option<&ThreadItem>) -> Self {
        let FileChangeApprovalParams { reason, available_decisions, terms, .. } = params;
        let about = About::Files(Hunks::of(item, &available_decisions));
        Self::new(id, reason, terms, about, &available_decisions)
    }

    fn new(id: u64, reason: Option<String>, terms: ApprovalTerms, about: About, offered: &[ApprovalDecision]) -> Self {
        let words = |answer: Answer| match (answer, &about) {
            (Answer::Yes, _) if !terms.not_held.is_empty() => "yes, for the rest of the session".to_owned(),
            (Answer::Yes, _) => YES.to_owned(),
            (Answer::ForSession, About::Files(_)) => "session: yes, and the same files again".to_owned(),
            (Answer::ForSession, About::Page(_)) => "session: yes, and other pages of its host".to_owned(),
            (Answer::ForSession, About::Tool(_)) => {
                "session: yes, and this tool again, whatever it is given".to_owned()
            }
            (Answer::Always, About::Tool(_)) => "always: yes, and this tool in other sessions too".to_owned(),
            (Answer::ForSession, About::Command { .. }) => "session: yes, and the same command again".to_owned(),
            (Answer::Always, About::Command { rule: Some(rule), .. }) => format!("always: by a rule… {}", rule.text()),
            (Answer::Always, _) => "always: by a rule…".to_owned(),
            (Answer::No, _) => "no, and it goes on without".to_owned(),
            (Answer::Message, _) => "message: no, and a word to the model…".to_owned(),
            (Answer::Stop, _) => "stop: no, and the turn ends".to_owned(),
        };
        let answers = answers(offered).into_iter();
        let can_remember = matches!(&about, About::Command { rule: Some(_), .. } | About::Tool(_));
        let answers = answers.filter(|answer| can_remember || *answer != Answer::Always);
        let answers: Vec<_> = answers.map(|answer| (answer, words(answer))).collect();
        // Enter must not take walls away.
        let first = if terms.not_held.is_empty() { Answer::Yes } else { Answer::No };
        let choices = Choices::new(answers, first);
        Self {
            id,
            reason,
            terms,
            about,
            choices,
            stage: Stage::Choosing,
            scroll: Scroll::default(),
            keys: Keys::usual(Context::Approval),
            drawn: Drawn::default(),
        }
    }

    fn answer(&self, decision: ApprovalDecision, message: Option<String>) -> Outcome {
        Outcome::done(Intent::Answer { request_id: self.id, answer: ApprovalAnswer { decision, message } })
    }

    fn unwanted(&self) -> Option<String> {
        match &self.about {
            About::Files(hunks) => hunks.unwanted(),
            About::Command { .. } | About::Page(_) | About::Tool(_) => None,
        }
    }

    fn wanted(&self) -> Option<Vec<usize>> {
        match &self.about {
            About::Files(hunks) => hunks.wanted(),
            About::Command { .. } | About::Page(_) | About::Tool(_) => None,
        }
    }

    fn give(&mut self, answer: Answer) -> Outcome {
        // Who has marked something does not want all of it.
        let is_yes = matches!(answer, Answer::Yes | Answer::ForSession | Answer::Always);
        if is_yes && self.unwanted().is_some() {
            return match (answer, self.wanted()) {
                (Answer::Yes, Some(hunks)) => self.answer(ApprovalDecision::AcceptHunks { hunks }, None),
                _ => Outcome::stay(),
            };
        }
        match answer {
            Answer::Yes => self.answer(ApprovalDecision::Accept, None),
            Answer::ForSession => self.answer(ApprovalDecision::AcceptForSession, None),
            Answer::No => self.answer(ApprovalDecision::Decline, self.unwanted()),
            Answer::Stop => self.answer(ApprovalDecision::Cancel, None),
            Answer::Always if matches!(self.about, About::Tool(_)) => self.answer(ApprovalDecision::AcceptAlways, None),
            Answer::Always => {
                self.stage = Stage::Remembering;
                Outcome::stay()
            }
            Answer::Message => {
                self.stage = Stage::Writing(Line::default());
                Outcome::stay()
            }
        }
    }

    fn choose(&mut self, key: Key) -> Outcome {
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        if let About::Files(hunks) = &mut self.about {
            match key.to_string().as_str() {
                "left" | "right" => hunks.step(key.to_string() == "right"),
                "space" => hunks.toggle(),
                _ => return self.choose_answer(key),
            }
            let is_part = hunks.wanted().is_some();
            self.drawn.take();
            self.scroll.follow();
            self.choices.say(Answer::Yes, if is_part { YES_TO_THE_REST } else { YES });
            return Outcome::stay();
        }
        self.choose_answer(key)
    }

    fn choose_answer(&mut self, key: Key) -> Outcome {
        if self.scroll.key(key) {
            return Outcome::stay();
        }
        match self.choices.key(key) {
            Some(answer) => self.give(answer),
            None => Outcome::stay(),
        }
    }

    fn remember(&mut self, key: Key) -> Outcome {
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        let About::Command { rule: Some(rule), .. } = &mut self.about else { return Outcome::stay() };
        match key.to_string().as_str() {
            "left" => rule.change(true),
            "right" => rule.change(false),
            "enter" => {
                let decision = rule.decision();
                return self.answer(decision, None);
            }
            "esc" | "ctrl+c" => self.stage = Stage::Choosing,
            _ => {}
        }
        Outcome::stay()
    }

    fn write(&mut self, key: Key) -> Outcome {
        let Stage::Writing(line) = &mut self.stage else { return Outcome::stay() };
        match key.to_string().as_str() {
            "enter" => {
                let typed = Some(line.text().trim().to_owned()).filter(|text| !text.is_empty());
                let message: Vec<String> = typed.into_iter().chain(self.unwanted()).collect();
                let message = Some(message.join("\n")).filter(|message| !message.is_empty());
                return self.answer(ApprovalDecision::Decline, message);
            }
            "esc" | "ctrl+c" => self.stage = Stage::Choosing,
            _ => drop(line.key(key)),
        }
        Outcome::stay()
    }

    fn title(&self, look: &Look) -> Row {
        let title = match (&self.about, &self.stage) {
            (_, Stage::Remembering) => "Save this rule, and run the command?",
            _ if !self.terms.not_held.is_empty() => "Go on behind weaker walls?",
            (About::Command { .. }, _) => "Run this command?",
            (About::Tool(_), _) => "Call this tool of an MCP server?",
            (About::Page(_), _) => "Read this page of the web?",
            (About::Files(_), _) => "Make these changes?",
        };
        let of = self.terms.agent.as_ref().map(|name| format!(" (sub-agent {name})")).unwrap_or_default();
        row(look, &[("? ", Role::Warning), (title, Role::Strong), (&of, Role::Warning)])
    }

    /// What there is to read.
    fn text(&self, look: &Look) -> Rc<Text> {
        if let Some((drawn_for, text)) = &*self.drawn.borrow()
            && drawn_for == look
        {
            return Rc::clone(text);
        }
        let text = Rc::new(self.draw(look));
        *self.drawn.borrow_mut() = Some((*look, Rc::clone(&text)));
        text
    }

    fn draw(&self, look: &Look) -> Text {
        match &self.about {
            About::Command { command, cwd, .. } => {
                let mut rows = command_rows(command, look);
                rows.push(Row::empty());
                rows.extend(labelled("Directory", cwd, Role::Path, look));
                rows.extend(self.terms_rows(look));
                (rows, None)
            }
            About::Page(url) => {
                let mut rows = paragraph(url, Role::Path, 2, look);
                rows.push(Row::empty());
                rows.extend(self.terms_rows(look));
                (rows, None)
            }
            About::Tool(call) => {
                let mut rows = tool_rows(call, look);
                rows.push(Row::empty());
                rows.extend(self.terms_rows(look));
                (rows, None)
            }
            About::Files(hunks) => {
                // What they are about comes first: the changes may be long.
                let mut rows = self.terms_rows(look);
                rows.push(Row::empty());
                let (changes, looked_at) = hunks.rows(look);
                let looked_at = looked_at.map(|(begin, count)| (begin + rows.len(), count));
                rows.extend(changes);
                (rows, looked_at)
            }
        }
    }

    fn terms_rows(&self, look: &Look) -> Vec<Row> {
        let ApprovalTerms { confinement, rule, justification, not_held, .. } = &self.terms;
        let mut rows = Vec::new();
        if let Some(reason) = &self.reason {
            let own = reason.rsplit_once(MODEL_SAYS).filter(|_| justification.is_some());
            let reason = own.map_or(reason.as_str(), |(own, _)| own);
            // Told one by one below.
            let all = not_held.join("; ");
            let reason = if all.is_empty() { reason.to_owned() } else { reason.replace(&all, "see below") };
            rows.extend(labelled("Why", &reason, Role::Plain, look));
        }
        if let Some(rule) = rule {
            let said = format!("{} {:?}, {}", rule.kind, rule.text, rule.origin);
            rows.extend(labelled("Rule", &said, Role::Plain, look));
        }
        if !confinement.is_empty() {
            let role = if confinement.starts_with("no sandbox") { Role::Bad } else { Role::Plain };
            rows.extend(labelled("Sandbox", confinement, role, look));
        }
        for phrase in not_held {
            rows.extend(labelled("Not held", phrase, Role::Warning, look));
        }
        if let Some(words) = justification {
            rows.extend(labelled("The model", "says of it, which may be false:", Role::Quiet, look));
            let indent = if look.width < 60 { 4 } else { 13 };
            rows.extend(paragraph(&format!("“{words}”"), Role::Quote, indent, look));
        }
        rows
    }

    fn foot(&self, size: Size, look: &Look) -> Live {
        let hint = |text: &str| Live { rows: vec![hint_row(text, look)], cursor: None };
        let shown = |action| self.keys.shown(action);
        match &self.stage {
            Stage::Remembering => {
                let (enter, esc) = (shown(Action::Accept), shown(Action::Close));
                match &self.about {
                    About::Command { rule: Some(rule), .. } if rule.has_words() => {
                        let (left, right) = (shown(Action::Left), shown(Action::Right));
                        hint(&format!("{enter} save and run · {left} fewer words · {right} more words · {esc} back"))
                    }
                    _ => hint(&format!("{enter} save and run · {esc} back")),
                }
            }
            Stage::Writing(line) => {
                let (row, column) = line.live("Tell it: ", look.width, look);
                let more = if self.unwanted().is_some() { ", with the marked hunks" } else { "" };
                let said = format!("enter no, and send it{more} · esc back");
                Live { rows: vec![row, hint_row(&said, look)], cursor: Some((0, column)) }
            }
            Stage::Choosing => {
                let little = size.rows < self.choices.answers.len() + 6;
                let mut live = Live::default();
                if let About::Files(hunks) = &self.about
                    && hunks.are_many()
                {
                    let (left, right, mark) = (shown(Action::Left), shown(Action::Right), shown(Action::Mark));
                    let said = match (hunks.unwanted(), hunks.wanted()) {
                        (Some(_), Some(_)) => format!("✗ not wanted: yes leaves it out · {mark} unmarks"),
                        (Some(_), None) => {
                            format!("✗ not wanted: say no, and the model is told which · {mark} unmarks")
                        }
                        (None, _) => format!("{left} {right} from hunk to hunk · {mark} marks one as not wanted"),
                    };
                    live.append(hint(&said));
                }
                live.append(self.choices.live(little, &self.keys, look));
                live
            }
        }
    }
}

impl Overlay for Approval {
    fn live(&self, size: Size, look: &Look) -> Live {
        let look = &Look { width: size.columns, ..*look };
        let (title, foot) = (self.title(look), self.foot(size, look));
        if let (Stage::Remembering, About::Command { rule: Some(rule), .. }) = (&self.stage, &self.about) {
            return Panel { title, text: &rule.rows(look), foot }.live(size, &Scroll::default(), look);
        }
        let text = self.text(look);
        if let Some((row, count)) = text.1 {
            self.scroll.show(row, count.saturating_sub(1));
        }
        Panel { title, text: &text.0, foot }.live(size, &self.scroll, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        match &self.stage {
            Stage::Choosing => self.choose(key),
            Stage::Remembering => self.remember(key),
            Stage::Writing(_) => self.write(key),
        }
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }

    fn paste(&mut self, text: &str) {
        if let Stage::Writing(line) = &mut self.stage {
            line.insert(text);
        }
    }

    fn question(&self) -> Option<u64> {
        Some(self.id)
    }
}

/// The command part by part.
fn command_rows(command: &str, look: &Look) -> Vec<Row> {
    let inner = Look { width: look.width.saturating_sub(4).max(1), ..*look };
    let parts = parts(command).into_iter().enumerate();
    // A break stands in place of the blank behind an operator.
    let parts = parts.map(|(index, part)| if index == 0 { part } else { part.trim_start_matches(' ') });
    let mut rows = Vec::new();
    for inner in parts.flat_map(|part| highlight::shell(part, &inner)) {
        let mut whole = row(look, &[(if rows.is_empty() { "  $ " } else { "    " }, Role::Quiet)]);
        whole.spans.extend(inner.spans);
        rows.push(truncate(&whole, look.width));
    }
    rows
}

/// The call with all that it gives, and what its server says of the tool.
fn tool_rows(call: &McpApproval, look: &Look) -> Vec<Row> {
    let McpApproval { server, tool, description, description_before, arguments } = call;
    let mut rows = labelled("Server", server, Role::Plain, look);
    rows.extend(labelled("Tool", tool, Role::Strong, look));
    let given = serde_json::to_string_pretty(arguments).unwrap_or_default();
    rows.extend(given.lines().flat_map(|line| paragraph(line, Role::Path, 4, look)));
    if let Some(before) = description_before {
        let said = "the server says something else of it than when you said yes to it before";
        rows.extend(labelled("Changed", said, Role::Warning, look));
        rows.extend(labelled("Before", &format!("“{before}”"), Role::Quote, look));
    }
    let label = if description_before.is_some() { "Now" } else { "It says" };
    if !description.is_empty() {
        rows.extend(labelled(label, &format!("“{description}”"), Role::Quote, look));
    }
    rows
}

fn hint_row(text: &str, look: &Look) -> Row {
    truncate(&Row::new(text, look.style(Role::Quiet)), look.width)
}
