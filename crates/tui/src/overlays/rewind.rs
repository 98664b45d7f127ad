//! Going back: the earlier prompts to choose from, and what going back to one would do to files.

use std::collections::BTreeSet;

use codex_protocol::{
    PatchChangeKind, RewindFailure, RewindFile, RewindPreview, RewindTurn, RewindWhat, ThreadRewindListResult,
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Entry, Outcome, Overlay, Picker,
    keys::Keys,
    list::Chosen,
    panel::{Panel, Scroll, paragraph, row},
};
use crate::{
    intent::{GoBack, Intent},
    key::Key,
    keymap::{Action, Context, Keymap},
    look::Look,
    text::{Live, Row, Size, truncate},
    theme::Role,
};

/// The prompts that can be gone back to, the newest first.
pub fn rewinds(list: ThreadRewindListResult) -> Box<dyn Overlay> {
    let entry = |turn: RewindTurn| {
        let at = Timestamp::from_second(turn.at).unwrap_or_default().to_zoned(TimeZone::system());
        let files = match turn.files_changed {
            Some(0) => String::new(),
            Some(1) => " · 1 path changed".to_owned(),
            Some(count) => format!(" · {count} paths changed"),
            None => " · files unknown".to_owned(),
        };
        let prompt = if turn.prompt.trim().is_empty() { "(nothing was said)".to_owned() } else { turn.prompt.clone() };
        Entry { name: prompt, about: format!("{}{files}", at.strftime("%H:%M")), is_on: None, value: turn }
    };
    let enter = |entry: &mut Entry<RewindTurn>| Outcome::done(Intent::GoBack(GoBack::Preview(entry.value.clone())));
    let entries = list.turns.into_iter().rev().map(entry).collect();
    Box::new(Picker::new("Go back to before which prompt?", entries, enter).empty("nothing was said in this session"))
}

/// What going back before `turn` would do to files; `directory`: the session's, to shorten paths.
pub fn rewind(turn: RewindTurn, preview: RewindPreview, directory: &str) -> Box<dyn Overlay> {
    Box::new(Rewind {
        turn,
        preview,
        directory: format!("{}/", directory.trim_end_matches('/')),
        overwrite: BTreeSet::new(),
        chosen: Chosen::default(),
        scroll: Scroll::default(),
        keys: Keys::usual(Context::Picker),
    })
}

/// What going back would do, and what of it is wanted.
#[derive(Debug)]
struct Rewind {
    turn: RewindTurn,
    preview: RewindPreview,
    directory: String,
    /// Places of the conflicts that are taken back all the same.
    overwrite: BTreeSet<usize>,
    /// The conflict that the mark stands at.
    chosen: Chosen,
    scroll: Scroll,
    keys: Keys,
}

impl Rewind {
    fn go(&self, what: RewindWhat) -> Outcome {
        let overwrite = match what {
            RewindWhat::Conversation => Vec::new(),
            _ => self.overwrite.iter().filter_map(|at| self.preview.conflicts.get(*at)).collect(),
        };
        let overwrite = overwrite.into_iter().map(|file| file.path.clone()).collect();
        Outcome::done(Intent::GoBack(GoBack::Go { turn_id: self.turn.turn_id.clone(), what, overwrite }))
    }

    fn shown<'path>(&self, path: &'path str) -> &'path str {
        path.strip_prefix(&self.directory).unwrap_or(path)
    }

    fn file(&self, file: &RewindFile, before: &str, look: &Look) -> Row {
        let (mark, role) = match file.kind {
            PatchChangeKind::Add => ("+ ", Role::Good),
            PatchChangeKind::Delete => ("- ", Role::Bad),
            PatchChangeKind::Update { .. } => ("~ ", Role::Plain),
        };
        let lines = format!("  +{} -{}", file.added, file.removed);
        let pieces =
            [(before, Role::Strong), (mark, role), (self.shown(&file.path), Role::Path), (&lines, Role::Quiet)];
        truncate(&row(look, &pieces), look.width)
    }

    fn text(&self, look: &Look) -> Vec<Row> {
        let RewindPreview { files, conflicts, not_restorable } = &self.preview;
        let mut rows = Vec::new();
        if files.is_empty() {
            rows.extend(paragraph("no file would change", Role::Quiet, 2, look));
        }
        rows.extend(files.iter().map(|file| self.file(file, "  ", look)));
        if !conflicts.is_empty() {
            let said = "changed by somebody else too, and left as they are unless you choose them:";
            rows.extend(paragraph(said, Role::Warning, 0, look));
        }
        let at = self.chosen.index(conflicts.len());
        for (index, file) in conflicts.iter().enumerate() {
            let chosen = if index == at { "› " } else { "  " };
            let mark = if self.overwrite.contains(&index) { "[x] " } else { "[ ] " };
            if index == at {
                self.scroll.show(rows.len(), 0);
            }
            rows.push(self.file(file, &format!("{chosen}{mark}"), look));
        }
        if !not_restorable.is_empty() {
            rows.extend(paragraph("cannot be restored:", Role::Warning, 0, look));
        }
        for RewindFailure { path, reason } in not_restorable {
            let said = if path.is_empty() { reason.clone() } else { format!("{}: {reason}", self.shown(path)) };
            rows.extend(paragraph(&said, Role::Quiet, 2, look));
        }
        rows
    }

    fn foot(&self, look: &Look) -> Live {
        let leave = self.keys.shown(Action::Close);
        let choose = if self.preview.conflicts.is_empty() { "" } else { " · space choose" };
        let said = format!("b both · c conversation · f files{choose} · {leave} leave");
        Live { rows: paragraph(&said, Role::Quiet, 0, look), cursor: None }
    }
}

impl Overlay for Rewind {
    fn live(&self, size: Size, look: &Look) -> Live {
        let look = &Look { width: size.columns, ..*look };
        let prompt = if self.turn.prompt.trim().is_empty() { "this prompt" } else { &self.turn.prompt };
        let title = row(look, &[("Back to before: ", Role::Strong), (prompt, Role::Plain)]);
        Panel { title, text: &self.text(look), foot: self.foot(look) }.live(size, &self.scroll, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        let count = self.preview.conflicts.len();
        match key.to_string().as_str() {
            "b" => return self.go(RewindWhat::Both),
            "c" => return self.go(RewindWhat::Conversation),
            "f" => return self.go(RewindWhat::Files),
            "esc" => return Outcome::close(),
            "space" if count > 0 => {
                let at = self.chosen.index(count);
                if !self.overwrite.remove(&at) {
                    self.overwrite.insert(at);
                }
            }
            "up" | "down" if count > 0 => {
                self.chosen.key(key, count);
                self.scroll.follow();
            }
            _ => {
                self.scroll.key(key);
            }
        }
        Outcome::stay()
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overlays::testing::{SIZES, press, said, screen};

    fn preview() -> Box<dyn Overlay> {
        let turn = json!({ "turnId": "turn_1", "at": 0, "prompt": "mend \u{1b}[2J it", "filesChanged": 2 });
        let file =
            |path: &str, kind: serde_json::Value| json!({ "path": path, "kind": kind, "added": 1, "removed": 2 });
        let update = || json!({ "type": "update", "move_path": null });
        let preview = json!({
            "files": [file("/w/a", json!({ "type": "add" })), file("/w/b", json!({ "type": "delete" })), file("/v/c", update())],
            "conflicts": [file("/w/d", update()), file("/w/e\n", update())],
            "notRestorable": [{ "path": "/w/big", "reason": "too large" }, { "path": "", "reason": "unknown" }],
        });
        let (turn, preview) = (serde_json::from_value(turn).unwrap(), serde_json::from_value(preview).unwrap());
        rewind(turn, preview, "/w")
    }

    #[test]
    fn what_would_happen_is_shown_at_any_size() {
        for size in SIZES {
            screen(&*preview(), size);
        }
        let shown = screen(&*preview(), (80, 24)).join("\n");
        let expected = "Back to before: mend \\u{1b}[2J it\n  + a  +1 -2\n  - b  +1 -2\n  ~ /v/c  +1 -2\n\
            changed by somebody else too, and left as they are unless you choose them:\n\
            › [ ] ~ d  +1 -2\n  [ ] ~ e↵  +1 -2\ncannot be restored:\n  big: too large\n  unknown\n\n\
            b both · c conversation · f files · space choose · esc leave";
        assert_eq!(shown, expected);
    }

    #[test]
    fn conflicts_are_overwritten_only_when_each_is_chosen() {
        let go = |what: &str, overwrite: &str| {
            format!("closes GoBack(Go {{ turn_id: \"turn_1\", what: {what}, overwrite: [{overwrite}] }})")
        };
        let table = [
            ("b", go("Both", "")),
            ("f", go("Files", "")),
            ("space b", go("Both", "\"/w/d\"")),
            ("space space f", go("Files", "")),
            ("down space f", go("Files", "\"/w/e\\n\"")),
            ("space down space f", go("Files", "\"/w/d\", \"/w/e\\n\"")),
            ("space c", go("Conversation", "")),
            ("x enter", String::new()),
            ("esc", "closes ".to_owned()),
        ];
        for (keys, expected) in table {
            assert_eq!(said(&press(&mut *preview(), keys)), expected, "{keys}");
        }
    }

    #[test]
    fn the_newest_prompt_comes_first() {
        let turn = |id: &str, prompt: &str, files: serde_json::Value| json!({ "turnId": id, "at": 0, "prompt": prompt, "filesChanged": files });
        let list = json!({
            "turns": [turn("turn_0", "one", json!(0)), turn("turn_1", " ", json!(null)), turn("turn_2", "two", json!(1))],
            "undoTurnId": null, "redo": null,
        });
        let mut picker = rewinds(serde_json::from_value(list).unwrap());
        let shown = screen(&*picker, (80, 24));
        let row = |at: usize| shown[at].split("  ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>();
        assert!(row(2)[0].starts_with("› two") && row(2)[1].ends_with("· 1 path changed"), "{shown:?}");
        assert!(row(3)[0] == "(nothing was said)" && row(3)[1].ends_with("· files unknown"), "{shown:?}");
        assert!(row(4)[0] == "one" && row(4)[1].len() == "00:00".len(), "{shown:?}");
        assert!(said(&press(&mut *picker, "enter")).contains("turn_2"));
    }
}
