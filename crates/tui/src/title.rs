//! The title of the terminal's window: which session this is, and whether it works or waits for a person.
//!
//! Names may be anybody's: nothing of them drives the terminal.

use crate::{app::App, text::of_a_row};

/// Puts the title on a stack of the terminal's, and takes it from there: those that have none keep what was said last.
pub const PUSH: &[u8] = b"\x1b[22;2t";
/// See [`PUSH`].
pub const POP: &[u8] = b"\x1b[23;2t";
/// Most characters of a name.
const LONGEST: usize = 60;

/// What the title says.
pub fn of(app: &App) -> String {
    let session = app.session.as_ref();
    let is_running = session.is_some_and(|session| session.turn.is_some());
    let state = match (app.is_asking(), is_running) {
        (true, _) => "? ",
        (false, true) => "… ",
        (false, false) => "",
    };
    let thread = session.map(|session| &session.opened.thread);
    let directory = session.map(|session| session.opened.cwd.as_str()).or(app.setup.start.cwd.as_deref());
    let directory = directory.and_then(|path| path.trim_end_matches('/').rsplit('/').next());
    let name = thread.and_then(|thread| thread.name.as_deref()).or(directory).unwrap_or_default();
    if name.is_empty() { format!("{state}codex") } else { format!("{state}codex: {}", fit(name)) }
}

/// The bytes that set it (OSC 2).
pub fn sequence(title: &str) -> Vec<u8> {
    format!("\x1b]2;{title}\x07").into_bytes()
}

/// `name` on one line, without what a terminal would obey, and not longer than a title is.
fn fit(name: &str) -> String {
    let shown = of_a_row(name);
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_drives_the_terminal_or_is_longer_than_a_title() {
        for (name, expected) in [
            ("plain name", "plain name"),
            ("a\x07b\x1b]2;c\x1b\\d", "a\\u{7}b\\u{1b}]2;c\\u{1b}\\d"),
            ("a\u{9c}b\u{9d}c\nd", "a\\u{9c}b\\u{9d}c↵d"),
            ("x\u{202e}y", "x\\u{202e}y"),
        ] {
            assert_eq!(fit(name), expected);
            assert!(!fit(name).chars().any(char::is_control));
        }
        let long = fit(&"é".repeat(90));
        assert_eq!((long.chars().count(), long.ends_with("é…")), (61, true));
    }
}
