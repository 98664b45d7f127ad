//! What keys mean, here and now: overlays first, then the popup, then keys of the whole screen, then the composer.

use std::time::{Duration, Instant};

use codex_protocol::FuzzyFileSearchResult;

use super::{App, Effect, Purpose, intents::shell_command, own_commands::Typed};
use crate::{
    composer::{Pressed, Token},
    intent::{Change, Draft, Fetch, GoBack, Intent},
    key::{Key, KeyCode, KeyModifiers},
    keymap::{Action, Context},
    popup::Popup,
    screen::Input,
    slash::{self, Snapshot},
};

/// How long after a question came up a typed letter still goes to the composer: fingers that were on their way.
const ON_THEIR_WAY: Duration = Duration::from_millis(300);

impl App {
    pub(super) fn input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Key(key) => self.key(key, now),
            Input::Paste(text) => self.paste(&text, now),
            Input::Resize(size) => {
                self.setup.size = size;
                self.setup.look.width = size.columns;
            }
            Input::Focus(focused) => self.focus.focused = focused,
            Input::Scroll(rows) => self.scroll(-(rows as isize)),
            Input::Background(red, green, blue) => self.background(red, green, blue),
            Input::Answered => {}
            Input::Gone => self.effects.push(Effect::Quit),
        }
    }

    /// A line, where nothing can be drawn: for the overlay letter by letter, else something to say.
    pub(super) fn line(&mut self, line: &str) {
        let asked = self.overlays.len();
        if asked == 0 {
            self.composer.set(Draft { text: line.to_owned(), pictures: Vec::new() });
            return self.submit();
        }
        if line.trim() == "esc" {
            // A key that no line holds.
            return self.overlay_key(Key::new(KeyCode::Esc, KeyModifiers::NONE));
        }
        let letters = line.chars().map(|letter| Key::new(KeyCode::Char(letter), KeyModifiers::NONE));
        for key in letters.chain([Key::new(KeyCode::Enter, KeyModifiers::NONE)]) {
            // What follows an answer is not for the next question.
            if self.overlays.len() >= asked {
                self.overlay_key(key);
            }
        }
    }

    fn paste(&mut self, text: &str, now: Instant) {
        self.focus.last_key = Some(now);
        self.focus.hint = None;
        let on_its_way = self.questions.just_raised(now, ON_THEIR_WAY);
        match self.overlays.last_mut().filter(|_| !on_its_way) {
            Some(overlay) => overlay.paste(text),
            None => {
                self.composer.paste(text);
                self.renew_popup();
            }
        }
    }

    fn key(&mut self, key: Key, now: Instant) {
        self.focus.last_key = Some(now);
        self.focus.hint = None;
        let was_leaving = std::mem::take(&mut self.focus.leaving);
        let was_going_back = std::mem::take(&mut self.focus.going_back);
        let on_its_way = key.typed().is_some() && self.questions.just_raised(now, ON_THEIR_WAY);
        if !self.overlays.is_empty() && !on_its_way {
            self.questions.seen();
            return self.overlay_key(key);
        }
        if self.popup_key(key) {
            return;
        }
        // The composer knows which of its keys mean something else for the moment: in a search, in the modes of vi.
        if self.composer.press(key, &self.setup.keymap) == Pressed::Ignored
            && let Some(action) = self.setup.keymap.action(Context::Global, key)
        {
            match action {
                Action::Interrupt => self.interrupt_or_go_back(was_going_back),
                action => self.act(action, was_leaving),
            }
        }
        self.renew_popup();
    }

    fn overlay_key(&mut self, key: Key) {
        let Some(overlay) = self.overlays.last_mut() else { return };
        let outcome = overlay.key(key);
        if outcome.closes {
            self.overlays.pop();
        }
        self.want(outcome.intents);
    }

    /// Whether the popup has taken the key.
    fn popup_key(&mut self, key: Key) -> bool {
        let Some(popup) = &mut self.focus.popup else { return false };
        match self.setup.keymap.action(Context::Picker, key) {
            Some(Action::Up) => popup.up(),
            Some(Action::Down) => popup.down(),
            Some(Action::Close) => self.focus.popup = None,
            Some(Action::Complete) => self.accept(),
            Some(Action::Accept) => {
                // Nothing was typed and nothing chosen: the command is meant without an argument.
                // A command that is only like what is typed is not the one that is meant: that there is none is said.
                let is_as_typed = match self.composer.token() {
                    Some(Token::Argument { typed, .. }) => typed.is_empty(),
                    Some(Token::Command(typed)) => !popup.is_begun_by(&typed),
                    _ => false,
                };
                if is_as_typed && !popup.is_chosen_in() {
                    self.focus.popup = None;
                    return false;
                }
                // What is typed out is run; what is chosen is completed first.
                let typed = self.composer.text();
                self.accept();
                if self.composer.text().trim_end() == typed.trim_end() {
                    return false;
                }
                if slash::parse(self.composer.text().trim_end())
                    .is_some_and(|(command, _)| command.arguments.is_empty())
                {
                    self.submit();
                }
            }
            _ => return false,
        }
        true
    }

    /// Puts what is chosen in the popup in place of what was typed.
    fn accept(&mut self) {
        if let Some(chosen) = self.focus.popup.take().as_ref().and_then(Popup::accepted) {
            self.composer.replace_token(&chosen);
            // Its arguments come next.
            self.renew_popup();
        }
    }

    /// Does what is the whole screen's to do.
    fn act(&mut self, action: Action, was_leaving: bool) {
        let works = self.session.as_ref().is_some_and(|session| session.turn.is_some());
        match action {
            Action::Submit => self.submit(),
            Action::Queue if works && !self.composer.is_empty() => self.queue(),
            Action::EditQueued if self.composer.is_empty() => {
                if let Some(draft) = self.queue.take_last() {
                    self.composer.set(draft);
                }
            }
            Action::ClearOrQuit => self.clear_or_quit(works, was_leaving),
            Action::Quit if self.composer.is_empty() => self.leave(),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Transcript => self.intend(Intent::Fetch(Fetch::Transcript)),
            Action::Editor => self.effects.push(Effect::Edit(self.composer.draft().text)),
            Action::Again => self.intend(Intent::Again),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::PastePicture => {
                self.focus.hint = Some("looking for a picture in the clipboard".into());
                self.effects.push(Effect::TakePicture);
            }
            Action::Mode => {
                let plans = Some(!self.is_planning());
                self.intend(Intent::Change(Change { plans, ..Change::default() }));
            }
            Action::PageUp if self.setup.full => self.scroll(self.setup.size.rows as isize / 2),
            Action::PageDown if self.setup.full => self.scroll(-(self.setup.size.rows as isize / 2)),
            _ => {}
        }
    }

    /// Stops what runs. Where nothing runs and nothing is typed, twice goes back to an earlier prompt.
    fn interrupt_or_go_back(&mut self, was_going_back: bool) {
        let works = self.session.as_ref().is_some_and(|session| session.turn.is_some());
        if self.composer.mode() == Some("INSERT") || (!works && !self.composer.is_empty()) {
            return;
        }
        if works {
            self.interrupt();
        } else if was_going_back {
            self.intend(Intent::GoBack(GoBack::List));
        } else {
            self.focus.going_back = true;
            let key = self.setup.keymap.shown(Action::Interrupt);
            self.focus.hint = Some(format!("{key} again goes back to an earlier prompt"));
        }
    }

    /// Keeps what is typed for after the turn. A command is not said, and so does not wait.
    fn queue(&mut self) {
        if slash::parse(&self.composer.draft().text).is_some() {
            return self.submit();
        }
        let draft = self.composer.take();
        self.intend(Intent::Queue(draft));
    }

    fn clear_or_quit(&mut self, works: bool, was_leaving: bool) {
        if !self.composer.is_empty() {
            // It can be had back from the history.
            self.composer.take();
            self.focus.hint = Some("cleared; up brings it back".into());
        } else if works {
            self.interrupt();
        } else if was_leaving {
            self.effects.push(Effect::Quit);
        } else {
            self.focus.leaving = true;
            let key = self.setup.keymap.shown(Action::ClearOrQuit);
            self.focus.hint = Some(format!("{key} again leaves; the session is kept"));
        }
    }

    /// Sends what is typed.
    fn submit(&mut self) {
        self.focus.popup = None;
        self.focus.scroll = 0;
        if self.composer.draft().is_empty() {
            self.queue.release();
            return self.say_next();
        }
        let draft = self.composer.take();
        if let Some(command) = shell_command(&draft) {
            return self.intend(Intent::Shell(command));
        }
        match slash::parse(&draft.text) {
            Some((command, arguments)) => match command.run(arguments, &self.snapshot()) {
                Ok(intents) => self.want(intents),
                Err(message) => self.refuse(draft, message),
            },
            None => match self.typed(&draft.text) {
                Typed::Unknown(message) => self.refuse(draft, message),
                _ => self.intend(Intent::Say(draft)),
            },
        }
    }

    /// Says why `draft` cannot be done, and leaves it to be corrected.
    fn refuse(&mut self, draft: Draft, message: String) {
        self.complain(&message);
        // An answer that arrives holds back what is said in the transcript.
        if self.snapshot().is_working {
            self.focus.hint = Some(message);
        }
        self.composer.set(draft);
    }

    /// The popup that belongs to what is typed now.
    pub(super) fn renew_popup(&mut self) {
        let token = self.composer.token();
        self.focus.popup = match token {
            Some(Token::Command(typed)) => {
                if typed.is_empty() {
                    self.ask_own_commands();
                }
                Popup::commands(&typed, self.own_commands())
            }
            Some(Token::Argument { command, typed }) => Popup::arguments(&command, &typed),
            Some(Token::Skill(typed)) => {
                if typed.is_empty() {
                    self.ask_skills(Purpose::SkillNames);
                }
                Popup::skills(&typed, self.skills())
            }
            Some(Token::File(typed)) => {
                self.intend(Intent::Fetch(Fetch::Files(typed)));
                // Until the answer comes, the files that were found before.
                self.focus.popup.take().filter(Popup::is_of_files)
            }
            None => None,
        };
    }

    pub(super) fn found_files(&mut self, query: &str, found: FuzzyFileSearchResult) {
        // What was typed since has been asked for too.
        if self.composer.token() == Some(Token::File(query.to_owned())) {
            self.focus.popup = Popup::files(found.files);
            if found.partial {
                self.intend(Intent::Fetch(Fetch::Files(query.to_owned())));
            }
        }
    }
}

impl App {
    /// What a command may look at.
    fn snapshot(&self) -> Snapshot<'_> {
        let session = self.session.as_ref();
        Snapshot {
            is_working: session.is_some_and(|session| session.turn.is_some()),
            opened: session.map(|session| &session.opened),
            last_message: session.and_then(|session| session.last_message.as_deref()),
            is_planning: self.is_planning(),
            has_plan: session.is_some_and(|session| session.plan.is_some()),
            is_vim: self.composer.mode().is_some(),
            look: self.setup.look,
            keymap: &self.setup.keymap,
        }
    }

    /// What is not lost with the screen: what waits, and what is typed. As in the history, what begins with a space is
    /// the person's alone.
    pub fn draft(&self) -> Draft {
        let typed = self.composer.draft();
        let mut whole = Draft::default();
        let drafts = self.queue.drafts().chain((!typed.is_empty()).then_some(&typed));
        for draft in drafts.filter(|draft| !draft.text.starts_with(' ')) {
            if !whole.text.is_empty() {
                whole.text.push_str("\n\n");
            }
            whole.text.push_str(&draft.text);
            whole.pictures.extend_from_slice(&draft.pictures);
        }
        whole
    }
}
