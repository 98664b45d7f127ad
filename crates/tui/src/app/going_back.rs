//! `/rewind`, `/undo`, `/redo`: what is asked of the server, and what is said of its answers.

use codex_protocol::{
    ClientRequest, ClientResponse, RewindPreview, RewindWhat, ThreadRewindListParams, ThreadRewindListResult,
    ThreadRewindParams, ThreadRewindRedoParams, ThreadRewound, UserInput,
};

use super::{App, Purpose};
use crate::{
    intent::{Draft, GoBack},
    overlays,
};

/// Most paths that are said one by one.
const MOST_SAID: usize = 8;

impl App {
    pub(super) fn go_back(&mut self, wanted: GoBack) {
        let Some(thread_id) = self.session.as_ref().map(super::Session::id) else {
            return self.complain("the session is not open yet");
        };
        let list = |thread_id| ClientRequest::ThreadRewindList(ThreadRewindListParams { thread_id });
        match wanted {
            GoBack::List => self.call(list(thread_id), Purpose::Rewinds),
            GoBack::Undo => self.call(list(thread_id), Purpose::Undo),
            GoBack::Redo => {
                let params = ThreadRewindRedoParams { thread_id, overwrite: Vec::new() };
                self.call(ClientRequest::ThreadRewindRedo(params), Purpose::Redo);
            }
            GoBack::Preview(turn) => {
                let before_turn_id = turn.turn_id.clone();
                let params = ThreadRewindParams { thread_id, before_turn_id, ..ThreadRewindParams::default() };
                self.call(ClientRequest::ThreadRewindPreview(params), Purpose::RewindPreview(turn));
            }
            GoBack::Go { turn_id, what, overwrite } => {
                let params = ThreadRewindParams { thread_id, before_turn_id: turn_id, what, overwrite };
                self.call(ClientRequest::ThreadRewind(params), Purpose::Rewind);
            }
        }
    }

    /// What the server has answered to any of this.
    pub(super) fn gone_back(&mut self, purpose: Purpose, response: ClientResponse) {
        match (purpose, response) {
            (Purpose::Rewinds, ClientResponse::ThreadRewindList(list)) => self.lay(overlays::rewinds(list)),
            (Purpose::Undo, ClientResponse::ThreadRewindList(list)) => self.undo(list),
            (Purpose::RewindPreview(turn), ClientResponse::ThreadRewindPreview(preview)) => {
                self.rewind_preview(turn, preview);
            }
            (Purpose::Rewind, ClientResponse::ThreadRewind(rewound)) => self.rewound(rewound, false),
            (Purpose::Redo, ClientResponse::ThreadRewindRedo(rewound)) => self.rewound(rewound, true),
            _ => {}
        }
    }

    /// Undoes the files of the last turn that still has some.
    fn undo(&mut self, list: ThreadRewindListResult) {
        match list.undo_turn_id {
            Some(turn_id) => self.go_back(GoBack::Go { turn_id, what: RewindWhat::Files, overwrite: Vec::new() }),
            None => self.complain("there is nothing to undo: the agent has changed no files, or all was undone"),
        }
    }

    fn rewind_preview(&mut self, turn: codex_protocol::RewindTurn, preview: RewindPreview) {
        let directory = self.session.as_ref().map(|session| session.opened.cwd.clone()).unwrap_or_default();
        self.lay(overlays::rewind(turn, preview, &directory));
    }

    /// Says what was done; the prompt comes back, to be said in other words.
    fn rewound(&mut self, rewound: ThreadRewound, is_redo: bool) {
        let mut said = Vec::new();
        if rewound.what != RewindWhat::Conversation {
            let verb = if is_redo { "brought forth again" } else { "taken back" };
            said.push(match rewound.restored.len() {
                0 => format!("no file was {verb}"),
                count => format!("{verb}: {}", self.named(&rewound.restored, count)),
            });
        }
        if rewound.what != RewindWhat::Files {
            said.push(match is_redo {
                true => "the conversation goes on where it was".to_owned(),
                false => "the conversation goes on from before that prompt".to_owned(),
            });
        }
        said.push(if is_redo { "/rewind goes back again" } else { "/redo brings it forth again" }.to_owned());
        self.say(&said.join("\n"));
        let conflicts: Vec<String> = rewound.conflicts.into_iter().map(|file| file.path).collect();
        if !conflicts.is_empty() {
            let named = self.named(&conflicts, conflicts.len());
            self.complain(&format!(
                "left as they are, since somebody else changed them too: {named}; /rewind can choose them"
            ));
        }
        for failure in rewound.failed.iter().take(MOST_SAID) {
            self.complain(&format!("not restored: {} {}", failure.path, failure.reason));
        }
        if self.composer.is_empty() && rewound.what != RewindWhat::Files && !is_redo {
            self.composer.set(draft(rewound.input));
            self.renew_popup();
        }
    }

    fn named(&self, paths: &[String], count: usize) -> String {
        let directory = self.session.as_ref().map(|session| format!("{}/", session.opened.cwd)).unwrap_or_default();
        let shown = paths.iter().take(MOST_SAID).map(|path| path.strip_prefix(&directory).unwrap_or(path));
        let more = count.saturating_sub(MOST_SAID);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        shown.collect::<Vec<_>>().join(", ") + &more
    }
}

/// What was said, to be said again.
fn draft(input: Vec<UserInput>) -> Draft {
    let mut draft = Draft::default();
    for said in input {
        match said {
            UserInput::LocalImage { path } => draft.pictures.push(path),
            // It may still lie where it was on this machine.
            UserInput::Image { name, .. } => draft.pictures.extend(name),
            other => draft.text.push_str(&other.typed().unwrap_or_default()),
        }
    }
    draft
}
