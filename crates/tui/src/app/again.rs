//! What waits to be asked of the model again, and what was cut off: a key asks now, or goes on with it.

use std::time::Instant;

use codex_client::GO_ON;
use codex_protocol::{ClientRequest, ServerNotification, TurnInterruptParams};

use super::{App, Purpose, session::Wait};
use crate::{
    intent::Draft,
    keymap::Action,
    status_line,
    text::{Row, truncate},
    theme::Role,
};

impl App {
    /// A turn waits, or goes on.
    pub(super) fn note_wait(&mut self, notification: &ServerNotification, now: Instant) {
        let Some(turn) = self.session.as_mut().and_then(|session| session.turn.as_mut()) else { return };
        match notification {
            ServerNotification::Error(failed) => turn.wait = failed.wait.as_ref().map(|wait| Wait::begun(wait, now)),
            ServerNotification::ItemStarted(_)
            | ServerNotification::ItemCompleted(_)
            | ServerNotification::AgentMessageDelta(_)
            | ServerNotification::ReasoningDelta(_) => turn.wait = None,
            _ => {}
        }
    }

    /// How long the turn still waits, and the keys that end it; `None`: it does not.
    pub(super) fn waiting(&self, now: Instant) -> Option<Row> {
        let (look, keymap) = (&self.setup.look, &self.setup.keymap);
        let turn = self.session.as_ref()?.turn.as_ref().filter(|turn| !turn.stopping)?;
        let wait = turn.wait.as_ref()?;
        let left = status_line::duration(std::time::Duration::from_secs(wait.seconds(now)?));
        let count = match wait.attempt {
            (attempt, Some(of)) => format!("{attempt} of {of}"),
            (attempt, None) => format!("attempt {attempt}"),
        };
        let (stop, again) = (keymap.shown(Action::Interrupt), keymap.shown(Action::Again));
        let row = Row::new("• ", look.style(Role::Mark))
            .with(&capital(&wait.what), look.style(Role::Strong))
            .with(&format!(" again in {left} ({count}) · {stop} stops it · {again} asks now"), look.style(Role::Quiet));
        Some(truncate(&row, look.width))
    }

    /// What is said of a session that opens, if its last turn was cut off.
    pub(super) fn cut_off_row(&self) -> Option<Row> {
        let (look, key) = (&self.setup.look, self.setup.keymap.shown(Action::Again));
        let text = format!("the last turn was cut off: {key} goes on with it");
        self.session
            .as_ref()?
            .cut_off
            .then(|| Row::new("! ", look.style(Role::Warning)).with(&text, look.style(Role::Plain)))
    }

    /// The turn was cut off: how it goes on is said.
    pub(super) fn turn_cut_off(&mut self) {
        let key = self.setup.keymap.shown(Action::Again);
        self.focus.hint = Some(format!("{key} goes on with what was cut off"));
    }

    /// Asks the model now, where a turn waits to do so; goes on with a turn that was cut off.
    pub(super) fn ask_again(&mut self) {
        let Some(session) = &mut self.session else { return };
        let thread_id = session.id();
        let Some(turn) = &mut session.turn else {
            if !session.cut_off {
                self.focus.hint = Some("there is nothing to go on with: the last turn was not cut off".into());
                return;
            }
            // Before what waits already.
            self.queue.put_back(Draft { text: GO_ON.into(), pictures: Vec::new() });
            self.queue.release();
            return self.say_next();
        };
        match turn.wait.take() {
            None => self.focus.hint = Some("nothing waits to be asked again".into()),
            Some(_) => {
                let params = TurnInterruptParams { thread_id, turn_id: turn.id.clone() };
                // It may have been asked in the meantime.
                self.call(ClientRequest::TurnRetry(params), Purpose::Quietly);
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
