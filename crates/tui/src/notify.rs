//! Telling a person who looks elsewhere: OSC 9, OSC 777 or the bell.

use base64::Engine;
use codex_config::{Notifications, ScreenSettings};

/// What a person is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Something waits for an answer.
    Question,
    /// The turn has ended.
    TurnEnded,
}

/// How a terminal is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// As iTerm2 began it, and many follow.
    #[default]
    Osc9,
    /// As rxvt-unicode began it.
    Osc777,
    /// The bell.
    Bell,
    /// Not at all.
    Off,
}

/// How this terminal is told. One that knows neither sequence ignores them.
pub fn method(settings: &ScreenSettings) -> Method {
    match (&settings.notifications, settings.notification_method.as_str()) {
        (Notifications::All(false), _) => Method::Off,
        (_, "osc777") => Method::Osc777,
        (_, "bel") => Method::Bell,
        _ => Method::Osc9,
    }
}

/// The bytes that put `text` into the clipboard, if the terminal allows it (OSC 52).
pub fn clipboard(text: &str) -> Vec<u8> {
    format!("\u{1b}]52;c;{}\u{7}", base64::engine::general_purpose::STANDARD.encode(text)).into_bytes()
}

/// The bytes that tell it.
pub fn sequence(event: Event, method: Method) -> Vec<u8> {
    let text = match event {
        Event::Question => "codex: an answer is needed",
        Event::TurnEnded => "codex: done",
    };
    match method {
        Method::Osc9 => format!("\u{1b}]9;{text}\u{7}").into_bytes(),
        Method::Osc777 => format!("\u{1b}]777;notify;codex;{text}\u{7}").into_bytes(),
        Method::Bell => vec![7],
        Method::Off => Vec::new(),
    }
}
