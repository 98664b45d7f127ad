//! May the files of this project set what they want to set, though it loosens something?

use codex_protocol::{ApprovalAnswer, ApprovalDecision, HeldSetting, ProjectTrustParams, UntrustedFile};

use super::choices::{Answer, Choices, answers};
use crate::{
    intent::Intent,
    key::Key,
    keymap::{Context, Keymap},
    look::Look,
    overlays::{
        Outcome, Overlay,
        keys::Keys,
        panel::{Panel, Scroll, labelled, paragraph, row},
    },
    text::{Live, Row, Size, wrap},
    theme::Role,
};

/// The question whether a project is trusted.
#[derive(Debug)]
pub(super) struct Trust {
    id: u64,
    params: ProjectTrustParams,
    choices: Choices,
    scroll: Scroll,
    keys: Keys,
}

impl Trust {
    pub(super) fn new(id: u64, params: ProjectTrustParams) -> Self {
        let words = |answer: &Answer| match answer {
            Answer::Yes => Some("yes, as long as these files stay as they are"),
            Answer::No => Some("no, go on without these settings"),
            // There is no model yet that could be told something.
            _ => None,
        };
        let answers = answers(&params.available_decisions).into_iter();
        let answers = answers.filter_map(|answer| Some((answer, words(&answer)?.to_owned()))).collect();
        // Enter must not loosen anything.
        Self {
            id,
            params,
            choices: Choices::new(answers, Answer::No),
            scroll: Scroll::default(),
            keys: Keys::usual(Context::Approval),
        }
    }

    fn text(&self, look: &Look) -> Vec<Row> {
        let mut rows = labelled("Project", &self.params.root, Role::Path, look);
        if self.params.cwd != self.params.root {
            rows.extend(labelled("Directory", &self.params.cwd, Role::Path, look));
        }
        let said = "Its files would loosen what is in force, and are not trusted as they are now. What they would set:";
        rows.extend(paragraph(said, Role::Plain, 2, look));
        for file in &self.params.files {
            rows.push(Row::empty());
            rows.extend(file_rows(file, look));
        }
        rows
    }
}

impl Overlay for Trust {
    fn live(&self, size: Size, look: &Look) -> Live {
        let look = &Look { width: size.columns, ..*look };
        let title = row(look, &[("? ", Role::Warning), ("Trust the settings of this project?", Role::Strong)]);
        let foot = self.choices.live(size.rows < 8, &self.keys, look);
        Panel { title, text: &self.text(look), foot }.live(size, &self.scroll, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        if self.scroll.key(key) {
            return Outcome::stay();
        }
        let leaves = key.to_string() == "esc";
        let decision = match self.choices.key(key) {
            Some(Answer::Yes) => ApprovalDecision::Accept,
            Some(_) => ApprovalDecision::Decline,
            None if leaves => ApprovalDecision::Decline,
            None => return Outcome::stay(),
        };
        let answer = ApprovalAnswer { decision, message: None };
        Outcome::done(Intent::Answer { request_id: self.id, answer })
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }

    fn question(&self) -> Option<u64> {
        Some(self.id)
    }
}

fn file_rows(file: &UntrustedFile, look: &Look) -> Vec<Row> {
    let indent = row(look, &[("    ", Role::Plain)]);
    let mut name = row(look, &[("  ", Role::Plain), (&file.path, Role::Path)]);
    if file.changed {
        let since = file.trusted_at.as_deref().map_or(String::new(), |at| format!(" on {}", day(at)));
        name.push(look.span(&format!(" (changed since it was trusted{since})"), Role::Warning));
    }
    let mut rows = wrap(&name, look.width, &indent);
    for held in &file.held {
        rows.extend(held_rows(held, look));
    }
    rows
}

fn held_rows(held: &HeldSetting, look: &Look) -> Vec<Row> {
    let line = format!("    {:>4}  ", held.line);
    let key = format!("{} ", held.key);
    let mut setting =
        row(look, &[(&line, Role::Quiet), (&key, Role::Strong), ("= ", Role::Quiet), (&held.value, Role::Code)]);
    let instead = held.instead.as_deref();
    let said = match (held.adds, held.removes, instead) {
        (true, true, Some(now)) => format!("  adds to and takes out of {now}"),
        (true, true, None) => "  adds to the list, and takes out of it".to_owned(),
        (_, true, Some(now)) => format!("  takes out of {now}"),
        (_, true, None) => "  takes out of the list".to_owned(),
        (true, false, Some(now)) => format!("  adds to {now}"),
        (true, false, None) => "  adds to the list".to_owned(),
        (false, false, Some(now)) => format!("  now {now}"),
        (false, false, None) => String::new(),
    };
    setting.push(look.span(&said, Role::Quiet));
    wrap(&setting, look.width, &row(look, &[("          ", Role::Plain)]))
}

/// The day of a time as it is written in a file.
fn day(at: &str) -> &str {
    at.split('T').next().unwrap_or(at)
}
