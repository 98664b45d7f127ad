//! A log for when something went wrong: what happened, when, and in which session, one file a day. What was said stands
//! nowhere in it, nor does a secret: whoever writes a line sees to that.
//!
//! There is one for the program, which is off until [`start`] is called. Nothing is opened before there is a line to be
//! written, and what cannot be written is not: a log must keep nobody from working.

mod file;

use std::{
    fmt::Arguments,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use file::Files;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may be wrong.
    Warn,
    /// What happens seldom: sessions, turns, repeated requests.
    Info,
    /// What happens often.
    Debug,
}

impl Level {
    /// All of them, by the names that settings have for them.
    pub const NAMES: [(&'static str, Self); 4] =
        [("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];

    /// The level with this name; `None` for any other, such as `off`.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    fn name(self) -> &'static str {
        Self::NAMES[self as usize - 1].0
    }
}

/// The level of lines that are written, as a number; 0: none.
static LEVEL: AtomicU8 = AtomicU8::new(0);
static FILES: Mutex<Option<Files>> = Mutex::new(None);

/// Lines of this level and of those above it are written into files in `directory` from here on; `None`: none are.
pub fn start(directory: PathBuf, level: Option<Level>) {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if files.as_ref().is_none_or(|files| files.directory() != directory) {
        *files = Some(Files::new(directory));
    }
    LEVEL.store(level.map_or(0, |level| level as u8), Ordering::Relaxed);
}

/// Writes a line, if lines of this level are written. The macros of this crate call it.
pub fn write(level: Level, text: Arguments<'_>) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    if let Some(files) = FILES.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        files.write(jiff::Timestamp::now(), level, text);
    }
}

/// Something failed.
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::write($crate::Level::Error, ::std::format_args!($($text)*)) };
}

/// Something may be wrong.
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::write($crate::Level::Warn, ::std::format_args!($($text)*)) };
}

/// Something happened that happens seldom.
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::write($crate::Level::Info, ::std::format_args!($($text)*)) };
}

/// Something happened that happens often.
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::write($crate::Level::Debug, ::std::format_args!($($text)*)) };
}
