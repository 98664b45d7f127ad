//! Commands that are not built in: the server knows them, and is asked when a person begins to type one.

use codex_client::{command_word, own_command};
use codex_protocol::{ClientRequest, CommandListParams, CommandListResult, OwnCommand, UserInput};

use super::{App, Purpose};
use crate::{composer::Token, intent::Draft, popup::Popup, slash};

/// Those of a session.
#[derive(Debug, Default)]
pub struct OwnCommands {
    /// As far as they are known.
    list: Option<Vec<OwnCommand>>,
    /// Whether they were asked for, and have not come.
    is_awaited: bool,
    /// What was said of files that are left out.
    told: Vec<String>,
}

/// What a draft is that begins with `/`.
pub enum Typed {
    /// Something to say.
    Message,
    /// It uses a command that is not built in.
    Command(UserInput),
    /// It is not known yet.
    NotYet,
    /// There is no such command.
    Unknown(String),
}

impl App {
    /// Asks which there are, unless the answer is on its way.
    pub(super) fn ask_own_commands(&mut self) {
        let Some(session) = self.session.as_mut().filter(|session| !session.own.is_awaited) else { return };
        session.own.is_awaited = true;
        let params = CommandListParams { thread_id: session.id(), no_wait: false };
        self.call(ClientRequest::CommandList(params), Purpose::OwnCommands);
    }

    pub(super) fn own_commands_came(&mut self, found: CommandListResult) {
        let Some(session) = &mut self.session else { return };
        let own = &mut session.own;
        let new = found.warnings.into_iter().filter(|warning| !own.told.contains(warning));
        let new: Vec<String> = new.collect();
        own.told.extend(new.iter().cloned());
        (own.list, own.is_awaited) = (Some(found.data), false);
        new.iter().for_each(|warning| self.complain(warning));
        if let Some(Token::Command(typed)) = self.composer.token()
            && self.focus.popup.as_ref().is_none_or(|popup| !popup.is_chosen_in())
            && self.overlays.is_empty()
        {
            self.focus.popup = Popup::commands(&typed, self.own_commands());
        }
        self.say_next();
    }

    /// Those that are known.
    pub(super) fn own_commands(&self) -> &[OwnCommand] {
        self.session.as_ref().and_then(|session| session.own.list.as_deref()).unwrap_or_default()
    }

    /// What a draft is, as far as is known.
    pub(super) fn typed(&self, text: &str) -> Typed {
        let Some((word, _)) = command_word(text).filter(|(word, _)| slash::find(word).is_none()) else {
            return Typed::Message;
        };
        match self.session.as_ref().and_then(|session| session.own.list.as_ref()) {
            None => Typed::NotYet,
            Some(list) => match own_command(text, list) {
                Some(input) => Typed::Command(input),
                None => {
                    let near = slash::matches(word).first().map(|near| format!("; did you mean /{}?", near.name));
                    let near = near.unwrap_or_default();
                    Typed::Unknown(format!("/{word} is no command{near} (a space before it makes it a message)"))
                }
            },
        }
    }

    /// Says what waits, or has it wait until it is known what it is. Whether there is nothing more to do.
    pub(super) fn is_no_message(&mut self, draft: &Draft) -> bool {
        match self.typed(&draft.text) {
            Typed::Message | Typed::Command(_) => false,
            Typed::NotYet => {
                self.queue.put_back(draft.clone());
                self.ask_own_commands();
                true
            }
            // It can be corrected.
            Typed::Unknown(why) if self.composer.is_empty() => {
                self.complain(&why);
                self.composer.set(draft.clone());
                true
            }
            Typed::Unknown(why) => {
                self.not_said(draft.clone(), &why);
                true
            }
        }
    }

    /// The input, in which a text that uses a command is that.
    pub(super) fn with_command(&self, text: &str, mut input: Vec<UserInput>) -> Vec<UserInput> {
        if let Typed::Command(command) = self.typed(text)
            && let Some(first) = input.first_mut()
        {
            *first = command;
        }
        input
    }
}
