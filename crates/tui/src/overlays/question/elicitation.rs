//! What a server of tools wants to know: a form that is filled in field by field, or a page of the web to go to.
//!
//! All words are the server's. They must never look like this program's own, and what is entered goes nowhere but there.

mod input;
#[cfg(test)]
mod tests;

use codex_forms::{Field, Form};
use codex_protocol::{ApprovalAnswer, ApprovalDecision, Asked, ElicitationParams};
use serde_json::Map;

use self::input::Input;
use crate::{
    intent::Intent,
    key::Key,
    look::Look,
    overlays::{
        Outcome, Overlay,
        panel::{Panel, Scroll, labelled, paragraph, row},
    },
    page::Page,
    text::{Live, Row, Size, truncate},
    theme::Role,
};

/// What the names of fields have in them that are meant for secrets.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "api key",
    "apikey",
    "api_key",
    "api-key",
    "private key",
    "credential",
    "credit card",
    "card number",
    "cvv",
    "pin code",
    "2fa",
    "otp",
];

/// The question of a server of tools.
#[derive(Debug)]
pub(super) struct Elicitation {
    id: u64,
    params: ElicitationParams,
    /// Where to go, or why no browser is asked to; `None` for a form.
    page: Option<Result<Page, String>>,
    fields: Vec<(Field, Input)>,
    /// The field that is filled in; behind the last one yes, and then no.
    at: usize,
    /// What is wrong with it.
    wrong: Option<String>,
    scroll: Scroll,
}

impl Elicitation {
    pub(super) fn new(id: u64, params: ElicitationParams) -> Self {
        let form = match &params.asked {
            Asked::Form { requested_schema } => Form::read(requested_schema).unwrap_or_default(),
            Asked::Url { .. } => Form::default(),
        };
        let page = match &params.asked {
            Asked::Form { .. } => None,
            Asked::Url { url, .. } => Some(Page::read(url)),
        };
        let fields: Vec<_> = form.fields.into_iter().map(|field| (field.clone(), Input::of(&field))).collect();
        // Where there is nothing to fill in, enter must not say yes.
        let at = if fields.is_empty() { 1 } else { 0 };
        Self { id, params, page, fields, at, wrong: None, scroll: Scroll::default() }
    }

    fn answer(&self, decision: ApprovalDecision) -> Outcome {
        let browse = match (&self.page, &decision) {
            (Some(Ok(page)), ApprovalDecision::Accept) => Some(Intent::Browse(page.address().to_owned())),
            _ => None,
        };
        let answer = ApprovalAnswer { decision, message: None };
        let answer = Intent::Answer { request_id: self.id, answer };
        Outcome { intents: std::iter::once(answer).chain(browse).collect(), closes: true }
    }

    fn go(&mut self, at: usize) {
        (self.at, self.wrong) = (at, None);
        self.scroll.follow();
    }

    fn enter(&mut self) -> Outcome {
        let yes = self.fields.len();
        if self.at > yes {
            return self.answer(ApprovalDecision::Decline);
        }
        // What cannot be opened is not said to be gone to.
        if let Some(Err(_)) = self.page {
            return Outcome::stay();
        }
        if let Some((field, input)) = self.fields.get(self.at) {
            match input.value(field) {
                Ok(_) => self.go(self.at + 1),
                Err(why) => self.wrong = Some(why),
            }
            return Outcome::stay();
        }
        let mut content = Map::new();
        for (at, (field, input)) in self.fields.iter().enumerate() {
            match input.value(field) {
                Ok(value) => content.extend(value.map(|value| (field.name.clone(), value))),
                Err(why) => {
                    self.go(at);
                    self.wrong = Some(why);
                    return Outcome::stay();
                }
            }
        }
        let decision = match content.is_empty() {
            true => ApprovalDecision::Accept,
            false => ApprovalDecision::AcceptWithContent { content },
        };
        self.answer(decision)
    }

    /// What there is to read, the row of the field that is filled in, and how many rows below it belong to it.
    fn text(&self, look: &Look) -> (Vec<Row>, usize, usize) {
        let mut rows = labelled("Server", &self.params.server_name, Role::Strong, look);
        if !self.params.message.trim().is_empty() {
            rows.extend(labelled("It says", &format!("“{}”", self.params.message.trim()), Role::Quote, look));
        }
        if let (Asked::Url { url, .. }, Some(page)) = (&self.params.asked, &self.page) {
            match page {
                Ok(page) => {
                    rows.extend(labelled("Host", page.host(), Role::Strong, look));
                    rows.extend(labelled("Page", page.address(), Role::Path, look));
                    let said = "What you do there goes to that host, and this program does not learn it.";
                    rows.extend(paragraph(said, Role::Quiet, 2, look));
                }
                Err(why) => {
                    rows.extend(labelled("Page", url, Role::Path, look));
                    rows.extend(paragraph(&format!("It is not opened: {why}."), Role::Bad, 2, look));
                }
            }
            return (rows, 0, 0);
        }
        let said = "What you enter goes to this server, and is shown here as you type it.";
        rows.extend(paragraph(said, Role::Quiet, 2, look));
        if let Some(secret) = self.secret() {
            let said = format!(
                "`{secret}` sounds like a secret. Servers are not to ask for one in this way: leave it unless you are sure whose \
                 server it is."
            );
            rows.extend(paragraph(&said, Role::Warning, 2, look));
        }
        let (mut begin, mut more) = (0, 0);
        for (at, (field, input)) in self.fields.iter().enumerate() {
            let is_chosen = at == self.at;
            let first = rows.len();
            rows.push(field_row(field, input, is_chosen, look));
            if is_chosen {
                rows.extend(field.about.iter().flat_map(|about| paragraph(about, Role::Quote, 4, look)));
                rows.extend(self.wrong.iter().flat_map(|why| paragraph(why, Role::Bad, 4, look)));
                (begin, more) = (first, rows.len() - first - 1);
            }
        }
        (rows, begin, more)
    }

    /// What sounds like a secret, if something does.
    fn secret(&self) -> Option<&str> {
        let sounds = |text: &str| {
            let text = text.to_lowercase();
            SECRETS.iter().any(|secret| text.contains(secret))
        };
        let field = self.fields.iter().map(|(field, _)| field);
        let mut names = field.filter(|field| {
            [Some(&field.name), field.title.as_ref(), field.about.as_ref()]
                .into_iter()
                .flatten()
                .any(|text| sounds(text))
        });
        names.next().map(Field::called)
    }

    fn foot(&self, look: &Look) -> Live {
        let mut live = Live::default();
        let field = self.fields.get(self.at);
        if let Some((field, input)) = field {
            live.append(input.live(field.called(), look));
        }
        let (yes, no) = match &self.params.asked {
            Asked::Url { .. } => ("open the page", "no"),
            Asked::Form { .. } => ("send it", "no"),
        };
        let choice = |text: &str, is_chosen: bool| match is_chosen {
            true => look.span(&format!("› {text} "), Role::Selected),
            false => look.span(&format!("  {text} "), Role::Plain),
        };
        let mut choices = Row::empty();
        choices.push(choice(yes, self.at == self.fields.len()));
        choices.push(choice(no, self.at > self.fields.len()));
        let keys = match field {
            Some((_, input)) => format!("{} · enter next · ↑ ↓ others · esc no answer", input.keys()),
            None => "enter · ↑ ↓ others · esc no answer".to_owned(),
        };
        let hint = Row::new(keys.trim_start_matches([' ', '·']), look.style(Role::Quiet));
        live.append(Live { rows: vec![truncate(&choices, look.width), truncate(&hint, look.width)], cursor: None });
        live
    }
}

fn field_row(field: &Field, input: &Input, is_chosen: bool, look: &Look) -> Row {
    let (mark, role) = if is_chosen { ("› ", Role::Strong) } else { ("  ", Role::Plain) };
    let shown = input.shown();
    let mut row = row(look, &[(mark, Role::Plain), (field.called(), role), ("  ", Role::Plain)]);
    row.push(match (shown.is_empty(), field.required) {
        (false, _) => look.span(&shown, Role::Code),
        (true, true) => look.span("(required)", Role::Warning),
        (true, false) => look.span("(may be left out)", Role::Quiet),
    });
    truncate(&row, look.width)
}

impl Overlay for Elicitation {
    fn live(&self, size: Size, look: &Look) -> Live {
        let look = &Look { width: size.columns, ..*look };
        let what = match &self.params.asked {
            Asked::Form { .. } => "An MCP server asks you something",
            Asked::Url { .. } => "Go to this page for an MCP server?",
        };
        let of = self.params.agent.as_ref().map(|name| format!(" (sub-agent {name})")).unwrap_or_default();
        let title = row(look, &[("? ", Role::Warning), (what, Role::Strong), (&of, Role::Warning)]);
        let (text, begin, more) = self.text(look);
        self.scroll.show(begin, more);
        Panel { title, text: &text, foot: self.foot(look) }.live(size, &self.scroll, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        let last = self.fields.len() + 1;
        match key.to_string().as_str() {
            "esc" | "ctrl+c" => return self.answer(ApprovalDecision::Cancel),
            "enter" => return self.enter(),
            "up" | "shift+tab" => self.go(self.at.checked_sub(1).unwrap_or(last)),
            "down" | "tab" => self.go(if self.at < last { self.at + 1 } else { 0 }),
            "pageup" | "pagedown" => drop(self.scroll.key(key)),
            side => match self.fields.get_mut(self.at) {
                Some((_, input)) => {
                    input.key(key);
                    self.wrong = None;
                }
                // Yes and no stand beside each other.
                None if side == "left" => self.go(last - 1),
                None if side == "right" => self.go(last),
                None => {}
            },
        }
        Outcome::stay()
    }

    fn paste(&mut self, text: &str) {
        if let Some((_, input)) = self.fields.get_mut(self.at) {
            input.paste(text);
        }
    }

    fn question(&self) -> Option<u64> {
        Some(self.id)
    }
}
